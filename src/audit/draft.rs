//! Makes records ready to be put in order, in the threads that read them: items that have no number
//! among those of the same content yet.

use super::coded::{Coded, Dictionary};
use super::detect::Kind;
use super::entry::{Indexed, access_indexed, journal_indexed};
use super::format::split::Piece;
use super::format::{Access, Format, Journal, Read, Told};
use super::item::{Half, Item, Keep, Kept, Payload};
use super::parallel::{Found, Start, Take, ask};
use super::reading::{Part, ReadPiece, format_of_lines};
use super::record::{
    AccessWords, CloudTrailRecord, JournalRecord, PostgresRecord, Provider, Record, ServiceCall,
};
use super::scan::Scanner;
use crate::model::rejected::Place;
use crate::model::{Text, Timestamp};

/// About what a record of a document costs to hold, in bytes.
pub(super) const DOCUMENT_BYTES: u32 = 2048;

/// What tells a record from others.
enum Name {
    /// Its own id, and what else belongs to it.
    Own(u128, Half),
    /// Nothing but its content, of which its second is a part.
    Content(u128),
}

impl Name {
    /// What has this name, before it has a number among those of the same content.
    fn item(self, time: Timestamp, bytes: u32, kept: Kept) -> Item {
        let (id, half, is_content) = match self {
            Self::Own(id, half) => (id, half, false),
            Self::Content(id) => (id, Half::Whole, true),
        };
        Item {
            time,
            id,
            half,
            is_content,
            bytes,
            kept,
        }
    }
}

