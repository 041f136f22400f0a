//! What waits for a disk waits on a thread of its own, and for so long only: a disk that hangs is
//! left behind with its thread.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use super::folder::{make_folder_of, sync_folder};
use super::head::{Trouble, head_file, read_head, replace};
use crate::model::proof::Head;

/// A disk that has not answered for so long is dead.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

/// Runs something that waits for a disk.
///
/// # Errors
/// `TimedOut` where it takes longer than [`LIMIT`]; it then goes on, and nobody hears of it.
pub(super) fn within<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (done, result) = bounded(1);
    std::thread::Builder::new().spawn(move || {
        let _ = done.send(work());
    })?;
    result.recv_timeout(LIMIT).map_err(|_| late())?
}

fn late() -> io::Error {
    let words = format!("it has not answered for {} s", LIMIT.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, words)
}

/// What was found where a journal was opened.
pub(super) struct Found {
    /// What is in it.
    pub(super) bytes: Vec<u8>,
    /// The head beside it.
    pub(super) head: io::Result<Option<Head>>,
    /// False for a device, which has nothing to go on from and no head.
    pub(super) is_file: bool,
}

/// What is to be written.
enum Job {
    /// To the end of the journal.
    Add(String),
    /// Into the place of the head beside it.
    Head(Head),
}

/// A journal that is added to and the head beside it, on a thread of their own. What is asked for
/// is done in order: no line is written before the head of the line before it.
#[derive(Debug)]
pub(super) struct Disk {
    jobs: Option<Sender<Job>>,
    done: Receiver<io::Result<()>>,
    trouble: Trouble,
    hung: bool,
}

/// Why a file cannot be added to.
pub(super) enum Shut {
    /// The disk does not give it.
    Disk(io::Error),
    /// Another writes it.
    Locked,
}

impl From<io::Error> for Shut {
    fn from(why: io::Error) -> Self {
        Self::Disk(why)
    }
}

impl Disk {
    /// Opens a journal or makes it, for one writer alone.
    pub(super) fn open(path: &Path) -> Result<(Self, Found), Shut> {
        let path: PathBuf = path.to_owned();
        let (tell, opened) = bounded(1);
        let (jobs, next) = unbounded::<Job>();
        let (finish, done) = bounded(1);
        let trouble = Trouble::default();
        let told = trouble.clone();
        std::thread::Builder::new().spawn(move || {
            let (mut file, found) = match open(&path) {
                Ok((file, found)) => (file, Ok(found)),
                Err(shut) => {
                    let _ = tell.send(Err(shut));
                    return;
                }
            };
            if tell.send(found).is_err() {
                return;
            }
            drop(tell);
            let beside = head_file(&path, None);
            while let Ok(job) = next.recv() {
                match job {
                    Job::Head(head) => told.of(&beside, replace(&beside, &head)),
                    Job::Add(text) if finish.send(add(&mut file, &text)).is_err() => return,
                    Job::Add(_) => {}
                }
            }
            // The lock goes before whoever waits for the end hears of it; and by itself, because a
            // program that is just being started has the file for a moment too.
            let _ = file.unlock();
            drop(file);
        })?;
        let found = opened.recv_timeout(LIMIT).map_err(|_| late())??;
        let disk = Self {
            jobs: Some(jobs),
            done,
            trouble,
            hung: false,
        };
        Ok((disk, found))
    }

    /// Adds text; it is on the disk where this is `Ok`.
    ///
    /// # Errors
    /// Where it may not be there; `TimedOut` where the disk hangs.
    pub(super) fn add(&mut self, text: String) -> io::Result<()> {
        let gone = || io::Error::other("its writer has ended");
        let jobs = self.jobs.as_ref().filter(|_| !self.hung);
        let job = Job::Add(text);
        jobs.ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        self.done.recv_timeout(LIMIT).unwrap_or_else(|_| {
            self.hung = true;
            Err(late())
        })
    }

    /// Replaces the head beside the journal; nobody waits for it but the next line.
    pub(super) fn keep(&self, head: Head) {
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(Job::Head(head));
        }
    }

    /// Why the last head is not kept.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.words()
    }

    /// True where it was waited for in vain.
    pub(super) fn hangs(&self) -> bool {
        self.hung
    }

    /// Closes the file; waits for that, unless the disk hangs.
    pub(super) fn close(&mut self, by: Instant) {
        self.jobs = None;
        if !self.hung {
            let left = by.saturating_duration_since(Instant::now());
            let _ = self.done.recv_timeout(left);
        }
    }
}

impl Drop for Disk {
    /// Of a journal that was refused once it was read, too, whoever opens it next finds no lock.
    fn drop(&mut self) {
        if self.jobs.is_some() {
            self.close(Instant::now() + LIMIT);
        }
    }
}

fn open(path: &Path) -> Result<(File, Found), Shut> {
    make_folder_of(path)?;
    let mut options = OpenOptions::new();
    options.append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let (file, made) = match options.clone().create_new(true).open(path) {
        Ok(file) => (file, true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (options.open(path)?, false),
        Err(error) => return Err(error.into()),
    };
    if made {
        sync_folder(path)?;
    }
    if !file.metadata()?.is_file() {
        let found = Found {
            bytes: Vec::new(),
            head: Ok(None),
            is_file: false,
        };
        return Ok((file, found));
    }
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Shut::Locked),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    let found = Found {
        bytes: fs::read(path)?,
        head: read_head(&head_file(path, None)),
        is_file: true,
    };
    Ok((file, found))
}

fn add(file: &mut File, text: &str) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    file.sync_data()
}
