//! `rotascope act` and `rotascope approve` against a real engine process that knows two persons.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rotascope::guard::Signer;
use rotascope::guard::totp::TotpSecret;
use rotascope::rotation::server::Access;
use serde_json::{Value, json};
use support::engine::{Manner, Served, Toy, ask};

const MIRA: u8 = 1;
const NOOR: u8 = 2;
const STRANGER: u8 = 3;

/// An engine with a critical secret in a file, and everything that is needed to act on it.
struct House {
    folder: tempfile::TempDir,
    engine: Child,
    url: String,
    token: String,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let plan = format!(
            "[engine]\nname = 'house'\n[[secret]]\npath = 'payments/key'\ntier = 'critical'\ngrace = '20m'\n[secret.target]\nkind = 'file'\ndual_run = true\npath = '{}'\n",
            at("secret").display()
        );
        std::fs::write(at("rotation.toml"), plan).unwrap();
        let totp = TotpSecret::new([9; 20]).base32();
        let key = |seed| Signer::from_seed(&[seed; 32]).public();
        let people = format!(
            "[[person]]\nname = 'mira'\nkeys = ['{}']\ntotp = '{}'\n[[person]]\nname = 'noor'\nkeys = ['{}']\nroles = ['approver']\n",
            key(MIRA),
            *totp,
            key(NOOR)
        );
        std::fs::write(at("people.toml"), people).unwrap();
        let private = Command::new("chmod")
            .arg("600")
            .arg(at("people.toml"))
            .status();
        assert!(private.unwrap().success());
        let mut engine = Command::new(env!("CARGO_BIN_EXE_rotascope"))
            .current_dir(folder.path())
            .args(["engine", "--plan", "rotation.toml", "--store", "engine.db"])
            .args(["--listen", "127.0.0.1:0", "--people", "people.toml"])
            .env_remove("ROTASCOPE_TOKENS")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let out = engine.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut url).unwrap();
        let token = std::fs::read_to_string(at("engine.db.token")).unwrap();
        let token = token.split_whitespace().last().unwrap().to_owned();
        Self {
            folder,
            engine,
            url: url.trim().to_owned(),
            token,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command of a person who has no terminal that could be asked.
    fn command(&self, seed: u8, name: &str, args: &[&str]) -> Command {
        let mut command = Command::new("setsid");
        command
            .args(["--wait", env!("CARGO_BIN_EXE_rotascope")])
            .args(args)
            .args(["--engine", &self.url, "--as", name])
            .arg("--people")
            .arg(self.path("people.toml"))
            .env("ROTASCOPE_IDENTITY", STANDARD.encode([seed; 32]))
            .env("ROTASCOPE_TOKEN", &self.token)
            .env("ROTASCOPE_CONFIG_DIR", self.path(name))
            .env("ROTASCOPE_STATE_DIR", self.path(name))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    fn mira(&self, args: &[&str]) -> (i32, String) {
        ended(self.command(MIRA, "mira", args).output().unwrap())
    }

    fn newest(&self) -> Value {
        let address = self.url.trim_start_matches("http://").parse().unwrap();
        let bearer = format!("Authorization: Bearer {}\r\n", self.token);
        let (_, answer) = ask(address, "GET", "/v1/rotations", &bearer, "");
        let body: Value = serde_json::from_str(&answer).unwrap();
        body["rotations"]
            .as_array()
            .and_then(|all| all.last().cloned())
            .unwrap_or_default()
    }

    /// Rotates twice, so that there is an old version, and waits for its grace period.
    fn in_grace(&self) -> Value {
        for key in ["key-of-the-first", "key-of-the-second"] {
            let act = json!({"verb": "rotate", "secret": "payments/key", "by": "mira",
                "key": key, "at": "2026-11-24T12:00:00Z"});
            let address = self.url.trim_start_matches("http://").parse().unwrap();
            let bearer = format!("Authorization: Bearer {}\r\n", self.token);
            let (status, answer) = ask(address, "POST", "/v1/acts", &bearer, &act.to_string());
            assert_eq!(status, 202, "{answer}");
            let began = Instant::now();
            loop {
                let newest = self.newest();
                if newest["stage"] == "grace" && !newest["grace_ends_at"].is_null() {
                    return newest;
                }
                if newest["outcome"] == "succeeded" {
                    break;
                }
                assert!(began.elapsed() < Duration::from_secs(20), "{newest:#}");
                thread::sleep(Duration::from_millis(50));
            }
        }
        panic!("there is no grace period: {:#}", self.newest());
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.engine.kill();
        let _ = self.engine.wait();
    }
}

fn ended(output: Output) -> (i32, String) {
    let words = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), words)
}

fn code() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let code = TotpSecret::new([9; 20]).code(now.as_secs() / 30);
    code.to_string()
}

