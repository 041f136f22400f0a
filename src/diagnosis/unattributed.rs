//! `unattributed`: a spike of refused authentications that no rotation explains: no change of a
//! secret that the service depends on lies before its first window.

use super::finding::Evidence;

/// What shows it, beside the windows themselves: there is nothing else to show.
pub(super) fn evidence() -> Vec<Evidence> {
    Vec::new()
}
