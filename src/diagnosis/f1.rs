//! F1, consumer auth failures: after a cutover a dependent service is refused more than usual
//! while consumers are not on the new version.

use super::finding::Evidence;
use super::suspects::{Change, Suspect};

/// What shows whose fault it is.
pub(super) fn evidence(suspect: &Suspect) -> Vec<Evidence> {
    let what = match suspect.moved.change {
        Change::Cutover => "the cutover after which it began",
        Change::Revoke => "the revocation after which it began",
    };
    let note = if suspect.behind.is_empty() {
        what.to_owned()
    } else {
        format!(
            "{what}: {} of {} consumers are not on the new version",
            suspect.behind.len(),
            suspect.known
        )
    };
    vec![Evidence {
        event: suspect.moved.event.clone(),
        note,
    }]
}
