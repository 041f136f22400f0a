//! The error budgets that burn, as alerts look at them.

use crate::measure::level::{Level, LevelName, Levels, Urgency};
use crate::model::Span;

use super::entry::Burning;

/// So many bad cases, at least, are no accident. A share of few cases burns fast: one rotation
/// of six that failed is seventeen times what 1 % allows.
pub const LEAST_BAD: u64 = 5;

/// The budgets that burn fast enough for somebody, the most urgent rule of each level alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pressure(Vec<(Urgency, Burning)>);

impl Pressure {
    /// What burns, where all was watched for so long. The share of a budget that is gone counts,
    /// and who has watched for half an hour has seen half an hour of it spent, however fast.
    #[must_use]
    pub fn of(levels: &Levels, watched: Span) -> Self {
        let worst = |level| worst(level, watched);
        Self(levels.iter().filter_map(worst).collect())
    }

    /// What burns, told by hand.
    #[must_use]
    pub fn told(burning: Vec<(Urgency, Burning)>) -> Self {
        Self(burning)
    }

    /// All of it.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(Urgency, Burning)> {
        self.0.iter()
    }

    /// The most urgent of these levels that burns at least so fast.
    pub(super) fn among(&self, levels: &[LevelName], least: Urgency) -> Option<&Burning> {
        let burning = self.0.iter();
        let burning = burning.filter(|(urgency, b)| *urgency >= least && levels.contains(&b.level));
        let most = burning.max_by(|a, b| a.0.cmp(&b.0).then(a.1.rate.total_cmp(&b.1.rate)));
        most.map(|(_, burning)| burning)
    }
}

fn worst(level: &Level, watched: Span) -> Option<(Urgency, Burning)> {
    let parts = [Some(&level.reading), level.within_window.as_ref()];
    let burns = parts
        .into_iter()
        .flatten()
        .flat_map(|reading| &reading.burn);
    let burns = burns.filter_map(|burn| {
        let rate = burn.long.filter(|_| burn.fires && burn.bad >= LEAST_BAD)?;
        let burning = Burning {
            level: level.name,
            rate,
            seconds: burn.long_seconds,
        };
        (rate >= burn.threshold * stretch(burn.long_seconds, watched))
            .then_some((burn.urgency, burning))
    });
    burns.max_by(|a, b| a.0.cmp(&b.0).then(a.1.rate.total_cmp(&b.1.rate)))
}

/// How many times faster than the threshold a budget has to burn, so that in the time that was
/// watched as much of it is gone as the look-back asks for.
#[expect(
    clippy::cast_precision_loss,
    reason = "seconds of a look-back are far below 2^52"
)]
fn stretch(look_back: i64, watched: Span) -> f64 {
    let watched = watched.as_seconds().clamp(1, look_back.max(1));
    look_back as f64 / watched as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_watched_for_half_an_hour_asks_twelve_times_the_pace_of_six() {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(stretch(21_600, Span::seconds(1800)), 12.0));
        assert!(close(stretch(21_600, Span::seconds(86_400)), 1.0));
        assert!(close(stretch(3600, Span::ZERO), 3600.0));
    }
}
