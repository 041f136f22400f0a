//! stderr: lines behind a `log_line_prefix` that begins with a time (`%m`, `%t` or `%n`).
//!
//! Decision rules:
//! 1. A line that begins with a time is a record's first line where a severity (`LOG:`, `FATAL:`,
//!    …) follows, and a further line of the record above where `DETAIL:`, `HINT:`, … follows.
//! 2. Every other line is a continuation of what stands above it.
//! 3. Of the prefix between time and severity, `[123]` is the process, `user@database` and
//!    `user=…`, `db=…`, `app=…`, `client=…` are what they say, a bare address is the client's,
//!    five characters such as `28P01` are the SQLSTATE.
//!
//! The format quotes nothing: a role whose name contains ` LOG:  ` can write what looks like a
//! record. jsonlog and csvlog cannot be fooled so.

use crate::audit::format::text::{beginning, lossy, rejected};
use crate::audit::format::{Format, Read};
use crate::model::rejected::Place;
use crate::model::{Text, Timestamp};

use super::{Draft, MESSAGE_BYTES, host, name, without_passwords, zone};

const SEVERITIES: &[&str] = &[
    "LOG", "FATAL", "ERROR", "WARNING", "PANIC", "NOTICE", "INFO", "DEBUG", "DEBUG1", "DEBUG2",
    "DEBUG3", "DEBUG4", "DEBUG5",
];
const FURTHER: &[&str] = &[
    "DETAIL",
    "HINT",
    "CONTEXT",
    "STATEMENT",
    "QUERY",
    "LOCATION",
    "BACKTRACE",
];

/// True where the beginning of a file is this format.
#[must_use]
pub fn sniff(sample: &[u8]) -> bool {
    sample
        .split(|b| *b == b'\n')
        .take(500)
        .map(lossy)
        .any(|line| {
            opening(&line).is_some_and(|opening| {
                opening.time_words.len() > 19 && opening.has_zone() && opening.label.is_some()
            })
        })
}

/// Reads stderr logs.
#[derive(Debug, Default)]
pub struct Stderr {
    held: Option<(Draft, Place)>,
    part: Part,
}

/// What the next continuation line belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Nothing,
    Message,
    Detail,
    /// Something of the record above that is not kept, or a record that was rejected.
    Unkept,
}

impl Stderr {
    /// A reader that holds back the last record, which may go on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn flush(&mut self, out: &mut dyn FnMut(Read)) {
        if let Some((draft, place)) = self.held.take() {
            out(Read::Record(draft.record(), place));
        }
    }

    fn further(&mut self, label: &str, rest: &str) -> bool {
        match (&mut self.held, label) {
            (Some((draft, _)), "DETAIL") => {
                draft.detail = Some(rest.to_owned());
                self.part = Part::Detail;
                true
            }
            (held, _) => {
                let known = held.is_some() || self.part == Part::Unkept;
                self.part = Part::Unkept;
                known
            }
        }
    }

    fn go_on(&mut self, line: &str) -> bool {
        let line = line.strip_prefix('\t').unwrap_or(line);
        let to = match (self.part, &mut self.held) {
            (Part::Message, Some((draft, _))) => &mut draft.message,
            (Part::Detail, Some((draft, _))) => draft.detail.get_or_insert_default(),
            (part, _) => return part == Part::Unkept,
        };
        if to.len() <= MESSAGE_BYTES {
            to.push('\n');
            to.push_str(line);
        }
        true
    }
}

impl Format for Stderr {
    fn line(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Read)) {
        let line = lossy(line.strip_suffix(b"\r").unwrap_or(line));
        let reject = |reason: String, out: &mut dyn FnMut(Read)| {
            let safe = without_passwords(&line);
            out(rejected(place, reason, beginning(&safe)));
        };
        if line.is_empty() {
            // The server begins every further line with a tab: this one is not its.
            return;
        }
        let Some(opening) = opening(&line) else {
            if !self.go_on(&line) {
                reject("a continuation of a line that is not there".into(), out);
            }
            return;
        };
        let Some((label, rest)) = opening.label else {
            self.flush(out);
            self.part = Part::Unkept;
            reject("a time, but no severity such as LOG: behind it".into(), out);
            return;
        };
        if FURTHER.contains(&label) {
            if !self.further(label, rest) {
                reject(format!("a {label} line of a record that is not there"), out);
            }
            return;
        }
        self.flush(out);
        match opening.time() {
            Ok(time) => {
                let draft = draft(time, opening.prefix, label, rest);
                self.held = Some((draft, place.clone()));
                self.part = Part::Message;
            }
            Err(reason) => {
                self.part = Part::Unkept;
                reject(reason, out);
            }
        }
    }

    fn finish(&mut self, out: &mut dyn FnMut(Read)) {
        self.flush(out);
        self.part = Part::Nothing;
    }
}

/// True for a line that ends whatever is above it: one that begins with a time, and does not go on
/// with a record. A reader that begins with it reads the same as one that has read all before.
#[must_use]
pub fn begins(line: &[u8]) -> bool {
    let line = lossy(line.strip_suffix(b"\r").unwrap_or(line));
    let label = opening(&line).map(|opening| opening.label);
    label.is_some_and(|label| label.is_none_or(|(label, _)| !FURTHER.contains(&label)))
}

