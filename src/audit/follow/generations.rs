//! What became of the files that once bore a name: told by the moves in their folder.
//!
//! While nobody looks a log may be rotated more than once. Each generation that was begun and moved
//! away in the meantime has lines of its own, so every move is kept until it was looked at.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The most generations that wait to be looked at; the oldest are forgotten first.
const MOST: usize = 1024;

/// The present names of the files that bore the followed one, in the order in which they lost it.
#[derive(Debug)]
pub(super) struct Generations {
    base: OsString,
    names: VecDeque<OsString>,
    /// The first half of a move: its cookie and what it moves.
    from: Option<(u32, Moving)>,
    /// Counts what happened to any of them: where it stands still nothing has.
    version: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moving {
    /// The file that bears the followed name.
    Base,
    /// One that bore it, and its place among those.
    Known(usize),
    Other,
}

impl Generations {
    pub(super) fn of(base: &OsStr) -> Self {
        Self {
            base: base.to_owned(),
            names: VecDeque::new(),
            from: None,
            version: 0,
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &OsStr> {
        self.names.iter().map(OsString::as_os_str)
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Those of these names were looked at. What has come meanwhile stays.
    pub(super) fn looked_at(&mut self, names: &[PathBuf]) {
        let is_of = |name: &PathBuf, known: &OsString| name.file_name() == Some(known);
        self.names
            .retain(|known| !names.iter().any(|name| is_of(name, known)));
    }

    /// True where no move is half told.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.from, None | Some((_, Moving::Other)))
    }

    /// A name is taken from a file. Where it is given no other, the file has left the folder.
    pub(super) fn moved_from(&mut self, cookie: u32, name: &OsStr) {
        self.touched(name);
        let known = self.names.iter().position(|known| known == name);
        let moving = match known {
            _ if name == self.base => Moving::Base,
            Some(at) => Moving::Known(at),
            None => Moving::Other,
        };
        self.names.retain(|known| known != name);
        self.from = Some((cookie, moving));
    }

    /// A name is given to a file, and taken from the one that had it.
    pub(super) fn moved_to(&mut self, cookie: u32, name: &OsStr) {
        self.touched(name);
        let from = self.from.take_if(|(of, _)| *of == cookie);
        let overwritten = self.names.iter().position(|known| known == name);
        self.names.retain(|known| known != name);
        let place = match from {
            Some((_, Moving::Base)) => self.names.len(),
            Some((_, Moving::Known(at))) => {
                at.saturating_sub(usize::from(overwritten.is_some_and(|o| o < at)))
            }
            _ => return,
        };
        self.version += 1;
        // One that gets the followed name back is found by that.
        if name == self.base {
            return;
        }
        self.names
            .insert(place.min(self.names.len()), name.to_owned());
        if self.names.len() > MOST {
            self.names.pop_front();
        }
    }

    /// A file is made.
    pub(super) fn made(&mut self, name: &OsStr) {
        self.touched(name);
    }

    /// A file is gone.
    pub(super) fn deleted(&mut self, name: &OsStr) {
        self.touched(name);
        self.names.retain(|known| known != name);
    }

    /// Moves were missed.
    pub(super) fn lost(&mut self) {
        self.version += 1;
        self.from = None;
    }

    fn touched(&mut self, name: &OsStr) {
        if name == self.base || self.names.iter().any(|known| known == name) {
            self.version += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(generations: &mut Generations, from: &str, to: &str) {
        generations.moved_from(7, OsStr::new(from));
        generations.moved_to(7, OsStr::new(to));
    }

    fn names(generations: &Generations) -> Vec<&str> {
        generations.names().map(|n| n.to_str().unwrap()).collect()
    }

    #[test]
    fn each_generation_is_known_by_its_latest_name() {
        let mut g = Generations::of(OsStr::new("log"));
        moved(&mut g, "log", "log.1");
        moved(&mut g, "other", "other.1");
        moved(&mut g, "log.1", "log.2");
        moved(&mut g, "log", "log.1");
        assert_eq!(names(&g), ["log.2", "log.1"]);
        // The oldest is overwritten, one is deleted.
        moved(&mut g, "log.1", "log.2");
        assert_eq!(names(&g), ["log.2"]);
        g.deleted(OsStr::new("log.2"));
        assert_eq!(names(&g), [""; 0]);
        // One leaves the folder, one comes back.
        moved(&mut g, "log", "log.1");
        g.moved_from(8, OsStr::new("log.1"));
        assert!(!g.is_settled());
        moved(&mut g, "log", "log.1");
        assert_eq!(names(&g), ["log.1"]);
        moved(&mut g, "log.1", "log");
        assert_eq!(names(&g), [""; 0]);
        assert!(g.is_settled());
    }

    /// Between a look at them and the word of it the file may be rotated once more.
    #[test]
    fn what_was_looked_at_is_forgotten_and_what_came_meanwhile_is_not() {
        let mut g = Generations::of(OsStr::new("log"));
        moved(&mut g, "log", "log.1");
        moved(&mut g, "log", "log.2");
        let looked: Vec<PathBuf> = g.names().map(PathBuf::from).collect();
        moved(&mut g, "log", "log.3");
        g.looked_at(&looked);
        assert_eq!(names(&g), ["log.3"]);
    }

    #[test]
    fn one_that_is_moved_over_a_later_one_keeps_its_place() {
        let mut g = Generations::of(OsStr::new("log"));
        for name in ["a", "b", "c", "d"] {
            moved(&mut g, "log", name);
        }
        moved(&mut g, "b", "c");
        assert_eq!(names(&g), ["a", "c", "d"]);
        moved(&mut g, "d", "a");
        assert_eq!(names(&g), ["c", "a"]);
    }

    #[test]
    fn it_stands_still_only_where_nothing_happened_to_any_of_them() {
        let mut g = Generations::of(OsStr::new("log"));
        let before = g.version();
        g.made(OsStr::new("other"));
        moved(&mut g, "other", "other.1");
        assert_eq!(g.version(), before);
        g.made(OsStr::new("log"));
        assert_ne!(g.version(), before);
    }
}
