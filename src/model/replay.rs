//! Words for playing a recording: what the person asks for and what the player answers.

use super::id::{EventId, RotationId, Source};
use super::time::Timestamp;

/// How fast a recording plays, in recorded seconds per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// 0.1 to 1000 times real time.
    Times(f64),
    /// As fast as the machine can.
    Unbounded,
}

impl Speed {
    /// The slowest and the fastest speed that can be set.
    pub const RANGE: (f64, f64) = (0.1, 1000.0);
    /// The speeds that one key steps through.
    pub const STEPS: [f64; 13] = [
        0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0,
    ];
}

/// What a mark on the replay bar stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MarkKind {
    /// A rotation's cutover completed.
    Cutover,
    /// A rotation's old version was revoked.
    Revoke,
    /// A stage failed, a rotation ended badly, a service went down, or a failure mode was found.
    Failure,
    /// A responder's act.
    Act,
}

/// A moment of a recording that is worth jumping to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: MarkKind,
    /// Whose, where it belongs to a rotation.
    pub rotation: Option<RotationId>,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards the end.
    Forward,
    /// Towards the start.
    Backward,
}

/// Where to go in a recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SeekTo {
    /// A moment; one outside the recording is its nearest end.
    Time(Timestamp),
    /// A share of the recording's length, 0.0 to 1.0.
    Share(f64),
    /// The first event.
    Start,
    /// The last event.
    End,
    /// The next or previous mark, of one kind or of any.
    Mark(Direction, Option<MarkKind>),
}

/// What a person asks of the player.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplayCommand {
    /// Play, or pause.
    Toggle,
    /// Pause.
    Pause,
    /// Set the speed.
    Speed(Speed),
    /// One event (of any source) on or back; pauses.
    Step(Direction),
    /// Go somewhere; playing goes on from there if it played.
    Seek(SeekTo),
    /// Stand on this event, the last one that has happened; pauses.
    Event {
        /// Its time.
        time: Timestamp,
        /// Its source.
        source: Source,
        /// Its id.
        id: EventId,
    },
}

/// How the player stands.
#[derive(Clone, Debug, PartialEq)]
pub struct PlayerStatus {
    /// True while it plays.
    pub playing: bool,
    /// The speed it plays at.
    pub speed: Speed,
    /// The first event's time; `None` while nothing has been read.
    pub from: Option<Timestamp>,
    /// The last event's time read so far.
    pub to: Option<Timestamp>,
    /// Where it stands.
    pub at: Option<Timestamp>,
    /// Events up to where it stands.
    pub position: u64,
    /// All events read so far.
    pub events: u64,
    /// Every mark of the recording so far, by time.
    pub marks: std::sync::Arc<[Mark]>,
}

/// How far reading has come.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Loading {
    /// True when everything has been read.
    pub done: bool,
    /// Bytes read from disk (before decompression).
    pub bytes: u64,
    /// All bytes to read, where that is known (not for standard input).
    pub of_bytes: Option<u64>,
    /// Lines and files rejected.
    pub rejected: u64,
    /// What stopped reading early, in words for a person (a truncated archive, no permission).
    pub trouble: Vec<super::text::Text>,
}
