//! F4, revoked too early: refusals, refused decryptions or an outage begin with the revocation of
//! a version that consumers still use.

use super::f1;
use super::finding::Evidence;
use super::suspects::Suspect;

/// What shows whose fault it is.
pub(super) fn evidence(suspect: &Suspect) -> Vec<Evidence> {
    f1::evidence(suspect)
}
