//! The engine's server over real sockets: routes, tokens, bad input, the stream.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rotascope::rotation::Clock;
use rotascope::rotation::server::{Access, Door, OPENAPI, ROUTES, Scope, ServeError, engine};
use serde_json::{Value, json};
use support::engine::{Manner, Served, Toy, ask, event};

const TOKENS: [(&str, Scope); 3] = [
    ("read-token-of-more-than-20", Scope::Read),
    ("consumer-token-of-more-than-20", Scope::Consumer),
    ("act-token-of-more-than-20", Scope::Act),
];

fn access() -> Access {
    let lines = TOKENS.map(|(token, scope)| format!("{scope} {token}"));
    Access::parse(&lines.join("\n")).unwrap()
}

fn bearer(scope: Scope) -> String {
    let (token, _) = TOKENS.iter().find(|(_, s)| *s == scope).unwrap();
    format!("Authorization: Bearer {token}\r\n")
}

fn intent(key: &str) -> Value {
    json!({"verb": "freeze", "by": "mira", "key": key, "at": "2026-11-24T12:00:00Z"})
}

fn example(path: &str) -> String {
    path.replace("{id}", "rot-1")
        .replace("{key}", "key-of-an-act")
        .replace("{path}", "payments/db")
        .replace("{name}", "checkout-0")
}

#[test]
fn the_document_has_every_route_and_every_route_is_served() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, what) in methods.as_object().unwrap() {
            let scope = what["x-scope"].as_str().map(str::to_owned);
            described.insert((method.clone(), path.clone(), scope));
            assert!(what["operationId"].is_string() && what["responses"].is_object());
        }
    }
    let routes: BTreeSet<_> = ROUTES
        .iter()
        .map(|(method, path, scope)| {
            let scope = scope.map(|s| s.to_string());
            ((*method).to_owned(), (*path).to_owned(), scope)
        })
        .collect();
    assert_eq!(described, routes);
    let server = Served::start(&Toy::new(Manner::Does), access());
    for (method, path, scope) in ROUTES {
        let (status, body) = ask(
            server.address,
            &method.to_uppercase(),
            &example(path),
            "",
            "",
        );
        let wanted = if scope.is_some() { 401 } else { 200 };
        assert_eq!(status, wanted, "{method} {path}: {body}");
    }
    let (_, body) = ask(server.address, "GET", "/openapi.json", "", "");
    assert!(body.contains("\"openapi\": \"3.1.0\""));
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut left = vec![&document];
    let mut refs = 0;
    while let Some(value) = left.pop() {
        if let Some(to) = value["$ref"].as_str() {
            assert!(document.pointer(&to[1..]).is_some(), "{to}");
            refs += 1;
        }
        left.extend(value.as_object().into_iter().flat_map(|o| o.values()));
        left.extend(value.as_array().into_iter().flatten());
    }
    assert!(refs > 20);
}

#[test]
fn a_token_opens_its_own_scope_alone() {
    let server = Served::start(&Toy::new(Manner::Does), access());
    for (method, path, scope) in ROUTES.iter().filter(|(_, path, _)| *path != "/v1/events") {
        let Some(wanted) = scope else { continue };
        for (_, held) in TOKENS {
            let method = method.to_uppercase();
            let (status, body) = ask(server.address, &method, &example(path), &bearer(held), "");
            assert_eq!(
                status == 403,
                held != *wanted,
                "{path} with {held}: {status} {body}"
            );
        }
    }
}

#[test]
fn an_act_is_taken_once_and_told_of() {
    let toy = Toy::new(Manner::Does);
    let server = Served::start(&toy, access());
    let act = bearer(Scope::Act);
    let body = intent("key-00000001").to_string();
    let (status, answer) = ask(server.address, "POST", "/v1/acts", &act, &body);
    assert_eq!(
        (status, answer.contains("key-00000001")),
        (202, true),
        "{answer}"
    );
    let read = bearer(Scope::Read);
    let (status, answer) = ask(server.address, "GET", "/v1/acts/key-00000001", &read, "");
    assert_eq!(status, 200);
    let outcome: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(outcome, json!({"state": "observed", "words": "it is so"}));
    let (status, _) = ask(server.address, "GET", "/v1/acts/key-00000002", &read, "");
    assert_eq!(status, 404);
}

