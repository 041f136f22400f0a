//! The log formats, a file each. A format turns lines into records and knows no file: it is fed
//! lines with their places and answers with records and rejections.

pub(crate) mod text;

pub mod postgres;
pub mod vault;

use crate::audit::record::Record;
use crate::model::rejected::{Place, Rejected};

/// What a format does with lines. Formats whose records span lines (a PostgreSQL message with
/// continuation lines, a quoted CSV field) hold back what is not complete yet.
pub trait Format {
    /// Takes one line, without its line end, in; calls `out` for each record or rejection that
    /// is complete with it.
    fn line(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Read));

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
