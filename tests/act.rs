//! Acts through the whole program: a real engine process, the real cockpit on a terminal of its
//! own, real keys.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::engine::ask;
use support::pty::Terminal;

/// A folder with a plan whose secret lies in a file.
struct Plant {
    folder: tempfile::TempDir,
}

impl Plant {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let plan = format!(
            "[engine]\nname = 'pty'\n[[secret]]\npath = 'payments/key'\ngrace = '20m'\n[secret.target]\nkind = 'file'\ndual_run = true\npath = '{}'\n",
            folder.path().join("secret").display()
        );
        std::fs::write(folder.path().join("rotation.toml"), plan).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rotascope"));
        command
            .arg("engine")
            .arg("--plan")
            .arg(self.path("rotation.toml"))
            .arg("--store")
            .arg(self.path("store.db"))
            .args(more)
            .env("ROTASCOPE_CONFIG_DIR", self.path("config"))
            .env("ROTASCOPE_STATE_DIR", self.path("state"))
            .env_remove("ROTASCOPE_TOKENS")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn refused(&self, more: &[&str]) -> String {
        let Output { status, stderr, .. } = self.command(more).output().unwrap();
        let words = String::from_utf8_lossy(&stderr).into_owned();
        assert_eq!(status.code(), Some(2), "{words}");
        words
    }
}

/// An engine process.
struct Engine {
    child: Child,
    url: String,
    token: String,
}