#[test]
fn an_act_says_what_it_would_do_is_done_or_is_refused() {
    let house = House::new();
    let before = house.in_grace();
    let rotation = before["rotation"].as_str().unwrap();
    let extend = ["act", "extend-grace", rotation, "30m"];
    let (status, words) = house.mira(&[&extend[..], &["--dry-run"]].concat());
    assert_eq!(status, 0, "{words}");
    assert!(
        words.contains("Extend the grace period of payments/key"),
        "{words}"
    );
    assert!(
        words.contains("Undo") && words.contains("Asks for   confirm"),
        "{words}"
    );
    let (status, words) = house.mira(&extend);
    assert_eq!(status, 3, "{words}");
    assert!(
        words.contains("Nothing was done: confirm with --yes"),
        "{words}"
    );
    assert_eq!(house.newest()["grace_ends_at"], before["grace_ends_at"]);
    let why = ["--yes", "--reason", "checkout lags"];
    let (status, words) = house.mira(&[&extend[..], &why].concat());
    assert_eq!(status, 0, "{words}");
    assert!(words.contains("Done: "), "{words}");
    assert_ne!(house.newest()["grace_ends_at"], before["grace_ends_at"]);

    let another = ["act", "rollback", "payments/key", "--name", "payments/keys"];
    let (status, words) = house.mira(&another);
    assert_eq!(status, 3, "{words}");
    assert!(words.contains("is not payments/key"), "{words}");
    // Her name and another's key.
    let mut forged = house.command(STRANGER, "mira", &["act", "rollback", "payments/key"]);
    let (status, words) = ended(forged.args(["--name", "payments/key"]).output().unwrap());
    assert_eq!(status, 3, "{words}");
    assert!(words.contains("key"), "{words}");
    let (status, words) = house.mira(&["act", "pause", "rot-of-nobody", "--yes"]);
    assert_eq!(status, 3, "{words}");
    let (status, words) = house.mira(&["act", "explode"]);
    assert_eq!(status, 2);
    assert!(words.contains("extend-grace"), "{words}");
    // A token alone that names a rotation and no secret does not mean every secret there is.
    let all = json!({"verb": "rotate", "rotation": rotation, "by": "mira",
        "key": "key-of-no-secret", "at": "2026-11-24T12:00:00Z"});
    let address = house.url.trim_start_matches("http://").parse().unwrap();
    let bearer = format!("Authorization: Bearer {}\r\n", house.token);
    let (status, answer) = ask(address, "POST", "/v1/acts", &bearer, &all.to_string());
    assert_eq!(status, 422, "{answer}");
    assert!(answer.contains("name the secret"), "{answer}");
    assert_eq!(house.newest()["rotation"], before["rotation"]);
}

#[test]
fn what_needs_a_second_person_waits_for_them() {
    let house = House::new();
    house.in_grace();
    let code = code();
    let mut act = house
        .command(MIRA, "mira", &["act", "revoke-now", "payments/key"])
        .args([
            "--name",
            "payments/key",
            "--reason",
            "it leaked",
            "--code",
            &code,
        ])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(act.stderr.take().unwrap()).lines();
    let waits = lines
        .by_ref()
        .map_while(Result::ok)
        .find(|line| line.contains("rotascope approve"))
        .expect("it waits");
    let id = waits
        .split_whitespace()
        .skip_while(|w| *w != "approve")
        .nth(1)
        .unwrap();
    let approve = |seed, name: &str| {
        let args = ["approve", id, "--name", "payments/key"];
        ended(house.command(seed, name, &args).output().unwrap())
    };
    let (status, words) = approve(MIRA, "mira");
    assert_eq!(status, 3, "{words}");
    assert!(words.contains("your own"), "{words}");
    // The same key under another name, and a key that nobody knows.
    for (seed, name) in [(MIRA, "noor"), (STRANGER, "noor"), (STRANGER, "somebody")] {
        let (status, words) = approve(seed, name);
        assert_eq!(status, 3, "{words}");
    }
    assert_ne!(house.newest()["outcome"], "succeeded");
    let (status, words) = approve(NOOR, "noor");
    assert_eq!(status, 0, "{words}");
    assert!(
        words.contains("Asked by   mira") && words.contains("it leaked"),
        "{words}"
    );
    let said: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(act.wait().unwrap().code(), Some(0), "{said:#?}");
    // Nothing waits there any more, and her journal is whole.
    let (status, words) = approve(NOOR, "noor");
    assert_eq!(status, 3, "{words}");
    let verified = Command::new(env!("CARGO_BIN_EXE_rotascope"))
        .arg("verify")
        .arg(house.path("mira/journal"))
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert_eq!(verified.status.code(), Some(0), "{words}");
}

#[test]
fn an_end_that_is_not_known_is_told_apart_and_an_engine_that_is_not_there() {
    let toy = Toy::new(Manner::Goes);
    let server = Served::start(&toy, Access::open());
    let folder = tempfile::tempdir().unwrap();
    let run = |url: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_rotascope"))
            .args(["act", "freeze", "--yes", "--wait", "8", "--engine", url])
            .env("ROTASCOPE_CONFIG_DIR", folder.path())
            .env("ROTASCOPE_STATE_DIR", folder.path())
            .env("ROTASCOPE_KEYRING", "off")
            .stdin(Stdio::null())
            .output();
        ended(output.unwrap())
    };
    let (status, words) = run(&server.url());
    assert_eq!(status, 4, "{words}");
    assert!(words.contains("Do not repeat it"), "{words}");
    assert_eq!(toy.executed(), 1);
    let (status, words) = run("here");
    assert_eq!(status, 2, "{words}");
}
