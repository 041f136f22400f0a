//! Burn rates: how fast the error budget of a level is spent.
//!
//! *The Site Reliability Workbook* (B. Beyer et al., 2018), chapter 5, "Alerting on SLOs",
//! section 6, "Multiwindow, Multi-Burn-Rate Alerts":
//!
//! 1. A burn rate of 1 spends exactly the whole budget in the objective's window. It is the share
//!    of bad cases in a look-back, divided by the share that the objective allows.
//! 2. An alert that is to fire once `consumed` of the budget went in a look-back `long` has the
//!    threshold `consumed * window / long`: in 30 days 2 % in 1 h is 14.4, 5 % in 6 h is 6, 10 %
//!    in 3 days is 1.
//! 3. It fires only while a short look-back, a twelfth of the long one, burns as fast: so it
//!    stops soon after the trouble does.
//!
//! The table is the workbook's, with one line more: half of the budget within 6 h is escalated.
//! The shares are those of what was seen: of few cases one bad one burns fast, as it should where
//! each is a rotation. Whoever pages on it looks at `bad` too.

use serde::Serialize;

use super::marks::Marks;
use crate::model::Span;

/// What a burn rate above its threshold asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// Somebody in working hours.
    Ticket,
    /// Somebody now.
    Page,
    /// Whoever answers for all of it.
    Escalate,
}

/// Which share of the budget, gone within which look-back, asks for what.
const RULES: [(Urgency, f64, Span); 4] = [
    (Urgency::Escalate, 0.5, Span::seconds(6 * 3600)),
    (Urgency::Page, 0.02, Span::seconds(3600)),
    (Urgency::Page, 0.05, Span::seconds(6 * 3600)),
    (Urgency::Ticket, 0.1, Span::seconds(3 * 86_400)),
];

/// One pair of look-backs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Burn {
    /// What it asks for where it fires.
    pub urgency: Urgency,
    /// The long look-back, in seconds.
    pub long_seconds: i64,
    /// The short one, in seconds.
    pub short_seconds: i64,
    /// The burn rate from which on it fires.
    pub threshold: f64,
    /// The burn rate in the long look-back; `None` where nothing was seen in it.
    pub long: Option<f64>,
    /// The burn rate in the short one.
    pub short: Option<f64>,
    /// Bad cases in the long look-back.
    pub bad: u64,
    /// True where both burn rates reach the threshold.
    pub fires: bool,
}

/// What the burn is measured against.
#[derive(Clone, Copy, Debug)]
pub(super) enum Allowed {
    /// A share of all cases, above 0.
    Share(f64),
    /// So many cases in a whole window, above 0.
    Count(f64),
}

/// The burn rates of a level's marks at the end of their window. Look-backs longer than the window say nothing
/// and are left out.
pub(super) fn burns(marks: &Marks, allowed: Allowed, window: Span) -> Vec<Burn> {
    let rules = RULES.iter().filter(|(_, _, long)| *long <= window);
    let burn = |(urgency, consumed, long): &(Urgency, f64, Span)| {
        let short = Span::micros(long.as_micros() / 12);
        let threshold = consumed * ratio(window, *long);
        let (fast, bad) = rate(marks, allowed, window, *long);
        let (faster, _) = rate(marks, allowed, window, short);
        let reaches = |rate: Option<f64>| rate.is_some_and(|rate| rate >= threshold);
        Burn {
            urgency: *urgency,
            long_seconds: long.as_seconds(),
            short_seconds: short.as_seconds(),
            threshold,
            long: fast,
            short: faster,
            bad,
            fires: reaches(fast) && reaches(faster),
        }
    };
    rules.map(burn).collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and microseconds of a window are far below 2^52"
)]
fn rate(marks: &Marks, allowed: Allowed, window: Span, back: Span) -> (Option<f64>, u64) {
    let (good, bad) = marks.within(back);
    let rate = match allowed {
        Allowed::Share(share) => {
            let n = good.saturating_add(bad);
            (n > 0).then(|| bad as f64 / n as f64 / share)
        }
        Allowed::Count(count) => Some(bad as f64 * ratio(window, back) / count),
    };
    (rate, bad)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds of a window are far below 2^52"
)]
fn ratio(a: Span, b: Span) -> f64 {
    a.as_micros() as f64 / b.as_micros() as f64
}

#[cfg(test)]
mod tests {
    use super::super::marks::BACKS;
    use super::*;
    use crate::model::Timestamp;

