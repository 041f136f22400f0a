//! Whether all rotations are held.

use crate::incident::Incident;
use crate::model::event::ActionPhase;
use crate::model::intent::Verb;
use crate::model::{Actor, Timestamp};

/// A freeze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// Who began it.
    pub by: Actor,
    /// When.
    pub since: Timestamp,
}

/// The freeze that stands, as the backends tell it: what was done last, a freeze or its end.
pub fn of(incident: &Incident) -> Option<Frozen> {
    let is = |words: &str, verb: Verb| words == verb.name();
    let last = incident
        .acts()
        .filter(|act| act.action.phase == ActionPhase::Executed)
        .filter(|act| {
            let name = act.action.action.raw();
            is(name, Verb::Freeze) || is(name, Verb::Unfreeze)
        })
        .max_by_key(|act| act.at)?;
    is(last.action.action.raw(), Verb::Freeze).then(|| Frozen {
        by: last.action.actor.clone(),
        since: last.at,
    })
}
