//! Whether all rotations are held.

use crate::guard;
use crate::incident::Incident;
use crate::model::{Actor, Timestamp};

/// A freeze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// Who began it.
    pub by: Actor,
    /// When.
    pub since: Timestamp,
}

/// The freeze that stands, as the backends tell it.
pub fn of(incident: &Incident) -> Option<Frozen> {
    guard::frozen(incident).map(|act| Frozen {
        by: act.action.actor.clone(),
        since: act.at,
    })
}
