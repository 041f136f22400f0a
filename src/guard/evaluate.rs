//! The engine's side of the guard: whether an act that came is allowed.
//!
//! 1. A proof whose key is known is a person's; it fits the act, or nothing is done.
//! 2. Without a proof, or with one of a key that nobody knows, an act is what a bearer token asks
//!    for: confirmed, and nothing else.
//! 3. What was answered is at least what the policy asks for. A code is checked here where the
//!    person is enrolled here; else the signed word that it was checked counts, as for the name.
//! 4. An approval is judged where one is asked for.
//! 5. A code is checked last, so that nothing that is refused uses it up; and tries are counted,
//!    so that nobody guesses it.

use super::approval::Judge;
use super::case::{Case, Subject, risk};
use super::denied::Denied;
use super::once::Once;
use super::people::{People, Person};
use super::policy::{Decision, Policy, must_be_signed};
use super::signer::Signer;
use super::totp::{CodeError, TryError, is_code, may_try};
use crate::model::event::Risk;
use crate::model::intent::Intent;
use crate::model::proof::{Code, Digest, Met, Proof, Signed};
use crate::model::{Actor, Span, Timestamp};

/// What proofs are signed in.
const DOMAIN: &str = "proof v1";

/// So far the clocks of a person and the engine may be apart.
const APART: Span = Span::seconds(300);

/// So long an act may wait for a second person.
pub const WAITS: Span = Span::seconds(3600);

/// The fewest characters of a reason.
pub const REASON: usize = 4;

/// An act that is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluated {
    /// Whose act it is; `None` where a bearer token alone asked for it.
    pub person: Option<Actor>,
    /// How much it risks.
    pub risk: Risk,
    /// Who approved it.
    pub approved_by: Vec<Actor>,
    /// The policies that allow it.
    pub because: Vec<String>,
}

/// An act of which all but the approval and the code is in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Whose act it is; `None` where a bearer token alone asks for it.
    pub person: Option<Actor>,
    /// How much it risks.
    pub risk: Risk,
    /// What the policy asks for.
    pub decision: Decision,
    /// The moment by which its code is to be checked, where it is checked here.
    checks: Option<Timestamp>,
}

fn proven(intent: &Digest, met: Met) -> [u8; 36] {
    let Met {
        confirmed,
        named,
        reasoned,
        code,
    } = met;
    let mut bytes = [0; 36];
    let met = [confirmed, named, reasoned, code].map(u8::from);
    let all = intent.as_bytes().iter().chain(&met);
    for (to, from) in bytes.iter_mut().zip(all) {
        *to = *from;
    }
    bytes
}

/// Examines an act without its approvals, and whether its code is one, not whether it fits: what a
/// request for a second person must pass, and what an act must pass first. Nothing is used up, and
/// nothing is told that helps to guess.
///
/// # Errors
/// [`Denied`] in words for the person; never [`Denied::NeedsSecond`].
pub fn examine(
    signed: &Signed,
    subject: &Subject<'_>,
    policy: &Policy,
    people: &People,
    now: Timestamp,
) -> Result<Examined, Denied> {
    let intent = &signed.intent;
    let known = signed
        .proof
        .as_ref()
        .map(|proof| (proof, people.by_key(&proof.key)));
    match known {
        Some((proof, Some(person))) => of_person(intent, proof, person, subject, policy, now),
        Some((_, None)) if must_be_signed(&risk(intent.verb, subject)) => Err(Denied::UnknownKey),
        _ => of_bearer(intent, subject, policy),
    }
}

fn case<'a>(intent: &'a Intent, person: Option<&'a Person>, subject: &Subject<'a>) -> Case<'a> {
    Case {
        person: person.map(|person| &person.name),
        roles: person.map_or(&[], |person| &person.roles),
        verb: intent.verb,
        region: intent.region.as_ref(),
        subject: *subject,
        signed: person.is_some(),
    }
}

fn of_bearer(intent: &Intent, subject: &Subject<'_>, policy: &Policy) -> Result<Examined, Denied> {
    let case = case(intent, None, subject);
    let decision = policy.decide(&case)?;
    let met = Met {
        confirmed: true,
        ..Met::default()
    };
    let mut lacking = decision.challenges.lacking(&met);
    if decision.challenges.second {
        lacking.push("a second person");
    }
    if !lacking.is_empty() {
        return Err(Denied::Lacking(lacking));
    }
    Ok(Examined {
        person: None,
        risk: case.risk(),
        decision,
        checks: None,
    })
}

