//! An alert: one incident, from when it was found until it healed, and who was told of it when.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use crate::measure::level::LevelName;
use crate::model::event::{Alert as AlertData, AlertStatus, Severity};
use crate::model::{Event, Region, RotationId, SecretPath, ServiceName, Text, Timestamp};

use super::habit::Excess;

/// The source of the events that tell of alerts.
const SOURCE: &str = "/rotascope/alerts";

/// What an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A rotation, by its canonical id: all that it breaks is one incident.
    Rotation(RotationId),
    /// Services that are refused though no rotation explains it.
    Services,
    /// A service level whose budget burns though no incident explains it.
    Level(LevelName),
    /// A secret that is read or rotated too often.
    Habit(Excess, SecretPath),
}

/// What somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It is there and a planned window keeps it quiet.
    Suppressed,
    /// Somebody should look in working hours.
    Ticket,
    /// Somebody is woken.
    Page,
    /// It outgrows its owner: the escalation contacts are told.
    Escalated,
    /// It is over.
    Resolved,
    /// It came back soon after it was over; nobody is woken a second time.
    Again,
}

impl Phase {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Suppressed => "suppressed",
            Self::Ticket => "ticket",
            Self::Page => "page",
            Self::Escalated => "escalated",
            Self::Resolved => "resolved",
            Self::Again => "again",
        }
    }
}

/// One thing that is told of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    /// When it was so.
    pub at: Timestamp,
    /// What is told.
    pub phase: Phase,
    /// Of `again` and of a `resolved` after it: the how-manieth return it tells of, from 1. All
    /// else is told once, under 0.
    pub nth: u32,
}

/// A budget that burns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Burning {
    /// Of which level.
    #[serde(serialize_with = "level")]
    pub level: LevelName,
    /// How many times as fast as allowed.
    pub rate: f64,
    /// Over how long, in seconds.
    pub seconds: i64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands members over by reference"
)]
fn level<S: serde::Serializer>(level: &LevelName, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(level.name())
}

/// One incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Names it once, over all that is told of it.
    pub key: Text,
    /// What it is about.
    pub about: About,
    /// The loudest that it ever was.
    pub severity: Severity,
    /// The other rotations whose audit trail the same trouble takes.
    pub others: BTreeSet<RotationId>,
    /// The modes that were met, first found first.
    pub modes: Vec<&'static str>,
    /// The first of them in words.
    pub words: String,
    /// The secret, where known.
    pub secret: Option<SecretPath>,
    /// Who suffers or suffered.
    pub services: BTreeSet<ServiceName>,
    /// Where.
    pub regions: BTreeSet<Region>,
    /// Who answers for it, where the rotation itself says so.
    pub owner: Option<Text>,
    /// When it was first found.
    pub since: Timestamp,
    /// Since when a planned window has kept it quiet; `None` where none does or it was told
    /// already.
    pub suppressed_at: Option<Timestamp>,
    /// The window that does, or did.
    pub window: Option<Text>,
    /// When a ticket was due.
    pub ticketed_at: Option<Timestamp>,
    /// When somebody was to be woken. Once only, whatever comes after.
    pub paged_at: Option<Timestamp>,
    /// When the escalation contacts were to be told.
    pub escalated_at: Option<Timestamp>,
    /// When it was over; `None` while it stands.
    pub resolved_at: Option<Timestamp>,
    /// When it was first over, though it may have come back.
    pub first_resolved_at: Option<Timestamp>,
    /// True where it ended since later evidence took it back.
    pub withdrawn: bool,
    /// How often it came back soon after it was over.
    pub flaps: u32,
    /// When it last did.
    pub again_at: Option<Timestamp>,
    /// The budget that burns most by it, where one does.
    pub burning: Option<Burning>,
    /// The acts that cure it.
    pub next: &'static [&'static str],
}

