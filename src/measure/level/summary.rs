//! What the levels rest on, day by day, in a form that can be kept, joined and asked again.
//!
//! 1. A case lies in the UTC day of its moment, one that waits in the day since which it waits.
//! 2. Cases of rotations are kept under the rotation. What two tell of the same part of the same
//!    rotation on the same day is never added up: whoever knows more words of it is believed, for
//!    that part as a whole. So it does not matter how often, by whom and in which order a day is
//!    told, and what a rotation was called yesterday goes when it is known today that it ended
//!    otherwise.
//! 3. Minutes are sets, scans and findings lie under what they are: telling them again changes
//!    nothing.
//! 4. The levels of a summary are the levels of the events that it was made of: there is one way
//!    to work them out, and it goes through here.

use std::collections::{BTreeMap, BTreeSet};

use super::day::{Day, Key, to_micros};
use super::facts::Episode;
use super::minutes::Minutes;
use crate::model::event::Outcome;
use crate::model::{Region, SecretPath, ServiceName, Text, Timestamp};

/// The parts that the cases of a rotation fall into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// How it ended: M1 and M8.
    Finish,
    /// Consumers that got to the new version: M2.
    Updates,
    /// Whether they got there within the window: the second part of M2.
    Within,
    /// From the cutover to the revocation: M4.
    Revoke,
    /// From the detection of an emergency to the revocation: the second part of M4.
    Emergency,
    /// What started it: M5.
    Start,
    /// Tries of its stages: M7.
    Tries,
    /// Audit entries of its stages: M10.
    Audit,
}

impl Part {
    /// All, in order.
    pub const ALL: [Self; 8] = [
        Self::Finish,
        Self::Updates,
        Self::Within,
        Self::Revoke,
        Self::Emergency,
        Self::Start,
        Self::Tries,
        Self::Audit,
    ];

    /// Its place in [`Self::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

/// How a rotation ended, of the words that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// As it should.
    Succeeded,
    /// It failed.
    Failed,
    /// It was rolled back.
    RolledBack,
    /// It was given up.
    Aborted,
}

impl End {
    /// All, in order.
    pub const ALL: [Self; 4] = [
        Self::Succeeded,
        Self::Failed,
        Self::RolledBack,
        Self::Aborted,
    ];

    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        match outcome {
            Outcome::Succeeded => Some(Self::Succeeded),
            Outcome::Failed => Some(Self::Failed),
            Outcome::RolledBack => Some(Self::RolledBack),
            Outcome::Aborted => Some(Self::Aborted),
            Outcome::Other(_) => None,
        }
    }
}

/// One case of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Case {
    /// It ended.
    Ended {
        /// When.
        at: Timestamp,
        /// How, by its last word about that.
        end: End,
        /// True where it was ever told to be rolled back.
        back: bool,
    },
    /// So many good and bad cases.
    Counted {
        /// When.
        at: Timestamp,
        /// How many were good.
        good: u32,
        /// How many were bad.
        bad: u32,
    },
    /// Something that was over.
    Took {
        /// When it was over.
        at: Timestamp,
        /// How long it took, in microseconds.
        micros: u64,
    },
    /// Something that is not over.
    Waits {
        /// Since when.
        since: Timestamp,
        /// It waited at this moment still.
        until: Timestamp,
    },
}

impl Case {
    /// True where it is not over.
    #[must_use]
    pub fn waits(&self) -> bool {
        matches!(self, Self::Waits { .. })
    }

    /// The same, its moments to the microsecond.
    pub(super) fn to_micros(mut self) -> Self {
        match &mut self {
            Self::Ended { at, .. } | Self::Counted { at, .. } | Self::Took { at, .. } => {
                *at = to_micros(*at);
            }
            Self::Waits { since, until } => {
                (*since, *until) = (to_micros(*since), to_micros(*until));
            }
        }
        self
    }

    /// The day it is kept under.
    #[must_use]
    pub fn day(&self) -> Day {
        match self {
            Self::Ended { at, .. } | Self::Counted { at, .. } | Self::Took { at, .. } => {
                Day::of(*at)
            }
            Self::Waits { since, .. } => Day::of(*since),
        }
    }
}

