//! What the tests of the formats share.

use super::document::{Document, Documents, ReadRecord};
use super::{Format, Read};
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
