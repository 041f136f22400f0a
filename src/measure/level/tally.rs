//! From the days of a summary to the levels at a moment.

use std::collections::BTreeMap;

use super::day::Day;
use super::grade::{Kind, Reading, grade};
use super::m6::Scans;
use super::marks::Marks;
use super::minutes::Minutes;
use super::objective::{LevelName, Objective, Objectives};
use super::summary::{Case, DaySummary, Part, Place, Seen, Summary, Watched};
use super::{Level, Levels, m1, m3, m6, m7, m8, m9};
use crate::model::{ServiceName, Text, Timestamp};

/// A window's cases, filled day by day.
#[derive(Debug)]
pub struct Tally<'a> {
    objectives: &'a Objectives,
    since: Option<Timestamp>,
    now: Timestamp,
    /// Of each level, in order.
    marks: [Marks; 10],
    within: Marks,
    emergency: Marks,
    scans: Scans,
    findings: Vec<Seen>,
    auth: BTreeMap<Place<ServiceName>, Minutes>,
    quotas: BTreeMap<Place<Text>, Watched>,
}

impl<'a> Tally<'a> {
    /// Nothing yet. Each level looks back over its own window, or, where `since` is given, all of
    /// them over what lies between that and `now`.
    #[must_use]
    pub fn new(now: Timestamp, since: Option<Timestamp>, objectives: &'a Objectives) -> Self {
        let marks = |name| {
            let window = objectives.of(name).window;
            Marks::new(since.unwrap_or(now - window), now)
        };
        Self {
            objectives,
            since,
            now,
            marks: LevelName::ALL.map(marks),
            within: marks(LevelName::M2),
            emergency: marks(LevelName::M4),
            scans: Scans::default(),
            findings: Vec::new(),
            auth: BTreeMap::new(),
            quotas: BTreeMap::new(),
        }
    }

    /// The first day of which anything counts. Of days before only what waits does.
    #[must_use]
    pub fn first(&self) -> Day {
        let longest = self.objectives.longest();
        Day::of(self.since.unwrap_or(self.now - longest))
    }

    /// Detectors that tell their findings one by one.
    pub fn tellers(&mut self, tellers: impl IntoIterator<Item = Text>) {
        self.scans.tellers.extend(tellers);
    }

    /// Adds a day that was not added yet.
    pub fn add(&mut self, day: &DaySummary) {
        for record in day.rotations.values() {
            for (part, case) in &record.cases {
                self.case(*part, case);
            }
        }
        self.rest(day);
    }

    /// Adds what a day has beside its rotations.
    pub fn rest(&mut self, day: &DaySummary) {
        self.findings.extend(day.findings.values().cloned());
        for (place, watched) in &day.auth {
            let held = self.auth.entry(place.clone()).or_default();
            for (first, last) in &watched.all {
                held.add(*first, (*last).max(*first));
            }
        }
        for (place, watched) in &day.quotas {
            let held = self.quotas.entry(place.clone()).or_default();
            held.all.extend(&watched.all);
            held.throttled.extend(&watched.throttled);
        }
        for (place, look) in &day.scans {
            self.scans.looks.insert(place.clone(), *look);
        }
        self.scans.leaks.extend(&day.leaks);
    }

    /// Adds one case of a rotation.
    pub fn case(&mut self, part: Part, case: &Case) {
        let (slow, emergency) = (
            self.objectives.of(LevelName::M2).objective,
            self.objectives.of(LevelName::M4),
        );
        let [m1, m2, _, m4, m5, _, m7, m8, _, m10] = &mut self.marks;
        match part {
            Part::Finish => {
                m1::mark(case, m1);
                m8::mark(case, m8);
            }
            Part::Updates => m2.lasted(case, slow),
            Part::Within => self.within.counted(case),
            Part::Revoke => m4.lasted(case, emergency.objective),
            Part::Emergency => self.emergency.lasted(case, emergency.second),
            Part::Start => m5.counted(case),
            Part::Tries => m7.counted(case),
            Part::Audit => m10.counted(case),
        }
    }

    /// The levels.
    #[must_use]
    pub fn levels(mut self) -> Levels {
        let [_, _, m3, _, _, m6, m7, _, m9, _] = &mut self.marks;
        m3::mark(&self.auth, &self.findings, m3);
        m6::mark(&self.scans, m6);
        m7::mark(self.quotas.values(), m7);
        let bound = self.objectives.of(LevelName::M9).objective;
        for seen in &self.findings {
            m9::mark(seen, m9, bound);
        }
        let marks = LevelName::ALL.into_iter().zip(&self.marks);
        Levels(marks.map(|(name, marks)| self.level(name, marks)).collect())
    }

    fn level(&self, name: LevelName, marks: &Marks) -> Level {
        let asked = self.objectives.of(name);
        let window = self
            .since
            .map_or(asked.window, |since| self.now.since(since));
        let second = |name_of, kind, marks: &Marks| -> Option<Reading> {
            (name == name_of).then(|| grade(kind, asked.second, window, marks))
        };
        Level {
            name,
            reading: grade(kind(name, asked), asked.objective, window, marks),
            within_window: second(LevelName::M2, Kind::Good, &self.within),
            emergency: second(
                LevelName::M4,
                Kind::Seconds(asked.quantile),
                &self.emergency,
            ),
        }
    }
}

fn kind(name: LevelName, asked: &Objective) -> Kind {
    match name {
        LevelName::M1 | LevelName::M10 => Kind::Good,
        LevelName::M2 | LevelName::M4 | LevelName::M9 => Kind::Seconds(asked.quantile),
        LevelName::M3 | LevelName::M7 | LevelName::M8 => Kind::Bad,
        LevelName::M5 | LevelName::M6 => Kind::Count,
    }
}

impl Summary {
    /// The levels at `now`, from the days that are in it.
    #[must_use]
    pub fn levels(
        &self,
        now: Timestamp,
        since: Option<Timestamp>,
        objectives: &Objectives,
    ) -> Levels {
        let mut tally = Tally::new(now, since, objectives);
        tally.tellers(self.tellers.iter().cloned());
        for day in self.days.values() {
            tally.add(day);
        }
        tally.levels()
    }
}
