//! The files that rows are looked up in. They are read at any place and never mapped: a mapped
//! file that is cut while it is open kills the program.

use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use crate::audit::detect::Kind;
use crate::audit::follow::Block;
use crate::audit::lines::LONGEST_LINE;
use crate::audit::source::{Bytes, Content, Input, Packing};
use crate::audit::trouble::{Trouble, name_of};
use crate::model::Text;

/// Read at once to find a line, in bytes: most lines are shorter.
const LINE: usize = 4 << 10;

/// Between two places whose line is known, in bytes.
pub(super) const STRIDE: usize = 64 << 10;

/// Unpacked at once, in bytes.
const CHUNK: usize = 256 << 10;

/// A file of the archive.
pub(super) struct Original {
    name: Text,
    pub(super) kind: Kind,
    pub(super) content: Content,
    /// True where the content was unpacked from something else, so that it cannot grow.
    pub(super) packed: bool,
    /// Up to where it was read: behind the last line that had an end.
    pub(super) read_to: u64,
    /// Line ends before each [`STRIDE`] of the file.
    lines: OnceLock<Vec<u64>>,
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
    pub(super) fn new(name: Text, kind: Kind, content: Content) -> Self {
        Self {
            name,
            kind,
            content,
            packed: false,
            read_to: 0,
            lines: OnceLock::new(),
        }
    }

    /// The name to show for it.
    pub(super) fn name(&self) -> &Text {
        &self.name
    }

    /// Finds out up to where the first bytes of it are whole lines.
    pub(super) fn find_end(&mut self, length: u64) {
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
                self.read_to = from + end as u64 + 1;
                return;
            }
            to = from;
        }
        self.read_to = 0;
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

    /// The number of the line that begins at `offset`, from 1.
    pub(super) fn line_number(&self, offset: u64) -> Result<u64, Gone> {
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
        let (mut at, mut number) = (nearest * stride, before.copied().unwrap_or(0) + 1);
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
        return Ok((Content(Arc::new(file)), false));
    }
    let spooled = spool(bytes, trouble).map_err(|error| Trouble::Failed {
        path: name_of(&input.path),
        byte: 0,
        cause: Text::from(format!(
            "it cannot be unpacked into the folder for temporary files: {error}"
        )),
    });
    Ok((spooled?, true))
}

fn spool(mut bytes: Bytes, trouble: &mut dyn FnMut(Trouble)) -> io::Result<Content> {
    let mut file = tempfile::tempfile()?;
    let mut room = vec![0; CHUNK];
    loop {
        match bytes.read(&mut room, 0) {
            Ok(0) => break,
            Ok(n) => file.write_all(room.get(..n).unwrap_or_default())?,
            Err(found) => {
                trouble(found);
                break;
            }
        }
    }
    file.flush()?;
    Ok(Content(Arc::new(file)))
}
