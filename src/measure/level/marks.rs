//! The cases of a level: how many there were, how many were good, and how long ago.
//!
//! A month of a large fleet has millions: they are counted as they come, by the look-backs that
//! anybody asks for, and only lengths are kept one by one.

use super::facts::micros;
use super::minutes::{begins, minute_of};
use super::summary::Case;
use crate::model::{Span, Timestamp};

/// Every look-back of the table of burn rates, shortest first: the long ones and their twelfths.
pub(super) const BACKS: [Span; 5] = [
    Span::seconds(300),
    Span::seconds(1800),
    Span::seconds(3600),
    Span::seconds(6 * 3600),
    Span::seconds(3 * 86_400),
];

/// The cases of a level in its window.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    from: Timestamp,
    to: Timestamp,
    /// Where each of [`BACKS`] begins.
    edges: [Timestamp; BACKS.len()],
    /// Good and bad cases of each look-back that no shorter one holds; last those that none does.
    cases: [(u64, u64); BACKS.len() + 1],
    seconds: Vec<f64>,
    n: Option<u64>,
}

impl Marks {
    /// No case yet, in the window from `from` to `to`, both counted.
    pub(super) fn new(from: Timestamp, to: Timestamp) -> Self {
        Self {
            from,
            to,
            edges: BACKS.map(|back| to - back),
            ..Self::default()
        }
    }

    /// True where the window holds a moment.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        (self.from..=self.to).contains(&at)
    }

    /// The minutes that begin in the window: the first and the last.
    pub(super) fn minutes(&self) -> (i64, i64) {
        let first = minute_of(self.from);
        let first = first + i64::from(begins(first) < self.from);
        (first, minute_of(self.to))
    }

    /// Cases at a moment; those outside of the window are dropped.
    pub(super) fn add(&mut self, at: Timestamp, good: u64, bad: u64) {
        if self.holds(at) {
            // Most are older than any look-back.
            let shorter = self.edges.iter().rev().take_while(|edge| at > **edge);
            let place = BACKS.len() - shorter.count();
            if let Some(case) = self.cases.get_mut(place) {
                case.0 = case.0.saturating_add(good);
                case.1 = case.1.saturating_add(bad);
            }
        }
    }

    /// A case that took so many seconds.
    pub(super) fn took(&mut self, at: Timestamp, seconds: f64, bound: f64) {
        if self.holds(at) {
            let bad = seconds > bound;
            self.add(at, u64::from(!bad), u64::from(bad));
            self.seconds.push(seconds);
        }
    }

    /// A case that lasted: one that is not over counts once it has lasted longer than the bound.
    /// What waited later than the window's end waited at its end, if it had begun.
    pub(super) fn lasted(&mut self, case: &Case, bound: f64) {
        match case {
            Case::Took { at, micros } => self.took(*at, seconds(*micros), bound),
            Case::Waits { since, until } => {
                let until = (*until).min(self.to);
                let lasted = seconds(micros(*since, until));
                if *since <= self.to && lasted > bound {
                    self.took(until, lasted, bound);
                }
            }
            Case::Ended { .. } | Case::Counted { .. } => {}
        }
    }

    /// Cases that were counted.
    pub(super) fn counted(&mut self, case: &Case) {
        if let Case::Counted { at, good, bad } = case {
            self.add(*at, u64::from(*good), u64::from(*bad));
        }
    }

    /// How many cases there were, where that is not the number of marks.
    pub(super) fn of(&mut self, n: u64) {
        self.n = Some(n);
    }

    /// How many cases there were, where [`Self::of`] said so.
    pub(super) fn n(&self) -> Option<u64> {
        self.n
    }

    /// The end of the window.
    pub(super) fn to(&self) -> Timestamp {
        self.to
    }

    /// Good and bad cases less long before the window's end than one of [`BACKS`]; of any other
    /// look-back, those of the next shorter one.
    pub(super) fn within(&self, back: Span) -> (u64, u64) {
        let held = BACKS.iter().take_while(|known| **known <= back);
        sum(self.cases.iter().take(held.count()))
    }

    /// Good and bad cases in all.
    pub(super) fn counts(&self) -> (u64, u64) {
        sum(self.cases.iter())
    }

    /// The smallest length that at least this share of all cases did not exceed (the nearest-rank
    /// quantile); `None` without cases.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of the number of cases is far below 2^52 and not negative"
    )]
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let mut seconds = self.seconds.clone();
        // A share such as 0.95 is not exactly what it says: of 20 cases it is the 19th.
        let rank = (share * seconds.len() as f64 - 1e-9).ceil().max(1.0) as usize;
        if rank > seconds.len() {
            return None;
        }
        let (_, nth, _) = seconds.select_nth_unstable_by(rank - 1, f64::total_cmp);
        Some(*nth)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds between two events are far below 2^52"
)]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn sum<'a>(cases: impl Iterator<Item = &'a (u64, u64)>) -> (u64, u64) {
    cases.fold((0, 0), |sum, case| {
        (sum.0.saturating_add(case.0), sum.1.saturating_add(case.1))
    })
}
