//! From calls that a service audited to events: one audit entry a call, its caller's
//! authentications, and how often its API was called and throttled. What a call means is each
//! provider's own, in a file each.

use crate::audit::derive::emit::Emit;
use crate::audit::derive::meaning::Meaning;
use crate::audit::derive::uses::{Use, Uses};
use crate::audit::derive::windows::{Ending, Key, QUOTA, Windows};
use crate::audit::derive::{NOBODY, Sources, azure, gcp, kubernetes};
use crate::audit::identity::{IdentityRules, Said};
use crate::audit::record::{CallEnding, CallStage, Provider, ServiceCall};
use crate::model::event::{AuditEntry, AuditOutcome, Operation};
use crate::model::{Actor, ConsumerId, Event, Region, ServiceName, Source, Text, Timestamp};

/// The open windows of each provider.
#[derive(Debug, Default)]
pub struct Services {
    kubernetes: Windows,
    gcp: Windows,
    azure: Windows,
    uses: Uses,
}

/// The server that a provider's log speaks for.
pub fn source(sources: &Sources, provider: Provider) -> &Source {
    match provider {
        Provider::Kubernetes => &sources.kubernetes,
        Provider::Gcp => &sources.gcp,
        Provider::Azure => &sources.azure,
    }
}

/// What a call means, as its provider's file has it.
pub fn meaning(call: &ServiceCall) -> Meaning {
    match call.provider {
        Provider::Kubernetes => kubernetes::meaning(call),
        Provider::Gcp => gcp::meaning(call),
        Provider::Azure => azure::meaning(call),
    }
}

/// The secret that a call is about: the same that [`meaning`] tells.
pub fn secret(call: &ServiceCall) -> Option<&str> {
    match call.provider {
        Provider::Kubernetes => kubernetes::secret(call),
        Provider::Gcp => gcp::secret(call).0,
        Provider::Azure => azure::secret(call).0,
    }
}

impl Services {
    /// Takes one call in; `nth` tells it from others that read the same.
    pub fn call(
        &mut self,
        call: &ServiceCall,
        nth: u32,
        rules: &IdentityRules,
        emit: &mut Emit<'_>,
    ) {
        let meaning = meaning(call);
        let said = said(call, rules);
        let actor = match (&said.consumer, &call.actor) {
            (Some(consumer), _) => consumer.0.clone(),
            (None, Some(actor)) => actor.clone(),
            (None, None) => Text::from(NOBODY),
        };
        let actor = Actor(actor);
        let id = id(call, nth);
        audit_entry(call, &meaning, &actor, id.clone(), emit);
        if call.ending == CallEnding::Granted {
            self.secret(call, &meaning, &said, &actor, &id, emit);
        }
        self.count(call, meaning, said, actor);
    }

    /// What a call that was done shows of who uses and who changes a secret.
    fn secret(
        &mut self,
        call: &ServiceCall,
        meaning: &Meaning,
        said: &Said,
        actor: &Actor,
        id: &str,
        emit: &mut Emit<'_>,
    ) {
        let Some(secret) = &meaning.secret else {
            return;
        };
        if !matches!(meaning.operation, Operation::Read | Operation::List) {
            self.uses.operates(secret, actor);
        }
        let service = said.service.as_ref().or(meaning.service.as_ref());
        let (Some(service), Some(version)) = (service, &meaning.version) else {
            return;
        };
        if !meaning.uses {
            return;
        }
        // Several processes share an account; their addresses tell them apart.
        let at = call.remote_address.as_ref().map(Text::raw);
        let named = at.map_or(actor.raw().to_owned(), |at| format!("{}@{at}", actor.raw()));
        let consumer = said.consumer.clone();
        let read = Use {
            time: call.time,
            consumer: consumer.unwrap_or_else(|| ConsumerId::from(named)),
            service: service.clone(),
            region: said.region.clone(),
            actor,
            secret,
            version,
        };
        self.uses.uses(read, id, emit);
    }

