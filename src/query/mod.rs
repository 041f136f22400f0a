//! The filter language: what is asked of the rows of an archive. Pure; it knows rows by [`Row`]
//! and no file.
//!
//! A filter is words with spaces between, all of which must hold:
//!
//! | written | holds where |
//! |---|---|
//! | `permission`, `"permission denied"` | the record, as it was written, or a field has these words |
//! | `outcome:denied` | the field is this word |
//! | `path:secret/data/*` | the field fits, `*` being anything and `?` one character |
//! | `actor:~^ci-` | the regular expression is found in the field |
//! | `error:*`, `error:` | the field is there, is not there |
//! | `time:2026-11-24T03:12..2026-11-24T03:20` | the time is in between; either end may be missing |
//! | `not x`, `-x` | `x` does not |
//! | `x or y`, `x and y`, `( … )` | `or` binds less than `and`, which may be left out |
//!
//! Words in lower case are found in either case; one capital makes them exact. A quoted word is
//! never an operator and never a pattern.

mod among;
mod by;
mod complete;
pub mod edit;
mod field;
mod keep;
mod lex;
pub mod page;
mod parse;
mod test;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use crate::model::Timestamp;

pub use among::Among;
pub use by::{By, Group};
pub use complete::{Completion, complete};
pub use field::Field;
pub use keep::Table;
pub use test::{Case, Test, Words};

/// A row that can be asked about.
pub trait Row {
    /// Its time.
    fn time(&self) -> Timestamp;

    /// What a field says, raw; `None` where its format does not tell. [`Field::Time`] is never
    /// asked for.
    fn field(&self, field: Field) -> Option<Cow<'_, str>>;

    /// Whether words are found in it: in its record as it was written, where that is at hand,
    /// else in any of its fields.
    fn has(&self, words: &Words) -> bool {
        let fields = Field::ALL.iter().filter(|field| **field != Field::Time);
        fields
            .into_iter()
            .any(|field| self.field(*field).is_some_and(|text| words.are_in(&text)))
    }
}

/// A filter, compiled.
#[derive(Clone, Debug)]
pub struct Filter {
    expression: Expression,
}

#[derive(Clone, Debug)]
enum Expression {
    /// Holds always: nothing was asked.
    Always,
    Test(Test),
    Not(Box<Expression>),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

impl Filter {
    /// Reads a filter. An empty one holds always.
    ///
    /// # Errors
    /// [`FilterError`] with its place, as bytes of `words`.
    pub fn parse(words: &str) -> Result<Self, FilterError> {
        let expression = parse::parse(words)?;
        Ok(Self { expression })
    }

    /// Whether a row is among what was asked for.
    #[must_use]
    pub fn holds(&self, row: &dyn Row) -> bool {
        self.expression.holds(row)
    }
}

impl Expression {
    fn holds(&self, row: &dyn Row) -> bool {
        match self {
            Self::Always => true,
            Self::Test(test) => test.holds(row),
            Self::Not(inner) => !inner.holds(row),
            Self::All(all) => all.iter().all(|one| one.holds(row)),
            Self::Any(any) => any.iter().any(|one| one.holds(row)),
        }
    }
}

/// Why words are no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// What is wrong.
    pub why: String,
    /// What would be right.
    pub next: String,
    /// Where, as bytes of the filter.
    pub at: Range<usize>,
}

impl FilterError {
    fn new(at: Range<usize>, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            next: next.into(),
            at,
        }
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.why, self.next)
    }
}

impl std::error::Error for FilterError {}
