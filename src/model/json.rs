//! JSON that is safe to print: the characters that a terminal obeys or a reader cannot see are
//! written as `\uXXXX`, which any JSON reader takes back to what they were.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use super::text::is_hidden;

/// One line of compact JSON without hidden characters and without a line end.
///
/// # Errors
/// Where `value` cannot be written as JSON (a map whose keys are no strings).
pub fn to_line<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let mut out = Vec::with_capacity(256);
    value.serialize(&mut Serializer::with_formatter(
        &mut out,
        Harmless(CompactFormatter),
    ))?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// The same JSON text with hidden characters escaped; the text itself must be valid JSON.
#[must_use]
pub fn harmless(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        push(&mut out, c);
    }
    out
}

fn push(out: &mut String, c: char) {
    if c.is_ascii() && c != '\u{7f}' || !is_hidden(c) {
        out.push(c);
        return;
    }
    let mut units = [0_u16; 2];
    for unit in c.encode_utf16(&mut units) {
        let _ = write!(out, "\\u{unit:04x}");
    }
}

struct Harmless(CompactFormatter);

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return writer.write_all(fragment.as_bytes());
        }
        writer.write_all(harmless(fragment).as_bytes())
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_printed_is_harmless_and_reads_back_the_same(words in any::<String>()) {
            let line = to_line(&words).unwrap();
            prop_assert!(!line.chars().any(is_hidden));
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), words);
        }
    }
}
