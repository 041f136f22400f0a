//! `rotascope verify`, and what several processes do to one journal and one store of used codes.

// The lints that spare tests know them by this.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use rotascope::guard::{Once as _, Signer};
use rotascope::journal::{Journal, Spent, head_file};
use rotascope::model::Timestamp;
use rotascope::model::act::Wish;
use rotascope::model::intent::Verb;
use serde_json::Value;

/// Says to a child of this test binary what it is to do.
const CHILD: &str = "ROTASCOPE_JOURNAL_CHILD";

/// How many words the children try to take.
const WORDS: usize = 40;

fn signer() -> Arc<Signer> {
    Arc::new(Signer::from_seed(&[5; 32]))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 0)
}

fn add(journal: &mut Journal, key: &str) {
    let intent = Wish::new(Verb::Freeze).intent("mira".into(), None, key.to_owned(), at(1));
    journal.intend(&intent, "lab", at(1)).unwrap();
}

/// A journal of four lines.
fn written(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    let mut journal = Journal::open(&path, signer()).unwrap();
    journal.begin(&"mira".into(), at(0)).unwrap();
    for key in ["k1", "k2", "k3"] {
        add(&mut journal, key);
    }
    path
}

fn verify(args: &[&str]) -> (Option<i32>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_rotascope"))
        .arg("verify")
        .args(args)
        .output()
        .unwrap();
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (status.code(), words(&stdout) + &words(&stderr))
}

fn verify_json(args: &[&str]) -> (Option<i32>, Value) {
    let (status, out) = verify(&[&["--format", "json"], args].concat());
    let object = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
    (status, object)
}

/// Starts this binary again, to do one thing as a process of its own.
fn child(what: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "in_a_child", "--nocapture"])
        .env(CHILD, format!("{what} {}", folder.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn said(child: Child) -> String {
    let Output { stdout, .. } = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&stdout).into_owned()
}

/// The child: only where the parent says so.
#[test]
fn in_a_child() {
    use std::io::Write as _;
    let Ok(task) = std::env::var(CHILD) else {
        return;
    };
    let (what, folder) = task.split_once(' ').unwrap();
    let folder = Path::new(folder);
    let words = if what == "take" {
        // All begin at once.
        while !folder.join("go").exists() {
            std::thread::yield_now();
        }
        let spent = Spent::open(&folder.join("used")).unwrap();
        let taken = (0..WORDS).filter(|n| spent.take(&format!("totp {n}")).is_ok());
        format!("took={}", taken.count())
    } else {
        match Journal::open(&folder.join("acts.jsonl"), signer()) {
            Ok(_) => "opened".to_owned(),
            Err(error) => error.to_string(),
        }
    };
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{words}").unwrap();
}

#[test]
fn of_eight_processes_one_takes_each_word() {
    let folder = tempfile::tempdir().unwrap();
    let children: Vec<Child> = (0..8).map(|_| child("take", folder.path())).collect();
    fs::write(folder.path().join("go"), "").unwrap();
    let counts = children.into_iter().map(|child| {
        let words = said(child);
        let took = words.lines().find_map(|line| line.strip_prefix("took="));
        took.and_then(|n| n.parse::<usize>().ok())
            .unwrap_or_else(|| panic!("{words}"))
    });
    assert_eq!(counts.sum::<usize>(), WORDS);
    // A restart forgets nothing.
    let spent = Spent::open(&folder.path().join("used")).unwrap();
    assert!((0..WORDS).all(|n| spent.take(&format!("totp {n}")).is_err()));
}

#[test]
fn a_second_process_on_one_journal_is_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "acts.jsonl");
    let held = Journal::open(&path, signer()).unwrap();
    let words = said(child("open", folder.path()));
    assert!(words.contains("another session"), "{words}");
    drop(held);
    let words = said(child("open", folder.path()));
    assert!(words.contains("opened"), "{words}");
}

