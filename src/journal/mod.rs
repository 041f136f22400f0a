//! The journal: what was done by whom, written and synced before it is sent.
//!
//! A file of JSON lines, only ever added to. Each line holds the hash of the line before it and
//! its own, so that a line that was changed, moved, doubled or taken out from between is found. A
//! line that was torn by a crash is named by the next line that is written, and is called torn.
//! Each session writes a file of its own; what an earlier one left open is read from its file.

mod line;
mod read;
mod write;

pub use line::{Entry, Kind};
pub use read::{Broken, History, OpenAct, read};
pub use write::{Journal, JournalError};

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::model::Timestamp;
use crate::model::intent::Outcome;

/// So many of the newest journals of a folder are looked through for acts without an end.
const LOOKED_AT: usize = 64;

/// The name of a session's journal in a folder: by when it began, and by process.
#[must_use]
pub fn file_in(folder: &Path, now: Timestamp, process: u32) -> PathBuf {
    let when = now.to_chrono().format("%Y%m%dT%H%M%S%3fZ");
    folder.join(format!("acts-{when}-{process}.jsonl"))
}

/// The acts that were written down as sent and nowhere as ended, in the journals of a folder, the
/// oldest first. What cannot be read is passed over: judging it is for whoever verifies.
#[must_use]
pub fn open_acts(folder: &Path) -> Vec<OpenAct> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "jsonl"));
    files.sort();
    let newest = files.iter().rev().take(LOOKED_AT).rev();
    let histories: Vec<History> = newest.filter_map(|path| read(path).ok()).collect();
    // A later session may have learned the end of an earlier one's act.
    let entries = histories.iter().flat_map(|history| &history.entries);
    let ended: HashSet<&str> = entries
        .filter_map(|entry| match &entry.kind {
            Kind::Ended {
                key,
                outcome: Outcome::Observed { .. } | Outcome::Failed { .. },
            } => Some(key.as_str()),
            _ => None,
        })
        .collect();
    let open = histories.iter().flat_map(|history| &history.open);
    open.filter(|act| !ended.contains(act.intent.key.as_str()))
        .cloned()
        .collect()
}
