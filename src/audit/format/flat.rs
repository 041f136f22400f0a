//! Reads the members of a flat JSON object in the usual spelling, which is what programs log:
//! strings without escapes, numbers, truth values and null. Whatever else there is, and what is no
//! JSON, is left to the full reader.

use std::borrow::Cow;

use super::text::Words;

/// The value of a member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// A string, a truth value, or a whole number as [`Words`] has it.
    Words(&'a str),
    Null,
    /// A number that a reader of numbers may spell otherwise.
    Number,
}

/// A struct whose members are [`Words`], each with a number of its own below 32.
pub(super) trait Members<'a>: Default {
    /// The member of a name.
    fn member(&mut self, name: &str) -> Option<(u32, &mut Option<Words<'a>>)>;
}

/// The members of the object that a line is, as [`serde_json`] reads them. `None` where that has to
/// be asked: also where a member stands there twice, which is no such object.
pub(super) fn read<'a, T: Members<'a>>(line: &'a str) -> Option<T> {
    let (mut read, mut met) = (T::default(), 0_u32);
    members(line, |name, value| {
        let Some((nth, member)) = read.member(name) else {
            return Some(());
        };
        let bit = 1_u32.checked_shl(nth)?;
        if met & bit > 0 {
            return None;
        }
        met |= bit;
        *member = match value {
            Value::Words(words) => Some(Words(Cow::Borrowed(words))),
            Value::Null => None,
            Value::Number => return None,
        };
        Some(())
    })?;
    Some(read)
}

/// Tells the names and values of an object; `None` where it is none that is flat and usual, or
/// where `take` wants no more.
fn members<'a>(
    line: &'a str,
    mut take: impl FnMut(&'a str, Value<'a>) -> Option<()>,
) -> Option<()> {
    let mut reader = Reader { line, at: 0 };
    reader.pass(b'{')?;
    if reader.space() == Some(b'}') {
        reader.at += 1;
    } else {
        loop {
            let name = reader.string()?;
            reader.pass(b':')?;
            let value = reader.value()?;
            take(name, value)?;
            match reader.space()? {
                b',' => reader.at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        reader.at += 1;
    }
    reader.space().is_none().then_some(())
}

struct Reader<'a> {
    line: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// Passes white space; gives what stands behind it.
    fn space(&mut self) -> Option<u8> {
        let rest = self.line.as_bytes().get(self.at..)?;
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let spaces = rest.iter().take_while(|byte| is_space(byte)).count();
        self.at += spaces;
        rest.get(spaces).copied()
    }

    /// Passes a mark, and the white space before it.
    fn pass(&mut self, mark: u8) -> Option<()> {
        (self.space()? == mark).then(|| self.at += 1)
    }

    fn string(&mut self) -> Option<&'a str> {
        self.pass(b'"')?;
        let begin = self.at;
        let rest = self.line.as_bytes().get(begin..)?;
        let length = plain(rest);
        (rest.get(length) == Some(&b'"')).then_some(())?;
        self.at += length + 1;
        self.line.get(begin..begin + length)
    }

    fn value(&mut self) -> Option<Value<'a>> {
        Some(match self.space()? {
            b'"' => Value::Words(self.string()?),
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => {
                self.word("null")?;
                Value::Null
            }
            _ => self.number()?,
        })
    }

    fn word(&mut self, word: &str) -> Option<Value<'a>> {
        let found = self.line.get(self.at..self.at + word.len())?;
        self.at += word.len();
        (found == word).then_some(Value::Words(found))
    }

    /// A number without an exponent.
    fn number(&mut self) -> Option<Value<'a>> {
        /// So many digits are a number that is read exactly.
        const EXACT: usize = 18;
        let begin = self.at;
        let is_negative = self.next_is(b'-');
        let first = self.at;
        let digits = self.digits();
        let begins_with_zero = self.line.as_bytes().get(first) == Some(&b'0');
        if digits == 0 || (begins_with_zero && digits > 1) {
            return None;
        }
        let is_whole = !self.next_is(b'.');
        if !is_whole && self.digits() == 0 {
            return None;
        }
        let is_usual = is_whole && !is_negative && digits <= EXACT;
        let words = self.line.get(begin..self.at)?;
        Some(if is_usual {
            Value::Words(words)
        } else {
            Value::Number
        })
    }

    /// Passes a mark where it is there.
    fn next_is(&mut self, mark: u8) -> bool {
        let is_it = self.line.as_bytes().get(self.at) == Some(&mark);
        self.at += usize::from(is_it);
        is_it
    }

    /// Passes digits; tells how many.
    fn digits(&mut self) -> usize {
        let rest = self.line.as_bytes().get(self.at..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        digits
    }
}

