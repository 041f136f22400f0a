//! From a key to the frame that answers it in the audit explorer, with its bars and its facets
//! shown, beside few rows and beside many: what a key costs is not to depend on what lies behind
//! the screen. In a real pseudo-terminal of 200x50.
//!
//! `scripts/bench-explored`, or `cargo bench --bench explored -- [ROWS ...]` (1,000 and 10,000,000
//! by default; 170 bytes a row are written into the temporary folder and removed). Prints figures;
//! judges nothing.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints figures and stops where it cannot measure"
)]

#[path = "made/terminal.rs"]
mod terminal;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use terminal::{Terminal, millis};

/// How often each key is pressed.
const PRESSES: usize = 100;

/// What stands in a row that is not at hand yet.
const NOT_YET: &str = "  …";

/// The keys, each with the one that it begins at, and the one that makes it mean something again
/// where it does so only once.
const KEYS: [(&str, &str, &str, Option<&str>); 5] = [
    ("page down", "\x1b[6~", HOME, None),
    ("j", "j", HOME, None),
    ("end", END, HOME, Some(HOME)),
    ("home", HOME, END, Some(END)),
    ("page up", "\x1b[5~", END, None),
];

const HOME: &str = "\x1b[H";
const END: &str = "\x1b[F";

fn main() {
    let args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let mut sizes: Vec<usize> = args
        .map(|n| n.replace(',', "").parse().expect("a number of rows"))
        .collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 10_000_000];
    }
    for rows in sizes {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("vault.log");
        write(&path, rows).expect("room for a log");
        explored(&path, rows);
    }
}

/// Calls, a millisecond apart; each tenth is refused.
fn write(path: &Path, rows: usize) -> std::io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    for n in 0..rows {
        let (second, milli) = (n / 1000, n % 1000);
        let (hour, minute, second) = (second / 3600 % 24, second / 60 % 60, second % 60);
        let error = if n % 10 == 9 {
            r#","error":"permission denied""#
        } else {
            ""
        };
        writeln!(
            out,
            r#"{{"time":"2026-01-01T{hour:02}:{minute:02}:{second:02}.{milli:03}Z","type":"response","auth":{{"display_name":"approle-{}"}},"request":{{"id":"r{n}","operation":"read","path":"secret/data/service-{}/key"}},"response":{{}}{error}}}"#,
            n % 17,
            n % 300,
        )?;
    }
    out.flush()
}

fn explored(path: &Path, rows: usize) {
    let (mut terminal, began) = Terminal::start(&["explore", &path.to_string_lossy()]);
    let shown = thousands(rows);
    let wanted = format!("▸ {shown} rows");
    let Some(opened) = terminal.painted(|screen| screen.contains(&wanted)) else {
        println!("{shown} rows: they did not come");
        return;
    };
    println!(
        "{shown} rows: opened, indexed and shown after {:.2} s, {} MB resident",
        (opened - began).as_secs_f64(),
        terminal.resident() >> 20
    );
    terminal.rest(Duration::from_millis(500));
    let mut all = Vec::new();
    for (name, key, begins, back) in KEYS {
        let mut times = Vec::new();
        for n in 0..PRESSES {
            // Before the rows of a short log are at their end.
            let back = back.or((n % 20 == 0).then_some(begins));
            if let Some(back) = back {
                terminal.press(back);
                terminal.rest(Duration::from_millis(40));
            }
            times.extend(pressed(&mut terminal, key));
        }
        println!("{shown} rows, {name}: {}", millis(times.clone()));
        all.extend(times);
    }
    println!("{shown} rows, key to rows shown: {}", millis(all));
}

/// How long it takes from a key until another screen is there, with all its rows.
fn pressed(terminal: &mut Terminal, key: &str) -> Option<Duration> {
    thread::sleep(Duration::from_millis(10));
    let before = terminal.text();
    let began: Instant = terminal.press(key);
    let answered = terminal.painted(|screen| {
        screen != before && !screen.lines().any(|line| line.starts_with(NOT_YET))
    });
    let took = answered.map(|at| at - began);
    // Rows that are asked for so that they are at hand come behind the frame.
    terminal.rest(Duration::from_millis(15));
    took
}

fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
