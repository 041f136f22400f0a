//! How fast events are folded, and how long a seek takes:
//! `cargo bench --bench fold`. One core; a seeded mix like that of real incidents: mostly
//! samples, 10,000 rotations with their stages and consumers, audit lines between.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "a bench prints figures and stops where it cannot measure"
)]

use std::fs::File;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rotascope::incident::{Incident, Recording};
use rotascope::model::event::{
    AuditEntry, AuditOutcome, AuthSample, CacheSample, ConsumerState, ConsumerVersion,
    NamedConsumer, Operation, Outcome, QuotaSample, RotationFinished, RotationGrace, RotationStage,
    RotationStarted, Seconds, SecretKind, SignalSample, Stage, StageStatus, Tier, Trigger,
};
use rotascope::model::{Data, Event, RotationId, Span, Timestamp};

const EVENTS: usize = 1_000_000;
const ROTATIONS: usize = 10_000;
const SERVICES: u64 = 120;
const REGIONS: [&str; 4] = ["eu-1", "us-1", "ap-1", "sa-1"];

/// xorshift64: a stream that looks random and is the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

struct Maker {
    numbers: Numbers,
    events: Vec<Event>,
    ids: u64,
}

impl Maker {
    fn push(
        &mut self,
        source: &str,
        at: Timestamp,
        rotation: Option<usize>,
        data: impl Into<Data>,
    ) {
        self.ids += 1;
        let id = format!("{:06x}", self.ids);
        let mut event = Event::new(source, id.as_str(), at, data.into());
        if let Some(rotation) = rotation {
            event = event.of_rotation(RotationId::from(format!("rot-{rotation:06x}")));
        }
        self.events.push(event);
    }

    /// One rotation: about 14 events over ten minutes.
    fn rotation(&mut self, n: usize, at: Timestamp) {
        let secret = format!("service-{}/db-{}", n as u64 % SERVICES, n % 500);
        let service = format!("service-{}", n as u64 % SERVICES);
        let version = format!("{}", n / 500 + 2);
        let named = |i: usize| NamedConsumer {
            consumer: format!("{service}-{}-{i}", REGIONS[i % 4]).as_str().into(),
            service: Some(service.as_str().into()),
            region: Some(REGIONS[i % 4].into()),
            identities: vec![format!("approle:{service}/{i}").as_str().into()],
        };
        let started = RotationStarted {
            secret: secret.as_str().into(),
            kind: Some(SecretKind::Database),
            from_version: Some(format!("{}", n / 500 + 1).as_str().into()),
            to_version: Some(version.as_str().into()),
            trigger: Some(Trigger::Schedule),
            owner: Some("team-core".into()),
            tier: Some(Tier::High),
            regions: REGIONS.iter().map(|r| (*r).into()).collect(),
            grace_seconds: Some(Seconds(600)),
            dual_run: Some(true),
            planned: Some(true),
            canary_percent: Some(10.0),
            consumers: (0..4).map(named).collect(),
            services: vec![service.as_str().into()],
            audit_expected: None,
            by: None,
            correlation: None,
        };
        self.push("/engine/prod", at, Some(n), started);
        for (i, stage) in Stage::KNOWN.iter().enumerate() {
            let stage = RotationStage {
                stage: stage.clone(),
                status: StageStatus::Completed,
                attempt: Some(1),
                region: None,
                wave: None,
                percent: None,
                audit_expected: None,
                error: None,
            };
            let at = at + Span::seconds(i as i64 * 60);
            self.push("/engine/prod", at, Some(n), stage);
        }
        let grace = RotationGrace {
            ends_at: at + Span::seconds(600),
            extended_seconds: None,
            reason: None,
            by: None,
        };
        self.push("/engine/prod", at + Span::seconds(300), Some(n), grace);
        for i in 0..2 {
            let consumer = ConsumerVersion {
                consumer: named(i).consumer,
                service: named(i).service,
                region: named(i).region,
                secret: secret.as_str().into(),
                version: version.as_str().into(),
                state: ConsumerState::InUse,
                error: None,
                latency_ms: Some(1500.0),
                identities: named(i).identities,
            };
            let at = at + Span::seconds(200 + i as i64);
            self.push("/fleet/agents", at, Some(n), consumer);
        }
        let finished = RotationFinished {
            outcome: Outcome::Succeeded,
            reason: None,
        };
        self.push("/engine/prod", at + Span::seconds(610), Some(n), finished);
    }

