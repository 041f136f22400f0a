//! Standard input that comes piece by piece, and lines that cannot be written.

use std::io::Write as _;
use std::path::Path;
use std::process::{ChildStdin, Stdio};

use rotascope::model::Event;
use serde_json::{Value, json};

use super::{Watching, command, home, night, text, throttled, told};

/// A program that watches its standard input, which stays open.
fn on_input(home: &Path, more: &[&str]) -> (Watching, ChildStdin) {
    let args = [&["--headless", "-"], more].concat();
    let mut command = command(home, &args);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let input = child.stdin.take().unwrap();
    (Watching::of(child), input)
}

fn send<'a>(input: &mut ChildStdin, events: impl IntoIterator<Item = &'a Event>) {
    for event in events {
        writeln!(input, "{}", event.to_json().unwrap()).unwrap();
    }
    input.flush().unwrap();
}

#[test]
fn what_standard_input_brought_is_told_once_it_is_quiet() {
    let home = home("");
    let (watching, mut input) = on_input(home.path(), &[]);
    send(&mut input, &throttled("first", 10_000));
    let page = watching.line("PAGE");
    assert!(page.contains("rotation first of first/key"), "{page}");
    // Not only what lies at the beginning of it.
    send(&mut input, &throttled("second", 10_020));
    let page = watching.line("PAGE");
    assert!(page.contains("rotation second of second/key"), "{page}");
    drop(input);
    assert_eq!(watching.ended().0, Some(0));
}

#[test]
fn what_comes_later_than_it_should_is_looked_at_and_wakes_nobody_twice() {
    let home = home("");
    let out = home.path().join("out");
    let settings = format!(
        "[[alerts.hooks]]\nprogram = [\"/bin/sh\", \"-c\", \"cat >> {}\"]\n",
        out.display()
    );
    std::fs::write(home.path().join("config.toml"), settings).unwrap();
    let (watching, mut input) = on_input(home.path(), &[]);
    let [started, first, second] = throttled("r", 10_000).try_into().unwrap();
    send(&mut input, [&started, &second]);
    // Another rotation tells that all before was looked at.
    send(&mut input, &throttled("other", 10_020));
    assert!(watching.line("PAGE").contains("rotation other"));
    send(&mut input, [&first]);
    let page = watching.line("PAGE");
    assert!(page.contains("rotation r of r/key"), "{page}");
    let over = json!({"outcome": "succeeded"});
    send(&mut input, [&told(10_100, "r", "finished", &over)]);
    watching.line("RESOLVED");
    drop(input);
    let (status, err) = watching.ended();
    assert_eq!(status, Some(0), "{err}");
    assert!(!err.contains("too late"), "{err}");
    let told = std::fs::read_to_string(out).unwrap();
    let told: Vec<(String, String)> = told
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let word = |key: &str| line[key].as_str().unwrap().to_owned();
            (word("alert"), word("phase"))
        })
        .collect();
    let word = |alert: &str, phase: &str| (alert.to_owned(), phase.to_owned());
    let all = [
        word("rotation/other", "page"),
        word("rotation/r", "page"),
        word("rotation/r", "resolved"),
    ];
    assert_eq!(told, all);
}

#[test]
fn lines_that_cannot_be_written_end_the_watch_with_a_word_and_hooks_are_told_first() {
    let home = home("");
    let out = home.path().join("out");
    let settings = format!(
        "[[alerts.hooks]]\nprogram = [\"/bin/sh\", \"-c\", \"sleep 1; cat >> {}; exit 3\"]\n",
        out.display()
    );
    std::fs::write(home.path().join("config.toml"), settings).unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    // Only systems that have such a device can say what becomes of a full disk.
    let Ok(full) = full else { return };
    let night = night();
    let args = ["--headless", "--format", "events", night.to_str().unwrap()];
    let done = command(home.path(), &args).stdout(full).output().unwrap();
    let words = text(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{words}");
    assert!(
        words.contains("standard output cannot be written"),
        "{words}"
    );
    assert!(words.contains("No space left"), "{words}");
    assert!(words.contains("hooks told 0 not told 1"), "{words}");
    assert!(words.contains("exit code 3"), "{words}");
    let told = std::fs::read_to_string(out).unwrap();
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn a_watch_whose_lines_nobody_reads_any_more_does_not_end_in_silence() {
    let home = home("");
    let mut command = command(home.path(), &["--headless", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    send(&mut input, &throttled("first", 10_000));
    let done = child.wait_with_output().unwrap();
    let err = text(&done.stderr);
    drop(input);
    assert_eq!(done.status.code(), Some(2), "{err}");
    assert!(err.contains("nobody reads standard output"), "{err}");
}
