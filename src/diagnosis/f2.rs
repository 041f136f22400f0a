//! F2, partial rollout: one region does not get the new version while others do.
//!
//! Two ways to see it. A region's distribution failed and no retry cured it within 60 s. Or the
//! distribution says that it is done, yet not one consumer of the region, of any service, has the
//! new version, though it took the other regions' consumers far less time.
//!
//! How long is too long comes from the others. Their waiting times, censored at the present for
//! those who still wait, give a rate; the chance that all `k` consumers of the silent region
//! would by chance wait longer than `e` is `(T / (T + k·e))^m`, where `m` others got the version
//! in a total waiting time `T`: the posterior predictive of exponential waiting times under the
//! prior `1/λ` (Gelman et al., Bayesian Data Analysis, 3rd ed., §2.6–2.7).

use std::collections::{BTreeMap, BTreeSet};

use super::beside::{self, list};
use super::book::{Book, about, after, evidence, id_of, seconds, settle};
use super::finding::{Evidence, Mode, RuledOut, Subject};
use super::map::Map;
use super::throttling::is_throttling;
use super::{Findings, Rule};
use crate::incident::{EventRef, Incident, Rotation};
use crate::model::event::{
    BackendState, ConsumerState, ConsumerVersion, Outcome, RotationStage, Stage, StageStatus,
};
use crate::model::{ConsumerId, Data, Event, Region, RotationId, Source, Span, Text, Timestamp};
/// A failed distribution may be retried for so long (the contract's rule).
const RETRY: Span = Span::seconds(60);

/// A silence that chance gives less often than this is none of chance.
const CHANCE: f64 = 1e-3;

/// A region may also take this much longer than half of the others: regions are not alike.
const SLOWER: f64 = 1.5;

/// How often a silent region is looked at again.
const LOOK: Span = Span::seconds(5);

/// A region of one rotation.
#[derive(Debug, Default)]
struct Place {
    /// When its distribution was done.
    done: Option<EventRef>,
    /// Its first failure that nothing cured yet, and all since.
    failed: Vec<EventRef>,
    /// True once one of these failures was throttling.
    throttled: bool,
    /// Its consumers that have the new version.
    reached: BTreeMap<ConsumerId, EventRef>,
    /// The first word that any consumer of it said about this version.
    heard: Option<EventRef>,
    /// A finding stands on it.
    found: bool,
}

/// One rotation.
#[derive(Debug, Default)]
struct Rollout {
    places: BTreeMap<Region, Place>,
    /// Since when it is looked at again and again.
    looks: Option<Timestamp>,
}

/// The rule.
#[derive(Debug, Default)]
pub(super) struct Partial {
    book: Book,
    rollouts: Map<RotationId, Rollout>,
    /// When to look again at which rotation.
    due: BTreeSet<(Timestamp, RotationId)>,
    /// The regions of consumers that an event did not name.
    regions: Map<ConsumerId, Region>,
    fleet: Option<Source>,
}

impl Rule for Partial {
    fn observe(&mut self, event: &Event, incident: &Incident, findings: &mut Findings) {
        self.book.learn(event, incident);
        match &event.data {
            Data::RotationStarted(data) => {
                for named in &data.consumers {
                    if let Some(region) = &named.region {
                        self.regions.insert(named.consumer.clone(), region.clone());
                    }
                }
            }
            Data::RotationStage(data) if data.stage == Stage::Distribute => {
                self.distribute(event, data, incident, findings);
            }
            Data::ConsumerVersion(data) => self.consumer(event, data, incident, findings),
            Data::RotationFinished(data) if data.outcome != Outcome::Succeeded => {
                let Some(id) = id_of(event).and_then(|id| incident.canonical(&id).cloned()) else {
                    return;
                };
                // Nobody waits for a version that is given up.
                self.rollouts.remove(&id);
                let subject = Subject::Rotation(id);
                findings.resolve(Mode::F2, &subject, event.time);
            }
            _ => {}
        }
    }

    fn pass(
        &mut self,
        now: Timestamp,
        cause: &Event,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        while let Some((at, _)) = self.due.first() {
            if *at >= now {
                return;
            }
            if let Some((_, id)) = self.due.pop_first() {
                self.look(&id, now, cause, incident, findings);
            }
        }
    }
}

