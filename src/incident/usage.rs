//! Who was allowed to use a secret, and when last: what an inventory needs of the audit stream
//! and the latest lines of it do not hold.

use super::store::{Row, Store, Words};
use super::view::EventRef;
use crate::model::event::{AuditEntry, AuditOutcome, Operation};
use crate::model::{Actor, Event, SecretPath};

/// The most readers kept of one secret; the latest stay.
pub const READERS_KEPT: usize = 256;

/// The most that is kept of one secret, each of another actor or of another kind, of what is no
/// reading; as much again of who puts versions there. The latest stay.
pub const USES_KEPT: usize = 64;

/// That somebody was allowed to read a secret, to log in with it, or to change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    /// Who.
    pub actor: Actor,
    /// What they did.
    pub operation: Operation,
    /// True where that put a version there.
    pub writes: bool,
    /// The last time.
    pub last: EventRef,
}

/// What is kept of a secret's users is kept of each of these by itself: many of one kind push
/// none of another out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pool {
    Reading,
    Using,
    Writing,
}

impl Pool {
    fn room(self) -> usize {
        match self {
            Self::Reading => READERS_KEPT,
            Self::Using | Self::Writing => USES_KEPT,
        }
    }
}

/// Of whom some are no longer known, because there were too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Of those who read the secret.
    pub readers: bool,
    /// Of those who put its versions there.
    pub writers: bool,
    /// Of those who used it otherwise.
    pub others: bool,
}

impl Forgotten {
    fn forgets(&mut self, pool: Pool) {
        match pool {
            Pool::Reading => self.readers = true,
            Pool::Using => self.others = true,
            Pool::Writing => self.writers = true,
        }
    }
}

/// True for an entry that put a version of a secret there. An update alone did not: whoever signs
/// or logs in through a backend updates too.
fn writes(entry: &AuditEntry) -> bool {
    match entry.operation {
        Operation::Create | Operation::Rotate => true,
        Operation::Update => entry.version.is_some() || entry.stage.is_some(),
        _ => false,
    }
}

impl Use {
    fn pool(&self) -> Pool {
        match self.operation {
            _ if self.writes => Pool::Writing,
            Operation::Read => Pool::Reading,
            _ => Pool::Using,
        }
    }

    /// True where the secret was used; who changes it puts versions there for others.
    #[must_use]
    pub fn is_use(&self) -> bool {
        !self.writes
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
    /// By actor, then by operation, then by whether it wrote.
    uses: Vec<Use>,
    forgotten: Forgotten,
}

impl Row<1> for OfSecret {
    fn key(&self) -> Words<'_, 1> {
        [Some(self.secret.raw())]
    }
}

impl OfSecret {
    fn told(&mut self, event: EventRef, entry: &AuditEntry) {
        let writes = writes(entry);
        let place = self.uses.binary_search_by(|held| {
            (&held.actor, &held.operation, held.writes).cmp(&(
                &entry.actor,
                &entry.operation,
                writes,
            ))
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
                let new = Use {
                    actor: entry.actor.clone(),
                    operation: entry.operation.clone(),
                    writes,
                    last: event,
                };
                let pool = new.pool();
                self.uses.insert(at, new);
                if self.uses.len() > pool.room() {
                    self.forget(pool);
                }
            }
        }
    }

    /// Throws the oldest of what is too much away. Whatever the order of arrival the latest stay: one that went
    /// was older than all that stayed, and comes back only by a later word.
    fn forget(&mut self, pool: Pool) {
        let of_pool = || {
            let all = self.uses.iter().enumerate();
            all.filter(|(_, held)| held.pool() == pool)
        };
        if of_pool().count() <= pool.room() {
            return;
        }
        let oldest = of_pool().min_by(|(_, a), (_, b)| a.last.cmp(&b.last));
        if let Some((oldest, _)) = oldest {
            self.uses.remove(oldest);
            self.forgotten.forgets(pool);
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
            forgotten: Forgotten::default(),
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

    /// Of whom of its users some are no longer known.
    pub(super) fn forgotten(&self, secret: &SecretPath) -> Forgotten {
        let row = self.secrets.get([Some(secret.raw())]);
        row.map_or_else(Forgotten::default, |row| row.forgotten)
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
        let mut events: Vec<Event> = (0..300)
            .map(|n| used(n, &format!("actor-{n:03}"), "read", "allowed"))
            .collect();
        events.push(used(400, "actor-000", "read", "allowed"));
        let forward = fold(&events);
        let backward = fold(events.iter().rev());
        assert!(forward.uses(&db()).eq(backward.uses(&db())));
        assert_eq!(forward.uses(&db()).count(), READERS_KEPT);
        assert!(forward.uses(&db()).any(|u| u.actor.raw() == "actor-000"));
        assert!(!forward.uses(&db()).any(|u| u.actor.raw() == "actor-001"));
        for incident in [&forward, &backward] {
            assert!(incident.uses_forgotten(&db()).readers, "it is told");
        }
        assert!(!fold(&events[..READERS_KEPT]).uses_forgotten(&db()).readers);
    }

    #[test]
    fn many_who_log_in_or_write_push_no_reader_out() {
        let mut events = vec![used(0, "stranger", "read", "allowed")];
        for n in 1..=300 {
            events.push(used(n, &format!("lease-{n}"), "login", "allowed"));
            events.push(used(n, &format!("job-{n}"), "create", "allowed"));
        }
        let incident = fold(&events);
        assert!(incident.uses(&db()).any(|u| u.actor.raw() == "stranger"));
        assert_eq!(incident.uses(&db()).count(), 1 + 2 * USES_KEPT);
        let forgotten = incident.uses_forgotten(&db());
        assert!(!forgotten.readers && forgotten.writers && forgotten.others);
    }
}
