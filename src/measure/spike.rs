//! Spikes: runs of windows that are not what is usual.

use super::baseline::{Baseline, Expected};

/// A window this unlikely begins a run.
const BEGINS: f64 = 1e-3;

/// A window less likely than this belongs to a run that has begun.
const BELONGS: f64 = 0.03;

/// So unlikely must the whole run be, and what is left of it without its largest windows: some
/// 10,000 windows a service and day, hundreds of services, less than one false spike a year.
const CERTAIN: f64 = 1e-8;
const STILL: f64 = 1e-5;

/// A run ends after this many windows in a row that do not belong to it.
const QUIET: u32 = 3;

/// Windows of a run that are kept one by one.
const KEPT: usize = 12;

/// One counted window, told by `T`.
#[derive(Clone, Debug)]
pub struct Counted<T> {
    /// Failures of authentication.
    pub bad: u64,
    /// All.
    pub total: u64,
    /// Who told it.
    pub told: T,
}

/// Windows in a row that are not usual.
#[derive(Clone, Debug)]
pub struct Run<T> {
    /// What they are measured against: the baseline before the first of them.
    pub expected: Expected,
    /// The first windows of the run, then the latest; those that do not belong left out.
    pub windows: Vec<Counted<T>>,
    /// How many belong.
    pub hot: u32,
    quiet: u32,
    /// True once it was called a spike.
    pub spike: bool,
}

/// What a window did to its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As usual, or nothing to compare with.
    Usual,
    /// A run goes on (or began).
    Running,
    /// A run just ended.
    Over,
}

/// A series of counted windows: its baseline, and the run that it is in.
#[derive(Clone, Debug)]
pub struct Series<T> {
    baseline: Baseline,
    /// The run, while one is on.
    pub run: Option<Run<T>>,
}

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self {
            baseline: Baseline::default(),
            run: None,
        }
    }
}

impl<T: Clone> Series<T> {
    /// What is usual here; `None` where there is no baseline.
    #[must_use]
    pub fn expected(&self) -> Option<Expected> {
        match &self.run {
            Some(run) => Some(run.expected),
            None => self.baseline.expected(),
        }
    }

    /// Takes the next window. Windows of a run teach the baseline nothing, so a long spike stays
    /// one.
    pub fn take(&mut self, bad: u64, total: u64, told: impl FnOnce() -> T) -> Verdict {
        if total == 0 {
            return if self.run.is_some() {
                Verdict::Running
            } else {
                Verdict::Usual
            };
        }
        let Some(expected) = self.expected() else {
            self.baseline.learn(bad, total);
            return Verdict::Usual;
        };
        let surprise = if self.run.is_none() && expected.is_near(bad, total) {
            1.0
        } else {
            expected.surprise(bad, total)
        };
        let Some(run) = &mut self.run else {
            if surprise > BEGINS {
                self.baseline.learn(bad, total);
                return Verdict::Usual;
            }
            let first = Counted {
                bad,
                total,
                told: told(),
            };
            self.run = Some(Run {
                expected,
                windows: vec![first],
                hot: 1,
                quiet: 0,
                spike: false,
            });
            return Verdict::Running;
        };
        if surprise <= BELONGS || run.midway(bad, total) {
            run.quiet = 0;
            run.hot += 1;
            let window = Counted {
                bad,
                total,
                told: told(),
            };
            if run.windows.len() >= KEPT {
                run.windows.pop();
            }
            run.windows.push(window);
            return Verdict::Running;
        }
        run.quiet += 1;
        if !run.spike {
            self.baseline.learn(bad, total);
        }
        let Some(run) = &self.run else {
            return Verdict::Usual;
        };
        if run.quiet >= run.patience() {
            self.run = None;
            return Verdict::Over;
        }
        Verdict::Running
    }
}

