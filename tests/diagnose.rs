//! `rotascope diagnose`: what it prints, and how it ends.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::path::Path;

use rotascope::audit::identity::IdentityRules;
use rotascope::cli::diagnose::{self, Args, Format};
use rotascope::measure::level::Objectives;
use serde_json::Value;

/// The exit status, standard output and standard error.
fn run(paths: &[&Path], format: Format) -> (u8, String, String) {
    let args = Args {
        paths: paths.iter().map(|path| path.to_path_buf()).collect(),
        format,
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (identity, asked) = (IdentityRules::default(), Objectives::default());
    let status = diagnose::run(&args, identity, &asked, &mut out, &mut err).unwrap();
    let words = |bytes| String::from_utf8(bytes).unwrap();
    (status, words(out), words(err))
}

#[test]
fn one_json_object_holds_what_the_contract_says() {
    let events = support::first_night().join("events.jsonl");
    let (status, out, _) = run(&[&events], Format::Json);
    assert_eq!((status, out.lines().count()), (0, 1));
    let report: Value = serde_json::from_str(&out).unwrap();
    let names: Vec<&String> = report.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 6);
    for name in [
        "events",
        "rejected",
        "span",
        "findings",
        "slis",
        "cannot_know",
    ] {
        assert!(!report[name].is_null(), "{name}");
    }
    for finding in report["findings"].as_array().unwrap() {
        for name in [
            "mode",
            "rotation",
            "secret",
            "services",
            "regions",
            "detected_at",
            "resolved_at",
            "severity",
            "suppressed",
            "confidence",
            "evidence",
            "suggest",
            "runbook",
            "ruled_out",
            "cannot_know",
        ] {
            assert!(finding.get(name).is_some(), "{name}");
        }
    }
}

#[test]
fn text_has_a_line_a_finding_and_its_evidence_below_it() {
    let (status, out, _) = run(&[&support::first_night()], Format::Text);
    assert_eq!(status, 0);
    assert!(!out.is_empty());
    let json = run(&[&support::first_night()], Format::Json).1;
    let report: Value = serde_json::from_str(&json).unwrap();
    let found = report["findings"].as_array().unwrap().len();
    let heads = out.lines().filter(|line| line.starts_with("20")).count();
    assert_eq!(heads, found);
    let sentences = |name: &str| {
        let all = report["findings"].as_array().unwrap().iter();
        all.map(|finding| finding[name].as_array().unwrap().len())
            .sum::<usize>()
    };
    let begins = |words: &str| out.lines().filter(|line| line.starts_with(words)).count();
    assert_eq!(begins("    not known: "), sentences("cannot_know"));
    assert_eq!(
        begins("    not ") - begins("    not known: "),
        sentences("ruled_out")
    );
    let unknowns = report["cannot_know"].as_array().unwrap().len();
    assert_eq!(begins("Not known: "), unknowns);
}

#[test]
fn what_cannot_be_read_is_told_by_the_exit_status() {
    let missing = Path::new("no/such/file.jsonl");
    let (status, out, err) = run(&[missing], Format::Json);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(err.contains("no/such/file.jsonl"), "{err}");
}

#[test]
fn lines_that_nobody_could_read_are_no_calm() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let lines = std::fs::read_to_string(support::first_night().join("events.jsonl")).unwrap();
    std::fs::write(
        file.path(),
        lines.replace("\"time\":\"2026", "\"time\":\"soon"),
    )
    .unwrap();
    let (status, out, _) = run(&[file.path()], Format::Json);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &told["events"]), (2, &Value::from(0)));
    assert!(told["rejected"].as_u64().unwrap() > 100, "{out}");
}

#[test]
fn a_quiet_file_has_no_findings_and_is_read_all_the_same() {
    let file = tempfile::Builder::new()
        .suffix(".jsonl")
        .tempfile()
        .unwrap();
    let event = r#"{"specversion":"1.0","id":"1","source":"/s","type":"rotascope.scan.completed","time":"2026-01-02T03:04:05Z","data":{"detector":"d","repository":"r","findings":0}}"#;
    std::fs::write(file.path(), format!("{event}\nno event\n")).unwrap();
    let (status, out, _) = run(&[file.path()], Format::Json);
    assert_eq!(status, 0);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["events"], 1);
    assert_eq!(report["rejected"], 1);
    assert_eq!(report["span"]["from"], "2026-01-02T03:04:05Z");
    assert!(report["findings"].as_array().unwrap().is_empty());
}

#[test]
fn the_real_incident_is_named_from_native_logs_alone() {
    let Some(folder) = support::shared("logs/vault-postgres") else {
        return;
    };
    let (_, out, _) = run(&[folder.as_path()], Format::Json);
    let told: Value = serde_json::from_str(&out).unwrap();
    let found = told["findings"].as_array().unwrap();
    assert_eq!(found.len(), 2, "{out}");

    // The rotation of payments broke checkout in eu-1: within a minute, with the two consumers
    // that kept the old password, and healed once they had the new one.
    let payments = &found[0];
    assert_eq!(payments["mode"], "F1");
    assert_eq!(payments["rotation"], "rot-pay-1");
    assert_eq!(payments["services"], serde_json::json!(["checkout"]));
    assert_eq!(payments["regions"], serde_json::json!(["eu-1"]));
    assert!(payments["detected_at"].as_str().unwrap() <= "2026-11-23T13:47:36Z");
    assert!(payments["resolved_at"].as_str().unwrap() > "2026-11-23T13:47:31Z");
    let notes = payments["evidence"].to_string();
    for consumer in ["checkout-eu-1-0", "checkout-eu-1-1"] {
        assert!(notes.contains(consumer), "{notes}");
    }

    // The first version of the mailer's key was retired too early, and brought back.
    let mailer = &found[1];
    assert_eq!(mailer["mode"], "F4");
    assert_eq!(mailer["secret"], "transit/keys/mailer");
    let healed = mailer["resolved_at"].as_str().unwrap();
    assert!(healed.starts_with("2026-11-23T13:47:20.2"), "{healed}");
}
