//! Leases: issued with a credential of a dynamic role, renewed, revoked.
//!
//! How long a lease lives is not audited, so `expires_at` is known only once it is over. A
//! revocation by prefix ends every lease of that prefix that the log has shown.

use std::collections::{BTreeMap, VecDeque};

use super::call::{Call, Note, secret_of_lease};
use crate::audit::derive::emit::Emit;
use crate::model::event::{LeaseObserved, Stage};
use crate::model::{ConsumerId, LeaseId, Text, Timestamp};

/// How many leases are remembered; the oldest are forgotten first.
const REMEMBERED: usize = 131_072;

/// What is known of leases.
#[derive(Debug, Default)]
pub struct Leases {
    known: BTreeMap<Text, Held>,
    order: VecDeque<Text>,
}

#[derive(Clone, Debug)]
struct Held {
    consumer: Option<ConsumerId>,
    issued: Option<Timestamp>,
}

impl Leases {
    /// Looks at any call: leases come with the credentials of many engines.
    pub fn call(&mut self, call: &Call<'_>, emit: &mut Emit<'_>) -> Note {
        if !call.is_done() {
            return Note::default();
        }
        let path = call.entry.path.raw();
        if let Some((_, act)) = path.split_once("sys/leases/") {
            return self.act(call, act, emit);
        }
        if call.entry.operation.raw() == "revoke" {
            return self.revoke(call, path, false, emit);
        }
        if let Some(lease) = &call.entry.lease_id {
            self.issued(call, lease, emit);
        }
        Note::default()
    }

    fn issued(&mut self, call: &Call<'_>, lease: &Text, emit: &mut Emit<'_>) {
        let held = Held {
            consumer: call.who.consumer.clone(),
            issued: Some(call.answered),
        };
        emit_lease(call, lease, &held, None, emit);
        self.remember(lease, held);
    }

    fn remember(&mut self, lease: &Text, held: Held) {
        if self.known.insert(lease.clone(), held).is_none() {
            self.order.push_back(lease.clone());
        }
        while self.known.len() > REMEMBERED {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            self.known.remove(&oldest);
        }
    }

    fn act(&mut self, call: &Call<'_>, act: &str, emit: &mut Emit<'_>) -> Note {
        let (verb, named) = act.split_once('/').unwrap_or((act, ""));
        let said = call
            .entry
            .request_data
            .get("lease_id")
            .and_then(|id| id.as_str());
        match verb {
            "renew" => {
                if let Some(lease) = &call.entry.lease_id {
                    let held = self.known.get(lease).cloned().unwrap_or(Held {
                        consumer: call.who.consumer.clone(),
                        issued: None,
                    });
                    emit_lease(call, lease, &held, None, emit);
                    if held.issued.is_none() {
                        self.remember(lease, held);
                    }
                }
                Note::default()
            }
            "revoke" => self.revoke(call, said.unwrap_or(named), false, emit),
            "revoke-prefix" | "revoke-force" => self.revoke(call, named, true, emit),
            _ => Note::default(),
        }
    }

    fn revoke(&mut self, call: &Call<'_>, named: &str, prefix: bool, emit: &mut Emit<'_>) -> Note {
        let note = Note {
            stage: Some(Stage::Revoke),
            ..Note::default()
        };
        if named.is_empty() {
            return note;
        }
        let fits = |lease: &str| {
            let rest = lease.strip_prefix(named);
            rest.is_some_and(|rest| {
                rest.is_empty() || prefix && (named.ends_with('/') || rest.starts_with('/'))
            })
        };
        let ended: Vec<Text> = self
            .known
            .range(Text::from(named)..)
            .map(|(lease, _)| lease)
            .take_while(|lease| lease.raw().starts_with(named))
            .filter(|lease| fits(lease.raw()))
            .cloned()
            .collect();
        for lease in ended {
            if let Some(held) = self.known.remove(&lease) {
                emit_lease(call, &lease, &held, Some(call.answered), emit);
            }
        }
        note
    }
}

fn emit_lease(
    call: &Call<'_>,
    lease: &Text,
    held: &Held,
    ended: Option<Timestamp>,
    emit: &mut Emit<'_>,
) {
    let data = LeaseObserved {
        lease: LeaseId(lease.clone()),
        secret: Some(secret_of_lease(lease.raw())),
        consumer: held.consumer.clone(),
        issued_at: held.issued,
        expires_at: ended,
        renewable: None,
    };
    let id = call.id(&format!("lease/{}", lease.raw()));
    emit.event(id, call.answered, lease.clone(), data);
}
