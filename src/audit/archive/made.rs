//! The archive over logs that are made here, against reading them in full.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::columns::At;
use super::segment::SEGMENT;
use super::tests::is_what_reading_in_full_gives;
use crate::audit::archive::Archive;
use crate::audit::{Options, open};
use crate::model::Timestamp;
use crate::query::page::{Ask, Rows};
use crate::query::{By, Field, Filter, Group};

fn archive<P: AsRef<Path>>(paths: &[P]) -> Archive {
    open(paths, &Options::default()).unwrap().archive()
}

/// A line of a Vault log, so many milliseconds into a day, with members before its end.
fn line(kind: &str, id: &str, millis: u32, who: &str, more: &str) -> String {
    let (second, rest) = (millis / 1000, millis % 1000);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let auth = if who.is_empty() {
        String::new()
    } else {
        format!(r#""auth":{{"display_name":"{who}"}},"#)
    };
    format!(
        r#"{{"time":"2026-01-01T{hour:02}:{minute:02}:{second:02}.{rest:03}Z","type":"{kind}",{auth}"request":{{"id":"{id}","operation":"read","mount_point":"secret/","mount_type":"kv","path":"secret/data/{id}"}}{more}}}"#
    ) + "\n"
}

const DENIED: &str = r#","error":"1 error occurred:\n\t* permission denied\n\n""#;
const ERROR: &str = r#","error":"internal error""#;

/// Calls that end in every way, each a second behind the one before: its request, and its response
/// some calls later.
fn every_ending(calls: u32) -> Vec<String> {
    let mut lines = Vec::new();
    for n in 0..calls {
        let id = format!("id-{n}");
        let at = n * 1000;
        let (asked, answered) = match n % 8 {
            // Of those that are denied before anything is done the request tells it too.
            0 => (DENIED, Some(DENIED)),
            // The request alone tells how it ended.
            1 => (ERROR, Some("")),
            2 => ("", Some(ERROR)),
            // Nobody answers.
            3 => ("", None),
            4 => (DENIED, None),
            _ => ("", Some("")),
        };
        // The request alone tells who.
        let answers = if n % 3 == 0 { "" } else { "app" };
        if n % 8 != 5 {
            lines.push((at, line("request", &id, at, "app", asked)));
        }
        if let Some(answered) = answered {
            let at = at + 3500;
            lines.push((at, line("response", &id, at, answers, answered)));
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    lines.into_iter().map(|(_, line)| line).collect()
}

#[test]
fn calls_of_every_ending_are_rows_as_reading_in_full_gives_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let lines = every_ending(800);
    fs::write(&path, lines.concat()).unwrap();
    assert_eq!(is_what_reading_in_full_gives(&[&path], 10_000), 800);
    let archive = archive(&[&path]);
    for (outcome, count) in [
        ("denied", 200),
        ("error", 200),
        ("unanswered", 100),
        ("allowed", 300),
    ] {
        let filter = Filter::parse(&format!("outcome:{outcome}")).unwrap();
        assert_eq!(archive.search(filter).found(), count, "{outcome}");
    }
    // What is not as it should be is bad, and an answer that did not come is that too.
    let ask = Ask {
        bins: 1,
        ..Ask::default()
    };
    let page = archive.page(&ask, &archive.search(Filter::parse("").unwrap()), true);
    let bad: u32 = page.histogram.bins.iter().map(|bin| bin.bad).sum();
    assert_eq!(bad, 500);
}

/// Beyond the year 2262 all times are told as the last that can be, and no bar ends behind that.
#[test]
fn rows_at_the_end_of_time_are_in_the_last_bar() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let ends = [
        "2262-04-11T23:47:10",
        "2262-04-11T23:47:16.9",
        "2300-01-01T00:00:00",
    ];
    let lines: Vec<String> = (0..)
        .zip(["2262-04-11T23:00:00"].iter().chain(&ends))
        .map(|(n, time)| {
            line("response", &format!("id-{n}"), 0, "app", DENIED)
                .replace("2026-01-01T00:00:00.000", time)
        })
        .collect();
    for from in 0..2 {
        fs::write(&path, lines[from..].concat()).unwrap();
        let archive = archive(&[&path]);
        let ask = Ask {
            bins: 200,
            ..Ask::default()
        };
        let page = archive.page(&ask, &archive.search(Filter::parse("").unwrap()), true);
        let bins = page.histogram.bins;
        let rows: u32 = bins.iter().map(|bin| bin.rows).sum();
        assert_eq!(rows as usize, lines.len() - from);
        assert!(
            bins.last()
                .is_some_and(|last| last.rows >= 2 && last.bad == last.rows)
        );
    }
}

/// A device that tells a request again, with another line between, does not move it.
#[test]
fn of_a_request_that_is_told_twice_before_its_answer_the_first_is_what_the_row_leads_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let lines = [
        line("request", "a", 0, "app", ""),
        line("request", "b", 1, "app", ""),
        line("request", "a", 0, "app", ""),
        line("response", "a", 2, "app", ""),
    ];
    fs::write(&path, lines.concat()).unwrap();
    let archive = archive(&[&path]);
    assert_eq!(archive.len(), 2);
    let answer: usize = lines[..3].iter().map(String::len).sum();
    let at = |offset: usize| At {
        file: 0,
        offset: offset as u64,
    };
    let told = (0..2).map(|row| archive.columns.lines(row).unwrap());
    assert!(
        told.collect::<Vec<_>>()
            .contains(&(at(answer), Some(at(0))))
    );
}

