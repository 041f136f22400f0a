//! F3, rate limit: the rotation is faster than its backends let it be.
//!
//! Two ways to see it. A stage that fails with throttling, is tried again and fails with
//! throttling again; one throttled call that a retry cures is none. Or a stage that fails and is
//! tried again, in whatever words, while a quota is throttled far beyond its own past.

use super::book::{about, evidence, id_of, settle};
use super::finding::{Mode, RuledOut, Subject};
use super::map::Map;
use super::throttling::is_throttling;
use super::{Findings, Rule};
use crate::incident::{EventRef, Incident};
use crate::model::event::{QuotaSample, RotationStage, Stage, StageStatus};
use crate::model::{Data, Event, Region, RotationId, Span, Text, Timestamp};
/// How many throttled tries of one stage in a row are "again and again".
const AGAIN: usize = 2;

/// A window is throttled where its own past would give as much less often than this.
const UNUSUAL: f64 = 1e-6;

/// A try that failed.
#[derive(Debug)]
struct Failure {
    event: EventRef,
    throttled: bool,
}

/// Tries of one stage that failed one after the other.
#[derive(Debug, Default)]
struct Streak {
    failures: Vec<Failure>,
    found: bool,
}

/// The past of one quota, and its latest run of throttled windows.
#[derive(Debug, Default)]
struct Quota {
    total: f64,
    throttled: f64,
    hot: Option<Hot>,
}

/// Throttled windows one after the other.
#[derive(Clone, Debug)]
struct Hot {
    from: Timestamp,
    to: Timestamp,
    length: Span,
    total: u64,
    throttled: u64,
    event: EventRef,
}

type Place = (RotationId, Stage, Option<Region>);

/// The rule.
#[derive(Debug, Default)]
pub(super) struct RateLimit {
    streaks: Map<Place, Streak>,
    quotas: Map<(Text, Option<Region>), Quota>,
}

impl Rule for RateLimit {
    fn observe(&mut self, event: &Event, incident: &Incident, findings: &mut Findings) {
        match &event.data {
            Data::RotationStage(data) => self.stage(event, data, incident, findings),
            Data::QuotaSample(data) => self.quota(event, data, incident, findings),
            Data::RotationFinished(_) => {
                let Some(id) = id_of(event).and_then(|id| incident.canonical(&id).cloned()) else {
                    return;
                };
                self.streaks.retain(|(of, ..), _| *of != id);
                findings.resolve(Mode::F3, &Subject::Rotation(id), event.time);
            }
            _ => {}
        }
    }
}

impl RateLimit {
    fn stage(
        &mut self,
        event: &Event,
        data: &RotationStage,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        if data.status != StageStatus::Failed && self.streaks.is_empty() {
            return;
        }
        let Some(id) = id_of(event).and_then(|id| incident.canonical(&id).cloned()) else {
            return;
        };
        let place = (id.clone(), data.stage.clone(), data.region.clone());
        match data.status {
            StageStatus::Failed => {
                let error = data.error.as_ref().map_or("", Text::raw);
                self.streaks
                    .entry(place.clone())
                    .or_default()
                    .failures
                    .push(Failure {
                        event: EventRef::of(event),
                        throttled: is_throttling(error),
                    });
                self.look(&place, event, incident, findings);
            }
            StageStatus::Completed | StageStatus::Skipped => {
                let Some(streak) = self.streaks.remove(&place) else {
                    return;
                };
                let others = self
                    .streaks
                    .iter()
                    .any(|((of, ..), s)| *of == id && s.found);
                if streak.found && !others {
                    findings.resolve(Mode::F3, &Subject::Rotation(id), event.time);
                }
            }
            _ => {}
        }
    }

