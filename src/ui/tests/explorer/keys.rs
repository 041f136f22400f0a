//! What keys, the mouse and answers do in the explorer.

use std::fmt::Write as _;

use serde_json::json;

use super::super::{Bench, Effect, rich};
use super::Explored;
use crate::model::replay::{ReplayCommand, SeekTo};
use crate::query::Filter;
use crate::query::page::Rows;
use crate::ui::{Explorable, MouseKind};

#[test]
fn the_rows_follow_what_is_typed_and_a_mistake_is_shown_where_it_stands() {
    let mut explored = Explored::new(80, 24, rich::night());
    assert!(
        explored.text().contains("Explorer ▸ 1,540 rows"),
        "{}",
        explored.text()
    );
    let denied = explored.found("outcome:denied");
    explored.press("/");
    explored.write("outcome:denied");
    explored.has_found(denied);
    explored.write(" (");
    explored.has_found(denied);
    assert!(explored.text().contains('^'), "{}", explored.text());
    explored.press("backspace");
    explored.write("colour:red");
    let text = explored.text();
    let lines: Vec<&str> = text.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.contains("^^^^^^"))
        .unwrap();
    let column = |line: &str, words: &str| line.split(words).next().unwrap().chars().count();
    assert_eq!(
        column(lines[at], "^^^^^^"),
        column(lines[at - 1], "colour"),
        "{text}"
    );
    assert!(
        lines[at + 1].contains("there is no field \"colour\""),
        "{text}"
    );
    explored.press("enter");
    assert!(
        explored.text().contains("^^^^^^"),
        "what is wrong is not kept"
    );
    explored.press("esc");
    assert!(
        explored.text().contains("Explorer ▸ 1,540 rows"),
        "{}",
        explored.text()
    );
    assert!(!explored.text().contains("outcome:denied"));
}

#[test]
fn tab_completes_fields_and_what_the_rows_say() {
    let mut explored = Explored::new(80, 24, rich::night());
    explored.press("/");
    explored.write("op");
    explored.press("tab");
    explored.write("upd");
    explored.press("tab enter");
    assert!(
        explored.text().contains("operation:update"),
        "{}",
        explored.text()
    );
    explored.has_found(explored.found("operation:update"));
    explored.press("/");
    explored.write(" outcome:");
    explored.press("tab tab enter");
    explored.has_found(explored.found("operation:update outcome:denied"));
    explored.press("backspace");
    explored.has_found(explored.found("operation:update"));
    explored.press("backspace");
    assert!(
        explored.text().contains("Explorer ▸ 1,540 rows"),
        "{}",
        explored.text()
    );
    explored.press("backspace");
    assert!(
        explored.text().contains("no filter before"),
        "{}",
        explored.text()
    );
}

#[test]
fn a_value_is_asked_for_left_out_and_taken_back() {
    let mut explored = Explored::new(200, 50, rich::night());
    explored.press("tab down enter");
    let text = explored.text();
    assert!(text.contains("/ outcome:denied"), "{text}");
    let denied = explored.found("outcome:denied");
    explored.has_found(denied);
    explored.press("enter");
    assert!(explored.text().contains("Explorer ▸ 1,540 rows"));
    explored.press("_");
    explored.has_found(explored.found("-outcome:denied"));
    explored.press("backspace");
    // The one that nobody could type is found all the same.
    let text = explored.text();
    let beside = |line: &str| line.chars().skip(162).collect::<String>();
    let mut lines = text.lines().zip(0..);
    let row = lines.find(|(line, _)| beside(line).contains("ci-␛[31mrunner"));
    explored.point(MouseKind::Click, (170, row.unwrap().1));
    explored.has_found(explored.found("actor:ci-?[31mrunner"));
    assert_eq!(explored.found("actor:ci-?[31mrunner"), 500);
}

