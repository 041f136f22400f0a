//! The log formats, a file each. A format turns lines into records and knows no file: it is fed
//! lines with their places and answers with records and rejections.

mod blocks;
mod flat;
mod members;
pub(in crate::audit) mod split;
pub(crate) mod text;

pub mod access;
pub mod azure;
pub mod cloudtrail;
pub mod document;
pub mod events;
pub mod gcp;
pub mod journald;
pub mod kubernetes;
pub mod postgres;
pub mod vault;

#[cfg(test)]
pub(crate) mod testing;

use crate::audit::record::{AccessWords, JournalWords, Record};
use crate::model::Text;
use crate::model::rejected::{Place, Rejected};

/// What a format does with lines. Formats whose records span lines (a PostgreSQL message with
/// continuation lines, a quoted CSV field) hold back what is not complete yet.
pub trait Format {
    /// Takes one line, without its line end, in; calls `out` for each record or rejection that
    /// is complete with it.
    fn line(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Read));

    /// The same for an index, which keeps only some of the words: a format may tell a record in
    /// words of the line.
    fn tell(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Told<'_>)) {
        self.line(line, place, &mut |read| out(Told::Read(read)));
    }

    /// The end of the file: what was held back is complete or rejected.
    fn finish(&mut self, out: &mut dyn FnMut(Read));
}

/// One thing read.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// A record, and where its first line stands.
    Record(Record, Place),
    /// Something that could not be read.
    Rejected(Rejected),
}

/// One thing read, which is kept in part only.
pub enum Told<'a> {
    /// In full.
    Read(Read),
    /// A request that a proxy logged on one line.
    Access(&'a Access<'a>),
    /// A line of the journal that has a name of its own.
    Journal(&'a Journal<'a>),
}

/// A request that a proxy logged, in words of its line.
pub struct Access<'a>(pub(in crate::audit) AccessWords<'a>);

/// A line of the journal but for its message, in words of the line.
pub struct Journal<'a> {
    pub(in crate::audit) cursor: &'a str,
    pub(in crate::audit) said: JournalWords<'a>,
}

/// The most bytes that an excerpt is made of; it shows 200 characters.
const EXCERPT_BYTES: usize = 4096;

/// The beginning of bytes that could not be read, without a value of theirs: what is no line of
/// the format it stands in may be one of a raw audit device, or a key in clear.
#[must_use]
pub fn excerpt(bytes: &[u8]) -> Text {
    let head = bytes.get(..EXCERPT_BYTES).unwrap_or(bytes);
    Text::from(text::names(&String::from_utf8_lossy(head)))
}
