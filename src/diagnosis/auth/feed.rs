//! Windows as one source tells of them: each region and secret of a service for itself, and all
//! together, round by round.

use std::hash::{BuildHasher, Hash};

use crate::diagnosis::map::Hashing;
use crate::incident::EventRef;
use crate::measure::{Series, Verdict};
use crate::model::{Event, Region, SecretPath, Text, Timestamp};
use hashbrown::HashTable;

/// A window, and who told it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) event: EventRef,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

/// A part's name: signal, region, secret.
#[derive(Clone, Copy, Hash)]
pub(super) struct Key<'a>(
    pub(super) Option<&'a Text>,
    pub(super) Option<&'a Region>,
    pub(super) Option<&'a SecretPath>,
);

/// One series of a source: a region and a secret of a service, or a signal of it.
#[derive(Debug)]
pub(super) struct Part {
    hash: u64,
    pub(super) signal: Option<Text>,
    pub(super) region: Option<Region>,
    pub(super) secret: Option<SecretPath>,
    pub(super) series: Series<Told>,
    pub(super) end: Option<Timestamp>,
    /// The end of its first window.
    pub(super) since: Timestamp,
    /// The round that it was last counted in.
    pub(super) round: Option<u32>,
}

/// What all parts of a source say of one window.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) number: u32,
    pub(super) bad: u64,
    pub(super) total: u64,
    pub(super) parts: usize,
    pub(super) worst: u64,
    pub(super) told: Option<Told>,
}

/// What one source says of one service.
#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) parts: Vec<Part>,
    /// The parts by the hash of their keys.
    find: HashTable<usize>,
    pub(super) whole: Series<Told>,
    pub(super) round: Round,
    /// So many parts are awaited in a round.
    pub(super) usual_parts: usize,
    /// The end of the round before.
    pub(super) closed: Option<Timestamp>,
}

impl Feed {
    fn part(&mut self, key: Key<'_>, end: Timestamp) -> Option<usize> {
        let hash = Hashing.hash_one(key);
        let parts = &mut self.parts;
        let same = |at: &usize| {
            parts.get(*at).is_some_and(|part| {
                part.hash == hash
                    && part.signal.as_ref() == key.0
                    && part.region.as_ref() == key.1
                    && part.secret.as_ref() == key.2
            })
        };
        if let Some(at) = self.find.find(hash, same) {
            return Some(*at);
        }
        let rehash = |at: &usize| parts.get(*at).map_or(0, |part| part.hash);
        self.find.insert_unique(hash, parts.len(), rehash);
        parts.push(Part {
            hash,
            signal: key.0.cloned(),
            region: key.1.cloned(),
            secret: key.2.cloned(),
            series: Series::default(),
            end: None,
            since: end,
            round: None,
        });
        parts.len().checked_sub(1)
    }

    pub(super) fn take(
        &mut self,
        event: &Event,
        key: Key<'_>,
        (start, end): (Timestamp, Timestamp),
        (bad, total): (u64, u64),
    ) -> Verdict {
        let told = || Told {
            event: EventRef::of(event),
            start,
            end,
        };
        let Some(at) = self.part(key, end) else {
            return Verdict::Usual;
        };
        let Some(part) = self.parts.get_mut(at) else {
            return Verdict::Usual;
        };
        // The same window again, or one that overlaps the last by more than half, is no news.
        let length = end.since(start).as_micros();
        if let Some(last) = part.end
            && end.since(last).as_micros() * 2 < length
        {
            return Verdict::Usual;
        }
        part.end = Some(end);
        let verdict = part.series.take(bad, total, told);
        if key.0.is_some() {
            return verdict;
        }
        // One that comes after its round was closed: from now on it is waited for.
        if let Some(closed) = self.closed
            && end.since(closed).as_micros() * 2 < length
        {
            self.usual_parts += 1;
            return verdict;
        }
        let next = part.round == Some(self.round.number)
            || self
                .round
                .told
                .as_ref()
                .is_some_and(|told| end.since(told.end).as_micros() * 2 > length);
        let mut verdicts = [verdict, Verdict::Usual, Verdict::Usual];
        if next {
            verdicts[1] = self.close();
        }
        if let Some(part) = self.parts.get_mut(at) {
            part.round = Some(self.round.number);
        }
        let round = &mut self.round;
        round.bad += bad;
        round.total += total;
        round.parts += 1;
        if round.told.is_none() || bad > round.worst {
            round.worst = bad;
            round.told = Some(told());
        }
        if round.parts == self.usual_parts {
            verdicts[2] = self.close();
        }
        if verdicts.contains(&Verdict::Over) && !verdicts.contains(&Verdict::Running) {
            Verdict::Over
        } else if verdicts.contains(&Verdict::Running) {
            Verdict::Running
        } else {
            Verdict::Usual
        }
    }

    /// All parts of a window are told, or the next has begun.
    pub(super) fn close(&mut self) -> Verdict {
        let fresh = Round {
            number: self.round.number.wrapping_add(1),
            ..Round::default()
        };
        let round = std::mem::replace(&mut self.round, fresh);
        if round.parts == 0 {
            return Verdict::Usual;
        }
        self.usual_parts = round.parts;
        self.closed = round.told.as_ref().map(|told| told.end);
        let Some(told) = round.told else {
            return Verdict::Usual;
        };
        if self.parts.iter().filter(|p| p.signal.is_none()).count() < 2 {
            return Verdict::Usual;
        }
        self.whole.take(round.bad, round.total, || told)
    }
}
