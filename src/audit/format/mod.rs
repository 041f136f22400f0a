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

/// Masks what is assigned to a name that speaks of a secret: `"password": "…"`, `TOKEN=…`; also
/// where the words end within it. Quotes are not paired, since a broken line may begin anywhere.
fn mask_values(words: &str) -> String {
    const NAMES: [&str; 7] = [
        "password",
        "passwd",
        "secret",
        "token",
        "private",
        "credential",
        "key",
    ];
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let mut out = String::with_capacity(words.len());
    let mut rest = words;
    while !rest.is_empty() {
        let (name, after) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
        let between = after.trim_start_matches(['"', '\'', ' ', '\t', ':', '=']);
        let (between, after) = after.split_at(after.len() - between.len());
        let lower = name.to_ascii_lowercase();
        let assigns = between.contains([':', '=']) && NAMES.iter().any(|n| lower.contains(n));
        out.push_str(name);
        out.push_str(between);
        rest = after;
        if assigns {
            let quote = between.chars().last().filter(|c| matches!(c, '"' | '\''));
            let ends = |c: char| match quote {
                Some(quote) => c == quote,
                None => c.is_whitespace() || matches!(c, ',' | ';' | '}' | ']' | '{' | '['),
            };
            let (value, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
            let shown = value.is_empty() || mask::is_hashed(value);
            out.push_str(if shown { value } else { mask::MASKED });
            rest = after;
        } else if name.is_empty() && between.is_empty() {
            let mut chars = rest.chars();
            out.extend(chars.next());
            rest = chars.as_str();
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
        assert_eq!(
            excerpt(b"DB_PASSWORD=hunter2 x='y'").raw(),
            "DB_PASSWORD=\u{2039}masked\u{203a} x='y'"
        );
        let torn = br#"ter2","token":"a b","keys":["k"],"token":"#;
        assert_eq!(
            excerpt(torn).raw(),
            r#"ter2","token":"‹masked›","keys":["k"],"token":"#
        );
        assert_eq!(excerpt(&[b'x'; 5000]).raw().len(), EXCERPT);
    }
}
