//! Words that are met again and again, each kept once.

use std::ops::Range;

use hashbrown::HashTable;

use crate::audit::keyed::keyed;

/// A dictionary. Code 0 is what was not told; words have codes from 1 in the order in which they
/// were first met.
///
/// It hashes with a key that outsiders cannot know, so that nobody can write words that meet.
pub(super) struct Words {
    hasher: ahash::RandomState,
    codes: HashTable<u32>,
    /// Where each word ends in `all`; it begins where the one before ends.
    ends: Vec<usize>,
    all: String,
    /// The code that was asked for last: the lines of a log often say the same again.
    last: u32,
}

impl Words {
    pub(super) fn new() -> Self {
        Self {
            hasher: keyed(),
            codes: HashTable::new(),
            ends: Vec::new(),
            all: String::new(),
            last: 0,
        }
    }

    /// How many codes there are, that of the absent among them.
    pub(super) fn len(&self) -> usize {
        self.ends.len() + 1
    }

    /// The words of a code; `None` for what was not told.
    pub(super) fn get(&self, code: u32) -> Option<&str> {
        get(&self.ends, &self.all, code)
    }

    /// The code of words, a new one where they were never met. Beyond four thousand million
    /// different words they are as if not told.
    pub(super) fn code(&mut self, words: &str) -> u32 {
        if let Some(code) = self.known(words.as_bytes()) {
            return code;
        }
        let hash = self.hasher.hash_one(words.as_bytes());
        let Ok(code) = u32::try_from(self.ends.len() + 1) else {
            return 0;
        };
        self.all.push_str(words);
        self.ends.push(self.all.len());
        let (ends, all, hasher) = (&self.ends, &self.all, &self.hasher);
        let again = |code: &u32| hasher.hash_one(bytes_of(ends, all, *code).unwrap_or_default());
        self.codes.insert_unique(hash, code, again);
        code
    }

    /// The same of bytes; `None` where they are no words.
    pub(super) fn code_of(&mut self, bytes: &[u8]) -> Option<u32> {
        if bytes_of(&self.ends, &self.all, self.last) == Some(bytes) {
            return Some(self.last);
        }
        let code = match self.known(bytes) {
            Some(code) => code,
            None => self.code(std::str::from_utf8(bytes).ok()?),
        };
        self.last = code;
        Some(code)
    }

    /// The code of words that were met.
    pub(super) fn known(&self, words: &[u8]) -> Option<u32> {
        let (ends, all) = (&self.ends, &self.all);
        let same = |code: &u32| bytes_of(ends, all, *code) == Some(words);
        let hash = self.hasher.hash_one(words);
        self.codes.find(hash, same).copied()
    }

    /// All words in the order of their codes, from 1.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        (1..self.len()).map(|code| {
            let code = u32::try_from(code).unwrap_or(0);
            self.get(code).unwrap_or_default()
        })
    }

    /// About how many bytes of memory this takes.
    pub(super) fn bytes(&self) -> usize {
        self.all.capacity() + self.ends.capacity() * 8 + self.codes.capacity() * 5
    }
}

fn get<'a>(ends: &[usize], all: &'a str, code: u32) -> Option<&'a str> {
    all.get(place(ends, code)?)
}

fn bytes_of<'a>(ends: &[usize], all: &'a str, code: u32) -> Option<&'a [u8]> {
    all.as_bytes().get(place(ends, code)?)
}

/// Where the words of a code stand among all.
fn place(ends: &[usize], code: u32) -> Option<Range<usize>> {
    let at = usize::try_from(code).ok()?.checked_sub(1)?;
    let begin = match at.checked_sub(1) {
        Some(before) => *ends.get(before)?,
        None => 0,
    };
    Some(begin..*ends.get(at)?)
}

/// A column of codes, as narrow as the largest of them allows.
pub(super) enum Codes {
    /// Nothing was told in any of so many rows.
    Absent(usize),
    /// Codes below 2^8.
    Narrow(Vec<u8>),
    /// Codes below 2^16.
    Middle(Vec<u16>),
    /// Any code.
    Wide(Vec<u32>),
}

