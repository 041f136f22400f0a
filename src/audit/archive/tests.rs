//! The archive against reading everything in full.

use std::path::{Path, PathBuf};

use super::{Archive, Known, Search};
use crate::audit::{AuditRow, Options, open};
use crate::query::page::{Ask, Rows};
use crate::query::{Field, Filter, Row};

/// A real log; `None`, and said, where there are none here.
#[expect(clippy::print_stderr, reason = "what is not compared is said")]
fn shared(name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("ROTASCOPE_SHARED").map(PathBuf::from);
    let path = shared
        .unwrap_or_else(|| "../shared".into())
        .join("logs")
        .join(name);
    if !path.exists() {
        eprintln!("{} is not here: nothing is compared", path.display());
        return None;
    }
    Some(path)
}

fn archive(path: &std::path::Path) -> Archive {
    open(&[path], &Options::default()).unwrap().archive()
}

fn found(archive: &Archive, filter: &str) -> Vec<usize> {
    let search: Search = archive.search(Filter::parse(filter).unwrap());
    assert_eq!(search.wrong(), None);
    search.rows(0..archive.len()).collect()
}

/// Every real log, whatever its format: the same rows with the same words as reading in full.
#[test]
fn rows_are_those_that_reading_in_full_gives() {
    let Some(logs) = shared("") else {
        return;
    };
    let mut seen = 0;
    for file in walk(&logs) {
        seen += is_what_reading_in_full_gives(&[&file], 300);
    }
    assert!(seen > 1000, "{seen}");
}

/// Fails unless an archive has the rows that reading in full gives; about so many of them are
/// looked at. Gives how many there are.
pub(super) fn is_what_reading_in_full_gives<P: AsRef<Path>>(paths: &[P], look: usize) -> usize {
    let name = paths[0].as_ref().display();
    let Ok(opened) = open(paths, &Options::default()) else {
        return 0;
    };
    let mut rows: Vec<AuditRow> = opened.filter_map(|s| AuditRow::of(&s)).collect();
    rows.sort_by_key(|row| row.time);
    let archive = open(paths, &Options::default()).unwrap().archive();
    assert_eq!(archive.len(), rows.len(), "{name}");
    let every = (rows.len() / look).max(1);
    for (n, row) in rows.iter().enumerate().step_by(every) {
        let looked = archive.row(n, true);
        assert_eq!(looked.as_ref(), Ok(row), "{name} row {n}");
        for (nth, field) in Field::INDEXED.into_iter().enumerate() {
            let indexed = archive.columns.word(nth, n);
            assert_eq!(indexed, row.field(field).as_deref(), "{name} row {n}");
        }
        assert_eq!(archive.columns.has_error(n), row.error.is_some());
    }
    rows.len()
}

fn walk(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut inputs = Vec::new();
    crate::audit::source::walk(folder, &mut inputs, &mut |_| {});
    let small = inputs
        .into_iter()
        .filter(|i| i.bytes.is_some_and(|b| b < 40 << 20));
    small.map(|input| input.path).collect()
}

#[test]
fn a_filter_finds_the_rows_that_hold_when_they_are_read() {
    let Some(log) = shared("vault-postgres/audit.log") else {
        return;
    };
    let archive = archive(&log);
    assert!(archive.len() > 100);
    // Every row is read once, whatever is asked of it.
    let rows: Vec<AuditRow> = (0..archive.len())
        .map(|n| archive.row(n, false).unwrap())
        .collect();
    for filter in [
        "",
        "outcome:denied",
        "not outcome:allowed",
        "format:vault path:*payments*",
        "error:*",
        "error:",
        "error:*permission*",
        "actor:~^app or format:postgres",
        "remote_addr:127.0.0.1 -operation:read",
        "(outcome:denied or outcome:error) time:2020-01-01..",
    ] {
        let parsed = Filter::parse(filter).unwrap();
        let holds = |row: &usize| parsed.holds(&rows[*row]);
        let wanted: Vec<usize> = (0..archive.len()).filter(holds).collect();
        assert_eq!(found(&archive, filter), wanted, "{filter}");
    }
}