impl Alert {
    /// True until it is over.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.resolved_at.is_none()
    }

    /// True where nobody is or was told, since a planned window keeps it quiet.
    #[must_use]
    pub fn is_suppressed(&self) -> bool {
        self.suppressed_at.is_some() && self.ticketed_at.is_none() && self.paged_at.is_none()
    }

    /// What is told of it, in order of time: at most once each, but for what returns. Of its returns
    /// the last is told, and the end of that. The last word always says how it stands. What nobody was
    /// told of, nobody is told the end of.
    #[must_use]
    pub fn told(&self) -> Vec<Word> {
        let told = self.ticketed_at.is_some() || self.paged_at.is_some();
        let over = self.first_resolved_at.filter(|_| told);
        let again = self.again_at.filter(|_| told && self.flaps > 0);
        // What ends before it came back has clocks that disagree.
        let over_again = again.zip(self.resolved_at).map(|(from, to)| to.max(from));
        let all = [
            (self.suppressed_at, Phase::Suppressed, 0),
            (self.ticketed_at, Phase::Ticket, 0),
            (self.paged_at, Phase::Page, 0),
            (self.escalated_at, Phase::Escalated, 0),
            (over, Phase::Resolved, 0),
            (again, Phase::Again, self.flaps),
            (over_again, Phase::Resolved, self.flaps),
        ];
        let told = all.into_iter();
        let mut told: Vec<Word> = told
            .filter_map(|(at, phase, nth)| {
                Some(Word {
                    at: at?,
                    phase,
                    nth,
                })
            })
            .collect();
        // Those of one moment stay in the order above.
        told.sort_by_key(|word| word.at);
        told
    }

    /// What it is, in a line for a person; harmless.
    #[must_use]
    pub fn summary(&self) -> String {
        let modes = self.modes.join(", ");
        let mut line = match &self.about {
            About::Rotation(id) => format!("{modes} {}: rotation {id}", self.words),
            About::Services => "auth failures that no rotation explains".to_owned(),
            About::Level(name) => format!("{name} {}: its error budget burns", name.title()),
            About::Habit(excess, _) => excess.words().to_owned(),
        };
        // Writing to a string cannot fail, here and below.
        match self.others.len() {
            0 => {}
            1 => line.push_str(" and 1 more"),
            n => {
                let _ = write!(line, " and {n} more");
            }
        }
        if let Some(secret) = &self.secret {
            let _ = write!(line, " of {secret}");
        }
        if !self.services.is_empty() {
            let noun = if self.services.len() == 1 {
                "service"
            } else {
                "services"
            };
            let _ = write!(line, "; {noun} {}", list(&self.services));
        }
        if !self.regions.is_empty() {
            let _ = write!(line, " in {}", list(&self.regions));
        }
        if let Some(burning) = &self.burning {
            let _ = write!(
                line,
                "; the budget of {} burns {:.0} times as fast as allowed",
                burning.level, burning.rate
            );
        }
        line
    }

    /// The same as an event of the contract, for whoever reads those: firing, or resolved.
    #[must_use]
    pub fn event(&self, word: Word, owner: Option<&Text>) -> Event {
        let Word { at, phase, nth } = word;
        let data = AlertData {
            alert: self.key.clone(),
            status: match phase {
                Phase::Resolved => AlertStatus::Resolved,
                _ => AlertStatus::Firing,
            },
            severity: match phase {
                Phase::Suppressed => Severity::Info,
                Phase::Ticket => Severity::Ticket,
                Phase::Page => Severity::Page,
                _ => self.severity.clone(),
            },
            service: self.services.first().cloned(),
            owner: owner.or(self.owner.as_ref()).cloned(),
            summary: Some(Text::from(self.summary())),
        };
        let id = match nth {
            0 => format!("{}/{}", self.key.raw(), phase.name()),
            nth => format!("{}/{}/{nth}", self.key.raw(), phase.name()),
        };
        let event = Event::new(SOURCE, id, at, data.into()).about(self.key.clone());
        match &self.about {
            About::Rotation(rotation) => event.of_rotation(rotation.clone()),
            _ => event,
        }
    }
}

fn list<T: ToString>(names: &BTreeSet<T>) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    names.join(", ")
}
