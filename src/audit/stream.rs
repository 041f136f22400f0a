//! One input as a stream of records in order of time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::coded::{Dictionary, Known};
use super::detect::{Detected, Kind, LONG_SAMPLE, SAMPLE, detect};
use super::draft::{DOCUMENT_BYTES, Drafter, Drafts, length};
use super::format::document::Document;
use super::format::vault::Vault;
use super::format::{Format, Read};
use super::item::{Item, Keep, Kept};
use super::lines::{Line, LineReader};
use super::lots::{Cutter, Lot};
use super::parallel::{Found, Marks, Pieces, WORTHWHILE, too_long};
use super::progress::Progress;
use super::reading::{Part, Reading, WATERMARK_CLOUD, cut_of, watermark};
use super::recent::Recent;
use super::record::Record;
use super::reorder::Reorder;
use super::scan::{Mark, Scanner};
use super::source::{Bytes, Input, Packing};
use super::trouble::Trouble;
use crate::model::rejected::{Place, Rejected};
use crate::model::{Text, Timestamp};

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
    /// The words that the codes of all inputs stand for, where rows are kept.
    dictionary: Mutex<Dictionary>,
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
            dictionary: Mutex::new(Dictionary::new()),
            quiet,
            open: AtomicU64::new(0),
            ahead: READ_AHEAD,
        })
    }

    /// The words that codes stand for.
    pub(super) fn dictionary(&self) -> MutexGuard<'_, Dictionary> {
        self.dictionary
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// For a look at the beginning of an input: nothing of it is noted, and nothing behind it is
    /// read.
    pub(super) fn aside(&self) -> Arc<Self> {
        Arc::new(Self {
            progress: Arc::default(),
            scanner: self.scanner.clone(),
            keep: Keep::Records,
            dictionary: Mutex::new(Dictionary::new()),
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

/// An input that is being read.
pub(super) struct Stream {
    feed: Feed,
    shared: Arc<Shared>,
    order: Reorder<Item>,
    seen: Recent<u32>,
    drafter: Drafter,
}

/// What the beginning of an input says of its format; `None` where it cannot be read. Nothing is
/// noted: whoever reads it will.
pub(super) fn kind_of(input: &Input) -> Option<Detected> {
    looked_at(input, &Arc::default(), None).map(|(_, detected)| detected)
}

/// What is told of a file that is of no known format.
pub(super) fn unknown(file: &Text, reason: Text) -> Rejected {
    Rejected {
        place: Place {
            file: file.clone(),
            line: 0,
            byte: 0,
        },
        reason,
        excerpt: Text::default(),
    }
}

/// Opens an input and finds out its format; `None` of that where it is empty. `None` of all where it
/// cannot be read; the reason has then been noted.
fn recognised(
    input: &Input,
    progress: &Arc<Progress>,
    quiet: Option<Duration>,
) -> Option<(LineReader, Option<Kind>)> {
    let (reader, detected) = looked_at(input, progress, quiet)?;
    let kind = match detected {
        Detected::Known(kind) => Some(kind),
        Detected::Empty => None,
        Detected::Unknown(reason) => {
            progress.reject(unknown(reader.name(), reason));
            return None;
        }
    };
    progress.readable();
    Some((reader, kind))
}

/// Opens an input and looks at its beginning. `None` where it cannot be read; the reason has then
/// been noted.
fn looked_at(
    input: &Input,
    progress: &Arc<Progress>,
    quiet: Option<Duration>,
) -> Option<(LineReader, Detected)> {
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
    let has_nothing = failed && detected == Detected::Empty;
    (!has_nothing).then_some((reader, detected))
}

enum Feed {
    Lines(LineReader, Box<dyn Format + Send>),
    Bytes(LineReader, Box<dyn Document + Send>),
    /// The records of a large file, read ahead by other threads, with the number of the next
    /// piece's first line.
    Drafts(Pieces<Item>, u64),
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
        let drafter = Drafter::new(&shared.scanner, shared.keep, input.number);
        let feed = Feed::of((kind, input, &drafter), reader, shared)?;
        shared.open.fetch_add(1, Ordering::Relaxed);
        Some(Self {
            feed,
            shared: Arc::clone(shared),
            order: Reorder::new(watermark),
            seen: Recent::new(watermark, MOST_COUNTED),
            drafter,
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
        self.order.pop()
    }

    /// Gives records that come next, if that is before `until` and certain already, for as long as
    /// they are taken.
    pub(super) fn take_while(&mut self, until: Option<Timestamp>, take: impl FnMut(&Item) -> bool) {
        self.order.take_while(until, take);
    }

    /// Reads one piece.
    fn pump(&mut self) {
        let order = &mut self.order;
        let mut sink = Sink {
            shared: &self.shared,
            out: |item: Item| order.push(item),
            seen: &mut self.seen,
            bytes: 0,
            drafter: &mut self.drafter,
            // Only the one thread that makes an archive needs it.
            dictionary: (self.shared.keep == Keep::Rows).then(|| self.shared.dictionary()),
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
                    let items = sink.drafts(found, lines);
                    order.push_all(items);
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
    fn of(
        (kind, input, drafter): (Kind, &Input, &Drafter),
        reader: LineReader,
        shared: &Arc<Shared>,
    ) -> Option<Self> {
        let length = input
            .bytes
            .filter(|bytes| *bytes >= WORTHWHILE && input.carried.is_none());
        let plain = length.filter(|_| reader.packing() == Packing::Plain);
        let fed = if kind == Kind::Vault && shared.keep == Keep::Nothing {
            Self::scan(input, reader, plain, shared)
        } else if length.is_some() && shared.open.load(Ordering::Relaxed) < shared.ahead {
            Self::ahead((kind, input, drafter), reader, plain, shared)
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
        (kind, input, drafter): (Kind, &Input, &Drafter),
        reader: LineReader,
        plain: Option<u64>,
        shared: &Arc<Shared>,
    ) -> Result<Self, Trouble> {
        if let Some(length) = plain.filter(|_| kind.is_one_line()) {
            let taker = || Drafts::of(kind, drafter);
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
                let mut drafts = Drafts::of(kind, drafter);
                move |part| drafts.part(part, read)
            };
            return Ok(Self::Drafts(Pieces::spread(input, cut, &taker)?, 0));
        }
        let name = reader.name().clone();
        let cutter = Cutter::new(kind, &name, Drafts::of(kind, drafter));
        let cut = move |give: &mut dyn FnMut(Lot) -> bool| cutter.run(reader, give);
        let taker = || {
            let (mut drafts, name) = (Drafts::of(kind, drafter), name.clone());
            move |lot: Lot| lot.found(kind, &name, &mut drafts)
        };
        Ok(Self::Drafts(Pieces::spread(input, cut, &taker)?, 0))
    }
}

/// Takes what is read.
struct Sink<'a, F: FnMut(Item)> {
    shared: &'a Shared,
    out: F,
    seen: &'a mut Recent<u32>,
    /// About what the next record costs to hold.
    bytes: u32,
    drafter: &'a mut Drafter,
    /// Where the words of rows go.
    dictionary: Option<MutexGuard<'a, Dictionary>>,
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
        let mut item = self.drafter.draft(self.dictionary.as_deref_mut(), told);
        self.number(&mut item);
        (self.out)(item);
    }

    /// Gives a piece's records their names, and codes that are the same for all pieces.
    fn drafts(&mut self, mut found: Found<Item>, lines: &mut u64) -> Vec<Item> {
        let known = match (&mut self.dictionary, &found.words) {
            (Some(dictionary), Some(words)) => dictionary.learn(words),
            _ => Known::default(),
        };
        let mut items = std::mem::take(&mut found.taken);
        for item in &mut items {
            match &mut item.kept {
                Kept::Nothing => {}
                Kept::Record(payload) => payload.place.line += *lines,
                Kept::Row(coded) => known.translate(&mut coded.codes),
            }
            self.number(item);
        }
        self.found(found, lines, |_, _| {});
        items
    }

    /// Names a record that has no name of its own by its content and its how-manieth.
    fn number(&mut self, item: &mut Item) {
        if !item.is_content {
            return;
        }
        let count = self.seen.of_second(item.id, item.time);
        let nth = *count;
        *count += 1;
        if nth > 0 {
            let mut word = [0; 20];
            let bytes = item.id.to_be_bytes().into_iter().chain(nth.to_be_bytes());
            for (to, from) in word.iter_mut().zip(bytes) {
                *to = from;
            }
            item.id = self.shared.scanner.id(&word);
        }
        if let Kept::Record(payload) = &mut item.kept {
            payload.nth = nth;
        }
    }

    fn mark(&mut self, mark: Mark, bytes: u32) {
        (self.out)(Item {
            time: mark.time,
            id: mark.id,
            half: mark.half.into(),
            is_content: false,
            bytes,
            kept: Kept::Nothing,
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
}

/// Turns the lines of one input that grows into records, as they come.
pub(super) struct Live {
    seen: Recent<u32>,
    drafter: Drafter,
}

impl Live {
    pub(super) fn new(shared: &Shared) -> Self {
        Self::counting(shared, MOST_COUNTED)
    }

    /// The same, which remembers the how-manieth of so many records at least.
    pub(super) fn counting(shared: &Shared, most: usize) -> Self {
        Self {
            seen: Recent::new(WATERMARK_CLOUD, most),
            drafter: Drafter::new(&shared.scanner, shared.keep, None),
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
            drafter: &mut self.drafter,
            dictionary: None,
            bytes: 0,
        }
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::item::Half;
    use crate::audit::record::VaultKind;

    fn found<T>(taken: T) -> Found<T> {
        Found {
            taken: vec![taken],
            ..Found::default()
        }
    }

    /// Cuts one part and dies.
    fn cut(give: &mut dyn FnMut(()) -> bool) {
        assert!(give(()));
        panic!("as a test wants it");
    }

    /// What it had read comes out, and that more may be missing is told.
    #[test]
    fn a_thread_that_dies_is_told_as_trouble_of_its_input() {
        let input = Input::at("log".into(), None);
        let feeds: [fn(&Input) -> Feed; 2] = [
            |input| {
                let taker = || {
                    |()| {
                        found(Item {
                            time: Timestamp::new(7, 0),
                            id: 7,
                            half: Half::Whole,
                            is_content: true,
                            bytes: 7,
                            kept: Kept::Nothing,
                        })
                    }
                };
                Feed::Drafts(Pieces::spread(input, cut, &taker).unwrap(), 0)
            },
            |input| {
                let taker = || {
                    |()| {
                        let mark = Mark {
                            time: Timestamp::new(7, 0),
                            half: VaultKind::Request,
                            id: 7,
                        };
                        found((mark, 7))
                    }
                };
                Feed::Pieces(Pieces::spread(input, cut, &taker).unwrap(), 1)
            },
        ];
        for feed in feeds {
            let progress = Arc::new(Progress::new(10));
            let shared = Shared::new(&progress, Scanner::new(), Keep::Nothing, None);
            shared.open.fetch_add(1, Ordering::Relaxed);
            let mut stream = Stream {
                feed: feed(&input),
                order: Reorder::new(WATERMARK_CLOUD),
                seen: Recent::new(WATERMARK_CLOUD, MOST_COUNTED),
                drafter: Drafter::new(&shared.scanner, Keep::Nothing, None),
                shared,
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
