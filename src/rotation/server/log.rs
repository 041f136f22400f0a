//! A log of events that can be followed: what the stream serves. The engine has one in its store;
//! whoever has none keeps [`MemoryLog`].

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::model::Event;

/// Events with numbers that rise by one, from 1. Cheap to clone; clones are the same log.
pub trait Log: Clone + Send + Sync + 'static {
    /// The events behind `seq`, in order, at most `limit`. May read a disk: it is called where
    /// waiting is allowed.
    fn after(&self, seq: u64, limit: usize) -> Vec<(u64, Event)>;

    /// The number of the newest event; 0 before the first.
    fn last(&self) -> u64;

    /// Tells of each new newest number. Whoever lags skips numbers and reads [`Log::after`].
    fn watch(&self) -> watch::Receiver<u64>;
}

/// A log in memory: all of it, for as long as the process lives.
#[derive(Clone, Debug)]
pub struct MemoryLog {
    events: Arc<Mutex<Vec<Event>>>,
    last: Arc<watch::Sender<u64>>,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self {
            events: Arc::default(),
            last: Arc::new(watch::Sender::new(0)),
        }
    }
}

impl MemoryLog {
    /// Adds an event; gives its number.
    pub fn push(&self, event: Event) -> u64 {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
        let last = events.len() as u64;
        // Told under the lock, so that the number never falls.
        self.last.send_replace(last);
        last
    }
}

impl Log for MemoryLog {
    fn after(&self, seq: u64, limit: usize) -> Vec<(u64, Event)> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        let from = usize::try_from(seq).unwrap_or(usize::MAX);
        let numbered = events.iter().skip(from).take(limit).cloned();
        (seq.saturating_add(1)..).zip(numbered).collect()
    }

    fn last(&self) -> u64 {
        *self.last.borrow()
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }
}
