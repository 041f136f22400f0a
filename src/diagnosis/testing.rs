//! Hand-made events for the tests of failure modes, and what is found in them.

use serde_json::{Value, json};

use super::{Diagnosis, Finding, Mode, rules};
use crate::model::{Event, RotationId, Timestamp};

/// A moment so many seconds after an arbitrary one.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 0)
}

/// An event; its id is what it says and when.
pub(super) fn told(seconds: i64, source: &str, rotation: &str, kind: &str, data: &Value) -> Event {
    let line = json!({
        "specversion": "1.0", "id": format!("{rotation}-{kind}-{seconds}-{data}"),
        "source": source, "time": at(seconds).to_string(),
        "type": format!("rotascope.{kind}"), "data": data,
    });
    let event = Event::from_json(line.to_string().as_bytes()).unwrap();
    if rotation.is_empty() {
        return event;
    }
    event.of_rotation(RotationId::from(rotation))
}

/// The start of rotation `r1` of `db` from `v1` to `v2`: three regions with four consumers each,
/// known to the vault by their names.
pub(super) fn started() -> Event {
    let consumers: Vec<Value> = ["ap", "eu", "us"]
        .iter()
        .flat_map(|region| (0..4).map(move |n| (region, n)))
        .map(|(region, n)| {
            json!({"consumer": format!("{region}-{n}"), "service": "checkout", "region": region,
                "identities": [format!("approle:{region}-{n}")]})
        })
        .collect();
    let data = json!({"secret": "db", "from_version": "v1", "to_version": "v2",
        "regions": ["ap", "eu", "us"], "services": ["checkout"], "consumers": consumers});
    told(0, "/engine", "r1", "rotation.started", &data)
}

/// A stage of `r1`, with an error where it failed.
pub(super) fn stage(seconds: i64, stage: &str, status: &str, error: Option<&str>) -> Event {
    let data = json!({"stage": stage, "status": status, "error": error});
    told(seconds, "/engine", "r1", "rotation.stage", &data)
}

/// What a consumer of `db` says of `v2`; its region is the first part of its name.
pub(super) fn consumer(seconds: i64, name: &str, state: &str, error: Option<&str>) -> Event {
    let region = name.split('-').next();
    let data = json!({"consumer": name, "service": "checkout", "region": region, "secret": "db",
        "version": "v2", "state": state, "error": error});
    told(seconds, "/fleet", "", "consumer.version", &data)
}

/// An event that says nothing but that time has passed.
pub(super) fn tick(seconds: i64) -> Event {
    let data = json!({"detector": "d", "repository": "r", "findings": 0});
    told(seconds, "/scanner", "", "scan.completed", &data)
}

/// What stands or healed of a mode after these events.
pub(super) fn found(mode: Mode, events: &[Event]) -> Vec<Finding> {
    let mut events = events.to_vec();
    events.sort_by_key(|event| event.time);
    let mut diagnosis = Diagnosis::new(rules());
    for event in &events {
        diagnosis.apply(event);
    }
    let all = diagnosis.findings().all();
    let all = all.into_iter().filter(|finding| finding.mode == mode);
    all.cloned().collect()
}

/// The only finding of a mode, whose evidence is not empty and not later than itself.
pub(super) fn one(mode: Mode, events: &[Event]) -> Finding {
    let mut all = found(mode, events);
    assert_eq!(all.len(), 1, "{all:?}");
    let finding = all.remove(0);
    assert!(!finding.evidence.is_empty());
    for evidence in &finding.evidence {
        assert!(evidence.event.time <= finding.detected_at);
        assert!(events.iter().any(|event| event.id == evidence.event.id));
    }
    finding
}
