//! The rules of the contract, "Time and order" and "Meaning", each held by a test of its name.

use proptest::prelude::*;
use serde_json::json;

use super::testing::{
    at, auth, consumer, db, engine, event, fold, fold_both_ways, id, of, stage, started,
};
use super::{Applied, Incident, Rotation};
use crate::model::{Event, Region};

#[test]
fn source_and_id_name_an_event_once() {
    let mut incident = Incident::default();
    assert_eq!(incident.apply(&auth("/a", 30, 7)), Applied::New);
    let before = incident.clone();
    assert_eq!(incident.apply(&auth("/a", 30, 7)), Applied::Duplicate);
    assert!(incident.same_state(&before));
    assert_eq!(incident.counts().events, 1);
    assert_eq!(incident.counts().duplicates, 1);
    assert_eq!(incident.apply(&auth("/b", 30, 7)), Applied::New);
}

#[test]
fn a_duplicate_changes_nothing_though_it_comes_after_the_watermark() {
    let events = [
        started("r1", 0, "db", Some("8")),
        stage("r1", 10, "distribute", "failed"),
        stage("r1", 20, "distribute", "completed"),
        consumer("c", 5, "8", "delivered"),
        consumer("c", 15, "8", "in_use"),
        auth("/a", 30, 7),
        auth("/a", 9000, 7),
        auth("/engine", 9000, 7),
        auth("/fleet", 9000, 7),
    ];
    let mut incident = fold(&events);
    let before = incident.clone();
    for event in &events {
        incident.apply(event);
    }
    assert!(incident.rotations().eq(before.rotations()));
    assert!(incident.consumers(&db()).eq(before.consumers(&db())));
    assert!(incident.auth().eq(before.auth()));
    assert_eq!(incident.counts().late, 6);
}

#[test]
fn an_event_behind_its_sources_watermark_is_applied_and_counted_late() {
    let mut incident = fold(&[auth("/a", 100, 7)]);
    assert_eq!(incident.apply(&auth("/a", 70, 7)), Applied::New);
    assert_eq!(incident.apply(&auth("/a", 69, 7)), Applied::Late);
    assert_eq!(incident.auth().next().unwrap().windows.len(), 3);
    let backend = incident.backends().next().unwrap();
    assert_eq!((backend.events, backend.late), (3, 1));
}

#[test]
fn one_sources_watermark_never_delays_another() {
    let mut incident = fold(&[auth("/a", 5000, 7)]);
    assert_eq!(incident.apply(&auth("/b", 30, 7)), Applied::New);
}

#[test]
fn cloudtrail_may_come_ten_minutes_late() {
    let mut incident = fold(&[auth("/aws/CloudTrail/eu-1", 1000, 7)]);
    let applied = incident.apply(&auth("/aws/CloudTrail/eu-1", 400, 7));
    assert_eq!(applied, Applied::New);
    let applied = incident.apply(&auth("/aws/CloudTrail/eu-1", 399, 7));
    assert_eq!(applied, Applied::Late);
}

#[test]
fn an_absent_region_is_unknown_never_another_region() {
    let sample = |seconds, region: Option<&str>| {
        let data = json!({"service": "s", "region": region, "window_seconds": 30, "total": 1});
        event("/a", &format!("{seconds}"), seconds, "auth.sample", &data)
    };
    let incident = fold(&[sample(30, None), sample(60, Some("eu"))]);
    let regions: Vec<_> = incident.auth().map(|s| s.region.clone()).collect();
    assert_eq!(regions, [None, Some(Region::from("eu"))]);
}

#[test]
fn samples_of_two_sources_are_alternatives_never_a_sum() {
    let mut events = Vec::new();
    for minute in 1..6 {
        if minute != 3 {
            events.push(auth("/main", minute * 30, 100));
        }
        events.push(auth("/replica", minute * 30 + 2, 101));
    }
    let incident = fold_both_ways(&events);
    let windows = &incident.auth().next().unwrap().windows;
    let totals: Vec<u64> = windows.iter().map(|w| w.total).collect();
    assert_eq!(totals, [100, 100, 101, 100, 100]);
}

