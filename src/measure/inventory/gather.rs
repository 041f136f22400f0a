//! What an incident tells of each secret.
//!
//! 1. The version in force is that of the latest rotation which succeeded or reached its cutover
//!    and was not taken back, since its cutover (else its end); or was stored for whoever reads it,
//!    where none of its rotations ever told of handing one out. Where no rotation tells, it is the one that most
//!    consumers were seen on, at least since the first of them was.
//! 2. The cadence is what the latest rotation told; else the median of the times between the
//!    beginnings of at least [`ROTATIONS_FOR_A_CADENCE`] rotations that put a version in force. Emergencies and
//!    what a person started by hand are no cadence.
//! 3. The next rotation is due a cadence after the beginning of the latest one that put a version
//!    in force. It is overdue from a tenth of the cadence later on, where the cadence was only
//!    seen from half of it; while one runs none is.
//! 4. A reader is hidden where no identity and no name of a consumer of the secret is theirs, no
//!    act of theirs on it is recorded, they asked for none of its rotations and put no version of it there,
//!    and some other reader could be matched. A hashed name can be nobody's.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ahash::RandomState;

use super::super::cadence::{always_behind, median};
use super::{Behind, Cadence, Hidden, Item, Last, ROTATIONS_FOR_A_CADENCE, Since, Used};
use crate::incident::{Cache, Consumer, Incident, Rotation, Use, is_hashed};
use crate::model::event::{ConsumerState, Operation, Outcome, Stage, StageStatus, Trigger};
use crate::model::{Actor, RotationId, SecretPath, Span, Text, Timestamp, Version};

/// Fixed, so that equal things have equal numbers.
const HASHING: RandomState = RandomState::with_seeds(0x1e, 0xa5, 0x0c, 0x77);

/// What is told of all secrets together and looked up for each.
pub(super) struct Around<'a> {
    incident: &'a Incident,
    now: Timestamp,
    /// Good leases, and when the first ends.
    leases: HashMap<&'a SecretPath, (usize, Option<Timestamp>)>,
    /// The cache that keeps the longest.
    caches: HashMap<&'a SecretPath, &'a Cache>,
    /// What each responder acted on: a rotation's id or a secret.
    acts: HashMap<&'a str, HashSet<&'a str>>,
}

impl<'a> Around<'a> {
    pub(super) fn of(incident: &'a Incident, now: Timestamp) -> Self {
        let mut leases: HashMap<_, (usize, Option<Timestamp>)> = HashMap::new();
        for lease in incident.leases() {
            let ends = lease.seen.expires_at;
            if let Some(secret) = &lease.seen.secret
                && ends.is_none_or(|ends| ends > now)
            {
                let (good, first) = leases.entry(secret).or_default();
                *good += 1;
                let held: Option<Timestamp> = *first;
                *first = held.into_iter().chain(ends).min();
            }
        }
        let mut caches: HashMap<_, &Cache> = HashMap::new();
        for cache in incident.caches() {
            if let Some(secret) = &cache.sample.secret {
                let held = caches.entry(secret).or_insert(cache);
                if oldest(held) < oldest(cache) {
                    *held = cache;
                }
            }
        }
        let mut acts: HashMap<_, HashSet<&str>> = HashMap::new();
        for act in incident.acts() {
            let targets = acts.entry(act.action.actor.raw()).or_default();
            targets.insert(act.action.target.raw());
            targets.extend(act.rotation.iter().map(RotationId::raw));
        }
        Self {
            incident,
            now,
            leases,
            caches,
            acts,
        }
    }

    /// What is told of a secret by other things than its rotations, consumers and uses, as a
    /// number.
    pub(super) fn stamp(&self, secret: &SecretPath) -> u64 {
        let cache = self
            .caches
            .get(secret)
            .map(|cache| (oldest(cache), &cache.sample.service));
        if cache.is_none() && !self.leases.contains_key(secret) {
            return 0;
        }
        HASHING.hash_one((
            self.leases.get(secret),
            cache.map(|(o, s)| (o.as_micros(), s)),
        ))
    }

