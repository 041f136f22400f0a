//! From native records to events: pure, a file a format. `docs/derivation.md` states every rule
//! and what it cannot know.

mod emit;
mod holders;
mod meaning;
mod told;
mod who;
mod windows;

mod access;
mod azure;
pub(in crate::audit) mod cloudtrail;
mod gcp;
mod journald;
mod kubernetes;
mod postgres;
pub(in crate::audit) mod service;
mod uses;
mod vault;

pub(in crate::audit) use self::vault::{secret_at, secret_of};
pub use self::who::NOBODY;
pub use self::windows::{PATIENCE, WINDOW_SECONDS};

use self::emit::Emit;
use crate::audit::identity::IdentityRules;
use crate::audit::record::{CloudTrailRecord, Item, Merged, PostgresRecord, VaultCall};
use crate::model::{Event, SecretPath, Source, Text, Timestamp};

/// The servers that native logs speak for: a log does not name its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Of Vault audit entries.
    pub vault: Source,
    /// Of PostgreSQL records.
    pub postgres: Source,
    /// Of CloudTrail records.
    pub cloudtrail: Source,
    /// Of Kubernetes audit events.
    pub kubernetes: Source,
    /// Of Google Cloud's audit logs.
    pub gcp: Source,
    /// Of Azure's records.
    pub azure: Source,
    /// Of the journal.
    pub journald: Source,
    /// Of nginx's access log.
    pub nginx: Source,
    /// Of Envoy's access log.
    pub envoy: Source,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            vault: Source::from("/vault"),
            postgres: Source::from("/postgresql"),
            cloudtrail: Source::from("/cloudtrail"),
            kubernetes: Source::from("/kubernetes"),
            gcp: Source::from("/gcp"),
            azure: Source::from("/azure"),
            journald: Source::from("/journald"),
            nginx: Source::from("/nginx"),
            envoy: Source::from("/envoy"),
        }
    }
}

/// Turns merged records into events. Fed in order of time; records a few seconds out of order
/// change nothing.
#[derive(Debug, Default)]
pub struct Derivation {
    rules: IdentityRules,
    sources: Sources,
    vault: vault::Vault,
    postgres: postgres::Postgres,
    cloudtrail: cloudtrail::CloudTrail,
    services: service::Services,
    journald: journald::Journald,
    access: access::Access,
    now: Option<Timestamp>,
}

impl Derivation {
    /// A derivation that has seen nothing.
    #[must_use]
    pub fn new(rules: IdentityRules) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// The same, speaking for other servers.
    #[must_use]
    pub fn speaking_for(mut self, sources: Sources) -> Self {
        self.sources = sources;
        self
    }

    /// Takes one item in and calls `out` for each event that it completes. An event's time may be
    /// earlier than its item's: a counted window ends [`PATIENCE`] before it is told, and an
    /// automatic rotation is told when a read first shows it.
    pub fn feed(&mut self, item: &Merged, out: &mut dyn FnMut(Event)) {
        match &item.item {
            Item::Vault(call) if item.duplicate => {
                let mut emit = Emit {
                    source: &self.sources.vault,
                    out,
                };
                self.vault.teach(call, &self.rules, &mut emit);
            }
            _ if item.duplicate => {}
            Item::Event(event) => out(event.as_ref().clone()),
            Item::Vault(call) => self.vault(call, out),
            Item::Postgres(record, nth) => self.postgres(record, *nth, out),
            Item::CloudTrail(record) => self.cloudtrail(record, out),
            Item::Call(call, nth) => {
                self.pass(call.time, out);
                let source = service::source(&self.sources, call.provider);
                let mut emit = Emit { source, out };
                self.services.call(call, *nth, &self.rules, &mut emit);
            }
            Item::Journal(record, nth) => {
                self.pass(record.time, out);
                let source = &self.sources.journald;
                let mut emit = Emit { source, out };
                self.journald.record(record, *nth, &self.rules, &mut emit);
            }
            Item::Access(record, nth) => {
                self.pass(record.time, out);
                let source = access::source(&self.sources, record.proxy);
                let mut emit = Emit { source, out };
                self.access.record(record, *nth, &self.rules, &mut emit);
            }
        }
    }

    /// The end: tells every window that is still open.
    pub fn finish(&mut self, out: &mut dyn FnMut(Event)) {
        self.vault.finish(&mut Emit {
            source: &self.sources.vault,
            out: &mut *out,
        });
        let tie = |role: &Text| self.vault.tie(role).cloned();
        let mut emit = Emit {
            source: &self.sources.postgres,
            out: &mut *out,
        };
        self.postgres.finish(&tie, &mut emit);
        self.cloudtrail.finish(&mut Emit {
            source: &self.sources.cloudtrail,
            out: emit.out,
        });
        self.services.close(None, &self.sources, out);
        self.journald.close(None, &self.sources.journald, out);
        self.access.close(None, &self.sources, out);
    }

    fn vault(&mut self, call: &VaultCall, out: &mut dyn FnMut(Event)) {
        if let Some(last) = call.last() {
            self.pass(last.time, out);
        }
        let mut emit = Emit {
            source: &self.sources.vault,
            out,
        };
        self.vault.call(call, &self.rules, &mut emit);
    }

    fn postgres(&mut self, record: &PostgresRecord, nth: u32, out: &mut dyn FnMut(Event)) {
        self.pass(record.time, out);
        let tie = |role: &Text| -> Option<SecretPath> { self.vault.tie(role).cloned() };
        let mut emit = Emit {
            source: &self.sources.postgres,
            out,
        };
        self.postgres
            .record(record, nth, &self.rules, &tie, &mut emit);
    }

    fn cloudtrail(&mut self, record: &CloudTrailRecord, out: &mut dyn FnMut(Event)) {
        self.pass(record.time, out);
        self.cloudtrail.take(record, &self.rules);
        // One that comes later than its time is told at once.
        if self.cloudtrail.is_full() || self.now.is_some_and(|now| now > record.time) {
            self.close_cloudtrail(out);
        }
    }

    fn close_cloudtrail(&mut self, out: &mut dyn FnMut(Event)) {
        if let Some(now) = self.now {
            self.cloudtrail.close(
                now,
                &mut Emit {
                    source: &self.sources.cloudtrail,
                    out,
                },
            );
        }
    }

    /// Lets time pass to `time`, if that is later than any before.
    fn pass(&mut self, time: Timestamp, out: &mut dyn FnMut(Event)) {
        if self.now.is_some_and(|now| now >= time) {
            return;
        }
        self.now = Some(time);
        self.vault.close(
            time,
            &mut Emit {
                source: &self.sources.vault,
                out: &mut *out,
            },
        );
        let secret_of = |role: &Text| self.vault.tie(role).cloned();
        let mut emit = Emit {
            source: &self.sources.postgres,
            out: &mut *out,
        };
        self.postgres.close(time, &secret_of, &mut emit);
        self.close_cloudtrail(out);
        self.services.close(Some(time), &self.sources, out);
        self.journald.close(Some(time), &self.sources.journald, out);
        self.access.close(Some(time), &self.sources, out);
    }
}

#[cfg(test)]
mod tests;
