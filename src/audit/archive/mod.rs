//! The archive: every row of all files at hand. What is asked and counted often is kept as columns
//! of codes; the originals stay where they are, and a row is read in full when it is looked at.

#[cfg(test)]
mod alone;
#[cfg(test)]
mod apart;
mod begin;
#[cfg(test)]
mod begun;
mod codes;
mod columns;
mod count;
#[cfg(test)]
mod damage;
mod gather;
mod grep;
mod grow;
#[cfg(test)]
mod grown;
mod half;
mod handles;
mod join;
mod known;
#[cfg(test)]
mod length;
mod look;
#[cfg(test)]
mod made;
mod original;
mod page;
#[cfg(test)]
mod repeats;
mod search;
mod seen;
mod segment;
#[cfg(test)]
mod sifted;
mod tail;
mod tally;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;

use std::sync::Arc;

use super::progress::Progress;
use crate::model::Timestamp;

use columns::Columns;
use grow::Growing;
use original::Original;

pub use count::Counted;
pub use gather::Fitting;
pub use page::Known;
pub use search::Search;

/// Every row of the files that were read, in order of time.
pub struct Archive {
    originals: Vec<Original>,
    columns: Columns,
    progress: Arc<Progress>,
    growing: Growing,
}

impl Archive {
    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// True where there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was read, rejected and missed.
    #[must_use]
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// When a row was.
    #[must_use]
    pub fn time(&self, row: usize) -> Timestamp {
        self.columns.time(row)
    }

    /// About how many bytes of memory the index takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.columns.bytes()
    }
}