    /// A window of a quota: is it throttled beyond its past, and who retries meanwhile?
    fn quota(
        &mut self,
        event: &Event,
        data: &QuotaSample,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let length = Span::seconds(i64::try_from(data.window_seconds.0).unwrap_or(i64::MAX));
        let quota = self
            .quotas
            .entry((data.api.clone(), data.region.clone()))
            .or_default();
        if !quota.take(event, data, length) {
            return;
        }
        let places: Vec<Place> = self
            .streaks
            .iter()
            .filter(|(_, streak)| !streak.found && streak.failures.len() >= AGAIN)
            .map(|(place, _)| place.clone())
            .collect();
        for place in places {
            self.look(&place, event, incident, findings);
        }
    }

    fn look(&mut self, place: &Place, cause: &Event, incident: &Incident, findings: &mut Findings) {
        let Some(rotation) = incident.rotation(&place.0) else {
            return;
        };
        let Some(streak) = self.streaks.get(place).filter(|streak| !streak.found) else {
            return;
        };
        let throttled: Vec<&Failure> = streak.failures.iter().filter(|f| f.throttled).collect();
        let (confidence, proof) = if throttled.len() >= AGAIN {
            let proof = throttled
                .iter()
                .map(|f| evidence(&f.event, format!("{} was throttled", place.1)))
                .collect();
            (0.97, proof)
        } else if let Some((hot, within)) = self.burning(place, streak) {
            let note = format!("{} of {} calls were throttled", hot.throttled, hot.total);
            let mut proof = vec![evidence(&hot.event, note)];
            proof.extend(within.iter().map(|f| {
                evidence(
                    &f.event,
                    format!("{} failed while the quota was throttled", place.1),
                )
            }));
            (0.85, proof)
        } else {
            return;
        };
        let mut finding = about(Mode::F3, rotation, cause.time, confidence, proof);
        finding.regions.extend(place.2.clone());
        if place.1 != Stage::Distribute {
            finding.ruled_out.push(RuledOut {
                mode: Mode::F2,
                why: format!(
                    "it is {} that fails, not the distribution to a region",
                    place.1
                ),
            });
        }
        if throttled.len() < AGAIN {
            finding.cannot_know.push(
                "which quota the rotation draws on: every quota of its region counts".to_owned(),
            );
        }
        let subject = Subject::Rotation(rotation.id.clone());
        findings.raise(subject, settle(finding, rotation, incident));
        if let Some(streak) = self.streaks.get_mut(place) {
            streak.found = true;
        }
    }

    /// A quota that was throttled while this stage was tried again and again.
    fn burning<'s>(
        &'s self,
        place: &Place,
        streak: &'s Streak,
    ) -> Option<(&'s Hot, Vec<&'s Failure>)> {
        let near = |(_, region): &(Text, Option<Region>)| {
            region.is_none() || place.2.is_none() || *region == place.2
        };
        self.quotas
            .iter()
            .filter(|(key, _)| near(key))
            .filter_map(|(_, quota)| quota.hot.as_ref())
            .map(|hot| {
                let within = streak.failures.iter().filter(|f| hot.covers(f.event.time));
                (hot, within.collect::<Vec<_>>())
            })
            .filter(|(_, within)| within.len() >= AGAIN)
            .min_by_key(|(hot, _)| hot.event.clone())
    }
}

impl Hot {
    /// The window after the latest belongs to it: it is not counted yet.
    fn covers(&self, at: Timestamp) -> bool {
        at >= self.from && at.since(self.to) <= self.length
    }
}

impl Quota {
    /// Takes a window in; true where it is throttled beyond the quota's own past.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of a window are far below 2^52"
    )]
    fn take(&mut self, event: &Event, data: &QuotaSample, length: Span) -> bool {
        // Add one half to either side (Jeffreys), so that a quota without a past is not known
        // never to throttle.
        let usual = (self.throttled + 0.5) / (self.total + 1.0);
        let hot = tail(data.throttled, data.total, usual) < UNUSUAL;
        let from = Timestamp::new(
            event.time.seconds().saturating_sub(length.as_seconds()),
            event.time.nanos(),
        );
        if !hot {
            self.total += data.total as f64;
            self.throttled += data.throttled as f64;
            if self.hot.as_ref().is_some_and(|hot| hot.to < event.time) {
                self.hot = None;
            }
            return false;
        }
        match &mut self.hot {
            Some(run) => run.to = event.time,
            None => {
                self.hot = Some(Hot {
                    from,
                    to: event.time,
                    length,
                    total: data.total,
                    throttled: data.throttled,
                    event: EventRef::of(event),
                });
            }
        }
        true
    }
}

