//! The inventory from outside: what it shows, what it does with keys and the mouse.

use serde_json::json;

use super::{Bench, Effect, rich};
use crate::ui::{Message, Mouse, MouseKind, State, update};

/// The night, and secrets of every kind beside it.
pub fn secrets() -> State {
    let mut state = rich::found();
    let mut story = rich::Story::from(state.incident.clone());
    let day = 86_400;
    for (n, (secret, owner, every)) in [
        ("ledger/db", "team-ledger", 7),
        ("mail/smtp", "team-mail", 30),
        ("search/api-key", "team-search", 90),
    ]
    .iter()
    .enumerate()
    {
        let id = format!("rot-a{n}");
        let start = json!({"secret": secret, "kind": "database", "tier": "high", "owner": owner,
            "to_version": format!("v{n}"), "cadence_seconds": every * day, "by": "planner"});
        let began = -20 * day + i64::try_from(n).unwrap();
        story.tell(began, "/engine/prod", "rotation.started", &id, &start);
        let end = json!({"outcome": "succeeded"});
        story.tell(began + 600, "/engine/prod", "rotation.finished", &id, &end);
    }
    for n in 0..5 {
        let data = json!({"consumer": format!("{n}-batch"), "service": format!("batch-{n}"),
            "secret": "mail/smtp", "version": "v1", "state": "in_use", "latency_ms": 900,
            "identities": [format!("approle:batch-{n}")]});
        story.tell(-7200, "/agents/all", "consumer.version", "", &data);
    }
    for (seconds, actor) in [(-5000, "approle:batch-1"), (-4000, "ci-\u{1b}[31mrunner")] {
        let data = json!({"actor": actor, "operation": "read", "path": "kv/mail", "secret": "mail/smtp",
            "outcome": "allowed"});
        story.tell(seconds, "/vault/prod-eu", "audit.entry", "", &data);
    }
    state.incident = story.incident;
    state
}

fn selected(bench: &mut Bench) -> String {
    let text = bench.text();
    let line = text.lines().find(|line| line.trim_start().starts_with('▌'));
    line.unwrap_or_else(|| panic!("nothing is selected in\n{text}"))
        .to_owned()
}

fn point(bench: &mut Bench, what: MouseKind, column: usize, row: usize) -> Vec<Effect> {
    let (column, row) = (column.try_into().unwrap(), row.try_into().unwrap());
    let mouse = Mouse { what, column, row };
    let effects = update(&mut bench.cockpit, Message::Mouse(mouse)).0;
    let _ = update(&mut bench.cockpit, Message::Seen);
    effects
}

/// Where some words stand.
fn place(bench: &mut Bench, words: &str) -> (usize, usize) {
    let text = bench.text();
    let mut lines = text.lines().enumerate();
    let (row, line) = lines.find(|(_, line)| line.contains(words)).unwrap();
    let before = line.split(words).next().unwrap();
    (before.chars().count(), row)
}

#[test]
fn what_wants_a_look_stands_first() {
    let mut bench = Bench::new(80, 24, secrets());
    bench.press("7");
    assert!(
        selected(&mut bench).contains("支付-token"),
        "{}",
        bench.text()
    );
    assert!(bench.line_with("ledger/db").contains("13 d late"));
    assert!(bench.line_with("mail/smtp").contains("read by ci-␛["));
    assert!(
        bench
            .text()
            .contains("Inventory ▸ 8 secrets, by what wants a look"),
        "{}",
        bench.text()
    );
}

#[test]
fn the_selected_secret_stays_selected_whatever_comes_and_whatever_the_order() {
    let mut bench = Bench::new(80, 24, secrets());
    bench.press("7 j j");
    let name = |line: String| line.split_whitespace().nth(1).unwrap().to_owned();
    let chosen = name(selected(&mut bench));
    bench.press("h");
    assert_eq!(name(selected(&mut bench)), chosen);
    bench.press("h D");
    assert_eq!(name(selected(&mut bench)), chosen);
    let row = place(&mut bench, "▌").1;
    let mut state = secrets();
    let mut story = rich::Story::from(state.incident.clone());
    for n in 0..9 {
        let data =
            json!({"consumer": "x", "secret": format!("a/{n}"), "version": "1", "state": "in_use"});
        story.tell(761, "/agents/all", "consumer.version", "", &data);
    }
    state.incident = story.incident;
    bench.tell(state);
    assert_eq!(name(selected(&mut bench)), chosen);
    assert_eq!(place(&mut bench, "▌").1, row, "it stays on its line");
}

#[test]
fn the_screen_is_full_wherever_another_order_takes_the_selected_secret() {
    for rows in 15..=20 {
        for ups in 0..8 {
            let mut bench = Bench::new(80, rows, secrets());
            bench.press("7 h j j j j j j j");
            for _ in 0..ups {
                bench.press("k");
            }
            let full = |bench: &mut Bench| {
                let text = bench.text();
                text.lines().filter(|line| !line.trim().is_empty()).count()
            };
            let before = full(&mut bench);
            assert!(bench.text().contains("Inventory ▸"), "it has room");
            bench.press("D");
            assert_eq!(full(&mut bench), before, "{rows} {ups}\n{}", bench.text());
        }
    }
}