    #[test]
    fn every_look_back_of_the_table_is_counted() {
        for (_, _, long) in RULES {
            assert!(BACKS.contains(&long), "{long:?}");
            let short = Span::micros(long.as_micros() / 12);
            assert!(BACKS.contains(&short), "{short:?}");
        }
        assert!(BACKS.is_sorted());
        let mut marks = Marks::new(now() - MONTH, now());
        for (seconds, bad) in [(300, 1), (299, 10), (3 * 86_400, 100), (86_400, 1000)] {
            marks.add(now() - Span::seconds(seconds), 0, bad);
        }
        let bad = BACKS.map(|back| marks.within(back).1);
        assert_eq!(
            bad,
            [10, 11, 11, 11, 1011],
            "a look-back's first moment is none of it"
        );
        assert_eq!(marks.counts(), (0, 1111));
    }

    const MONTH: Span = Span::seconds(30 * 86_400);

    fn now() -> Timestamp {
        Timestamp::new(10 * 86_400, 0)
    }

    /// A case a minute for three days; from `since` seconds before now on `bad` of ten fail.
    fn marks(since: i64, bad: u64) -> Marks {
        let mut marks = Marks::new(now() - MONTH, now());
        for minute in 0..3 * 24 * 60 {
            let at = now() - Span::seconds(minute * 60);
            let bad = if minute * 60 < since { bad } else { 0 };
            marks.add(at, 10 - bad, bad);
        }
        marks
    }

    fn fired(marks: &Marks, share: f64) -> Vec<(Urgency, i64)> {
        burns(marks, Allowed::Share(share), MONTH)
            .iter()
            .filter(|burn| burn.fires)
            .map(|burn| (burn.urgency, burn.long_seconds))
            .collect()
    }

    #[test]
    fn the_thresholds_of_thirty_days_are_the_workbooks() {
        let all = burns(&marks(0, 0), Allowed::Share(0.01), MONTH);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        for (burn, threshold) in all.iter().zip([60.0, 14.4, 6.0, 1.0]) {
            assert!(close(burn.threshold, threshold), "{burn:?}");
        }
        let week = burns(
            &marks(0, 0),
            Allowed::Share(0.01),
            Span::seconds(7 * 86_400),
        );
        assert!(close(week.get(1).unwrap().threshold, 3.36));
    }

    #[test]
    fn a_fast_burn_pages_and_a_slow_one_is_a_ticket() {
        assert_eq!(fired(&marks(0, 0), 0.01), []);
        // All that fails in the last hour: 100 times what is allowed.
        let fast = fired(&marks(3600, 10), 0.01);
        assert!(fast.contains(&(Urgency::Page, 3600)), "{fast:?}");
        // A tenth fails for three days, where 5 % are allowed: twice the budget's pace.
        assert_eq!(
            fired(&marks(3 * 86_400, 1), 0.05),
            [(Urgency::Ticket, 3 * 86_400)]
        );
        // Everything fails for six hours: more than half of the budget is gone.
        let all = fired(&marks(6 * 3600, 10), 0.01);
        assert!(all.contains(&(Urgency::Escalate, 6 * 3600)), "{all:?}");
    }

    #[test]
    fn what_is_over_pages_no_more() {
        let mut over = Marks::new(now() - MONTH, now());
        for minute in 0..60 {
            let bad = u64::from(minute > 6);
            over.add(now() - Span::seconds(minute * 60), 1 - bad, bad);
        }
        let page = burns(&over, Allowed::Share(0.01), MONTH);
        let page = page.get(1).unwrap();
        assert!(page.long.unwrap() > page.threshold);
        assert_eq!((page.short, page.fires), (Some(0.0), false));
    }

    #[test]
    fn counts_burn_against_their_pace_and_nothing_seen_has_no_rate() {
        let mut marks = Marks::new(now() - MONTH, now());
        marks.add(now(), 0, 1);
        let all = burns(&marks, Allowed::Count(1.0), MONTH);
        // One of one a month, within the last hour: 720 times the pace.
        assert_eq!(all.get(1).unwrap().long, Some(720.0));
        let none = burns(
            &Marks::new(now() - MONTH, now()),
            Allowed::Share(0.1),
            MONTH,
        );
        assert!(none.iter().all(|burn| burn.long.is_none() && !burn.fires));
        let day = burns(&marks, Allowed::Count(1.0), Span::seconds(86_400));
        assert_eq!(day.len(), 3);
    }
}