    fn sample(&mut self, at: Timestamp) {
        let service = format!("service-{}", self.numbers.below(SERVICES));
        let region = Some(self.numbers.of(&REGIONS).into());
        let window_seconds = Seconds(30);
        match self.numbers.below(100) {
            0..=67 => {
                let sample = AuthSample {
                    service: service.as_str().into(),
                    region,
                    secret: None,
                    window_seconds,
                    total: 500 + self.numbers.below(500),
                    failed_401: Some(self.numbers.below(5)),
                    failed_403: Some(self.numbers.below(5)),
                    failed_other: Some(self.numbers.below(5)),
                };
                self.push("/prometheus/main", at, None, sample);
            }
            68..=86 => {
                let sample = CacheSample {
                    service: service.as_str().into(),
                    region,
                    secret: Some(format!("{service}/db-1").as_str().into()),
                    hit_ratio: Some(0.9),
                    oldest_entry_seconds: Some(Seconds(40)),
                };
                self.push("/fleet/agents", at, None, sample);
            }
            87..=94 => {
                let sample = SignalSample {
                    signal: "decrypt".into(),
                    service: service.as_str().into(),
                    region,
                    secret: None,
                    window_seconds,
                    total: 100,
                    bad: 1,
                };
                self.push("/prometheus/main", at, None, sample);
            }
            95..=96 => {
                let sample = QuotaSample {
                    api: "secretsmanager".into(),
                    region,
                    window_seconds,
                    total: 100,
                    throttled: 0,
                };
                self.push("/prometheus/main", at, None, sample);
            }
            _ => {
                let entry = AuditEntry {
                    actor: format!("approle:{service}/3").as_str().into(),
                    operation: Operation::Read,
                    path: format!("secret/data/{service}/db-1").into(),
                    secret: Some(format!("{service}/db-1").as_str().into()),
                    version: Some("2".into()),
                    outcome: AuditOutcome::Allowed,
                    remote_addr: Some("10.0.9.130".into()),
                    user_agent: None,
                    error: None,
                    stage: None,
                };
                self.push("/vault/prod", at, None, entry);
            }
        }
    }
}

/// A day of 1,000,000 events and 10,000 rotations, in order.
fn make() -> Vec<Event> {
    let mut maker = Maker {
        numbers: Numbers(0x5eed),
        events: Vec::with_capacity(EVENTS + 16),
        ids: 0,
    };
    let start = Timestamp::new(1_800_000_000, 0);
    let day = 86_400_000_000_i64;
    for n in 0..ROTATIONS {
        let at = day / ROTATIONS as i64 * n as i64;
        maker.rotation(n, start + Span::micros(at));
    }
    let samples = EVENTS - maker.events.len();
    for n in 0..samples {
        let at = day / samples as i64 * n as i64;
        maker.sample(start + Span::micros(at));
    }
    maker
        .events
        .sort_by(|a, b| (a.time, &a.source, &a.id).cmp(&(b.time, &b.source, &b.id)));
    maker.events
}

fn fold(events: &[Event]) -> Incident {
    let mut incident = Incident::default();
    for event in events {
        incident.apply(event);
    }
    incident
}

/// What `run` gives is let go of outside the time that is measured.
fn rate<T>(name: &str, events: usize, runs: usize, mut run: impl FnMut() -> T) {
    let mut best = f64::MAX;
    for _ in 0..runs {
        let start = Instant::now();
        let result = black_box(run());
        best = best.min(start.elapsed().as_secs_f64());
        drop(result);
    }
    let rate = events as f64 / best;
    println!("{name} events/s {rate:.0} (best of {runs})");
}

