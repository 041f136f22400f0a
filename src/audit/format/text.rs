//! What the formats share: strings borrowed from a line, and excerpts that hold no secret.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::audit::format::Read;
use crate::model::Text;
use crate::model::mask::{self, MASKED};
use crate::model::rejected::{Place, Rejected};

/// The most characters of an excerpt.
const EXCERPT_CHARS: usize = 200;

/// A rejection of what stands at `place`.
pub(crate) fn rejected(place: &Place, reason: impl Into<Text>, excerpt: impl Into<Text>) -> Read {
    Read::Rejected(Rejected {
        place: place.clone(),
        reason: reason.into(),
        excerpt: excerpt.into(),
    })
}

/// The first [`EXCERPT_CHARS`] characters.
pub(crate) fn beginning(words: &str) -> &str {
    match words.char_indices().nth(EXCERPT_CHARS) {
        Some((at, _)) => words.get(..at).unwrap_or_default(),
        None => words,
    }
}

/// Bytes as words, with a mark where they are none. Nearly all are, and telling that is faster
/// than looking for what is not.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(words) => Cow::Borrowed(words),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// What stands before the first `mark` of words and behind it. Of words that are short to look at
/// each byte is the fastest.
pub(crate) fn halves(words: &str, mark: u8) -> Option<(&str, &str)> {
    let at = words.bytes().position(|byte| byte == mark)?;
    Some((words.get(..at)?, words.get(at + 1..)?))
}

/// What stands before the first `mark` and behind it. Lines are short, and a searcher for words
/// costs more to make than one byte to find.
pub(crate) fn divided<'a, const N: usize>(
    words: &'a str,
    mark: &[u8; N],
) -> Option<(&'a str, &'a str)> {
    let (bytes, first) = (words.as_bytes(), *mark.first()?);
    let mut from = 0;
    loop {
        let at = from + memchr::memchr(first, bytes.get(from..)?)?;
        if bytes.get(at..at + N) == Some(mark) {
            return Some((words.get(..at)?, words.get(at + N..)?));
        }
        from = at + 1;
    }
}

/// The same of the last `mark`.
pub(crate) fn divided_last<'a, const N: usize>(
    words: &'a str,
    mark: &[u8; N],
) -> Option<(&'a str, &'a str)> {
    let (bytes, first) = (words.as_bytes(), *mark.first()?);
    let mut rest = bytes;
    loop {
        let at = memchr::memrchr(first, rest)?;
        if bytes.get(at..at + N) == Some(mark) {
            return Some((words.get(..at)?, words.get(at + N..)?));
        }
        rest = bytes.get(..at)?;
    }
}

/// The beginning of a line of which only the shape can be trusted: a broken line may begin
/// anywhere, so no quote tells a name from a value. Words that are not in `known` are masked.
pub(crate) fn shape(line: &str, known: &[&str]) -> String {
    outline(line, |word, _| known.contains(&word))
}

/// The same of a line of which no format is known: of its words only the names of JSON members are
/// shown, told by the colon behind their quote. A file that is none of ours may hold anything, a
/// torn line of a raw audit device or a key in clear, and no name of it tells what is secret.
pub(crate) fn names(line: &str) -> String {
    const LONGEST_NAME: usize = 40;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    outline(line, |word, behind| {
        let named = behind
            .strip_prefix('"')
            .is_some_and(|rest| rest.trim_start().starts_with(':'));
        named && word.len() <= LONGEST_NAME && word.chars().all(is_plain)
    })
}

/// The beginning of `line` with every word masked for which `shown` (given the word and what
/// stands behind it) is false.
fn outline(line: &str, shown: impl Fn(&str, &str) -> bool) -> String {
    let mut out = String::new();
    let mut chars = 0;
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if chars >= EXCERPT_CHARS {
            break;
        }
        let is_word = |c: char| {
            !matches!(c, '{' | '}' | '[' | ']' | '"' | ':' | ',' | '=') && !c.is_whitespace()
        };
        if is_word(first) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let word = if shown(word, after) { word } else { MASKED };
            out.push_str(word);
            chars += word.chars().count();
            rest = after;
        } else {
            out.push(first);
            chars += 1;
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    beginning(&out).to_owned()
}

/// A string that is borrowed from the line where it holds no escapes. A number or a truth value
/// is taken as its words, null and anything else as nothing: what a member should be is the
/// server's affair, and one odd member must not cost the record.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Words<'de>(pub Cow<'de, str>);

impl Words<'_> {
    pub(crate) fn text(&self) -> Text {
        Text::from(self.0.as_ref())
    }

    /// `None` where nothing was written.
    pub(crate) fn some(&self) -> Option<Text> {
        (!self.0.is_empty()).then(|| self.text())
    }

    /// A name, no longer than [`mask::LONGEST`]; `None` where nothing was written.
    pub(crate) fn name(&self) -> Option<Text> {
        (!self.0.is_empty()).then(|| Text::from(mask::cut(&self.0)))
    }

    /// Free words, their secrets masked; `None` where nothing was written.
    pub(crate) fn prose(&self) -> Option<Text> {
        (!self.0.is_empty()).then(|| Text::from(mask::prose(&self.0)))
    }
}

