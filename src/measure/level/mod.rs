//! Service levels: M1 to M10, a file each. Pure: what happened and `now` come in, values go out.
//! `docs/service-levels.md` says what each of them counts, and why.
//!
//! A level is a list of cases, good or bad, each with its moment (`marks`); value, budget (`grade`)
//! and burn rates (`burn`) come from them in the same way for all ten.

mod burn;
mod facts;
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
#[cfg(test)]
mod tests;

use serde::{Serialize, Serializer};

pub use burn::{Burn, Urgency};
pub use facts::{Episode, Trouble};
pub use grade::{Better, Reading, Unit};
pub use ledger::Ledger;
pub use objective::{LevelName, Objective, Objectives};

use crate::incident::Incident;
use crate::model::Timestamp;
use facts::Facts;
use grade::{Kind, grade};

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
        let facts = Facts::new(incident, ledger, episodes, since, now);
        let level = |name| level(name, objectives.of(name), &facts, since);
        Self(LevelName::ALL.into_iter().map(level).collect())
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

fn level(name: LevelName, asked: &Objective, facts: &Facts<'_>, since: Option<Timestamp>) -> Level {
    let window = since.map_or(asked.window, |since| facts.now.since(since));
    let marks = || facts.marks(window);
    let bound = asked.objective;
    let slow = Kind::Seconds(asked.quantile);
    let (kind, cases) = match name {
        LevelName::M1 => (Kind::Good, m1::cases(facts, marks())),
        LevelName::M2 => (slow, m2::cases(facts, marks(), bound)),
        LevelName::M3 => (Kind::Bad, m3::cases(facts, marks())),
        LevelName::M4 => (slow, m4::cases(facts, marks(), bound)),
        LevelName::M5 => (Kind::Count, m5::cases(facts, marks())),
        LevelName::M6 => (Kind::Count, m6::cases(facts, marks())),
        LevelName::M7 => (Kind::Bad, m7::cases(facts, marks())),
        LevelName::M8 => (Kind::Bad, m8::cases(facts, marks())),
        LevelName::M9 => (slow, m9::cases(facts, marks(), bound)),
        LevelName::M10 => (Kind::Good, m10::cases(facts, marks())),
    };
    let second = asked.second;
    let within = (name == LevelName::M2).then(|| {
        let cases = m2::within(facts, marks());
        grade(Kind::Good, second, window, &cases)
    });
    let emergency = (name == LevelName::M4).then(|| {
        let cases = m4::emergencies(facts, marks(), second);
        grade(slow, second, window, &cases)
    });
    Level {
        name,
        reading: grade(kind, bound, window, &cases),
        within_window: within,
        emergency,
    }
}