#[test]
fn words_are_found_in_records_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let line = |id: u32, kind: &str, more: &str| {
        format!(
            r#"{{"time":"2026-01-01T00:00:{id:02}Z","type":"{kind}","request":{{"id":"r{id}","operation":"read","mount_type":"kv","path":"secret/{id}"}}{more}}}"#
        )
    };
    let mut text = String::new();
    for id in 0..40 {
        let more = if id % 10 == 3 {
            r#","error":"Permission denied""#
        } else {
            ""
        };
        text += &line(id, "request", "");
        text.push('\n');
        text += &line(id, "response", more);
        text.push('\n');
    }
    std::fs::write(&path, text).unwrap();
    let archive = archive(&path);
    assert_eq!(archive.len(), 40);
    assert_eq!(found(&archive, "permission"), [3, 13, 23, 33]);
    assert_eq!(found(&archive, "Permission"), [3, 13, 23, 33]);
    assert_eq!(found(&archive, "PERMISSION"), [0; 0]);
    assert_eq!(found(&archive, "mount_type secret/7\""), [7]);
    assert_eq!(found(&archive, "-permission path:secret/?3"), [0; 0]);
    let ask = Ask {
        serial: 9,
        rows: Rows::From(1, 2),
        bins: 10,
        facets: vec![Field::Outcome, Field::Error],
        ..Ask::default()
    };
    let search = archive.search(Filter::parse("permission").unwrap());
    let page = archive.page(&ask, &search, true);
    let numbers: Vec<u64> = page.rows.iter().map(|row| row.number).collect();
    assert_eq!((page.serial, page.found, page.first), (9, 4, 1));
    assert_eq!(numbers, [13, 23]);
    assert_eq!(page.rows[0].place.line, 27);
    let rows: u32 = page.histogram.bins.iter().map(|bin| bin.rows).sum();
    assert_eq!(rows, 4);
    assert!(page.histogram.bins.iter().all(|bin| bin.bad == bin.rows));
    let said = &page.facets[0].values;
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].1, 4);
}

#[test]
fn a_row_whose_file_was_cut_or_written_anew_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    let line = r#"{"time":"2026-01-01T00:00:01Z","type":"request","request":{"id":"r","operation":"read","mount_type":"kv","path":"p"}}"#;
    std::fs::write(&path, format!("{line}\n")).unwrap();
    let archive = archive(&path);
    assert!(archive.row(0, true).is_ok());
    std::fs::write(&path, "").unwrap();
    assert!(archive.row(0, true).unwrap_err().contains("cut"));
    std::fs::write(&path, line.replace("00:01", "00:02")).unwrap();
    assert!(archive.row(0, true).unwrap_err().contains("anew"));
    assert!(archive.row(1, true).is_err());
}

/// Lines of a log that are written in pieces give the rows that reading them all at once gives.
#[test]
fn an_archive_grows_into_what_reading_it_whole_gives() {
    use crate::audit::follow::Block;
    let Some(log) = shared("vault-postgres/audit.log") else {
        return;
    };
    let text = std::fs::read(&log).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grown.log");
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', &text)
        .map(|end| end + 1)
        .collect();
    let half = ends[ends.len() / 2];
    // The first part ends within a line.
    std::fs::write(&path, &text[..half + 40]).unwrap();
    let mut grown = archive(&path);
    std::fs::write(&path, &text).unwrap();
    let (file, _, read_to) = grown.growing().remove(0);
    assert_eq!(read_to, half as u64);
    let mut search = grown.search(Filter::parse("outcome:allowed \"update\"").unwrap());
    let ask = Ask {
        rows: Rows::Last(40),
        bins: 30,
        facets: vec![Field::Outcome, Field::Path, Field::Error, Field::Actor],
        ..Ask::default()
    };
    let mut known = Known::default();
    let mut from = half;
    for ends in ends
        .iter()
        .filter(|end| **end > half)
        .collect::<Vec<_>>()
        .chunks(3)
    {
        let to = *ends[ends.len() - 1];
        let block = Block {
            bytes: &text[from..to],
            offset: from as u64,
            line: 1 + memchr::memchr_iter(b'\n', &text[..from]).count() as u64,
        };
        if let Some(row) = grown.grow(file, &block) {
            search.rewind(row);
            known.forget(row);
        }
        while !search.step(&grown) {}
        let page = grown.page_knowing(&ask, &search, true, &mut known);
        assert_eq!(page, grown.page(&ask, &search, true));
        from = to;
    }
    let whole = archive(&path);
    assert_eq!(grown.len(), whole.len());
    for row in 0..whole.len() {
        assert_eq!(grown.row(row, true), whole.row(row, true), "{row}");
    }
    let rows: Vec<usize> = search.rows(0..grown.len()).collect();
    assert_eq!(rows, found(&whole, "outcome:allowed \"update\""));
    assert!(rows.len() > 10);
}
