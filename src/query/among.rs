//! Which of many rows are meant, a bit each.

use std::ops::Range;

/// The bits of a word.
const WORD: usize = 64;

/// Some of the rows `0..len`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Among {
    words: Vec<u64>,
    len: usize,
}

impl Among {
    /// None of so many rows.
    #[must_use]
    pub fn none(len: usize) -> Self {
        Self {
            words: vec![0; len.div_ceil(WORD)],
            len,
        }
    }

    /// All of so many rows.
    #[must_use]
    pub fn all(len: usize) -> Self {
        let mut all = Self {
            words: vec![u64::MAX; len.div_ceil(WORD)],
            len,
        };
        let over = len % WORD;
        if over > 0
            && let Some(last) = all.words.last_mut()
        {
            *last = (1 << over) - 1;
        }
        all
    }

    /// How many rows there are, meant or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True where there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// True where a row is meant.
    #[must_use]
    pub fn has(&self, row: usize) -> bool {
        let word = self.words.get(row / WORD).copied().unwrap_or(0);
        word >> (row % WORD) & 1 == 1
    }

    /// Means a row too.
    pub fn add(&mut self, row: usize) {
        if row < self.len
            && let Some(word) = self.words.get_mut(row / WORD)
        {
            *word |= 1 << (row % WORD);
        }
    }

    /// How many rows are meant.
    #[must_use]
    pub fn count(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// How many of some rows are meant.
    #[must_use]
    pub fn count_in(&self, rows: Range<usize>) -> usize {
        let (from, to) = (rows.start.min(self.len), rows.end.min(self.len));
        self.count_before(to)
            .saturating_sub(self.count_before(from))
    }

    fn count_before(&self, row: usize) -> usize {
        let (whole, over) = (row / WORD, row % WORD);
        let head = self.words.get(..whole).unwrap_or(&self.words);
        let counted: usize = head.iter().map(|word| word.count_ones() as usize).sum();
        let last = self.words.get(whole).copied().unwrap_or(0) & ((1 << over) - 1);
        counted + last.count_ones() as usize
    }

    /// Only what holds stays meant.
    pub fn retain(&mut self, mut holds: impl FnMut(usize) -> bool) {
        for (at, word) in self.words.iter_mut().enumerate() {
            let mut left = *word;
            while left != 0 {
                let bit = left.trailing_zeros() as usize;
                left &= left - 1;
                if !holds(at * WORD + bit) {
                    *word &= !(1 << bit);
                }
            }
        }
    }

    /// Means what the other means too.
    pub fn union(&mut self, other: &Self) {
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// Means no more what the other means.
    pub fn without(&mut self, other: &Self) {
        for (word, less) in self.words.iter_mut().zip(&other.words) {
            *word &= !less;
        }
    }

    /// The rows that are meant, in order.
    pub fn rows(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(at * WORD + bit)
            })
        })
    }

    /// The bits, 64 rows a word, from the lowest on.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The same, to be changed; bits beyond the last row must stay 0.
    pub fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set(len in 0_usize..300, a in prop::collection::btree_set(0_usize..300, 0..40), b in prop::collection::btree_set(0_usize..300, 0..40), cut in 0_usize..320) {
            let within = |set: &BTreeSet<usize>| set.iter().copied().filter(|row| *row < len).collect::<BTreeSet<_>>();
            let made = |set: &BTreeSet<usize>| {
                let mut among = Among::none(len);
                for row in set {
                    among.add(*row);
                }
                among
            };
            let (sa, sb) = (within(&a), within(&b));
            let rows = |among: &Among| among.rows().collect::<BTreeSet<_>>();
            let mut union = made(&a);
            union.union(&made(&b));
            prop_assert_eq!(rows(&union), &sa | &sb);
            let mut less = made(&a);
            less.without(&made(&b));
            prop_assert_eq!(rows(&less), &sa - &sb);
            let mut kept = Among::all(len);
            prop_assert_eq!(kept.count(), len);
            kept.retain(|row| a.contains(&row));
            prop_assert_eq!(&kept, &made(&a));
            prop_assert_eq!(kept.count(), sa.len());
            prop_assert_eq!(kept.count_in(3..cut), sa.range(3.min(cut)..cut).count());
            prop_assert!(kept.rows().all(|row| kept.has(row)));
        }
    }
}
