//! Puts what arrives nearly in order of time into it, in bounded memory.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use crate::model::{Span, Timestamp};

/// The most records that one input holds back.
const MOST: usize = 200_000;

/// Holds records back until nothing earlier can come: until one that is later by the watermark
/// has been seen, or the input has ended. Later than that is let through as it comes. Where more
/// is held than memory allows, the earliest goes early.
pub(super) struct Reorder<T> {
    /// In order; most records come at its end.
    queue: VecDeque<Held<T>>,
    /// Those that came too late for that.
    strays: BinaryHeap<Reverse<Held<T>>>,
    watermark: Span,
    newest: Option<Timestamp>,
    /// All up to this moment may go, whatever comes.
    released: Option<Timestamp>,
    arrived: u64,
    bytes: u64,
    ended: bool,
}

struct Held<T> {
    time: Timestamp,
    arrived: u64,
    bytes: u32,
    what: T,
}

impl<T> Reorder<T> {
    pub(super) fn new(watermark: Span) -> Self {
        Self {
            queue: VecDeque::new(),
            strays: BinaryHeap::new(),
            watermark,
            newest: None,
            released: None,
            arrived: 0,
            bytes: 0,
            ended: false,
        }
    }

    /// Takes one in. `bytes` is about what it costs to hold.
    pub(super) fn push(&mut self, time: Timestamp, bytes: u32, what: T) {
        let held = Held {
            time,
            arrived: self.arrived,
            bytes,
            what,
        };
        self.arrived += 1;
        self.bytes += u64::from(bytes);
        self.newest = self.newest.max(Some(time));
        if self.queue.back().is_none_or(|last| last.time <= time) {
            self.queue.push_back(held);
        } else {
            self.strays.push(Reverse(held));
        }
    }

    /// Nothing more will come.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Lets all that is held go, though something earlier may come yet.
    pub(super) fn release(&mut self) {
        self.released = self.newest;
    }

    /// The time of the earliest that is held.
    pub(super) fn earliest(&self) -> Option<Timestamp> {
        let queue = self.queue.front().map(|held| held.time);
        let stray = self.strays.peek().map(|Reverse(held)| held.time);
        match (queue, stray) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The time of the earliest that may go, where `most` bytes may be held at most.
    pub(super) fn head(&self, most: u64) -> Option<Timestamp> {
        let head = self.earliest()?;
        let passed = self.newest.is_some_and(|t| head <= t - self.watermark)
            || self.released.is_some_and(|t| head <= t);
        let full = self.bytes > most || self.queue.len() + self.strays.len() > MOST;
        (self.ended || passed || full).then_some(head)
    }

    /// Takes the earliest out, whether or not it may go.
    pub(super) fn pop(&mut self) -> Option<(Timestamp, T)> {
        let stray_first = match (self.queue.front(), self.strays.peek()) {
            (Some(queue), Some(Reverse(stray))) => stray < queue,
            (None, Some(_)) => true,
            _ => false,
        };
        let held = if stray_first {
            self.strays.pop().map(|Reverse(held)| held)
        } else {
            self.queue.pop_front()
        }?;
        self.bytes -= u64::from(held.bytes);
        Some((held.time, held.what))
    }
}

impl<T> Ord for Held<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.time, self.arrived).cmp(&(other.time, other.arrived))
    }
}

impl<T> PartialOrd for Held<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Held<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_waits_for_the_watermark_and_no_longer() {
        let mut order = Reorder::new(Span::seconds(30));
        order.push(Timestamp::new(100, 0), 1, 'a');
        order.push(Timestamp::new(129, 0), 1, 'c');
        assert_eq!(order.head(100), None);
        order.push(Timestamp::new(120, 0), 1, 'b');
        order.push(Timestamp::new(150, 0), 1, 'd');
        let mut out = Vec::new();
        while order.head(1000).is_some() {
            out.extend(order.pop().map(|(_, c)| c));
        }
        assert_eq!(out, ['a', 'b']);
    }

    #[test]
    fn what_was_released_goes_and_what_comes_later_waits() {
        let mut order = Reorder::new(Span::seconds(30));
        order.push(Timestamp::new(100, 0), 1, 'b');
        order.push(Timestamp::new(99, 0), 1, 'a');
        assert_eq!(order.head(100), None);
        order.release();
        order.push(Timestamp::new(101, 0), 1, 'c');
        let mut out = Vec::new();
        while order.head(1000).is_some() {
            out.extend(order.pop().map(|(_, c)| c));
        }
        assert_eq!(out, ['a', 'b']);
    }

    #[test]
    fn what_memory_has_no_room_for_goes_early() {
        let mut order = Reorder::new(Span::seconds(30));
        order.push(Timestamp::new(100, 0), 60, 'b');
        order.push(Timestamp::new(99, 0), 30, 'a');
        assert_eq!(order.head(90), None);
        assert_eq!(order.head(80), Some(Timestamp::new(99, 0)));
        assert_eq!(order.pop().map(|(_, c)| c), Some('a'));
    }

    proptest! {
        #[test]
        fn what_is_late_by_less_than_the_watermark_comes_out_in_order(late in prop::collection::vec(0_i64..30, 0..300)) {
            let mut order = Reorder::new(Span::seconds(30));
            let mut out = Vec::new();
            let mut drain = |order: &mut Reorder<usize>| while order.head(1000).is_some() {
                out.extend(order.pop());
            };
            for (n, late) in late.iter().enumerate() {
                order.push(Timestamp::new(1000 + i64::try_from(n).unwrap() - late, 0), 1, n);
                drain(&mut order);
            }
            order.end();
            drain(&mut order);
            prop_assert_eq!(out.len(), late.len());
            prop_assert!(out.windows(2).all(|w| w[0].0 <= w[1].0));
        }
    }
}