    /// One secret, and the moment from which on time alone makes another item of it.
    pub(super) fn item(&self, secret: &SecretPath) -> (Item, Option<Timestamp>) {
        let rotations: Vec<&Rotation> = self.incident.rotations_of(secret).collect();
        let consumers: Vec<&Consumer> = self.incident.consumers(secret).collect();
        let uses: Vec<&Use> = self.incident.uses(secret).collect();
        let last = rotations.last();
        let stores = stores_only(&rotations);
        let current = rotations.iter().rev().find(|r| took_force(r, stores));
        let latest = |of: fn(&Rotation) -> bool| rotations.iter().rev().find(|r| of(r));
        let cadence = cadence(&rotations, stores);
        let runs = last.is_some_and(|r| runs(r, cadence, self.now, stores));
        let due = current
            .zip(cadence)
            .filter(|_| !runs)
            .map(|(r, cadence)| r.started_at + cadence.every);
        let (version, since) = match current {
            Some(r) => (r.to_version.clone(), Some(in_force(r, stores))),
            None => seen_on(&consumers),
        };
        let (leases, lease_ends) = self.leases.get(secret).copied().unwrap_or_default();
        let overdue_from = due
            .zip(cadence)
            .map(|(due, cadence)| overdue_from(due, cadence));
        let lost_from = last.zip(cadence).filter(|_| runs);
        let lost_from = lost_from.map(|(last, cadence)| last.last_at + cadence.every);
        let until = overdue_from.filter(|from| *from >= self.now).into_iter();
        let until = until.chain(lost_from).min();
        let item = Item {
            secret: secret.clone(),
            kind: latest(|r| r.kind.is_some()).and_then(|r| r.kind.clone()),
            owner: latest(|r| r.owner.is_some()).and_then(|r| r.owner.clone()),
            tier: latest(|r| r.tier.is_some()).and_then(|r| r.tier.clone()),
            version,
            since,
            cadence,
            due,
            overdue: overdue_from
                .filter(|from| *from < self.now)
                .and_then(|_| Some(self.now.since(due?))),
            behind: cadence.and_then(|c| self.behind(secret, c, &consumers)),
            rotations: rotations.len(),
            last: last.map(|r| Last {
                id: r.id.clone(),
                at: r.started_at,
                outcome: r.ended.as_ref().map(|end| end.outcome.clone()),
            }),
            used: used(&uses),
            consumers: consumers.len(),
            services: services(&consumers, last),
            hidden: self.hidden(secret, &rotations, &consumers, &uses),
            leases,
            lease_ends,
        };
        (item, until)
    }

    /// Who keeps what they read, or takes to get it, longer than the cadence.
    fn behind(
        &self,
        secret: &SecretPath,
        cadence: Cadence,
        consumers: &[&Consumer],
    ) -> Option<Behind> {
        let cache = self.caches.get(secret).map(|cache| Behind {
            who: cache.sample.service.0.clone(),
            keeps: oldest(cache),
            cached: true,
        });
        let slowest = consumers
            .iter()
            .filter(|c| matches!(c.state, ConsumerState::InUse | ConsumerState::Validated))
            .filter_map(|c| Some((c.latency?, c)))
            .max_by_key(|(took, _)| *took)
            .map(|(took, c)| Behind {
                who: c.name.0.clone(),
                keeps: took,
                cached: false,
            });
        let worst = cache.into_iter().chain(slowest).max_by_key(|b| b.keeps);
        worst.filter(|behind| always_behind(cadence.every, behind.keeps))
    }

    fn hidden(
        &self,
        secret: &SecretPath,
        rotations: &[&Rotation],
        consumers: &[&Consumer],
        uses: &[&Use],
    ) -> Hidden {
        let readers = uses.iter().filter(|u| u.operation == Operation::Read);
        let readers: Vec<_> = readers.map(|u| &u.actor).collect();
        let mut known: HashSet<&str> = HashSet::new();
        for consumer in consumers {
            known.insert(consumer.name.raw());
            known.extend(consumer.identities.iter().map(Actor::raw));
        }
        // Who puts versions there reads them too, to look whether they arrived.
        let writers = uses.iter().filter(|u| !u.is_use());
        let writers: HashSet<&str> = writers.map(|u| u.actor.raw()).collect();
        // A log-in is matched as well as a read: either shows that names mean something here.
        let matched = uses.iter().any(|u| known.contains(u.actor.raw()));
        if readers.is_empty() && !uses.iter().any(|u| u.is_use()) {
            return Hidden::Known(Vec::new());
        }
        // Where it is only logged in with or signed with, no reading is ever told of.
        if readers.is_empty() || !matched {
            return Hidden::Unknowable(readers.len());
        }
        let forgotten = self.incident.uses_forgotten(secret);
        if forgotten.writers {
            // A writer whom nobody remembers looks like a stranger.
            return Hidden::AtLeast(Vec::new());
        }
        let asked: BTreeSet<&str> = rotations
            .iter()
            .filter_map(|r| Some(r.by.as_ref()?.raw()))
            .collect();
        let acted = |actor: &str| {
            self.acts.get(actor).is_some_and(|targets| {
                let ids = rotations
                    .iter()
                    .flat_map(|r| std::iter::once(&r.id).chain(&r.aliases));
                targets.contains(secret.raw())
                    || ids.into_iter().any(|id| targets.contains(id.raw()))
            })
        };
        let strangers = readers.into_iter().filter(|actor| {
            let name = actor.raw();
            !known.contains(name)
                && !writers.contains(name)
                && !is_hashed(actor)
                && !asked.contains(name)
                && !acted(name)
        });
        let strangers = strangers.cloned().collect();
        if forgotten.readers {
            Hidden::AtLeast(strangers)
        } else {
            Hidden::Known(strangers)
        }
    }
}

/// The moment after which the next rotation is overdue.
fn overdue_from(due: Timestamp, cadence: Cadence) -> Timestamp {
    let share = if cadence.told { 10 } else { 2 };
    due + Span::micros(cadence.every.as_micros() / share)
}

