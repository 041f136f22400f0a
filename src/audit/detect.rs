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

use serde::Deserialize;
use serde_json::value::RawValue;

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

/// The bytes of a prefix before an audit entry.
const LONGEST_PREFIX: usize = 256;

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

/// What a JSON line says of itself. Values are looked at only where they are needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe<'a> {
    #[serde(borrow)]
    specversion: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    request: Option<&'a RawValue>,
    #[serde(borrow)]
    event_source: Option<&'a RawValue>,
    #[serde(borrow)]
    event_name: Option<&'a RawValue>,
    #[serde(borrow)]
    event_time: Option<&'a RawValue>,
    #[serde(borrow)]
    event_version: Option<&'a RawValue>,
    #[serde(borrow, rename = "Records")]
    records: Option<&'a RawValue>,
    /// Of Kubernetes objects.
    #[serde(borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow, rename = "auditID")]
    audit_id: Option<&'a RawValue>,
    #[serde(borrow)]
    verb: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
    #[serde(borrow)]
    proto_payload: Option<&'a RawValue>,
    #[serde(borrow)]
    entries: Option<&'a RawValue>,
    #[serde(borrow)]
    operation_name: Option<&'a RawValue>,
    #[serde(borrow, alias = "ResourceId")]
    resource_id: Option<&'a RawValue>,
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    event_timestamp: Option<&'a RawValue>,
    /// Of Azure's envelopes.
    #[serde(borrow, rename = "records")]
    azure_records: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow, rename = "__REALTIME_TIMESTAMP")]
    realtime: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow, rename = "remote_addr")]
    remote_addr: Option<&'a RawValue>,
    #[serde(borrow, rename = "time_iso8601")]
    time_iso8601: Option<&'a RawValue>,
    #[serde(borrow, rename = "time_local")]
    time_local: Option<&'a RawValue>,
    #[serde(borrow)]
    msec: Option<&'a RawValue>,
    #[serde(borrow, rename = "start_time")]
    start_time: Option<&'a RawValue>,
    #[serde(borrow, rename = "response_code")]
    response_code: Option<&'a RawValue>,
    #[serde(borrow, rename = "response_flags")]
    response_flags: Option<&'a RawValue>,
}

impl Probe<'_> {
    fn kind(&self) -> Option<Kind> {
        if self.specversion.is_some() && self.event_type.is_some() {
            return Some(Kind::Events);
        }
        let half = matches!(
            self.event_type.map(RawValue::get),
            Some("\"request\"" | "\"response\"")
        );
        if half && self.request.is_some_and(|r| r.get().starts_with('{')) {
            return Some(Kind::Vault);
        }
        if self.is_cloudtrail() {
            return Some(Kind::CloudTrailLines);
        }
        if self.records.is_some_and(|r| r.get().starts_with('[')) {
            return Some(Kind::CloudTrail);
        }
        self.call().or_else(|| self.other())
    }

    fn is_cloudtrail(&self) -> bool {
        self.event_source.is_some()
            && self.event_name.is_some()
            && (self.event_time.is_some() || self.event_version.is_some())
    }

    /// Records of services, and envelopes of them that stand on one line.
    fn call(&self) -> Option<Kind> {
        let is = |raw: Option<&RawValue>, words: &str| raw.is_some_and(|r| r.get() == words);
        let lists = |raw: Option<&RawValue>, mark: &str| {
            raw.is_some_and(|r| r.get().starts_with('[') && holds(r, mark))
        };
        if is(self.kind, "\"Event\"") && self.audit_id.is_some() && self.verb.is_some() {
            return Some(Kind::Calls(Provider::Kubernetes));
        }
        if is(self.kind, "\"EventList\"") && lists(self.items, "\"auditID\"") {
            return Some(Kind::CallDocuments(Provider::Kubernetes));
        }
        if self.proto_payload.is_some_and(|p| holds(p, gcp::PAYLOAD)) {
            return Some(Kind::Calls(Provider::Gcp));
        }
        if lists(self.entries, gcp::PAYLOAD) {
            return Some(Kind::CallDocuments(Provider::Gcp));
        }
        let timed = self.time.is_some() || self.event_timestamp.is_some();
        if self.operation_name.is_some() && self.resource_id.is_some() && timed {
            return Some(Kind::Calls(Provider::Azure));
        }
        let mark = "\"operationName\"";
        (lists(self.azure_records, mark) || lists(self.value, mark))
            .then_some(Kind::CallDocuments(Provider::Azure))
    }

    fn other(&self) -> Option<Kind> {
        if self.realtime.is_some() {
            return Some(Kind::Journald);
        }
        let times = [self.time_iso8601, self.time_local, self.msec];
        let timed = times.iter().any(Option::is_some);
        if timed && self.status.is_some() && self.remote_addr.is_some() {
            return Some(Kind::AccessJson(Proxy::Nginx));
        }
        let is_envoy = self.start_time.is_some()
            && self.response_code.is_some()
            && self.response_flags.is_some();
        is_envoy.then_some(Kind::AccessJson(Proxy::Envoy))
    }
}

fn holds(raw: &RawValue, mark: &str) -> bool {
    memchr::memmem::find(raw.get().as_bytes(), mark.as_bytes()).is_some()
}

fn probe(line: &[u8]) -> Option<Kind> {
    let head = line.get(..LONGEST_PREFIX).unwrap_or(line);
    let at = memchr::memchr(b'{', head)?;
    let words = std::str::from_utf8(line.get(at..)?).ok()?;
    let kind = serde_json::from_str::<Probe<'_>>(words).ok()?.kind()?;
    // Only an audit device writes a prefix.
    let bare = line.get(..at).is_some_and(|p| p.trim_ascii().is_empty());
    (bare || kind == Kind::Vault).then_some(kind)
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
