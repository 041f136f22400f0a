//! Acts: guard, a second person where one is needed, journal, backend, outcome, in this order.
//! What waits for a disk, a person or an answer does so on threads of its own; the screen waits
//! for none of them.

mod doer;
mod pursuer;
mod second;

use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, unbounded};
use rand::RngExt as _;

use super::{Acting, Who, wall};
use crate::backend::{Backend, Hands};
use crate::guard::{Claim, Guard, Rules};
use crate::incident::Incident;
use crate::model::act::{ActNote, ActState, Asked, Wish};
use crate::model::intent::Intent;
use crate::model::proof::Approval;
use crate::model::{Actor, Text, Timestamp};
use doer::{Doer, Job};
use pursuer::Pursuer;

/// Something about an act.
pub(in crate::session) enum News {
    /// How far it is.
    Told {
        /// Its key.
        key: String,
        state: ActState,
    },
    /// An act of an earlier session whose end nobody has written down.
    Found { intent: Intent, state: ActState },
    /// A second person approved it.
    Approved(Box<(Claim, Vec<Approval>)>),
    /// What is wrong with the journal, though lines are written.
    Trouble(String),
    /// Who may act, now that it is known.
    Ready(Box<Result<Acting, String>>),
}

/// The acts of a session.
pub(super) struct Acts {
    guard: Option<Guard>,
    rules: Option<Arc<Rules>>,
    /// Why nothing can be done, where nothing can.
    without: String,
    /// The backend that acts, and what it does so by: one pair does, one asks how far acts are,
    /// one asks a second person.
    able: Option<(String, [Arc<dyn Hands>; 3])>,
    jobs: Option<Sender<Job>>,
    tell: Sender<News>,
    pub(super) told: Receiver<News>,
    notes: Vec<ActNote>,
}

impl Acts {
    pub(super) fn new(backends: &[Box<dyn Backend>], who: Who) -> Self {
        let (tell, told) = unbounded();
        let able = backends.iter().find_map(|backend| {
            // One that does, one that asks, one that waits for persons: none waits for another.
            let hands = [backend.hands()?, backend.hands()?, backend.hands()?];
            Some((backend.name().raw().to_owned(), hands))
        });
        let mut acts = Self {
            guard: None,
            rules: None,
            without: "who you are is still being looked up; try again".to_owned(),
            able,
            jobs: None,
            tell,
            told,
            notes: Vec::new(),
        };
        match who {
            Who::Known(acting) => {
                if let Some(word) = acts.ready(acting) {
                    let _ = acts.tell.send(News::Trouble(word.into()));
                }
            }
            Who::Later(find) => {
                let tell = acts.tell.clone();
                thread::spawn(move || {
                    // Where the session is gone, nobody asks who they are.
                    let _ = tell.send(News::Ready(Box::new(find())));
                });
            }
        }
        acts
    }

    /// Gives what the person is to know.
    fn ready(&mut self, acting: Result<Acting, String>) -> Option<Box<str>> {
        match (acting, &self.able) {
            (Ok(mut acting), Some((to, [hands, pursuing, _]))) => {
                let word = acting.word.take();
                self.rules = Some(Arc::new(acting.guard.rules()));
                self.guard = Some(acting.guard.clone());
                let hands = (Arc::clone(hands), Arc::clone(pursuing));
                self.jobs = Some(begin(acting, to.clone(), hands, self.tell.clone()));
                return word;
            }
            (Err(why), _) => self.without = why,
            (Ok(_), None) => "none of these backends can act".clone_into(&mut self.without),
        }
        None
    }

    pub(super) fn person(&self) -> Option<Actor> {
        Some(self.guard.as_ref()?.person().clone())
    }

    pub(super) fn rules(&self) -> Option<Arc<Rules>> {
        self.rules.clone()
    }

    pub(super) fn view(&self) -> Arc<[ActNote]> {
        Arc::from(self.notes.as_slice())
    }

    /// A person asks for an act.
    pub(super) fn begin(
        &mut self,
        asked: &Asked,
        key: String,
        incident: &Incident,
        following: bool,
        at: Timestamp,
    ) {
        let claimed = self.claim(asked, incident, following, key.clone());
        let state = claimed.and_then(|claim| self.hand_on(claim));
        self.notes.push(ActNote {
            key,
            verb: asked.wish.verb,
            target: target(&asked.wish, incident),
            by: self.person().unwrap_or_else(|| Actor::from("nobody")),
            at,
            state: state.unwrap_or_else(ActState::Refused),
        });
    }

