//! Whether services are up, and since when.

use super::store::{Row, Store, Words};
use super::view::{EventRef, Health};
use crate::model::Text;
use crate::model::event::ServiceHealth;

/// The most words kept about one service in one region; the latest by time stay. A run of equal
/// words that is longer began, as far as can be told here, with the earliest word kept.
const WORDS_KEPT: usize = 512;

/// Every service's health.
#[derive(Clone, Debug, Default)]
pub(super) struct Healths {
    rows: Store<Service, 2>,
}

#[derive(Clone, Debug)]
struct Service {
    view: Health,
    words: Vec<(EventRef, bool, Option<Text>)>,
}

impl Row<2> for Service {
    fn key(&self) -> Words<'_, 2> {
        [
            Some(self.view.service.raw()),
            self.view.region.as_ref().map(|r| r.raw()),
        ]
    }
}

impl Service {
    fn told(&mut self, event: EventRef, told: &ServiceHealth) {
        let Err(at) = self.words.binary_search_by(|(e, ..)| e.cmp(&event)) else {
            return;
        };
        self.words.insert(at, (event, told.up, told.reason.clone()));
        if self.words.len() > WORDS_KEPT {
            self.words.remove(0);
        }
        let Some((_, up, reason)) = self.words.last() else {
            return;
        };
        self.view.up = *up;
        self.view.reason.clone_from(reason);
        let run = self.words.iter().rev().take_while(|(_, u, _)| u == up);
        if let Some((first, ..)) = run.last() {
            self.view.since = first.time;
        }
    }
}

impl Healths {
    /// Takes in a word about a service.
    pub(super) fn told(&mut self, event: EventRef, told: &ServiceHealth) {
        let key = [
            Some(told.service.raw()),
            told.region.as_ref().map(|r| r.raw()),
        ];
        let row = self.rows.row(key, || Service {
            view: Health {
                service: told.service.clone(),
                region: told.region.clone(),
                up: told.up,
                since: event.time,
                reason: None,
            },
            words: Vec::new(),
        });
        if let Some(row) = row {
            row.told(event, told);
        }
    }

    /// Every service's health, by service and region.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Health> {
        self.rows.iter().map(|row| &row.view)
    }
}
