//! The fast scanner: what counting needs of a Vault audit line, without building a value.
//!
//! It answers only for lines of which it is certain. Whatever is out of the ordinary (an escape
//! in a name it looks for, an exponent, a member twice, an odd shape) it leaves to the full
//! reader, so both give the same counts by construction: a line that is accepted here is one that
//! [`crate::audit::format::vault::entry`] accepts, with the same id, half and time.
//!
//! This file is what a faster scanner replaces: it need only keep [`Scanner::line`].

mod between;
mod cursor;
pub(super) mod found;
pub(super) mod letters;
pub(super) mod shape;
mod vectors;
pub(super) mod walk;

use std::ops::Range;

use super::keyed::{hash_of, keyed};
use super::record::VaultKind;
use crate::model::Timestamp;

/// Nesting beyond which a line is left to the full reader.
const DEEPEST: u32 = 64;

/// The longest number that is taken for granted, in characters; longer ones may overflow.
const LONGEST_NUMBER: usize = 15;

/// What counting needs of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// `time`.
    pub time: Timestamp,
    /// `type`.
    pub half: VaultKind,
    /// `request.id`, hashed.
    pub id: u128,
}

/// Scans lines of one process: ids are hashed with a key that outsiders cannot know, so that
/// nobody can write ids that meet.
#[derive(Clone)]
pub struct Scanner {
    keys: [ahash::RandomState; 2],
}

impl Scanner {
    /// A scanner. Marks of different scanners do not compare; clones of one do.
    #[must_use]
    pub fn new() -> Self {
        Self {
            keys: [keyed(), keyed()],
        }
    }

    /// The hash of an id that was read.
    #[must_use]
    pub fn id(&self, id: &[u8]) -> u128 {
        let [high, low] = &self.keys;
        u128::from(hash_of(id, high)) << 64 | u128::from(hash_of(id, low))
    }

    /// Scans the line that begins at `at` in `text`, which may hold more lines behind it. Gives
    /// the mark and where the next line begins, or `None` where the full reader must be asked.
    #[must_use]
    pub fn line(&self, text: &[u8], at: usize) -> Option<(Mark, usize)> {
        let mut scan = Scan {
            text,
            at: opening(text, at)?,
            beyond_ascii: false,
            time: None,
            half: None,
            id: None,
        };
        let begin = scan.at;
        scan.at += 1;
        scan.object(Role::Root, 0)?;
        let end = scan.at;
        scan.line_end()?;
        if scan.beyond_ascii {
            std::str::from_utf8(text.get(begin..end)?).ok()?;
        }
        let words = |range: Range<usize>| text.get(range);
        let time = std::str::from_utf8(words(scan.time?)?).ok()?;
        let mark = Mark {
            time: Timestamp::parse(time).ok()?,
            half: scan.half?,
            id: self.id(words(scan.id?)?),
        };
        Some((mark, scan.at))
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

/// Where the object of a line opens, behind a prefix.
fn opening(text: &[u8], at: usize) -> Option<usize> {
    if text.get(at) == Some(&b'{') {
        return Some(at);
    }
    let rest = text.get(at..)?;
    let found = memchr::memchr2(b'{', b'\n', rest)?;
    (rest.get(found) == Some(&b'{')).then_some(at + found)
}

/// Which object is being read: those whose members the full reader names reject what is written
/// twice or in another shape.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Root,
    Auth,
    Request,
    Response,
    Headers,
    /// Read by name, but of no more interest.
    Named,
    /// Anything goes.
    Other,
}

/// What may stand as a value.
enum Shape {
    Any,
    Object(Role),
    /// A list, a string or null.
    Strings,
}

impl Role {
    fn of_member(self, name: &[u8]) -> Shape {
        match (self, name) {
            (Self::Root, b"request") => Shape::Object(Self::Request),
            (Self::Root, b"response") => Shape::Object(Self::Response),
            (Self::Root | Self::Response, b"auth") => Shape::Object(Self::Auth),
            (Self::Request, b"headers") => Shape::Object(Self::Headers),
            (Self::Request, b"namespace") | (Self::Response, b"secret") => {
                Shape::Object(Self::Named)
            }
            (Self::Auth, b"metadata") => Shape::Object(Self::Other),
            (Self::Auth, b"policies") | (Self::Headers, _) => Shape::Strings,
            _ => Shape::Any,
        }
    }
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    beyond_ascii: bool,
    time: Option<Range<usize>>,
    half: Option<VaultKind>,
    id: Option<Range<usize>>,
}

impl Scan<'_> {
    /// The next byte; 0, which is nowhere allowed, behind the end.
    #[inline]
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    /// The next byte that is no white space. A line end is none here.
    #[inline]
    fn token(&mut self) -> u8 {
        let mut byte = self.peek();
        while matches!(byte, b' ' | b'\t' | b'\r') {
            self.at += 1;
            byte = self.peek();
        }
        byte
    }

