//! What was seen lately, in bounded memory.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashTable;

use crate::model::{Span, Timestamp};

/// Remembers a value by key for at least `length` of record time and at most twice that, or
/// until more than `most` newer keys have come.
///
/// Two generations are kept; when the newer one is full or old, the older one is forgotten. A
/// record from long ago does not turn time back: it joins the newer generation.
///
/// Keys that say of which second they are need not be looked up in all that is remembered: what
/// comes in order was not there before its second began.
pub(super) struct Recent<V> {
    newer: Generation<V>,
    older: Generation<V>,
    /// When the newer one has begun, and when it is old.
    begun: Option<(Timestamp, Timestamp)>,
    /// The newest of the seconds that keys belong to.
    second: Option<i64>,
    length: Span,
    most: usize,
}

/// What was put down, in order, and where each key is. The places are looked up all over the
/// memory and are small, so that they stay in a cache; the rest is written one behind the other.
struct Generation<V> {
    places: HashTable<u32>,
    /// So many of all have theirs among the places; the others get them once one is looked up.
    placed: usize,
    /// The places of those that belong to the newest second.
    lately: HashTable<u32>,
    all: Vec<(Short, V)>,
    /// Where there is no place for more.
    spare: V,
}

impl<V: Default> Generation<V> {
    fn new() -> Self {
        Self {
            places: HashTable::new(),
            placed: 0,
            lately: HashTable::new(),
            all: Vec::new(),
            spare: V::default(),
        }
    }

    fn place(&mut self, key: Short) -> Option<u32> {
        self.settle();
        find(&self.places, &self.all, key)
    }

    /// The same of a key that belongs to the newest second.
    fn place_lately(&self, key: Short) -> Option<u32> {
        if self.lately.is_empty() {
            return None;
        }
        find(&self.lately, &self.all, key)
    }

    /// Gives all their places.
    fn settle(&mut self) {
        let missing = self.all.get(self.placed..).unwrap_or_default();
        if missing.is_empty() {
            return;
        }
        let all = &self.all;
        let hash = |at: &u32| hash_at(all, *at);
        self.places.reserve(missing.len(), hash);
        for (place, (key, _)) in (self.placed..).zip(missing) {
            if let Ok(place) = u32::try_from(place) {
                self.places.insert_unique(key.hash(), place, hash);
            }
        }
        self.placed = self.all.len();
    }

    /// Another second has begun.
    fn turn(&mut self) {
        const ROOMY: usize = 64;
        let (room, held) = (self.lately.capacity(), self.lately.len());
        if room > ROOMY && room / 8 > held {
            // To clear it would cost more than it holds.
            self.lately = HashTable::new();
        } else if held > 0 {
            self.lately.clear();
        }
    }

    fn value(&mut self, place: u32) -> &mut V {
        match self.all.get_mut(place as usize) {
            Some((_, value)) => value,
            None => &mut self.spare,
        }
    }

    /// Puts a key down that is not there.
    fn put(&mut self, key: Short, is_lately: bool) -> &mut V {
        let Ok(place) = u32::try_from(self.all.len()) else {
            self.spare = V::default();
            return &mut self.spare;
        };
        self.all.push((key, V::default()));
        if is_lately {
            let all = &self.all;
            let hash = |at: &u32| hash_at(all, *at);
            self.lately.insert_unique(key.hash(), place, hash);
        }
        self.value(place)
    }

    fn len(&self) -> usize {
        self.all.len()
    }

    fn clear(&mut self) {
        self.places.clear();
        self.placed = 0;
        self.lately.clear();
        self.all.clear();
    }
}

fn find<V>(places: &HashTable<u32>, all: &[(Short, V)], key: Short) -> Option<u32> {
    let is_it = |at: &u32| all.get(*at as usize).is_some_and(|(k, _)| *k == key);
    places.find(key.hash(), is_it).copied()
}

fn hash_at<V>(all: &[(Short, V)], at: u32) -> u64 {
    all.get(at as usize).map_or(0, |(key, _)| key.hash())
}

