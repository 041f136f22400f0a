//! The audit explorer in a pseudo-terminal: real keys in, the real screen read. What it must count
//! is what `rotascope audit` counts, which reads every row in full and knows no archive.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use portable_pty::CommandBuilder;
use support::large;
use support::pty::Terminal;

/// How many events `rotascope audit` counts.
fn counted(path: &Path, filter: &str) -> u64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rotascope"));
    command.arg("audit").arg(path);
    command.args(["--format", "count", "--filter", filter]);
    let done = command.output().unwrap();
    let out = String::from_utf8(done.stdout).unwrap();
    let n = out.split_whitespace().nth(1);
    n.unwrap_or_else(|| panic!("{filter}: {out}"))
        .parse()
        .unwrap()
}

/// A number as the screens write it.
fn shown(n: u64) -> String {
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

/// Opens the explorer on a path, in a folder of its own.
fn explore(path: &Path, folder: &Path) -> Terminal {
    explore_on(path, folder, 120, 40)
}

/// The same on a terminal of `columns` x `rows`.
fn explore_on(path: &Path, folder: &Path, columns: u16, rows: u16) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rotascope"));
    command.arg("explore");
    command.arg(path);
    command.cwd(folder);
    Terminal::start_command(command, columns, rows)
}

/// A line of a Vault log.
const CALL: &str = r#"{"time":"2026-01-01T00:00:00Z","type":"response","request":{"id":"r1","operation":"read","path":"secret/a"},"response":{}}"#;

/// Waits until so many of the rows fit.
fn finds(terminal: &mut Terminal, n: u64, of: u64) {
    let wanted = format!("▸ {} of {} rows", shown(n), shown(of));
    let all = format!("▸ {} rows", shown(of));
    terminal.wait_for(&wanted, |screen| {
        screen.contains(&wanted) || n == of && screen.contains(&all)
    });
}

/// The filter that stands on a screen; nothing while one is written. The keys at the foot of the
/// screen begin alike.
fn filter(screen: &str) -> &str {
    let line = screen.lines().nth(2).unwrap_or_default();
    line.strip_prefix(" / ").unwrap_or_default().trim()
}

