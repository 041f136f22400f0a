//! What a ledger keeps, and the cases that are easier told event by event than by recordings.

use serde_json::{Value, json};

use super::{Episode, Ledger, Level, LevelName, Levels, Objectives, Summary, Trouble};
use crate::incident::Incident;
use crate::model::{Event, Span, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_790_000_000 - 1_790_000_000 % 60 + seconds, 0)
}

fn event(source: &str, seconds: i64, kind: &str, rotation: Option<&str>, data: &Value) -> Event {
    let mut line = json!({"specversion": "1.0", "source": source, "data": data,
        "id": format!("{seconds}{kind}{data}"), "type": format!("rotascope.{kind}"),
        "time": at(seconds).to_string()});
    if let Some(rotation) = rotation {
        line["rotationid"] = json!(rotation);
    }
    Event::from_json(line.to_string().as_bytes()).unwrap()
}

fn told(seconds: i64, kind: &str, data: &Value) -> Event {
    event("/engine", seconds, kind, Some("r1"), data)
}

fn stage(source: &str, seconds: i64, stage: &str, status: &str, error: Option<&str>) -> Event {
    let data = json!({"stage": stage, "status": status, "error": error});
    event(source, seconds, "rotation.stage", Some("r1"), &data)
}

fn started() -> Event {
    told(
        0,
        "rotation.started",
        &json!({"secret": "db", "to_version": "2"}),
    )
}

fn both(events: &[Event]) -> (Incident, Ledger) {
    let (mut incident, mut ledger) = (Incident::default(), Ledger::default());
    for event in events {
        incident.apply(event);
        ledger.take(event);
    }
    (incident, ledger)
}

fn level(name: LevelName, now: i64, events: &[Event], episodes: &[Episode]) -> Level {
    let (incident, ledger) = both(events);
    let asked = Objectives::default();
    let levels = Levels::at(at(now), None, &asked, &incident, &ledger, episodes);
    levels.get(name).unwrap().clone()
}

fn counts(name: LevelName, now: i64, events: &[Event], episodes: &[Episode]) -> (u64, u64) {
    let level = level(name, now, events, episodes);
    (level.reading.n, level.reading.bad)
}

fn sample(source: &str, end: i64, region: Option<&str>) -> Event {
    let data = json!({"service": "checkout", "region": region, "window_seconds": 30,
        "total": 9, "failed_401": 0});
    event(source, end, "auth.sample", None, &data)
}

fn spike(regions: &[&str], from: i64, until: Option<i64>) -> Episode {
    Episode {
        mode: "F1",
        trouble: Trouble::Refused { attributed: true },
        secret: None,
        services: vec!["checkout".into()],
        regions: regions.iter().map(|region| (*region).into()).collect(),
        detected_at: at(from),
        resolved_at: until.map(at),
    }
}

#[test]
fn two_replicas_that_watch_one_minute_watch_one_minute() {
    let events = [
        sample("/a", 30, Some("eu")),
        sample("/a", 60, Some("eu")),
        sample("/b", 40, Some("eu")),
        sample("/b", 90, Some("us")),
    ];
    assert_eq!(counts(LevelName::M3, 600, &events, &[]), (2, 0));
}

#[test]
fn a_spike_is_bad_where_it_stood_and_as_long_as_it_stood() {
    let minutes: Vec<Event> = (1..=10)
        .flat_map(|m| [sample("/a", m * 60, Some("eu")), sample("/a", m * 60, None)])
        .collect();
    let bad = |episode| counts(LevelName::M3, 600, &minutes, &[episode]);
    assert_eq!(bad(spike(&["eu"], 60, Some(179))), (20, 2));
    assert_eq!(bad(spike(&["us"], 60, Some(179))), (20, 0));
    // One that names no region is about all of them, one that goes on lasts until now.
    assert_eq!(bad(spike(&[], 481, None)), (20, 4));
}

#[test]
fn a_window_counts_once_it_closed() {
    let data = json!({"secret": "db", "to_version": "2", "grace_seconds": 3600,
        "consumers": [{"consumer": "shop"}]});
    let events = [
        told(0, "rotation.started", &data),
        stage("/engine", 10, "cutover", "completed", None),
    ];
    let (incident, ledger) = both(&events);
    let late = |now| -> u64 {
        let summary = Summary::of(&incident, &ledger, &[], at(now));
        summary.totals().iter().map(|(_, day)| day.late).sum()
    };
    assert_eq!(incident.rotations().next().unwrap().named.len(), 1);
    assert_eq!((late(3609), late(3610)), (0, 1));
}

#[test]
fn what_waits_later_than_the_moment_of_asking_waited_then() {
    let data = json!({"secret": "db", "to_version": "2", "grace_seconds": 60});
    let events = [
        told(0, "rotation.started", &data),
        stage("/engine", 10, "cutover", "completed", None),
    ];
    let (incident, ledger) = both(&events);
    let asked = Objectives::default();
    let healed = [spike(&["eu"], 20, Some(200_000))];
    let summary = Summary::of(&incident, &ledger, &healed, at(300_000));
    let reading = |now, name| {
        let levels = summary.levels(at(now), None, &asked);
        let reading = levels.get(name).unwrap().reading.clone();
        (reading.n, reading.value)
    };
    assert_eq!(reading(100_010, LevelName::M4), (1, Some(100_000.0)));
    assert_eq!(reading(100_020, LevelName::M9), (1, Some(100_000.0)));
    // It had not begun, or not lasted long enough.
    for now in [-5, 300] {
        assert_eq!(reading(now, LevelName::M4), (0, None));
        assert_eq!(reading(now, LevelName::M9), (0, None));
    }
}

