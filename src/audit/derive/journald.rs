//! From the journal to events: the logins that sshd, sudo and PAM tell of, as audit entries and
//! counted by program. What else it says is no call of anybody.

use crate::audit::derive::emit::Emit;
use crate::audit::derive::service::close;
use crate::audit::derive::windows::{Ending, Key, Windows};
use crate::audit::identity::IdentityRules;
use crate::audit::record::JournalRecord;
use crate::model::event::{AuditEntry, AuditOutcome, Operation};
use crate::model::{Actor, Event, ServiceName, Source, Text, Timestamp};

/// The open windows.
#[derive(Debug, Default)]
pub struct Journald {
    windows: Windows,
}

impl Journald {
    /// Takes one record in; `nth` tells it from others that read the same.
    pub fn record(
        &mut self,
        record: &JournalRecord,
        nth: u32,
        rules: &IdentityRules,
        emit: &mut Emit<'_>,
    ) {
        let Some(login) = &record.login else { return };
        let said = rules.say(&|field| match field {
            "display_name" => Some(login.user.raw()),
            "remote_address" => login.remote_address.as_ref().map(Text::raw),
            _ => None,
        });
        let said = said.unwrap_or_default();
        let on = record.host.as_ref().map_or("", Text::raw);
        let path = Text::from(format!("{}/{on}", login.program.raw()).trim_end_matches('/'));
        let data = AuditEntry {
            actor: Actor(said.consumer.map_or_else(|| login.user.clone(), |c| c.0)),
            operation: Operation::Login,
            path: path.clone(),
            secret: None,
            version: None,
            outcome: if login.granted {
                AuditOutcome::Allowed
            } else {
                AuditOutcome::Denied
            },
            remote_addr: login.remote_address.clone(),
            user_agent: None,
            error: (!login.granted).then(|| record.message.clone()),
            stage: None,
        };
        let id = match &record.cursor {
            Some(cursor) => cursor.raw().to_owned(),
            None => format!("{:032x}-{nth}", record.identity()),
        };
        emit.event(id, record.time, path, data);
        let key = Key {
            signal: None,
            service: said.service.unwrap_or(ServiceName(login.program.clone())),
            region: said.region,
            secret: None,
        };
        let ending = if login.granted {
            Ending::Granted
        } else {
            Ending::Failed401
        };
        self.windows.count(record.time, key, ending);
    }

    /// Lets time pass to `now`, or to the end.
    pub fn close(&mut self, now: Option<Timestamp>, source: &Source, out: &mut dyn FnMut(Event)) {
        close(&mut self.windows, now, &mut Emit { source, out });
    }
}
