//! The warrant: the right to do one act once, within a minute.

use super::summary::{Challenge, Refusal, summary};
use crate::incident::Incident;
use crate::model::act::{Answer, Asked};
use crate::model::intent::Intent;
use crate::model::text::is_hidden;
use crate::model::{Actor, Span, Text, Timestamp};

/// A warrant that was not spent by then is void.
const VALID: Span = Span::seconds(60);

/// The fewest characters of a reason.
const REASON: usize = 4;

/// Why no warrant was made; in words for a person. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// The act makes no sense here.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What was seen is not what is.
    #[error("the rotation has moved since you looked: look again and answer anew")]
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
    /// The warrant came too late.
    #[error("it was confirmed more than a minute ago: look again and answer anew")]
    Expired,
}

/// The right to do one act once: for this act, this target, this person, within a minute. It is
/// made by [`Guard::grant`] alone, cannot be copied, and is gone when it is spent.
#[derive(Debug)]
pub struct Warrant {
    intent: Intent,
    until: Timestamp,
}

impl Warrant {
    /// What it is for.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        &self.intent
    }

    /// Spends it.
    ///
    /// # Errors
    /// [`Unmet::Expired`] where it is older than a minute, or from the future.
    pub fn spend(self, now: Timestamp) -> Result<Intent, Unmet> {
        let left = self.until.since(now);
        if left < Span::ZERO || left > VALID {
            return Err(Unmet::Expired);
        }
        Ok(self.intent)
    }
}

/// Makes warrants for one person. Where nothing may be done there is none.
#[derive(Clone, Debug)]
pub struct Guard {
    person: Actor,
}

impl Guard {
    /// The guard of what this person does.
    #[must_use]
    pub fn of(person: Actor) -> Self {
        Self { person }
    }

    /// Whose guard it is.
    #[must_use]
    pub fn person(&self) -> &Actor {
        &self.person
    }

    /// Makes the warrant for what was asked, where everything that has to be was answered in
    /// view of the state as it is. `key` names the act for ever; `now` is the person's clock.
    ///
    /// # Errors
    /// [`Unmet`] in words for the person.
    pub fn grant(
        &self,
        asked: &Asked,
        incident: &Incident,
        key: String,
        now: Timestamp,
    ) -> Result<Warrant, Unmet> {
        let summary = summary(&asked.wish, incident)?;
        if summary.facts != asked.facts {
            return Err(Unmet::Changed);
        }
        let reason = answered(&summary.challenge, &asked.answer)?;
        let intent = asked.wish.intent(self.person.clone(), reason, key, now);
        Ok(Warrant {
            intent,
            until: now + VALID,
        })
    }
}

/// The reason that was given, where all that was asked is answered.
fn answered(challenge: &Challenge, answer: &Answer) -> Result<Option<Text>, Unmet> {
    let (name, needs_reason) = match challenge {
        Challenge::Nothing | Challenge::Confirm => (None, false),
        Challenge::Name(name) => (Some(name), false),
        Challenge::NameAndReason(name) => (Some(name), true),
    };
    if *challenge != Challenge::Nothing && !answer.confirmed {
        return Err(Unmet::NotConfirmed);
    }
    if let Some(name) = name.filter(|name| answer.typed.trim() != **name) {
        return Err(Unmet::OtherName(name.clone()));
    }
    let reason: String = answer.reason.chars().filter(|c| !is_hidden(*c)).collect();
    let reason = reason.trim();
    if needs_reason && reason.chars().count() < REASON {
        return Err(Unmet::NoReason);
    }
    Ok((!reason.is_empty()).then(|| Text::from(reason)))
}

#[cfg(test)]
mod tests {
    use super::*;
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
            facts: summary(&wish, incident).unwrap().facts,
            wish,
            answer,
        }
    }

    fn answer(confirmed: bool, typed: &str, reason: &str) -> Answer {
        Answer {
            confirmed,
            typed: typed.to_owned(),
            reason: reason.to_owned(),
        }
    }

    fn grant(asked: &Asked, incident: &Incident) -> Result<Warrant, Unmet> {
        Guard::of("mira".into()).grant(asked, incident, "k1".to_owned(), at(100))
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
        let intent = spent(160).unwrap();
        assert_eq!((intent.by.raw(), intent.key.as_str()), ("mira", "k1"));
        assert_eq!(intent.seconds, Some(600));
        assert_eq!(spent(161), Err(Unmet::Expired));
        assert_eq!(spent(99), Err(Unmet::Expired), "a clock that was set back");
    }

    #[test]
    fn the_summary_says_who_is_where_who_shares_and_how_to_undo() {
        let incident = incident();
        let wish = asked(Verb::Rollback, &incident, Answer::default()).wish;
        let summary = summary(&wish, &incident).unwrap();
        assert_eq!(summary.title, "Roll back payments/db to v1");
        let row = |label| summary.rows.iter().find(|r| r.label == label).unwrap();
        assert_eq!(row("Now").words, "eu-1: 1 on v1, 2 on v2");
        assert_eq!(row("Also uses").words, "reports (same credential)");
        assert!(row("Happens").words.starts_with("3 consumers of checkout"));
        assert!(row("Undo").words.contains("forward"));
        for verb in Verb::ALL {
            let wish = Wish {
                verb: *verb,
                ..wish.clone()
            };
            let summary = super::summary(&wish, &incident).unwrap();
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
        let why =
            |wish: &Wish, incident: &Incident| summary(wish, incident).unwrap_err().to_string();
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
