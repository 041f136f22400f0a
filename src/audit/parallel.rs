//! Reads one large plain file of lines with several threads: each takes every n-th piece of the
//! file, and what was read comes out in the file's order. Vault entries that are only counted are
//! scanned for their marks so.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::coded::Fresh;
use super::format::vault::Vault;
use super::format::{Format, Read};
use super::lines::{Aligned, LONGEST_LINE, TOO_LONG};
use super::record::Record;
use super::scan::{Mark, Scanner};
use super::source::{Input, read_at};
use super::trouble::{Trouble, name_of};
use crate::model::Text;
use crate::model::rejected::{Place, Rejected};

/// Below this a second thread costs more than it saves, in bytes.
pub(super) const WORTHWHILE: u64 = 4 << 20;

/// The bytes of a piece: with what is written from them they fit the second-level cache.
const PIECE: u64 = 512 << 10;

/// Read beyond a piece at first, to find the end of its last line.
const BEYOND: usize = 8 << 10;

/// Pieces that one thread may be ahead.
const AHEAD: usize = 4;

/// The threads that one file is worth at most: what they find is put in order by a single one,
/// which more of them would not make faster, and each holds pieces that wait for it.
const MOST_THREADS: usize = 8;

/// How many threads shall read a file, or look through an index, of so many pieces.
pub(super) fn threads(pieces: usize) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    cores.min(pieces).clamp(1, MOST_THREADS)
}

/// What was found in one piece.
pub(super) struct Found<T> {
    /// What was taken, in order.
    pub(super) taken: Vec<T>,
    /// The words that their codes stand for, where they have codes.
    pub(super) words: Option<Box<Fresh>>,
    /// With the line counted from 0 within the piece.
    pub(super) rejected: Vec<Rejected>,
    /// Lines that begin in the piece.
    pub(super) lines: u64,
    pub(super) trouble: Option<Trouble>,
}

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self {
            taken: Vec::new(),
            words: None,
            rejected: Vec::new(),
            lines: 0,
            trouble: None,
        }
    }
}

/// Where in its file a piece begins, with the place of the line that is read, which is made once for
/// all of them.
pub(super) struct Start {
    offset: u64,
    place: Place,
}

impl Start {
    fn new(file: &Text, offset: u64) -> Self {
        Self {
            offset,
            place: Place {
                file: file.clone(),
                line: 0,
                byte: 0,
            },
        }
    }

    /// The place of a line of the piece.
    fn place(&mut self, line: u64, at: usize) -> &Place {
        (self.place.line, self.place.byte) = (line, self.offset + at as u64);
        &self.place
    }
}

/// Takes lines of a piece.
pub(super) trait Take: Send + 'static {
    /// What is taken.
    type Taken: Send + 'static;

    /// Takes the line of `text` that begins at `at`; gives where the next begins.
    fn line(
        &mut self,
        text: &[u8],
        at: usize,
        start: &mut Start,
        found: &mut Found<Self::Taken>,
    ) -> usize;

    /// The piece has no more lines.
    fn end(&mut self, _found: &mut Found<Self::Taken>) {}
}

/// The pieces of a file, in order. Dropping it stops the threads.
pub(super) struct Pieces<T> {
    name: Text,
    threads: Vec<Receiver<Found<T>>>,
    next: usize,
    handles: Vec<JoinHandle<()>>,
    /// True where a piece that cannot be read is the last one: which lines the ones behind it are
    /// is not known.
    ends_with_trouble: bool,
}

