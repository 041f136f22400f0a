//! Canaries against their baselines.

use crate::incident::{Canary, CanaryWindow, Incident};
use crate::model::{Span, Timestamp};

use super::auth::{TOGETHER, is_beyond_chance, silence};

/// The most comparisons that are shown.
const SHOWN: usize = 64;

/// One comparison as it stands now.
#[derive(Clone, Debug)]
pub struct CanaryRow {
    /// The comparison.
    pub canary: Canary,
    /// The canary's error share, 0 to 1.
    pub errors: Option<f64>,
    /// The baseline's.
    pub baseline_errors: Option<f64>,
    /// The canary's 99th percentile, in milliseconds.
    pub p99: Option<f64>,
    /// The baseline's.
    pub baseline_p99: Option<f64>,
    /// True where the canary does worse; `None` where one side is missing, or nothing has come
    /// for long.
    pub worse: Option<bool>,
    /// How long nothing has come, where that is longer than it should be.
    pub silent: Option<Span>,
}

/// Ranks all comparisons, worst first.
pub fn collect(rows: &mut Vec<CanaryRow>, incident: &Incident, now: Option<Timestamp>) {
    rows.clear();
    rows.extend(incident.canaries().map(|canary| row(canary, now)));
    rows.sort_by(|a, b| {
        let excess = |r: &CanaryRow| r.errors.unwrap_or(0.0) - r.baseline_errors.unwrap_or(0.0);
        b.worse
            .unwrap_or(false)
            .cmp(&a.worse.unwrap_or(false))
            .then(excess(b).total_cmp(&excess(a)))
            .then_with(|| a.canary.service.cmp(&b.canary.service))
    });
    rows.truncate(SHOWN);
}

/// The failed share of a window; `None` where nothing was asked.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a window are far below 2^52"
)]
pub fn share(window: &CanaryWindow) -> Option<f64> {
    (window.total > 0).then(|| window.errors as f64 / window.total as f64)
}

fn row(canary: &Canary, now: Option<Timestamp>) -> CanaryRow {
    let (new, old) = (canary.canary.last(), canary.baseline.last());
    let silent = new
        .zip(now)
        .and_then(|(window, now)| silence(window.end, window.length, now));
    let (errors, baseline_errors) = (new.and_then(share), old.and_then(share));
    let p99 = new.and_then(|window| window.p99_ms);
    let baseline_p99 = old.and_then(|window| window.p99_ms);
    let compared = errors.zip(baseline_errors).filter(|_| silent.is_none());
    let worse = compared.map(|(new, old)| {
        let fails = new > old * 2.0 + 0.005 && beyond_chance(canary);
        let slow = p99
            .zip(baseline_p99)
            .is_some_and(|(new, old)| new > old * 1.5 && new > old + 20.0);
        fails || slow
    });
    CanaryRow {
        canary: canary.clone(),
        errors,
        baseline_errors,
        p99,
        baseline_p99,
        worse,
        silent,
    }
}

/// True where the last windows together hold at least three errors more than the baseline makes
/// expect, and more than chance brings, by the measure of the auth failures.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a window are far below 2^52"
)]
fn beyond_chance(canary: &Canary) -> bool {
    fn together<'a>(latest_first: impl Iterator<Item = &'a CanaryWindow>) -> (f64, f64) {
        latest_first
            .take(TOGETHER)
            .fold((0.0, 0.0), |(bad, all), window| {
                (bad + window.errors as f64, all + window.total as f64)
            })
    }
    let (errors, total) = together(canary.canary.iter().rev());
    let (old_errors, old_total) = together(canary.baseline.iter().rev());
    let usual = if old_total > 0.0 {
        old_errors / old_total
    } else {
        0.0
    };
    is_beyond_chance(errors, usual * total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::EventRef;

    fn window(errors: u64, p99: f64) -> CanaryWindow {
        CanaryWindow {
            end: Timestamp::new(30, 0),
            length: Span::seconds(30),
            total: 1000,
            errors,
            p99_ms: Some(p99),
            event: EventRef {
                time: Timestamp::new(30, 0),
                source: "/s".into(),
                id: "1".into(),
            },
        }
    }

    fn verdict(new: Option<CanaryWindow>, old: Option<CanaryWindow>) -> Option<bool> {
        verdict_at(new, old, 30)
    }

    fn verdict_at(new: Option<CanaryWindow>, old: Option<CanaryWindow>, now: i64) -> Option<bool> {
        let now = Some(Timestamp::new(now, 0));
        row(
            &Canary {
                service: "checkout".into(),
                region: None,
                canary: new.into_iter().collect(),
                baseline: old.into_iter().collect(),
            },
            now,
        )
        .worse
    }

    #[test]
    fn a_canary_is_worse_when_it_fails_more_or_is_much_slower() {
        assert_eq!(
            verdict(Some(window(90, 84.0)), Some(window(2, 80.0))),
            Some(true)
        );
        assert_eq!(
            verdict(Some(window(2, 240.0)), Some(window(2, 80.0))),
            Some(true)
        );
        assert_eq!(
            verdict(Some(window(3, 84.0)), Some(window(2, 80.0))),
            Some(false)
        );
        assert_eq!(verdict(Some(window(3, 84.0)), None), None);
    }

    #[test]
    fn two_errors_are_chance_and_an_old_comparison_is_none() {
        let few = |errors| {
            let mut window = window(errors, 80.0);
            window.total = 200;
            Some(window)
        };
        assert_eq!(verdict(few(2), few(0)), Some(false));
        assert_eq!(verdict(few(8), few(0)), Some(true));
        assert_eq!(verdict_at(few(8), few(0), 900), None);
    }
}
