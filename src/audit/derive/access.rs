//! From access logs to events: one audit entry a request, and the requests of each service counted
//! by how they ended, as its authentications.

use crate::audit::derive::Sources;
use crate::audit::derive::emit::Emit;
use crate::audit::derive::service::{close, ended, outcome};
use crate::audit::derive::windows::{Key, Windows};
use crate::audit::identity::IdentityRules;
use crate::audit::record::{AccessRecord, Proxy};
use crate::model::event::{AuditEntry, Operation};
use crate::model::{Actor, Event, ServiceName, Source, Text, Timestamp};

/// Whoever a proxy did not authenticate.
const UNKNOWN: &str = "unknown";

/// The open windows of each proxy.
#[derive(Debug, Default)]
pub struct Access {
    nginx: Windows,
    envoy: Windows,
}

/// The server that a proxy's log speaks for.
pub fn source(sources: &Sources, proxy: Proxy) -> &Source {
    match proxy {
        Proxy::Nginx => &sources.nginx,
        Proxy::Envoy => &sources.envoy,
    }
}

impl Access {
    /// Takes one request in; `nth` tells it from others that read the same.
    pub fn record(
        &mut self,
        record: &AccessRecord,
        nth: u32,
        rules: &IdentityRules,
        emit: &mut Emit<'_>,
    ) {
        let said = rules.say(&|field| match field {
            "display_name" => record.user.as_ref().map(Text::raw),
            "remote_address" => record.remote_address.as_ref().map(Text::raw),
            _ => None,
        });
        let said = said.unwrap_or_default();
        let actor = match (said.consumer, &record.user) {
            (Some(consumer), _) => consumer.0,
            (None, Some(user)) => user.clone(),
            (None, None) => Text::from(UNKNOWN),
        };
        let service = match (said.service, &record.service) {
            (Some(service), _) => service,
            (None, Some(service)) => ServiceName(service.clone()),
            (None, None) => ServiceName::from(record.proxy.name()),
        };
        let data = AuditEntry {
            actor: Actor(actor),
            operation: operation(record.method.raw()),
            path: record.path.clone(),
            secret: None,
            version: None,
            outcome: outcome(record.ending),
            remote_addr: record.remote_address.clone(),
            user_agent: record.user_agent.clone(),
            error: record.error(),
            stage: None,
        };
        let id = format!("{:032x}-{nth}", record.identity());
        emit.event(id, record.time, service.0.clone(), data);
        let Some(ending) = ended(record.ending) else {
            return;
        };
        let key = Key {
            signal: None,
            service,
            region: said.region,
            secret: None,
        };
        let windows = match record.proxy {
            Proxy::Nginx => &mut self.nginx,
            Proxy::Envoy => &mut self.envoy,
        };
        windows.count(record.time, key, ending);
    }

    /// Lets time pass to `now`, or to the end.
    pub fn close(&mut self, now: Option<Timestamp>, sources: &Sources, out: &mut dyn FnMut(Event)) {
        for (windows, source) in [
            (&mut self.nginx, &sources.nginx),
            (&mut self.envoy, &sources.envoy),
        ] {
            let out = &mut *out;
            close(windows, now, &mut Emit { source, out });
        }
    }
}

/// By the method (RFC 9110).
fn operation(method: &str) -> Operation {
    match method {
        "GET" | "HEAD" | "OPTIONS" | "TRACE" | "-" => Operation::Read,
        "POST" => Operation::Create,
        "DELETE" => Operation::Delete,
        _ => Operation::Update,
    }
}