impl<T: Send + 'static> Pieces<T> {
    /// Begins to read the first `length` bytes of an input, with a taker for each thread.
    pub(super) fn read<R: Take<Taken = T>>(
        input: &Input,
        length: u64,
        counter: &Arc<AtomicU64>,
        taker: &dyn Fn() -> R,
    ) -> Result<Self, Trouble> {
        let count = threads(usize::MAX);
        let (mut threads, mut handles) = (Vec::new(), Vec::new());
        let fail = |e: io::Error| Trouble::opening(&input.path, &e);
        let file = match &input.content {
            Some(content) => Arc::clone(&content.0),
            None => Arc::new(File::open(&input.path).map_err(fail)?),
        };
        for first in 0..count {
            let worker = Worker {
                file: Arc::clone(&file),
                name: name_of(&input.path),
                length,
                counter: Arc::clone(counter),
                buffer: Aligned::new(usize::try_from(PIECE).unwrap_or(0) + BEYOND),
                taker: taker(),
                most_taken: 0,
            };
            let (to, from) = sync_channel(AHEAD);
            let spawn = thread::Builder::new().name(format!("scan-{first}"));
            let run = move || worker.run(first as u64, count as u64, &to);
            handles.push(spawn.spawn(run).map_err(fail)?);
            threads.push(from);
        }
        Ok(Self {
            ends_with_trouble: true,
            ..Self::of(input, threads, handles)
        })
    }

    /// What several threads find in what another one cuts into parts, in the order of the parts.
    /// `cut` gives each part to the sink, which says whether anybody wants more.
    pub(super) fn spread<C: Send + 'static, R>(
        input: &Input,
        cut: impl FnOnce(&mut dyn FnMut(C) -> bool) + Send + 'static,
        taker: &dyn Fn() -> R,
    ) -> Result<Self, Trouble>
    where
        R: FnMut(C) -> Found<T> + Send + 'static,
    {
        let count = threads(usize::MAX);
        let fail = |e: io::Error| Trouble::opening(&input.path, &e);
        let (mut parts, mut threads, mut handles) = (Vec::new(), Vec::new(), Vec::new());
        for nth in 0..count {
            let (part, given) = sync_channel::<C>(1);
            let (to, from) = sync_channel(AHEAD);
            let mut take = taker();
            let run = move || {
                for part in given {
                    if to.send(take(part)).is_err() {
                        return;
                    }
                }
            };
            let spawn = thread::Builder::new().name(format!("read-{nth}"));
            handles.push(spawn.spawn(run).map_err(fail)?);
            parts.push(part);
            threads.push(from);
        }
        let run = move || {
            let mut turn = parts.iter().cycle();
            cut(&mut |part| turn.next().is_some_and(|to| to.send(part).is_ok()));
        };
        let spawn = thread::Builder::new().name("cut".to_owned());
        handles.push(spawn.spawn(run).map_err(fail)?);
        Ok(Self::of(input, threads, handles))
    }

    fn of(input: &Input, threads: Vec<Receiver<Found<T>>>, handles: Vec<JoinHandle<()>>) -> Self {
        Self {
            name: name_of(&input.path),
            threads,
            next: 0,
            handles,
            ends_with_trouble: false,
        }
    }

    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Found<T>> {
        if let Ok(found) = self.threads.get(self.next)?.recv() {
            self.next = (self.next + 1) % self.threads.len();
            if self.ends_with_trouble && found.trouble.is_some() {
                self.threads.clear();
            }
            return Some(found);
        }
        // It is the end, unless a thread has died. Those that wait to give something end now.
        self.threads.clear();
        let ended = self.handles.drain(..).map(JoinHandle::join);
        let died = ended.filter(Result::is_err).count() > 0;
        died.then(|| Found {
            trouble: Some(Trouble::Failed {
                path: self.name.clone(),
                byte: 0,
                cause: Text::from("a thread that read it ended early"),
            }),
            ..Found::default()
        })
    }
}

struct Worker<R> {
    file: Arc<File>,
    name: Text,
    length: u64,
    counter: Arc<AtomicU64>,
    buffer: Aligned,
    taker: R,
    /// The most that was taken of a piece so far: room for as much is made at once.
    most_taken: usize,
}

impl<R: Take> Worker<R> {
    fn run(mut self, first: u64, step: u64, to: &SyncSender<Found<R::Taken>>) {
        let mut start = first * PIECE;
        while start < self.length {
            let found = self.piece(start);
            let failed = found.trouble.is_some();
            if to.send(found).is_err() || failed {
                return;
            }
            start += step * PIECE;
        }
    }

