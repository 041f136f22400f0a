//! Auth failures by service, each against its own usual share.

use std::collections::HashMap;

use crate::incident::{AuthSeries, AuthWindow, Incident};
use crate::model::{ServiceName, Span, Timestamp};

use super::{Digest, number};

/// The most series that are ranked and shown.
const SHOWN: usize = 256;

/// The most windows that a usual share is taken from.
const USUAL_FROM: usize = 60;

/// The fewest windows that tell what is usual, or else the fewest attempts in them.
const USUAL_LEAST: usize = 3;
const USUAL_ATTEMPTS: u64 = 50;

/// The windows in which refusals are counted together: one alone may hold too few.
pub const TOGETHER: usize = 4;

/// Fewer attempts than this tell little by themselves.
const FEW: u64 = 20;

/// One series as it stands now.
#[derive(Clone, Debug)]
pub struct AuthRow {
    /// The series.
    pub series: AuthSeries,
    /// The failed share of its last window, 0 to 1.
    pub share: Option<f64>,
    /// The median failed share of the windows before, 0 to 1; `None` where there were too few:
    /// no baseline, which is not zero.
    pub usual: Option<f64>,
    /// How long nothing has come, where that is longer than it should be.
    pub silent: Option<Span>,
    /// True where it refuses more than usual now.
    pub elevated: bool,
    /// True where that is told by a few attempts without a baseline: a stranger's three refusals
    /// of three stand behind a service that is known to work.
    pub weak: bool,
}

impl AuthRow {
    /// How far the share stands above the usual one.
    fn excess(&self) -> f64 {
        self.share.unwrap_or(0.0) - self.usual.unwrap_or(0.0)
    }
}

/// Usual shares of the last refresh, in the order of the series: most series have nothing new.
#[derive(Debug, Default)]
pub struct Memo(Vec<Known>);

#[derive(Debug)]
struct Known {
    service: ServiceName,
    windows: usize,
    end: Option<Timestamp>,
    before: Option<Timestamp>,
    usual: Option<f64>,
}

/// When the latest rotation began that could have changed a series, by the number of its secret
/// or of its service.
#[derive(Debug, Default)]
pub struct Onsets(HashMap<u64, Option<Timestamp>>);

impl Onsets {
    fn name(series: &AuthSeries) -> u64 {
        match &series.secret {
            Some(secret) => number(secret.raw()),
            None => number(series.service.raw()),
        }
    }

    /// Starts over, for the secrets and services of these series.
    pub fn begin<'a>(&mut self, series: impl Iterator<Item = &'a AuthSeries>) {
        self.0.clear();
        self.0
            .extend(series.map(|series| (Self::name(series), None)));
    }

    /// Notes when a rotation of these names began.
    pub fn add(&mut self, names: &[u64], began: Timestamp) {
        if self.0.is_empty() {
            return;
        }
        for name in names {
            if let Some(onset) = self.0.get_mut(name) {
                *onset = (*onset).max(Some(began));
            }
        }
    }

    fn of(&self, series: &AuthSeries) -> Option<Timestamp> {
        self.0.get(&Self::name(series)).copied().flatten()
    }
}

/// Ranks all series, worst first.
pub fn collect(digest: &mut Digest, incident: &Incident, now: Option<Timestamp>) {
    digest.auth.clear();
    let memo = &mut digest.memo.0;
    let mut n = 0;
    for series in incident.auth() {
        let last = series.windows.last();
        let before = digest.onsets.of(series);
        let end = last.map(|window| window.end);
        let usual = match memo.get(n) {
            Some(known)
                if known.windows == series.windows.len()
                    && known.end == end
                    && known.before == before
                    && known.service == series.service =>
            {
                known.usual
            }
            _ => {
                let usual = usual(series, before);
                let known = Known {
                    service: series.service.clone(),
                    windows: series.windows.len(),
                    end,
                    before,
                    usual,
                };
                match memo.get_mut(n) {
                    Some(slot) => *slot = known,
                    None => memo.push(known),
                }
                usual
            }
        };
        n += 1;
        digest.auth.push(row(series, last, usual, now));
    }
    memo.truncate(n);
    digest.auth.sort_by(|a, b| {
        b.elevated
            .cmp(&a.elevated)
            .then(a.weak.cmp(&b.weak))
            .then(b.excess().total_cmp(&a.excess()))
            .then_with(|| a.series.service.cmp(&b.series.service))
            .then_with(|| a.series.region.cmp(&b.series.region))
    });
    digest.auth_left_out = digest.auth.len().saturating_sub(SHOWN);
    digest.auth.truncate(SHOWN);
}

fn row(
    series: &AuthSeries,
    last: Option<&AuthWindow>,
    usual: Option<f64>,
    now: Option<Timestamp>,
) -> AuthRow {
    let silent = last
        .zip(now)
        .and_then(|(window, now)| silence(window.end, window.length, now));
    let share = last.and_then(AuthWindow::share);
    let elevated = silent.is_none() && share.is_some_and(|share| is_elevated(series, share, usual));
    AuthRow {
        series: series.clone(),
        share,
        usual,
        silent,
        elevated,
        weak: elevated && usual.is_none() && together(series).1 < FEW,
    }
}

