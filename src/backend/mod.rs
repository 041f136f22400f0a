//! The backends: whatever sends events. A recording is one; it refuses to act, as it has nothing
//! to act on.

pub mod engine;
pub mod http;
pub mod replay;
mod sse;
pub mod stream;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use crate::guard::Warrant;
use crate::model::intent::Outcome;
use crate::model::proof::{Approval, Signed};
use crate::model::rejected::Rejected;
use crate::model::{Event, Text, Timestamp};

/// What a backend sends.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    /// Events, in the order in which they were met.
    Events(Vec<Event>),
    /// Something that could not be read.
    Rejected(Rejected),
    /// How far it is: bytes read, and of how many where that is known.
    Read {
        /// Bytes read from disk so far.
        bytes: u64,
        /// All bytes, where known.
        of_bytes: Option<u64>,
        /// Lines and files rejected, those among them that are not kept.
        rejected: u64,
    },
    /// Something that ended a part of it early, in words for a person.
    Trouble(Text),
    /// The emitter's clock, where it tells it: also a sign of life.
    Clock {
        /// Its moment.
        now: Timestamp,
        /// How many of its seconds pass in one of the world's.
        scale: f64,
        /// How many of its events have not come yet.
        behind: u64,
    },
    /// The connection to a live backend changed.
    Link(LinkNews),
    /// There is nothing more.
    Done,
}

/// What happened to the connection to a live backend.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkNews {
    /// It stands.
    Connected,
    /// It is gone, or could not be made.
    Lost {
        /// Why.
        why: Text,
        /// When it is tried again.
        again: Duration,
    },
    /// So many events exist that never came.
    Missing(u64),
    /// The backend's log began anew; what it has is sent from its start.
    Reset,
}

/// A source of events that runs on a thread of its own until it ends or nobody listens any more.
pub trait Backend: Send {
    /// What it is called on the screen.
    fn name(&self) -> Text {
        Text::from("recording")
    }

    /// What acts are done by; `None` where nothing can be done.
    fn hands(&self) -> Option<Arc<dyn Hands>> {
        None
    }

    /// Sends all it has; stops early where `send` answers [`ControlFlow::Break`].
    fn run(self: Box<Self>, send: &mut dyn FnMut(Sent) -> ControlFlow<()>);
}

/// Does acts. Both calls wait for an answer from outside, some seconds at most.
pub trait Hands: Send + Sync {
    /// Does what the warrant is for, at most once. Where it is not known whether it was done, the
    /// outcome is [`Outcome::Unknown`]: then it is to be asked, never done again.
    fn perform(&self, warrant: Warrant, now: Timestamp) -> Outcome;

    /// How far the act with this idempotency key has come.
    fn ask(&self, key: &str) -> Outcome;

    /// Lets a second person know of an act that waits for them.
    ///
    /// # Errors
    /// In words for a person, where nobody can be asked.
    fn request(&self, _act: &Signed) -> Result<Requested, String> {
        Err("a second person has to approve it, and this backend knows of none".to_owned())
    }

    /// The act that waits under this id, with the approvals that came so far; `None` where none
    /// does (it was done, it is void, or the backend began anew and forgot it).
    ///
    /// # Errors
    /// In words for a person, where it cannot be asked about.
    fn requested(&self, _id: &str) -> Result<Option<Signed>, String> {
        Ok(None)
    }

    /// Approves the act that waits under this id.
    ///
    /// # Errors
    /// In words for a person, where it was not taken.
    fn approve(&self, id: &str, _approval: &Approval) -> Result<(), String> {
        Err(format!("nothing waits here as {}", Text::from(id)))
    }
}

/// An act that waits for a second person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    /// Its name, for `rotascope approve`.
    pub id: String,
    /// It is void after this moment.
    pub until: Timestamp,
}
