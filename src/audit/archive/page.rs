//! Answers the explorer: a page of rows, how they lie over time, what they say.

use super::columns::{coded, timestamp};
use super::{Archive, Search};
use crate::model::rejected::Place;
use crate::model::{Span, Text, Timestamp};
use crate::query::page::{Ask, BINS, Bin, Facet, Histogram, PAGE, Page, PageRow, Rows, VALUES};
use crate::query::{Field, Row};

/// The outcomes that a histogram calls bad.
const BAD: [&str; 3] = ["denied", "error", "unanswered"];

/// The lengths that a column of a histogram may have, in seconds; beyond them whole days.
const LENGTHS: [i64; 16] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 10_800, 21_600, 43_200,
];

const DAY: i64 = 86_400;

impl Archive {
    /// What is known so far of a question. `search` is the question's filter, put to this archive;
    /// `done` where it has looked at every row.
    #[must_use]
    pub fn page(&self, ask: &Ask, search: &Search, done: bool) -> Page {
        let loading = self.progress.loading();
        let found = search.found() as u64;
        let (first, count) = self.range(ask.rows, search);
        let mut trouble = loading.trouble;
        trouble.extend(search.wrong().map(Text::from));
        Page {
            serial: ask.serial,
            wrong: None,
            found,
            looked: search.looked() as u64,
            of: self.len() as u64,
            done,
            following: false,
            reading: (!loading.done).then_some((loading.bytes, loading.of_bytes)),
            rejected: loading.rejected,
            trouble,
            first: first as u64,
            rows: self.rows_shown(search, first, count),
            histogram: self.histogram(search, ask.bins.min(BINS)),
            facets: self.facets(search, &ask.facets),
        }
    }

    /// The how-manieth of the rows that fit is the first to be shown, and how many are.
    fn range(&self, rows: Rows, search: &Search) -> (usize, usize) {
        let around = |middle: usize, count: usize| {
            let count = count.min(PAGE);
            let most = search.found().saturating_sub(count);
            (middle.saturating_sub(count / 2).min(most), count)
        };
        match rows {
            Rows::From(first, count) => {
                let first = usize::try_from(first).unwrap_or(usize::MAX);
                (first.min(search.found()), count.min(PAGE))
            }
            Rows::Last(count) => {
                let count = count.min(PAGE);
                (search.found().saturating_sub(count), count)
            }
            Rows::Around(row, count) => {
                let row = usize::try_from(row).unwrap_or(usize::MAX);
                around(search.before(row.min(self.len())), count)
            }
            Rows::At(time, count) => {
                let time = super::columns::nanos(time);
                let row = self.columns.times.partition_point(|at| *at < time);
                around(search.before(row), count)
            }
        }
    }

    fn rows_shown(&self, search: &Search, first: usize, count: usize) -> Vec<PageRow> {
        let Some(row) = search.row(first).filter(|_| count > 0) else {
            return Vec::new();
        };
        let rows = search.rows(row..self.len()).take(count);
        rows.map(|row| self.shown(row)).collect()
    }

    /// A row as it is shown: read in full, or what the index knows where that is not possible.
    fn shown(&self, row: usize) -> PageRow {
        let time = self.time(row);
        match self.look(row, true) {
            Ok(read) => PageRow {
                number: row as u64,
                time,
                cells: cells(|field| read.field(field).map(|words| Text::from(words.as_ref()))),
                place: read.place,
                wrong: None,
            },
            Err(gone) => {
                let lines = self.columns.lines(row);
                let file = lines.and_then(|(at, _)| self.original(at).ok());
                let name = file.map(|file| file.name().clone()).unwrap_or_default();
                PageRow {
                    number: row as u64,
                    time,
                    cells: cells(|field| match coded(field) {
                        Some(nth) => self.columns.text(nth, row),
                        None => (field == Field::File).then(|| name.clone()),
                    }),
                    place: Place {
                        file: name.clone(),
                        line: 0,
                        byte: lines.map_or(0, |(at, _)| at.offset),
                    },
                    wrong: Some(Text::from(gone.to_string())),
                }
            }
        }
    }

