//! Service levels: M1 to M10, a file each. Pure: what happened and `now` come in, values go out.
//! `docs/service-levels.md` says what each of them counts, and why.
//!
//! What happened becomes cases by day (`summary`), which can be kept and joined; cases become marks,
//! good or bad, each with its moment (`tally`, `marks`); value, budget (`grade`) and burn rates
//! (`burn`) come from them in the same way for all ten.

mod burn;
mod day;
mod facts;
mod gather;
mod grade;
mod ledger;
mod m1;
mod m10;
mod m2;
mod m3;
mod m4;
mod m5;
mod m6;
mod m7;
mod m8;
mod m9;
mod marks;
mod minutes;
mod objective;
mod sheet;
mod summary;
mod tally;
#[cfg(test)]
mod tests;
mod totals;
mod words;

use serde::{Serialize, Serializer};

pub use burn::{Burn, Urgency};
pub use day::{Day, Key};
pub use facts::{Episode, MODES, Trouble};
pub use grade::{Better, Reading, Unit};
pub use ledger::Ledger;
pub use objective::{LevelName, Objective, Objectives};
pub use summary::{
    About, Case, DaySummary, End, Look, Part, Place, Record, Scanned, Seen, Summary, Watched,
};
pub use tally::Tally;
pub use totals::{Bucket, Lengths, Totals};
pub use words::{amount, percent, whole};

use crate::incident::Incident;
use crate::model::Timestamp;

/// A service level at a moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Level {
    /// Which.
    #[serde(skip)]
    pub name: LevelName,
    /// Its value.
    #[serde(flatten)]
    pub reading: Reading,
    /// The second part of M2: the share of consumers that are updated within the rotation window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_window: Option<Reading>,
    /// The second part of M4: from the detection of an emergency to the full revocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Reading>,
}

/// All ten, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels(Vec<Level>);

impl Levels {
    /// The levels at `now`, from what happened until then: give it an incident, a ledger and
    /// findings that know nothing later. Each level looks back over its own window, or, where
    /// `since` is given, all of them over what lies between that and `now`.
    #[must_use]
    pub fn at(
        now: Timestamp,
        since: Option<Timestamp>,
        objectives: &Objectives,
        incident: &Incident,
        ledger: &Ledger,
        episodes: &[Episode],
    ) -> Self {
        Summary::of(incident, ledger, episodes, now).levels(now, since, objectives)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Level> {
        self.0.iter()
    }

    /// One of them; `None` never comes from [`Self::at`].
    #[must_use]
    pub fn get(&self, name: LevelName) -> Option<&Level> {
        self.0.iter().find(|level| level.name == name)
    }
}

/// As in the contract: an object with a member a level.
impl Serialize for Levels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|level| (level.name.name(), level)))
    }
}
