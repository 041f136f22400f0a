//! M9, time to recover: from a finding's `detected_at` to its `resolved_at`, of the findings in
//! which a rotation made consumers suffer: F1, F2, F4, F6 and F7.
//!
//! F3 and F8 stop nobody, a leak (F5) is M4's, and a spike that no rotation explains is not ours
//! to heal. A case counts when it healed; one that has not and stands for longer than the
//! objective counts as well, now, with as long as it has stood.

use super::facts::{Facts, Trouble, seconds};
use super::marks::Marks;

/// Its cases: findings; slower than `bound` seconds is bad.
pub(super) fn cases(facts: &Facts<'_>, mut marks: Marks, bound: f64) -> Marks {
    for episode in facts.episodes {
        let ours = matches!(
            episode.trouble,
            Trouble::Refused { attributed: true } | Trouble::Consumers
        );
        if !ours {
            continue;
        }
        let detected = episode.detected_at;
        match episode.resolved_at {
            Some(resolved) => marks.took(resolved, seconds(detected, resolved), bound),
            None if seconds(detected, facts.now) > bound => {
                marks.took(facts.now, seconds(detected, facts.now), bound);
            }
            None => {}
        }
    }
    marks
}
