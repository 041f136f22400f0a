//! A provider's quota: so many calls in a sliding minute.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::model::{Span, Timestamp};

/// Over which time calls are counted.
const OVER: Span = Span::seconds(60);

/// A quota, and what was counted against it.
#[derive(Debug)]
pub(super) struct Quota {
    /// Calls in a minute.
    most: usize,
    /// Whether refused calls count too, and callers are told to come back far too soon.
    harsh: bool,
    counted: Mutex<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    calls: VecDeque<Timestamp>,
    total: u64,
    throttled: u64,
}

impl Quota {
    pub(super) fn new(most: usize, harsh: bool) -> Self {
        Self {
            most,
            harsh,
            counted: Mutex::default(),
        }
    }

    /// Counts a call. A refused one is told how many seconds to wait (the value of
    /// `Retry-After`).
    pub(super) fn admit(&self, now: Timestamp) -> Result<(), u64> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.total += 1;
        while counted
            .calls
            .front()
            .is_some_and(|call| now.since(*call) >= OVER)
        {
            counted.calls.pop_front();
        }
        let room = counted.calls.len() < self.most;
        if room || self.harsh {
            counted.calls.push_back(now);
        }
        if room {
            return Ok(());
        }
        counted.throttled += 1;
        if self.harsh {
            return Err(1);
        }
        let oldest = counted.calls.front().copied().unwrap_or(now);
        let wait = (oldest + OVER).since(now).as_seconds().saturating_add(1);
        Err(u64::try_from(wait).unwrap_or(1))
    }

    /// All calls and the refused ones since it began.
    pub(super) fn counts(&self) -> (u64, u64) {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        (counted.total, counted.throttled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_800_000_000 + seconds, 0)
    }

    #[test]
    fn a_fair_quota_says_when_there_is_room_again_and_means_it() {
        let quota = Quota::new(2, false);
        assert_eq!(quota.admit(at(0)), Ok(()));
        assert_eq!(quota.admit(at(10)), Ok(()));
        let wait = quota.admit(at(20)).unwrap_err();
        assert_eq!(quota.admit(at(20 + i64::try_from(wait).unwrap())), Ok(()));
        assert_eq!(quota.counts(), (4, 1));
    }

    #[test]
    fn a_harsh_quota_stays_full_for_whoever_obeys_it_and_opens_for_whoever_goes_slower() {
        let quota = Quota::new(2, true);
        for second in 0..2 {
            quota.admit(at(second)).unwrap();
        }
        for second in 2..300 {
            assert_eq!(quota.admit(at(second)), Err(1));
        }
        assert!(quota.admit(at(400)).is_ok());
    }
}