fn of_person(
    intent: &Intent,
    proof: &Proof,
    person: &Person,
    subject: &Subject<'_>,
    policy: &Policy,
    now: Timestamp,
) -> Result<Examined, Denied> {
    if person.name != intent.by {
        return Err(Denied::NotTheirKey(intent.by.clone()));
    }
    let bytes = proven(&intent.digest(), proof.met);
    if !Signer::verify(&proof.key, DOMAIN, &bytes, &proof.signature) {
        return Err(Denied::Forged);
    }
    let case = case(intent, Some(person), subject);
    let decision = policy.decide(&case)?;
    let asked = &decision.challenges;
    timely(intent.at, now, asked.second)?;
    let reasoned = intent
        .reason
        .as_ref()
        .is_some_and(|reason| reason.raw().trim().chars().count() >= REASON);
    let met = Met {
        reasoned: proof.met.reasoned && reasoned,
        ..proof.met
    };
    let lacking = asked.lacking(&met);
    if !lacking.is_empty() {
        return Err(Denied::Lacking(lacking));
    }
    let mut checks = None;
    if asked.code && !person.enrolled.is_empty() {
        is_code(proof.code.as_ref().unwrap_or(&Code::default()))?;
        // Who waited for a second person gave the code before that.
        checks = Some(if asked.second { intent.at } else { now });
    }
    Ok(Examined {
        person: Some(person.name.clone()),
        risk: case.risk(),
        decision,
        checks,
    })
}

fn timely(at: Timestamp, now: Timestamp, waits: bool) -> Result<(), Denied> {
    let age = now.since(at);
    let oldest = if waits { WAITS } else { APART };
    let minutes = age.abs().as_seconds() / 60;
    if age > oldest {
        return Err(Denied::Untimely(format!("{minutes} min ago")));
    }
    if age < Span::ZERO - APART {
        return Err(Denied::Untimely(format!("{minutes} min in the future")));
    }
    Ok(())
}

/// Whether an act that came is allowed. The same act that comes a second time is for its
/// idempotency key to find, before this is asked: its code is used up.
///
/// `now` is the world's moment, not that of a lab.
///
/// # Errors
/// [`Denied`] in words for the person; nothing is used up then, but where [`Denied::Once`] says
/// so.
pub fn evaluate(
    signed: &Signed,
    subject: &Subject<'_>,
    policy: &Policy,
    people: &People,
    once: &dyn Once,
    now: Timestamp,
) -> Result<Evaluated, Denied> {
    let examined = examine(signed, subject, policy, people, now)?;
    let mut approved_by = Vec::new();
    if let (true, Some(proof)) = (examined.decision.challenges.second, &signed.proof) {
        let judge = Judge {
            intent: &signed.intent,
            asker: &proof.key,
            subject: *subject,
            policy,
            people,
            now,
        };
        approved_by = approvers(&judge, proof)?;
    }
    if let (Some(moment), Some(proof)) = (examined.checks, &signed.proof) {
        let person = people.by_key(&proof.key).ok_or(Denied::UnknownKey)?;
        use_up(person, proof, moment, once, now)?;
    }
    Ok(Evaluated {
        person: examined.person,
        risk: examined.risk,
        approved_by,
        because: examined.decision.because,
    })
}

/// Checks a code and uses it up.
fn use_up(
    person: &Person,
    proof: &Proof,
    moment: Timestamp,
    once: &dyn Once,
    now: Timestamp,
) -> Result<(), Denied> {
    let code = proof.code.clone().unwrap_or_default();
    may_try(&person.name, &code, once, now).map_err(|error| match error {
        TryError::TooMany => Denied::Code(CodeError::TooMany),
        TryError::Once(error) => Denied::Once(error),
    })?;
    let uses = person.enrolled.check(&person.name, &code, moment);
    let uses = uses.map_err(|error| match error {
        // Whoever guesses would learn which code is good an hour from now.
        CodeError::Clock(apart) if apart.is_to_come() => CodeError::Wrong,
        error => error,
    })?;
    once.take(&uses.to_string())?;
    Ok(())
}

fn approvers(judge: &Judge<'_>, proof: &Proof) -> Result<Vec<Actor>, Denied> {
    let (mut by, mut flaws) = (Vec::new(), Vec::new());
    for approval in &proof.approvals {
        match judge.counts(approval) {
            Ok(person) => by.push(person),
            Err(flaw) => flaws.push((approval.by.clone(), flaw)),
        }
    }
    if by.is_empty() {
        return Err(Denied::NeedsSecond(flaws));
    }
    Ok(by)
}

/// A proof of an intent, of a person's own key.
pub(super) fn proof(signer: &Signer, intent: &Intent, met: Met) -> Proof {
    Proof {
        key: signer.public(),
        met,
        signature: signer.sign(DOMAIN, &proven(&intent.digest(), met)),
        code: None,
        approvals: Vec::new(),
        head: None,
    }
}
