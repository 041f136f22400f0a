//! What the routes need of an engine. The engine is one; a test brings its own.

use async_trait::async_trait;
use serde::Serialize;

use super::log::Log;
use crate::model::SecretPath;
use crate::model::intent::{Intent, Outcome};
use crate::model::proof::Head;
use crate::rotation::engine::{ConsumerReport, Engine, Facts, Metrics, Receipt, Status, Vouched};
use crate::rotation::lifecycle::Refusal;
use crate::rotation::log::EventLog;
use crate::rotation::target::Versioned;

/// An engine, as its server sees it.
#[async_trait]
pub trait Service: Clone + Send + Sync + 'static {
    /// Its event log.
    type Log: Log;

    /// Its event log.
    fn log(&self) -> Self::Log;

    /// What is known of what an intent is about.
    ///
    /// # Errors
    /// [`Refusal`] where nobody knows it.
    fn facts(&self, intent: &Intent) -> Result<Facts, Refusal>;

    /// The receipt of an intent that was taken before; `None` where its key is new.
    fn receipt(&self, intent: &Intent) -> Option<Result<Receipt, Refusal>>;

    /// Takes an intent, at most once by its key.
    async fn execute(&self, intent: Intent, vouched: Vouched) -> Result<Receipt, Refusal>;

    /// Tells that an act is not done, as somebody is not allowed to do it.
    async fn deny(&self, intent: Intent, why: String);

    /// How far an intent has come.
    fn outcome(&self, key: &str) -> Option<Told>;

    /// Every rotation that runs or ended lately.
    fn rotations(&self) -> Vec<Status>;

    /// The current version of a secret.
    fn material(&self, secret: &SecretPath) -> Option<Versioned>;

    /// A consumer says how it stands.
    async fn report(&self, report: ConsumerReport) -> Result<(), Refusal>;

    /// Counters and gauges.
    fn metrics(&self) -> Metrics;
}

/// How far an act has come, and where the journal of whoever asked for it stood.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// How far.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Where that journal stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
}

#[async_trait]
impl Service for Engine {
    type Log = EventLog;

    fn log(&self) -> EventLog {
        Self::log(self)
    }

    fn facts(&self, intent: &Intent) -> Result<Facts, Refusal> {
        Self::facts(self, intent)
    }

    fn receipt(&self, intent: &Intent) -> Option<Result<Receipt, Refusal>> {
        Self::receipt(self, intent)
    }

    async fn execute(&self, intent: Intent, vouched: Vouched) -> Result<Receipt, Refusal> {
        Self::execute_vouched(self, intent, vouched).await
    }

    async fn deny(&self, intent: Intent, why: String) {
        Self::deny(self, intent, why).await;
    }

    fn outcome(&self, key: &str) -> Option<Told> {
        let outcome = Self::outcome(self, key)?;
        let head = Self::head(self, key);
        Some(Told { outcome, head })
    }

    fn rotations(&self) -> Vec<Status> {
        Self::rotations(self)
    }

    fn material(&self, secret: &SecretPath) -> Option<Versioned> {
        Self::material(self, secret)
    }

    async fn report(&self, report: ConsumerReport) -> Result<(), Refusal> {
        Self::report(self, report).await
    }

    fn metrics(&self) -> Metrics {
        Self::metrics(self)
    }
}
