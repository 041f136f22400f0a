//! One incident in a pseudo-terminal, from quiet to the finding, to its evidence, to the act that
//! cures it, until it healed. The incident is written by the test, which knows from its own
//! numbers what must be on the screen.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use support::pty::Terminal;

/// All samples are windows of so many seconds and attempts.
const WINDOW: i64 = 15;
const TOTAL: u64 = 1000;

/// Seconds after midnight of the cutover, of the first refusals after it, and of the cure.
const CUTOVER: i64 = 3 * 3600;
const ONSET: i64 = CUTOVER + 60;
const CURE: i64 = CUTOVER + 600;
const END: i64 = CUTOVER + 1500;

/// Consumers, and how many of them stay behind in eu-1.
const CONSUMERS: usize = 10;
const BEHIND: usize = 4;

fn clock(seconds: i64) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

fn event(seconds: i64, source: &str, kind: &str, data: &Value) -> Value {
    let time = clock(seconds);
    json!({
        "specversion": "1.0", "id": format!("{kind}-{time}-{}", data["consumer"].as_str().or(data["region"].as_str()).or(data["stage"].as_str()).unwrap_or("x")),
        "source": source, "type": format!("rotascope.{kind}"),
        "time": format!("2026-11-14T{time}Z"), "data": data,
    })
}

fn stage(seconds: i64, stage: &str) -> Value {
    let data = json!({"stage": stage, "status": "completed"});
    let mut event = event(seconds, "/engine/test", "rotation.stage", &data);
    event["rotationid"] = json!("rot-test");
    event
}

fn consumer(seconds: i64, n: usize, version: &str) -> Value {
    let region = if n < CONSUMERS / 2 { "eu-1" } else { "us-2" };
    let data = json!({"consumer": format!("checkout-{n}"), "service": "checkout",
        "region": region, "secret": "payments/api", "version": version, "state": "in_use"});
    event(seconds, "/agents/test", "consumer.version", &data)
}

fn refused(seconds: i64, region: &str) -> u64 {
    if region == "eu-1" && (ONSET..CURE).contains(&seconds) {
        90
    } else {
        // A service is never refused nothing at all.
        2 + u64::try_from(seconds / WINDOW % 2).unwrap()
    }
}

/// The incident: every event in order of time.
fn incident() -> Vec<Value> {
    let consumers: Vec<Value> = (0..CONSUMERS)
        .map(|n| consumer(0, n, "v17")["data"].clone())
        .map(|data| json!({"consumer": data["consumer"], "service": "checkout", "region": data["region"]}))
        .collect();
    let started = json!({"secret": "payments/api", "from_version": "v17", "to_version": "v18",
        "regions": ["eu-1", "us-2"], "services": ["checkout"], "dual_run": true,
        "consumers": consumers});
    let mut start = event(CUTOVER - 120, "/engine/test", "rotation.started", &started);
    start["rotationid"] = json!("rot-test");
    let mut events = vec![start];
    for (n, name) in (0_i64..).zip(["trigger", "generate", "store", "distribute", "validate"]) {
        events.push(stage(CUTOVER - 110 + n * 5, name));
    }
    events.extend((0..CONSUMERS).map(|n| consumer(CUTOVER - 300, n, "v17")));
    events.extend((BEHIND..CONSUMERS).map(|n| consumer(CUTOVER - 30, n, "v18")));
    events.push(stage(CUTOVER, "cutover"));
    events.extend((0..BEHIND).map(|n| consumer(CURE, n, "v18")));
    let mut at = CUTOVER - 2400;
    while at <= END {
        for region in ["eu-1", "us-2"] {
            let data = json!({"service": "checkout", "region": region, "window_seconds": WINDOW,
                "total": TOTAL, "failed_401": refused(at, region), "failed_403": 0});
            events.push(event(at, "/prometheus/test", "auth.sample", &data));
        }
        at += WINDOW;
    }
    events.sort_by_key(|event| event["time"].as_str().unwrap().to_owned());
    events
}

fn written(folder: &tempfile::TempDir, events: &[Value]) -> PathBuf {
    let path = folder.path().join("incident.jsonl");
    let mut lines = String::new();
    for event in events {
        writeln!(lines, "{event}").unwrap();
    }
    std::fs::write(&path, lines).unwrap();
    path
}

/// The moment in the header, in seconds after midnight.
fn stands(screen: &str) -> i64 {
    let header = screen.lines().next().unwrap();
    let clock = header.split_whitespace().rev().nth(1).unwrap();
    let mut parts = clock.split(':').map(|part| part.parse::<i64>().unwrap());
    let mut next = || parts.next().unwrap();
    next() * 3600 + next() * 60 + next()
}