#[test]
fn the_same_secret_and_version_within_ten_minutes_are_one_rotation() {
    let told = |seconds, version| {
        let data = json!({"secret": "db", "to_version": version});
        of(
            "st-1",
            event("/vault", "v", seconds, "rotation.started", &data),
        )
    };
    let started = started("rot-9", 0, "db", Some("8"));
    let incident = fold_both_ways(&[started.clone(), told(600, "8")]);
    assert_eq!(incident.rotation_count(), 1);
    let rotation = incident.rotation(&id("st-1")).unwrap();
    assert_eq!(rotation.id, id("rot-9"));
    assert_eq!(rotation.aliases, [id("st-1")]);
    assert_eq!(
        fold_both_ways(&[started.clone(), told(601, "8")]).rotation_count(),
        2
    );
    assert_eq!(
        fold_both_ways(&[started, told(60, "9")]).rotation_count(),
        2
    );
}

#[test]
fn two_ids_of_one_source_are_two_rotations() {
    let events = [
        started("r1", 0, "db", Some("8")),
        started("r2", 60, "db", Some("8")),
    ];
    let incident = fold_both_ways(&events);
    assert_eq!(incident.rotation_count(), 2);
    let first = incident.rotation(&id("r1")).unwrap();
    assert_eq!(first.superseded_by, Some(id("r2")));
}

#[test]
fn a_version_that_is_named_later_still_makes_one_rotation() {
    let unnamed = of(
        "st-1",
        event(
            "/vault",
            "1",
            30,
            "rotation.started",
            &json!({"secret": "db"}),
        ),
    );
    let read = of(
        "st-1",
        event(
            "/vault",
            "2",
            90,
            "audit.entry",
            &json!({"actor": "a", "operation": "read", "path": "p", "secret": "db",
                "version": "8", "outcome": "allowed"}),
        ),
    );
    let events = [started("rot-9", 0, "db", Some("8")), unnamed, read];
    let incident = fold(&events[..2]);
    assert_eq!(incident.rotation_count(), 2);
    let incident = fold_both_ways(&events);
    assert_eq!(incident.rotation_count(), 1);
    assert_eq!(
        incident.rotation(&id("rot-9")).unwrap().aliases,
        [id("st-1")]
    );
}

#[test]
fn a_later_event_may_name_what_an_earlier_one_lacked() {
    let more = json!({"secret": "db", "owner": "team", "from_version": "7"});
    let events = [
        started("r1", 0, "db", Some("8")),
        engine("r1", 20, "rotation.started", &more),
    ];
    let incident = fold_both_ways(&events);
    let rotation: &Rotation = incident.rotations().next().unwrap();
    assert_eq!(rotation.to_version.as_ref().unwrap().raw(), "8");
    assert_eq!(rotation.from_version.as_ref().unwrap().raw(), "7");
    assert_eq!(rotation.owner.as_ref().unwrap().raw(), "team");
}

#[test]
fn versions_compare_by_equality_only() {
    let events = [
        started("r1", 0, "db", Some("10")),
        consumer("c", 5, "9", "in_use"),
        consumer("d", 5, "11", "in_use"),
    ];
    let incident = fold(&events);
    let tally = incident.tally(incident.rotations().next().unwrap());
    assert_eq!((tally.total, tally.on_new), (2, 0));
}

#[test]
fn what_is_not_known_here_is_counted_and_changes_nothing() {
    let mut incident = fold(&[started("r1", 0, "db", Some("8"))]);
    incident.apply(&event("/ci", "1", 5, "deploy", &json!({"what": 1})));
    incident.apply(&stage("r1", 6, "warmup", "observed"));
    assert_eq!(incident.counts().unknown, 1);
    let rotation = incident.rotations().next().unwrap();
    assert_eq!(rotation.stage(), None);
    assert_eq!(rotation.timeline.len(), 2);
}

#[test]
fn time_passes_without_events() {
    let mut incident = fold(&[auth("/a", 10, 7)]);
    incident.tick(at(99));
    incident.tick(at(50));
    assert_eq!(incident.now(), Some(at(99)));
}