impl Partial {
    fn distribute(
        &mut self,
        event: &Event,
        data: &RotationStage,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let Some(region) = &data.region else {
            return;
        };
        let Some(id) = id_of(event).and_then(|id| incident.canonical(&id).cloned()) else {
            return;
        };
        let rollout = self.rollouts.entry(id.clone()).or_default();
        let place = rollout.places.entry(region.clone()).or_default();
        match data.status {
            StageStatus::Failed => {
                place.failed.push(EventRef::of(event));
                let error = data.error.as_ref().map_or("", Text::raw);
                place.throttled |= is_throttling(error);
                if place.failed.len() == 1 {
                    self.due.insert((after(event.time, RETRY), id.clone()));
                }
            }
            StageStatus::Completed | StageStatus::Skipped => {
                let failed = !place.failed.is_empty();
                place.failed.clear();
                place.throttled = false;
                place.done.get_or_insert_with(|| EventRef::of(event));
                if failed && place.found {
                    place.found = false;
                    settle_down(&id, rollout, event.time, findings);
                }
                if rollout.begin_to_look(event.time) {
                    self.due.insert((after(event.time, LOOK), id));
                }
            }
            _ => {}
        }
    }

    fn consumer(
        &mut self,
        event: &Event,
        data: &ConsumerVersion,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        if let Some(region) = &data.region {
            self.regions.insert(data.consumer.clone(), region.clone());
        }
        let Some(id) = self.book.id_bringing(&data.secret, &data.version, incident) else {
            return;
        };
        let Some(region) = self.regions.get(&data.consumer) else {
            return;
        };
        if self.fleet.as_ref() != Some(&event.source) {
            self.fleet = Some(event.source.clone());
        }
        let rollout = self.rollouts.entry(id.clone()).or_default();
        let place = rollout.places.entry(region.clone()).or_default();
        place.heard.get_or_insert_with(|| EventRef::of(event));
        if matches!(data.state, ConsumerState::Pending | ConsumerState::Failed) {
            if rollout.begin_to_look(event.time) {
                self.due.insert((after(event.time, LOOK), id.clone()));
            }
            return;
        }
        place
            .reached
            .entry(data.consumer.clone())
            .or_insert_with(|| EventRef::of(event));
        if place.found && place.failed.is_empty() {
            place.found = false;
            settle_down(id, rollout, event.time, findings);
        } else if rollout.begin_to_look(event.time) {
            self.due.insert((after(event.time, LOOK), id.clone()));
        }
    }

    /// True while the source that speaks for the consumers is away.
    fn is_blind(&self, incident: &Incident) -> bool {
        self.fleet.as_ref().is_some_and(|fleet| {
            incident
                .backends()
                .any(|b| b.name.raw() == fleet.raw() && b.state == Some(BackendState::Disconnected))
        })
    }

    fn look(
        &mut self,
        id: &RotationId,
        now: Timestamp,
        cause: &Event,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let Some(rotation) = incident.rotation(id).filter(|rotation| rotation.is_open()) else {
            return;
        };
        let blind = self.is_blind(incident);
        let Some(rollout) = self.rollouts.get_mut(id) else {
            return;
        };
        let mut proof = Vec::new();
        let mut bad = BTreeSet::new();
        for (region, place) in &rollout.places {
            let first = place.failed.first().filter(|_| !place.found);
            if first.is_some_and(|first| now.since(first.time) > RETRY) {
                let note = format!("the distribution to {region} failed");
                proof.extend(
                    place
                        .failed
                        .iter()
                        .map(|event| evidence(event, note.clone())),
                );
                bad.insert(region.clone());
            }
        }
        let fleet = Sizes::of(rotation, incident, &self.regions);
        if !blind {
            for (region, shown) in rollout.silent(&fleet, now) {
                proof.extend(shown);
                bad.insert(region);
            }
        }
        // As long as one region waits for its first, time alone may decide.
        if let Some(since) = rollout.looks {
            if rollout.waits() && bad.is_empty() {
                // The longer it has lasted, the less a second matters.
                let pause = LOOK.max(Span::micros(now.since(since).as_micros() / 10));
                self.due.insert((after(now, pause), id.clone()));
            } else {
                rollout.looks = None;
            }
        }
        if bad.is_empty() {
            return;
        }
        for region in &bad {
            rollout.places.entry(region.clone()).or_default().found = true;
        }
        let mut finding = about(Mode::F2, rotation, cause.time, 0.95, proof);
        finding.ruled_out = rollout.ruled_out(&bad, rotation, now, incident);
        finding.regions = bad;
        findings.raise(
            Subject::Rotation(rotation.id.clone()),
            settle(finding, rotation, incident),
        );
    }
}

/// How many consumers each region has.
struct Sizes(BTreeMap<Region, usize>);

impl Sizes {
    fn of(rotation: &Rotation, incident: &Incident, regions: &Map<ConsumerId, Region>) -> Self {
        let mut sizes = BTreeMap::new();
        let secret = rotation.secret.as_ref();
        for consumer in secret
            .into_iter()
            .flat_map(|secret| incident.consumers(secret))
        {
            let region = consumer
                .region
                .as_ref()
                .or_else(|| regions.get(&consumer.name));
            if let Some(region) = region {
                *sizes.entry(region.clone()).or_insert(0) += 1;
            }
        }
        Self(sizes)
    }
}

