//! What the routes need of an engine. The engine is one; a test brings its own.

use async_trait::async_trait;

use super::log::Log;
use crate::model::SecretPath;
use crate::model::intent::{Intent, Outcome};
use crate::rotation::engine::{ConsumerReport, Engine, Metrics, Receipt, Status};
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

    /// Takes an intent, at most once by its key.
    async fn execute(&self, intent: Intent) -> Result<Receipt, Refusal>;

    /// How far an intent has come.
    fn outcome(&self, key: &str) -> Option<Outcome>;

    /// Every rotation that runs or ended lately.
    fn rotations(&self) -> Vec<Status>;

    /// The current version of a secret.
    fn material(&self, secret: &SecretPath) -> Option<Versioned>;

    /// A consumer says how it stands.
    async fn report(&self, report: ConsumerReport) -> Result<(), Refusal>;

    /// Counters and gauges.
    fn metrics(&self) -> Metrics;
}

#[async_trait]
impl Service for Engine {
    type Log = EventLog;

    fn log(&self) -> EventLog {
        Self::log(self)
    }

    async fn execute(&self, intent: Intent) -> Result<Receipt, Refusal> {
        Self::execute(self, intent).await
    }

    fn outcome(&self, key: &str) -> Option<Outcome> {
        Self::outcome(self, key)
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
