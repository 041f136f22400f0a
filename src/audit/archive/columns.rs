//! The index: what is known of each row without looking at its line again.

use std::collections::HashMap;
use std::ops::Range;

use super::codes::{Codes, reordered, turned};
use crate::audit::coded::{CODED, Dictionary};
use crate::audit::words::Words;
use crate::model::{Text, Timestamp};
use crate::query::Field;

/// Where among [`Field::INDEXED`] a field is; `None` where a row's line has to be looked at.
pub(super) const fn coded(field: Field) -> Option<usize> {
    let (mut fields, mut at): (&[Field], usize) = (&Field::INDEXED, 0);
    while let [first, others @ ..] = fields {
        if *first as usize == field as usize {
            return Some(at);
        }
        (fields, at) = (others, at + 1);
    }
    None
}

/// The bits of a place that say how far into its file it is: 16 TiB, and a million files.
const OFFSET_BITS: u32 = 44;

/// The longest way back from a response to its request that is kept, in bytes.
const LONGEST_BACK: u64 = (1 << 31) - 1;

/// The bit beside the way back that says that something went wrong.
const ERROR: u32 = 1 << 31;

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct At {
    /// The number of its file in the archive.
    pub(super) file: u32,
    /// The offset of its first byte, below 2^44.
    pub(super) offset: u64,
}

impl At {
    fn pack(self) -> u64 {
        u64::from(self.file) << OFFSET_BITS | (self.offset & ((1 << OFFSET_BITS) - 1))
    }

    fn unpack(packed: u64) -> Self {
        Self {
            file: u32::try_from(packed >> OFFSET_BITS).unwrap_or(0),
            offset: packed & ((1 << OFFSET_BITS) - 1),
        }
    }

    /// How many bytes before this last line of a call its first one stands; 0 where that is not
    /// kept with the row.
    pub(super) fn back_to(self, first: Self) -> u32 {
        let distance = self.offset.checked_sub(first.offset);
        let near = distance.filter(|far| first.file == self.file && *far <= LONGEST_BACK);
        near.and_then(|far| u32::try_from(far).ok()).unwrap_or(0)
    }
}

/// A row on its way into the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Nanoseconds since 1970.
    pub(super) time: i64,
    /// Where its last line stands.
    pub(super) at: At,
    /// How many bytes before it the request stands that it answers, below 2^31; 0 for none.
    pub(super) back: u32,
    /// True where its field `error` says something.
    pub(super) has_error: bool,
    /// Its codes, in the order of [`Field::INDEXED`].
    pub(super) codes: [u32; CODED],
}

impl Entry {
    fn packed_back(&self) -> u32 {
        let error = if self.has_error { ERROR } else { 0 };
        self.back & !ERROR | error
    }
}

/// The rows, a column each, and the words that their codes stand for.
pub(super) struct Columns {
    pub(super) times: Vec<i64>,
    places: Vec<u64>,
    backs: Vec<u32>,
    /// Where the first lines of calls stand that are in another file, or too far before their last
    /// ones, by the places of these: few but where a log was rotated in between.
    elsewhere: HashMap<u64, u64>,
    pub(super) codes: [Codes; CODED],
    pub(super) dictionary: Dictionary,
    /// False once a row is earlier than one before it.
    in_order: bool,
}

