//! Which machine uses which version of a secret, as far as successful reads of services show it.

use std::collections::{HashMap, HashSet};

use crate::audit::derive::emit::Emit;
use crate::model::event::{ConsumerState, ConsumerVersion};
use crate::model::{Actor, ConsumerId, Region, SecretPath, ServiceName, Timestamp, Version};

/// How much is remembered; beyond it everybody is told again as if they were new, which an
/// incident takes for what it is.
const REMEMBERED: usize = 131_072;

/// What was shown so far.
#[derive(Debug, Default)]
pub struct Uses {
    held: HashMap<(SecretPath, ConsumerId), Version>,
    operators: HashSet<(SecretPath, Actor)>,
}

/// One successful read.
pub struct Use<'a> {
    /// When.
    pub time: Timestamp,
    /// By which machine.
    pub consumer: ConsumerId,
    /// Which service that is.
    pub service: ServiceName,
    /// Where it runs.
    pub region: Option<Region>,
    /// The name that the backend knows it by.
    pub actor: &'a Actor,
    /// Of what.
    pub secret: &'a SecretPath,
    /// Which version it got.
    pub version: &'a Version,
}

impl Uses {
    /// Notes that somebody changed the secret: their reads of it are no use of it.
    pub fn operates(&mut self, secret: &SecretPath, actor: &Actor) {
        if self.operators.len() >= REMEMBERED {
            self.operators.clear();
        }
        self.operators.insert((secret.clone(), actor.clone()));
    }

    /// Tells of a use, once for each consumer and version; `id` is the call's.
    pub fn uses(&mut self, read: Use<'_>, id: &str, emit: &mut Emit<'_>) {
        let operator = (read.secret.clone(), read.actor.clone());
        if self.operators.contains(&operator) {
            return;
        }
        let key = (read.secret.clone(), read.consumer.clone());
        if self.held.get(&key) == Some(read.version) {
            return;
        }
        if self.held.len() >= REMEMBERED {
            self.held.clear();
        }
        self.held.insert(key, read.version.clone());
        let subject = read.consumer.0.clone();
        let data = ConsumerVersion {
            consumer: read.consumer,
            service: Some(read.service),
            region: read.region,
            secret: read.secret.clone(),
            version: read.version.clone(),
            state: ConsumerState::InUse,
            error: None,
            latency_ms: None,
            identities: vec![read.actor.clone()],
        };
        emit.event(format!("{id}/consumer"), read.time, subject, data);
    }
}