    fn line_end(&mut self) -> Option<()> {
        match self.token() {
            b'\n' => self.at += 1,
            _ if self.at == self.text.len() => {}
            _ => return None,
        }
        Some(())
    }

    /// An object whose brace has been passed.
    fn object(&mut self, role: Role, depth: u32) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        if self.token() == b'}' {
            self.at += 1;
            return Some(());
        }
        let mut seen = 0_u64;
        loop {
            if self.token() != b'"' {
                return None;
            }
            self.at += 1;
            let (name, escaped) = self.string()?;
            if self.token() != b':' {
                return None;
            }
            self.at += 1;
            if role == Role::Other {
                self.value(depth)?;
            } else {
                self.member(role, name, escaped, &mut seen, depth)?;
            }
            match self.token() {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn member(
        &mut self,
        role: Role,
        name: Range<usize>,
        escaped: bool,
        seen: &mut u64,
        depth: u32,
    ) -> Option<()> {
        let name = self.text.get(name)?;
        let bit = 1_u64 << slot(name);
        if escaped || *seen & bit != 0 {
            return None;
        }
        *seen |= bit;
        match (role, name) {
            (Role::Root, b"time") => self.time = Some(self.plain_string()?),
            (Role::Root, b"type") => {
                let words = self.plain_string()?;
                self.half = Some(match self.text.get(words)? {
                    b"request" => VaultKind::Request,
                    b"response" => VaultKind::Response,
                    _ => return None,
                });
            }
            (Role::Request, b"id") => {
                self.id = Some(self.plain_string()?).filter(|id| !id.is_empty());
            }
            _ => match role.of_member(name) {
                Shape::Any => self.value(depth)?,
                Shape::Object(inner) => match self.token() {
                    b'{' => {
                        self.at += 1;
                        self.object(inner, depth + 1)?;
                    }
                    b'n' => self.literal(b"null")?,
                    _ => return None,
                },
                Shape::Strings if matches!(self.token(), b'[' | b'"' | b'n') => {
                    self.value(depth)?;
                }
                Shape::Strings => return None,
            },
        }
        Some(())
    }

    fn value(&mut self, depth: u32) -> Option<()> {
        let first = self.token();
        match first {
            b'"' => {
                self.at += 1;
                self.string()?;
                Some(())
            }
            b'{' => {
                self.at += 1;
                self.object(Role::Other, depth + 1)
            }
            b'[' => {
                self.at += 1;
                self.array(depth + 1)
            }
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.number(),
        }
    }

    fn array(&mut self, depth: u32) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        if self.token() == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.value(depth)?;
            match self.token() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn literal(&mut self, word: &[u8]) -> Option<()> {
        let end = self.at + word.len();
        if self.text.get(self.at..end)? != word {
            return None;
        }
        self.at = end;
        Some(())
    }

    /// A short plain number; others are left to the full reader.
    fn number(&mut self) -> Option<()> {
        let begin = self.at;
        if self.peek() == b'-' {
            self.at += 1;
        }
        let whole = self.digits();
        let leads_with_zero = self.text.get(self.at - whole) == Some(&b'0');
        if whole == 0 || (whole > 1 && leads_with_zero) {
            return None;
        }
        if self.peek() == b'.' {
            self.at += 1;
            if self.digits() == 0 {
                return None;
            }
        }
        let ends = !matches!(self.peek(), b'e' | b'E');
        (ends && self.at - begin <= LONGEST_NUMBER).then_some(())
    }

    fn digits(&mut self) -> usize {
        let begin = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        self.at - begin
    }

    /// A string value without escapes.
    fn plain_string(&mut self) -> Option<Range<usize>> {
        if self.token() != b'"' {
            return None;
        }
        self.at += 1;
        let (range, escaped) = self.string()?;
        (!escaped).then_some(range)
    }

    /// A string whose opening quote has been passed: where its content stands, and whether there
    /// are escapes in it.
    #[inline]
    fn string(&mut self) -> Option<(Range<usize>, bool)> {
        let begin = self.at;
        let mut escaped = false;
        loop {
            self.at += stops::distance(self.text.get(self.at..)?);
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Some((begin..self.at - 1, escaped));
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                0x80.. => {
                    self.beyond_ascii = true;
                    self.at += 1;
                }
                _ => return None,
            }
        }
    }

    #[cold]
    fn escape(&mut self) -> Option<()> {
        match self.text.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let digits = self.text.get(self.at + 2..self.at + 6)?;
                // Halves of a pair (D800 to DFFF) are left to the full reader.
                let half = matches!(
                    digits,
                    [b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..]
                );
                if half || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                self.at += 6;
            }
            _ => return None,
        }
        Some(())
    }
}

