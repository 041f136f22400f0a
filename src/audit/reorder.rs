//! Puts what arrives nearly in order of time into it, in bounded memory.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use crate::model::{Span, Timestamp};

/// The most records that one input holds back.
const MOST: usize = 200_000;

/// What comes nearly in order of its time.
pub(super) trait Timed {
    fn time(&self) -> Timestamp;
    /// About what it costs to hold.
    fn bytes(&self) -> u32;
}

/// Holds records back until nothing earlier can come: until one that is later by the watermark
/// has been seen, or the input has ended. Later than that is let through as it comes. Where more
/// is held than memory allows, the earliest goes early.
pub(super) struct Reorder<T> {
    /// In order, in runs as they came; most records come at its end. No run is empty but the last
    /// one.
    queue: VecDeque<VecDeque<T>>,
    /// True where the last run is one that records are added to one by one.
    is_open: bool,
    /// Those that came too late for that: each is earlier than the last one of the queue.
    strays: BinaryHeap<Reverse<Stray<T>>>,
    /// The time of the latest stray. What comes with the time of one, or earlier, has to be one too:
    /// in the queue it would go first, though it came later.
    latest_stray: Option<Timestamp>,
    watermark: Span,
    newest: Option<Timestamp>,
    /// All up to this moment may go, whatever comes.
    released: Option<Timestamp>,
    arrived: u64,
    /// How many are held, and about what that costs.
    held: usize,
    bytes: u64,
    ended: bool,
}

struct Stray<T> {
    time: Timestamp,
    arrived: u64,
    what: T,
}

impl<T: Timed> Reorder<T> {
    pub(super) fn new(watermark: Span) -> Self {
        Self {
            queue: VecDeque::new(),
            is_open: false,
            strays: BinaryHeap::new(),
            latest_stray: None,
            watermark,
            newest: None,
            released: None,
            arrived: 0,
            held: 0,
            bytes: 0,
            ended: false,
        }
    }

    /// Takes one in.
    pub(super) fn push(&mut self, what: T) {
        let time = what.time();
        self.held += 1;
        self.bytes += u64::from(what.bytes());
        self.newest = self.newest.max(Some(time));
        if self.last().is_some_and(|last| time < last) {
            self.stray(what);
            return;
        }
        if let Some(run) = self.queue.back_mut().filter(|_| self.is_open) {
            run.push_back(what);
        } else {
            self.queue.push_back(VecDeque::from([what]));
            self.is_open = true;
        }
    }

    /// Keeps one that came too late for the queue.
    fn stray(&mut self, what: T) {
        let time = what.time();
        self.arrived += 1;
        self.latest_stray = self.latest_stray.max(Some(time));
        self.strays.push(Reverse(Stray {
            time,
            arrived: self.arrived,
            what,
        }));
    }

    /// Takes many in, in the order in which they come.
    pub(super) fn push_all(&mut self, mut many: Vec<T>) {
        // What is held is counted by what it holds, not by the room that it has.
        if many.capacity() > 2 * many.len() {
            many.shrink_to_fit();
        }
        sort(&mut many);
        let (Some(first), Some(last)) = (many.first(), many.last()) else {
            return;
        };
        let first = first.time();
        self.newest = self.newest.max(Some(last.time()));
        self.held += many.len();
        self.bytes += many.iter().map(|what| u64::from(what.bytes())).sum::<u64>();
        if self.last().is_some_and(|last| first < last) {
            many = self.weave(many, first);
        }
        if self.queue.back().is_some_and(VecDeque::is_empty) {
            self.queue.pop_back();
        }
        if !many.is_empty() {
            self.queue.push_back(VecDeque::from(many));
        }
        self.is_open = false;
    }

    /// Puts sorted ones, of which some come before the end of the queue, in order with that end. What
    /// comes before more of the queue than they are is left to the strays, so that one that is very
    /// late does not have all of the queue moved.
    fn weave(&mut self, many: Vec<T>, first: Timestamp) -> Vec<T> {
        let mut woven = Vec::new();
        if let Some(run) = self.queue.back_mut() {
            let before = run.partition_point(|what| what.time() <= first);
            let keep = before.max(run.len().saturating_sub(many.len()));
            woven.reserve(run.len() - keep + many.len());
            woven.extend(run.drain(keep..));
            if run.is_empty() {
                self.queue.pop_back();
            } else if run.capacity() > 2 * run.len() {
                run.shrink_to_fit();
            }
        }
        let last = self.last();
        for what in many {
            let time = what.time();
            let is_behind = last.is_some_and(|last| time < last);
            if is_behind || Some(time) <= self.latest_stray {
                self.stray(what);
            } else {
                woven.push(what);
            }
        }
        sort(&mut woven);
        if woven.capacity() > 2 * woven.len() {
            woven.shrink_to_fit();
        }
        woven
    }

    /// The time of the last one in the queue.
    fn last(&self) -> Option<Timestamp> {
        self.queue.back()?.back().map(T::time)
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
        let queue = self.first().map(T::time);
        match (queue, self.strays.peek()) {
            (Some(a), Some(Reverse(stray))) => Some(a.min(stray.time)),
            (None, Some(Reverse(stray))) => Some(stray.time),
            (a, None) => a,
        }
    }