#[test]
fn a_bar_is_a_length_of_time() {
    let mut explored = Explored::new(80, 24, rich::night());
    explored.press("shift-tab down down down");
    let line = explored.bench.line_with("went wrong");
    let rows: usize = line
        .split(": ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    explored.press("enter");
    explored.has_found(rows);
    assert!(
        explored.text().contains("time:2026-11-23T03:"),
        "{}",
        explored.text()
    );
    explored.press("backspace");
    explored.point(MouseKind::Click, (40, 4));
    assert!(
        explored.text().contains("time:2026-11-23T03:"),
        "{}",
        explored.text()
    );
}

#[test]
fn every_row_comes_into_view_and_few_are_asked_for() {
    let mut explored = Explored::new(80, 24, rich::night());
    let mut presses = 0;
    let mut seen = 0;
    loop {
        let before = explored.selected();
        explored.press("page-down");
        presses += 1;
        let text = explored.text();
        assert!(!text.lines().any(|line| line.trim() == "…"), "{text}");
        seen += text
            .lines()
            .filter(|line| line.contains("approle-"))
            .count();
        if explored.selected() == before {
            break;
        }
    }
    assert!(presses > 90 && seen > 900, "{presses} {seen}");
    assert!(
        explored.asked.len() < presses,
        "{} for {presses}",
        explored.asked.len()
    );
    let most = explored.asked.iter().map(|ask| match ask.rows {
        Rows::From(_, n) | Rows::At(_, n) | Rows::Around(_, n) | Rows::Last(n) => n,
    });
    assert!(most.max().unwrap() < 64, "only a window of rows is held");
    assert!(
        explored.text().contains("1,540 / 1,540"),
        "{}",
        explored.text()
    );
    explored.press("home");
    assert!(
        explored.selected().contains("03:00:00"),
        "{}",
        explored.text()
    );
}

#[test]
fn the_selected_row_stays_selected_whatever_is_asked() {
    let mut explored = Explored::new(80, 24, rich::night());
    explored.press("end");
    for _ in 0..10 {
        explored.press("page-up");
    }
    explored.press("up up up up up");
    let time = |line: String| {
        line.split_whitespace()
            .find(|w| w.starts_with("03:"))
            .unwrap()
            .to_owned()
    };
    let here = time(explored.selected());
    explored.press("/");
    explored.write("format:vault");
    explored.press("enter");
    assert_eq!(time(explored.selected()), here);
    explored.press("backspace");
    assert_eq!(time(explored.selected()), here);
}

#[test]
fn the_end_is_kept_while_more_comes_until_one_goes_up() {
    let mut explored = Explored::new(80, 24, rich::night());
    explored.press("G");
    let ask = explored.asked.last().unwrap().clone();
    assert!(matches!(ask.rows, Rows::Last(_)), "{ask:?}");
    let search = explored.archive.search(Filter::parse("").unwrap());
    let mut page = explored.archive.page(&ask, &search, true);
    page.following = true;
    (page.found, page.of, page.first) = (page.found + 7, page.of + 7, page.first + 7);
    explored.tell(page);
    assert!(
        explored.text().contains("1,547 / 1,547"),
        "{}",
        explored.text()
    );
    assert!(explored.text().contains("following"), "{}", explored.text());
    explored.press("up");
    assert!(
        !explored.text().contains("following"),
        "{}",
        explored.text()
    );
}

#[test]
fn marked_rows_are_found_again_whatever_the_filter() {
    let mut explored = Explored::new(80, 24, rich::night());
    explored.press("M down down M page-down page-down");
    assert!(explored.text().contains("2 marked"), "{}", explored.text());
    explored.press("\"");
    assert!(explored.selected().starts_with("▌●") && explored.text().contains("3 / 1,540"));
    explored.press("\"");
    assert!(explored.text().contains("1 / 1,540"), "{}", explored.text());
    explored.press("\"");
    assert!(
        explored.text().contains("No row is marked above"),
        "{}",
        explored.text()
    );
    explored.press("'");
    assert!(explored.text().contains("3 / 1,540"), "{}", explored.text());
    explored.press("M");
    assert!(explored.text().contains("1 marked"), "{}", explored.text());
}

#[test]
fn what_comes_late_moves_neither_the_selection_nor_a_mark() {
    let mut explored = Explored::new(80, 24, rich::night());
    explored.press("down down M down down down down M");
    let rows = explored.selected();
    explored.press("enter");
    let full = explored.text();
    let time = |text: &str| {
        let line = text.lines().find(|line| line.contains(" time ")).unwrap();
        line.to_owned()
    };
    let late = |calls: usize| {
        (0..calls).fold(String::new(), |mut late, n| {
            let line = json!({"time": rich::at(0).to_string(), "type": "response",
                "response": {}, "request": {"id": format!("late{calls}-{n}"),
                "operation": "list", "path": "sys/late"}});
            let _ = writeln!(late, "{line}");
            late
        })
    };
    explored.grow("another.log", &late(7));
    assert_eq!(time(&explored.text()), time(&full));
    // More of them than are at hand, and while a search has not come so far again.
    explored.grow("third.log", &late(300));
    assert_eq!(time(&explored.text()), time(&full));
    explored.part(3);
    explored.answer();
    let ask = explored.asked.last().unwrap().clone();
    explored.page(&ask);
    explored.answer();
    assert_eq!(time(&explored.text()), time(&full));
    explored.press("esc");
    assert_eq!(explored.selected(), rows);
    assert!(
        explored.text().contains("/ 1,847") && rows.starts_with("▌●"),
        "{}",
        explored.text()
    );
    explored.press("\"");
    assert!(
        explored.selected().contains("03:00:02"),
        "{}",
        explored.text()
    );
    assert!(explored.selected().starts_with("▌●"), "{}", explored.text());
    explored.press("\"");
    assert!(
        explored.text().contains("No row is marked above"),
        "{}",
        explored.text()
    );
    explored.press("'");
    assert_eq!(explored.selected(), rows);
}

#[test]
fn until_an_answer_comes_the_rows_are_said_to_be_those_before() {
    let mut explored = Explored::new(80, 24, rich::night());
    let _ = explored.bench.press("/");
    for key in "actor:nobody".chars() {
        let _ = explored.bench.press(&key.to_string());
    }
    let _ = explored.bench.press("enter");
    let text = explored.text();
    assert!(
        text.contains("▸ … of 1,540 rows") && text.contains("searching"),
        "{text}"
    );
    assert!(!text.contains("/ 1,540"), "{text}");
    explored.answer();
    explored.has_found(0);
    assert!(
        !explored.text().contains("searching"),
        "{}",
        explored.text()
    );
}

#[test]
fn a_row_in_full_is_read_to_its_end_on_any_screen() {
    let folder = tempfile::tempdir().unwrap();
    let long: String = (0..120).fold(String::new(), |mut words, n| {
        let _ = write!(words, "word-{n} ");
        words
    });
    let line = json!({"time": rich::at(0).to_string(), "type": "response", "response": {},
        "error": long, "request": {"id": "r1", "operation": "read", "path": "secret/data/x"}});
    std::fs::write(folder.path().join("vault.log"), format!("{line}\n")).unwrap();
    let mut explored = Explored::of(80, 24, rich::night(), folder);
    explored.press("enter");
    let text = explored.text();
    assert!(
        text.contains("word-0 ") && text.contains("more: "),
        "{text}"
    );
    assert!(!text.contains("stands in"), "{text}");
    let mut read = text;
    while !explored.text().contains("stands in") {
        explored.press("page-down");
        read += &explored.text();
        assert!(read.len() < 20_000, "{read}");
    }
    assert!(
        read.contains("word-60 ") && read.contains("word-119"),
        "{read}"
    );
    assert!(!explored.text().contains("more: "), "{}", explored.text());
    // Behind the end it begins anew.
    explored.press("page-down");
    let text = explored.text();
    assert!(
        text.contains("word-0 ") && text.contains("more: "),
        "{text}"
    );
}

#[test]
fn of_values_that_differ_by_capitals_the_one_that_is_chosen_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut vault = String::new();
    for n in 0..9_u8 {
        let operation = ["get", "GET", "Get"][usize::from(n % 3)];
        let time = rich::at(i64::from(n)).to_string();
        let line = json!({"time": time, "type": "response", "response": {},
            "request": {"id": format!("r{n}"), "operation": operation, "path": "secret/x"}});
        writeln!(vault, "{line}").unwrap();
    }
    std::fs::write(folder.path().join("vault.log"), vault).unwrap();
    let mut explored = Explored::of(80, 24, rich::night(), folder);
    explored.press("tab");
    for _ in 0..20 {
        if explored.selected().contains(" get ") {
            break;
        }
        explored.press("down");
    }
    explored.press("enter");
    let text = explored.text();
    assert!(text.contains("▸ 3 of 9 rows"), "{text}");
    explored.press("_");
    let text = explored.text();
    assert!(text.contains("▸ 6 of 9 rows"), "{text}");
}

