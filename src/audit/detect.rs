//! Which format a file has, from its content and never from its name.
//!
//! The rules, in order:
//! 1. Nothing but white space is an empty file: no events, no error.
//! 2. A document that begins with `[` or `{` and is no line format has the format whose records
//!    the first objects in it are (CloudTrail, Kubernetes, Google Cloud, Azure); an array of other
//!    objects is unknown.
//! 3. Otherwise the lines vote. A line of JSON counts for the format whose marks it bears. The
//!    most votes win if they are at least one in ten lines, so that a log may begin with damage.
//! 4. Formats of text are asked last, since text can look like anything: access logs, of which
//!    half of the lines must be theirs, before PostgreSQL's own.
//! 5. What is left is unknown. Of JSON the names of its first members are quoted; of anything else
//!    nothing is, since a stray file may hold a key in clear.

mod probe;

use self::probe::probe;
use super::format::access::{envoy, nginx};
use super::format::split::{Piece, Splitter};
use super::format::{excerpt, gcp, postgres, vault};
use super::record::{Provider, Proxy};
use crate::model::Text;

/// How much of a file is looked at, in bytes; more where its first line is longer.
pub const SAMPLE: usize = 64 << 10;

/// The longest first line that is looked at whole.
pub const LONG_SAMPLE: usize = 1 << 20;

/// The lines of the sample that vote.
const VOTERS: usize = 200;

/// A format that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Events of our own contract.
    Events,
    /// Vault or OpenBao audit entries.
    Vault,
    /// CloudTrail in documents.
    CloudTrail,
    /// CloudTrail, a record a line.
    CloudTrailLines,
    /// PostgreSQL's jsonlog.
    PostgresJson,
    /// PostgreSQL's csvlog.
    PostgresCsv,
    /// PostgreSQL's stderr log.
    PostgresStderr,
    /// Audit records of a service, one a line.
    Calls(Provider),
    /// The same in documents.
    CallDocuments(Provider),
    /// An export of the journal, a line of JSON each.
    Journald,
    /// An access log as text.
    Access(Proxy),
    /// An access log as lines of JSON.
    AccessJson(Proxy),
}

impl Kind {
    /// True where every record stands on a line of its own.
    #[must_use]
    pub fn is_one_line(self) -> bool {
        matches!(
            self,
            Self::Events
                | Self::Vault
                | Self::CloudTrailLines
                | Self::PostgresJson
                | Self::Calls(_)
                | Self::Journald
                | Self::Access(_)
                | Self::AccessJson(_)
        )
    }
}

/// Formats that are asked whether a sample is theirs.
const SNIFFERS: [(Kind, Sniff); 6] = [
    (Kind::Vault, vault::sniff),
    (Kind::Access(Proxy::Nginx), nginx::sniff),
    (Kind::Access(Proxy::Envoy), envoy::sniff),
    (Kind::PostgresJson, postgres::json::sniff),
    (Kind::PostgresCsv, postgres::csv::sniff),
    (Kind::PostgresStderr, postgres::stderr::sniff),
];

type Sniff = fn(&[u8]) -> bool;

/// What a file was taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detected {
    /// A format.
    Known(Kind),
    /// Nothing in it.
    Empty,
    /// Why it cannot be read.
    Unknown(Text),
}

/// The format of a file that begins with `sample`, which is all of it where `whole`.
#[must_use]
pub fn detect(sample: &[u8], whole: bool) -> Detected {
    let sample = sample.strip_prefix(b"\xef\xbb\xbf").unwrap_or(sample);
    let body = sample.trim_ascii_start();
    if body.is_empty() {
        return if whole || sample.is_empty() {
            Detected::Empty
        } else {
            Detected::Unknown("unknown format: it begins with nothing but white space".into())
        };
    }
    if let Some(kind) = by_lines(sample, whole) {
        return Detected::Known(kind);
    }
    // Envoy's lines begin like a list of numbers.
    if let [b'[', b'0'..=b'9', ..] = body
        && envoy::sniff(sample)
    {
        return Detected::Known(Kind::Access(Proxy::Envoy));
    }
    if let [b'[' | b'{', ..] = body {
        match by_document(body, whole) {
            Document::Of(kind) => return Detected::Known(kind),
            Document::NoElements => return Detected::Empty,
            Document::Others(what) => return unknown(what, body),
            Document::None => {}
        }
    }
    for (kind, sniff) in SNIFFERS {
        if sniff(sample) {
            return Detected::Known(kind);
        }
    }
    unknown(what_is(sample), body)
}