/// The names of the secrets that are seen, from the top.
fn seen(bench: &mut Bench, names: &[String]) -> Vec<String> {
    let text = bench.text();
    let first = |line: &str| {
        let line = line.trim_start().trim_start_matches('▌').trim_start();
        let name = line.split_whitespace().next()?.to_owned();
        names.contains(&name).then_some(name)
    };
    text.lines().filter_map(first).collect()
}

#[test]
fn what_comes_and_moves_the_selected_secret_leaves_no_row_empty_and_the_secret_in_sight() {
    let story = rich::Story::from(secrets().incident);
    let names: Vec<String> = story
        .incident
        .secrets()
        .iter()
        .map(ToString::to_string)
        .collect();
    for rows in 15..=20 {
        for ups in 0..names.len() {
            let mut bench = Bench::new(80, rows, secrets());
            // The longest unused stand first.
            bench.press("7 h h h h h h h h j j j j j j j");
            for _ in 0..ups {
                bench.press("k");
            }
            let before = seen(&mut bench, &names);
            let chosen = selected(&mut bench);
            let chosen = chosen.split_whitespace().nth(1).unwrap().to_owned();
            // Somebody reads the selected one: it goes to the end of them.
            let mut state = secrets();
            let mut story = rich::Story::from(state.incident.clone());
            let data = json!({"actor": "app", "operation": "read", "path": "kv", "secret": chosen,
                "outcome": "allowed"});
            story.tell(761, "/vault/prod-eu", "audit.entry", "", &data);
            state.incident = story.incident;
            bench.tell(state);
            let after = seen(&mut bench, &names);
            let text = bench.text();
            assert_eq!(after.len(), before.len(), "{rows} {ups}\n{text}");
            assert!(after.contains(&chosen), "{rows} {ups} {chosen}\n{text}");
            assert!(
                selected(&mut bench).contains(&chosen),
                "{rows} {ups}\n{text}"
            );
        }
    }
}

#[test]
fn letters_narrow_it_as_they_are_typed_and_esc_takes_them_back() {
    let mut bench = Bench::new(80, 24, secrets());
    bench.press("7 / mail");
    assert!(bench.text().contains("1 of 8 secrets"), "{}", bench.text());
    bench.press("enter");
    assert!(selected(&mut bench).contains("mail/smtp"));
    assert!(!bench.text().contains("ledger/db"));
    bench.press("/ zzz");
    assert!(bench.text().contains("No secret holds"), "{}", bench.text());
    bench.press("esc");
    assert!(selected(&mut bench).contains("mail/smtp"));
}

#[test]
fn keys_lead_to_the_secret_its_rotation_and_its_finding() {
    let mut bench = Bench::new(80, 24, secrets());
    bench.press("7 / payments enter enter");
    assert!(
        bench.text().contains("Secret ▸ payments/db"),
        "{}",
        bench.text()
    );
    bench.press("d");
    assert!(
        bench.text().contains("Rotation ▸ payments/db (rot-7f3a)"),
        "{}",
        bench.text()
    );
    bench.press("esc e");
    assert!(bench.text().contains("Why ▸ F1"), "{}", bench.text());
    bench.press("esc esc / mail enter e");
    assert!(
        bench.text().contains("Nothing was found about this secret"),
        "{}",
        bench.text()
    );
}

#[test]
fn the_export_holds_what_is_shown_in_its_order() {
    let mut bench = Bench::new(80, 24, secrets());
    assert_eq!(bench.press("ctrl-e"), []);
    bench.press("7 h / team enter");
    let effects = bench.press("ctrl-e");
    let [Effect::Export { name, what, words }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(name, "rotascope-inventory-20261123T031240.csv");
    assert_eq!(what, "6 secrets");
    let secrets: Vec<&str> = words
        .lines()
        .skip(1)
        .map(|l| l.split('"').nth(1).unwrap())
        .collect();
    assert_eq!(secrets.len(), 6, "{words}");
    assert!(secrets.is_sorted(), "{secrets:?}");
    let _ = update(
        &mut bench.cockpit,
        Message::Told("Written to /tmp/a.csv".into()),
    );
    assert!(bench.text().contains("Written to /tmp/a.csv"));
}

#[test]
fn the_mouse_selects_opens_sorts_and_scrolls() {
    let mut bench = Bench::new(80, 24, secrets());
    bench.press("7");
    let (x, y) = place(&mut bench, "mail/smtp");
    point(&mut bench, MouseKind::Click, x, y);
    assert!(selected(&mut bench).contains("mail/smtp"));
    point(&mut bench, MouseKind::WheelDown, x, y);
    assert!(!selected(&mut bench).contains("mail/smtp"));
    let (x, y) = place(&mut bench, "cons");
    point(&mut bench, MouseKind::Click, x, y);
    assert!(bench.text().contains("by consumers"), "{}", bench.text());
    point(&mut bench, MouseKind::Click, x, y);
    assert!(
        bench.text().contains("by consumers, turned round"),
        "{}",
        bench.text()
    );
    let (x, y) = place(&mut bench, "mail/smtp");
    point(&mut bench, MouseKind::Click, x, y);
    point(&mut bench, MouseKind::Click, x, y);
    assert!(
        bench.text().contains("Secret ▸ mail/smtp"),
        "{}",
        bench.text()
    );
}