    fn first(&self) -> Option<&T> {
        self.queue.front()?.front()
    }

    /// The time of the earliest that may go, where `most` bytes may be held at most.
    pub(super) fn head(&self, most: u64) -> Option<Timestamp> {
        let head = self.earliest()?;
        let full = self.bytes > most || self.held > MOST;
        (full || Some(head) <= self.passed()).then_some(head)
    }

    /// All up to this moment may go.
    fn passed(&self) -> Option<Timestamp> {
        let newest = self.newest?;
        if self.ended {
            return Some(newest);
        }
        self.released.max(Some(newest - self.watermark))
    }

    /// Takes the earliest out, whether or not it may go.
    pub(super) fn pop(&mut self) -> Option<T> {
        let is_stray = match (self.first(), self.strays.peek()) {
            // Of two of the same time that of the queue came before.
            (Some(first), Some(Reverse(stray))) => stray.time < first.time(),
            (first, _) => first.is_none(),
        };
        let what = if is_stray {
            let stray = self.strays.pop();
            if self.strays.is_empty() {
                self.latest_stray = None;
            }
            stray.map(|Reverse(stray)| stray.what)
        } else {
            self.queue.front_mut().and_then(VecDeque::pop_front)
        }?;
        self.held -= 1;
        self.bytes -= u64::from(what.bytes());
        self.leave();
        Some(what)
    }

    /// Forgets a run that has gone.
    fn leave(&mut self) {
        let is_needed = self.is_open && self.queue.len() == 1;
        if !is_needed && self.queue.front().is_some_and(VecDeque::is_empty) {
            self.queue.pop_front();
        }
    }

    /// Gives those that may go by their time and come before `until`, in order and where they lie,
    /// for as long as they are taken: `take` says whether one was.
    pub(super) fn take_while(
        &mut self,
        until: Option<Timestamp>,
        mut take: impl FnMut(&T) -> bool,
    ) {
        let stray = self.strays.peek().map(|Reverse(stray)| stray.time);
        let Some(passed) = self.passed() else {
            return;
        };
        let passed = stray.map_or(passed, |stray| passed.min(stray));
        let may_go = |time| time <= passed && until.is_none_or(|until| time < until);
        while let Some(run) = self.queue.front_mut() {
            let (some, _) = run.as_slices();
            let (mut taken, mut bytes) = (0, 0);
            for what in some {
                if !may_go(what.time()) || !take(what) {
                    break;
                }
                taken += 1;
                bytes += u64::from(what.bytes());
            }
            if taken == 0 {
                return;
            }
            run.drain(..taken);
            self.held -= taken;
            self.bytes -= bytes;
            self.leave();
        }
    }
}

/// Puts them in order of time; those of one moment stay as they are. Each is moved about once, as they
/// are large.
fn sort<T: Timed>(many: &mut [T]) {
    if many.iter().map(T::time).is_sorted() {
        return;
    }
    let times = many.iter().map(T::time);
    let mut order: Vec<(Timestamp, usize)> = times.zip(0..).collect();
    order.sort_unstable();
    // Round each circle of those that take each other's places.
    for begin in 0..order.len() {
        let mut to = begin;
        while let Some((_, from)) = order.get_mut(to) {
            let from = std::mem::replace(from, to);
            if from == begin {
                break;
            }
            many.swap(to, from);
            to = from;
        }
    }
}

impl<T> Ord for Stray<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.time, self.arrived).cmp(&(other.time, other.arrived))
    }
}

