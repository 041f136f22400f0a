//! The findings that stand, healed, or were taken back.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::finding::{Finding, Mode, Subject};
use crate::model::Timestamp;
use crate::model::event::Severity;

/// All findings so far. A subject may be found with a mode again after it healed.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    standing: BTreeMap<(Mode, Subject), Finding>,
    healed: Vec<Finding>,
    revision: u64,
}

impl Findings {
    /// Puts a finding up. One of the same mode about the same subject that stands already keeps
    /// its `detected_at` and its evidence, and gains the services and regions of this one; when it
    /// comes to concern a second service it pages, and is quiet no more.
    /// One symptom, one cause: a mode that displaces F1 takes back the F1 of the same rotation,
    /// and F1 is not put up beside one.
    pub fn raise(&mut self, subject: Subject, finding: Finding) {
        if finding.mode.displaces_f1() {
            self.take_back(Mode::F1, &subject);
        } else if finding.mode == Mode::F1 && self.is_displaced(&subject) {
            return;
        }
        match self.standing.entry((finding.mode, subject)) {
            Entry::Occupied(mut held) => {
                if strengthen(held.get_mut(), &finding) {
                    self.revision += 1;
                }
            }
            Entry::Vacant(place) => {
                place.insert(finding);
                self.revision += 1;
            }
        }
    }

    /// Rises with every change, so that whoever keeps a copy knows whether it still holds.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// True where a mode that displaces F1 stands about a subject.
    fn is_displaced(&self, subject: &Subject) -> bool {
        let displacing = [Mode::F2, Mode::F4, Mode::F6, Mode::F7];
        displacing
            .into_iter()
            .any(|mode| self.get(mode, subject).is_some())
    }

    /// The standing finding of a mode about a subject.
    #[must_use]
    pub fn get(&self, mode: Mode, subject: &Subject) -> Option<&Finding> {
        self.standing.get(&(mode, subject.clone()))
    }

    /// A finding has healed.
    pub fn resolve(&mut self, mode: Mode, subject: &Subject, at: Timestamp) {
        if let Some(mut finding) = self.standing.remove(&(mode, subject.clone())) {
            finding.resolved_at = Some(at);
            self.healed.push(finding);
            self.revision += 1;
        }
    }

    /// Later evidence took a finding back, or displaced it: it is told no more, healed or not.
    pub fn take_back(&mut self, mode: Mode, subject: &Subject) {
        if self.standing.remove(&(mode, subject.clone())).is_some() {
            self.revision += 1;
        }
    }

    /// Every finding that was not taken back, by `detected_at`, then mode.
    #[must_use]
    pub fn all(&self) -> Vec<&Finding> {
        let mut all: Vec<&Finding> = self.standing.values().chain(&self.healed).collect();
        all.sort_by_key(|finding| (finding.detected_at, finding.mode));
        all
    }
}

/// Adds to a finding what a later one of the same kind says; true where that changed it.
fn strengthen(held: &mut Finding, by: &Finding) -> bool {
    let (services, regions) = (held.services.len(), held.regions.len());
    held.services.extend(by.services.iter().cloned());
    held.regions.extend(by.regions.iter().cloned());
    let mut changed = held.services.len() > services || held.regions.len() > regions;
    if by.confidence > held.confidence {
        held.confidence = by.confidence;
        changed = true;
    }
    let spread = services == 1 && held.services.len() > 1;
    let pages = by.severity == Severity::Page || spread;
    if pages && (held.severity != Severity::Page || held.suppressed) {
        held.severity = Severity::Page;
        held.suppressed = false;
        changed = true;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::super::testing::at;
    use super::*;
    use crate::model::{RotationId, ServiceName};

    fn finding(mode: Mode, service: &str, seconds: i64) -> Finding {
        Finding {
            mode,
            rotation: Some(RotationId::from("r1")),
            secret: None,
            services: [ServiceName::from(service)].into(),
            regions: [].into(),
            detected_at: at(seconds),
            resolved_at: None,
            severity: Severity::Ticket,
            suppressed: true,
            confidence: 0.8,
            evidence: Vec::new(),
            ruled_out: Vec::new(),
            cannot_know: Vec::new(),
        }
    }

    fn subject() -> Subject {
        Subject::Rotation(RotationId::from("r1"))
    }

    fn modes(findings: &Findings) -> Vec<Mode> {
        findings.all().iter().map(|finding| finding.mode).collect()
    }

    #[test]
    fn the_revision_rises_with_changes_only() {
        let mut findings = Findings::default();
        findings.raise(subject(), finding(Mode::F1, "a", 1));
        let first = findings.revision();
        findings.raise(subject(), finding(Mode::F1, "a", 2));
        findings.take_back(Mode::F2, &subject());
        assert_eq!(findings.revision(), first);
        findings.raise(subject(), finding(Mode::F1, "b", 3));
        assert!(findings.revision() > first);
        let second = findings.revision();
        findings.resolve(Mode::F1, &subject(), at(4));
        assert!(findings.revision() > second);
    }

    #[test]
    fn one_symptom_one_cause() {
        for cause in [Mode::F2, Mode::F4, Mode::F6, Mode::F7] {
            let mut findings = Findings::default();
            findings.raise(subject(), finding(Mode::F1, "a", 1));
            findings.raise(subject(), finding(cause, "a", 2));
            assert_eq!(modes(&findings), [cause]);
            findings.raise(subject(), finding(Mode::F1, "a", 3));
            assert_eq!(modes(&findings), [cause]);
        }
    }

    #[test]
    fn throttling_leaks_and_missing_entries_stand_beside() {
        let mut findings = Findings::default();
        for (n, mode) in [Mode::F1, Mode::F3, Mode::F5, Mode::F8]
            .into_iter()
            .enumerate()
        {
            findings.raise(subject(), finding(mode, "a", i64::try_from(n).unwrap()));
        }
        assert_eq!(modes(&findings), [Mode::F1, Mode::F3, Mode::F5, Mode::F8]);
    }

    #[test]
    fn one_that_stands_keeps_its_moment_and_pages_when_another_service_suffers() {
        let mut findings = Findings::default();
        findings.raise(subject(), finding(Mode::F1, "a", 1));
        findings.raise(subject(), finding(Mode::F1, "b", 2));
        let held = findings.get(Mode::F1, &subject()).unwrap();
        assert_eq!((held.detected_at, held.services.len()), (at(1), 2));
        assert_eq!((&held.severity, held.suppressed), (&Severity::Page, false));
    }

    #[test]
    fn what_healed_is_told_and_what_was_taken_back_is_not() {
        let mut findings = Findings::default();
        findings.raise(subject(), finding(Mode::F1, "a", 1));
        findings.resolve(Mode::F1, &subject(), at(5));
        findings.raise(subject(), finding(Mode::F1, "a", 9));
        assert_eq!(findings.all().len(), 2);
        findings.take_back(Mode::F1, &subject());
        let all = findings.all();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].resolved_at, Some(at(5)));
    }
}
