//! F1, F4, F7 and `unattributed` on small hand-made incidents: the evidence, the traps, and how
//! each is taken back or heals.

use serde_json::{Value, json};

use super::*;
use crate::diagnosis::{Diagnosis, Finding, Rule};
use crate::model::Source;

/// A story: events, put in order of time when it is told.
#[derive(Default)]
struct Story(Vec<Event>);

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 0)
}

impl Story {
    fn tell(&mut self, seconds: i64, kind: &str, rotation: Option<&str>, data: &Value) {
        let mut line = json!({
            "specversion": "1.0", "id": format!("e{}", self.0.len()), "source": "/s",
            "time": at(seconds).to_string(), "type": format!("rotascope.{kind}"), "data": data,
        });
        if let Some(rotation) = rotation {
            line["rotationid"] = json!(rotation);
        }
        let event = Event::from_json(line.to_string().as_bytes()).unwrap();
        self.0.push(event);
    }

    /// Windows of 30 s of `shop` in two regions, `bad` of `total` each.
    fn auth(&mut self, from: i64, to: i64, bad: u64, total: u64) -> &mut Self {
        for end in (from + 30..=to).step_by(30) {
            for region in ["eu", "us"] {
                let data = json!({"service": "shop", "region": region, "window_seconds": 30,
                    "total": total, "failed_401": bad});
                self.tell(end, "auth.sample", None, &data);
            }
        }
        self
    }

    /// A rotation of `db`, on which `shop` depends, started at 300 with four consumers, of which
    /// the first `on` are on the new version and the others in `state`.
    fn rotation(&mut self, on: usize, state: &str) -> &mut Self {
        let consumers: Vec<Value> = (0..4)
            .map(|n| json!({"consumer": format!("c{n}"), "service": "shop", "region": "eu"}))
            .collect();
        let data = json!({"secret": "db", "from_version": "1", "to_version": "2",
            "services": ["shop"], "consumers": consumers});
        self.tell(300, "rotation.started", Some("r1"), &data);
        for n in 0..4 {
            let state = if n < on { "in_use" } else { state };
            let data = json!({"consumer": format!("c{n}"), "service": "shop", "region": "eu",
                "secret": "db", "version": "2", "state": state});
            self.tell(400, "consumer.version", Some("r1"), &data);
        }
        self
    }

    fn stage(&mut self, seconds: i64, stage: &str, status: &str) -> &mut Self {
        let data = json!({"stage": stage, "status": status});
        self.tell(seconds, "rotation.stage", Some("r1"), &data);
        self
    }

    fn cache(&mut self, seconds: i64, oldest: i64) -> &mut Self {
        let data = json!({"service": "shop", "region": "eu", "hit_ratio": 0.9,
            "oldest_entry_seconds": oldest});
        self.tell(seconds, "cache.sample", None, &data);
        self
    }

    fn decrypt(&mut self, from: i64, to: i64, bad: u64) -> &mut Self {
        for end in (from + 10..=to).step_by(10) {
            let data = json!({"signal": "decrypt", "service": "shop", "secret": "db",
                "window_seconds": 10, "total": 16, "bad": bad});
            self.tell(end, "signal.sample", None, &data);
        }
        self
    }

    fn found(&self) -> Vec<(Mode, Option<i64>)> {
        self.findings()
            .into_iter()
            .map(|f| {
                let healed = f.resolved_at.map(|at| at.seconds() - 1_800_000_000);
                (f.mode, healed)
            })
            .collect()
    }

    fn findings(&self) -> Vec<Finding> {
        let mut events = self.0.clone();
        events.sort_by_key(|event| event.time);
        let rules: Vec<Box<dyn Rule>> = vec![Box::<AuthFailures>::default()];
        let mut diagnosis = Diagnosis::new(rules);
        for event in &events {
            diagnosis.apply(event);
        }
        let all = diagnosis.findings().all().into_iter().cloned().collect();
        check(&all, &events);
        all
    }
}

/// Every evidence is an event, not later than the finding.
fn check(findings: &Vec<Finding>, events: &[Event]) {
    for finding in findings {
        assert!(!finding.evidence.is_empty());
        for evidence in &finding.evidence {
            assert!(evidence.event.time <= finding.detected_at);
            assert!(events.iter().any(|e| e.id == evidence.event.id));
        }
    }
}

#[test]
fn f1_consumers_behind_after_a_cutover() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(600, "cutover", "completed");
    story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
    let found = story.findings();
    assert_eq!(story.found(), [(Mode::F1, None)]);
    let finding = found.first().unwrap();
    assert_eq!(finding.rotation, Some(RotationId::from("r1")));
    assert_eq!(finding.regions.len(), 2);
    // Half of the consumers are behind: two windows are proof enough.
    assert_eq!(finding.detected_at, at(660));
}

#[test]
fn f1_heals() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(600, "cutover", "completed");
    story
        .auth(0, 600, 1, 200)
        .auth(600, 900, 90, 200)
        .auth(900, 1200, 1, 200);
    assert_eq!(story.found(), [(Mode::F1, Some(990))]);
}

