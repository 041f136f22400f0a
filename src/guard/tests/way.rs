//! The whole way: what was asked becomes a claim, a warrant, and an act that the engine allows.

use proptest::prelude::*;

use super::world::{
    ANA, MIRA, asked, at, code, guard, incident, once, people, secret, signer, tell,
};
use crate::guard::totp::CodeError;
use crate::guard::{Denied, Guard, Memory, OnceError, Policy, Unmet, approve, evaluate, examine};
use crate::incident::Incident;
use crate::model::Span;
use crate::model::act::Wish;
use crate::model::event::{Risk, Tier};
use crate::model::intent::{Intent, Verb};
use crate::model::proof::{Code, Signed};
use serde_json::json;

const TEN_MINUTES: Span = Span::seconds(600);

fn standard() -> Guard {
    guard(Policy::standard())
}

/// What the engine says of an act on a secret of this tier.
fn engine(signed: &Signed, tier: Tier, once: &Memory, seconds: i64) -> Result<Risk, Denied> {
    let (policy, people, secret) = (Policy::standard(), people(), secret(tier));
    let said = evaluate(
        signed,
        &secret.subject(),
        &policy,
        &people,
        once,
        at(seconds),
    );
    said.map(|evaluated| evaluated.risk)
}

#[test]
fn an_act_goes_from_the_question_to_the_engine() {
    let (guard, incident) = (standard(), incident("standard"));
    let asked = asked(&guard, Verb::RevokeNow, &incident, at(0));
    let claim = guard
        .claim(&asked, &incident, "k1".to_owned(), at(0))
        .unwrap();
    assert!(!claim.needs_second());
    let warrant = claim.warrant(&once(), Vec::new(), None, at(1)).unwrap();
    let signed = warrant.spend(at(2)).unwrap();
    let engines = once();
    assert_eq!(
        engine(&signed, Tier::Standard, &engines, 3),
        Ok(Risk::Destructive)
    );
    let again = engine(&signed, Tier::Standard, &engines, 4);
    assert_eq!(again, Err(Denied::Once(OnceError::Already)));
}

#[test]
fn a_code_is_good_for_one_act() {
    let (guard, incident, once) = (standard(), incident("standard"), once());
    let mut asked = asked(&guard, Verb::RevokeNow, &incident, at(0));
    let go = |asked: &_, key: &str| {
        let claim = guard.claim(asked, &incident, key.to_owned(), at(0))?;
        claim.warrant(&once, Vec::new(), None, at(0)).map(|_| ())
    };
    assert_eq!(go(&asked, "k1"), Ok(()));
    assert_eq!(go(&asked, "k2"), Err(Unmet::Once(OnceError::Already)));
    asked.answer.code = Code::from("000000");
    assert_eq!(go(&asked, "k3"), Err(Unmet::Code(CodeError::Wrong)));
    asked.answer.code = Code::default();
    assert_eq!(go(&asked, "k4"), Err(Unmet::Code(CodeError::Missing)));
    // One step on, the next code is there.
    asked.answer.code = code(at(30));
    assert_eq!(go(&asked, "k5"), Ok(()));
}

#[test]
fn who_is_not_enrolled_is_told_so() {
    let incident = incident("standard");
    let guard = standard().with_codes(crate::guard::totp::Enrolled::default());
    let asked = asked(&guard, Verb::RevokeNow, &incident, at(0));
    let said = guard
        .claim(&asked, &incident, "k1".to_owned(), at(0))
        .unwrap_err();
    assert!(
        said.to_string().contains("rotascope identity totp"),
        "{said}"
    );
    // What asks for no code goes on.
    let asked = super::world::asked(&guard, Verb::Pause, &incident, at(0));
    assert!(
        guard
            .claim(&asked, &incident, "k2".to_owned(), at(0))
            .is_ok()
    );
}

