//! Rows under a key of several words, cheap to clone and always listed in the order of the keys.
//!
//! A row is found through a hash of borrowed words, so looking one up allocates nothing. Clones
//! share all rows; a clone that changes a row copies that row and a path of pointers to it.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use ahash::RandomState;
use hashbrown::HashTable;

/// Rows stand in blocks of so many; a clone that changes a row copies the pointers of one block.
const BLOCK: usize = 64;

/// Fixed, so that two runs do the same work in the same order.
const HASHING: RandomState = RandomState::with_seeds(0x51, 0x7e, 0x4a, 0xb3);

/// The words of a key; an absent word is a word of its own, before all others.
pub(super) type Words<'a, const N: usize> = [Option<&'a str>; N];

/// What can be kept in a [`Store`].
pub(super) trait Row<const N: usize>: Clone {
    /// The row's key; it must never change.
    fn key(&self) -> Words<'_, N>;
}

/// The hash of a key's words.
pub(super) fn hash_words(words: &[Option<&str>]) -> u64 {
    let mut hasher = HASHING.build_hasher();
    for word in words {
        match word {
            Some(word) => {
                hasher.write(word.as_bytes());
                hasher.write_u8(0xff);
            }
            None => hasher.write_u8(0xfe),
        }
    }
    hasher.finish()
}

/// Rows by key.
#[derive(Clone, Debug)]
pub(super) struct Store<T, const N: usize> {
    blocks: Arc<Vec<Block<T>>>,
    index: Arc<Index>,
}

type Block<T> = Arc<Vec<Arc<T>>>;

/// Where each row stands. It is copied whole, but only by a clone that gains a new key.
#[derive(Clone, Debug, Default)]
struct Index {
    table: HashTable<(u64, u32)>,
    order: Vec<u32>,
}

impl<T, const N: usize> Default for Store<T, N> {
    fn default() -> Self {
        Self {
            blocks: Arc::default(),
            index: Arc::default(),
        }
    }
}

impl<T: Row<N>, const N: usize> Store<T, N> {
    /// Where the row of this key stands.
    pub(super) fn find(&self, key: Words<'_, N>) -> Option<u32> {
        self.find_hashed(hash_words(&key), key)
    }

    fn find_hashed(&self, hash: u64, key: Words<'_, N>) -> Option<u32> {
        self.index
            .table
            .find(hash, |(at_hash, at)| {
                *at_hash == hash && self.at(*at).is_some_and(|row| row.key() == key)
            })
            .map(|(_, at)| *at)
    }

    /// The row that stands there.
    pub(super) fn at(&self, at: u32) -> Option<&T> {
        let at = at as usize;
        let block = self.blocks.get(at / BLOCK)?;
        block.get(at % BLOCK).map(AsRef::as_ref)
    }

    /// The row that stands there, to be changed.
    pub(super) fn at_mut(&mut self, at: u32) -> Option<&mut T> {
        let at = at as usize;
        let block = Arc::make_mut(&mut self.blocks).get_mut(at / BLOCK)?;
        let row = Arc::make_mut(block).get_mut(at % BLOCK)?;
        Some(Arc::make_mut(row))
    }

    /// The row of this key.
    pub(super) fn get(&self, key: Words<'_, N>) -> Option<&T> {
        self.find(key).and_then(|at| self.at(at))
    }

    /// Where the row of this key stands, made by `make` where there is none. `make` must give a
    /// row of this key.
    pub(super) fn place(&mut self, key: Words<'_, N>, make: impl FnOnce() -> T) -> u32 {
        let hash = hash_words(&key);
        if let Some(at) = self.find_hashed(hash, key) {
            return at;
        }
        let at = u32::try_from(self.len()).unwrap_or(u32::MAX);
        let place = self
            .index
            .order
            .binary_search_by(|other| match self.at(*other) {
                Some(row) => row.key().cmp(&key),
                None => Ordering::Less,
            });
        let (Ok(place) | Err(place)) = place;
        let blocks = Arc::make_mut(&mut self.blocks);
        match blocks.last_mut() {
            Some(block) if block.len() < BLOCK => Arc::make_mut(block).push(Arc::new(make())),
            _ => blocks.push(Arc::new(vec![Arc::new(make())])),
        }
        let index = Arc::make_mut(&mut self.index);
        index.order.insert(place, at);
        index
            .table
            .insert_unique(hash, (hash, at), |(hash, _)| *hash);
        at
    }

    /// The row of this key, to be changed, made by `make` where there is none.
    pub(super) fn row(&mut self, key: Words<'_, N>, make: impl FnOnce() -> T) -> Option<&mut T> {
        let at = self.place(key, make);
        self.at_mut(at)
    }

    /// All rows in the order of their keys.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.rows().map(|(_, row)| row)
    }

    /// All rows in the order of their keys, each with where it stands.
    pub(super) fn rows(&self) -> impl DoubleEndedIterator<Item = (u32, &T)> {
        let order = self.index.order.iter();
        order.filter_map(|at| self.at(*at).map(|row| (*at, row)))
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.index.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Named(String, Option<String>, u32);

    impl Row<2> for Named {
        fn key(&self) -> Words<'_, 2> {
            [Some(&self.0), self.1.as_deref()]
        }
    }

    fn named(store: &mut Store<Named, 2>, name: &str, region: Option<&str>, value: u32) {
        let row = store.row([Some(name), region], || {
            Named(name.to_owned(), region.map(str::to_owned), 0)
        });
        row.unwrap().2 = value;
    }

    #[test]
    fn rows_are_listed_by_key_whatever_the_order_of_arrival() {
        let mut store = Store::default();
        for (name, region, value) in [
            ("b", Some("eu"), 1),
            ("a", Some("us"), 2),
            ("b", None, 3),
            ("a", Some("us"), 4),
        ] {
            named(&mut store, name, region, value);
        }
        let values: Vec<u32> = store.iter().map(|row| row.2).collect();
        assert_eq!(values, [4, 3, 1]);
        assert_eq!(store.get([Some("b"), Some("eu")]).unwrap().2, 1);
        assert!(store.get([Some("c"), None]).is_none());
    }

    #[test]
    fn a_clone_keeps_what_it_had() {
        let mut store = Store::default();
        named(&mut store, "a", None, 1);
        let before = store.clone();
        named(&mut store, "a", None, 2);
        named(&mut store, "b", None, 3);
        assert_eq!(before.len(), 1);
        assert_eq!(before.iter().next().unwrap().2, 1);
        assert_eq!(store.len(), 2);
    }
}