#[test]
fn whole_and_torn_journals_are_status_0_and_said_so() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), "a.jsonl");
    let torn = written(folder.path(), "b.jsonl");
    let head = fs::read(head_file(&torn, None)).unwrap();
    let before = fs::read(&torn).unwrap().len();
    add(&mut Journal::open(&torn, signer()).unwrap(), "k4");
    let bytes = fs::read(&torn).unwrap();
    fs::write(&torn, &bytes[..before + 70]).unwrap();
    fs::write(head_file(&torn, None), head).unwrap();
    let at = folder.path().to_str().unwrap();
    let (status, out) = verify(&[at]);
    assert_eq!(status, Some(0), "{out}");
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines[0].starts_with("whole  ") && lines[0].contains("4 lines by mira"),
        "{out}"
    );
    assert!(
        lines[0].contains("ed25519:") && lines[0].contains("all of them"),
        "{out}"
    );
    assert!(
        lines[1].starts_with("torn   ") && lines[1].contains("70 bytes"),
        "{out}"
    );
    let (status, object) = verify_json(&[at]);
    assert_eq!((status, &object["whole"]), (Some(0), &Value::from(true)));
    assert_eq!(object["journals"][1]["torn_bytes"], 70);
    assert_eq!(object["journals"][0]["held"], 4);
}

#[test]
fn the_first_bad_line_is_named_with_its_file_and_why() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path(), "a.jsonl");
    let bad = written(folder.path(), "b.jsonl");
    let text = fs::read_to_string(&bad).unwrap();
    fs::write(&bad, text.replace("\"k2\"", "\"k7\"")).unwrap();
    let at = folder.path().to_str().unwrap();
    let (status, out) = verify(&[at]);
    assert_eq!(status, Some(1), "{out}");
    assert!(out.contains("b.jsonl: line 3: it was changed"), "{out}");
    let (status, object) = verify_json(&[at]);
    assert_eq!(status, Some(1));
    let judged = &object["journals"][1];
    assert_eq!(
        (&judged["fault"], &judged["line"]),
        (&"changed".into(), &3.into())
    );
    assert_eq!(object["journals"][0]["verdict"], "whole");
}

#[test]
fn a_head_from_elsewhere_finds_a_cut_tail() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "a.jsonl");
    let receipts = folder.path().join("receipts");
    fs::create_dir(&receipts).unwrap();
    let receipt = receipts.join("a.head");
    fs::rename(head_file(&path, None), &receipt).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let cut: String = text.split_inclusive('\n').take(2).collect();
    fs::write(&path, cut).unwrap();
    let path = path.to_str().unwrap();
    // The engine's answer about an act holds a head too.
    let answer = receipts.join("answer.head");
    let held: Value = serde_json::from_slice(&fs::read(&receipt).unwrap()).unwrap();
    let words = serde_json::json!({"key": "k3", "state": "accepted", "head": held});
    fs::write(&answer, words.to_string()).unwrap();
    for heads in [&receipt, &receipts, &answer] {
        let (status, out) = verify(&["--head", heads.to_str().unwrap(), path]);
        assert_eq!(status, Some(1), "{out}");
        assert!(
            out.contains("line 3: lines were cut off: it has 2 of the 4"),
            "{out}"
        );
    }
    let (status, out) = verify(&[path]);
    assert_eq!(status, Some(1), "{out}");
    assert!(out.contains("its head is missing"), "{out}");
    let other = Signer::from_seed(&[6; 32]).public().to_string();
    fs::write(path, text).unwrap();
    let receipt = receipt.to_str().unwrap();
    let (status, out) = verify(&["--head", receipt, "--key", &other, path]);
    assert_eq!(status, Some(1), "{out}");
    assert!(out.contains("not among the keys"), "{out}");
    let own = signer().public().to_string();
    let (status, out) = verify(&["--head", receipt, "--key", &own, path]);
    assert_eq!(status, Some(0), "{out}");
}

#[test]
fn what_is_not_there_is_status_2_and_what_is_no_journal_is_bad() {
    let (status, out) = verify(&["/nowhere/acts.jsonl"]);
    assert_eq!(status, Some(2), "{out}");
    assert!(out.contains("/nowhere/acts.jsonl"), "{out}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.jsonl");
    fs::write(&path, "\u{1b}[31m{}\n\u{0}").unwrap();
    let (status, out) = verify(&[path.to_str().unwrap()]);
    assert_eq!(status, Some(1), "{out}");
    assert!(out.contains("line 1") && !out.contains('\u{1b}'), "{out}");
}
