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
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::{Deserialize, Deserializer};

use super::members::{self, Json, Members, Once};
use super::postgres::json::JsonLog;
use super::postgres::stderr::Stderr;
use super::text::rejected;
use super::{Format, Journal, Read, Told, excerpt, vault};
use crate::audit::record::{JournalWords, Record};
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
        let Some(line) = filled(line) else { return };
        out(match read(line, |raw| record(raw, place)) {
            Ok(record) => Read::Record(record, place.clone()),
            Err(reason) => rejected(place, reason, excerpt(line)),
        });
    }

    fn tell(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Told<'_>)) {
        let Some(line) = filled(line) else { return };
        if let Err(reason) = read(line, |raw| tell(raw, place, out)) {
            out(Told::Read(rejected(place, reason, excerpt(line))));
        }
    }

    fn finish(&mut self, _out: &mut dyn FnMut(Read)) {}
}

/// A line that should be one of the journal.
fn filled(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii();
    // `--show-cursor` adds a last line.
    match line.first()? {
        b'-' if line.starts_with(b"-- cursor: ") => None,
        _ => Some(line),
    }
}

#[derive(Default, Deserialize)]
struct Raw<'a> {
    #[serde(
        borrow,
        default,
        rename = "__REALTIME_TIMESTAMP",
        deserialize_with = "said"
    )]
    time: Once<Cow<'a, str>>,
    #[serde(borrow, default, rename = "__CURSOR", deserialize_with = "said")]
    cursor: Once<Cow<'a, str>>,
    #[serde(borrow, default, rename = "_HOSTNAME", deserialize_with = "said")]
    host: Once<Cow<'a, str>>,
    #[serde(borrow, default, rename = "_SYSTEMD_UNIT", deserialize_with = "said")]
    unit: Once<Cow<'a, str>>,
    #[serde(borrow, default, rename = "UNIT", deserialize_with = "said")]
    of_unit: Once<Cow<'a, str>>,
    #[serde(
        borrow,
        default,
        rename = "SYSLOG_IDENTIFIER",
        deserialize_with = "said"
    )]
    identifier: Once<Cow<'a, str>>,
    #[serde(borrow, default, rename = "_COMM", deserialize_with = "said")]
    command: Once<Cow<'a, str>>,
    #[serde(borrow, default, rename = "PRIORITY", deserialize_with = "said")]
    priority: Once<Cow<'a, str>>,
    #[serde(borrow, default, rename = "MESSAGE", deserialize_with = "said")]
    message: Once<Cow<'a, str>>,
}

impl<'a> Members<'a> for Raw<'a> {
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()> {
        let member = match name {
            "__REALTIME_TIMESTAMP" => &mut self.time,
            "__CURSOR" => &mut self.cursor,
            "_HOSTNAME" => &mut self.host,
            "_SYSTEMD_UNIT" => &mut self.unit,
            "UNIT" => &mut self.of_unit,
            "SYSLOG_IDENTIFIER" => &mut self.identifier,
            "_COMM" => &mut self.command,
            "PRIORITY" => &mut self.priority,
            "MESSAGE" => &mut self.message,
            _ => return json.skip(),
        };
        let said = match json.token() {
            b'"' => Some(json.string()?),
            _ => value(json.raw()?),
        };
        member.put(said)
    }
}

fn said<'de: 'a, 'a, D>(deserializer: D) -> Result<Once<Cow<'a, str>>, D::Error>
where
    D: Deserializer<'de>,
{
    members::apart(deserializer, |raw| value(raw.get()))
}

fn read<R>(line: &[u8], tell: impl FnOnce(&Raw<'_>) -> Result<R, String>) -> Result<R, String> {
    members::read(line, "line of the journal", tell)
}

fn record(raw: &Raw<'_>, place: &Place) -> Result<Record, String> {
    let (time, message) = (time(raw)?, message(raw));
    Ok(inner(message, place).unwrap_or_else(|| own(raw, &own_words(raw, time, message), message)))
}

/// Tells of a line without its message, where nothing but an index is made of it.
fn tell(raw: &Raw<'_>, place: &Place, out: &mut dyn FnMut(Told<'_>)) -> Result<(), String> {
    let (time, message) = (time(raw)?, message(raw));
    let record = inner(message, place).or_else(|| {
        let said = own_words(raw, time, message);
        let Some(cursor) = said.cursor else {
            // All that it says is its name.
            return Some(own(raw, &said, message));
        };
        out(Told::Journal(&Journal { cursor, said }));
        None
    });
    if let Some(record) = record {
        out(Told::Read(Read::Record(record, place.clone())));
    }
    Ok(())
}

