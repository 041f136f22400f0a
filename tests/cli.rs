//! The commands as a shell sees them: what is generated, exit statuses, pipes, no terminal.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use support::first_night;

fn rotascope(args: &[&str]) -> Command {
    let nowhere = std::env::temp_dir().join("rotascope-tests-no-settings");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rotascope"));
    command
        .args(args)
        .env("ROTASCOPE_CONFIG_DIR", &nowhere)
        .env("ROTASCOPE_STATE_DIR", &nowhere)
        .stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    rotascope(args).output().expect("the program starts")
}

fn out(args: &[&str]) -> String {
    let done = run(args);
    assert_eq!(done.status.code(), Some(0), "{args:?}");
    assert!(done.stderr.is_empty(), "{args:?}");
    String::from_utf8(done.stdout).expect("text")
}

/// The commands that a person may type.
const COMMANDS: [&str; 9] = [
    "replay",
    "explore",
    "audit",
    "events",
    "check",
    "demo",
    "engine",
    "completions",
    "man",
];

#[test]
fn help_names_every_command_and_every_command_has_help() {
    let help = out(&["--help"]);
    for command in COMMANDS {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command} in {help}"
        );
        let own = out(&[command, "--help"]);
        assert!(
            own.contains(&format!("Usage: rotascope {command}")),
            "{own}"
        );
    }
    assert!(out(&["--version"]).starts_with("rotascope "));
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = out(&["completions", shell]);
        for word in COMMANDS {
            assert!(script.contains(word), "{word} for {shell}");
        }
        assert!(script.contains("keymap"), "{shell}");
    }
}

#[test]
fn the_manual_has_every_command_with_its_options() {
    let page = out(&["man"]);
    assert!(page.contains(".TH rotascope 1"));
    for command in COMMANDS {
        assert!(
            page.contains(&format!("rotascope\\-{command}")),
            "{command}"
        );
    }
    assert!(page.contains("\\-\\-speed"));
}

#[test]
fn wrong_use_ends_with_status_2_and_a_word() {
    for (args, word) in [
        (&["replay"] as &[&str], "PATHS"),
        (&["replay", "/no/such/file"], "/no/such/file: no such file"),
        (&["audit", "/no/such/file"], "/no/such/file: no such file"),
        (&["events", "/no/such/file"], "/no/such/file: no such file"),
        (&["demo", "--recorded", "--at", "140%"], "0% to 100%"),
        (
            &["demo", "--recorded", "--at", "soon"],
            "2026-11-14T03:12:40Z or 40%",
        ),
        (
            &["demo", "--recorded", "--speed", "0"],
            "0.1 to 1000, or `max`",
        ),
        (&["demo", "--keymap", "nope"], "no keymap called \"nope\""),
        (
            &["demo", "--theme", "../dark"],
            "no theme called \"../dark\"",
        ),
        (&["completions", "tcsh"], "possible values"),
        (&["nonsense"], "unrecognized subcommand"),
        (&[], "Usage"),
    ] {
        let done = run(args);
        let err = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{args:?}: {err}");
        assert!(err.contains(word), "no {word:?} for {args:?} in {err}");
        assert!(done.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn without_a_terminal_the_cockpit_names_the_commands_for_pipes() {
    let night = first_night();
    let night = night.to_str().expect("a path in UTF-8");
    for args in [
        &["demo"] as &[&str],
        &["replay", night],
        &["explore", night],
    ] {
        let done = run(args);
        assert_eq!(done.status.code(), Some(2), "{args:?}");
        assert!(done.stdout.is_empty(), "no escape goes into a pipe");
        let err = String::from_utf8_lossy(&done.stderr);
        assert!(err.contains("standard output is no terminal"), "{err}");
        assert!(err.contains("rotascope events"), "{err}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let night = first_night();
    let night = night.to_str().expect("a path in UTF-8");
    for args in [
        &["events", night] as &[&str],
        &["audit", "--format", "json", night],
    ] {
        let mut child = rotascope(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut reader = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut first = String::new();
        reader.read_line(&mut first).expect("a line");
        assert!(first.starts_with('{'), "{first}");
        drop(reader);
        let done = child.wait_with_output().expect("the program ends");
        assert_eq!(done.status.code(), Some(0), "{args:?}");
        assert!(
            done.stderr.is_empty(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_with_status_2() {
    let night = first_night();
    let full = std::fs::File::create("/dev/full").expect("a device");
    let done = rotascope(&["events"])
        .arg(night)
        .stdout(full)
        .output()
        .expect("the program starts");
    assert_eq!(done.status.code(), Some(2));
    let err = String::from_utf8_lossy(&done.stderr);
    assert!(err.contains("standard output cannot be written"), "{err}");
}
