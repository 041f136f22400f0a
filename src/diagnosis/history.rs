//! What was found when: the findings as they were known at each moment of a recording, so that
//! going to a moment shows exactly what playing up to it would have shown.
//!
//! A [`Historian`] runs the diagnosis over events in order and keeps each change of what is known
//! (a finding raised, strengthened, healed, displaced or taken back) under the event that brought
//! it. The [`History`] it writes is plain data that shares its parts, so that it can be handed to
//! another thread at every step for next to nothing.
//!
//! Events come in order of time, source and id. One that comes behind what has been taken in
//! already is not taken in: the rules keep what they have seen and cannot go back. Whoever runs a
//! historian begins a new one then, over all events, and keeps the old history until the new one
//! has come as far.

use std::cmp::Ordering;
use std::sync::Arc;

use super::alerting::{Alerting, Alerts};
use super::finding::Finding;
use super::{Diagnosis, Rule};
use crate::incident::{EventRef, Incident};
use crate::measure::level::Objectives;
use crate::model::{Event, Timestamp};

/// Findings that stand or healed, by `detected_at`; shared, so that a copy costs nothing.
pub type Found = Arc<[Arc<Finding>]>;

/// How far a diagnosis has looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// At all events up to the moment in question.
    #[default]
    Whole,
    /// Only at those up to this moment; `None` before the first.
    UpTo(Option<Timestamp>),
}

/// What is known of failure modes at a moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Known {
    /// The findings that stand or healed.
    pub findings: Found,
    /// The alerts, in the order in which they began; those that are over among them.
    pub alerts: Alerts,
    /// Whether all that happened up to the moment was looked at. Where it was not, the findings
    /// are those of the moment up to which it was.
    pub reach: Reach,
}

/// What was known from an event on.
#[derive(Clone, Debug)]
struct Moment {
    since: EventRef,
    findings: Found,
    alerts: Alerts,
}

/// What was found when. Cloning it shares its parts.
#[derive(Clone, Debug, Default)]
pub struct History {
    moments: imbl::Vector<Moment>,
    through: Option<EventRef>,
}

impl History {
    /// What was known once everything up to this moment had happened. Finding it takes the
    /// logarithm of the number of changes.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Known {
        let through = self.through.as_ref().is_some_and(|last| last.time >= now);
        self.known(through, |since| since.time <= now)
    }

    /// What was known once this event had been taken in: as [`Self::at`], but exact among the
    /// events of one moment.
    #[must_use]
    pub fn after(&self, event: &EventRef) -> Known {
        let through = self.through.as_ref().is_some_and(|last| last >= event);
        self.known(through, |since| since <= event)
    }

    fn known(&self, whole: bool, happened: impl Fn(&EventRef) -> bool) -> Known {
        let later = |moment: &Moment| {
            if happened(&moment.since) {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        };
        let many = self.moments.binary_search_by(later).unwrap_or_else(|n| n);
        let last = many.checked_sub(1).and_then(|n| self.moments.get(n));
        Known {
            findings: last
                .map(|moment| Arc::clone(&moment.findings))
                .unwrap_or_default(),
            alerts: last
                .map(|moment| Arc::clone(&moment.alerts))
                .unwrap_or_default(),
            reach: if whole {
                Reach::Whole
            } else {
                Reach::UpTo(self.through.as_ref().map(|last| last.time))
            },
        }
    }

    /// The findings that stand or healed when all that was looked at had happened.
    #[must_use]
    pub fn latest(&self) -> Found {
        let last = self.moments.last();
        last.map(|moment| Arc::clone(&moment.findings))
            .unwrap_or_default()
    }

    /// The alerts when all that was looked at had happened.
    #[must_use]
    pub fn latest_alerts(&self) -> Alerts {
        let last = self.moments.last();
        last.map(|moment| Arc::clone(&moment.alerts))
            .unwrap_or_default()
    }

    /// The last event that was looked at.
    #[must_use]
    pub fn through(&self) -> Option<&EventRef> {
        self.through.as_ref()
    }

    /// How often what is known has changed.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.moments.len()
    }
}