    /// Scans the lines that begin behind `start` and up to the end of the piece; the line that
    /// begins at `start` itself belongs to the piece before.
    fn piece(&mut self, start: u64) -> Found<R::Taken> {
        let mut found = Found::default();
        let whole = (self.length - start).min(PIECE);
        let end = usize::try_from(whole).unwrap_or(0);
        let mut held = match self.read(start, 0, end + BEYOND) {
            Ok(held) => held,
            Err(trouble) => {
                found.trouble = Some(trouble);
                return found;
            }
        };
        self.counter.fetch_add(whole, Ordering::Relaxed);
        if held < end {
            found.trouble = Some(Trouble::Cut {
                path: self.name.clone(),
                read: start + held as u64,
                expected: self.length,
            });
        }
        let text = self.buffer.bytes().get(..held).unwrap_or_default();
        let Some(mut at) = first_line(text.get(..end).unwrap_or(text), start) else {
            return found;
        };
        // The last line runs on until its end, the end of the file, or out of bounds.
        let mut close = line_end(text, end);
        while close.is_none() && held >= end && held < LONGEST_LINE + end {
            let more = held.max(BEYOND);
            match self.read(start, held, held + more) {
                Ok(now) if now > held => {
                    let text = self.buffer.bytes().get(..now).unwrap_or_default();
                    close = line_end(text, held);
                    held = now;
                }
                Ok(_) => break,
                Err(trouble) => {
                    found.trouble = Some(trouble);
                    break;
                }
            }
        }
        let held = close.unwrap_or(held);
        let last = start + whole >= self.length;
        let text = self.buffer.bytes().get(..held).unwrap_or_default();
        let mut start = Start::new(&self.name, start);
        found.taken.reserve(self.most_taken);
        while at < held && (at < end || (at == end && !last)) {
            at = self.taker.line(text, at, &mut start, &mut found);
            found.lines += 1;
        }
        self.taker.end(&mut found);
        self.most_taken = self.most_taken.max(found.taken.len());
        found
    }

    /// Reads on to `want` bytes from `start`, where `held` are there; gives how many are now.
    fn read(&mut self, start: u64, held: usize, want: usize) -> Result<usize, Trouble> {
        // What is written from now on is not read here.
        let left = usize::try_from(self.length - start).unwrap_or(usize::MAX);
        let want = want.min(left);
        if self.buffer.bytes().len() < want {
            let mut larger = Aligned::new(want);
            let (to, from) = (larger.bytes_mut(), self.buffer.bytes());
            if let (Some(to), Some(from)) = (to.get_mut(..held), from.get(..held)) {
                to.copy_from_slice(from);
            }
            self.buffer = larger;
        }
        let mut held = held;
        while held < want {
            let room = self.buffer.bytes_mut().get_mut(held..want);
            match read_at(&self.file, room.unwrap_or_default(), start + held as u64) {
                Ok(0) => break,
                Ok(n) => held += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => {
                    return Err(Trouble::Failed {
                        path: self.name.clone(),
                        byte: start + held as u64,
                        cause: Text::from(e.to_string()),
                    });
                }
            }
        }
        Ok(held)
    }
}

/// Where the first line begins that belongs to a piece.
fn first_line(text: &[u8], start: u64) -> Option<usize> {
    if start > 0 {
        return Some(memchr::memchr(b'\n', text)? + 1);
    }
    Some(if text.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    })
}

/// Where the line ends, its line end included, that goes on at `from`.
fn line_end(text: &[u8], from: usize) -> Option<usize> {
    Some(from + memchr::memchr(b'\n', text.get(from..)?)? + 1)
}

/// Has a reader read the line at `at`; gives where the next begins. A line that is too long is
/// rejected.
pub(super) fn ask<T>(
    text: &[u8],
    at: usize,
    start: &mut Start,
    found: &mut Found<T>,
    read: impl FnOnce(&[u8], &Place, &mut Found<T>),
) -> usize {
    let next = line_end(text, at).unwrap_or(text.len());
    let line = text.get(at..next).unwrap_or_default();
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let place = start.place(found.lines, at);
    if line.len() > LONGEST_LINE {
        found.rejected.push(too_long(place.clone()));
    } else {
        read(line.strip_suffix(b"\r").unwrap_or(line), place, found);
    }
    next
}

/// Takes the marks of Vault entries with the lengths of their lines; where the scanner gives up
/// the full reader reads the line.
pub(super) struct Marks {
    pub(super) scanner: Scanner,
    pub(super) vault: Vault,
}

impl Take for Marks {
    type Taken = (Mark, u32);

    fn line(
        &mut self,
        text: &[u8],
        at: usize,
        start: &mut Start,
        found: &mut Found<Self::Taken>,
    ) -> usize {
        if let Some((mark, next)) = self.scanner.line(text, at) {
            let length = u32::try_from(next - at).unwrap_or(u32::MAX);
            found.taken.push((mark, length));
            return next;
        }
        let Self { scanner, vault } = self;
        ask(text, at, start, found, |line, place, found| {
            vault.line(line, place, &mut |read| match read {
                Read::Record(Record::Vault(entry), _) => {
                    let mark = Mark {
                        time: entry.time,
                        half: entry.kind,
                        id: scanner.id(entry.request_id.raw().as_bytes()),
                    };
                    let length = u32::try_from(line.len()).unwrap_or(u32::MAX);
                    found.taken.push((mark, length));
                }
                Read::Record(..) => {}
                Read::Rejected(rejected) => found.rejected.push(rejected),
            });
        })
    }
}

