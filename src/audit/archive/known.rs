//! What is remembered of records by their ids, in bounded memory.

use std::collections::VecDeque;

use super::segment::ById;

/// So many of the latest records are known again when they are told again. Twice as many are held
/// at most, which takes 17 MiB; before files grow it is 16 bytes a record, 6 MiB.
pub(super) const KNOWN: usize = 400_000;

/// The latest records by time of those that were met, in whatever order they were met. It is filled
/// while files are read at first, which it must not hold up: nothing is looked up in it.
pub(super) struct Latest {
    most: usize,
    /// With the time, in nanoseconds since 1970.
    held: Vec<(i64, u64)>,
    /// What is earlier is not among the latest any more.
    from: i64,
}

impl Default for Latest {
    fn default() -> Self {
        Self::of(KNOWN)
    }
}

impl Latest {
    fn of(most: usize) -> Self {
        Self {
            most,
            held: Vec::new(),
            from: i64::MIN,
        }
    }

    /// Makes room for so many more.
    pub(super) fn reserve(&mut self, more: usize) {
        let room = (2 * self.most).saturating_sub(self.held.len());
        self.held.reserve(more.min(room));
    }

    pub(super) fn push(&mut self, time: i64, id: u64) {
        if time < self.from {
            return;
        }
        if self.held.len() >= 2 * self.most {
            self.cut();
        }
        self.held.push((time, id));
    }

    fn cut(&mut self) {
        let over = self.held.len().saturating_sub(self.most);
        if over == 0 || over >= self.held.len() {
            return;
        }
        let (_, (from, _), _) = self.held.select_nth_unstable(over);
        self.from = *from;
        self.held.drain(..over);
    }

    /// Gives back the room that nothing more is to come for.
    pub(super) fn settle(&mut self) {
        self.cut();
        self.held.shrink_to_fit();
    }

    /// What it holds, in order of time.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (i64, u64)> + use<> {
        self.cut();
        let mut held = std::mem::take(&mut self.held);
        held.sort_unstable();
        held.into_iter()
    }
}

/// Ids with the times of their records: of the last so many at least, and of twice as many at most.
///
/// As in [`crate::audit::recent::Recent`] two generations are kept, and the older one is forgotten
/// once the newer one is full. Time makes nothing be forgotten: of files that are followed one may
/// lag behind another by any time.
pub(super) struct Known {
    most: usize,
    newer: ById<i64>,
    older: ById<i64>,
}

impl Known {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            newer: ById::default(),
            older: ById::default(),
        }
    }

    /// When the record of an id was.
    pub(super) fn get(&self, id: u64) -> Option<i64> {
        self.newer.get(&id).or_else(|| self.older.get(&id)).copied()
    }

    pub(super) fn put(&mut self, id: u64, time: i64) {
        if self.newer.len() >= self.most {
            // The room is used again.
            std::mem::swap(&mut self.older, &mut self.newer);
            self.newer.clear();
        }
        self.newer.insert(id, time);
    }

    pub(super) fn forget(&mut self, id: u64) {
        self.newer.remove(&id);
        self.older.remove(&id);
    }
}

/// What is remembered of calls by their ids, of the last so many.
pub(super) struct Recalled<V> {
    most: usize,
    turn: u64,
    /// With the turn at which it was put down.
    by_id: ById<(u64, V)>,
    /// What was put down in order. What was put down anew since, or taken out, is passed over.
    order: VecDeque<(u64, u64)>,
}

impl<V: Copy> Recalled<V> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            turn: 0,
            by_id: ById::default(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn get(&self, id: u64) -> Option<V> {
        self.by_id.get(&id).map(|(_, value)| *value)
    }

    pub(super) fn forget(&mut self, id: u64) {
        self.by_id.remove(&id);
    }

    pub(super) fn put(&mut self, id: u64, value: V) {
        self.turn += 1;
        self.by_id.insert(id, (self.turn, value));
        self.order.push_back((id, self.turn));
        let by_id = &mut self.by_id;
        let holds = |by_id: &ById<(u64, V)>, (id, turn): (u64, u64)| {
            by_id.get(&id).is_some_and(|(last, _)| *last == turn)
        };
        while by_id.len() > self.most {
            match self.order.pop_front() {
                Some(oldest) if holds(by_id, oldest) => drop(by_id.remove(&oldest.0)),
                Some(_) => {}
                None => return,
            }
        }
        if self.order.len() > 2 * self.most {
            self.order.retain(|one| holds(by_id, *one));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_by_time_are_held_in_whatever_order_they_come() {
        let wanted: Vec<(i64, u64)> = (900_i64..1000).map(|n| (n, n.unsigned_abs())).collect();
        // 7 shares no divisor with 1,000.
        let mixed = (0..1000).map(|n| n * 7 % 1000).collect();
        for order in [(0..1000).collect(), (0..1000).rev().collect(), mixed] {
            let order: Vec<i64> = order;
            let mut latest = Latest::of(100);
            for time in order {
                latest.push(time, time.unsigned_abs());
                assert!(latest.held.len() <= 200);
            }
            assert_eq!(latest.take().collect::<Vec<_>>(), wanted);
        }
    }

    #[test]
    fn as_many_as_are_to_be_known_are_known_and_no_more_than_twice_as_many() {
        let mut known = Known::new(100);
        for id in 0..1000_u64 {
            known.put(id, 7);
            assert!((id.saturating_sub(99)..=id).all(|id| known.get(id) == Some(7)));
            assert!(known.newer.len() + known.older.len() <= 200);
        }
        assert_eq!(known.get(700), None);
        known.put(999, 8);
        assert_eq!(known.get(999), Some(8));
        known.forget(999);
        assert_eq!(known.get(999), None);
    }
}