/// Writes a [`History`].
#[derive(Default)]
pub struct Historian {
    diagnosis: Diagnosis,
    alerting: Alerting,
    history: History,
    /// The findings' revision that the history holds.
    noted: u64,
}

impl Historian {
    /// A historian who looks for what these rules know, before any event.
    #[must_use]
    pub fn new(rules: Vec<Box<dyn Rule>>) -> Self {
        Self::asking(rules, &Objectives::default())
    }

    /// The same, with what is asked of the service levels whose budgets alerts look at.
    #[must_use]
    pub fn asking(rules: Vec<Box<dyn Rule>>, objectives: &Objectives) -> Self {
        Self {
            diagnosis: Diagnosis::new(rules),
            alerting: Alerting::new(objectives),
            ..Self::default()
        }
    }

    /// Looks at an event; false, and nothing changes, where it comes behind the last one.
    pub fn apply(&mut self, event: &Event) -> bool {
        let name = EventRef::of(event);
        if self
            .history
            .through
            .as_ref()
            .is_some_and(|last| name <= *last)
        {
            return false;
        }
        self.diagnosis.apply(event);
        let (incident, findings) = (self.diagnosis.incident(), self.diagnosis.findings());
        let told = self.alerting.observe(event, incident, findings);
        self.note(&name, told);
        self.history.through = Some(name);
        true
    }

    /// Keeps what is known now, where that is not what was known before. Findings that did not
    /// change stay the very same.
    fn note(&mut self, event: &EventRef, told: bool) {
        let revision = self.diagnosis.findings().revision();
        let found = std::mem::replace(&mut self.noted, revision) != revision;
        if !found && !told {
            return;
        }
        let now = self.diagnosis.findings().all();
        let before = self.history.latest();
        let alerted = self.history.latest_alerts();
        let alerts = self.alerting.alerts(&alerted);
        let same =
            now.len() == before.len() && now.iter().zip(before.iter()).all(|(a, b)| is_same(a, b));
        if same && Arc::ptr_eq(&alerts, &alerted) {
            return;
        }
        let kept = |finding: &Finding| before.iter().find(|held| is_same(held, finding)).cloned();
        let findings = now
            .into_iter()
            .map(|finding| kept(finding).unwrap_or_else(|| Arc::new(finding.clone())))
            .collect();
        self.history.moments.push_back(Moment {
            since: event.clone(),
            findings: if same { before } else { findings },
            alerts,
        });
    }

    /// The incident as folded so far.
    #[must_use]
    pub fn incident(&self) -> &Incident {
        self.diagnosis.incident()
    }

    /// What was found when, so far.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }
}

