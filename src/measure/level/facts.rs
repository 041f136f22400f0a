//! All that the levels of one moment are worked out from, with what several of them need.

use std::collections::{BTreeMap, HashMap};

use super::ledger::{Ledger, StageWord};
use crate::incident::{EventRef, Incident, Rotation};
use crate::model::event::{Outcome, Stage, StageStatus};
use crate::model::{Region, RotationId, SecretPath, ServiceName, Timestamp, Version};

/// What a failure was about, of those that a level looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A service was refused: F1, F4, F7, or a spike that no rotation explains. `attributed` is
    /// false for the last.
    Refused {
        /// True where a rotation is the cause.
        attributed: bool,
    },
    /// Consumers stayed behind or could not work with the new version: F2, F6.
    Consumers,
    /// A secret leaked: F5.
    Leak,
    /// Nobody was refused by it: F3, F8.
    Other,
}

impl Trouble {
    /// What a mode of this name is about.
    #[must_use]
    pub fn of(mode: &str) -> Self {
        match mode {
            "F1" | "F4" | "F7" => Self::Refused { attributed: true },
            "F2" | "F6" => Self::Consumers,
            "F5" => Self::Leak,
            "F3" | "F8" => Self::Other,
            _ => Self::Refused { attributed: false },
        }
    }
}

/// The failure modes' names, as findings have them.
pub const MODES: [&str; 9] = [
    "F1",
    "F2",
    "F3",
    "F4",
    "F5",
    "F6",
    "F7",
    "F8",
    "unattributed",
];

/// A finding as the levels see it: what, of whom, from when until when.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// Which failure mode, one of [`MODES`].
    pub mode: &'static str,
    /// What it was about.
    pub trouble: Trouble,
    /// The secret, where known.
    pub secret: Option<SecretPath>,
    /// Who suffers.
    pub services: Vec<ServiceName>,
    /// Where; empty is everywhere.
    pub regions: Vec<Region>,
    /// When the evidence was complete.
    pub detected_at: Timestamp,
    /// When it healed; `None` while it has not.
    pub resolved_at: Option<Timestamp>,
}

/// A rotation, and what was told of its stages.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) rotation: &'a Rotation,
    pub(super) stages: Vec<(&'a EventRef, &'a StageWord)>,
}

/// Everything, up to `now`.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) episodes: &'a [Episode],
    pub(super) rotations: Vec<Told<'a>>,
    by_id: HashMap<&'a RotationId, usize>,
    bringing: HashMap<(&'a SecretPath, &'a Version), usize>,
    pub(super) now: Timestamp,
}

impl<'a> Facts<'a> {
    /// Sorts everything under the rotation it belongs to.
    pub(super) fn new(
        incident: &'a Incident,
        ledger: &'a Ledger,
        episodes: &'a [Episode],
        now: Timestamp,
    ) -> Self {
        let mut rotations: Vec<Told<'a>> = Vec::new();
        let mut by_id = HashMap::new();
        let mut bringing: HashMap<(&SecretPath, &Version), usize> = HashMap::new();
        let mut in_order: Vec<&Rotation> = incident.rotations().collect();
        in_order.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        for rotation in in_order {
            let at = rotations.len();
            for id in std::iter::once(&rotation.id).chain(&rotation.aliases) {
                by_id.insert(id, at);
            }
            if let (Some(secret), Some(version)) = (&rotation.secret, &rotation.to_version) {
                bringing.entry((secret, version)).or_insert(at);
            }
            rotations.push(Told {
                rotation,
                stages: Vec::new(),
            });
        }
        for (event, word) in &ledger.stages {
            let of = by_id.get(&word.rotation);
            if let Some(told) = of.and_then(|at| rotations.get_mut(*at)) {
                told.stages.push((event, word));
            }
        }
        Self {
            ledger,
            episodes,
            rotations,
            by_id,
            bringing,
            now,
        }
    }

    /// Where the rotation under this id, or alias, stands in [`Self::rotations`].
    pub(super) fn place(&self, id: &RotationId) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Where the first rotation that brings this version stands. A later one that brings the same
    /// is a second try; its consumers are counted already.
    pub(super) fn bringing(&self, secret: &SecretPath, version: &Version) -> Option<usize> {
        self.bringing.get(&(secret, version)).copied()
    }

    /// The rotation of a secret that began before this one.
    pub(super) fn before(&self, rotation: &Rotation) -> Option<&'a Rotation> {
        let earlier = self.rotations.iter().map(|told| told.rotation);
        let earlier = earlier.take_while(|other| other.id != rotation.id);
        let same = earlier.filter(|other| other.secret == rotation.secret);
        same.last()
    }
}

impl Told<'_> {
    /// When a stage was first completed.
    pub(super) fn first_done(&self, stage: &Stage) -> Option<Timestamp> {
        let done = |word: &StageWord| word.stage == *stage && word.status == StageStatus::Completed;
        let mut done = self.stages.iter().filter(|(_, word)| done(word));
        done.next().map(|(event, _)| event.time)
    }

    /// When the old version was revoked everywhere:
    ///
    /// 1. a region whose last word about the revocation is `skipped` had none, or had it taken
    ///    back: in the second case the old version is not revoked;
    /// 2. a word about all regions that says it is done speaks for those that said nothing more;
    /// 3. else every region that was told of must have completed it;
    /// 4. the moment is that of the last first completion.
    pub(super) fn fully_revoked(&self) -> Option<Timestamp> {
        let words = self
            .stages
            .iter()
            .filter(|(_, word)| word.stage == Stage::Revoke);
        let mut regions: BTreeMap<Option<&Region>, Revoked> = BTreeMap::new();
        for (event, word) in words {
            let region = regions.entry(word.region.as_ref()).or_default();
            region.skipped = word.status == StageStatus::Skipped;
            if word.status == StageStatus::Completed {
                region.done = region.done.or(Some(event.time));
            }
        }
        if regions.values().any(|r| r.skipped && r.done.is_some()) {
            return None;
        }
        let whole = regions.get(&None).copied().unwrap_or_default();
        let named = regions.iter().filter(|(region, _)| region.is_some());
        let asked: Vec<&Revoked> = named.map(|(_, r)| r).filter(|r| !r.skipped).collect();
        if whole.done.is_none() && asked.iter().any(|r| r.done.is_none()) {
            return None;
        }
        let done = asked.iter().filter_map(|r| r.done);
        done.chain(whole.done).max()
    }

    /// True where a revocation of the old version was promised, so that it is missed.
    pub(super) fn promises_revocation(&self) -> bool {
        let rotation = self.rotation;
        rotation.grace.is_some()
            || rotation.grace_period.is_some()
            || self
                .stages
                .iter()
                .any(|(_, word)| word.stage == Stage::Revoke)
    }

    /// True where it ended otherwise than as a success: nothing more is to come of it.
    pub(super) fn was_given_up(&self) -> bool {
        let ended = self.rotation.ended.as_ref();
        ended.is_some_and(|ended| ended.outcome != Outcome::Succeeded)
    }
}

/// The revocation in one region.
#[derive(Clone, Copy, Debug, Default)]
struct Revoked {
    done: Option<Timestamp>,
    skipped: bool,
}

/// Microseconds from one moment to a later one; 0 where clocks have it the other way round.
pub(super) fn micros(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.since(from).as_micros()).unwrap_or(0)
}