    /// Counts a call that ended, against its API's quota and as its caller's authentication.
    fn count(&mut self, call: &ServiceCall, meaning: Meaning, said: Said, actor: Actor) {
        let Some(ending) = ended(call.ending) else {
            return;
        };
        let windows = self.of(call.provider);
        let throttled = if call.ending == CallEnding::Throttled {
            Ending::FailedOther
        } else {
            Ending::Granted
        };
        let key = |signal, service, region| Key {
            signal,
            service,
            region,
            secret: None,
        };
        let region = call.region.clone().map(Region);
        let quota = key(Some(QUOTA), ServiceName(call.api.clone()), region);
        windows.count(call.time, quota, throttled);
        if meaning.authenticates {
            let service = said.service.or(meaning.service);
            let service = service.unwrap_or(ServiceName(actor.0));
            windows.count(call.time, key(None, service, said.region), ending);
        }
    }

    /// Lets time pass to `now`, or to the end.
    pub fn close(&mut self, now: Option<Timestamp>, sources: &Sources, out: &mut dyn FnMut(Event)) {
        for provider in [Provider::Kubernetes, Provider::Gcp, Provider::Azure] {
            let mut emit = Emit {
                source: source(sources, provider),
                out: &mut *out,
            };
            close(self.of(provider), now, &mut emit);
        }
    }

    fn of(&mut self, provider: Provider) -> &mut Windows {
        match provider {
            Provider::Kubernetes => &mut self.kubernetes,
            Provider::Gcp => &mut self.gcp,
            Provider::Azure => &mut self.azure,
        }
    }
}

fn audit_entry(
    call: &ServiceCall,
    meaning: &Meaning,
    actor: &Actor,
    id: String,
    emit: &mut Emit<'_>,
) {
    let path = call.resource.clone().unwrap_or_else(|| call.method.clone());
    let data = AuditEntry {
        actor: actor.clone(),
        operation: meaning.operation.clone(),
        path: path.clone(),
        secret: meaning.secret.clone(),
        version: meaning.version.clone(),
        outcome: outcome(call.ending),
        remote_addr: call.remote_address.clone(),
        user_agent: call.user_agent.clone(),
        error: call.error.clone(),
        stage: None,
    };
    emit.event(id, call.time, path, data);
}

/// Closes windows whose secrets nobody ties, up to `now` or to the end.
pub fn close(windows: &mut Windows, now: Option<Timestamp>, emit: &mut Emit<'_>) {
    match now {
        Some(now) => windows.close(now, &|_| None, emit),
        None => windows.finish(&|_| None, emit),
    }
}

fn said(call: &ServiceCall, rules: &IdentityRules) -> Said {
    let said = rules.say(&|field| match field {
        "display_name" => call.actor.as_ref().map(Text::raw),
        "remote_address" => call.remote_address.as_ref().map(Text::raw),
        _ => None,
    });
    said.unwrap_or_default()
}

/// The call's own id, with its stage where there are several; of one without, a hash of what it
/// says.
fn id(call: &ServiceCall, nth: u32) -> String {
    let own = call.id.as_ref().map(Text::raw);
    match (call.provider, own) {
        (Provider::Kubernetes, Some(id)) => {
            let stage = match call.stage {
                CallStage::Received => "RequestReceived",
                CallStage::Started => "ResponseStarted",
                CallStage::Done => "ResponseComplete",
            };
            format!("{id}/{stage}")
        }
        // Unique at one time only.
        (Provider::Gcp, Some(id)) => format!("{id}/{}", call.time),
        (Provider::Azure, Some(id)) => id.to_owned(),
        (_, None) => format!("{:032x}-{nth}", call.identity()),
    }
}

/// The outcome in the contract's words.
pub fn outcome(ending: CallEnding) -> AuditOutcome {
    match ending {
        CallEnding::Open => AuditOutcome::from("unanswered"),
        CallEnding::Granted => AuditOutcome::Allowed,
        CallEnding::Unauthenticated | CallEnding::Forbidden => AuditOutcome::Denied,
        CallEnding::Throttled | CallEnding::Failed => AuditOutcome::Error,
    }
}

/// How an attempt ended; `None` for one that did not.
pub fn ended(ending: CallEnding) -> Option<Ending> {
    Some(match ending {
        CallEnding::Open => return None,
        CallEnding::Granted => Ending::Granted,
        CallEnding::Unauthenticated => Ending::Failed401,
        CallEnding::Forbidden => Ending::Failed403,
        CallEnding::Throttled | CallEnding::Failed => Ending::FailedOther,
    })
}

#[cfg(test)]
mod tests;
