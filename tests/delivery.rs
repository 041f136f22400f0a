//! Hooks: a real program, a real socket, and each that hangs.

// The lints that spare tests know them by this.
#![cfg(test)]

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rotascope::config::{HookSettings, Settings};
use rotascope::delivery::{Delivery, DeliveryError, Tally};
use rotascope::incident::Incident;
use rotascope::measure::alert::{Book, Notice, Owners, Phase, Pressure, Telling, Word};
use rotascope::model::Timestamp;
use rotascope::model::event::Severity;

/// What is told of one rotation with a hostile name.
fn telling(rotation: &str) -> Telling {
    let at = Timestamp::new(1_800_000_000, 0);
    let notice = Notice {
        mode: "F4",
        words: "revoked too early".to_owned(),
        rotation: Some(rotation.into()),
        secret: Some("pay\u{1b}[31m/db".into()),
        services: ["checkout\u{202e}".into()].into(),
        regions: [].into(),
        detected_at: at,
        resolved_at: None,
        severity: Severity::Page,
        loud: true,
        silent: false,
        burns: &[],
        next: &["reissue-previous"],
    };
    let mut book = Book::default();
    book.step(at, &[notice], &Incident::default(), &Pressure::default());
    let alert = book.alerts().next().unwrap();
    let route = Owners::default().route(alert);
    let word = Word {
        at,
        phase: Phase::Page,
        nth: 0,
    };
    Telling::of(alert, word, &route)
}

fn hooks(text: &str) -> Vec<HookSettings> {
    Settings::parse(text).unwrap().alerts.hooks
}

/// A hook that runs these words of a shell.
fn shell(words: &str, more: &str) -> String {
    let words = words.replace('\\', "\\\\").replace('"', "\\\"");
    format!("[[alerts.hooks]]\nprogram = [\"/bin/sh\", \"-c\", \"{words}\"]\n{more}\n")
}

fn tally(delivered: u64, failed: u64, hung: u64) -> Tally {
    Tally {
        delivered,
        failed,
        hung,
        dropped: 0,
    }
}

const LONG: Duration = Duration::from_secs(20);

fn until(what: &str, so: impl Fn() -> bool) {
    let end = Instant::now() + LONG;
    while !so() {
        assert!(Instant::now() < end, "{what}: it never comes");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_program_gets_harmless_json_and_no_more_of_the_environment_than_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("told");
    let words = format!("cat > {0}; env >> {0}", file.display());
    let mut delivery = Delivery::start(&hooks(&shell(&words, "")), None).unwrap();
    delivery.tell(&telling("r1"));
    assert_eq!(delivery.finish(LONG), tally(1, 0, 0));
    let told = std::fs::read_to_string(file).unwrap();
    let (json, env) = told.split_once('\n').unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json["alert"], "rotation/r1");
    assert_eq!(json["phase"], "page");
    assert_eq!(json["secret"], "pay␛[31m/db");
    assert_eq!(json["services"][0], "checkout‹U+202E›");
    assert_eq!(json["next"][0], "reissue-previous");
    assert!(env.contains("PATH=") && !env.contains("CARGO"), "{env}");
}

#[test]
fn one_that_hangs_is_killed_with_its_children_and_delays_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("child");
    let words = format!("sleep 60 & echo $! > {}; wait", file.display());
    let text = [
        shell(&words, "name = \"stuck\"\ntime_limit = \"10s\""),
        shell("cat > /dev/null", "name = \"fine\""),
    ];
    let mut delivery = Delivery::start(&hooks(&text.concat()), None).unwrap();
    let began = Instant::now();
    delivery.tell(&telling("r1"));
    while delivery.tally().delivered == 0 {
        assert!(began.elapsed() < Duration::from_secs(9), "it was delayed");
        thread::sleep(Duration::from_millis(5));
    }
    let failure = delivery.failures().recv_timeout(LONG).unwrap();
    assert_eq!(
        (failure.hook.raw(), failure.alert.raw()),
        ("stuck", "rotation/r1")
    );
    assert!(failure.why.contains("after 10 s"), "{}", failure.why);
    assert_eq!(delivery.finish(LONG), tally(1, 1, 1));
    let child = std::fs::read_to_string(file).unwrap();
    let child = Path::new("/proc").join(child.trim());
    let gone = || {
        let stat = std::fs::read_to_string(child.join("stat"));
        stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z"))
    };
    until("the child is gone", gone);
}

