//! How fast events are folded, and how long a seek takes:
//! `cargo bench --bench fold`. One core; a seeded mix like that of real incidents: mostly
//! samples, 10,000 rotations with their stages and consumers, audit lines between.

#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a bench prints figures and stops where it cannot measure"
)]

mod made;

use std::fs::File;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rotascope::incident::{Incident, Recording};
use rotascope::model::Event;

use made::{Numbers, ROTATIONS, make};

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
