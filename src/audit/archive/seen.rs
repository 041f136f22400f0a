//! The ids of the calls that are in the index.

use std::num::NonZeroU64;

/// A set of numbers that are hashes already, with keys that outsiders cannot know.
///
/// It lies in memory as one table of numbers, each in the first free place from its own on, so that
/// to look for one is mostly one access to memory; and many are looked for at a time.
pub(super) struct Seen {
    /// A power of two of places, at least a quarter of them free: a table of twice the size is
    /// slower, as less of it is in the processor's caches.
    places: Vec<Option<NonZeroU64>>,
    held: usize,
}

impl Seen {
    pub(super) fn new() -> Self {
        Self {
            places: vec![None; 16],
            held: 0,
        }
    }

    /// Makes room for so many more: a set that grows as it is filled is written several times.
    pub(super) fn reserve(&mut self, more: usize) {
        let wanted = ((self.held + more) * 4 / 3 + 1).next_power_of_two();
        if wanted <= self.places.len() {
            return;
        }
        let before = std::mem::replace(&mut self.places, vec![None; wanted]);
        for id in before.into_iter().flatten() {
            self.put(id);
        }
    }

    /// Brings the places of some into the processor's caches. Each lies somewhere else in memory,
    /// and the processor waits for several at a time if nothing is made of them.
    pub(super) fn expect(&self, ids: impl Iterator<Item = u64>) {
        let there = |id| self.places.get(self.place(number(id))).copied().flatten();
        std::hint::black_box(ids.filter_map(there).count());
    }

    pub(super) fn contains(&self, id: u64) -> bool {
        let id = number(id);
        let mut at = self.place(id);
        while let Some(Some(other)) = self.places.get(at) {
            if *other == id {
                return true;
            }
            at = (at + 1) & (self.places.len() - 1);
        }
        false
    }

    /// Takes one in; false where it is there already.
    pub(super) fn insert(&mut self, id: u64) -> bool {
        if self.held * 4 >= self.places.len() * 3 {
            self.reserve(1);
        }
        let new = self.put(number(id));
        self.held += usize::from(new);
        new
    }

    fn put(&mut self, id: NonZeroU64) -> bool {
        let mut at = self.place(id);
        let last = self.places.len() - 1;
        while let Some(place) = self.places.get_mut(at) {
            match place {
                Some(other) if *other == id => return false,
                Some(_) => at = (at + 1) & last,
                None => {
                    *place = Some(id);
                    return true;
                }
            }
        }
        false
    }

    /// Where one is looked for first.
    fn place(&self, id: NonZeroU64) -> usize {
        // The lowest bits of a hash are as good as any.
        usize::try_from(id.get() & (self.places.len() as u64 - 1)).unwrap_or(0)
    }
}

/// 0 stands for what is not there; a hash that is 0 counts as 1.
fn number(id: u64) -> NonZeroU64 {
    NonZeroU64::new(id).unwrap_or(NonZeroU64::MIN)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_holds_what_a_set_of_the_library_holds(
            ids in prop::collection::vec(prop_oneof![0..40_u64, any::<u64>(), 0..9_u64.pow(9)], 0..400),
            reserved in 0..300_usize,
        ) {
            let (mut seen, mut known) = (Seen::new(), HashSet::new());
            seen.reserve(reserved);
            seen.expect(ids.iter().copied());
            for id in ids {
                // What is 0 counts as 1.
                let id = id.max(1);
                prop_assert_eq!(seen.contains(id), known.contains(&id));
                prop_assert_eq!(seen.insert(id), known.insert(id));
                prop_assert!(seen.contains(id));
            }
        }
    }
}
