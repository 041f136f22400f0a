//! From Vault and OpenBao audit entries to events: a file an engine.

mod call;
mod database;
mod known;
mod kv;
mod lease;
mod oidc;
mod pki;
mod start;
mod transit;

use std::collections::HashMap;

use serde_json::Value;

pub(in crate::audit) use self::call::{secret_at, secret_of};

use self::call::{Call, Note};
use crate::audit::derive::emit::Emit;
use crate::audit::derive::windows::{Ending, Key, Windows};
use crate::audit::identity::IdentityRules;
use crate::audit::record::VaultCall;
use crate::model::event::AuditEntry;
use crate::model::mask::{MASKED, is_hashed};
use crate::model::{SecretPath, Text, Timestamp};

/// What the log has taught so far.
#[derive(Debug, Default)]
pub struct Vault {
    known: known::Known,
    database: database::Database,
    kv: kv::Kv,
    transit: transit::Transit,
    oidc: oidc::Oidc,
    pki: pki::Pki,
    leases: lease::Leases,
    windows: Windows,
    ties: Ties,
}

/// Which PostgreSQL role's password is which secret.
#[derive(Debug, Default)]
struct Ties(HashMap<Text, Option<SecretPath>>);

impl Vault {
    /// Takes one call in.
    pub fn call(&mut self, call: &VaultCall, rules: &IdentityRules, emit: &mut Emit<'_>) {
        let Some(call) = Call::new(call, rules) else {
            return;
        };
        self.ties.learn(&call);
        let note = self.rules(&call, emit);
        let lease = self.leases.call(&call, emit);
        let note = Note {
            stage: note.stage.or(lease.stage),
            ..note
        };
        audit_entry(&call, note, emit);
        // A call of the server to itself is nobody's authentication.
        if call.entry.auth.is_some() || call.entry.remote_address.is_some() {
            let key = Key {
                signal: None,
                service: call.who.service.clone(),
                region: call.who.region.clone(),
                secret: None,
            };
            self.windows.count(call.answered, key, call.ending());
        }
    }

    /// Takes in what a call that was met before teaches.
    pub fn teach(&mut self, call: &VaultCall, rules: &IdentityRules, emit: &mut Emit<'_>) {
        let Some(call) = Call::new(call, rules) else {
            return;
        };
        self.ties.learn(&call);
        match call.entry.mount_type.raw() {
            "kv" => self.kv.teach(&call),
            "identity" => self.oidc.teach(&call, emit),
            _ => {}
        }
    }

    /// The secret that a PostgreSQL role's password is, where a raw device has told so of one
    /// secret only.
    pub fn tie(&self, role: &Text) -> Option<&SecretPath> {
        self.ties.0.get(role)?.as_ref()
    }

    /// Lets time pass.
    pub fn close(&mut self, now: Timestamp, emit: &mut Emit<'_>) {
        self.database.close(Some(now), emit);
        self.windows.close(now, &|_| None, emit);
    }

    /// The log is at its end.
    pub fn finish(&mut self, emit: &mut Emit<'_>) {
        self.database.close(None, emit);
        self.windows.finish(&|_| None, emit);
    }

    fn rules(&mut self, call: &Call<'_>, emit: &mut Emit<'_>) -> Note {
        let known = &mut self.known;
        match call.entry.mount_type.raw() {
            "database" | "ldap" => self.database.call(call, known, emit),
            "kv" => self.kv.call(call, known, emit),
            "transit" => self.transit.call(call, known, &mut self.windows, emit),
            "identity" => self.oidc.call(call, known, emit),
            "pki" => self.pki.call(call, emit),
            _ => Note::default(),
        }
    }
}

impl Ties {
    /// `static-roles` and `static-creds` say a role's user name, in clear on a raw device.
    fn learn(&mut self, call: &Call<'_>) {
        let is_static = ["static-roles/", "static-creds/"];
        if call.entry.mount_type.raw() != "database"
            || call.entry.error.is_some()
            || !is_static.iter().any(|head| call.inner.starts_with(head))
        {
            return;
        }
        let name = |data: &Value| {
            let name = data.get("username")?.as_str()?;
            (!name.is_empty() && !is_hashed(name) && name != MASKED).then(|| Text::from(name))
        };
        let name = name(&call.entry.response_data).or_else(|| name(&call.entry.request_data));
        if let (Some(name), Some(secret)) = (name, &call.secret) {
            let tie = self.0.entry(name).or_insert_with(|| Some(secret.clone()));
            // One user name in two databases: whose login a log line is cannot be known.
            if tie.as_ref().is_some_and(|held| held != secret) {
                *tie = None;
            }
        }
    }
}

fn audit_entry(call: &Call<'_>, note: Note, emit: &mut Emit<'_>) {
    let entry = call.entry;
    let data = AuditEntry {
        actor: call.who.actor.clone(),
        operation: call.operation(),
        path: entry.path.clone(),
        secret: call.secret.clone(),
        version: note.version,
        outcome: call.outcome(),
        remote_addr: entry.remote_address.clone(),
        user_agent: entry.user_agent.clone(),
        error: entry.error.clone(),
        stage: note.stage.filter(|_| call.ending() == Ending::Granted),
    };
    let subject = call.secret.as_ref().map_or(&entry.path, |secret| &secret.0);
    let (id, subject) = (call.entry_id(), subject.clone());
    emit.maybe_of(note.rotation.as_ref(), id, call.answered, subject, data);
}
