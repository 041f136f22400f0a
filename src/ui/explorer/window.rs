//! Which rows are seen, and which are asked for so that they are at hand before they are seen.

use crate::model::Timestamp;
use crate::query::page::{PAGE, PageRow, Rows};
use crate::ui::moving::Move;

use super::{Explorer, Name};

/// Which row is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// The how-manieth that is selected.
    Nth,
    /// The one of this number, or else the next after it that fits.
    Number(u64),
    /// The first that is not before a time.
    Time(Timestamp),
    /// This one, or else the next after it that fits.
    Row(Name),
    /// The last, whatever comes.
    Last,
}

impl Explorer {
    /// Moves among the rows.
    pub(super) fn go_in_rows(&mut self, by: Move, lines: usize) {
        let last = self.page.found.saturating_sub(1);
        let page = (lines.max(2) - 1) as u64;
        let moved = |at: u64, n: isize, by: u64| {
            let far = n.unsigned_abs() as u64 * by;
            if n < 0 {
                at.saturating_sub(far)
            } else {
                at.saturating_add(far).min(last)
            }
        };
        self.want = Want::Nth;
        self.marked = None;
        self.row = match by {
            Move::Lines(n) => moved(self.row, n, 1),
            Move::Pages(n) => moved(self.row, n, page),
            Move::First => 0,
            Move::Last => {
                self.want = Want::Last;
                last
            }
        };
        self.settle(lines);
    }

    /// Selects the how-manieth row.
    pub fn select(&mut self, nth: u64, lines: usize) {
        self.want = Want::Nth;
        self.marked = None;
        self.row = nth;
        self.settle(lines);
    }

    /// Goes to a row by its name.
    pub(super) fn go_to_row(&mut self, name: Name) {
        self.want = Want::Row(name);
        self.number = None;
        self.here = None;
    }

    /// Goes to the first row that is not before a moment.
    pub fn go_to_time(&mut self, at: Timestamp) {
        self.want = Want::Time(at);
        self.marked = None;
        self.number = None;
        self.here = None;
    }

    /// After another filter one stays at the row that was selected, or at the end that is followed.
    pub(super) fn stay(&mut self, at: Option<u64>) {
        let follows = self.want == Want::Last && self.page.following;
        if let Some(number) = at.filter(|_| !follows) {
            self.want = Want::Number(number);
        }
    }

    /// Finds the row that is wanted in an answer that came. The selected row keeps its line.
    pub(super) fn find_wanted(&mut self, lines: usize) {
        let line = self.row.saturating_sub(self.top);
        let is_it = |row: &PageRow| match &self.want {
            Want::Number(number) => row.number >= *number,
            Want::Time(at) => row.time >= *at,
            Want::Row(name) => name.is(row),
            Want::Nth | Want::Last => false,
        };
        match self.want {
            Want::Nth => self.stay_here(line),
            Want::Last => self.row = self.page.found.saturating_sub(1),
            Want::Number(_) | Want::Time(_) | Want::Row(_) => {
                let rows = &self.page.rows;
                let at = rows.iter().position(|row| is_it(row));
                let at = at.or_else(|| self.behind_wanted());
                let at = at.unwrap_or(rows.len().saturating_sub(1));
                self.row = self.page.first + at as u64;
                self.top = self.row.saturating_sub(line);
                // While the search goes on, rows before it may still come.
                if self.page.done && self.page.serial == self.ask.serial {
                    self.want = Want::Nth;
                }
            }
        }
        self.settle(lines);
    }

    /// Where the next row stands that is not before one that a filter hides.
    fn behind_wanted(&self) -> Option<usize> {
        let Want::Row(name) = &self.want else {
            return None;
        };
        let mut rows = self.page.rows.iter();
        rows.position(|row| row.time >= name.time)
    }

    /// Keeps the selected row selected, in its line of the screen, where others came before it. One
    /// that is no longer at hand is asked for.
    fn stay_here(&mut self, line: u64) {
        let Some(here) = self.here.clone() else {
            return;
        };
        if self.selected().is_some_and(|row| here.is(row)) {
            return;
        }
        let rows = &self.page.rows;
        match rows.iter().position(|row| here.is(row)) {
            Some(at) => {
                self.row = self.page.first + at as u64;
                self.top = self.row.saturating_sub(line);
            }
            None => self.want = Want::Row(here),
        }
    }

    /// Brings the selection and the scroll into the rows that fit, of which so many are seen.
    pub(super) fn settle(&mut self, lines: usize) {
        let (found, lines) = (self.page.found, lines.max(1) as u64);
        self.row = self.row.min(found.saturating_sub(1));
        let least = (self.row + 1).saturating_sub(lines);
        self.top = self
            .top
            .clamp(least, self.row)
            .min(found.saturating_sub(lines));
        if !matches!(self.want, Want::Nth | Want::Last) {
            return;
        }
        let here = self.selected().map(|row| (row.number, Name::of(row)));
        if let Some((number, _)) = here {
            self.number = Some(number);
        }
        let here = here.map(|(_, name)| name);
        if here != self.here {
            self.detail_screen = 0;
            self.here = here;
        }
    }

    /// Which rows to ask for: about three screens, and others only where the seen ones come near
    /// the end of those that are at hand.
    pub(super) fn rows_wanted(&self, lines: usize) -> Rows {
        if self.exporting {
            return Rows::From(0, PAGE);
        }
        let count = (lines * 3).clamp(30, PAGE);
        match &self.want {
            Want::Number(number) => return Rows::Around(*number, count),
            Want::Time(at) => return Rows::At(*at, count),
            // Of one moment there may be many.
            Want::Row(name) => return Rows::At(name.time, PAGE),
            Want::Last => return Rows::Last(count),
            Want::Nth => {}
        }
        let asked = match self.ask.rows {
            Rows::From(first, count) => self.covers(first, count, lines),
            _ => false,
        };
        let has = self.covers(self.page.first, self.page.rows.len(), lines);
        let knows = self.page.serial > 0 && self.page.serial >= self.since;
        let asks_for_some = !matches!(self.ask.rows, Rows::From(_, 0));
        if self.ask.serial > 0 && asks_for_some && (asked || has && knows) {
            return self.ask.rows;
        }
        Rows::From(self.top.saturating_sub(lines as u64), count)
    }

    /// True where rows that many from the `first` on are enough for now.
    fn covers(&self, first: u64, count: usize, lines: usize) -> bool {
        let end = first.saturating_add(count as u64);
        let spare = (count.saturating_sub(lines) / 4).min(lines / 2) as u64;
        let enough_before = first == 0 || self.top >= first + spare;
        let seen = self.top.saturating_add(lines as u64);
        let enough_after = end >= self.page.found || seen + spare <= end;
        enough_before && enough_after
    }
}