#[test]
fn a_blip_of_two_windows_after_a_cutover_is_taken_back() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(600, "cutover", "completed");
    story.auth(0, 600, 1, 200).auth(600, 660, 90, 200);
    assert_eq!(story.found(), [(Mode::F1, None)], "provisional");
    story.auth(660, 900, 1, 200);
    assert_eq!(story.found(), []);
}

#[test]
fn a_busy_rotation_without_failures_is_none() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(600, "cutover", "completed");
    story.stage(700, "revoke", "completed");
    story.auth(0, 1200, 9, 200);
    assert_eq!(story.found(), []);
}

#[test]
fn server_errors_and_throttling_are_no_auth_failures() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(600, "cutover", "completed");
    story.auth(0, 600, 1, 200);
    for end in (630..=900).step_by(30) {
        let data = json!({"service": "shop", "region": "eu", "window_seconds": 30, "total": 200,
            "failed_401": 1, "failed_other": 150});
        story.tell(end, "auth.sample", None, &data);
    }
    assert_eq!(story.found(), []);
}

#[test]
fn f4_begins_with_the_revocation_and_not_with_the_cutover() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(500, "cutover", "completed");
    story.stage(900, "revoke", "completed");
    story.auth(0, 900, 1, 200).auth(900, 1200, 90, 200);
    assert_eq!(story.found(), [(Mode::F4, None)]);
}

#[test]
fn f4_by_refused_decryptions_heals_when_the_version_is_brought_back() {
    let mut story = Story::default();
    story
        .rotation(4, "in_use")
        .stage(602, "revoke", "completed");
    story.decrypt(0, 600, 0).decrypt(600, 620, 9);
    assert_eq!(story.found(), [(Mode::F4, None)]);
    story.stage(621, "revoke", "skipped");
    assert_eq!(story.found(), [(Mode::F4, Some(621))]);
}

#[test]
fn a_bad_signal_without_a_revocation_says_nothing_of_secrets() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(602, "cutover", "completed");
    story.decrypt(0, 600, 0).decrypt(600, 700, 9);
    assert_eq!(story.found(), []);
}

#[test]
fn f7_displaces_f1_once_a_cache_outlives_the_cutover() {
    let mut story = Story::default();
    story
        .rotation(2, "delivered")
        .stage(600, "cutover", "completed");
    story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
    for end in (60..=600).step_by(60) {
        story.cache(end, 50);
    }
    assert_eq!(story.found(), [(Mode::F1, None)]);
    story.cache(665, 120);
    assert_eq!(story.found(), [(Mode::F7, None)]);
    assert_eq!(story.findings().first().unwrap().detected_at, at(665));
}

#[test]
fn a_young_cache_or_an_undelivered_version_is_no_f7() {
    for (state, oldest) in [("delivered", 50), ("pending", 120)] {
        let mut story = Story::default();
        story.rotation(2, state).stage(600, "cutover", "completed");
        story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
        for end in (60..=600).step_by(60) {
            story.cache(end, 50);
        }
        story.cache(665, oldest);
        assert_eq!(story.found(), [(Mode::F1, None)], "{state} {oldest}");
    }
}

#[test]
fn a_stale_cache_without_failures_is_none() {
    let mut story = Story::default();
    story
        .rotation(2, "delivered")
        .stage(600, "cutover", "completed");
    story.auth(0, 900, 1, 200);
    for end in (60..=600).step_by(60) {
        story.cache(end, 50);
    }
    story.cache(665, 120);
    assert_eq!(story.found(), []);
}

#[test]
fn a_spike_before_any_change_is_unattributed() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(660, "cutover", "completed");
    story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
    assert_eq!(story.found(), [(Mode::Unattributed, None)]);
    let found = story.findings();
    assert_eq!(found.first().unwrap().rotation, None);
    assert_eq!(found.first().unwrap().detected_at, at(690));
}

#[test]
fn a_blip_and_a_service_without_a_past_are_none() {
    let mut story = Story::default();
    story
        .auth(0, 600, 1, 200)
        .auth(600, 660, 90, 200)
        .auth(660, 900, 1, 200);
    assert_eq!(story.found(), []);
    let mut story = Story::default();
    story.auth(0, 900, 90, 200);
    assert_eq!(story.found(), []);
}

#[test]
fn two_sources_are_alternatives_and_duplicates_change_nothing() {
    let mut story = Story::default();
    story
        .auth(0, 600, 1, 200)
        .auth(600, 660, 90, 200)
        .auth(660, 900, 1, 200);
    // The blip's two windows, told again and by a second source: still two windows.
    let copies: Vec<Event> = story.0.clone();
    for mut copy in copies.clone() {
        copy.source = Source::from("/replica");
        story.0.push(copy);
    }
    story.0.extend(copies);
    assert_eq!(story.found(), []);
}

#[test]
fn a_lost_window_of_one_region_does_not_hide_the_spike() {
    let mut story = Story::default();
    story
        .rotation(2, "pending")
        .stage(600, "cutover", "completed");
    story.auth(0, 600, 1, 200).auth(600, 900, 90, 200);
    let mut n = 0;
    story.0.retain(|event| {
        n += i32::from(matches!(event.data, Data::AuthSample(_)));
        n % 7 != 3
    });
    assert_eq!(story.found(), [(Mode::F1, None)]);
}
