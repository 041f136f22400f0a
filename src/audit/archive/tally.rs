//! How the rows that fit lie over time and what they say, counted once: what comes at the end is
//! counted to what is known, so that a row that is appended costs no more beside many than beside
//! few.

use std::collections::VecDeque;

use super::Search;
use super::codes::Codes;
use super::columns::{Columns, coded, timestamp};
use crate::audit::words::Words;
use crate::model::{Span, Text, Timestamp};
use crate::query::Field;
use crate::query::page::{BINS, Bin, Facet, Histogram, VALUES};

/// The outcomes that a histogram calls bad.
const BAD: [&str; 3] = ["denied", "error", "unanswered"];

/// The lengths that a column of a histogram may have, in seconds; beyond them whole days.
const LENGTHS: [i64; 16] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 10_800, 21_600, 43_200,
];

const DAY: i64 = 86_400;

/// So many of the last rows at least can be taken out of what is counted: the response to a request
/// takes the request's row out, and what comes late stands before others.
const TAIL: usize = if cfg!(test) { 16 } else { 4096 };

/// What is counted of the rows.
#[derive(Default)]
pub(super) struct Tally {
    /// How many rows were looked at for it.
    rows: usize,
    facets: Vec<Counts>,
    bars: Bars,
    last: Last,
}

/// The last rows that were counted, as they were then.
#[derive(Default)]
struct Last {
    /// Rows before this one are counted for good.
    from: usize,
    rows: VecDeque<One>,
    /// For each of them its code of each field.
    codes: VecDeque<u32>,
}

/// A row that was counted.
#[derive(Clone, Copy)]
struct One {
    row: usize,
    time: i64,
    is_bad: bool,
}

/// How many rows have each code of a field.
struct Counts {
    field: Field,
    of: Vec<u64>,
}

/// The columns of a histogram.
#[derive(Default, Clone)]
struct Bars {
    /// When the first begins, in seconds, and how many each lasts; of 0 seconds there are none.
    from: i64,
    each: i64,
    bins: Vec<Bin>,
}

impl Tally {
    /// Rows from one on are others now.
    pub(super) fn forget(&mut self, row: usize) {
        if row < self.last.from {
            *self = Self::default();
            return;
        }
        self.rows = self.rows.min(row);
        while let Some(one) = self.last.rows.back().copied()
            && one.row >= row
        {
            self.last.rows.pop_back();
            if let Some(bin) = self.bars.bin(one.time) {
                bin.rows = bin.rows.saturating_sub(1);
                bin.bad = bin.bad.saturating_sub(u32::from(one.is_bad));
            }
            for counts in self.facets.iter_mut().rev() {
                let code = self.last.codes.pop_back().unwrap_or(0);
                if let Some(count) = counts.of.get_mut(code as usize) {
                    *count = count.saturating_sub(1);
                }
            }
        }
    }

    /// Counts what a search has found.
    pub(super) fn count(
        &mut self,
        columns: &Columns,
        search: &Search,
        bins: usize,
        fields: &[Field],
    ) -> (Histogram, Vec<Facet>) {
        if bins == 0 && fields.is_empty() {
            return (Histogram::default(), Vec::new());
        }
        let known = self.facets.iter().map(|counts| counts.field);
        if known.ne(fields.iter().copied()) {
            let counts = |field: &Field| Counts {
                field: *field,
                of: Vec::new(),
            };
            *self = Self {
                facets: fields.iter().map(counts).collect(),
                ..Self::default()
            };
        }
        let is_bad = bad(columns);
        let wanted = Bars::wanted(columns, search, bins);
        if (self.bars.from, self.bars.each) == (wanted.from, wanted.each) {
            // It may have got longer.
            self.bars.bins.resize(wanted.bins.len(), Bin::default());
        } else {
            self.bars = wanted;
            self.bars.count(columns, search, 0..self.rows, &is_bad);
        }
        let looked = search.looked();
        let firm = looked.saturating_sub(TAIL);
        if firm > self.rows {
            // More than can be taken out again has come: what could be until now is for good.
            let more = self.rows..firm;
            for counts in &mut self.facets {
                counts.count(columns, search, more.clone());
            }
            self.bars.count(columns, search, more, &is_bad);
            self.last = Last {
                from: firm,
                ..Last::default()
            };
            self.rows = firm;
        }
        for row in search.rows(self.rows..looked) {
            self.take(columns, row, is_bad(row));
        }
        self.rows = looked;
        self.settle();
        let facets = self.facets.iter().map(|counts| counts.facet(columns));
        (self.bars.histogram(), facets.collect())
    }

