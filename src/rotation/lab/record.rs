//! What monitoring wrote: the lab's own event log, in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::model::Event;

/// The most events that are kept; the oldest go first.
const KEPT: usize = 200_000;

/// An event log. Numbers rise by one from one. Cheap to clone; clones are one log.
#[derive(Clone, Debug)]
pub struct Record(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kept: Mutex<Kept>,
    last: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Event>,
    /// The number of the first that is kept, less one.
    gone: u64,
}

impl Record {
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner {
            kept: Mutex::default(),
            last: watch::Sender::new(0),
        }))
    }

    /// Writes one event.
    pub(super) fn write(&self, event: Event) {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.events.push_back(event);
        if kept.events.len() > KEPT {
            kept.events.pop_front();
            kept.gone += 1;
        }
        let last = kept.gone + kept.events.len() as u64;
        self.0.last.send_replace(last);
    }

    /// Up to `limit` events after number `seq`, the oldest that are kept first.
    #[must_use]
    pub fn after(&self, seq: u64, limit: usize) -> Vec<(u64, Event)> {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let skip = usize::try_from(seq.saturating_sub(kept.gone)).unwrap_or(usize::MAX);
        let numbered = (kept.gone + 1..).zip(&kept.events);
        let after = numbered.skip(skip).take(limit);
        after.map(|(seq, event)| (seq, event.clone())).collect()
    }

    /// The number of the last event; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        *self.0.last.borrow()
    }

    /// Tells the last number, at once and whenever it rises.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.last.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::ScanCompleted;
    use crate::model::{Text, Timestamp};

    fn event(n: usize) -> Event {
        let data = ScanCompleted {
            detector: Text::from("d"),
            repository: Text::from("r"),
            revision: None,
            findings: 0,
        };
        Event::new(
            "/lab/scanner",
            n.to_string(),
            Timestamp::default(),
            data.into(),
        )
    }

    #[test]
    fn numbers_rise_by_one_and_the_oldest_go_first() {
        let record = Record::new();
        for n in 1..=KEPT + 10 {
            record.write(event(n));
        }
        let first = record.after(0, 2);
        assert_eq!(first[0].0, 11);
        assert_eq!(first[1].1.id.raw(), "12");
        assert_eq!(record.last(), KEPT as u64 + 10);
        assert_eq!(record.after(record.last() - 1, 9).len(), 1);
        assert!(record.after(record.last(), 9).is_empty());
        assert_eq!(*record.watch().borrow(), record.last());
    }
}
