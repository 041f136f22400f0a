//! The event log: every event the engine published, numbered from 1 without a gap, and a way to be
//! told of new ones. The newest are held in memory, the rest is read from the store.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use crate::model::Event;

/// How many events are held in memory.
const HELD: usize = 16_384;

/// Reads events that are no longer in memory: those after a number, at most so many.
pub type Older = Arc<dyn Fn(u64, usize) -> Vec<(u64, Event)> + Send + Sync>;

/// The log. Clones are one log.
#[derive(Clone)]
pub struct EventLog {
    held: Arc<RwLock<VecDeque<(u64, Event)>>>,
    last: Arc<watch::Sender<u64>>,
    first: Arc<AtomicU64>,
    older: Option<Older>,
}

impl EventLog {
    /// A log that goes on after `last` and finds what it no longer holds by asking `older`.
    #[must_use]
    pub fn after_store(last: u64, older: Older) -> Self {
        Self {
            held: Arc::default(),
            last: Arc::new(watch::Sender::new(last)),
            first: Arc::new(AtomicU64::new(1)),
            older: Some(older),
        }
    }

    /// The events after `seq`, in order, at most `limit` of them.
    #[must_use]
    pub fn after(&self, seq: u64, limit: usize) -> Vec<(u64, Event)> {
        let last = self.last();
        if seq >= last || limit == 0 {
            return Vec::new();
        }
        {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            if let Some((first, _)) = held.front()
                && (*first <= seq + 1 || self.older.is_none())
            {
                let skip = usize::try_from((seq + 1).saturating_sub(*first)).unwrap_or(usize::MAX);
                return held.iter().skip(skip).take(limit).cloned().collect();
            }
        }
        self.older
            .as_ref()
            .map_or_else(Vec::new, |older| older(seq, limit))
    }

    /// The number of the first event that is still there; 1 while none was pruned.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first.load(Ordering::Relaxed)
    }

    /// Events before this number are pruned.
    pub fn begins_at(&self, first: u64) {
        self.first.store(first.max(1), Ordering::Relaxed);
    }

    /// The number of the last event; 0 where there is none.
    #[must_use]
    pub fn last(&self) -> u64 {
        *self.last.borrow()
    }

    /// Tells the last number whenever it rises; whoever lags reads [`Self::after`].
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// Adds events that are durable. Numbers go on from [`Self::last`].
    pub fn publish(&self, events: Vec<Event>) {
        if events.is_empty() {
            return;
        }
        let mut next = self.last();
        {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            for event in events {
                next += 1;
                held.push_back((next, event));
            }
            // A log without a store behind it keeps everything.
            while self.older.is_some() && held.len() > HELD {
                held.pop_front();
            }
        }
        self.last.send_replace(next);
    }
}

impl Default for EventLog {
    /// A log in memory alone, as the lab's observers keep.
    fn default() -> Self {
        Self {
            held: Arc::default(),
            last: Arc::new(watch::Sender::new(0)),
            first: Arc::new(AtomicU64::new(1)),
            older: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{BackendState, BackendStatus};
    use crate::model::{BackendName, Timestamp};

    fn event(n: u64) -> Event {
        let status = BackendStatus {
            backend: BackendName::from("/engine/a"),
            state: BackendState::Connected,
            lag_ms: None,
            error: None,
        };
        Event::new(
            "/engine/a",
            n.to_string(),
            Timestamp::default(),
            status.into(),
        )
    }

    #[test]
    fn events_are_numbered_from_one_and_read_from_anywhere() {
        let log = EventLog::default();
        let mut watch = log.watch();
        log.publish((1..=5).map(event).collect());
        assert!(watch.has_changed().unwrap());
        assert_eq!(*watch.borrow_and_update(), 5);
        let seqs = |after, limit| -> Vec<u64> {
            log.after(after, limit)
                .into_iter()
                .map(|(n, _)| n)
                .collect()
        };
        assert_eq!(seqs(0, 10), [1, 2, 3, 4, 5]);
        assert_eq!(seqs(3, 1), [4]);
        assert!(seqs(5, 10).is_empty());
    }

    #[test]
    fn what_left_memory_is_read_from_the_store() {
        let older: Older =
            Arc::new(|after, limit| (after + 1..).take(limit).map(|n| (n, event(n))).collect());
        let log = EventLog::after_store(7, older);
        log.publish(vec![event(8)]);
        assert_eq!(log.after(7, 10).first().map(|(n, _)| *n), Some(8));
        assert_eq!(log.after(2, 3).first().map(|(n, _)| *n), Some(3));
    }
}
