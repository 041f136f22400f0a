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

use super::facts::Facts;
use super::marks::Marks;
use crate::model::event::Outcome;

/// Its cases: finished rotations.
pub(super) fn cases(facts: &Facts<'_>, mut marks: Marks) -> Marks {
    for told in &facts.rotations {
        let Some(ended) = &told.rotation.ended else {
            continue;
        };
        match ended.outcome {
            Outcome::Succeeded => marks.add(ended.at, 1, 0),
            Outcome::Failed | Outcome::RolledBack | Outcome::Aborted => marks.add(ended.at, 0, 1),
            Outcome::Other(_) => {}
        }
    }
    marks
}
