//! The finding whose screen was opened, and which piece of its evidence is selected there.

use std::sync::Arc;

use crate::diagnosis::Finding;

/// An opened finding.
#[derive(Debug, Default)]
pub struct Opened {
    /// The finding, as it was last known.
    pub finding: Option<Arc<Finding>>,
    /// The selected piece of its evidence.
    pub evidence: usize,
    /// The line of that piece on the screen.
    pub line: usize,
    /// True where it was just selected: its line is to be brought into view.
    follow: bool,
}

impl Opened {
    /// Opens another finding at its first piece of evidence.
    pub fn open(&mut self, finding: Arc<Finding>) {
        *self = Self {
            finding: Some(finding),
            ..Self::default()
        };
    }

    /// Selects another piece of evidence, so many further down; false where there is none.
    pub fn select(&mut self, by: isize) -> bool {
        let all = self.finding.as_ref().map_or(0, |f| f.evidence.len());
        let next = self.evidence.checked_add_signed(by);
        match next.filter(|next| *next < all) {
            Some(next) => {
                (self.evidence, self.follow) = (next, true);
                true
            }
            None => false,
        }
    }

    /// Selects a piece of evidence by its place; it is in view already.
    pub fn point(&mut self, evidence: usize) {
        let all = self.finding.as_ref().map_or(0, |f| f.evidence.len());
        if evidence < all {
            self.evidence = evidence;
        }
    }

    /// How far a list of so many lines on a page is to be scrolled so that what was just selected
    /// is seen, a line of what comes next below it.
    pub fn followed(&mut self, scroll: usize, page: usize) -> usize {
        if std::mem::take(&mut self.follow) {
            // A page without room for both still shows the line itself.
            let least = (self.line + 2).saturating_sub(page).min(self.line);
            scroll.clamp(least, self.line)
        } else {
            scroll
        }
    }
}
