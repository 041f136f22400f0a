//! What became of acts: what of it is news to the person, and in which words. The state comes
//! first, since that is what a person looks for; what an act brought about stands behind it.

use crate::diagnosis::{Aftermath, Verdict};
use crate::model::act::{ActNote, ActState};
use crate::model::intent::Outcome;
use crate::model::text::shown;
use crate::model::{Span, Timestamp};

use super::digest::After;
use super::fit::{Clock, countdown};
use super::saying;
use super::theme::Role;

/// Longer than this no second person is waited for: another clock was meant.
const LONGEST: Span = Span::seconds(24 * 3600);

/// What of acts has been read: how each stood then.
#[derive(Debug, Default)]
pub struct Read(Vec<(String, ActState, Option<Told>)>);

/// A verdict that is news by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Healed,
    NotHealed,
    Worse,
}

fn told(after: Option<&Aftermath>) -> Option<Told> {
    match after?.verdict {
        Verdict::Healed(_) => Some(Told::Healed),
        Verdict::NoEffect(_) | Verdict::Partly(_) => Some(Told::NotHealed),
        Verdict::Worse => Some(Told::Worse),
        Verdict::Falling | Verdict::TooEarly | Verdict::TooFew | Verdict::Same => None,
    }
}

/// What the person does not know yet of one act.
#[derive(Clone, Copy, Debug)]
pub struct News<'a> {
    /// The act.
    pub note: &'a ActNote,
    /// What it brought about.
    pub after: Option<&'a Aftermath>,
    /// Only what it brought about is new.
    state_is_read: bool,
}

impl Read {
    /// The newest act of which something has not been read.
    pub fn newest<'a>(&self, acts: &'a [ActNote], after: &'a After) -> Option<News<'a>> {
        acts.iter().rev().find_map(|note| {
            let brought = after.of(&note.key);
            let mut read = self.0.iter();
            let read = read.find(|(key, _, _)| *key == note.key);
            let state_is_read = read.is_some_and(|(_, state, _)| *state == note.state);
            let now = told(brought);
            let told_is_read =
                read.map_or(now.is_none(), |(_, _, was)| now.is_none() || *was == now);
            let news = News {
                note,
                after: brought,
                state_is_read,
            };
            (!state_is_read || !told_is_read).then_some(news)
        })
    }

    /// Marks it as read.
    pub fn take(&mut self, news: (String, ActState, Option<Aftermath>)) {
        let (key, state, after) = news;
        self.0.retain(|(known, _, _)| *known != key);
        self.0.push((key, state, told(after.as_ref())));
    }
}

impl News<'_> {
    /// What is marked as read when it was.
    pub fn mark(&self) -> (String, ActState, Option<Aftermath>) {
        (
            self.note.key.clone(),
            self.note.state.clone(),
            self.after.cloned(),
        )
    }

    /// The words, and how loud they are. `can` says which act makes sense now; `now` is the
    /// emitters' clock where it is the world's too.
    pub fn words(
        &self,
        (clock, now): (Clock, Option<Timestamp>),
        can: impl Fn(&str) -> bool,
    ) -> (String, Role) {
        let after = self.after.map(|after| said(after, can));
        let (mut words, mut role) = match told(self.after).filter(|_| self.state_is_read) {
            Some(Told::Healed) => (self.doing("Healed", ""), Role::Ok),
            Some(Told::NotHealed) => (self.doing("Not healed", ""), Role::Warn),
            Some(Told::Worse) => (self.doing("Worse", ""), Role::Bad),
            None => self.state(clock, now),
        };
        if let Some(after) = after {
            let joint = if self.state_is_read { ": " } else { " · " };
            words.push_str(joint);
            words.push_str(&after);
            role = match told(self.after) {
                Some(Told::Worse) => Role::Bad,
                Some(Told::NotHealed) if role == Role::Ok => Role::Warn,
                _ => role,
            };
        }
        (shown(&words).into_owned(), role)
    }

    fn state(&self, clock: Clock, now: Option<Timestamp>) -> (String, Role) {
        let note = self.note;
        match &note.state {
            ActState::Refused(why) => (
                format!("Not done: {} {}: {why}", note.verb, note.target),
                Role::Bad,
            ),
            ActState::Recording => (
                self.doing("Recording", "written into the journal first …"),
                Role::Warn,
            ),
            ActState::Sending => (self.doing("Sending", "on its way …"), Role::Warn),
            ActState::Waiting { id, until } => {
                let left = now.map(|now| until.since(now));
                let left = left.filter(|left| *left > Span::ZERO && *left < LONGEST);
                let left = left.map_or_else(
                    || format!("until {} {}", clock.time(*until), clock.zone()),
                    |left| format!("{} left", countdown(left)),
                );
                let ask = format!("ask somebody to run `rotascope approve {id}`, {left}");
                (self.doing("Waiting for a second person", &ask), Role::Warn)
            }
            ActState::Told(Outcome::Accepted) => {
                (self.doing("Accepted", "not seen done yet …"), Role::Warn)
            }
            ActState::Told(Outcome::Executing) => {
                (self.doing("Executing", "being done …"), Role::Warn)
            }
            ActState::Told(Outcome::Observed { words }) => (self.doing("Done", words), Role::Ok),
            ActState::Told(Outcome::Failed { why }) => (self.doing("Failed", why), Role::Bad),
            ActState::Told(Outcome::Unknown { why }) => (
                self.doing(
                    "Unknown, being asked",
                    &format!("{why}; it is not sent again"),
                ),
                Role::Bad,
            ),
        }
    }

    fn doing(&self, head: &str, what: &str) -> String {
        let note = self.note;
        let key: String = note.key.chars().take(4).collect();
        let colon = if what.is_empty() { "" } else { ": " };
        format!(
            "{head}: {} {} ({}, act {key}){colon}{what}",
            note.verb, note.target, note.by
        )
    }
}

/// What an act brought about, with what to do next where it did not heal.
pub fn said(after: &Aftermath, can: impl Fn(&str) -> bool) -> String {
    if !after.verdict.wants_more() {
        return after.to_string();
    }
    let next = after.next.iter().find(|act| can(act));
    let next = next.map_or_else(
        || "look again at what is found".to_owned(),
        |act| saying::act(act),
    );
    format!("{after}; next: {next}")
}

/// How an act stands, in a few words: `rollback: done`.
pub fn standing(note: &ActNote) -> String {
    let how = match &note.state {
        ActState::Refused(_) => "refused",
        ActState::Recording => "being recorded",
        ActState::Waiting { .. } => "waits for a second person",
        ActState::Sending => "being sent",
        ActState::Told(Outcome::Accepted) => "accepted",
        ActState::Told(Outcome::Executing) => "being done",
        ActState::Told(Outcome::Observed { .. }) => "done",
        ActState::Told(Outcome::Failed { .. }) => "failed",
        ActState::Told(Outcome::Unknown { .. }) => "unknown",
    };
    format!("{} by {}: {how}", note.verb, note.by)
}