#[test]
fn bad_input_is_refused_in_words_and_breaks_nothing() {
    let toy = Toy::new(Manner::Does);
    let server = Served::start(&toy, access());
    let act = bearer(Scope::Act);
    let mut unfit = intent("key-00000001");
    unfit["verb"] = json!("explode\u{1b}[31m");
    let long = format!("\"{}\"", "x".repeat(70_000));
    for (body, wanted, word) in [
        ("", 400, "no JSON"),
        ("{", 400, "no JSON"),
        ("\u{0}\u{1}", 400, "no JSON"),
        ("[]", 422, "expected struct Signed"),
        (r#"{"verb":"freeze"}"#, 422, "missing field"),
        (&unfit.to_string(), 422, "no act is called"),
        (&intent("short").to_string(), 422, "8 to 128"),
        (&intent(&"k".repeat(129)).to_string(), 422, "8 to 128"),
        (&intent("with a space").to_string(), 422, "8 to 128"),
        (
            &intent("key-00000001").to_string().replace("mira", " "),
            422,
            "somebody",
        ),
        (&long, 413, "64 KiB"),
    ] {
        let (status, answer) = ask(server.address, "POST", "/v1/acts", &act, body);
        assert_eq!(status, wanted, "{body:.40}: {answer}");
        let problem: Value = serde_json::from_str(&answer).unwrap();
        let message = problem["message"].as_str().unwrap();
        assert!(message.contains(word), "{message}");
        assert_eq!(problem["done"], json!(false));
        assert!(!answer.contains('\u{1b}'));
    }
    for (method, path, wanted) in [
        ("GET", "/nowhere", 404),
        ("DELETE", "/v1/acts", 405),
        ("GET", "/v1/rotations/%ff", 400),
        ("GET", "/v1/events?after=soon", 400),
    ] {
        let (status, _) = ask(server.address, method, path, &bearer(Scope::Read), "");
        assert!(
            status == wanted || (status == 403 && wanted == 405),
            "{path}: {status}"
        );
    }
    assert_eq!(toy.executed(), 0);
}

#[test]
fn refusals_have_their_own_status_and_say_whether_anything_was_done() {
    for (manner, wanted, done) in [
        (Manner::Refuses, 409, json!(false)),
        (Manner::Full, 503, json!(false)),
        (Manner::Panics, 500, Value::Null),
    ] {
        let server = Served::start(&Toy::new(manner), access());
        let body = intent("key-00000001").to_string();
        let (status, answer) = ask(
            server.address,
            "POST",
            "/v1/acts",
            &bearer(Scope::Act),
            &body,
        );
        assert_eq!(status, wanted, "{answer}");
        let problem: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(problem["done"], done, "{answer}");
        assert_eq!(ask(server.address, "GET", "/healthz", "", "").0, 200);
    }
}

#[test]
fn an_engine_that_does_not_say_whether_it_takes_an_act_gets_no_receipt_written() {
    let server = Served::start(&Toy::new(Manner::Dallies), access());
    let body = intent("key-00000001").to_string();
    let act = bearer(Scope::Act);
    let (status, answer) = ask(server.address, "POST", "/v1/acts", &act, &body);
    assert_eq!(status, 504, "{answer}");
    let problem: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(problem["done"], Value::Null, "nobody knows");
    assert_eq!(problem["error"], json!("not-known-yet"));
    assert!(
        problem["message"]
            .as_str()
            .unwrap()
            .contains("key-00000001")
    );
}

#[test]
fn consumers_pull_and_report() {
    let server = Served::start(&Toy::new(Manner::Does), access());
    let consumer = bearer(Scope::Consumer);
    let (status, answer) = ask(
        server.address,
        "GET",
        "/v1/secrets/payments/db",
        &consumer,
        "",
    );
    let pulled: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((status, &pulled["material"]), (200, &json!("aHVudGVyMg==")));
    let (status, _) = ask(server.address, "GET", "/v1/secrets/no/such", &consumer, "");
    assert_eq!(status, 404);
    let told = json!({"secret": "payments/db", "version": "v2", "state": "in_use"});
    for (name, state, wanted) in [
        ("checkout-0", "in_use", 204),
        ("checkout-9", "in_use", 404),
        ("checkout-0", "asleep", 422),
    ] {
        let mut told = told.clone();
        told["state"] = json!(state);
        let path = format!("/v1/consumers/{name}/report");
        let (status, answer) = ask(server.address, "POST", &path, &consumer, &told.to_string());
        assert_eq!(status, wanted, "{answer}");
    }
}

#[test]
fn a_consumers_token_that_is_bound_to_paths_gets_no_other_secret() {
    let token = "bound-token-of-more-than-20";
    let access = Access::parse(&format!("consumer:cart {token}")).unwrap();
    let server = Served::start(&Toy::new(Manner::Does), access);
    let bound = format!("Authorization: Bearer {token}\r\n");
    for (path, wanted) in [("payments/db", 403), ("no/such", 403), ("cart/db", 404)] {
        let path = format!("/v1/secrets/{path}");
        let (status, answer) = ask(server.address, "GET", &path, &bound, "");
        assert_eq!(status, wanted, "{path}: {answer}");
        assert!(!answer.contains("aHVudGVyMg"));
    }
    let told = json!({"secret": "payments/db", "version": "v2", "state": "in_use"}).to_string();
    let path = "/v1/consumers/checkout-0/report";
    assert_eq!(ask(server.address, "POST", path, &bound, &told).0, 403);
}

#[test]
fn metrics_come_in_both_formats() {
    let toy = Toy::new(Manner::Does);
    let server = Served::start(&toy, access());
    let read = bearer(Scope::Read);
    let (status, plain) = ask(server.address, "GET", "/metrics", &read, "");
    assert_eq!(
        (status, plain.contains("rotascope_transitions_total 3\n")),
        (200, true),
        "{plain}"
    );
    let open = format!("{read}Accept: application/openmetrics-text;version=1.0.0\r\n");
    let (_, open) = ask(server.address, "GET", "/metrics", &open, "");
    assert!(open.ends_with("# EOF\n"), "{open}");
}

#[test]
fn what_others_can_reach_needs_tokens() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let toy = Toy::new(Manner::Does);
    let clock = Clock::of_the_world;
    let everywhere = "0.0.0.0:0".parse().unwrap();
    let refused = runtime.block_on(engine(
        Door::new(everywhere, Access::open()),
        toy.clone(),
        clock(),
    ));
    assert!(matches!(refused, Err(ServeError::Open(_))));
    let taken = runtime
        .block_on(engine(
            Door::new(everywhere, access()),
            toy.clone(),
            clock(),
        ))
        .unwrap();
    let again = runtime.block_on(engine(Door::new(taken.address(), access()), toy, clock()));
    assert!(matches!(again, Err(ServeError::Listen(..))));
}