/// At most the chance of `k` or more in `n` where each comes with chance `p`: Chernoff's bound,
/// `exp(-n·KL(k/n ‖ p))` (Hoeffding 1963, theorem 1). Exact enough to tell 24 in 65 from 1 in 65.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a window are far below 2^52"
)]
fn tail(k: u64, n: u64, p: f64) -> f64 {
    let (k, n) = (k as f64, n as f64);
    let share = k / n.max(1.0);
    if share <= p || n == 0.0 {
        return 1.0;
    }
    let term = |a: f64, b: f64| if a <= 0.0 { 0.0 } else { a * (a / b).ln() };
    (-n * (term(share, p) + term(1.0 - share, 1.0 - p))).exp()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{at, found, one, stage, started, told};
    use super::*;

    fn quota(seconds: i64, total: u64, throttled: u64) -> Event {
        let data =
            json!({"api": "kv", "window_seconds": 30, "total": total, "throttled": throttled});
        told(seconds, "/prometheus", "", "quota.sample", &data)
    }

    /// A quota's quiet past: one throttled call in twenty windows of 60.
    fn past() -> Vec<Event> {
        (0..20)
            .map(|n| quota(n * 30 - 600, 60, u64::from(n == 3)))
            .collect()
    }

    #[test]
    fn throttling_again_and_again_is_found_and_heals_when_the_stage_is_done() {
        let mut events = vec![
            started(),
            stage(10, "store", "failed", Some("SlowDown")),
            stage(20, "store", "failed", Some("HTTP 429")),
        ];
        let finding = one(Mode::F3, &events);
        assert_eq!((finding.detected_at, finding.evidence.len()), (at(20), 2));
        events.push(stage(40, "store", "completed", None));
        assert_eq!(one(Mode::F3, &events).resolved_at, Some(at(40)));
    }

    #[test]
    fn one_throttled_call_that_a_retry_cures_and_other_failures_are_none() {
        let cured = [
            started(),
            stage(10, "store", "failed", Some("SlowDown")),
            stage(20, "store", "completed", None),
            stage(30, "validate", "failed", Some("SlowDown")),
            stage(40, "validate", "completed", None),
        ];
        assert!(found(Mode::F3, &cured).is_empty());
        let others = [
            started(),
            stage(10, "store", "failed", Some("no route to host")),
            stage(20, "store", "failed", Some("no route to host")),
        ];
        assert!(found(Mode::F3, &others).is_empty());
    }

    #[test]
    fn a_burning_quota_explains_retries_whose_words_say_nothing() {
        let retries = [
            started(),
            stage(10, "store", "failed", Some("upstream error")),
            stage(25, "store", "failed", Some("upstream error")),
        ];
        let quiet = [past(), retries.to_vec(), vec![quota(30, 60, 1)]].concat();
        assert!(found(Mode::F3, &quiet).is_empty());
        let burning = [past(), retries.to_vec(), vec![quota(30, 60, 25)]].concat();
        let finding = one(Mode::F3, &burning);
        assert_eq!((finding.detected_at, finding.evidence.len()), (at(30), 3));
    }

    #[test]
    fn a_burning_quota_without_retries_or_long_before_them_is_none() {
        let alone = [past(), vec![started(), quota(30, 60, 25)]].concat();
        assert!(found(Mode::F3, &alone).is_empty());
        let later = [
            stage(200, "store", "failed", Some("upstream error")),
            stage(210, "store", "failed", Some("upstream error")),
        ];
        assert!(found(Mode::F3, &[&alone[..], &later].concat()).is_empty());
    }
}