/// Goes to the first sample among the evidence.
fn an_evidence_is_shown_as_the_file_tells_it(terminal: &mut Terminal, events: &[Value]) {
    let selected = |screen: &str| {
        let line = screen
            .lines()
            .find(|line| line.trim_start().starts_with('▌'));
        line.unwrap_or_default().to_owned()
    };
    while !selected(&terminal.text()).contains("/prometheus/test") {
        let before = selected(&terminal.text());
        terminal.press("j");
        terminal.wait_for("the next evidence", |screen| selected(screen) != before);
    }
    let evidence = selected(&terminal.text());
    let wanted = events
        .iter()
        .filter(|event| event["source"] == "/prometheus/test" && event["data"]["region"] == "eu-1")
        .find(|event| evidence.contains(&event["time"].as_str().unwrap()[11..19]))
        .expect("the evidence names a sample of the file");
    let refused = wanted["data"]["failed_401"].as_u64().unwrap();
    assert!(
        evidence.contains(&format!("{refused} of {TOTAL} refused")),
        "{evidence}"
    );
    terminal.press("\r");
    let id = wanted["id"].as_str().unwrap();
    let shown = terminal.wait_for("the event", |screen| screen.contains("As it was told"));
    let member = |name: &str| {
        let line = shown
            .lines()
            .find(|line| line.trim_start().starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1))
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(member("id "), id, "{shown}");
    assert_eq!(member("failed_401"), refused.to_string());
    assert_eq!(member("region"), "eu-1");
    assert_eq!(
        clock(stands(&shown)),
        wanted["time"].as_str().unwrap()[11..19]
    );
}

#[test]
fn an_incident_is_followed_from_quiet_to_the_act_that_cures_it() {
    let folder = tempfile::tempdir().unwrap();
    let events = incident();
    let path = written(&folder, &events);
    let at = format!("2026-11-14T{}Z", clock(CUTOVER + 30));
    let args = ["replay", "--paused", "--at", &at, path.to_str().unwrap()];
    let mut terminal = Terminal::start(&args, 100, 30);

    // Quiet: the rotation runs, some consumers are behind, nobody is refused.
    let quiet = terminal.wait_for("calm", |screen| {
        screen.contains("payments/api") && !screen.contains("diagnosing")
    });
    assert!(quiet.contains("hurts nobody"), "{quiet}");
    assert!(!quiet.contains("F1"), "{quiet}");

    // The next failure is the finding.
    terminal.press("f");
    let behind = format!("{BEHIND} of {CONSUMERS} consumers still on v17");
    let found = terminal.wait_for("the finding", |screen| screen.contains(&behind));
    let moment = stands(&found);
    assert!((ONSET..=ONSET + 170).contains(&moment), "{found}");
    assert!(
        found.contains("F1 rot-test broke checkout in eu-1"),
        "{found}"
    );
    assert!(found.contains("re-push"), "the act is named: {found}");
    let selected_row = found.lines().find(|line| line.starts_with('▌'));
    assert!(
        selected_row.is_some_and(|row| row.starts_with("▌F1 payments/api")),
        "{found}"
    );

    // Why: the evidence, and again the act.
    terminal.press("e");
    let why = terminal.wait_for("why", |screen| screen.contains("Why ▸ F1"));
    assert!(
        why.contains("next: re-push, extend the grace period or roll back"),
        "{why}"
    );
    assert!(
        why.contains(&clock(CUTOVER)),
        "the cutover is on the axis: {why}"
    );
    let samples = why
        .lines()
        .filter(|line| line.contains("/prometheus/test"))
        .count();
    assert!(samples > 0, "{why}");

    an_evidence_is_shown_as_the_file_tells_it(&mut terminal, &events);

    // Back, and on to the end: it healed after the cure.
    terminal.press("\u{1b}");
    terminal.wait_for("why again", |screen| screen.contains("Why ▸ F1"));
    terminal.press(">");
    let healed = terminal.wait_for("the end", |screen| screen.contains("healed"));
    let healed = healed
        .lines()
        .find(|line| line.contains("healed"))
        .unwrap()
        .to_owned();
    let at = healed
        .split("healed ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    assert!(
        (clock(CURE)..=clock(END)).contains(&at.to_owned()),
        "{healed}"
    );
    terminal.press("\u{1b}");
    terminal.wait_for("calm again", |screen| screen.contains("hurts nobody"));
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}
