//! Which rows fit a filter, found step by step, so that what is found so far can be shown and a
//! new question is heard soon.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::thread;

use super::Archive;
use super::codes::Codes;
use super::columns::{At, Columns, coded, nanos};
use super::grep::Grep;
use super::look::file_name;
use super::original::Original;
use crate::audit::parallel::threads;
use crate::model::{Text, Timestamp};
use crate::query::{Among, Field, Filter, Table, Test};

/// Rows that are asked in one step.
const SLICE: usize = 1 << 20;

/// Rows that are asked in one step where each has to be read: about 50 ms.
const SLOW_SLICE: usize = 4096;

/// Words of 64 rows of which it is kept how many rows fit before them.
const BLOCK: usize = if cfg!(test) { 2 } else { 64 };

/// A search of an archive. It holds nothing of the archive itself, which may grow meanwhile.
pub struct Search {
    filter: Arc<Filter>,
    /// For each test of a field that is kept as codes: which codes fit.
    fitting: HashMap<usize, Vec<bool>>,
    /// For each test of the record as it was written.
    greps: HashMap<usize, Grep>,
    fits: Vec<u64>,
    /// How many rows fit before each [`BLOCK`] of those words, as far as all before it were looked
    /// at: which row is the how-manieth is else counted from the first on.
    ranks: Vec<usize>,
    looked: usize,
    found: usize,
    wrong: Option<String>,
}

/// A test's name within one search: where it stands in memory, which the filter keeps.
fn name(test: &Test) -> usize {
    std::ptr::from_ref(test) as usize
}

impl Search {
    /// A search that has not begun.
    #[must_use]
    pub fn new(filter: Filter) -> Self {
        let filter = Arc::new(filter);
        let greps = filter.tests().into_iter().filter_map(|test| match test {
            Test::Anywhere(words) => Some((name(test), Grep::new(words))),
            _ => None,
        });
        Self {
            greps: greps.collect(),
            fitting: HashMap::new(),
            fits: Vec::new(),
            ranks: Vec::new(),
            looked: 0,
            found: 0,
            wrong: None,
            filter,
        }
    }

    /// What is asked.
    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What looks for words in files.
    pub(super) fn greps_mut(&mut self) -> Vec<&mut Grep> {
        self.greps.values_mut().collect()
    }

    /// How many rows were looked at, from the first on.
    #[must_use]
    pub fn looked(&self) -> usize {
        self.looked
    }

    /// How many of them fit.
    #[must_use]
    pub fn found(&self) -> usize {
        self.found
    }

    /// What went wrong, for a person: rows may be missing among those that fit.
    #[must_use]
    pub fn wrong(&self) -> Option<&str> {
        self.wrong.as_deref()
    }

    /// The row that is the how-manieth of those that fit, from 0.
    #[must_use]
    pub fn row(&self, nth: usize) -> Option<usize> {
        let block = self.ranks.partition_point(|rank| *rank <= nth).max(1) - 1;
        let mut left = nth - self.ranks.get(block).copied().unwrap_or(0);
        for (at, word) in self.fits.iter().enumerate().skip(block * BLOCK) {
            let ones = word.count_ones() as usize;
            if left < ones {
                let mut word = *word;
                for _ in 0..left {
                    word &= word - 1;
                }
                return Some(at * 64 + word.trailing_zeros() as usize);
            }
            left -= ones;
        }
        None
    }

    /// How many of those that fit stand before a row.
    #[must_use]
    pub fn before(&self, row: usize) -> usize {
        let (whole, over) = (row / 64, row % 64);
        let block = (whole / BLOCK).min(self.ranks.len().saturating_sub(1));
        let known = self.ranks.get(block).copied().unwrap_or(0);
        let head = self.fits.get(..whole).unwrap_or(&self.fits);
        let counted = known + ones(head.get(block * BLOCK..).unwrap_or_default());
        let last = self.fits.get(whole).copied().unwrap_or(0) & ((1 << over) - 1);
        counted + last.count_ones() as usize
    }

