//! How a live session stands with each of its backends, as plain data.

use std::sync::Arc;
use std::time::Duration;

use super::act::ActNote;
use super::id::Actor;
use super::text::Text;
use super::time::Span;

/// How a live session stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// True where the newest is shown; false where a person looks at what was before.
    pub following: bool,
    /// How many of the emitters' seconds pass in one of the world's.
    pub scale: f64,
    /// The backends, in the order in which they were named.
    pub links: Arc<[Link]>,
    /// Acts of this session, and those before it that nobody knows the end of; the oldest first.
    pub acts: Arc<[ActNote]>,
    /// Who acts; `None` where nothing can be done here.
    pub person: Option<Actor>,
    /// The file that all of this is recorded to.
    pub recording: Option<Text>,
}

impl Live {
    /// The worst of its links.
    #[must_use]
    pub fn worst(&self) -> Option<&Link> {
        self.links.iter().max_by_key(|link| link.state)
    }
}

/// One backend of a live session.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Its name: where it is.
    pub name: Text,
    /// How it is reached.
    pub state: LinkState,
    /// How long ago anything was heard of it, in the world's time; `None` before the first.
    pub heard: Option<Duration>,
    /// How far the newest event lies behind the emitter's clock, in the emitter's time.
    pub lag: Option<Span>,
    /// Events that it sent, those that came twice among them.
    pub events: u64,
    /// How many of its events are known to exist and have not come yet.
    pub behind: u64,
    /// How often the connection was lost.
    pub drops: u64,
    /// Events that were never sent though their numbers say that they exist.
    pub missing: u64,
    /// What is wrong, or was wrong last.
    pub error: Option<Text>,
    /// True where acts can be sent there.
    pub acts: bool,
}

/// How a backend is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkState {
    /// It was never reached yet.
    Connecting,
    /// It sends what happened before.
    CatchingUp,
    /// It sends what happens.
    Live,
    /// It says nothing, though the connection stands.
    Silent,
    /// It cannot be reached; it is tried again.
    Lost,
    /// It will send nothing more.
    Ended,
}

impl LinkState {
    /// One word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::CatchingUp => "catching up",
            Self::Live => "live",
            Self::Silent => "silent",
            Self::Lost => "lost",
            Self::Ended => "ended",
        }
    }

    /// True where what it shows may be old.
    #[must_use]
    pub fn is_stale(self) -> bool {
        !matches!(self, Self::Live)
    }
}
