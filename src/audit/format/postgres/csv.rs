//! csvlog: 23 to 26 columns; quoted fields may span lines.

use std::borrow::Cow;

use crate::audit::format::text::{lossy, rejected};
use crate::audit::format::{Format, Read, excerpt};
use crate::audit::record::Record;
use crate::model::Text;
use crate::model::rejected::Place;

use super::{Draft, host, name, zone};

/// The most bytes that one record may have; an open quote swallows no more than this.
const RECORD_BYTES: usize = 4 << 20;
/// Columns of PostgreSQL 9.0 to 12; later versions have one to three more.
const COLUMNS: usize = 23;
const SEVERITIES: &[&str] = &[
    "DEBUG", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5", "LOG", "INFO", "NOTICE", "WARNING",
    "ERROR", "FATAL", "PANIC",
];

/// True where the beginning of a file is this format.
#[must_use]
pub fn sniff(sample: &[u8]) -> bool {
    sample
        .split(|b| *b == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .take(50)
        .any(|line| {
            let start = line.strip_prefix(b"\"").unwrap_or(line);
            zone::clock_len(start).is_some()
                && fields(&lossy(line))
                    .is_some_and(|f| f.len() > 13 && SEVERITIES.contains(&column(&f, 11)))
        })
}

/// Reads csvlog.
#[derive(Debug, Default)]
pub struct CsvLog {
    /// The lines of a record whose quotes are not closed yet, each with its place.
    held: Vec<(Vec<u8>, Place)>,
    bytes: usize,
}

impl CsvLog {
    /// A reader that holds back what is not complete yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The quote of the first held line never closes: that line is rejected, the others are read
    /// as if it had not been. They hold no quote that is open, so this happens once.
    fn give_up(&mut self, out: &mut dyn FnMut(Read)) {
        let mut held = std::mem::take(&mut self.held).into_iter();
        self.bytes = 0;
        if let Some((line, place)) = held.next() {
            reject(&line, &place, "a quoted field that does not end", out);
        }
        for (line, place) in held {
            self.line(&line, &place, out);
        }
    }
}

impl Format for CsvLog {
    fn line(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Read)) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let closes = memchr::memchr_iter(b'"', line).count() % 2 == 1;
        if self.held.is_empty() {
            if line.trim_ascii().is_empty() {
            } else if closes {
                self.bytes = line.len();
                self.held.push((line.to_vec(), place.clone()));
            } else {
                record(line, place, out);
            }
            return;
        }
        self.bytes += line.len() + 1;
        self.held.push((line.to_vec(), place.clone()));
        if closes {
            let held = std::mem::take(&mut self.held);
            let lines: Vec<&[u8]> = held.iter().map(|(line, _)| line.as_slice()).collect();
            if let Some((_, first)) = held.first() {
                record(&lines.join(&b'\n'), first, out);
            }
        } else if self.bytes > RECORD_BYTES {
            self.give_up(out);
        }
    }

    fn finish(&mut self, out: &mut dyn FnMut(Read)) {
        self.give_up(out);
    }
}

/// Tells at which lines [`CsvLog`] holds nothing back, by their quotes alone.
#[derive(Debug, Default)]
pub struct Quotes {
    is_open: bool,
    bytes: usize,
}

impl Quotes {
    /// Takes the next line; true where no record above it is open.
    pub fn pass(&mut self, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let was_open = self.is_open;
        let turns = memchr::memchr_iter(b'"', line).count() % 2 == 1;
        self.bytes = if was_open { self.bytes + 1 } else { 0 } + line.len();
        self.is_open = was_open != turns && (!was_open || self.bytes <= RECORD_BYTES);
        !was_open
    }
}

fn record(line: &[u8], place: &Place, out: &mut dyn FnMut(Read)) {
    match read(line) {
        Ok(record) => out(Read::Record(record, place.clone())),
        Err(reason) => reject(line, place, &reason, out),
    }
}

fn reject(line: &[u8], place: &Place, reason: &str, out: &mut dyn FnMut(Read)) {
    out(rejected(place, reason, excerpt(line)));
}

/// Fields that are told apart.
const MOST_FIELDS: usize = 64;

/// The fields of one record (RFC 4180); `None` where there is none. A reader of the csv crate costs
/// more to make than a record to read, and it cannot be kept for the next one.
fn fields(line: &str) -> Option<Vec<Cow<'_, str>>> {
    let mut rest = line.trim_start_matches(['\n', '\r']);
    if rest.is_empty() {
        return None;
    }
    let mut fields = Vec::with_capacity(COLUMNS + 3);
    loop {
        let (field, after) = field(rest);
        fields.push(field);
        if fields.len() > MOST_FIELDS {
            // No version has so many: a line of commas costs no more than others.
            return Some(fields);
        }
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            // What stands behind the end of a record is another one.
            None => return Some(fields),
        }
    }
}

