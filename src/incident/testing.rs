//! Events for tests, made from JSON so that a test reads like the contract.

use serde_json::{Value, json};

use super::fold::Incident;
use crate::model::{Event, RotationId, SecretPath, Timestamp};

/// A moment so many seconds after an arbitrary one.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 0)
}

/// An event of this source and id, so many seconds after the arbitrary moment.
pub(super) fn event(source: &str, id: &str, seconds: i64, kind: &str, data: &Value) -> Event {
    let line = json!({
        "specversion": "1.0", "id": id, "source": source, "time": at(seconds).to_string(),
        "type": format!("rotascope.{kind}"), "data": data,
    });
    Event::from_json(line.to_string().as_bytes()).unwrap()
}

/// The same as an event of a rotation.
pub(super) fn of(rotation: &str, event: Event) -> Event {
    event.of_rotation(RotationId::from(rotation))
}

/// An event of a rotation, told by `/engine`; its id is its time.
pub(super) fn engine(rotation: &str, seconds: i64, kind: &str, data: &Value) -> Event {
    let id = format!("{rotation}-{kind}-{seconds}-{data}");
    of(rotation, event("/engine", &id, seconds, kind, data))
}

/// A start as `/engine` tells it.
pub(super) fn started(rotation: &str, seconds: i64, secret: &str, to: Option<&str>) -> Event {
    let data = json!({"secret": secret, "to_version": to});
    engine(rotation, seconds, "rotation.started", &data)
}

/// A stage as `/engine` tells it.
pub(super) fn stage(rotation: &str, seconds: i64, stage: &str, status: &str) -> Event {
    let data = json!({"stage": stage, "status": status});
    engine(rotation, seconds, "rotation.stage", &data)
}

/// A stage in one region.
pub(super) fn stage_in(region: &str, seconds: i64, stage: &str, status: &str) -> Event {
    let error = (status == "failed").then_some("no route");
    let data = json!({"stage": stage, "status": status, "region": region, "error": error});
    engine("r1", seconds, "rotation.stage", &data)
}

/// A consumer of the secret `db`.
pub(super) fn consumer(name: &str, seconds: i64, version: &str, state: &str) -> Event {
    let data = json!({"consumer": name, "secret": "db", "version": version, "state": state});
    let id = format!("{name}-{seconds}-{version}-{state}");
    event("/fleet", &id, seconds, "consumer.version", &data)
}

/// Authentications of `checkout` over 30 s.
pub(super) fn auth(source: &str, seconds: i64, total: u64) -> Event {
    let data = json!({"service": "checkout", "window_seconds": 30, "total": total});
    event(
        source,
        &format!("a{seconds}"),
        seconds,
        "auth.sample",
        &data,
    )
}

/// The incident after these events.
pub(super) fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Incident {
    let mut incident = Incident::default();
    for event in events {
        incident.apply(event);
    }
    incident
}

/// The same from the last to the first; where order does not matter both are the same.
pub(super) fn fold_both_ways(events: &[Event]) -> Incident {
    let incident = fold(events);
    let backward = fold(events.iter().rev());
    assert!(incident.rotations().eq(backward.rotations()));
    assert!(incident.auth().eq(backward.auth()));
    assert!(incident.acts().eq(backward.acts()));
    assert!(incident.consumers(&db()).eq(backward.consumers(&db())));
    incident
}

/// The secret `db`.
pub(super) fn db() -> SecretPath {
    SecretPath::from("db")
}

/// A rotation's id.
pub(super) fn id(id: &str) -> RotationId {
    RotationId::from(id)
}
