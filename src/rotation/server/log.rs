//! A log of events that can be followed: what the stream serves.

use tokio::sync::watch;

use crate::model::Event;
use crate::rotation::log::EventLog;

/// Events with numbers that rise by one, from 1. Cheap to clone; clones are the same log.
pub trait Log: Clone + Send + Sync + 'static {
    /// The events behind `seq`, in order, at most `limit`. May read a disk: it is called where
    /// waiting is allowed.
    fn after(&self, seq: u64, limit: usize) -> Vec<(u64, Event)>;

    /// The number of the oldest event that is still there; 1 while all are.
    fn first(&self) -> u64 {
        1
    }

    /// The number of the newest event; 0 before the first.
    fn last(&self) -> u64;

    /// Tells of each new newest number. Whoever lags skips numbers and reads [`Log::after`].
    fn watch(&self) -> watch::Receiver<u64>;
}

impl Log for EventLog {
    fn after(&self, seq: u64, limit: usize) -> Vec<(u64, Event)> {
        Self::after(self, seq, limit)
    }

    fn first(&self) -> u64 {
        Self::first(self)
    }

    fn last(&self) -> u64 {
        Self::last(self)
    }

    fn watch(&self) -> watch::Receiver<u64> {
        Self::watch(self)
    }
}
