//! The order of an inventory, and which of it holds some letters.

use std::cmp::Ordering;

use super::gather::folded;
use super::{Flaw, Hidden, Inventory, Item};
use crate::model::Timestamp;
use crate::model::event::{Outcome, Tier};

/// What an inventory can be in the order of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// What wants a look most comes first.
    #[default]
    Look,
    /// By name.
    Secret,
    /// By owner; those without come last.
    Owner,
    /// The most critical first.
    Tier,
    /// The oldest first.
    Age,
    /// The most often rotated first.
    Cadence,
    /// The longest overdue first, then what is due first.
    Due,
    /// The latest rotation first.
    Rotated,
    /// The longest unused first; what was never seen used before all.
    Used,
    /// The most consumers first.
    Consumers,
    /// The most hidden readers first.
    Hidden,
}

impl Column {
    /// All, in the order of the table.
    pub const ALL: [Self; 11] = [
        Self::Look,
        Self::Secret,
        Self::Owner,
        Self::Tier,
        Self::Age,
        Self::Cadence,
        Self::Due,
        Self::Rotated,
        Self::Used,
        Self::Consumers,
        Self::Hidden,
    ];

    /// Its words in a sentence: "by age".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Look => "what wants a look",
            Self::Secret => "name",
            Self::Owner => "owner",
            Self::Tier => "tier",
            Self::Age => "age",
            Self::Cadence => "cadence",
            Self::Due => "when due",
            Self::Rotated => "last rotation",
            Self::Used => "last use",
            Self::Consumers => "consumers",
            Self::Hidden => "hidden readers",
        }
    }
}

/// The places of the items that hold these letters in their name, owner, kind, tier, a service or
/// a flaw, in the order of a column; equal ones by name. Letters with a space between must all be
/// held. What a column knows nothing of comes last, whichever way round.
#[must_use]
pub fn order(inventory: &Inventory, column: Column, reversed: bool, letters: &str) -> Vec<usize> {
    let wanted = letters.to_lowercase();
    let wanted: Vec<&str> = wanted.split_whitespace().collect();
    let now = inventory.at.unwrap_or_default();
    let mut rows: Vec<(Key, usize)> = inventory
        .items
        .iter()
        .enumerate()
        .filter(|(_, item)| wanted.is_empty() || holds(item, &wanted))
        .map(|(at, item)| (Key::of(item, column, now), at))
        .collect();
    rows.sort_unstable_by(|(a, x), (b, y)| {
        let by = a.missing.cmp(&b.missing);
        let own = a.own(b);
        // They stand by name already, which is turned round only where it is what is asked for.
        let names = if reversed && column == Column::Secret {
            y.cmp(x)
        } else {
            x.cmp(y)
        };
        by.then(if reversed { own.reverse() } else { own })
            .then(names)
    });
    rows.into_iter().map(|(_, at)| at).collect()
}

/// What an item is put in order by; the least comes first.
struct Key {
    missing: bool,
    number: i64,
    words: Option<String>,
}

impl Key {
    fn of(item: &Item, column: Column, now: Timestamp) -> Self {
        let known = |number: Option<i64>| Self {
            missing: number.is_none(),
            number: number.unwrap_or_default(),
            words: None,
        };
        match column {
            Column::Look => known(Some(look(item))),
            Column::Secret => known(Some(0)),
            Column::Owner => Self {
                missing: item.owner.is_none(),
                number: 0,
                words: item.owner.as_ref().map(folded),
            },
            Column::Tier => known(item.tier.as_ref().map(|tier| match tier {
                Tier::Critical => 0,
                Tier::High => 1,
                Tier::Standard => 2,
                Tier::Other(_) => 3,
            })),
            Column::Age => known(item.age(now).map(|age| -age.as_micros())),
            Column::Cadence => known(item.cadence.map(|c| c.every.as_micros())),
            Column::Due => known(item.due.map(|due| due.since(now).as_micros())),
            Column::Rotated => known(
                item.last
                    .as_ref()
                    .map(|l| l.at.since(now).as_micros().saturating_neg()),
            ),
            Column::Used => known(Some(match &item.used {
                Some(used) => used.event.time.since(now).as_micros(),
                None => i64::MIN,
            })),
            Column::Consumers => known(Some(-count(item.consumers))),
            Column::Hidden => known(match &item.hidden {
                Hidden::Known(actors) => Some(-count(actors.len())),
                Hidden::AtLeast(actors) if !actors.is_empty() => Some(-count(actors.len())),
                Hidden::AtLeast(_) | Hidden::Unknowable(_) => None,
            }),
        }
    }

    fn own(&self, other: &Self) -> Ordering {
        (self.number, &self.words).cmp(&(other.number, &other.words))
    }
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// How little an item wants a look: each flaw counts more than all that are less bad, and a
/// failed rotation more than one that was only stopped.
fn look(item: &Item) -> i64 {
    let mut wants = 0;
    for flaw in Flaw::ALL {
        wants = wants << 1 | i64::from(item.has(flaw));
    }
    let failed = item
        .last
        .as_ref()
        .is_some_and(|last| last.outcome == Some(Outcome::Failed));
    -(wants << 1 | i64::from(failed))
}

fn holds(item: &Item, wanted: &[&str]) -> bool {
    let mut words = folded(&item.secret.0);
    let mut add = |more: &str| {
        words.push('\n');
        words.push_str(more);
    };
    if let Some(owner) = &item.owner {
        add(&folded(owner));
    }
    if let Some(kind) = &item.kind {
        add(kind.raw());
    }
    if let Some(tier) = &item.tier {
        add(tier.raw());
    }
    for service in &item.services {
        add(&folded(&service.0));
    }
    for flaw in item.flaws() {
        add(flaw.name());
    }
    wanted.iter().all(|word| words.contains(word))
}
