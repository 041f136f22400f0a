//! The log formats, a file each. A format turns lines into records and knows no file: it is fed
//! lines with their places and answers with records and rejections.

pub(in crate::audit) mod split;
pub(crate) mod text;

pub mod cloudtrail;
pub mod events;
pub mod postgres;
pub mod vault;

use crate::audit::record::Record;
use crate::model::rejected::{Place, Rejected};
use crate::model::{Text, mask};

/// What a format does with lines. Formats whose records span lines (a PostgreSQL message with
/// continuation lines, a quoted CSV field) hold back what is not complete yet.
pub trait Format {
    /// Takes one line, without its line end, in; calls `out` for each record or rejection that
    /// is complete with it.
    fn line(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Read));

    /// The end of the file: what was held back is complete or rejected.
    fn finish(&mut self, out: &mut dyn FnMut(Read));
}

/// One thing read.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// A record, and where its first line stands.
    Record(Record, Place),
    /// Something that could not be read.
    Rejected(Rejected),
}

/// The most characters of what was rejected that are kept.
const EXCERPT: usize = 200;

/// The beginning of bytes that could not be read, without what may be a secret: the string that
/// follows a key which speaks of one.
#[must_use]
pub fn excerpt(bytes: &[u8]) -> Text {
    let head = bytes.get(..EXCERPT * 4).unwrap_or(bytes);
    let words: String = String::from_utf8_lossy(head)
        .chars()
        .take(EXCERPT)
        .collect();
    Text::from(mask_values(&words))
}

/// Masks `value` in `"…key…":"value"`, also where the words end within it.
fn mask_values(words: &str) -> String {
    const KEYS: [&str; 6] = [
        "password",
        "secret",
        "token",
        "private",
        "credential",
        "key",
    ];
    let mut out = String::with_capacity(words.len());
    let mut hides = false;
    for (n, part) in words.split('"').enumerate() {
        if n > 0 {
            out.push('"');
        }
        let is_string = n % 2 == 1;
        if is_string && hides && !mask::is_hashed(part) {
            out.push_str(mask::MASKED);
        } else {
            out.push_str(part);
        }
        if is_string {
            let key = part.to_ascii_lowercase();
            hides = KEYS.iter().any(|k| key.contains(k));
        } else if n > 0 {
            hides = hides && part.trim() == ":";
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_hides_secrets() {
        let line = br#"{"user":"mira","Password": "hunter2","n":1,"client_token":"hvs.cut"#;
        assert_eq!(
            excerpt(line).raw(),
            r#"{"user":"mira","Password": "‹masked›","n":1,"client_token":"‹masked›"#
        );
        assert_eq!(excerpt(&[b'x'; 5000]).raw().len(), EXCERPT);
    }
}
