//! M1, rotation success rate: of the rotations that finished in the window, the share that
//! succeeded.
//!
//! 1. A rotation counts when it finished, at its last word about that, which also says how: one
//!    that was called a success and rolled back afterwards is none.
//! 2. `failed`, `rolled_back` and `aborted` are no success. An aborted one counts: a level that
//!    left it out would improve by stopping what goes wrong.
//! 3. An outcome in a word that is not known counts neither way, and neither does a rotation that
//!    goes on, or of which no end is told (logs of backends that rotate by themselves).
//! 4. However many sources tell of it under however many ids, it is one rotation.

use std::collections::BTreeSet;

use super::facts::Facts;
use super::marks::Marks;
use super::sheet::Sheet;
use super::summary::{Case, End, Part};
use crate::model::event::Outcome;

/// Notes how rotations ended, for M1 and for M8.
pub(super) fn note(facts: &Facts<'_>, sheet: &mut Sheet) {
    let mut back = BTreeSet::new();
    for (id, outcome) in facts.ledger.outcomes.values() {
        if let Some(at) = facts.place(id) {
            sheet.rests_on(at, Part::Finish, 1);
            if *outcome == Outcome::RolledBack {
                back.insert(at);
            }
        }
    }
    for (at, told) in facts.rotations.iter().enumerate() {
        let ended = told.rotation.ended.as_ref();
        if let Some((ended, end)) = ended.and_then(|e| Some((e, End::of(&e.outcome)?))) {
            let case = Case::Ended {
                at: ended.at,
                end,
                back: back.contains(&at) || end == End::RolledBack,
            };
            sheet.add(at, Part::Finish, case);
        }
    }
}

/// Adds a rotation that ended.
pub(super) fn mark(case: &Case, marks: &mut Marks) {
    if let Case::Ended { at, end, .. } = case {
        let bad = u64::from(*end != End::Succeeded);
        marks.add(*at, 1 - bad, bad);
    }
}
