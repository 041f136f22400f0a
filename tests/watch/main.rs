//! `rotascope watch --headless` as a program: on files, and on an engine that lives.

// The lints that spare tests know them by this.
#![cfg(test)]

mod input;
#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rotascope::model::event::{Alert, AlertStatus};
use rotascope::model::{Data, Event, RotationId};
use rotascope::rotation::server::Access;
use serde_json::{Value, json};
use support::engine::{Line, Manner, Served, Toy, at, event};

fn night() -> PathBuf {
    support::root().join("fixtures/incidents/first-night")
}

/// A folder for settings and for what is remembered.
fn home(settings: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("config.toml"), settings).unwrap();
    home
}

fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rotascope"));
    command
        .arg("watch")
        .args(args)
        .env("ROTASCOPE_CONFIG_DIR", home)
        .env("ROTASCOPE_STATE_DIR", home.join("state"))
        .env_remove("ROTASCOPE_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(home: &Path, args: &[&str]) -> Output {
    command(home, args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn files_give_a_line_for_all_that_was_found_and_told_in_order_of_time() {
    let home = home("");
    let night = night();
    let done = run(home.path(), &["--headless", night.to_str().unwrap()]);
    let out = text(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{out}");
    let words: Vec<(&str, &str)> = out
        .lines()
        .map(|line| {
            let mut words = line.split_whitespace().skip(1);
            (words.next().unwrap(), words.next().unwrap())
        })
        .collect();
    assert!(words.contains(&("FOUND", "F1")), "{out}");
    assert!(words.contains(&("HEALED", "F1")), "{out}");
    let pages = out.lines().filter(|line| line.contains(" PAGE "));
    let pages: Vec<&str> = pages.collect();
    assert_eq!(pages.len(), 1, "{out}");
    assert!(pages[0].contains("rot-7f3a of payments/api"), "{out}");
    assert!(pages[0].ends_with("; to payments-team"), "{out}");
    assert!(
        out.lines().is_sorted_by_key(|line| line.split(' ').next()),
        "{out}"
    );
    // What is found is not told with what only came later.
    let found = out.lines().find(|line| line.contains("FOUND")).unwrap();
    assert!(!found.contains("resolved"), "{found}");
    let again = run(home.path(), &["--headless", night.to_str().unwrap()]);
    assert_eq!(text(&again.stdout), out, "the same each time");
}

#[test]
fn json_lines_and_events_can_be_read_by_programs() {
    let home = home("");
    std::fs::write(
        home.path().join("owners.toml"),
        "[[owner]]\nname = \"payments-team\"\ncontacts = [\"pager:pay\"]\n\
         [[owner]]\nname = \"ledger-team\"\ncontacts = [\"mail:ledger\"]\nsecrets = [\"*/ledger\"]\n",
    )
    .unwrap();
    let night = night();
    let night = night.to_str().unwrap();
    let done = run(home.path(), &["--headless", "--format", "json", night]);
    let all: Vec<Value> = text(&done.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str, key: &str, is: &str| {
        let mut all = all.iter();
        all.find(|line| line["kind"] == kind && line[key] == is)
            .unwrap_or_else(|| panic!("no {kind} {is}"))
            .clone()
    };
    assert_eq!(of("finding", "what", "found")["mode"], "F1");
    let page = of("alert", "phase", "page");
    assert_eq!(page["to"], json!(["pager:pay"]));
    assert_eq!(page["rotation"], "rot-7f3a");
    assert_eq!(of("alert", "phase", "ticket")["owner"], "ledger-team");
    assert_eq!(all.last().unwrap()["kind"], "end");

    let done = run(home.path(), &["--headless", "--format", "events", night]);
    let events: Vec<Event> = text(&done.stdout)
        .lines()
        .map(|line| Event::from_json(line.as_bytes()).unwrap())
        .collect();
    assert_eq!(events.len(), 4, "two fire, two are over");
    let alerts: Vec<&Alert> = events
        .iter()
        .map(|event| match &event.data {
            Data::Alert(alert) => &**alert,
            other => panic!("{other:?}"),
        })
        .collect();
    let resolved = alerts.iter().filter(|a| a.status == AlertStatus::Resolved);
    assert_eq!(resolved.count(), 2);
}

#[test]
fn a_hook_is_told_once_of_what_it_asks_for_however_often_it_runs() {
    let home = home("");
    let out = home.path().join("out");
    let settings = format!(
        "[alerts]\n[[alerts.hooks]]\nprogram = [\"/bin/sh\", \"-c\", \"cat >> {}\"]\non = [\"page\"]\n",
        out.display()
    );
    std::fs::write(home.path().join("config.toml"), settings).unwrap();
    let night = night();
    let night = night.to_str().unwrap();
    run(home.path(), &["--headless", "--no-hooks", night]);
    assert!(!out.exists());
    let first = run(home.path(), &["--headless", night]);
    assert!(
        text(&first.stderr).contains("hooks told 1 not told 0"),
        "{first:?}"
    );
    run(home.path(), &["--headless", night]);
    let told = std::fs::read_to_string(out).unwrap();
    assert_eq!(told.lines().count(), 1, "{told}");
    let told: Value = serde_json::from_str(told.trim()).unwrap();
    assert_eq!(told["alert"], "rotation/rot-7f3a");
}

#[test]
fn a_hook_that_hangs_is_said_and_holds_nothing_up() {
    let home = home(
        "[[alerts.hooks]]\nname = \"stuck\"\nprogram = [\"/bin/sleep\", \"60\"]\ntime_limit = \"1s\"\n\
         on = [\"page\"]\n",
    );
    let began = Instant::now();
    let night = night();
    let done = run(home.path(), &["--headless", night.to_str().unwrap()]);
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(done.status.code(), Some(0));
    let (out, err) = (text(&done.stdout), text(&done.stderr));
    let line = out.lines().find(|line| line.starts_with("HOOK")).unwrap();
    assert!(
        line.contains("stuck was not told of rotation/rot-7f3a (page)"),
        "{line}"
    );
    assert!(
        err.contains("hooks told 0 not told 1 (hung 1, dropped 0)"),
        "{err}"
    );
}

#[test]
fn a_hook_is_told_though_nobody_reads_the_lines() {
    let home = home("");
    let out = home.path().join("out");
    let settings = format!(
        "[[alerts.hooks]]\nprogram = [\"/bin/sh\", \"-c\", \"sleep 1; cat >> {}\"]\non = [\"ticket\"]\n",
        out.display()
    );
    std::fs::write(home.path().join("config.toml"), settings).unwrap();
    let night = night();
    let args = ["--headless", "--format", "events", night.to_str().unwrap()];
    let mut child = command(home.path(), &args).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let told = std::fs::read_to_string(out).unwrap();
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn what_cannot_be_watched_is_said_with_what_to_do() {
    let home = home("");
    let said = |args: &[&str]| {
        let done = run(home.path(), args);
        assert_eq!(done.status.code(), Some(2), "{args:?}");
        // Long sentences are broken.
        let words = text(&done.stderr);
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let words = said(&["--engine", "http://127.0.0.1:1"]);
    assert!(words.contains("--headless"), "{words}");
    assert!(
        words.contains("rotascope --engine http://127.0.0.1:1"),
        "{words}"
    );
    let words = said(&["some.jsonl"]);
    assert!(words.contains("rotascope replay"), "{words}");
    assert!(said(&["--headless"]).contains("nothing to watch"));
    said(&["--headless", "/no/such/file"]);
    let owners = home.path().join("owners.toml");
    std::fs::write(
        &owners,
        "[[owner]]\nname = \"a\"\ncontacts = [\"x\"]\nservice = [\"y\"]\n",
    )
    .unwrap();
    let words = said(&["--headless", night().to_str().unwrap()]);
    assert!(
        words.contains("owners.toml:4:1") && words.contains("service"),
        "{words}"
    );
    std::fs::remove_file(owners).unwrap();
    std::fs::write(home.path().join("config.toml"), "[alerts]\nqueit = true\n").unwrap();
    let words = said(&["--headless", night().to_str().unwrap()]);
    assert!(
        words.contains("config.toml:2:1") && words.contains("queit"),
        "{words}"
    );
}

#[test]
fn settings_that_are_wrong_are_shown_without_what_opens_a_webhook() {
    let hook = "[[alerts.hooks]]\nwebhook = \"https://chat.example/canary\"\n";
    for wrong in [
        "retires = 3\n",
        "webhook = \"https://chat.example/canary\"\n",
        "retries = \"https://chat.example/canary\"\n",
        "name = \"https://chat.example/canary\n",
        "program = []\n",
    ] {
        let home = home(&format!("{hook}{wrong}"));
        let done = run(home.path(), &["--headless", night().to_str().unwrap()]);
        let words = text(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{words}");
        assert!(words.contains("config.toml:"), "{words}");
        assert!(!words.contains("canary"), "{words}");
    }
}

/// A program that watches, and its lines as they come.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn on(home: &Path, url: &str, more: &[&str]) -> Self {
        let args = [&["--headless", "--engine", url], more].concat();
        Self::of(command(home, &args).spawn().unwrap())
    }

    fn of(mut child: Child) -> Self {
        let out = child.stdout.take().unwrap();
        let (tell, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines() {
                let Ok(line) = line else { return };
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line that holds these words; those before it are lost.
    fn line(&self, words: &str) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        let mut seen = Vec::new();
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => seen.push(line),
                Err(_) => break,
            }
        }
        panic!("no {words:?} in {seen:#?}");
    }

    /// Ends it as an init system does; gives its status and its last words.
    fn end(self) -> (Option<i32>, String) {
        let pid = i32::try_from(self.child.id()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.ended()
    }

    /// Waits until it has ended; gives its status and its last words.
    fn ended(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        let mut err = String::new();
        let stderr = self.child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut err).unwrap();
        (status.code(), err)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn told(seconds: i64, rotation: &str, kind: &str, data: &Value) -> Event {
    let line = json!({
        "specversion": "1.0", "id": format!("{rotation}-{kind}-{seconds}"), "source": "/engine/toy",
        "time": at(seconds).to_string(), "type": format!("rotascope.rotation.{kind}"), "data": data,
    });
    let event = Event::from_json(line.to_string().as_bytes()).unwrap();
    event.of_rotation(RotationId::from(rotation))
}

/// A rotation whose store is throttled again and again, from a moment on.
fn throttled(rotation: &str, from: i64) -> Vec<Event> {
    let secret = format!("{rotation}/key");
    let store = json!({"stage": "store", "status": "failed", "error": "HTTP 429"});
    let started = json!({"secret": secret, "to_version": "v2", "owner": "team-a",
        "services": ["checkout", "cart"], "tier": "critical"});
    vec![
        told(from, rotation, "started", &started),
        told(from + 5, rotation, "stage", &store),
        told(from + 10, rotation, "stage", &store),
    ]
}

#[test]
fn an_engine_is_watched_until_a_signal_and_its_loss_is_said() {
    let home = home("");
    let out = home.path().join("out");
    let settings = format!(
        "[[alerts.hooks]]\nprogram = [\"/bin/sh\", \"-c\", \"cat >> {}\"]\n",
        out.display()
    );
    std::fs::write(home.path().join("config.toml"), settings).unwrap();
    let toy = Toy::new(Manner::Does);
    // What was over before anybody watched is told to nobody.
    toy.log.publish(throttled("old", 9000));
    let over = json!({"outcome": "succeeded"});
    toy.log.publish(vec![told(9100, "old", "finished", &over)]);
    let served = Served::start(&toy, Access::open());
    let line = Line::to(served.address, None);
    let watching = Watching::on(home.path(), &line.url(), &[]);
    watching.line("RESOLVED   F3 rate limit: rotation old");
    toy.log.publish(throttled("new", 10_100));
    let found = watching.line("FOUND");
    assert!(found.contains("F3 new of new/key"), "{found}");
    let page = watching.line("PAGE");
    assert!(
        page.contains("rotation new of new/key; services cart, checkout"),
        "{page}"
    );
    assert!(page.ends_with("; to team-a"), "{page}");
    line.cut();
    let lost = watching.line("BACKEND");
    assert!(lost.contains(" is lost"), "{lost}");
    watching.line("is live");
    let (status, err) = watching.end();
    assert_eq!(status, Some(0), "{err}");
    let told = std::fs::read_to_string(out).unwrap();
    let told: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["alert"], "rotation/new");
}

#[test]
fn what_stood_in_the_midst_of_a_long_past_is_told_to_no_hook() {
    let home = home("");
    let out = home.path().join("out");
    let settings = format!(
        "[[alerts.hooks]]\nprogram = [\"/bin/sh\", \"-c\", \"cat >> {}\"]\n",
        out.display()
    );
    std::fs::write(home.path().join("config.toml"), settings).unwrap();
    let toy = Toy::new(Manner::Does);
    toy.log.publish(throttled("old", 1000));
    // More than are looked at together, before it is over.
    for n in 0..8 {
        let events = (0..512).map(|k| event(1100 + n * 512 + k));
        toy.log.publish(events.collect());
    }
    let over = json!({"outcome": "succeeded"});
    toy.log.publish(vec![told(9000, "old", "finished", &over)]);
    let served = Served::start(&toy, Access::open());
    let line = Line::to(served.address, None);
    let watching = Watching::on(home.path(), &line.url(), &[]);
    watching.line("RESOLVED   F3 rate limit: rotation old");
    toy.log.publish(throttled("new", 10_100));
    watching.line("PAGE");
    let (status, err) = watching.end();
    assert_eq!(status, Some(0), "{err}");
    let told = std::fs::read_to_string(out).unwrap();
    let told: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["alert"], "rotation/new");
}

#[test]
fn an_engine_that_is_not_there_is_said() {
    let home = home("");
    let watching = Watching::on(home.path(), "http://127.0.0.1:9", &["--format", "json"]);
    let line: Value = serde_json::from_str(&watching.line("link")).unwrap();
    assert_eq!(line["state"], "not reached yet");
    assert!(
        line["error"].as_str().unwrap().contains("refused"),
        "{line}"
    );
    assert_eq!(watching.end().0, Some(0));
}
