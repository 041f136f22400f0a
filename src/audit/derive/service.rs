//! From calls that a service audited to events: one audit entry a call, its caller's
//! authentications, and how often its API was called and throttled. What a call means is each
//! provider's own, in a file each.

use crate::audit::derive::emit::Emit;
use crate::audit::derive::windows::{Ending, Key, QUOTA, Windows};
use crate::audit::derive::{NOBODY, Sources, azure, gcp, kubernetes};
use crate::audit::identity::{IdentityRules, Said};
use crate::audit::record::{CallEnding, CallStage, Provider, ServiceCall};
use crate::model::event::{AuditEntry, AuditOutcome, Operation};
use crate::model::{Actor, Event, SecretPath, ServiceName, Source, Text, Timestamp, Version};

/// What a call means, in its provider's words.
#[derive(Debug)]
pub struct Meaning {
    /// What was done.
    pub operation: Operation,
    /// The secret that it was done to.
    pub secret: Option<SecretPath>,
    /// The version of it.
    pub version: Option<Version>,
    /// The service that the caller is, where it is one.
    pub service: Option<ServiceName>,
    /// False for a call that is nobody's authentication.
    pub authenticates: bool,
}

/// The open windows of each provider.
#[derive(Debug, Default)]
pub struct Services {
    kubernetes: Windows,
    gcp: Windows,
    azure: Windows,
}

/// The server that a provider's log speaks for.
pub fn source(sources: &Sources, provider: Provider) -> &Source {
    match provider {
        Provider::Kubernetes => &sources.kubernetes,
        Provider::Gcp => &sources.gcp,
        Provider::Azure => &sources.azure,
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
        let Meaning {
            operation,
            secret,
            version,
            service,
            authenticates,
        } = match call.provider {
            Provider::Kubernetes => kubernetes::meaning(call),
            Provider::Gcp => gcp::meaning(call),
            Provider::Azure => azure::meaning(call),
        };
        let said = said(call, rules);
        let actor = match (&said.consumer, &call.actor) {
            (Some(consumer), _) => consumer.0.clone(),
            (None, Some(actor)) => actor.clone(),
            (None, None) => Text::from(NOBODY),
        };
        let path = call.resource.clone().unwrap_or_else(|| call.method.clone());
        let data = AuditEntry {
            actor: Actor(actor.clone()),
            operation,
            path: path.clone(),
            secret,
            version,
            outcome: outcome(call.ending),
            remote_addr: call.remote_address.clone(),
            user_agent: call.user_agent.clone(),
            error: call.error.clone(),
            stage: None,
        };
        emit.event(id(call, nth), call.time, path, data);
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
        let region = call.region.clone().map(crate::model::Region);
        let quota = key(Some(QUOTA), ServiceName(call.api.clone()), region.clone());
        windows.count(call.time, quota, throttled);
        if authenticates {
            let service = said.service.or(service).unwrap_or(ServiceName(actor));
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
