//! Makes records ready to be put in order, in the threads that read them.

use super::coded::{Coded, Dictionary};
use super::detect::Kind;
use super::digest::Digest;
use super::entry::Indexed;
use super::format::split::Piece;
use super::format::{Format, Read};
use super::item::{Half, Keep, Kept, Payload};
use super::lines::{Line, LineReader};
use super::parallel::{Found, Take, ask, too_long};
use super::reading::{Part, ReadPiece, format_of_lines};
use super::record::{AccessRecord, CloudTrailRecord, Provider, Record};
use super::scan::Scanner;
use crate::model::rejected::Place;
use crate::model::{Text, Timestamp};

/// About what a record of a document costs to hold, in bytes.
pub(super) const DOCUMENT_BYTES: u32 = 2048;

/// A record on its way that has no number among those of the same content yet.
pub(super) struct Draft {
    pub(super) time: Timestamp,
    pub(super) name: Name,
    pub(super) bytes: u32,
    pub(super) kept: Kept,
}

/// What tells a record from others.
pub(super) enum Name {
    /// Its own id, and what else belongs to it.
    Own(u128, Half),
    /// Nothing but its content.
    Content(u128),
}

/// Makes drafts of the records of one input. All that can be found out of a record alone is, so
/// that the one thread that puts records in order has little left to do.
#[derive(Clone)]
pub(super) struct Drafter {
    scanner: Scanner,
    keep: Keep,
    /// The number of the input in an archive.
    file: u32,
    /// Room for what is hashed.
    room: Vec<u8>,
}

impl Drafter {
    pub(super) fn new(scanner: &Scanner, keep: Keep, file: Option<u32>) -> Self {
        Self {
            scanner: scanner.clone(),
            keep,
            // No file of an archive has this number.
            file: file.unwrap_or(u32::MAX),
            room: Vec::new(),
        }
    }

    /// Makes a draft of a record. Where rows are kept, its words go into the dictionary.
    pub(super) fn draft(
        &mut self,
        dictionary: Option<&mut Dictionary>,
        (record, place, bytes): (Record, Place, u32),
    ) -> Draft {
        Draft {
            time: record.time(),
            name: self.name(&record),
            bytes,
            kept: self.kept(dictionary, record, place),
        }
    }

    fn kept(&self, dictionary: Option<&mut Dictionary>, record: Record, place: Place) -> Kept {
        if self.keep == Keep::Nothing {
            return Kept::Nothing;
        }
        if let (Keep::Rows, Some(dictionary)) = (self.keep, dictionary) {
            let coded = |indexed: &Indexed<'_>| Coded {
                file: self.file,
                byte: place.byte,
                has_error: indexed.has_error,
                codes: dictionary.codes(indexed),
            };
            if let Some(coded) = Indexed::tell(&record, coded) {
                return Kept::Row(coded);
            }
        }
        Kept::Record(Box::new(Payload {
            record,
            place,
            nth: 0,
        }))
    }

    fn name(&mut self, record: &Record) -> Name {
        match record {
            Record::Vault(entry) => {
                let id = self.scanner.id(entry.request_id.raw().as_bytes());
                Name::Own(id, entry.kind.into())
            }
            Record::Event(event) => {
                let id = Digest::of("event").word(event.source.raw().as_bytes());
                let id = id.word(event.id.raw().as_bytes()).end();
                Name::Own(id, Half::Whole)
            }
            Record::Postgres(record) => Name::Content(record.identity()),
            Record::CloudTrail(record) => match &record.event_id {
                Some(id) => {
                    let id = Digest::of("cloudtrail").word(id.raw().as_bytes()).end();
                    Name::Own(id, Half::Whole)
                }
                None => Name::Content(content(record)),
            },
            Record::Call(call) => match &call.id {
                Some(_) if call.provider == Provider::Kubernetes => {
                    Name::Own(call.identity(), call.stage.into())
                }
                Some(_) => Name::Own(call.identity(), Half::Whole),
                None => Name::Content(call.identity()),
            },
            Record::Journal(record) => match &record.cursor {
                Some(_) => Name::Own(record.identity(), Half::Whole),
                None => Name::Content(record.identity()),
            },
            Record::Access(record) => {
                Name::Content(content_of_access(record, &self.scanner, &mut self.room))
            }
        }
    }
}

/// Makes drafts of what is read in a thread of its own, with a dictionary for each piece.
pub(super) struct Drafts {
    drafter: Drafter,
    dictionary: Option<Box<Dictionary>>,
    /// Reads the lines of a piece.
    format: Option<Box<dyn Format + Send>>,
}

