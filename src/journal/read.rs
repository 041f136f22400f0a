//! Reads a journal from its first line to its last and says where it is not what was written.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::line::{self, Entry, Kind, Torn};
use crate::model::intent::{Intent, Outcome};

/// What a journal says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Its entries, in order.
    pub entries: Vec<Entry>,
    /// The hash of its last whole line; empty where there is none.
    pub head: String,
    /// The acts that were sent and whose end is not written down, or is unknown.
    pub open: Vec<OpenAct>,
    /// What a crash left behind the last whole line.
    pub torn: Option<Torn>,
    /// The first line that is not what was written; what stands behind it is not read.
    pub broken: Option<Broken>,
}

/// An act that was sent and whose end nobody has written down.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenAct {
    /// Which.
    pub intent: Intent,
    /// To which backend.
    pub to: String,
}

/// A line that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Broken {
    /// Which, from 1.
    pub line: u64,
    /// Why.
    pub why: &'static str,
}

/// Reads a journal.
///
/// # Errors
/// Where the file cannot be read. What is wrong in it is no error: [`History`] says it.
pub fn read(path: &Path) -> io::Result<History> {
    Ok(of_bytes(&std::fs::read(path)?))
}

/// Reads the bytes of a journal.
pub(super) fn of_bytes(bytes: &[u8]) -> History {
    let mut history = History::default();
    let mut scrap: Option<&[u8]> = None;
    let mut open: BTreeMap<String, (usize, OpenAct)> = BTreeMap::new();
    let mut rest = bytes;
    let mut n = 0;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let (text, tail) = rest.split_at(end);
        rest = tail.get(1..).unwrap_or_default();
        n += 1;
        let fits = match line::read(text) {
            None if scrap.is_none() => {
                // It may be what a crash left; then the next line says so.
                scrap = Some(text);
                continue;
            }
            None => Err("it is no line that was written here"),
            Some((entry, hash)) => follows(&history, &entry, scrap.take()).map(|()| (entry, hash)),
        };
        match fits {
            Ok((entry, hash)) => {
                note(&mut open, &entry);
                history.head = hash;
                history.entries.push(entry);
            }
            Err(why) => {
                history.broken = Some(Broken { line: n, why });
                break;
            }
        }
    }
    if history.broken.is_none() {
        // A whole line that is none, and nothing behind it that calls it torn.
        if scrap.is_some() {
            history.broken = Some(Broken {
                line: n,
                why: "it is no line that was written here",
            });
        } else if !rest.is_empty() {
            history.torn = Some(Torn::of(rest));
        }
    }
    let mut acts: Vec<(usize, OpenAct)> = open.into_values().collect();
    acts.sort_by_key(|(place, _)| *place);
    history.open = acts.into_iter().map(|(_, act)| act).collect();
    history
}

fn follows(history: &History, entry: &Entry, scrap: Option<&[u8]>) -> Result<(), &'static str> {
    if entry.torn != scrap.map(Torn::of) {
        return Err("what stands before it is no line, and it does not call that torn");
    }
    if entry.prev != history.head {
        return Err("it does not follow the line before it");
    }
    if entry.n != history.entries.len() as u64 + 1 {
        return Err("its number does not follow");
    }
    Ok(())
}

fn note(open: &mut BTreeMap<String, (usize, OpenAct)>, entry: &Entry) {
    match &entry.kind {
        Kind::Intended { intent, to } => {
            let place = open.len();
            let (key, intent, to) = (intent.key.clone(), intent.clone(), to.clone());
            open.entry(key).or_insert((place, OpenAct { intent, to }));
        }
        Kind::Ended {
            key,
            outcome: Outcome::Observed { .. } | Outcome::Failed { .. },
        } => {
            open.remove(key);
        }
        Kind::Begun { .. } | Kind::Ended { .. } => {}
    }
}