/// The format of lines that are all there is of a file so far, by as much of them as is looked at.
#[must_use]
pub fn detect_lines(lines: &[u8]) -> Detected {
    let first = |most| lines.get(..most).unwrap_or(lines);
    let mut sample = first(SAMPLE);
    if memchr::memchr(b'\n', sample).is_none() {
        sample = first(LONG_SAMPLE);
    }
    detect(sample, sample.len() == lines.len())
}

fn by_lines(sample: &[u8], whole: bool) -> Option<Kind> {
    let mut votes: Vec<(Kind, usize)> = Vec::new();
    let mut lines = 0;
    let complete = if whole {
        sample
    } else {
        let end = memchr::memrchr(b'\n', sample)?;
        sample.get(..end)?
    };
    let filled = complete
        .split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    for line in filled.take(VOTERS) {
        lines += 1;
        let Some(kind) = probe(line) else { continue };
        match votes.iter_mut().find(|(k, _)| *k == kind) {
            Some((_, n)) => *n += 1,
            None => votes.push((kind, 1)),
        }
    }
    let (kind, n) = votes.into_iter().max_by_key(|(_, n)| *n)?;
    // Records that stand one a line within an array, and envelopes one a line, are documents.
    let first = complete.trim_ascii_start().split(|b| *b == b'\n').next();
    let opens = first.is_some_and(opens_document);
    if matches!(kind, Kind::CloudTrail | Kind::CallDocuments(_))
        || (document_of(kind).is_some() && opens)
    {
        return None;
    }
    (n * 10 >= lines).then_some(kind)
}

/// True for a line that opens an array, or an object that it does not close.
fn opens_document(line: &[u8]) -> bool {
    match line {
        [b'[', ..] => true,
        [b'{', ..] => !line.trim_ascii_end().ends_with(b"}"),
        _ => false,
    }
}

/// The format of documents whose records are of a kind.
fn document_of(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::CloudTrailLines => Some(Kind::CloudTrail),
        Kind::Calls(provider) => Some(Kind::CallDocuments(provider)),
        _ => None,
    }
}

/// The members of every envelope that holds records.
const ENVELOPES: &[&str] = &["Records", "items", "entries", "records", "value"];

