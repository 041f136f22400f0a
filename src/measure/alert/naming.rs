//! One key for one incident, also where a later look at the same events tells of it under another.
//!
//! A [`super::Book`] names an alert by what it knows when the alert begins. Where an event comes
//! late, all is looked at once more, and the same incident may begin earlier, be blamed on a
//! rotation at once, or be the second of its kind and no more the first: its key is another one then.
//! Whoever has told somebody of it asks [`Names`], which goes by what an alert is about and when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{Text, Timestamp};

use super::book::TOGETHER;
use super::entry::{About, Alert};

/// The keys under which alerts were told.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Every alert that was ever seen, as it was last seen, under the key it was told under.
    known: BTreeMap<Text, Arc<Alert>>,
}

impl Names {
    /// All alerts of a look, in their order, each under the key that it was first seen under.
    pub fn settle(&mut self, alerts: &[Arc<Alert>]) -> Vec<Arc<Alert>> {
        let mut taken = BTreeSet::new();
        // What kept its key goes first, so that nobody else takes it.
        let mut names: Vec<Option<Text>> = alerts
            .iter()
            .map(|alert| {
                let held = self.known.get(&alert.key)?;
                let same = meet(held, alert) && taken.insert(alert.key.clone());
                same.then(|| alert.key.clone())
            })
            .collect();
        for (alert, name) in alerts.iter().zip(&mut names) {
            if name.is_none() {
                let found = self.kin(alert, &taken).cloned();
                let found = found.unwrap_or_else(|| self.fresh(alert, &taken));
                taken.insert(found.clone());
                *name = Some(found);
            }
        }
        let pairs = alerts.iter().zip(names);
        let settled: Vec<Arc<Alert>> = pairs
            .map(|(alert, name)| match name {
                Some(name) if name != alert.key => Arc::new(Alert {
                    key: name,
                    ..(**alert).clone()
                }),
                _ => Arc::clone(alert),
            })
            .collect();
        for alert in &settled {
            self.known.insert(alert.key.clone(), Arc::clone(alert));
        }
        settled
    }

    /// The key of an alert that this look does not tell of and that is the same incident; where
    /// there are several, of the one that began most nearly when this one does.
    fn kin(&self, alert: &Alert, taken: &BTreeSet<Text>) -> Option<&Text> {
        let lost = self.known.iter().filter(|(key, _)| !taken.contains(key));
        let same = lost.filter(|(_, held)| meet(held, alert) && is_same(held, alert));
        let nearest = same.min_by_key(|(_, held)| held.since.since(alert.since).abs());
        nearest.map(|(key, _)| key)
    }

    /// A key that no other incident has: the alert's own, unless another was told under it.
    fn fresh(&self, alert: &Alert, taken: &BTreeSet<Text>) -> Text {
        let is_free = |key: &Text| !self.known.contains_key(key) && !taken.contains(key);
        if is_free(&alert.key) {
            return alert.key.clone();
        }
        let raw = alert.key.raw();
        let dated = format!("{raw}@{}", alert.since.seconds());
        let more = (2..).map(|nth| Text::from(format!("{dated}/{nth}")));
        let mut all = std::iter::once(Text::from(dated.as_str())).chain(more);
        all.find(is_free).unwrap_or_else(|| alert.key.clone())
    }
}

/// True where two alerts stood at the same time, or nearly.
fn meet(a: &Alert, b: &Alert) -> bool {
    let before = |end: Option<Timestamp>, start: Timestamp| {
        end.is_none_or(|end| start.since(end) <= TOGETHER)
    };
    before(a.resolved_at, b.since) && before(b.resolved_at, a.since)
}

/// True where two alerts that stood at the same time tell of the same trouble.
fn is_same(a: &Alert, b: &Alert) -> bool {
    let shares = || !a.services.is_disjoint(&b.services);
    match (&a.about, &b.about) {
        (About::Rotation(one), About::Rotation(two)) => {
            let is_known = one == two || a.others.contains(two) || b.others.contains(one);
            // A rotation of two names, or one that takes the blame of another.
            let mode = || a.modes.iter().any(|mode| b.modes.contains(mode));
            let secret = || a.secret.is_some() && a.secret == b.secret;
            is_known || (secret() && mode() && shares())
        }
        (About::Services, About::Services) => shares(),
        (About::Services, About::Rotation(_)) => shares() && refuses(b),
        (About::Rotation(_), About::Services) => shares() && refuses(a),
        (one, two) => one == two,
    }
}