/// A connection to the stream: the lines that come.
fn stream(server: &Served, headers: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    write!(
        stream,
        "GET /v1/events HTTP/1.1\r\nHost: x\r\n{headers}\r\n"
    )
    .unwrap();
    BufReader::new(stream)
}

fn ids(lines: &mut BufReader<TcpStream>, count: usize) -> Vec<u64> {
    let mut ids = Vec::new();
    let mut line = String::new();
    while ids.len() < count && lines.read_line(&mut line).unwrap() > 0 {
        if let Some(id) = line.strip_prefix("id: ") {
            ids.push(id.trim().parse().unwrap());
        }
        line.clear();
    }
    ids
}

#[test]
fn the_stream_gives_all_or_what_lacks_and_then_lives_on() {
    let toy = Toy::new(Manner::Does);
    toy.log.publish((1..=600).map(event).collect());
    let server = Served::start(&toy, Access::open());
    let mut all = stream(&server, "");
    assert_eq!(ids(&mut all, 600), (1..=600).collect::<Vec<u64>>());
    let mut rest = stream(&server, "Last-Event-ID: 597\r\n");
    assert_eq!(ids(&mut rest, 3), [598, 599, 600]);
    toy.log.publish(vec![event(601)]);
    assert_eq!(ids(&mut rest, 1), [601]);
    // Of another life of the log: all of it, after a word about that.
    let mut other = stream(&server, "Last-Event-ID: 9000\r\n");
    let mut words = String::new();
    while !words.contains("event: reset") {
        assert!(other.read_line(&mut words).unwrap() > 0, "{words}");
    }
    assert_eq!(ids(&mut other, 1), [1]);
}

