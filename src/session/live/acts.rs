//! Acts: guard, journal, backend, outcome, in this order. What waits for a disk or an answer
//! does so on threads of its own; the screen waits for neither.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use rand::RngExt as _;

use super::{Acting, JournalPlace, wall};
use crate::backend::engine::NEVER_CAME;
use crate::backend::{Backend, Hands};
use crate::guard::{Guard, Memory, Signer, Warrant};
use crate::incident::Incident;
use crate::journal::{Journal, JournalError, OpenAct, Place, file_in, open_acts};
use crate::model::act::{ActNote, ActState, Asked, Wish};
use crate::model::intent::{Intent, Outcome};
use crate::model::{Actor, Text, Timestamp};

/// An act that goes on is asked about so soon first, and so rarely in the end.
const ASKED: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// An act that the backend has never heard of, asked for so long, never came there.
const NEVER_AFTER: Duration = Duration::from_secs(30);

/// Something about an act.
#[derive(Debug)]
pub(in crate::session) struct News {
    /// Its key.
    key: String,
    state: ActState,
    /// An act of an earlier session, told of for the first time.
    found: Option<Intent>,
}

/// The acts of a session.
pub(super) struct Acts {
    guard: Option<Guard>,
    /// What was used of what is good for one use.
    once: Memory,
    /// Why nothing can be done, where nothing can.
    without: &'static str,
    jobs: Sender<Warrant>,
    pub(super) told: Receiver<News>,
    notes: Vec<ActNote>,
}

impl Acts {
    pub(super) fn new(backends: &[Box<dyn Backend>], acting: Option<Acting>) -> Self {
        let (jobs, asked) = unbounded();
        let (tell, told) = unbounded();
        let able = backends.iter().find_map(|backend| {
            // Two pairs: one that does, one that asks, so that neither waits for the other.
            Some((backend.name(), backend.hands()?, backend.hands()?))
        });
        let without = match (&acting, &able) {
            (None, _) => "this session is read-only: nothing can be done from here",
            (_, None) => "none of these backends can act",
            _ => "",
        };
        let guard = match (acting, able) {
            (Some(acting), Some((name, hands, asking))) => {
                let to = name.raw().to_owned();
                begin(&acting, to, (hands, asking), asked, tell);
                Some(acting.guard)
            }
            _ => None,
        };
        Self {
            guard,
            once: Memory::default(),
            without,
            jobs,
            told,
            notes: Vec::new(),
        }
    }

    pub(super) fn person(&self) -> Option<Actor> {
        Some(self.guard.as_ref()?.person().clone())
    }

    pub(super) fn view(&self) -> Arc<[ActNote]> {
        Arc::from(self.notes.as_slice())
    }

    /// A person asks for an act.
    pub(super) fn begin(
        &mut self,
        asked: &Asked,
        incident: &Incident,
        following: bool,
        at: Timestamp,
    ) {
        let key = key();
        let state = match self.warrant(asked, incident, following, key.clone()) {
            Ok(warrant) => match self.jobs.send(warrant) {
                Ok(()) => ActState::Recording,
                Err(_) => ActState::Refused("nobody is there to do it any more".to_owned()),
            },
            Err(why) => ActState::Refused(why),
        };
        self.notes.push(ActNote {
            key,
            verb: asked.wish.verb,
            target: target(&asked.wish, incident),
            by: self.person().unwrap_or_else(|| Actor::from("nobody")),
            at,
            state,
        });
    }

    fn warrant(
        &self,
        asked: &Asked,
        incident: &Incident,
        following: bool,
        key: String,
    ) -> Result<Warrant, String> {
        let guard = self.guard.as_ref().ok_or(self.without)?;
        if !following {
            return Err("this is the past: return to now, and look again before you act".into());
        }
        let now = wall();
        let claim = guard.claim(asked, incident, key, now);
        claim
            .and_then(|claim| claim.warrant(&self.once, Vec::new(), None, now))
            .map_err(|unmet| unmet.to_string())
    }

    pub(super) fn take(&mut self, news: News) {
        if let Some(note) = self.notes.iter_mut().find(|note| note.key == news.key) {
            note.state = news.state;
        } else if let Some(intent) = news.found {
            self.notes.push(ActNote {
                target: intent
                    .secret
                    .map(|secret| secret.0)
                    .or(intent.rotation.map(|rotation| rotation.0))
                    .unwrap_or_else(|| Text::from("all rotations")),
                key: intent.key,
                verb: intent.verb,
                by: intent.by,
                at: intent.at,
                state: news.state,
            });
        }
    }
}

