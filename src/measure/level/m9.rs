//! M9, time to recover: from a finding's `detected_at` to its `resolved_at`, of the findings in
//! which a rotation made consumers suffer: F1, F2, F4, F6 and F7.
//!
//! F3 and F8 stop nobody, a leak (F5) is M4's, and a spike that no rotation explains is not ours
//! to heal. A case counts when it healed; one that has not and stands for longer than the
//! objective counts as well, now, with as long as it has stood.

use super::facts::{Trouble, micros};
use super::marks::Marks;
use super::summary::{Case, Seen};

/// True where a rotation made consumers suffer.
pub(super) fn counts(seen: &Seen) -> bool {
    matches!(
        seen.episode.trouble,
        Trouble::Refused { attributed: true } | Trouble::Consumers
    )
}

/// Adds a finding; slower than `bound` seconds is bad.
pub(super) fn mark(seen: &Seen, marks: &mut Marks, bound: f64) {
    if !counts(seen) {
        return;
    }
    let since = seen.episode.detected_at;
    let case = match seen.episode.resolved_at.filter(|at| *at <= marks.to()) {
        Some(at) => Case::Took {
            at,
            micros: micros(since, at),
        },
        None => Case::Waits {
            since,
            until: seen.until.min(marks.to()),
        },
    };
    marks.lasted(&case, bound);
}
