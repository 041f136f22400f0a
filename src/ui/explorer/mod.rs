//! The audit explorer as it lies on the desk: what is asked of the archive, which of the rows that
//! fit are looked at, what is selected and marked. It holds a window of rows, never all of them.

mod column;
mod export;
mod facet;
mod filter;
mod lead;
mod places;
mod window;

use std::collections::BTreeSet;

use crate::model::effect::Effect;
use crate::model::{Text, Timestamp};
use crate::query::Field;
use crate::query::page::{Ask, Facet, Histogram, Page, PageRow, Rows};

use super::moving::{Move, moved};

pub use column::{Column, fitted};
pub use facet::Entry;
pub use lead::Leads;
pub use places::{Places, bar_at, bar_columns, places};

use filter::Writing;
use window::Want;

/// What there is to explore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Explorable {
    /// No files.
    #[default]
    Nothing,
    /// Files, which can be read as often as one likes.
    Files,
    /// Standard input, which somebody else reads already.
    ReadOnce,
}

/// A part of the screen that keys go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// The rows.
    #[default]
    Rows,
    /// What the rows say in each field, counted.
    Facets,
    /// How they lie over time.
    Times,
}

/// What names a row, also where others have come before it since: when it was, and in which byte of
/// which file it begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    time: Timestamp,
    file: Text,
    byte: u64,
}

impl Name {
    /// A row's.
    pub fn of(row: &PageRow) -> Self {
        Self {
            time: row.time,
            file: row.place.file.clone(),
            byte: row.place.byte,
        }
    }

    /// True where it is this row's.
    fn is(&self, row: &PageRow) -> bool {
        let place = &row.place;
        self.time == row.time && self.byte == place.byte && self.file == place.file
    }
}

/// The explorer on the desk.
#[derive(Debug)]
pub struct Explorer {
    /// What there is to explore.
    pub what: Explorable,
    /// The part that keys go to.
    pub part: Part,
    /// The columns that are shown, in order.
    pub columns: Vec<Column>,
    /// True while the selected row is shown in full.
    pub detail: bool,
    /// How many screens the row in full is scrolled down; where that is beyond its end, it begins
    /// anew.
    pub detail_screen: isize,
    /// What the incident knows of the selected row.
    pub leads: Leads,
    writing: Writing,
    page: Page,
    /// What rows say where no filter leaves any out: the words that can be completed.
    seen: Vec<Facet>,
    /// The how-manieth of the rows that fit is selected, from 0.
    row: u64,
    /// The how-manieth is the first that is seen.
    top: u64,
    /// The selected row's number in the archive.
    number: Option<u64>,
    /// The selected row, where it is at hand.
    here: Option<Name>,
    want: Want,
    marks: BTreeSet<Name>,
    /// The marked row that was gone to, while nothing else was selected since: a filter may hide it.
    marked: Option<Name>,
    /// The selected value of a facet.
    facet: Option<(Field, Text)>,
    /// How far the facets are scrolled.
    facets_top: usize,
    /// When the selected bar of the histogram begins.
    bar: Option<Timestamp>,
    ask: Ask,
    /// The first question with this filter: answers to earlier ones are of no use.
    since: u64,
    /// True until the question was taken.
    due: bool,
    /// True while rows are asked for that are to be exported.
    exporting: bool,
}

impl Default for Explorer {
    fn default() -> Self {
        Self {
            what: Explorable::Nothing,
            part: Part::Rows,
            columns: Column::USUAL.to_vec(),
            detail: false,
            detail_screen: 0,
            leads: Leads::default(),
            writing: Writing::default(),
            page: Page::default(),
            seen: Vec::new(),
            row: 0,
            top: 0,
            number: None,
            here: None,
            want: Want::Nth,
            marks: BTreeSet::new(),
            marked: None,
            facet: None,
            facets_top: 0,
            bar: None,
            ask: Ask::default(),
            since: 0,
            due: false,
            exporting: false,
        }
    }
}

impl Explorer {
    /// An explorer of something, with a filter that is right.
    pub fn new(what: Explorable, filter: &str) -> Self {
        Self {
            what,
            writing: Writing::new(filter),
            ..Self::default()
        }
    }

    /// What is known of the rows.
    pub fn page(&self) -> &Page {
        &self.page
    }

    /// True before the first answer.
    pub fn knows_nothing(&self) -> bool {
        self.page.serial == 0
    }

    /// True while what is known is what was known before the filter became another.
    pub fn is_behind(&self) -> bool {
        self.page.serial < self.since
    }

    /// How the rows that fit lie over time.
    pub fn histogram(&self) -> &Histogram {
        &self.page.histogram
    }

    /// The how-manieth row is selected, from 0.
    pub fn row(&self) -> u64 {
        self.row
    }

    /// The how-manieth row is the first that is seen.
    pub fn top(&self) -> u64 {
        self.top
    }

    /// A row by how-manieth it is, where it is at hand.
    pub fn at(&self, nth: u64) -> Option<&PageRow> {
        let at = nth.checked_sub(self.page.first)?;
        let row = self.page.rows.get(usize::try_from(at).ok()?)?;
        Some(row)
    }

    /// The selected row, where it is at hand.
    pub fn selected(&self) -> Option<&PageRow> {
        self.at(self.row)
    }

    /// True while the last row is shown, whatever comes.
    pub fn sticks_to_the_end(&self) -> bool {
        self.want == Want::Last
    }

    /// True while a row is shown in full.
    pub fn shows_detail(&self) -> bool {
        self.detail && self.page.found > 0
    }

