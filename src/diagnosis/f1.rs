//! F1, consumer auth failures: after a cutover a dependent service is refused more than usual
//! while consumers are not on the new version.

use super::finding::Evidence;
use super::suspects::{Change, Suspect};

/// So many consumers are named in a note.
const NAMED: usize = 3;

/// What shows whose fault it is.
pub(super) fn evidence(suspect: &Suspect) -> Vec<Evidence> {
    let what = match suspect.moved.change {
        Change::Cutover => "the cutover after which it began",
        Change::Revoke => "the revocation after which it began",
    };
    let names: Vec<String> = suspect
        .behind
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    let note = if suspect.behind.is_empty() {
        what.to_owned()
    } else {
        format!(
            "{what}: {} of {} consumers are not on the new version, among them {}",
            suspect.behind.len(),
            suspect.known,
            names.join(", ")
        )
    };
    vec![Evidence {
        event: suspect.moved.event.clone(),
        note,
    }]
}
