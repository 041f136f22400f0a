//! One input as a stream of records in order of time.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::detect::{Detected, Kind, LONG_SAMPLE, SAMPLE, detect};
use super::digest::Digest;
use super::entry::AuditRow;
use super::format::access::{Access, envoy, nginx};
use super::format::cloudtrail::{self, CloudTrail, CloudTrailLines};
use super::format::document::{self, Document, Documents, Lines, ReadRecord};
use super::format::events::Events;
use super::format::journald::Journald;
use super::format::postgres::stderr::Stderr;
use super::format::postgres::{csv::CsvLog, json::JsonLog};
use super::format::split::{Piece, Splitter};
use super::format::vault::Vault;
use super::format::{Format, Read, azure, gcp, kubernetes};
use super::lines::{Line, LineReader};
use super::parallel::{Found, Marks, Pieces, Take, WORTHWHILE, ask, too_long};
use super::progress::Progress;
use super::recent::Recent;
use super::record::{
    AccessRecord, CallStage, CloudTrailRecord, Provider, Proxy, Record, VaultKind,
};
use super::reorder::Reorder;
use super::scan::{Mark, Scanner};
use super::source::{Bytes, Input, Packing};
use super::trouble::Trouble;
use crate::model::rejected::{Place, Rejected};
use crate::model::{Span, Text, Timestamp};

/// How late a record may come behind the newest one of its input.
const WATERMARK: Span = Span::seconds(30);
/// The same for CloudTrail and what other clouds deliver.
const WATERMARK_CLOUD: Span = Span::seconds(600);

/// About what a record of a document costs to hold, in bytes.
const DOCUMENT_BYTES: u32 = 2048;

/// The most bytes of records that all inputs together hold back, and the bounds of one's share.
const MOST_BYTES: u64 = 128 << 20;
const SHARE: (u64, u64) = (256 << 10, 32 << 20);

/// The most inputs that are read ahead at once: each holds some pieces of its records.
const READ_AHEAD: u64 = 4;

/// The most records whose how-manieth is remembered.
const MOST_COUNTED: usize = 200_000;

/// What all inputs share.
pub(super) struct Shared {
    pub(super) progress: Arc<Progress>,
    pub(super) scanner: Scanner,
    pub(super) keep: Keep,
    /// See [`super::Options::quiet`].
    pub(super) quiet: Option<Duration>,
    /// The inputs that are being read.
    pub(super) open: AtomicU64,
    /// So many of them may be read ahead by threads of their own.
    ahead: u64,
}

impl Shared {
    pub(super) fn new(
        progress: &Arc<Progress>,
        scanner: Scanner,
        keep: Keep,
        quiet: Option<Duration>,
    ) -> Arc<Self> {
        Arc::new(Self {
            progress: Arc::clone(progress),
            scanner,
            keep,
            quiet,
            open: AtomicU64::new(0),
            ahead: READ_AHEAD,
        })
    }

    /// For a look at the beginning of an input: nothing of it is noted, and nothing behind it is
    /// read.
    pub(super) fn aside(&self) -> Arc<Self> {
        Arc::new(Self {
            progress: Arc::default(),
            scanner: self.scanner.clone(),
            keep: Keep::Records,
            quiet: None,
            open: AtomicU64::new(0),
            ahead: 0,
        })
    }

