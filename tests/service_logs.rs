//! The logs of services, hosts and proxies through the commands: what is counted, what is shown
//! and what becomes of it. The files in `fixtures/logs` were written by hand in the documented
//! shapes; each has a damaged line where its shape has lines.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use rotascope::audit::identity::IdentityRules;
use rotascope::cli::audit::{Args, Format, run};
use rotascope::cli::events;
use serde_json::Value;

/// What stands in the fixtures wherever a secret would.
const SECRET: &str = "hunter2";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/logs")
}

/// Status, standard output and standard error of `rotascope audit`.
fn audit(paths: &[&Path], format: Format) -> (u8, String, String) {
    let args = Args {
        paths: paths.iter().map(|p| p.to_path_buf()).collect(),
        format,
        filter: None,
        by: Vec::new(),
        follow: false,
        rejected: true,
        width: Some(200),
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = run(&args, &mut out, &mut err).unwrap();
    let words = |bytes| String::from_utf8(bytes).unwrap();
    (status, words(out), words(err))
}

fn counted(paths: &[&Path]) -> String {
    let (_, out, _) = audit(paths, Format::Count);
    out.trim_end().to_owned()
}

fn rows(paths: &[&Path]) -> Vec<Value> {
    let (_, out, _) = audit(paths, Format::Json);
    let row = |line| serde_json::from_str(line).unwrap();
    out.lines().map(row).collect()
}

/// The events that `rotascope events` prints.
fn derived(path: &Path) -> (Vec<Value>, String) {
    let args = events::Args {
        paths: vec![path.to_owned()],
        identity: None,
        vault_source: "/vault".into(),
        postgres_source: "/postgresql".into(),
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = events::run(&args, IdentityRules::default(), &mut out, &mut err).unwrap();
    assert_eq!(status, 0, "{}", path.display());
    let words = String::from_utf8(out).unwrap();
    let event = |line| serde_json::from_str(line).unwrap();
    let all = words.lines().map(event).collect();
    (all, words + &String::from_utf8(err).unwrap())
}

/// Every fixture with its format, events, rejections and the outcomes in order.
const FILES: [(&str, &str, usize, usize, &str); 13] = [
    ("kubernetes.jsonl", "kubernetes", 8, 1, "a a d d a e e a"),
    ("kubernetes-list.json", "kubernetes", 3, 0, "a d d"),
    ("gcp.jsonl", "gcp", 9, 1, "a a a a e d e a d"),
    ("gcp-array.json", "gcp", 4, 0, "a a a a"),
    ("keyvault.json", "azure", 6, 0, "d a a d a e"),
    ("keyvault.jsonl", "azure", 6, 1, "d a a d a e"),
    ("azure-activity.json", "azure", 3, 0, "u a d"),
    ("journal.json", "journald", 8, 1, "d a d e - -"),
    ("nginx-access.log", "nginx", 6, 1, "a d d d e e"),
    ("nginx-access.json", "nginx", 5, 1, "a d d e e"),
    ("envoy-access.log", "envoy", 4, 1, "a d d e"),
    ("envoy-access.json", "envoy", 4, 1, "a d u e"),
    // All of them at once.
    ("", "", 0, 0, ""),
];

#[test]
fn every_log_is_known_by_its_content_and_counted() {
    let scratch = tempfile::tempdir().unwrap();
    for (name, format, events, rejected, outcomes) in FILES.iter().filter(|f| !f.0.is_empty()) {
        // Without its name, which must not matter.
        let path = scratch.path().join("log");
        fs::copy(fixtures().join(name), &path).unwrap();
        let want = format!("events {events} rejected {rejected}");
        assert_eq!(counted(&[&path]), want, "{name}");
        let rows = rows(&[&path]);
        assert_eq!(rows.len(), *events, "{name}");
        let of = rows.iter().filter(|row| row["format"] == *format);
        let letters: Vec<_> = of
            .map(|row| row["outcome"].as_str().map_or("-", |o| &o[..1]))
            .collect();
        assert_eq!(letters.join(" "), *outcomes, "{name}");
    }
}

#[test]
fn no_secret_comes_out_of_any_log_in_any_form() {
    for (name, ..) in FILES {
        let path = fixtures().join(name);
        for format in [Format::Json, Format::Csv, Format::Table] {
            let (_, out, err) = audit(&[&path], format);
            assert!(
                !out.contains(SECRET) && !err.contains(SECRET),
                "{name}: {out}{err}"
            );
        }
        let (_, words) = derived(&path);
        assert!(!words.contains(SECRET), "{name}: {words}");
    }
}

#[test]
fn a_rejected_line_is_told_with_its_place() {
    for (name, line) in [
        ("kubernetes.jsonl", 12),
        ("gcp.jsonl", 10),
        ("journal.json", 9),
        ("nginx-access.log", 7),
    ] {
        let (_, _, err) = audit(&[&fixtures().join(name)], Format::Count);
        assert!(err.contains(&format!("{name}:{line}: ")), "{err}");
    }
}

#[test]
fn the_stages_of_a_kubernetes_call_are_one_event_however_they_are_spread() {
    let log = fs::read_to_string(fixtures().join("kubernetes.jsonl")).unwrap();
    let lines: Vec<_> = log.lines().take(11).collect();
    let scratch = tempfile::tempdir().unwrap();
    // A rotated file between the stages, in the wrong order, and all of it a second time.
    let [one, two, copy] = ["1", "2", "copy"].map(|name| scratch.path().join(name));
    let (odd, even): (Vec<_>, Vec<_>) = (0..lines.len()).partition(|n| n % 2 == 1);
    let of = |numbers: Vec<usize>| {
        let lines: Vec<_> = numbers.iter().rev().map(|n| lines[*n]).collect();
        lines.join("\n")
    };
    fs::write(&one, of(odd)).unwrap();
    fs::write(&two, of(even)).unwrap();
    fs::write(&copy, lines.join("\n")).unwrap();
    for paths in [
        vec![&one, &two],
        vec![&one, &two, &copy],
        vec![&copy, &copy],
    ] {
        let paths: Vec<&Path> = paths.into_iter().map(PathBuf::as_path).collect();
        assert_eq!(counted(&paths), "events 8 rejected 0");
        let rows = rows(&paths);
        let watch = rows.iter().find(|row| row["id"] == "k-2").unwrap();
        // The last stage speaks for the call.
        assert_eq!(watch["time"], "2026-11-23T13:00:09.500Z");
        assert_eq!(watch["outcome"], "allowed");
    }
    let (events, _) = derived(scratch.path());
    let entries = events
        .iter()
        .filter(|e| e["type"] == "rotascope.audit.entry");
    let ids: Vec<_> = entries.map(|e| e["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 8, "{ids:?}");
    assert!(ids.contains(&"k-2/ResponseComplete"), "{ids:?}");
}

#[test]
fn a_watch_that_goes_on_is_told_by_its_start_and_its_late_end_is_no_second_event() {
    let stage = |stage: &str, minute: u32| {
        format!(
            r#"{{"kind":"Event","auditID":"w","stage":"{stage}","verb":"watch","user":{{"username":"mira"}},"requestURI":"/x","responseStatus":{{"code":200}},"stageTimestamp":"2026-11-23T13:{minute:02}:00Z"}}"#
        )
    };
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("log");
    let lines = [stage("RequestReceived", 0), stage("ResponseStarted", 0)];
    fs::write(&path, lines.join("\n")).unwrap();
    let shown = rows(&[&path]);
    assert_eq!((shown.len(), &shown[0]["outcome"]), (1, &"allowed".into()));
    let other = stage("ResponseComplete", 10).replace("\"w\"", "\"x\"");
    let late = [lines.join("\n"), other, stage("ResponseComplete", 20)].join("\n");
    fs::write(&path, late).unwrap();
    assert_eq!(counted(&[&path]), "events 2 rejected 0");
    let (events, _) = derived(&path);
    let entries = events
        .iter()
        .filter(|e| e["type"] == "rotascope.audit.entry");
    let ids: Vec<_> = entries.map(|e| e["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["w/ResponseStarted", "x/ResponseComplete"]);
}

#[test]
fn a_line_in_a_journal_is_the_same_line_in_a_file() {
    let journal = fs::read_to_string(fixtures().join("journal.json")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    for line in journal
        .lines()
        .filter(|l| l.contains("\"vault\"") || l.contains("\"postgres\""))
    {
        let inner: Value = serde_json::from_str(line).unwrap();
        let name = inner["_COMM"].as_str().unwrap();
        fs::write(
            scratch.path().join(name),
            inner["MESSAGE"].as_str().unwrap(),
        )
        .unwrap();
    }
    let [vault, postgres] = ["vault", "postgres"].map(|name| scratch.path().join(name));
    let journal = fixtures().join("journal.json");
    assert_eq!(
        counted(&[&journal, &vault, &postgres]),
        "events 8 rejected 1"
    );
}

#[test]
fn one_format_does_not_steal_the_files_of_another() {
    let Some(logs) = support::shared("logs") else {
        return;
    };
    let table = fs::read_to_string(logs.join("COUNTS.tsv")).unwrap();
    for line in table.lines().skip(1) {
        let mut columns = line.split('\t');
        let (file, reader) = (columns.next().unwrap(), columns.next().unwrap());
        // The largest are read by other tests.
        let path = logs.join(file);
        if reader == "-" || fs::metadata(&path).unwrap().len() > 1 << 20 {
            continue;
        }
        for row in rows(&[&path]) {
            assert_eq!(row["format"], reader, "{file}");
        }
    }
}