#[test]
fn a_second_person_approves_what_was_asked_within_the_hour() {
    let (guard, incident) = (standard(), incident("critical"));
    let asked = asked(&guard, Verb::RevokeNow, &incident, at(0));
    let claim = || {
        guard
            .claim(&asked, &incident, "k1".to_owned(), at(0))
            .unwrap()
    };
    assert!(claim().needs_second());
    let alone = claim()
        .warrant(&once(), Vec::new(), None, at(1))
        .unwrap_err();
    assert_eq!(alone, Unmet::NeedsSecond(Vec::new()));
    // The engine holds the request, and shows ana the intent.
    let request = claim().request();
    let (policy, people, secret) = (Policy::standard(), people(), secret(Tier::Critical));
    let examined = examine(&request, &secret.subject(), &policy, &people, at(1)).unwrap();
    assert!(examined.decision.challenges.second);
    let alone = engine(&request, Tier::Critical, &once(), 1);
    assert_eq!(alone, Err(Denied::NeedsSecond(Vec::new())));
    let approval = approve(
        &request.intent,
        "ana".into(),
        &signer(ANA),
        at(900),
        TEN_MINUTES,
    );
    // A quarter of an hour later, long after the code's own step.
    let warrant = claim()
        .warrant(&once(), vec![approval.clone()], None, at(910))
        .unwrap();
    let signed = warrant.spend(at(911)).unwrap();
    assert_eq!(
        engine(&signed, Tier::Critical, &once(), 912),
        Ok(Risk::Destructive)
    );
    let own = approve(
        &request.intent,
        "mira".into(),
        &signer(MIRA),
        at(900),
        TEN_MINUTES,
    );
    let said = claim()
        .warrant(&once(), vec![own], None, at(910))
        .unwrap_err();
    assert!(
        said.to_string().contains("nobody approves their own"),
        "{said}"
    );
    let late = claim()
        .warrant(&once(), vec![approval], None, at(3601))
        .unwrap_err();
    assert_eq!(late, Unmet::WaitedTooLong);
}

#[test]
fn who_waited_looks_again_where_the_state_has_changed() {
    let (guard, mut incident) = (standard(), incident("critical"));
    let asked = asked(&guard, Verb::RevokeNow, &incident, at(0));
    let claim = guard
        .claim(&asked, &incident, "k1".to_owned(), at(0))
        .unwrap();
    assert_eq!(claim.still_holds(&incident), Ok(()));
    let revoke = json!({"stage": "revoke", "status": "started"});
    tell(&mut incident, 60, "rotation.stage", &revoke);
    assert_eq!(claim.still_holds(&incident), Err(Unmet::Changed));
}

#[test]
fn a_claim_becomes_a_warrant_within_a_minute() {
    let (guard, incident) = (standard(), incident("standard"));
    let asked = asked(&guard, Verb::Rollback, &incident, at(0));
    let go = |seconds| {
        let claim = guard
            .claim(&asked, &incident, "k1".to_owned(), at(0))
            .unwrap();
        claim
            .warrant(&once(), Vec::new(), None, at(seconds))
            .map(|_| ())
    };
    assert_eq!(go(60), Ok(()));
    assert_eq!(go(61), Err(Unmet::Expired));
    assert_eq!(go(-1), Err(Unmet::Expired));
}

#[test]
fn a_bearer_token_alone_does_what_can_be_undone_and_nothing_else() {
    let secret = secret(Tier::Standard);
    let (policy, people) = (Policy::standard(), people());
    for verb in Verb::ALL {
        let wish = Wish {
            rotation: Some("r1".into()),
            ..Wish::new(*verb)
        };
        let intent = wish.intent("mira".into(), None, "k1".to_owned(), at(0));
        let bare = Signed {
            intent,
            proof: None,
        };
        let said = evaluate(&bare, &secret.subject(), &policy, &people, &once(), at(1));
        let is_mild = matches!(verb.risk(), Risk::Observe | Risk::Reversible);
        assert_eq!(said.is_ok(), is_mild, "{verb}");
        match said {
            Ok(evaluated) => assert_eq!(evaluated.person, None, "a token is nobody"),
            Err(denied) => assert!(matches!(denied, Denied::Unsigned(_)), "{verb}: {denied}"),
        }
    }
}

#[test]
fn an_engine_that_knows_nobody_does_what_can_be_undone() {
    let (guard, incident) = (standard(), incident("standard"));
    let (policy, secret) = (Policy::standard(), secret(Tier::Standard));
    let nobody = crate::guard::People::default();
    let said = |verb| {
        let asked = asked(&guard, verb, &incident, at(0));
        let claim = guard
            .claim(&asked, &incident, "k1".to_owned(), at(0))
            .unwrap();
        let warrant = claim.warrant(&once(), Vec::new(), None, at(0)).unwrap();
        let signed = warrant.spend(at(0)).unwrap();
        evaluate(&signed, &secret.subject(), &policy, &nobody, &once(), at(1)).map(|e| e.person)
    };
    assert_eq!(said(Verb::Pause), Ok(None));
    assert_eq!(said(Verb::Rollback), Err(Denied::UnknownKey));
}