    /// The rows that fit, of some, in order.
    pub fn rows(&self, among: Range<usize>) -> impl Iterator<Item = usize> {
        let words = among.start / 64..among.end.div_ceil(64);
        let words = words.filter_map(|at| Some((at, *self.fits.get(at)?)));
        words
            .flat_map(|(at, mut left)| {
                std::iter::from_fn(move || {
                    let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                    left &= left - 1;
                    Some(at * 64 + bit)
                })
            })
            .filter(move |row| among.contains(row))
    }

    /// Looks further; true once every row was looked at.
    pub fn step(&mut self, archive: &Archive) -> bool {
        let mut read = true;
        for grep in self.greps.values_mut() {
            read &= grep.step(&archive.originals);
            if let Some(wrong) = &grep.wrong {
                self.wrong.get_or_insert_with(|| wrong.to_string());
            }
        }
        let mut tests = self.filter.tests().into_iter();
        let slow = tests.any(|test| reads(test) || reads_here(test, archive));
        let most = if slow { SLOW_SLICE } else { SLICE };
        let to = archive.len().min(self.looked + most);
        let to = if read { to } else { self.reached(archive, to) };
        let from = self.looked;
        if to > from {
            let mut among = Among::all(to - from);
            let filter = Arc::clone(&self.filter);
            let mut slice = Slice {
                archive,
                search: self,
                from,
            };
            filter.keep(&mut slice, &mut among);
            self.take(&among, from);
            self.looked = to;
            self.rank();
        }
        read && self.looked == archive.len()
    }

    /// Rows from one on are others now, or new: they are looked at by the next steps.
    pub fn rewind(&mut self, row: usize) {
        self.greps.values_mut().for_each(Grep::grown);
        if row >= self.looked {
            return;
        }
        self.found = self.before(row);
        self.ranks.truncate(row / (64 * BLOCK) + 1);
        self.fits.truncate(row.div_ceil(64));
        if let Some(last) = self.fits.last_mut().filter(|_| !row.is_multiple_of(64)) {
            *last &= (1 << (row % 64)) - 1;
        }
        self.looked = row;
    }

    /// Counts the blocks that were looked at since.
    fn rank(&mut self) {
        while self.ranks.len() * BLOCK * 64 <= self.looked {
            let before = self.ranks.len().saturating_sub(1);
            let of = before * BLOCK..self.ranks.len() * BLOCK;
            let known = self.ranks.last().copied().unwrap_or(0);
            let counted = ones(self.fits.get(of).unwrap_or_default());
            self.ranks.push(known + counted);
        }
    }

    /// The first row that cannot be decided yet, since a file of it was not looked through so far.
    fn reached(&self, archive: &Archive, to: usize) -> usize {
        let decided = |row: &usize| {
            let Some((at, request)) = archive.columns.lines(*row) else {
                return true;
            };
            let mut greps = self.greps.values();
            greps.all(|grep| {
                let through = |at: At| at.offset < grep.until(at.file);
                through(at) && request.is_none_or(through)
            })
        };
        (self.looked..to).find(|row| !decided(row)).unwrap_or(to)
    }

    /// Takes in what fits of the rows from `from` on.
    fn take(&mut self, among: &Among, from: usize) {
        self.found += among.count();
        let (word, shift) = (from / 64, from % 64);
        self.fits.resize((from + among.len()).div_ceil(64), 0);
        for (at, bits) in among.words().iter().enumerate() {
            if let Some(low) = self.fits.get_mut(word + at) {
                *low |= bits << shift;
            }
            if shift > 0
                && let Some(high) = self.fits.get_mut(word + at + 1)
            {
                *high |= bits >> (64 - shift);
            }
        }
    }
}

fn ones(words: &[u64]) -> usize {
    words.iter().map(|word| word.count_ones() as usize).sum()
}

