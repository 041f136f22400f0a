//! The whole program in a pseudo-terminal: real keys in, the real screen read. What the screens
//! must show is computed here from the files themselves, by code that calls neither `audit` nor
//! `incident`.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use portable_pty::CommandBuilder;
use serde_json::Value;
use support::pty::Terminal;

/// What a person should read of rot-7f3a at a moment.
#[derive(Debug)]
struct Wanted {
    stage: String,
    on_new: usize,
    of: usize,
    grace_left: Option<TimeDelta>,
    failed_percent: f64,
}

const STAGES: [&str; 9] = [
    "trigger",
    "generate",
    "store",
    "distribute",
    "validate",
    "cutover",
    "grace",
    "revoke",
    "audit",
];

fn time(words: &str) -> DateTime<Utc> {
    words.parse().unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// Reads events.jsonl up to `at`.
fn wanted(at: &str) -> Wanted {
    let at = time(at);
    let lines = std::fs::read_to_string(support::first_night().join("events.jsonl")).unwrap();
    let mut versions: BTreeMap<String, (DateTime<Utc>, String, String)> = BTreeMap::new();
    let (mut stage, mut ends, mut failed) = (0, None, 0.0);
    for line in lines.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let (when, data) = (time(text(&event, "time")), &event["data"]);
        if when > at {
            continue;
        }
        match text(&event, "type") {
            "rotascope.consumer.version" => {
                let told = (
                    when,
                    text(data, "version").to_owned(),
                    text(data, "state").to_owned(),
                );
                let held = versions
                    .entry(text(data, "consumer").to_owned())
                    .or_insert_with(|| told.clone());
                if when >= held.0 {
                    *held = told;
                }
            }
            "rotascope.rotation.stage" => {
                stage = stage.max(
                    STAGES
                        .iter()
                        .position(|s| *s == text(data, "stage"))
                        .unwrap(),
                );
            }
            "rotascope.rotation.grace" => ends = Some(time(text(data, "ends_at"))),
            "rotascope.auth.sample"
                if text(data, "service") == "checkout" && text(data, "region") == "eu-1" =>
            {
                let count = |key: &str| data[key].as_f64().unwrap();
                failed = (count("failed_401") + count("failed_403")) / count("total") * 100.0;
            }
            _ => {}
        }
    }
    Wanted {
        stage: STAGES[stage].to_owned(),
        on_new: versions
            .values()
            .filter(|(_, version, state)| version == "v18" && state == "in_use")
            .count(),
        of: versions.len(),
        grace_left: ends.map(|ends| ends - at),
        failed_percent: failed,
    }
}

/// A share as the screens write it: two figures that count.
fn percent(share: f64) -> String {
    if share >= 9.95 {
        format!("{share:.0} %")
    } else {
        format!("{share:.1} %")
    }
}