/// Whether a question is asked anew once something was told.
fn is_asked_anew(verb: Verb, told: impl FnOnce(&mut Incident)) -> bool {
    let (guard, mut incident) = (guard(Policy::demo()), incident("standard"));
    let wish = Wish {
        secret: Some("payments/db".into()),
        ..Wish::new(verb)
    };
    let before = guard.summary(&wish, &incident).unwrap().facts;
    assert_eq!(before, guard.summary(&wish, &incident).unwrap().facts);
    told(&mut incident);
    guard.summary(&wish, &incident).unwrap().facts != before
}

fn act(incident: &mut Incident, seconds: i64, action: &str, phase: &str) {
    let told = json!({"action": action, "phase": phase, "actor": "ana", "target": "all",
        "risk": "reversible", "idempotency_key": format!("{action}-{seconds}")});
    tell(incident, seconds, "action", &told);
}

#[test]
fn a_freeze_under_a_question_has_it_asked_anew() {
    for verb in [
        Verb::Freeze,
        Verb::Unfreeze,
        Verb::Rotate,
        Verb::EmergencyRotate,
    ] {
        assert!(
            is_asked_anew(verb, |i| act(i, 1, "freeze", "executed")),
            "{verb}"
        );
        assert!(
            !is_asked_anew(verb, |i| act(i, 1, "freeze", "intended")),
            "{verb}"
        );
        assert!(!is_asked_anew(verb, |i| {
            act(i, 1, "freeze", "executed");
            act(i, 2, "unfreeze", "executed");
        }));
        assert!(
            !is_asked_anew(verb, |i| act(i, 1, "silence", "executed")),
            "{verb}"
        );
    }
}

#[test]
fn another_rotation_of_the_secret_has_a_start_asked_anew() {
    let ended = |i: &mut Incident| {
        tell(i, 1, "rotation.finished", &json!({"outcome": "succeeded"}));
    };
    let other = |i: &mut Incident| {
        let told = json!({"secret": "orders/db", "to_version": "v9"});
        let line = json!({"specversion": "1.0", "id": "o1", "source": "/engine/lab",
            "time": at(2).to_string(), "type": "rotascope.rotation.started",
            "rotationid": "r2", "data": told});
        let event = crate::model::Event::from_json(line.to_string().as_bytes()).unwrap();
        i.apply(&event);
    };
    for verb in [Verb::Rotate, Verb::EmergencyRotate] {
        assert!(is_asked_anew(verb, ended), "{verb}");
        assert!(!is_asked_anew(verb, other), "{verb}: of another secret");
    }
}

#[test]
fn a_summary_says_what_else_runs_and_whom_it_can_break() {
    let (guard, mut incident) = (guard(Policy::demo()), incident("standard"));
    for (n, (service, region, version)) in [
        ("checkout", "eu-1", "v1"),
        ("checkout", "us-2", "v2"),
        ("reports", "us-2", "v1"),
    ]
    .iter()
    .enumerate()
    {
        let told = json!({"consumer": format!("c{n}"), "service": service, "region": region,
            "secret": "payments/db", "version": version, "state": "in_use",
            "identities": [format!("svc-{n}")]});
        tell(
            &mut incident,
            -300 + i64::try_from(n).unwrap(),
            "consumer.version",
            &told,
        );
    }
    for actor in ["svc-0", "cron-legacy"] {
        let told = json!({"actor": actor, "operation": "read", "path": "payments/db",
            "secret": "payments/db", "outcome": "allowed"});
        tell(&mut incident, -200, "audit.entry", &told);
    }
    act(&mut incident, -100, "freeze", "executed");
    let rows = |wish: &Wish| guard.summary(wish, &incident).unwrap().rows;
    let row = |wish: &Wish, label: &str| {
        let row = rows(wish).into_iter().find(|row| row.label == label);
        row.map(|row| row.words).unwrap_or_default()
    };
    let revoke = Wish {
        rotation: Some("r1".into()),
        ..Wish::new(Verb::RevokeNow)
    };
    assert_eq!(
        row(&revoke, "At risk"),
        "2 of 3 were not seen on v2: checkout (eu-1 1), reports (us-2 1)"
    );
    assert_eq!(
        row(&revoke, "Now"),
        "eu-1: 1 on v1 (checkout)   us-2: 1 on v1 (reports), 1 on v2 (checkout)"
    );
    assert_eq!(
        row(&revoke, "Also uses"),
        "cron-legacy (seen in the audit trail alone)"
    );
    assert!(row(&revoke, "State").starts_with("frozen by ana"));
    let rotate = Wish {
        secret: Some("payments/db".into()),
        ..Wish::new(Verb::Rotate)
    };
    assert!(row(&rotate, "State").ends_with("r1 of it runs already, at grace"));
    assert_eq!(
        row(&Wish::new(Verb::Unfreeze), "State"),
        "frozen by ana; one rotation runs"
    );
}

