//! `rotascope engine` as a program: what it says at its start, what it refuses, what it forbids
//! itself.

// The lints that spare tests know them by this.
#![cfg(test)]

use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(folder: &Path, args: &[&str]) -> Command {
    std::fs::write(folder.join("rotation.toml"), "").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rotascope"));
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env_remove("XDG_STATE_HOME")
        .args(["engine", "--plan", "rotation.toml", "--store", "engine.db"])
        .args(["--listen", "127.0.0.1:0"])
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What it complains of, where it does not start.
fn complaint(folder: &Path, args: &[&str]) -> String {
    let done = command(folder, args).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    String::from_utf8(done.stderr).unwrap()
}

#[test]
fn without_people_it_says_that_nothing_disruptive_is_possible() {
    let folder = tempfile::tempdir().unwrap();
    let mut engine = Running(command(folder.path(), &[]).spawn().unwrap());
    let mut url = String::new();
    let out = engine.0.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut url).unwrap();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    #[cfg(target_os = "linux")]
    {
        let limits = format!("/proc/{}/limits", engine.0.id());
        let limits = std::fs::read_to_string(limits).unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let words: Vec<&str> = core.unwrap().split_whitespace().collect();
        assert_eq!(
            words.get(4..6),
            Some(["0", "0"].as_slice()),
            "no core dumps"
        );
    }
    let mut said = String::new();
    let mut err = engine.0.stderr.take().unwrap();
    drop(engine);
    err.read_to_string(&mut said).unwrap();
    assert!(said.contains("nobody is known here"), "{said}");
    assert!(said.contains("--people"), "{said}");
}

#[test]
fn what_it_cannot_work_with_is_refused_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    for scale in ["0", "-5", "NaN", "1e300"] {
        let words = complaint(folder.path(), &[&format!("--time-scale={scale}")]);
        assert!(words.contains("1 to 600"), "{words}");
    }
    let people = folder.path().join("people.toml");
    std::fs::write(&people, "[[person]]\nname = \"mira\"\nkee = \"x\"\n").unwrap();
    let words = complaint(folder.path(), &["--people", "people.toml"]);
    assert!(
        words.contains("people.toml") && words.contains("kee"),
        "{words}"
    );
    std::fs::write(folder.path().join("policy.cedar"), "permit (").unwrap();
    let words = complaint(folder.path(), &["--policy", "policy.cedar"]);
    assert!(words.contains("policy"), "{words}");
    let words = complaint(folder.path(), &["--client-ca", "ca.pem"]);
    assert!(words.contains("--tls-cert"), "{words}");
    let tls = ["--tls-cert", "none.pem", "--tls-key", "none.key"];
    let words = complaint(folder.path(), &tls);
    assert!(words.contains("none.pem"), "{words}");
}
