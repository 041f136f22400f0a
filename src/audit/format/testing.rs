//! What the tests of the formats share.

use std::fmt::Debug;

use proptest::prelude::*;
use serde::Deserialize;

use super::document::{Document, Documents, ReadRecord};
use super::members::{self, Members};
use super::{Format, Read, flat};
use crate::audit::record::{Record, ServiceCall};
use crate::model::rejected::Place;

/// Everything that a format reads of these lines.
pub(crate) fn lines(format: &mut dyn Format, lines: &[u8]) -> Vec<Read> {
    let mut all = Vec::new();
    for (number, line) in (1..).zip(lines.split(|b| *b == b'\n')) {
        let place = Place {
            file: "log".into(),
            line: number,
            byte: 0,
        };
        format.line(line, &place, &mut |read| all.push(read));
    }
    format.finish(&mut |read| all.push(read));
    all
}

/// Everything that is read of a document, which comes in pieces of `cut` bytes.
pub(crate) fn document(
    (members, read): (&'static [&'static str], ReadRecord),
    bytes: &[u8],
    cut: usize,
) -> Vec<Read> {
    let mut documents = Documents::new("doc".into(), members, read);
    let mut all = Vec::new();
    for part in bytes.chunks(cut.max(1)) {
        documents.bytes(part, &mut |read| all.push(read));
    }
    documents.end(&mut |read| all.push(read));
    all
}

/// How many records and rejections there are.
pub(crate) fn counted(reads: &[Read]) -> (usize, usize) {
    let records = reads.iter().filter(|r| matches!(r, Read::Record(..)));
    let records = records.count();
    (records, reads.len() - records)
}

/// The call that one record is.
pub(crate) fn call(read: ReadRecord, json: &str) -> ServiceCall {
    match read(json.as_bytes()) {
        Ok(Record::Call(call)) => *call,
        other => panic!("{json}: {other:?}"),
    }
}

/// What every format of JSON records does with what is hostile: none of it is read, none of it
/// harms its neighbours, and what is in it is never shown.
pub(crate) fn withstands(read: ReadRecord, good: &str) {
    assert!(read(good.as_bytes()).is_ok(), "{good}");
    let inner = good.strip_suffix('}').unwrap();
    // Nesting and size in what is not read cost nothing.
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let huge = "x".repeat(1 << 20);
    for more in [deep, format!("\"{huge}\""), "1e999".to_owned()] {
        let line = format!("{inner},\"zz\":{more}}}");
        assert!(read(line.as_bytes()).is_ok(), "{}", &line[..200]);
    }
    for bad in [
        inner.to_owned(),
        format!("{good}x"),
        "[]".to_owned(),
        "{}".to_owned(),
        "7".to_owned(),
        format!("{inner},\"hunter2\":}}"),
    ] {
        let mut format = super::document::Lines::new(read);
        let log = format!("{good}\n{bad}\n{good}");
        let reads = lines(&mut format, log.as_bytes());
        let [Read::Record(..), Read::Rejected(rejected), Read::Record(..)] = &reads[..] else {
            panic!("{bad}: {reads:?}");
        };
        assert_eq!(rejected.place.line, 2);
        assert!(!rejected.reason.raw().contains("hunter2"), "{rejected:?}");
    }
    let mut broken = good.as_bytes().to_vec();
    broken[20] = 0xff;
    assert!(read(&broken).unwrap_err().contains("not UTF-8"));
}

/// Holds what picks members against serde: what is picked is what serde reads.
pub(super) fn is_picked_as_read<'a, T, R>(
    words: &'a str,
    record: impl Fn(&T) -> R,
) -> Result<(), TestCaseError>
where
    T: Members<'a> + Deserialize<'a>,
    R: PartialEq + Debug,
{
    let mut picked = T::default();
    if members::pick(words, &mut picked).is_some() {
        let read: T = serde_json::from_str(words).unwrap();
        prop_assert_eq!(record(&picked), record(&read), "{}", words);
    }
    Ok(())
}

/// True where all is certain to what picks members.
pub(super) fn is_picked<'a, T: Members<'a>>(words: &'a str) -> bool {
    members::pick(words, &mut T::default()).is_some()
}

