//! From PostgreSQL's log to events: who logged in, and who was refused.
//!
//! Decision rules:
//! 1. `connection authenticated` is a login of the record's role. `connection authorized` is one
//!    where nothing was authenticated before it (trust, or a server before 14).
//! 2. SQLSTATE 28P01 and 28000 are refused logins. An audit entry is told of each login.
//! 3. The role's password is the Vault secret that a raw audit device or a rule ties it to; where
//!    neither does, the sample has no secret.

use std::collections::{HashMap, VecDeque};

use crate::audit::derive::emit::Emit;
use crate::audit::derive::windows::{Ending, Key, Windows};
use crate::audit::identity::{IdentityRules, Said};
use crate::audit::record::PostgresRecord;
use crate::model::event::{AuditEntry, AuditOutcome, Operation};
use crate::model::{Actor, SecretPath, ServiceName, Text, Timestamp};

/// How many processes are remembered between their two lines.
const PROCESSES: usize = 4096;

/// What the log has taught so far.
#[derive(Debug, Default)]
pub struct Postgres {
    windows: Windows,
    authenticated: VecDeque<u64>,
    /// The role behind a service that a rule has named otherwise.
    roles: HashMap<ServiceName, Text>,
}

/// A role's secret, by the role's name.
pub type Tie<'t> = dyn Fn(&Text) -> Option<SecretPath> + 't;

impl Postgres {
    /// Takes one record in; `nth` tells it from others that read the same.
    pub fn record(
        &mut self,
        record: &PostgresRecord,
        nth: u32,
        rules: &IdentityRules,
        tie: &Tie<'_>,
        emit: &mut Emit<'_>,
    ) {
        let Some(ending) = self.ending(record) else {
            return;
        };
        let role = role(record).unwrap_or_else(|| Text::from("unknown"));
        let said = said(&role, record, rules);
        let service = said.service.clone().unwrap_or(ServiceName(role.clone()));
        let secret = said.secret.clone().or_else(|| tie(&role));
        if service.0 != role {
            self.roles.insert(service.clone(), role.clone());
        }
        let failed = ending != Ending::Granted;
        let error = failed.then(|| error(record));
        let data = AuditEntry {
            actor: Actor(role.clone()),
            operation: Operation::Login,
            path: role.clone(),
            secret,
            version: None,
            outcome: if failed {
                AuditOutcome::Denied
            } else {
                AuditOutcome::Allowed
            },
            remote_addr: record.remote_host.clone(),
            user_agent: record.application.clone(),
            error,
            stage: None,
        };
        let id = format!("{:032x}-{nth}", record.identity());
        emit.event(id, record.time, role, data);
        let key = Key {
            signal: None,
            service,
            region: said.region,
            secret: said.secret,
        };
        self.windows.count(record.time, key, ending);
    }

    /// Lets time pass.
    pub fn close(&mut self, now: Timestamp, tie: &Tie<'_>, emit: &mut Emit<'_>) {
        let roles = &self.roles;
        let tie = |key: &Key| tie(roles.get(&key.service).unwrap_or(&key.service.0));
        self.windows.close(now, &tie, emit);
    }

    /// The log is at its end.
    pub fn finish(&mut self, tie: &Tie<'_>, emit: &mut Emit<'_>) {
        let roles = &self.roles;
        let tie = |key: &Key| tie(roles.get(&key.service).unwrap_or(&key.service.0));
        self.windows.finish(&tie, emit);
    }

    /// How a login ended; `None` for a record that is none.
    fn ending(&mut self, record: &PostgresRecord) -> Option<Ending> {
        if matches!(
            record.sqlstate.as_ref().map(Text::raw),
            Some("28P01" | "28000")
        ) {
            return Some(Ending::Failed401);
        }
        let message = record.message.raw();
        if record.severity.raw() != "LOG" {
            return None;
        }
        if message.starts_with("connection authenticated: ") {
            if let Some(pid) = record.pid {
                self.authenticated.push_back(pid);
                if self.authenticated.len() > PROCESSES {
                    self.authenticated.pop_front();
                }
            }
            return Some(Ending::Granted);
        }
        if !message.starts_with("connection authorized: ") {
            return None;
        }
        let before = record
            .pid
            .and_then(|pid| self.authenticated.iter().rposition(|known| *known == pid));
        match before {
            Some(at) => {
                self.authenticated.remove(at);
                None
            }
            None => Some(Ending::Granted),
        }
    }
}

/// The role, from the record or else from the words of its message.
fn role(record: &PostgresRecord) -> Option<Text> {
    if let Some(user) = &record.user {
        return Some(user.clone());
    }
    let message = record.message.raw();
    let quoted = ["for user \"", "role \"", "identity=\""];
    if let Some(rest) = quoted.iter().find_map(|before| message.split_once(before)) {
        return rest.1.split('"').next().map(Text::from);
    }
    let rest = message.split_once("authorized: user=")?.1;
    rest.split(' ').next().map(Text::from)
}

fn said(role: &Text, record: &PostgresRecord, rules: &IdentityRules) -> Said {
    let said = rules.say(&|field| match field {
        "postgres_role" => Some(role.raw()),
        "remote_address" => record.remote_host.as_ref().map(Text::raw),
        _ => None,
    });
    said.unwrap_or_default()
}

fn error(record: &PostgresRecord) -> Text {
    let code = record.sqlstate.as_ref().map_or("", Text::raw);
    Text::from(format!("{code} {}", record.message.raw()))
}
