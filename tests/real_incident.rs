//! The rotation that broke for real, on the real screen: `../shared/logs/vault-postgres` in a
//! pseudo-terminal, against what its `what.json` says was done.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::path::Path;

use serde_json::Value;
use support::pty::Terminal;

fn what(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("what.json")).unwrap();
    serde_json::from_str::<Vec<Value>>(&text).unwrap()
}

/// The clock, to the second, of the step whose words begin so.
fn clock(steps: &[Value], words: &str) -> String {
    let step = steps
        .iter()
        .find(|s| s["what"].as_str().unwrap().starts_with(words))
        .expect(words);
    step["time"].as_str().unwrap()[11..19].to_owned()
}

/// `clock` and some seconds.
fn after(clock: &str, seconds: i64) -> String {
    let time = chrono::NaiveTime::parse_from_str(clock, "%H:%M:%S").unwrap();
    (time + chrono::TimeDelta::seconds(seconds))
        .format("%H:%M:%S")
        .to_string()
}

/// The row of the rotations pane that holds both words.
fn row<'a>(screen: &'a str, one: &str, other: &str) -> &'a str {
    let found = screen
        .lines()
        .find(|l| l.contains(one) && l.contains(other) && (l.contains('▰') || l.contains('▱')));
    found.unwrap_or_else(|| panic!("no row with {one} and {other}:\n{screen}"))
}