/// The rejection of a line that is not held.
pub(super) fn too_long(place: Place) -> Rejected {
    Rejected {
        place,
        reason: TOO_LONG.into(),
        excerpt: Text::default(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::audit::{Options, Sighted, open, open_carried};

    /// A log so large that several threads read it, of lines that are told their number.
    fn large(line: impl Fn(usize) -> String, between: &str) -> String {
        let mut log = String::new();
        for n in 0.. {
            if log.len() > 5 << 20 {
                break;
            }
            if n > 0 {
                log.push_str(between);
            }
            log.push_str(&line(n));
        }
        log
    }

    fn time(n: usize) -> String {
        let seconds = n / 20;
        let (hour, minute) = (seconds / 3600, seconds / 60 % 60);
        format!("2026-11-23T{hour:02}:{minute:02}:{:02}Z", seconds % 60)
    }

    fn both(name: &str, log: String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, &log).unwrap();
        let ahead = open(&[&path], &Options::default()).unwrap();
        let told = ahead.progress();
        let ahead: Vec<Sighted> = ahead.collect();
        // What is carried is read by the thread that asks.
        let log: &'static [u8] = Box::leak(log.into_bytes().into_boxed_slice());
        let alone = open_carried(&[(path.to_str().unwrap(), log)], &Options::default());
        let rejected = alone.progress();
        let alone: Vec<Sighted> = alone.collect();
        assert!(ahead.len() > 1000, "{name}: {}", ahead.len());
        assert_eq!(ahead.len(), alone.len(), "{name}");
        for (nth, (a, b)) in ahead.iter().zip(&alone).enumerate() {
            assert_eq!(a, b, "{name} {nth}");
        }
        let places = |rejections: Vec<super::Rejected>| {
            let places = rejections.into_iter().map(|r| (r.place, r.reason));
            places.collect::<Vec<_>>()
        };
        let (told, rejected) = (told.rejections(), rejected.rejections());
        assert_eq!(places(told), places(rejected), "{name}");
    }

    #[test]
    fn what_threads_read_is_what_one_reads() {
        let filler = "x".repeat(300);
        both(
            "events",
            large(
                |n| {
                    let time = time(n);
                    if n % 997 == 5 {
                        return "{torn".to_owned();
                    }
                    format!(
                        r#"{{"specversion":"1.0","id":"{n}","source":"/x","type":"com.example","time":"{time}","data":{{"a":"{filler}"}}}}"#
                    )
                },
                "\n",
            ),
        );
        let call = |n: usize| {
            let time = time(n);
            format!(
                r#"{{"kind":"Event","auditID":"k-{n}","stage":"ResponseComplete","verb":"get","requestURI":"/{filler}","user":{{"username":"u{}"}},"stageTimestamp":"{time}"}}"#,
                n % 7
            )
        };
        both("lines", large(call, "\r\n"));
        let torn = |n: usize| {
            if n % 997 == 5 {
                "7".to_owned()
            } else {
                call(n)
            }
        };
        let list = large(torn, ",\n");
        both(
            "document",
            format!("{{\"kind\":\"EventList\",\"items\":[{list}]}}"),
        );
        both("document that ends early", format!("[{list}"));
    }

    #[test]
    fn records_that_go_on_in_other_lines_are_read_whole_wherever_a_piece_ends() {
        let filler = "x".repeat(200);
        let record = |n: usize, most: usize| {
            let time = time(n).replace('T', " ").replace('Z', ".000 UTC");
            let mut record = format!("{time} [7] app@pay ERROR:  duplicate key {n} {filler}");
            for line in 0..n % most {
                let _ = match line % 3 {
                    0 => write!(record, "\n\tgoes on in {line} {filler}"),
                    1 => write!(
                        record,
                        "\n{time} [7] app@pay DETAIL:  Key {line} exists {filler}"
                    ),
                    _ => write!(record, "\n{time} [7] app@pay STATEMENT:  INSERT {filler}"),
                };
            }
            if n % 501 == 3 {
                let _ = write!(record, "\n{time} no severity\n\tand more of it");
            }
            record
        };
        both("stderr", large(|n| record(n, 7), "\n"));
        let quoted = |n: usize| {
            let time = time(n).replace('T', " ").replace('Z', ".000 UTC");
            let message =
                format!("duplicate \"\"key\"\" {n} {filler}") + &"\n, goes on".repeat(n % 5);
            let end = if n % 997 == 8 { "" } else { "\"" };
            format!(
                "{time},\"app\",\"pay\",7,\"10.1.0.10:5432\",6b,1,\"x\",{time},,0,ERROR,23505,\"{message}{end},,,,,,\"insert\",,,\"psql\",\"client backend\",,0"
            )
        };
        both("csv", large(quoted, "\n"));
        // Longer than a piece.
        let long = |n: usize, huge: bool| {
            if n == 2000 {
                format!(
                    "{}\n\t{}",
                    record(n, 7),
                    format!("{filler}\n\t").repeat(if huge { 60_000 } else { 9_000 })
                )
            } else {
                record(n, 3)
            }
        };
        both("a long record", large(|n| long(n, false), "\n"));
        both(
            "one that is too long to hold",
            large(|n| long(n, true), "\n"),
        );
    }

    /// What was taken, and that it ends with the death of a thread.
    fn taken<T: Send + 'static>(mut pieces: Pieces<T>) -> Vec<T> {
        let (mut taken, mut troubles) = (Vec::new(), Vec::new());
        while let Some(found) = pieces.next() {
            assert_eq!(troubles, [], "nothing comes behind it");
            taken.extend(found.taken);
            troubles.extend(found.trouble);
        }
        let died = Trouble::Failed {
            path: "log".into(),
            byte: 0,
            cause: "a thread that read it ended early".into(),
        };
        assert_eq!(troubles, [died]);
        assert!(pieces.next().is_none());
        taken
    }

    fn found<T>(taken: T) -> Found<T> {
        Found {
            taken: vec![taken],
            ..Found::default()
        }
    }

    #[test]
    fn a_thread_that_dies_at_a_part_is_told_behind_the_parts_before() {
        let input = Input::at("log".into(), None);
        let cut = |give: &mut dyn FnMut(i32) -> bool| {
            let mut parts = 0..;
            while parts.next().is_some_and(&mut *give) {}
        };
        let taker = || {
            |part| {
                assert!(part != 25, "as a test wants it");
                found(part)
            }
        };
        let pieces = Pieces::spread(&input, cut, &taker).unwrap();
        assert_eq!(taken(pieces), (0..25).collect::<Vec<_>>());
        // Whoever cuts may die as well.
        let cut = |give: &mut dyn FnMut(i32) -> bool| {
            assert!((0..25).all(&mut *give));
            panic!("as a test wants it");
        };
        let pieces = Pieces::spread(&input, cut, &|| found).unwrap();
        assert_eq!(taken(pieces), (0..25).collect::<Vec<_>>());
    }

    /// Takes the offsets of lines and dies at one of them.
    struct Dies(u64);

    impl Take for Dies {
        type Taken = u64;

        fn line(
            &mut self,
            text: &[u8],
            at: usize,
            start: &mut Start,
            found: &mut Found<u64>,
        ) -> usize {
            let offset = start.place(found.lines, at).byte;
            assert!(offset != self.0, "as a test wants it");
            found.taken.push(offset);
            line_end(text, at).unwrap_or(text.len())
        }
    }

    #[test]
    fn a_thread_that_dies_at_a_line_is_told_behind_the_pieces_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        // Lines of 64 bytes, so that one begins wherever a piece does.
        let line = [&[b'x'; 63][..], b"\n"].concat();
        let length = 4 * PIECE;
        std::fs::write(&path, line.repeat(usize::try_from(length / 64).unwrap())).unwrap();
        let mut input = Input::at(path.clone(), Some(length));
        input.content = Some(crate::audit::Content(Arc::new(File::open(&path).unwrap())));
        input.path = "log".into();
        let dies = || Dies(2 * PIECE + 640);
        let pieces = Pieces::read(&input, length, &Arc::default(), &dies).unwrap();
        let before: Vec<u64> = (0..=2 * PIECE).step_by(64).collect();
        assert_eq!(taken(pieces), before);
    }
}