enum Document {
    /// Of records of a known format, or of none yet in a `Records`.
    Of(Kind),
    /// An empty array.
    NoElements,
    /// Of other things.
    Others(&'static str),
    /// No document.
    None,
}

fn by_document(body: &[u8], whole: bool) -> Document {
    let (mut objects, mut bad) = (0_usize, 0_usize);
    let mut votes: Vec<(Kind, usize)> = Vec::new();
    let mut splitter = Splitter::of(Text::default(), ENVELOPES);
    splitter.feed(body, &mut |piece| match piece {
        Piece::Object(bytes, _) => {
            objects += 1;
            let Some(kind) = probe(bytes).and_then(document_of) else {
                return;
            };
            match votes.iter_mut().find(|(k, _)| *k == kind) {
                Some((_, n)) => *n += 1,
                None => votes.push((kind, 1)),
            }
        }
        Piece::Bad(..) => bad += 1,
    });
    let array = body.starts_with(b"[");
    if let Some((kind, n)) = votes.into_iter().max_by_key(|(_, n)| *n)
        && n * 10 >= objects + bad
    {
        return Document::Of(kind);
    }
    let has = |mark: &[u8]| memchr::memmem::find(body, mark).is_some();
    if objects + bad == 0 && splitter.is_between_documents() {
        // Nothing came out, yet it is complete: `[]` or `{"Records":[]}`.
        return if !array && has(b"\"Records\"") {
            Document::Of(Kind::CloudTrail)
        } else {
            Document::NoElements
        };
    }
    if objects + bad == 0 && !whole && splitter.is_in_records() {
        // The first record is larger than the sample.
        if has(b"\"eventSource\"") || has(b"\"eventVersion\"") || has(b"\"eventName\"") {
            return Document::Of(Kind::CloudTrail);
        }
        if has(b"\"audit.k8s.io/") || has(b"\"auditID\"") {
            return Document::Of(Kind::CallDocuments(Provider::Kubernetes));
        }
        if has(gcp::PAYLOAD.as_bytes()) {
            return Document::Of(Kind::CallDocuments(Provider::Gcp));
        }
    }
    match (array, objects) {
        (true, 0) => Document::Others("an array without objects"),
        (true, _) => Document::Others("an array of objects that are no records of a known format"),
        (false, _)
            if has(b"\"Records\"") && (splitter.is_in_records() || splitter.found_records()) =>
        {
            Document::Others("Records that are no records of a known format")
        }
        (false, _) => Document::None,
    }
}

/// What a file of no known format looks like, in words.
fn what_is(sample: &[u8]) -> &'static str {
    if sample.starts_with(b"\xff\xfe") || sample.starts_with(b"\xfe\xff") {
        return "UTF-16 text, convert it to UTF-8";
    }
    let head = sample.get(..4096).unwrap_or(sample);
    let controls = head
        .iter()
        .filter(|b| b.is_ascii_control() && !matches!(b, b'\t' | b'\n' | b'\r' | 0x1b))
        .count();
    if head.contains(&0) || controls * 10 > head.len() {
        return "a binary file";
    }
    let first = head.trim_ascii_start().first();
    match first {
        Some(b'{') => "JSON of another kind",
        Some(b'<') => "XML or HTML",
        _ => "text of another kind",
    }
}

