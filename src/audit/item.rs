//! Records on their way from the readers of an input to whoever asked for them.

use super::coded::Coded;
use super::record::{CallStage, Record, VaultKind};
use super::reorder::Timed;
use crate::model::Timestamp;
use crate::model::rejected::Place;

/// A record on its way, or the trace of one that is only counted.
pub(super) struct Item {
    pub(super) time: Timestamp,
    /// What tells it from others. Of one that nothing but its content names it is that content,
    /// until it is known the how-manieth of its input it is.
    pub(super) id: u128,
    pub(super) half: Half,
    /// True where nothing but its content names it, of which its second is a part.
    pub(super) is_content: bool,
    /// About what it costs to hold.
    pub(super) bytes: u32,
    pub(super) kept: Kept,
}

impl Timed for Item {
    fn time(&self) -> Timestamp {
        self.time
    }

    fn bytes(&self) -> u32 {
        self.bytes
    }
}

/// What is kept of a record.
pub(super) enum Kept {
    /// It is only counted.
    Nothing,
    Record(Box<Payload>),
    /// What an index keeps of it. The halves of a Vault call are kept as records, since they have
    /// one row together only.
    Row(Coded),
}

/// A record in full.
pub(super) struct Payload {
    pub(super) record: Record,
    pub(super) place: Place,
    /// The how-manieth of its input with the same content, from 0.
    pub(super) nth: u32,
}

/// What is kept of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Nothing: they are only counted.
    Nothing,
    Records,
    /// Their rows, where each has one of its own.
    Rows,
}

/// Whether something else belongs to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Whole,
    Request,
    /// The answer has begun: it stands for the request, and an end may follow.
    Started,
    Response,
}

impl Half {
    /// How far a call is of which this is told.
    pub(super) fn stage(self) -> CallStage {
        match self {
            Self::Request => CallStage::Received,
            Self::Started => CallStage::Started,
            Self::Response | Self::Whole => CallStage::Done,
        }
    }
}

impl From<VaultKind> for Half {
    fn from(kind: VaultKind) -> Self {
        match kind {
            VaultKind::Request => Self::Request,
            VaultKind::Response => Self::Response,
        }
    }
}

impl From<CallStage> for Half {
    fn from(stage: CallStage) -> Self {
        match stage {
            CallStage::Received => Self::Request,
            CallStage::Started => Self::Started,
            CallStage::Done => Self::Response,
        }
    }
}