/// A slot of 64 for a member's name, so that a name written twice is noticed. Two names may
/// share one; the full reader then decides. The factors are such that no two members of one
/// audit object do (a test says so).
fn slot(name: &[u8]) -> u32 {
    let byte = |at: usize| name.get(at).map_or(0, |b| u32::from(*b));
    let length = u32::try_from(name.len() & 0xff).unwrap_or(0);
    let sum = length * 59
        + byte(0)
        + byte(name.len().saturating_sub(1)) * 176
        + byte(name.len() / 2) * 70;
    (sum >> 2) & 63
}

/// How far it is to the next byte at which a string may end or turn: a quote, a backslash, a
/// control character or anything beyond ASCII.
mod stops {
    use wide::{CmpEq, CmpLt, i8x16};

    /// The distance, bytewise.
    pub(super) fn distance_bytewise(text: &[u8]) -> usize {
        let is_stop = |b: &u8| matches!(b, b'"' | b'\\' | ..0x20 | 0x80..);
        text.iter().position(is_stop).unwrap_or(text.len())
    }

    /// The distance, sixteen bytes at a time.
    #[inline]
    pub(super) fn distance(text: &[u8]) -> usize {
        let mut passed = 0;
        while let Some(block) = text.get(passed..).and_then(|rest| rest.first_chunk::<16>()) {
            let bytes = i8x16::new(block.map(u8::cast_signed));
            // As signed numbers, controls and bytes beyond ASCII are both below 0x20.
            let stops = bytes.cmp_eq(i8x16::splat(0x22))
                | bytes.cmp_eq(i8x16::splat(0x5c))
                | bytes.cmp_lt(i8x16::splat(0x20));
            let stops = stops.move_mask();
            if stops != 0 {
                return passed + stops.trailing_zeros() as usize;
            }
            passed += 16;
        }
        passed + distance_bytewise(text.get(passed..).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::format::vault;
    use proptest::prelude::*;

    const ENTRY: &str = r#"{"time":"2026-01-10T00:00:00.1Z","type":"response","auth":{"display_name":"app","policies":["a","b"],"metadata":{"role":"x"},"token_ttl":3600},"request":{"id":"0b5a1e","operation":"read","namespace":{"id":"root"},"path":"secret/data/a","headers":{"user-agent":["Go"]},"data":null},"response":{"secret":{"lease_id":"l"},"data":{"n":1.5,"ok":true,"no":false,"s":"a\nb\u00e9"}},"error":"1 error occurred:\n\t* x\n\n"}"#;

    fn scan(line: &[u8]) -> Option<Mark> {
        Scanner::new().line(line, 0).map(|(mark, _)| mark)
    }

    /// What the scanner accepts the full reader accepts, and reads the same.
    fn agrees(line: &[u8]) -> Result<bool, String> {
        let scanner = Scanner::new();
        let Some((mark, end)) = scanner.line(line, 0) else {
            return Ok(false);
        };
        let line = line.get(..end).unwrap().trim_ascii();
        let entry = vault::entry(line).map_err(|e| format!("{e}: {}", line.escape_ascii()))?;
        let same = Mark {
            time: entry.time,
            half: entry.kind,
            id: scanner.id(entry.request_id.raw().as_bytes()),
        };
        if mark == same {
            Ok(true)
        } else {
            Err(format!("{mark:?} is not {same:?}"))
        }
    }

    #[test]
    fn an_ordinary_entry_is_scanned_and_the_next_begins_behind_it() {
        for line in [
            ENTRY.to_owned(),
            format!("@cee: {ENTRY}"),
            ENTRY.replace("\":", "\" :\t"),
            ENTRY.replace("\"app\"", "\"größe\""),
        ] {
            assert_eq!(agrees(line.as_bytes()), Ok(true), "{line}");
        }
        let two = format!("{ENTRY}\r\n{ENTRY}\n");
        let (_, next) = Scanner::new().line(two.as_bytes(), 0).unwrap();
        assert_eq!(next, ENTRY.len() + 2);
        assert!(Scanner::new().line(two.as_bytes(), next).is_some());
    }

    #[test]
    fn what_is_out_of_the_ordinary_is_left_to_the_full_reader() {
        for (this, that) in [
            ("\"time\":\"2026", "\"time\":\"1026-99"),
            ("\"time\":", "\"t\\u0069me\":"),
            ("\"type\":\"response\"", "\"type\":\"other\""),
            (
                "\"type\":\"response\",",
                "\"type\":\"response\",\"type\":\"request\",",
            ),
            ("\"id\":\"0b5a1e\"", "\"id\":\"\""),
            ("\"id\":\"0b5a1e\"", "\"id\":7"),
            ("\"request\":{", "\"request\":[{"),
            ("\"policies\":[\"a\",\"b\"]", "\"policies\":7"),
            ("[\"Go\"]", "7"),
            ("{\"role\":\"x\"}", "\"x\""),
            ("1.5", "1e999"),
            ("1.5", "01"),
            ("1.5", "12345678901234567890"),
            ("true", "tru"),
            ("b\\u00e9", "\\ud800"),
            ("b\\u00e9", "\\x"),
            ("\"app\"", "\"a\tp\""),
            (",\"error\"", ",,\"error\""),
        ] {
            let line = ENTRY.replacen(this, that, 1);
            assert_ne!(line, ENTRY);
            assert_eq!(scan(line.as_bytes()), None, "{line}");
        }
        assert_eq!(scan(&ENTRY.as_bytes()[..ENTRY.len() - 1]), None);
        assert_eq!(scan(format!("{ENTRY} x\n").as_bytes()), None);
        assert_eq!(scan(ENTRY.replace(",\"err", ",\n\"err").as_bytes()), None);
        let deep = ENTRY.replace("1.5", &format!("{}{}", "[".repeat(99), "]".repeat(99)));
        assert_eq!(scan(deep.as_bytes()), None);
        let mut broken = ENTRY.as_bytes().to_vec();
        let at = ENTRY.find("app").unwrap();
        broken[at] = 0xff;
        assert_eq!(scan(&broken), None);
    }

    #[test]
    fn the_members_of_an_audit_object_share_no_slot() {
        for members in [
            "time type auth request response error forwarded forwarded_from",
            "client_token accessor display_name policies token_policies identity_policies external_namespace_policies no_default_policy policy_results metadata num_uses remaining_uses entity_id entity_created token_type token_ttl token_issue_time authorization_details",
            "id client_id replication_cluster operation mount_point mount_type mount_accessor mount_running_version mount_running_sha256 mount_class mount_is_external_plugin client_token client_token_accessor namespace path data policy_override remote_address remote_port wrap_ttl headers client_certificate_serial_number request_uri supplemental_audit_data",
            "auth mount_point mount_type mount_accessor mount_running_plugin_version mount_running_sha256 mount_class mount_is_external_plugin secret data warnings redirect wrap_info headers",
        ] {
            let mut slots: Vec<_> = members.split(' ').map(|m| slot(m.as_bytes())).collect();
            slots.sort_unstable();
            let all = slots.len();
            slots.dedup();
            assert_eq!(slots.len(), all, "{members}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn a_damaged_entry_is_never_read_otherwise(edits in prop::collection::vec((0_usize..620, any::<u8>(), 0..4_u8), 1..4)) {
            let mut line = ENTRY.as_bytes().to_vec();
            for (at, byte, how) in edits {
                let at = at % line.len();
                match how {
                    0 => line[at] = byte,
                    1 => line.insert(at, byte),
                    2 => { line.remove(at); }
                    // Likely tokens find more than any byte does.
                    _ => line[at] = b"{}[]:,\"\\0e.-n \n"[usize::from(byte) % 15],
                }
            }
            if let Err(why) = agrees(&line) {
                prop_assert!(false, "{}", why);
            }
        }

        #[test]
        fn both_ways_to_find_a_stop_agree(text in prop::collection::vec(prop_oneof![8 => 0x20..0x7f_u8, 1 => any::<u8>()], 0..100)) {
            prop_assert_eq!(stops::distance(&text), stops::distance_bytewise(&text));
        }
    }
}
