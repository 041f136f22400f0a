//! What the store holds, row by row, and what one transaction changes of it.

use crate::model::intent::{Intent, Outcome};
use crate::model::{Event, RotationId, SecretPath, Timestamp, Version};
use crate::rotation::lifecycle::{Refusal, RefusalKind, Rotation};
use crate::rotation::report::{Receipt, Vouched};

/// What is known of a secret.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SecretRow {
    /// The version in force.
    pub current: Option<Version>,
    /// The one before it.
    pub previous: Option<Version>,
    /// How many versions were named.
    pub named: u64,
    /// When a rotation of it succeeded last.
    pub rotated_at: Option<Timestamp>,
    /// When a rotation of it was started last by its cadence.
    pub tried_at: Option<Timestamp>,
    /// When it was first seen in a plan.
    pub seen_at: Option<Timestamp>,
}

/// An act that was taken.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ActRow {
    /// What was asked.
    pub intent: Intent,
    /// The rotation it is about.
    pub rotation: Option<RotationId>,
    /// How far it is.
    pub outcome: Outcome,
    /// Calls that it needs beside a rotation's own.
    pub calls: Vec<SideCall>,
    /// When it was taken; its key is kept from then on.
    #[serde(default)]
    pub taken_at: Timestamp,
    /// What stands behind it.
    #[serde(flatten)]
    pub vouched: Vouched,
}

impl ActRow {
    /// An act as it came.
    #[must_use]
    pub fn new(intent: Intent, vouched: Vouched, taken_at: Timestamp) -> Self {
        Self {
            rotation: intent.rotation.clone(),
            intent,
            outcome: Outcome::Executing,
            calls: Vec::new(),
            taken_at,
            vouched,
        }
    }

    /// The receipt of an intent that comes with this one's key.
    ///
    /// # Errors
    /// [`Refusal`] where it is another intent.
    pub fn receipt(&self, intent: &Intent) -> Result<Receipt, Refusal> {
        let taken = Intent {
            // Who lost an answer may ask again in other words, and later.
            at: intent.at,
            reason: intent.reason.clone(),
            ..self.intent.clone()
        };
        if taken != *intent {
            return Err(Refusal::new(
                RefusalKind::Malformed,
                format!("the key was used for another act, {}", self.intent.verb),
                "give each act a key of its own",
            ));
        }
        Ok(Receipt {
            key: intent.key.clone(),
            rotation: self.rotation.clone(),
            head: self.vouched.head.clone(),
        })
    }

    /// True where nothing more will become of it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Observed { .. } | Outcome::Failed { .. }
        )
    }
}

/// What nobody needs any more.
#[derive(Clone, Debug, Default)]
pub struct Stale {
    /// Events of before this moment, but for the newest 20,000.
    pub events: Timestamp,
    /// Rotations that ended before this moment, and their audit entries that were delivered.
    pub ended: Timestamp,
    /// The keys of acts.
    pub acts: Vec<String>,
}

/// A call of an act that belongs to no stage.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SideCall {
    /// What.
    pub what: SideKind,
    /// Where.
    pub url: String,
    /// With which body.
    pub body: serde_json::Value,
    /// What came of it, in words; absent while it is to be done.
    pub done: Option<Result<String, String>>,
}

/// What kind of call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SideKind {
    /// A cache is to forget.
    Invalidate,
    /// A log is to mask.
    Mask,
    /// The audit sink is to reopen.
    RestoreSink,
}

/// An entry of the audit outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Its place.
    pub n: i64,
    /// Its rotation.
    pub rotation: RotationId,
    /// The event, a line of JSON.
    pub body: String,
}

/// All that one transaction writes.
#[derive(Default)]
pub struct Batch {
    /// Rotations as they are now.
    pub rotations: Vec<std::sync::Arc<Rotation>>,
    /// Events, in order, with their numbers.
    pub events: Vec<(u64, Event)>,
    /// Audit entries; true where nobody waits for their delivery.
    pub outbox: Vec<(OutboxRow, bool)>,
    /// Audit entries that were delivered.
    pub delivered: Vec<i64>,
    /// Secrets as they are now.
    pub secrets: Vec<(SecretPath, SecretRow)>,
    /// Material to be kept, sealed.
    pub material: Vec<(SecretPath, Version, Vec<u8>)>,
    /// Material that is not needed any more.
    pub forget: Vec<(SecretPath, Version)>,
    /// Acts as they are now.
    pub acts: Vec<ActRow>,
    /// Settings of the engine itself.
    pub meta: Vec<(&'static str, String)>,
    /// Entries that are to be delivered again: of a rotation, or all.
    pub replay: Vec<Option<RotationId>>,
}

impl Batch {
    /// True where there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rotations.is_empty()
            && self.events.is_empty()
            && self.outbox.is_empty()
            && self.delivered.is_empty()
            && self.secrets.is_empty()
            && self.material.is_empty()
            && self.forget.is_empty()
            && self.acts.is_empty()
            && self.meta.is_empty()
            && self.replay.is_empty()
    }
}

/// All that was there when the store was opened.
#[derive(Default)]
pub struct Loaded {
    /// Names the store in ids of events.
    pub name: String,
    /// Rotations that run, and those that ended last.
    pub rotations: Vec<Rotation>,
    /// The secrets.
    pub secrets: Vec<(SecretPath, SecretRow)>,
    /// The sealed material.
    pub material: Vec<(SecretPath, Version, Vec<u8>)>,
    /// The acts.
    pub acts: Vec<ActRow>,
    /// The first event's number that is still there; 1 where there is none.
    pub first_event: u64,
    /// The last event's number.
    pub last_event: u64,
    /// The last audit entry's number.
    pub last_entry: i64,
    /// Audit entries that wait.
    pub outbox: Vec<OutboxRow>,
    /// Who froze the engine, as JSON.
    pub frozen: Option<String>,
    /// The paces of the lanes, as JSON.
    pub paces: Option<String>,
}
