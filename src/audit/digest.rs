//! Names made from content: the same words give the same name in every build and on every machine,
//! and nobody can write a record that takes another one's name.

use sha2::{Digest as _, Sha256};

/// A digest of a sequence of words. Where one ends and the next begins counts.
#[derive(Clone)]
pub struct Digest(Sha256);

impl Digest {
    /// A digest for one purpose; digests of different purposes never meet.
    #[must_use]
    pub fn of(purpose: &str) -> Self {
        Self(Sha256::new()).word(purpose.as_bytes())
    }

    /// Takes one word in.
    #[must_use]
    pub fn word(mut self, word: &[u8]) -> Self {
        self.0.update((word.len() as u64).to_le_bytes());
        self.0.update(word);
        self
    }

    /// The first 128 bits.
    #[must_use]
    pub fn end(self) -> u128 {
        let mut first = [0_u8; 16];
        for (to, from) in first.iter_mut().zip(self.0.finalize()) {
            *to = from;
        }
        u128::from_be_bytes(first)
    }

    /// The first 96 bits as 24 hexadecimal digits.
    #[must_use]
    pub fn hex(self) -> String {
        format!("{:024x}", self.end() >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_words_count() {
        let name = |words: &[&str]| {
            let digest = words
                .iter()
                .fold(Digest::of("test"), |d, w| d.word(w.as_bytes()));
            digest.hex()
        };
        assert_eq!(name(&["ab", "c"]), name(&["ab", "c"]));
        assert_ne!(name(&["ab", "c"]), name(&["a", "bc"]));
        assert_ne!(Digest::of("a").hex(), Digest::of("b").hex());
        assert_eq!(Digest::of("a").hex().len(), 24);
    }
}
