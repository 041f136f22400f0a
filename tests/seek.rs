//! Seek equals play, and order and repetition change nothing: on every shared incident.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do"
)]

use std::path::{Path, PathBuf};

use rotascope::incident::{Incident, Recording, WATERMARK};
use rotascope::model::{Event, Timestamp};

/// The shared incidents, each with its name; empty where the shared folder is not there.
fn incidents() -> Vec<(String, Vec<Event>)> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = if beside.is_dir() {
        Some(beside)
    } else {
        std::env::var_os("ROTASCOPE_SHARED").map(PathBuf::from)
    };
    let Some(shared) = shared.filter(|shared| shared.is_dir()) else {
        println!("no shared folder: fixtures alone");
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(shared.join("incidents"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "zst"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> (String, Vec<Event>) {
    let bytes = zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap();
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    let events = lines.map(|line| Event::from_json(line).unwrap()).collect();
    (path.display().to_string(), events)
}

fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Incident {
    let mut incident = Incident::default();
    for event in events {
        incident.apply(event);
    }
    incident
}

/// A stream of numbers that looks random and is the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

#[test]
fn seek_equals_play() {
    for (name, events) in incidents() {
        let mut recording = Recording::default();
        for event in &events {
            recording.push(event.clone());
        }
        let len = recording.len();
        let mut places = [0, 1, len / 7, len / 3, len / 2, len - 1, len];
        let mut played = Vec::new();
        let mut incident = Incident::default();
        for (position, event) in recording.events(0).enumerate() {
            if places.contains(&position) {
                played.push((position, incident.clone()));
            }
            incident.apply(event);
        }
        played.push((len, incident));
        places.reverse();
        for (position, incident) in played.iter().rev().chain(&played) {
            let sought = recording.incident_at(*position);
            assert!(sought == *incident, "{name} at {position}");
        }
        let at = recording.get(len / 2).unwrap().time;
        let position = recording.position_at(at);
        assert!(recording.get(position).is_none_or(|event| event.time > at));
        assert!(recording.get(position - 1).unwrap().time <= at);
    }
}

/// Delays every event by up to the watermark and repeats some, so that no event comes later
/// than its source's watermark allows.
fn shuffled(events: &[Event], numbers: &mut Numbers) -> Vec<Event> {
    let most = u64::try_from(WATERMARK.as_seconds()).unwrap() * 1000 - 2000;
    let mut timed: Vec<(Timestamp, Event)> = Vec::new();
    for event in events {
        for _ in 0..=u64::from(numbers.below(5) == 0) {
            let delay = i64::try_from(numbers.below(most)).unwrap();
            let arrival = event.time + rotascope::model::Span::millis(delay);
            timed.push((arrival, event.clone()));
        }
    }
    timed.sort_by_key(|(arrival, _)| *arrival);
    timed.into_iter().map(|(_, event)| event).collect()
}

#[test]
fn permuting_within_the_watermark_and_duplicating_change_nothing() {
    let mut numbers = Numbers(0x5eed);
    for (name, mut events) in incidents().into_iter().step_by(3) {
        events.sort_by(|a, b| (a.time, &a.source, &a.id).cmp(&(b.time, &b.source, &b.id)));
        events.dedup_by(|a, b| a.source == b.source && a.id == b.id);
        let told = fold(&events);
        assert_eq!(told.counts().late, 0);
        let other = fold(&shuffled(&events, &mut numbers));
        assert_eq!(other.counts().events, told.counts().events, "{name}");
        assert_eq!(other.counts().late, 0, "{name}");
        assert!(other.counts().duplicates > 0, "{name}");
        same(&name, &told, &other);
    }
}

/// Equal in everything but the number of duplicates; says what is not.
fn same(name: &str, a: &Incident, b: &Incident) {
    assert!(a.rotations().eq(b.rotations()), "rotations of {name}");
    assert!(a.auth().eq(b.auth()), "auth of {name}");
    assert!(a.signals().eq(b.signals()), "signals of {name}");
    assert!(a.canaries().eq(b.canaries()), "canaries of {name}");
    assert!(a.backends().eq(b.backends()), "backends of {name}");
    assert!(a.acts().eq(b.acts()), "acts of {name}");
    assert!(a.audit_all().eq(b.audit_all()), "audit of {name}");
    assert!(a.same_state(b), "{name}");
}