impl Codes {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Absent(len) => *len,
            Self::Narrow(codes) => codes.len(),
            Self::Middle(codes) => codes.len(),
            Self::Wide(codes) => codes.len(),
        }
    }

    pub(super) fn get(&self, row: usize) -> u32 {
        match self {
            Self::Absent(_) => 0,
            Self::Narrow(codes) => codes.get(row).map_or(0, |code| u32::from(*code)),
            Self::Middle(codes) => codes.get(row).map_or(0, |code| u32::from(*code)),
            Self::Wide(codes) => codes.get(row).copied().unwrap_or(0),
        }
    }

    #[inline]
    pub(super) fn push(&mut self, code: u32) {
        self.hold(code);
        match self {
            Self::Absent(len) => *len += 1,
            Self::Narrow(codes) => codes.push(u8::try_from(code).unwrap_or(0)),
            Self::Middle(codes) => codes.push(u16::try_from(code).unwrap_or(0)),
            Self::Wide(codes) => codes.push(code),
        }
    }

    /// The same for several.
    pub(super) fn extend(&mut self, more: impl ExactSizeIterator<Item = u32> + Clone) {
        self.hold(more.clone().max().unwrap_or(0));
        match self {
            Self::Absent(len) => *len += more.len(),
            Self::Narrow(codes) => codes.extend(more.map(|code| u8::try_from(code).unwrap_or(0))),
            Self::Middle(codes) => codes.extend(more.map(|code| u16::try_from(code).unwrap_or(0))),
            Self::Wide(codes) => codes.extend(more),
        }
    }

    /// Makes it wide enough for a code.
    #[inline]
    fn hold(&mut self, code: u32) {
        let wide = match self {
            Self::Absent(_) => code == 0,
            Self::Narrow(_) => u8::try_from(code).is_ok(),
            Self::Middle(_) => u16::try_from(code).is_ok(),
            Self::Wide(_) => true,
        };
        if !wide {
            self.widen(code);
        }
    }

    #[cold]
    fn widen(&mut self, code: u32) {
        let len = self.len();
        let rows = (0..len).map(|row| self.get(row));
        *self = if let Ok(_narrow) = u8::try_from(code) {
            Self::Narrow(vec![0; len])
        } else if let Ok(_middle) = u16::try_from(code) {
            let middle = rows.map(|code| u16::try_from(code).unwrap_or(0));
            Self::Middle(middle.collect())
        } else {
            Self::Wide(rows.collect())
        };
    }

    /// The last row before a row, and the others from there on one later.
    pub(super) fn rotate_right(&mut self, row: usize) {
        match self {
            Self::Absent(_) => {}
            Self::Narrow(codes) => rotated(codes, row),
            Self::Middle(codes) => rotated(codes, row),
            Self::Wide(codes) => rotated(codes, row),
        }
    }

    /// Takes a row out that is there.
    pub(super) fn remove(&mut self, row: usize) {
        match self {
            Self::Absent(len) => *len = len.saturating_sub(1),
            Self::Narrow(codes) => drop(codes.remove(row)),
            Self::Middle(codes) => drop(codes.remove(row)),
            Self::Wide(codes) => drop(codes.remove(row)),
        }
    }

    /// The rows in another order: row `order[n]` becomes row n.
    pub(super) fn reorder(&mut self, order: &[u32]) {
        match self {
            Self::Absent(_) => {}
            Self::Narrow(codes) => *codes = reordered(codes, order),
            Self::Middle(codes) => *codes = reordered(codes, order),
            Self::Wide(codes) => *codes = reordered(codes, order),
        }
    }

    /// About how many bytes of memory this takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Absent(_) => 0,
            Self::Narrow(codes) => codes.capacity(),
            Self::Middle(codes) => codes.capacity() * 2,
            Self::Wide(codes) => codes.capacity() * 4,
        }
    }
}

fn rotated<T>(codes: &mut [T], row: usize) {
    if let Some(last) = codes.get_mut(row..) {
        last.rotate_right(1.min(last.len()));
    }
}

/// The values in another order: value `order[n]` becomes value n.
pub(super) fn reordered<T: Copy + Default>(values: &[T], order: &[u32]) -> Vec<T> {
    let at = |from: &u32| values.get(*from as usize).copied().unwrap_or_default();
    order.iter().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_kept_once_and_found_again() {
        let mut words = Words::new();
        let codes: Vec<u32> = ["a", "", "b", "a", ""].map(|w| words.code(w)).into();
        assert_eq!(codes, [1, 2, 3, 1, 2]);
        assert_eq!(words.get(0), None);
        assert_eq!(words.get(2), Some(""));
        assert_eq!(words.get(3), Some("b"));
        assert_eq!(words.get(4), None);
        assert_eq!(words.known(b"b"), Some(3));
        assert_eq!(words.known(b"c"), None);
        assert_eq!(words.all().collect::<Vec<_>>(), ["a", "", "b"]);
    }

    proptest! {
        #[test]
        fn a_column_keeps_its_codes_however_wide_they_get(codes in prop::collection::vec(prop_oneof![Just(0_u32), 0..300_u32, any::<u32>()], 0..200)) {
            let mut column = Codes::Absent(0);
            for code in &codes {
                column.push(*code);
            }
            prop_assert_eq!(column.len(), codes.len());
            for (row, code) in codes.iter().enumerate() {
                prop_assert_eq!(column.get(row), *code);
            }
            let turned: Vec<u32> = (0..u32::try_from(codes.len()).unwrap()).rev().collect();
            column.reorder(&turned);
            for (row, code) in codes.iter().rev().enumerate() {
                prop_assert_eq!(column.get(row), *code);
            }
        }
    }
}
