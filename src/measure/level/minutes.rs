//! Minutes that something was so. Two samples of one minute are one minute, whoever told them and
//! however often: alternatives are never summed, and order cannot matter.

use std::collections::BTreeMap;

use crate::model::{Span, Timestamp};

/// A sample that speaks for longer than this says nothing about its single minutes: only its end
/// counts.
const LONGEST: i64 = 3600;

/// The minute that holds a moment, counted from 1970-01-01T00:00Z.
pub(super) fn minute_of(at: Timestamp) -> i64 {
    at.seconds().div_euclid(60)
}

/// When a minute begins.
pub(super) fn begins(minute: i64) -> Timestamp {
    Timestamp::new(minute.saturating_mul(60), 0)
}

/// A set of minutes as runs, first to last; runs neither touch nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Minutes(BTreeMap<i64, i64>);

impl Minutes {
    /// Adds the minutes that a window of `seconds` which ended at `end` touched.
    pub(super) fn add_window(&mut self, end: Timestamp, seconds: u64) {
        let length = i64::try_from(seconds).unwrap_or(LONGEST).min(LONGEST);
        let from = end - Span::seconds(length);
        // The window ends before its end: one that ends with a minute touches no later one.
        let last = minute_of(end - Span::micros(1));
        self.add(minute_of(from).min(last), last);
    }

    /// Adds the minutes from `first` to `last`, both counted.
    pub(super) fn add(&mut self, first: i64, last: i64) {
        let (mut first, mut last) = (first, last);
        let before = self.0.range(..=last.saturating_add(1)).next_back();
        let mut touching = before.map(|(from, to)| (*from, *to));
        while let Some((from, to)) = touching.filter(|(_, to)| *to >= first.saturating_sub(1)) {
            self.0.remove(&from);
            first = first.min(from);
            last = last.max(to);
            let before = self.0.range(..=last.saturating_add(1)).next_back();
            touching = before.map(|(from, to)| (*from, *to));
        }
        self.0.insert(first, last);
    }

    /// Its runs, first to last.
    pub(super) fn runs(&self) -> impl Iterator<Item = (i64, i64)> {
        self.0.iter().map(|(first, last)| (*first, *last))
    }

    /// True where a minute is in the set.
    #[cfg(test)]
    pub(super) fn contains(&self, minute: i64) -> bool {
        let before = self.0.range(..=minute).next_back();
        before.is_some_and(|(_, last)| *last >= minute)
    }

    /// Every minute of the set between two, both counted, in order.
    #[cfg(test)]
    pub(super) fn between(&self, first: i64, last: i64) -> impl Iterator<Item = i64> {
        let start = self.0.range(..=first).next_back().map_or(first, |r| *r.0);
        let runs = self.0.range(start..=last.max(start));
        runs.flat_map(move |(from, to)| (*from).max(first)..=(*to).min(last))
    }

    /// Forgets every run that ended before a minute.
    pub(super) fn forget(&mut self, before: i64) {
        self.0.retain(|_, last| *last >= before);
    }

    /// True where no minute is in the set.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How many were watched in each minute, and in how many of them it went badly: of many places
/// whose runs are long, at the cost of the runs and not of the minutes of each.
#[derive(Debug, Default)]
pub(super) struct Counts(BTreeMap<i64, (i64, i64)>);

impl Counts {
    /// Adds a place: the minutes that were watched there, and those in which it went badly.
    pub(super) fn add(&mut self, watched: &Minutes, bad: &Minutes) {
        for (first, last) in watched.runs() {
            self.run(first, last, (1, 0));
            // Only what was watched can have gone badly.
            let before = bad.0.range(..=first).next_back().map_or(first, |r| *r.0);
            for (from, to) in bad.0.range(before..=last) {
                let (from, to) = ((*from).max(first), (*to).min(last));
                if from <= to {
                    self.run(from, to, (0, 1));
                }
            }
        }
    }

    fn run(&mut self, first: i64, last: i64, (all, bad): (i64, i64)) {
        let begins = self.0.entry(first).or_default();
        *begins = (begins.0 + all, begins.1 + bad);
        let ends = self.0.entry(last.saturating_add(1)).or_default();
        *ends = (ends.0 - all, ends.1 - bad);
    }