#[test]
fn a_program_that_fails_is_said_in_harmless_words() {
    let text = [
        shell("printf 'no\\033[2Jroute' >&2; exit 3", "name = \"fails\""),
        "[[alerts.hooks]]\nprogram = [\"/no/such/program\"]\n".to_owned(),
    ];
    let mut delivery = Delivery::start(&hooks(&text.concat()), None).unwrap();
    let failures = delivery.failures();
    delivery.tell(&telling("r1"));
    assert_eq!(delivery.finish(LONG), tally(0, 2, 0));
    let mut why: Vec<String> = failures.try_iter().map(|failure| failure.why).collect();
    why.sort();
    assert_eq!(why[0], "exit code 3: no␛[2Jroute");
    assert!(why[1].starts_with("it cannot be started"), "{why:?}");
}

#[test]
fn a_phase_is_told_once_also_after_a_restart_and_only_to_whom_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let (file, told) = (folder.path().join("out"), folder.path().join("told"));
    let words = format!("cat >> {}", file.display());
    let text = [
        shell(&words, ""),
        shell(&words, "name = \"b\"\non = [\"ticket\"]"),
    ]
    .concat();
    for _ in 0..2 {
        let mut delivery = Delivery::start(&hooks(&text), Some(&told)).unwrap();
        delivery.tell(&telling("r1"));
        delivery.tell(&telling("r1"));
        let taken = Delivery::start(&hooks(&text), Some(&told));
        assert!(
            matches!(taken, Err(DeliveryError::Told(_))),
            "one at a time"
        );
        delivery.finish(LONG);
    }
    let out = std::fs::read_to_string(file).unwrap();
    assert_eq!(out.lines().count(), 1, "{out}");
}

#[test]
fn what_still_waits_when_all_ends_is_told_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let (file, told) = (folder.path().join("out"), folder.path().join("told"));
    let begun = folder.path().join("begun");
    let words = format!("echo > {}; sleep 60", begun.display());
    let stuck = shell(&words, "name = \"a\"\ntime_limit = \"60s\"");
    let mut delivery = Delivery::start(&hooks(&stuck), Some(&told)).unwrap();
    delivery.tell(&telling("r1"));
    delivery.tell(&telling("r2"));
    let failures = delivery.failures();
    until("the first is told", || begun.exists());
    let ended = delivery.finish(Duration::from_millis(500));
    assert_eq!(ended, tally(0, 2, 0));
    let why: Vec<String> = failures.try_iter().map(|failure| failure.why).collect();
    assert!(why[1].contains("not tried"), "{why:?}");
    drop(delivery);
    let quick = shell(&format!("cat >> {}", file.display()), "name = \"a\"");
    let mut delivery = Delivery::start(&hooks(&quick), Some(&told)).unwrap();
    delivery.tell(&telling("r1"));
    delivery.tell(&telling("r2"));
    assert_eq!(delivery.finish(LONG), tally(1, 0, 0));
    let out = std::fs::read_to_string(file).unwrap();
    assert!(out.contains("rotation/r2"), "{out}");
}

/// Answers each request with the next of these; gives what was asked.
fn server(answers: Vec<&'static str>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, asked) = channel();
    thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let request = request(&stream);
            let _ = tell.send(request);
            if answer.is_empty() {
                // It says nothing, for longer than anybody waits.
                thread::spawn(move || {
                    thread::sleep(Duration::from_secs(60));
                    drop(stream);
                });
                continue;
            }
            let reply =
                format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = (&stream).write_all(reply.as_bytes());
        }
    });
    (address, asked)
}

fn request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader.read_line(&mut head).unwrap();
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let same = name.eq_ignore_ascii_case("content-length");
        same.then(|| value.trim().parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    format!("{head}{}", String::from_utf8(body).unwrap())
}

/// What a receiver knows a telling by.
fn idempotency_key(request: &str) -> String {
    let mut lines = request.lines();
    let value = lines.find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("idempotency-key")
            .then(|| value.to_owned())
    });
    value.unwrap_or_else(|| panic!("{request}"))
}

