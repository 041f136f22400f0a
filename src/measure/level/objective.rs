//! What is asked of each service level, and over how long.

use std::fmt;

use crate::model::Span;

/// A service level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LevelName {
    /// Rotation success rate.
    M1,
    /// Consumer update latency.
    M2,
    /// Auth failure spikes.
    M3,
    /// Time to revoke.
    M4,
    /// Emergency rotations.
    M5,
    /// Secrets found in code.
    M6,
    /// Rate-limit events.
    M7,
    /// Rollback rate.
    M8,
    /// Time to recover.
    M9,
    /// Audit completeness.
    M10,
}

impl LevelName {
    /// All ten, in order.
    pub const ALL: [Self; 10] = [
        Self::M1,
        Self::M2,
        Self::M3,
        Self::M4,
        Self::M5,
        Self::M6,
        Self::M7,
        Self::M8,
        Self::M9,
        Self::M10,
    ];

    /// The short name: `M1` to `M10`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::M1 => "M1",
            Self::M2 => "M2",
            Self::M3 => "M3",
            Self::M4 => "M4",
            Self::M5 => "M5",
            Self::M6 => "M6",
            Self::M7 => "M7",
            Self::M8 => "M8",
            Self::M9 => "M9",
            Self::M10 => "M10",
        }
    }

    /// What it says, in words for a person.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::M1 => "rotation success rate",
            Self::M2 => "consumer update latency",
            Self::M3 => "auth failure spikes",
            Self::M4 => "time to revoke",
            Self::M5 => "emergency rotations",
            Self::M6 => "secrets found in code",
            Self::M7 => "rate-limit events",
            Self::M8 => "rollback rate",
            Self::M9 => "time to recover",
            Self::M10 => "audit completeness",
        }
    }
}

impl fmt::Display for LevelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is asked of one level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// The bound that its value has to keep, in its unit: a share from 0 to 1, seconds, or a
    /// count.
    pub objective: f64,
    /// Over how long it is asked; more than nothing.
    pub window: Span,
    /// Of a length of time, the share of cases, 0 to 1, that have to keep the bound: its value
    /// is this quantile.
    pub quantile: f64,
    /// What is asked of its second part: of M2 the share of consumers that are updated within
    /// the rotation window, of M4 the seconds from the detection of an emergency to the full
    /// revocation. No other level has one.
    pub second: f64,
}

/// What is asked of all ten.
#[derive(Clone, Debug, PartialEq)]
pub struct Objectives([Objective; 10]);

/// The period of most examples in the SRE workbook.
const MONTH: Span = Span::seconds(30 * 86_400);

/// The objective, and that of the second part, where nothing else is set.
const DEFAULTS: [(f64, f64); 10] = [
    (0.99, 0.0),
    (300.0, 0.99),
    (0.001, 0.0),
    (86_400.0, 3600.0),
    (1.0, 0.0),
    (0.0, 0.0),
    (0.01, 0.0),
    (0.05, 0.0),
    (1800.0, 0.0),
    (0.999, 0.0),
];

impl Default for Objectives {
    fn default() -> Self {
        Self(DEFAULTS.map(|(objective, second)| Objective {
            objective,
            window: MONTH,
            quantile: 0.95,
            second,
        }))
    }
}

impl Objectives {
    /// What is asked of a level.
    #[must_use]
    pub fn of(&self, name: LevelName) -> &Objective {
        let [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10] = &self.0;
        match name {
            LevelName::M1 => m1,
            LevelName::M2 => m2,
            LevelName::M3 => m3,
            LevelName::M4 => m4,
            LevelName::M5 => m5,
            LevelName::M6 => m6,
            LevelName::M7 => m7,
            LevelName::M8 => m8,
            LevelName::M9 => m9,
            LevelName::M10 => m10,
        }
    }

    /// What is asked of a level, to be set.
    pub fn of_mut(&mut self, name: LevelName) -> &mut Objective {
        let [m1, m2, m3, m4, m5, m6, m7, m8, m9, m10] = &mut self.0;
        match name {
            LevelName::M1 => m1,
            LevelName::M2 => m2,
            LevelName::M3 => m3,
            LevelName::M4 => m4,
            LevelName::M5 => m5,
            LevelName::M6 => m6,
            LevelName::M7 => m7,
            LevelName::M8 => m8,
            LevelName::M9 => m9,
            LevelName::M10 => m10,
        }
    }

    /// The longest window of any level: what is older need not be kept.
    #[must_use]
    pub fn longest(&self) -> Span {
        let windows = self.0.iter().map(|objective| objective.window);
        windows.max().unwrap_or(MONTH)
    }
}
