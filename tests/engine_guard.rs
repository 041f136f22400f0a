//! The guard on the server's side, over real sockets: a bearer token alone does nothing that has to
//! be signed, proofs and approvals that do not fit count for nothing, and what is good for one use
//! is used once.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rotascope::guard::totp::{Enrolled, TotpSecret};
use rotascope::guard::{Memory, Once, People, Person, Policy, Signer, approve};
use rotascope::journal::Spent;
use rotascope::model::event::Risk;
use rotascope::model::intent::{Intent, Verb};
use rotascope::model::proof::{Approval, Code, Head, Met, Proof, Signed};
use rotascope::model::{Actor, Span, Text, Timestamp};
use rotascope::rotation::server::{Access, Gate};
use serde_json::{Value, json};
use support::engine::{Manner, Served, Toy, ask};

const MIRA: u8 = 1;
const JOE: u8 = 2;
const EVE: u8 = 3;
const NOBODY: u8 = 9;

/// Everything that may be asked was answered.
const ALL: Met = Met {
    confirmed: true,
    named: true,
    reasoned: true,
    code: true,
};

fn signer(of: u8) -> Signer {
    Signer::from_seed(&[of; 32])
}

fn secret() -> TotpSecret {
    TotpSecret::new([7; 20])
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::new(i64::try_from(since.as_secs()).unwrap(), 0)
}

/// Mira, whose codes are checked here; Joe, who may approve; Eve, who may not.
fn people() -> People {
    let person = |name: &str, of: u8, roles: &[&str], totp: Option<TotpSecret>| Person {
        name: Actor::from(name),
        keys: vec![signer(of).public()],
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        enrolled: Enrolled {
            totp,
            recovery: Vec::new(),
        },
    };
    People::of(vec![
        person("mira", MIRA, &["approver"], Some(secret())),
        person("joe", JOE, &["approver"], None),
        person("eve", EVE, &[], None),
    ])
}

fn gate(once: Arc<dyn Once>) -> Gate {
    Gate::new(people(), Policy::standard(), once)
}

fn served(toy: &Toy) -> Served {
    Served::gated(toy, Access::open(), gate(Arc::new(Memory::default())))
}

fn intent(verb: Verb, secret: &str, key: &str) -> Intent {
    Intent {
        verb,
        rotation: None,
        secret: Some(secret.into()),
        region: None,
        service: None,
        seconds: None,
        per_minute: None,
        by: Actor::from("mira"),
        reason: Some(Text::from("the key leaked")),
        key: format!("key-{key}-00000000"),
        at: now(),
    }
}

/// The intent with a proof, made from the words of docs/policy.md alone and not by the guard.
fn signed(intent: &Intent, by: u8, met: Met) -> Signed {
    let mut bytes = intent.digest().as_bytes().to_vec();
    bytes.extend([met.confirmed, met.named, met.reasoned, met.code].map(u8::from));
    let proof = Proof {
        key: signer(by).public(),
        met,
        signature: signer(by).sign("proof v1", &bytes),
        code: None,
        approvals: Vec::new(),
        head: None,
    };
    Signed {
        intent: intent.clone(),
        proof: Some(proof),
    }
}

fn with_code(mut signed: Signed, code: &str) -> Signed {
    signed.proof.as_mut().unwrap().code = Some(Code::from(code));
    signed
}

fn code() -> String {
    let step = u64::try_from(now().seconds()).unwrap() / 30;
    secret().code(step).to_string()
}

fn post(server: &Served, path: &str, body: &impl serde::Serialize) -> (u16, Value) {
    let body = serde_json::to_string(body).unwrap();
    let (status, answer) = ask(server.address, "POST", path, "", &body);
    (status, serde_json::from_str(&answer).unwrap_or(Value::Null))
}

#[test]
fn a_bearer_token_alone_does_nothing_that_has_to_be_signed() {
    let toy = Toy::new(Manner::Does);
    let servers = [
        served(&toy),
        // Where nobody is known it is the same.
        Served::gated(&toy, Access::open(), Gate::closed()),
    ];
    let mut refused = 0;
    for server in &servers {
        for verb in Verb::ALL {
            if matches!(verb.risk(), Risk::Observe | Risk::Reversible) {
                continue;
            }
            let body = intent(*verb, "payments/db", verb.name());
            let (status, problem) = post(server, "/v1/acts", &body);
            assert_eq!(
                (status, &problem["error"]),
                (403, &json!("unsigned")),
                "{verb}"
            );
            assert_eq!(problem["done"], json!(false));
            refused += 1;
        }
    }
    assert_eq!((toy.executed(), refused), (0, 12));
    assert_eq!(toy.denied.lock().unwrap().len(), refused, "each is told of");
    let freeze = intent(Verb::Freeze, "payments/db", "freeze");
    assert_eq!(
        post(&servers[0], "/v1/acts", &freeze).0,
        202,
        "it is reversible"
    );
}