/// True where nothing was added to a finding and it stands as it stood. What can change comes
/// first, so that telling two of them apart costs little; evidence and words only ever grow.
fn is_same(a: &Finding, b: &Finding) -> bool {
    a.mode == b.mode
        && a.detected_at == b.detected_at
        && a.resolved_at == b.resolved_at
        && a.evidence.len() == b.evidence.len()
        && a.ruled_out.len() == b.ruled_out.len()
        && a.cannot_know.len() == b.cannot_know.len()
        && a.services.len() == b.services.len()
        && a.regions.len() == b.regions.len()
        && a.confidence.to_bits() == b.confidence.to_bits()
        && a.severity == b.severity
        && a.suppressed == b.suppressed
        && a.rotation == b.rotation
        && a.secret == b.secret
        && a.services == b.services
        && a.regions == b.regions
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, stage, started, tick};
    use super::super::{Mode, rules};
    use super::*;
    use crate::model::Span;

    /// A store that is throttled twice, goes through at last, and comes to rest.
    fn night() -> Vec<Event> {
        vec![
            started(),
            stage(10, "store", "failed", Some("HTTP 429")),
            tick(15),
            stage(20, "store", "failed", Some("HTTP 429")),
            tick(30),
            stage(40, "store", "completed", None),
            tick(50),
        ]
    }

    fn written(events: &[Event]) -> History {
        let mut historian = Historian::new(rules());
        for event in events {
            assert!(historian.apply(event));
        }
        historian.history().clone()
    }

    fn healed(known: &Known) -> Vec<(Mode, bool)> {
        let findings = known.findings.iter();
        findings
            .map(|f| (f.mode, f.resolved_at.is_some()))
            .collect()
    }

    #[test]
    fn a_finding_is_known_from_the_event_that_completed_it() {
        let history = written(&night());
        let known = |seconds| healed(&history.at(at(seconds)));
        assert_eq!(known(-5), []);
        assert_eq!(known(19), []);
        assert_eq!(known(20), [(Mode::F3, false)]);
        assert_eq!(known(39), [(Mode::F3, false)]);
        assert_eq!(known(40), [(Mode::F3, true)]);
        assert_eq!(known(50), [(Mode::F3, true)]);
        assert_eq!(
            healed(&Known {
                findings: history.latest(),
                ..Known::default()
            }),
            known(50)
        );
    }

    #[test]
    fn among_the_events_of_one_moment_the_first_does_not_know_what_the_second_brings() {
        let mut events = night();
        let second = events
            .iter_mut()
            .find(|event| event.time == at(20))
            .unwrap();
        second.source = "/zz".into();
        let twin = tick(20);
        events.insert(3, twin.clone());
        let history = written(&events);
        assert_eq!(healed(&history.after(&EventRef::of(&twin))), []);
        assert_eq!(history.after(&EventRef::of(&events[4])).findings.len(), 1);
    }

    #[test]
    fn it_says_how_far_it_has_looked() {
        let events = night();
        let history = written(&events[..4]);
        assert_eq!(history.at(at(20)).reach, Reach::Whole);
        let beyond = history.at(at(45));
        assert_eq!(beyond.reach, Reach::UpTo(Some(at(20))));
        assert_eq!(healed(&beyond), [(Mode::F3, false)]);
        assert_eq!(History::default().at(at(0)).reach, Reach::UpTo(None));
    }

    #[test]
    fn what_comes_behind_is_refused_and_changes_nothing() {
        let mut historian = Historian::new(rules());
        for event in &night() {
            historian.apply(event);
        }
        let before = historian.history().clone();
        assert!(!historian.apply(&stage(25, "store", "failed", Some("HTTP 429"))));
        assert!(!historian.apply(night().last().unwrap()), "a second time");
        assert_eq!(historian.history().changes(), before.changes());
        assert_eq!(historian.history().through(), before.through());
    }

    #[test]
    fn what_did_not_change_is_shared_and_only_changes_are_kept() {
        let history = written(&night());
        assert_eq!(history.changes(), 2);
        let (first, later) = (history.at(at(20)), history.at(at(35)));
        assert!(Arc::ptr_eq(&first.findings, &later.findings));
    }

    /// Going to any moment shows what a diagnosis of all events up to it finds.
    #[test]
    fn a_moment_of_the_history_is_a_diagnosis_of_what_happened_until_then() {
        let events = night();
        let history = written(&events);
        for (n, event) in events.iter().enumerate() {
            let mut cut = Diagnosis::new(rules());
            events[..=n].iter().for_each(|event| cut.apply(event));
            let known = history.after(&EventRef::of(event));
            let told: Vec<&Finding> = known.findings.iter().map(AsRef::as_ref).collect();
            assert_eq!(told, cut.findings().all());
            let just_before = event.time - Span::micros(1);
            let earlier = history.at(just_before).findings;
            assert!(
                earlier
                    .iter()
                    .all(|finding| finding.detected_at <= just_before)
            );
        }
    }
}
