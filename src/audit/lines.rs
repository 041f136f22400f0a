//! Framing: the lines of an input with their places, in bounded memory.

use std::time::Duration;

use super::source::Bytes;
use super::trouble::Trouble;

/// The longest line that is held in memory, in bytes. Longer ones are rejected unread.
pub const LONGEST_LINE: usize = 16 << 20;

/// What a line that is too long is rejected with.
pub const TOO_LONG: &str = "the line is longer than 16 MiB";

/// Bytes asked for at once.
const CHUNK: usize = 256 << 10;

/// The alignment that direct reads and vector loads like.
const PAGE: usize = 4096;

/// A buffer that begins at a page boundary.
#[derive(Default)]
pub(super) struct Aligned {
    data: Vec<u8>,
    start: usize,
    room: usize,
}

impl Aligned {
    /// A buffer of `room` zeros.
    pub(super) fn new(room: usize) -> Self {
        let data = vec![0; room + PAGE];
        // Where no offset can be told the buffer is merely not aligned.
        let start = match data.as_ptr().align_offset(PAGE) {
            offset if offset <= PAGE => offset,
            _ => 0,
        };
        Self { data, start, room }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.data
            .get(self.start..self.start + self.room)
            .unwrap_or_default()
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        self.data
            .get_mut(self.start..self.start + self.room)
            .unwrap_or_default()
    }
}

/// A line as it was framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its bytes without the line end; `None` where it was too long to hold.
    pub bytes: Option<&'a [u8]>,
    /// From 1.
    pub number: u64,
    /// The offset of its first byte in the unpacked input.
    pub offset: u64,
}

/// Reads an input piece by piece.
pub struct LineReader {
    source: Bytes,
    buffer: Aligned,
    /// The bytes of the buffer that were read and not handed out yet.
    held: std::ops::Range<usize>,
    /// The number and the offset of the line that begins at `held.start`.
    number: u64,
    offset: u64,
    /// Inside a line that is too long: the offset of its first byte.
    skipping: Option<u64>,
    at_start: bool,
    ended: bool,
}

impl LineReader {
    /// Reads `source` from its beginning.
    #[must_use]
    pub fn new(source: Bytes) -> Self {
        Self {
            source,
            buffer: Aligned::new(CHUNK),
            held: 0..0,
            number: 1,
            offset: 0,
            skipping: None,
            at_start: true,
            ended: false,
        }
    }

    /// The input's name.
    #[must_use]
    pub fn name(&self) -> &crate::model::Text {
        self.source.name()
    }

    /// How the input is packed.
    #[must_use]
    pub fn packing(&self) -> super::source::Packing {
        self.source.packing()
    }

    /// True once everything has been handed out.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.ended && self.held.is_empty()
    }

    /// True where it is plain standard input and brings nothing for so long. Waits for that.
    #[must_use]
    pub fn is_quiet(&self, within: Duration) -> bool {
        self.source.is_quiet(within)
    }

    /// The beginning of the input, unread: at least `want` bytes unless it is shorter. Only
    /// before anything else was asked for. The flag is true where it is the whole input.
    pub fn sample(&mut self, want: usize, trouble: &mut dyn FnMut(Trouble)) -> (&[u8], bool) {
        while self.held.len() < want && !self.ended {
            self.fill(trouble);
        }
        let sample = self.buffer.bytes().get(self.held.clone());
        (sample.unwrap_or_default(), self.ended)
    }

    /// Reads on and hands out every line that is complete with it.
    pub fn lines(&mut self, out: &mut dyn FnMut(Line<'_>), trouble: &mut dyn FnMut(Trouble)) {
        if !self.holds_line_end() {
            self.fill(trouble);
        }
        self.skip_mark();
        let held = self.held.clone();
        let bytes = self.buffer.bytes().get(held.clone()).unwrap_or_default();
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let line = bytes.get(from..end).unwrap_or_default();
            hand_out(line, self.skipping.take(), self.number, self.offset, out);
            self.number += 1;
            self.offset += (end + 1 - from) as u64;
            from = end + 1;
        }
        let rest = bytes.get(from..).unwrap_or_default();
        if self.ended && (self.skipping.is_some() || !rest.is_empty()) {
            hand_out(rest, self.skipping.take(), self.number, self.offset, out);
            from = bytes.len();
        } else if self.skipping.is_some() || rest.len() > LONGEST_LINE {
            self.skipping.get_or_insert(self.offset);
            self.offset += rest.len() as u64;
            from = bytes.len();
        }
        self.held.start = held.start + from;
    }

    /// Reads on and hands out what there is, whatever the lines.
    pub fn chunks(&mut self, out: &mut dyn FnMut(&[u8]), trouble: &mut dyn FnMut(Trouble)) {
        if self.held.is_empty() {
            self.fill(trouble);
        }
        self.skip_mark();
        let bytes = self.buffer.bytes().get(self.held.clone());
        let bytes = bytes.unwrap_or_default();
        out(bytes);
        self.number += memchr::memchr_iter(b'\n', bytes).count() as u64;
        self.offset += bytes.len() as u64;
        self.held = 0..0;
    }

    fn holds_line_end(&self) -> bool {
        let bytes = self.buffer.bytes().get(self.held.clone());
        memchr::memchr(b'\n', bytes.unwrap_or_default()).is_some()
    }

    /// A byte-order mark before the first line is no part of it.
    fn skip_mark(&mut self) {
        if std::mem::take(&mut self.at_start) {
            let bytes = self.buffer.bytes().get(self.held.clone());
            if bytes.is_some_and(|b| b.starts_with(b"\xef\xbb\xbf")) {
                self.held.start += 3;
                self.offset += 3;
            }
        }
    }

    /// Reads one piece behind what is held, making room first.
    fn fill(&mut self, trouble: &mut dyn FnMut(Trouble)) {
        let held = self.held.clone();
        if held.start > 0 {
            self.buffer.bytes_mut().copy_within(held.clone(), 0);
        }
        self.held = 0..held.len();
        if self.buffer.room - self.held.end < CHUNK / 2 {
            let mut larger = Aligned::new(self.buffer.room * 2);
            if let (Some(to), Some(from)) = (
                larger.bytes_mut().get_mut(self.held.clone()),
                self.buffer.bytes().get(self.held.clone()),
            ) {
                to.copy_from_slice(from);
            }
            self.buffer = larger;
        } else if self.buffer.room > 8 * CHUNK && self.held.len() < CHUNK / 2 {
            // A long line is over: its room goes back.
            let mut smaller = Aligned::new(CHUNK);
            if let (Some(to), Some(from)) = (
                smaller.bytes_mut().get_mut(self.held.clone()),
                self.buffer.bytes().get(self.held.clone()),
            ) {
                to.copy_from_slice(from);
            }
            self.buffer = smaller;
        }
        let room = self.buffer.bytes_mut().get_mut(self.held.end..);
        let read = self.source.read(room.unwrap_or_default(), self.number);
        match read {
            Ok(0) => self.ended = true,
            Ok(n) => self.held.end += n,
            Err(t) => {
                self.ended = true;
                trouble(t);
            }
        }
    }
}

