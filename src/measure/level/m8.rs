//! M8, rollback rate: of the rotations that finished in the window, as M1 counts them, the share
//! that was ever told to be rolled back. One that was rolled back, tried again under the same id
//! and succeeded was a success for M1, and a rollback here.

use super::marks::Marks;
use super::summary::Case;

/// Adds a rotation that ended; one that was rolled back is bad.
pub(super) fn mark(case: &Case, marks: &mut Marks) {
    if let Case::Ended { at, back, .. } = case {
        let bad = u64::from(*back);
        marks.add(*at, 1 - bad, bad);
    }
}