#[test]
fn to_resume_into_the_revocation_is_disruptive() {
    let guard = guard(Policy::demo());
    let mut incident = incident("standard");
    let wish = Wish {
        rotation: Some("r1".into()),
        ..Wish::new(Verb::Resume)
    };
    let summary = guard.summary(&wish, &incident).unwrap();
    assert_eq!(summary.risk, Risk::Disruptive);
    assert_eq!(summary.challenges.name.as_deref(), Some("payments/db"));
    let started = json!({"secret": "orders/db", "from_version": "v1", "to_version": "v2"});
    let line = json!({"specversion": "1.0", "id": "o1", "source": "/engine/lab",
        "time": at(2).to_string(), "type": "rotascope.rotation.started",
        "rotationid": "r2", "data": started});
    incident.apply(&crate::model::Event::from_json(line.to_string().as_bytes()).unwrap());
    let wish = Wish {
        rotation: Some("r2".into()),
        ..Wish::new(Verb::Resume)
    };
    assert_eq!(
        guard.summary(&wish, &incident).unwrap().risk,
        Risk::Reversible
    );
}

fn intents() -> impl Strategy<Value = Intent> {
    let maybe = || proptest::option::of("[a-c]{1,2}");
    (
        proptest::sample::select(Verb::ALL),
        (maybe(), maybe(), maybe(), maybe(), maybe()),
        (
            proptest::option::of(0..3_u64),
            proptest::option::of(0..3_u32),
        ),
        ("[a-c]{1,2}", "[a-c]{1,2}", 0..3_i64, 0..3_i64),
    )
        .prop_map(
            |(verb, names, (seconds, per_minute), (by, key, at_, micros))| {
                let (rotation, secret, region, service, reason) = names;
                let wish = Wish {
                    verb,
                    rotation: rotation.map(Into::into),
                    secret: secret.map(Into::into),
                    region: region.map(Into::into),
                    service: service.map(Into::into),
                    seconds,
                    per_minute,
                };
                let at = at(at_) + Span::micros(micros);
                wish.intent(by.into(), reason.map(Into::into), key, at)
            },
        )
}

proptest! {
    #[test]
    fn intents_have_one_digest_where_they_are_one(a in intents(), b in intents()) {
        prop_assert_eq!(a == b, a.digest() == b.digest());
        let line = crate::model::json::to_line(&a).unwrap();
        let read: Intent = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(read.digest(), a.digest());
    }

    #[test]
    fn an_intent_with_one_field_changed_has_another_digest(a in intents(), field in 0..11_u8) {
        let mut b = a.clone();
        match field {
            0 => b.verb = if a.verb == Verb::Pause { Verb::Resume } else { Verb::Pause },
            1 => b.rotation = Some("other".into()),
            2 => b.secret = Some("other".into()),
            3 => b.region = Some("other".into()),
            4 => b.service = Some("other".into()),
            5 => b.seconds = Some(99),
            6 => b.per_minute = Some(99),
            7 => b.by = "other".into(),
            8 => b.reason = Some("other".into()),
            9 => b.key.push('x'),
            _ => b.at = b.at + Span::micros(7),
        }
        prop_assert_ne!(a.digest(), b.digest());
    }
}
