//! Finds words in the lines of files as they were written, several files or pieces at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};

use super::original::{Gone, Original};
use crate::audit::lines::{Aligned, LONGEST_LINE};
use crate::audit::parallel::threads;
use crate::audit::scan::letters::Letters;
use crate::query::{Case, Words};

/// What one thread takes at once, in bytes: it fits the second-level cache.
const PIECE: u64 = 512 << 10;

/// Looked through in one step, in bytes: so soon somebody who has changed the question is heard.
const STEP: u64 = 256 << 20;

/// Read beyond a piece at first, to find the end of its last line.
const BEYOND: usize = 8 << 10;

/// The lines of one file in which words were found so far.
#[derive(Default)]
struct Found {
    /// Where they begin, in order.
    lines: Vec<u64>,
    /// Lines that begin before this were looked at.
    until: u64,
    done: bool,
}

/// Words, and where they were found so far.
pub(super) struct Grep {
    needle: Arc<Needle>,
    files: Vec<Found>,
    /// The first thing that went wrong.
    pub(super) wrong: Option<Gone>,
}

/// What is looked for.
pub(super) enum Needle {
    Exact(Box<Finder<'static>>),
    /// In capitals or not; the words are ASCII.
    Letters(Letters),
    /// In capitals or not.
    Either(Regex),
}

impl Needle {
    fn of(words: &Words) -> Self {
        let exact = || Self::Exact(Box::new(Finder::new(words.plain()).into_owned()));
        if words.case() == Case::Exact {
            return exact();
        }
        if words.plain().is_empty() {
            return exact();
        }
        if let Some(letters) = Letters::new(words.plain()) {
            return Self::Letters(letters);
        }
        let pattern = regex::escape(words.plain());
        let built = RegexBuilder::new(&pattern).case_insensitive(true).build();
        // Words are no pattern that could fail, but for their length.
        built.map_or_else(|_| exact(), Self::Either)
    }

    /// Gives where in a text the lines begin that have it.
    pub(super) fn lines(&self, text: &[u8], found: &mut dyn FnMut(usize)) {
        match self {
            Self::Exact(finder) => each_line(text, |rest| finder.find(rest), found),
            Self::Letters(letters) => each_line(text, |rest| letters.find(rest), found),
            Self::Either(pattern) => {
                let find = |rest: &[u8]| pattern.find(rest).map(|found| found.start());
                each_line(text, find, found);
            }
        }
    }
}

/// Gives where the lines begin in which something is found.
fn each_line(text: &[u8], find: impl Fn(&[u8]) -> Option<usize>, found: &mut dyn FnMut(usize)) {
    let mut at = 0;
    // Behind the last line end there is no line that could have what is empty.
    while let Some(hit) = text
        .get(at..)
        .filter(|rest| !rest.is_empty())
        .and_then(&find)
    {
        let hit = at + hit;
        let before = text.get(at..hit).unwrap_or_default();
        found(memchr::memrchr(b'\n', before).map_or(at, |end| at + end + 1));
        let rest = text.get(hit..).unwrap_or_default();
        match memchr::memchr(b'\n', rest) {
            Some(end) => at = hit + end + 1,
            None => break,
        }
    }
}

impl Grep {
    pub(super) fn new(words: &Words) -> Self {
        Self {
            needle: Arc::new(Needle::of(words)),
            files: Vec::new(),
            wrong: None,
        }
    }

    /// Whether words were found in the line that begins at a place; `None` where that was not
    /// looked at yet.
    pub(super) fn has(&self, file: u32, offset: u64) -> Option<bool> {
        let found = self.files.get(usize::try_from(file).ok()?)?;
        let known = found.done || offset < found.until;
        known.then(|| found.lines.binary_search(&offset).is_ok())
    }

    /// Up to where a file was looked through.
    pub(super) fn until(&self, file: u32) -> u64 {
        let found = usize::try_from(file).ok().and_then(|at| self.files.get(at));
        found.map_or(0, |found| if found.done { u64::MAX } else { found.until })
    }