/// Resident memory in MiB, where the system tells.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

fn main() {
    let events = make();
    println!(
        "{} events, {ROTATIONS} rotations; an event in memory is {} bytes; resident {:.0} MiB",
        events.len(),
        size_of::<Event>(),
        resident()
    );
    // One part alone, for a profiler: `cargo bench --bench fold -- seek`.
    let only = |part| std::env::args().any(|arg| arg == part);
    if only("seek") {
        return seek(events);
    }
    rate("fold", events.len(), 5, || fold(&events));
    if only("fold") {
        return;
    }
    let lines: Vec<String> = events.iter().map(|e| e.to_json().unwrap()).collect();
    rate("parse", events.len(), 3, || {
        for line in &lines {
            black_box(Event::from_json(line.as_bytes()).unwrap());
        }
    });
    rate("parse+fold", events.len(), 3, || {
        let mut incident = Incident::default();
        for line in &lines {
            incident.apply(&Event::from_json(line.as_bytes()).unwrap());
        }
        incident
    });
    rate(
        "fold, a clone held every 100 events:",
        events.len(),
        1,
        || {
            let mut incident = Incident::default();
            let mut shown = incident.clone();
            for (n, event) in events.iter().enumerate() {
                incident.apply(event);
                if n % 100 == 0 {
                    shown = incident.clone();
                }
            }
            black_box(&shown);
        },
    );
    drop(lines);
    shared();
    seek(events);
}

/// The same over the shared incidents, one after the other, where they are there.
fn shared() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let folder = if beside.is_dir() {
        Some(beside)
    } else {
        std::env::var_os("ROTASCOPE_SHARED").map(PathBuf::from)
    };
    let Some(Ok(folder)) = folder.map(|f| std::fs::read_dir(f.join("incidents"))) else {
        return;
    };
    let paths = folder.map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|e| e == "zst"));
    let incidents: Vec<Vec<Event>> = files
        .map(|path| {
            let bytes = zstd::decode_all(File::open(path).unwrap()).unwrap();
            let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
            lines.map(|line| Event::from_json(line).unwrap()).collect()
        })
        .collect();
    let events = incidents.iter().map(Vec::len).sum();
    rate("fold of shared incidents", events, 5, || {
        incidents
            .iter()
            .map(|events| fold(events))
            .collect::<Vec<_>>()
    });
}

fn seek(events: Vec<Event>) {
    let before = resident();
    let mut recording = Recording::default();
    let start = Instant::now();
    for event in events {
        recording.push(event);
    }
    println!(
        "load into a recording {:.2} s; resident {:.0} MiB, {:.0} MiB before",
        start.elapsed().as_secs_f64(),
        resident(),
        before,
    );
    let mut numbers = Numbers(7);
    let mut times: Vec<f64> = (0..200)
        .map(|_| {
            let to = numbers.below(recording.len() as u64 + 1) as usize;
            let start = Instant::now();
            black_box(recording.incident_at(to));
            start.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "seek ms p50 {:.1} p99 {:.1} max {:.1}; resident {:.0} MiB",
        times[100],
        times[197],
        times[199],
        resident()
    );
    let incident = recording.incident_at(recording.len());
    let start = Instant::now();
    let steps: usize = incident.rotations().map(|r| r.timeline.len()).sum();
    println!(
        "first look at {} rotations ({steps} steps) {:.1} ms",
        incident.rotation_count(),
        start.elapsed().as_secs_f64() * 1000.0
    );
    let start = Instant::now();
    black_box(incident.rotations().count());
    println!(
        "second look {:.2} ms",
        start.elapsed().as_secs_f64() * 1000.0
    );
    let start = Instant::now();
    black_box(incident.clone());
    println!("a clone {:.1} µs", start.elapsed().as_secs_f64() * 1e6);
}