/// Makes items of the records of one input. All that can be found out of a record alone is, so
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

    /// Makes an item of a record. Where rows are kept, its words go into the dictionary.
    pub(super) fn draft(
        &mut self,
        dictionary: Option<&mut Dictionary>,
        (record, place, bytes): (Record, Place, u32),
    ) -> Item {
        let (time, name) = (record.time(), self.name(&record));
        name.item(time, bytes, self.kept(dictionary, record, place))
    }

    /// The same of a request that is told in words of its line.
    fn access(
        &mut self,
        dictionary: &mut Dictionary,
        (said, byte, bytes): (&AccessWords<'_>, u64, u32),
    ) -> Item {
        let kept = self.coded(dictionary, byte, &access_indexed(said));
        let name = Name::Content(access(Hash::new(&self.scanner, &mut self.room), said));
        name.item(said.time, bytes, Kept::Row(kept))
    }

    /// The same of a line of the journal.
    fn journal(
        &mut self,
        dictionary: &mut Dictionary,
        (line, byte, bytes): (&Journal<'_>, u64, u32),
    ) -> Item {
        let kept = self.coded(dictionary, byte, &journal_indexed(&line.said));
        let id = cursor(Hash::new(&self.scanner, &mut self.room), line.cursor);
        Name::Own(id, Half::Whole).item(line.said.time, bytes, Kept::Row(kept))
    }

    fn coded(&self, dictionary: &mut Dictionary, byte: u64, indexed: &Indexed<'_>) -> Coded {
        Coded {
            file: self.file,
            byte,
            has_error: indexed.has_error,
            codes: dictionary.codes(indexed),
        }
    }

    fn kept(&self, dictionary: Option<&mut Dictionary>, record: Record, place: Place) -> Kept {
        if self.keep == Keep::Nothing {
            return Kept::Nothing;
        }
        if let (Keep::Rows, Some(dictionary)) = (self.keep, dictionary) {
            let coded = |indexed: &Indexed<'_>| self.coded(dictionary, place.byte, indexed);
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
        let mut hash = Hash::new(&self.scanner, &mut self.room);
        match record {
            Record::Vault(entry) => {
                let id = self.scanner.id(entry.request_id.raw().as_bytes());
                Name::Own(id, entry.kind.into())
            }
            Record::Event(event) => {
                hash.word("event").word(event.source.raw());
                Name::Own(hash.word(event.id.raw()).end(), Half::Whole)
            }
            Record::Postgres(record) => Name::Content(postgres(hash, record)),
            Record::CloudTrail(record) => match &record.event_id {
                Some(id) => Name::Own(hash.word("cloudtrail").text(id).end(), Half::Whole),
                None => Name::Content(cloudtrail(hash, record)),
            },
            Record::Call(call) => {
                let id = call_name(hash, call);
                match &call.id {
                    Some(_) if call.provider == Provider::Kubernetes => {
                        Name::Own(id, call.stage.into())
                    }
                    Some(_) => Name::Own(id, Half::Whole),
                    None => Name::Content(id),
                }
            }
            Record::Journal(record) => match &record.cursor {
                Some(named) => Name::Own(cursor(hash, named.raw()), Half::Whole),
                None => Name::Content(journal(hash, record)),
            },
            Record::Access(record) => Name::Content(access(hash, &record.said())),
        }
    }
}

/// Makes items of what is read in a thread of its own, with a dictionary for each piece.
pub(super) struct Drafts {
    drafter: Drafter,
    dictionary: Option<Box<Dictionary>>,
    /// Reads the lines of a piece.
    format: Option<Box<dyn Format + Send>>,
    /// The most that was taken of a piece so far: room for as much is made at once.
    most: usize,
}

impl Drafts {
    pub(super) fn of(kind: Kind, drafter: &Drafter) -> Self {
        let keeps_rows = drafter.keep == Keep::Rows;
        Self {
            drafter: drafter.clone(),
            dictionary: keeps_rows.then(|| Box::new(Dictionary::new())),
            format: format_of_lines(kind),
            most: 0,
        }
    }

    /// A reader of lines, which is to be given back when it has finished.
    pub(super) fn reader(&mut self, kind: Kind) -> Option<Box<dyn Format + Send>> {
        self.format.take().or_else(|| format_of_lines(kind))
    }

    /// Keeps a reader that has finished: it may remember something that is of use.
    pub(super) fn give_back(&mut self, format: Box<dyn Format + Send>) {
        self.format = Some(format);
    }

    /// For what is found in a piece.
    pub(super) fn room(&self) -> Found<Item> {
        Found {
            taken: Vec::with_capacity(self.most),
            ..Found::default()
        }
    }

    pub(super) fn take(&mut self, read: Read, bytes: u32, found: &mut Found<Item>) {
        match read {
            Read::Record(record, place) => {
                let dictionary = self.dictionary.as_deref_mut();
                let draft = self.drafter.draft(dictionary, (record, place, bytes));
                found.taken.push(draft);
            }
            Read::Rejected(rejected) => found.rejected.push(rejected),
        }
    }

    /// Reads a line.
    pub(super) fn line_of(
        &mut self,
        line: &[u8],
        place: &Place,
        format: &mut dyn Format,
        found: &mut Found<Item>,
    ) {
        let bytes = length(line);
        let Some(mut dictionary) = self.dictionary.take() else {
            return format.line(line, place, &mut |read| self.take(read, bytes, found));
        };
        format.tell(line, place, &mut |told| {
            let (drafter, dictionary) = (&mut self.drafter, dictionary.as_mut());
            found.taken.push(match told {
                Told::Access(Access(said)) => drafter.access(dictionary, (said, place.byte, bytes)),
                Told::Journal(line) => drafter.journal(dictionary, (line, place.byte, bytes)),
                Told::Read(Read::Record(record, place)) => {
                    drafter.draft(Some(dictionary), (record, place, bytes))
                }
                Told::Read(Read::Rejected(rejected)) => return found.rejected.push(rejected),
            });
        });
        self.dictionary = Some(dictionary);
    }

    /// The records so far are a piece: what comes next has codes of its own.
    pub(super) fn end_piece(&mut self, found: &mut Found<Item>) {
        self.most = self.most.max(found.taken.len());
        let dictionary = self.dictionary.as_deref_mut();
        found.words = dictionary.map(|dictionary| Box::new(dictionary.drain()));
    }

    /// Reads records that were cut out of a document.
    pub(super) fn part(&mut self, part: Part, read: ReadPiece) -> Found<Item> {
        let mut found = self.room();
        for (range, place, reason) in part.pieces {
            let bytes = part.bytes.get(range).unwrap_or_default();
            let piece = match reason {
                Some(reason) => Piece::Bad(bytes, place, reason),
                None => Piece::Object(bytes, place),
            };
            self.take(read.read(piece), DOCUMENT_BYTES, &mut found);
        }
        self.end_piece(&mut found);
        found.trouble = part.trouble;
        found
    }
}

impl Take for Drafts {
    type Taken = Item;

    fn line(
        &mut self,
        text: &[u8],
        at: usize,
        start: &mut Start,
        found: &mut Found<Item>,
    ) -> usize {
        let Some(mut format) = self.format.take() else {
            return text.len();
        };
        let next = ask(text, at, start, found, |line, place, found| {
            self.line_of(line, place, format.as_mut(), found);
        });
        self.format = Some(format);
        next
    }

    fn end(&mut self, found: &mut Found<Item>) {
        self.end_piece(found);
    }
}

/// A hash with the key of this process: logs have millions of short records, and a digest that
/// is the same everywhere would cost as much as reading them. Where a word ends and the next one
/// begins counts.
struct Hash<'a> {
    scanner: &'a Scanner,
    room: &'a mut Vec<u8>,
}

impl<'a> Hash<'a> {
    fn new(scanner: &'a Scanner, room: &'a mut Vec<u8>) -> Self {
        room.clear();
        Self { scanner, room }
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.room.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn word(&mut self, word: &str) -> &mut Self {
        self.number(word.len() as u64);
        self.room.extend_from_slice(word.as_bytes());
        self
    }

    /// Some words, their lengths first.
    fn words<const N: usize>(&mut self, words: &[&str; N]) -> &mut Self {
        let lengths = words.map(|word| (word.len() as u64).to_le_bytes());
        self.room.extend_from_slice(lengths.as_flattened());
        for word in words {
            self.room.extend_from_slice(word.as_bytes());
        }
        self
    }

    fn text(&mut self, text: &Text) -> &mut Self {
        self.word(text.raw())
    }

    /// A text that is absent is as if it was empty.
    fn some(&mut self, text: Option<&Text>) -> &mut Self {
        self.word(text.map_or("", Text::raw))
    }

    fn time(&mut self, time: Timestamp) -> &mut Self {
        let seconds = time.seconds().cast_unsigned();
        self.number(seconds).number(u64::from(time.nanos()))
    }

    fn end(&self) -> u128 {
        self.scanner.id(self.room)
    }
}

/// As [`PostgresRecord::identity`] has it.
fn postgres(mut hash: Hash<'_>, record: &PostgresRecord) -> u128 {
    let seconds = record.time.seconds().cast_unsigned();
    hash.word("postgres").number(seconds);
    hash.number(u64::from(record.time.nanos() / 1_000_000));
    hash.number(record.pid.unwrap_or(u64::MAX));
    hash.some(record.user.as_ref()).text(&record.message).end()
}

/// What tells a CloudTrail record without an `eventID` from another.
fn cloudtrail(mut hash: Hash<'_>, record: &CloudTrailRecord) -> u128 {
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
    let seconds = record.time.seconds().cast_unsigned();
    hash.word("cloudtrail content").number(seconds);
    for word in words {
        hash.some(word);
    }
    hash.end()
}

/// As [`ServiceCall::identity`] has it.
fn call_name(mut hash: Hash<'_>, call: &ServiceCall) -> u128 {
    hash.word(call.provider.name());
    if let Some(id) = &call.id {
        hash.text(id);
        if call.provider != Provider::Kubernetes {
            // Unique among those of one log and one time only.
            hash.time(call.time);
        }
        return hash.end();
    }
    hash.time(call.time).words(&call.words());
    hash.word(call.ending.outcome()).end()
}

/// As [`JournalRecord::identity`] has it, of one with a cursor.
fn cursor(mut hash: Hash<'_>, cursor: &str) -> u128 {
    hash.word("cursor").word(cursor).end()
}

/// The same of one without a cursor.
fn journal(mut hash: Hash<'_>, record: &JournalRecord) -> u128 {
    hash.word("journald").time(record.time);
    hash.words(&record.words()).end()
}

/// As [`AccessRecord::identity`] has it.
fn access(mut hash: Hash<'_>, record: &AccessWords<'_>) -> u128 {
    hash.word(record.proxy.name()).time(record.time);
    hash.number(u64::from(record.status));
    hash.words(&record.words()).end()
}

pub(super) fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
