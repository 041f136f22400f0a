//! What a reader of an access log remembers of the lines before, since the next ones often say the
//! same again: their second, and the programs that ask.

use std::borrow::Cow;

use crate::model::Timestamp;
use crate::model::mask::prose;

/// The most bytes of a time that is remembered.
const LONGEST_CLOCK: usize = 40;

/// How many names of programs are remembered, and of how many bytes at most.
const HARMLESS: usize = 64;
const LONGEST_HARMLESS: usize = 512;

/// Words of the lines before, and what became of them. It changes nothing but the time that it
/// takes to read a line.
#[derive(Debug)]
pub struct Memory {
    clock: String,
    time: Timestamp,
    /// Words in which nothing is masked, each at a place that depends on them.
    harmless: Vec<String>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            clock: String::new(),
            time: Timestamp::default(),
            harmless: vec![String::new(); HARMLESS],
        }
    }
}

impl Memory {
    /// The moment that a clock shows, as `read` has it; that has to be the same one always.
    pub(super) fn time(
        &mut self,
        clock: &str,
        read: impl FnOnce(&str) -> Option<Timestamp>,
    ) -> Option<Timestamp> {
        if self.clock == clock && !clock.is_empty() {
            return Some(self.time);
        }
        let time = read(clock)?;
        if clock.len() <= LONGEST_CLOCK {
            clock.clone_into(&mut self.clock);
            self.time = time;
        }
        Some(time)
    }

    /// What [`prose`] makes of words.
    pub(super) fn prose<'a>(&mut self, words: &'a str) -> Cow<'a, str> {
        let Some(known) = self.harmless.get_mut(place(words.as_bytes())) else {
            return prose(words);
        };
        if known == words {
            return Cow::Borrowed(words);
        }
        let shown = prose(words);
        if words.len() <= LONGEST_HARMLESS && shown == words {
            words.clone_into(known);
        }
        shown
    }
}

/// Where words are remembered: by their length and some of their letters.
fn place(words: &[u8]) -> usize {
    let length = words.len();
    let letter = |at: usize| usize::from(words.get(at).copied().unwrap_or(0));
    let some = letter(length / 2) + 5 * letter(length / 3) + 11 * letter(length.wrapping_sub(4));
    (some + 29 * length) % HARMLESS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_that_is_none_is_not_remembered() {
        let mut memory = Memory::default();
        let seven = Timestamp::new(7, 0);
        assert_eq!(memory.time("", |_| None), None);
        assert_eq!(memory.time("seven", |_| Some(seven)), Some(seven));
        assert_eq!(memory.time("eight", |_| None), None);
        assert_eq!(memory.time("seven", |_| None), Some(seven));
        let long = "7".repeat(LONGEST_CLOCK + 1);
        assert_eq!(memory.time(&long, |_| Some(seven)), Some(seven));
        assert_eq!(memory.time(&long, |_| None), None);
    }

    proptest! {
        #[test]
        fn words_are_masked_as_if_none_were_remembered(
            words in prop::collection::vec("(curl/[78]|password=[a-c]{1,2}|token: [ab] x|app/[1-4]|\\PC{0,20}|a{510,520})", 0..200),
        ) {
            let mut memory = Memory::default();
            for words in words {
                prop_assert_eq!(memory.prose(&words), prose(&words));
            }
        }
    }
}