impl<T> Run<T> {
    /// Of a spike with few counts an empty window says little: it belongs while its share is
    /// nearer to the spike's than to the usual one.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of a window are far below 2^52"
    )]
    fn midway(&self, bad: u64, total: u64) -> bool {
        let (spike, all) = Self::sum(self.windows.iter());
        let share = spike as f64 / (all as f64).max(1.0);
        self.spike && bad as f64 / total as f64 > f64::midpoint(share, self.expected.share)
    }

    /// How many quiet windows end it: more where windows hold few counts.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of a window are far below 2^52"
    )]
    fn patience(&self) -> u32 {
        let (bad, _) = Self::sum(self.windows.iter());
        let each = bad as f64 / self.windows.len().max(1) as f64;
        if !self.spike {
            QUIET - 1
        } else if each < 10.0 {
            3 * QUIET
        } else {
            QUIET
        }
    }

    fn sum<'a>(windows: impl Iterator<Item = &'a Counted<T>>) -> (u64, u64)
    where
        T: 'a,
    {
        windows.fold((0, 0), |(bad, total), window| {
            (
                bad.saturating_add(window.bad),
                total.saturating_add(window.total),
            )
        })
    }

    /// The window by which it has surely begun. A window that is no less likely than it takes to
    /// begin a run comes by chance now and then, and may come right before what really begins:
    /// where the first alone is not unlikely enough, it is the second.
    #[must_use]
    pub fn begun_by(&self) -> Option<&Counted<T>> {
        let mut windows = self.windows.iter();
        let first = windows.next()?;
        let alone = self.expected.surprise(first.bad, first.total);
        let next = windows.next().filter(|_| alone > STILL);
        next.or(Some(first))
    }

    /// True where the latest window was as usual.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.quiet > 0
    }

    /// Failures and all in the windows kept.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        Self::sum(self.windows.iter())
    }

    /// True where the run is certain, and still is without its `but` largest windows: what lasts
    /// for `but` windows or fewer (a deploy, a restart) is none.
    #[must_use]
    pub fn is_certain(&self, but: usize) -> bool {
        if self.windows.len() <= but {
            return false;
        }
        let (bad, total) = self.counts();
        if self.expected.surprise(bad, total) > CERTAIN {
            return false;
        }
        let mut by_size: Vec<&Counted<T>> = self.windows.iter().collect();
        // By share, the largest last.
        by_size.sort_by(|a, b| {
            let (left, right) = (
                u128::from(a.bad) * u128::from(b.total),
                u128::from(b.bad) * u128::from(a.total),
            );
            left.cmp(&right)
        });
        let rest = by_size.len() - but;
        let (bad, total) = Self::sum(by_size.into_iter().take(rest));
        self.expected.surprise(bad, total) <= STILL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series() -> Series<u32> {
        let mut series = Series::default();
        for _ in 0..20 {
            assert_eq!(series.take(2, 1000, || 0), Verdict::Usual);
        }
        series
    }

    #[test]
    fn a_blip_of_two_windows_is_no_spike() {
        let mut series = series();
        for at in 1..=2 {
            assert_eq!(series.take(300, 1000, || at), Verdict::Running);
        }
        assert!(!series.run.as_ref().unwrap().is_certain(2));
        assert_eq!(series.take(2, 1000, || 3), Verdict::Running);
        assert!(!series.run.as_ref().unwrap().is_certain(2));
        assert_eq!(series.take(2, 1000, || 4), Verdict::Over);
    }

    #[test]
    fn a_first_window_that_chance_brings_now_and_then_is_not_sure_to_be_the_beginning() {
        let mut few = Series::default();
        for n in 0..80 {
            few.take(u64::from(n % 12 == 0), 8, || n);
        }
        for (n, bad) in [(90, 3), (91, 7), (92, 5)] {
            few.take(bad, 8, || n);
        }
        let run = few.run.unwrap();
        assert_eq!(run.windows.first().unwrap().told, 90);
        assert_eq!(run.begun_by().unwrap().told, 91);
        let mut many = series();
        for n in [100, 101] {
            many.take(200, 1000, || n);
        }
        assert_eq!(many.run.unwrap().begun_by().unwrap().told, 100);
    }

    #[test]
    fn three_windows_are_a_spike_and_it_ends() {
        let mut series = series();
        for at in 1..=3 {
            series.take(300, 1000, || at);
        }
        let run = series.run.as_mut().unwrap();
        assert!(run.is_certain(2));
        assert_eq!(run.windows.first().map(|w| w.told), Some(1));
        run.spike = true;
        assert_eq!(series.take(2, 1000, || 4), Verdict::Running);
        assert_eq!(series.take(2, 1000, || 5), Verdict::Running);
        assert_eq!(series.take(2, 1000, || 6), Verdict::Over);
    }

    #[test]
    fn a_service_without_a_past_has_no_spike() {
        let mut series = Series::default();
        for at in 0..3 {
            assert_eq!(series.take(500, 1000, || at), Verdict::Usual);
        }
    }

    #[test]
    fn a_long_spike_does_not_become_usual() {
        let mut series = series();
        for at in 0..500 {
            series.take(300, 1000, || at);
        }
        assert!(series.run.unwrap().expected.share < 0.01);
    }
}