/// Filters, narrows by a value and by a bar, goes to the end, exports and leaves.
fn explored(path: &Path, first: &str) {
    let all = counted(path, "");
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = explore(path, folder.path());
    finds(&mut terminal, all, all);
    let fits = counted(path, first);
    assert!(fits > 0 && fits < all, "{fits} of {all}");
    terminal.press("/");
    terminal.press(first);
    finds(&mut terminal, fits, all);
    terminal.press("\r");
    // The second value of the facets, then the first bar.
    terminal.press("\t\u{1b}[B\r");
    let screen = terminal.wait_for("a value in the filter", |screen| {
        filter(screen).len() > first.len()
    });
    let fits = counted(path, filter(&screen));
    finds(&mut terminal, fits, all);
    terminal.press("\t\r");
    let screen = terminal.wait_for("a time in the filter", |screen| {
        filter(screen).contains("time:20")
    });
    let fits = counted(path, filter(&screen));
    finds(&mut terminal, fits, all);
    terminal.press("\t\u{1b}[F");
    let last = format!("{} / {}", shown(fits), shown(fits));
    terminal.wait_for("the last row", |screen| screen.contains(&last));
    terminal.press("\u{5}");
    terminal.wait_for("the export", |screen| screen.contains("Written to"));
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(files.len(), 1);
    let file = files.into_iter().next().unwrap().unwrap().path();
    let mut table = csv::Reader::from_path(file).unwrap();
    let exported = table.records().map(Result::unwrap).count() as u64;
    assert_eq!(exported, fits.min(512));
    // Back to the rows that the first filter had.
    terminal.press("\u{7f}");
    terminal.press("\u{7f}");
    finds(&mut terminal, counted(path, first), all);
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn real_logs_are_counted_as_they_are_without_an_archive() {
    let Some(logs) = support::shared("logs/vault-postgres") else {
        return;
    };
    explored(&logs, "not outcome:allowed");
}

/// Some 10 MB of calls, a tenth of them refused.
fn large(path: &Path) {
    let mut text = String::new();
    for n in 0..40_000 {
        let (hour, minute, second) = (n / 3600 % 24, n / 60 % 60, n % 60);
        let error = if n % 10 == 9 {
            r#","error":"1 error occurred:\n\t* permission denied\n\n""#
        } else {
            ""
        };
        writeln!(
            text,
            r#"{{"time":"2026-01-01T{hour:02}:{minute:02}:{second:02}.5Z","type":"response","auth":{{"display_name":"approle-{}","policies":["default","readers"]}},"request":{{"id":"r{n}","operation":"read","mount_type":"kv","path":"secret/data/service-{}/key","remote_address":"10.1.{}.{}"}},"response":{{"mount_type":"kv"}}{error}}}"#,
            n % 17,
            n % 300,
            n % 7,
            n % 250
        )
        .unwrap();
    }
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_large_file_is_filtered_and_narrowed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.log");
    large(&path);
    explored(&path, "outcome:denied or actor:approle-3");
}

/// A thousand megabytes are opened, filtered and looked into by keys, and what is on the screen is
/// what the log was made of.
#[test]
fn a_thousand_megabytes_are_explored_by_keys() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.log");
    large::write(&path).unwrap();
    // So wide that no word is cut.
    let mut terminal = explore_on(&path, folder.path(), 200, 50);
    let all = large::ROWS;
    // It is opened, indexed and counted first: all else is at once.
    let wanted = format!("▸ {} rows", shown(all));
    terminal.wait_long_for(Duration::from_secs(300), &wanted, |screen| {
        screen.contains(&wanted)
    });
    says(&mut terminal, 0);
    terminal.press("\u{1b}[F");
    says(&mut terminal, all - 1);
    let last = format!("{} / {}", shown(all), shown(all));
    terminal.wait_for("the last row's number", |screen| screen.contains(&last));

    let asks = |terminal: &mut Terminal, filter: &str, n: u64| {
        terminal.press("/");
        terminal.press(filter);
        terminal.press("\r");
        finds(terminal, n, all);
        terminal.press("\u{1b}[H");
    };
    let back = |terminal: &mut Terminal| {
        terminal.press("\u{7f}");
        finds(terminal, all, all);
    };
    let fits = |row: u64| large::is_denied(row) && large::actor(row) == "approle-03";
    asks(
        &mut terminal,
        "outcome:denied actor:approle-03",
        large::rows(fits),
    );
    says(&mut terminal, (0..all).find(|row| fits(*row)).unwrap());
    back(&mut terminal);

    // A word stands in no column: the whole log is looked through.
    asks(&mut terminal, large::WORD, 1);
    says(&mut terminal, large::MARKED);
    terminal.press("\r");
    let line = format!("vault.log:{}", large::MARKED + 1);
    terminal.wait_for("the row in full", |screen| {
        screen.contains("stands in") && screen.contains(&line)
    });
    terminal.press("\r");
    back(&mut terminal);

    let first = large::at(5 * 3600);
    asks(&mut terminal, "time:2026-01-01T05:00..", all - first);
    says(&mut terminal, first);
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

/// Waits until a row of the large log is on the screen, with what it says.
fn says(terminal: &mut Terminal, row: u64) {
    let outcome = if large::is_denied(row) {
        "denied"
    } else {
        "allowed"
    };
    let words = [
        large::clock(row),
        outcome.to_owned(),
        large::actor(row),
        large::path(row),
    ];
    terminal.wait_for(&words.join(" "), |screen| {
        let mut lines = screen.lines();
        lines.any(|line| words.iter().all(|word| line.contains(word.as_str())))
    });
}

#[test]
fn standard_input_is_explored_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.log");
    large(&path);
    let mut command = CommandBuilder::new("sh");
    let program = env!("CARGO_BIN_EXE_rotascope");
    command.args([
        "-c",
        &format!("head -n 1000 vault.log | {program} explore - --filter outcome:denied"),
    ]);
    command.cwd(folder.path());
    let mut terminal = Terminal::start_command(command, 80, 24);
    finds(&mut terminal, 100, 1000);
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_recording_has_its_rows_beside_it() {
    let night = support::first_night();
    let path = night.to_str().unwrap();
    let all = counted(&night, "");
    let mut terminal = Terminal::start(&["replay", "--paused", "--at", "60%", path], 120, 40);
    terminal.wait_for("all that there is to read", |screen| {
        screen.contains("03:20:00")
    });
    terminal.press("5");
    finds(&mut terminal, all, all);
    terminal.press("1L");
    let screen = terminal.wait_for("the rows of the rotation", |screen| {
        filter(screen).contains("rotation:rot-7f3a")
    });
    let fits = counted(&night, filter(&screen));
    finds(&mut terminal, fits, all);
    terminal.press("\r");
    terminal.wait_for("the row in full", |screen| screen.contains("stands in"));
    terminal.press("d");
    terminal.wait_for("its rotation", |screen| screen.contains("Rotation ▸"));
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn what_could_not_be_read_is_told_where_one_looks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.log");
    std::fs::write(&path, format!("{CALL}\nno entry\n")).unwrap();
    let mut terminal = explore(&path, folder.path());
    terminal.wait_for("the row", |screen| screen.contains("▸ 1 row"));
    terminal.press("3");
    terminal.wait_for("what was rejected", |screen| {
        screen.contains("Rejected ▸ 1") && screen.contains("rotascope audit --rejected")
    });
    terminal.press("\u{1b}");
    terminal.wait_for("the rows", |screen| screen.contains("▸ 1 row"));
    // As often as one likes, and each time it is said what was written.
    for name in [
        "rotascope-audit-20260101T000000.csv: 1 row",
        "-2.csv: 1 row",
    ] {
        terminal.press("\u{5}");
        terminal.wait_for(name, |screen| screen.contains(name));
    }
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn times_are_the_users_own_where_he_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vault.log");
    std::fs::write(&path, format!("{CALL}\n")).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rotascope"));
    command.arg("explore");
    command.arg(&path);
    command.cwd(folder.path());
    let mut terminal = Terminal::start_in(command, 80, 24, "IST-5:30");
    terminal.wait_for("the row", |screen| screen.contains("00:00:00"));
    terminal.press("z");
    terminal.wait_for("the time there", |screen| screen.contains("05:30:00"));
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn what_cannot_be_explored_is_said_with_status_2() {
    for (args, words) in [
        (
            vec!["explore", "/no/such/log"],
            "/no/such/log: no such file",
        ),
        (
            vec!["explore", ".", "--filter", "colour:red"],
            "there is no field",
        ),
        (vec!["explore", "."], "standard output is no terminal"),
        (vec!["explore"], "PATH"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rotascope"));
        let done = command.args(&args).output().unwrap();
        let err = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{args:?}: {err}");
        assert!(err.contains(words), "{args:?}: {err}");
        assert!(done.stdout.is_empty(), "{args:?}");
    }
}