/// True where services are refused by it: a leak and a missing audit trail refuse nobody.
fn refuses(alert: &Alert) -> bool {
    let others = ["F5", "F8"];
    alert.modes.iter().any(|mode| !others.contains(mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::Incident;
    use crate::measure::alert::{Book, Notice, Pressure};
    use crate::model::event::Severity;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_800_000_000 + seconds, 0)
    }

    /// A finding of these, from a moment to another.
    fn found(
        mode: &'static str,
        rotation: &str,
        service: &str,
        from: i64,
        to: Option<i64>,
    ) -> Notice {
        Notice {
            mode,
            words: String::new(),
            rotation: (!rotation.is_empty()).then(|| rotation.into()),
            secret: (!rotation.is_empty()).then(|| "db".into()),
            services: [service.into()].into(),
            regions: [].into(),
            detected_at: at(from),
            resolved_at: to.map(at),
            severity: Severity::Page,
            loud: false,
            silent: false,
            burns: &[crate::measure::level::LevelName::M3],
            next: &[],
        }
    }

    /// The alerts of a look at findings, each told from when on it is known.
    fn look(all: &[Notice]) -> Vec<Arc<Alert>> {
        let mut book = Book::default();
        let ends = all.iter().filter_map(|notice| notice.resolved_at);
        let mut moments: Vec<Timestamp> = all.iter().map(|n| n.detected_at).chain(ends).collect();
        moments.sort_unstable();
        for now in moments {
            let known = all.iter().filter(|notice| notice.detected_at <= now);
            let known: Vec<Notice> = known
                .map(|notice| Notice {
                    resolved_at: notice.resolved_at.filter(|at| *at <= now),
                    ..notice.clone()
                })
                .collect();
            book.step(now, &known, &Incident::default(), &Pressure::default());
        }
        book.alerts().cloned().collect()
    }

    fn keys(alerts: &[Arc<Alert>]) -> Vec<String> {
        alerts.iter().map(|alert| alert.key.to_string()).collect()
    }

    #[test]
    fn refusals_that_begin_earlier_after_all_are_the_same_incident() {
        let mut names = Names::default();
        let first = names.settle(&look(&[found("unattributed", "", "checkout", 60, None)]));
        let again = look(&[found("unattributed", "", "checkout", 20, None)]);
        assert_ne!(keys(&again), keys(&first), "the book knows no better");
        assert_eq!(keys(&names.settle(&again)), keys(&first));
        // And back, should what came late be taken back.
        let back = look(&[found("unattributed", "", "checkout", 60, Some(90))]);
        assert_eq!(keys(&names.settle(&back)), keys(&first));
    }

    #[test]
    fn a_rotation_that_is_blamed_at_once_is_the_incident_of_its_services() {
        let mut names = Names::default();
        let first = names.settle(&look(&[found("unattributed", "", "checkout", 60, None)]));
        let blamed = look(&[found("F1", "r1", "checkout", 70, None)]);
        assert_eq!(keys(&names.settle(&blamed)), keys(&first));
        // A leak is none of it.
        let mut names = Names::default();
        names.settle(&look(&[found("unattributed", "", "checkout", 60, None)]));
        let leak = look(&[found("F5", "r1", "checkout", 70, None)]);
        assert_eq!(keys(&names.settle(&leak)), ["rotation/r1"]);
    }

    #[test]
    fn an_earlier_incident_that_comes_to_light_takes_nobodys_key() {
        let mut names = Names::default();
        let known = [
            found("F1", "r1", "checkout", 10_000, Some(10_060)),
            found("F1", "r1", "checkout", 20_000, None),
        ];
        let first = names.settle(&look(&known));
        assert_eq!(keys(&first), ["rotation/r1", "rotation/r1/2"]);
        let earlier = found("F1", "r1", "checkout", 0, Some(60));
        let all = [std::slice::from_ref(&earlier), &known].concat();
        let told = names.settle(&look(&all));
        assert_eq!(
            keys(&told),
            ["rotation/r1@1800000000", "rotation/r1", "rotation/r1/2"],
            "what was told keeps its key"
        );
        assert_eq!(keys(&names.settle(&look(&all))), keys(&told), "ever after");
    }

    #[test]
    fn what_shares_no_time_or_no_service_is_another_incident() {
        let mut names = Names::default();
        let first = look(&[found("unattributed", "", "checkout", 0, Some(60))]);
        names.settle(&first);
        let other = look(&[found("unattributed", "", "cart", 10, Some(60))]);
        assert_eq!(keys(&names.settle(&other)), keys(&other));
        let later = 60 + TOGETHER.as_seconds() + 1;
        let later = look(&[found("unattributed", "", "checkout", later, None)]);
        assert_eq!(keys(&names.settle(&later)), keys(&later));
    }

    #[test]
    fn two_that_become_one_end_one_and_one_that_becomes_two_tells_of_one_more() {
        let mut names = Names::default();
        let apart = [
            found("unattributed", "", "a", 0, None),
            found("unattributed", "", "b", 1000, None),
        ];
        let first = names.settle(&look(&apart));
        assert_eq!(first.len(), 2);
        let both = [apart[0].clone(), found("unattributed", "", "b", 500, None)];
        let one = names.settle(&look(&both));
        assert_eq!(keys(&one), keys(&first[..1]));
        assert_eq!(keys(&names.settle(&look(&apart))), keys(&first));
    }
}
