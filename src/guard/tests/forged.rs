//! Forged approvals and altered acts: none is accepted, and none uses up a code.

use super::world::{
    ALL, ANA, BEN, MIRA, MIRA_TOO, OLGA, ROB, STRANGER, at, intent, once, people, secret, signed,
    signer,
};
use crate::guard::{Denied, Flaw, OnceError, Policy, approve, evaluate};
use crate::model::event::Tier;
use crate::model::intent::{Intent, Verb};
use crate::model::proof::{Approval, Met, Signature, Signed};
use crate::model::{Actor, Span, Timestamp};

const TEN_MINUTES: Span = Span::seconds(600);

fn approval(by: &str, seed: u8) -> Approval {
    approve(&intent(), by.into(), &signer(seed), at(5), TEN_MINUTES)
}

/// What the engine says a minute after the asking, of an act with this approval.
fn said(with: Approval) -> Result<Vec<Actor>, Denied> {
    let mut signed = signed(intent(), MIRA, ALL);
    signed.proof.as_mut().unwrap().approvals = vec![with];
    let once = once();
    let secret = secret(Tier::Critical);
    let asked = |signed: &Signed| {
        let (policy, people) = (Policy::standard(), people());
        evaluate(signed, &secret.subject(), &policy, &people, &once, at(60))
    };
    let said = asked(&signed).map(|evaluated| evaluated.approved_by);
    if said.is_err() {
        // The code is still good: a valid approval goes through with it.
        signed.proof.as_mut().unwrap().approvals = vec![approval("ana", ANA)];
        assert!(asked(&signed).is_ok());
        assert_eq!(asked(&signed), Err(Denied::Once(OnceError::Already)));
    }
    said
}

/// Ana's approval with something in it changed afterwards.
fn altered(change: impl FnOnce(&mut Approval)) -> Approval {
    let mut approval = approval("ana", ANA);
    change(&mut approval);
    approval
}

/// Ana's valid approval of another intent.
fn of_another(change: impl FnOnce(&mut Intent)) -> Approval {
    let mut other = intent();
    change(&mut other);
    approve(&other, "ana".into(), &signer(ANA), at(5), TEN_MINUTES)
}

/// Ana's approval from one moment to another.
fn timed(from: Timestamp, span: Span) -> Approval {
    approve(&intent(), "ana".into(), &signer(ANA), from, span)
}

/// Ana's approval with another signature of hers.
fn signed_as(domain: &str, bytes: &[u8]) -> Approval {
    altered(|approval| approval.signature = signer(ANA).sign(domain, bytes))
}

fn flip(signature: &Signature, byte: usize) -> Signature {
    let mut bytes = *signature.as_bytes();
    bytes[byte] ^= 1;
    Signature::new(bytes)
}

/// By whom: oneself under any name and key, strangers, names and keys that do not belong together,
/// persons who may not.
fn by_the_wrong_person() -> Vec<(&'static str, Approval)> {
    vec![
        ("oneself", approval("mira", MIRA)),
        ("oneself by the other key", approval("mira", MIRA_TOO)),
        ("one's own key in another's name", approval("ana", MIRA)),
        (
            "one's other key in another's name",
            approval("ana", MIRA_TOO),
        ),
        ("another's key in one's own name", approval("mira", ANA)),
        (
            "a stranger's key in one's own name",
            approval("mira", STRANGER),
        ),
        (
            "a stranger's key in a known name",
            approval("ana", STRANGER),
        ),
        ("a stranger", approval("eve", STRANGER)),
        ("a known key in another known name", approval("ana", BEN)),
        ("a known key in an unknown name", approval("eve", ANA)),
        ("the name in capitals", approval("ANA", ANA)),
        ("the name with a space", approval("ana ", ANA)),
        (
            "the name with a hidden character",
            approval("ana\u{200b}", ANA),
        ),
        ("no name", approval("", ANA)),
        ("a person without the role", approval("rob", ROB)),
        (
            "a person whom another policy forbids it",
            approval("olga", OLGA),
        ),
    ]
}