#[test]
fn first_night_shows_what_its_files_say() {
    let mut terminal = Terminal::start(
        &["replay", "--paused", "fixtures/incidents/first-night"],
        100,
        40,
    );
    terminal.wait_for("all that there is to read", |screen| {
        screen.contains("03:20:00")
    });
    for clock in ["03:03:30", "03:05:00", "03:12:30", "03:13:30"] {
        let wanted = wanted(&format!("2026-11-14T{clock}Z"));
        terminal.seek(clock);
        let screen = terminal.text();
        let rotation = terminal.row("payments/api").expect("the rotation's row");
        let rotation = screen
            .lines()
            .find(|l| l.contains("payments/api") && l.contains('▰'))
            .unwrap_or(&rotation)
            .to_owned();
        assert!(
            rotation.contains(&wanted.stage),
            "{clock}: no stage {} in {rotation}",
            wanted.stage
        );
        let count = format!("{}/{}", wanted.on_new, wanted.of);
        assert!(
            rotation.contains(&count),
            "{clock}: not {count} in {rotation}"
        );
        if let Some(left) = wanted.grace_left {
            let left = format!("{}:{:02} left", left.num_minutes(), left.num_seconds() % 60);
            assert!(
                rotation.contains(&left),
                "{clock}: not {left} in {rotation}"
            );
        }
        let service = screen
            .lines()
            .find(|l| l.contains("checkout") && l.contains("eu-1") && l.contains("usual"))
            .expect("the service's row");
        let share = percent(wanted.failed_percent);
        assert!(
            service.contains(&share),
            "{clock}: not {share} in {service}"
        );
    }
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn playing_moves_and_pausing_holds() {
    let mut terminal = Terminal::start(
        &["replay", "--speed", "20", "fixtures/incidents/first-night"],
        80,
        24,
    );
    let header = |screen: &str| screen.lines().next().unwrap_or_default().to_owned();
    terminal.wait_for("the night to move", |screen| {
        let header = header(screen);
        (header.contains(" 02:5") || header.contains(" 03:")) && !header.contains(" 02:55:00")
    });
    terminal.press(" ");
    let held = header(&terminal.wait_for("the pause", |screen| header(screen).contains("paused")));
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(header(&terminal.text()), held);
    terminal.press("]");
    terminal.wait_for("the next mark", |screen| header(screen) != held);
    terminal.press(">");
    terminal.wait_for("the end", |screen| header(screen).contains("03:20:00"));
    terminal.press("<");
    terminal.wait_for("the start", |screen| header(screen).contains("02:55:00"));
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn the_terminal_is_given_back_whole() {
    for (how, end) in [
        ("q", None),
        ("\u{3}", None),
        ("", Some("TERM")),
        ("", Some("HUP")),
    ] {
        let mut terminal = Terminal::start(&["replay", "fixtures/incidents/first-night"], 80, 24);
        assert!(terminal.in_alternate_screen());
        terminal.press(how);
        if let Some(signal) = end {
            let killed = std::process::Command::new("kill")
                .args(["-s", signal, &terminal.pid().to_string()])
                .status();
            assert!(killed.unwrap().success());
        }
        terminal.end();
        assert!(!terminal.in_alternate_screen(), "after {how:?} {end:?}");
        assert!(!terminal.cursor_hidden(), "after {how:?} {end:?}");
        let written = String::from_utf8_lossy(&terminal.written()).into_owned();
        for off in ["\u{1b}[?2004l", "\u{1b}[?1006l", "\u{1b}[?1049l"] {
            assert!(
                written.contains(off),
                "{off:?} was not sent after {how:?} {end:?}"
            );
        }
    }
}

#[test]
fn after_the_program_the_terminal_works_as_before() {
    let mut command = CommandBuilder::new("sh");
    let program = env!("CARGO_BIN_EXE_rotascope");
    command.args(["-c", &format!("stty -a > /tmp/rotascope-before.$$; {program} demo; stty -a | cmp - /tmp/rotascope-before.$$ && echo as-before; rm /tmp/rotascope-before.$$")]);
    let mut terminal = Terminal::start_command(command, 80, 24);
    terminal.wait_for("the cockpit", |screen| screen.contains("rotascope"));
    terminal.press("q");
    terminal.wait_for("the comparison", |screen| screen.contains("as-before"));
}

#[test]
fn every_size_is_usable_or_says_what_it_needs() {
    let mut terminal = Terminal::start(
        &[
            "replay",
            "--paused",
            "--at",
            "2026-11-14T03:12:48Z",
            "fixtures/incidents/first-night",
        ],
        200,
        50,
    );
    terminal.wait_for("the wide screen", |screen| {
        screen.contains("payments/api") && screen.contains("Auth failures")
    });
    terminal.resize(40, 15);
    terminal.wait_for("the small screen", |screen| screen.contains("15/20"));
    terminal.resize(30, 8);
    terminal.wait_for("a clear word", |screen| screen.contains("40x15"));
    terminal.resize(80, 24);
    terminal.wait_for("the usual screen", |screen| {
        screen.contains("usual") && screen.contains("15/20")
    });
}

#[test]
fn the_demo_needs_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rotascope"));
    command.args([
        "demo",
        "--recorded",
        "--paused",
        "--at",
        "2026-11-14T03:12:48Z",
    ]);
    command.cwd(folder.path());
    let mut terminal = Terminal::start_command(command, 80, 24);
    terminal.wait_for("the night", |screen| {
        screen.contains("payments/api") && screen.contains("15/20")
    });
}

#[test]
fn what_cannot_be_opened_is_said_with_status_2() {
    for (args, words) in [
        (vec!["replay", "no/such/folder"], "no/such/folder"),
        (
            vec![
                "replay",
                "--theme",
                "mauve",
                "fixtures/incidents/first-night",
            ],
            "mauve",
        ),
        (
            vec![
                "replay",
                "--keymap",
                "nano",
                "fixtures/incidents/first-night",
            ],
            "nano",
        ),
        (
            vec!["replay", "--speed", "0", "fixtures/incidents/first-night"],
            "0.1 to 1000",
        ),
    ] {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rotascope"));
        command.args(&args);
        command.cwd(support::root());
        let mut terminal = Terminal::start_command(command, 100, 24);
        assert_eq!(terminal.end(), 2, "{args:?}");
        assert!(
            terminal.text().contains(words),
            "{args:?}: {}",
            terminal.text()
        );
    }
}
