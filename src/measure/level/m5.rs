//! M5, emergency rotations: how many rotations that began in the window were emergencies.
//!
//! It rests on the rotations whose trigger is told. One whose trigger nobody knows is neither an
//! emergency nor none.

use super::facts::Facts;
use super::sheet::Sheet;
use super::summary::{Case, Part};
use crate::model::event::Trigger;

/// Notes what started rotations; an emergency is bad.
pub(super) fn note(facts: &Facts<'_>, sheet: &mut Sheet) {
    for (at, told) in facts.rotations.iter().enumerate() {
        if let Some(trigger) = &told.rotation.trigger {
            let bad = u32::from(*trigger == Trigger::Emergency);
            let case = Case::Counted {
                at: told.rotation.started_at,
                good: 1 - bad,
                bad,
            };
            sheet.rests_on(at, Part::Start, 1);
            sheet.add(at, Part::Start, case);
        }
    }
}
