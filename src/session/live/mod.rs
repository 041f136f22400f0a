//! What a live session has beside its player: the connections to its backends, the recording of
//! what came, and the acts.

mod acts;
mod links;
mod record;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::Receiver;

use acts::Acts;
pub(super) use acts::{News, key};
use links::Links;
pub use record::{RecordError, Recorder};

use super::measure::Keeping;
use crate::backend::{Backend, Sent};
use crate::guard::{Guard, Once, Rules};
use crate::incident::Incident;
use crate::journal::Places;
use crate::model::act::Asked;
use crate::model::link;
use crate::model::{Event, Text, Timestamp};

/// Ages are told so often, though nothing else happens.
const PULSE: Duration = Duration::from_millis(500);

/// What a live session is opened with.
pub struct LiveStart {
    /// What sends events, the one that acts first; its clock counts before the others'.
    pub backends: Vec<Box<dyn Backend>>,
    /// Where all that comes is written to.
    pub recorder: Option<Recorder>,
    /// Who may act.
    pub who: Who,
    /// Where the days of the service levels are kept.
    pub keeping: Keeping,
}

/// Who may act.
pub enum Who {
    /// This one; else why nothing may be done, in words for a person.
    Known(Result<Acting, String>),
    /// Whoever is found: on a thread of its own, as a keyring may take its time.
    Later(Box<dyn FnOnce() -> Result<Acting, String> + Send>),
}

impl Who {
    /// Nobody.
    #[must_use]
    pub fn nobody() -> Self {
        Self::Known(Err(
            "this session is read-only: nothing can be done from here".to_owned(),
        ))
    }
}

/// What acts need.
pub struct Acting {
    /// Whose acts.
    pub guard: Guard,
    /// Where they are written down before they are sent.
    pub journal: JournalPlace,
    /// Remembers what is good for one use.
    pub once: Arc<dyn Once>,
    /// What the person is to know of it, though they can act.
    pub word: Option<Box<str>>,
}

/// Where the journal is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JournalPlace {
    /// In the first of these that takes it.
    Places(Places),
    /// Nowhere, and so nothing is done: why, and what to do next.
    Nowhere(String),
}

/// The live part of a session.
pub(super) struct Live {
    links: Links,
    recorder: Option<Recorder>,
    acts: Acts,
    pulse: Instant,
    /// How much of each backend could not be read.
    rejected: Vec<u64>,
}

/// What the player is to do with what a backend sent.
#[derive(Debug, Default)]
pub(super) struct Came {
    /// Events, those of the session itself among them.
    pub(super) events: Vec<Event>,
    /// The emitters' clock.
    pub(super) clock: Option<(Timestamp, f64)>,
    /// What is wrong, in words.
    pub(super) trouble: Option<Text>,
}

impl Live {
    /// The live part, and what its backends are run by.
    pub(super) fn new(
        backends: &[Box<dyn Backend>],
        recorder: Option<Recorder>,
        who: Who,
        now: Instant,
    ) -> Self {
        Self {
            links: Links::new(backends),
            recorder,
            acts: Acts::new(backends, who),
            pulse: now,
            rejected: vec![0; backends.len()],
        }
    }

    /// What became of acts comes here.
    pub(super) fn told(&self) -> Receiver<News> {
        self.acts.told.clone()
    }

    /// Takes in what a backend sent.
    pub(super) fn take(&mut self, from: usize, sent: Sent, now: Instant) -> Came {
        let mut came = Came {
            events: self.links.take(from, &sent, now),
            ..Came::default()
        };
        match sent {
            Sent::Events(mut events) => came.events.append(&mut events),
            Sent::Clock { now: at, scale, .. } if self.links.leads(from) => {
                came.clock = Some((at, scale));
            }
            _ => {}
        }
        if let Some(recorder) = &mut self.recorder
            && let Err(why) = recorder.write(&came.events)
        {
            came.trouble = Some(Text::from(why.to_string()));
            self.recorder = None;
        }
        came
    }

    /// A backend says how much of it could not be read; gives how much it is of all.
    pub(super) fn rejected(&mut self, from: usize, rejected: u64) -> u64 {
        if let Some(held) = self.rejected.get_mut(from) {
            *held = rejected;
        }
        self.rejected.iter().sum()
    }

    /// A person asks for an act. `following` is false where they look at what was before.
    pub(super) fn act(
        &mut self,
        asked: &Asked,
        key: String,
        incident: &Incident,
        following: bool,
        at: Option<Timestamp>,
    ) {
        let at = at.unwrap_or_else(wall);
        self.acts.begin(asked, key, incident, following, at);
    }

    /// Takes in what became of an act; gives what is wrong with the journal, where that is told.
    pub(super) fn news(
        &mut self,
        news: News,
        incident: &Incident,
        following: bool,
    ) -> Option<Text> {
        self.acts.take(news, incident, following)
    }

    /// Who acts, under which policy.
    pub(super) fn rules(&self) -> Option<Arc<Rules>> {
        self.acts.rules()
    }

    /// True where ages are to be told anew.
    pub(super) fn beats(&mut self, now: Instant) -> bool {
        let due = self.wait(now).is_zero();
        if due {
            self.pulse = now;
            self.links.beat(now);
        }
        due
    }

    /// How long until ages are to be told anew.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        PULSE.saturating_sub(now.saturating_duration_since(self.pulse))
    }

    /// How it stands.
    pub(super) fn view(&self, following: bool, now: Instant) -> link::Live {
        link::Live {
            following,
            scale: self.links.scale(),
            links: self.links.view(now),
            acts: self.acts.view(),
            person: self.acts.person(),
            recording: self
                .recorder
                .as_ref()
                .map(|recorder| Text::from(recorder.path().to_string_lossy())),
        }
    }
}

/// The world's moment.
pub(super) fn wall() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::new(
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        since.subsec_nanos(),
    )
}
