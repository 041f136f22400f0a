//! Writes one person's acts down wherever a disk takes them: in the first place, and where that is
//! dead, in the second.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::within;
use super::line::Entry;
use super::read::{History, OpenAct, of_bytes};
use super::write::{Journal, JournalError};
use crate::guard::Signer;
use crate::model::intent::{Intent, Outcome};
use crate::model::proof::Head;
use crate::model::{Actor, Timestamp};

/// So many of the newest journals of a folder are looked through for acts without an end.
const LOOKED_AT: usize = 1_000;

/// A place for journals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file of each session's own in this folder.
    Folder(PathBuf),
    /// This file.
    File(PathBuf),
    /// A folder where this is one, or where nothing is there yet and its name has no extension;
    /// else a file. It is looked at when it is used, as its disk may hang.
    Either(PathBuf),
}

impl Place {
    fn found(&self) -> Cow<'_, Self> {
        match self {
            Self::Either(path) if path.is_dir() || !path.exists() && path.extension().is_none() => {
                Cow::Owned(Self::Folder(path.clone()))
            }
            Self::Either(path) => Cow::Owned(Self::File(path.clone())),
            found => Cow::Borrowed(found),
        }
    }
}

/// Where journals are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Here, while a disk takes it.
    pub first: Place,
    /// Else here; best on another disk.
    pub second: Option<Place>,
    /// A second folder for heads; best where whoever can change the journal cannot write.
    pub heads: Option<PathBuf>,
}

impl Places {
    /// One place.
    #[must_use]
    pub fn one(first: Place) -> Self {
        Self {
            first,
            second: None,
            heads: None,
        }
    }
}

/// A line is on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Written {
    /// The journal's head, this line its last.
    pub head: Head,
    /// Said once: that it is the second place from now on, and why.
    pub instead: Option<String>,
}

/// Neither place takes a line: nothing may be done.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.words())]
pub struct Unwritten {
    /// Why the first did not.
    pub first: JournalError,
    /// Why the second did not, where there is one.
    pub second: Option<JournalError>,
}

impl Unwritten {
    fn words(&self) -> String {
        match &self.second {
            None => self.first.to_string(),
            Some(second) => format!("{}. The second place too: {second}", self.first),
        }
    }
}

/// Which of the two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    First,
    Second,
}

/// Writes what a person does.
#[derive(Debug)]
pub struct Scribe {
    places: Places,
    signer: Arc<Signer>,
    by: Actor,
    at: Which,
    journal: Option<Journal>,
    /// Why it is not the first place.
    instead: Option<String>,
}

impl Scribe {
    /// A scribe for this person. Nothing is opened before the first line.
    #[must_use]
    pub fn new(places: Places, signer: Arc<Signer>, by: Actor) -> Self {
        Self {
            places,
            signer,
            by,
            at: Which::First,
            journal: None,
            instead: None,
        }
    }

    /// Writes that an act is about to be sent.
    ///
    /// # Errors
    /// [`Unwritten`] where it is on no disk: the act must not be sent.
    pub fn intend(
        &mut self,
        intent: &Intent,
        to: &str,
        now: Timestamp,
    ) -> Result<Written, Unwritten> {
        self.write(now, |journal| journal.intend(intent, to, now))
    }

    /// Writes what became of an act.
    ///
    /// # Errors
    /// [`Unwritten`] where it is on no disk.
    pub fn end(
        &mut self,
        key: &str,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Written, Unwritten> {
        self.write(now, |journal| journal.end(key, outcome, now))
    }

    /// Where the last line was written.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.journal.as_ref().map(Journal::path)
    }

