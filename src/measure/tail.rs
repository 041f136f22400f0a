//! Exact tail probabilities of counts.

use std::f64::consts::PI;

/// Terms are summed until one adds less than this share of the sum.
const NEGLIGIBLE: f64 = 1e-12;

/// The natural logarithm of the gamma function, for `x` > 0, to about 1e-10.
///
/// The argument is raised above 8 by `Γ(x + 1) = x Γ(x)`, then Stirling's series is used
/// (Abramowitz & Stegun, *Handbook of Mathematical Functions*, 6.1.15 and 6.1.41).
fn ln_gamma(mut x: f64) -> f64 {
    let mut shift = 0.0;
    while x < 8.0 {
        shift += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    let series =
        inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln() + series - shift
}

fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// How likely at least `bad` of `total` are, where the share is itself known only as a beta
/// distribution with the parameters `a` and `b` (both > 0). 0 to 1.
///
/// The beta-binomial distribution: the binomial with an uncertain, or wandering, share
/// (J. G. Skellam, "A probability distribution derived from the binomial distribution by
/// regarding the probability of success as variable between the sets of trials", JRSS B 10,
/// 1948). Summed term by term, so low counts are exact: 3 in 40 is not 3 in 40,000.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a window are far below 2^52"
)]
pub fn beta_binomial_upper(bad: u64, total: u64, a: f64, b: f64) -> f64 {
    if bad == 0 {
        return 1.0;
    }
    if bad > total || a <= 0.0 || b <= 0.0 {
        return 0.0;
    }
    let (n, mut k) = (total as f64, bad as f64);
    if k <= n * a / (a + b) {
        // Not above the mean: nobody asks how much less than surprising it is.
        return 0.5;
    }
    let choose = ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0);
    let mut term = (choose + ln_beta(k + a, n - k + b) - ln_beta(a, b)).exp();
    let mut sum = term;
    while k < n && term > sum * NEGLIGIBLE {
        term *= (n - k) * (k + a) / ((k + 1.0) * (n - k - 1.0 + b));
        sum += term;
        k += 1.0;
    }
    sum.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(got: f64, want: f64) {
        assert!(
            (got - want).abs() <= want * 1e-6 + 1e-300,
            "{got} is not {want}"
        );
    }

    #[test]
    fn the_gamma_function_is_the_factorial() {
        near(ln_gamma(1.0).exp(), 1.0);
        near(ln_gamma(11.0).exp(), 3_628_800.0);
        near(ln_gamma(0.5).exp(), PI.sqrt());
    }

    #[test]
    fn with_an_even_prior_every_count_is_as_likely() {
        // a = b = 1: each of 0..=n has probability 1 / (n + 1).
        near(beta_binomial_upper(8, 10, 1.0, 1.0), 3.0 / 11.0);
    }

    #[test]
    fn with_a_certain_share_it_is_the_binomial() {
        // P(at least 3 of 5 | 0.1) = 0.00856
        let got = beta_binomial_upper(3, 5, 1e5, 9e5);
        assert!((got - 0.008_56).abs() < 1e-6, "{got}");
    }

    #[test]
    fn three_in_forty_is_not_three_in_forty_thousand() {
        let (a, b) = (1.0, 999.0);
        assert!(beta_binomial_upper(3, 40, a, b) < 1e-3);
        assert!(beta_binomial_upper(3, 40_000, a, b) > 0.4);
    }

    #[test]
    fn nothing_bad_surprises_nobody() {
        near(beta_binomial_upper(0, 0, 1.0, 1.0), 1.0);
        near(beta_binomial_upper(5, 4, 1.0, 1.0) + 1.0, 1.0);
    }
}