#[test]
fn marks_that_a_filter_hides_are_passed_one_by_one() {
    let mut explored = Explored::new(80, 24, rich::night());
    // Of the rows of actors, each third is one's: the second is hidden, the first and third not.
    explored.press("M down M down down M");
    explored.press("/");
    explored.write("actor:approle-checkout");
    explored.press("enter end");
    for (key, time) in [
        ("\"", "03:00:03"),
        ("\"", "03:00:03"),
        ("\"", "03:00:00"),
        ("'", "03:00:03"),
        ("'", "03:00:03"),
    ] {
        explored.press(key);
        assert!(
            explored.selected().contains(time),
            "{key} {time}\n{}",
            explored.text()
        );
    }
    explored.press("'");
    assert!(
        explored.text().contains("No row is marked below"),
        "{}",
        explored.text()
    );
}

#[test]
fn an_export_is_of_all_that_fits() {
    let mut explored = Explored::new(80, 24, rich::night());
    let _ = explored.bench.press("ctrl-e");
    let ask = explored.bench.cockpit.take_ask().unwrap();
    explored.asked.push(ask.clone());
    assert_eq!(explored.part(20), [], "the search goes on");
    let effects = explored.page(&ask);
    assert!(
        matches!(effects.as_slice(), [Effect::Export { words, .. }] if words.lines().count() == 513),
        "{effects:?}"
    );
}