    /// Counts one row more.
    fn take(&mut self, columns: &Columns, row: usize, is_bad: bool) {
        let time = columns.times.get(row).copied().unwrap_or(0);
        self.last.rows.push_back(One { row, time, is_bad });
        if let Some(bin) = self.bars.bin(time) {
            bin.rows += 1;
            bin.bad += u32::from(is_bad);
        }
        for counts in &mut self.facets {
            let (code, codes) = match counts.column(columns) {
                Some((codes, words)) => (codes.get(row), words.len()),
                None => (0, 0),
            };
            counts.of.resize(codes.max(counts.of.len()), 0);
            if let Some(count) = counts.of.get_mut(code as usize) {
                *count += 1;
            }
            self.last.codes.push_back(code);
        }
    }

    /// Of many rows that can be taken out the first are counted for good.
    fn settle(&mut self) {
        while self.last.rows.len() > 2 * TAIL {
            let first = self.last.rows.pop_front();
            self.last.from = first.map_or(self.rows, |one| one.row + 1);
            self.last.codes.drain(..self.facets.len());
        }
    }
}

impl Counts {
    /// The column of the field; fields that are not indexed tell nothing.
    fn column<'a>(&self, columns: &'a Columns) -> Option<(&'a Codes, &'a Words)> {
        let nth = coded(self.field)?;
        Some((columns.codes.get(nth)?, columns.words(nth)?))
    }

    fn count(&mut self, columns: &Columns, search: &Search, rows: std::ops::Range<usize>) {
        let Some((codes, words)) = self.column(columns) else {
            return;
        };
        self.of.resize(words.len().max(self.of.len()), 0);
        if let Codes::Absent(_) = codes {
            if let Some(absent) = self.of.first_mut() {
                *absent += search.rows(rows).count() as u64;
            }
            return;
        }
        for row in search.rows(rows) {
            if let Some(count) = self.of.get_mut(codes.get(row) as usize) {
                *count += 1;
            }
        }
    }

    fn facet(&self, columns: &Columns) -> Facet {
        let empty = Facet {
            field: self.field,
            values: Vec::new(),
            others: 0,
            absent: 0,
        };
        let Some((_, words)) = self.column(columns) else {
            return empty;
        };
        let order = |(code, count): &(u32, u64)| (std::cmp::Reverse(*count), *code);
        // Only the first few are shown, of what may be a million: of as many again at most it is
        // not yet known whether they are among them.
        let mut met: Vec<(u32, u64)> = Vec::with_capacity(2 * VALUES);
        let (mut all, mut least) = (0_u64, 0);
        for (count, code) in self.of.iter().zip(0_u32..).skip(1) {
            all += u64::from(*count > 0);
            if *count > least {
                met.push((code, *count));
                if met.len() == 2 * VALUES {
                    met.select_nth_unstable_by_key(VALUES - 1, order);
                    met.truncate(VALUES);
                    least = met.last().map_or(0, |(_, count)| *count);
                }
            }
        }
        met.sort_unstable_by_key(order);
        met.truncate(VALUES);
        let others = all.saturating_sub(VALUES as u64);
        let text = |code| words.get(code).map(Text::from).unwrap_or_default();
        Facet {
            values: met.into_iter().map(|(code, n)| (text(code), n)).collect(),
            others,
            absent: self.of.first().copied().unwrap_or(0),
            ..empty
        }
    }
}

