//! Where the levels note the cases of rotations before they are put under their days.

use super::summary::{Case, Part, Record};

/// The cases of each rotation while they are noted, by its place in [`Facts::rotations`].
#[derive(Debug)]
pub(super) struct Sheet(pub(super) Vec<Record>);

impl Sheet {
    pub(super) fn new(rotations: usize) -> Self {
        Self(vec![Record::default(); rotations])
    }

    /// A case, where there is one.
    pub(super) fn add_all(&mut self, of: usize, part: Part, case: Option<Case>) {
        if let Some(case) = case {
            self.add(of, part, case);
        }
    }

    /// A case.
    pub(super) fn add(&mut self, of: usize, part: Part, case: Case) {
        if let Some(record) = self.0.get_mut(of) {
            record.cases.push((part, case));
        }
    }

    /// What is told of a part rests on so many words more.
    pub(super) fn rests_on(&mut self, of: usize, part: Part, words: usize) {
        let record = self.0.get_mut(of);
        if let Some(held) = record.and_then(|record| record.words.get_mut(part.index())) {
            *held = held.saturating_add(u32::try_from(words).unwrap_or(u32::MAX));
        }
    }
}