    /// The bytes that one input may hold back.
    fn share(&self) -> u64 {
        let (least, most) = SHARE;
        let open = self.open.load(Ordering::Relaxed).max(1);
        (MOST_BYTES / open).clamp(least, most)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A record on its way, or the trace of one that is only counted.
pub(super) struct Item {
    pub(super) time: Timestamp,
    pub(super) id: u128,
    pub(super) half: Half,
    pub(super) bytes: u32,
    pub(super) payload: Option<Box<Payload>>,
}

/// What is kept of a record that is not only counted.
pub(super) struct Payload {
    pub(super) kept: Kept,
    pub(super) place: Place,
    /// The how-manieth of its input with the same content, from 0.
    pub(super) nth: u32,
}

/// A record, or what an archive keeps of it.
pub(super) enum Kept {
    Record(Record),
    /// Its row. The halves of a Vault call have one together only.
    Row(Box<AuditRow>),
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

/// An input that is being read.
pub(super) struct Stream {
    feed: Feed,
    shared: Arc<Shared>,
    order: Reorder<Item>,
    seen: Recent<u32>,
    words: Vec<u8>,
}

/// The format of an input; `None` where there is nothing to read. The reason is not noted: whoever
/// reads it will.
pub(super) fn kind_of(input: &Input) -> Option<Kind> {
    recognised(input, &Arc::default(), None).and_then(|(_, kind)| kind)
}

/// Opens an input and finds out its format; `None` of that where it is empty. `None` of all where it
/// cannot be read; the reason has then been noted.
fn recognised(
    input: &Input,
    progress: &Arc<Progress>,
    quiet: Option<Duration>,
) -> Option<(LineReader, Option<Kind>)> {
    let bytes = match Bytes::open(input, &progress.bytes) {
        Ok(bytes) => bytes,
        Err(trouble) => {
            progress.trouble(trouble);
            return None;
        }
    };
    let mut reader = LineReader::new(bytes);
    let mut failed = false;
    let mut note = |trouble| {
        failed = true;
        progress.trouble(trouble);
    };
    let detected = match early(&mut reader, quiet, &mut note) {
        Some(kind) => Detected::Known(kind),
        None => sampled(&mut reader, &mut note),
    };
    let kind = match detected {
        Detected::Known(kind) => kind,
        Detected::Empty => {
            if failed {
                return None;
            }
            progress.readable();
            return Some((reader, None));
        }
        Detected::Unknown(reason) => {
            progress.reject(Rejected {
                place: Place {
                    file: reader.name().clone(),
                    line: 0,
                    byte: 0,
                },
                reason,
                excerpt: Text::default(),
            });
            return None;
        }
    };
    progress.readable();
    Some((reader, Some(kind)))
}

enum Feed {
    Lines(LineReader, Box<dyn Format + Send>),
    Bytes(LineReader, Box<dyn Document + Send>),
    /// The records of a large file, read ahead by other threads, with the number of the next
    /// piece's first line.
    Drafts(Pieces<Draft>, u64),
    /// Vault entries that are only counted.
    Scan(LineReader, Vault),
    /// The same of a large file.
    Pieces(Pieces<(Mark, u32)>, u64),
    Ended,
}

impl Stream {
    /// Opens `input` and finds out its format. `None` where there is nothing to read; the reason
    /// has then been noted.
    pub(super) fn open(input: &Input, shared: &Arc<Shared>) -> Option<Self> {
        let (reader, kind) = recognised(input, &shared.progress, shared.quiet)?;
        let kind = kind?;
        let watermark = watermark(kind);
        let feed = Feed::of(kind, input, reader, shared)?;
        shared.open.fetch_add(1, Ordering::Relaxed);
        Some(Self {
            feed,
            shared: Arc::clone(shared),
            order: Reorder::new(watermark),
            seen: Recent::new(watermark, MOST_COUNTED),
            words: Vec::new(),
        })
    }

    /// How an input is packed and which format it has; `None` of that where it is empty. `None` of
    /// all where it cannot be read; the reason has then been noted.
    pub(super) fn kind(input: &Input, shared: &Arc<Shared>) -> Option<(Packing, Option<Kind>)> {
        let (reader, kind) = recognised(input, &shared.progress, None)?;
        Some((reader.packing(), kind))
    }

    /// About the time of the first record: that of the earliest in the first piece that holds one.
    pub(super) fn begins(&mut self) -> Option<Timestamp> {
        while self.order.earliest().is_none() && !matches!(self.feed, Feed::Ended) {
            self.pump();
        }
        self.order.earliest()
    }

    /// The time of the next record; reads on until that is certain. `None` at the end.
    pub(super) fn head(&mut self) -> Option<Timestamp> {
        loop {
            if let Some(time) = self.order.head(self.shared.share()) {
                return Some(time);
            }
            if matches!(self.feed, Feed::Ended) {
                return None;
            }
            if self.is_quiet() {
                self.order.release();
            } else {
                self.pump();
            }
        }
    }

    /// True where records are held and nothing has come for as long as they may wait.
    fn is_quiet(&self) -> bool {
        let (Feed::Lines(reader, _) | Feed::Bytes(reader, _)) = &self.feed else {
            return false;
        };
        let quiet = self
            .shared
            .quiet
            .filter(|_| self.order.earliest().is_some());
        quiet.is_some_and(|quiet| reader.is_quiet(quiet))
    }

    /// Takes the record that [`Self::head`] told of.
    pub(super) fn pop(&mut self) -> Option<Item> {
        self.order.pop().map(|(_, item)| item)
    }

    /// Reads one piece.
    fn pump(&mut self) {
        let order = &mut self.order;
        let mut sink = Sink {
            shared: &self.shared,
            out: |item: Item| order.push(item.time, item.bytes, item),
            seen: &mut self.seen,
            bytes: 0,
            words: &mut self.words,
        };
        let done = match &mut self.feed {
            Feed::Lines(reader, format) => {
                let name = reader.name().clone();
                let mut line = |line: Line<'_>| sink.line(&name, line, format.as_mut());
                reader.lines(&mut line, &mut |t| self.shared.progress.trouble(t));
                if reader.is_done() {
                    format.finish(&mut |read| sink.take(read));
                }
                reader.is_done()
            }
            Feed::Bytes(reader, format) => {
                sink.bytes = DOCUMENT_BYTES;
                reader.chunks(
                    &mut |chunk| format.bytes(chunk, &mut |read| sink.take(read)),
                    &mut |t| self.shared.progress.trouble(t),
                );
                if reader.is_done() {
                    format.end(&mut |read| sink.take(read));
                }
                reader.is_done()
            }
            Feed::Scan(reader, vault) => {
                let name = reader.name().clone();
                let mut line = |line: Line<'_>| {
                    let scanned = line.bytes.and_then(|b| sink.shared.scanner.line(b, 0));
                    match (scanned, line.bytes) {
                        (Some((mark, _)), Some(bytes)) => sink.mark(mark, length(bytes)),
                        _ => sink.line(&name, line, vault),
                    }
                };
                reader.lines(&mut line, &mut |t| self.shared.progress.trouble(t));
                reader.is_done()
            }
            Feed::Drafts(pieces, lines) => match pieces.next() {
                Some(found) => {
                    let at = *lines;
                    sink.found(found, lines, |sink, mut draft| {
                        if let Some(payload) = &mut draft.payload {
                            payload.place.line += at;
                        }
                        sink.draft(draft);
                    });
                    false
                }
                None => true,
            },
            Feed::Pieces(pieces, lines) => match pieces.next() {
                Some(found) => {
                    sink.found(found, lines, |sink, (mark, bytes)| sink.mark(mark, bytes));
                    false
                }
                None => true,
            },
            Feed::Ended => true,
        };
        if done {
            self.feed = Feed::Ended;
            self.order.end();
        }
    }
}

/// What the beginning of an input says of its format.
fn sampled(reader: &mut LineReader, note: &mut dyn FnMut(Trouble)) -> Detected {
    let (sample, mut whole) = reader.sample(SAMPLE, note);
    if !whole && memchr::memchr(b'\n', sample).is_none() {
        whole = reader.sample(LONG_SAMPLE, note).1;
    }
    let (sample, _) = reader.sample(0, note);
    detect(sample, whole)
}

/// The format of an input that is quiet after a few lines that tell it.
fn early(
    reader: &mut LineReader,
    quiet: Option<Duration>,
    note: &mut dyn FnMut(Trouble),
) -> Option<Kind> {
    let quiet = quiet?;
    loop {
        let is_quiet = reader.is_quiet(quiet);
        let (sample, whole) = reader.sample(0, note);
        let lines = memchr::memrchr(b'\n', sample).and_then(|end| sample.get(..=end));
        if let Some(lines) = lines.filter(|_| is_quiet)
            && let Detected::Known(kind) = detect(lines, false)
        {
            return Some(kind);
        }
        let held = sample.len();
        if whole || held >= SAMPLE {
            return None;
        }
        reader.sample(held + 1, note);
    }
}

impl Feed {
    fn of(kind: Kind, input: &Input, reader: LineReader, shared: &Arc<Shared>) -> Option<Self> {
        let length = input
            .bytes
            .filter(|bytes| *bytes >= WORTHWHILE && input.carried.is_none());
        let plain = length.filter(|_| reader.packing() == Packing::Plain);
        let fed = if kind == Kind::Vault && shared.keep == Keep::Nothing {
            Self::scan(input, reader, plain, shared)
        } else if length.is_some() && shared.open.load(Ordering::Relaxed) < shared.ahead {
            Self::ahead(kind, input, reader, plain, shared)
        } else {
            Ok(match Reading::of(kind, reader.name()) {
                Reading::Lines(format) => Self::Lines(reader, format),
                Reading::Bytes(format) => Self::Bytes(reader, format),
            })
        };
        fed.map_err(|trouble| shared.progress.trouble(trouble)).ok()
    }

    fn scan(
        input: &Input,
        reader: LineReader,
        plain: Option<u64>,
        shared: &Arc<Shared>,
    ) -> Result<Self, Trouble> {
        let Some(length) = plain else {
            return Ok(Self::Scan(reader, Vault::new()));
        };
        let taker = || Marks {
            scanner: shared.scanner.clone(),
            vault: Vault::new(),
        };
        let pieces = Pieces::read(input, length, &shared.progress.bytes, &taker)?;
        Ok(Self::Pieces(pieces, 1))
    }

    /// Reads a large input with threads of its own: with several where every line of a plain file
    /// can be read by itself.
    fn ahead(
        kind: Kind,
        input: &Input,
        reader: LineReader,
        plain: Option<u64>,
        shared: &Arc<Shared>,
    ) -> Result<Self, Trouble> {
        if let Some(length) = plain.filter(|_| kind.is_one_line()) {
            let taker = || Drafts::of(kind, shared);
            let pieces = Pieces::read(input, length, &shared.progress.bytes, &taker)?;
            return Ok(Self::Drafts(pieces, 1));
        }
        let mut reader = reader;
        if let Some((mut splitter, read)) = cut_of(kind, reader.name()) {
            let cut = move |give: &mut dyn FnMut(Part) -> bool| {
                while !reader.is_done() {
                    if !give(Part::cut(&mut reader, &mut splitter)) {
                        return;
                    }
                }
            };
            let taker = || {
                let mut drafts = Drafts::of(kind, shared);
                move |part| drafts.part(part, read)
            };
            return Ok(Self::Drafts(Pieces::spread(input, cut, &taker)?, 0));
        }
        let (mut format, mut drafts) = (format_of_lines(kind), Drafts::of(kind, shared));
        let pieces = Pieces::behind(input, move |to| {
            while let Some(format) = format.as_mut().filter(|_| !reader.is_done()) {
                let found = drafts.piece(&mut reader, format.as_mut());
                if to.send(found).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self::Drafts(pieces, 0))
    }
}

/// Reads what was cut out of a document.
#[derive(Clone, Copy)]
enum ReadPiece {
    CloudTrail,
    Calls(ReadRecord),
}

impl ReadPiece {
    fn read(self, piece: Piece<'_>) -> Read {
        match self {
            Self::CloudTrail => cloudtrail::read(piece),
            Self::Calls(read) => document::read(piece, read),
        }
    }
}

/// What cuts the documents of a format, and who reads their records.
fn cut_of(kind: Kind, name: &Text) -> Option<(Splitter, ReadPiece)> {
    match kind {
        Kind::CloudTrail => Some((Splitter::new(name.clone()), ReadPiece::CloudTrail)),
        Kind::CallDocuments(provider) => {
            let (members, read) = of_provider(provider);
            let splitter = Splitter::of(name.clone(), members);
            Some((splitter, ReadPiece::Calls(read)))
        }
        _ => None,
    }
}

/// Records that were cut out of a document: where each lies in the bytes, where it stands, and
/// why it is none.
#[derive(Default)]
struct Part {
    bytes: Vec<u8>,
    pieces: Vec<(Range<usize>, Place, Option<&'static str>)>,
    trouble: Option<Trouble>,
}

impl Part {
    fn cut(reader: &mut LineReader, splitter: &mut Splitter) -> Self {
        const BYTES: usize = 256 << 10;
        let (mut part, mut trouble) = (Self::default(), None);
        while part.bytes.len() < BYTES && !reader.is_done() {
            let mut take = |piece: Piece<'_>| part.take(piece);
            reader.chunks(&mut |chunk| splitter.feed(chunk, &mut take), &mut |t| {
                trouble = Some(t);
            });
            if reader.is_done() {
                splitter.end(&mut take);
            }
        }
        part.trouble = trouble;
        part
    }

    fn take(&mut self, piece: Piece<'_>) {
        let (bytes, place, reason) = match piece {
            Piece::Object(bytes, place) => (bytes, place, None),
            Piece::Bad(bytes, place, reason) => (bytes, place, Some(reason)),
        };
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.pieces.push((begin..self.bytes.len(), place, reason));
    }
}

/// A record on its way that has no number among those of the same content yet.
struct Draft {
    time: Timestamp,
    name: Name,
    bytes: u32,
    payload: Option<Box<Payload>>,
}

/// What tells a record from others.
enum Name {
    /// Its own id, and what else belongs to it.
    Own(u128, Half),
    /// Nothing but its content.
    Content(u128),
}

/// Makes drafts of records.
struct Drafts {
    scanner: Scanner,
    keep: Keep,
    /// Room for what is hashed.
    words: Vec<u8>,
    /// Reads the lines of a piece.
    format: Option<Box<dyn Format + Send>>,
}

impl Drafts {
    fn of(kind: Kind, shared: &Shared) -> Self {
        Self {
            scanner: shared.scanner.clone(),
            keep: shared.keep,
            words: Vec::new(),
            format: format_of_lines(kind),
        }
    }

    fn draft(&mut self, record: Record, place: Place, bytes: u32) -> Draft {
        draft(
            &self.scanner,
            self.keep,
            &mut self.words,
            (record, place, bytes),
        )
    }

    fn take(&mut self, read: Read, bytes: u32, found: &mut Found<Draft>) {
        match read {
            Read::Record(record, place) => found.taken.push(self.draft(record, place, bytes)),
            Read::Rejected(rejected) => found.rejected.push(rejected),
        }
    }

    /// Reads one piece of an input on. Its places are told as they are.
    fn piece(&mut self, reader: &mut LineReader, format: &mut dyn Format) -> Found<Draft> {
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
        found.trouble = trouble;
        found
    }

    /// Reads records that were cut out of a document.
    fn part(&mut self, part: Part, read: ReadPiece) -> Found<Draft> {
        let mut found = Found::default();
        for (range, place, reason) in part.pieces {
            let bytes = part.bytes.get(range).unwrap_or_default();
            let piece = match reason {
                Some(reason) => Piece::Bad(bytes, place, reason),
                None => Piece::Object(bytes, place),
            };
            self.take(read.read(piece), DOCUMENT_BYTES, &mut found);
        }
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
}

/// What reads a format.
pub(super) enum Reading {
    /// Line by line.
    Lines(Box<dyn Format + Send>),
    /// Documents, as their bytes come.
    Bytes(Box<dyn Document + Send>),
}

impl Reading {
    /// The reader of a format, for an input of this name.
    pub(super) fn of(kind: Kind, name: &Text) -> Self {
        Self::Lines(match kind {
            Kind::CloudTrail => return Self::Bytes(Box::new(CloudTrail::new(name.clone()))),
            Kind::CallDocuments(provider) => {
                let (members, read) = of_provider(provider);
                return Self::Bytes(Box::new(Documents::new(name.clone(), members, read)));
            }
            Kind::Calls(provider) => Box::new(Lines::new(of_provider(provider).1)),
            Kind::Journald => Box::new(Journald::new()),
            Kind::Access(Proxy::Nginx) => Box::new(Access::new(nginx::line)),
            Kind::Access(Proxy::Envoy) => Box::new(Access::new(envoy::line)),
            Kind::AccessJson(Proxy::Nginx) => Box::new(Access::new(nginx::json)),
            Kind::AccessJson(Proxy::Envoy) => Box::new(Access::new(envoy::json)),
            Kind::Vault => Box::new(Vault::new()),
            Kind::Events => Box::new(Events),
            Kind::CloudTrailLines => Box::new(CloudTrailLines),
            Kind::PostgresJson => Box::new(JsonLog::new()),
            Kind::PostgresCsv => Box::new(CsvLog::new()),
            Kind::PostgresStderr => Box::new(Stderr::new()),
        })
    }
}

/// What reads the lines of a format; `None` of one whose records are not lines.
pub(super) fn format_of_lines(kind: Kind) -> Option<Box<dyn Format + Send>> {
    match Reading::of(kind, &Text::default()) {
        Reading::Lines(format) => Some(format),
        Reading::Bytes(_) => None,
    }
}

/// How late a record may come behind the newest one of an input. What the clouds deliver in
/// files is in no order within some minutes.
fn watermark(kind: Kind) -> Span {
    match kind {
        Kind::CloudTrail
        | Kind::CloudTrailLines
        | Kind::Calls(Provider::Gcp | Provider::Azure)
        | Kind::CallDocuments(Provider::Gcp | Provider::Azure) => WATERMARK_CLOUD,
        _ => WATERMARK,
    }
}

/// The members of a provider's envelopes, and who reads its records.
fn of_provider(provider: Provider) -> (&'static [&'static str], ReadRecord) {
    match provider {
        Provider::Kubernetes => (kubernetes::MEMBERS, kubernetes::read),
        Provider::Gcp => (gcp::MEMBERS, gcp::read),
        Provider::Azure => (azure::MEMBERS, azure::read),
    }
}

/// Takes what is read.
struct Sink<'a, F: FnMut(Item)> {
    shared: &'a Shared,
    out: F,
    seen: &'a mut Recent<u32>,
    /// About what the next record costs to hold.
    bytes: u32,
    /// Room for what is hashed.
    words: &'a mut Vec<u8>,
}

impl<F: FnMut(Item)> Sink<'_, F> {
    fn line(&mut self, file: &Text, line: Line<'_>, format: &mut dyn Format) {
        let place = Place {
            file: file.clone(),
            line: line.number,
            byte: line.offset,
        };
        match line.bytes {
            Some(bytes) => {
                self.bytes = length(bytes);
                format.line(bytes, &place, &mut |read| self.take(read));
            }
            None => self.shared.progress.reject(too_long(place)),
        }
    }

    fn take(&mut self, read: Read) {
        match read {
            Read::Record(record, place) => self.record(record, place),
            Read::Rejected(rejected) => self.shared.progress.reject(rejected),
        }
    }

    fn record(&mut self, record: Record, place: Place) {
        let told = (record, place, self.bytes);
        let draft = draft(&self.shared.scanner, self.shared.keep, self.words, told);
        self.draft(draft);
    }

    fn draft(&mut self, draft: Draft) {
        let Draft {
            time,
            name,
            bytes,
            mut payload,
        } = draft;
        let (id, half) = match name {
            Name::Own(id, half) => (id, half),
            Name::Content(content) => {
                let (id, nth) = self.nth(content, time);
                if let Some(payload) = &mut payload {
                    payload.nth = nth;
                }
                (id, Half::Whole)
            }
        };
        self.push(Item {
            time,
            id,
            half,
            bytes,
            payload,
        });
    }

    /// The name of a record that has none of its own: its content and its how-manieth.
    fn nth(&mut self, content: u128, time: Timestamp) -> (u128, u32) {
        let count = self.seen.at(content, time);
        let nth = *count;
        *count += 1;
        let mut word = [0; 20];
        let bytes = content.to_be_bytes().into_iter().chain(nth.to_be_bytes());
        for (to, from) in word.iter_mut().zip(bytes) {
            *to = from;
        }
        (self.shared.scanner.id(&word), nth)
    }

    fn mark(&mut self, mark: Mark, bytes: u32) {
        self.push(Item {
            time: mark.time,
            id: mark.id,
            half: mark.half.into(),
            bytes,
            payload: None,
        });
    }

    fn found<T>(&mut self, found: Found<T>, lines: &mut u64, take: impl Fn(&mut Self, T)) {
        for taken in found.taken {
            take(self, taken);
        }
        for mut rejected in found.rejected {
            rejected.place.line += *lines;
            self.shared.progress.reject(rejected);
        }
        *lines += found.lines;
        if let Some(trouble) = found.trouble {
            self.shared.progress.trouble(trouble);
        }
    }

    fn push(&mut self, item: Item) {
        (self.out)(item);
    }
}

/// Turns the lines of one input that grows into records, as they come.
pub(super) struct Live {
    seen: Recent<u32>,
    words: Vec<u8>,
}

impl Live {
    pub(super) fn new() -> Self {
        Self::counting(MOST_COUNTED)
    }

    /// The same, which remembers the how-manieth of so many records at least.
    pub(super) fn counting(most: usize) -> Self {
        Self {
            seen: Recent::new(WATERMARK_CLOUD, most),
            words: Vec::new(),
        }
    }

    /// Takes one line in.
    pub(super) fn line(
        &mut self,
        shared: &Shared,
        file: &Text,
        line: Line<'_>,
        format: &mut dyn Format,
        out: &mut dyn FnMut(Item),
    ) {
        self.sink(shared, out).line(file, line, format);
    }

    /// What the format holds back is whole.
    pub(super) fn finish(
        &mut self,
        shared: &Shared,
        format: &mut dyn Format,
        out: &mut dyn FnMut(Item),
    ) {
        let mut sink = self.sink(shared, out);
        format.finish(&mut |read| sink.take(read));
    }

    fn sink<'a>(
        &'a mut self,
        shared: &'a Shared,
        out: &'a mut dyn FnMut(Item),
    ) -> Sink<'a, &'a mut dyn FnMut(Item)> {
        Sink {
            shared,
            out,
            seen: &mut self.seen,
            words: &mut self.words,
            bytes: 0,
        }
    }
}

/// A record with what tells it from others. All that can be found out of it alone is, so that the
/// one thread that puts records in order has little left to do.
fn draft(
    scanner: &Scanner,
    keep: Keep,
    words: &mut Vec<u8>,
    (record, place, bytes): (Record, Place, u32),
) -> Draft {
    let time = record.time();
    let name = match &record {
        Record::Vault(entry) => {
            let id = scanner.id(entry.request_id.raw().as_bytes());
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
        Record::Access(record) => Name::Content(content_of_access(record, scanner, words)),
    };
    let kept = match (keep, record) {
        (Keep::Nothing, _) => None,
        (Keep::Rows, record) if !matches!(record, Record::Vault(_)) => {
            let row = AuditRow::of_item(&record.item(), place.clone());
            row.map(|row| Kept::Row(Box::new(row)))
        }
        (_, record) => Some(Kept::Record(record)),
    };
    let payload = |kept| {
        Box::new(Payload {
            kept,
            place,
            nth: 0,
        })
    };
    Draft {
        time,
        name,
        bytes,
        payload: kept.map(payload),
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

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What it had read comes out, and that more may be missing is told.
    #[test]
    fn a_thread_that_dies_is_told_as_trouble_of_its_input() {
        let input = Input::at("log".into(), None);
        let feeds: [fn(&Input) -> Feed; 2] = [
            |input| {
                let pieces = Pieces::behind(input, |to| {
                    let draft = Draft {
                        time: Timestamp::new(7, 0),
                        name: Name::Content(7),
                        bytes: 7,
                        payload: None,
                    };
                    let mut found = Found::default();
                    found.taken.push(draft);
                    to.send(found).unwrap();
                    panic!("as a test wants it");
                });
                Feed::Drafts(pieces.unwrap(), 0)
            },
            |input| {
                let pieces = Pieces::behind(input, |to| {
                    let mark = Mark {
                        time: Timestamp::new(7, 0),
                        half: VaultKind::Request,
                        id: 7,
                    };
                    let mut found = Found::default();
                    found.taken.push((mark, 7));
                    to.send(found).unwrap();
                    panic!("as a test wants it");
                });
                Feed::Pieces(pieces.unwrap(), 1)
            },
        ];
        for feed in feeds {
            let progress = Arc::new(Progress::new(10));
            let shared = Shared::new(&progress, Scanner::new(), Keep::Nothing, None);
            shared.open.fetch_add(1, Ordering::Relaxed);
            let mut stream = Stream {
                feed: feed(&input),
                shared,
                order: Reorder::new(WATERMARK),
                seen: Recent::new(WATERMARK, MOST_COUNTED),
                words: Vec::new(),
            };
            assert_eq!(stream.head(), Some(Timestamp::new(7, 0)));
            assert!(stream.pop().is_some());
            assert_eq!(stream.head(), None);
            let troubles = progress.troubles();
            let [Trouble::Failed { path, cause, .. }] = &troubles[..] else {
                panic!("{troubles:?}");
            };
            assert_eq!(path.raw(), "log");
            assert!(cause.raw().contains("ended early"), "{cause:?}");
            assert!(!progress.went_well(1));
        }
    }
}
