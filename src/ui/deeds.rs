//! What persons did about a rotation and what each act brought about, in words: of a session and
//! of a recording too.

use std::sync::Arc;

use crate::diagnosis::{Aftermath, Done, aftermath};
use crate::incident::{Act, Rotation};
use crate::model::act::ActNote;
use crate::model::event::ActionPhase;
use crate::model::intent::Verb;
use crate::model::{Text, Timestamp};

use super::desk::Desk;
use super::news;

/// What persons did about it, the latest first, and what that brought about.
pub fn of(desk: &Desk, rotation: &Rotation) -> Vec<(Timestamp, String)> {
    let mut all: Vec<&Act> = desk
        .state
        .incident
        .acts()
        .filter(|act| act.rotation.as_ref() == Some(&rotation.id))
        .collect();
    let mine = desk.state.live.as_ref().map(|live| Arc::clone(&live.acts));
    let mine = mine.unwrap_or_default();
    let named = |note: &&ActNote| {
        let secret = rotation.secret.as_ref().map(|secret| &secret.0);
        secret == Some(&note.target) || rotation.id.0 == note.target
    };
    let known: Vec<&ActNote> = mine.iter().filter(named).collect();
    // An act of this session is told of by its backend too, under the same key.
    all.retain(|act| {
        let key = &act.action.idempotency_key;
        !known
            .iter()
            .any(|note| *key == Text::from(note.key.as_str()))
    });
    let mut said: Vec<(Timestamp, String)> = Vec::new();
    for note in known {
        let brought = desk.digest.after.of(&note.key);
        let brought = brought.map(|after| news::said(after, |act| Desk::can(Some(rotation), act)));
        said.push((note.at, entry(news::standing(note), brought)));
    }
    for act in all {
        let action = &act.action;
        let brought = brought_about(desk, act);
        let brought = brought.map(|after| news::said(&after, |act| Desk::can(Some(rotation), act)));
        let what = format!("{} by {}: {}", action.action, action.actor, action.phase);
        said.push((act.first_at, entry(what, brought)));
    }
    said.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    said
}

fn entry(what: String, brought: Option<String>) -> String {
    match brought {
        Some(brought) => format!("{what}, {brought}"),
        None => what,
    }
}

/// What an act that a backend told of brought about.
fn brought_about(desk: &Desk, act: &Act) -> Option<Aftermath> {
    if act.action.phase != ActionPhase::Executed {
        return None;
    }
    let done = Done {
        verb: Verb::named(&act.action.action)?,
        target: &act.action.target,
        at: act.first_at,
    };
    let findings = &desk.state.known.findings;
    aftermath(done, &desk.state.incident, findings, desk.now()?)
}
