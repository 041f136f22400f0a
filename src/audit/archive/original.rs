//! The files that rows are looked up in. They are read at any place and never mapped: a mapped
//! file that is cut while it is open kills the program.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Write};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use super::columns::nanos;
use super::handles::leaves_room;
use crate::audit::detect::Kind;
use crate::audit::follow::Block;
use crate::audit::format::vault;
use crate::audit::lines::LONGEST_LINE;
use crate::audit::source::{Bytes, Content, Input, Packing};
use crate::audit::trouble::{Trouble, name_of};
use crate::model::Text;

/// Read at once to find a line, in bytes: most lines are shorter.
const LINE: usize = 4 << 10;

/// Between two places whose line is known, in bytes.
pub(super) const STRIDE: usize = 8 << 10;

/// Two lines that are so near to each other are read at once, in bytes, with what is between them and
/// the place before them whose line is known.
const NEAR: u64 = 16 << 10;

/// Unpacked at once, in bytes.
const CHUNK: usize = 256 << 10;

/// So many lines of a log are looked at to know when it begins: the first may be damaged.
const HEAD: usize = 64;

/// The last bytes of a file by which it is known again.
const TAIL: u64 = 4 << 10;

/// A file of the archive.
pub(super) struct Original {
    name: Text,
    /// `None` where nothing in it has told that yet.
    pub(super) kind: Option<Kind>,
    pub(super) content: Content,
    /// True where the content was unpacked from something else, so that it cannot grow.
    pub(super) packed: bool,
    /// True where what came is of no known format.
    pub(super) refused: bool,
    /// Up to where it was read: behind the last line that had an end.
    pub(super) read_to: u64,
    /// What stood behind that.
    pub(super) torn: Option<Torn>,
    /// Line ends before each [`STRIDE`] of the file.
    lines: OnceLock<Vec<u64>>,
    /// Its length when it was read, and what its last bytes hash to.
    tail: Option<(u64, u64)>,
}

/// A last line that had no end when it was read.
#[derive(Clone, Copy)]
pub(super) struct Torn {
    /// Where it begins.
    pub(super) begin: u64,
    length: u64,
}

impl Torn {
    /// Where it ended.
    pub(super) fn end(self) -> u64 {
        self.begin + self.length
    }

    /// The line as it was. `bytes` begin where it does.
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        bytes.get(..length).unwrap_or(bytes)
    }

    /// True where it has got an end and nothing else. `bytes` begin where it does.
    pub(super) fn only_ended(self, bytes: &[u8]) -> bool {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        let rest = bytes.get(length..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let more = rest.get(..end).unwrap_or_default();
        more.trim_ascii().is_empty()
    }
}

/// Why a row cannot be looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Gone {
    /// The file is shorter now.
    #[error("its file was cut since, it is not there any more")]
    Cut,
    /// Something else stands there now.
    #[error("its file was written anew since, it is not there any more")]
    Changed,
    /// The line is longer than [`LONGEST_LINE`].
    #[error("its line is longer than 16 MiB")]
    TooLong,
    /// The reader of its format does not take it.
    #[error("it cannot be read in full: {0}")]
    Rejected(Text),
    /// The system refuses.
    #[error("it cannot be read from its file: {0}")]
    Failed(String),
}

impl From<io::Error> for Gone {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Original {
    pub(super) fn new(name: Text, kind: Option<Kind>, content: Content) -> Self {
        Self {
            name,
            kind,
            content,
            packed: false,
            refused: false,
            read_to: 0,
            torn: None,
            lines: OnceLock::new(),
            tail: None,
        }
    }

    /// The name to show for it.
    pub(super) fn name(&self) -> &Text {
        &self.name
    }

    /// Whether it still is the file that was read, though more may have been appended. Somebody
    /// who reads only what is there now would not notice.
    pub(super) fn is_still_there(&self) -> Result<(), Gone> {
        match self.tail {
            Some((length, hash)) if self.hash_of_tail(length)? != hash => Err(Gone::Changed),
            _ => Ok(()),
        }
    }

