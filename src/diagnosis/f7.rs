//! F7, stale cache: the new version is delivered, but caches keep answering with entries older
//! than the cutover, and authentication fails.

use super::caches::Stale;
use super::finding::Evidence;
use super::suspects::{Moved, Suspect};

/// What shows that it is the caches.
pub(super) fn evidence(_suspect: &Suspect, cutover: &Moved, stale: &[Stale]) -> Vec<Evidence> {
    let mut evidence = vec![Evidence {
        event: cutover.event.clone(),
        note: "the cutover that the caches outlived".to_owned(),
    }];
    evidence.extend(stale.iter().map(|stale| {
        let place = stale
            .region
            .as_ref()
            .map_or(String::new(), |region| format!(" in {region}"));
        Evidence {
            event: stale.event.clone(),
            note: format!(
                "the oldest cache entry{place} is {:.0} s old, older than the cutover",
                stale.oldest
            ),
        }
    }));
    evidence
}