#[test]
fn a_row_in_full_leads_to_what_the_incident_knows() {
    let mut explored = Explored::new(80, 40, rich::found());
    explored.press("/");
    explored.write("rotation:rot-7f3a");
    explored.press("enter enter");
    let text = explored.text();
    for words in [
        "stands in",
        "events.jsonl:1",
        "rotation rot-7f3a, with this consumer",
        "secret payments/db",
    ] {
        assert!(text.contains(words), "no {words} in\n{text}");
    }
    explored.press("d");
    assert!(
        explored
            .text()
            .contains("Rotation ▸ payments/db (rot-7f3a)")
    );
    explored.press("esc 9");
    assert!(
        explored.text().contains("Secret ▸ payments/db"),
        "{}",
        explored.text()
    );
    explored.press("esc e");
    assert!(explored.text().contains("Why ▸ F1"), "{}", explored.text());
    explored.press("esc");
    let effects = explored.press("o");
    let sought = ReplayCommand::Seek(SeekTo::Time(rich::at(300)));
    assert_eq!(effects, [Effect::Replay(sought)]);
    explored.press("esc esc");
    assert!(
        !explored.text().contains("stands in"),
        "back closes the row first"
    );
    explored.press("esc");
    assert!(!explored.text().contains("Explorer ▸"));
}