#[test]
fn what_does_not_fit_counts_for_nothing() {
    let toy = Toy::new(Manner::Does);
    let server = served(&toy);
    let act = |key: &str| intent(Verb::Rollback, "payments/db", key);
    let mut other = signed(&act("a"), MIRA, ALL);
    other.intent.reason = Some(Text::from("another reason"));
    let mut elsewhere = signed(&act("b"), MIRA, ALL);
    elsewhere.intent.secret = Some("other/db".into());
    let mut more = signed(
        &act("c"),
        MIRA,
        Met {
            named: false,
            ..ALL
        },
    );
    more.proof.as_mut().unwrap().met.named = true;
    let mut old = act("d");
    old.at = now() - Span::seconds(601);
    let mut early = act("e");
    early.at = now() + Span::seconds(601);
    for (body, word) in [
        (other, "denied"),
        (elsewhere, "denied"),
        (more, "denied"),
        (signed(&old, MIRA, ALL), "untimely"),
        (signed(&early, MIRA, ALL), "untimely"),
        // Joe's key under Mira's name; a key that nobody knows; less than is asked for.
        (signed(&act("f"), JOE, ALL), "denied"),
        (signed(&act("g"), NOBODY, ALL), "denied"),
        (
            signed(
                &act("h"),
                MIRA,
                Met {
                    named: false,
                    ..ALL
                },
            ),
            "denied",
        ),
        (
            signed(
                &act("i"),
                MIRA,
                Met {
                    confirmed: false,
                    ..ALL
                },
            ),
            "denied",
        ),
    ] {
        let (status, problem) = post(&server, "/v1/acts", &body);
        assert_eq!(
            (status, &problem["error"]),
            (403, &json!(word)),
            "{problem}"
        );
    }
    assert_eq!(toy.executed(), 0);
    let (status, problem) = post(&server, "/v1/acts", &signed(&act("j"), MIRA, ALL));
    assert_eq!((status, toy.executed()), (202, 1), "{problem}");
}

#[test]
fn a_signed_body_that_comes_again_is_done_once() {
    let toy = Toy::new(Manner::Does);
    let server = served(&toy);
    // With a code, which the second time is used up: the key finds the act before that is asked.
    let act = signed(&intent(Verb::RevokeNow, "payments/db", "again"), MIRA, ALL);
    let act = with_code(act, &code());
    let taken: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| post(&server, "/v1/acts", &act).0))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(taken, [202; 16]);
    assert_eq!(toy.executed(), 1);
    // The same key is no way to another act.
    let mut other = intent(Verb::EmergencyRotate, "payments/db", "again");
    other.at = act.intent.at;
    let (status, _) = post(&server, "/v1/acts", &other);
    assert_eq!((status, toy.executed()), (422, 1));
}

/// One code as people write it: in groups, with spaces and dashes, in the digits of other scripts.
fn spellings(code: &str) -> Vec<String> {
    let digits = |zero: char| -> String {
        let of = |c: char| char::from_u32(u32::from(c) - 48 + u32::from(zero)).unwrap();
        code.chars().map(of).collect()
    };
    let grouped = |digits: &str, by: usize, between: &str| {
        let all: Vec<char> = digits.chars().collect();
        let groups: Vec<String> = all.chunks(by).map(|g| g.iter().collect()).collect();
        groups.join(between)
    };
    let mut all = Vec::new();
    for written in [code.to_owned(), digits('\u{ff10}')] {
        for between in ["", " ", "-", "  ", "\u{a0}", "\u{2009}", "\t", "–"] {
            for by in [1, 2, 3] {
                let one = grouped(&written, by, between);
                all.push(format!(" {one}"));
                all.push(one);
            }
        }
    }
    all.dedup();
    all
}