impl Columns {
    pub(super) fn new() -> Self {
        Self {
            times: Vec::new(),
            places: Vec::new(),
            backs: Vec::new(),
            elsewhere: HashMap::new(),
            codes: std::array::from_fn(|_| Codes::Absent(0)),
            dictionary: Dictionary::new(),
            in_order: true,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// The words of the how-manieth coded field.
    pub(super) fn words(&self, nth: usize) -> Option<&Words> {
        self.dictionary.words.get(nth)
    }

    pub(super) fn words_mut(&mut self, nth: usize) -> Option<&mut Words> {
        self.dictionary.words.get_mut(nth)
    }

    pub(super) fn push(&mut self, entry: &Entry) {
        self.in_order &= self.times.last().is_none_or(|last| *last <= entry.time);
        self.times.push(entry.time);
        self.places.push(entry.at.pack());
        self.backs.push(entry.packed_back());
        for (column, code) in self.codes.iter_mut().zip(entry.codes) {
            column.push(code);
        }
    }

    /// Puts rows behind those that are there, a column after the other.
    pub(super) fn extend(&mut self, entries: &[Entry]) {
        let mut last = self.times.last().copied().unwrap_or(i64::MIN);
        for entry in entries {
            self.in_order &= last <= entry.time;
            last = entry.time;
        }
        self.times.extend(entries.iter().map(|entry| entry.time));
        self.places
            .extend(entries.iter().map(|entry| entry.at.pack()));
        self.backs.extend(entries.iter().map(Entry::packed_back));
        for (nth, column) in self.codes.iter_mut().enumerate() {
            let of = |entry: &Entry| entry.codes.get(nth).copied().unwrap_or(0);
            column.extend(entries.iter().map(of));
        }
    }

    /// Remembers where the first line of a call stands whose last line stands at `last`, if a row
    /// does not tell it itself.
    pub(super) fn began(&mut self, last: At, first: At) {
        if first != last && last.back_to(first) == 0 {
            self.elsewhere.insert(last.pack(), first.pack());
        }
    }

    /// Puts a row where it belongs by its time, behind those of the same; gives its number.
    pub(super) fn insert(&mut self, entry: &Entry) -> usize {
        let row = self.times.partition_point(|time| *time <= entry.time);
        self.push(entry);
        // Most rows come last; one that comes late is near the end.
        let turn = |len: usize| row..len;
        let len = self.len();
        if let Some(times) = self.times.get_mut(turn(len)) {
            times.rotate_right(1);
        }
        if let Some(places) = self.places.get_mut(turn(len)) {
            places.rotate_right(1);
        }
        if let Some(backs) = self.backs.get_mut(turn(len)) {
            backs.rotate_right(1);
        }
        for column in &mut self.codes {
            column.rotate_right(row);
        }
        self.in_order = true;
        row
    }

    /// Takes the row of a time and place out; gives its number, and where the request stood that it
    /// answered.
    pub(super) fn remove(&mut self, time: i64, at: At) -> Option<(usize, Option<At>)> {
        let first = self.times.partition_point(|other| *other < time);
        let place = at.pack();
        let same = self
            .places
            .get(first..)?
            .iter()
            .zip(self.times.get(first..)?);
        let mut same = same.take_while(|(_, other)| **other == time);
        let row = first + same.position(|(other, _)| *other == place)?;
        let (_, request) = self.lines(row)?;
        self.times.remove(row);
        self.places.remove(row);
        self.elsewhere.remove(&place);
        self.backs.remove(row);
        for column in &mut self.codes {
            column.remove(row);
        }
        Some((row, request))
    }

    /// Where a row's last line stands, and the first one of its call; `None` where it is the only
    /// one that is known.
    pub(super) fn lines(&self, row: usize) -> Option<(At, Option<At>)> {
        let place = *self.places.get(row)?;
        let at = At::unpack(place);
        let back = u64::from(self.backs.get(row)? & !ERROR);
        if back == 0 {
            return Some((at, self.elsewhere.get(&place).copied().map(At::unpack)));
        }
        let request = At {
            file: at.file,
            offset: at.offset.saturating_sub(back),
        };
        Some((at, Some(request)))
    }

    /// Where a row stands, for a person: its first line.
    pub(super) fn place(&self, row: usize) -> Option<At> {
        let (last, first) = self.lines(row)?;
        Some(first.unwrap_or(last))
    }

    /// True where a row's field `error` says something.
    pub(super) fn has_error(&self, row: usize) -> bool {
        self.backs.get(row).is_some_and(|back| back & ERROR != 0)
    }

    /// When a row was.
    pub(super) fn time(&self, row: usize) -> Timestamp {
        let nanos = self.times.get(row).copied().unwrap_or(0);
        timestamp(nanos)
    }

    /// What a row says in the how-manieth coded field.
    pub(super) fn word(&self, nth: usize, row: usize) -> Option<&str> {
        let code = self.codes.get(nth)?.get(row);
        self.words(nth)?.get(code)
    }

    /// The same as a text.
    pub(super) fn text(&self, nth: usize, row: usize) -> Option<Text> {
        self.word(nth, row).map(Text::from)
    }

    /// Puts the rows in order of time; rows of one moment stay as they came.
    pub(super) fn sort(&mut self) {
        if self.in_order {
            return;
        }
        let (turns, all) = turns(&mut self.times);
        turned(&mut self.places, &turns);
        turned(&mut self.backs, &turns);
        for column in &mut self.codes {
            column.turn(&turns);
        }
        if !all {
            self.reorder();
        }
        self.in_order = true;
    }

    /// Gives room back that no row needs now.
    pub(super) fn shrink(&mut self) {
        self.times.shrink_to_fit();
        self.places.shrink_to_fit();
        self.backs.shrink_to_fit();
        self.elsewhere.shrink_to_fit();
        self.codes.iter_mut().for_each(Codes::shrink);
    }

    /// The same of rows that come in any order.
    fn reorder(&mut self) {
        let mut order: Vec<u32> = (0..self.len())
            .filter_map(|row| u32::try_from(row).ok())
            .collect();
        order.sort_by_key(|row| self.times.get(*row as usize).copied());
        self.times = reordered(&self.times, &order);
        self.places = reordered(&self.places, &order);
        self.backs = reordered(&self.backs, &order);
        for column in &mut self.codes {
            column.reorder(&order);
        }
    }

    /// About how many bytes of memory this takes.
    pub(super) fn bytes(&self) -> usize {
        let rows =
            self.times.capacity() * 8 + self.places.capacity() * 8 + self.backs.capacity() * 4;
        let codes: usize = self.codes.iter().map(Codes::bytes).sum();
        let words: usize = self.dictionary.words.iter().map(Words::bytes).sum();
        // A place, another one, and a byte of the table for each.
        let elsewhere = self.elsewhere.capacity() * 17;
        rows + codes + words + elsewhere
    }
}

/// Puts times in order that are nearly so already, as the lines of a log are: each that is behind
/// a later one goes to its place among those before it. Gives these turns, and whether all are in
/// order now: where they lie too far from it, some are left.
fn turns(times: &mut [i64]) -> (Vec<Range<usize>>, bool) {
    let mut turns = Vec::new();
    let mut left = times.len() * MOVES;
    let mut latest = i64::MIN;
    for at in 0..times.len() {
        let (before, rest) = times.split_at(at);
        let time = rest.first().copied().unwrap_or(latest);
        if time >= latest {
            latest = time;
            continue;
        }
        let to = before.partition_point(|other| *other <= time);
        let Some(fewer) = left.checked_sub(at - to) else {
            return (turns, false);
        };
        left = fewer;
        let turn = to..at + 1;
        turned(times, std::slice::from_ref(&turn));
        turns.push(turn);
    }
    (turns, true)
}

/// So often each row may be moved by one that goes before it, on average: beyond that it is
/// quicker to sort them.
const MOVES: usize = 2;

/// Nanoseconds since 1970 of a time; what lies beyond the years 1677 to 2262 is at their ends.
pub(super) fn nanos(time: Timestamp) -> i64 {
    let seconds = time.seconds().saturating_mul(1_000_000_000);
    seconds.saturating_add(i64::from(time.nanos()))
}

/// The time of nanoseconds since 1970.
pub(super) fn timestamp(nanos: i64) -> Timestamp {
    let rest = nanos.rem_euclid(1_000_000_000);
    Timestamp::new(
        nanos.div_euclid(1_000_000_000),
        u32::try_from(rest).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Times as those of a log's lines: later and later, but for a few.
    fn times() -> impl Strategy<Value = Vec<i64>> {
        let late = prop_oneof![20 => Just(0_i64), 2 => 0..9_i64, 1 => 0..500_i64];
        let log = prop::collection::vec(late, 0..300).prop_map(|late| {
            let rows = (0_i64..).zip(late);
            rows.map(|(row, late)| row - late).collect()
        });
        prop_oneof![log, prop::collection::vec(-20..20_i64, 0..100)]
    }

    proptest! {
        #[test]
        fn rows_are_put_in_order_of_time_and_those_of_one_moment_stay_as_they_came(times in times()) {
            let mut columns = Columns::new();
            let mut wanted: Vec<(i64, u64, u32, u32)> = Vec::new();
            for (time, nth) in times.into_iter().zip(0_u32..) {
                let (offset, codes) = (u64::from(nth) * 10, [nth * 7; CODED]);
                let at = At { file: 0, offset };
                columns.push(&Entry { time, at, back: nth, has_error: false, codes });
                wanted.push((time, offset, nth, nth * 7));
            }
            wanted.sort_by_key(|(time, ..)| *time);
            columns.sort();
            for (row, (time, offset, back, code)) in wanted.into_iter().enumerate() {
                prop_assert_eq!(columns.times[row], time);
                prop_assert_eq!(At::unpack(columns.places[row]), At { file: 0, offset });
                prop_assert_eq!(columns.backs[row], back);
                prop_assert!(columns.codes.iter().all(|codes| codes.get(row) == code));
            }
        }
    }
}