#[test]
fn the_screen_tells_what_was_done() {
    let Some(folder) = support::shared("logs/vault-postgres") else {
        return;
    };
    let steps = what(&folder);
    let (rotated, healed) = (
        clock(&steps, "rotate static role payments"),
        clock(&steps, "healed"),
    );
    let path = folder.to_string_lossy().into_owned();
    let mut terminal = Terminal::start(&["replay", "--paused", &path], 160, 50);
    terminal.wait_for("all that there is to read", |s| {
        s.contains("13:47:50") && s.contains("rejected")
    });

    // Long after the rotation, short before anybody mended it: two of twelve, both in eu-1.
    let screen = terminal.seek(&after(&healed, -2));
    let payments = row(&screen, "payments", "cutover");
    assert!(payments.contains("10/12"), "{payments}");
    // Going there does not wait for the diagnosis.
    let screen = terminal.wait_for("the diagnosis", |s| !s.contains("diagnosing"));
    let headline = screen.lines().skip(1).take(3).collect::<Vec<_>>().join(" ");
    for words in ["rot-pay-1 broke checkout in eu-1", "2 of 12"] {
        assert!(
            headline.contains(words),
            "no {words} in the headline: {headline}"
        );
    }
    // The last of ledger's automatic rotations: nobody left behind.
    let ledger = row(&screen, "ledger", "cutover");
    assert!(
        ledger.contains("4/4") || ledger.contains("replaced"),
        "{ledger}"
    );

    // The rotation's own screen: at its second, by mira, with its correlation id, and who is left.
    terminal.press("/");
    terminal.press("payments");
    terminal.press("\r");
    terminal.wait_for("its row", |s| {
        s.lines()
            .any(|l| l.starts_with('▌') && l.contains("payments") && l.contains('▰'))
    });
    terminal.press("d");
    let detail = terminal.wait_for("the rotation", |s| {
        s.contains("rot-pay-1") && s.contains("Timeline")
    });
    assert!(detail.contains("mira"), "{detail}");
    assert!(detail.contains(&rotated), "no {rotated} in {detail}");
    terminal.resize(160, 120);
    let detail = terminal.wait_for("the consumers", |s| s.contains("refunds-us-2-1"));
    for consumer in steps[1]["consumers"].as_array().unwrap() {
        let (name, service) = (
            consumer["name"].as_str().unwrap(),
            consumer["service"].as_str().unwrap(),
        );
        if !["checkout", "billing", "refunds"].contains(&service) {
            continue;
        }
        let line = detail
            .lines()
            .find(|l| l.contains(name) && l.contains("13:46:"))
            .unwrap_or_else(|| panic!("no {name} in\n{detail}"));
        let left = name == "checkout-eu-1-0" || name == "checkout-eu-1-1";
        assert_eq!(line.contains("13:46:12"), left, "{line}");
    }
    terminal.resize(160, 50);
    terminal.press("\u{1b}");
    terminal.wait_for("the on-call screen", |s| s.contains("worst first"));

    // Twenty seconds after they were restarted everybody is on the new version.
    let screen = terminal.seek(&after(&healed, 10));
    assert!(
        row(&screen, "payments", "cutover").contains("12/12"),
        "{screen}"
    );
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn the_role_is_refused_until_healed_and_the_other_rotations_are_told() {
    let Some(folder) = support::shared("logs/vault-postgres") else {
        return;
    };
    let steps = what(&folder);
    let rotated = clock(&steps, "rotate static role payments");
    let path = folder.to_string_lossy().into_owned();
    let mut terminal = Terminal::start(&["replay", "--paused", &path], 200, 60);
    terminal.wait_for("all that there is to read", |s| {
        s.contains("13:47:50") && s.contains("rejected")
    });

    // 28P01 of payments_app: none before the rotation, in every window after it.
    let share = |screen: &str| {
        // Other panes and the headline name the role too: its row has a share behind the name.
        let mut named = screen
            .lines()
            .flat_map(|line| line.split("payments_app").skip(1));
        let share =
            named.find_map(|rest| rest.trim_start().split_once(" %")?.0.parse::<f64>().ok());
        share.unwrap_or_else(|| panic!("no share of payments_app in\n{screen}"))
    };
    let before = terminal.seek(&after(&rotated, -1));
    assert!(share(&before) < 0.05, "{before}");
    for seconds in [15, 25, 35, 45, 55] {
        let screen = terminal.seek(&after(&rotated, seconds));
        assert!(share(&screen) > 5.0, "{seconds} s after:\n{screen}");
    }

    // At the end: ledger rotated by itself every ten seconds, nobody of it left behind; the
    // write to search was rolled back.
    let screen = terminal.seek("13:47:48");
    let rows: Vec<&str> = screen.lines().filter(|l| l.contains('▰')).collect();
    let ledger: Vec<&&str> = rows.iter().filter(|l| l.contains("reds/ledger")).collect();
    assert_eq!(ledger.len(), 9, "{screen}");
    assert!(ledger.iter().all(|row| row.contains("4/4")), "{screen}");
    let search = rows
        .iter()
        .find(|l| l.contains("search"))
        .expect("the KV write");
    assert!(search.contains("rolled"), "{search}");
}

#[test]
fn a_hostile_display_name_and_the_refused_probe_are_shown_harmless() {
    let Some(folder) = support::shared("logs/vault-postgres") else {
        return;
    };
    let path = folder
        .join("audit-raw.log.zst")
        .to_string_lossy()
        .into_owned();
    let mut terminal = Terminal::start(
        &["replay", "--paused", "--at", "2026-11-23T13:47:07Z", &path],
        160,
        50,
    );
    terminal.wait_for("the moment", |s| s.contains("13:47:07"));
    terminal.press("/");
    terminal.press("payments");
    terminal.press("\r\r");
    terminal.resize(160, 200);
    let detail = terminal.wait_for("the probe", |s| {
        s.contains("token-ci---31mrunner") && s.contains("denied")
    });
    assert!(
        !detail.chars().any(|c| c.is_control() && c != '\n'),
        "{detail}"
    );
    // What the program sent holds no escape of the log's own: red text and a bidi override.
    let written = String::from_utf8_lossy(&terminal.written()).into_owned();
    assert!(!written.contains('\u{202e}'));
    assert!(!written.contains("ci-\u{1b}[31m"));
    assert!(!written.contains("hvs.CAES"), "a raw token was drawn");
}