    fn hash_of_tail(&self, length: u64) -> Result<u64, Gone> {
        let want = length.min(TAIL);
        let mut tail = vec![0; usize::try_from(want).unwrap_or(0)];
        if self.content.read_at(&mut tail, length - want)? < tail.len() {
            return Err(Gone::Cut);
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(&tail);
        Ok(hasher.finish())
    }

    /// Finds out up to where the first bytes of it are whole lines.
    pub(super) fn find_end(&mut self, length: u64) {
        self.tail = self.hash_of_tail(length).ok().map(|hash| (length, hash));
        self.read_to = self.end_of_lines(length);
        self.torn = (self.read_to < length).then_some(Torn {
            begin: self.read_to,
            length: length - self.read_to,
        });
    }

    /// The time of the first of its lines that is one of a Vault log, in nanoseconds since 1970;
    /// the end of time where none of its first [`HEAD`] lines is.
    pub(super) fn begins(&self) -> i64 {
        let mut at = 0;
        for _ in 0..HEAD {
            let Ok(line) = self.line(at) else {
                break;
            };
            if let Ok(entry) = vault::entry(line.trim_ascii()) {
                return nanos(entry.time);
            }
            at += line.len() as u64 + 1;
        }
        i64::MAX
    }

    /// Where the last line that has an end ends, of the first bytes.
    pub(super) fn end_of_lines(&self, length: u64) -> u64 {
        let mut to = length;
        let mut room = vec![0; STRIDE];
        while to > 0 {
            let from = to.saturating_sub(STRIDE as u64);
            let want = usize::try_from(to - from).unwrap_or(0);
            let some = room.get_mut(..want).unwrap_or_default();
            let Ok(got) = self.content.read_at(some, from) else {
                break;
            };
            let some = some.get(..got).unwrap_or_default();
            if let Some(end) = memchr::memrchr(b'\n', some) {
                return from + end as u64 + 1;
            }
            to = from;
        }
        0
    }

    /// Tells how many lines end before each [`STRIDE`], where that is known from reading.
    pub(super) fn set_lines(&self, lines: Vec<u64>) {
        let _ = self.lines.set(lines);
    }

    /// Counts lines that were written to its end, where the ones before them are counted: a line
    /// far behind the end that was known is else counted from there, again and again.
    pub(super) fn grown(&mut self, block: &Block<'_>) {
        let Some(lines) = self.lines.get_mut() else {
            return;
        };
        let mut next = lines.len() as u64 * STRIDE as u64;
        while let Some(into) = next.checked_sub(block.offset)
            && let Some(before) = usize::try_from(into)
                .ok()
                .and_then(|n| block.bytes.get(..n))
        {
            lines.push(block.line - 1 + ends(before));
            next += STRIDE as u64;
        }
    }

    /// The line that begins at `offset`, without its line end.
    pub(super) fn line(&self, offset: u64) -> Result<Vec<u8>, Gone> {
        let mut line = Vec::new();
        let mut want = LINE;
        loop {
            let held = line.len();
            line.resize(want, 0);
            let room = line.get_mut(held..).unwrap_or_default();
            let got = self.content.read_at(room, offset + held as u64)?;
            line.truncate(held + got);
            let fresh = line.get(held..).unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', fresh) {
                line.truncate(held + end);
                return Ok(line);
            }
            if line.len() < want {
                return if line.is_empty() {
                    Err(Gone::Cut)
                } else {
                    Ok(line)
                };
            }
            if line.len() > LONGEST_LINE {
                return Err(Gone::TooLong);
            }
            want *= 4;
        }
    }

    /// The lines that begin at two places, without their line ends, and the number of the first,
    /// from 1; 0 where it is not `numbered`.
    pub(super) fn lines(
        &self,
        [first, second]: [u64; 2],
        numbered: bool,
    ) -> Result<([Vec<u8>; 2], u64), Gone> {
        let (from, before) = if numbered {
            self.counted(first)?
        } else {
            (first, 0)
        };
        // Most answers stand right behind their requests: both are read at once, with what is to be
        // counted before them.
        let apart = second.checked_sub(from).filter(|apart| *apart <= NEAR);
        if let Some(apart) = apart.and_then(|apart| usize::try_from(apart).ok()) {
            let mut text = vec![0; apart + LINE];
            let got = self.content.read_at(&mut text, from)?;
            text.truncate(got);
            let into = usize::try_from(first - from).unwrap_or(usize::MAX);
            let line = |from: usize| {
                let rest = text.get(from..)?;
                Some(rest.get(..memchr::memchr(b'\n', rest)?)?.to_vec())
            };
            if let (Some(first), Some(second)) = (line(into), line(apart)) {
                let ended = ends(text.get(..into).unwrap_or_default());
                let number = if numbered { before + ended + 1 } else { 0 };
                return Ok(([first, second], number));
            }
        }
        let number = if numbered {
            self.line_number(first)?
        } else {
            0
        };
        Ok(([self.line(first)?, self.line(second)?], number))
    }

