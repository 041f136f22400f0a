//! From single cases, good and bad, to a value, whether it is met, and what is left of its budget.

use serde::Serialize;

use super::burn::{Allowed, Burn, burns};
use super::marks::Marks;
use crate::model::Span;

/// How a level's value comes from its cases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// The share of good cases; the objective is the least it may be.
    Good,
    /// The share of bad cases; the objective is the most it may be.
    Bad,
    /// A quantile of seconds; the objective is the most it may be.
    Seconds(f64),
    /// How many bad cases; the objective is the most there may be.
    Count,
}

/// The unit of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A share, 0 to 1.
    Ratio,
    /// Seconds.
    Seconds,
    /// A number of things.
    Count,
}

/// Which values are the better ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The objective is the least that is good enough.
    Higher,
    /// The objective is the most that is good enough.
    Lower,
}

/// A value, and how it stands to its objective.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reading {
    /// The value in its unit; `None` where nothing was seen.
    pub value: Option<f64>,
    /// The unit.
    pub unit: Unit,
    /// How many cases it rests on.
    pub n: u64,
    /// The bound that it has to keep.
    pub objective: f64,
    /// Whether it keeps it; `None` where nothing was seen.
    pub met: Option<bool>,
    /// Which values are the better ones.
    pub better: Better,
    /// Of a length of time, which quantile of it the value is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantile: Option<f64>,
    /// How many cases were bad.
    pub bad: u64,
    /// Over how long it is asked, in seconds.
    pub window_seconds: i64,
    /// The part of the error budget that is left, at most 1, below 0 where more was spent than
    /// there was; `None` where nothing was seen or the objective leaves no budget at all.
    pub budget_left: Option<f64>,
    /// How fast the budget is spent; empty where there is none.
    pub burn: Vec<Burn>,
}

/// Grades the cases of a window that ends with the marks' own end.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of cases are far below 2^52"
)]
pub(super) fn grade(kind: Kind, objective: f64, window: Span, marks: &Marks) -> Reading {
    let (good, bad) = marks.counts();
    let n = marks.n().unwrap_or(good.saturating_add(bad));
    let seen = n > 0;
    let share = |part: u64| part as f64 / n as f64;
    let value = match kind {
        Kind::Good => Some(share(good)),
        Kind::Bad => Some(share(bad)),
        Kind::Seconds(quantile) => marks.quantile(quantile),
        Kind::Count => Some(bad as f64),
    };
    let value = value.filter(|_| seen);
    let higher = kind == Kind::Good;
    let keeps = |value: f64| {
        if higher {
            value >= objective
        } else {
            value <= objective
        }
    };
    let allowed = match kind {
        Kind::Good => Allowed::Share(1.0 - objective),
        Kind::Bad => Allowed::Share(objective),
        Kind::Seconds(quantile) => Allowed::Share(1.0 - quantile),
        Kind::Count => Allowed::Count(objective),
    };
    let (Allowed::Share(most) | Allowed::Count(most)) = allowed;
    let has_budget = most > 0.0;
    let spent = match allowed {
        Allowed::Share(most) => share(bad) / most,
        Allowed::Count(most) => bad as f64 / most,
    };
    Reading {
        value,
        unit: match kind {
            Kind::Good | Kind::Bad => Unit::Ratio,
            Kind::Seconds(_) => Unit::Seconds,
            Kind::Count => Unit::Count,
        },
        n,
        objective,
        met: value.map(keeps),
        better: if higher {
            Better::Higher
        } else {
            Better::Lower
        },
        quantile: match kind {
            Kind::Seconds(quantile) => Some(quantile),
            _ => None,
        },
        bad,
        window_seconds: window.as_seconds(),
        budget_left: (seen && has_budget).then_some(1.0 - spent),
        burn: if has_budget {
            burns(marks, allowed, window)
        } else {
            Vec::new()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    const DAY: Span = Span::seconds(86_400);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(seconds, 0)
    }

    fn marks(cases: &[(i64, u64, u64)]) -> Marks {
        let mut marks = Marks::new(at(0), at(86_400));
        for (when, good, bad) in cases {
            marks.add(at(*when), *good, *bad);
        }
        marks
    }

    #[test]
    fn nothing_seen_is_neither_good_nor_bad() {
        for kind in [Kind::Good, Kind::Bad, Kind::Seconds(0.95), Kind::Count] {
            let reading = grade(kind, 0.5, DAY, &marks(&[]));
            assert_eq!(
                (reading.value, reading.met, reading.n, reading.budget_left),
                (None, None, 0, None)
            );
        }
    }

    #[test]
    fn a_share_of_the_good_and_one_of_the_bad_spend_the_same_budget() {
        let cases = marks(&[(10, 98, 1), (20, 0, 1), (90_000, 0, 50)]);
        let good = grade(Kind::Good, 0.96, DAY, &cases);
        let bad = grade(Kind::Bad, 0.04, DAY, &cases);
        assert_eq!(
            (good.value, good.met, good.n),
            (Some(0.98), Some(true), 100)
        );
        assert_eq!((bad.value, bad.met, bad.bad), (Some(0.02), Some(true), 2));
        assert!((good.budget_left.unwrap() - 0.5).abs() < 1e-9);
        assert!((bad.budget_left.unwrap() - 0.5).abs() < 1e-9);
        assert_eq!(grade(Kind::Good, 0.99, DAY, &cases).met, Some(false));
        assert!(grade(Kind::Good, 0.99, DAY, &cases).budget_left.unwrap() < 0.0);
    }

    #[test]
    fn a_quantile_is_met_where_that_share_of_cases_is_within_the_bound() {
        let mut cases = marks(&[]);
        for second in 1..=20 {
            cases.took(at(second), f64::from(i32::try_from(second).unwrap()), 18.0);
        }
        let reading = grade(Kind::Seconds(0.95), 18.0, DAY, &cases);
        assert_eq!((reading.value, reading.met), (Some(19.0), Some(false)));
        assert_eq!((reading.n, reading.bad), (20, 2));
        assert!((reading.budget_left.unwrap() + 1.0).abs() < 1e-9);
        assert_eq!(
            grade(Kind::Seconds(0.9), 18.0, DAY, &cases).value,
            Some(18.0)
        );
    }

    #[test]
    fn an_objective_of_none_has_no_budget() {
        let reading = grade(Kind::Count, 0.0, DAY, &marks(&[(5, 3, 0)]));
        assert_eq!((reading.value, reading.met), (Some(0.0), Some(true)));
        assert_eq!((reading.budget_left, reading.burn.len()), (None, 0));
        let reading = grade(Kind::Count, 4.0, DAY, &marks(&[(5, 3, 1)]));
        assert_eq!(reading.budget_left, Some(0.75));
    }
}
