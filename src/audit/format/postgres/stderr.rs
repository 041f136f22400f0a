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

use crate::audit::format::text::{beginning, halves, lossy, rejected};
use crate::audit::format::{Format, Read};
use crate::model::rejected::Place;
use crate::model::{Text, Timestamp};

use super::prefix::{Prefix, Prefixes, SQLSTATE, is_sqlstate};
use super::{Draft, MESSAGE_BYTES, without_passwords, zone};

fn is_severity(word: &str) -> bool {
    matches!(
        word,
        "LOG"
            | "FATAL"
            | "ERROR"
            | "WARNING"
            | "PANIC"
            | "NOTICE"
            | "INFO"
            | "DEBUG"
            | "DEBUG1"
            | "DEBUG2"
            | "DEBUG3"
            | "DEBUG4"
            | "DEBUG5"
    )
}

/// True for the label of a line that goes on with the record above.
fn is_further(word: &str) -> bool {
    matches!(
        word,
        "DETAIL" | "HINT" | "CONTEXT" | "STATEMENT" | "QUERY" | "LOCATION" | "BACKTRACE"
    )
}

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
    prefixes: Prefixes,
    second: zone::Second,
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
        let known = self.second.time_len(&line);
        let Some(opening) = opening_of(&line, known) else {
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
        if is_further(label) {
            if !self.further(label, rest) {
                reject(format!("a {label} line of a record that is not there"), out);
            }
            return;
        }
        self.flush(out);
        match opening.time(&mut self.second) {
            Ok(time) => {
                let prefix = self.prefixes.of(opening.prefix);
                let draft = draft(time, &prefix, label, rest);
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
    label.is_some_and(|label| label.is_none_or(|(label, _)| !is_further(label)))
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
    opening_of(line, None)
}

/// The same where the length of a time is known already that stands at its beginning.
fn opening_of(line: &str, known: Option<usize>) -> Option<Opening<'_>> {
    let start = match line.as_bytes().first()? {
        b'<' | b'[' => line.get(1..)?.trim_start_matches(' '),
        b'0'..=b'9' => line,
        _ => return None,
    };
    let length = || zone::time_len(start).or_else(|| epoch_len(start));
    let len = known.or_else(length)?;
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

    fn time(&self, second: &mut zone::Second) -> Result<Timestamp, String> {
        if let Some(millis) = epoch(self.time_words) {
            return Ok(millis);
        }
        second.time(self.time_words).map_err(|e| e.to_string())
    }
}

/// `%n`: `1669575482.096`.
fn epoch_len(words: &str) -> Option<usize> {
    let len = words.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    epoch(words.get(..len)?).map(|_| len)
}

fn epoch(words: &str) -> Option<Timestamp> {
    let (seconds, millis) = halves(words, b'.')?;
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
    let bytes = rest.as_bytes();
    let mut from = 0;
    loop {
        let colon = from + memchr::memchr(b':', bytes.get(from..)?)?;
        from = colon + 1;
        if bytes.get(from).is_some_and(|behind| *behind != b' ') {
            continue;
        }
        let before = bytes.get(..colon)?;
        let letter = |byte: &u8| byte.is_ascii_alphanumeric();
        let start = before
            .iter()
            .rposition(|byte| !letter(byte))
            .map_or(0, |at| at + 1);
        let word = rest.get(start..colon)?;
        if is_severity(word) || is_further(word) {
            let behind = rest.get(from..)?;
            let behind = behind.strip_prefix(' ').unwrap_or(behind);
            return Some((start, word, behind.strip_prefix(' ').unwrap_or(behind)));
        }
    }
}

fn draft(time: Timestamp, prefix: &Prefix, severity: &str, message: &str) -> Draft {
    // log_error_verbosity = verbose writes the SQLSTATE before the message.
    let (sqlstate, message) = match message.split_at_checked(SQLSTATE) {
        Some((code, rest)) if rest.starts_with(": ") && is_sqlstate(code) => {
            let rest = rest.get(2..).unwrap_or_default();
            let message = rest.strip_prefix(' ').unwrap_or(rest);
            (Some(Text::from(code)), message)
        }
        _ => (None, message),
    };
    Draft {
        time,
        pid: prefix.pid,
        user: prefix.user.clone(),
        database: prefix.database.clone(),
        remote_host: prefix.remote_host.clone(),
        application: prefix.application.clone(),
        severity: Text::from(severity),
        sqlstate: prefix.sqlstate.clone().or(sqlstate),
        message: message.to_owned(),
        position: None,
        detail: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::record::{PostgresRecord, Record};
    use proptest::prelude::*;

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

    /// The same with the searches of the library.
    fn plain_label(rest: &str) -> Option<(usize, &str, &str)> {
        let colons = rest.match_indices(':').map(|(colon, _)| colon);
        colons.into_iter().find_map(|colon| {
            let (before, behind) = (&rest[..colon], &rest[colon + 1..]);
            if !behind.is_empty() && !behind.starts_with(' ') {
                return None;
            }
            let word = before
                .rsplit(|c: char| !c.is_ascii_alphanumeric())
                .next()
                .unwrap();
            let behind = behind.strip_prefix(' ').unwrap_or(behind);
            let behind = behind.strip_prefix(' ').unwrap_or(behind);
            let known = is_severity(word) || is_further(word);
            known.then_some((before.len() - word.len(), word, behind))
        })
    }

    proptest! {
        #[test]
        fn the_first_label_is_found(rest in "( |:|a@b|\\PC|10.0.0.1|::1){0,4}(LOG|DETAIL|xLOG|DEBUG[0-9]|ERROR_|äHINT)?( |:|:  )?\\PC{0,5}") {
            prop_assert_eq!(label(&rest), plain_label(&rest));
        }

        /// What a reader remembers of other lines does not matter to what one says.
        #[test]
        fn each_record_is_read_as_if_it_was_alone(
            lines in prop::collection::vec("2026-11-23 13:46:1[12](\\.01[45]|,014|\\.014015)? ?(UTC|CET|XYZ|\\+03)? (\\[[12]\\] a@[bc]|\\[3\\]:|28P01) (LOG|ERROR):  (28000: )?(m|password=x)", 0..40),
        ) {
            let mut alone = (Vec::new(), Vec::new());
            for line in &lines {
                let (records, reasons) = read(line);
                alone.0.extend(records);
                alone.1.extend(reasons);
            }
            prop_assert_eq!(read(&lines.join("\n")), alone);
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
