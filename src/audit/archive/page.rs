//! Answers the explorer: a page of rows, how they lie over time, what they say.

use std::sync::Arc;

use super::columns::coded;
use super::tally::Tally;
use super::{Archive, Search};
use crate::model::Text;
use crate::model::rejected::Place;
use crate::query::page::{Ask, BINS, PAGE, Page, PageRow, Rows};
use crate::query::{Field, Row};

/// What answering one question leaves for its next answer, once more rows have come.
#[derive(Default)]
pub struct Known {
    /// The rows that were shown, in order.
    rows: Vec<Arc<PageRow>>,
    tally: Tally,
}

impl Known {
    /// Rows from one on are others now, or new.
    pub fn forget(&mut self, row: usize) {
        let before = |known: &Arc<PageRow>| known.number < row as u64;
        self.rows.truncate(self.rows.partition_point(before));
        self.tally.forget(row);
    }

    /// What stood in the files may be something else now, or the question is another one.
    pub fn forget_rows(&mut self) {
        self.rows.clear();
    }

    fn row(&self, row: usize) -> Option<&Arc<PageRow>> {
        let of = |known: &Arc<PageRow>| known.number.cmp(&(row as u64));
        let at = self.rows.binary_search_by(of).ok()?;
        self.rows.get(at)
    }
}

impl Archive {
    /// What is known so far of a question. `search` is the question's filter, put to this archive;
    /// `done` where it has looked at every row.
    #[must_use]
    pub fn page(&self, ask: &Ask, search: &Search, done: bool) -> Page {
        self.page_knowing(ask, search, done, &mut Known::default())
    }

    /// The same where the question was answered before: what is known still is neither read nor
    /// counted again.
    #[must_use]
    pub fn page_knowing(&self, ask: &Ask, search: &Search, done: bool, known: &mut Known) -> Page {
        let loading = self.progress.loading();
        let found = search.found() as u64;
        let (first, count) = self.range(ask.rows, search);
        let mut trouble = loading.trouble;
        trouble.extend(search.wrong().map(Text::from));
        let bins = ask.bins.min(BINS);
        let (histogram, facets) = known.tally.count(&self.columns, search, bins, &ask.facets);
        Page {
            serial: ask.serial,
            wrong: None,
            found,
            looked: search.looked() as u64,
            of: self.len() as u64,
            done,
            following: false,
            once: 0,
            reading: (!loading.done).then_some((loading.bytes, loading.of_bytes)),
            rejected: loading.rejected,
            trouble,
            first: first as u64,
            rows: self.rows_shown(search, first, count, known),
            histogram,
            facets,
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

    fn rows_shown(
        &self,
        search: &Search,
        first: usize,
        count: usize,
        known: &mut Known,
    ) -> Vec<Arc<PageRow>> {
        let Some(row) = search.row(first).filter(|_| count > 0) else {
            return Vec::new();
        };
        let rows = search.rows(row..self.len()).take(count);
        let shown = |row| {
            let known = known.row(row).cloned();
            known.unwrap_or_else(|| Arc::new(self.shown(row)))
        };
        let rows: Vec<Arc<PageRow>> = rows.map(shown).collect();
        // What could not be read may be there again.
        let read = rows.iter().filter(|row| row.wrong.is_none());
        known.rows = read.cloned().collect();
        rows
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
                let at = self.columns.place(row);
                let file = at.and_then(|at| self.original(at).ok());
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
                        byte: at.map_or(0, |at| at.offset),
                    },
                    wrong: Some(Text::from(gone.to_string())),
                }
            }
        }
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
