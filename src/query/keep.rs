//! Asks many rows at once: each test is put to all rows that may still fit, the cheap ones first.

use super::among::Among;
use super::test::Test;
use super::{Expression, Filter};

/// Rows that can be asked many at a time.
pub trait Table {
    /// How much it costs to put a test to a row; the cheaper of two is put first.
    fn cost(&self, test: &Test) -> u32;

    /// Keeps of `among` the rows of which a test holds.
    fn keep(&mut self, test: &Test, among: &mut Among);
}

impl Filter {
    /// Keeps of `among` the rows that fit.
    pub fn keep(&self, table: &mut dyn Table, among: &mut Among) {
        self.expression.keep(table, among);
    }

    /// Every test in the filter, in the order in which they were written.
    #[must_use]
    pub fn tests(&self) -> Vec<&Test> {
        let mut tests = Vec::new();
        self.expression.tests(&mut tests);
        tests
    }

    /// True where a row fits that has words, or any of several, and nothing else matters: every
    /// line with any of them is of a record that fits.
    #[must_use]
    pub fn is_words(&self) -> bool {
        self.expression.is_words()
    }

    /// True where every row fits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.expression, Expression::Always)
    }
}

impl Expression {
    fn keep(&self, table: &mut dyn Table, among: &mut Among) {
        match self {
            Self::Always => {}
            Self::Test(test) => table.keep(test, among),
            Self::Not(inner) => {
                let mut fit = among.clone();
                inner.keep(table, &mut fit);
                among.without(&fit);
            }
            Self::All(all) => {
                for one in cheapest_first(all, table) {
                    one.keep(table, among);
                }
            }
            Self::Any(any) => {
                let mut fit = Among::none(among.len());
                for one in cheapest_first(any, table) {
                    let mut more = among.clone();
                    more.without(&fit);
                    one.keep(table, &mut more);
                    fit.union(&more);
                }
                *among = fit;
            }
        }
    }

    fn cost(&self, table: &dyn Table) -> u32 {
        match self {
            Self::Always => 0,
            Self::Test(test) => table.cost(test),
            Self::Not(inner) => inner.cost(table),
            Self::All(all) | Self::Any(all) => {
                let costs = all.iter().map(|one| one.cost(table));
                costs.fold(0, u32::saturating_add)
            }
        }
    }

    fn is_words(&self) -> bool {
        match self {
            Self::Test(Test::Anywhere(words)) => !words.plain().is_empty(),
            Self::Any(any) => any.iter().all(Self::is_words),
            // Of several words each may stand in another line of a call.
            Self::Test(_) | Self::All(_) | Self::Always | Self::Not(_) => false,
        }
    }

    fn tests<'a>(&'a self, out: &mut Vec<&'a Test>) {
        match self {
            Self::Always => {}
            Self::Test(test) => out.push(test),
            Self::Not(inner) => inner.tests(out),
            Self::All(all) | Self::Any(all) => all.iter().for_each(|one| one.tests(out)),
        }
    }
}

fn cheapest_first<'a>(all: &'a [Expression], table: &dyn Table) -> Vec<&'a Expression> {
    let mut all: Vec<&Expression> = all.iter().collect();
    all.sort_by_key(|one| one.cost(table));
    all
}
