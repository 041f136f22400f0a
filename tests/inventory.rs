//! `rotascope inventory`: what it prints of files, and how it ends; and how fast a large one is.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::path::Path;

use rotascope::audit::identity::IdentityRules;
use rotascope::cli::inventory::{self, Args, Format, Sort};
use serde_json::{Value, json};

fn args(path: &Path, format: Format) -> Args {
    Args {
        paths: vec![path.to_owned()],
        format,
        sort: Sort::Secret,
        reverse: false,
        filter: String::new(),
        to: None,
    }
}

/// The exit status and standard output.
fn run(args: &Args) -> (u8, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = inventory::run(args, IdentityRules::default(), &mut out, &mut err).unwrap();
    (status, String::from_utf8(out).unwrap())
}

fn json(args: &Args) -> Value {
    let (status, out) = run(args);
    assert_eq!((status, out.lines().count()), (0, 1), "{out}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn the_three_formats_tell_of_the_same_secrets() {
    let night = support::first_night().join("events.jsonl");
    let report = json(&args(&night, Format::Json));
    let secrets = report["secrets"].as_array().unwrap();
    assert!(!secrets.is_empty());
    let names: Vec<&str> = secrets
        .iter()
        .map(|s| s["secret"].as_str().unwrap())
        .collect();
    let (status, words) = run(&args(&night, Format::Csv));
    assert_eq!(status, 0);
    let mut table = csv::Reader::from_reader(words.as_bytes());
    let rows: Vec<_> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.iter().map(|row| &row[0]).collect::<Vec<_>>(), names);
    let (_, words) = run(&args(&night, Format::Table));
    assert_eq!(words.lines().count(), names.len() + 2);
    for name in names {
        assert!(words.contains(name), "{name} in {words}");
    }
}

#[test]
fn an_earlier_moment_knows_nothing_of_what_came_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let event = |seconds: i64, secret: &str| {
        json!({"specversion": "1.0", "id": secret, "source": "/engine", "rotationid": secret,
            "type": "rotascope.rotation.started", "time": format!("2026-11-14T03:00:{seconds:02}Z"),
            "data": {"secret": secret, "cadence_seconds": 10}})
    };
    std::fs::write(&path, format!("{}\n{}\n", event(1, "a"), event(30, "b"))).unwrap();
    let until = |moment: &str| Args {
        to: Some(rotascope::model::Timestamp::parse(moment).unwrap()),
        ..args(&path, Format::Json)
    };
    let secrets = |report: Value| report["secrets"].as_array().unwrap().len();
    assert_eq!(secrets(json(&until("2026-11-14T03:00:20Z"))), 1);
    let later = json(&until("2026-11-14T04:00:00Z"));
    assert_eq!(later["at"], "2026-11-14T04:00:00Z");
    assert_eq!(secrets(later), 2);
}

#[test]
fn what_cannot_be_read_ends_in_status_2() {
    let (status, out) = run(&args(Path::new("/no/such/file"), Format::Json));
    assert_eq!((status, out.as_str()), (2, ""));
}