impl<T> PartialOrd for Stray<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Stray<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Stray<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Something at a second that costs some bytes.
    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Thing(i64, u32, usize);

    impl Timed for Thing {
        fn time(&self) -> Timestamp {
            Timestamp::new(self.0, 0)
        }

        fn bytes(&self) -> u32 {
            self.1
        }
    }

    fn drained(order: &mut Reorder<Thing>) -> Vec<usize> {
        let mut out = Vec::new();
        while order.head(1000).is_some() {
            out.extend(order.pop().map(|thing| thing.2));
        }
        out
    }

    #[test]
    fn it_waits_for_the_watermark_and_no_longer() {
        let mut order = Reorder::new(Span::seconds(30));
        order.push(Thing(100, 1, 1));
        order.push(Thing(129, 1, 3));
        assert_eq!(order.head(100), None);
        order.push(Thing(120, 1, 2));
        order.push(Thing(150, 1, 4));
        assert_eq!(drained(&mut order), [1, 2]);
    }

    #[test]
    fn what_was_released_goes_and_what_comes_later_waits() {
        let mut order = Reorder::new(Span::seconds(30));
        order.push(Thing(100, 1, 2));
        order.push(Thing(99, 1, 1));
        assert_eq!(order.head(100), None);
        order.release();
        order.push(Thing(101, 1, 3));
        assert_eq!(drained(&mut order), [1, 2]);
    }

    #[test]
    fn what_memory_has_no_room_for_goes_early() {
        let mut order = Reorder::new(Span::seconds(30));
        order.push(Thing(100, 60, 2));
        order.push(Thing(99, 30, 1));
        assert_eq!(order.head(90), None);
        assert_eq!(order.head(80), Some(Timestamp::new(99, 0)));
        assert_eq!(order.pop().map(|thing| thing.2), Some(1));
    }

    /// Some are earlier than more of the queue than is moved for them, and some have the time of a
    /// stray.
    #[test]
    fn what_comes_at_once_and_is_late_goes_in_order_too() {
        let pieces: [&[i64]; 4] = [
            &[100, 101, 102, 103, 104, 105, 106, 107, 108, 109],
            &[109, 101, 105],
            &[120, 105, 109, 101, 108],
            &[119, 120, 105, 109],
        ];
        let mut order = Reorder::new(Span::seconds(30));
        let mut all: Vec<Thing> = Vec::new();
        for piece in pieces {
            let things = piece
                .iter()
                .zip(all.len()..)
                .map(|(time, n)| Thing(*time, 1, n));
            let things: Vec<Thing> = things.collect();
            all.extend(&things);
            order.push_all(things);
        }
        order.end();
        all.sort_by_key(|thing| (thing.0, thing.2));
        let expected: Vec<usize> = all.iter().map(|thing| thing.2).collect();
        assert_eq!(drained(&mut order), expected);
        assert_eq!((order.held, order.bytes), (0, 0));
        assert_eq!(order.latest_stray, None);
    }

    /// What [`Reorder`] is by its definition: all are held, and the earliest is looked for.
    #[derive(Default)]
    struct Plain {
        held: Vec<Thing>,
        newest: i64,
    }

    impl Plain {
        fn push(&mut self, thing: Thing) {
            self.newest = self.newest.max(thing.0);
            self.held.push(thing);
        }

        fn go(&mut self, most: u32, ended: bool, out: &mut Vec<usize>) {
            while let Some(first) = self.held.iter().map(|thing| thing.0).min() {
                let bytes: u32 = self.held.iter().map(|thing| thing.1).sum();
                if !ended && first > self.newest - 30 && bytes <= most {
                    return;
                }
                let at = self.held.iter().position(|thing| thing.0 == first);
                out.push(self.held.remove(at.unwrap()).2);
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_late_by_less_than_the_watermark_comes_out_in_order(late in prop::collection::vec(0_i64..30, 0..300)) {
            let mut order = Reorder::new(Span::seconds(30));
            let mut out = Vec::new();
            let mut drain = |order: &mut Reorder<Thing>| while order.head(1000).is_some() {
                out.extend(order.pop());
            };
            for (n, late) in late.iter().enumerate() {
                order.push(Thing(1000 + i64::try_from(n).unwrap() - late, 1, n));
                drain(&mut order);
            }
            order.end();
            drain(&mut order);
            prop_assert_eq!(out.len(), late.len());
            prop_assert!(out.windows(2).all(|w| w[0].0 <= w[1].0));
        }

        /// However they come, one by one or many at once, and however they are taken.
        #[test]
        fn they_go_in_the_same_order_however_they_come_and_are_taken(
            pieces in prop::collection::vec((prop::collection::vec((0_i64..100, 0_u32..20), 0..9), any::<bool>(), any::<bool>(), 0_usize..9), 0..60),
            most in 0_u32..400,
        ) {
            let mut order = Reorder::new(Span::seconds(30));
            let (mut plain, mut out, mut expected) = (Plain::default(), Vec::new(), Vec::new());
            let (mut n, mut now) = (0, 0);
            let count = pieces.len();
            for (nth, (mut piece, is_sorted, is_many, some)) in pieces.into_iter().enumerate() {
                if is_sorted {
                    piece.sort_unstable();
                }
                let mut things = Vec::new();
                for (late, bytes) in piece {
                    n += 1;
                    let thing = Thing(now + late, bytes, n);
                    plain.push(thing);
                    things.push(thing);
                }
                now += if nth % 3 == 0 { 100 } else { 10 };
                if is_many {
                    order.push_all(things);
                } else {
                    for thing in things {
                        order.push(thing);
                    }
                }
                let ended = nth + 1 == count;
                plain.go(most, ended, &mut expected);
                if ended {
                    order.end();
                }
                let mut left = some;
                order.take_while(Some(Timestamp::new(now - 50, 0)), |thing| {
                    let takes = left > 0 && thing.0 < now - 50;
                    left = left.saturating_sub(1);
                    if takes {
                        out.push(thing.2);
                    }
                    takes
                });
                while order.head(u64::from(most)).is_some() {
                    out.extend(order.pop().map(|thing| thing.2));
                    if some % 2 == 0 {
                        order.take_while(None, |thing| {
                            out.push(thing.2);
                            true
                        });
                    }
                }
                prop_assert_eq!(&out, &expected);
                prop_assert_eq!(order.held, plain.held.len());
                prop_assert_eq!(order.bytes, plain.held.iter().map(|thing| u64::from(thing.1)).sum::<u64>());
            }
        }
    }
}
