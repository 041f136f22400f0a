//! M10, audit completeness: of the completed stages that an audit entry belongs to, the share
//! whose entry is there. Same rules as F8:
//!
//! 1. No entry is expected where the rotation or the stage says `audit_expected: false`, of a
//!    rotation whose secret is unknown, or where no source ever wrote an entry for a stage.
//! 2. A stage of a rotation wants as many entries as the source that tells most of its completions
//!    tells: region by region each has its own, two sources tell of the same ones. The first
//!    completions have their entries first.
//! 3. An entry belongs to the rotation that it names; one that names none that is known belongs to
//!    the rotation of its secret and version. A late one counts: it is there.
//! 4. A completion without entry counts once it is older than 60 s, unless a source that writes
//!    the rotation's entries (where nobody does: any that writes entries) was not connected at
//!    some moment of those 60 s. What happened while nobody looked cannot be known.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Facts, Told};
use super::ledger::Ledger;
use super::sheet::Sheet;
use super::summary::{Case, Part};
use crate::incident::EventRef;
use crate::model::event::{Stage, StageStatus};
use crate::model::{Source, Span, Timestamp};

/// An entry may come so late.
const PATIENCE: Span = Span::seconds(60);

/// The entries of one rotation: how many of each stage, and who wrote them.
#[derive(Debug, Default)]
struct Trail<'a> {
    stages: BTreeMap<&'a Stage, usize>,
    writers: BTreeSet<&'a Source>,
}

/// Notes completed stages; one without its entry is bad.
pub(super) fn note(facts: &Facts<'_>, sheet: &mut Sheet) {
    let mut trails: BTreeMap<usize, Trail<'_>> = BTreeMap::new();
    let mut writers: BTreeSet<&Source> = BTreeSet::new();
    for (event, entry) in &facts.ledger.entries {
        writers.insert(&event.source);
        let named = entry.rotation.as_ref().and_then(|id| facts.place(id));
        let version = entry.secret.as_ref().zip(entry.version.as_ref());
        let of = named
            .filter(|at| {
                let named = facts.rotations.get(*at);
                named.is_some_and(|told| told.rotation.secret.is_some())
            })
            .or_else(|| version.and_then(|(secret, version)| facts.bringing(secret, version)));
        if let Some(of) = of {
            let trail = trails.entry(of).or_default();
            *trail.stages.entry(&entry.stage).or_default() += 1;
            trail.writers.insert(&event.source);
        }
    }
    if writers.is_empty() {
        return;
    }
    let nothing = Trail::default();
    for (at, told) in facts.rotations.iter().enumerate() {
        if told.rotation.secret.is_none() || !told.rotation.audit_expected {
            continue;
        }
        let trail = trails.get(&at).unwrap_or(&nothing);
        let eyes = if trail.writers.is_empty() {
            &writers
        } else {
            &trail.writers
        };
        for (stage, done) in completions(told) {
            let entries = trail.stages.get(stage).copied().unwrap_or(0);
            sheet.rests_on(at, Part::Audit, entries);
            for (nth, event) in done.into_iter().enumerate() {
                let good = nth < entries;
                if good || is_missing(facts.ledger, eyes, event.time, facts.now) {
                    let case = Case::Counted {
                        at: event.time,
                        good: u32::from(good),
                        bad: u32::from(!good),
                    };
                    // A missing entry is known to be missing as surely as one that is there.
                    sheet.rests_on(at, Part::Audit, 1);
                    sheet.add(at, Part::Audit, case);
                }
            }
        }
    }
}

/// The completions of each stage that want an entry, as the source with the most tells them; of
/// several with as many, the last in the alphabet.
fn completions<'a>(told: &Told<'a>) -> BTreeMap<&'a Stage, Vec<&'a EventRef>> {
    let mut stages: BTreeMap<&Stage, BTreeMap<&Source, Vec<&EventRef>>> = BTreeMap::new();
    for (event, word) in &told.stages {
        if word.status == StageStatus::Completed && word.audit_expected != Some(false) {
            let sources = stages.entry(&word.stage).or_default();
            sources.entry(&event.source).or_default().push(event);
        }
    }
    let most = |sources: BTreeMap<_, Vec<_>>| sources.into_values().max_by_key(Vec::len);
    let most = |(stage, sources)| (stage, most(sources).unwrap_or_default());
    stages.into_iter().map(most).collect()
}

fn is_missing(ledger: &Ledger, eyes: &BTreeSet<&Source>, done: Timestamp, now: Timestamp) -> bool {
    let until = done + PATIENCE;
    now > until
        && eyes
            .iter()
            .all(|eye| was_connected(ledger, eye, done, until))
}

/// True where a source was connected from one moment to another, both counted. One of which
/// nothing was told is taken for connected: its events came.
fn was_connected(ledger: &Ledger, source: &Source, from: Timestamp, until: Timestamp) -> bool {
    let Some(told) = ledger.connected.get(source) else {
        return true;
    };
    let mut before = true;
    for (event, is) in told {
        if event.time > until {
            break;
        }
        if event.time >= from && !is {
            return false;
        }
        if event.time <= from {
            before = *is;
        }
    }
    before
}
