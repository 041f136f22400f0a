//! The inventory: every secret that anything was told of, how old its version is and how often it
//! is rotated, who holds it, and what about it wants a person's look (`docs/inventory.md`).
//!
//! It is computed from an incident at the incident's `now`. What was not told is `None`, never
//! zero.

mod export;
mod gather;
mod keep;
mod order;
#[cfg(test)]
mod tests;

use crate::incident::EventRef;
use crate::model::event::{Operation, Outcome, SecretKind, Tier};
use crate::model::{Actor, RotationId, SecretPath, ServiceName, Span, Text, Timestamp, Version};

use super::cadence::SERVICES_ON_ONE;

pub use export::{COLUMNS, csv};
pub use keep::Kept;
pub use order::{Column, order};

/// A cadence that was only seen, not told, is known from so many rotations on.
pub const ROTATIONS_FOR_A_CADENCE: usize = 3;

/// Every secret, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    /// The moment that it is about; `None` where nothing has been told yet.
    pub at: Option<Timestamp>,
    /// The secrets, by name.
    pub items: Vec<Item>,
}

/// One secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its name.
    pub secret: SecretPath,
    /// What it is.
    pub kind: Option<SecretKind>,
    /// Who answers for it.
    pub owner: Option<Text>,
    /// How much depends on it.
    pub tier: Option<Tier>,
    /// The version that is in force.
    pub version: Option<Version>,
    /// Since when it is.
    pub since: Option<Since>,
    /// How often it is rotated.
    pub cadence: Option<Cadence>,
    /// When the next rotation is due, by the last one and the cadence; `None` too while one runs.
    pub due: Option<Timestamp>,
    /// By how much the next rotation is overdue; `None` where it is not.
    pub overdue: Option<Span>,
    /// Who cannot keep up with its cadence.
    pub behind: Option<Behind>,
    /// How many rotations of it are known.
    pub rotations: usize,
    /// The last of them.
    pub last: Option<Last>,
    /// Who used it last.
    pub used: Option<Used>,
    /// How many consumers of it are known.
    pub consumers: usize,
    /// The services that use it, by name.
    pub services: Vec<ServiceName>,
    /// Who reads it and is no consumer that anybody named.
    pub hidden: Hidden,
    /// How many leases of it are good now.
    pub leases: usize,
    /// When the first of those ends.
    pub lease_ends: Option<Timestamp>,
}

/// Since when a version is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Since {
    /// The moment.
    pub at: Timestamp,
    /// False where nothing tells when it began, only that it was in force by then.
    pub exact: bool,
}

/// How often a secret is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// The time between two rotations.
    pub every: Span,
    /// True where a rotation told it; false where it is the median of what was seen.
    pub told: bool,
}

/// A cadence that somebody cannot keep up with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Who.
    pub who: Text,
    /// How long they keep what they read, or take to get it.
    pub keeps: Span,
    /// True where they keep it, false where they take so long.
    pub cached: bool,
}

/// The last rotation of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// Which.
    pub id: RotationId,
    /// When it began.
    pub at: Timestamp,
    /// How it ended; `None` while it runs.
    pub outcome: Option<Outcome>,
}

/// The last use of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    /// Who.
    pub by: Actor,
    /// What they did.
    pub operation: Operation,
    /// The event.
    pub event: EventRef,
}

/// Who reads a secret and is no consumer that anybody named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hidden {
    /// These, by name.
    Known(Vec<Actor>),
    /// These at least, by name: it has had more readers or writers than are kept.
    AtLeast(Vec<Actor>),
    /// It cannot be known: it has so many readers, and none of them, ever, could be matched with
    /// a consumer; or it is used, and nobody is seen to read it.
    Unknowable(usize),
}

/// What about a secret wants a look, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    /// Its last rotation failed.
    Failed,
    /// Its next rotation is overdue.
    Overdue,
    /// It is rotated more often than its consumers can follow.
    TooOften,
    /// Somebody reads it whom nobody named.
    Hidden,
    /// It is one credential for too many services.
    Shared,
    /// Nobody answers for it.
    Ownerless,
}

impl Flaw {
    /// All, worst first.
    pub const ALL: [Self; 6] = [
        Self::Failed,
        Self::Overdue,
        Self::TooOften,
        Self::Hidden,
        Self::Shared,
        Self::Ownerless,
    ];

    /// Its word in tables and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Overdue => "overdue",
            Self::TooOften => "too-often",
            Self::Hidden => "hidden-reader",
            Self::Shared => "shared",
            Self::Ownerless => "no-owner",
        }
    }
}

impl Item {
    /// How old the version in force is; `None` where nothing tells.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> Option<Span> {
        self.since.map(|since| now.since(since.at))
    }

    /// Who reads it and is no consumer; none too where that cannot be known.
    #[must_use]
    pub fn strangers(&self) -> &[Actor] {
        match &self.hidden {
            Hidden::Known(actors) | Hidden::AtLeast(actors) => actors,
            Hidden::Unknowable(_) => &[],
        }
    }

    /// How many of those there are: `3`, `≥3` where they may be more, `?` where it cannot be
    /// known.
    #[must_use]
    pub fn hidden_count(&self) -> String {
        match &self.hidden {
            Hidden::Known(actors) => actors.len().to_string(),
            Hidden::AtLeast(actors) if !actors.is_empty() => format!("≥{}", actors.len()),
            Hidden::AtLeast(_) | Hidden::Unknowable(_) => "?".to_owned(),
        }
    }

    /// True for one credential of more services than can be told from each other.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.services.len() > SERVICES_ON_ONE
    }

    /// True where this can be said of it.
    #[must_use]
    pub fn has(&self, flaw: Flaw) -> bool {
        match flaw {
            Flaw::Failed => self.last.as_ref().is_some_and(|last| {
                let went_well = |o: &Outcome| matches!(o, Outcome::Succeeded);
                last.outcome.as_ref().is_some_and(|o| !went_well(o))
            }),
            Flaw::Overdue => self.overdue.is_some(),
            Flaw::TooOften => self.behind.is_some(),
            Flaw::Hidden => !self.strangers().is_empty(),
            Flaw::Shared => self.is_shared(),
            // Only a rotation names an owner: of what none was seen nobody knows.
            Flaw::Ownerless => self.owner.is_none() && self.rotations > 0,
        }
    }

    /// What about it wants a look, worst first.
    pub fn flaws(&self) -> impl Iterator<Item = Flaw> {
        Flaw::ALL.into_iter().filter(|flaw| self.has(*flaw))
    }
}

impl Inventory {
    /// The secret of this name.
    #[must_use]
    pub fn get(&self, secret: &SecretPath) -> Option<&Item> {
        let at = self.items.binary_search_by(|item| item.secret.cmp(secret));
        self.items.get(at.ok()?)
    }

    /// How many secrets this can be said of.
    #[must_use]
    pub fn count(&self, flaw: Flaw) -> usize {
        self.items.iter().filter(|item| item.has(flaw)).count()
    }
}
