//! Which events of a source are known: exact within its watermark, forgotten behind it.
//!
//! Ids lie in runs. The newest run is small, so that a clone which goes on copies little; full
//! runs never change and are merged with neighbours of their size, so that there are few to ask.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::model::{EventId, Timestamp};

/// A run that holds this many ids is full.
const RUN: usize = 1024;

/// The ids of one source.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    full: Vec<Arc<Run>>,
    open: Arc<Run>,
}

#[derive(Clone, Debug, Default)]
struct Run {
    ids: HashTable<Entry>,
    newest: Timestamp,
}

#[derive(Clone, Debug)]
struct Entry {
    hash: u64,
    at: Timestamp,
    id: EventId,
}

impl Run {
    fn holds(&self, hash: u64, id: &EventId, horizon: Timestamp) -> bool {
        self.newest >= horizon
            && self
                .ids
                .find(hash, |e| e.hash == hash && e.at >= horizon && e.id == *id)
                .is_some()
    }

    fn add(&mut self, entry: Entry) {
        self.newest = self.newest.max(entry.at);
        self.ids.insert_unique(entry.hash, entry, |e| e.hash);
    }
}

impl Seen {
    /// Notes an event of time `at`; false where it is known. What is older than `horizon` counts
    /// as forgotten. `hash` is the id's.
    pub(super) fn note(
        &mut self,
        hash: u64,
        id: &EventId,
        at: Timestamp,
        horizon: Timestamp,
    ) -> bool {
        let known = self.open.holds(hash, id, horizon)
            || self.full.iter().any(|run| run.holds(hash, id, horizon));
        if known {
            return false;
        }
        if at < horizon {
            return true;
        }
        if self.open.ids.len() >= RUN {
            self.close(horizon);
        }
        Arc::make_mut(&mut self.open).add(Entry {
            hash,
            at,
            id: id.clone(),
        });
        true
    }

    fn close(&mut self, horizon: Timestamp) {
        let fresh = Run {
            ids: HashTable::with_capacity(RUN),
            newest: Timestamp::default(),
        };
        self.full
            .push(std::mem::replace(&mut self.open, Arc::new(fresh)));
        self.full.retain(|run| run.newest >= horizon);
        while let [.., before, last] = self.full.as_slice() {
            if before.ids.len() >= 2 * last.ids.len() {
                break;
            }
            let mut merged = Run {
                ids: HashTable::with_capacity(before.ids.len() + last.ids.len()),
                newest: Timestamp::default(),
            };
            let both = before.ids.iter().chain(&last.ids);
            for entry in both.filter(|entry| entry.at >= horizon) {
                merged.add(entry.clone());
            }
            self.full.truncate(self.full.len() - 2);
            self.full.push(Arc::new(merged));
        }
    }

    /// How many ids are held, forgotten ones that were not yet thrown away among them.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.open.ids.len() + self.full.iter().map(|run| run.ids.len()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::store::hash_words;
    use crate::model::Span;

    fn note(seen: &mut Seen, n: i64, newest: i64) -> bool {
        let id = format!("event-{n}");
        let horizon = Timestamp::new(newest, 0) - Span::seconds(30);
        seen.note(
            hash_words(&[Some(&id)]),
            &EventId::from(id.as_str()),
            Timestamp::new(n / 1000, 0),
            horizon,
        )
    }

    #[test]
    fn every_id_within_the_watermark_is_known_and_the_rest_is_thrown_away() {
        let mut seen = Seen::default();
        for n in 0..200_000 {
            assert!(note(&mut seen, n, n / 1000));
            let back = n - 29_000;
            if back >= 0 && n % 7 == 0 {
                assert!(!note(&mut seen, back, n / 1000), "{back} at {n}");
            }
        }
        assert!(seen.held() < 70_000, "{}", seen.held());
        assert!(note(&mut seen, 1000, 199));
    }

    #[test]
    fn there_are_few_runs_to_ask() {
        let mut seen = Seen::default();
        for n in 0..100_000 {
            note(&mut seen, n * 100 / 1000, 0);
        }
        let mut dense = Seen::default();
        for n in 0..300_000_i64 {
            let id = format!("{n}");
            dense.note(
                hash_words(&[Some(&id)]),
                &EventId::from(id.as_str()),
                Timestamp::new(100, 0),
                Timestamp::new(90, 0),
            );
        }
        assert!(dense.full.len() <= 10, "{}", dense.full.len());
    }
}