/// A key that no other act has.
fn key() -> String {
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

/// Starts the two threads.
fn begin(
    acting: &Acting,
    to: String,
    (hands, asking): (Arc<dyn Hands>, Arc<dyn Hands>),
    asked: Receiver<Warrant>,
    tell: Sender<News>,
) {
    let (follow, followed) = unbounded();
    let (learned, learn) = unbounded();
    let mut doer = Doer {
        place: acting.journal.clone(),
        person: acting.guard.person().clone(),
        signer: acting.guard.signer(),
        to,
        journal: None,
        tell: tell.clone(),
        follow,
    };
    let mut pursuer = Pursuer {
        open: HashMap::new(),
        tell,
        learned,
    };
    thread::spawn(move || doer.run(&*hands, &asked, &learn));
    thread::spawn(move || pursuer.run(&*asking, &followed));
}

/// Writes acts down and does them, one after the other.
struct Doer {
    place: JournalPlace,
    person: Actor,
    signer: Arc<Signer>,
    to: String,
    journal: Option<Journal>,
    tell: Sender<News>,
    follow: Sender<String>,
}

impl Doer {
    fn run(&mut self, hands: &dyn Hands, asked: &Receiver<Warrant>, learn: &Receiver<Ended>) {
        self.look_back();
        loop {
            crossbeam_channel::select! {
                recv(asked) -> warrant => match warrant {
                    Ok(warrant) => self.act(hands, warrant),
                    Err(_) => return,
                },
                recv(learn) -> ended => {
                    let Ok((key, outcome)) = ended else { return };
                    self.ended(&key, &outcome);
                }
            }
        }
    }

    /// What earlier sessions left open is asked about.
    fn look_back(&mut self) {
        let JournalPlace::Folder(folder) = &self.place else {
            return;
        };
        for OpenAct { intent, to } in open_acts(&[Place::Folder(folder.clone())]) {
            if to != self.to {
                continue;
            }
            let key = intent.key.clone();
            let why = "an earlier session ended before its outcome was known".to_owned();
            let _ = self.tell.send(News {
                key: key.clone(),
                state: ActState::Told(Outcome::Unknown { why }),
                found: Some(intent),
            });
            let _ = self.follow.send(key);
        }
    }

    fn act(&mut self, hands: &dyn Hands, warrant: Warrant) {
        let key = warrant.intent().key.clone();
        if let Err(why) = self.intend(warrant.intent()) {
            // No record, no act.
            self.say(&key, ActState::Refused(format!("nothing was done: {why}")));
            return;
        }
        self.say(&key, ActState::Sending);
        let outcome = hands.perform(warrant, wall());
        self.ended(&key, &outcome);
        let state = ActState::Told(outcome);
        let goes_on = !state.is_final();
        self.say(&key, state);
        if goes_on {
            let _ = self.follow.send(key);
        }
    }

    fn intend(&mut self, intent: &Intent) -> Result<(), String> {
        let done = self.write(|journal, to| journal.intend(intent, to, wall()));
        if done.is_err() {
            // The next act may find the disk in order again.
            self.journal = None;
        }
        done
    }

    fn ended(&mut self, key: &str, outcome: &Outcome) {
        if let Err(why) = self.write(|journal, _| journal.end(key, outcome, wall())) {
            tracing::error!(%key, %why, "an outcome was not written down");
            self.journal = None;
        }
    }

    fn write(
        &mut self,
        line: impl FnOnce(&mut Journal, &str) -> Result<(), JournalError>,
    ) -> Result<(), String> {
        let path = match &self.place {
            JournalPlace::Folder(folder) => file_in(folder, wall(), std::process::id()),
            JournalPlace::File(path) => path.clone(),
            JournalPlace::Nowhere(why) => return Err(why.clone()),
        };
        let words = |error: JournalError| error.to_string();
        let journal = if let Some(journal) = &mut self.journal {
            journal
        } else {
            let mut journal = Journal::open(&path, Arc::clone(&self.signer)).map_err(words)?;
            journal.begin(&self.person, wall()).map_err(words)?;
            self.journal.insert(journal)
        };
        line(journal, &self.to).map_err(words)
    }

    fn say(&self, key: &str, state: ActState) {
        let key = key.to_owned();
        let found = None;
        let _ = self.tell.send(News { key, state, found });
    }
}

/// An act's key and what became of it.
type Ended = (String, Outcome);

/// Asks about acts until their end is known.
struct Pursuer {
    open: HashMap<String, Pursuit>,
    tell: Sender<News>,
    /// Ends are written down too.
    learned: Sender<Ended>,
}

/// One act that is asked about.
struct Pursuit {
    since: Instant,
    next: Instant,
    pause: Duration,
    said: Option<Outcome>,
}

impl Pursuer {
    fn run(&mut self, hands: &dyn Hands, followed: &Receiver<String>) {
        loop {
            let next = self.open.values().map(|pursuit| pursuit.next).min();
            let wait = next.map_or(Duration::from_secs(3600), |next| {
                next.saturating_duration_since(Instant::now())
            });
            match followed.recv_timeout(wait) {
                Ok(key) => {
                    let now = Instant::now();
                    let pursuit = Pursuit {
                        since: now,
                        next: now + ASKED.0,
                        pause: ASKED.0,
                        said: None,
                    };
                    self.open.entry(key).or_insert(pursuit);
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.ask(hands).is_none() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Asks about each act that is due; `None` where nobody listens any more.
    fn ask(&mut self, hands: &dyn Hands) -> Option<()> {
        let now = Instant::now();
        let due: Vec<String> = self
            .open
            .iter()
            .filter(|(_, pursuit)| pursuit.next <= now)
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            let Some(pursuit) = self.open.get_mut(&key) else {
                continue;
            };
            let outcome = judged(hands.ask(&key), pursuit.since.elapsed());
            pursuit.pause = (pursuit.pause * 2).min(ASKED.1);
            pursuit.next = Instant::now() + pursuit.pause;
            if pursuit.said.as_ref() == Some(&outcome) {
                continue;
            }
            pursuit.said = Some(outcome.clone());
            let state = ActState::Told(outcome.clone());
            if state.is_final() {
                self.open.remove(&key);
                self.learned.send((key.clone(), outcome)).ok()?;
            }
            let found = None;
            self.tell.send(News { key, state, found }).ok()?;
        }
        Some(())
    }
}

/// What an answer means: an engine that answers for a while and has never heard of an act never
/// got it.
fn judged(outcome: Outcome, after: Duration) -> Outcome {
    match outcome {
        Outcome::Unknown { why } if why == NEVER_CAME && after >= NEVER_AFTER => Outcome::Failed {
            why: "it never came to the engine: nothing was done".to_owned(),
        },
        outcome => outcome,
    }
}