#[test]
#[expect(clippy::print_stderr, reason = "what scripts/prove-guard is run for")]
fn a_code_is_taken_once_by_however_many_at_once_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open = || -> Arc<dyn Once> { Arc::new(Spent::open(folder.path()).unwrap()) };
    let toy = Toy::new(Manner::Does);
    let code = code();
    let spellings = spellings(&code);
    assert!(spellings.len() >= 30);
    let body = |n: usize| {
        let key = format!("code-{n}");
        let act = intent(Verb::RevokeNow, "payments/db", &key);
        with_code(signed(&act, MIRA, ALL), &spellings[n % spellings.len()])
    };
    let server = Served::gated(&toy, Access::open(), gate(open()));
    let at_once = |many: usize| -> Vec<(u16, Value)> {
        std::thread::scope(|scope| {
            let (server, body) = (&server, &body);
            let all: Vec<_> = (0..many)
                .map(|n| scope.spawn(move || post(server, "/v1/acts", &body(n))))
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        })
    };
    let answers = at_once(64);
    let taken = answers.iter().filter(|(status, _)| *status == 202).count();
    // Who tries too many at once is told to wait, whether or not they are right.
    let refused = answers.iter().filter(|(status, p)| {
        *status == 403 && [json!("code-used"), json!("code")].contains(&p["error"])
    });
    assert_eq!(
        (taken, refused.count(), toy.executed()),
        (1, 63, 1),
        "{answers:?}"
    );
    eprintln!(
        "codes: {} spellings, 64 at once: {taken} accepted",
        spellings.len()
    );
    drop(server);
    let server = Served::gated(&toy, Access::open(), gate(open()));
    // The tries are remembered too, so that it may be these that refuse it.
    let (status, problem) = post(&server, "/v1/acts", &body(99));
    let why = &problem["error"];
    assert!(
        status == 403 && [json!("code-used"), json!("code")].contains(why),
        "{problem}"
    );
    let (status, problem) = post(&server, "/v1/acts", &signed(&body(100).intent, MIRA, ALL));
    assert_eq!(
        (status, &problem["error"]),
        (403, &json!("code")),
        "none at all"
    );
    assert_eq!(toy.executed(), 1);
}

/// Fewer than anybody is told to wait for: each of them hears that the code is used, and so does
/// who comes after a restart.
#[test]
fn a_code_that_was_used_is_said_to_be_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open = || -> Arc<dyn Once> { Arc::new(Spent::open(folder.path()).unwrap()) };
    let toy = Toy::new(Manner::Does);
    let code = code();
    let body = |n: usize| {
        let act = intent(Verb::RevokeNow, "payments/db", &format!("few-{n}"));
        with_code(signed(&act, MIRA, ALL), &code)
    };
    let mut said = Vec::new();
    for round in 0..2 {
        let server = Served::gated(&toy, Access::open(), gate(open()));
        for n in 0..8 {
            let (status, problem) = post(&server, "/v1/acts", &body(round * 8 + n));
            said.push((status, problem["error"].as_str().unwrap_or("").to_owned()));
        }
    }
    let used = (403, "code-used".to_owned());
    assert_eq!(said[0].0, 202, "{said:?}");
    assert!(said[1..].iter().all(|one| *one == used), "{said:?}");
    assert_eq!(toy.executed(), 1);
}

/// An approval that is well made, for an hour.
fn approval(intent: &Intent, name: &str, by: u8) -> Approval {
    approve(
        intent,
        name.into(),
        &signer(by),
        now(),
        Span::seconds(3_600),
    )
}