/// Signed by the right person, and changed afterwards.
fn changed_afterwards() -> Vec<(&'static str, Approval)> {
    let other = of_another(|intent| intent.key = "k2".to_owned());
    vec![
        ("by", altered(|a| a.by = "ben".into())),
        ("key", altered(|a| a.key = signer(BEN).public())),
        (
            "by and key",
            altered(|a| {
                a.by = "ben".into();
                a.key = signer(BEN).public();
            }),
        ),
        ("intent", altered(|a| a.intent = other.intent)),
        ("at", altered(|a| a.at = at(6))),
        ("at, a day before", altered(|a| a.at = at(-86_400))),
        ("until", altered(|a| a.until = at(606))),
        ("until, an hour later", altered(|a| a.until = at(3605))),
        (
            "signature, first byte",
            altered(|a| a.signature = flip(&a.signature, 0)),
        ),
        (
            "signature, last byte",
            altered(|a| a.signature = flip(&a.signature, 63)),
        ),
        (
            "no signature",
            altered(|a| a.signature = Signature::new([0; 64])),
        ),
        (
            "the signature of another approval",
            altered(|a| a.signature = other.signature),
        ),
        (
            "a signature of the digest alone",
            signed_as("", intent().digest().as_bytes()),
        ),
        (
            "a signature of another domain",
            signed_as("proof v1", intent().digest().as_bytes()),
        ),
        ("the digest of another act with its digest put back", {
            let mut other = other.clone();
            other.intent = intent().digest();
            other
        }),
    ]
}

fn at_the_wrong_time() -> Vec<(&'static str, Approval)> {
    vec![
        ("expired a second ago", timed(at(0), Span::seconds(59))),
        ("expired a day ago", timed(at(-86_400), TEN_MINUTES)),
        ("from the future", timed(at(600), TEN_MINUTES)),
        ("for no time", timed(at(60), Span::ZERO)),
        ("until before it began", timed(at(60), Span::seconds(-5))),
    ]
}

/// The right person's valid approval, of another act.
fn of_another_act() -> Vec<(&'static str, Approval)> {
    vec![
        ("verb", of_another(|i| i.verb = Verb::EmergencyRotate)),
        ("rotation", of_another(|i| i.rotation = Some("r2".into()))),
        ("no rotation", of_another(|i| i.rotation = None)),
        (
            "secret",
            of_another(|i| i.secret = Some("payments/db".into())),
        ),
        ("region", of_another(|i| i.region = Some("eu-1".into()))),
        (
            "service",
            of_another(|i| i.service = Some("checkout".into())),
        ),
        ("seconds", of_another(|i| i.seconds = Some(0))),
        ("pace", of_another(|i| i.per_minute = Some(1))),
        ("by", of_another(|i| i.by = "rob".into())),
        (
            "reason",
            of_another(|i| i.reason = Some("it leaked.".into())),
        ),
        ("no reason", of_another(|i| i.reason = None)),
        (
            "the same act again",
            of_another(|i| i.key = "k2".to_owned()),
        ),
        (
            "a microsecond later",
            of_another(|i| i.at = i.at + Span::micros(1)),
        ),
    ]
}

/// What `scripts/prove-guard` is run for.
fn say(words: &str) {
    use std::io::Write as _;
    let _ = std::io::stderr().write_all(format!("{words}\n").as_bytes());
}

#[test]
fn no_forged_approval_is_accepted() {
    assert_eq!(said(approval("ana", ANA)), Ok(vec!["ana".into()]));
    assert_eq!(said(approval("ben", BEN)), Ok(vec!["ben".into()]));
    let forged = [
        by_the_wrong_person(),
        changed_afterwards(),
        at_the_wrong_time(),
        of_another_act(),
    ];
    let mut tried = 0;
    for (what, approval) in forged.into_iter().flatten() {
        let said = said(approval);
        assert!(
            matches!(said, Err(Denied::NeedsSecond(_))),
            "{what}: {said:?}"
        );
        tried += 1;
    }
    assert!(tried >= 40, "{tried} forged approvals");
    say(&format!("forged approvals {tried} accepted 0"));
}