/// A line that begins with a time.
struct Opening<'a> {
    time_words: &'a str,
    /// Between the time and the severity.
    prefix: &'a str,
    /// The severity, or `DETAIL` and the like, and what stands behind it.
    label: Option<(&'a str, &'a str)>,
}

fn opening(line: &str) -> Option<Opening<'_>> {
    let start = match line.as_bytes().first()? {
        b'<' | b'[' => line.get(1..)?.trim_start_matches(' '),
        b'0'..=b'9' => line,
        _ => return None,
    };
    let len = zone::time_len(start).or_else(|| epoch_len(start))?;
    let (time_words, rest) = start.split_at_checked(len)?;
    let found = label(rest);
    Some(Opening {
        time_words,
        prefix: found.map_or(rest, |(at, _, _)| rest.get(..at).unwrap_or_default()),
        label: found.map(|(_, label, behind)| (label, behind)),
    })
}

impl Opening<'_> {
    fn has_zone(&self) -> bool {
        !self.time_words.ends_with(|c: char| c.is_ascii_digit())
            || self.time_words.contains('+')
            || self.time_words.matches('-').count() == 3
    }

    fn time(&self) -> Result<Timestamp, String> {
        if let Some(millis) = epoch(self.time_words) {
            return Ok(millis);
        }
        zone::time(self.time_words).map_err(|e| e.to_string())
    }
}

/// `%n`: `1669575482.096`.
fn epoch_len(words: &str) -> Option<usize> {
    let len = words.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    epoch(words.get(..len)?).map(|_| len)
}

fn epoch(words: &str) -> Option<Timestamp> {
    let (seconds, millis) = words.split_once('.')?;
    if seconds.len() != 10 || millis.len() != 3 {
        return None;
    }
    Some(Timestamp::new(
        seconds.parse().ok()?,
        millis.parse::<u32>().ok()? * 1_000_000,
    ))
}

/// The first label of a line: where it stands, which it is, and what stands behind it.
fn label(rest: &str) -> Option<(usize, &str, &str)> {
    let mut from = 0;
    while let Some(found) = rest.get(from..)?.find(':') {
        let colon = from + found;
        from = colon + 1;
        let before = rest.get(..colon)?;
        let behind = rest.get(colon + 1..)?;
        if !behind.is_empty() && !behind.starts_with(' ') {
            continue;
        }
        let start = before
            .rfind(|c: char| !c.is_ascii_alphanumeric())
            .map_or(0, |at| {
                at + before
                    .get(at..)
                    .and_then(|r| r.chars().next())
                    .map_or(1, char::len_utf8)
            });
        let word = before.get(start..)?;
        let known = SEVERITIES.contains(&word) || FURTHER.contains(&word);
        if known {
            let behind = behind.strip_prefix(' ').unwrap_or(behind);
            return Some((start, word, behind.strip_prefix(' ').unwrap_or(behind)));
        }
    }
    None
}

fn draft(time: Timestamp, prefix: &str, severity: &str, message: &str) -> Draft {
    let mut draft = Draft {
        time,
        severity: Text::from(severity),
        ..Draft::default()
    };
    // log_error_verbosity = verbose writes the SQLSTATE before the message.
    let message = match message.split_at_checked(SQLSTATE) {
        Some((code, rest)) if rest.starts_with(": ") && is_sqlstate(code) => {
            draft.sqlstate = Some(Text::from(code));
            let rest = rest.get(2..).unwrap_or_default();
            rest.strip_prefix(' ').unwrap_or(rest)
        }
        _ => message,
    };
    message.clone_into(&mut draft.message);
    for word in prefix.split([' ', ',', '\t']) {
        prefix_word(&mut draft, word);
    }
    draft
}

fn prefix_word(draft: &mut Draft, word: &str) {
    if let Some((key, value)) = word.split_once('=') {
        match key.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()) {
            "user" | "u" => draft.user = name(value),
            "db" | "database" | "d" => draft.database = name(value),
            "app" | "application" | "a" => draft.application = name(value),
            "client" | "host" | "remote" | "h" | "r" => draft.remote_host = host(value),
            _ => {}
        }
        return;
    }
    if let Some(address) = Some(word).filter(|w| is_address(w)) {
        draft.remote_host = draft.remote_host.take().or_else(|| host(address));
        return;
    }
    // `UTC:10.1.91.65:user@my_db:[24743]:` has colons where others have spaces.
    for part in word.split(':').filter(|part| !part.is_empty()) {
        if let Some((user, database)) = part.split_once('@') {
            draft.user = draft.user.take().or_else(|| name(user));
            draft.database = draft.database.take().or_else(|| name(database));
        } else if is_address(part) {
            draft.remote_host = draft.remote_host.take().or_else(|| host(part));
        } else if let Some(pid) = part.strip_prefix('[').and_then(|p| p.strip_suffix(']')) {
            let pid = pid.split('-').next().and_then(|p| p.parse().ok());
            draft.pid = draft.pid.or(pid);
        } else if let (None, Some(pid)) = (draft.pid, part.parse().ok().filter(|pid| *pid > 0)) {
            draft.pid = Some(pid);
        } else if is_sqlstate(part) {
            draft.sqlstate = Some(Text::from(part));
        }
    }
}

