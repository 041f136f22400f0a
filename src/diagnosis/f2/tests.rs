//! A region that stays behind, and those that only seem to.

use serde_json::json;

use super::super::testing::{at, consumer, found, one, stage, started, tick, told};
use super::*;

fn distribute(seconds: i64, region: &str, status: &str) -> Event {
    let data = json!({"stage": "distribute", "status": status, "region": region});
    told(seconds, "/engine", "r1", "rotation.stage", &data)
}

/// All regions are served at 10; the consumers of `eu` and `us` have it by 50.
fn two_of_three() -> Vec<Event> {
    let mut events = vec![started(), consumer(11, "ap-0", "pending", None)];
    for region in ["ap", "eu", "us"] {
        events.push(distribute(10, region, "completed"));
    }
    for n in 0..4 {
        events.push(consumer(15 + 10 * n, &format!("eu-{n}"), "in_use", None));
        events.push(consumer(20 + 10 * n, &format!("us-{n}"), "in_use", None));
    }
    events
}

#[test]
fn a_region_that_stays_silent_is_found_by_how_long_the_others_took() {
    let mut events = two_of_three();
    events.extend((10..60).map(|n| tick(n * 5)));
    let finding = one(Mode::F2, &events);
    assert_eq!(finding.regions, [Region::from("ap")].into());
    assert!(finding.detected_at > at(50) && finding.detected_at < at(150));
    events.push(consumer(280, "ap-2", "delivered", None));
    assert_eq!(one(Mode::F2, &events).resolved_at, Some(at(280)));
}

#[test]
fn a_region_that_is_a_little_slower_is_none() {
    let mut events = two_of_three();
    events.push(consumer(55, "ap-2", "delivered", None));
    events.extend((10..60).map(|n| tick(n * 5)));
    assert!(found(Mode::F2, &events).is_empty());
}

#[test]
fn what_a_region_does_cannot_be_known_while_its_agents_are_away_or_never_spoke() {
    let mut events = two_of_three();
    events.extend((10..60).map(|n| tick(n * 5)));
    let silent: Vec<Event> = events
        .iter()
        .filter(|event| event.time != at(11))
        .cloned()
        .collect();
    assert!(found(Mode::F2, &silent).is_empty());
    let data = json!({"backend": "/fleet", "state": "disconnected"});
    events.push(told(48, "/session", "", "backend.status", &data));
    assert!(found(Mode::F2, &events).is_empty());
}

#[test]
fn a_failed_distribution_is_found_when_a_minute_went_by_without_a_cure() {
    let mut events = vec![
        started(),
        distribute(10, "ap", "failed"),
        distribute(40, "ap", "failed"),
        tick(70),
    ];
    assert!(found(Mode::F2, &events).is_empty());
    events.push(tick(71));
    let finding = one(Mode::F2, &events);
    assert_eq!((finding.detected_at, finding.evidence.len()), (at(71), 2));
    events.push(distribute(90, "ap", "completed"));
    assert_eq!(one(Mode::F2, &events).resolved_at, Some(at(90)));
}

#[test]
fn a_retry_that_cures_within_the_minute_or_a_rollback_is_none() {
    let failed = [started(), distribute(10, "ap", "failed"), tick(99)];
    let cured = [&failed[..], &[distribute(60, "ap", "completed")]].concat();
    assert!(found(Mode::F2, &cured).is_empty());
    let data = json!({"outcome": "rolled_back"});
    let back = told(60, "/engine", "r1", "rotation.finished", &data);
    assert!(found(Mode::F2, &[&failed[..], &[back]].concat()).is_empty());
    assert!(
        found(
            Mode::F2,
            &[started(), stage(10, "distribute", "failed", None)]
        )
        .is_empty()
    );
}
