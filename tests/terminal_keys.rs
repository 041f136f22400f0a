//! Keys in the moments in which a terminal makes it hard to take them, and all keys on all
//! screens: none is lost, none is late, none ends the program that is not for ending it.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::path::Path;
use std::thread;
use std::time::Duration;

use portable_pty::CommandBuilder;
use support::pty::Terminal;

/// Stands on the screen of the keys only.
const HELP: &str = "Help ▸ keymap";
/// Stands on the on-call screen only.
const ON_CALL: &str = "── Canary";

/// Escape as terminals with kitty's keyboard protocol send it: with the plain byte, what follows
/// at once would be the second half of another key.
const ESCAPE: &str = "\u{1b}[27u";

/// The recorded night on a terminal of 100x30, seen.
fn night() -> Terminal {
    let mut terminal = Terminal::start(
        &["replay", "--paused", "fixtures/incidents/first-night"],
        100,
        30,
    );
    terminal.wait_for("all that there is to read", |screen| {
        screen.contains("03:20:00") && !screen.contains("diagnosing")
    });
    terminal
}

/// What is seen of a screen: blanks at a line's end are not.
fn seen(screen: &str) -> Vec<String> {
    screen
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// What is seen once nothing more changes.
fn settled(terminal: &Terminal) -> Vec<String> {
    let (mut before, mut same) = (Vec::new(), 0);
    for _ in 0..40 {
        let now = seen(&terminal.text());
        same = if now == before { same + 1 } else { 0 };
        if same == 4 {
            break;
        }
        before = now;
        thread::sleep(Duration::from_millis(500));
    }
    before
}

/// Opens the screen of the keys at the first call, goes back at the second, and so on; after
/// what stands before.
fn turn(terminal: &mut Terminal, round: usize, before: &str) {
    let (key, wanted) = [("?", HELP), (ESCAPE, ON_CALL)][round % 2];
    terminal.press(&format!("{before}{key}"));
    let what = format!("what key {round} does");
    terminal.wait_for(&what, |screen| screen.contains(wanted));
}

/// A phone's keyboard changes the terminal's size in the moment in which a key of it is pressed.
#[test]
fn a_key_that_comes_with_a_change_of_size_is_taken() {
    let mut terminal = night();
    for round in 0..60 {
        terminal.resize(100, if round % 2 == 0 { 40 } else { 30 });
        turn(&mut terminal, round, "");
    }
}

/// What a terminal gives in one reading is 1,024 bytes at most.
#[test]
fn more_keys_at_once_than_one_reading_takes_are_all_taken() {
    let mut terminal = night();
    for round in 0..20 {
        turn(&mut terminal, round, &"j".repeat(2_048));
    }
}

/// A size that changes and changes back before the program looks leaves no torn screen.
#[test]
fn the_screen_is_whole_after_a_size_that_was_there_for_a_moment() {
    let mut terminal = night();
    let whole = settled(&terminal);
    for _ in 0..20 {
        terminal.resize(100, 20);
        terminal.resize(100, 30);
        terminal.wait_for("the screen as before", |screen| seen(screen) == whole);
    }
}

#[test]
fn what_another_program_wrote_over_the_screen_goes_when_it_is_redrawn() {
    let mut terminal = night();
    let whole = settled(&terminal);
    terminal.scribble("\u{1b}[5;5Hwall: the machine goes down in two minutes");
    assert_ne!(seen(&terminal.text()), whole);
    terminal.press("\u{c}");
    terminal.wait_for("the screen as before", |screen| seen(screen) == whole);
    turn(&mut terminal, 0, "");
}

/// Each key of a keyboard as xterm sends it, without the two that end the program.
fn keyboard() -> Vec<String> {
    let plain = (' '..='~').filter(|key| *key != 'q').map(String::from);
    let control = ('\u{1}'..='\u{1a}')
        .filter(|key| *key != '\u{3}')
        .map(String::from);
    let lettered = ["A", "B", "C", "D", "F", "H", "Z"]
        .into_iter()
        .map(|end| format!("\u{1b}[{end}"));
    let numbered = [2, 3, 5, 6, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24]
        .into_iter()
        .map(|number| format!("\u{1b}[{number}~"));
    let alt = ('a'..='z').map(|key| format!("\u{1b}{key}"));
    let others = ["\u{7f}", "é", "界"];
    plain
        .chain(control)
        .chain(lettered)
        .chain(numbered)
        .chain(alt)
        .chain(others.map(str::to_owned))
        .collect()
}

/// Presses every key on the screen that `opens` opens, each beginning on the on-call screen.
fn press_all(opens: &str) {
    let night = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/incidents/first-night");
    // What a key exports goes where nobody minds.
    let folder = tempfile::tempdir().unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rotascope"));
    command.args(["replay", "--paused", "--at", "2026-11-14T03:12:48Z"]);
    command.arg(night);
    command.cwd(folder.path());
    let mut terminal = Terminal::start_command(command, 80, 24);
    terminal.wait_for("the night", |screen| screen.contains("payments/api"));
    for key in keyboard() {
        terminal.press(&format!("{opens}{key}{ESCAPE}{ESCAPE}{ESCAPE}"));
        assert!(
            terminal.alive(),
            "{key:?} after {opens:?} ended the program; the screen:\n{}",
            terminal.text()
        );
    }
    turn(&mut terminal, 0, "");
    terminal.press("q");
    assert_eq!(terminal.end(), 0, "after all keys on {opens:?}");
}

/// A key that ends the program where it should not is the worst that a key can do.
#[test]
fn every_key_is_survived_on_every_screen() {
    let all = [
        "", "?", ":", "/", "t", "2", "3", "4", "5", "6", "7", "8", "9", "d", "e", "o", "!", "\r",
    ];
    for some in all.chunks(3) {
        thread::scope(|scope| {
            for opens in some {
                scope.spawn(move || press_all(opens));
            }
        });
    }
}
