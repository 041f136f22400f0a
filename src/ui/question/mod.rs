//! The question before an act: what it would do, and what has to be answered. It is a state, not
//! a loop: the screen behind it stays live, and where that changes, the question says what has
//! changed and is asked anew.
//!
//! Nothing confirms by a slip:
//! 1. *Cancel* has the focus.
//! 2. Keys and clicks that came before a person can have seen the question count for nothing.
//! 3. What is pasted goes into the reason or nowhere.
//! 4. The button that does it takes a key or a click only after it had the focus for as long as
//!    it takes to see that: no burst of keys both leads there and presses it.

mod changed;
mod code;
mod length;
mod reason;

use crate::guard::{Challenges, Refusal, Rules, Summary, summary};
use crate::incident::Incident;
use crate::model::act::{Answer, Asked, Wish};
use crate::model::intent::Verb;
use crate::model::proof::Code;

use super::fit::Clock;
use super::key::{Key, KeyCode};
use super::prompt::{Kind, Prompt};
use super::saying;
use changed::Stood;
pub use code::CodeField;
pub use length::Length;
pub use reason::Reason;

/// What of a question has the focus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// How long.
    Length,
    /// The line for the secret's name.
    Name,
    /// The lines for the reason.
    Reason,
    /// The line for the code.
    Code,
    /// The button that does nothing.
    Cancel,
    /// The button that does it.
    Act,
}

/// A question.
#[derive(Debug)]
pub struct Question {
    wish: Wish,
    /// What the act would do.
    pub summary: Summary,
    stood: Stood,
    focus: Focus,
    /// How long, where that is to be chosen.
    pub length: Option<Length>,
    /// The typed name.
    pub name: Prompt,
    /// The typed reason.
    pub reason: Reason,
    /// The typed code.
    pub code: CodeField,
    /// What is lacking, or what has changed.
    pub note: String,
    /// How far what it says is scrolled.
    pub scroll: usize,
    /// True once a person can have seen it.
    seen: bool,
    /// True once a person can have seen that the button that does it has the focus.
    armed: bool,
}

impl Question {
    /// The question about a wish.
    ///
    /// # Errors
    /// [`Refusal`] where the act makes no sense here, or is allowed to nobody.
    pub fn new(wish: Wish, incident: &Incident, rules: &Rules) -> Result<Self, Refusal> {
        let summary = summary(&wish, incident, rules)?;
        let length = wish
            .seconds
            .filter(|_| matches!(wish.verb, Verb::ExtendGrace | Verb::Silence));
        Ok(Self {
            stood: Stood::of(&wish, incident),
            wish,
            summary,
            focus: Focus::Cancel,
            length: length.map(Length::new),
            name: Prompt::new(Kind::Answer),
            reason: Reason::default(),
            code: CodeField::default(),
            note: String::new(),
            scroll: 0,
            seen: false,
            armed: false,
        })
    }

    /// What has the focus.
    pub fn focus(&self) -> Focus {
        self.focus
    }

