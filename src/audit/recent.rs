//! What was seen lately, in bounded memory.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::hint::black_box;

use crate::model::{Span, Timestamp};

/// Remembers a value by key for at least `length` of record time and at most twice that, or
/// until more than `most` newer keys have come.
///
/// Two generations are kept; when the newer one is full or old, the older one is forgotten. A
/// record from long ago does not turn time back: it joins the newer generation.
pub(super) struct Recent<V> {
    newer: Generation<V>,
    older: Generation<V>,
    begun: Option<Timestamp>,
    length: Span,
    most: usize,
}

type Generation<V> = HashMap<Short, V, BuildHasherDefault<Taken>>;

/// 96 bits of a hash: as safe as all of it, and with a small value they are half as large, so
/// that more of what is looked up all over the memory is in a cache.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Short([u32; 3]);

impl Short {
    #[expect(clippy::cast_possible_truncation, reason = "a part of a hash is one")]
    fn of(key: u128) -> Self {
        Self([key as u32, (key >> 32) as u32, (key >> 64) as u32])
    }
}

impl Hash for Short {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [low, high, _] = self.0;
        state.write_u64(u64::from(high) << 32 | u64::from(low));
    }
}

/// A map whose keys are hashes already.
pub(super) type Keyed<V> = HashMap<u128, V, BuildHasherDefault<Taken>>;

impl<V: Default> Recent<V> {
    pub(super) fn new(length: Span, most: usize) -> Self {
        Self {
            newer: Generation::default(),
            older: Generation::default(),
            begun: None,
            length,
            most,
        }
    }

    /// Looks keys up that will be asked for soon. Each look-up waits for memory; those of many
    /// wait together.
    pub(super) fn warm(&self, keys: impl Iterator<Item = u128>) {
        let is_known = |key| {
            let key = Short::of(key);
            self.newer.contains_key(&key) | self.older.contains_key(&key)
        };
        black_box(keys.filter(|key| is_known(*key)).count());
    }

    /// What is remembered of `key`, or a fresh value.
    pub(super) fn at(&mut self, key: u128, time: Timestamp) -> &mut V {
        let begun = *self.begun.get_or_insert(time);
        if time > begun + self.length || self.newer.len() >= self.most {
            // After a gap longer than a generation nothing older matters either.
            let gap = time > begun + self.length + self.length;
            std::mem::swap(&mut self.older, &mut self.newer);
            self.newer.clear();
            if gap {
                self.older.clear();
            }
            self.begun = Some(begun.max(time));
        }
        let key = Short::of(key);
        if self.older.contains_key(&key) {
            return self.older.entry(key).or_default();
        }
        self.newer.entry(key).or_default()
    }
}

/// Takes a key that is a hash as its own hash.
#[derive(Default)]
pub(super) struct Taken(u64);

impl Hasher for Taken {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }

    #[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(seconds, 0)
    }

    #[test]
    fn a_key_is_kept_for_its_time_and_then_forgotten() {
        let mut recent = Recent::<u32>::new(Span::seconds(30), 1000);
        *recent.at(7, at(100)) = 1;
        assert_eq!(*recent.at(7, at(130)), 1);
        assert_eq!(*recent.at(8, at(131)), 0);
        assert_eq!(*recent.at(7, at(140)), 1);
        assert_eq!(*recent.at(9, at(170)), 0);
        assert_eq!(*recent.at(7, at(171)), 0);
    }

    #[test]
    fn a_record_from_long_ago_forgets_nothing() {
        let mut recent = Recent::<u32>::new(Span::seconds(30), 1000);
        *recent.at(7, at(1_000_000)) = 1;
        assert_eq!(*recent.at(8, at(0)), 0);
        assert_eq!(*recent.at(7, at(1_000_001)), 1);
    }

    #[test]
    fn it_does_not_grow_without_bound() {
        let mut recent = Recent::<u32>::new(Span::seconds(30), 100);
        for key in 0..100_000 {
            *recent.at(key, at(0)) = 1;
        }
        assert!(recent.newer.len() + recent.older.len() <= 200);
    }
}
