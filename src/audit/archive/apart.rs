//! Calls whose lines stand in two files, as where a log was rotated between a request and its
//! answer.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Archive;
use super::tests::is_what_reading_in_full_gives;
use crate::audit::follow::Block;
use crate::audit::{Content, Options, open};
use crate::query::Filter;

/// A line of a Vault log; requests alone say where they come from and which rotation they are of.
fn line(kind: &str, id: usize, second: usize) -> String {
    let asks = if kind == "request" {
        format!(r#","remote_address":"192.0.2.{id}","headers":{{"x-correlation-id":["rot-{id}"]}}"#)
    } else {
        String::new()
    };
    format!(
        r#"{{"time":"2026-01-01T00:00:{second:02}Z","type":"{kind}","auth":{{"display_name":"app"}},"request":{{"id":"r{id}","operation":"read","path":"secret/{id}"{asks}}}}}"#
    ) + "\n"
}

/// Calls of which the requests that the older of two files has last are answered in the newer.
fn rotated(folder: &Path) -> [PathBuf; 2] {
    let whole = |id| line("request", id, 2 * id) + &line("response", id, 2 * id + 1);
    let asked = |id| line("request", id, 2 * id);
    let answered = |id| line("response", id, 2 * id + 3);
    let older: String = whole(1) + &whole(2) + &asked(3) + &asked(4);
    let newer: String = answered(3) + &whole(7) + &answered(4) + &whole(8);
    let paths = ["audit.log.1", "audit.log"].map(|name| folder.join(name));
    fs::write(&paths[0], older).unwrap();
    fs::write(&paths[1], newer).unwrap();
    paths
}

fn found(archive: &Archive, filter: &str) -> Vec<String> {
    let search = archive.search(Filter::parse(filter).unwrap());
    assert_eq!(search.wrong(), None);
    let rows = search.rows(0..archive.len());
    rows.map(|row| {
        let row = archive.row(row, false).unwrap();
        row.id.unwrap().raw().to_owned()
    })
    .collect()
}

/// However the files are named, and whichever is named first.
#[test]
fn a_call_over_two_files_says_what_its_request_says() {
    let folder = tempfile::tempdir().unwrap();
    let [older, newer] = rotated(folder.path());
    for paths in [[&older, &newer], [&newer, &older]] {
        assert_eq!(is_what_reading_in_full_gives(&paths, 100), 6);
        let archive = open(&paths, &Options::default()).unwrap().archive();
        for (filter, wanted) in [
            ("192.0.2.3", &["r3"][..]),
            ("rotation:rot-4", &["r4"]),
            ("remote_addr:192.0.2.4", &["r4"]),
            ("outcome:unanswered", &[]),
            // A call stands where its first line does.
            ("file:*audit.log.1", &["r1", "r2", "r3", "r4"]),
            ("file:*audit.log", &["r7", "r8"]),
        ] {
            assert_eq!(found(&archive, filter), wanted, "{filter}");
        }
    }
}

/// Words that a request has and its answer in the next file has not.
#[test]
fn as_many_rows_are_counted_as_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let [older, newer] = rotated(folder.path());
    for paths in [
        &[&older, &newer][..],
        &[&newer, &older],
        &[&older],
        &[&newer],
    ] {
        for words in [
            "192.0.2.3",
            "rot-4 or rot-7",
            "\"request\"",
            "secret/8",
            "none",
        ] {
            let filter = Filter::parse(words).unwrap();
            let opened = || open(paths, &Options::default()).unwrap();
            let archive = opened().archive();
            let rows = found(&archive, words).len() as u64;
            assert_eq!(opened().fitting(filter).rows, rows, "{words} {paths:?}");
        }
    }
}

/// Takes in what a file holds that has come in the place of the first.
fn follow(archive: &mut Archive, path: &Path) -> usize {
    let next = Content(Arc::new(File::open(path).unwrap()));
    let next = archive.succeed(0, next).unwrap();
    let text = fs::read(path).unwrap();
    let block = Block {
        bytes: &text,
        offset: 0,
        line: 1,
    };
    archive.grow(next, &block).unwrap()
}

/// While both files are followed: the newer takes the place of the older.
#[test]
fn a_request_is_found_whose_answer_comes_after_a_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let [older, newer] = rotated(folder.path());
    let mut archive = open(&[&older], &Options::default()).unwrap().archive();
    let mut search = archive.search(Filter::parse("192.0.2.3 or 192.0.2.8").unwrap());
    assert_eq!(search.found(), 1);
    search.rewind(follow(&mut archive, &newer));
    while !search.step(&archive) {}
    assert_eq!(search.found(), 2);
    assert_eq!(found(&archive, "192.0.2.3"), ["r3"]);
    assert_eq!(found(&archive, "rotation:rot-4"), ["r4"]);
}

