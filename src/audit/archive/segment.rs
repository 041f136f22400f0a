//! Reads a large plain Vault log with several threads, a segment of the file each at a time.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::grep::Needle;
use super::half::{Call, Half, Halves, Ids, SAID};
use super::original::STRIDE;
use crate::audit::format::vault::{self, Vault};
use crate::audit::format::{Format, Read};
use crate::audit::lines::{Aligned, LONGEST_LINE};
use crate::audit::parallel::too_long;
use crate::audit::recent::Taken;
use crate::audit::record::VaultKind;
use crate::audit::scan::shape::Shapes;
use crate::audit::scan::walk::Walk;
use crate::audit::source::Content;
use crate::audit::trouble::Trouble;
use crate::model::Text;
use crate::model::rejected::{Place, Rejected};

/// The bytes of a segment. At the end of a file one thread reads the last one while others have
/// nothing left to do.
pub(super) const SEGMENT: u64 = 4 << 20;

/// Read at once: it fits the second-level cache.
const PIECE: usize = 64 << 10;

/// Read at once where the end of one line is looked for: more than most lines take.
const FEW: usize = 4 << 10;

/// A map whose keys are hashes already.
pub(super) type ById<V> = HashMap<u64, V, BuildHasherDefault<Taken>>;

/// What was found in a segment.
pub(super) struct Segment {
    /// The how-manieth of its file it is.
    pub(super) number: u64,
    /// Which reader read it: codes are that reader's.
    pub(super) reader: usize,
    /// In the order of their last lines.
    pub(super) calls: Vec<Call>,
    /// Requests that were not answered in it.
    pub(super) requests: Vec<Half>,
    /// The words that its reader met for the first time, in the order of their codes.
    pub(super) fresh: [Vec<String>; SAID],
    /// With the line counted from 0 within the segment, where lines are counted.
    pub(super) rejected: Vec<Rejected>,
    /// How many lines end in each [`STRIDE`] of the file, from the segment's first on; not counted
    /// where lines are left out.
    pub(super) ends: Vec<u32>,
    /// For each of the words that are looked for: where the lines begin that have them.
    pub(super) hits: Vec<Vec<u64>>,
    pub(super) trouble: Option<Trouble>,
}

/// One thread's reader.
pub(super) struct Reader {
    number: usize,
    name: Text,
    content: Content,
    length: u64,
    halves: Halves,
    told: [usize; SAID],
    buffer: Aligned,
    shapes: Shapes,
    waiting: ById<Half>,
    /// The request that was read last: most are answered by the next line, and need not be put
    /// into the map and taken out again.
    latest: Option<Half>,
    counter: Arc<AtomicU64>,
    needles: Vec<Arc<Needle>>,
    /// True where lines without any of the words are left out.
    sifts: bool,
    /// How many calls the segment before had: the next is likely to have as many.
    calls: usize,
}

impl Reader {
    pub(super) fn new(
        number: usize,
        (name, content, length): (&Text, &Content, u64),
        ids: Ids,
        counter: &Arc<AtomicU64>,
    ) -> Self {
        Self {
            number,
            name: name.clone(),
            content: content.clone(),
            length,
            halves: Halves::new(ids),
            told: [0; SAID],
            buffer: Aligned::new(PIECE),
            shapes: Shapes::default(),
            waiting: ById::default(),
            latest: None,
            counter: Arc::clone(counter),
            needles: Vec::new(),
            sifts: false,
            calls: 0,
        }
    }

    /// Looks for words in the lines it reads, too; or reads only lines that have any of them, where
    /// it `sifts`.
    pub(super) fn looking_for(mut self, needles: &[Arc<Needle>], sifts: bool) -> Self {
        self.needles = needles.to_vec();
        self.sifts = sifts;
        self
    }