/// How many bytes there are before the first quote, backslash or control character. Eight are
/// looked at at a time.
fn plain(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let found = stops(u64::from_le_bytes(*eight));
        if found > 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let is_stop = |byte: &u8| matches!(byte, b'"' | b'\\' | ..=0x1f);
    at + rest.iter().position(is_stop).unwrap_or(rest.len())
}

/// The highest bit of each byte that is a stop, as far as the first one is concerned: those behind
/// it may be wrong.
fn stops(eight: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES << 7;
    // A byte below a bound borrows from its highest bit, which it did not have.
    let below = |eight: u64, bound: u64| eight.wrapping_sub(ONES * bound) & !eight & HIGH;
    let is = |byte: u8| below(eight ^ (ONES * u64::from(byte)), 1);
    is(b'"') | is(b'\\') | below(eight, 0x20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_stop_is_found(bytes in prop::collection::vec(prop_oneof![Just(b'"'), Just(b'\\'), 0..=255_u8, 32..=255_u8, 32..=255_u8, 32..=255_u8, 32..=255_u8, 32..=255_u8], 0..60)) {
            let is_stop = |byte: &u8| matches!(byte, b'"' | b'\\' | ..=0x1f);
            let expected = bytes.iter().position(is_stop).unwrap_or(bytes.len());
            prop_assert_eq!(plain(&bytes), expected);
        }
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    struct Two<'a> {
        #[serde(borrow)]
        a: Option<Words<'a>>,
        #[serde(borrow, alias = "c")]
        b: Option<Words<'a>>,
    }

    impl<'a> Members<'a> for Two<'a> {
        fn member(&mut self, name: &str) -> Option<(u32, &mut Option<Words<'a>>)> {
            Some(match name {
                "a" => (0, &mut self.a),
                "b" | "c" => (1, &mut self.b),
                _ => return None,
            })
        }
    }

    /// True where the fast way reads it, which is then what the full way reads.
    fn agrees(line: &str) -> bool {
        let fast = read::<Two<'_>>(line);
        if let Some(fast) = &fast {
            assert_eq!(fast, &serde_json::from_str(line).unwrap(), "{line}");
        }
        fast.is_some()
    }

    #[test]
    fn the_usual_object_is_read_and_others_are_left() {
        for line in [
            "{}",
            " { } ",
            r#"{"a":"x","b":7}"#,
            r#"{"a": "", "d": "ä", "c": true}"#,
            r#"{"d":"1","d":-2.50,"d":0,"a":null}"#,
            r#"{"a":123456789012345678}"#,
            "{\"a\"\t:\r\n false }",
        ] {
            assert!(agrees(line), "{line}");
        }
        for line in [
            "",
            "{",
            "{}}",
            "{},",
            r#"{"a":"x",}"#,
            r#"{"a":"x" "b":"y"}"#,
            r#"{"a":"x","a":"x"}"#,
            r#"{"a":null,"a":"x"}"#,
            r#"{"b":"x","c":"x"}"#,
            r#"{"a":"\n"}"#,
            "{\"a\":\"\u{1}\"}",
            r#"{"a":"x}"#,
            r#"{"a":01}"#,
            r#"{"d":1.}"#,
            r#"{"d":-}"#,
            r#"{"d":1e3}"#,
            r#"{"a":-1}"#,
            r#"{"a":1.50}"#,
            r#"{"a":1234567890123456789}"#,
            r#"{"d":[]}"#,
            r#"{"d":{}}"#,
            r#"{"d":nul}"#,
            r#"{"d":truee}"#,
            r#"["x","y"]"#,
        ] {
            assert!(!agrees(line), "{line}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn an_object_is_left_or_read_as_the_full_way_does(
            members in prop::collection::vec("( |\t)?\"([a-d]|[a-z]{0,9}|\\PC{0,3})\"( |)(:|:|:|:|)( |)(\"[ -~]{0,20}\"|\"\\PC{0,9}\"|\"[a-z]{0,9}\"|-?[0-9]{1,20}|-?[0-9]{0,3}\\.[0-9]{0,3}|[1-9]e[0-9]|true|null|nul|\\[\\]|\\{\\})( |)", 0..6),
            end in "(\\}|\\}|\\}|\\} |,\\}|)",
        ) {
            agrees(&format!("{{{}{end}", members.join(",")));
        }
    }
}
