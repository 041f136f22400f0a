//! Picks members of a JSON record in one pass, nested objects included, without building a value.
//!
//! It answers only for records of which it is certain. Whatever is out of the ordinary (an escape
//! in a name, half a surrogate, an exponent, a wanted member twice or of an odd shape, deep
//! nesting) it leaves to serde, which reads the same structs: what is read here serde reads too,
//! and the same.

use std::borrow::Cow;
use std::ops::{Deref, Range};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::text::{Words, json, part};

/// Nesting beyond which a record is left to serde.
const DEEPEST: u32 = 64;

/// The most digits of a number before its point, and behind it; longer ones may overflow.
const LONGEST_NUMBER: usize = 18;

/// What picks members of an object.
pub(super) trait Members<'a>: Default {
    /// Takes the value that comes next, of the member of this name; `None` where serde must be
    /// asked.
    fn member(&mut self, name: &str, json: &mut Json<'a>) -> Option<()>;
}

/// Has a record told: picked where that is certain, else read by serde.
///
/// # Errors
/// As [`json`] has it, and what `tell` says.
pub(super) fn read<'a, T, R>(
    bytes: &'a [u8],
    what: &str,
    tell: impl FnOnce(&T) -> Result<R, String>,
) -> Result<R, String>
where
    T: Members<'a> + Deserialize<'a>,
{
    // It stays where it is: some kilobyte is not copied for each record.
    let mut record = T::default();
    let words = std::str::from_utf8(bytes).ok();
    match words.and_then(|words| pick(words, &mut record)) {
        Some(()) => tell(&record),
        // serde would take a list for the members in their order.
        None if bytes.trim_ascii_start().first() == Some(&b'[') => {
            json::<IgnoredAny>(bytes, what)?;
            Err(format!("no {what}: a list and no object"))
        }
        None => tell(&json(bytes, what)?),
    }
}

/// Picks a record's members where all is certain.
pub(super) fn pick<'a, T: Members<'a>>(words: &'a str, record: &mut T) -> Option<()> {
    let mut json = Json {
        words,
        at: 0,
        depth: 0,
    };
    json.object(|json, name| record.member(name, json))?;
    json.token();
    (json.at == words.len()).then_some(())
}

/// A member that may be written once. What is null is none.
pub(super) struct Once<T> {
    value: Option<T>,
    is_told: bool,
}

impl<T> Once<T> {
    #[inline]
    pub(super) fn put(&mut self, value: Option<T>) -> Option<()> {
        if self.is_told {
            return None;
        }
        *self = value.into();
        Some(())
    }

    pub(super) fn take(self) -> Option<T> {
        self.value
    }
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Self {
            value: None,
            is_told: false,
        }
    }
}

impl<T> From<Option<T>> for Once<T> {
    fn from(value: Option<T>) -> Self {
        Self {
            value,
            is_told: true,
        }
    }
}

impl<T> Deref for Once<T> {
    type Target = Option<T>;

    fn deref(&self) -> &Option<T> {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Once<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self::from)
    }
}

/// Has serde set a member apart, as it stands: what is odd in it must not cost the record.
pub(super) fn apart<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    read: impl FnOnce(&'de RawValue) -> Option<T>,
) -> Result<Once<T>, D::Error> {
    let raw = <Option<&RawValue>>::deserialize(deserializer)?;
    Ok(raw.and_then(read).into())
}

/// The same of a member that should be an object.
pub(super) fn object<'de, T, D>(deserializer: D) -> Result<Once<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    apart(deserializer, |raw| part(Some(raw)))
}

/// The same where it counts whether there is something that is no such object.
pub(super) fn object_or_odd<'de, T, D>(deserializer: D) -> Result<Once<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    apart(deserializer, |raw| Some(part(Some(raw))))
}

