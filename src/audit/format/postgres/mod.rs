//! The three renderings of PostgreSQL's log. One record reads the same from each, so that a log
//! kept in three formats is told once ([`crate::audit::record::PostgresRecord::identity`]).

pub mod zone;

pub mod csv;
pub mod json;
mod prefix;
pub mod stderr;

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::audit::record::{PostgresRecord, Record};
use crate::model::mask::MASKED;
use crate::model::{Text, Timestamp};

/// The most bytes of a message or a detail that are kept.
const MESSAGE_BYTES: usize = 256 * 1024;

/// A record while it is put together; its words are as the server wrote them.
#[derive(Debug, Default)]
struct Draft {
    time: Timestamp,
    pid: Option<u64>,
    user: Option<Text>,
    database: Option<Text>,
    remote_host: Option<Text>,
    application: Option<Text>,
    severity: Text,
    sqlstate: Option<Text>,
    message: String,
    /// A character position, which only stderr writes into the message.
    position: Option<u64>,
    detail: Option<String>,
}

impl Draft {
    fn record(mut self) -> Record {
        if let Some(position) = self.position {
            // Writing to a string cannot fail.
            let _ = write!(self.message, " at character {position}");
        }
        // 00000 is "successful completion", which jsonlog leaves out.
        let sqlstate = self
            .sqlstate
            .filter(|code| code.raw() != "00000")
            .or_else(|| inferred(self.severity.raw(), &self.message).map(Text::from));
        Record::Postgres(Box::new(PostgresRecord {
            time: self.time,
            pid: self.pid,
            user: self.user,
            database: self.database,
            remote_host: self.remote_host,
            application: self.application,
            severity: self.severity,
            sqlstate,
            message: kept(self.message),
            detail: self.detail.map(kept),
        }))
    }
}

/// What may be kept of a message or a detail.
fn kept(mut words: String) -> Text {
    let cut = (0..=MESSAGE_BYTES.min(words.len()))
        .rev()
        .find(|at| words.is_char_boundary(*at))
        .unwrap_or(0);
    words.truncate(cut);
    // The room of a long line is not kept for the few words that are.
    if words.capacity() > 2 * words.len() {
        words.shrink_to_fit();
    }
    match without_passwords(&words) {
        Cow::Owned(masked) => Text::from(masked),
        Cow::Borrowed(_) => Text::from(words),
    }
}

/// `[unknown]` and nothing at all are no names.
fn name(words: &str) -> Option<Text> {
    (!words.is_empty() && words != "[unknown]").then(|| Text::from(words))
}

/// A client's host without its port: `10.1.0.10(5432)`, `10.1.0.10:5432`, `[local]`.
fn host(words: &str) -> Option<Text> {
    if !words.bytes().any(|byte| matches!(byte, b'(' | b':')) {
        return name(words);
    }
    let words = match words.rsplit_once(['(', ':']) {
        Some((host, port)) if is_port(port.trim_end_matches(')')) && !host.ends_with(':') => host,
        _ => words,
    };
    name(words)
}

fn is_port(words: &str) -> bool {
    words.parse::<u16>().is_ok()
}

/// The SQLSTATE that a message of the server's login code always has; the renderings differ in
/// whether they write it.
fn inferred(severity: &str, message: &str) -> Option<&'static str> {
    if severity != "FATAL" {
        return None;
    }
    if message.starts_with("password authentication failed for user \"") {
        return Some("28P01");
    }
    let refused = message.starts_with("no pg_hba.conf entry for ")
        || message.starts_with("pg_hba.conf rejects ")
        || message.contains(" authentication failed for user \"")
        || (message.starts_with("role \"")
            && (message.ends_with("\" does not exist")
                || message.ends_with("\" is not permitted to log in")));
    refused.then_some("28000")
}