    /// The number of the line that begins at `offset`, from 1.
    pub(super) fn line_number(&self, offset: u64) -> Result<u64, Gone> {
        let (mut at, before) = self.counted(offset)?;
        let mut number = before + 1;
        let mut room = vec![0; STRIDE];
        while at < offset {
            let want = usize::try_from(offset - at).unwrap_or(usize::MAX);
            let some = room.get_mut(..want.min(STRIDE)).unwrap_or_default();
            let got = self.content.read_at(some, at)?;
            if got == 0 {
                return Err(Gone::Cut);
            }
            number += ends(some.get(..got).unwrap_or_default());
            at += got as u64;
        }
        Ok(number)
    }

    /// The last place up to `offset` before which the lines are counted, and how many end there.
    fn counted(&self, offset: u64) -> Result<(u64, u64), Gone> {
        let lines = if let Some(lines) = self.lines.get() {
            lines
        } else {
            let counted = self.count_lines()?;
            self.lines.get_or_init(|| counted)
        };
        // What was appended since is counted from the last known place on.
        let stride = STRIDE as u64;
        let nearest = (offset / stride).min(lines.len().saturating_sub(1) as u64);
        let before = usize::try_from(nearest).ok().and_then(|at| lines.get(at));
        Ok((nearest * stride, before.copied().unwrap_or(0)))
    }

    fn count_lines(&self) -> Result<Vec<u64>, Gone> {
        let mut room = vec![0; STRIDE];
        let (mut lines, mut seen, mut at) = (Vec::new(), 0, 0);
        loop {
            lines.push(seen);
            let got = self.content.read_at(&mut room, at)?;
            seen += ends(room.get(..got).unwrap_or_default());
            at += got as u64;
            if got < room.len() {
                return Ok(lines);
            }
        }
    }
}

fn ends(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// The bytes of an input as a file that can be read at any place. What is packed or comes through
/// a pipe is unpacked into a file that has no name and is gone when the archive is. Where the rest
/// is damaged, what came before it is there and the trouble is told. True where it was unpacked.
pub(super) fn content(
    input: &Input,
    counter: &Arc<AtomicU64>,
    trouble: &mut dyn FnMut(Trouble),
) -> Option<(Content, bool)> {
    match unpacked(input, counter, trouble) {
        Ok(content) => Some(content),
        Err(found) => {
            trouble(found);
            None
        }
    }
}

fn unpacked(
    input: &Input,
    counter: &Arc<AtomicU64>,
    trouble: &mut dyn FnMut(Trouble),
) -> Result<(Content, bool), Trouble> {
    let aside = Arc::new(AtomicU64::new(0));
    let rereadable = input.bytes.is_some() && input.carried.is_none();
    let bytes = Bytes::open(input, if rereadable { &aside } else { counter })?;
    if rereadable && bytes.packing() == Packing::Plain {
        let file = File::open(&input.path).map_err(|e| Trouble::opening(&input.path, &e))?;
        if !leaves_room(&file) {
            let path = name_of(&input.path);
            return Err(Trouble::TooManyOpen { path, others: 0 });
        }
        return Ok((Content(Arc::new(file)), false));
    }
    let spooled =
        spool(bytes, trouble).map_err(|error| match Trouble::opening(&input.path, &error) {
            many @ Trouble::TooManyOpen { .. } => many,
            _ => Trouble::Failed {
                path: name_of(&input.path),
                byte: 0,
                cause: Text::from(format!(
                    "it cannot be unpacked into the folder for temporary files: {error}"
                )),
            },
        });
    Ok((spooled?, true))
}

fn spool(mut bytes: Bytes, trouble: &mut dyn FnMut(Trouble)) -> io::Result<Content> {
    let mut file = tempfile::tempfile()?;
    if !leaves_room(&file) {
        // As the system says it where there is none at all: too many open files.
        return Err(io::Error::from_raw_os_error(24));
    }
    let mut room = vec![0; CHUNK];
    let mut line = 1;
    loop {
        match bytes.read(&mut room, line) {
            Ok(0) => break,
            Ok(n) => {
                let some = room.get(..n).unwrap_or_default();
                line += ends(some);
                file.write_all(some)?;
            }
            Err(found) => {
                trouble(found);
                break;
            }
        }
    }
    file.flush()?;
    Ok(Content(Arc::new(file)))
}