/// Files that were rotated, and a second device that tells the same.
#[test]
fn calls_that_are_spread_over_files_and_told_twice_are_one_row_each() {
    let folder = tempfile::tempdir().unwrap();
    let lines = every_ending(400);
    let at = |name: &str| folder.path().join(name);
    let (first, second) = lines.split_at(lines.len() / 2 + 1);
    fs::write(at("a.1"), first.concat()).unwrap();
    fs::write(at("a.2"), second.concat()).unwrap();
    let twice: Vec<String> = lines.iter().flat_map(|l| [l.clone(), l.clone()]).collect();
    fs::write(at("b"), twice.concat()).unwrap();
    for names in [&["a.1", "a.2"][..], &["a.1", "a.2", "b"], &["b"]] {
        let paths: Vec<_> = names.iter().map(|name| at(name)).collect();
        let archive = archive(&paths);
        assert_eq!(archive.len(), 400, "{names:?}");
        let (mut ids, mut outcomes) = (Vec::new(), Vec::new());
        for row in 0..archive.len() {
            let row = archive.row(row, true).unwrap();
            ids.push(row.id.unwrap().raw().to_owned());
            outcomes.push(row.outcome.unwrap().raw().to_owned());
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 400, "{names:?}");
        // Whichever file tells the end of a call, it has its end.
        let of = |outcome: &str| outcomes.iter().filter(|o| *o == outcome).count();
        assert_eq!(of("unanswered"), 50, "{names:?}");
        let indexed = archive.search(Filter::parse("outcome:unanswered").unwrap());
        assert_eq!(indexed.found(), 50, "{names:?}");
    }
}

/// Where a request stands is told by how far before its response it does, in one file only; of
/// another file it is told by its own place.
#[test]
fn a_response_far_into_its_file_has_no_request_in_it_that_stands_in_another() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("a.1"), folder.path().join("a.2"));
    let others: String = (1..20)
        .map(|n| line("response", &format!("other-{n}"), n, "app", ""))
        .collect();
    let before = line("response", "before", 0, "app", "");
    fs::write(&first, before + &line("request", "id", 100, "app", "")).unwrap();
    fs::write(&second, others + &line("response", "id", 200, "", "")).unwrap();
    let archive = archive(&[&first, &second]);
    assert_eq!(archive.len(), 21);
    let row = archive.row(20, true).unwrap();
    assert_eq!((row.id, row.place.line), (Some("id".into()), 2));
    assert_eq!(Some(row.place.file.raw()), first.to_str());
    let indexed = archive.search(Filter::parse("actor:app").unwrap());
    assert_eq!(indexed.found(), 21);
}

