//! What is asked of an archive, and what it answers: a page of the rows that fit a filter, with
//! how they lie over time and what they say. Plain data; whoever has an archive answers.

use std::sync::Arc;

use crate::model::rejected::Place;
use crate::model::{Span, Text, Timestamp};

use super::Field;

/// The most rows of one page.
pub const PAGE: usize = 512;

/// The most columns of a histogram.
pub const BINS: usize = 512;

/// The most values of one facet.
pub const VALUES: usize = 64;

/// A question. A later one replaces an earlier one that is not answered yet.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Ask {
    /// Counts questions up; the answers bear it.
    pub serial: u64,
    /// The filter, as [`super::Filter::parse`] reads it.
    pub filter: String,
    /// Which rows.
    pub rows: Rows,
    /// How many columns the histogram has, at most [`BINS`]; 0 asks for none.
    pub bins: usize,
    /// The fields whose values are counted.
    pub facets: Vec<Field>,
}

/// Which of the rows that fit are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// So many from the how-manieth on, from 0, in order of time.
    From(u64, usize),
    /// So many around the first that is not before a time.
    At(Timestamp, usize),
    /// So many around the row of this number: where one is after the filter has changed.
    Around(u64, usize),
    /// The last so many, and anew when more comes.
    Last(usize),
}

impl Default for Rows {
    fn default() -> Self {
        Self::From(0, 0)
    }
}

/// An answer. While the archive is still read, or looked through, more answers to the same
/// question follow.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Page {
    /// The question's.
    pub serial: u64,
    /// Why the filter is none; all else is empty then.
    pub wrong: Option<String>,
    /// How many rows fit, of those looked at.
    pub found: u64,
    /// How many rows were looked at.
    pub looked: u64,
    /// How many rows there are.
    pub of: u64,
    /// True once all there is has been looked at. What is followed may still grow.
    pub done: bool,
    /// True while files are followed.
    pub following: bool,
    /// How many plain files could grow but were read once: their records span lines.
    pub once: u64,
    /// Bytes read of bytes there are, while files are being opened.
    pub reading: Option<(u64, Option<u64>)>,
    /// Lines that could not be read.
    pub rejected: u64,
    /// What could not be opened or read to its end, in harmless words.
    pub trouble: Vec<Text>,
    /// The how-manieth of the rows that fit the first of `rows` is, from 0.
    pub first: u64,
    /// The rows, in order of time.
    pub rows: Vec<Arc<PageRow>>,
    /// How the rows that fit lie over time.
    pub histogram: Histogram,
    /// What they say, in the order that was asked for.
    pub facets: Vec<Facet>,
}

/// A row that is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct PageRow {
    /// How many rows of the archive are before it. Where files are followed, what comes late may
    /// move it: what names a row is its time and its place.
    pub number: u64,
    /// When.
    pub time: Timestamp,
    /// What each field says, in the order of [`Field::ALL`]; of [`Field::Time`] nothing.
    pub cells: Vec<Option<Text>>,
    /// Where it stands.
    pub place: Place,
    /// Why it cannot be shown: its line was changed since, or cannot be read in full.
    pub wrong: Option<Text>,
}

impl PageRow {
    /// What a field says.
    #[must_use]
    pub fn cell(&self, field: Field) -> Option<&Text> {
        let at = Field::ALL.iter().position(|one| *one == field)?;
        self.cells.get(at)?.as_ref()
    }
}

/// How rows lie over time.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Histogram {
    /// When the first column begins.
    pub from: Timestamp,
    /// How long a column is.
    pub each: Span,
    /// The columns.
    pub bins: Vec<Bin>,
}

/// A column of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Bin {
    /// Rows.
    pub rows: u32,
    /// Those of them that were denied, failed or never answered.
    pub bad: u32,
}

/// What rows say in one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// The field.
    pub field: Field,
    /// The most frequent values with how many rows have them, at most [`VALUES`].
    pub values: Vec<(Text, u64)>,
    /// How many other values there are.
    pub others: u64,
    /// How many rows do not tell.
    pub absent: u64,
}
