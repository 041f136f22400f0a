//! The engine's handle: what the server, the lab and the tests hold. Cheap to clone; all clones
//! are one engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::lifecycle::Refusal;
use super::log::EventLog;
use super::plan::Plan;
use super::store::SealKey;
use super::target::{Target, Versioned};
use crate::model::event::{ConsumerState, SecretKind, Stage, Tier, Trigger};
use crate::model::intent::{Intent, Outcome};
use crate::model::{
    Actor, ConsumerId, Region, RotationId, SecretPath, ServiceName, Text, Timestamp, Version,
};

/// What an engine is opened with.
pub struct Settings {
    /// What is rotated, and how.
    pub plan: Plan,
    /// The `SQLite` file that holds all state; its folder must exist.
    pub store: PathBuf,
    /// Seals the material in it.
    pub key: SealKey,
    /// Tells the time.
    pub clock: Clock,
    /// The target of each secret of the plan.
    pub targets: BTreeMap<SecretPath, Arc<dyn Target>>,
    /// Seeds what is drawn by lot (jitter, ids); absent is the system's randomness.
    pub seed: Option<u64>,
}

/// Why an engine does not open.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another engine holds the store.
    #[error("another engine holds the store {0}; stop it, or name another file")]
    Locked(PathBuf),
    /// The store cannot be read or written.
    #[error("the store {path} cannot be used: {why}")]
    Store {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The store was sealed with another key.
    #[error("the store {0} was sealed with another key; name the key that it was made with")]
    Key(PathBuf),
    /// A secret of the plan has no target.
    #[error("the secret {0} has no target; its kind may be misspelt")]
    NoTarget(SecretPath),
}

/// What is answered when an intent was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The intent's idempotency key; ask [`Engine::outcome`] with it.
    pub key: String,
    /// The rotation that it started or was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationId>,
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

/// The engine.
#[derive(Clone)]
pub struct Engine {
    log: EventLog,
}

impl Engine {
    /// Opens the store, takes its lock and resumes what was in flight. Needs a tokio runtime
    /// around it.
    ///
    /// # Errors
    /// [`EngineError`] where the store is another engine's, is not usable, or a target is missing.
    #[expect(clippy::unused_async, reason = "the shape first")]
    pub async fn open(_settings: Settings) -> Result<Self, EngineError> {
        Ok(Self {
            log: EventLog::default(),
        })
    }

    /// Gives the engine a secret's version that exists already, as its current one. Does nothing
    /// where the engine knows a current version of it.
    ///
    /// # Errors
    /// [`Refusal`] where the plan has no such secret or the store cannot be written.
    #[expect(clippy::unused_async, reason = "the shape first")]
    pub async fn adopt(&self, secret: &SecretPath, _current: Versioned) -> Result<(), Refusal> {
        Err(Refusal::unknown_secret(secret))
    }

    /// Takes an intent; the same key again gets the same receipt and does nothing.
    ///
    /// # Errors
    /// [`Refusal`] where it makes no sense now, with what to do instead.
    #[expect(clippy::unused_async, reason = "the shape first")]
    pub async fn execute(&self, intent: Intent) -> Result<Receipt, Refusal> {
        Err(Refusal::not_for_the_engine(intent.verb))
    }

    /// How far an intent has come; `None` for a key that was never taken.
    #[must_use]
    pub fn outcome(&self, _key: &str) -> Option<Outcome> {
        None
    }

    /// Every rotation that runs or that ended lately, the oldest first.
    #[must_use]
    pub fn rotations(&self) -> Vec<Status> {
        Vec::new()
    }

    /// The event log.
    #[must_use]
    pub fn log(&self) -> EventLog {
        self.log.clone()
    }

    /// The current version of a secret, for consumers that pull.
    #[must_use]
    pub fn material(&self, _secret: &SecretPath) -> Option<Versioned> {
        None
    }

    /// A consumer says how it stands.
    ///
    /// # Errors
    /// [`Refusal`] where nobody knows that consumer or secret.
    #[expect(clippy::unused_async, reason = "the shape first")]
    pub async fn report(&self, report: ConsumerReport) -> Result<(), Refusal> {
        Err(Refusal::unknown_secret(&report.secret))
    }

    /// Counters and gauges.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics::default()
    }

    /// Stops, lets calls under way end (at most 5 s) and gives the store's lock back. What was
    /// pending goes on when the store is opened again.
    #[expect(clippy::unused_async, reason = "the shape first")]
    pub async fn shut_down(self) {}
}