#[test]
fn a_webhook_that_timed_out_is_tried_under_the_same_key_and_no_other_alert_has_it() {
    let (address, asked) = server(vec!["", "204 Fine", "204 Fine"]);
    let text = format!("[[alerts.hooks]]\nwebhook = \"http://{address}/x\"\ntime_limit = \"4s\"\n");
    let mut delivery = Delivery::start(&hooks(&text), None).unwrap();
    let long = "r".repeat(5000);
    delivery.tell(&telling(&format!("{long}1")));
    delivery.tell(&telling(&format!("{long}2")));
    assert_eq!(delivery.finish(LONG), tally(2, 0, 0));
    let keys: Vec<String> = asked.try_iter().map(|r| idempotency_key(&r)).collect();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[0], keys[1], "tried again");
    assert_ne!(keys[1], keys[2], "another alert");
}

#[test]
fn a_webhook_is_tried_again_until_it_takes_the_alert() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "canary-token\n").unwrap();
    let (address, asked) = server(vec!["503 Busy", "429 Slow", "204 Fine"]);
    let text = format!(
        "[[alerts.hooks]]\nwebhook = \"http://{address}/T0/canary-path\"\ntoken_file = \"{}\"\n",
        token.display()
    );
    let mut delivery = Delivery::start(&hooks(&text), None).unwrap();
    delivery.tell(&telling("r\u{e9}1"));
    assert_eq!(delivery.finish(LONG), tally(1, 0, 0));
    let all: Vec<String> = asked.try_iter().collect();
    assert_eq!(all.len(), 3);
    let key = idempotency_key(&all[0]);
    assert!(key.starts_with("sha256:") && key.len() == 71, "{key}");
    for request in all {
        assert!(
            request.starts_with("POST /T0/canary-path HTTP/1.1\r\n"),
            "{request}"
        );
        let lower = request.to_lowercase();
        assert!(
            lower.contains("authorization: bearer canary-token"),
            "{request}"
        );
        assert_eq!(idempotency_key(&request), key, "{request}");
        assert!(
            request.contains("\"summary\":\"F4 revoked too early"),
            "{request}"
        );
    }
}

#[test]
fn a_webhook_that_refuses_or_hangs_is_said_without_what_opens_it() {
    let (refuses, _asked) = server(vec!["403 No"]);
    let (hangs, _hung) = server(vec!["", ""]);
    let text = format!(
        "[[alerts.hooks]]\nname = \"a\"\nwebhook = \"http://me:canary-1@{refuses}/canary-2?k=canary-3\"\n\
         [[alerts.hooks]]\nname = \"b\"\nwebhook = \"http://{hangs}/canary-4\"\ntime_limit = \"1s\"\n\
         retries = 1\n"
    );
    let mut delivery = Delivery::start(&hooks(&text), None).unwrap();
    let failures = delivery.failures();
    delivery.tell(&telling("r1"));
    assert_eq!(delivery.finish(LONG), tally(0, 2, 1));
    let mut why: Vec<String> = failures
        .try_iter()
        .map(|failure| format!("{}: {}", failure.hook, failure.why))
        .collect();
    why.sort();
    assert_eq!(why[0], format!("a: {refuses} answers 403"));
    assert_eq!(
        why[1],
        format!("b: {hangs} had not answered after 1 s, at try 2")
    );
    assert!(!why.concat().contains("canary"));
}

#[test]
fn what_would_travel_readable_or_goes_nowhere_is_refused_at_the_start() {
    for (text, words) in [
        ("webhook = \"ftp://x/canary\"", "neither http nor https"),
        ("webhook = \"canary\"", "no URL"),
        ("webhook = \"http://me:canary@chat.example/x\"", "readable"),
        ("webhook = \"http://chat.example/canary\"", "readable"),
        (
            "webhook = \"https://chat.example/canary\"\ntoken_env = \"NO_SUCH_VARIABLE\"",
            "NO_SUCH_VARIABLE",
        ),
        (
            "webhook = \"https://chat.example/canary\"\ntoken_file = \"/no/file\"",
            "/no/file",
        ),
    ] {
        let text = format!("[[alerts.hooks]]\n{text}\n");
        let Err(error) = Delivery::start(&hooks(&text), None) else {
            panic!("{text} was taken");
        };
        let error = error.to_string();
        assert!(error.contains(words), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
}