/// An event of any kind, among few names, so that events meet.
fn any_event() -> impl Strategy<Value = Event> {
    let ids = prop::sample::select(vec!["r1", "r2", "st-1"]);
    let versions = prop::sample::select(vec![None, Some("7"), Some("8")]);
    let sources = prop::sample::select(vec!["/engine", "/vault", "/fleet"]);
    let stages = prop::sample::select(vec!["store", "distribute", "cutover", "revoke"]);
    let statuses = prop::sample::select(vec!["started", "completed", "failed", "paused"]);
    let reached = prop::sample::select(vec!["pending", "delivered", "in_use", "failed"]);
    let words = (ids, versions, sources, stages, statuses, reached);
    (words, 0..15_u8, 0..28_i64, any::<u32>()).prop_map(|(words, kind, seconds, n)| {
        let (rotation, version, source, stage, status, holds) = words;
        let region = [None, Some("eu"), Some("us")][n as usize % 3];
        let secret = ["db", "api"][n as usize % 2];
        let name = format!("c{}", n % 3);
        let target = [secret, rotation][n as usize % 2];
        let reached = ["connected", "disconnected"][n as usize % 2];
        let (kind, data) = match kind {
            0 | 1 => (
                "rotation.started",
                json!({"secret": secret, "to_version": version, "owner": name,
                    "consumers": [{"consumer": name, "region": region}]}),
            ),
            2..=4 => (
                "rotation.stage",
                json!({"stage": stage, "status": status, "region": region,
                    "attempt": n % 4, "wave": n % 3, "percent": n % 100, "error": name}),
            ),
            5 => (
                "rotation.grace",
                json!({"ends_at": at(i64::from(n % 500)).to_string()}),
            ),
            6 => (
                "rotation.finished",
                json!({"outcome": "failed", "reason": name}),
            ),
            7 | 8 => (
                "consumer.version",
                json!({"consumer": name, "secret": secret, "version": version.unwrap_or("9"),
                    "state": holds, "region": region, "identities": [name]}),
            ),
            9 => (
                "auth.sample",
                json!({"service": "s", "window_seconds": n % 9, "total": n}),
            ),
            10 => ("service.health", json!({"service": "s", "up": n % 2 == 0})),
            11 => (
                "action",
                json!({"action": "retry", "phase": "executed", "actor": "a",
                    "target": target, "idempotency_key": name}),
            ),
            12 => (
                "audit.entry",
                json!({"actor": name, "operation": "read", "path": "p", "secret": secret,
                    "version": version, "outcome": "allowed"}),
            ),
            13 => (
                "backend.status",
                json!({"backend": source, "state": reached}),
            ),
            _ => (
                "lease.observed",
                json!({"lease": name, "secret": version, "consumer": region}),
            ),
        };
        let told = event(source, &format!("{n}"), seconds, kind, &data);
        if kind.starts_with("rotation") || n % 5 == 0 {
            of(rotation, told)
        } else {
            told
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn permuting_within_the_watermark_and_duplicating_change_nothing(
        (told, mixed) in prop::collection::vec(any_event(), 1..40).prop_flat_map(|mut events| {
            // One pair of source and id names one event.
            events.sort_by(|a, b| (&a.source, &a.id).cmp(&(&b.source, &b.id)));
            events.dedup_by(|a, b| a.source == b.source && a.id == b.id);
            let mut twice = events.clone();
            twice.extend(events.iter().step_by(2).cloned());
            (Just(events), Just(twice).prop_shuffle())
        })
    ) {
        let lines = |events: &[Event]| -> Vec<String> {
            events.iter().map(|event| event.to_json().unwrap()).collect()
        };
        let (lines, mixed_lines) = (lines(&told), lines(&mixed));
        let (told, mixed) = (fold(&told), fold(&mixed));
        prop_assert_eq!(told.counts().events, mixed.counts().events);
        prop_assert_eq!(mixed.counts().late, 0);
        prop_assert!(told.same_state(&mixed), "{:#?}\n{:#?}", lines, mixed_lines);
        let count = told.rotations().count();
        prop_assert_eq!(told.rotation_count(), count);
    }
}