#[test]
fn why_an_approval_does_not_count_is_said() {
    let flaw = |approval| match said(approval) {
        Err(Denied::NeedsSecond(flaws)) => flaws[0].1.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(flaw(approval("mira", MIRA)), Flaw::Own);
    assert_eq!(flaw(approval("ana", MIRA_TOO)), Flaw::NotTheirKey);
    assert_eq!(flaw(approval("ana", STRANGER)), Flaw::UnknownKey);
    assert_eq!(flaw(approval("ana", BEN)), Flaw::NotTheirKey);
    assert_eq!(flaw(altered(|a| a.until = at(700))), Flaw::Forged);
    assert_eq!(flaw(timed(at(0), Span::seconds(59))), Flaw::Expired);
    assert_eq!(flaw(timed(at(600), TEN_MINUTES)), Flaw::NotYet);
    assert_eq!(flaw(of_another(|i| i.seconds = Some(9))), Flaw::OtherIntent);
    let forbidden = flaw(approval("olga", OLGA)).to_string();
    assert!(forbidden.contains("observers-only-look"), "{forbidden}");
    let words = said(approval("mira", MIRA)).unwrap_err().to_string();
    assert!(
        words.contains("mira's approval does not count: nobody approves their own"),
        "{words}"
    );
}

/// What the engine says of an act of a standard secret that was changed after it was signed.
fn changed(change: impl FnOnce(&mut Signed)) -> Denied {
    let mut signed = signed(intent(), MIRA, ALL);
    change(&mut signed);
    let (policy, people) = (Policy::standard(), people());
    let secret = secret(Tier::Standard);
    evaluate(&signed, &secret.subject(), &policy, &people, &once(), at(1)).unwrap_err()
}

#[test]
fn an_act_that_was_changed_after_it_was_signed_is_refused() {
    let changes: Vec<fn(&mut Signed)> = vec![
        |s| s.intent.verb = Verb::EmergencyRotate,
        |s| s.intent.rotation = Some("r2".into()),
        |s| s.intent.secret = Some("orders/db".into()),
        |s| s.intent.region = Some("eu-1".into()),
        |s| s.intent.service = Some("checkout".into()),
        |s| s.intent.seconds = Some(1),
        |s| s.intent.per_minute = Some(1),
        |s| s.intent.reason = Some("for fun".into()),
        |s| s.intent.key = "k2".to_owned(),
        |s| s.intent.at = at(1),
        |s| s.proof.as_mut().unwrap().met = Met::default(),
        |s| s.proof.as_mut().unwrap().key = signer(MIRA_TOO).public(),
        |s| {
            let proof = s.proof.as_mut().unwrap();
            proof.signature = flip(&proof.signature, 40);
        },
    ];
    for (n, change) in changes.into_iter().enumerate() {
        assert_eq!(changed(change), Denied::Forged, "change {n}");
    }
    let to_rob = |s: &mut Signed| s.intent.by = "rob".into();
    assert_eq!(changed(to_rob), Denied::NotTheirKey("rob".into()));
    let strange = |s: &mut Signed| s.proof.as_mut().unwrap().key = signer(STRANGER).public();
    assert_eq!(changed(strange), Denied::UnknownKey);
    let bare = |s: &mut Signed| s.proof = None;
    assert!(matches!(changed(bare), Denied::Unsigned(_)));
}

#[test]
fn an_act_from_another_time_is_refused() {
    let at_time = |seconds| {
        let signed = signed(intent(), MIRA, ALL);
        let (policy, people) = (Policy::demo(), people());
        let secret = secret(Tier::Standard);
        evaluate(
            &signed,
            &secret.subject(),
            &policy,
            &people,
            &once(),
            at(seconds),
        )
        .map(|_| ())
    };
    assert_eq!(at_time(299), Ok(()));
    assert_eq!(at_time(-299), Ok(()));
    for seconds in [301, -301, 86_400] {
        assert!(
            matches!(at_time(seconds), Err(Denied::Untimely(_))),
            "{seconds}"
        );
    }
}
