//! What the acts of a session brought about. Once its time is over a word about an act stays as
//! it is, wherever a person looks.

use crate::diagnosis::{Aftermath, Done, LOOKED_AT, aftermath};
use crate::model::act::{ActNote, ActState};
use crate::model::intent::Outcome;
use crate::model::{Span, Timestamp};

use crate::ui::state::State;

/// The newest acts that are followed.
const FOLLOWED: usize = 16;

/// What acts brought about.
#[derive(Debug, Default)]
pub struct After(Vec<Known>);

#[derive(Debug)]
struct Known {
    key: String,
    what: Option<Aftermath>,
    /// The moment that it was looked at.
    looked: Timestamp,
    closed: bool,
}

impl Known {
    /// True where looking again at `now` can tell nothing new: its time is over, or the moment is
    /// nearly the same.
    fn is_fresh(&self, now: Timestamp) -> bool {
        let since = now.since(self.looked);
        self.closed || (since >= Span::ZERO && since < Span::seconds(1))
    }
}

impl After {
    /// What an act has brought about so far; `None` where nothing can be said.
    pub fn of(&self, key: &str) -> Option<&Aftermath> {
        let known = self.0.iter().find(|known| known.key == key)?;
        known.what.as_ref()
    }

    /// Takes a new state in.
    pub(super) fn refresh(&mut self, state: &State) {
        let (Some(live), Some(now)) = (&state.live, state.incident.now()) else {
            return;
        };
        let newest = live.acts.iter().rev().take(FOLLOWED);
        for note in newest.filter(|note| reached_the_world(note)) {
            let place = self.0.iter().position(|known| known.key == note.key);
            let known = place.and_then(|at| self.0.get(at));
            if known.is_some_and(|known| known.is_fresh(now)) {
                continue;
            }
            let done = Done {
                verb: note.verb,
                target: &note.target,
                at: note.at,
            };
            let known = Known {
                key: note.key.clone(),
                what: aftermath(done, &state.incident, &state.known.findings, now),
                looked: now,
                closed: now > note.at + LOOKED_AT,
            };
            match place.and_then(|at| self.0.get_mut(at)) {
                Some(slot) => *slot = known,
                None => self.0.push(known),
            }
        }
        let followed = |known: &Known| live.acts.iter().any(|note| note.key == known.key);
        self.0.retain(followed);
    }
}

/// True for an act that may have an effect.
fn reached_the_world(note: &ActNote) -> bool {
    match &note.state {
        ActState::Told(Outcome::Failed { .. }) => false,
        ActState::Told(_) => true,
        _ => false,
    }
}