/// True for a test for which rows have to be read.
fn reads(test: &Test) -> bool {
    match test {
        Test::There(Field::Error) | Test::Absent(Field::Error) => false,
        test => test
            .field()
            .is_some_and(|field| field != Field::File && coded(field).is_none()),
    }
}

/// True for words for which rows of these files have to be read: of those whose records stand on
/// lines of their own, the lines are looked through instead.
fn reads_here(test: &Test, archive: &Archive) -> bool {
    matches!(test, Test::Anywhere(_)) && archive.originals.iter().any(Original::spans_lines)
}

/// Some rows of an archive, to be asked.
struct Slice<'a> {
    archive: &'a Archive,
    search: &'a mut Search,
    from: usize,
}

impl Table for Slice<'_> {
    fn cost(&self, test: &Test) -> u32 {
        match test {
            Test::Between(..) => 1,
            Test::Anywhere(_) => 100,
            test if reads(test) => 10_000,
            _ => 10,
        }
    }

    fn keep(&mut self, test: &Test, among: &mut Among) {
        let (archive, from) = (self.archive, self.from);
        let columns = &archive.columns;
        match test {
            Test::Between(begin, end) => {
                let rows = between(columns, *begin, *end);
                among.retain(|row| rows.contains(&(from + row)));
            }
            Test::There(Field::Error) => among.retain(|row| columns.has_error(from + row)),
            Test::Absent(Field::Error) => among.retain(|row| !columns.has_error(from + row)),
            Test::Anywhere(_) => self.keep_written(test, among),
            test => match test.field().map(|field| (field, coded(field))) {
                Some((_, Some(nth))) => self.keep_coded(test, nth, among),
                Some((Field::File, None)) => among.retain(|row| {
                    let name = file_name(archive, from + row).map(Text::raw);
                    test.fits(name)
                }),
                _ => self.keep_read(test, among),
            },
        }
    }
}

impl Slice<'_> {
    fn keep_coded(&mut self, test: &Test, nth: usize, among: &mut Among) {
        let columns = &self.archive.columns;
        let (Some(words), Some(codes)) = (columns.words(nth), columns.codes.get(nth)) else {
            return;
        };
        let fitting = self.search.fitting.entry(name(test)).or_default();
        // What is followed may have met new words since.
        for code in fitting.len()..words.len() {
            let code = u32::try_from(code).unwrap_or(0);
            fitting.push(test.fits(words.get(code)));
        }
        let fits = |code: usize| fitting.get(code).copied().unwrap_or(false);
        let from = self.from;
        match codes {
            Codes::Absent(_) if fits(0) => {}
            Codes::Absent(_) => *among = Among::none(among.len()),
            Codes::Narrow(codes) => keep_codes(among, codes.get(from..), |c| fits(usize::from(c))),
            Codes::Middle(codes) => keep_codes(among, codes.get(from..), |c| fits(usize::from(c))),
            Codes::Wide(codes) => keep_codes(among, codes.get(from..), |c| fits(c as usize)),
        }
    }

    /// Keeps the rows whose record has the words as it was written.
    fn keep_written(&mut self, test: &Test, among: &mut Among) {
        let (archive, from) = (self.archive, self.from);
        let Some(grep) = self.search.greps.get(&name(test)) else {
            return;
        };
        let mut others = Among::none(among.len());
        among.retain(|row| {
            let Some((at, request)) = archive.columns.lines(from + row) else {
                return false;
            };
            let one_line = archive.original(at).is_ok_and(Original::reads_lines);
            if !one_line {
                others.add(row);
                return false;
            }
            let has = |at: At| grep.has(at.file, at.offset) == Some(true);
            has(at) || request.is_some_and(has)
        });
        if others.count() > 0 {
            self.keep_read(test, &mut others);
            among.union(&others);
        }
    }

    /// Keeps the rows that fit once they are read; several at a time.
    fn keep_read(&mut self, test: &Test, among: &mut Among) {
        let (archive, from) = (self.archive, self.from);
        let rows: Vec<usize> = among.rows().collect();
        let ask = |rows: &[usize]| -> (Vec<usize>, Option<String>) {
            let (mut fit, mut wrong) = (Vec::new(), None);
            for row in rows {
                match archive.row(from + row, false) {
                    Ok(read) if test.holds(&read) => fit.push(*row),
                    Ok(_) => {}
                    Err(why) => {
                        wrong.get_or_insert(why);
                    }
                }
            }
            (fit, wrong)
        };
        let share = rows.len().div_ceil(threads(rows.len())).max(64);
        let found: Vec<_> = if rows.len() <= 64 {
            vec![ask(&rows)]
        } else {
            thread::scope(|scope| {
                let ask = &ask;
                let parts = rows.chunks(share);
                let parts: Vec<_> = parts.map(|part| scope.spawn(move || ask(part))).collect();
                let died = || {
                    (
                        Vec::new(),
                        Some("a thread that read rows ended early".to_owned()),
                    )
                };
                let joined = parts.into_iter().map(thread::ScopedJoinHandle::join);
                joined.map(|part| part.unwrap_or_else(|_| died())).collect()
            })
        };
        *among = Among::none(among.len());
        for (fit, wrong) in found {
            for row in fit {
                among.add(row);
            }
            if let Some(why) = wrong {
                self.search.wrong.get_or_insert(why);
            }
        }
    }
}

