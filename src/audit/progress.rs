//! How reading goes, told to whoever watches from another thread.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::trouble::Trouble;
use crate::model::Text;
use crate::model::rejected::{Place, Rejected};
use crate::model::replay::Loading;

/// What was read, rejected and missed so far.
#[derive(Debug, Default)]
pub struct Progress {
    pub(super) bytes: Arc<AtomicU64>,
    of_bytes: AtomicU64,
    endless: AtomicBool,
    done: AtomicBool,
    rejected: AtomicU64,
    /// Inputs that were empty or of a known format.
    readable: AtomicU64,
    keep: usize,
    notes: Mutex<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    rejected: Vec<Rejected>,
    /// For each file where what was rejected last stands.
    last: HashMap<Text, u64>,
    troubles: Vec<Trouble>,
}

impl Progress {
    pub(super) fn new(keep: usize) -> Self {
        Self {
            keep,
            ..Self::default()
        }
    }

    /// How far reading has come, for the screen.
    #[must_use]
    pub fn loading(&self) -> Loading {
        let of_bytes = self.of_bytes.load(Ordering::Relaxed);
        let words = |t: &Trouble| Text::from(t.to_string());
        let trouble = self.notes().troubles.iter().map(words).collect();
        let of_bytes = (!self.endless.load(Ordering::Relaxed) && of_bytes > 0).then_some(of_bytes);
        // The beginning of a file may be read twice, and a file may grow.
        let bytes = self.bytes.load(Ordering::Relaxed);
        Loading {
            done: self.done.load(Ordering::Acquire),
            bytes: bytes.min(of_bytes.unwrap_or(u64::MAX)),
            of_bytes,
            rejected: self.rejected(),
            trouble,
        }
    }

    /// How many lines and files were rejected.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// The first of them, in the order in which they were met.
    #[must_use]
    pub fn rejections(&self) -> Vec<Rejected> {
        self.notes().rejected.clone()
    }

    /// What could not be read to its end.
    #[must_use]
    pub fn troubles(&self) -> Vec<Trouble> {
        self.notes().troubles.clone()
    }

    /// True where at least one input was empty or of a known format.
    #[must_use]
    pub fn read_something(&self) -> bool {
        self.readable.load(Ordering::Relaxed) > 0
    }

    /// True where reading went well for whoever read `records` of them: something was readable,
    /// not everything in it was rejected, and nothing ended early.
    #[must_use]
    pub fn went_well(&self, records: u64) -> bool {
        let all_rejected = records == 0 && self.rejected() > 0;
        self.read_something() && !all_rejected && self.notes().troubles.is_empty()
    }

    pub(super) fn expect(&self, bytes: Option<u64>) {
        match bytes {
            Some(bytes) => {
                self.of_bytes.fetch_add(bytes, Ordering::Relaxed);
            }
            None => self.endless.store(true, Ordering::Relaxed),
        }
    }

    pub(super) fn reject(&self, rejected: Rejected) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
        let mut notes = self.notes();
        let place = &rejected.place;
        match notes.last.get_mut(&place.file) {
            Some(last) => *last = place.byte,
            None => drop(notes.last.insert(place.file.clone(), place.byte)),
        }
        if notes.rejected.len() < self.keep {
            notes.rejected.push(rejected);
        }
    }

    /// Takes the rejection of a file's last line back, which begins at `byte` and was not whole
    /// when it was read.
    pub(super) fn forgive(&self, file: &Text, byte: u64) {
        let mut notes = self.notes();
        if notes.last.get(file).is_some_and(|last| *last >= byte) {
            notes.last.remove(file);
            let is_it = |place: &Place| place.file == *file && place.byte >= byte;
            notes.rejected.retain(|rejected| !is_it(&rejected.place));
            self.rejected.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn trouble(&self, trouble: Trouble) {
        let mut notes = self.notes();
        // Where one file finds no handle, thousands may.
        if let Trouble::TooManyOpen { others: more, .. } = &trouble
            && let Some(others) = notes.troubles.iter_mut().find_map(|known| match known {
                Trouble::TooManyOpen { others, .. } => Some(others),
                _ => None,
            })
        {
            *others += 1 + more;
            return;
        }
        // The threads that share a file all meet its end.
        let again = |known: &Trouble| match (known, &trouble) {
            (Trouble::Cut { path: a, .. }, Trouble::Cut { path: b, .. }) => a == b,
            _ => false,
        };
        if !notes.troubles.iter().any(again) {
            notes.troubles.push(trouble);
        }
    }

    pub(super) fn readable(&self) {
        self.readable.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn finish(&self) {
        self.done.store(true, Ordering::Release);
    }

    /// The notes are plain lists: a thread that died while it held them left them whole.
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_cut_is_told_once_however_many_threads_meet_its_end() {
        let progress = Progress::new(1);
        let cut = |path: &str, read| Trouble::Cut {
            path: path.into(),
            read,
            expected: 9,
        };
        for trouble in [cut("a", 1), cut("a", 2), cut("b", 1)] {
            progress.trouble(trouble);
        }
        assert_eq!(progress.troubles(), [cut("a", 1), cut("b", 1)]);
    }

    #[test]
    fn files_that_find_no_handle_are_one_trouble_that_counts_them() {
        let progress = Progress::new(1);
        let many = |path: &str, others| Trouble::TooManyOpen {
            path: path.into(),
            others,
        };
        for path in ["a", "b", "c"] {
            progress.trouble(many(path, 0));
        }
        assert_eq!(progress.troubles(), [many("a", 2)]);
    }
}