/// True where a series is refused more than usual:
/// 1. the last window is refused twice its usual share or more, and 1 % or more (5 % where there
///    is no baseline);
/// 2. the last windows together hold at least three refusals more than are to be expected, and
///    more than chance brings (four standard deviations of a count).
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a window are far below 2^52"
)]
fn is_elevated(series: &AuthSeries, share: f64, usual: Option<f64>) -> bool {
    let floor = if usual.is_some() { 0.01 } else { 0.05 };
    let usual = usual.unwrap_or(0.0);
    if share < floor || share < usual * 2.0 {
        return false;
    }
    let (failed, total) = together(series);
    is_beyond_chance(failed as f64, usual * total as f64)
}

/// What was refused and what was tried in the last windows together.
pub fn together(series: &AuthSeries) -> (u64, u64) {
    let last = series.windows.iter().rev().take(TOGETHER);
    last.fold((0, 0), |(bad, all): (u64, u64), window| {
        (
            bad.saturating_add(window.failed()),
            all.saturating_add(window.total),
        )
    })
}

/// True for a count at least three above what is to be expected, and above what chance brings.
pub fn is_beyond_chance(count: f64, expected: f64) -> bool {
    count >= expected + 3.0 + 4.0 * expected.sqrt()
}

/// How long nothing has come since a window, where that is longer than three windows and a minute.
pub fn silence(end: Timestamp, length: Span, now: Timestamp) -> Option<Span> {
    let since = now.since(end);
    let patience = Span::seconds(length.as_seconds().saturating_mul(3).max(60));
    (since > patience).then_some(since)
}

/// The median share of the windows that ended before the latest rotation began, else of those
/// before the last one. What came after a rotation began is never called usual: too little before
/// it is no baseline.
fn usual(series: &AuthSeries, before: Option<Timestamp>) -> Option<f64> {
    let windows = &series.windows;
    let all = windows.len().saturating_sub(1);
    let until = before.map_or(all, |before| {
        match windows.binary_search_by(|window| window.end.cmp(&before)) {
            Ok(at) | Err(at) => at,
        }
    });
    let until = until.min(all);
    let from = until.saturating_sub(USUAL_FROM);
    let told = || (from..until).filter_map(|at| windows.get(at));
    let mut shares: Vec<f64> = told().filter_map(AuthWindow::share).collect();
    let attempts = told().fold(0_u64, |sum, window| sum.saturating_add(window.total));
    if shares.is_empty() || (shares.len() < USUAL_LEAST && attempts < USUAL_ATTEMPTS) {
        return None;
    }
    let middle = shares.len() / 2;
    let (_, median, _) = shares.select_nth_unstable_by(middle, f64::total_cmp);
    Some(*median)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::EventRef;

    fn series(shares: &[u64]) -> AuthSeries {
        let windows = shares.iter().zip(1..).map(|(failed, n)| AuthWindow {
            end: Timestamp::new(n * 30, 0),
            length: Span::seconds(30),
            total: 1000,
            failed_401: *failed,
            failed_403: 0,
            failed_other: 0,
            event: EventRef {
                time: Timestamp::new(n * 30, 0),
                source: "/s".into(),
                id: "1".into(),
            },
        });
        AuthSeries {
            service: "checkout".into(),
            region: None,
            secret: None,
            windows: windows.collect(),
        }
    }

    #[test]
    fn usual_is_the_median_of_the_windows_before() {
        let series = series(&[2, 2, 90, 2, 3, 400, 400, 400, 400, 400, 400, 400]);
        assert_eq!(usual(&series, Some(Timestamp::new(180, 0))), Some(0.002));
    }

    #[test]
    fn too_few_windows_are_no_baseline_which_is_not_zero() {
        let mut few = series(&[0, 0, 0]);
        for window in &mut few.windows {
            window.total = 5;
        }
        assert_eq!(usual(&few, None), None);
        assert_eq!(usual(&series(&[0, 0, 0, 500]), None), Some(0.0));
    }

    #[test]
    fn what_came_after_a_rotation_is_not_usual() {
        let series = series(&[2, 2, 170, 180, 170, 160]);
        let began = Some(Timestamp::new(65, 0));
        assert_eq!(usual(&series, began), Some(0.002));
        assert_eq!(usual(&series, Some(Timestamp::new(10, 0))), None);
    }

    #[test]
    fn chance_is_no_elevation_and_a_few_refusals_out_of_few_are_one() {
        let steady = series(&[3, 2, 4, 3, 2, 3, 12]);
        assert!(!is_elevated(&steady, 0.012, Some(0.003)));
        let mut few = series(&[0, 0, 1, 1, 1]);
        for window in &mut few.windows {
            window.total = 4;
        }
        assert!(is_elevated(&few, 0.25, Some(0.0)));
    }

    #[test]
    fn silence_is_no_elevation() {
        let series = series(&[2, 2, 2, 2, 300]);
        let last = series.windows.last();
        let at = |s| Some(Timestamp::new(s, 0));
        assert!(row(&series, last, Some(0.002), at(150)).elevated);
        let late = row(&series, last, Some(0.002), at(900));
        assert_eq!(
            (late.elevated, late.silent),
            (false, Some(Span::seconds(750)))
        );
    }
}
