//! M8, rollback rate: of the rotations that finished in the window, as M1 counts them, the share
//! that was ever told to be rolled back. One that was rolled back, tried again under the same id
//! and succeeded was a success for M1, and a rollback here.

use std::collections::BTreeSet;

use super::facts::Facts;
use super::marks::Marks;
use crate::model::event::Outcome;

/// Its cases: finished rotations; one that was rolled back is bad.
pub(super) fn cases(facts: &Facts<'_>, mut marks: Marks) -> Marks {
    let outcomes = facts.ledger.outcomes.values();
    let back: BTreeSet<usize> = outcomes
        .filter(|(_, outcome)| *outcome == Outcome::RolledBack)
        .filter_map(|(id, _)| facts.place(id))
        .collect();
    for (at, told) in facts.rotations.iter().enumerate() {
        let ended = told.rotation.ended.as_ref();
        let known = ended.filter(|ended| !matches!(ended.outcome, Outcome::Other(_)));
        if let Some(ended) = known {
            let bad = u64::from(back.contains(&at) || ended.outcome == Outcome::RolledBack);
            marks.add(ended.at, 1 - bad, bad);
        }
    }
    marks
}
