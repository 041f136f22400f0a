//! The text before a value of a line, as it is learned and compared with other lines.

use super::found::{Part, Slot};
use super::vectors::{CHUNK, Chunk};

/// The longest one, in bytes.
pub(super) const LONGEST: usize = 4 << 10;

/// The bytes of a UUID, and of what Vault writes for a word that is secret.
pub(super) const UUID: usize = 36;
pub(super) const HASH: usize = 76;

/// A string in the text before a value, with where it stands from the text's beginning on. Its
/// length belongs to the shape, its bytes do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Within {
    pub(super) slot: Slot,
    from: u32,
    to: u32,
}

impl Within {
    /// Of a string at `begin..end` behind a text that begins at `at`; `None` where the next line is
    /// likely to have one of another length there.
    pub(super) fn of(
        string: &[u8],
        slot: Slot,
        (at, begin, end): (usize, usize, usize),
    ) -> Option<Self> {
        let same = match (string, slot) {
            // As long as nobody asks whether it was told.
            (b"", Slot::Nothing) | (b"request" | b"response", Slot::Kind) => true,
            _ => is_uuid(string) || string.len() == HASH && string.starts_with(b"hmac-sha256:"),
        };
        let place = |of: usize| u32::try_from(of.checked_sub(at)?).ok();
        let (from, to) = (place(begin)?, place(end)?);
        same.then_some(Self { slot, from, to })
    }

    /// Where it stands in a text whose first byte is at `at`.
    #[inline]
    pub(super) fn part(&self, at: usize) -> Part {
        Part::new(at + self.from as usize, at + self.to as usize)
    }

    /// Whether a byte of the text is one of its own, and may be another in other lines.
    fn has(&self, at: usize) -> bool {
        self.slot != Slot::Kind && (self.from as usize..self.to as usize).contains(&at)
    }
}

fn is_uuid(string: &[u8]) -> bool {
    let mut bytes = string.iter().enumerate();
    string.len() == UUID
        && bytes.all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The text before a value, as it is kept.
pub(super) struct Between {
    /// Its first bytes, up to the first string in it.
    pub(super) first: Chunk,
    /// Where in it the others begin.
    pub(super) begin: u8,
    /// What is behind the first bytes, where it is longer than a chunk. The last one ends with it.
    pub(super) others: Vec<Chunk>,
    /// The strings in it that are asked for.
    pub(super) strings: Vec<Within>,
    pub(super) length: u32,
}

impl Between {
    /// Of a text, and the strings in it; `None` where it is too long.
    pub(super) fn of(text: &[u8], strings: &[Within]) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let counts = |at: usize| !strings.iter().any(|string| string.has(at));
        let first = (0..text.len().min(CHUNK)).take_while(|at| counts(*at));
        let (first, _) = text.split_at_checked(first.count())?;
        // The last chunk ends with the text.
        let begin = first.len().min(text.len().saturating_sub(CHUNK));
        let rest = text.get(begin..).filter(|_| text.len() > CHUNK);
        let rest = rest.unwrap_or_default();
        let chunk = |(from, some): (usize, &[u8; CHUNK])| Chunk::of(some, |at| counts(from + at));
        let whole = (begin..).step_by(CHUNK).zip(rest.as_chunks().0);
        let last = rest.last_chunk().map(|some| (text.len() - CHUNK, some));
        let asked_for = strings.iter().filter(|string| string.slot != Slot::Nothing);
        Some(Self {
            first: Chunk::of(first, |_| true),
            begin: u8::try_from(begin).ok()?,
            others: whole.chain(last).map(chunk).collect(),
            strings: asked_for.copied().collect(),
            length: u32::try_from(text.len()).ok()?,
        })
    }
}
