//! What the rules of all engines share: the ids of rotations, who operates on which secret, and
//! which consumer is on which version.

use std::collections::{HashMap, HashSet};

use super::call::Call;
use crate::audit::derive::emit::Emit;
use crate::model::event::{ConsumerState, ConsumerVersion};
use crate::model::{Actor, ConsumerId, RotationId, SecretPath, Text, Timestamp, Version};

/// How many consumers of secrets one generation remembers. One that has not been met for two
/// generations is told again as if it were new, which the incident takes for what it is.
const REMEMBERED: usize = 131_072;

/// What the rules of all engines share.
#[derive(Debug, Default)]
pub struct Known {
    correlations: HashSet<Text>,
    operators: HashMap<SecretPath, HashSet<Actor>>,
    consumers: Consumers,
    older: Consumers,
}

type Consumers = HashMap<(SecretPath, ConsumerId), Version>;

impl Known {
    /// The id of the rotation that this call begins: the correlation id that it bore, where that
    /// has not named a rotation yet (of another secret, or an earlier one of this), else one from
    /// the request's id.
    pub fn rotation(&mut self, call: &Call<'_>) -> RotationId {
        match &call.entry.correlation {
            Some(id) if self.correlations.insert(id.clone()) => RotationId(id.clone()),
            _ => RotationId::from(format!("vault-{}", call.entry.request_id.raw())),
        }
    }

    /// Notes that the caller operates on the secret: its reads of it are no use of it.
    pub fn operates(&mut self, call: &Call<'_>, secret: &SecretPath) {
        let operators = self.operators.entry(secret.clone()).or_default();
        operators.insert(call.who.actor.clone());
    }

    /// The call shows its caller with `version` of the secret; `brought` is the rotation that
    /// brought it, where that is known, and when it was stored. Told once for each consumer and
    /// version.
    pub fn uses(
        &mut self,
        call: &Call<'_>,
        secret: &SecretPath,
        version: &Version,
        brought: Option<(Option<&RotationId>, Timestamp)>,
        emit: &mut Emit<'_>,
    ) {
        let Some(consumer) = self.moves(call, secret, version) else {
            return;
        };
        let latency = brought.map(|(_, stored)| call.answered.since(stored).as_micros());
        #[expect(
            clippy::cast_precision_loss,
            reason = "microseconds of a log's span are far below 2^52"
        )]
        let latency_ms = latency
            .filter(|l| *l >= 0)
            .map(|micros| micros as f64 / 1000.0);
        let data = ConsumerVersion {
            consumer: consumer.clone(),
            service: Some(call.who.service.clone()),
            region: call.who.region.clone(),
            secret: secret.clone(),
            version: version.clone(),
            state: ConsumerState::InUse,
            error: None,
            latency_ms,
            identities: call.who.identities.clone(),
        };
        let (id, subject) = (call.id("consumer"), consumer.0);
        emit.maybe_of(
            brought.and_then(|(id, _)| id),
            id,
            call.answered,
            subject,
            data,
        );
    }

    /// The consumer that goes over to `version` with this call: a machine that does not operate
    /// on the secret and was not on it yet.
    fn moves(
        &mut self,
        call: &Call<'_>,
        secret: &SecretPath,
        version: &Version,
    ) -> Option<ConsumerId> {
        let consumer = call.who.consumer.clone()?;
        let operators = self.operators.get(secret);
        if operators.is_some_and(|known| known.contains(&call.who.actor)) {
            return None;
        }
        let key = (secret.clone(), consumer.clone());
        let held = self.consumers.get(&key);
        if held.or_else(|| self.older.get(&key)) == Some(version) {
            if held.is_none() {
                self.remember(key, version);
            }
            return None;
        }
        self.remember(key, version);
        Some(consumer)
    }

    fn remember(&mut self, key: (SecretPath, ConsumerId), version: &Version) {
        if self.consumers.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.consumers);
        }
        self.consumers.insert(key, version.clone());
    }
}
