//! Hashing what others wrote: with a key that they cannot know, so that nobody can write words that
//! meet and make a table slow, or take one record for another.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A hasher with a key of its own. Hashes of two of them do not compare; those of clones do.
///
/// The standard library's keys are random; ahash without its own source of them is not.
pub(super) fn keyed() -> ahash::RandomState {
    let seed = |n: u64| RandomState::new().hash_one(n);
    ahash::RandomState::with_seeds(seed(1), seed(2), seed(3), seed(4))
}

/// The hash of some bytes, and of nothing else: their length need not be hashed too.
#[inline]
pub(super) fn hash_of(bytes: &[u8], key: &ahash::RandomState) -> u64 {
    let mut hasher = key.build_hasher();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_key_of_its_own_and_clones_share_it() {
        let (one, other) = (keyed(), keyed());
        assert_eq!(one.hash_one("id"), one.clone().hash_one("id"));
        assert_ne!(one.hash_one("id"), other.hash_one("id"));
    }
}