impl Engine {
    fn start(plant: &Plant) -> Self {
        let mut child = plant.command(&["--listen", "127.0.0.1:0"]).spawn().unwrap();
        let mut url = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut url).unwrap();
        if url.is_empty() {
            let mut words = String::new();
            let _ = child.stderr.take().unwrap().read_to_string(&mut words);
            panic!("the engine did not start: {words}");
        }
        let token = std::fs::read_to_string(plant.path("store.db.token")).unwrap();
        let token = token.split_whitespace().last().unwrap().to_owned();
        Self {
            child,
            url: url.trim().to_owned(),
            token,
        }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let address = self.url.trim_start_matches("http://").parse().unwrap();
        let bearer = format!("Authorization: Bearer {}\r\n", self.token);
        ask(address, method, path, &bearer, body)
    }

    fn rotate(&self, key: &str) {
        let act = json!({"verb": "rotate", "secret": "payments/key", "by": "mira",
            "key": key, "at": "2026-11-24T12:00:00Z"});
        let (status, answer) = self.ask("POST", "/v1/acts", &act.to_string());
        assert_eq!(status, 202, "{answer}");
    }

    fn newest(&self) -> Value {
        let (_, answer) = self.ask("GET", "/v1/rotations", "");
        let body: Value = serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"));
        body["rotations"]
            .as_array()
            .unwrap()
            .last()
            .cloned()
            .unwrap_or_default()
    }

    fn wait(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let newest = self.newest();
            if wanted(&newest) {
                return newest;
            }
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "no {what}: {newest:#}"
            );
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// A rotation in its grace period.
    fn in_grace(&self) -> Value {
        self.rotate("key-of-the-first");
        self.wait("first version", |r| {
            !r["grace_ends_at"].is_null() || r["outcome"] == "succeeded"
        });
        if self.newest()["outcome"] == "succeeded" {
            self.rotate("key-of-the-second");
        }
        self.wait("grace", |r| {
            r["stage"] == "grace" && !r["grace_ends_at"].is_null()
        })
    }

    fn end(&mut self) -> Option<i32> {
        let pid = i32::try_from(self.child.id()).unwrap();
        let killed = Command::new("kill").arg(pid.to_string()).status().unwrap();
        assert!(killed.success());
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("the engine does not end");
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cockpit(plant: &Plant, engine: &Engine, more: &[&str]) -> Terminal {
    let (token, journal) = (plant.path("store.db.token"), plant.path("journal"));
    let args: Vec<&str> = [
        "--engine",
        &engine.url,
        "--token-file",
        token.to_str().unwrap(),
        "--journal",
        journal.to_str().unwrap(),
        "--as",
        "mira",
    ]
    .into_iter()
    .chain(more.iter().copied())
    .collect();
    let mut terminal = Terminal::start(&args, 110, 40);
    terminal.wait_for("what the engine has", |screen| {
        screen.contains("live") && screen.contains("payments/key")
    });
    terminal
}

fn journal_lines(folder: &Path) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    files
        .flatten()
        .flat_map(|file| {
            let text = std::fs::read_to_string(file.path()).unwrap();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

/// Longer than a question has to stand before it takes an answer.
fn look_at_it() {
    thread::sleep(Duration::from_secs(1));
}

#[test]
fn a_grace_period_is_extended_from_the_screen() {
    let plant = Plant::new();
    let mut engine = Engine::start(&plant);
    let before = engine.in_grace();
    let recording = plant.path("night.jsonl");
    let mut terminal = cockpit(&plant, &engine, &["--record", recording.to_str().unwrap()]);
    // Typed ahead: none of it counts.
    terminal.press("g\t\r\t\r");
    terminal.wait_for("the question", |screen| {
        screen.contains("Extend the grace period of payments/key") && screen.contains("▸ Cancel ◂")
    });
    look_at_it();
    terminal.press("\r");
    terminal.wait_for("that nothing was done", |screen| {
        screen.contains("nothing was done")
    });
    assert_eq!(engine.newest()["grace_ends_at"], before["grace_ends_at"]);
    assert!(journal_lines(&plant.path("journal")).is_empty());
    // Looked at and meant.
    terminal.press("g");
    terminal.wait_for("the question", |screen| screen.contains("▸ Cancel ◂"));
    look_at_it();
    terminal.press("\t");
    terminal.wait_for("the button", |screen| screen.contains("▸ Extend grace ◂"));
    // The button too takes no key before it can have been seen.
    look_at_it();
    terminal.press("\r");
    terminal.wait_for("the outcome", |screen| {
        screen.contains("Done: extend-grace")
    });
    let after = engine.newest();
    assert_ne!(after["grace_ends_at"], before["grace_ends_at"], "{after:#}");
    let lines = journal_lines(&plant.path("journal"));
    assert!(
        lines
            .iter()
            .any(|l| l.contains("\"kind\":\"intended\"") && l.contains("extend-grace"))
    );
    // It stands until it is read.
    terminal.press("\u{1b}");
    terminal.wait_for("that it was read", |screen| !screen.contains("Done: "));
    assert_eq!(engine.end(), Some(0));
    terminal.wait_for("the loss", |screen| screen.contains("✗ lost"));
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
    // The recording replays to the same rotation and the same act.
    let out = Command::new(env!("CARGO_BIN_EXE_rotascope"))
        .arg("events")
        .arg(&recording)
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.contains("rotascope.action") && out.contains("extend-grace"),
        "{out}"
    );
    assert!(out.contains("\"disconnected\""), "the loss is part of it");
}

#[test]
fn read_only_and_replay_do_nothing() {
    let plant = Plant::new();
    let engine = Engine::start(&plant);
    let before = engine.in_grace();
    let mut terminal = cockpit(&plant, &engine, &["--read-only"]);
    for key in ["g", "R", "X", "Z"] {
        terminal.press(key);
        terminal.wait_for("a plain no", |screen| {
            screen.contains("this session is read-only")
        });
    }
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
    let mut terminal = Terminal::start(
        &["replay", "--paused", "fixtures/incidents/first-night"],
        110,
        40,
    );
    terminal.press("R");
    terminal.wait_for("a plain no", |screen| {
        screen.contains("the past cannot be acted on")
    });
    terminal.press("q");
    assert_eq!(engine.newest()["grace_ends_at"], before["grace_ends_at"]);
    assert!(journal_lines(&plant.path("journal")).is_empty());
}

#[test]
fn an_engine_that_cannot_begin_says_why() {
    let plant = Plant::new();
    let open = plant.refused(&["--listen", "0.0.0.0:0"]);
    assert!(
        open.contains("tokens are needed") && open.contains("--token-file"),
        "{open}"
    );
    let tokens = plant.path("tokens");
    std::fs::write(&tokens, "read,act short\n").unwrap();
    let tokens = tokens.to_str().unwrap();
    let readable = plant.refused(&["--token-file", tokens]);
    assert!(readable.contains("chmod 600"), "{readable}");
    let done = Command::new("chmod")
        .args(["600", tokens])
        .status()
        .unwrap();
    assert!(done.success());
    let short = plant.refused(&["--token-file", tokens]);
    assert!(
        short.contains("line 1") && short.contains("20 characters"),
        "{short}"
    );
    let _engine = Engine::start(&plant);
    let second = plant.refused(&["--listen", "127.0.0.1:0"]);
    assert!(
        second.contains("another engine holds the store"),
        "{second}"
    );
    std::fs::write(
        plant.path("rotation.toml"),
        "[[secret]]\npath = 'a'\ngrase = '1m'\n",
    )
    .unwrap();
    let wrong = plant.refused(&[]);
    assert!(
        wrong.contains("the plan is wrong") && wrong.contains("grase"),
        "{wrong}"
    );
}

#[test]
fn the_cockpit_refuses_what_cannot_be_right() {
    let run = |args: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_rotascope"))
            .args(args)
            .stdin(Stdio::null())
            .env("ROTASCOPE_TOKEN", "a-token-of-more-than-20-characters")
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(2), "{args:?}");
        String::from_utf8_lossy(&out.stderr).into_owned()
    };
    assert!(run(&["--engine", "here"]).contains("is no URL"));
    assert!(run(&["--engine", "http://engine.example"]).contains("without TLS"));
    assert!(
        run(&["--engine", "http://127.0.0.1:1", "--token-file", "/no/such"])
            .contains("cannot be read")
    );
    assert!(run(&["--read-only"]).contains("name an engine"));
    assert!(
        run(&[
            "--engine",
            "http://127.0.0.1:1",
            "--record",
            "/no/such/file"
        ])
        .contains("/no/such/file")
    );
    assert!(run(&["--engine", "http://127.0.0.1:1"]).contains("no terminal"));
}
