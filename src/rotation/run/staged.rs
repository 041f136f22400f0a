//! What one turn of the core would change: nothing of it holds before it is durable.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::super::lifecycle::Rotation;
use super::super::store::{ActRow, Batch, SecretRow};
use crate::model::{RotationId, SecretPath, Timestamp};

/// Who froze the engine.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Frozen {
    pub(super) by: crate::model::Actor,
    pub(super) since: crate::model::Timestamp,
}

/// A freeze that begins, or none from now on.
#[derive(Clone, Debug)]
pub(super) struct Freeze(pub(super) Option<Frozen>);

#[derive(Default)]
pub(super) struct Stage {
    pub(super) rotations: BTreeMap<RotationId, Arc<Rotation>>,
    pub(super) secrets: BTreeMap<SecretPath, SecretRow>,
    pub(super) acts: HashMap<String, ActRow>,
    pub(super) freeze: Option<Freeze>,
    pub(super) batch: Batch,
    /// Rotations whose effects and wakes are to be looked at afterwards.
    pub(super) touched: BTreeSet<RotationId>,
    /// When each rotation that something happened to was looked at.
    pub(super) looked: BTreeMap<RotationId, Timestamp>,
    /// Effects that are no longer under way.
    pub(super) idle: Vec<String>,
    /// Calls of acts that are to be made.
    pub(super) sides: Vec<(String, usize)>,
    /// Rotations that were ticked.
    pub(super) ticked: Vec<RotationId>,
    /// How many starts were staged.
    pub(super) begun: usize,
    /// How many transitions were made.
    pub(super) transitions: u64,
    /// Paces of lanes that are set, or taken off.
    pub(super) paces: BTreeMap<String, Option<u32>>,
    /// Replays of the outbox that begin: the act, and of which rotation.
    pub(super) replays: Vec<(String, Option<RotationId>)>,
    /// Acts whose replay is over.
    pub(super) replayed: Vec<String>,
}

/// How far a stage was, to go back to where an act turns out to be refused half way.
pub(super) struct Mark {
    rotations: BTreeMap<RotationId, Arc<Rotation>>,
    secrets: BTreeMap<SecretPath, SecretRow>,
    acts: HashMap<String, ActRow>,
    freeze: Option<Freeze>,
    looked: BTreeMap<RotationId, Timestamp>,
    begun: usize,
    transitions: u64,
    paces: BTreeMap<String, Option<u32>>,
    lengths: [usize; 7],
}

impl Stage {
    fn lengths(&self) -> [usize; 7] {
        let b = &self.batch;
        [
            b.events.len(),
            b.outbox.len(),
            b.forget.len(),
            b.meta.len(),
            b.replay.len(),
            self.sides.len(),
            self.replays.len(),
        ]
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            rotations: self.rotations.clone(),
            secrets: self.secrets.clone(),
            acts: self.acts.clone(),
            freeze: self.freeze.clone(),
            looked: self.looked.clone(),
            begun: self.begun,
            transitions: self.transitions,
            paces: self.paces.clone(),
            lengths: self.lengths(),
        }
    }

    pub(super) fn back_to(&mut self, mark: Mark) {
        self.rotations = mark.rotations;
        self.secrets = mark.secrets;
        self.acts = mark.acts;
        self.freeze = mark.freeze;
        self.looked = mark.looked;
        self.begun = mark.begun;
        self.transitions = mark.transitions;
        self.paces = mark.paces;
        let [events, outbox, forget, meta, replay, sides, replays] = mark.lengths;
        self.batch.events.truncate(events);
        self.batch.outbox.truncate(outbox);
        self.batch.forget.truncate(forget);
        self.batch.meta.truncate(meta);
        self.batch.replay.truncate(replay);
        self.sides.truncate(sides);
        self.replays.truncate(replays);
    }
}
