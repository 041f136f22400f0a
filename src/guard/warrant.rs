//! From what a person answered to the right to do one act once: [`Guard`] makes a [`Claim`] of an
//! answer, a claim makes a [`Warrant`], and nothing else does.

use std::sync::Arc;

use super::about::About;
use super::approval::Judge;
use super::challenge::Challenges;
use super::denied::Flaw;
use super::evaluate::{REASON, WAITS, proof};
use super::once::{Once, OnceError};
use super::people::People;
use super::policy::Policy;
use super::rules::Rules;
use super::signer::Signer;
use super::summary::{Refusal, Summary, summary};
use super::totp::{CodeError, Enrolled, Use};
use crate::incident::Incident;
use crate::model::act::{Answer, Asked, Wish};
use crate::model::intent::Intent;
use crate::model::proof::{Approval, Head, Met, Proof, Signed};
use crate::model::text::is_hidden;
use crate::model::{Actor, Span, Text, Timestamp};

/// A warrant that was not spent by then is void; so is a claim that became none.
const VALID: Span = Span::seconds(60);

/// Why no warrant was made; in words for a person. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// The act makes no sense here, or the policy does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What was seen is not what is.
    #[error("the state has changed since you looked: look again and answer anew")]
    Changed,
    /// Nobody confirmed.
    #[error("it was not confirmed")]
    NotConfirmed,
    /// Another name was typed.
    #[error("the name that was typed is not {0}")]
    OtherName(String),
    /// No reason was given.
    #[error("a reason is needed, of a word or more")]
    NoReason,
    /// The code does not fit.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The code cannot be taken.
    #[error("the code cannot be taken: {0}")]
    Once(#[from] OnceError),
    /// A second person has to approve, and these did not validly.
    #[error("a second person has to approve it{}", flaws(.0))]
    NeedsSecond(Vec<(Actor, Flaw)>),
    /// The warrant came too late.
    #[error("it was confirmed more than a minute ago: look again and answer anew")]
    Expired,
    /// The second person came too late.
    #[error("it waited for more than an hour: look again and answer anew")]
    WaitedTooLong,
}

fn flaws(flaws: &[(Actor, Flaw)]) -> String {
    flaws
        .iter()
        .map(|(by, flaw)| format!("; {by}: {flaw}"))
        .collect()
}

/// The right to do one act once: for this act, this target, this person, within a minute. It is
/// made by [`Claim::warrant`] alone, cannot be copied, and is gone when it is spent.
#[derive(Debug)]
pub struct Warrant {
    signed: Signed,
    until: Timestamp,
}

impl Warrant {
    /// What it is for.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        &self.signed.intent
    }

    /// Spends it.
    ///
    /// # Errors
    /// [`Unmet::Expired`] where it is older than a minute, or from the future.
    pub fn spend(self, now: Timestamp) -> Result<Signed, Unmet> {
        let left = self.until.since(now);
        if left < Span::ZERO || left > VALID {
            return Err(Unmet::Expired);
        }
        Ok(self.signed)
    }
}

/// Makes claims for one person. Where nothing may be done there is none.
#[derive(Clone, Debug)]
pub struct Guard {
    person: Actor,
    signer: Arc<Signer>,
    policy: Arc<Policy>,
    people: Arc<People>,
    enrolled: Enrolled,
}

impl Guard {
    /// The guard of what this person does. `people` may be empty: who is known is then for the
    /// engine to say.
    #[must_use]
    pub fn new(
        person: Actor,
        signer: Arc<Signer>,
        policy: Arc<Policy>,
        people: Arc<People>,
    ) -> Self {
        let known = people
            .by_key(&signer.public())
            .filter(|known| known.name == person);
        let enrolled = known.map(|known| known.enrolled.clone());
        Self {
            person,
            signer,
            policy,
            enrolled: enrolled.unwrap_or_default(),
            people,
        }
    }

    /// The same guard, with what the person's codes are checked against here.
    #[must_use]
    pub fn with_codes(mut self, enrolled: Enrolled) -> Self {
        self.enrolled = enrolled;
        self
    }

    /// Whose guard it is.
    #[must_use]
    pub fn person(&self) -> &Actor {
        &self.person
    }

    /// Signs for them.
    #[must_use]
    pub fn signer(&self) -> Arc<Signer> {
        Arc::clone(&self.signer)
    }

    /// What this person is asked, for whoever draws the question.
    #[must_use]
    pub fn rules(&self) -> Rules {
        let known = self
            .people
            .by_key(&self.signer.public())
            .filter(|known| known.name == self.person);
        Rules {
            person: self.person.clone(),
            roles: known.map(|known| known.roles.clone()).unwrap_or_default(),
            policy: Arc::clone(&self.policy),
        }
    }

    /// What a wish would do, and what this person is asked before it.
    ///
    /// # Errors
    /// [`Refusal`] where it makes no sense here, or the policy does not allow it.
    pub fn summary(&self, wish: &Wish, incident: &Incident) -> Result<Summary, Refusal> {
        summary(wish, incident, &self.rules())
    }