impl Drafts {
    pub(super) fn of(kind: Kind, drafter: &Drafter) -> Self {
        let keeps_rows = drafter.keep == Keep::Rows;
        Self {
            drafter: drafter.clone(),
            dictionary: keeps_rows.then(|| Box::new(Dictionary::new())),
            format: format_of_lines(kind),
        }
    }

    fn take(&mut self, read: Read, bytes: u32, found: &mut Found<Draft>) {
        match read {
            Read::Record(record, place) => {
                let dictionary = self.dictionary.as_deref_mut();
                let draft = self.drafter.draft(dictionary, (record, place, bytes));
                found.taken.push(draft);
            }
            Read::Rejected(rejected) => found.rejected.push(rejected),
        }
    }

    /// Reads one piece of an input on. Its places are told as they are.
    pub(super) fn piece(
        &mut self,
        reader: &mut LineReader,
        format: &mut dyn Format,
    ) -> Found<Draft> {
        let mut found = Found::default();
        let mut trouble = None;
        let name = reader.name().clone();
        let mut held = 0;
        let mut line = |line: Line<'_>| {
            let place = Place {
                file: name.clone(),
                line: line.number,
                byte: line.offset,
            };
            let Some(bytes) = line.bytes else {
                found.rejected.push(too_long(place));
                return;
            };
            held = length(bytes);
            format.line(bytes, &place, &mut |read| self.take(read, held, &mut found));
        };
        reader.lines(&mut line, &mut |t| trouble = Some(t));
        if reader.is_done() {
            format.finish(&mut |read| self.take(read, held, &mut found));
        }
        self.end(&mut found);
        found.trouble = trouble;
        found
    }

    /// Reads records that were cut out of a document.
    pub(super) fn part(&mut self, part: Part, read: ReadPiece) -> Found<Draft> {
        let mut found = Found::default();
        for (range, place, reason) in part.pieces {
            let bytes = part.bytes.get(range).unwrap_or_default();
            let piece = match reason {
                Some(reason) => Piece::Bad(bytes, place, reason),
                None => Piece::Object(bytes, place),
            };
            self.take(read.read(piece), DOCUMENT_BYTES, &mut found);
        }
        self.end(&mut found);
        found.trouble = part.trouble;
        found
    }
}

impl Take for Drafts {
    type Taken = Draft;

    fn line(
        &mut self,
        text: &[u8],
        at: usize,
        file: (&Text, u64),
        found: &mut Found<Draft>,
    ) -> usize {
        let Some(mut format) = self.format.take() else {
            return text.len();
        };
        let next = ask(text, at, file, found, |line, place, found| {
            let bytes = length(line);
            format.line(line, place, &mut |read| self.take(read, bytes, found));
        });
        self.format = Some(format);
        next
    }

    fn end(&mut self, found: &mut Found<Draft>) {
        let dictionary = self.dictionary.as_deref_mut();
        found.words = dictionary.map(|dictionary| Box::new(dictionary.drain()));
    }
}

/// The content of a request, hashed with the key of this process: an access log has millions of
/// short lines, and a digest would cost more than reading them.
fn content_of_access(record: &AccessRecord, scanner: &Scanner, room: &mut Vec<u8>) -> u128 {
    let name = [record.proxy.name()];
    let (seconds, nanos) = (record.time.seconds(), record.time.nanos());
    room.clear();
    room.extend(seconds.to_le_bytes());
    room.extend(nanos.to_le_bytes());
    room.extend(record.status.to_le_bytes());
    for word in name.iter().chain(&record.words()) {
        room.extend((word.len() as u64).to_le_bytes());
        room.extend_from_slice(word.as_bytes());
    }
    scanner.id(room)
}

/// What tells a CloudTrail record without an `eventID` from another.
fn content(record: &CloudTrailRecord) -> u128 {
    let words = [
        Some(&record.event_source),
        Some(&record.event_name),
        record.region.as_ref(),
        Some(&record.actor),
        record.remote_address.as_ref(),
        record.user_agent.as_ref(),
        record.error_code.as_ref(),
        record.error_message.as_ref(),
        record.resource.as_ref(),
    ];
    let time = Digest::of("cloudtrail content").word(&record.time.seconds().to_be_bytes());
    let all = words.iter().fold(time, |digest, word| {
        digest.word(word.map_or("", |w| w.raw()).as_bytes())
    });
    all.end()
}

pub(super) fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