fn is_address(word: &str) -> bool {
    let host = match word.strip_suffix(')').and_then(|w| w.rsplit_once('(')) {
        Some((host, _)) => host,
        None => word.trim_end_matches(':'),
    };
    // Words that are no address are the most, and most have neither mark of one.
    host == "[local]"
        || (host.bytes().any(|b| matches!(b, b'.' | b':'))
            && host.parse::<std::net::IpAddr>().is_ok())
}

/// The length of an SQLSTATE.
const SQLSTATE: usize = 5;

/// Five characters of which one at least is a digit.
fn is_sqlstate(word: &str) -> bool {
    word.len() == SQLSTATE
        && word
            .bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        && word.bytes().any(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::record::{PostgresRecord, Record};

    fn read(log: &str) -> (Vec<PostgresRecord>, Vec<String>) {
        let (mut records, mut reasons) = (Vec::new(), Vec::new());
        let mut reader = Stderr::new();
        let mut out = |read: Read| match read {
            Read::Record(Record::Postgres(record), _) => records.push(*record),
            Read::Record(other, _) => panic!("{other:?}"),
            Read::Rejected(rejected) => reasons.push(rejected.reason.to_string()),
        };
        for (number, line) in (1..).zip(log.lines()) {
            let place = Place {
                file: "pg.log".into(),
                line: number,
                byte: 0,
            };
            reader.line(line.as_bytes(), &place, &mut out);
        }
        reader.finish(&mut out);
        (records, reasons)
    }

    #[test]
    fn every_usual_prefix_is_taken_apart() {
        let said = "password authentication failed for user \"app\"";
        for prefix in [
            "2026-11-23 13:46:11.014 UTC [77] app@shop 10.1.0.10 ",
            "2026-11-23 14:46:11.014 CET [77]: db=shop,user=app,app=psql,client=10.1.0.10 ",
            "2026-11-23 13:46:11.014 UTC:10.1.0.10(5432):app@shop:[77]:",
            "2026-11-23 13:46:11.014 UTC [77]: [3-1] user=app,db=shop,host=10.1.0.10,app=psql ",
            "< 2026-11-23 13:46:11.014 UTC > 10.1.0.10(5432) app@shop 77 28P01 ",
            "1795441571.014 [77] app@shop 10.1.0.10 ",
        ] {
            let (records, reasons) = read(&format!("{prefix}FATAL:  {said}\n"));
            assert_eq!(reasons, Vec::<String>::new());
            let [record] = records.as_slice() else {
                panic!("{prefix}: {records:?}");
            };
            assert_eq!(
                record.time.to_string(),
                "2026-11-23T13:46:11.014Z",
                "{prefix}"
            );
            let shown = |text: &Option<Text>| text.as_ref().map(ToString::to_string);
            assert_eq!(record.pid, Some(77), "{prefix}");
            assert_eq!(shown(&record.user).as_deref(), Some("app"), "{prefix}");
            assert_eq!(shown(&record.database).as_deref(), Some("shop"), "{prefix}");
            assert_eq!(
                shown(&record.remote_host).as_deref(),
                Some("10.1.0.10"),
                "{prefix}"
            );
            assert_eq!(
                shown(&record.sqlstate).as_deref(),
                Some("28P01"),
                "{prefix}"
            );
            assert_eq!(record.message.raw(), said);
        }
    }

    #[test]
    fn further_lines_belong_to_the_record_above() {
        let (records, reasons) = read(
            "2026-11-23 13:46:11 UTC [1] a@b ERROR:  first\n\tsecond\n\
             2026-11-23 13:46:11 UTC [1] a@b DETAIL:  why\n\tand how\n\
             2026-11-23 13:46:11 UTC [1] a@b STATEMENT:  alter role a password 'x'\n\tgone\n\
             2026-11-23 13:46:12 UTC [1] a@b LOG:  next\nno tab\n",
        );
        assert_eq!(reasons, Vec::<String>::new());
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].message.raw(), "first\nsecond");
        assert_eq!(records[0].detail.as_ref().unwrap().raw(), "why\nand how");
        assert_eq!(records[1].message.raw(), "next\nno tab");
    }

    #[test]
    fn what_cannot_be_read_says_why_and_takes_its_further_lines_along() {
        let (records, reasons) = read(
            "\tof a record in the file before\n\
             2026-11-23 13:46:11 XYZ [1] a@b LOG:  alter role a password 'x'\n\tmore\n\
             2026-11-23 13:46:11 UTC nothing said\n\
             2026-11-23 13:46:12 UTC [1] a@b LOG:  read\n",
        );
        assert_eq!(records.len(), 1);
        assert_eq!(
            reasons,
            [
                "a continuation of a line that is not there",
                "the zone XYZ is unknown, so the time names no moment",
                "a time, but no severity such as LOG: behind it",
            ]
        );
    }
}