    /// Looks further; true once everything was looked at.
    pub(super) fn step(&mut self, originals: &[Original]) -> bool {
        self.files.resize_with(originals.len(), Found::default);
        let mut left = STEP;
        for (found, original) in self.files.iter_mut().zip(originals) {
            if found.done || !original.reads_lines() {
                found.done = true;
                continue;
            }
            if left == 0 {
                return false;
            }
            let length = match original.content.length() {
                Ok(length) => length,
                Err(error) => {
                    self.wrong.get_or_insert(error.into());
                    found.done = true;
                    continue;
                }
            };
            let from = found.until;
            let to = length.min(from + left).max(from);
            left -= to - from;
            // What is there now may be less than what was read, or something else.
            let is_there = if length < from {
                Err(Gone::Cut)
            } else if from == 0 || to > from {
                original.is_still_there()
            } else {
                Ok(())
            };
            if let Err(gone) = is_there {
                self.wrong.get_or_insert(gone);
            }
            if to == from {
                found.done = true;
                continue;
            }
            // A last line without an end is looked at again once there is more of it.
            let known = found.lines.partition_point(|line| *line < from);
            found.lines.truncate(known);
            let (lines, gone) = lines_with(&self.needle, original, from, to, length);
            found.lines.extend(lines);
            if let Some(gone) = gone {
                self.wrong.get_or_insert(gone);
                found.done = true;
            }
            found.done |= to >= length;
            found.until = if to < length {
                to
            } else {
                original.end_of_lines(to).max(from)
            };
        }
        self.files.iter().all(|found| found.done)
    }

    /// What is looked for, for somebody who reads a file anyway.
    pub(super) fn needle(&self) -> Arc<Needle> {
        Arc::clone(&self.needle)
    }

    /// Takes in the lines with the words, in order, of those that begin before `until` in a file
    /// and were not looked at yet.
    pub(super) fn tell(&mut self, file: u32, lines: &[u64], until: u64) {
        let file = usize::try_from(file).unwrap_or(usize::MAX);
        if self.files.len() <= file {
            self.files.resize_with(file + 1, Found::default);
        }
        if let Some(found) = self.files.get_mut(file) {
            found.lines.extend(lines);
            found.until = until;
        }
    }

    /// Files may have grown: what is new is looked at by the next steps.
    pub(super) fn grown(&mut self) {
        for found in &mut self.files {
            found.done = false;
        }
    }
}

/// Where the lines begin that have the needle, of those that begin in `from..to`, and why they are
/// not all where some could not be read.
fn lines_with(
    needle: &Needle,
    original: &Original,
    from: u64,
    to: u64,
    length: u64,
) -> (Vec<u64>, Option<Gone>) {
    let pieces = usize::try_from((to - from).div_ceil(PIECE)).unwrap_or(0);
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Vec::new());
    let work = || -> Result<(), Gone> {
        let room = usize::try_from(PIECE).unwrap_or(0) + BEYOND;
        let mut buffer = Aligned::new(room);
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            if piece >= pieces {
                return Ok(());
            }
            let start = from + piece as u64 * PIECE;
            let end = to.min(start + PIECE);
            let lines = in_piece(needle, original, &mut buffer, (start, end), length)?;
            let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
            all.push((piece, lines));
        }
    };
    let threads = threads(pieces);
    let done = if pieces < 4 || threads == 1 {
        work()
    } else {
        together(threads, work)
    };
    let mut all = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    all.sort_unstable_by_key(|(piece, _)| *piece);
    let lines = all.into_iter().flat_map(|(_, lines)| lines);
    (lines.collect(), done.err())
}

/// Has so many threads do the same work, this one among them.
fn together(threads: usize, work: impl Fn() -> Result<(), Gone> + Copy + Send) -> Result<(), Gone> {
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mine = work();
        let theirs = others.into_iter().map(|other| match other.join() {
            Ok(result) => result,
            Err(_) => Err(Gone::Failed("a thread that read it ended early".to_owned())),
        });
        theirs.fold(mine, Result::and)
    })
}