/// Each of these members of a flat object is read as serde reads it, and an odd one is left to it.
pub(super) fn reads_each_member<T>(names: &[&str])
where
    T: flat::Members<'static> + Deserialize<'static> + PartialEq + Debug,
{
    let object = |odd: &str| -> &'static str {
        let member = |name: &&str| {
            let value = if *name == odd { r"\u0041" } else { *name };
            format!(r#""{name}":"{value}""#)
        };
        let members: Vec<String> = names.iter().map(member).collect();
        format!("{{{}}}", members.join(",")).leak()
    };
    let plain = object("");
    let read = flat::read::<T>(plain);
    assert_eq!(read, serde_json::from_str(plain).ok());
    assert!(read.is_some());
    for odd in names {
        assert_eq!(flat::read::<T>(object(odd)), None);
        let twice = format!(r#"{{"{odd}":1,"{odd}":1}}"#);
        assert_eq!(flat::read::<T>(twice.leak()), None);
    }
}

/// What may stand where something else stood, or beside it.
const ODD: &[&str] = &[
    "null",
    "true",
    "false",
    "7",
    "-7",
    "-0",
    "0",
    "01",
    "1.50",
    "1.",
    "1e2",
    "1E999",
    "-",
    "nul",
    "123456789012345678",
    "12345678901234567890",
    "-9223372036854775809",
    "0.1234567890123456789",
    r#""""#,
    r#""7""#,
    r#""a\"b""#,
    r#""\/\b\f\n\r\t\\""#,
    r#""\u0026\u00e9\u0000""#,
    r#""\ud83d\ude00""#,
    r#""\ud800""#,
    r#""\udc00x""#,
    r#""\u00g0""#,
    r#""\u00""#,
    r#""\x""#,
    "\"a\tb\"",
    "\"\u{7f}\u{e9}\u{1f600}\"",
    r#""a rather long string, over sixteen bytes""#,
    "{}",
    "[]",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "\r\t",
    "\u{c}",
    "\u{feff}",
    "\"",
    "x",
    "[null]",
    r#"["a",7,null,{}]"#,
    "[1e999]",
    r#"["\ud800"]"#,
    "[104,105,7]",
    r#"[[1],null,"b"]"#,
    r#"{"value":"v"}"#,
    r#"{"value":null,"value":1}"#,
    r#"{"\u0076alue":"v"}"#,
    r#"{"claim":{"upn":"m"},"claims":7}"#,
    r#"{"\ud800":1}"#,
    r#"{"a" "b"}"#,
    r#"{"a":1,}"#,
];

/// A record's quotes, brackets, words and what is between them.
fn tokens(record: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let (mut is_quoted, mut is_escaped, mut goes_on) = (false, false, false);
    for c in record.chars() {
        let is_mark = !is_quoted && matches!(c, '{' | '}' | '[' | ']' | ':' | ',' | ' ' | '"');
        match tokens.last_mut().filter(|_| goes_on && !is_mark) {
            Some(token) => token.push(c),
            None => tokens.push(c.to_string()),
        }
        if c == '"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = is_quoted && c == '\\' && !is_escaped;
        goes_on = is_quoted || !(is_mark || c == '"');
    }
    tokens
}

/// One of some good records with some of it replaced, added, left out or written again.
pub(crate) fn damaged(records: &'static [&'static str]) -> impl Strategy<Value = String> {
    let edit = (
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        0..6_usize,
    );
    let edits = prop::collection::vec((edit, prop::sample::select(ODD)), 0..5);
    (prop::sample::select(records), edits).prop_map(|(record, edits)| {
        let mut tokens = tokens(record);
        for ((at, other, kind), odd) in edits {
            let (at, other) = (at.index(tokens.len()), other.index(tokens.len()));
            let end = (other + 1 + kind).min(tokens.len());
            match kind {
                0 | 1 => tokens[at] = odd.to_owned(),
                2 => tokens.insert(at, odd.to_owned()),
                3 => tokens[at] = tokens[other].clone(),
                // What is left out or again is often a whole member with its comma.
                4 if tokens.len() > 9 => drop(tokens.drain(at..=at)),
                _ => {
                    let again: Vec<String> = tokens[other..end].to_vec();
                    tokens.splice(at..at, again);
                }
            }
        }
        tokens.concat()
    })
}