/// A name, where one was written.
pub(crate) fn name(words: Option<&Words<'_>>) -> Option<Text> {
    words.and_then(Words::name)
}

/// Free words, where some were written.
pub(crate) fn prose(words: Option<&Words<'_>>) -> Option<Text> {
    words.and_then(Words::prose)
}

/// A member that should be an object of some shape; `None` where it is none, since one odd member
/// must not cost the record.
pub(crate) fn part<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    let words = raw?.get();
    // Asked for first, as a list would be taken for the members of an object in their order.
    if !words.starts_with('{') {
        return None;
    }
    serde_json::from_str(words).ok()
}

/// Why `bytes` are no JSON object of a format. serde's words may quote the line's, so only the
/// kind of trouble and its place are told.
pub(crate) fn json<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &str) -> Result<T, String> {
    let words = std::str::from_utf8(bytes)
        .map_err(|e| format!("not UTF-8 at byte {} of the record", e.valid_up_to()))?;
    json_words(words, what)
}

/// The same of words.
pub(crate) fn json_words<'a, T: Deserialize<'a>>(words: &'a str, what: &str) -> Result<T, String> {
    serde_json::from_str(words).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => "the JSON object ends early".to_owned(),
        serde_json::error::Category::Data => {
            format!("no {what}: a member of the wrong shape at {}", at(&error))
        }
        _ => format!("not JSON at {}", at(&error)),
    })
}

fn at(error: &serde_json::Error) -> String {
    format!(
        "line {}, column {} of the record",
        error.line(),
        error.column()
    )
}

impl<'de: 'a, 'a> Deserialize<'de> for Words<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Words<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: de::Error>(self, words: &'de str) -> Result<Words<'de>, E> {
                Ok(Words(Cow::Borrowed(words)))
            }
            fn visit_str<E: de::Error>(self, words: &str) -> Result<Words<'de>, E> {
                Ok(Words(Cow::Owned(words.to_owned())))
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Words<'de>, E> {
                Ok(Words(Cow::Borrowed(if value { "true" } else { "false" })))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Words<'de>, E> {
                Ok(Words(Cow::Owned(value.to_string())))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Words<'de>, E> {
                Ok(Words(Cow::Owned(value.to_string())))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Words<'de>, E> {
                Ok(Words(Cow::Owned(value.to_string())))
            }
            fn visit_unit<E: de::Error>(self) -> Result<Words<'de>, E> {
                Ok(Words::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Words<'de>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Words::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Words<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Words::default())
            }
        }
        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_are_divided_as_the_standard_library_divides_them(words in "(aba|ab|a|b|\u{e9}){0,12}") {
            prop_assert_eq!(divided(&words, b"aba"), words.split_once("aba"));
            prop_assert_eq!(divided_last(&words, b"aba"), words.rsplit_once("aba"));
            prop_assert_eq!(divided_last(&words, b"b"), words.rsplit_once('b'));
        }
    }

    #[test]
    fn a_broken_line_shows_its_shape_and_no_value_wherever_it_was_cut() {
        let known = ["auth", "client_token"];
        assert_eq!(
            shape(r#"{"auth":{"client_token":"hvs.CAES"#, &known),
            format!(r#"{{"auth":{{"client_token":"{MASKED}"#)
        );
        assert_eq!(
            shape(r#"AES","auth":"pw-mira"}"#, &known),
            format!(r#"{MASKED}","auth":"{MASKED}"}}"#)
        );
        assert!(shape(&"x,".repeat(999), &known).chars().count() <= EXCERPT_CHARS);
    }

    #[test]
    fn of_an_unknown_line_only_the_names_of_members_are_shown() {
        for (line, shown) in [
            (
                r#"@cee: {"auth":{"accessor": "Qo5qb12v","n":7,"api":"a b"#,
                r#"‹masked›: {"auth":{"accessor": "‹masked›","n":‹masked›,"api":"‹masked› ‹masked›"#,
            ),
            // Torn within a value, and within one that holds JSON of its own.
            (
                r#"12v","token":"t","m":"{\"pin\": 1}","keys" : ["k"]}"#,
                r#"‹masked›","token":"‹masked›","m":"{‹masked›"‹masked›": ‹masked›}","keys" : ["‹masked›"]}"#,
            ),
            ("DB_PASSWORD=hunter2", "‹masked›=‹masked›"),
            ("-----BEGIN KEY-----\nMIIE", "‹masked› ‹masked›\n‹masked›"),
        ] {
            assert_eq!(names(line), shown);
        }
        assert_eq!(names(&"x".repeat(5000)), MASKED);
        assert!(names(&"x,".repeat(999)).chars().count() <= EXCERPT_CHARS);
    }
}
