//! F6, incompatible format: consumers cannot read the new version, and trying again does not
//! help. A single consumer that stumbles once and then works with it is none; a refusal of the
//! old version is F4's.

use std::collections::BTreeMap;

use super::beside;
use super::book::{Book, about, evidence, id_of, settle};
use super::finding::{Evidence, Mode, RuledOut, Subject};
use super::format::{Verdict, verdict};
use super::map::Map;
use super::{Findings, Rule};
use crate::incident::{EventRef, Incident, Rotation};
use crate::model::event::{ConsumerState, ConsumerVersion, Outcome};
use crate::model::{ConsumerId, Data, Event, Region, RotationId, ServiceName, Text};
/// The most events kept as evidence.
const PROOF: usize = 12;

/// A consumer that cannot work with the new version.
#[derive(Debug)]
struct Failing {
    service: Option<ServiceName>,
    region: Option<Region>,
    /// How often in a row, by the first of them and the latest.
    times: u32,
    events: Vec<EventRef>,
}

/// The consumers of one rotation.
#[derive(Debug, Default)]
struct Fleet {
    failing: BTreeMap<ConsumerId, Failing>,
    found: bool,
}

/// The rule.
#[derive(Debug, Default)]
pub(super) struct Format {
    book: Book,
    fleets: Map<RotationId, Fleet>,
}

impl Rule for Format {
    fn observe(&mut self, event: &Event, incident: &Incident, findings: &mut Findings) {
        self.book.learn(event, incident);
        match &event.data {
            Data::ConsumerVersion(data) => self.consumer(event, data, incident, findings),
            Data::RotationFinished(data) => {
                let id = id_of(event).and_then(|id| incident.canonical(&id).cloned());
                let Some(id) = id else {
                    return;
                };
                // Whoever failed on a version that is gone fails no more.
                if data.outcome == Outcome::RolledBack || data.outcome == Outcome::Aborted {
                    self.fleets.remove(&id);
                    let subject = Subject::Rotation(id);
                    findings.resolve(Mode::F6, &subject, event.time);
                }
            }
            _ => {}
        }
    }
}

impl Format {
    fn consumer(
        &mut self,
        event: &Event,
        data: &ConsumerVersion,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let failed = data.state == ConsumerState::Failed;
        let works = matches!(data.state, ConsumerState::Validated | ConsumerState::InUse);
        if !failed && (!works || self.fleets.is_empty()) {
            return;
        }
        let id = self.book.id_bringing(&data.secret, &data.version, incident);
        let Some(id) = id.filter(|id| failed || self.fleets.contains_key(*id)) else {
            return;
        };
        let Some(rotation) = incident.rotation(id) else {
            return;
        };
        if failed {
            self.failed(event, data, rotation, incident, findings);
        } else if let Some(fleet) = self.fleets.get_mut(&rotation.id) {
            fleet.failing.remove(&data.consumer);
            if fleet.found && fleet.failing.is_empty() {
                fleet.found = false;
                let subject = Subject::Rotation(rotation.id.clone());
                findings.resolve(Mode::F6, &subject, event.time);
            }
        }
    }

    fn failed(
        &mut self,
        event: &Event,
        data: &ConsumerVersion,
        rotation: &Rotation,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let verdict = verdict(data.error.as_ref().map_or("", Text::raw));
        if verdict == Verdict::Other {
            return;
        }
        let fleet = self.fleets.entry(rotation.id.clone()).or_default();
        // Words that say nothing count for those who are known to fail, and for nobody else.
        if verdict == Verdict::Unclear && !fleet.failing.contains_key(&data.consumer) {
            return;
        }
        let failing = fleet
            .failing
            .entry(data.consumer.clone())
            .or_insert_with(|| Failing {
                service: data.service.clone(),
                region: data.region.clone(),
                times: 0,
                events: Vec::new(),
            });
        failing.times += 1;
        if failing.events.len() < PROOF {
            failing.events.push(EventRef::of(event));
        }
        if !fleet.goes_on() {
            return;
        }
        fleet.found = true;
        let mut finding = about(
            Mode::F6,
            rotation,
            event.time,
            fleet.confidence(),
            Vec::new(),
        );
        finding.services = fleet
            .failing
            .values()
            .filter_map(|f| f.service.clone())
            .collect();
        finding.regions = fleet
            .failing
            .values()
            .filter_map(|f| f.region.clone())
            .collect();
        finding.evidence = fleet.proof();
        finding.ruled_out.push(RuledOut {
            mode: Mode::F7,
            why: "it is the new version that they cannot read, not an old entry".to_owned(),
        });
        let early = beside::not_revoked_early(rotation, event.time);
        finding.ruled_out.extend(early);
        findings.raise(
            Subject::Rotation(rotation.id.clone()),
            settle(finding, rotation, incident),
        );
    }
}