/// 96 bits of a hash: as safe as all of it, and with a small value they are half as large, so
/// that more of what is looked up all over the memory is in a cache.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Short([u32; 3]);

impl Short {
    #[expect(clippy::cast_possible_truncation, reason = "a part of a hash is one")]
    fn of(key: u128) -> Self {
        Self([key as u32, (key >> 32) as u32, (key >> 64) as u32])
    }

    fn hash(self) -> u64 {
        let [low, high, _] = self.0;
        u64::from(high) << 32 | u64::from(low)
    }
}

/// A map whose keys are hashes already.
pub(super) type Keyed<V> = HashMap<u128, V, BuildHasherDefault<Taken>>;

impl<V: Default> Recent<V> {
    pub(super) fn new(length: Span, most: usize) -> Self {
        Self {
            newer: Generation::new(),
            older: Generation::new(),
            begun: None,
            second: None,
            length,
            most,
        }
    }

    /// What is remembered of `key`, or a fresh value.
    pub(super) fn at(&mut self, key: u128, time: Timestamp) -> &mut V {
        self.pass(time);
        let key = Short::of(key);
        if let Some(place) = self.older.place(key) {
            return self.older.value(place);
        }
        match self.newer.place(key) {
            Some(place) => self.newer.value(place),
            None => self.newer.put(key, false),
        }
    }

    /// The same of a key that never comes but with times of one second, and never by [`Self::at`].
    pub(super) fn of_second(&mut self, key: u128, time: Timestamp) -> &mut V {
        let second = Some(time.seconds());
        if second < self.second {
            return self.at(key, time);
        }
        if second > self.second {
            self.second = second;
            self.older.turn();
            self.newer.turn();
        }
        self.pass(time);
        let key = Short::of(key);
        if let Some(place) = self.older.place_lately(key) {
            return self.older.value(place);
        }
        match self.newer.place_lately(key) {
            Some(place) => self.newer.value(place),
            None => self.newer.put(key, true),
        }
    }

    /// Lets time pass: the older ones are forgotten where a generation is over.
    fn pass(&mut self, time: Timestamp) {
        let length = self.length;
        let (begun, old) = *self.begun.get_or_insert_with(|| (time, time + length));
        if time > old || self.newer.len() >= self.most {
            // After a gap longer than a generation nothing older matters either.
            let gap = time > old + length;
            std::mem::swap(&mut self.older, &mut self.newer);
            self.newer.clear();
            if gap {
                self.older.clear();
            }
            let begun = begun.max(time);
            self.begun = Some((begun, begun + length));
        }
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
    use proptest::prelude::*;

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
        for key in 100_000..200_000 {
            *recent.of_second(key, at(0)) = 1;
        }
        assert!(recent.newer.len() + recent.older.len() <= 200);
    }

    proptest! {
        /// Whatever else is met between, in order or late, and however much is forgotten.
        #[test]
        fn keys_of_a_second_are_known_as_all_others_are(
            met in prop::collection::vec((0..6_u128, -3..5_i64, 0..1_000_000_000_u32, any::<bool>()), 0..400),
            most in prop_oneof![1..20_usize, Just(1000)],
        ) {
            let mut known = Recent::<u32>::new(Span::seconds(4), most);
            let mut told = Recent::<u32>::new(Span::seconds(4), most);
            let mut now = 1000;
            for (key, later, nanos, has_second) in met {
                let time = Timestamp::new(now + later, nanos);
                now += i64::from(later > 3);
                // A key of a second is one of that alone.
                let key = if has_second {
                    key << 64 | u128::from(time.seconds().cast_unsigned()) << 1 | 1
                } else {
                    key << 1
                };
                let expected = known.at(key, time);
                let count = if has_second { told.of_second(key, time) } else { told.at(key, time) };
                prop_assert_eq!(*count, *expected);
                *count += 1;
                *expected += 1;
            }
        }
    }
}
