//! The head of a journal: how many lines it has and the hash of the last, signed. It lies beside
//! the journal, in a second folder where one is named, and in the receipt of each act; while one
//! of them survives, a cut tail is found.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use serde::Deserialize;

use super::read::History;
use crate::guard::Signer;
use crate::model::json;
use crate::model::proof::Head;

/// What is signed is for this and nothing else.
const DOMAIN: &str = "rotascope journal head v1";

/// The longest head file that is read, in bytes.
const LONGEST: u64 = 1 << 16;

/// The head of the journal `writer` of `n` lines, the last of which has this hash.
pub(super) fn sign(signer: &Signer, writer: &str, n: u64, hash: &str) -> Head {
    Head {
        writer: writer.to_owned(),
        n,
        hash: hash.to_owned(),
        key: signer.public(),
        signature: signer.sign(DOMAIN, message(writer, n, hash).as_bytes()),
    }
}

/// True where the owner of the key that a head names signed it.
#[must_use]
pub fn is_signed(head: &Head) -> bool {
    let message = message(&head.writer, head.n, &head.hash);
    Signer::verify(&head.key, DOMAIN, message.as_bytes(), &head.signature)
}

fn message(writer: &str, n: u64, hash: &str) -> String {
    format!("{n} {hash} {writer}")
}

/// What does not fit between a journal and a signed head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The head is of another journal.
    #[error("it is the head of another journal")]
    OtherWriter,
    /// The head is another person's.
    #[error("it is signed with another key than the journal")]
    OtherKey,
    /// The journal has fewer lines.
    #[error("lines were cut off: it has {has} of the {had} lines that its head holds")]
    Cut {
        /// How many it has.
        has: u64,
        /// How many it had.
        had: u64,
    },
    /// The line that the head holds is another, and both are signed.
    #[error(
        "it forks at line {0}: that line and the one that its head holds differ, and both are signed"
    )]
    Forked(u64),
}

/// What does not fit between what a journal says and a head that is signed.
pub(super) fn misfit(history: &History, head: &Head) -> Option<Misfit> {
    if let Some(writer) = &history.writer {
        if writer.id != head.writer {
            return Some(Misfit::OtherWriter);
        }
        if writer.key != head.key {
            return Some(Misfit::OtherKey);
        }
    }
    // The end of a line is on the disk before the head that holds the line.
    let has = history.lines() - u64::from(history.unended);
    if head.n > has {
        return Some(Misfit::Cut { has, had: head.n });
    }
    let hash = history.hash_of(head.n).unwrap_or_default();
    (hash != head.hash).then_some(Misfit::Forked(head.n))
}

/// The file of a journal's head: of the journal's name, beside it or in another folder.
#[must_use]
pub fn head_file(journal: &Path, folder: Option<&Path>) -> PathBuf {
    let mut name = journal
        .file_name()
        .map_or_else(|| OsString::from("journal"), OsString::from);
    name.push(".head");
    match folder {
        Some(folder) => folder.join(name),
        None => journal.with_file_name(name),
    }
}

/// A head, or what holds one: an act's receipt.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Head(Head),
    Receipt { head: Head },
}

/// Reads a head, or that of an act's receipt; `None` where there is no such file.
///
/// # Errors
/// Where the file cannot be read or holds none (`InvalidData`).
pub fn read_head(path: &Path) -> io::Result<Option<Head>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let text = io::read_to_string(io::Read::take(file, LONGEST))?;
    match serde_json::from_str(&text) {
        Ok(Written::Head(head) | Written::Receipt { head }) => Ok(Some(head)),
        Err(_) => {
            let words = "it holds no head of a journal";
            Err(io::Error::new(io::ErrorKind::InvalidData, words))
        }
    }
}

/// Puts a head into the place of the one before it, so that there is always one, whole.
pub(super) fn replace(path: &Path, head: &Head) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(format!("{}\n", json::to_line(head)?).as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    super::folder::sync_folder(path)
}

/// What is wrong with a head that was to be kept, for whoever asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    /// Remembers how the last try went.
    pub(super) fn of(&self, path: &Path, done: io::Result<()>) {
        let words = done.err().map(|why| {
            let path = path.display();
            format!("the journal's head {path} cannot be written: {why}")
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }

    pub(super) fn words(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Keeps the newest head in a second place, on a thread of its own: no line waits for it, and a
/// disk that hangs there stops nothing else.
#[derive(Debug)]
pub(super) struct Keeper {
    heads: Option<Sender<Head>>,
    ended: Receiver<()>,
    trouble: Trouble,
}

impl Keeper {
    pub(super) fn new(path: &Path) -> Self {
        let (heads, newer) = unbounded::<Head>();
        let (end, ended) = bounded::<()>(0);
        let trouble = Trouble::default();
        let (told, place) = (trouble.clone(), path.to_owned());
        let begun = std::thread::Builder::new().spawn(move || {
            let _ended_when_dropped = end;
            while let Ok(head) = newer.recv() {
                // Of what came meanwhile only the newest counts.
                let head = newer.try_iter().last().unwrap_or(head);
                let done = super::folder::make_folder_of(&place);
                told.of(&place, done.and_then(|()| replace(&place, &head)));
            }
        });
        trouble.of(path, begun.map(drop));
        Self {
            heads: Some(heads),
            ended,
            trouble,
        }
    }

    pub(super) fn keep(&self, head: Head) {
        if let Some(heads) = &self.heads {
            let _ = heads.send(head);
        }
    }

    /// Why the last head that was tried is not kept.
    pub(super) fn trouble(&self) -> Option<String> {
        self.trouble.words()
    }

    /// Takes no more; waits until the last is kept, or so long.
    pub(super) fn close(&mut self, by: Instant) {
        self.heads = None;
        let left = by.saturating_duration_since(Instant::now());
        let _ = self.ended.recv_timeout(left.max(Duration::from_millis(1)));
    }
}