    fn claim(
        &self,
        asked: &Asked,
        incident: &Incident,
        following: bool,
        key: String,
    ) -> Result<Claim, String> {
        let guard = self.guard.as_ref().ok_or_else(|| self.without.clone())?;
        if !following {
            return Err("this is the past: return to now, and look again before you act".into());
        }
        guard
            .claim(asked, incident, key, wall())
            .map_err(|unmet| unmet.to_string())
    }

    /// Has it done, or has a second person asked first.
    fn hand_on(&self, claim: Claim) -> Result<ActState, String> {
        if !claim.needs_second() {
            return self.dispatch(claim, Vec::new());
        }
        let (_, [.., hands]) = self.able.as_ref().ok_or("nobody can be asked")?;
        let (hands, tell) = (Arc::clone(hands), self.tell.clone());
        thread::spawn(move || second::wait(&*hands, claim, &tell));
        Ok(ActState::Recording)
    }

    fn dispatch(&self, claim: Claim, approvals: Vec<Approval>) -> Result<ActState, String> {
        let job = Job { claim, approvals };
        let sent = self
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(job).is_ok());
        if sent {
            Ok(ActState::Recording)
        } else {
            Err("nobody is there to do it any more".to_owned())
        }
    }

    /// Takes in what became of an act; gives what is wrong with the journal, where that is told.
    pub(super) fn take(
        &mut self,
        news: News,
        incident: &Incident,
        following: bool,
    ) -> Option<Text> {
        match news {
            News::Trouble(words) => return Some(Text::from(words)),
            News::Ready(acting) => return self.ready(*acting).map(|word| Text::from(&*word)),
            News::Told { key, state } => self.note(&key, state),
            News::Approved(approved) => {
                let (claim, approvals) = *approved;
                let key = claim.intent().key.clone();
                // What the first person saw may be gone by the time the second one has come.
                let holds = if following {
                    claim
                        .still_holds(incident)
                        .map_err(|unmet| unmet.to_string())
                } else {
                    Err("you look at the past; return to now and ask anew".to_owned())
                };
                let holds =
                    holds.map_err(|why| format!("it was approved, and nothing was done: {why}"));
                let state = holds.and_then(|()| self.dispatch(claim, approvals));
                self.note(&key, state.unwrap_or_else(ActState::Refused));
            }
            News::Found { intent, state } => self.notes.push(ActNote {
                target: intent
                    .secret
                    .map(|secret| secret.0)
                    .or(intent.rotation.map(|rotation| rotation.0))
                    .unwrap_or_else(|| Text::from("all rotations")),
                key: intent.key,
                verb: intent.verb,
                by: intent.by,
                at: intent.at,
                state,
            }),
        }
        None
    }

    fn note(&mut self, key: &str, state: ActState) {
        if let Some(note) = self.notes.iter_mut().find(|note| note.key == key) {
            note.state = state;
        }
    }
}

/// A key that no other act has.
pub(in crate::session) fn key() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

fn target(wish: &Wish, incident: &Incident) -> Text {
    let rotation = wish.rotation.as_ref();
    let secret = rotation
        .and_then(|id| incident.rotation(id))
        .and_then(|rotation| rotation.secret.as_ref());
    wish.secret
        .as_ref()
        .or(secret)
        .map(|secret| secret.0.clone())
        .or_else(|| rotation.map(|id| id.0.clone()))
        .unwrap_or_else(|| Text::from("all rotations"))
}

/// Starts the threads that do and ask; what is sent there is done.
fn begin(
    acting: Acting,
    to: String,
    (hands, pursuing): (Arc<dyn Hands>, Arc<dyn Hands>),
    tell: Sender<News>,
) -> Sender<Job> {
    let (jobs, asked) = unbounded();
    let (follow, followed) = unbounded();
    let (learned, learn) = unbounded();
    let mut pursuer = Pursuer::new(tell.clone(), learned);
    let mut doer = Doer::new(acting, to, tell, follow);
    thread::spawn(move || doer.run(&*hands, &asked, &learn));
    thread::spawn(move || pursuer.run(&*pursuing, &followed));
    jobs
}
