//! The findings that stand, healed, or were taken back.

use std::collections::BTreeMap;

use super::finding::{Finding, Mode, Subject};
use crate::model::Timestamp;
use crate::model::event::Severity;

/// All findings so far. A subject may be found with a mode again after it healed.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    standing: BTreeMap<(Mode, Subject), Finding>,
    healed: Vec<Finding>,
}

impl Findings {
    /// Puts a finding up. One of the same mode about the same subject that stands already keeps
    /// its `detected_at` and its evidence, and gains the services and regions of this one; when it comes to concern several services
    /// it pages, and is quiet no more.
    /// One symptom, one cause: a mode that displaces F1 takes back the F1 of the same rotation,
    /// and F1 is not put up beside one.
    pub fn raise(&mut self, subject: Subject, finding: Finding) {
        if finding.mode.displaces_f1() {
            self.take_back(Mode::F1, &subject);
        } else if finding.mode == Mode::F1 && self.is_displaced(&subject) {
            return;
        }
        self.standing
            .entry((finding.mode, subject))
            .and_modify(|held| {
                held.services.extend(finding.services.iter().cloned());
                held.regions.extend(finding.regions.iter().cloned());
                held.confidence = held.confidence.max(finding.confidence);
                let pages = [&held.severity, &finding.severity].contains(&&Severity::Page);
                if pages || held.services.len() > 1 {
                    held.severity = Severity::Page;
                    held.suppressed = false;
                }
            })
            .or_insert(finding);
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
        }
    }

    /// Later evidence took a finding back, or displaced it: it is told no more, healed or not.
    pub fn take_back(&mut self, mode: Mode, subject: &Subject) {
        self.standing.remove(&(mode, subject.clone()));
    }

    /// Every finding that was not taken back, by `detected_at`, then mode.
    #[must_use]
    pub fn all(&self) -> Vec<&Finding> {
        let mut all: Vec<&Finding> = self.standing.values().chain(&self.healed).collect();
        all.sort_by_key(|finding| (finding.detected_at, finding.mode));
        all
    }
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
