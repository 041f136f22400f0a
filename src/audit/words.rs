//! Words that are met again and again, each kept once.

use std::ops::Range;

use hashbrown::HashTable;

use super::keyed::{hash_of, keyed};

/// A dictionary. Code 0 is what was not told; words have codes from 1 in the order in which they
/// were first met.
///
/// It hashes with a key that outsiders cannot know, so that nobody can write words that meet, and
/// takes words of the same 64 bits for the same, as it is done with ids: to compare them means to
/// look at other places of memory. Of a million different words two are taken for one in a few of a
/// hundred million logs.
pub(super) struct Words {
    hasher: ahash::RandomState,
    /// By their hashes.
    codes: HashTable<(u64, u32)>,
    /// Where each word ends in `all`; it begins where the one before ends.
    ends: Vec<usize>,
    all: String,
}

impl Words {
    pub(super) fn new() -> Self {
        Self {
            hasher: keyed(),
            codes: HashTable::new(),
            ends: Vec::new(),
            all: String::new(),
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
        let hash = self.hash(words.as_bytes());
        self.of_hash(hash).unwrap_or_else(|| self.add(hash, words))
    }

    /// The same of bytes; `None` where they are no words.
    #[inline]
    pub(super) fn code_of(&mut self, bytes: &[u8]) -> Option<u32> {
        let hash = self.hash(bytes);
        match self.of_hash(hash) {
            Some(code) => Some(code),
            None => self.add_bytes(hash, bytes),
        }
    }

    #[cold]
    #[inline(never)]
    fn add_bytes(&mut self, hash: u64, bytes: &[u8]) -> Option<u32> {
        Some(self.add(hash, std::str::from_utf8(bytes).ok()?))
    }

    #[inline]
    fn hash(&self, words: &[u8]) -> u64 {
        hash_of(words, &self.hasher)
    }

    #[inline]
    fn of_hash(&self, hash: u64) -> Option<u32> {
        let found = self.codes.find(hash, |(other, _)| *other == hash);
        found.map(|(_, code)| *code)
    }

    fn add(&mut self, hash: u64, words: &str) -> u32 {
        let Ok(code) = u32::try_from(self.ends.len() + 1) else {
            return 0;
        };
        self.all.push_str(words);
        self.ends.push(self.all.len());
        self.codes
            .insert_unique(hash, (hash, code), |(hash, _)| *hash);
        code
    }

    /// All words so far, which are forgotten here: the next ones have codes from 1 again.
    pub(super) fn drain(&mut self) -> Drained {
        self.codes.clear();
        Drained {
            ends: std::mem::take(&mut self.ends),
            all: std::mem::take(&mut self.all),
        }
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
        self.all.capacity() + self.ends.capacity() * 8 + self.codes.capacity() * 17
    }
}

/// Words on their way into another dictionary, in the order of their codes.
#[derive(Default)]
pub(super) struct Drained {
    ends: Vec<usize>,
    all: String,
}

impl Drained {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let codes = (1..).take(self.ends.len());
        codes.map(|code| get(&self.ends, &self.all, code).unwrap_or_default())
    }
}

fn get<'a>(ends: &[usize], all: &'a str, code: u32) -> Option<&'a str> {
    all.get(place(ends, code)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_once_and_found_again() {
        let mut words = Words::new();
        let codes: Vec<u32> = ["a", "", "b", "a", ""].map(|w| words.code(w)).into();
        assert_eq!(codes, [1, 2, 3, 1, 2]);
        assert_eq!(words.get(0), None);
        assert_eq!(words.get(2), Some(""));
        assert_eq!(words.get(3), Some("b"));
        assert_eq!(words.get(4), None);
        assert_eq!(words.all().collect::<Vec<_>>(), ["a", "", "b"]);
    }

    #[test]
    fn bytes_are_looked_up_as_words_are_and_old_codes_are_forgotten() {
        let mut words = Words::new();
        for _ in 0..2 {
            for (said, code) in [("abc", 1), ("axc", 2), ("", 3), ("b", 4)] {
                assert_eq!(words.code_of(said.as_bytes()), Some(code), "{said}");
            }
        }
        assert_eq!(words.code_of(b"\xff"), None);
        words.drain();
        assert_eq!(words.code_of(b"axc"), Some(1));
        assert_eq!(words.code_of(b"abc"), Some(2));
    }
}