    /// Reads segments until there are no more, or until `take` says that no more are wanted.
    pub(super) fn run(mut self, next: &AtomicU64, take: impl Fn(Segment) -> bool) {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number * SEGMENT >= self.length {
                return;
            }
            let segment = self.segment(number);
            let failed = segment.trouble.is_some();
            if !take(segment) || failed {
                return;
            }
        }
    }

    /// Reads the lines that begin in a segment.
    pub(super) fn segment(&mut self, number: u64) -> Segment {
        let start = number * SEGMENT;
        let end = self.length.min(start + SEGMENT);
        self.lines(number, start..end)
    }

    /// Reads the lines that begin within some bytes of the file.
    pub(super) fn lines(&mut self, number: u64, bytes: Range<u64>) -> Segment {
        let mut segment = Segment {
            number,
            reader: self.number,
            calls: Vec::with_capacity(self.calls),
            requests: Vec::new(),
            fresh: Default::default(),
            rejected: Vec::new(),
            ends: Vec::new(),
            hits: vec![Vec::new(); self.needles.len()],
            trouble: None,
        };
        if let Err(trouble) = self.read(&bytes, &mut segment) {
            segment.trouble = Some(trouble);
        }
        self.calls = segment.calls.len();
        if let Some(latest) = self.latest.take() {
            self.waiting.entry(latest.id).or_insert(latest);
        }
        segment.requests = self.waiting.drain().map(|(_, half)| half).collect();
        segment.requests.sort_unstable_by_key(|half| half.offset);
        let words = self.halves.words.iter().zip(&mut self.told);
        for ((words, told), fresh) in words.zip(&mut segment.fresh) {
            fresh.extend(words.all().skip(*told).map(str::to_owned));
            *told = words.len() - 1;
        }
        self.counter
            .fetch_add(bytes.end - bytes.start, Ordering::Relaxed);
        segment
    }

    fn read(&mut self, bytes: &Range<u64>, segment: &mut Segment) -> Result<(), Trouble> {
        let Some(mut at) = self.first_line(bytes)? else {
            return Ok(());
        };
        let mut want = first(at, bytes.end);
        while at < bytes.end {
            let got = self.fill(at, want)?;
            let text = self.buffer.bytes().get(..got).unwrap_or_default();
            let last = at + got as u64 >= self.length;
            let close = match memchr::memrchr(b'\n', text) {
                Some(end) => end + 1,
                None if last => got,
                None if got < want => return Err(self.early(at + got as u64)),
                None if want < PIECE => {
                    want = PIECE;
                    continue;
                }
                None if want <= LONGEST_LINE => {
                    want = (want * 4).min(LONGEST_LINE + PIECE);
                    continue;
                }
                None => {
                    at = self.skip(at, segment)?;
                    want = first(at, bytes.end);
                    continue;
                }
            };
            let close = if last { got } else { close };
            let next = self.piece(at, (got, close), bytes, segment);
            if next == at {
                break;
            }
            at = next;
            want = first(at, bytes.end);
        }
        Ok(())
    }

    /// Where the first line begins that begins within some bytes.
    fn first_line(&mut self, bytes: &Range<u64>) -> Result<Option<u64>, Trouble> {
        if bytes.start == 0 {
            let got = self.fill(0, 3)?;
            let mark = self.buffer.bytes().get(..got) == Some(b"\xef\xbb\xbf");
            return Ok(Some(if mark { 3 } else { 0 }));
        }
        let mut at = bytes.start - 1;
        while at < bytes.end {
            let got = self.fill(at, FEW)?;
            let text = self.buffer.bytes().get(..got).unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', text) {
                let begin = at + end as u64 + 1;
                return Ok((begin < bytes.end).then_some(begin));
            }
            if got == 0 {
                return Ok(None);
            }
            at += got as u64;
        }
        Ok(None)
    }

    /// Reads up to `want` bytes from `at` on, into the buffer; what comes before a place that
    /// cannot be read is less.
    fn fill(&mut self, at: u64, want: usize) -> Result<usize, Trouble> {
        if self.buffer.bytes().len() < want {
            self.buffer = Aligned::new(want);
        } else if want <= PIECE && self.buffer.bytes().len() > PIECE {
            self.buffer = Aligned::new(PIECE);
        }
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let room = self.buffer.bytes_mut().get_mut(..want.min(left));
        let room = room.unwrap_or_default();
        let wanted = room.len();
        let got = match self.content.read_at(room, at) {
            Ok(got) => got,
            Err(_) => before_failure(&self.content, room, at),
        };
        if got == 0 && wanted > 0 {
            return Err(self.early(at));
        }
        Ok(got)
    }

    /// Why nothing can be read at a place that was there.
    fn early(&self, at: u64) -> Trouble {
        match self.content.read_at(&mut [0], at) {
            Ok(_) => Trouble::Cut {
                path: self.name.clone(),
                read: at,
                expected: self.length,
            },
            Err(error) => Trouble::Failed {
                path: self.name.clone(),
                byte: at,
                cause: Text::from(error.to_string()),
            },
        }
    }

    /// Passes over a line that is too long to be held.
    fn skip(&mut self, at: u64, segment: &mut Segment) -> Result<u64, Trouble> {
        segment.rejected.push(too_long(self.place(at, segment)));
        let mut from = at;
        loop {
            let got = self.fill(from, PIECE)?;
            let text = self.buffer.bytes().get(..got).unwrap_or_default();
            match memchr::memchr(b'\n', text) {
                Some(end) => {
                    let close = from + end as u64;
                    segment.line_ended(close);
                    return Ok(close + 1);
                }
                None if got == 0 => return Ok(self.length),
                None => from += got as u64,
            }
        }
    }

    fn place(&self, byte: u64, segment: &Segment) -> Place {
        Place {
            file: self.name.clone(),
            line: segment.ends.iter().map(|n| u64::from(*n)).sum(),
            byte,
        }
    }

    /// Reads the lines of the buffer, which holds what stands from `at` on, that begin within some
    /// bytes; gives where the next begins. `close` is behind the last whole line; what is held behind
    /// it is no line yet, but lets those before be read in whole blocks.
    fn piece(
        &mut self,
        at: u64,
        (held, close): (usize, usize),
        bytes: &Range<u64>,
        segment: &mut Segment,
    ) -> u64 {
        let buffer = std::mem::take(&mut self.buffer);
        let mut shapes = std::mem::take(&mut self.shapes);
        let text = buffer.bytes().get(..held).unwrap_or_default();
        let lines = text.get(..close).unwrap_or_default();
        let mut walk = Walk::new(text, &mut shapes);
        let next = if self.sifts {
            let own = until_line_end(lines, bytes.end - at);
            for from in self.look(at, own, segment) {
                self.line(&mut walk, text, (at, from), segment);
            }
            own.len()
        } else {
            let mut from = 0;
            while from < close && at + (from as u64) < bytes.end {
                let end = self.line(&mut walk, text, (at, from), segment);
                if end < close {
                    segment.line_ended(at + end as u64);
                }
                from = end + 1;
            }
            if !self.needles.is_empty() {
                let own = lines.get(..from).unwrap_or(lines);
                self.look(at, own, segment);
            }
            from
        };
        self.buffer = buffer;
        self.shapes = shapes;
        at + next as u64
    }

    /// Reads the line of a text that begins `from` bytes into it, and as many more than `at` into
    /// the file; gives where it ends.
    #[inline]
    fn line(
        &mut self,
        walk: &mut Walk,
        text: &[u8],
        (at, from): (u64, usize),
        segment: &mut Segment,
    ) -> usize {
        let offset = at + from as u64;
        if let Some(found) = walk.line(from) {
            let half = self.halves.found(text, found, offset);
            // Only now: what was found of a line is what the next one may repeat.
            if let Some(half) = half
                && found.end - from <= LONGEST_LINE
            {
                self.take(half, segment);
                return found.end;
            }
        }
        let end = walk.end(from);
        self.ask(text.get(from..end).unwrap_or_default(), offset, segment);
        end
    }

    /// Notes which lines of a text have the words that are looked for; gives where in it those
    /// begin that have any of them.
    fn look(&mut self, at: u64, text: &[u8], segment: &mut Segment) -> Vec<usize> {
        let mut any = Vec::new();
        for (needle, hits) in self.needles.iter().zip(&mut segment.hits) {
            needle.lines(text, &mut |line| {
                hits.push(at + line as u64);
                any.push(line);
            });
        }
        if self.needles.len() > 1 {
            any.sort_unstable();
            any.dedup();
        }
        any
    }

    /// Has the full reader read a line.
    fn ask(&mut self, line: &[u8], offset: u64, segment: &mut Segment) {
        if line.len() > LONGEST_LINE {
            segment.rejected.push(too_long(self.place(offset, segment)));
            return;
        }
        let trimmed = line.trim_ascii();
        if trimmed.is_empty() {
            return;
        }
        if let Ok(entry) = vault::entry(trimmed) {
            let half = self.halves.read(&entry, offset);
            self.take(half, segment);
            return;
        }
        // Its words are made by whoever makes them for everybody.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let place = self.place(offset, segment);
        Vault::new().line(line, &place, &mut |read| {
            if let Read::Rejected(rejected) = read {
                segment.rejected.push(rejected);
            }
        });
    }

    fn take(&mut self, half: Half, segment: &mut Segment) {
        match half.kind {
            // The same request again, of a second device, adds nothing.
            VaultKind::Request => {
                let again = self.latest.is_some_and(|latest| latest.id == half.id);
                if !again && let Some(before) = self.latest.replace(half) {
                    self.waiting.entry(before.id).or_insert(before);
                }
            }
            VaultKind::Response => segment.calls.push(match self.request(half.id) {
                Some(request) => Call::of(&request, half),
                None => Call::alone(half),
            }),
        }
    }
}

