//! The lab: real services on loopback that authenticate with the secrets which the engine
//! rotates, and one thing broken on purpose. Nothing is scripted: what monitoring says is counted
//! on the lab's own sockets. See docs/lab.md.
//!
//! Files, each seeing only those before it: settings and the town (who there is) · wire (HTTP) ·
//! record · quota · authority (who accepts which credential) and the target that reaches it · logs ·
//! service · consumer and link · cache · sink · traffic · scanner · observer · plan · schedule ·
//! build, which puts them together.

mod authority;
mod authority_target;
mod build;
mod cache;
mod consumer;
mod link;
mod logs;
mod observer;
mod plan;
mod quota;
mod record;
mod scanner;
mod schedule;
mod service;
mod settings;
mod sink;
mod town;
mod traffic;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use service::Health;
pub use settings::{Cause, LabError, LabSettings, UnknownCause};

use crate::model::{Region, SecretPath, ServiceName};
use crate::rotation::engine::Engine;
use crate::rotation::lifecycle::Refusal;
use crate::rotation::plan::Plan;
use crate::rotation::server::Running;
use crate::rotation::target::{Target, Versioned};
use crate::rotation::{Clock, EventLog};

use consumer::Consumer;
use record::Record;
use schedule::Happenings;
use service::Service;
use wire::Tasks;

/// A lab that runs. Dropping it ends it without waiting.
pub struct Lab {
    clock: Clock,
    plan: Plan,
    plan_text: String,
    targets: BTreeMap<SecretPath, Arc<dyn Target>>,
    /// What every secret was first installed with.
    first: Vec<(SecretPath, Versioned)>,
    services: Vec<Service>,
    consumers: Vec<Consumer>,
    record: Record,
    stream: Running,
    happenings: Happenings,
    tasks: Tasks,
}

impl Lab {
    /// Opens every socket and lets requests flow. Nothing is rotated and nothing breaks until
    /// [`Lab::drive`]. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// [`LabError`] where a socket or a client cannot be had.
    pub async fn start(settings: LabSettings) -> Result<Self, LabError> {
        build::lab(&settings).await
    }

    /// What the engine is to be opened with.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The same as `rotation.toml`.
    #[must_use]
    pub fn plan_text(&self) -> &str {
        &self.plan_text
    }

    /// The target of every secret of the plan.
    #[must_use]
    pub fn targets(&self) -> BTreeMap<SecretPath, Arc<dyn Target>> {
        self.targets.clone()
    }

    /// The lab's clock; the engine's must be a clone of it.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What monitoring wrote.
    #[must_use]
    pub fn record(&self) -> &EventLog {
        self.record.log()
    }

    /// Where the same is served as a stream: `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        self.stream.url()
    }

    /// Gives the engine what the secrets were first installed with, then lets rotations begin and
    /// the fault happen.
    ///
    /// # Errors
    /// [`Refusal`] where the engine does not take a secret over.
    pub async fn drive(&self, engine: &Engine) -> Result<(), Refusal> {
        for (secret, first) in &self.first {
            engine.adopt(secret, first.clone()).await?;
        }
        self.tasks.spawn(self.happenings.clone().go(engine.clone()));
        Ok(())
    }

    /// What the services counted since they began, by service and region.
    #[must_use]
    pub fn health(&self) -> Vec<(ServiceName, Region, Health)> {
        let all = self.services.iter();
        all.map(|s| (s.name().clone(), s.region().clone(), s.health()))
            .collect()
    }

    /// The service that suffers first where something is broken.
    #[must_use]
    pub fn victim(&self) -> &ServiceName {
        &self.happenings.town.victim
    }

    /// The secret whose rotation meets the fault.
    #[must_use]
    pub fn hurt(&self) -> &SecretPath {
        &self.happenings.town.hurt
    }

    /// How many clients present which version now, of one service.
    #[must_use]
    pub fn versions(&self, service: &ServiceName) -> BTreeMap<String, usize> {
        let mut versions = BTreeMap::new();
        for consumer in &self.consumers {
            if consumer.client().service == *service {
                let using = consumer.using();
                let version = using.map_or_else(String::new, |c| c.version.raw().to_owned());
                *versions.entry(version).or_insert(0) += 1;
            }
        }
        versions
    }

    /// Closes every socket and waits until all is quiet.
    pub async fn shut_down(self) {
        self.tasks.end().await;
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.tasks.over.cancel();
    }
}