/// The first field, and what stands behind it from its comma or line end on.
fn field(rest: &str) -> (Cow<'_, str>, &str) {
    // Most are so short that looking at each byte is the fastest.
    let ends = |byte: &u8| matches!(byte, b',' | b'\n' | b'\r');
    let plain = |words: &str| words.bytes().position(|b| ends(&b)).unwrap_or(words.len());
    let Some(inner) = rest.strip_prefix('"') else {
        let (field, after) = rest.split_at(plain(rest));
        return (Cow::Borrowed(field), after);
    };
    let mut words: Cow<'_, str> = Cow::Borrowed("");
    let mut rest = inner;
    loop {
        let Some(quote) = memchr::memchr(b'"', rest.as_bytes()) else {
            // It never closes.
            add(&mut words, rest);
            return (words, "");
        };
        let (inside, after) = rest.split_at(quote);
        add(&mut words, inside);
        let after = after.get(1..).unwrap_or_default();
        if let Some(after) = after.strip_prefix('"') {
            add(&mut words, "\"");
            rest = after;
        } else {
            // What stands between the quote and the comma belongs to it.
            let (more, after) = after.split_at(plain(after));
            add(&mut words, more);
            return (words, after);
        }
    }
}

fn add<'a>(words: &mut Cow<'a, str>, more: &'a str) {
    if words.is_empty() {
        *words = Cow::Borrowed(more);
    } else if !more.is_empty() {
        words.to_mut().push_str(more);
    }
}

fn column<'a>(fields: &'a [Cow<'_, str>], index: usize) -> &'a str {
    fields.get(index).map_or("", AsRef::as_ref)
}

fn read(line: &[u8]) -> Result<Record, String> {
    // What is no text cannot hide a comma or a quote, so it is taken for what it is before.
    let line = lossy(line);
    let fields = fields(&line).ok_or("not a line of csvlog")?;
    if fields.len() < COLUMNS {
        return Err(format!(
            "{} columns, csvlog has {COLUMNS} or more",
            fields.len()
        ));
    }
    let column = |index: usize| column(&fields, index);
    let time = zone::time(column(0)).map_err(|e| e.to_string())?;
    let severity = column(11);
    if !SEVERITIES.contains(&severity) {
        return Err("the twelfth column is no severity".into());
    }
    let position = |index: usize| column(index).parse::<u64>().ok().filter(|at| *at > 0);
    let detail = column(14);
    Ok(Draft {
        time,
        pid: column(3).parse().ok(),
        user: name(column(1)),
        database: name(column(2)),
        remote_host: host(column(4)),
        application: name(column(22)),
        severity: Text::from(severity),
        sqlstate: name(column(12)),
        message: column(13).to_owned(),
        position: position(20).or_else(|| position(17)),
        detail: (!detail.is_empty()).then(|| detail.to_owned()),
    }
    .record())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::record::PostgresRecord;

    fn read(log: &str) -> (Vec<PostgresRecord>, Vec<(u64, String)>) {
        let (mut records, mut rejected) = (Vec::new(), Vec::new());
        let mut reader = CsvLog::new();
        let mut out = |read: Read| match read {
            Read::Record(Record::Postgres(record), _) => records.push(*record),
            Read::Record(other, _) => panic!("{other:?}"),
            Read::Rejected(one) => rejected.push((one.place.line, one.reason.to_string())),
        };
        for (number, line) in (1..).zip(log.lines()) {
            let place = Place {
                file: "pg.csv".into(),
                line: number,
                byte: 0,
            };
            reader.line(line.as_bytes(), &place, &mut out);
        }
        reader.finish(&mut out);
        (records, rejected)
    }

    fn line(message: &str) -> String {
        format!(
            "2026-11-23 13:46:11.014 UTC,\"a\",\"b\",7,\"10.1.0.10:5432\",6b,1,\"x\",2026-11-23 13:46:10 UTC,,0,\
             ERROR,42P01,\"{message}\",,,,,,\"select\",15,,\"psql\",\"client backend\",,0\n"
        )
    }

    #[test]
    fn a_field_may_span_lines_and_hold_quotes() {
        let (records, rejected) = read(&line("no \"\"t\"\"\nhere"));
        assert_eq!(rejected, []);
        assert_eq!(records[0].message.raw(), "no \"t\"\nhere at character 15");
        assert_eq!(records[0].remote_host.as_ref().unwrap().raw(), "10.1.0.10");
    }

    #[test]
    fn a_quote_that_never_closes_costs_its_own_line_only() {
        let torn = line("x").replace("psql\"", "psql");
        let (records, rejected) = read(&format!("{torn}{}{}short,line\n", line("y"), line("z")));
        assert_eq!(records.len(), 2);
        assert_eq!(
            rejected[0],
            (1, "a quoted field that does not end".to_owned())
        );
        assert_eq!(
            rejected[1],
            (4, "2 columns, csvlog has 23 or more".to_owned())
        );
    }
}
