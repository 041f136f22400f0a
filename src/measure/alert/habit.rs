//! Habits that hurt sooner or later: a secret that is read again and again by those who have it
//! (a refresh storm), and one that is rotated before its last rotation has come to rest.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::incident::Incident;
use crate::model::event::{AuditEntry, AuditOutcome, Operation, Trigger};
use crate::model::{Actor, Data, Event, RotationId, SecretPath, Timestamp};

/// Which habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Excess {
    /// It is read far more often than its readers need.
    RefreshStorm,
    /// It is rotated before the last rotation has come to rest.
    Cadence,
}

impl Excess {
    /// Its name in a key.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RefreshStorm => "refresh-storm",
            Self::Cadence => "cadence",
        }
    }

    /// What it is, for a person.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::RefreshStorm => "refresh storm: its readers fetch it again and again",
            Self::Cadence => {
                "too aggressive cadence: rotated before the last rotation came to rest"
            }
        }
    }
}

/// A storm is so many reads in a minute, at least,
const READS: u64 = 60;
/// and so many by each reader on average, since a fleet that starts reads often, but once each,
const READS_EACH: u64 = 6;
/// for so many minutes in a row.
const MINUTES: i64 = 3;

/// So many scheduled rotations in a row that began before the one before came to rest.
const HASTY: usize = 3;

/// The reads of one secret in the minute that goes on.
#[derive(Clone, Debug, Default)]
struct Reads {
    minute: i64,
    count: u64,
    readers: BTreeSet<Actor>,
    /// Stormy minutes in a row up to the one before, and when the first of them began.
    stormy: i64,
    since: Option<Timestamp>,
}

impl Reads {
    fn is_stormy(&self) -> bool {
        let readers = u64::try_from(self.readers.len()).unwrap_or(u64::MAX);
        self.count >= READS && self.count >= readers.saturating_mul(READS_EACH)
    }

    /// The minute is over.
    fn turn(&mut self, minute: i64) {
        if minute <= self.minute {
            return;
        }
        let next = minute == self.minute + 1;
        if self.is_stormy() {
            self.since = self.since.or(Some(Timestamp::new(self.minute * 60, 0)));
            self.stormy += 1;
        }
        if !self.is_stormy() || !next {
            (self.stormy, self.since) = (0, None);
        }
        (self.minute, self.count) = (minute, 0);
        self.readers.clear();
    }
}

/// What is watched.
#[derive(Clone, Debug, Default)]
pub(super) struct Habits {
    reads: HashMap<SecretPath, Reads>,
    hasty: HashMap<SecretPath, (RotationId, usize)>,
    /// What goes on now, and since when.
    standing: BTreeMap<(Excess, SecretPath), Timestamp>,
}

impl Habits {
    /// Looks at an event that has just been taken into the incident; true where a habit began or
    /// ended.
    pub(super) fn observe(&mut self, event: &Event, incident: &Incident) -> bool {
        match &event.data {
            Data::AuditEntry(entry) => self.read(event.time, entry),
            Data::RotationStarted(data) if data.trigger == Some(Trigger::Schedule) => {
                let id = event.rotation.clone();
                let id = id.or_else(|| event.subject.clone().map(RotationId));
                id.is_some_and(|id| self.started(event.time, &data.secret, id, incident))
            }
            _ => false,
        }
    }

    /// A storm is over with the first minute that is none; time alone ends it.
    pub(super) fn pass(&mut self, now: Timestamp) -> bool {
        let minute = now.seconds().div_euclid(60);
        let mut changed = false;
        let stormy: Vec<SecretPath> = self
            .standing
            .keys()
            .filter(|(excess, _)| *excess == Excess::RefreshStorm)
            .map(|(_, secret)| secret.clone())
            .collect();
        for secret in stormy {
            if let Some(reads) = self.reads.get_mut(&secret) {
                reads.turn(minute);
                changed |= self.settle(&secret);
            }
        }
        changed
    }

    /// What goes on, and since when.
    pub(super) fn standing(&self) -> impl Iterator<Item = (&(Excess, SecretPath), &Timestamp)> {
        self.standing.iter()
    }

    fn read(&mut self, at: Timestamp, entry: &AuditEntry) -> bool {
        let (Some(secret), Operation::Read, AuditOutcome::Allowed) =
            (&entry.secret, &entry.operation, &entry.outcome)
        else {
            return false;
        };
        let reads = self.reads.entry(secret.clone()).or_default();
        reads.turn(at.seconds().div_euclid(60));
        reads.count += 1;
        if !reads.readers.contains(&entry.actor) {
            reads.readers.insert(entry.actor.clone());
        }
        self.settle(secret)
    }

    fn settle(&mut self, secret: &SecretPath) -> bool {
        let Some(reads) = self.reads.get(secret) else {
            return false;
        };
        let key = (Excess::RefreshStorm, secret.clone());
        match reads.since.filter(|_| reads.stormy >= MINUTES) {
            Some(since) => self.standing.insert(key, since).is_none(),
            None => self.standing.remove(&key).is_some(),
        }
    }

    /// A scheduled rotation began: had the one before come to rest?
    fn started(
        &mut self,
        at: Timestamp,
        secret: &SecretPath,
        id: RotationId,
        incident: &Incident,
    ) -> bool {
        let (last, hasty) = match self.hasty.get(secret) {
            Some((last, _)) if *last == id => return false,
            Some((last, hasty)) => (incident.rotation(last), *hasty),
            None => (None, 0),
        };
        let restless = last.is_some_and(|last| {
            let ended = last.ended.as_ref().is_some_and(|ended| ended.at <= at);
            let grace = last.grace.as_ref().is_some_and(|grace| grace.ends_at > at);
            last.started_at <= at && (!ended || grace && last.revoked_at.is_none())
        });
        let hasty = if restless { hasty + 1 } else { 0 };
        self.hasty.insert(secret.clone(), (id, hasty));
        let key = (Excess::Cadence, secret.clone());
        if hasty >= HASTY {
            self.standing.insert(key, at).is_none()
        } else {
            self.standing.remove(&key).is_some()
        }
    }
}