    /// Every minute between two, both counted, in which anything was watched: how many went well
    /// and how many did not.
    pub(super) fn between(&self, first: i64, last: i64) -> impl Iterator<Item = (i64, u64, u64)> {
        let mut held = (0_i64, 0_i64);
        let changes: Vec<(i64, (i64, i64))> = self
            .0
            .iter()
            .map(|(at, change)| {
                held = (held.0 + change.0, held.1 + change.1);
                (*at, held)
            })
            .collect();
        let ends: Vec<i64> = changes.iter().skip(1).map(|(at, _)| at - 1).collect();
        let whole = |n: i64| u64::try_from(n).unwrap_or(0);
        let runs = changes.into_iter().zip(ends);
        let runs = runs.filter(|((_, (all, _)), _)| *all > 0);
        runs.flat_map(move |((from, (all, bad)), to)| {
            let minutes = from.max(first)..=to.min(last);
            minutes.map(move |minute| (minute, whole(all - bad), whole(bad)))
        })
    }
}

/// Runs of minutes as a set.
pub(super) fn minutes_of(runs: &[(i64, i64)]) -> Minutes {
    let mut minutes = Minutes::default();
    for (first, last) in runs {
        minutes.add(*first, (*last).max(*first));
    }
    minutes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn all(minutes: &Minutes) -> Vec<i64> {
        minutes.between(-1000, 1000).collect()
    }

    #[test]
    fn a_window_touches_the_minutes_it_lies_in() {
        let touched = |end, seconds| {
            let mut minutes = Minutes::default();
            minutes.add_window(Timestamp::new(end, 0), seconds);
            all(&minutes)
        };
        assert_eq!(touched(120, 60), [1]);
        assert_eq!(touched(130, 30), [1, 2]);
        assert_eq!(touched(150, 30), [2]);
        assert_eq!(touched(150, 0), [2]);
        assert_eq!(touched(60 * 200, u64::MAX).len(), 60);
    }

    proptest! {
        #[test]
        fn many_places_are_counted_as_one_by_one(
            places in prop::collection::vec((
                prop::collection::vec((0..60_i64, 0..9_i64), 0..5),
                prop::collection::vec((0..60_i64, 0..9_i64), 0..5),
            ), 0..6),
            from in 0..70_i64, to in 0..70_i64,
        ) {
            let set = |runs: &[(i64, i64)]| {
                let mut minutes = Minutes::default();
                for (first, more) in runs {
                    minutes.add(*first, first + more);
                }
                minutes
            };
            let (mut counts, mut plain) = (Counts::default(), BTreeMap::new());
            for (watched, bad) in &places {
                let (watched, bad) = (set(watched), set(bad));
                counts.add(&watched, &bad);
                for minute in watched.between(from, to) {
                    let held: &mut (u64, u64) = plain.entry(minute).or_default();
                    let is = u64::from(bad.contains(minute));
                    *held = (held.0 + 1 - is, held.1 + is);
                }
            }
            let counted: Vec<_> = counts.between(from, to).collect();
            let plain: Vec<_> = plain.into_iter().map(|(m, (g, b))| (m, g, b)).collect();
            prop_assert_eq!(counted, plain);
        }

        #[test]
        fn it_is_the_set_of_what_was_added(
            runs in prop::collection::vec((0..60_i64, 0..9_i64), 0..20),
            from in 0..70_i64, to in 0..70_i64,
        ) {
            let (mut minutes, mut plain) = (Minutes::default(), BTreeSet::new());
            for (first, more) in runs {
                minutes.add(first, first + more);
                plain.extend(first..=first + more);
            }
            let between: Vec<i64> = minutes.between(from, to).collect();
            let wanted: Vec<i64> = plain.iter().copied().filter(|m| (from..=to).contains(m)).collect();
            prop_assert_eq!(between, wanted);
            prop_assert!((0..70).all(|m| minutes.contains(m) == plain.contains(&m)));
            let runs: Vec<(i64, i64)> = minutes.0.iter().map(|(a, b)| (*a, *b)).collect();
            prop_assert!(runs.windows(2).all(|w| w[0].1 + 1 < w[1].0));
        }
    }
}
