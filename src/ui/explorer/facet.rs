//! Facets: the values of each field with how many rows have them, as a list to choose from.

use crate::model::Text;
use crate::query::Field;
use crate::query::page::Facet;
use crate::ui::moving::{Move, moved};

use super::Explorer;

/// The fields that are counted, in the order of the list.
pub(super) const FIELDS: [Field; 8] = [
    Field::Outcome,
    Field::Operation,
    Field::Actor,
    Field::Path,
    Field::Secret,
    Field::Rotation,
    Field::Source,
    Field::Format,
];

/// The most values of one field that are listed; completion knows more.
const LISTED: usize = 12;

/// A line of the list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Entry<'a> {
    /// A field, and how many of the rows tell nothing in it.
    Head(Field, u64),
    /// A value and how many rows have it.
    Value(Field, &'a Text, u64),
    /// So many more values.
    More(u64),
}

impl Explorer {
    /// The list: fields that no row tells anything in are left out.
    pub fn entries(&self) -> Vec<Entry<'_>> {
        let mut entries = Vec::new();
        for Facet {
            field,
            values,
            others,
            absent,
        } in &self.page.facets
        {
            if values.is_empty() {
                continue;
            }
            entries.push(Entry::Head(*field, *absent));
            let listed = values.iter().take(LISTED);
            entries.extend(listed.map(|(value, n)| Entry::Value(*field, value, *n)));
            let more = values.len().saturating_sub(LISTED) as u64 + others;
            if more > 0 {
                entries.push(Entry::More(more));
            }
        }
        entries
    }

    /// The selected value.
    pub(super) fn facet(&self) -> Option<(Field, &Text)> {
        match self.entries().get(self.facet_line()?) {
            Some(Entry::Value(field, value, _)) => Some((*field, *value)),
            _ => None,
        }
    }

    /// The line of the selected value: of one that no row has now, the first of its field.
    pub fn facet_line(&self) -> Option<usize> {
        let entries = self.entries();
        let of = |entry: &Entry<'_>, whole: bool| match (entry, &self.facet) {
            (Entry::Value(field, value, _), Some((chosen, word))) => {
                field == chosen && (!whole || *value == word)
            }
            _ => false,
        };
        let is_value = |entry: &Entry<'_>| matches!(entry, Entry::Value(..));
        let mut all = entries.iter();
        all.position(|entry| of(entry, true))
            .or_else(|| entries.iter().position(|entry| of(entry, false)))
            .or_else(|| entries.iter().position(is_value))
    }

    /// Selects the value in a line; false where none stands there.
    pub fn select_facet(&mut self, line: usize) -> bool {
        let Some(Entry::Value(field, value, _)) = self.entries().get(line).copied() else {
            return false;
        };
        self.facet = Some((field, value.clone()));
        true
    }

    /// The first line that is seen of so many.
    pub fn facets_top(&self, lines: usize) -> usize {
        let at = self.facet_line().unwrap_or(0);
        let most = self.entries().len().saturating_sub(lines);
        let least = (at + 1).saturating_sub(lines);
        // The name of the field stands above its first value.
        self.facets_top
            .clamp(least, at.saturating_sub(1).max(least))
            .min(most)
    }

    pub(super) fn go_in_facets(&mut self, by: Move, lines: usize) {
        let entries = self.entries();
        let values = entries.iter().enumerate();
        let values: Vec<usize> = values
            .filter(|(_, entry)| matches!(entry, Entry::Value(..)))
            .map(|(line, _)| line)
            .collect();
        let at = self.facet_line().unwrap_or(0);
        let at = values.iter().position(|line| *line == at).unwrap_or(0);
        let to = moved(at, by, lines, values.len());
        if let Some(line) = values.get(to) {
            self.select_facet(*line);
        }
        self.facets_top = self.facets_top(lines);
    }
}
