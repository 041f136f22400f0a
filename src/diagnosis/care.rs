//! Who looks after a finding, and until when nobody is to be told of it: what people said by
//! `acknowledge` and `silence`, as the backends tell of these acts.
//!
//! 1. A word counts for what had been found when it was said: whoever said it cannot have meant
//!    what came later.
//! 2. It counts for a finding about the rotation that the act names; where it names none, for
//!    findings that no rotation explains, of the service that it names.
//! 3. The last silence counts, also where it is shorter than one before it.
//! 4. A silence keeps nothing off the screen.

use crate::incident::{Act, Incident};
use crate::model::event::ActionPhase;
use crate::model::intent::Verb;
use crate::model::{Actor, Timestamp};

use super::Finding;

/// Every such word of an incident.
#[derive(Clone, Debug, Default)]
pub struct Cares {
    /// What was said, in the order of time.
    words: Vec<(Verb, Act)>,
}

/// What was said of one finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Care {
    /// Who looks after it, and since when.
    pub by: Option<(Actor, Timestamp)>,
    /// Who silenced it, and until when.
    pub silent: Option<(Actor, Timestamp)>,
}

impl Care {
    /// True where nobody is to be told of it now.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.silent.is_some()
    }
}

impl Cares {
    /// What was said by the moment of this incident.
    #[must_use]
    pub fn of(incident: &Incident) -> Self {
        let words = incident.acts().filter_map(|act| {
            let verb = Verb::named(&act.action.action)?;
            let said = act.action.phase == ActionPhase::Executed;
            (said && verb.is_about_a_finding()).then(|| (verb, act.clone()))
        });
        Self {
            words: words.collect(),
        }
    }

    /// What was said of a finding, as it holds at `now`.
    #[must_use]
    pub fn about(&self, finding: &Finding, incident: &Incident, now: Timestamp) -> Care {
        let mut care = Care::default();
        let meant = self.words.iter().filter(|(_, act)| {
            act.at >= finding.detected_at && act.at <= now && is_about(act, finding, incident)
        });
        for (verb, act) in meant {
            let by = act.action.actor.clone();
            match verb {
                Verb::Acknowledge => care.by = Some((by, act.at)),
                _ => care.silent = act.action.until.map(|until| (by, until)),
            }
        }
        care.silent = care.silent.filter(|(_, until)| *until > now);
        care
    }
}

fn is_about(act: &Act, finding: &Finding, incident: &Incident) -> bool {
    match (&finding.rotation, &act.rotation) {
        (Some(one), Some(other)) => {
            let shown = |id| incident.canonical(id);
            one == other || shown(one).is_some_and(|id| shown(other) == Some(id))
        }
        (None, None) => finding
            .services
            .iter()
            .any(|service| service.raw() == act.action.target.raw()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::diagnosis::Mode;
    use crate::model::event::Severity;
    use crate::model::{Event, Span, Text};

    fn finding(rotation: Option<&str>, service: &str, at: i64) -> Finding {
        Finding {
            mode: rotation.map_or(Mode::Unattributed, |_| Mode::F1),
            rotation: rotation.map(Into::into),
            secret: None,
            services: BTreeSet::from([service.into()]),
            regions: BTreeSet::new(),
            detected_at: Timestamp::new(at, 0),
            resolved_at: None,
            severity: Severity::Page,
            suppressed: false,
            confidence: 0.9,
            evidence: Vec::new(),
            ruled_out: Vec::new(),
            cannot_know: Vec::new(),
        }
    }

    /// An act that was executed at a second.
    fn said(
        verb: &str,
        rotation: Option<&str>,
        target: &str,
        at: i64,
        until: Option<i64>,
    ) -> Event {
        let time = Timestamp::new(at, 0);
        let mut event = serde_json::json!({
            "specversion": "1.0", "id": format!("{verb}{at}"), "source": "/engine/e",
            "type": "rotascope.action", "time": time, "subject": target,
            "data": {"action": verb, "phase": "executed", "actor": "mira", "target": target,
                     "idempotency_key": format!("{verb}-{at}")},
        });
        if let Some(id) = rotation {
            event["rotationid"] = id.into();
        }
        if let Some(until) = until {
            event["data"]["until"] = serde_json::to_value(Timestamp::new(until, 0)).unwrap();
        }
        Event::from_json(event.to_string().as_bytes()).unwrap()
    }

    fn care(events: &[Event], finding: &Finding, now: i64) -> Care {
        let mut incident = Incident::default();
        for event in events {
            incident.apply(event);
        }
        let now = Timestamp::new(now, 0);
        Cares::of(&incident).about(finding, &incident, now)
    }

    #[test]
    fn a_silence_ends_and_covers_only_what_had_been_found() {
        let events = [said("silence", Some("r1"), "r1", 100, Some(400))];
        let found = finding(Some("r1"), "checkout", 90);
        assert!(care(&events, &found, 399).is_silent());
        assert!(!care(&events, &found, 400).is_silent(), "it ends");
        assert!(!care(&events, &found, 99).is_silent(), "before it was said");
        let later = finding(Some("r1"), "checkout", 101);
        assert!(!care(&events, &later, 200).is_silent(), "nobody meant that");
        let other = finding(Some("r2"), "checkout", 90);
        assert!(!care(&events, &other, 200).is_silent());
    }

    #[test]
    fn the_last_silence_counts() {
        let events = [
            said("silence", Some("r1"), "r1", 100, Some(4_000)),
            said("silence", Some("r1"), "r1", 110, Some(170)),
        ];
        let found = finding(Some("r1"), "checkout", 90);
        let care = care(&events, &found, 120);
        let until = care.silent.unwrap().1;
        assert_eq!(until, Timestamp::new(110, 0) + Span::seconds(60));
    }

    #[test]
    fn what_no_rotation_explains_is_acknowledged_by_its_service() {
        let events = [said("acknowledge", None, "quotes", 100, None)];
        let of = |rotation, service| care(&events, &finding(rotation, service, 90), 120).by;
        let (by, since) = of(None, "quotes").unwrap();
        assert_eq!(by.raw(), Text::from("mira").raw());
        assert_eq!(since, Timestamp::new(100, 0));
        assert_eq!(of(None, "search"), None);
        assert_eq!(of(Some("r1"), "quotes"), None);
    }
}