impl Fleet {
    /// A consumer that fails again without having worked in between has not stumbled; that three
    /// stumble at once over the same version is no chance either.
    fn goes_on(&self) -> bool {
        self.failing.len() >= 3 || self.failing.values().any(|failing| failing.times >= 2)
    }

    /// The latest failures, in order of time.
    fn proof(&self) -> Vec<Evidence> {
        let mut proof: Vec<_> = self
            .failing
            .iter()
            .flat_map(|(name, failing)| failing.events.iter().map(move |event| (event, name)))
            .collect();
        proof.sort();
        let more = proof.len().saturating_sub(PROOF);
        let latest = proof.into_iter().skip(more);
        latest
            .map(|(event, name)| evidence(event, format!("{name} cannot read the new version")))
            .collect()
    }

    fn confidence(&self) -> f64 {
        if self.failing.len() >= 2 { 0.95 } else { 0.8 }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{at, consumer, found, one, started, told};
    use super::*;

    #[test]
    fn a_consumer_that_fails_again_on_the_format_is_found_until_it_is_rolled_back() {
        let mut events = vec![
            started(),
            consumer(10, "eu-1", "failed", Some("invalid PEM: no start line")),
            consumer(40, "eu-1", "failed", Some("json: cannot unmarshal")),
        ];
        let finding = one(Mode::F6, &events);
        assert_eq!((finding.detected_at, finding.evidence.len()), (at(40), 2));
        assert_eq!(finding.regions, [Region::from("eu")].into());
        let data = json!({"outcome": "rolled_back"});
        events.push(told(90, "/engine", "r1", "rotation.finished", &data));
        assert_eq!(one(Mode::F6, &events).resolved_at, Some(at(90)));
    }

    #[test]
    fn it_heals_when_everyone_works_with_the_version() {
        let events = [
            started(),
            consumer(10, "eu-1", "failed", Some("bad decrypt")),
            consumer(40, "eu-1", "failed", Some("bad decrypt")),
            consumer(70, "eu-1", "in_use", None),
        ];
        assert_eq!(one(Mode::F6, &events).resolved_at, Some(at(70)));
    }

    #[test]
    fn one_stumble_other_errors_and_other_versions_are_none() {
        let stumble = [
            started(),
            consumer(10, "eu-1", "failed", Some("parse error")),
            consumer(20, "eu-1", "validated", None),
            consumer(30, "us-1", "failed", Some("parse error")),
        ];
        assert!(found(Mode::F6, &stumble).is_empty());
        for error in [
            "connection reset by peer",
            "HTTP 429",
            "permission denied",
            "no idea",
        ] {
            let events = [10, 20, 30].map(|s| consumer(s, "eu-1", "failed", Some(error)));
            assert!(found(Mode::F6, &[vec![started()], events.to_vec()].concat()).is_empty());
        }
        let old = |seconds| {
            let data = json!({"consumer": "eu-1", "secret": "db", "version": "v1",
                "state": "failed", "error": "bad decrypt"});
            told(seconds, "/fleet", "", "consumer.version", &data)
        };
        assert!(found(Mode::F6, &[started(), old(10), old(20)]).is_empty());
    }
}
