//! `rotascope audit --follow` as a shell sees it: what is there, then what comes, each row once.

// The lints that spare tests know them by this.
#![cfg(test)]
#![cfg(unix)]

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The command while it runs.
struct Running {
    child: Child,
    lines: Receiver<String>,
    err: Option<std::process::ChildStderr>,
}

const SOON: Duration = Duration::from_secs(30);
const A_WHILE: Duration = Duration::from_millis(700);

fn follow(paths: &[&Path], more: &[&str]) -> Running {
    let nowhere = std::env::temp_dir().join("rotascope-tests-no-settings");
    let mut child = Command::new(env!("CARGO_BIN_EXE_rotascope"))
        .arg("audit")
        .args(paths)
        .arg("--follow")
        .args(more)
        .env("ROTASCOPE_CONFIG_DIR", &nowhere)
        .env("ROTASCOPE_STATE_DIR", &nowhere)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let out = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in out.lines() {
            if sender.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    let err = child.stderr.take();
    Running { child, lines, err }
}

impl Running {
    fn line(&self) -> String {
        self.lines.recv_timeout(SOON).expect("a row comes")
    }

    /// The id and the outcome of the next row.
    fn row(&self) -> (String, String) {
        let row: serde_json::Value = serde_json::from_str(&self.line()).unwrap();
        let word = |name: &str| row[name].as_str().unwrap().to_owned();
        (word("id"), word("outcome"))
    }

    fn is_quiet(&self) -> bool {
        self.lines.recv_timeout(A_WHILE) == Err(RecvTimeoutError::Timeout)
    }

    /// Interrupts it; its exit status, the rows that were left, and what it said.
    fn interrupted(self) -> (Option<i32>, Vec<String>, String) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::INT).unwrap();
        self.over()
    }

    fn over(mut self) -> (Option<i32>, Vec<String>, String) {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.err.take().unwrap().read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap();
        (status.code(), self.lines.iter().collect(), said)
    }
}

/// Half of a Vault call, `second` seconds after a round minute.
fn half(kind: &str, id: &str, second: u32) -> String {
    format!(
        r#"{{"time":"2026-11-23T13:00:{second:02}Z","type":"{kind}","auth":{{"display_name":"app"}},"request":{{"id":"{id}","operation":"read","path":"secret/data/{id}","mount_type":"kv"}}}}"#
    ) + "\n"
}

fn whole(id: &str, second: u32) -> String {
    half("request", id, second) + &half("response", id, second)
}

