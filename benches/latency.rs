//! What a person waits for, measured through a real pseudo-terminal: from the start of the
//! process to its first painted frame, and from a key to the frame that answers it, at rest and
//! under 50,000 events a second. Prints figures; judges nothing.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints figures and stops where it cannot measure"
)]

#[path = "made/terminal.rs"]
mod terminal;

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use terminal::{Terminal, millis};

fn first_frames(name: &str, args: &[&str], runs: usize) {
    let times = (0..runs)
        .filter_map(|_| {
            let (mut program, start) = Terminal::start(args);
            program
                .painted(|screen| !screen.trim().is_empty())
                .map(|at| at - start)
        })
        .collect();
    println!("start to first frame, {name}: {}", millis(times));
}

/// `?` opens the help screen and `esc` closes it: two frames that can be told from any other.
fn keys(program: &mut Terminal, presses: usize, rest: Duration) -> Vec<Duration> {
    let helps = |screen: &str| screen.contains("Help");
    let mut times = Vec::new();
    for n in 0..presses {
        let opens = n % 2 == 0;
        let began = program.press(if opens { "?" } else { "\x1b" });
        match program.painted(|screen| helps(screen) == opens) {
            Some(at) => times.push(at - began),
            None => println!("no answer to key {n}"),
        }
        thread::sleep(rest);
    }
    times
}

/// A recording of `seconds` with 50,000 samples a second of 200 services.
fn flood(seconds: u64) -> PathBuf {
    let path = std::env::temp_dir().join(format!("rotascope-flood-{seconds}.jsonl"));
    if path.exists() {
        return path;
    }
    let file = std::fs::File::create(&path).expect("a temporary file");
    let mut out = std::io::BufWriter::new(file);
    let mut line = String::new();
    for n in 0..seconds * 50_000 {
        line.clear();
        let (second, micro) = (n / 50_000, n % 50_000 * 20);
        let _ = writeln!(
            line,
            r#"{{"specversion":"1.0","id":"{n}","source":"/prometheus/main","type":"rotascope.auth.sample","time":"2026-01-01T00:{:02}:{:02}.{micro:06}Z","subject":"s{}","data":{{"service":"s{}","region":"eu-1","window_seconds":1,"total":900,"failed_401":{},"failed_403":0}}}}"#,
            second / 60,
            second % 60,
            n % 200,
            n % 200,
            n % 7
        );
        out.write_all(line.as_bytes())
            .expect("room for a temporary file");
    }
    path
}

fn main() {
    let night = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/incidents/first-night");
    first_frames("first-night", &["replay", &night.to_string_lossy()], 40);
    first_frames("demo", &["demo"], 40);
    if let Some(large) = std::env::var_os("ROTASCOPE_BENCH_LARGE") {
        let large = large.to_string_lossy();
        first_frames("a 1 GB audit log", &["replay", &large], 20);
    }
    let (mut program, _) = Terminal::start(&["replay", "--paused", &night.to_string_lossy()]);
    program.rest(Duration::from_millis(120));
    println!(
        "key to painted frame, at rest: {}",
        millis(keys(&mut program, 400, Duration::from_millis(4)))
    );
    drop(program);

    let flood = flood(20);
    let (mut program, _) = Terminal::start(&["replay", "--speed", "1", &flood.to_string_lossy()]);
    // The reader is ahead of the player after this; what follows measures playing, not loading.
    thread::sleep(Duration::from_secs(6));
    println!(
        "key to painted frame, under 50,000 events/s: {}",
        millis(keys(&mut program, 300, Duration::from_millis(20)))
    );
}
