//! What was found, in the order of the screen, and which rotation each finding is about.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnosis::{Care, Cares, Finding, Known};
use crate::incident::Incident;
use crate::model::event::Severity;
use crate::model::{RotationId, Timestamp};

/// The findings that stand or healed, worst first.
#[derive(Debug, Default)]
pub struct Ranked {
    all: Vec<Arc<Finding>>,
    /// What people said of each.
    cares: Vec<Care>,
    /// For each rotation the place of its worst finding, and how many it has.
    of: HashMap<RotationId, (usize, usize)>,
}

impl Ranked {
    /// Takes in what is known.
    pub fn refresh(&mut self, known: &Known, incident: &Incident) {
        self.all = known.findings.to_vec();
        self.all.sort_by_key(|finding| rank(finding));
        let (cares, now) = (Cares::of(incident), incident.now().unwrap_or_default());
        let about = |finding: &Arc<Finding>| cares.about(finding, incident, now);
        self.cares = self.all.iter().map(about).collect();
        self.of.clear();
        for (n, finding) in self.all.iter().enumerate() {
            if let Some(id) = &finding.rotation {
                // Two ids may have turned out to be one rotation since.
                let id = incident.rotation(id).map_or(id, |rotation| &rotation.id);
                self.of.entry(id.clone()).or_insert((n, 0)).1 += 1;
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Worst first: those that stand before those that healed, then by severity, then the latest
    /// first.
    pub fn all(&self) -> &[Arc<Finding>] {
        &self.all
    }

    /// The finding in this place.
    pub fn get(&self, n: usize) -> Option<&Arc<Finding>> {
        self.all.get(n)
    }

    /// Those that stand.
    pub fn standing(&self) -> impl Iterator<Item = &Arc<Finding>> {
        self.all.iter().filter(|finding| stands(finding))
    }

    /// The worst that stands; one that a planned window or a person keeps quiet only where no
    /// other does.
    pub fn worst(&self) -> Option<&Arc<Finding>> {
        let both = self.all.iter().zip(&self.cares);
        let mut loud = both
            .filter(|(finding, care)| stands(finding) && !finding.suppressed && !care.is_silent());
        let loud = loud.next().map(|(finding, _)| finding);
        loud.or_else(|| self.standing().next())
    }

    /// What people said of a finding.
    pub fn care(&self, finding: &Finding) -> Option<&Care> {
        self.cares.get(self.place_of(finding)?)
    }

    /// The one that healed last.
    pub fn healed_last(&self) -> Option<&Arc<Finding>> {
        self.all
            .iter()
            .max_by_key(|finding| finding.resolved_at)
            .filter(|f| !stands(f))
    }

    /// The worst finding of a rotation, and how many others it has.
    pub fn of(&self, rotation: &RotationId) -> Option<(&Arc<Finding>, usize)> {
        let (n, all) = self.of.get(rotation)?;
        Some((self.all.get(*n)?, all - 1))
    }

    /// The rotations of which something stands, each with its loudest severity that no planned
    /// window keeps quiet.
    pub fn guilty(&self) -> impl Iterator<Item = (&RotationId, &Finding)> {
        let loud = |finding: &&Finding| stands(finding) && !finding.suppressed;
        self.of.iter().filter_map(move |(id, (n, _))| {
            let finding = self.all.get(*n).map(AsRef::as_ref).filter(loud)?;
            Some((id, finding))
        })
    }

    /// The place of the same finding as it is known now: it may have grown or healed since.
    pub fn place_of(&self, finding: &Finding) -> Option<usize> {
        self.all.iter().position(|known| is_same(known, finding))
    }
}

/// True where it has not healed.
pub fn stands(finding: &Finding) -> bool {
    finding.resolved_at.is_none()
}

/// True where one is the other as it is known at another moment.
fn is_same(a: &Finding, b: &Finding) -> bool {
    let about = |finding: &Finding| match finding.rotation {
        Some(_) => None,
        None => finding.services.first().cloned(),
    };
    a.mode == b.mode
        && a.rotation == b.rotation
        && a.detected_at == b.detected_at
        && about(a) == about(b)
}

/// What the order goes by; the least is the worst.
fn rank(finding: &Finding) -> (bool, u8, Reverse<Timestamp>) {
    let severity = match finding.severity {
        Severity::Page => 0,
        Severity::Ticket => 1,
        _ => 2,
    };
    let latest = finding.resolved_at.unwrap_or(finding.detected_at);
    (!stands(finding), severity, Reverse(latest))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::diagnosis::{Mode, Reach};

    fn finding(mode: Mode, severity: Severity, at: i64, healed: Option<i64>) -> Arc<Finding> {
        Arc::new(Finding {
            mode,
            rotation: Some(format!("r{at}").as_str().into()),
            secret: None,
            services: BTreeSet::new(),
            regions: BTreeSet::new(),
            detected_at: Timestamp::new(at, 0),
            resolved_at: healed.map(|at| Timestamp::new(at, 0)),
            severity,
            suppressed: false,
            confidence: 0.9,
            evidence: Vec::new(),
            ruled_out: Vec::new(),
            cannot_know: Vec::new(),
        })
    }

    fn ranked(findings: Vec<Arc<Finding>>) -> Ranked {
        let mut ranked = Ranked::default();
        let known = Known {
            findings: findings.into(),
            reach: Reach::Whole,
            ..Known::default()
        };
        ranked.refresh(&known, &Incident::default());
        ranked
    }

    #[test]
    fn the_worst_comes_first() {
        let ranked = ranked(vec![
            finding(Mode::F8, Severity::Ticket, 5, None),
            finding(Mode::F1, Severity::Page, 10, Some(60)),
            finding(Mode::F2, Severity::Page, 15, Some(70)),
            finding(Mode::F4, Severity::Page, 30, None),
            finding(Mode::F6, Severity::Page, 20, None),
            finding(Mode::F3, Severity::Ticket, 1, Some(2)),
        ]);
        let order: Vec<Mode> = ranked.all().iter().map(|finding| finding.mode).collect();
        let worst = [Mode::F4, Mode::F6, Mode::F8, Mode::F2, Mode::F1, Mode::F3];
        assert_eq!(order, worst);
        assert_eq!(ranked.worst().unwrap().mode, Mode::F4);
        assert_eq!(ranked.healed_last().unwrap().mode, Mode::F2);
        assert_eq!(ranked.guilty().count(), 3);
    }

    #[test]
    fn what_a_window_keeps_quiet_is_the_worst_only_where_nothing_else_stands() {
        let mut quiet = finding(Mode::F3, Severity::Page, 5, None);
        Arc::make_mut(&mut quiet).suppressed = true;
        let loud = finding(Mode::F8, Severity::Ticket, 9, None);
        let alone = ranked(vec![quiet.clone()]);
        assert_eq!(alone.worst().unwrap().mode, Mode::F3);
        assert_eq!(alone.guilty().count(), 0);
        assert_eq!(ranked(vec![quiet, loud]).worst().unwrap().mode, Mode::F8);
    }
}