    /// What is wrong though lines are written: the second place is in use, or a head cannot be
    /// kept.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let heads = || self.journal.as_ref().and_then(Journal::trouble);
        self.instead.clone().or_else(heads)
    }

    /// The acts of earlier sessions whose end nobody has written down, in both places; what a dead
    /// disk keeps is passed over.
    #[must_use]
    pub fn open_acts(&self) -> Vec<OpenAct> {
        let places = [Some(&self.places.first), self.places.second.as_ref()];
        open_acts(places.into_iter().flatten())
    }

    fn write(
        &mut self,
        now: Timestamp,
        mut line: impl FnMut(&mut Journal) -> Result<(), JournalError>,
    ) -> Result<Written, Unwritten> {
        let tried = self.at;
        let why = match self.try_here(now, &mut line) {
            Ok(head) => {
                return Ok(Written {
                    head,
                    instead: None,
                });
            }
            Err(why) => why,
        };
        let other = match (tried, &self.places.second) {
            (Which::First, Some(_)) => Which::Second,
            // The first disk may be in order again.
            (Which::Second, _) => Which::First,
            (Which::First, None) => {
                let (first, second) = (why, None);
                return Err(Unwritten { first, second });
            }
        };
        self.at = other;
        self.instead = (other == Which::Second).then(|| why.to_string());
        match self.try_here(now, &mut line) {
            Ok(head) => {
                let here = self.path().filter(|_| other == Which::Second);
                let instead = here.map(|path| {
                    format!("{why}. Acts are written to {} from now on", path.display())
                });
                Ok(Written { head, instead })
            }
            Err(too) => {
                (self.at, self.instead) = (Which::First, None);
                let (first, second) = match tried {
                    Which::First => (why, too),
                    Which::Second => (too, why),
                };
                let second = Some(second);
                Err(Unwritten { first, second })
            }
        }
    }

    /// Writes a line in the place that is in use; where that fails, the next is written to a
    /// journal that is opened anew.
    fn try_here(
        &mut self,
        now: Timestamp,
        line: &mut impl FnMut(&mut Journal) -> Result<(), JournalError>,
    ) -> Result<Head, JournalError> {
        let mut journal = match self.journal.take() {
            Some(journal) => journal,
            None => self.open(now)?,
        };
        line(&mut journal)?;
        let head = journal.head();
        self.journal = Some(journal);
        Ok(head)
    }

    fn open(&self, now: Timestamp) -> Result<Journal, JournalError> {
        let place = match (self.at, &self.places.second) {
            (Which::Second, Some(second)) => second,
            _ => &self.places.first,
        };
        let path = match &*place.found() {
            Place::Folder(folder) => file_in(folder, now, std::process::id()),
            Place::File(path) | Place::Either(path) => path.clone(),
        };
        let signer = Arc::clone(&self.signer);
        let mut journal = Journal::open_with(&path, signer, self.places.heads.as_deref())?;
        journal.begin_instead(&self.by, self.instead.clone(), now)?;
        Ok(journal)
    }
}

/// The name of a session's journal in a folder: by when it began, and by process.
#[must_use]
pub fn file_in(folder: &Path, now: Timestamp, process: u32) -> PathBuf {
    let when = now.to_chrono().format("%Y%m%dT%H%M%S%3fZ");
    folder.join(format!("acts-{when}-{process}.jsonl"))
}

/// The acts that were written down as sent and nowhere as ended, in the journals of some places,
/// the oldest first, each once. What cannot be read is passed over: judging it is for
/// [`super::verify`].
#[must_use]
pub fn open_acts<'a>(places: impl IntoIterator<Item = &'a Place>) -> Vec<OpenAct> {
    let read = |place: &Place| {
        let place = place.clone();
        within(move || contents(&place)).unwrap_or_default()
    };
    let files = places.into_iter().flat_map(read);
    let histories: Vec<History> = files.map(|bytes| of_bytes(&bytes)).collect();
    // A later session may have learned the end of an earlier one's act.
    let entries = histories.iter().flat_map(|history| &history.entries);
    let mut known: HashSet<&str> = entries.filter_map(Entry::ended).collect();
    let mut open: Vec<&OpenAct> = histories.iter().flat_map(|history| &history.open).collect();
    open.sort_by_key(|act| act.intent.at);
    // An act may stand in two places, where a disk died over it.
    open.retain(|act| known.insert(&act.intent.key));
    open.into_iter().cloned().collect()
}

/// What is in the newest journals of a place.
fn contents(place: &Place) -> io::Result<Vec<Vec<u8>>> {
    let place = place.found();
    let folder = match &*place {
        Place::Folder(folder) => folder,
        Place::File(path) if path.is_file() => return Ok(vec![std::fs::read(path)?]),
        Place::File(_) | Place::Either(_) => return Ok(Vec::new()),
    };
    let entries = std::fs::read_dir(folder)?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "jsonl"));
    files.sort();
    let newest = files.iter().rev().take(LOOKED_AT).rev();
    Ok(newest.filter_map(|path| std::fs::read(path).ok()).collect())
}