fn unknown(what: &str, body: &[u8]) -> Detected {
    let begins: String = match body {
        [b'{' | b'[', ..] => excerpt(body).raw().chars().take(60).collect(),
        _ => String::new(),
    };
    let begins = match begins.as_str() {
        "" => String::new(),
        words => format!("; it begins with {words}"),
    };
    Detected::Unknown(Text::from(format!("unknown format: {what}{begins}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"eventVersion":"1.08","eventSource":"s","eventName":"n","eventTime":"2026-01-02T03:04:05Z"}"#;
    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/x","type":"com.example","time":"2026-01-01T00:00:00Z"}"#;
    const ENTRY: &str = r#"{"request":{"id":"a"},"time":"2026-01-01T00:00:00Z","type":"request"}"#;

    fn known(sample: &str) -> Option<Kind> {
        match detect(sample.as_bytes(), true) {
            Detected::Known(kind) => Some(kind),
            _ => None,
        }
    }

    fn why(sample: &[u8]) -> String {
        match detect(sample, true) {
            Detected::Unknown(reason) => reason.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_format_is_known_by_its_marks() {
        assert_eq!(known(EVENT), Some(Kind::Events));
        assert_eq!(known(ENTRY), Some(Kind::Vault));
        assert_eq!(known(&format!("@cee: {ENTRY}\n")), Some(Kind::Vault));
        assert_eq!(
            known(&format!("{RECORD}\n{RECORD}")),
            Some(Kind::CloudTrailLines)
        );
        for document in [
            format!("[{RECORD}]"),
            format!(" {{\"Records\":[{RECORD}]}}\n"),
            format!("{{\n\"Records\": [\n{RECORD}\n]\n}}\n"),
            RECORD.replace(',', ",\n"),
            "{\"Records\":[]}".to_owned(),
        ] {
            assert_eq!(known(&document), Some(Kind::CloudTrail), "{document}");
        }
    }

    #[test]
    fn records_of_services_hosts_and_proxies_are_known_by_their_marks() {
        let kube = r#"{"kind":"Event","auditID":"a","stage":"Panic","verb":"get"}"#;
        let cloud = r#"{"insertId":"i","protoPayload":{"@type":"type.googleapis.com/google.cloud.audit.AuditLog"}}"#;
        let azure =
            r#"{"time":"2026-01-01T00:00:00Z","resourceId":"/s","operationName":"SecretGet"}"#;
        for (record, provider, member) in [
            (kube, Provider::Kubernetes, "items"),
            (cloud, Provider::Gcp, "entries"),
            (azure, Provider::Azure, "records"),
            (azure, Provider::Azure, "value"),
        ] {
            let lines = format!("{record}\n{record}\n");
            assert_eq!(known(&lines), Some(Kind::Calls(provider)), "{lines}");
            let envelope = format!("{{\"kind\":\"EventList\",\"{member}\":[{record}]}}");
            for document in [
                format!("[{record}]"),
                format!("[\n{record},\n{record}\n]"),
                record.replace(',', ",\n"),
                format!("{envelope}\n{envelope}"),
                envelope.replace(":[", ": [\n"),
            ] {
                assert_eq!(
                    known(&document),
                    Some(Kind::CallDocuments(provider)),
                    "{document}"
                );
            }
        }
        let journal = r#"{"__REALTIME_TIMESTAMP":"1","MESSAGE":"{\"type\":\"request\"}"}"#;
        assert_eq!(known(journal), Some(Kind::Journald));
        let nginx = r#"{"time_local":"x","msec":1.5,"remote_addr":"::1","status":200}"#;
        assert_eq!(known(nginx), Some(Kind::AccessJson(Proxy::Nginx)));
        let envoy = r#"{"start_time":"x","response_code":200,"response_flags":"-"}"#;
        assert_eq!(known(envoy), Some(Kind::AccessJson(Proxy::Envoy)));
        let combined = r#"::1 - - [23/Nov/2026:13:46:11 +0100] "GET / HTTP/1.1" 200 1 "-" "-""#;
        assert_eq!(known(combined), Some(Kind::Access(Proxy::Nginx)));
        let envoy = r#"[2026-11-23T13:46:11Z] "GET / HTTP/2" 200 - 1 2 3 4 "-" "-" "-" "-" "-""#;
        assert_eq!(known(envoy), Some(Kind::Access(Proxy::Envoy)));
        assert_eq!(known("{\"items\":[]}"), None);
    }

    #[test]
    fn a_log_may_begin_with_damage() {
        let torn = "\0\0\0\0torn by a crash\n".repeat(3);
        for (line, kind) in [(EVENT, Kind::Events), (ENTRY, Kind::Vault)] {
            assert_eq!(known(&format!("{torn}{line}\n{line}\n")), Some(kind));
        }
    }

    #[test]
    fn a_record_larger_than_the_sample_is_seen() {
        let start = format!("[{{\"eventVersion\":\"1.08\",\"x\":\"{}", "y".repeat(100));
        assert_eq!(
            detect(start.as_bytes(), false),
            Detected::Known(Kind::CloudTrail)
        );
    }

    #[test]
    fn what_is_unknown_says_what_it_is() {
        assert_eq!(detect(b"", true), Detected::Empty);
        assert_eq!(detect(b" \n", true), Detected::Empty);
        assert_eq!(detect(b"[]\n", true), Detected::Empty);
        assert!(why(br#"[{"a":1}]"#).contains("no records of a known format"));
        assert!(why(br#"{"Records":[{"a":1}]}"#).contains("no records of a known format"));
        assert!(why(br#"{"kind":"Event","auditID":"1"}"#).contains("JSON of another kind"));
        assert!(why(b"\x7fELF\x02\x01\x01\0\0\0\0\0").contains("a binary file"));
        assert!(why(b"\xff\xfe{\0").contains("UTF-16"));
        assert_eq!(
            why(b"hunter2 \x1b[31mred"),
            "unknown format: text of another kind"
        );
        assert_eq!(
            why(br#"{"kind":"Event","api":"hunter2"}"#),
            r#"unknown format: JSON of another kind; it begins with {"kind":"‹masked›","api":"‹masked›"}"#
        );
    }
}
