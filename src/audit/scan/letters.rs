//! Finds ASCII words in a text, in capitals or not, 64 places at a time: where two of their bytes
//! that are rare stand as far from each other as in the words, the rest is compared.

#![expect(
    clippy::inline_always,
    reason = "what looks at a block has to become part of the loop that is built for vectors"
)]

use super::vectors::{self, BLOCK, Vectors, Work};

/// Letters and digits, from the commonest in logs to the rarest: of hexadecimal numbers there are
/// many, then letters come as in English. All others are commoner still.
const RARER: &[u8] = b"0123456789etaoinsrhldcumfpgwybvkxjqz";

/// The bit that makes small letters of capitals.
const SMALL: u8 = 0x20;

/// Words to be found.
pub(in crate::audit) struct Letters {
    words: Vec<u8>,
    /// Two places in the words, and what stands there with [`SMALL`] set.
    rare: [(usize, u8); 2],
}

impl Letters {
    /// `None` for words that are empty or not of ASCII alone.
    pub(in crate::audit) fn new(words: &str) -> Option<Self> {
        if !words.is_ascii() {
            return None;
        }
        let words = words.to_ascii_lowercase().into_bytes();
        let rank = |byte: u8| RARER.iter().position(|other| *other == byte);
        let mut places: Vec<(usize, u8)> = words.iter().copied().enumerate().collect();
        places.sort_by_key(|(_, byte)| std::cmp::Reverse(rank(*byte)));
        let first = *places.first()?;
        // The same byte elsewhere says less than another one.
        let other = places.iter().find(|(_, byte)| *byte != first.1);
        let second = other.or(places.get(1)).copied().unwrap_or(first);
        let rare = [first, second].map(|(at, byte)| (at, byte | SMALL));
        Some(Self { words, rare })
    }

    /// Where they stand first.
    pub(in crate::audit) fn find(&self, text: &[u8]) -> Option<usize> {
        vectors::run(Finding {
            letters: self,
            text,
        })
    }

    fn stand(&self, text: &[u8], at: usize) -> bool {
        let there = text.get(at..).and_then(|rest| rest.get(..self.words.len()));
        there.is_some_and(|there| there.eq_ignore_ascii_case(&self.words))
    }
}

struct Finding<'a> {
    letters: &'a Letters,
    text: &'a [u8],
}

impl Work for Finding<'_> {
    type Out = Option<usize>;

    #[inline(always)]
    fn with<V: Vectors>(self, vectors: V) -> Option<usize> {
        let Self { letters, text } = self;
        let [(first, one), (second, two)] = letters.rare;
        let from = |place: usize| text.get(place..).unwrap_or_default().as_chunks().0;
        let blocks = from(first).iter().zip(from(second));
        let mut at = 0;
        for (ones, twos) in blocks {
            let mut both = vectors.letters([ones, twos], [one, two]);
            while both != 0 {
                let place = at + both.trailing_zeros() as usize;
                if letters.stand(text, place) {
                    return Some(place);
                }
                both &= both - 1;
            }
            at += BLOCK;
        }
        (at..text.len()).find(|place| letters.stand(text, *place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_without_letters_or_of_one_are_found() {
        let find = |words: &str, text: &str| Letters::new(words).unwrap().find(text.as_bytes());
        assert_eq!(find("A", "bca"), Some(2));
        assert_eq!(find("::", &(".".repeat(99) + ":.::")), Some(101));
        assert_eq!(find("aa", "AbaA"), Some(2));
        assert!(Letters::new("").is_none() && Letters::new("é").is_none());
        // Only letters have capitals: `[` is `{` without that bit, and `@` a back quote.
        assert_eq!(find("{q", "[q"), None);
        assert_eq!(find("q@", "q`"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn they_are_found_where_a_byte_at_a_time_finds_them(
            words in "[a-cA-C:{ ]{1,6}",
            text in "[a-cA-C:\\[{ `\n]{0,300}",
            at in 0..300_usize,
            put: bool,
        ) {
            let mut text = text.into_bytes();
            if put {
                let at = at.min(text.len());
                text.splice(at..at, words.to_ascii_uppercase().into_bytes());
            }
            let mut windows = text.windows(words.len());
            let wanted = windows.position(|some| some.eq_ignore_ascii_case(words.as_bytes()));
            prop_assert_eq!(Letters::new(&words).unwrap().find(&text), wanted);
        }
    }
}