fn oldest(cache: &Cache) -> Span {
    let seconds = cache.sample.oldest_entry_seconds;
    seconds.map_or(Span::ZERO, |s| {
        Span::seconds(i64::try_from(s.0).unwrap_or(i64::MAX / 1_000_000))
    })
}

/// True where a rotation put its version in force and it was left there. One that failed after its
/// cutover or its revocation did too.
fn took_force(rotation: &Rotation, stores: bool) -> bool {
    let in_force = rotation.cutover_at.is_some() || rotation.revoked_at.is_some();
    match rotation.ended.as_ref().map(|end| &end.outcome) {
        Some(Outcome::Succeeded) => true,
        Some(Outcome::RolledBack) => false,
        Some(Outcome::Aborted | Outcome::Failed) => in_force,
        _ => in_force || stored_at(rotation, stores).is_some(),
    }
}

/// True where no rotation of a secret ever told of more than storing: then that puts a version in
/// force. Of one whose others go on, it is only a step.
fn stores_only(rotations: &[&Rotation]) -> bool {
    let went_on = |rotation: &Rotation| {
        let told = |stage: Stage| {
            let view = stage.index().and_then(|at| rotation.stages.get(at));
            view.is_some_and(|view| view.status.is_some())
        };
        told(Stage::Distribute) || told(Stage::Cutover)
    };
    !rotations.iter().any(|rotation| went_on(rotation))
}

/// When a version was stored for whoever reads it: of a secret whose rotations know no more.
fn stored_at(rotation: &Rotation, stores: bool) -> Option<Timestamp> {
    let view = |stage: Stage| rotation.stages.get(stage.index()?);
    let store = view(Stage::Store).filter(|_| stores)?;
    let done = store.status == Some(StageStatus::Completed);
    store.last_at.filter(|_| done)
}

/// True for a rotation that is on its way: of one that nobody has heard of for longer than a
/// cadence the end was lost.
fn runs(rotation: &Rotation, cadence: Option<Cadence>, now: Timestamp, stores: bool) -> bool {
    let heard = now.since(rotation.last_at);
    rotation.is_open() && !took_force(rotation, stores) && cadence.is_none_or(|c| heard < c.every)
}

fn in_force(rotation: &Rotation, stores: bool) -> Since {
    let ended = rotation.ended.as_ref().map(|end| end.at);
    let at = rotation.cutover_at.or(rotation.revoked_at).or(ended);
    let at = at.or_else(|| stored_at(rotation, stores));
    Since {
        at: at.unwrap_or(rotation.started_at),
        exact: true,
    }
}

/// The version that most consumers were seen on, and since when at least.
fn seen_on(consumers: &[&Consumer]) -> (Option<Version>, Option<Since>) {
    let mut votes: BTreeMap<&Version, (usize, Timestamp)> = BTreeMap::new();
    for consumer in consumers {
        let Some(version) = &consumer.version else {
            continue;
        };
        let reached = consumer.reached.iter().find(|(v, _)| v == version);
        let Some((_, at)) = reached else { continue };
        let (n, first) = votes.entry(version).or_insert((0, *at));
        *n += 1;
        *first = (*first).min(*at);
    }
    let most = votes.into_iter().max_by_key(|(_, (n, first))| (*n, *first));
    match most {
        Some((version, (_, at))) => (Some(version.clone()), Some(Since { at, exact: false })),
        None => (None, None),
    }
}

fn cadence(rotations: &[&Rotation], stores: bool) -> Option<Cadence> {
    let mut told = rotations.iter().rev().filter_map(|r| r.cadence);
    if let Some(every) = told.find(|every| *every > Span::ZERO) {
        return Some(Cadence { every, told: true });
    }
    let usual: Vec<Timestamp> = rotations
        .iter()
        .filter(|r| !matches!(r.trigger, Some(Trigger::Emergency | Trigger::Manual)))
        .filter(|r| took_force(r, stores))
        .map(|r| r.started_at)
        .collect();
    if usual.len() < ROTATIONS_FOR_A_CADENCE {
        return None;
    }
    let gaps = usual.iter().zip(usual.iter().skip(1));
    let every = median(gaps.map(|(before, after)| after.since(*before)).collect())?;
    (every > Span::ZERO).then_some(Cadence { every, told: false })
}

fn used(uses: &[&Use]) -> Option<Used> {
    let last = uses
        .iter()
        .filter(|held| held.is_use())
        .max_by_key(|held| &held.last)?;
    Some(Used {
        by: last.actor.clone(),
        operation: last.operation.clone(),
        event: last.last.clone(),
    })
}

fn services(consumers: &[&Consumer], last: Option<&&Rotation>) -> Vec<crate::model::ServiceName> {
    let held = consumers.iter().filter_map(|c| c.service.as_ref());
    let told = last.into_iter().flat_map(|r| &r.services);
    let mut all: Vec<_> = held.chain(told).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().cloned().collect()
}

/// Words that a name is compared by.
pub(super) fn folded(words: &Text) -> String {
    words.raw().to_lowercase()
}