    /// What the button says that does it.
    pub fn button(&self) -> &'static str {
        saying::button(self.wish.verb)
    }

    /// True where it takes keys.
    pub fn is_seen(&self) -> bool {
        self.seen
    }

    /// True where the button that does it, having the focus, takes a key.
    pub fn is_armed(&self) -> bool {
        self.armed
    }

    /// True where a person has yet to see something before it takes an answer.
    pub fn waits_to_be_seen(&self) -> bool {
        !self.seen || (self.focus == Focus::Act && !self.armed)
    }

    /// A person can have seen it as it is.
    pub fn show(&mut self) {
        self.seen = true;
        self.armed = self.focus == Focus::Act;
    }

    /// The screen changed under it: nobody can be said to have seen it.
    pub fn hide(&mut self) {
        self.seen = false;
        self.focus_on(Focus::Cancel);
    }

    /// Moves the focus.
    pub fn focus_on(&mut self, focus: Focus) {
        if self.focus != focus {
            self.armed = false;
        }
        self.focus = focus;
        self.reason.focus(focus == Focus::Reason);
    }

    /// What has to be answered.
    pub fn asks(&self) -> &Challenges {
        &self.summary.challenges
    }

    /// What can have the focus, in order.
    pub fn places(&self) -> Vec<Focus> {
        let asks = self.asks();
        [
            (self.length.is_some(), Focus::Length),
            (asks.name.is_some(), Focus::Name),
            (asks.reason, Focus::Reason),
            (asks.code, Focus::Code),
            (true, Focus::Cancel),
            (true, Focus::Act),
        ]
        .into_iter()
        .filter_map(|(is_there, focus)| is_there.then_some(focus))
        .collect()
    }

    /// Moves up or down within the reason, where it has the focus and another line there.
    pub fn moves_in_reason(&mut self, key: Key) -> bool {
        match key.code {
            KeyCode::Up | KeyCode::Down if self.focus == Focus::Reason => {
                self.reason.go(key.code == KeyCode::Down)
            }
            _ => false,
        }
    }

    /// Moves the focus round.
    pub fn step(&mut self, forward: bool) {
        let places = self.places();
        let at = places.iter().position(|p| *p == self.focus).unwrap_or(0);
        let by = if forward { 1 } else { places.len() - 1 };
        if let Some(next) = places.get((at + by) % places.len()) {
            self.focus_on(*next);
        }
    }

    /// Takes a key that no command takes. True where the wish has changed: what it would do is
    /// to be said anew ([`Self::refresh`]).
    pub fn input(&mut self, key: Key) -> bool {
        self.note.clear();
        match key.code {
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(4),
            KeyCode::PageDown => self.scroll = self.scroll.saturating_add(4),
            _ => return self.typed(key),
        }
        false
    }

    fn typed(&mut self, key: Key) -> bool {
        match self.focus {
            Focus::Length => return self.lengthen(key),
            Focus::Name => {
                self.name.input(key);
            }
            Focus::Reason => self.reason.input(key),
            Focus::Code => self.code.input(key),
            Focus::Cancel | Focus::Act => match key.code {
                KeyCode::Left => self.step(false),
                KeyCode::Right => self.step(true),
                // Whoever begins to type means the line that is to be typed into.
                KeyCode::Char(c) if !key.ctrl && !key.alt => {
                    if self.lacks_name() {
                        self.focus_on(Focus::Name);
                        self.name.input(key);
                    } else if self.length.is_some() && Length::takes(key, c) {
                        self.focus_on(Focus::Length);
                        return self.lengthen(key);
                    }
                }
                _ => {}
            },
        }
        false
    }

    fn lengthen(&mut self, key: Key) -> bool {
        let Some(length) = self.length.as_mut() else {
            return false;
        };
        if !length.input(key) {
            return false;
        }
        let seconds = length.seconds();
        if seconds.is_some() {
            self.wish.seconds = seconds;
        }
        seconds.is_some()
    }

    /// Begins a new line of the reason.
    pub fn new_line(&mut self) {
        if self.focus == Focus::Reason {
            self.reason.new_line();
        }
    }

    /// Takes what was pasted: into the reason, or nowhere.
    pub fn paste(&mut self, words: &str) {
        if self.focus == Focus::Reason {
            self.reason.paste(words);
            self.note.clear();
        } else {
            "Nothing pasted is taken here: it is to be typed".clone_into(&mut self.note);
        }
    }

    fn lacks_name(&self) -> bool {
        let wanted = self.asks().name.as_ref();
        wanted.is_some_and(|name| self.name.words().trim() != *name)
    }

    /// The person changed the wish: what it would do is said anew.
    ///
    /// # Errors
    /// [`Refusal`] where it makes no sense any more.
    pub fn refresh(&mut self, incident: &Incident, rules: &Rules) -> Result<(), Refusal> {
        self.summary = summary(&self.wish, incident, rules)?;
        Ok(())
    }

    /// The state behind it changed: the question is asked anew where what it says is no more.
    ///
    /// # Errors
    /// [`Refusal`] where it makes no sense any more.
    pub fn follow(
        &mut self,
        incident: &Incident,
        clock: Clock,
        rules: &Rules,
    ) -> Result<(), Refusal> {
        let now = summary(&self.wish, incident, rules)?;
        let anew = now.facts != self.summary.facts || now.challenges != self.summary.challenges;
        self.summary = now;
        let stood = Stood::of(&self.wish, incident);
        if anew {
            self.note = format!(
                "Changed: {}; look again, answer anew",
                self.stood.changes(&stood, clock)
            );
            self.name = Prompt::new(Kind::Answer);
            self.code.clear();
            self.scroll = 0;
            self.hide();
        }
        self.stood = stood;
        Ok(())
    }

    /// What was asked, where the button that does it has the focus and all is answered; else says
    /// what is lacking and leads there.
    pub fn accept(&mut self) -> Accepted {
        match self.focus {
            Focus::Cancel => return Accepted::Cancel,
            Focus::Length | Focus::Name | Focus::Reason | Focus::Code => {
                self.step(true);
                return Accepted::NotYet;
            }
            Focus::Act => {}
        }
        if let Some((focus, lacking)) = self.lacking() {
            self.note = lacking;
            self.focus_on(focus);
            return Accepted::NotYet;
        }
        if !self.armed {
            "Look at it for a moment, then press again".clone_into(&mut self.note);
            return Accepted::NotYet;
        }
        Accepted::Act(Box::new(Asked {
            wish: self.wish.clone(),
            facts: self.summary.facts,
            answer: Answer {
                confirmed: true,
                typed: self.name.words().to_owned(),
                reason: self.reason.words(),
                code: Code::from(self.code.reveal()),
            },
        }))
    }

    /// What is not answered yet, and where.
    fn lacking(&self) -> Option<(Focus, String)> {
        let asks = self.asks();
        if self.length.as_ref().is_some_and(|l| l.seconds().is_none()) {
            let words = "This is no length: 45m, 2h; at most 24h";
            return Some((Focus::Length, words.to_owned()));
        }
        if self.lacks_name() {
            let wanted = asks.name.as_deref().unwrap_or_default();
            return Some((Focus::Name, format!("The name is not {wanted} yet")));
        }
        if asks.reason && self.reason.is_lacking() {
            return Some((Focus::Reason, "A reason is needed".to_owned()));
        }
        if asks.code && self.code.is_empty() {
            let words = "The code of your authenticator is needed, or a recovery code";
            return Some((Focus::Code, words.to_owned()));
        }
        None
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
    Act(Box<Asked>),
}
