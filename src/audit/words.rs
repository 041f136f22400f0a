//! Words that are met again and again, each kept once.

use std::ops::Range;

use hashbrown::HashTable;

use super::keyed::keyed;

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
    /// Codes that were asked for lately, each where [`nook`] has it: the lines of a log often say the
    /// same again, and to compare words costs less than to look them up.
    lately: [u32; NOOKS],
}

impl Words {
    pub(super) fn new() -> Self {
        Self {
            hasher: keyed(),
            codes: HashTable::new(),
            ends: Vec::new(),
            all: String::new(),
            lately: [0; NOOKS],
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
        let nook = nook(bytes);
        if let Some(lately) = self.lately.get(nook).copied()
            && bytes_of(&self.ends, &self.all, lately) == Some(bytes)
        {
            return Some(lately);
        }
        let code = match self.known(bytes) {
            Some(code) => code,
            None => self.code(std::str::from_utf8(bytes).ok()?),
        };
        if let Some(lately) = self.lately.get_mut(nook) {
            *lately = code;
        }
        Some(code)
    }

    /// The code of words that were met.
    pub(super) fn known(&self, words: &[u8]) -> Option<u32> {
        let (ends, all) = (&self.ends, &self.all);
        let same = |code: &u32| bytes_of(ends, all, *code) == Some(words);
        let hash = self.hasher.hash_one(words);
        self.codes.find(hash, same).copied()
    }

    /// All words so far, which are forgotten here: the next ones have codes from 1 again.
    pub(super) fn drain(&mut self) -> Drained {
        self.codes.clear();
        self.lately = [0; NOOKS];
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
        self.all.capacity() + self.ends.capacity() * 8 + self.codes.capacity() * 5
    }
}

/// How many codes are remembered, by what is seen of words at a glance.
const NOOKS: usize = 8;

fn nook(words: &[u8]) -> usize {
    let [first, last] = [words.first(), words.last()].map(|end| end.copied().unwrap_or(0));
    (words.len() ^ usize::from(first ^ last)) % NOOKS
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
        assert_eq!(words.known(b"b"), Some(3));
        assert_eq!(words.known(b"c"), None);
        assert_eq!(words.all().collect::<Vec<_>>(), ["a", "", "b"]);
    }

    #[test]
    fn words_that_look_alike_keep_their_own_codes_and_old_codes_are_forgotten() {
        let mut words = Words::new();
        // The first three are in one nook.
        for _ in 0..3 {
            for (said, code) in [
                ("abc", 1),
                ("axc", 2),
                ("abbbbbbbbbc", 3),
                ("", 4),
                ("b", 5),
            ] {
                assert_eq!(words.code_of(said.as_bytes()), Some(code), "{said}");
            }
        }
        assert_eq!(words.code_of(b"\xff"), None);
        words.drain();
        assert_eq!(words.code_of(b"axc"), Some(1));
        assert_eq!(words.code_of(b"abc"), Some(2));
    }
}
