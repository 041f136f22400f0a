//! An inventory that follows an incident: only what changed is put together anew.

use super::gather::Around;
use super::{Inventory, Item};
use crate::incident::Incident;
use crate::model::Timestamp;

/// An inventory and what it was made of.
#[derive(Debug, Default)]
pub struct Kept {
    inventory: Inventory,
    /// While it lives, nothing else can lie where its parts lie.
    of: Incident,
    /// Of each item: what it was made of, and until when it is good.
    marks: Vec<(u64, Option<Timestamp>)>,
}

impl Inventory {
    /// Every secret of an incident, as things stand at its `now`.
    #[must_use]
    pub fn of(incident: &Incident) -> Self {
        let mut kept = Kept::default();
        kept.follow(incident);
        kept.inventory
    }
}

impl Kept {
    /// The inventory.
    #[must_use]
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// Brings it up to an incident: one that grew out of a clone of the one before, or any other.
    pub fn follow(&mut self, incident: &Incident) {
        let Some(now) = incident.now() else {
            *self = Self::default();
            return;
        };
        let around = Around::of(incident, now);
        let goes_on =
            self.inventory.at.is_some_and(|at| at <= now) && self.of.acts().eq(incident.acts());
        let items = std::mem::take(&mut self.inventory.items);
        let marks = std::mem::take(&mut self.marks);
        let before = items.into_iter().zip(marks).filter(|_| goes_on);
        let mut before = before.peekable();
        let secrets = incident.secrets();
        self.inventory.items.reserve(secrets.len());
        self.marks.reserve(secrets.len());
        for secret in secrets {
            while before.next_if(|(item, _)| item.secret < *secret).is_some() {}
            let stamp = incident.stamp(secret) ^ around.stamp(secret);
            let good = |(item, (made_of, until)): &(Item, (u64, Option<Timestamp>))| {
                item.secret == *secret && *made_of == stamp && until.is_none_or(|until| now < until)
            };
            let (item, until) = match before.next_if(good) {
                Some((mut item, (_, until))) => {
                    let due = item.due.filter(|_| item.overdue.is_some());
                    item.overdue = due.map(|due| now.since(due));
                    (item, until)
                }
                None => around.item(secret),
            };
            self.inventory.items.push(item);
            self.marks.push((stamp, until));
        }
        self.inventory.at = Some(now);
        self.of = incident.clone();
    }
}
