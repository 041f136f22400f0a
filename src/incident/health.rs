//! Whether services are up, and since when.

use super::store::{Row, Store, Words};
use super::view::{EventRef, Health};
use crate::model::event::ServiceHealth;
use crate::model::{Region, Text};

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
            self.view.region.as_ref().map(Region::raw),
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
            told.region.as_ref().map(Region::raw),
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

#[cfg(test)]
mod tests {
    use crate::incident::testing::{at, event, fold};
    use serde_json::json;

    #[test]
    fn it_is_so_since_the_first_of_the_latest_equal_words() {
        let told = |seconds, up: bool, reason: Option<&str>| {
            let data = json!({"service": "s", "region": "eu", "up": up, "reason": reason});
            event(
                "/a",
                &format!("{seconds}"),
                seconds,
                "service.health",
                &data,
            )
        };
        let mut events = vec![
            told(1, false, None),
            told(2, true, None),
            told(3, false, Some("timeouts")),
            told(4, false, Some("refused")),
        ];
        for _ in 0..events.len() {
            events.rotate_left(1);
            let incident = fold(&events);
            let health = incident.health().next().unwrap();
            assert_eq!((health.up, health.since), (false, at(3)));
            assert_eq!(health.reason.as_ref().unwrap().raw(), "refused");
        }
    }
}
