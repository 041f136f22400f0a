//! What the formats of JSON records share: a record a line, or documents of any length that are
//! cut into records as their bytes arrive, so that only one record is held at a time.

use super::split::{Piece, Splitter};
use super::{Format, Read, excerpt};
use crate::audit::record::Record;
use crate::model::Text;
use crate::model::rejected::{Place, Rejected};

/// Reads the bytes of one record; the reason why it is none holds none of its words.
pub type ReadRecord = fn(&[u8]) -> Result<Record, String>;

/// What a format does with documents.
pub trait Document {
    /// Takes the next bytes of the document, however they are cut.
    fn bytes(&mut self, bytes: &[u8], out: &mut dyn FnMut(Read));

    /// The document is at its end.
    fn end(&mut self, out: &mut dyn FnMut(Read));
}

/// Reads documents: envelopes, arrays and lone records, one after another.
#[derive(Debug)]
pub struct Documents {
    splitter: Splitter,
    read: ReadRecord,
}

impl Documents {
    /// A reader of envelopes whose records stand in one of `members`.
    #[must_use]
    pub fn new(file: Text, members: &'static [&'static str], read: ReadRecord) -> Self {
        Self {
            splitter: Splitter::of(file, members),
            read,
        }
    }
}

impl Document for Documents {
    fn bytes(&mut self, bytes: &[u8], out: &mut dyn FnMut(Read)) {
        let read = self.read;
        self.splitter.feed(bytes, &mut |p| out(self::read(p, read)));
    }

    fn end(&mut self, out: &mut dyn FnMut(Read)) {
        let read = self.read;
        self.splitter.end(&mut |p| out(self::read(p, read)));
    }
}

impl Document for super::cloudtrail::CloudTrail {
    fn bytes(&mut self, bytes: &[u8], out: &mut dyn FnMut(Read)) {
        Self::bytes(self, bytes, out);
    }

    fn end(&mut self, out: &mut dyn FnMut(Read)) {
        Self::end(self, out);
    }
}

/// Reads records that stand one a line. A damaged line harms no other.
#[derive(Debug)]
pub struct Lines {
    read: ReadRecord,
}

impl Lines {
    /// A reader; it keeps nothing between lines.
    #[must_use]
    pub fn new(read: ReadRecord) -> Self {
        Self { read }
    }
}

impl Format for Lines {
    fn line(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Read)) {
        let line = line.trim_ascii();
        if !line.is_empty() {
            out(read(Piece::Object(line, place.clone()), self.read));
        }
    }

    fn finish(&mut self, _out: &mut dyn FnMut(Read)) {}
}

/// Reads what was cut out of a document.
pub(in crate::audit) fn read(piece: Piece<'_>, read: ReadRecord) -> Read {
    let (bytes, place, reason) = match piece {
        Piece::Object(bytes, place) => match read(bytes) {
            Ok(record) => return Read::Record(record, place),
            Err(reason) => (bytes, place, reason),
        },
        Piece::Bad(bytes, place, reason) => (bytes, place, reason.to_owned()),
    };
    Read::Rejected(Rejected {
        place,
        reason: Text::from(reason),
        excerpt: excerpt(bytes),
    })
}
