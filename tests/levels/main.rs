//! The service levels as `rotascope slo` and `diagnose` print them, against a second
//! implementation from the raw lines, and the cases where little is known.

// The lints that spare tests know them by this.
#![cfg(test)]

#[path = "../support/lab_run.rs"]
mod lab_run;
mod made;
mod second;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use rotascope::audit::identity::IdentityRules;
use rotascope::cli::{diagnose, slo};
use rotascope::measure::level::Objectives;
use rotascope::model::Timestamp;
use rotascope::rotation::lab::Cause;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const LEVELS: [&str; 10] = ["M1", "M2", "M3", "M4", "M5", "M6", "M7", "M8", "M9", "M10"];

fn file_of(lines: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".jsonl").tempfile();
    let file = file.unwrap();
    fs::write(file.path(), lines).unwrap();
    file
}

fn diagnosed(path: &Path) -> Value {
    let args = diagnose::Args {
        paths: vec![path.to_path_buf()],
        format: diagnose::Format::Json,
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (identity, asked) = (IdentityRules::default(), Objectives::default());
    diagnose::run(&args, identity, &asked, &mut out, &mut err).unwrap();
    let err = String::from_utf8_lossy(&err).into_owned();
    serde_json::from_slice(&out).unwrap_or_else(|_| panic!("{}: {err}", path.display()))
}

/// The exit status, standard output and standard error of `rotascope slo`.
fn slo(
    path: &Path,
    format: slo::Format,
    from: Option<&str>,
    to: Option<&str>,
) -> (u8, String, String) {
    let moment = |words: &str| Timestamp::parse(words).unwrap();
    let args = slo::Args {
        paths: vec![path.to_path_buf()],
        format,
        from: from.map(moment),
        to: to.map(moment),
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (identity, asked) = (IdentityRules::default(), Objectives::default());
    let status = slo::run(&args, identity, &asked, &mut out, &mut err).unwrap();
    let words = |bytes| String::from_utf8(bytes).unwrap();
    (status, words(out), words(err))
}

fn slis(lines: &str) -> Value {
    let file = file_of(lines);
    let (_, out, _) = slo(file.path(), slo::Format::Json, None, None);
    let mut report: Value = serde_json::from_str(&out).unwrap();
    report["slis"].take()
}

fn close(told: &Value, figure: Option<f64>) -> bool {
    match (told.as_f64(), figure) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-6 * b.abs().max(1.0),
        (None, None) => told.is_null(),
        _ => false,
    }
}

/// Both implementations on the same lines: how many figures were compared, and what differs.
fn compared(name: &str, lines: &str, told: &Value) -> (usize, Vec<String>) {
    let (mut levels, mut wrong) = (0, Vec::new());
    let findings = told["findings"].as_array().unwrap();
    for (level, figure) in second::levels(lines, findings) {
        let mut told = &told["slis"];
        for part in level.split(' ') {
            told = &told[part];
        }
        let same = close(&told["value"], figure.value)
            && told["n"] == json!(figure.n)
            && told["bad"] == json!(figure.bad)
            && told["met"] == json!(figure.met)
            && close(&told["budget_left"], figure.budget_left);
        levels += 1;
        if !same {
            wrong.push(format!("{name}, {level}: {told}\nis not {figure:?}"));
        }
    }
    (levels, wrong)
}

fn agree(name: &str, lines: &str, told: &Value) {
    let (_, wrong) = compared(name, lines, told);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_first_night_agrees_with_an_independent_computation() {
    let path = support::first_night().join("events.jsonl");
    let lines = fs::read_to_string(&path).unwrap();
    agree("first night", &lines, &diagnosed(&path));
}

/// The shared incidents, where they are: their names and lines.
fn incidents() -> Vec<(String, String)> {
    let Some(folder) = support::shared("incidents") else {
        return Vec::new();
    };
    let files = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut paths: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|e| e == "zst"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 10);
    let lines = |path: &Path| {
        let bytes = zstd::decode_all(fs::File::open(path).unwrap()).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let named = paths
        .iter()
        .map(|path| (path.display().to_string(), lines(path)));
    named.collect()
}

/// How fast the lab runs, and how long a recording of it is, in its own seconds.
const LAB: (f64, i64) = (60.0, 330);

/// So many recordings of the lab, each broken in another way, every ninth not at all.
async fn recordings(many: u64) -> Vec<(String, String)> {
    let places = Arc::new(Semaphore::new(4));
    let mut runs = JoinSet::new();
    for n in 0..many {
        let place = Arc::clone(&places);
        runs.spawn(async move {
            let _place = place.acquire_owned().await.unwrap();
            let faults = Cause::ALL.len();
            let which = usize::try_from(n).unwrap() % (faults + 1);
            let fault = Cause::ALL.get(which).copied();
            let run = lab_run::Run::start(fault, 1000 + n, LAB.0).await;
            run.wait(LAB.1).await;
            let events = run.events();
            run.end().await;
            let lines: Vec<String> = events.iter().map(|e| e.to_json().unwrap()).collect();
            let name = fault.map_or("none", Cause::mode);
            (
                format!("recording {n} of the lab, {name}"),
                lines.join("\n"),
            )
        });
    }
    let mut all = Vec::new();
    while let Some(run) = runs.join_next().await {
        all.push(run.unwrap());
    }
    all
}

/// `scripts/prove-levels` runs it with fifty recordings.
#[test]
#[expect(clippy::print_stdout, reason = "what scripts/prove-levels is run for")]
fn incidents_and_recordings_of_the_lab_agree_with_an_independent_computation() {
    let many = std::env::var("ROTASCOPE_LEVEL_RECORDINGS").ok();
    let many = many.and_then(|n| n.parse().ok()).unwrap_or(4);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    let recordings = runtime.block_on(recordings(many));
    let incidents = incidents();
    let (mut levels, mut wrong) = (0, Vec::new());
    for (name, lines) in incidents.iter().chain(&recordings) {
        let file = file_of(lines);
        let (many, differ) = compared(name, lines, &diagnosed(file.path()));
        levels += many;
        wrong.extend(differ);
    }
    println!(
        "incidents {} recordings {} levels {levels} disagree {}",
        incidents.len(),
        recordings.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(levels, 12 * (incidents.len() + recordings.len()));
}

#[test]
fn the_real_incident_agrees_by_its_derived_events() {
    let Some(folder) = support::shared("logs/vault-postgres") else {
        return;
    };
    let told = diagnosed(&folder);
    // Of logs of backends only a roll back is told as an end.
    assert_eq!(told["slis"]["M1"]["n"], 1);
    assert_eq!(told["slis"]["M5"]["value"], 0.0);
    assert_eq!(told["slis"]["M6"]["met"], Value::Null);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn made_recordings_agree_whatever_the_order_and_however_often(seed in any::<u64>()) {
        let lines = made::recording(seed);
        let file = file_of(&lines);
        let told = diagnosed(file.path());
        agree(&format!("seed {seed}"), &lines, &told);
        let mixed = file_of(&made::shuffled_twice(&lines, seed));
        prop_assert_eq!(&diagnosed(mixed.path())["slis"], &told["slis"]);
    }
}

#[test]
fn the_made_recordings_try_every_level() {
    let mut tried = std::collections::BTreeMap::new();
    for seed in 0..100 {
        let lines = made::recording(seed);
        let told = diagnosed(file_of(&lines).path());
        let findings = told["findings"].as_array().unwrap();
        for (level, figure) in second::levels(&lines, findings) {
            let (good, bad) = tried.entry(level).or_insert((0, 0));
            *good += figure.n.saturating_sub(figure.bad);
            *bad += figure.bad;
        }
    }
    assert_eq!(tried.len(), 12);
    for (level, (good, bad)) in tried {
        assert!(good > 0 && bad > 0, "{level}: {good} good, {bad} bad");
    }
}

#[test]
fn diagnose_and_slo_tell_the_same_ten() {
    let path = support::first_night().join("events.jsonl");
    let (status, out, err) = slo(&path, slo::Format::Json, None, None);
    assert_eq!((status, err.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&out).unwrap();
    let slis = report["slis"].as_object().unwrap();
    assert_eq!(report["slis"], diagnosed(&path)["slis"]);
    for level in LEVELS {
        for member in ["value", "unit", "n", "objective", "met"] {
            assert!(slis[level].get(member).is_some(), "{level} has no {member}");
        }
    }
    assert_eq!(slis.len(), 10);
}

#[test]
fn the_table_of_the_first_night() {
    let path = support::first_night().join("events.jsonl");
    let (_, out, _) = slo(&path, slo::Format::Table, None, None);
    insta::assert_snapshot!(out);
}

fn event(n: usize, minute: i64, kind: &str, rotation: Option<&str>, data: &Value) -> String {
    let time = chrono::DateTime::from_timestamp(1_790_000_000 + minute * 60, 0).unwrap();
    let mut event = json!({"specversion": "1.0", "id": n.to_string(), "source": "/engine",
        "type": format!("rotascope.{kind}"), "time": time.to_rfc3339(), "data": data});
    if let Some(rotation) = rotation {
        event["rotationid"] = json!(rotation);
    }
    event.to_string()
}

fn lines(events: &[(i64, &str, Option<&str>, Value)]) -> String {
    let told = events.iter().enumerate();
    let told: Vec<String> = told
        .map(|(n, (minute, kind, rotation, data))| event(n, *minute, kind, *rotation, data))
        .collect();
    told.join("\n")
}

fn started(
    minute: i64,
    id: &'static str,
    trigger: &str,
) -> (i64, &'static str, Option<&'static str>, Value) {
    let data = json!({"secret": "db", "to_version": id, "trigger": trigger});
    (minute, "rotation.started", Some(id), data)
}

fn tick(minute: i64) -> (i64, &'static str, Option<&'static str>, Value) {
    (
        minute,
        "backend.status",
        None,
        json!({"backend": "/b", "state": "connected"}),
    )
}

fn finished(
    minute: i64,
    id: &'static str,
    outcome: &str,
) -> (i64, &'static str, Option<&'static str>, Value) {
    (
        minute,
        "rotation.finished",
        Some(id),
        json!({"outcome": outcome}),
    )
}

#[test]
fn where_nothing_was_seen_all_is_unknown() {
    let told = slis(&lines(&[tick(0)]));
    for level in LEVELS {
        assert_eq!(told[level]["n"], 0, "{level}");
        assert_eq!(told[level]["value"], Value::Null, "{level}");
        assert_eq!(told[level]["met"], Value::Null, "{level}");
        assert_eq!(told[level]["budget_left"], Value::Null, "{level}");
    }
}

#[test]
fn zero_secrets_found_is_not_unscanned() {
    let leak = |confidence: &str| {
        let data = json!({"detector": "gitleaks", "rule": "r", "location": "a.py",
            "confidence": confidence, "fingerprint": "hmac:1"});
        (1, "leak.finding", None, data)
    };
    let scan = |findings: u64| {
        let data = json!({"detector": "other", "repository": "git/a", "findings": findings});
        (2, "scan.completed", None, data)
    };
    let m6 = |events: &[(i64, &str, Option<&str>, Value)]| {
        let told = slis(&lines(events));
        (
            told["M6"]["value"].clone(),
            told["M6"]["met"].clone(),
            told["M6"]["n"].clone(),
        )
    };
    assert_eq!(m6(&[tick(0)]), (Value::Null, Value::Null, json!(0)));
    assert_eq!(m6(&[scan(0)]), (json!(0.0), json!(true), json!(1)));
    assert_eq!(
        m6(&[leak("suspected")]),
        (Value::Null, Value::Null, json!(0))
    );
    assert_eq!(
        m6(&[leak("confirmed")]),
        (json!(1.0), json!(false), json!(1))
    );
    assert_eq!(
        m6(&[leak("confirmed"), leak("confirmed"), scan(2)]).0,
        json!(3.0)
    );
}

#[test]
fn an_emergency_without_revocation_is_unknown_until_its_time_is_up() {
    let emergency = |until: i64| {
        let told = slis(&lines(&[started(0, "r1", "emergency"), tick(until)]));
        assert_eq!(told["M5"]["value"], 1.0);
        told["M4"]["emergency"].clone()
    };
    let young = emergency(59);
    assert_eq!((&young["n"], &young["met"]), (&json!(0), &Value::Null));
    let old = emergency(61);
    assert_eq!(
        (&old["value"], &old["met"]),
        (&json!(3660.0), &json!(false))
    );
}

#[test]
fn an_emergency_is_detected_with_its_leak() {
    let leak = json!({"detector": "g", "rule": "r", "location": "l", "secret": "db",
        "confidence": "confirmed", "fingerprint": "f"});
    let revoked = json!({"stage": "revoke", "status": "completed", "region": "eu"});
    let begun = json!({"stage": "revoke", "status": "started", "region": "us"});
    let mut events = vec![
        started(0, "r1", "schedule"),
        (10, "leak.finding", None, leak),
        started(15, "r2", "emergency"),
        (20, "rotation.stage", Some("r2"), revoked.clone()),
        (20, "rotation.stage", Some("r2"), begun),
    ];
    assert_eq!(
        slis(&lines(&events))["M4"]["emergency"]["n"],
        0,
        "one region is left"
    );
    let mut last = revoked;
    last["region"] = json!("us");
    events.push((30, "rotation.stage", Some("r2"), last));
    assert_eq!(slis(&lines(&events))["M4"]["emergency"]["value"], 1200.0);
}

#[test]
fn a_rollback_that_ends_in_success_is_both() {
    let told = slis(&lines(&[
        started(0, "r1", "manual"),
        finished(5, "r1", "rolled_back"),
        finished(9, "r1", "succeeded"),
        started(10, "r2", "manual"),
        finished(12, "r2", "aborted"),
    ]));
    assert_eq!(
        (&told["M1"]["value"], &told["M1"]["n"]),
        (&json!(0.5), &json!(2))
    );
    assert_eq!(
        (&told["M8"]["value"], &told["M8"]["n"]),
        (&json!(0.5), &json!(2))
    );
}

#[test]
fn nothing_later_than_the_end_and_nothing_earlier_than_the_beginning_counts() {
    let file = file_of(&lines(&[
        started(0, "r1", "manual"),
        finished(5, "r1", "failed"),
        started(10, "r2", "manual"),
        finished(15, "r2", "succeeded"),
        started(20, "r3", "manual"),
        finished(25, "r3", "rolled_back"),
    ]));
    let at = |minute: i64| {
        let time = chrono::DateTime::from_timestamp(1_790_000_000 + minute * 60, 0).unwrap();
        time.to_rfc3339()
    };
    let m1 = |from: Option<i64>, to: Option<i64>| {
        let (from, to) = (from.map(at), to.map(at));
        let (status, out, _) = slo(
            file.path(),
            slo::Format::Json,
            from.as_deref(),
            to.as_deref(),
        );
        let report: Value = serde_json::from_str(&out).unwrap();
        (
            status,
            report["slis"]["M1"]["value"].clone(),
            report["slis"]["M1"]["n"].clone(),
        )
    };
    assert_eq!(m1(None, Some(15)), (0, json!(0.5), json!(2)));
    assert_eq!(m1(Some(6), Some(15)), (0, json!(1.0), json!(1)));
    assert_eq!(m1(Some(16), Some(24)), (0, Value::Null, json!(0)));
    let (late, early) = (at(30), at(20));
    let (status, out, err) = slo(file.path(), slo::Format::Json, Some(&late), Some(&early));
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(err.contains("begins after its end"), "{err}");
}