#[test]
fn whoever_lacks_what_is_pruned_is_told_and_whoever_is_new_lost_nothing() {
    let toy = Toy::new(Manner::Does);
    toy.log.publish((1..=600).map(event).collect());
    toy.log.begins_at(501);
    let server = Served::start(&toy, Access::open());
    let told = |headers: &str| {
        let mut lines = stream(&server, headers);
        let mut first = String::new();
        while !first.starts_with("event: ") {
            first.clear();
            assert!(lines.read_line(&mut first).unwrap() > 0);
        }
        let mut data = String::new();
        lines.read_line(&mut data).unwrap();
        (first, data, ids(&mut lines, 1))
    };
    let (what, data, ids_of_old) = told("Last-Event-ID: 20\r\n");
    assert_eq!((what.trim(), ids_of_old), ("event: reset", vec![501]));
    assert_eq!(data.trim(), "data: {\"first\":501}");
    let (what, _, ids_of_new) = told("");
    assert_eq!((what.trim(), ids_of_new), ("event: first", vec![501]));
    let mut on = stream(&server, "Last-Event-ID: 500\r\n");
    let mut word = String::new();
    while !word.contains("id: ") {
        word.clear();
        assert!(on.read_line(&mut word).unwrap() > 0);
        assert!(!word.contains("reset"), "nothing of what it lacks is gone");
    }
    assert_eq!(word.trim(), "id: 501");
}

#[test]
fn the_clock_is_told_each_second() {
    let server = Served::start(&Toy::new(Manner::Does), Access::open());
    let mut lines = stream(&server, "");
    let mut told = Vec::new();
    let mut line = String::new();
    while told.len() < 2 {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0);
        if let Some(data) = line.strip_prefix("data: ") {
            told.push(serde_json::from_str::<Value>(data).unwrap());
        }
    }
    assert_eq!(told[0]["scale"], json!(60.0));
    assert_ne!(told[0]["now"], told[1]["now"]);
}

#[test]
fn a_reader_that_does_not_read_holds_nobody_up() {
    let toy = Toy::new(Manner::Does);
    let server = Served::start(&toy, Access::open());
    let slow = stream(&server, "");
    let mut quick = stream(&server, "");
    let began = Instant::now();
    for n in 0..200 {
        toy.log
            .publish((n * 100 + 1..=n * 100 + 100).map(event).collect());
    }
    assert!(began.elapsed() < Duration::from_secs(30));
    let got = ids(&mut quick, 20_000);
    assert!(got.iter().copied().eq(1..=20_000));
    drop(slow);
}

#[test]
fn a_server_that_ends_ends_its_streams() {
    let server = Served::start(&Toy::new(Manner::Does), Access::open());
    let mut lines = stream(&server, "");
    let mut first = String::new();
    lines.read_line(&mut first).unwrap();
    let began = Instant::now();
    drop(server);
    assert!(began.elapsed() < Duration::from_secs(30));
    let mut rest = Vec::new();
    lines.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(b"0\r\n\r\n"), "ended, not cut");
}
