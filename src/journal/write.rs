//! Writes a journal: a line is on the disk before anybody is told that it is written.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::line::{self, Entry, Kind, Torn};
use super::read;
use crate::model::intent::{Intent, Outcome};
use crate::model::{Actor, Timestamp};

/// Why nothing is written, and so nothing may be done.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk does not take it.
    #[error("the journal {path} cannot be written: {why}; name another place with --journal")]
    Disk {
        /// Which.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// It is not what was written.
    #[error("the journal {path} was changed: {broken}; name another place with --journal")]
    Broken {
        /// Which.
        path: PathBuf,
        /// Where.
        broken: read::Broken,
    },
}

/// A journal that is being written, by one writer.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    n: u64,
    head: String,
    torn: Option<Torn>,
    /// A line may have been written in part: nothing more is, until it is opened anew.
    failed: bool,
}

impl Journal {
    /// Opens a journal, or makes it, readable by its owner alone; goes on where it ends.
    ///
    /// # Errors
    /// [`JournalError`] where it cannot be read or made, or is not what was written.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let disk = |why| JournalError::Disk {
            path: path.to_owned(),
            why,
        };
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder).map_err(disk)?;
        }
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(disk)?;
        // A device has nothing to go on from.
        let history = if file.metadata().map_err(disk)?.is_file() {
            read::read(path).map_err(disk)?
        } else {
            read::History::default()
        };
        if let Some(broken) = history.broken {
            return Err(JournalError::Broken {
                path: path.to_owned(),
                broken,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            n: history.entries.len() as u64,
            head: history.head,
            torn: history.torn,
            failed: false,
        })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes that a session begins.
    ///
    /// # Errors
    /// [`JournalError::Disk`] where the line is not on the disk.
    pub fn begin(&mut self, by: &Actor, at: Timestamp) -> Result<(), JournalError> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.add(
            at,
            Kind::Begun {
                by: by.clone(),
                version,
            },
        )
    }

    /// Writes that an act is about to be sent.
    ///
    /// # Errors
    /// [`JournalError::Disk`] where the line is not on the disk: the act must not be sent.
    pub fn intend(&mut self, intent: &Intent, to: &str, at: Timestamp) -> Result<(), JournalError> {
        let (intent, to) = (intent.clone(), to.to_owned());
        self.add(at, Kind::Intended { intent, to })
    }

    /// Writes what became of an act.
    ///
    /// # Errors
    /// [`JournalError::Disk`] where the line is not on the disk.
    pub fn end(&mut self, key: &str, outcome: &Outcome, at: Timestamp) -> Result<(), JournalError> {
        let (key, outcome) = (key.to_owned(), outcome.clone());
        self.add(at, Kind::Ended { key, outcome })
    }

    fn add(&mut self, at: Timestamp, kind: Kind) -> Result<(), JournalError> {
        let done = self.put(at, kind);
        self.failed |= done.is_err();
        done.map_err(|why| JournalError::Disk {
            path: self.path.clone(),
            why,
        })
    }

    fn put(&mut self, at: Timestamp, kind: Kind) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("a line before this one was not written"));
        }
        let entry = Entry {
            n: self.n + 1,
            at,
            kind,
            torn: self.torn.clone(),
            prev: self.head.clone(),
        };
        let (line, hash) = line::write(&entry)?;
        let end = if self.torn.is_some() { "\n" } else { "" };
        self.file.write_all(format!("{end}{line}\n").as_bytes())?;
        self.file.sync_data()?;
        (self.n, self.head, self.torn) = (self.n + 1, hash, None);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::read::of_bytes;
    use crate::model::intent::Verb;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_800_000_000 + seconds, 0)
    }

    fn intent(key: &str) -> Intent {
        crate::model::act::Wish::new(Verb::Freeze).intent(
            "mira".into(),
            Some("a \u{202e} reason".into()),
            key.to_owned(),
            at(1),
        )
    }

    fn observed() -> Outcome {
        Outcome::Observed {
            words: "frozen".to_owned(),
        }
    }

    fn written(folder: &Path) -> PathBuf {
        let path = folder.join("acts.jsonl");
        let mut journal = Journal::open(&path).unwrap();
        journal.begin(&"mira".into(), at(0)).unwrap();
        for key in ["k1", "k2", "k3"] {
            journal.intend(&intent(key), "engine", at(1)).unwrap();
        }
        journal.end("k1", &observed(), at(2)).unwrap();
        let why = "cut".to_owned();
        journal.end("k2", &Outcome::Unknown { why }, at(3)).unwrap();
        path
    }

    fn open(history: &History) -> Vec<&str> {
        history.open.iter().map(|a| a.intent.key.as_str()).collect()
    }
    use crate::journal::History;

    #[test]
    fn what_is_open_is_what_has_no_known_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let history = read::read(&path).unwrap();
        assert_eq!((history.broken.clone(), history.torn.clone()), (None, None));
        assert_eq!(open(&history), ["k2", "k3"]);
        let mut again = Journal::open(&path).unwrap();
        again.end("k2", &observed(), at(9)).unwrap();
        assert_eq!(open(&read::read(&path).unwrap()), ["k3"]);
        let open = crate::journal::open_acts(folder.path());
        assert_eq!(open.len(), 1);
    }

    #[test]
    fn a_torn_last_line_is_called_torn_and_the_next_line_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 17]).unwrap();
        let history = read::read(&path).unwrap();
        assert!(history.torn.is_some() && history.broken.is_none());
        let mut again = Journal::open(&path).unwrap();
        again.end("k3", &observed(), at(9)).unwrap();
        again.end("k2", &observed(), at(9)).unwrap();
        let history = read::read(&path).unwrap();
        assert_eq!((&history.broken, &history.torn), (&None, &None));
        assert!(history.open.is_empty());
        assert_eq!(history.entries.len(), 7);
    }

    #[test]
    fn a_line_that_was_taken_out_doubled_or_moved_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(written(folder.path())).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let broken = |order: &[usize]| {
            let lines: Vec<&str> = order.iter().map(|n| lines[*n]).collect();
            let text = lines.join("\n") + "\n";
            of_bytes(text.as_bytes()).broken.map(|b| b.line)
        };
        assert_eq!(broken(&[0, 1, 2, 3, 4, 5]), None);
        assert_eq!(broken(&[0, 2, 3, 4, 5]), Some(2));
        assert_eq!(broken(&[0, 1, 1, 2, 3, 4, 5]), Some(3));
        assert_eq!(broken(&[0, 2, 1, 3, 4, 5]), Some(2));
        assert_eq!(broken(&[1, 2, 3, 4, 5]), Some(1));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_and_nothing_more_is_written() {
        let mut journal = Journal::open(Path::new("/dev/full")).unwrap();
        let error = journal.intend(&intent("k"), "engine", at(0)).unwrap_err();
        assert!(error.to_string().contains("No space left"), "{error}");
        assert!(error.to_string().contains("--journal"), "{error}");
        assert!(journal.intend(&intent("k"), "engine", at(0)).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn any_changed_byte_is_found(place in any::<prop::sample::Index>(), flip in 1..=255_u8) {
            let folder = tempfile::tempdir().unwrap();
            let mut bytes = std::fs::read(written(folder.path())).unwrap();
            let at = place.index(bytes.len());
            bytes[at] ^= flip;
            let history = of_bytes(&bytes);
            // Only the end of the last line can look torn: no line of it is taken for one.
            let whole = bytes.len() - 1 == at && history.torn.is_some() && history.entries.len() == 5;
            prop_assert!(history.broken.is_some() || whole);
        }
    }
}
