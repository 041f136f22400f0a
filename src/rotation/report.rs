//! What the engine answers and is told: receipts, consumers' reports, how rotations stand, counters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::guard::Subject;
use crate::model::event::{ConsumerState, Risk, SecretKind, Stage, Tier, Trigger};
use crate::model::proof::Head;
use crate::model::{
    Actor, ConsumerId, Region, RotationId, SecretPath, ServiceName, Text, Timestamp, Version,
};

/// What is answered when an intent was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The intent's idempotency key; ask `Engine::outcome` with it.
    pub key: String,
    /// The rotation that it started or was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationId>,
    /// Where the journal of whoever asked stood, as it came with the act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
}

/// What stands behind an act that is taken: kept with it, and told with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Vouched {
    /// Where the journal of whoever asked stood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
    /// Whether the key of the person it names signed it; `None` where nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<bool>,
    /// How much it risked, as the guard judged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<Actor>,
}

/// What an engine knows of what an intent is about: what a policy decides by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Which secret; `None` where it is about all, or those of a service.
    pub secret: Option<SecretPath>,
    /// How much depends on it; of several the most.
    pub tier: Option<Tier>,
    /// Who uses it.
    pub services: Vec<ServiceName>,
    /// How many consumers there are.
    pub consumers: usize,
    /// Whether to resume it leads into the revocation.
    pub into_revoke: bool,
}

impl Facts {
    /// As a policy sees them.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            secret: self.secret.as_ref(),
            tier: self.tier.as_ref(),
            services: &self.services,
            consumers: self.consumers,
            into_revoke: self.into_revoke,
        }
    }
}

/// What a consumer says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsumerReport {
    /// Who.
    pub consumer: ConsumerId,
    /// Of which secret.
    pub secret: SecretPath,
    /// With which version.
    pub version: Version,
    /// How far it is with it.
    pub state: ConsumerState,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Text>,
}

/// How a rotation stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Which.
    pub rotation: RotationId,
    /// Of which secret.
    pub secret: SecretPath,
    /// Its kind.
    pub kind: SecretKind,
    /// The version before it.
    pub from_version: Option<Version>,
    /// The version that it brings.
    pub to_version: Version,
    /// What started it.
    pub trigger: Trigger,
    /// Who asked for it.
    pub by: Actor,
    /// Who answers for the secret.
    pub owner: Option<Text>,
    /// How much depends on it.
    pub tier: Option<Tier>,
    /// The stage that it is in, or was last.
    pub stage: Stage,
    /// In words: `grace`, `rolling back`, `waiting for its turn`.
    pub state: String,
    /// How it ended; absent while it runs.
    pub outcome: Option<crate::model::event::Outcome>,
    /// Who holds it.
    pub paused_by: Option<Actor>,
    /// Why it does not go on by itself, and what helps.
    pub stalled: Option<String>,
    /// The wave of the cutover, from 1.
    pub wave: Option<u32>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When the old version is to be revoked; behind it lies the point of no return.
    pub grace_ends_at: Option<Timestamp>,
    /// When it does something next by itself.
    pub next_at: Option<Timestamp>,
    /// Whether old and new are both accepted.
    pub dual_run: bool,
    /// Its consumers.
    pub consumers: Vec<ConsumerStatus>,
}

/// How a consumer of a rotation stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConsumerStatus {
    /// Who.
    pub consumer: ConsumerId,
    /// Its service.
    pub service: ServiceName,
    /// Where it runs.
    pub region: Option<Region>,
    /// The wave that it goes over in, from 1.
    pub wave: u32,
    /// The version that it uses, where it is known.
    pub using: Option<Version>,
    /// How far it is with the version that it was given last.
    pub state: ConsumerState,
    /// What went wrong there.
    pub error: Option<Text>,
}

/// Counters and gauges since the engine was opened, for `/metrics`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Rotations that run, by stage.
    pub running: BTreeMap<String, u64>,
    /// Rotations that wait for a person.
    pub stalled: u64,
    /// Rotations that ended, by outcome.
    pub finished: BTreeMap<String, u64>,
    /// Transitions written.
    pub transitions: u64,
    /// Transactions that could not be written.
    pub store_errors: u64,
    /// Calls to the outside, by kind and by how they ended (`ok`, `throttled`, `unreachable`, …).
    pub calls: BTreeMap<(String, String), u64>,
    /// Audit entries that wait to be delivered.
    pub outbox_waiting: u64,
    /// The last event's number.
    pub events: u64,
    /// How long a step took from its input to its commit, in milliseconds: upper bounds and counts
    /// of what lay at or below them, the last bound infinite.
    pub step_ms: Vec<(f64, u64)>,
    /// The sum of these, in milliseconds.
    pub step_ms_sum: f64,
    /// Whether starts and revokes are held.
    pub frozen: bool,
}