/// The words with every password in them masked: `PASSWORD '…'`, `PASSWORD E'…'`,
/// `PASSWORD $$…$$`, `password=…`.
fn without_passwords(words: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut from = 0;
    while let Some(after) = behind_password(words.as_bytes(), from) {
        from = after;
        let Some((start, end)) = password_after(words, after) else {
            continue;
        };
        out.push_str(words.get(copied..start).unwrap_or_default());
        out.push_str(MASKED);
        copied = end;
        from = end;
    }
    if copied == 0 {
        return Cow::Borrowed(words);
    }
    out.push_str(words.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// Where the next word `password` ends, in whatever letters.
fn behind_password(words: &[u8], from: usize) -> Option<usize> {
    const WORD: &[u8] = b"password";
    // Its rarest letter.
    const RAREST: usize = 4;
    let mut at = from + RAREST;
    loop {
        at += memchr::memchr2(b'w', b'W', words.get(at..)?)?;
        let begin = at - RAREST;
        let found = words.get(begin..begin + WORD.len());
        if found.is_some_and(|found| found.eq_ignore_ascii_case(WORD)) {
            return Some(begin + WORD.len());
        }
        at += 1;
    }
}

/// Where the password stands that follows the word `password`, without its quotes.
fn password_after(words: &str, after: usize) -> Option<(usize, usize)> {
    let rest = words.get(after..)?;
    let trimmed = rest.trim_start_matches(['"', ' ', '\t', '\n', '\r', '=', ':']);
    let assigned = rest
        .get(..rest.len() - trimmed.len())
        .is_some_and(|between| between.contains('='));
    let mut start = after + (rest.len() - trimmed.len());
    let mut body = trimmed;
    let escapes =
        body.starts_with(['E', 'e']) && body.get(1..).is_some_and(|b| b.starts_with('\''));
    if escapes || body.starts_with(['U', 'u']) && body.get(1..3) == Some("&'") {
        let prefix = if escapes { 1 } else { 2 };
        start += prefix;
        body = body.get(prefix..)?;
    }
    if let Some(quoted) = body.strip_prefix('\'') {
        return Some((start + 1, start + 1 + quoted_len(quoted, escapes)));
    }
    if body.starts_with('$') {
        let tag_end = body.get(1..)?.find('$')? + 2;
        let tag = body.get(..tag_end)?;
        let inner = body.get(tag_end..)?;
        let len = inner.find(tag).unwrap_or(inner.len());
        return Some((start + tag_end, start + tag_end + len));
    }
    if assigned {
        let len = body
            .find(|c: char| c.is_whitespace() || matches!(c, '&' | ',' | ';'))
            .unwrap_or(body.len());
        return (len > 0).then_some((start, start + len));
    }
    None
}

/// The length of a quoted string up to its closing quote; all of it where none closes it.
fn quoted_len(quoted: &str, escapes: bool) -> usize {
    let bytes = quoted.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if escapes => at += 2,
            b'\'' if bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return at,
            _ => at += 1,
        }
    }
    quoted.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::format::{Format, Read};
    use crate::model::rejected::Place;
    use proptest::prelude::*;

    #[test]
    fn passwords_in_statements_are_masked_and_nothing_else() {
        for (written, kept) in [
            (
                "ALTER ROLE \"a\" WITH ENCRYPTED PASSWORD 'it''s' VALID UNTIL 'x'",
                "ALTER ROLE \"a\" WITH ENCRYPTED PASSWORD '‹masked›' VALID UNTIL 'x'",
            ),
            (
                "alter user a password E'a\\'b' ;",
                "alter user a password E'‹masked›' ;",
            ),
            (
                "ALTER ROLE a PASSWORD $x$s'cret$x$;",
                "ALTER ROLE a PASSWORD $x$‹masked›$x$;",
            ),
            (
                "ALTER ROLE a PASSWORD 'torn",
                "ALTER ROLE a PASSWORD '‹masked›",
            ),
            (
                "host=db password=s3cret user=a",
                "host=db password=‹masked› user=a",
            ),
            ("ä PASSWORD 'ö' ü", "ä PASSWORD '‹masked›' ü"),
        ] {
            assert_eq!(without_passwords(written), kept);
        }
        let refused = "password authentication failed for user \"payments_app\"";
        assert_eq!(without_passwords(refused), refused);
    }

    #[test]
    fn a_host_is_read_without_its_port() {
        for (written, read) in [
            ("127.0.0.1:59718", Some("127.0.0.1")),
            ("10.1.0.10(5432)", Some("10.1.0.10")),
            ("fe80::1:59718", Some("fe80::1")),
            ("::1", Some("::1")),
            ("[local]", Some("[local]")),
            ("", None),
        ] {
            assert_eq!(host(written), read.map(Text::from), "{written}");
        }
    }

    #[test]
    fn only_messages_of_the_login_code_have_an_inferred_state() {
        let fatal = |message: &str| inferred("FATAL", message);
        assert_eq!(
            fatal("password authentication failed for user \"a\""),
            Some("28P01")
        );
        assert_eq!(fatal("role \"a\" does not exist"), Some("28000"));
        assert_eq!(
            fatal("Peer authentication failed for user \"a\""),
            Some("28000")
        );
        assert_eq!(fatal("database \"a\" does not exist"), None);
        assert_eq!(
            inferred("LOG", "password authentication failed for user \"a\""),
            None
        );
    }

    fn read(reader: &mut dyn Format, lines: &[u8]) -> Vec<Read> {
        let mut all = Vec::new();
        for (number, line) in (1..).zip(lines.split(|b| *b == b'\n')) {
            let place = Place {
                file: "log".into(),
                line: number,
                byte: 0,
            };
            reader.line(line, &place, &mut |read| all.push(read));
        }
        reader.finish(&mut |read| all.push(read));
        all
    }

    fn readers() -> [Box<dyn Format>; 3] {
        [
            Box::new(json::JsonLog::new()),
            Box::new(csv::CsvLog::new()),
            Box::new(stderr::Stderr::new()),
        ]
    }

    /// One record in the three renderings.
    fn renderings(message: &str) -> [String; 3] {
        let time = "2026-11-23 13:46:11.014 UTC";
        let quoted = message.replace('"', "\"\"");
        let indented = message.replace('\n', "\n\t");
        [
            serde_json::json!({"timestamp": time, "pid": 7, "user": "a", "dbname": "b",
                "error_severity": "LOG", "message": message})
            .to_string(),
            format!(
                "{time},\"a\",\"b\",7,,6b,1,,{time},,0,LOG,00000,\"{quoted}\",,,,,,,,,\"\",,,0"
            ),
            format!("{time} [7] a@b LOG:  {indented}"),
        ]
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_rejected(bytes in any::<Vec<u8>>(), cut in 0_usize..300, message in any::<String>()) {
            for (reader, whole) in readers().iter_mut().zip(renderings(&message)) {
                let torn = whole.as_bytes().get(..cut).unwrap_or(whole.as_bytes());
                read(reader.as_mut(), &bytes);
                read(reader.as_mut(), torn);
            }
        }

        #[test]
        fn a_message_is_the_same_from_every_rendering(message in "[a-z\"'=, ]{0,40}(\n[a-z\"', ]{1,20}){0,2}") {
            let mut identities = Vec::new();
            for (reader, whole) in readers().iter_mut().zip(renderings(&message)) {
                match read(reader.as_mut(), whole.as_bytes()).as_slice() {
                    [Read::Record(Record::Postgres(record), _)] => identities.push(record.identity()),
                    other => prop_assert!(false, "{whole}: {other:?}"),
                }
            }
            prop_assert_eq!(identities[0], identities[1]);
            prop_assert_eq!(identities[0], identities[2]);
        }

        #[test]
        fn no_password_comes_out_whole_or_torn(password in "[A-Z0-9]{8,20}", cut in 30_usize..300) {
            let message = format!("statement: ALTER ROLE \"a\" WITH PASSWORD '{password}' VALID UNTIL 'x'");
            for (reader, whole) in readers().iter_mut().zip(renderings(&message)) {
                let torn = whole.get(..cut).unwrap_or(&whole);
                let mut all = read(reader.as_mut(), whole.as_bytes());
                all.extend(read(reader.as_mut(), torn.as_bytes()));
                let words = format!("{all:?}");
                prop_assert!(!words.contains(&password[..6]), "{words}");
            }
        }
    }
}
