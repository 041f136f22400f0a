//! Makes the summary of what is known at a moment.

use std::collections::BTreeMap;

use super::day::{Day, Key, to_micros};
use super::facts::{Episode, Facts, Told};
use super::ledger::{Ledger, What};
use super::minutes::Minutes;
use super::sheet::Sheet;
use super::summary::{About, DaySummary, Record, Seen, Summary};
use super::{m1, m2, m4, m5, m7, m10};
use crate::incident::{Incident, Rotation};
use crate::model::{Text, Timestamp};

impl Summary {
    /// What is known at `now`: give it an incident, a ledger and findings that know nothing later.
    #[must_use]
    pub fn of(incident: &Incident, ledger: &Ledger, episodes: &[Episode], now: Timestamp) -> Self {
        let facts = Facts::new(incident, ledger, episodes, now);
        let mut sheet = Sheet::new(facts.rotations.len());
        m1::note(&facts, &mut sheet);
        m2::note(&facts, &mut sheet);
        m4::note(&facts, &mut sheet);
        m5::note(&facts, &mut sheet);
        m7::note(&facts, &mut sheet);
        m10::note(&facts, &mut sheet);
        let mut summary = Self::default();
        for (told, record) in facts.rotations.iter().zip(sheet.0) {
            summary.rotation(told, record);
        }
        summary.findings(episodes, now);
        summary.watched(ledger);
        summary.scans(ledger);
        let first = facts.rotations.iter().map(|told| told.rotation.started_at);
        summary.knows = first.min().map(|first| (to_micros(first), now));
        summary
    }

    fn day(&mut self, at: Timestamp) -> &mut DaySummary {
        self.days.entry(Day::of(at)).or_default()
    }

    fn rotation(&mut self, told: &Told<'_>, record: Record) {
        let rotation = told.rotation;
        if let Some(secret) = &rotation.secret {
            self.secrets
                .entry(secret.clone())
                .or_insert_with(|| about(rotation));
        }
        if record.words.iter().all(|words| *words == 0) {
            return;
        }
        let empty = Record {
            secret: rotation.secret.clone(),
            words: record.words,
            ..Record::default()
        };
        let first = record.cases.iter().map(|(_, case)| case.day()).min();
        let started = Day::of(rotation.started_at);
        let first = first.map_or(started, |first| first.min(started));
        let last = Day::of(rotation.last_at)
            .max(first)
            .min(first.later(LONGEST));
        // Every day of it: what was told on one may be known by now to belong to another.
        let mut days: BTreeMap<Day, Record> = (0..=last.number() - first.number())
            .map(|n| (first.later(n), empty.clone()))
            .collect();
        for (part, case) in record.cases {
            let of = days.entry(case.day()).or_insert_with(|| empty.clone());
            of.cases.push((part, case.to_micros()));
        }
        let mut later = [0_u32; 8];
        for (day, mut record) in days.into_iter().rev() {
            record.cases.sort_unstable();
            record.later = later;
            for (part, _) in &record.cases {
                if let Some(held) = later.get_mut(part.index()) {
                    *held = held.saturating_add(1);
                }
            }
            let summary = self.days.entry(day).or_default();
            for alias in &rotation.aliases {
                // Who knew it under this id alone knew less.
                let words = record.words.map(|words| words.saturating_add(1));
                let gone = Record {
                    words,
                    ..empty.clone()
                };
                summary.rotations.insert(Key::of(&[alias.raw()]), gone);
            }
            let key = Key::of(&[rotation.id.raw()]);
            summary.rotations.insert(key, record);
        }
    }

    fn findings(&mut self, episodes: &[Episode], now: Timestamp) {
        let mut nth: BTreeMap<Key, u64> = BTreeMap::new();
        for episode in episodes {
            let key = finding(episode);
            let nth = nth.entry(key).or_default();
            let key = Key::new(key.number().wrapping_add(*nth));
            *nth += 1;
            let mut episode = episode.clone();
            episode.detected_at = to_micros(episode.detected_at);
            episode.resolved_at = episode.resolved_at.map(to_micros);
            let until = episode.resolved_at.unwrap_or(to_micros(now));
            let seen = Seen { episode, until };
            self.day(seen.episode.detected_at)
                .findings
                .insert(key, seen);
        }
    }

    fn watched(&mut self, ledger: &Ledger) {
        for (service, regions) in &ledger.auth {
            for (region, minutes) in regions {
                for (day, runs) in by_day(minutes) {
                    let place = (service.clone(), region.clone());
                    let day = self.days.entry(day).or_default();
                    day.auth.entry(place).or_default().all = runs;
                }
            }
        }
        for (api, regions) in &ledger.quotas {
            for (region, minutes) in regions {
                let place = || (api.clone(), region.clone());
                for (day, runs) in by_day(&minutes.watched) {
                    let day = self.days.entry(day).or_default();
                    day.quotas.entry(place()).or_default().all = runs;
                }
                for (day, runs) in by_day(&minutes.throttled) {
                    let day = self.days.entry(day).or_default();
                    day.quotas.entry(place()).or_default().throttled = runs;
                }
            }
        }
    }

    fn scans(&mut self, ledger: &Ledger) {
        for (event, look) in &ledger.looks {
            let at = to_micros(event.time);
            let place = (at, (look.repository.clone(), look.detector.clone()));
            let held = self.day(at).scans.entry(place).or_default();
            held.scans = held.scans.saturating_add(1);
            held.findings = look.findings;
        }
        for (event, found) in &ledger.found {
            self.tellers.insert(found.detector.clone());
            if found.confirmed {
                let key = match &found.what {
                    What::Fingerprint(print) => Key::of(&[print.raw()]),
                    What::Place(rule, place) => Key::of(&[rule.raw(), place.raw()]),
                };
                let at = to_micros(event.time);
                self.day(at).leaks.insert((at, key));
            }
        }
    }
}

/// A rotation that is told of for longer than so many days has cases on the first of them and on
/// those of its cases alone.
const LONGEST: i64 = 60;

fn about(rotation: &Rotation) -> About {
    About {
        owner: rotation.owner.clone(),
        kind: rotation.kind.as_ref().map(|kind| Text::from(kind.raw())),
        tier: rotation.tier.as_ref().map(|tier| Text::from(tier.raw())),
    }
}

/// Names a finding by what does not change while it stands.
fn finding(episode: &Episode) -> Key {
    let subject = match (&episode.secret, episode.services.first()) {
        (Some(secret), _) => secret.raw(),
        (None, Some(service)) => service.raw(),
        (None, None) => "",
    };
    Key::of(&[episode.mode, subject, &episode.detected_at.to_string()])
}

fn by_day(minutes: &Minutes) -> BTreeMap<Day, Vec<(i64, i64)>> {
    let mut days: BTreeMap<Day, Vec<(i64, i64)>> = BTreeMap::new();
    for (first, last) in minutes.runs() {
        let mut at = first;
        while at <= last {
            let day = Day::new(at.div_euclid(24 * 60));
            let until = day.minutes().1.min(last);
            days.entry(day).or_default().push((at, until));
            at = until.saturating_add(1);
        }
    }
    days
}
