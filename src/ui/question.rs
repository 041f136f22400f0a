//! The question before an act: what it would do, and what has to be answered. It is a state, not
//! a loop: the screen behind it stays live, and where that changes, the question says so and is
//! asked anew.
//!
//! Nothing confirms by a slip: *cancel* is focused, nothing pasted is taken, and keys that were
//! pressed before a person can have seen the question are not.

use crate::guard::{Refusal, Rules, Summary, summary};
use crate::incident::Incident;
use crate::model::Actor;
use crate::model::act::{Answer, Asked, Wish};

use super::key::{Key, KeyCode};
use super::prompt::{Kind, Prompt};

/// What of a question has the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// The line for the secret's name.
    Name,
    /// The line for the reason.
    Reason,
    /// The button that does nothing.
    Cancel,
    /// The button that does it.
    Act,
}

/// A question.
#[derive(Debug)]
pub struct Question {
    wish: Wish,
    rules: Rules,
    /// What the act would do.
    pub summary: Summary,
    /// What has the focus.
    pub focus: Focus,
    /// The typed name.
    pub name: Prompt,
    /// The typed reason.
    pub reason: Prompt,
    /// What is lacking, or what has changed.
    pub note: String,
    /// True once a person can have seen it.
    seen: bool,
}

impl Question {
    /// The question about a wish.
    ///
    /// # Errors
    /// [`Refusal`] where the act makes no sense here.
    pub fn new(wish: Wish, incident: &Incident) -> Result<Self, Refusal> {
        let rules = Rules::demo(Actor::from(""));
        let summary = summary(&wish, incident, &rules)?;
        Ok(Self {
            wish,
            rules,
            summary,
            focus: Focus::Cancel,
            name: Prompt::new(Kind::Answer),
            reason: Prompt::new(Kind::Answer),
            note: String::new(),
            seen: false,
        })
    }

    /// True where it takes keys.
    pub fn is_seen(&self) -> bool {
        self.seen
    }

    /// A person can have seen it.
    pub fn show(&mut self) {
        self.seen = true;
    }

    /// The screen changed under it: nobody can be said to have seen it.
    pub fn hide(&mut self) {
        (self.focus, self.seen) = (Focus::Cancel, false);
    }

    /// What can have the focus, in order.
    pub fn places(&self) -> &'static [Focus] {
        match (
            self.summary.challenges.name.is_some(),
            self.summary.challenges.reason,
        ) {
            (false, _) => &[Focus::Cancel, Focus::Act],
            (true, false) => &[Focus::Name, Focus::Cancel, Focus::Act],
            (true, true) => &[Focus::Name, Focus::Reason, Focus::Cancel, Focus::Act],
        }
    }

    /// Moves the focus round.
    pub fn step(&mut self, forward: bool) {
        let places = self.places();
        let at = places.iter().position(|p| *p == self.focus).unwrap_or(0);
        let by = if forward { 1 } else { places.len() - 1 };
        if let Some(next) = places.get((at + by) % places.len()) {
            self.focus = *next;
        }
    }

    /// Takes a key that no command takes.
    pub fn input(&mut self, key: Key) {
        match self.focus {
            Focus::Name => {
                self.name.input(key);
            }
            Focus::Reason => {
                self.reason.input(key);
            }
            Focus::Cancel | Focus::Act => match key.code {
                KeyCode::Left => self.step(false),
                KeyCode::Right => self.step(true),
                // Whoever begins to type means the line that is to be typed into.
                KeyCode::Char(_) if !key.ctrl && !key.alt && self.lacks_name() => {
                    self.focus = Focus::Name;
                    self.name.input(key);
                }
                _ => {}
            },
        }
        self.note.clear();
    }

    fn wanted(&self) -> Option<&str> {
        self.summary.challenges.name.as_deref()
    }

    fn lacks_name(&self) -> bool {
        self.wanted()
            .is_some_and(|name| self.name.words().trim() != name)
    }

    /// The state behind it changed: the question is asked anew where what it says is no more.
    pub fn follow(&mut self, incident: &Incident) -> Result<(), Refusal> {
        let now = summary(&self.wish, incident, &self.rules)?;
        if now.facts != self.summary.facts {
            "Something has changed: look again".clone_into(&mut self.note);
            (self.focus, self.seen) = (Focus::Cancel, false);
        }
        self.summary = now;
        Ok(())
    }

    /// What was asked, where the button that does it has the focus and all is answered; else says
    /// what is lacking and leads there.
    pub fn accept(&mut self) -> Accepted {
        match self.focus {
            Focus::Cancel => return Accepted::Cancel,
            Focus::Name | Focus::Reason => {
                self.step(true);
                return Accepted::NotYet;
            }
            Focus::Act => {}
        }
        if self.lacks_name() {
            let wanted = self.wanted().unwrap_or_default();
            self.note = format!("The name is not {wanted} yet");
            self.focus = Focus::Name;
            return Accepted::NotYet;
        }
        let reasoned = self.summary.challenges.reason;
        if reasoned && self.reason.words().trim().chars().count() < 4 {
            "A reason is needed".clone_into(&mut self.note);
            self.focus = Focus::Reason;
            return Accepted::NotYet;
        }
        Accepted::Act(Asked {
            wish: self.wish.clone(),
            facts: self.summary.facts,
            answer: Answer {
                confirmed: true,
                typed: self.name.words().to_owned(),
                reason: self.reason.words().to_owned(),
                ..Answer::default()
            },
        })
    }
}

/// What pressing enter came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Accepted {
    /// Nothing is done.
    Cancel,
    /// Something is lacking.
    NotYet,
    /// It is meant.
    Act(Asked),
}