/// A large log is read by several, each a part of it: lines that begin where a part does, calls
/// that begin in one and end in another, and words and places behind all that.
#[test]
fn a_log_of_several_segments_is_read_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let segment = usize::try_from(SEGMENT).unwrap();
    let filler = "f".repeat(20_000);
    let mut text = String::new();
    let (mut n, mut boundaries) = (0, 0);
    while text.len() < segment * 5 / 2 {
        let id = format!("id-{n}");
        let more = format!(r#","more":"{filler}""#);
        let mut next = line("request", &id, n * 50, "app", &more);
        let before = n.checked_sub(5).map(|n| format!("id-{n}"));
        if let Some(before) = before {
            next += &line("response", &before, n * 50 + 20, "", "");
        }
        // The next line is to begin just where a segment does.
        let left = segment - text.len() % segment;
        if left < next.len() + 1000 && left > 400 {
            let id = format!("edge-{boundaries}");
            let bare = line("response", &id, n * 50, "app", r#","more":"""#).len();
            let filler = "e".repeat(left - bare);
            next = line(
                "response",
                &id,
                n * 50,
                "app",
                &format!(r#","more":"{filler}""#),
            );
            boundaries += 1;
            text += &next;
            assert_eq!(text.len() % segment, 0);
            continue;
        }
        text += &next;
        n += 1;
    }
    assert_eq!(boundaries, 2);
    fs::write(&path, &text).unwrap();
    let rows = is_what_reading_in_full_gives(&[&path], 500);
    assert_eq!(rows, n as usize + boundaries);
    let archive = archive(&[&path]);
    let words = format!("id-{}\"", n - 1);
    let found = archive.search(Filter::parse(&format!("\"{words}")).unwrap());
    assert_eq!(found.found(), 1);
    let last = found.row(0).unwrap();
    let line = archive.row(last, true).unwrap().place.line;
    let at = text.rfind(&words).unwrap();
    let lines = text[..at].matches('\n').count() as u64;
    assert_eq!(line, lines + 1);
}

/// A word that stands far behind the beginning of its line, in the next piece of what is read.
#[test]
fn words_far_behind_the_beginning_of_a_line_are_found_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let mut text = String::new();
    for n in 0..40 {
        let filler = "f".repeat(if n % 4 == 0 { 300_000 } else { 100 });
        let more = format!(r#","more":"{filler} needle-{n} end""#);
        text += &line("response", &format!("id-{n}"), n * 1000, "app", &more);
    }
    fs::write(&path, text).unwrap();
    let archive = archive(&[&path]);
    for n in 0..40 {
        let filter = Filter::parse(&format!("\"needle-{n} end\"")).unwrap();
        let search = archive.search(filter);
        assert_eq!(search.rows(0..40).collect::<Vec<_>>(), [n], "{n}");
    }
}

/// Every format that is read here, as a file of it that is shipped with the tests.
#[test]
fn rows_of_every_format_are_those_that_reading_in_full_gives() {
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/logs");
    let mut seen = 0;
    for file in fs::read_dir(logs).unwrap() {
        let rows = is_what_reading_in_full_gives(&[file.unwrap().path()], 10_000);
        assert!(rows > 0);
        seen += rows;
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn rows_that_come_out_of_order_are_in_order_of_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let mut text = String::new();
    for n in 0..500_u32 {
        let at = n * 7919 % 500 * 1000;
        text += &line("response", &format!("id-{n}"), at, "app", "");
    }
    fs::write(&path, text).unwrap();
    let archive = archive(&[&path]);
    let times: Vec<Timestamp> = (0..archive.len()).map(|row| archive.time(row)).collect();
    assert!(times.is_sorted());
    assert_eq!(times.len(), 500);
    for (row, time) in times.into_iter().enumerate() {
        assert_eq!(archive.row(row, false).unwrap().time, time);
    }
    let between = Filter::parse("time:2026-01-01T00:01..2026-01-01T00:02").unwrap();
    let rows: Vec<usize> = archive.search(between).rows(0..500).collect();
    // Up to the end of the minute that is named.
    assert_eq!(rows, (60..180).collect::<Vec<_>>());
}

/// Columns become wider as new words come; what was told before stays.
#[test]
fn many_different_words_are_told_apart_in_every_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let mut text = String::new();
    for n in 0..70_000_u32 {
        let who = format!("who-{}", n % 1000);
        text += &line("response", &format!("id-{n}"), n * 10, &who, "");
    }
    fs::write(&path, text).unwrap();
    let archive = archive(&[&path]);
    let nth = |field| Field::INDEXED.iter().position(|f| *f == field).unwrap();
    for row in 0..70_000 {
        let path = archive.columns.word(nth(Field::Path), row);
        assert_eq!(path, Some(format!("secret/data/id-{row}").as_str()));
        let who = archive.columns.word(nth(Field::Actor), row);
        assert_eq!(who, Some(format!("who-{}", row % 1000).as_str()));
    }
}

#[test]
fn a_page_around_a_row_near_the_end_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let lines = (0..100).map(|n| line("response", &format!("id-{n}"), n * 1000, "app", ""));
    fs::write(&path, lines.collect::<String>()).unwrap();
    let archive = archive(&[&path]);
    let all = archive.search(Filter::parse("").unwrap());
    let shown = |rows| {
        let ask = Ask {
            rows,
            ..Ask::default()
        };
        let page = archive.page(&ask, &all, true);
        let numbers: Vec<u64> = page.rows.iter().map(|row| row.number).collect();
        (page.first, numbers)
    };
    assert_eq!(shown(Rows::Around(50, 10)), (45, (45..55).collect()));
    assert_eq!(shown(Rows::Around(98, 10)), (90, (90..100).collect()));
    assert_eq!(shown(Rows::Around(2, 10)), (0, (0..10).collect()));
    let at = Timestamp::parse("2026-01-01T00:01:39Z").unwrap();
    assert_eq!(shown(Rows::At(at, 10)), (90, (90..100).collect()));
    assert_eq!(shown(Rows::Last(3)), (97, (97..100).collect()));
}

/// Times before 1970 are in the minute that they are in.
#[test]
fn rows_are_counted_in_the_minute_that_they_are_in_before_1970_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let mut text = String::new();
    for second in 1..60 {
        let line = line(
            "response",
            &format!("id-{second}"),
            second * 1000,
            "app",
            "",
        );
        writeln!(
            text,
            "{}",
            line.trim_end()
                .replace("2026-01-01T00:00", "1969-12-31T23:59")
        )
        .unwrap();
        text += &line
            .replace("2026-01-01", "1970-01-01")
            .replace("id-", "other-");
    }
    fs::write(&path, text).unwrap();
    let archive = archive(&[&path]);
    let all = archive.search(Filter::parse("").unwrap());
    let by: By = "minute".parse().unwrap();
    let counted = archive.count(&all, &[by]);
    let groups: Vec<_> = counted
        .groups
        .iter()
        .map(|(key, n)| (&key[0], *n))
        .collect();
    let minute = |time| Group::Time(Timestamp::parse(time).unwrap());
    let (before, after) = (
        minute("1969-12-31T23:59:00Z"),
        minute("1970-01-01T00:00:00Z"),
    );
    assert_eq!(groups, [(&before, 59), (&after, 59)]);
}

/// What was found before stays as it was when rows behind it are others now, wherever in a word of
/// bits the first of them is.
#[test]
fn a_search_that_goes_back_finds_each_row_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let lines = (0..200).map(|n| line("response", &format!("id-{n}"), n * 1000, "app", ""));
    fs::write(&path, lines.collect::<String>()).unwrap();
    let archive = archive(&[&path]);
    let mut search = archive.search(Filter::parse("-path:*7").unwrap());
    let wanted: Vec<usize> = (0..200).filter(|n| n % 10 != 7).collect();
    for row in [0, 1, 63, 64, 65, 127, 128, 150, 199, 200] {
        search.rewind(row);
        let before = wanted.iter().filter(|n| **n < row).count();
        assert_eq!((search.looked(), search.found()), (row.min(200), before));
        assert_eq!(search.rows(0..200).count(), before, "{row}");
        assert_eq!(search.before(200), before, "{row}");
        while !search.step(&archive) {}
        assert_eq!(search.rows(0..200).collect::<Vec<_>>(), wanted, "{row}");
        assert_eq!(search.found(), wanted.len());
    }
}
