//! The text before a value of a line, as it is learned and compared with other lines.

use std::ops::Range;

use super::found::{Part, Slot};
use super::vectors::{CHUNK, Chunk};

/// The longest one, in bytes.
pub(super) const LONGEST: usize = 4 << 10;

/// Strings are not made part of a text that is longer with them, in bytes: beyond [`LONGEST`] it could
/// not be kept.
const LONG: usize = 1 << 10;

/// The bytes of a UUID, and of what Vault writes for a word that is secret.
pub(super) const UUID: usize = 36;
pub(super) const HASH: usize = 76;

/// A string in the text before a value, with where it stands from the text's beginning on.
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
        let is_short = end.checked_sub(at)? <= LONG;
        let same = match slot {
            Slot::Kind => matches!(string, b"request" | b"response"),
            _ => is_uuid(string) || is_hash(string),
        };
        let place = |of: usize| u32::try_from(of.checked_sub(at)?).ok();
        let (from, to) = (place(begin)?, place(end)?);
        (same && is_short).then_some(Self { slot, from, to })
    }

    /// Where it stands in a text whose first byte is at `at`.
    #[inline]
    pub(super) fn part(&self, at: usize) -> Part {
        Part::new(at + self.from as usize, at + self.to as usize)
    }

    /// Its bytes in the text, which may be others in the next line; not those of what kind of line
    /// it is, as all of that kind say the same.
    fn differs(&self) -> Range<usize> {
        match self.slot {
            Slot::Kind => 0..0,
            _ => self.from as usize..self.to as usize,
        }
    }
}

fn is_uuid(string: &[u8]) -> bool {
    let mut bytes = string.iter().enumerate();
    let are_its = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    string.len() == UUID && bytes.all(are_its)
}

fn is_hash(string: &[u8]) -> bool {
    let digits = string.strip_prefix(b"hmac-sha256:");
    string.len() == HASH && digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
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
        let mut counted = vec![true; text.len()];
        for string in strings {
            counted.get_mut(string.differs())?.fill(false);
        }
        let counts = |at: usize| counted.get(at).copied().unwrap_or(false);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::scan::vectors::{Plain, Vectors};
    use proptest::prelude::*;

    /// Whether a text is one that is kept, but for the bytes of its strings.
    fn fits(between: &Between, text: &[u8]) -> bool {
        let mut first = [0; CHUNK];
        let held = text.len().min(CHUNK);
        first[..held].copy_from_slice(&text[..held]);
        let rest = &text[usize::from(between.begin)..];
        let others = between.others.iter().enumerate().all(|(nth, chunk)| {
            let is_last = nth + 1 == between.others.len();
            let from = if is_last {
                rest.len() - CHUNK
            } else {
                nth * CHUNK
            };
            Plain.fits(rest[from..].first_chunk().unwrap(), chunk)
        });
        Plain.is(&first, &between.first) && others
    }

    proptest! {
        #[test]
        fn of_a_text_every_byte_counts_but_those_of_its_strings(
            before in "[a-z:,]{1,80}",
            middle in "[a-z:,]{1,80}",
            behind in "[a-z:,]{1,80}",
        ) {
            const ID: &str = "53765e5e-758a-b1f3-b4fd-76feb5bfaeed";
            let text = format!("{before}{ID}{middle}{ID}{behind}").into_bytes();
            let places = [before.len(), before.len() + ID.len() + middle.len()];
            let strings = places.map(|at| {
                Within::of(ID.as_bytes(), Slot::Nothing, (0, at, at + ID.len())).unwrap()
            });
            let between = Between::of(&text, &strings).unwrap();
            prop_assert!(fits(&between, &text) && between.strings.is_empty());
            for at in 0..text.len() {
                let within = places.iter().any(|from| (*from..from + ID.len()).contains(&at));
                for (byte, may_stand) in [(b'~', within), (b'"', false), (b'\\', false)] {
                    let mut other = text.clone();
                    other[at] = byte;
                    prop_assert_eq!(fits(&between, &other), may_stand, "{}", at);
                }
            }
        }
    }
}