/// What is known of a rotation on one day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its secret, where known.
    pub secret: Option<SecretPath>,
    /// On how many words what is told of each part rests, by [`Part::index`]; 0 where nothing is
    /// known of the part. Cases may be none, where what was told belongs to another day.
    pub words: [u32; 8],
    /// How many cases of each part the same telling puts on later days, by [`Part::index`]: two
    /// who know as many words may know a case on either side of midnight, and only one may be
    /// believed, on both days the same.
    pub later: [u32; 8],
    /// Its cases, in order of part, then as they compare.
    pub cases: Vec<(Part, Case)>,
}

impl Record {
    /// The cases of one part.
    pub fn of(&self, part: Part) -> impl Iterator<Item = &Case> {
        let of = self.cases.iter().filter(move |(p, _)| *p == part);
        of.map(|(_, case)| case)
    }

    /// True where anything is known, were it that nothing of it belongs to this day.
    #[must_use]
    pub fn is_told(&self) -> bool {
        !self.cases.is_empty() || self.words.iter().any(|words| *words > 0)
    }

    /// Joins what another knows of the same rotation on the same day: of each part the one that
    /// rests on more words; of as many, the one that puts more on later days, then the one with
    /// more cases, or that waited longer.
    pub fn join(&mut self, other: &Self) {
        self.secret = self.secret.take().or_else(|| other.secret.clone());
        let same = self.words == other.words && self.later == other.later;
        if same && self.cases == other.cases {
            return;
        }
        let mut cases = Vec::with_capacity(self.cases.len().max(other.cases.len()));
        for part in Part::ALL {
            let rank = |of: &Self| {
                let number = |all: &[u32; 8]| all.get(part.index()).copied().unwrap_or(0);
                let cases: Vec<Case> = of.of(part).copied().collect();
                (number(&of.words), number(&of.later), cases.len(), cases)
            };
            let (words, later, _, best) = rank(self).max(rank(other));
            let put = |all: &mut [u32; 8], number| {
                if let Some(held) = all.get_mut(part.index()) {
                    *held = number;
                }
            };
            put(&mut self.words, words);
            put(&mut self.later, later);
            cases.extend(best.into_iter().map(|case| (part, case)));
        }
        self.cases = cases;
    }
}

/// A finding, under the day of its detection.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The finding.
    pub episode: Episode,
    /// Where it has not healed: it stood at this moment still.
    pub until: Timestamp,
}

/// The latest look of a detector at a repository at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Look {
    /// How many scans were completed at that moment.
    pub scans: u32,
    /// How many findings the last of them counted.
    pub findings: u64,
}

/// A repository, and the detector that looked at it.
pub type Scanned = (Text, Text);

/// The minutes of a service's authentications, or of a quota, in a region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched {
    /// Minutes that were counted, as runs from the first to the last, both in it, from the epoch.
    pub all: Vec<(i64, i64)>,
    /// Of a quota, those with throttled calls.
    pub throttled: Vec<(i64, i64)>,
}

/// Under a service's or a quota's name, and a region where one was told.
pub type Place<N> = (N, Option<Region>);

/// One day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DaySummary {
    /// Rotations.
    pub rotations: BTreeMap<Key, Record>,
    /// Findings that were detected that day.
    pub findings: BTreeMap<Key, Seen>,
    /// Minutes in which authentications were counted.
    pub auth: BTreeMap<Place<ServiceName>, Watched>,
    /// Minutes in which calls of a quota were counted.
    pub quotas: BTreeMap<Place<Text>, Watched>,
    /// Scans of repositories.
    pub scans: BTreeMap<(Timestamp, Scanned), Look>,
    /// Confirmed secrets in code: when they were seen, and which.
    pub leaks: BTreeSet<(Timestamp, Key)>,
}