#[test]
fn an_entry_is_not_missing_while_nobody_looked_or_it_may_still_come() {
    let entry = |seconds, of: &str| {
        let data = json!({"actor": "a", "operation": "update", "path": "p", "secret": "db",
            "version": "2", "outcome": "allowed", "stage": of});
        event("/vault", seconds, "audit.entry", None, &data)
    };
    let status = |seconds, state: &str| {
        let data = json!({"backend": "/vault", "state": state});
        event("/session", seconds, "backend.status", None, &data)
    };
    let mut events = vec![
        started(),
        stage("/engine", 10, "generate", "completed", None),
        entry(12, "generate"),
        stage("/engine", 20, "store", "completed", None),
    ];
    assert_eq!(counts(LevelName::M10, 80, &events, &[]), (1, 0));
    assert_eq!(counts(LevelName::M10, 81, &events, &[]), (2, 1));
    events.push(status(70, "disconnected"));
    assert_eq!(counts(LevelName::M10, 500, &events, &[]), (1, 0));
    events.push(entry(400, "store"));
    assert_eq!(counts(LevelName::M10, 500, &events, &[]), (2, 0));
    // Back before the stage was done, it looked.
    let events = [
        &events[..4],
        &[status(5, "degraded"), status(15, "connected")],
    ]
    .concat();
    assert_eq!(counts(LevelName::M10, 500, &events, &[]), (2, 1));
}

#[test]
fn two_sources_that_tell_of_one_try_tell_of_one_try() {
    let events = [
        started(),
        stage("/engine", 10, "store", "failed", Some("HTTP 429")),
        stage("/engine", 20, "store", "completed", None),
        stage("/vault", 21, "store", "completed", None),
    ];
    assert_eq!(counts(LevelName::M7, 60, &events, &[]), (2, 1));
}

#[test]
fn a_revocation_that_was_taken_back_is_none_and_a_late_one_counts_before_it_comes() {
    let grace = told(
        20,
        "rotation.grace",
        &json!({"ends_at": at(60).to_string()}),
    );
    let mut events = vec![
        started(),
        stage("/engine", 20, "cutover", "completed", None),
        grace,
    ];
    let day = 86_400;
    assert_eq!(counts(LevelName::M4, day + 20, &events, &[]), (0, 0));
    assert_eq!(counts(LevelName::M4, day + 21, &events, &[]), (1, 1));
    events.push(stage("/engine", 80, "revoke", "completed", None));
    let done = level(LevelName::M4, day + 21, &events, &[]);
    assert_eq!(
        (done.reading.value, done.reading.met),
        (Some(60.0), Some(true))
    );
    events.push(stage("/engine", 90, "revoke", "skipped", None));
    assert_eq!(counts(LevelName::M4, day + 21, &events, &[]), (1, 1));
    events.push(told(
        99,
        "rotation.finished",
        &json!({"outcome": "aborted"}),
    ));
    assert_eq!(counts(LevelName::M4, day + 21, &events, &[]), (0, 0));
}

#[test]
fn what_is_older_than_any_window_is_let_go_of_without_a_trace() {
    let (old, day) = (-40 * 86_400, 86_400);
    let version = |seconds, version: &str| {
        let data = json!({"consumer": "c", "secret": "db", "version": version,
            "state": "in_use", "latency_ms": 5});
        told(seconds, "consumer.version", &data)
    };
    let mut events = vec![started(), sample("/a", 60, None), version(30, "2")];
    events.extend([sample("/a", old, None), version(old, "1")]);
    events.push(stage("/engine", old, "store", "completed", None));
    events.push(stage("/engine", 40, "cutover", "completed", None));
    let status = json!({"backend": "/vault", "state": "disconnected"});
    events.push(event("/session", old, "backend.status", None, &status));
    let asked = Objectives::default();
    let (incident, mut ledger) = both(&events);
    let before = Levels::at(at(day), None, &asked, &incident, &ledger, &[]);
    ledger.forget(at(day) - asked.longest());
    let after = Levels::at(at(day), None, &asked, &incident, &ledger, &[]);
    assert_eq!(before, after);
    assert_eq!((ledger.stages.len(), ledger.updates.len()), (1, 1));
    assert_eq!(ledger.connected.values().next().unwrap().len(), 1);
    ledger.forget(at(2 * day));
    assert!(
        ledger
            .auth
            .values()
            .all(std::collections::BTreeMap::is_empty)
    );
}

#[test]
fn one_window_may_be_asked_of_all() {
    let finished = |seconds| told(seconds, "rotation.finished", &json!({"outcome": "failed"}));
    let (incident, ledger) = both(&[started(), finished(100)]);
    let n = |since| {
        let asked = Objectives::default();
        let levels = Levels::at(at(200), since, &asked, &incident, &ledger, &[]);
        let level = levels.get(LevelName::M1).unwrap().reading.clone();
        (level.n, level.window_seconds)
    };
    assert_eq!(n(None), (1, Span::seconds(30 * 86_400).as_seconds()));
    assert_eq!((n(Some(at(100))), n(Some(at(101)))), ((1, 100), (0, 99)));
}