#[test]
fn what_much_depends_on_needs_a_second_person() {
    let toy = Toy::new(Manner::Does);
    let server = served(&toy);
    let act = intent(Verb::RevokeNow, "critical/db", "second");
    let ask_first = with_code(signed(&act, MIRA, ALL), &code());
    let (status, problem) = post(&server, "/v1/acts", &ask_first);
    assert_eq!((status, &problem["error"]), (403, &json!("needs-second")));
    let (status, asked) = post(&server, "/v1/requests", &ask_first);
    assert_eq!(status, 201, "{asked}");
    assert_eq!(asked["digest"], json!(act.digest().to_string()));
    let again = post(&server, "/v1/requests", &ask_first).1;
    assert_eq!(asked, again, "the same act is the same request");
    let path = format!("/v1/requests/{}", asked["id"].as_str().unwrap());
    let seen = || {
        let (status, body) = ask(server.address, "GET", &path, "", "");
        (status, serde_json::from_str::<Value>(&body).unwrap())
    };
    let shown: Signed = serde_json::from_value(seen().1["act"].clone()).unwrap();
    assert_eq!(shown.intent, act);
    assert_eq!(shown.proof.unwrap().code, None, "nobody else sees the code");

    let approvals = format!("{path}/approvals");
    let mut changed = act.clone();
    changed.secret = Some("critical/other".into());
    let mut stretched = approval(&act, "joe", JOE);
    stretched.until = stretched.until + Span::seconds(1);
    let long_ago = now() - Span::seconds(3_700);
    let hour = Span::seconds(3_600);
    let expired = approve(&act, "joe".into(), &signer(JOE), long_ago, hour);
    for (flawed, word) in [
        (approval(&act, "mira", MIRA), "own act"),
        // Mira's key under Joe's name, and Joe's key under Mira's.
        (approval(&act, "joe", MIRA), "own act"),
        (approval(&act, "mira", JOE), "own act"),
        (approval(&changed, "joe", JOE), "another act"),
        (stretched, "signature"),
        (expired, "expired"),
        (approval(&act, "zoe", NOBODY), "not in the people file"),
        (approval(&act, "joe", EVE), "not theirs"),
        (approval(&act, "eve", EVE), "approval by eve"),
    ] {
        let (status, problem) = post(&server, &approvals, &flawed);
        assert_eq!(
            (status, &problem["error"]),
            (403, &json!("approval")),
            "{word}"
        );
        let message = problem["message"].as_str().unwrap();
        assert!(message.contains(word), "{message}");
        // It counts no more where it comes with the act itself.
        let mut with = ask_first.clone();
        with.proof.as_mut().unwrap().approvals = vec![flawed];
        assert_eq!(post(&server, "/v1/acts", &with).0, 403, "{word}");
    }
    assert_eq!(toy.executed(), 0);

    assert_eq!(
        post(&server, &approvals, &approval(&act, "joe", JOE)).0,
        204
    );
    let shown: Signed = serde_json::from_value(seen().1["act"].clone()).unwrap();
    let mut whole = ask_first;
    whole.proof.as_mut().unwrap().approvals = shown.proof.unwrap().approvals;
    let (status, taken) = post(&server, "/v1/acts", &whole);
    assert_eq!((status, toy.executed()), (202, 1), "{taken}");
    assert_eq!(seen().0, 404, "it waits no more");
    // The approval is of that act alone.
    let other = intent(Verb::RevokeNow, "critical/db", "third");
    let mut other = with_code(signed(&other, MIRA, ALL), &code());
    other.proof.as_mut().unwrap().approvals = whole.proof.unwrap().approvals;
    let (status, problem) = post(&server, "/v1/acts", &other);
    assert_eq!((status, &problem["error"]), (403, &json!("needs-second")));
}

#[test]
fn nobody_is_asked_for_what_needs_nobody_or_may_not_be() {
    let toy = Toy::new(Manner::Does);
    let server = served(&toy);
    let calm = signed(&intent(Verb::Rollback, "payments/db", "calm"), MIRA, ALL);
    let (status, problem) = post(&server, "/v1/requests", &calm);
    assert_eq!((status, &problem["error"]), (409, &json!("needs-nobody")));
    let unsigned = intent(Verb::RevokeNow, "critical/db", "bare");
    assert_eq!(post(&server, "/v1/requests", &unsigned).0, 403);
    let (status, _) = post(
        &server,
        "/v1/requests/0123456789/approvals",
        &approval(&unsigned, "joe", JOE),
    );
    assert_eq!(status, 404);
    assert_eq!(
        post(&server, "/v1/requests/0123456789/approvals", &json!({})).0,
        422
    );
    assert_eq!(
        ask(server.address, "GET", "/v1/requests/0123456789", "", "").0,
        404
    );
}

#[test]
fn the_head_of_the_journal_comes_back_with_the_receipt_and_the_outcome() {
    let toy = Toy::new(Manner::Does);
    let server = served(&toy);
    let head = |of: u8| Head {
        writer: "5f2c".to_owned(),
        n: 17,
        hash: "00".repeat(32),
        key: signer(of).public(),
        signature: signer(of).sign("head", b"words"),
    };
    for (key, of, kept) in [("mine", MIRA, true), ("others", EVE, false)] {
        let mut act = signed(&intent(Verb::Rollback, "payments/db", key), MIRA, ALL);
        act.proof.as_mut().unwrap().head = Some(head(of));
        let (status, receipt) = post(&server, "/v1/acts", &act);
        assert_eq!(status, 202, "{receipt}");
        let path = format!("/v1/acts/{}", act.intent.key);
        let (_, told) = ask(server.address, "GET", &path, "", "");
        let told: Value = serde_json::from_str(&told).unwrap();
        for answer in [&receipt, &told] {
            assert_eq!(answer["head"]["n"] == json!(17), kept, "{answer}");
        }
        assert_eq!(told["state"], json!("observed"));
    }
}