    fn histogram(&self, search: &Search, bins: usize) -> Histogram {
        let times = &self.columns.times;
        let first = search.row(0).and_then(|row| times.get(row));
        let last = search.found().checked_sub(1);
        let last = last.and_then(|last| times.get(search.row(last)?));
        let (Some(first), Some(last)) = (first, last) else {
            return Histogram::default();
        };
        let (first, last) = (timestamp(*first).seconds(), timestamp(*last).seconds());
        if bins == 0 {
            return Histogram::default();
        }
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
        let columns = usize::try_from((last - from) / each + 1)
            .unwrap_or(1)
            .min(BINS);
        let bad = self.bad();
        let mut begin = 0;
        let bins = (1..=columns).map(|column| {
            let end = from + i64::try_from(column).unwrap_or(0) * each;
            let end = super::columns::nanos(Timestamp::new(end, 0));
            let rest = times.get(begin..).unwrap_or_default();
            let rows = begin..begin + rest.partition_point(|time| *time < end);
            begin = rows.end;
            let mut bin = Bin::default();
            for row in search.rows(rows) {
                bin.rows += 1;
                bin.bad += u32::from(bad(row));
            }
            bin
        });
        Histogram {
            from: Timestamp::new(from, 0),
            each: Span::seconds(each),
            bins: bins.collect(),
        }
    }

    /// Whether the outcome of a row is a bad one.
    fn bad(&self) -> impl Fn(usize) -> bool {
        let nth = coded(Field::Outcome).unwrap_or(0);
        let words = self.columns.words.get(nth);
        let is_bad = |word: Option<&str>| word.is_some_and(|word| BAD.contains(&word));
        let all = words.into_iter().flat_map(super::words::Words::all);
        let bad: Vec<bool> = std::iter::once(false)
            .chain(all.map(|w| is_bad(Some(w))))
            .collect();
        let codes = self.columns.codes.get(nth);
        move |row| {
            let code = codes.map_or(0, |codes| codes.get(row));
            bad.get(code as usize).copied().unwrap_or(false)
        }
    }

    /// What the rows that fit say. Fields that are not indexed tell nothing.
    fn facets(&self, search: &Search, fields: &[Field]) -> Vec<Facet> {
        let facet = |field: &Field| {
            let empty = Facet {
                field: *field,
                values: Vec::new(),
                others: 0,
                absent: 0,
            };
            let column = coded(*field)
                .and_then(|nth| Some((self.columns.codes.get(nth)?, self.columns.words.get(nth)?)));
            let Some((codes, words)) = column else {
                return empty;
            };
            let mut counts = vec![0_u64; words.len()];
            for row in search.rows(0..self.len()) {
                if let Some(count) = counts.get_mut(codes.get(row) as usize) {
                    *count += 1;
                }
            }
            let counted = counts.iter().zip(0_u32..).skip(1);
            let mut met: Vec<(u32, u64)> = counted
                .filter(|(count, _)| **count > 0)
                .map(|(count, code)| (code, *count))
                .collect();
            met.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
            let others = met.len().saturating_sub(VALUES) as u64;
            met.truncate(VALUES);
            let text = |code| words.get(code).map(Text::from).unwrap_or_default();
            Facet {
                values: met.into_iter().map(|(code, n)| (text(code), n)).collect(),
                others,
                absent: counts.first().copied().unwrap_or(0),
                ..empty
            }
        };
        fields.iter().map(facet).collect()
    }
}

/// What each field says.
fn cells(says: impl Fn(Field) -> Option<Text>) -> Vec<Option<Text>> {
    let cell = |field: &Field| match field {
        Field::Time => None,
        field => says(*field),
    };
    Field::ALL.iter().map(cell).collect()
}