#[test]
fn rows_of_what_is_selected_elsewhere_are_asked_for_at_this_moment() {
    let mut explored = Explored::new(80, 24, rich::found());
    for keys in ["1 L", "1 8 L", "1 enter L", "1 7 L"] {
        explored.press(keys);
        let text = explored.text();
        assert!(
            text.contains("secret:payments/db") || keys.contains('7'),
            "{keys}\n{text}"
        );
        assert!(text.contains("Explorer ▸"), "{keys}\n{text}");
    }
    explored.press("1 L");
    assert!(explored.text().contains("/ 40"), "{}", explored.text());
    let at = explored.asked.iter().rev().find_map(|ask| match ask.rows {
        Rows::At(at, _) => Some(at),
        _ => None,
    });
    assert_eq!(at, rich::found().player.at);
}

#[test]
fn the_export_holds_what_fits_and_says_how_much_of_it() {
    let mut explored = Explored::new(80, 24, rich::night());
    let effects = explored.press("ctrl-e");
    let [Effect::Export { name, what, words }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(name, "rotascope-audit-20261123T030000.csv");
    assert_eq!(what, "the first 512 of 1,540 rows");
    assert_eq!(words.lines().count(), 513);
    assert!(
        explored.text().contains("the first 512 of 1,540 rows"),
        "{}",
        explored.text()
    );
    assert!(!words.chars().any(|c| c == '\u{1b}'));
    explored.press("/");
    explored.write("rotation:rot-7f3a outcome:denied");
    explored.press("enter");
    let effects = explored.press("ctrl-e");
    let [Effect::Export { what, words, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(words.lines().count(), 11);
    assert_eq!(what, "10 rows");
    // As often as one likes, though the rows asked for are the same.
    for _ in 0..2 {
        let again = explored.press("ctrl-e");
        assert!(
            matches!(again.as_slice(), [Effect::Export { .. }]),
            "{again:?}"
        );
    }
    let words = words.clone();
    assert!(
        words
            .lines()
            .skip(1)
            .all(|line| line.contains("\"denied\"")),
        "{words}"
    );
    // The screen goes on with its own window.
    assert!(
        explored.selected().contains("denied"),
        "{}",
        explored.text()
    );
}

/// Where files are followed, answers to the last question go on to come.
#[test]
fn after_an_export_the_rows_that_are_seen_are_asked_for_again() {
    let mut explored = Explored::new(80, 24, rich::night());
    explored.press("end up");
    let seen = explored.selected();
    explored.press("ctrl-e");
    assert_eq!(explored.selected(), seen);
    let ask = explored.asked.last().unwrap().clone();
    let Rows::From(first, _) = ask.rows else {
        panic!("{ask:?}");
    };
    assert!(first > 1_000, "{ask:?}");
    explored.page(&ask);
    assert_eq!(explored.selected(), seen);
}

#[test]
fn columns_are_chosen_and_the_mouse_selects_and_opens() {
    let mut explored = Explored::new(80, 24, rich::night());
    explored.press("|");
    explored.write("remote");
    explored.press("enter esc");
    assert!(
        explored.text().contains("remote_addr"),
        "{}",
        explored.text()
    );
    assert!(explored.text().contains("10.1.0.3"), "{}", explored.text());
    explored.press("|");
    explored.write("remote");
    explored.press("enter esc");
    assert!(!explored.text().contains("10.1.0.3"), "{}", explored.text());
    let place = explored.place("03:00:05");
    explored.point(MouseKind::Click, place);
    assert!(explored.selected().contains("03:00:05"));
    explored.point(MouseKind::WheelDown, place);
    assert!(explored.selected().contains("03:00:08"));
    let place = explored.place("03:00:08");
    explored.point(MouseKind::Click, place);
    assert!(explored.text().contains("stands in"), "{}", explored.text());
}

#[test]
fn answers_to_what_nobody_asks_any_more_are_left_out() {
    let mut explored = Explored::new(80, 24, rich::night());
    let old = explored.asked.last().unwrap().clone();
    explored.press("/");
    explored.write("outcome:denied");
    let before = explored.text();
    explored.page(&old);
    assert_eq!(explored.text(), before);
}

#[test]
fn without_files_the_screen_says_what_would_fill_it() {
    let mut bench = Bench::new(80, 24, rich::night());
    bench.press("5");
    assert!(
        bench.text().contains("rotascope explore FILE"),
        "{}",
        bench.text()
    );
    bench.press("/");
    assert!(
        bench.text().contains("no audit files to filter"),
        "{}",
        bench.text()
    );
    assert_eq!(bench.cockpit.take_ask(), None);
    bench.cockpit = bench.cockpit.with_rows(Explorable::ReadOnce, "", false);
    assert!(
        bench.text().contains("rotascope explore -"),
        "{}",
        bench.text()
    );
}

#[test]
fn alone_it_is_the_screen_that_all_begins_with() {
    let mut bench = Bench::new(80, 24, rich::nothing());
    bench.cockpit = bench
        .cockpit
        .with_rows(Explorable::Files, "outcome:denied", true);
    let ask = bench.cockpit.take_ask().unwrap();
    assert_eq!(ask.filter, "outcome:denied");
    assert_eq!(bench.cockpit.take_ask(), None, "once is enough");
    for keys in ["? esc esc esc", "? 5 esc", "1 esc"] {
        bench.press(keys);
        assert!(bench.text().contains("── Explorer"), "{}", bench.text());
    }
}

#[test]
fn nothing_hidden_reaches_the_screen() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for (n, word) in [
        "\u{1b}]0;title\u{7}",
        "\u{202e}txt.exe",
        "e\u{301}\u{301}\u{301}\u{301}\u{301}",
        "a\r\nb\tc",
        "",
        "~(\"*?\\",
        "北京支付北京支付北京支付北京支付北京支付北京支付",
    ]
    .iter()
    .enumerate()
    {
        let line = json!({"time": rich::at(i64::try_from(n).unwrap()).to_string(), "type": "response",
            "auth": {"display_name": word}, "response": {}, "error": word,
            "request": {"id": word, "operation": word, "path": word, "remote_address": word}});
        writeln!(text, "{line}").unwrap();
    }
    std::fs::write(folder.path().join("a.log"), text).unwrap();
    let mut explored = Explored::of(200, 50, rich::found(), folder);
    let all = explored.archive.len();
    assert!(all >= 6, "{all}");
    for keys in ["enter", "down", "down", "down", "down", "tab"] {
        explored.press(keys);
        let text = explored.text();
        let hidden = |c: char| c != '\n' && crate::model::text::is_hidden(c);
        assert!(!text.chars().any(hidden), "{text}");
    }
    // Whatever a value is, it finds itself.
    for _ in 0..explored.text().lines().count() {
        explored.press("enter");
        let page = explored.asked.last().unwrap().clone();
        assert!(explored.found(&page.filter) > 0, "{}", page.filter);
        explored.press("backspace down");
    }
}

#[test]
fn while_it_is_looked_through_what_was_found_is_shown() {
    let mut explored = Explored::new(80, 24, rich::night());
    let ask = explored.asked.last().unwrap().clone();
    let search = explored.archive.search(Filter::parse("").unwrap());
    let mut page = explored.archive.page(&ask, &search, false);
    (page.looked, page.of) = (1540, 10_000_000);
    explored.tell(page);
    let text = explored.text();
    assert!(text.contains("looked at 0 % of the rows"), "{text}");
    assert!(text.contains("▸ 1,540 of 10,000,000 rows"), "{text}");
    explored.press("ctrl-e");
    assert!(
        explored.text().contains("export when it is done"),
        "{}",
        explored.text()
    );
}
