//! The journal of systemd as `journalctl -o json` exports it, an object a line
//! (`systemd.journal-fields(7)`, "Journal JSON Format").
//!
//! A value is a string, a list of bytes where it is no printable text, null where it is longer
//! than the export allows, and a list of values where its field was written more than once.
//!
//! What a service says may itself be a line of a format that is known: a Vault entry and a
//! PostgreSQL record come out as what they are, so that the same line in a file is no second one.

mod login;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::postgres::json::JsonLog;
use super::postgres::stderr::Stderr;
use super::text::{json, rejected};
use super::{Format, Read, excerpt, vault};
use crate::audit::record::{JournalRecord, Record};
use crate::model::mask::{cut, prose};
use crate::model::rejected::Place;
use crate::model::{Text, Timestamp};

/// Reads an export of the journal.
#[derive(Debug, Default)]
pub struct Journald;

impl Journald {
    /// A reader; it keeps nothing between lines.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Format for Journald {
    fn line(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Read)) {
        let line = line.trim_ascii();
        // `--show-cursor` adds a last line.
        if line.is_empty() || line.starts_with(b"-- cursor: ") {
            return;
        }
        match read(line, place) {
            Ok(record) => out(Read::Record(record, place.clone())),
            Err(reason) => out(rejected(place, reason, excerpt(line))),
        }
    }

    fn finish(&mut self, _out: &mut dyn FnMut(Read)) {}
}

#[derive(Deserialize)]
struct Raw<'a> {
    #[serde(borrow, rename = "__REALTIME_TIMESTAMP")]
    time: Option<&'a RawValue>,
    #[serde(borrow, rename = "__CURSOR")]
    cursor: Option<&'a RawValue>,
    #[serde(borrow, rename = "_HOSTNAME")]
    host: Option<&'a RawValue>,
    #[serde(borrow, rename = "_SYSTEMD_UNIT")]
    unit: Option<&'a RawValue>,
    #[serde(borrow, rename = "UNIT")]
    of_unit: Option<&'a RawValue>,
    #[serde(borrow, rename = "SYSLOG_IDENTIFIER")]
    identifier: Option<&'a RawValue>,
    #[serde(borrow, rename = "_COMM")]
    command: Option<&'a RawValue>,
    #[serde(borrow, rename = "PRIORITY")]
    priority: Option<&'a RawValue>,
    #[serde(borrow, rename = "MESSAGE")]
    message: Option<&'a RawValue>,
}

fn read(line: &[u8], place: &Place) -> Result<Record, String> {
    let raw: Raw<'_> = json(line, "line of the journal")?;
    let time = value(raw.time).ok_or("no __REALTIME_TIMESTAMP")?;
    let micros: u64 = time
        .parse()
        .map_err(|_| "__REALTIME_TIMESTAMP is no number of microseconds")?;
    let message = value(raw.message).unwrap_or_default();
    if let Some(record) = inner(&message, place) {
        return Ok(record);
    }
    let text = |raw| {
        let words = value(raw);
        words.filter(|w| !w.is_empty()).map(|w| Text::from(cut(&w)))
    };
    let command = text(raw.command);
    let program = text(raw.identifier).or_else(|| command.clone());
    // Anybody may write an identifier; the kernel tells whose command it was.
    let trusted = command.as_ref().or(program.as_ref());
    let login = trusted.and_then(|program| login::read(program.raw(), &message));
    let message = login::without_arguments(trusted.map_or("", Text::raw), &message);
    Ok(Record::Journal(Box::new(JournalRecord {
        time: of_micros(micros),
        cursor: text(raw.cursor),
        host: text(raw.host),
        unit: text(raw.unit).or_else(|| text(raw.of_unit)),
        program,
        priority: value(raw.priority).and_then(|p| p.parse().ok()),
        message: Text::from(prose(&message)),
        login,
    })))
}

fn of_micros(micros: u64) -> Timestamp {
    let seconds = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
    let nanos = u32::try_from(micros % 1_000_000 * 1000).unwrap_or(0);
    Timestamp::new(seconds, nanos)
}

/// What a field says; of several values the first that is one.
fn value(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Value {
        Words(String),
        Bytes(Vec<u8>),
        Several(Vec<Option<One>>),
        Number(u64),
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum One {
        Words(String),
        Bytes(Vec<u8>),
    }
    let of_bytes = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let words = raw?.get();
    // The usual case, without a look at the others.
    if let Some(inner) = words.strip_prefix('"').and_then(|w| w.strip_suffix('"')) {
        if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
            return Some(Cow::Borrowed(inner));
        }
        return serde_json::from_str(words).ok().map(Cow::Owned);
    }
    Some(Cow::Owned(match serde_json::from_str(words).ok()? {
        Value::Words(words) => words,
        Value::Number(number) => number.to_string(),
        Value::Bytes(bytes) => of_bytes(bytes),
        Value::Several(values) => match values.into_iter().flatten().next()? {
            One::Words(words) => words,
            One::Bytes(bytes) => of_bytes(bytes),
        },
    }))
}

/// The record of another format that a message is.
fn inner(message: &str, place: &Place) -> Option<Record> {
    if message.starts_with('{') {
        if message.contains("\"request\"")
            && let Ok(entry) = vault::entry(message.as_bytes())
        {
            return Some(Record::Vault(Box::new(entry)));
        }
        let is_postgres = message.contains("\"error_severity\"");
        return is_postgres.then(|| only(&mut JsonLog::new(), message, place))?;
    }
    // The server writes its severities so; a line without one is no record by itself.
    let severe = ["LOG:  ", "FATAL:  ", "ERROR:  ", "WARNING:  ", "PANIC:  "];
    if !has_mark(message) || !severe.iter().any(|mark| message.contains(mark)) {
        return None;
    }
    // Through syslog the server numbers its lines: `[3-1] `.
    let numbered = message.strip_prefix('[').and_then(|rest| {
        let (number, rest) = rest.split_once("] ")?;
        let digits = |c: char| c.is_ascii_digit() || c == '-';
        number.chars().all(digits).then_some(rest)
    });
    only(&mut Stderr::new(), numbered.unwrap_or(message), place)
}

/// True where a colon and two spaces stand anywhere: in most messages they do not.
fn has_mark(message: &str) -> bool {
    let bytes = message.as_bytes();
    memchr::memchr_iter(b':', bytes).any(|at| bytes.get(at..at + 3) == Some(b":  "))
}

/// The one record that a reader makes of these lines.
fn only(format: &mut dyn Format, lines: &str, place: &Place) -> Option<Record> {
    let mut found = Vec::new();
    for line in lines.lines() {
        format.line(line.as_bytes(), place, &mut |read| found.push(read));
    }
    format.finish(&mut |read| found.push(read));
    match (found.pop(), found.pop()) {
        (Some(Read::Record(record, _)), None) => Some(record),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
