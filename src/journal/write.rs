//! Writes a journal: a line is on the disk before anybody is told that it is written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use rand::TryRng as _;
use rand::rngs::SysRng;

use super::disk::{Disk, LIMIT, Shut};
use super::head::{self, Keeper, head_file};
use super::line::{self, Entry, Kind, Torn, Writer};
use super::read::{Broken, History, of_bytes};
use crate::guard::Signer;
use crate::model::intent::{Intent, Outcome};
use crate::model::proof::Head;
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
        broken: Broken,
    },
    /// It is not what its head says.
    #[error(
        "the journal {path} is not what its head says: {why}; name another place with --journal"
    )]
    Beheaded {
        /// Which.
        path: PathBuf,
        /// What does not fit.
        why: String,
    },
    /// Another session writes it.
    #[error(
        "the journal {path} is being written by another session; name another place with --journal"
    )]
    Locked {
        /// Which.
        path: PathBuf,
    },
    /// It is another person's.
    #[error("the journal {path} is signed with another key; name another place with --journal")]
    OtherKey {
        /// Which.
        path: PathBuf,
    },
}

/// A journal that is being written, by one writer.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    disk: Disk,
    signer: Arc<Signer>,
    writer: Writer,
    n: u64,
    /// The hash of the last line; empty where there is none.
    last: String,
    torn: Option<Torn>,
    /// False for a device, which has no head.
    is_file: bool,
    /// Where the head is kept too.
    second: Option<Keeper>,
    /// A line may have been written in part: nothing more is, until it is opened anew.
    failed: bool,
}

impl Journal {
    /// Opens a journal, or makes it, readable by its owner alone; goes on where it ends. While it
    /// is open nobody else can open it. Each line is signed by `signer`.
    ///
    /// # Errors
    /// [`JournalError`] where it cannot be read or made within two seconds, is not what was
    /// written, or is another's.
    pub fn open(path: &Path, signer: Arc<Signer>) -> Result<Self, JournalError> {
        Self::open_with(path, signer, None)
    }

    /// The same, with the head also kept in a second folder, best on another disk.
    ///
    /// # Errors
    /// As [`Self::open`]. A head that cannot be kept is no error: [`Self::trouble`] says it.
    pub fn open_with(
        path: &Path,
        signer: Arc<Signer>,
        heads: Option<&Path>,
    ) -> Result<Self, JournalError> {
        let path = path.to_owned();
        let (disk, found) = match Disk::open(&path) {
            Ok(opened) => opened,
            Err(Shut::Locked) => return Err(JournalError::Locked { path }),
            Err(Shut::Disk(why)) => return Err(JournalError::Disk { path, why }),
        };
        // Judging takes no disk, and for a long journal its time.
        let history = of_bytes(&found.bytes);
        judge(&path, &history, &found.head, &signer)?;
        let is_file = found.is_file;
        let (n, last) = (history.lines(), history.head().to_owned());
        let writer = match history.writer {
            Some(writer) => writer,
            None => new_writer(&signer).map_err(|why| JournalError::Disk {
                path: path.clone(),
                why,
            })?,
        };
        let second = heads.filter(|_| is_file);
        let second = second.map(|folder| Keeper::new(&head_file(&path, Some(folder))));
        let mut journal = Self {
            path,
            disk,
            signer,
            writer,
            n,
            last,
            torn: history.torn,
            is_file,
            second,
            failed: false,
        };
        if history.unended {
            let ended = journal.disk.add("\n".to_owned());
            ended.map_err(|why| journal.fault(why))?;
        }
        if n > 0 {
            // A crash may have come between the last line and its head.
            journal.keep_head();
        }
        Ok(journal)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its signed head: how many lines it has and the hash of the last.
    #[must_use]
    pub fn head(&self) -> Head {
        head::sign(&self.signer, &self.writer.id, self.n, &self.last)
    }

    /// What is wrong though lines are written: a head that cannot be kept.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let second = || self.second.as_ref().and_then(Keeper::trouble);
        self.disk.trouble().or_else(second)
    }

    /// Writes that a session begins. It has to come before anything else.
    ///
    /// # Errors
    /// [`JournalError::Disk`] where the line is not on the disk.
    pub fn begin(&mut self, by: &Actor, at: Timestamp) -> Result<(), JournalError> {
        self.begin_instead(by, None, at)
    }

    /// The same, and why it is written here and not in its first place.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub fn begin_instead(
        &mut self,
        by: &Actor,
        instead: Option<String>,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let kind = Kind::Begun {
            by: by.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            writer: self.writer.clone(),
            instead,
        };
        self.add(at, kind)
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
        done.map_err(|why| self.fault(why))
    }

    fn fault(&self, why: io::Error) -> JournalError {
        let path = self.path.clone();
        JournalError::Disk { path, why }
    }

    fn put(&mut self, at: Timestamp, kind: Kind) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("a line before this one was not written"));
        }
        if self.n == 0 && !matches!(kind, Kind::Begun { .. }) {
            return Err(io::Error::other("no session has begun in it"));
        }
        let entry = Entry {
            n: self.n + 1,
            prev: self.last.clone(),
            at,
            kind,
            torn: self.torn.clone(),
        };
        let (line, hash) = line::write(&entry, &self.signer)?;
        let end = if self.torn.is_some() { "\n" } else { "" };
        self.disk.add(format!("{end}{line}\n"))?;
        (self.n, self.last) = (self.n + 1, hash);
        self.torn = None;
        self.keep_head();
        Ok(())
    }

    fn keep_head(&self) {
        if self.is_file {
            let head = self.head();
            if let Some(second) = &self.second {
                second.keep(head.clone());
            }
            self.disk.keep(head);
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let by = Instant::now() + LIMIT;
        self.disk.close(by);
        // Where the disk of the journal hangs, nothing more can be waited for.
        let by = if self.disk.hangs() {
            Instant::now()
        } else {
            by
        };
        if let Some(second) = &mut self.second {
            second.close(by);
        }
    }
}

/// May this writer go on with what was found?
fn judge(
    path: &Path,
    history: &History,
    head: &io::Result<Option<Head>>,
    signer: &Signer,
) -> Result<(), JournalError> {
    let path = path.to_owned();
    if let Some(broken) = history.broken.clone() {
        return Err(JournalError::Broken { path, broken });
    }
    let writer = history.writer.as_ref();
    if writer.is_some_and(|writer| writer.key != signer.public()) {
        return Err(JournalError::OtherKey { path });
    }
    match misfit(history, head) {
        Some(why) => Err(JournalError::Beheaded { path, why }),
        None => Ok(()),
    }
}

/// What does not fit between a journal and the head beside it.
fn misfit(history: &History, head: &io::Result<Option<Head>>) -> Option<String> {
    match head {
        Err(why) => Some(why.to_string()),
        // A crash may come between the first line and the first head.
        Ok(None) if history.lines() <= 1 => None,
        Ok(None) => Some("it is missing".to_owned()),
        Ok(Some(head)) if !head::is_signed(head) => Some("it is forged".to_owned()),
        Ok(Some(head)) => head::misfit(history, head).map(|misfit| misfit.to_string()),
    }
}

fn new_writer(signer: &Signer) -> io::Result<Writer> {
    let mut id = [0_u8; 16];
    SysRng
        .try_fill_bytes(&mut id)
        .map_err(|_| io::Error::other("the system gives no randomness"))?;
    Ok(Writer {
        id: data_encoding::HEXLOWER.encode(&id),
        key: signer.public(),
    })
}