/// Words on the way to their end. Each method reads what comes next, and gives `None` where serde
/// must be asked.
pub(super) struct Json<'a> {
    words: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Json<'a> {
    /// The next byte; 0, which is nowhere allowed, behind the end.
    #[inline]
    fn byte(&self) -> u8 {
        self.words.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    /// The next byte that is no white space.
    #[inline]
    pub(super) fn token(&mut self) -> u8 {
        let mut byte = self.byte();
        while matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
            byte = self.byte();
        }
        byte
    }

    /// Passes a byte that has to come next.
    #[inline]
    fn pass(&mut self, byte: u8) -> Option<()> {
        if self.token() != byte {
            return None;
        }
        self.at += 1;
        Some(())
    }

    /// What stands in `range`.
    fn of(&self, range: Range<usize>) -> Option<&'a str> {
        self.words.get(range)
    }

    /// Words for a member.
    #[inline]
    pub(super) fn words(&mut self, member: &mut Once<Words<'a>>) -> Option<()> {
        let words = match self.token() {
            b'"' => Some(Words(self.string()?)),
            b'n' => self.literal("null").map(|_| None)?,
            b't' => Some(Words(Cow::Borrowed(self.literal("true")?))),
            b'f' => Some(Words(Cow::Borrowed(self.literal("false")?))),
            // Lists and objects are no words.
            b'[' | b'{' => return None,
            _ => Some(Words(Cow::Borrowed(self.whole_number()?))),
        };
        member.put(words)
    }

    /// Members of an object that is a member, as [`object`] has it.
    #[inline]
    pub(super) fn part<T: Members<'a>>(&mut self, member: &mut Once<T>) -> Option<()> {
        member.put(None)?;
        self.members(&mut member.value)
    }

    /// The same as [`object_or_odd`] has it.
    #[inline]
    pub(super) fn part_or_odd<T: Members<'a>>(
        &mut self,
        member: &mut Once<Option<T>>,
    ) -> Option<()> {
        let is_null = self.token() == b'n';
        member.put((!is_null).then_some(None))?;
        match &mut member.value {
            Some(part) => self.members(part),
            None => self.skip(),
        }
    }

    /// The members of an object; none of what is no object.
    #[inline]
    pub(super) fn members<T: Members<'a>>(&mut self, part: &mut Option<T>) -> Option<()> {
        if self.token() != b'{' {
            return self.skip();
        }
        let part = part.insert(T::default());
        self.object(|json, name| part.member(name, json))
    }

    /// A string, if one comes next.
    #[inline]
    pub(super) fn string(&mut self) -> Option<Cow<'a, str>> {
        match self.plain_string() {
            Some(words) => Some(Cow::Borrowed(words)),
            None => unescaped(self.quoted()?).map(Cow::Owned),
        }
    }

    /// Anything, as it is written.
    pub(super) fn raw(&mut self) -> Option<&'a str> {
        self.token();
        let begin = self.at;
        self.skip()?;
        self.of(begin..self.at)
    }

    /// What a member takes of the first element of a list; nothing of what is no list.
    pub(super) fn first_of_list<T>(
        &mut self,
        member: &mut Once<T>,
        read: impl FnOnce(Words<'a>) -> Option<T>,
    ) -> Option<()> {
        if self.token() != b'[' {
            self.skip()?;
            return member.put(None);
        }
        let mut first = Once::default();
        let mut count = 0;
        self.list(|json| {
            count += 1;
            if count == 1 {
                json.words(&mut first)
            } else {
                json.skip()
            }
        })?;
        member.put(first.take().and_then(read))
    }

    /// Passes over anything.
    pub(super) fn skip(&mut self) -> Option<()> {
        match self.token() {
            b'"' => match self.plain_string() {
                Some(_) => Some(()),
                None => self.quoted().map(|_| ()),
            },
            b'{' => self.object(|json, _| json.skip()),
            b'[' => self.list(Self::skip),
            b'n' => self.literal("null").map(|_| ()),
            b't' => self.literal("true").map(|_| ()),
            b'f' => self.literal("false").map(|_| ()),
            _ => self.number(),
        }
    }

    /// An object, whose members are read by `member`.
    #[inline]
    fn object(&mut self, mut member: impl FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        self.pass(b'{')?;
        self.descend()?;
        if self.token() == b'}' {
            self.close();
            return Some(());
        }
        loop {
            if self.token() != b'"' {
                return None;
            }
            let name = self.plain_string()?;
            self.pass(b':')?;
            member(self, name)?;
            match self.token() {
                b',' => self.at += 1,
                b'}' => {
                    self.close();
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// A list, whose elements are read by `element`.
    #[inline]
    fn list(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.pass(b'[')?;
        self.descend()?;
        if self.token() == b']' {
            self.close();
            return Some(());
        }
        loop {
            element(self)?;
            match self.token() {
                b',' => self.at += 1,
                b']' => {
                    self.close();
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    #[inline]
    fn descend(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth < DEEPEST).then_some(())
    }

    #[inline]
    fn close(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    fn literal(&mut self, word: &'static str) -> Option<&'static str> {
        let end = self.at + word.len();
        if self.words.as_bytes().get(self.at..end)? != word.as_bytes() {
            return None;
        }
        self.at = end;
        Some(word)
    }

    /// A number without a fraction, as it is written.
    fn whole_number(&mut self) -> Option<&'a str> {
        let begin = self.at;
        let is_negative = self.byte() == b'-';
        self.digits_before_point()?;
        let words = self.of(begin..self.at)?;
        // Minus nought is a fraction to serde.
        let is_odd = is_negative && words == "-0";
        (!is_odd && !matches!(self.byte(), b'.' | b'e' | b'E')).then_some(words)
    }

    fn number(&mut self) -> Option<()> {
        self.digits_before_point()?;
        if self.byte() == b'.' {
            self.at += 1;
            let digits = self.digits();
            if !(1..=LONGEST_NUMBER).contains(&digits) {
                return None;
            }
        }
        (!matches!(self.byte(), b'e' | b'E')).then_some(())
    }

    fn digits_before_point(&mut self) -> Option<()> {
        if self.byte() == b'-' {
            self.at += 1;
        }
        let leads_with_zero = self.byte() == b'0';
        let digits = self.digits();
        let is_plain = (1..=LONGEST_NUMBER).contains(&digits);
        (is_plain && !(leads_with_zero && digits > 1)).then_some(())
    }

    fn digits(&mut self) -> usize {
        let begin = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        self.at - begin
    }

    /// A string without escapes, whose quote comes next; nothing is passed where it has some.
    #[inline]
    fn plain_string(&mut self) -> Option<&'a str> {
        let begin = self.at + 1;
        let rest = self.words.as_bytes().get(begin..)?;
        let length = plain(rest);
        if rest.get(length) != Some(&b'"') {
            return None;
        }
        self.at = begin + length + 1;
        self.words.get(begin..begin + length)
    }

    /// A string as it is written, whose quote comes next.
    fn quoted(&mut self) -> Option<&'a str> {
        self.at += 1;
        let begin = self.at;
        loop {
            let rest = self.words.as_bytes().get(self.at..)?;
            self.at += plain(rest);
            match self.byte() {
                b'"' => break,
                b'\\' => self.escape()?,
                // The end, or a control.
                _ => return None,
            }
        }
        let words = self.of(begin..self.at);
        self.at += 1;
        words
    }

    /// Passes an escape that means the same wherever it stands.
    fn escape(&mut self) -> Option<()> {
        let rest = self.words.as_bytes().get(self.at + 1..)?;
        self.at += match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', digits @ ..] => {
                let digits = digits.first_chunk::<4>()?;
                // Halves of pairs are told by these two.
                let may_be_half = matches!(
                    digits,
                    [b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..]
                );
                if may_be_half || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                6
            }
            _ => return None,
        };
        Some(())
    }
}

/// What is meant by words with escapes, all of which have been passed over.
fn unescaped(words: &str) -> Option<String> {
    let mut out = String::with_capacity(words.len());
    let mut rest = words;
    loop {
        let (before, escape) = rest.split_at_checked(plain(rest.as_bytes()))?;
        out.push_str(before);
        let mut bytes = escape.bytes();
        let kind = match bytes.next() {
            None => return Some(out),
            Some(b'\\') => bytes.next()?,
            Some(_) => return None,
        };
        out.push(match kind {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => char::from_u32(u32::from_str_radix(escape.get(2..6)?, 16).ok()?)?,
            _ => char::from(kind),
        });
        rest = escape.get(if kind == b'u' { 6 } else { 2 }..)?;
    }
}

/// How many bytes at the beginning of a text are plain in a string: neither a quote, nor a
/// backslash, nor a control.
#[inline]
fn plain(text: &[u8]) -> usize {
    use wide::u8x16;

    let mut passed = 0;
    while let Some(block) = text.get(passed..).and_then(|rest| rest.first_chunk::<16>()) {
        let bytes = u8x16::new(*block);
        let stops = bytes.cmp_eq(u8x16::splat(b'"'))
            | bytes.cmp_eq(u8x16::splat(b'\\'))
            | bytes.cmp_eq(bytes.min(u8x16::splat(0x1f)));
        let stops = stops.move_mask();
        if stops != 0 {
            return passed + stops.trailing_zeros() as usize;
        }
        passed += 16;
    }
    let rest = text.get(passed..).unwrap_or_default();
    let is_stop = |byte: &u8| matches!(byte, b'"' | b'\\' | ..0x20);
    passed + rest.iter().position(is_stop).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests;
