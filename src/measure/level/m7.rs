//! M7, rate-limit events: of the tries of stages and the minutes of quotas, the share that was
//! rate-limited.
//!
//! 1. A try is a stage that was completed or failed, once for each word of one source; of several
//!    sources that tell of the same stage of the same rotation in the same region, the one with
//!    the most words speaks. It is bad where its error says that it was throttled
//!    ([`crate::measure::throttling`]).
//! 2. A minute of a quota is watched where a sample's window touches it, and bad where a sample
//!    with throttled calls does.

use std::collections::BTreeMap;

use super::facts::Facts;
use super::ledger::StageWord;
use super::marks::Marks;
use super::minutes::{Counts, begins, minutes_of};
use super::sheet::Sheet;
use super::summary::{Case, Part, Watched};
use crate::incident::EventRef;
use crate::model::event::{Stage, StageStatus};
use crate::model::{Region, Source};

type Tries<'a> = Vec<(&'a EventRef, &'a StageWord)>;

/// Notes the tries of stages.
pub(super) fn note(facts: &Facts<'_>, sheet: &mut Sheet) {
    for (at, told) in facts.rotations.iter().enumerate() {
        let mut places: BTreeMap<(&Stage, Option<&Region>), BTreeMap<&Source, Tries<'_>>> =
            BTreeMap::new();
        for (event, word) in &told.stages {
            if matches!(word.status, StageStatus::Completed | StageStatus::Failed) {
                let place = places.entry((&word.stage, word.region.as_ref()));
                let tries = place.or_default().entry(&event.source).or_default();
                tries.push((event, word));
                sheet.rests_on(at, Part::Tries, 1);
            }
        }
        for sources in places.into_values() {
            // Of several with as many the last in the alphabet speaks, whoever came first.
            let tries = sources.into_values().max_by_key(Vec::len);
            for (event, word) in tries.into_iter().flatten() {
                let bad = u32::from(word.throttled);
                let case = Case::Counted {
                    at: event.time,
                    good: 1 - bad,
                    bad,
                };
                sheet.add(at, Part::Tries, case);
            }
        }
    }
}

/// Adds the minutes of quotas; those with throttled calls are bad.
pub(super) fn mark<'a>(quotas: impl Iterator<Item = &'a Watched>, marks: &mut Marks) {
    let mut counts = Counts::default();
    for quota in quotas {
        counts.add(&minutes_of(&quota.all), &minutes_of(&quota.throttled));
    }
    let (first, last) = marks.minutes();
    for (minute, good, bad) in counts.between(first, last) {
        marks.add(begins(minute), good, bad);
    }
}