/// Keeps the rows whose codes fit.
fn keep_codes<T: Copy>(among: &mut Among, codes: Option<&[T]>, fits: impl Fn(T) -> bool) {
    let codes = codes.unwrap_or_default();
    for (word, codes) in among.words_mut().iter_mut().zip(codes.chunks(64)) {
        if *word == 0 {
            continue;
        }
        let fitting = codes.iter().enumerate();
        let fitting = fitting.fold(0, |bits, (bit, code)| bits | u64::from(fits(*code)) << bit);
        *word &= fitting;
    }
}

/// The rows between two times, of which the second does not belong to them.
fn between(columns: &Columns, begin: Option<Timestamp>, end: Option<Timestamp>) -> Range<usize> {
    let before = |time: Timestamp| {
        let time = nanos(time);
        columns.times.partition_point(|at| *at < time)
    };
    begin.map_or(0, before)..end.map_or(columns.len(), before)
}

impl Archive {
    /// Looks for all rows that fit.
    #[must_use]
    pub fn search(&self, filter: Filter) -> Search {
        let mut search = Search::new(filter);
        while !search.step(self) {}
        search
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_fits_is_counted_from_anywhere(
            fit in prop::collection::vec(prop::bool::weighted(0.3), 0..900),
            cuts in prop::collection::vec(0_usize..900, 0..4),
        ) {
            let mut search = Search::new(Filter::parse("").unwrap());
            let look_to = |search: &mut Search, to: usize| {
                let from = search.looked;
                let mut among = Among::none(to - from);
                let fits = |row: &usize| fit.get(from + row) == Some(&true);
                (0..to - from).filter(fits).for_each(|row| among.add(row));
                search.take(&among, from);
                search.looked = to;
                search.rank();
            };
            for cut in cuts {
                let to = search.looked.max(cut.min(fit.len()));
                look_to(&mut search, to);
                search.rewind(cut / 2);
            }
            look_to(&mut search, fit.len());
            let rows: Vec<usize> = (0..fit.len()).filter(|row| fit[*row]).collect();
            prop_assert_eq!(search.found(), rows.len());
            for (nth, row) in rows.iter().enumerate() {
                prop_assert_eq!(search.row(nth), Some(*row));
                prop_assert_eq!(search.before(*row), nth);
            }
            prop_assert_eq!(search.row(rows.len()), None);
        }
    }
}
