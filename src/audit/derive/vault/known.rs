//! What the rules of all engines share: the ids of rotations, who operates on which secret, and
//! which consumer is on which version.

use std::collections::{HashMap, HashSet};

use super::call::Call;
use crate::audit::derive::emit::Emit;
use crate::audit::derive::holders::{Holders, in_use};
use crate::model::{Actor, ConsumerId, RotationId, SecretPath, Text, Timestamp, Version};

/// What the rules of all engines share.
#[derive(Debug, Default)]
pub struct Known {
    correlations: HashSet<Text>,
    operators: HashMap<SecretPath, HashSet<Actor>>,
    holders: Holders,
}

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
        let latency = brought.map(|(_, stored)| call.answered.since(stored));
        let data = in_use(&call.who, &consumer, secret, version, latency);
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
        let goes_over = self.holders.goes_over(secret, &consumer, version);
        goes_over.then_some(consumer)
    }
}