    /// True for a row that was marked.
    pub fn is_marked(&self, row: &PageRow) -> bool {
        self.marks.contains(&Name::of(row))
    }

    /// How many rows were marked.
    pub fn marked(&self) -> usize {
        self.marks.len()
    }

    /// Marks the selected row, or takes its mark away.
    pub fn mark(&mut self) {
        let Some(name) = self.selected().map(Name::of) else {
            return;
        };
        if !self.marks.remove(&name) {
            self.marks.insert(name);
        }
    }

    /// Goes to the next marked row, or to the one before; false where there is none.
    pub fn next_marked(&mut self, forward: bool) -> bool {
        let here = self.marked.clone();
        let here = here.or_else(|| self.selected().map(Name::of));
        let next = match (here, forward) {
            (None, true) => self.marks.first(),
            (None, false) => self.marks.last(),
            (Some(here), true) => self.marks.iter().find(|mark| **mark > here),
            (Some(here), false) => self.marks.iter().rfind(|mark| **mark < here),
        };
        let Some(next) = next.cloned() else {
            return false;
        };
        self.marked = Some(next.clone());
        self.go_to_row(next);
        true
    }

    /// Moves in the part that keys go to, of which so many lines are seen.
    pub fn go(&mut self, by: Move, lines: usize) {
        match (self.part, by) {
            // What does not fit below the rows is read screen by screen.
            (Part::Rows, Move::Pages(n)) if self.shows_detail() => self.detail_screen += n,
            (Part::Rows, _) => self.go_in_rows(by, lines),
            (Part::Facets, _) => self.go_in_facets(by, lines),
            (Part::Times, _) => self.go_in_times(by),
        }
    }

    /// The bar that is selected, from 0.
    pub fn bar(&self) -> Option<usize> {
        let histogram = self.histogram();
        let last = histogram.bins.len().checked_sub(1)?;
        let Some(at) = self.bar else {
            return Some(0);
        };
        let each = histogram.each.as_seconds().max(1);
        let into = at.since(histogram.from).as_seconds().div_euclid(each);
        Some(usize::try_from(into).unwrap_or(0).min(last))
    }

    /// When a bar begins.
    pub fn bar_begins(&self, bar: usize) -> Timestamp {
        let histogram = self.histogram();
        let bar = i64::try_from(bar).unwrap_or(0);
        let each = histogram.each.as_seconds();
        Timestamp::new(histogram.from.seconds() + each.saturating_mul(bar), 0)
    }

    /// Selects a bar.
    pub fn select_bar(&mut self, bar: usize) {
        self.bar = Some(self.bar_begins(bar));
    }

    fn go_in_times(&mut self, by: Move) {
        let (Some(at), len) = (self.bar(), self.histogram().bins.len()) else {
            return;
        };
        self.select_bar(moved(at, by, len / 8 + 2, len));
    }

    /// Takes an answer in. What is to be exported comes out as a file's name and its words.
    pub fn take(&mut self, page: Page, lines: usize) -> Option<Effect> {
        if page.serial < self.since {
            return None;
        }
        if self.exporting {
            // A part of what fits would be taken for the whole.
            if page.serial != self.ask.serial || !page.done {
                return None;
            }
            self.exporting = false;
            // What is seen is asked for again: answers to this question have other rows.
            self.ask.rows = Rows::default();
            return export::file(&page);
        }
        // Where something is no filter after all, what was known before stays.
        if let Some(wrong) = page.wrong {
            self.page.wrong = Some(wrong);
            return None;
        }
        if self.seen.is_empty() || self.filter().is_empty() {
            self.seen.clone_from(&page.facets);
        }
        self.page = page;
        self.find_wanted(lines);
        None
    }

    /// Asks for the rows that are to be exported; false where they cannot be had now.
    pub fn export(&mut self) -> bool {
        let ready = self.page.done && self.page.found > 0 && !self.exporting && !self.is_behind();
        if ready {
            self.exporting = true;
            // It is asked for even where the same rows were asked for last.
            self.ask.rows = Rows::default();
        }
        ready
    }

    /// Makes the next question where what is shown needs another: so many lines of rows, and a
    /// histogram of so many bars.
    pub fn plan(&mut self, lines: usize, bars: usize) {
        if self.what != Explorable::Files {
            return;
        }
        // Nobody asked for a file of what another filter finds.
        self.exporting &= self.filter() == self.ask.filter;
        let next = Ask {
            serial: self.ask.serial,
            filter: self.filter().to_owned(),
            rows: self.rows_wanted(lines),
            bins: bars,
            facets: facet::FIELDS.to_vec(),
        };
        if next == self.ask && next.serial > 0 {
            return;
        }
        let serial = self.ask.serial + 1;
        if self.since == 0 || next.filter != self.ask.filter {
            self.since = serial;
        }
        self.ask = Ask { serial, ..next };
        self.due = true;
    }

    /// Shows a column, or hides it; one stays.
    pub fn toggle(&mut self, column: Column) {
        if self.columns.contains(&column) {
            let one = self.columns.len() == 1;
            self.columns.retain(|shown| *shown != column || one);
            return;
        }
        self.columns.push(column);
        let place = |column: &Column| Column::ALL.iter().position(|one| one == column);
        self.columns.sort_by_key(place);
    }

    /// The question, once.
    pub fn take_ask(&mut self) -> Option<Ask> {
        std::mem::take(&mut self.due).then(|| self.ask.clone())
    }
}
