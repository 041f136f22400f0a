//! Leak findings, by time.

use std::sync::Arc;

use super::view::{EventRef, Leak};
use crate::model::event::LeakFinding;

/// The most findings kept; the latest by time stay.
const KEPT: usize = 1000;

/// All findings that are kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaks(imbl::Vector<Arc<Leak>>);

impl Leaks {
    /// Takes a finding in.
    pub(super) fn told(&mut self, event: EventRef, finding: &LeakFinding) {
        let held = self.0.binary_search_by(|leak| leak.event.cmp(&event));
        let Err(at) = held else { return };
        let finding = finding.clone();
        self.0.insert(at, Arc::new(Leak { event, finding }));
        if self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    /// Every finding, by time.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Leak> {
        self.0.iter().map(AsRef::as_ref)
    }
}
