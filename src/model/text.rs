//! The one type for words that came from outside.
//!
//! Audit logs and backend answers are written by whoever caused them. [`Text`] keeps what was
//! written, byte for byte, for comparing and for writing JSON, and shows only a harmless form:
//! its `Display` never yields a control character, a bidi override, a zero-width character or a
//! pile of combining marks. Whoever wants the raw words has to ask for [`Text::raw`] by name.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use unicode_width::UnicodeWidthChar;

/// The most characters of one field that are ever shown; longer ones end in a count of the rest.
pub const SHOWN_CHARS: usize = 4096;

/// The most combining marks shown on one base character; more are counted instead.
const MARKS_SHOWN: usize = 2;

/// Untrusted text: kept as it was written, shown harmless.
///
/// ```
/// use rotascope::model::Text;
/// let hostile = Text::from("ci-\u{1b}[31mrunner\u{202e}");
/// assert_eq!(hostile.to_string(), "ci-␛[31mrunner‹U+202E›");
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(CompactString);

impl Text {
    /// The words as they came. Only for comparing, hashing and writing JSON; never for a screen,
    /// a report, a title or a clipboard.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.0
    }

    /// True where nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The harmless form, borrowed where the words are harmless already.
    #[must_use]
    pub fn shown(&self) -> Cow<'_, str> {
        shown(&self.0)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.shown())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.shown())
    }
}

impl From<&str> for Text {
    fn from(raw: &str) -> Self {
        Self(CompactString::new(raw))
    }
}

impl From<String> for Text {
    fn from(raw: String) -> Self {
        Self(CompactString::from(raw))
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(raw: Cow<'_, str>) -> Self {
        Self(CompactString::from(raw))
    }
}

/// The harmless form of any words: C0 controls as their control pictures, other invisible or
/// direction-changing characters as `‹U+XXXX›`, surplus combining marks as `‹+n marks›`, and
/// everything past [`SHOWN_CHARS`] as `…‹+n bytes›`.
#[must_use]
pub fn shown(raw: &str) -> Cow<'_, str> {
    if raw.len() <= SHOWN_CHARS && raw.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len().min(SHOWN_CHARS) + 16);
    let mut marks = 0_usize;
    for (count, (at, c)) in raw.char_indices().enumerate() {
        if count == SHOWN_CHARS {
            end_marks(&mut out, marks);
            let _ = write!(out, "…‹+{} bytes›", raw.len() - at);
            return Cow::Owned(out);
        }
        if is_mark(c) {
            marks += 1;
            if marks <= MARKS_SHOWN && count > 0 {
                out.push(c);
            }
            continue;
        }
        end_marks(&mut out, marks);
        marks = 0;
        push_harmless(&mut out, c);
    }
    end_marks(&mut out, marks);
    Cow::Owned(out)
}

/// A cell of a table that a spreadsheet does not run: one that begins like a formula, in narrow
/// letters or in wide ones, gets a quote mark before it.
#[must_use]
pub fn inert(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '\t', '\r', '\n']) {
        format!("'{cell}")
    } else {
        cell
    }
}

fn end_marks(out: &mut String, marks: usize) {
    if marks > MARKS_SHOWN {
        let _ = write!(out, "‹+{} marks›", marks - MARKS_SHOWN);
    }
}

fn push_harmless(out: &mut String, c: char) {
    match c {
        '\u{00}'..='\u{1f}' => out.push(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
        '\u{7f}' => out.push('\u{2421}'),
        c if is_hidden(c) => {
            let _ = write!(out, "‹U+{:04X}›", c as u32);
        }
        c => out.push(c),
    }
}

/// A character that changes how its neighbours look while showing nothing itself.
fn is_mark(c: char) -> bool {
    !c.is_ascii() && !is_hidden(c) && c.width() == Some(0)
}

/// True for characters that a terminal obeys or a reader cannot see: controls, format
/// characters (bidi, zero-width, tags) and line separators (Unicode general categories Cc, Cf,
/// Zl, Zp), and the non-characters.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || (c as u32 & 0xfffe) == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_words_are_borrowed_unchanged() {
        assert!(matches!(shown("secret/data/payments"), Cow::Borrowed(_)));
        assert_eq!(shown("größe 北京"), "größe 北京");
    }

    #[test]
    fn what_a_terminal_obeys_becomes_visible() {
        assert_eq!(shown("a\u{1b}]0;x\u{7}b\r\n"), "a␛]0;x␇b␍␊");
        assert_eq!(shown("\u{9b}31m\u{200b}"), "‹U+009B›31m‹U+200B›");
    }

    #[test]
    fn a_pile_of_marks_is_counted() {
        let zalgo = format!("e{}x", "\u{301}".repeat(40));
        assert_eq!(shown(&zalgo), "e\u{301}\u{301}‹+38 marks›x");
    }

    #[test]
    fn an_over_long_field_ends_in_a_count() {
        let long = "x".repeat(SHOWN_CHARS + 10);
        let shown = shown(&long);
        assert!(shown.ends_with("…‹+10 bytes›"));
        assert!(shown.chars().count() < SHOWN_CHARS + 20);
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_ever_shown(raw in any::<String>(), bytes in any::<Vec<u8>>()) {
            for words in [raw, String::from_utf8_lossy(&bytes).into_owned()] {
                prop_assert!(!shown(&words).chars().any(is_hidden));
            }
        }
    }
}