/// The file is cut and written anew in its place: what stands where the request stood is another
/// line, or none.
#[test]
fn an_answer_whose_request_is_gone_says_what_it_says_itself() {
    for before in [String::new(), line("response", 1, 1)] {
        for after in [String::new(), line("request", 9, 7)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("audit.log");
            fs::write(&path, before.clone() + &line("request", 3, 6)).unwrap();
            let mut archive = open(&[&path], &Options::default()).unwrap().archive();
            // The same file, as `copytruncate` leaves it.
            fs::write(&path, after.clone() + &line("response", 3, 8)).unwrap();
            follow(&mut archive, &path);
            let search = archive.search(Filter::parse("outcome:allowed").unwrap());
            let last = search.rows(0..archive.len()).last().unwrap();
            let row = archive.row(last, true).unwrap();
            assert_eq!((row.id, row.rotation), (Some("r3".into()), None));
            let lines = after.lines().count() as u64;
            assert_eq!(row.place.line, lines + 1);
        }
    }
}

/// Another call's request stands where a request stood when the files were read.
#[test]
fn a_request_that_was_written_over_is_not_taken_for_the_calls_own() {
    let folder = tempfile::tempdir().unwrap();
    let paths = rotated(folder.path());
    let archive = open(&paths, &Options::default()).unwrap().archive();
    let row = archive.search(Filter::parse("rotation:rot-3").unwrap());
    let row = row.row(0).unwrap();
    let older = fs::read_to_string(&paths[0]).unwrap();
    let over = older.replace("\"r3\"", "\"r5\"").replace("rot-3", "rot-5");
    fs::write(&paths[0], over).unwrap();
    let row = archive.row(row, true).unwrap();
    assert_eq!((row.id, row.rotation), (Some("r3".into()), None));
    assert_eq!(Some(row.place.file.raw()), paths[1].to_str());
}

/// What cannot be read for now, as opposed to what is gone, is told. This process' own memory, which
/// cannot be read at its beginning, stands for a disk that fails.
#[cfg(target_os = "linux")]
#[test]
fn a_request_on_a_disk_that_fails_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let paths = rotated(folder.path());
    let mut archive = open(&paths, &Options::default()).unwrap().archive();
    let row = archive.search(Filter::parse("rotation:rot-3").unwrap());
    let row = row.row(0).unwrap();
    assert!(archive.row(row, true).is_ok());
    let memory = File::open("/proc/self/mem").unwrap();
    archive.originals[0].content = Content(Arc::new(memory));
    let why = archive.row(row, true).unwrap_err();
    assert!(why.contains("cannot be read from its file"), "{why}");
}

/// A policy of a hundred kilobytes is written by the first line of the older file.
#[test]
fn a_log_that_begins_with_a_long_line_is_read_when_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let [older, newer] = rotated(folder.path());
    let rest = fs::read_to_string(&older).unwrap();
    let long = line("response", 100, 0).replace(
        "}}\n",
        &format!(r#","data":{{"policy":"{}"}}}}}}"#, "p".repeat(100_000)),
    );
    fs::write(&older, format!("{long}\n{rest}")).unwrap();
    for paths in [[&older, &newer], [&newer, &older]] {
        assert_eq!(is_what_reading_in_full_gives(&paths, 100), 7);
        let archive = open(&paths, &Options::default()).unwrap().archive();
        assert_eq!(found(&archive, "192.0.2.3"), ["r3"]);
    }
}

/// Stages of a Kubernetes call: the last counts, and the first is where it stands.
#[test]
fn stages_in_two_files_are_one_row() {
    let folder = tempfile::tempdir().unwrap();
    let stage = |stage: &str, second: u32, more: &str| {
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"{stage}","requestURI":"/api/v1/namespaces/n/secrets/s","verb":"get","user":{{"username":"u"}}{more},"requestReceivedTimestamp":"2026-01-01T00:00:00Z","stageTimestamp":"2026-01-01T00:00:{second:02}Z"}}"#
        ) + "\n"
    };
    let (older, newer) = (folder.path().join("k8s.1"), folder.path().join("k8s"));
    let asked = stage("RequestReceived", 0, r#","sourceIPs":["192.0.2.9"]"#);
    let done = stage("ResponseComplete", 1, r#","responseStatus":{"code":200}"#);
    fs::write(&older, asked).unwrap();
    fs::write(&newer, done).unwrap();
    for paths in [[&older, &newer], [&newer, &older]] {
        assert_eq!(is_what_reading_in_full_gives(&paths, 10), 1);
        let archive = open(&paths, &Options::default()).unwrap().archive();
        let search = archive.search(Filter::parse("192.0.2.9").unwrap());
        assert_eq!(search.found(), 1);
    }
}