fn time(raw: &Raw<'_>) -> Result<Timestamp, String> {
    let time = raw.time.as_ref().ok_or("no __REALTIME_TIMESTAMP")?;
    let micros: u64 = time
        .parse()
        .map_err(|_| "__REALTIME_TIMESTAMP is no number of microseconds")?;
    Ok(of_micros(micros))
}

fn message<'a>(raw: &'a Raw<'_>) -> &'a str {
    raw.message.as_deref().unwrap_or_default()
}

/// Words of a member, where it has some.
fn words<'a>(said: &'a Once<Cow<'_, str>>) -> Option<&'a str> {
    said.as_deref().filter(|words| !words.is_empty()).map(cut)
}

/// What a line that is none of another format says, but for its message.
fn own_words<'a>(raw: &'a Raw<'_>, time: Timestamp, message: &'a str) -> JournalWords<'a> {
    let login = program_trusted(raw).and_then(|program| login::read(program, message));
    JournalWords {
        time,
        cursor: words(&raw.cursor),
        host: words(&raw.host),
        unit: words(&raw.unit).or_else(|| words(&raw.of_unit)),
        program: words(&raw.identifier).or_else(|| words(&raw.command)),
        priority: raw.priority.as_ref().and_then(|p| p.parse().ok()),
        has_message: !message.is_empty(),
        login,
    }
}

/// Anybody may write an identifier; the kernel tells whose command it was.
fn program_trusted<'a>(raw: &'a Raw<'_>) -> Option<&'a str> {
    words(&raw.command).or_else(|| words(&raw.identifier))
}

/// The record of such a line.
fn own(raw: &Raw<'_>, said: &JournalWords<'_>, message: &str) -> Record {
    let program = program_trusted(raw).unwrap_or_default();
    let message = login::without_arguments(program, message);
    Record::Journal(Box::new(said.record(Text::from(prose(&message)))))
}

fn of_micros(micros: u64) -> Timestamp {
    let seconds = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
    let nanos = u32::try_from(micros % 1_000_000 * 1000).unwrap_or(0);
    Timestamp::new(seconds, nanos)
}

/// What a field says; of several values the first that is one.
fn value(words: &str) -> Option<Cow<'_, str>> {
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
    // The usual case, without a look at the others.
    if let Some(inner) = words.strip_prefix('"').and_then(|w| w.strip_suffix('"')) {
        if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
            return Some(Cow::Borrowed(inner));
        }
        return serde_json::from_str(words).ok().map(Cow::Owned);
    }
    // Nor do these need it.
    match words.as_bytes().first() {
        Some(b'n') => return None,
        Some(b'[') => {
            if let Ok(bytes) = serde_json::from_str(words) {
                return Some(Cow::Owned(of_bytes(bytes)));
            }
        }
        _ => {}
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

/// What stands in each Vault entry.
static REQUEST: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"request\""));

/// The record of another format that a message is.
fn inner(message: &str, place: &Place) -> Option<Record> {
    if message.starts_with('{') {
        if REQUEST.find(message.as_bytes()).is_some()
            && let Ok(entry) = vault::entry(message.as_bytes())
        {
            return Some(Record::Vault(Box::new(entry)));
        }
        let is_postgres = message.contains("\"error_severity\"");
        return is_postgres.then(|| only(&mut JsonLog::new(), message, place))?;
    }
    if !names_severity(message) {
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

/// True where a severity stands anywhere as the server writes it; a line without one is no record by
/// itself. In most messages there is not even a colon with two spaces.
fn names_severity(message: &str) -> bool {
    const SEVERE: [&[u8]; 5] = [b"LOG", b"FATAL", b"ERROR", b"WARNING", b"PANIC"];
    let bytes = message.as_bytes();
    memchr::memchr_iter(b':', bytes).any(|at| {
        let before = bytes.get(..at).unwrap_or_default();
        bytes.get(at..at + 3) == Some(b":  ") && SEVERE.iter().any(|word| before.ends_with(word))
    })
}

/// The one record that a reader makes of these lines.
fn only(format: &mut dyn Format, lines: &str, place: &Place) -> Option<Record> {
    let (mut count, mut found) = (0, None);
    let mut take = |read| (count, found) = (count + 1, Some(read));
    for line in lines.lines() {
        format.line(line.as_bytes(), place, &mut take);
    }
    format.finish(&mut take);
    match found {
        Some(Read::Record(record, _)) if count == 1 => Some(record),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