impl Reader {
    /// Takes the request with an id out of those that wait; of two the first.
    fn request(&mut self, id: u64) -> Option<Half> {
        let latest = self.latest.take_if(|latest| latest.id == id);
        if self.waiting.is_empty() {
            return latest;
        }
        self.waiting.remove(&id).or(latest)
    }
}

/// How much is read at first from a place on: of the last lines that begin before `end` no more than
/// it mostly takes to see where they end.
fn first(at: u64, end: u64) -> usize {
    let left = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
    PIECE.min(left.saturating_add(FEW))
}

/// The lines of a text that begin in its first bytes.
fn until_line_end(text: &[u8], bytes: u64) -> &[u8] {
    let last = usize::try_from(bytes)
        .ok()
        .and_then(|bytes| bytes.checked_sub(1));
    let rest = last.and_then(|last| Some((last, text.get(last..)?)));
    let end = rest.and_then(|(last, rest)| Some(last + memchr::memchr(b'\n', rest)? + 1));
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// How much can be read from a place on where not everything can: up to a page that cannot.
fn before_failure(content: &Content, room: &mut [u8], at: u64) -> usize {
    const PAGE: u64 = 4096;
    let mut held = 0;
    loop {
        let from = at + held as u64;
        let page = usize::try_from(PAGE - from % PAGE).unwrap_or(1);
        let rest = room.get_mut(held..).unwrap_or_default();
        let most = page.min(rest.len());
        match content.read_at(rest.get_mut(..most).unwrap_or_default(), from) {
            Ok(0) | Err(_) => return held,
            Ok(n) => held += n,
        }
    }
}

impl Segment {
    fn line_ended(&mut self, at: u64) {
        let first = self.number * SEGMENT / STRIDE as u64;
        let stride = (at / STRIDE as u64).saturating_sub(first);
        let stride = usize::try_from(stride).unwrap_or(usize::MAX);
        if self.ends.len() <= stride {
            self.ends.resize(stride + 1, 0);
        }
        if let Some(ends) = self.ends.get_mut(stride) {
            *ends += 1;
        }
    }
}
