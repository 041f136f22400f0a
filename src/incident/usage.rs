//! Who was allowed to use a secret, and when last: what an inventory needs of the audit stream
//! and the latest lines of it do not hold.

use super::store::{Row, Store, Words};
use super::view::EventRef;
use crate::model::event::{AuditEntry, AuditOutcome, Operation};
use crate::model::{Actor, Event, SecretPath};

/// The most uses kept of one secret, each of another actor or of another kind; the latest stay.
pub const USES_KEPT: usize = 64;

/// That somebody was allowed to read a secret, to log in with it, or to change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Who.
    pub actor: Actor,
    /// What they did: [`Self::is_use`] or a change.
    pub operation: Operation,
    /// The last time.
    pub last: EventRef,
}

impl Use {
    /// True where the secret was used; who changes it puts versions there for others.
    #[must_use]
    pub fn is_use(&self) -> bool {
        matches!(self.operation, Operation::Read | Operation::Login)
    }
}

/// True for a name that its backend hashed: nobody can be matched with it.
#[must_use]
pub fn is_hashed(actor: &Actor) -> bool {
    actor.raw().starts_with("hmac-")
}

/// All uses.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    secrets: Store<OfSecret, 1>,
}

#[derive(Clone, Debug, PartialEq)]
struct OfSecret {
    secret: SecretPath,
    /// By actor, then by operation.
    uses: Vec<Use>,
}

impl Row<1> for OfSecret {
    fn key(&self) -> Words<'_, 1> {
        [Some(self.secret.raw())]
    }
}

impl OfSecret {
    fn told(&mut self, event: EventRef, entry: &AuditEntry) {
        let place = self.uses.binary_search_by(|held| {
            (&held.actor, &held.operation).cmp(&(&entry.actor, &entry.operation))
        });
        match place {
            Ok(at) => {
                if let Some(held) = self.uses.get_mut(at)
                    && held.last < event
                {
                    held.last = event;
                }
            }
            Err(at) => {
                self.uses.insert(
                    at,
                    Use {
                        actor: entry.actor.clone(),
                        operation: entry.operation.clone(),
                        last: event,
                    },
                );
                if self.uses.len() > USES_KEPT {
                    self.forget();
                }
            }
        }
    }

    /// Throws the oldest use away. Whatever the order of arrival the latest stay: one that went
    /// was older than all that stayed, and comes back only by a later word.
    fn forget(&mut self) {
        let oldest =
            (0..self.uses.len()).min_by_key(|at| self.uses.get(*at).map(|held| &held.last));
        if let Some(oldest) = oldest {
            self.uses.remove(oldest);
        }
    }
}

impl Usage {
    /// Takes an audit entry in.
    pub(super) fn told(&mut self, event: &Event, entry: &AuditEntry) {
        let Some(secret) = &entry.secret else { return };
        let counts = matches!(
            entry.operation,
            Operation::Read
                | Operation::Login
                | Operation::Create
                | Operation::Update
                | Operation::Rotate
        );
        if entry.outcome != AuditOutcome::Allowed || !counts {
            return;
        }
        let row = self.secrets.row([Some(secret.raw())], || OfSecret {
            secret: secret.clone(),
            uses: Vec::new(),
        });
        if let Some(row) = row {
            row.told(EventRef::of(event), entry);
        }
    }

    /// The uses of a secret.
    pub(super) fn of(&self, secret: &SecretPath) -> impl Iterator<Item = &Use> {
        let row = self.secrets.get([Some(secret.raw())]);
        row.into_iter().flat_map(|row| &row.uses)
    }

    /// Where what is known of a secret lies in memory; 0 where nothing is.
    pub(super) fn place(&self, secret: &SecretPath) -> usize {
        let row = self.secrets.get([Some(secret.raw())]);
        row.map_or(0, |row| std::ptr::from_ref(row).addr())
    }

    /// Every secret that was used, by name.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretPath> {
        self.secrets.iter().map(|row| &row.secret)
    }

    /// Everything, for comparing.
    pub(super) fn all(&self) -> impl Iterator<Item = (&SecretPath, &Use)> {
        self.secrets
            .iter()
            .flat_map(|row| row.uses.iter().map(|used| (&row.secret, used)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::incident::testing::{at, db, event, fold};

    fn used(seconds: i64, actor: &str, operation: &str, outcome: &str) -> Event {
        let data = json!({"actor": actor, "operation": operation, "path": "p", "secret": "db",
            "outcome": outcome});
        let id = format!("{seconds}-{actor}-{operation}");
        event("/vault", &id, seconds, "audit.entry", &data)
    }

    #[test]
    fn the_last_use_counts_and_only_what_was_allowed() {
        let events = [
            used(5, "a", "read", "allowed"),
            used(1, "a", "read", "allowed"),
            used(9, "a", "read", "denied"),
            used(7, "a", "list", "allowed"),
            used(3, "b", "login", "allowed"),
        ];
        let incident = fold(&events);
        let uses: Vec<_> = incident
            .uses(&db())
            .map(|u| (u.actor.raw(), u.operation.clone(), u.last.time))
            .collect();
        let (read, login) = (Operation::Read, Operation::Login);
        assert_eq!(uses, [("a", read, at(5)), ("b", login, at(3))]);
        assert!(incident.secrets().contains(&&db()));
    }

    #[test]
    fn the_latest_uses_are_kept_whatever_the_order_of_arrival() {
        let mut events: Vec<Event> = (0..100)
            .map(|n| used(n, &format!("actor-{n:03}"), "read", "allowed"))
            .collect();
        events.push(used(200, "actor-000", "read", "allowed"));
        let forward = fold(&events);
        let backward = fold(events.iter().rev());
        assert!(forward.uses(&db()).eq(backward.uses(&db())));
        assert_eq!(forward.uses(&db()).count(), USES_KEPT);
        assert!(forward.uses(&db()).any(|u| u.actor.raw() == "actor-000"));
        assert!(!forward.uses(&db()).any(|u| u.actor.raw() == "actor-001"));
    }
}
