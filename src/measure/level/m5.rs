//! M5, emergency rotations: how many rotations that began in the window were emergencies.
//!
//! It rests on the rotations whose trigger is told. One whose trigger nobody knows is neither an
//! emergency nor none.

use super::facts::Facts;
use super::marks::Marks;
use crate::model::event::Trigger;

/// Its cases: rotations that began; an emergency is bad.
pub(super) fn cases(facts: &Facts<'_>, mut marks: Marks) -> Marks {
    for told in &facts.rotations {
        if let Some(trigger) = &told.rotation.trigger {
            let bad = u64::from(*trigger == Trigger::Emergency);
            marks.add(told.rotation.started_at, 1 - bad, bad);
        }
    }
    marks
}