/// The lines that begin in a piece. The one that runs over its end belongs to it.
fn in_piece(
    needle: &Needle,
    original: &Original,
    buffer: &mut Aligned,
    (start, end): (u64, u64),
    length: u64,
) -> Result<Vec<u64>, Gone> {
    // The byte before says whether a line begins at the start.
    let lead = u64::from(start > 0);
    let begin = start - lead;
    let whole = usize::try_from(end - begin).unwrap_or(usize::MAX);
    let mut want = whole + BEYOND;
    loop {
        if buffer.bytes().len() < want {
            *buffer = Aligned::new(want);
        }
        let room = buffer.bytes_mut().get_mut(..want).unwrap_or_default();
        let got = original.content.read_at(room, begin)?;
        if got < whole && begin + (got as u64) < length {
            return Err(Gone::Cut);
        }
        let text = buffer.bytes().get(..got).unwrap_or_default();
        let own = text.get(..whole).unwrap_or(text);
        if lead > 0 && memchr::memchr(b'\n', own).is_none() {
            // No line begins in the midst of a long one, and its end is no matter.
            return Ok(Vec::new());
        }
        let over = text.get(whole.saturating_sub(1)..).unwrap_or_default();
        let close = memchr::memchr(b'\n', over).map(|at| whole.saturating_sub(1) + at);
        if close.is_none() && got == want && want < whole + LONGEST_LINE {
            want *= 2;
            continue;
        }
        let text = text.get(..close.unwrap_or(got)).unwrap_or(text);
        let skip = match lead {
            // A byte-order mark is no part of the first line.
            0 if text.starts_with(b"\xef\xbb\xbf") => Some(3),
            0 => Some(0),
            _ => memchr::memchr(b'\n', text).map(|at| at + 1),
        };
        let mut lines = Vec::new();
        let first = skip.unwrap_or(text.len());
        let text = text.get(first..).unwrap_or_default();
        needle.lines(text, &mut |line| {
            lines.push(begin + (first + line) as u64);
        });
        return Ok(lines);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::audit::Content;
    use crate::audit::detect::Kind;

    /// A log of so many lines, each with its number, and where they begin.
    fn log(lines: usize) -> (Original, Vec<u64>) {
        use std::io::Write as _;
        let (mut text, mut begins) = (Vec::new(), Vec::new());
        for n in 0..lines {
            begins.push(text.len() as u64);
            writeln!(text, "{n} {} word", "x".repeat(n % 200)).unwrap();
        }
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&text).unwrap();
        let original = Original::new("log".into(), Some(Kind::Vault), Content(Arc::new(file)));
        (original, begins)
    }

    #[test]
    fn what_is_found_before_a_place_that_cannot_be_read_is_kept() {
        let needle = Needle::Exact(Box::new(Finder::new("word").into_owned()));
        // A few pieces, and so many that several read them.
        for lines in [10_000, 40_000] {
            let (original, begins) = log(lines);
            let length = original.content.length().unwrap();
            let whole = lines_with(&needle, &original, 0, length, length);
            assert_eq!(whole, (begins.clone(), None));
            // As a file that was longer a moment ago.
            let (found, gone) = lines_with(&needle, &original, 0, length + PIECE, length + PIECE);
            assert_eq!(gone, Some(Gone::Cut));
            let whole_pieces = length / PIECE * PIECE;
            let before = begins.iter().filter(|begin| **begin < whole_pieces);
            assert_eq!(found, before.copied().collect::<Vec<_>>());
        }
    }

    /// Its piece is missing then.
    #[test]
    fn a_thread_that_dies_is_why_not_all_could_be_read() {
        let this = thread::current().id();
        let dies = || {
            assert!(thread::current().id() == this, "as a test wants it");
            Ok(())
        };
        let ended_early = Gone::Failed("a thread that read it ended early".to_owned());
        assert_eq!(together(3, dies), Err(ended_early));
        assert_eq!(together(3, || Ok(())), Ok(()));
        assert_eq!(together(1, dies), Ok(()));
        // What went wrong first is told.
        let cut = || {
            if thread::current().id() == this {
                Err(Gone::Cut)
            } else {
                dies()
            }
        };
        assert_eq!(together(3, cut), Err(Gone::Cut));
    }
}
