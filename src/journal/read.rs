//! Reads a journal from its first line to its last and says where it is not what was written.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::line::{self, Entry, Fault, Kind, Line, Torn, Writer};
use crate::model::intent::Intent;

/// What a journal says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Who wrote it; `None` where it has no line.
    pub writer: Option<Writer>,
    /// Its entries, in order.
    pub entries: Vec<Entry>,
    /// The hash of each of them.
    pub hashes: Vec<String>,
    /// The acts that were sent and whose end is not written down, or is unknown.
    pub open: Vec<OpenAct>,
    /// What a crash left behind the last whole line.
    pub torn: Option<Torn>,
    /// True where the last line is whole and only the end of the line is missing.
    pub unended: bool,
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
    /// Which, from 1, as an editor counts them.
    pub line: u64,
    /// Why.
    pub why: Fault,
}

impl History {
    /// How many lines it has that are what was written.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The hash of its last whole line; empty where there is none.
    #[must_use]
    pub fn head(&self) -> &str {
        self.hashes.last().map_or("", String::as_str)
    }

    /// The hash of line `n`, from 1.
    pub(super) fn hash_of(&self, n: u64) -> Option<&str> {
        let at = usize::try_from(n.checked_sub(1)?).ok()?;
        self.hashes.get(at).map(String::as_str)
    }
}

/// Reads a journal.
///
/// # Errors
/// Where the file cannot be read. What is wrong in it is no error: [`History`] says it.
pub fn read(path: &Path) -> io::Result<History> {
    Ok(of_bytes(&std::fs::read(path)?))
}

/// Reads the bytes of a journal.
#[must_use]
pub fn of_bytes(bytes: &[u8]) -> History {
    let mut reading = Reading {
        bytes,
        whole: 0,
        scrap: None,
        history: History::default(),
        open: BTreeMap::new(),
    };
    let (mut from, mut n) = (0, 0);
    while let Some(len) = memchr::memchr(b'\n', bytes.get(from..).unwrap_or_default()) {
        n += 1;
        reading.line(from, from + len, n);
        if reading.history.broken.is_some() {
            break;
        }
        from += len + 1;
    }
    if reading.history.broken.is_none() {
        reading.rest(from, n + 1);
    }
    let Reading {
        mut history, open, ..
    } = reading;
    let mut acts: Vec<(u64, OpenAct)> = open.into_values().collect();
    acts.sort_by_key(|(place, _)| *place);
    history.open = acts.into_iter().map(|(_, act)| act).collect();
    history
}

/// A journal that is being read.
struct Reading<'a> {
    bytes: &'a [u8],
    /// Where the last whole line ends.
    whole: usize,
    /// The first line behind it that is none, and why it is none.
    scrap: Option<Broken>,
    history: History,
    open: BTreeMap<String, (u64, OpenAct)>,
}

impl Reading<'_> {
    fn slice(&self, from: usize, to: usize) -> &[u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// Reads the line `n` of the file.
    fn line(&mut self, from: usize, to: usize, n: u64) {
        match line::read(self.slice(from, to)) {
            // It may be what a crash left: then the next line says so.
            Err(why) => {
                self.scrap.get_or_insert(Broken { line: n, why });
            }
            Ok(line) => match self.follows(&line, from) {
                Ok(()) => self.push(line, to + 1),
                Err(why) => {
                    let here = Broken { line: n, why };
                    self.history.broken = Some(self.scrap.take().unwrap_or(here));
                }
            },
        }
    }

    /// Reads what stands behind the last line end.
    fn rest(&mut self, from: usize, n: u64) {
        let end = self.bytes.len();
        if from < end
            && let Ok(line) = line::read(self.slice(from, end))
        {
            match self.follows(&line, from) {
                Ok(()) => {
                    self.push(line, end);
                    self.history.unended = true;
                }
                Err(why) => self.history.broken = Some(Broken { line: n, why }),
            }
            return;
        }
        if self.whole == end {
            return;
        }
        let next = self.history.lines() + 1;
        let left = self.slice(self.whole, end);
        let begun = left
            .strip_suffix(b"\n")
            .unwrap_or(left)
            .split(|byte| *byte == b'\n')
            .all(|scrap| line::can_begin(scrap, next, self.history.head()));
        if begun {
            self.history.torn = Some(Torn::of(left));
        } else {
            let why = Fault::NoLine;
            let here = Broken { line: n, why };
            self.history.broken = Some(self.scrap.take().unwrap_or(here));
        }
    }

    fn follows(&self, line: &Line, from: usize) -> Result<(), Fault> {
        let entry = &line.entry;
        if entry.prev != self.history.head() || entry.n != self.history.lines() + 1 {
            return Err(Fault::Misplaced);
        }
        let left = self.slice(self.whole, from);
        // The line end before a line is written with it.
        let left = left.strip_suffix(b"\n").unwrap_or(left);
        let torn = (self.whole < from).then(|| Torn::of(left));
        if entry.torn != torn {
            return Err(Fault::OtherScrap);
        }
        let says = match &entry.kind {
            Kind::Begun { writer, .. } => Some(writer),
            Kind::Intended { .. } | Kind::Ended { .. } => None,
        };
        let writer = self.history.writer.as_ref().or(says);
        let writer = writer.ok_or(Fault::NoWriter)?;
        if says.is_some_and(|says| says != writer) {
            return Err(Fault::OtherWriter);
        }
        if !line.is_signed_by(&writer.key) {
            return Err(Fault::Forged);
        }
        Ok(())
    }

    fn push(&mut self, line: Line, whole: usize) {
        let Line { entry, hash, .. } = line;
        if let Kind::Begun { writer, .. } = &entry.kind {
            self.history.writer.get_or_insert_with(|| writer.clone());
        }
        note(&mut self.open, &entry);
        self.history.hashes.push(hash);
        self.history.entries.push(entry);
        (self.whole, self.scrap) = (whole, None);
    }
}

fn note(open: &mut BTreeMap<String, (u64, OpenAct)>, entry: &Entry) {
    if let Kind::Intended { intent, to } = &entry.kind {
        let (key, intent, to) = (intent.key.clone(), intent.clone(), to.clone());
        open.entry(key).or_insert((entry.n, OpenAct { intent, to }));
    } else if let Some(key) = entry.ended() {
        open.remove(key);
    }
}
