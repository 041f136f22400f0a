//! One file or pipe that is read as it grows: its whole lines, in bounded memory.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::ops::Range;

use crate::audit::lines::LONGEST_LINE;

/// Bytes asked for at once.
const CHUNK: usize = 256 << 10;

/// So many of the last bytes read are compared when more is read: a file that was cut and has
/// grown beyond where it was has others there.
const MARK: usize = 64;

/// Which file it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    pub(super) fn of(meta: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(meta.dev(), meta.ino())
    }

    /// Elsewhere a file is known by when it was made.
    #[cfg(not(unix))]
    pub(super) fn of(meta: &Metadata) -> Self {
        let made = meta.created().ok();
        let since = made.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
        let since = since.unwrap_or_default();
        Self(since.as_secs(), u64::from(since.subsec_nanos()))
    }
}

/// What reading on gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// More bytes.
    More,
    /// No more for now; of a pipe never again.
    End,
    /// The system was busy otherwise: to be asked again.
    Idle,
    /// The file is not what it was: it was cut.
    Cut,
}

/// What the buffer holds for whoever asks next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// Whole lines.
    Lines(Piece),
    /// A line that is longer than [`LONGEST_LINE`] has ended.
    TooLong(Piece),
    /// No whole line.
    Nothing,
}

/// A piece of the buffer and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) range: Range<usize>,
    pub(super) offset: u64,
    pub(super) line: u64,
}

/// A file or a pipe and how far it was read.
pub(super) struct Tail {
    file: File,
    /// `None` of a pipe, which has no offsets to read at and is no other tomorrow.
    pub(super) id: Option<FileId>,
    /// The offset behind the last byte that was read.
    read: u64,
    /// Room that is made once; the bytes up to `held` were read.
    buffer: Vec<u8>,
    held: usize,
    /// Those of them that were handed out.
    given: usize,
    /// Where the byte behind those stands.
    offset: u64,
    line: u64,
    /// Where a line began that is too long; its bytes are dropped as they come.
    skipping: Option<u64>,
    /// The last bytes that were read.
    mark: Vec<u8>,
}

impl Tail {
    /// Reads on from a byte and the number of the line that begins there.
    pub(super) fn new(file: File, id: Option<FileId>, offset: u64, line: u64) -> Self {
        Self {
            file,
            id,
            read: offset,
            buffer: Vec::new(),
            held: 0,
            given: 0,
            offset,
            line,
            skipping: None,
            mark: Vec::new(),
        }
    }

    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// How far it was read.
    pub(super) fn read_to(&self) -> u64 {
        self.read
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Reads one piece on.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn fill(&mut self) -> io::Result<Filled> {
        let known = if self.id.is_some() {
            self.mark.len()
        } else {
            0
        };
        self.make_room(known + CHUNK);
        let held = self.held;
        let room = self.buffer.get_mut(held..held + known + CHUNK);
        let room = room.unwrap_or_default();
        let read = match self.id {
            Some(_) => read_at(&self.file, room, self.read - known as u64),
            None => self.file.read(room),
        };
        let n = match read {
            Ok(n) => n,
            // Interrupted, or a pipe that has nothing now.
            Err(error) => {
                return match error.kind() {
                    io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => Ok(Filled::Idle),
                    _ => Err(error),
                };
            }
        };
        let read = room.get(..n).unwrap_or_default();
        let before = self.mark.get(..known).unwrap_or_default();
        let Some(new) = read.strip_prefix(before) else {
            return Ok(Filled::Cut);
        };
        let new = new.len();
        if new == 0 {
            return Ok(Filled::End);
        }
        let last = read.get(n.saturating_sub(MARK)..).unwrap_or_default();
        self.mark.clear();
        self.mark.extend_from_slice(last);
        self.buffer.copy_within(held + known..held + n, held);
        self.held += new;
        self.read += new as u64;
        Ok(Filled::More)
    }

    /// True where a cut is seen: there is less than was read.
    pub(super) fn is_cut(&self, length: u64) -> bool {
        self.id.is_some() && length < self.read
    }

    /// Goes back to the beginning of a file that was cut. What was held of its last line is gone.
    pub(super) fn again(&mut self) {
        self.mark.clear();
        self.skipping = None;
        self.held = 0;
        (self.given, self.read, self.offset, self.line) = (0, 0, 0, 1);
    }

    /// The next whole lines of the buffer.
    pub(super) fn take(&mut self) -> Held {
        let rest = self.buffer.get(self.given..self.held).unwrap_or_default();
        if let Some(began) = self.skipping {
            let Some(end) = memchr::memchr(b'\n', rest) else {
                self.drop_rest();
                return Held::Nothing;
            };
            self.skipping = None;
            let piece = self.give(end + 1, 1);
            return Held::TooLong(Piece {
                offset: began,
                ..piece
            });
        }
        // Only the first line can have begun so long ago.
        if let Some(end) = memchr::memchr(b'\n', rest)
            && end > LONGEST_LINE
        {
            return Held::TooLong(self.give(end + 1, 1));
        }
        if let Some(last) = memchr::memrchr(b'\n', rest) {
            let whole = rest.get(..=last).unwrap_or_default();
            let lines = memchr::memchr_iter(b'\n', whole).count() as u64;
            return Held::Lines(self.give(last + 1, lines));
        }
        if rest.len() > LONGEST_LINE {
            self.skipping = Some(self.offset);
            self.drop_rest();
        }
        Held::Nothing
    }

    /// What is left of a line that never ended.
    pub(super) fn torn(&mut self) -> Held {
        if let Some(offset) = self.skipping.take() {
            let piece = self.give(0, 1);
            return Held::TooLong(Piece { offset, ..piece });
        }
        match self.held - self.given {
            0 => Held::Nothing,
            rest => Held::Lines(self.give(rest, 1)),
        }
    }

    /// True where an unfinished line is held.
    pub(super) fn holds_rest(&self) -> bool {
        self.skipping.is_some() || self.held > self.given
    }

    fn give(&mut self, bytes: usize, lines: u64) -> Piece {
        let piece = Piece {
            range: self.given..self.given + bytes,
            offset: self.offset,
            line: self.line,
        };
        self.given += bytes;
        self.offset += bytes as u64;
        self.line += lines;
        piece
    }

    fn drop_rest(&mut self) {
        self.offset += (self.held - self.given) as u64;
        self.given = self.held;
    }

    /// Makes room for more, of what was handed out where that is enough, and gives much of it back.
    fn make_room(&mut self, more: usize) {
        if self.given > 0 {
            self.buffer.copy_within(self.given..self.held, 0);
            self.held -= self.given;
            self.given = 0;
        }
        let most = self.held + more;
        if self.buffer.len() > 8 * CHUNK && most <= 2 * CHUNK {
            self.buffer.truncate(2 * CHUNK);
            self.buffer.shrink_to_fit();
        }
        if self.buffer.len() < most {
            self.buffer.resize(most.max(2 * self.buffer.len()), 0);
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, room: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, room, offset)
}

#[cfg(windows)]
fn read_at(file: &File, room: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, room, offset)
}
