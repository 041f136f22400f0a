//! From an answer to a warrant, under the policy of the demo.

use std::sync::Arc;

use serde_json::json;

use crate::guard::{Guard, Memory, Policy, Rules, Signer, Unmet, Warrant, summary};
use crate::incident::Incident;
use crate::model::act::{Answer, Asked, Wish};
use crate::model::intent::Verb;
use crate::model::{Event, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 0)
}

fn event(seconds: i64, kind: &str, data: &serde_json::Value) -> Event {
    let line = json!({
        "specversion": "1.0", "id": format!("{kind}-{seconds}"), "source": "/engine/lab",
        "time": at(seconds).to_string(), "type": format!("rotascope.{kind}"),
        "rotationid": "r1", "data": data,
    });
    Event::from_json(line.to_string().as_bytes()).unwrap()
}

fn incident() -> Incident {
    let mut incident = Incident::default();
    let started = json!({"secret": "payments/db", "from_version": "v1", "to_version": "v2",
        "services": ["checkout", "reports"], "dual_run": true});
    incident.apply(&event(0, "rotation.started", &started));
    let stage = json!({"stage": "grace", "status": "started"});
    incident.apply(&event(10, "rotation.stage", &stage));
    for (n, version) in ["v1", "v2", "v2"].iter().enumerate() {
        let data = json!({"consumer": format!("c{n}"), "service": "checkout",
            "region": "eu-1", "secret": "payments/db", "version": version, "state": "in_use"});
        let seconds = 20 + i64::try_from(n).unwrap();
        incident.apply(&event(seconds, "consumer.version", &data));
    }
    incident
}

fn asked(verb: Verb, incident: &Incident, answer: Answer) -> Asked {
    let wish = Wish {
        rotation: Some("r1".into()),
        seconds: Some(600),
        ..Wish::new(verb)
    };
    Asked {
        facts: summary(&wish, incident, &rules()).unwrap().facts,
        wish,
        answer,
    }
}

fn answer(confirmed: bool, typed: &str, reason: &str) -> Answer {
    Answer {
        confirmed,
        typed: typed.to_owned(),
        reason: reason.to_owned(),
        ..Answer::default()
    }
}

fn rules() -> Rules {
    Rules::demo("mira".into())
}

fn grant(asked: &Asked, incident: &Incident) -> Result<Warrant, Unmet> {
    let signer = Arc::new(Signer::from_seed(&[7; 32]));
    let guard = Guard::new("mira".into(), signer, Policy::demo(), Arc::default());
    let claim = guard.claim(asked, incident, "k1".to_owned(), at(100))?;
    claim.warrant(&Memory::default(), Vec::new(), None, at(100))
}

#[test]
fn each_risk_asks_for_its_own_answer() {
    let incident = incident();
    let try_ = |verb, answer| grant(&asked(verb, &incident, answer), &incident).map(|_| ());
    let name = "payments/db";
    assert_eq!(try_(Verb::ExtendGrace, answer(true, "", "")), Ok(()));
    assert_eq!(
        try_(Verb::ExtendGrace, answer(false, "", "")),
        Err(Unmet::NotConfirmed)
    );
    assert_eq!(try_(Verb::Rollback, answer(true, name, "")), Ok(()));
    assert_eq!(
        try_(Verb::Rollback, answer(true, "payments", "")),
        Err(Unmet::OtherName(name.to_owned()))
    );
    assert_eq!(
        try_(Verb::RevokeNow, answer(true, name, " \u{200b} ")),
        Err(Unmet::NoReason)
    );
    assert_eq!(try_(Verb::RevokeNow, answer(true, name, "leaked")), Ok(()));
}

#[test]
fn a_state_that_moved_under_the_answer_is_no_leave() {
    let mut incident = incident();
    let asked = asked(Verb::ExtendGrace, &incident, answer(true, "", ""));
    let consumer =
        json!({"consumer": "c0", "secret": "payments/db", "version": "v2", "state": "in_use"});
    incident.apply(&event(40, "consumer.version", &consumer));
    assert!(grant(&asked, &incident).is_ok(), "counts move all the time");
    let revoke = json!({"stage": "revoke", "status": "started"});
    incident.apply(&event(50, "rotation.stage", &revoke));
    assert_eq!(grant(&asked, &incident).unwrap_err(), Unmet::Changed);
}

#[test]
fn a_warrant_lives_a_minute() {
    let incident = incident();
    let asked = asked(Verb::ExtendGrace, &incident, answer(true, "", ""));
    let spent = |seconds| grant(&asked, &incident).unwrap().spend(at(seconds));
    let intent = spent(160).unwrap().intent;
    assert_eq!((intent.by.raw(), intent.key.as_str()), ("mira", "k1"));
    assert_eq!(intent.seconds, Some(600));
    assert_eq!(spent(161).unwrap_err(), Unmet::Expired);
    assert_eq!(
        spent(99).unwrap_err(),
        Unmet::Expired,
        "a clock that was set back"
    );
}

#[test]
fn the_summary_says_who_is_where_who_shares_and_how_to_undo() {
    let incident = incident();
    let wish = asked(Verb::Rollback, &incident, Answer::default()).wish;
    let summary = summary(&wish, &incident, &rules()).unwrap();
    assert_eq!(summary.title, "Roll back payments/db to v1");
    let row = |label| summary.rows.iter().find(|r| r.label == label).unwrap();
    assert_eq!(row("Now").words, "eu-1: 1 on v1, 2 on v2 (checkout)");
    assert_eq!(
        row("At risk").words,
        "2 of 3 were not seen on v1: checkout (eu-1 2)"
    );
    assert_eq!(row("Also uses").words, "reports (same credential)");
    assert!(row("Happens").words.starts_with("3 consumers of checkout"));
    assert!(row("Undo").words.contains("forward"));
    for verb in Verb::ALL {
        let wish = Wish {
            verb: *verb,
            ..wish.clone()
        };
        let summary = crate::guard::summary(&wish, &incident, &rules()).unwrap();
        for row in summary.rows {
            assert!(!row.words.contains('{'), "{verb}: {}", row.words);
        }
    }
}

#[test]
fn what_comes_too_late_or_names_nothing_is_refused_in_words() {
    let mut incident = incident();
    let unknown = Wish {
        rotation: Some("r9".into()),
        ..Wish::new(Verb::Pause)
    };
    let why = |wish: &Wish, incident: &Incident| {
        summary(wish, incident, &rules()).unwrap_err().to_string()
    };
    assert!(why(&unknown, &incident).contains("r9"));
    assert!(why(&Wish::new(Verb::Pause), &incident).contains("no rotation"));
    let finished = json!({"outcome": "succeeded"});
    incident.apply(&event(90, "rotation.finished", &finished));
    let late = Wish {
        rotation: Some("r1".into()),
        ..Wish::new(Verb::ExtendGrace)
    };
    assert!(why(&late, &incident).contains("ended"));
}