impl Bars {
    /// The empty columns that what was found has room in.
    fn wanted(columns: &Columns, search: &Search, bins: usize) -> Self {
        let times = &columns.times;
        let first = search.row(0).and_then(|row| times.get(row));
        let last = search.found().checked_sub(1);
        let last = last.and_then(|last| times.get(search.row(last)?));
        let (Some(first), Some(last), true) = (first, last, bins > 0) else {
            return Self::default();
        };
        let (first, last) = (timestamp(*first).seconds(), timestamp(*last).seconds());
        let wanted = i64::try_from(bins).unwrap_or(1);
        let fits = |each: i64| last.div_euclid(each) - first.div_euclid(each) < wanted;
        let whole_days = || (last - first) / DAY / wanted + 1;
        let each = LENGTHS.into_iter().find(|each| fits(*each));
        let each = each.unwrap_or_else(|| {
            let days = whole_days();
            (days..days + 3)
                .map(|d| d * DAY)
                .find(|each| fits(*each))
                .unwrap_or((days + 3) * DAY)
        });
        let from = first.div_euclid(each) * each;
        let long = usize::try_from((last - from) / each + 1)
            .unwrap_or(1)
            .min(BINS);
        Self {
            from,
            each,
            bins: vec![Bin::default(); long],
        }
    }

    /// Counts rows, which stand in order of time.
    fn count(
        &mut self,
        columns: &Columns,
        search: &Search,
        rows: std::ops::Range<usize>,
        is_bad: &impl Fn(usize) -> bool,
    ) {
        let Some(first) = columns.times.get(rows.start) else {
            return;
        };
        if self.each == 0 {
            return;
        }
        let into = (timestamp(*first).seconds() - self.from).div_euclid(self.each);
        // Rows before the first that fits are in no column.
        let mut column = usize::try_from(into).unwrap_or(0);
        let mut begin = rows.start;
        let last = self.bins.len();
        while begin < rows.end
            && let Some(bin) = self.bins.get_mut(column)
        {
            column += 1;
            let end = self.from + i64::try_from(column).unwrap_or(0) * self.each;
            let end = super::columns::nanos(Timestamp::new(end, 0));
            let rest = columns.times.get(begin..rows.end).unwrap_or_default();
            // At the end of what can be told of time there may be no later moment than the last.
            let length = if column == last && end == i64::MAX {
                rest.len()
            } else {
                rest.partition_point(|time| *time < end)
            };
            let of = begin..begin + length;
            begin = of.end;
            for row in search.rows(of) {
                bin.rows += 1;
                bin.bad += u32::from(is_bad(row));
            }
        }
    }

    /// The column of a time.
    fn bin(&mut self, time: i64) -> Option<&mut Bin> {
        let into = timestamp(time).seconds() - self.from;
        let into = into.checked_div_euclid(self.each)?;
        self.bins.get_mut(usize::try_from(into).ok()?)
    }

    fn histogram(&self) -> Histogram {
        if self.each == 0 {
            return Histogram::default();
        }
        Histogram {
            from: Timestamp::new(self.from, 0),
            each: Span::seconds(self.each),
            bins: self.bins.clone(),
        }
    }
}

/// Whether the outcome of a row is a bad one.
fn bad(columns: &Columns) -> impl Fn(usize) -> bool {
    let nth = coded(Field::Outcome).unwrap_or(0);
    let words = columns.words(nth);
    let all = words.into_iter().flat_map(Words::all);
    let bad: Vec<bool> = std::iter::once(false)
        .chain(all.map(|word| BAD.contains(&word)))
        .collect();
    let codes = columns.codes.get(nth);
    move |row| {
        let code = codes.map_or(0, |codes| codes.get(row));
        bad.get(code as usize).copied().unwrap_or(false)
    }
}
