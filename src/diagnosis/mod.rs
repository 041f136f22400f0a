//! Diagnosis: which failure mode this is, whose fault it is, and how that is known. Pure: a
//! function of events in order of time. One file a failure mode behind one trait ([`Rule`]);
//! [`Diagnosis`] runs them over the incident and settles what displaces what.
//!
//! A finding never uses what had not happened yet: its `detected_at` is the time of the event
//! that completed its evidence.

mod aftermath;
mod alerting;
mod all;
mod auth;
mod beside;
mod book;
mod caches;
mod care;
mod f1;
mod f2;
mod f3;
mod f4;
mod f5;
mod f6;
mod f7;
mod f8;
mod finding;
mod findings;
mod format;
mod history;
mod map;
mod suspects;
#[cfg(test)]
mod testing;
mod unattributed;

pub use crate::measure::throttling::is_throttling;
pub use aftermath::{Aftermath, Counted, Done, LOOKED_AT, PATIENCE, Refused, Verdict, aftermath};
pub use alerting::Alerts;
pub use all::rules;
pub use care::{Care, Cares};
pub use finding::{Evidence, Finding, Mode, RuledOut, Subject};
pub use findings::Findings;
pub use history::{Found, Historian, History, Known, Reach};

use crate::incident::{Applied, Incident};
use crate::measure::{throttling, words};
use crate::model::{Event, Timestamp};

/// One failure mode: watches events and says what it sees.
pub trait Rule: Send {
    /// Looks at an event that has just been taken into the incident. Only what this event can
    /// have changed is to be looked at: a rule must not walk all rotations at every event.
    fn observe(&mut self, event: &Event, incident: &Incident, findings: &mut Findings);

    /// Time has come to `now` by the event `cause`, which is not yet taken in: deadlines that
    /// lie before it have passed without what they waited for.
    fn pass(
        &mut self,
        _now: Timestamp,
        _cause: &Event,
        _incident: &Incident,
        _findings: &mut Findings,
    ) {
    }

    /// What this rule cannot know now, whatever it has found: each a sentence for a person, with
    /// since when it is so.
    fn unknowns(&self, _incident: &Incident) -> Vec<String> {
        Vec::new()
    }
}

/// Runs every rule over events in order of time.
#[derive(Default)]
pub struct Diagnosis {
    incident: Incident,
    rules: Vec<Box<dyn Rule>>,
    findings: Findings,
}

impl Diagnosis {
    /// A diagnosis with these rules, before any event.
    #[must_use]
    pub fn new(rules: Vec<Box<dyn Rule>>) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// Takes one event in; events come in order of time.
    pub fn apply(&mut self, event: &Event) {
        for rule in &mut self.rules {
            rule.pass(event.time, event, &self.incident, &mut self.findings);
        }
        if self.incident.apply(event) == Applied::Duplicate {
            return;
        }
        for rule in &mut self.rules {
            rule.observe(event, &self.incident, &mut self.findings);
        }
    }

    /// What is known so far.
    #[must_use]
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// What cannot be known now, regardless of findings: a backend that is away, a path on which
    /// nobody can be matched, authentications without a baseline. Each is a harmless sentence
    /// with since when it is so.
    #[must_use]
    pub fn unknowns(&self) -> Vec<String> {
        let of_rules = self
            .rules
            .iter()
            .flat_map(|rule| rule.unknowns(&self.incident));
        beside::away(&self.incident)
            .into_iter()
            .chain(of_rules)
            .collect()
    }

    /// The incident as folded so far.
    #[must_use]
    pub fn incident(&self) -> &Incident {
        &self.incident
    }
}