impl DaySummary {
    /// True where nothing is known of the day.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rotations.is_empty()
            && self.findings.is_empty()
            && self.auth.is_empty()
            && self.quotas.is_empty()
            && self.scans.is_empty()
            && self.leaks.is_empty()
    }

    /// True where nothing happened on the day: all that is known is that what somebody told of it
    /// belongs elsewhere.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.rotations
            .values()
            .all(|record| record.cases.is_empty())
            && self.findings.is_empty()
            && self.auth.is_empty()
            && self.quotas.is_empty()
            && self.scans.is_empty()
            && self.leaks.is_empty()
    }

    /// Joins what another tells of the same day. `knows` is from when until when the other looked
    /// at everything, `own` is which findings it told before: one of those that stood then and
    /// that it does not know any more was taken back. What others found is theirs.
    pub fn join(
        &mut self,
        other: &Self,
        knows: Option<(Timestamp, Timestamp)>,
        own: &BTreeSet<Key>,
    ) {
        for (key, record) in &other.rotations {
            self.rotations.entry(*key).or_default().join(record);
        }
        // One without cases stays: a rotation that turned out to be another's alias, or whose
        // cases all lie elsewhere, would be taken in again from the next who knows less.
        self.rotations.retain(|_, record| record.is_told());
        if let Some((from, until)) = knows {
            self.findings.retain(|key, seen| {
                let within = (from..=until).contains(&seen.episode.detected_at);
                let stands = seen.episode.resolved_at.is_none() && seen.until <= until;
                !(within && stands && own.contains(key)) || other.findings.contains_key(key)
            });
        }
        for (key, seen) in &other.findings {
            let held = self.findings.entry(*key).or_insert_with(|| seen.clone());
            join_seen(held, seen);
        }
        join_watched(&mut self.auth, &other.auth);
        join_watched(&mut self.quotas, &other.quotas);
        for (place, look) in &other.scans {
            let held = self.scans.entry(place.clone()).or_default();
            *held = (*held).max(*look);
        }
        self.leaks.extend(other.leaks.iter().copied());
    }
}

/// Healed counts before standing, a later word before an earlier one.
fn join_seen(held: &mut Seen, other: &Seen) {
    let healed = |seen: &Seen| seen.episode.resolved_at.is_some();
    if (healed(other), other.until) > (healed(held), held.until) {
        *held = other.clone();
    }
}

fn join_watched<N: Ord + Clone>(
    held: &mut BTreeMap<Place<N>, Watched>,
    other: &BTreeMap<Place<N>, Watched>,
) {
    for (place, watched) in other {
        match held.get_mut(place) {
            None => {
                held.insert(place.clone(), watched.clone());
            }
            Some(held) if held == watched => {}
            Some(held) => {
                held.all = joined(&held.all, &watched.all);
                held.throttled = joined(&held.throttled, &watched.throttled);
            }
        }
    }
}

fn joined(a: &[(i64, i64)], b: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut minutes = Minutes::default();
    for (first, last) in a.iter().chain(b) {
        minutes.add(*first, (*last).max(*first));
    }
    minutes.runs().collect()
}

/// Whose a secret is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Who answers for it.
    pub owner: Option<Text>,
    /// Its kind, in the contract's word.
    pub kind: Option<Text>,
    /// Its tier, in the contract's word.
    pub tier: Option<Text>,
}

/// Days, and what is the same on all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The days on which anything happened.
    pub days: BTreeMap<Day, DaySummary>,
    /// Detectors that tell their findings one by one.
    pub tellers: BTreeSet<Text>,
    /// Secrets, and whose they are.
    pub secrets: BTreeMap<SecretPath, About>,
    /// From when until when everything was looked at; `None` where that is not known.
    pub knows: Option<(Timestamp, Timestamp)>,
}

impl Summary {
    /// Joins another; days are joined one by one. No finding is taken back.
    pub fn join(&mut self, other: &Self) {
        let none = BTreeSet::new();
        for (day, told) in &other.days {
            self.days.entry(*day).or_default().join(told, None, &none);
        }
        self.days.retain(|_, day| !day.is_empty());
        self.tellers.extend(other.tellers.iter().cloned());
        for (secret, about) in &other.secrets {
            self.secrets.insert(secret.clone(), about.clone());
        }
    }
}
