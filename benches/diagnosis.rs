//! What naming what is wrong costs beside a replay of the same events: `cargo bench --bench
//! diagnosis`. A recording of 1,000,000 events with 10,000 rotations is written to a temporary
//! file; reading, derivation, ordering and fold of it are the replay, and the same with every
//! rule is the diagnosis. Runs alternate, so that both meet the same machine. `-- rules` runs
//! the diagnosis alone again and again, for a profiler.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a bench prints figures and stops where it cannot measure"
)]

mod made;

use std::fs::File;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rotascope::audit::derive::Derivation;
use rotascope::audit::identity::IdentityRules;
use rotascope::audit::{self, Options};
use rotascope::cli::diagnose::{self, Args, Format};
use rotascope::diagnosis::{Diagnosis, rules};
use rotascope::incident::Incident;
use rotascope::measure::level::Objectives;
use rotascope::model::Event;

use made::{ROTATIONS, make};

const RUNS: usize = 5;

fn main() {
    let events = make();
    if std::env::args().any(|arg| arg == "rules") {
        for _ in 0..RUNS {
            let start = Instant::now();
            black_box(diagnosed(&events));
            println!("rules and fold {:.2} s", start.elapsed().as_secs_f64());
        }
        let start = Instant::now();
        black_box(folded(&events));
        println!("fold {:.2} s", start.elapsed().as_secs_f64());
        for nth in 0..rules().len() {
            let start = Instant::now();
            let one = rules().into_iter().nth(nth).into_iter().collect();
            let mut diagnosis = Diagnosis::new(one);
            for event in &events {
                diagnosis.apply(event);
            }
            black_box(&diagnosis);
            println!("rule {nth} and fold {:.2} s", start.elapsed().as_secs_f64());
        }
        return;
    }
    let file = tempfile::Builder::new()
        .suffix(".jsonl")
        .tempfile()
        .unwrap();
    let mut out = BufWriter::new(File::create(file.path()).unwrap());
    for event in &events {
        writeln!(out, "{}", event.to_json().unwrap()).unwrap();
    }
    out.flush().unwrap();
    let count = events.len();
    let in_memory = best(
        || drop(black_box(folded(&events))),
        || drop(black_box(diagnosed(&events))),
    );
    drop(events);
    let whole = best(|| replay(file.path()), || diagnose(file.path()));
    println!("{count} events, {ROTATIONS} rotations; best of {RUNS}, alternating");
    for (what, (without, with)) in [("fold alone", in_memory), ("from the file", whole)] {
        println!(
            "{what}: {:.0} events/s without diagnosis, {:.0} with: ratio {:.2}",
            count as f64 / without,
            count as f64 / with,
            without / with
        );
    }
}

/// The shortest time of each, in seconds, turn by turn.
fn best(mut one: impl FnMut(), mut other: impl FnMut()) -> (f64, f64) {
    let mut least = (f64::MAX, f64::MAX);
    for _ in 0..RUNS {
        let start = Instant::now();
        one();
        least.0 = least.0.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        other();
        least.1 = least.1.min(start.elapsed().as_secs_f64());
    }
    least
}

fn folded(events: &[Event]) -> Incident {
    let mut incident = Incident::default();
    for event in events {
        incident.apply(event);
    }
    incident
}

fn diagnosed(events: &[Event]) -> Diagnosis {
    let mut diagnosis = Diagnosis::new(rules());
    for event in events {
        diagnosis.apply(event);
    }
    diagnosis
}

fn replay(path: &Path) {
    let opened = audit::open(&[PathBuf::from(path)], &Options::default()).unwrap();
    let mut derivation = Derivation::new(IdentityRules::default());
    let mut events = Vec::new();
    for sighted in opened {
        derivation.feed(&sighted.merged, &mut |event| events.push(event));
    }
    derivation.finish(&mut |event| events.push(event));
    events.sort_by(|a, b| (a.time, &a.source, &a.id).cmp(&(b.time, &b.source, &b.id)));
    black_box(folded(&events));
}

fn diagnose(path: &Path) {
    let args = Args {
        paths: vec![path.to_path_buf()],
        format: Format::Json,
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (identity, asked) = (IdentityRules::default(), Objectives::default());
    let status = diagnose::run(&args, identity, &asked, &mut out, &mut err).unwrap();
    assert_eq!(status, 0);
    black_box(out);
}
