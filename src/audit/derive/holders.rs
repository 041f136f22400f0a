//! Which consumer holds which version of which secret, so that each move is told once.

use std::collections::HashMap;

use crate::audit::derive::who::Who;
use crate::model::event::{ConsumerState, ConsumerVersion};
use crate::model::{ConsumerId, SecretPath, Span, Version};

/// How many consumers of secrets one generation remembers. One that has not been met for two
/// generations is told again as if it were new, which the incident takes for what it is.
const REMEMBERED: usize = 131_072;

/// The consumers of secrets and their versions, in bounded memory.
#[derive(Debug, Default)]
pub struct Holders {
    newer: Versions,
    older: Versions,
}

type Versions = HashMap<(SecretPath, ConsumerId), Version>;

impl Holders {
    /// Notes that `consumer` holds `version` of `secret`; true where it held another one before,
    /// or none that is known.
    pub fn goes_over(
        &mut self,
        secret: &SecretPath,
        consumer: &ConsumerId,
        version: &Version,
    ) -> bool {
        let key = (secret.clone(), consumer.clone());
        let held = self.newer.get(&key);
        let is_new = held.is_none();
        let moves = held.or_else(|| self.older.get(&key)) != Some(version);
        if moves || is_new {
            if self.newer.len() >= REMEMBERED {
                self.older = std::mem::take(&mut self.newer);
            }
            self.newer.insert(key, version.clone());
        }
        moves
    }
}

/// A consumer was seen to use a version, `latency` after that was stored where it is known when;
/// a use that seems to be earlier than the store has none.
pub fn in_use(
    who: &Who,
    consumer: &ConsumerId,
    secret: &SecretPath,
    version: &Version,
    latency: Option<Span>,
) -> ConsumerVersion {
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds of a log's span are far below 2^52"
    )]
    let latency_ms = latency
        .map(Span::as_micros)
        .filter(|micros| *micros >= 0)
        .map(|micros| micros as f64 / 1000.0);
    ConsumerVersion {
        consumer: consumer.clone(),
        service: Some(who.service.clone()),
        region: who.region.clone(),
        secret: secret.clone(),
        version: version.clone(),
        state: ConsumerState::InUse,
        error: None,
        latency_ms,
        identities: who.identities.clone(),
    }
}
