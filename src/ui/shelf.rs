//! The inventory as it lies on the desk: its order, which of it is shown, what is selected.
//!
//! It is put together when a state arrives while it is shown, never when it is drawn; drawing
//! touches only the rows that are seen.

use crate::incident::Incident;
use crate::measure::inventory::{Column, Inventory, Item, Kept, order};
use crate::model::{SecretPath, Timestamp};

use super::fit::plural;

/// The inventory on the desk.
#[derive(Debug, Default)]
pub struct Shelf {
    /// Every secret.
    kept: Kept,
    /// What it is in the order of.
    pub column: Column,
    /// True for the other way round.
    pub reversed: bool,
    /// The selected row.
    pub row: usize,
    /// The first row that is seen.
    pub top: usize,
    /// The selected secret.
    selected: Option<SecretPath>,
    /// The places of the secrets that are shown, in order.
    rows: Vec<usize>,
    /// Only what holds these letters is shown.
    letters: String,
    /// The letters before a prompt for others was opened.
    before: Option<String>,
    /// The state that it was made of.
    of: Option<(u64, Option<Timestamp>)>,
}

impl Shelf {
    /// Brings it up to an incident. The selected secret stays selected and keeps its line on the
    /// screen, wherever the order takes it.
    pub fn refresh(&mut self, incident: &Incident) {
        let of = Some((incident.generation(), incident.now()));
        if self.of != of {
            self.of = of;
            self.kept.follow(incident);
            self.arrange();
        }
    }

    /// Every secret, by name.
    pub fn inventory(&self) -> &Inventory {
        self.kept.inventory()
    }

    fn arrange(&mut self) {
        self.rows = order(
            self.kept.inventory(),
            self.column,
            self.reversed,
            &self.letters,
        );
        let line = self.row.saturating_sub(self.top);
        let is_it = |row: &usize| {
            self.kept
                .inventory()
                .items
                .get(*row)
                .map(|item| &item.secret)
                == self.selected.as_ref()
        };
        let found = self
            .selected
            .as_ref()
            .and_then(|_| self.rows.iter().position(is_it));
        // Where it is not shown now, what a person chose is remembered until they choose again.
        self.row = found.unwrap_or(0);
        self.top = self.row.saturating_sub(line);
    }

    /// True for a row that a person has selected.
    pub fn is_chosen(&self, row: usize) -> bool {
        let item = self.at(row);
        item.is_some_and(|item| Some(&item.secret) == self.selected.as_ref())
    }

    /// How many secrets are shown.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The secret in a row.
    pub fn at(&self, row: usize) -> Option<&Item> {
        self.kept.inventory().items.get(*self.rows.get(row)?)
    }

    /// The selected secret.
    pub fn item(&self) -> Option<&Item> {
        self.at(self.row)
    }

    /// The secret that its own screen is about: the chosen one, even where a filter hides it.
    pub fn opened(&self) -> Option<&Item> {
        match &self.selected {
            Some(secret) => self.kept.inventory().get(secret),
            None => self.item(),
        }
    }

    /// The name of the chosen secret.
    pub fn chosen(&self) -> Option<&SecretPath> {
        self.selected.as_ref()
    }

    /// The places of what is shown, in order.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// The letters that are looked for.
    pub fn letters(&self) -> &str {
        &self.letters
    }

    /// Selects a secret by its name, whether it is shown or not.
    pub fn select(&mut self, secret: &SecretPath) {
        self.selected = Some(secret.clone());
        self.arrange();
    }

    /// Selects a row.
    pub fn select_row(&mut self, row: usize) {
        self.row = row.min(self.rows.len().saturating_sub(1));
        self.selected = self.item().map(|item| item.secret.clone());
    }

    /// Brings the scroll into the list on a page of so many rows; gives the first row seen.
    pub fn settle(&mut self, page: usize) -> usize {
        self.row = self.row.min(self.rows.len().saturating_sub(1));
        let least = (self.row + 1).saturating_sub(page);
        let most = self.rows.len().saturating_sub(page);
        self.top = self.top.clamp(least, self.row).min(most);
        self.top
    }

    /// Puts it in the order of a column; once more turns the order round.
    pub fn sort(&mut self, column: Column) {
        self.reversed = column == self.column && !self.reversed;
        self.column = column;
        self.arrange();
    }

    /// Puts it in the order of the next column.
    pub fn sort_next(&mut self) {
        let at = Column::ALL.iter().position(|c| *c == self.column);
        let next = at.map_or(0, |at| (at + 1) % Column::ALL.len());
        self.reversed = false;
        self.column = Column::ALL.get(next).copied().unwrap_or_default();
        self.arrange();
    }

    /// Turns the order round.
    pub fn reverse(&mut self) {
        self.reversed = !self.reversed;
        self.arrange();
    }

    /// Remembers the letters, in case the prompt for others is closed.
    pub fn begin_filter(&mut self) {
        self.before = Some(self.letters.clone());
    }

    /// Shows only what holds these letters.
    pub fn filter(&mut self, letters: &str) {
        letters.clone_into(&mut self.letters);
        self.arrange();
    }

    /// Keeps the letters that were typed.
    pub fn keep_filter(&mut self) {
        self.before = None;
    }

    /// Goes back to the letters before the prompt.
    pub fn unfilter(&mut self) {
        if let Some(before) = self.before.take() {
            self.filter(&before);
        }
    }

    /// How many of how many are shown, in words.
    pub fn counted(&self) -> String {
        let all = self.kept.inventory().items.len();
        if self.letters.is_empty() {
            return plural(all, "secret");
        }
        let shown = crate::ui::fit::count(self.rows.len() as u64);
        format!("{shown} of {}", plural(all, "secret"))
    }
}