fn hand_out(
    line: &[u8],
    skipped: Option<u64>,
    number: u64,
    offset: u64,
    out: &mut dyn FnMut(Line<'_>),
) {
    let too_long = skipped.is_some() || line.len() > LONGEST_LINE;
    let bytes = line.strip_suffix(b"\r").unwrap_or(line);
    out(Line {
        bytes: (!too_long).then_some(bytes),
        number,
        offset: skipped.unwrap_or(offset),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::source::Input;
    use proptest::prelude::*;
    use std::io::{Seek, SeekFrom, Write};
    use std::sync::Arc;

    type Framed = (Option<Vec<u8>>, u64, u64);

    fn framed(content: &[u8]) -> Vec<Framed> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        frame_file(&file)
    }

    fn frame_file(file: &tempfile::NamedTempFile) -> Vec<Framed> {
        let input = Input::at(file.path().to_owned(), Some(0));
        let mut reader = LineReader::new(Bytes::open(&input, &Arc::default()).unwrap());
        let mut out = Vec::new();
        while !reader.is_done() {
            reader.lines(
                &mut |l| out.push((l.bytes.map(<[u8]>::to_vec), l.number, l.offset)),
                &mut |t| panic!("{t}"),
            );
        }
        out
    }

    fn line(bytes: &[u8], number: u64, offset: u64) -> Framed {
        (Some(bytes.to_vec()), number, offset)
    }

    #[test]
    fn lines_have_their_places() {
        let whole = framed(b"\xef\xbb\xbfone\r\n\ntwo");
        assert_eq!(
            whole,
            [line(b"one", 1, 3), line(b"", 2, 8), line(b"two", 3, 9)]
        );
        assert_eq!(framed(b""), []);
    }

    #[test]
    fn a_line_beyond_the_limit_is_left_out_and_the_next_is_read() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"a\n").unwrap();
        // A hole reads as zeros and takes no room on the disk.
        file.as_file_mut().seek(SeekFrom::Start(40 << 20)).unwrap();
        file.write_all(b"\nb\n").unwrap();
        let lines = frame_file(&file);
        assert_eq!(
            lines,
            [
                line(b"a", 1, 0),
                (None, 2, 2),
                line(b"b", 3, (40 << 20) + 1)
            ]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn framing_agrees_with_split(parts in prop::collection::vec((any::<u8>(), 0_usize..200_000), 0..12)) {
            let content: Vec<u8> = parts.iter().flat_map(|(b, n)| {
                let mut v = vec![*b; *n];
                v.push(b'\n');
                v
            }).collect();
            let got: Vec<Vec<u8>> = framed(&content).into_iter().map(|l| l.0.unwrap()).collect();
            let mut want: Vec<Vec<u8>> = content.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l).to_vec()).collect();
            if want.last().is_some_and(Vec::is_empty) {
                want.pop();
            }
            prop_assert_eq!(got, want);
        }
    }
}
