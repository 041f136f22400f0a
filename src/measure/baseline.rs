//! What is usual in one series.

use super::tail::beta_binomial_upper;

/// What of a window's weight is left after one newer window: half of it after 60.
const KEEP: f64 = 0.988_514;

/// The weight of all windows at last: 1 / (1 - [`KEEP`]).
const WINDOWS: f64 = 87.0;

/// Fewer windows than this are no baseline: a service with no samples before has none.
const ENOUGH: u32 = 4;

/// Two windows are one if they hold this many observations.
const MANY: f64 = 100.0;

/// A usual share is never trusted to hold closer than by this part of itself: traffic changes.
const WANDER: f64 = 0.15;

/// A window may raise the baseline by no more than this many standard deviations at once.
const CLIP: f64 = 2.5;

/// The usual share of one series, learnt window by window; O(1) each.
///
/// The mean is an exponentially weighted, winsorised one: a window is clipped at a few standard
/// deviations before it counts (P. J. Huber, "Robust Estimation of a Location Parameter", 1964),
/// so a spike that has not been recognised yet hardly moves it. It keeps what a median of low
/// counts throws away: the median of mostly empty windows is zero, whatever their mean.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    windows: u32,
    bad: f64,
    total: f64,
    /// The mean of the squared standardised residuals, the dispersion, and its weight.
    dispersion: f64,
    weight: f64,
}

/// What a window is measured against: a share, and how surely it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected {
    /// The usual share, above 0 and below 1.
    pub share: f64,
    /// As many observations as the share is worth.
    pub weight: f64,
}

impl Expected {
    /// True where `bad` of `total` lies less than two standard deviations above what is usual, and
    /// the exact tail need not be summed: no beta-binomial is that surprising there.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of a window are far below 2^52"
    )]
    pub fn is_near(self, bad: u64, total: u64) -> bool {
        let (bad, total) = (bad as f64, total as f64);
        let above = bad - self.share * total;
        let variance =
            total * self.share * (1.0 - self.share) * (1.0 + total / (self.weight + 1.0));
        above <= 0.0 || above * above < 4.0 * variance
    }

    /// How likely at least `bad` of `total` are when all is as usual.
    #[must_use]
    pub fn surprise(self, bad: u64, total: u64) -> f64 {
        let (a, b) = (self.share * self.weight, (1.0 - self.share) * self.weight);
        beta_binomial_upper(bad, total, a, b)
    }
}

impl Baseline {
    /// What is usual; `None` where there is no baseline yet.
    #[must_use]
    pub fn expected(&self) -> Option<Expected> {
        (self.windows >= ENOUGH || (self.windows >= 2 && self.total >= MANY)).then(|| self.guess())
    }

    /// The share with Jeffreys' prior (half a failure, half a success), and its weight: no more
    /// than was seen, than a share that wanders allows, and than the dispersion of past windows
    /// leaves (method of moments for the beta-binomial: J. C. Kleinman, JASA 68, 1973).
    fn guess(&self) -> Expected {
        let seen = self.total + 1.0;
        let share = (self.bad + 0.5) / seen;
        let wander = (1.0 - share) / (share * WANDER * WANDER);
        let mean_total = self.total / f64::from(self.windows.max(1)).min(WINDOWS);
        let excess = self.dispersion - 1.0;
        let dispersed = if self.windows > 2 * ENOUGH && excess > 0.05 {
            (mean_total / excess).max(1.0)
        } else {
            f64::INFINITY
        };
        Expected {
            share,
            weight: seen.min(wander).min(dispersed),
        }
    }

    /// Learns one window.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of a window are far below 2^52"
    )]
    pub fn learn(&mut self, bad: u64, total: u64) {
        if total == 0 {
            return;
        }
        let (mut bad, total) = (bad as f64, total as f64);
        if self.windows >= ENOUGH {
            let guess = self.guess();
            let mean = guess.share * total;
            let binomial = (mean * (1.0 - guess.share)).max(0.25).sqrt();
            let wide = 1.0 + total / (guess.weight + 1.0);
            let z = ((bad - mean) / binomial).clamp(-3.0, 3.0);
            bad = bad.min(mean + CLIP * binomial * wide.sqrt() + 1.0);
            let weight = self.weight * KEEP + 1.0;
            self.dispersion += (z * z - self.dispersion) / weight;
            self.weight = weight;
        }
        self.bad = self.bad * KEEP + bad;
        self.total = self.total * KEEP + total;
        self.windows = self.windows.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(windows: &[(u64, u64)]) -> Baseline {
        let mut baseline = Baseline::default();
        for (bad, total) in windows.iter().cycle().take(40) {
            baseline.learn(*bad, *total);
        }
        baseline
    }

    #[test]
    fn a_few_windows_are_no_baseline() {
        let mut baseline = Baseline::default();
        baseline.learn(0, 20);
        baseline.learn(0, 20);
        assert_eq!(baseline.expected(), None);
    }

    #[test]
    fn a_high_usual_share_is_usual() {
        let baseline = usual(&[(45, 1000), (52, 1010), (49, 980), (55, 1020)]);
        let expected = baseline.expected().unwrap();
        assert!((expected.share - 0.05).abs() < 0.005);
        assert!(expected.surprise(60, 1000) > 0.01);
        assert!(expected.surprise(200, 1000) < 1e-9);
    }

    #[test]
    fn one_spike_hardly_moves_it() {
        let mut baseline = usual(&[(1, 100)]);
        let before = baseline.expected().unwrap().share;
        baseline.learn(100, 100);
        assert!(baseline.expected().unwrap().share < before * 1.3);
    }

    #[test]
    fn noise_above_the_binomials_is_learnt() {
        let calm = usual(&[(10, 1000), (11, 1000), (9, 1000)]);
        let noisy = usual(&[(2, 1000), (25, 1000), (4, 1000), (12, 1000)]);
        let surprise = |b: &Baseline| b.expected().unwrap().surprise(28, 1000);
        assert!(surprise(&noisy) > 20.0 * surprise(&calm));
    }
}