    /// Makes the claim for what was asked, where everything that has to be was answered in view
    /// of the state as it is. `key` names the act for ever; `now` is the person's clock. Nothing
    /// is used up.
    ///
    /// # Errors
    /// [`Unmet`] in words for the person.
    pub fn claim(
        &self,
        asked: &Asked,
        incident: &Incident,
        key: String,
        now: Timestamp,
    ) -> Result<Claim, Unmet> {
        let rules = self.rules();
        let summary = summary(&asked.wish, incident, &rules)?;
        if summary.facts != asked.facts {
            return Err(Unmet::Changed);
        }
        let (mut met, reason) = answered(&summary.challenges, &asked.answer)?;
        let mut uses = None;
        if summary.challenges.code {
            let code = &asked.answer.code;
            uses = Some(self.enrolled.check(&self.person, code, now)?);
            met.code = true;
        }
        let intent = asked.wish.intent(self.person.clone(), reason, key, now);
        let mut proof = proof(&self.signer, &intent, met);
        proof.code = uses.is_some().then(|| asked.answer.code.clone());
        Ok(Claim {
            wish: asked.wish.clone(),
            about: About::of(&asked.wish, incident),
            facts: summary.facts,
            challenges: summary.challenges,
            rules,
            people: Arc::clone(&self.people),
            intent,
            proof,
            uses,
        })
    }
}

/// An act that everything was answered for, but for a second person's approval.
#[derive(Debug)]
pub struct Claim {
    wish: Wish,
    about: About,
    facts: u64,
    challenges: Challenges,
    rules: Rules,
    people: Arc<People>,
    intent: Intent,
    proof: Proof,
    uses: Option<Use>,
}

impl Claim {
    /// What it is for.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        &self.intent
    }

    /// True where a second person has to approve.
    #[must_use]
    pub fn needs_second(&self) -> bool {
        self.challenges.second
    }

    /// What a second person is asked to approve, without an approval.
    #[must_use]
    pub fn request(&self) -> Signed {
        Signed {
            intent: self.intent.clone(),
            proof: Some(self.proof.clone()),
        }
    }

    /// Whether what the person saw is still so: for whoever waited for a second person.
    ///
    /// # Errors
    /// [`Unmet::Changed`], or [`Unmet::Refused`] where the act makes no sense any more.
    pub fn still_holds(&self, incident: &Incident) -> Result<(), Unmet> {
        let now = summary(&self.wish, incident, &self.rules)?;
        if now.facts != self.facts {
            return Err(Unmet::Changed);
        }
        Ok(())
    }

    /// Makes the warrant. `head` is where the journal stands that holds the intent.
    ///
    /// # Errors
    /// [`Unmet`] where it comes too late, no approval counts where one is needed, or the code was
    /// used already; a code is used up only where all else is in order.
    pub fn warrant(
        mut self,
        once: &dyn Once,
        approvals: Vec<Approval>,
        head: Option<Head>,
        now: Timestamp,
    ) -> Result<Warrant, Unmet> {
        self.is_in_time(now)?;
        if self.challenges.second {
            self.approved(&approvals, now)?;
        }
        if let Some(uses) = &self.uses {
            once.take(&uses.to_string())?;
        }
        self.proof.approvals = approvals;
        self.proof.head = head;
        Ok(Warrant {
            signed: Signed {
                intent: self.intent,
                proof: Some(self.proof),
            },
            until: now + VALID,
        })
    }

    fn is_in_time(&self, now: Timestamp) -> Result<(), Unmet> {
        let age = now.since(self.intent.at);
        if age < Span::ZERO || !self.challenges.second && age > VALID {
            return Err(Unmet::Expired);
        }
        if age > WAITS {
            return Err(Unmet::WaitedTooLong);
        }
        Ok(())
    }

    fn approved(&self, approvals: &[Approval], now: Timestamp) -> Result<(), Unmet> {
        let judge = Judge {
            intent: &self.intent,
            asker: &self.proof.key,
            subject: self.about.subject(),
            policy: &self.rules.policy,
            people: &self.people,
            now,
        };
        let mut flaws = Vec::new();
        for approval in approvals {
            match judge.counts(approval) {
                Ok(_) => return Ok(()),
                Err(flaw) => flaws.push((approval.by.clone(), flaw)),
            }
        }
        Err(Unmet::NeedsSecond(flaws))
    }
}

/// What was answered, where all that was asked is; the code aside.
fn answered(asked: &Challenges, answer: &Answer) -> Result<(Met, Option<Text>), Unmet> {
    if asked.confirm && !answer.confirmed {
        return Err(Unmet::NotConfirmed);
    }
    let named = |name: &String| answer.typed.trim() == *name;
    if let Some(name) = asked.name.as_ref().filter(|name| !named(name)) {
        return Err(Unmet::OtherName(name.clone()));
    }
    let reason: String = answer.reason.chars().filter(|c| !is_hidden(*c)).collect();
    let reason = reason.trim();
    let reasoned = reason.chars().count() >= REASON;
    if asked.reason && !reasoned {
        return Err(Unmet::NoReason);
    }
    let met = Met {
        confirmed: answer.confirmed,
        named: asked.name.is_some(),
        reasoned,
        code: false,
    };
    Ok((met, (!reason.is_empty()).then(|| Text::from(reason))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Memory;
    use crate::model::Event;
    use crate::model::act::Wish;
    use crate::model::intent::Verb;
    use serde_json::json;

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
        assert_eq!(
            row("Now").words,
            "eu-1: 1 on v1 (checkout), 2 on v2 (checkout)"
        );
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
            let summary = super::summary(&wish, &incident, &rules()).unwrap();
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
}