struct Log {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Log {
    fn new(content: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        fs::write(&path, content).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    fn append(&self, words: &str) {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.path)
            .unwrap();
        file.write_all(words.as_bytes()).unwrap();
    }
}

fn row(id: &str, outcome: &str) -> (String, String) {
    (id.to_owned(), outcome.to_owned())
}

#[test]
fn what_is_there_comes_first_and_then_what_is_written_each_once() {
    let log = Log::new(&(whole("a", 1) + &whole("b", 2)));
    let running = follow(&[&log.path], &["--format", "json"]);
    assert_eq!(running.row(), row("a", "allowed"));
    assert_eq!(running.row(), row("b", "allowed"));
    // A request waits for its response, and so does the second half of a line.
    let answer = half("response", "c", 4);
    log.append(&half("request", "c", 3));
    log.append(&answer[..40]);
    assert!(running.is_quiet());
    log.append(&answer[40..]);
    assert_eq!(running.row(), row("c", "allowed"));
    // A call that was told already, as a second audit device tells it.
    log.append(&whole("b", 2));
    assert!(running.is_quiet());
    // A request that nobody answers is told at the end.
    log.append(&half("request", "d", 9));
    assert!(running.is_quiet());
    let (status, rest, said) = running.interrupted();
    assert_eq!(status, Some(0), "{said}");
    assert!(
        rest.len() == 1 && rest[0].contains("unanswered"),
        "{rest:?}"
    );
    assert_eq!(said, "rejected 0\n");
}

#[test]
fn it_goes_on_with_the_new_file_after_a_rotation_and_from_the_beginning_after_a_cut() {
    let log = Log::new(&whole("a", 1));
    let running = follow(&[&log.path], &["--format", "json"]);
    assert_eq!(running.row(), row("a", "allowed"));
    fs::rename(&log.path, log.path.with_extension("1")).unwrap();
    log.append(&whole("b", 2));
    assert_eq!(running.row(), row("b", "allowed"));
    let file = OpenOptions::new().write(true).open(&log.path).unwrap();
    file.set_len(0).unwrap();
    log.append(&whole("c", 3));
    assert_eq!(running.row(), row("c", "allowed"));
    let (status, rest, said) = running.interrupted();
    assert_eq!((status, rest.len()), (Some(0), 0), "{said}");
    assert!(
        said.contains("audit.log: was rotated, going on with the new file"),
        "{said}"
    );
    assert!(said.contains("audit.log: was cut after "), "{said}");
}

#[test]
fn a_filter_and_every_format_work_on_what_comes() {
    for (format, heading) in [
        ("table", "time (UTC)"),
        ("csv", "time,format,id"),
        ("json", "{"),
    ] {
        let log = Log::new(&(whole("a", 1) + &whole("keep", 2)));
        let running = follow(
            &[&log.path],
            &["--format", format, "--filter", "path:*/keep*"],
        );
        let mut first = running.line();
        assert!(first.starts_with(heading), "{first}");
        if format != "json" {
            first = running.line();
        }
        assert!(first.contains("secret/data/keep"), "{first}");
        log.append(&(whole("b", 3) + &whole("keep2", 4)));
        assert!(running.line().contains("secret/data/keep2"));
        assert_eq!(running.interrupted().0, Some(0));
    }
}

#[test]
fn several_files_are_told_one_after_another_and_then_as_they_come() {
    let (one, two) = (Log::new(&whole("late", 50)), Log::new(&whole("early", 1)));
    let running = follow(&[&one.path, &two.path], &["--format", "json"]);
    assert_eq!(running.row().0, "late");
    assert_eq!(running.row().0, "early");
    two.append(&whole("c", 52));
    assert_eq!(running.row().0, "c");
    one.append(&whole("d", 53));
    assert_eq!(running.row().0, "d");
    assert_eq!(running.interrupted().0, Some(0));
}

#[test]
fn standard_input_is_followed_to_its_end() {
    let mut running = follow(&[Path::new("-")], &["--format", "json"]);
    let mut pipe = running.child.stdin.take().unwrap();
    pipe.write_all(whole("a", 1).as_bytes()).unwrap();
    assert_eq!(running.row(), row("a", "allowed"));
    // A last line without an end is whole once the pipe has ended.
    pipe.write_all(whole("b", 2).trim_end().as_bytes()).unwrap();
    drop(pipe);
    assert_eq!(running.row(), row("b", "allowed"));
    let (status, rest, said) = running.over();
    assert_eq!((status, rest.len()), (Some(0), 0), "{said}");
}

#[test]
fn an_empty_file_is_known_by_its_first_line_and_postgres_is_told_without_a_next_one() {
    let log = Log::new("");
    let running = follow(&[&log.path], &["--format", "json"]);
    assert!(running.is_quiet());
    log.append("2026-11-23 13:00:00.000 UTC [7] app@db FATAL:  password authentication failed for user \"app\"\n");
    let told: serde_json::Value = serde_json::from_str(&running.line()).unwrap();
    assert_eq!(
        (&told["format"], &told["outcome"]),
        (&"postgres".into(), &"denied".into())
    );
    assert_eq!(running.interrupted().0, Some(0));
}

#[test]
fn what_cannot_be_followed_is_said() {
    let log = Log::new(&whole("a", 1));
    let (status, rest, said) = follow(&[&log.path], &["--format", "count"]).over();
    assert_eq!((status, rest.len()), (Some(2), 0));
    assert!(said.contains("--follow never ends"), "{said}");
    let missing = log.path.with_extension("no");
    let (status, _, said) = follow(&[&missing], &[]).over();
    assert_eq!(status, Some(2));
    assert!(said.contains("no such file"), "{said}");
    // A document has no lines to come: it is read, said so, and nothing is waited for.
    let record = r#"{"Records":[{"eventVersion":"1.08","eventID":"e","eventTime":"2026-01-02T03:04:05Z","eventSource":"iam.amazonaws.com","eventName":"GetUser"}]}"#;
    let document = Log::new(record);
    let (status, rest, said) = follow(&[&document.path], &["--format", "json"]).over();
    assert_eq!((status, rest.len()), (Some(0), 1), "{said}");
    assert!(said.contains("read once and not followed"), "{said}");
}
