//! How it stands with the levels at a moment, and how it has gone day by day: what management
//! reads.

use std::sync::Arc;

use super::level::{Day, LevelName, Levels, Reading, Totals, Urgency};
use crate::model::{Text, Timestamp};

/// What days it knows of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Those of a recording.
    #[default]
    Recording,
    /// Those of this session alone: why.
    Session(Text),
    /// Those of this session and of earlier ones.
    History {
        /// The first day that is kept.
        first: Option<Day>,
        /// Why the history lacks what this session knows, where it does.
        trouble: Option<Text>,
    },
}

/// How it stands at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// When.
    pub at: Timestamp,
    /// The ten levels then.
    pub levels: Levels,
    /// Each day in numbers, first to last; of days on which nothing happened there is none.
    pub days: Arc<[(Day, Totals)]>,
    /// How many rotations finished in the last 24 hours, and how many of them were rolled back.
    pub rolled_back: (u64, u64),
    /// What days it knows of.
    pub origin: Origin,
}

impl Overview {
    /// The level that is worst off: the one whose burn asks for most, then the one with the least
    /// budget left, of those that have any; `None` where nothing has been seen.
    #[must_use]
    pub fn worst(&self) -> Option<(LevelName, &Reading)> {
        let readings = self.levels.iter().flat_map(|level| {
            let second = level.within_window.iter().chain(&level.emergency);
            let all = std::iter::once(&level.reading).chain(second);
            all.map(|reading| (level.name, reading))
        });
        let known = readings.filter(|(_, reading)| reading.met.is_some());
        let rank = |reading: &Reading| {
            let left = reading.budget_left.unwrap_or(match reading.met {
                Some(false) => f64::NEG_INFINITY,
                _ => f64::INFINITY,
            });
            (fires(reading), left)
        };
        known.min_by(|(_, a), (_, b)| {
            let (a, b) = (rank(a), rank(b));
            b.0.cmp(&a.0).then(a.1.total_cmp(&b.1))
        })
    }

    /// All its days as one.
    #[must_use]
    pub fn sum(&self) -> Totals {
        let mut sum = Totals::default();
        for (_, day) in self.days.iter() {
            sum.join(day);
        }
        sum
    }
}

/// What the burn of a budget asks for most urgently.
#[must_use]
pub fn fires(reading: &Reading) -> Option<Urgency> {
    let fires = reading.burn.iter().filter(|burn| burn.fires);
    fires.map(|burn| burn.urgency).max()
}
