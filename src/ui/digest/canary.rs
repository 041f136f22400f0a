//! Canaries against their baselines.

use crate::incident::{Canary, CanaryWindow, Incident};

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
    /// True where the canary does worse; `None` where one side is missing.
    pub worse: Option<bool>,
}

/// Ranks all comparisons, worst first.
pub fn collect(rows: &mut Vec<CanaryRow>, incident: &Incident) {
    rows.clear();
    rows.extend(incident.canaries().map(row));
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

fn row(canary: &Canary) -> CanaryRow {
    let (new, old) = (canary.canary.last(), canary.baseline.last());
    let (errors, baseline_errors) = (new.and_then(share), old.and_then(share));
    let p99 = new.and_then(|window| window.p99_ms);
    let baseline_p99 = old.and_then(|window| window.p99_ms);
    let worse = errors.zip(baseline_errors).map(|(new, old)| {
        let fails = new > old * 2.0 + 0.005;
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::EventRef;
    use crate::model::{Span, Timestamp};

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
        row(&Canary {
            service: "checkout".into(),
            region: None,
            canary: new.into_iter().collect(),
            baseline: old.into_iter().collect(),
        })
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
}
