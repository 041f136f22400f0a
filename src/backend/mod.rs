//! The backends: whatever sends events. A recording is one; it refuses to act, as it has nothing
//! to act on.

pub mod replay;

use std::ops::ControlFlow;

use crate::model::rejected::Rejected;
use crate::model::{Event, Text};

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
    /// There is nothing more.
    Done,
}

/// A source of events that runs on a thread of its own until it ends or nobody listens any more.
pub trait Backend: Send {
    /// Sends all it has; stops early where `send` answers [`ControlFlow::Break`].
    fn run(self: Box<Self>, send: &mut dyn FnMut(Sent) -> ControlFlow<()>);
}