impl Rollout {
    /// True where a region was served and spoke, and none of its consumers has the version, while
    /// another's have: time alone may decide.
    fn waits(&self) -> bool {
        let silent =
            |p: &Place| p.reached.is_empty() && !p.found && p.done.is_some() && p.heard.is_some();
        self.places.values().any(silent) && self.places.values().any(|p| !p.reached.is_empty())
    }

    /// True where it is to be looked at from now on, and was not before.
    fn begin_to_look(&mut self, now: Timestamp) -> bool {
        let begins = self.looks.is_none() && self.waits();
        if begins {
            self.looks = Some(now);
        }
        begins
    }

    /// The regions none of whose consumers has the version, though it took the others far less.
    #[expect(
        clippy::cast_precision_loss,
        reason = "consumers are counted, seconds are few"
    )]
    fn silent(&self, sizes: &Sizes, now: Timestamp) -> Vec<(Region, Vec<Evidence>)> {
        let mut silent = Vec::new();
        for (region, &k) in &sizes.0 {
            let Some(place) = self.places.get(region) else {
                continue;
            };
            if place.found || !place.reached.is_empty() || place.heard.is_none() || k < 2 {
                continue;
            }
            let Some(done) = &place.done else {
                continue;
            };
            let mut waits = Vec::new();
            let mut total = 0.0;
            for (other, &size) in sizes.0.iter().filter(|(other, _)| *other != region) {
                let Some(began) = self
                    .places
                    .get(other)
                    .and_then(|p| Some((p, p.done.as_ref()?)))
                else {
                    continue;
                };
                let (there, began) = began;
                for event in there.reached.values() {
                    let wait = seconds(event.time, began.time).max(1.0);
                    waits.push(wait);
                    total += wait;
                }
                let waiting = size.saturating_sub(there.reached.len());
                total += waiting as f64 * seconds(now, began.time).max(0.0);
            }
            let silent_for = seconds(now, done.time);
            let chance = (total / (total + k as f64 * silent_for)).powf(waits.len() as f64);
            waits.sort_by(f64::total_cmp);
            let Some(half) = waits.get(waits.len() / 2) else {
                continue;
            };
            if chance >= CHANCE || silent_for < SLOWER * half {
                continue;
            }
            let shown = self.shown(region, done, k, silent_for, *half);
            silent.push((region.clone(), shown));
        }
        silent
    }

    /// What was looked at beside regions that are behind.
    fn ruled_out(
        &self,
        bad: &BTreeSet<Region>,
        rotation: &Rotation,
        now: Timestamp,
        incident: &Incident,
    ) -> Vec<RuledOut> {
        let mut out = Vec::new();
        let mut rule_out = |mode, why: String| out.push(RuledOut { mode, why });
        let places = || bad.iter().filter_map(|region| self.places.get(region));
        let others = self
            .places
            .iter()
            .filter(|(region, _)| !bad.contains(*region));
        let served = others
            .filter(|(_, place)| !place.reached.is_empty())
            .count();
        if places().all(|place| place.reached.is_empty()) {
            let who = list(bad);
            rule_out(
                Mode::F1,
                format!(
                    "no consumer of {who} has the new version, while {served} other regions have it"
                ),
            );
        }
        let failed = || places().filter(|place| !place.failed.is_empty());
        if failed().next().is_some() && !failed().any(|place| place.throttled) {
            rule_out(
                Mode::F3,
                "the errors of the distribution do not speak of throttling".to_owned(),
            );
        }
        out.extend(beside::not_revoked_early(rotation, now));
        out.extend(beside::no_format_errors(rotation, incident));
        out
    }

    fn shown(
        &self,
        region: &Region,
        done: &EventRef,
        k: usize,
        silent_for: f64,
        half: f64,
    ) -> Vec<Evidence> {
        let note = format!(
            "{region} was served {silent_for:.0} s ago and none of its {k} consumers has the new \
             version; half of the others had it within {half:.0} s"
        );
        let others = self.places.iter().filter(|(other, _)| *other != region);
        let latest = others
            .filter_map(|(other, place)| Some((other, place.reached.values().max()?)))
            .map(|(other, event)| evidence(event, format!("{other} has the new version")));
        std::iter::once(evidence(done, note))
            .chain(latest)
            .collect()
    }
}

/// A region came right; the finding heals with the last of them.
fn settle_down(id: &RotationId, rollout: &Rollout, at: Timestamp, findings: &mut Findings) {
    if !rollout.places.values().any(|place| place.found) {
        findings.resolve(Mode::F2, &Subject::Rotation(id.clone()), at);
    }
}

#[cfg(test)]
mod tests;
