//! The prefix of a line of stderr, between its time and its severity: `[77] app@shop 10.1.0.10`.

use std::borrow::Cow;
use std::net::IpAddr;

use super::{host, name};
use crate::audit::format::text::halves;
use crate::model::Text;

/// What a prefix tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Prefix {
    pub(super) pid: Option<u64>,
    pub(super) user: Option<Text>,
    pub(super) database: Option<Text>,
    pub(super) remote_host: Option<Text>,
    pub(super) application: Option<Text>,
    pub(super) sqlstate: Option<Text>,
}

impl Prefix {
    pub(super) fn of(prefix: &str) -> Self {
        let mut said = Self::default();
        for word in prefix
            .split([' ', ',', '\t'])
            .filter(|word| !word.is_empty())
        {
            said.word(word);
        }
        said
    }

    fn word(&mut self, word: &str) {
        if let Some(pid) = process(word) {
            self.pid = self.pid.or(Some(pid));
            return;
        }
        if let Some((key, value)) = halves(word, b'=') {
            match key.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()) {
                "user" | "u" => self.user = name(value),
                "db" | "database" | "d" => self.database = name(value),
                "app" | "application" | "a" => self.application = name(value),
                "client" | "host" | "remote" | "h" | "r" => self.remote_host = host(value),
                _ => {}
            }
            return;
        }
        if is_address(word) {
            self.remote_host = self.remote_host.take().or_else(|| host(word));
            return;
        }
        if !word.bytes().any(|byte| byte == b':') {
            return self.part(word);
        }
        // `UTC:10.1.91.65:user@my_db:[24743]:` has colons where others have spaces.
        for part in word.split(':').filter(|part| !part.is_empty()) {
            self.part(part);
        }
    }

    fn part(&mut self, part: &str) {
        if let Some((user, database)) = halves(part, b'@') {
            self.user = self.user.take().or_else(|| name(user));
            self.database = self.database.take().or_else(|| name(database));
        } else if is_address(part) {
            self.remote_host = self.remote_host.take().or_else(|| host(part));
        } else if let Some(pid) = part.strip_prefix('[').and_then(|p| p.strip_suffix(']')) {
            let pid = pid.split('-').next().and_then(|p| p.parse().ok());
            self.pid = self.pid.or(pid);
        } else if let (None, Some(pid)) = (self.pid, part.parse().ok().filter(|pid| *pid > 0)) {
            self.pid = Some(pid);
        } else if is_sqlstate(part) {
            self.sqlstate = Some(Text::from(part));
        }
    }
}

/// A process in its usual spelling, `[24743]`.
fn process(word: &str) -> Option<u64> {
    let digits = word.strip_prefix('[')?.strip_suffix(']')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

fn is_address(word: &str) -> bool {
    let host = match word.strip_suffix(')').and_then(|w| w.rsplit_once('(')) {
        Some((host, _)) => host,
        None => word.trim_end_matches(':'),
    };
    // Words that are no address are the most, and most begin with what no address has.
    let of_address = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':');
    host == "[local]" || (host.bytes().all(of_address) && host.parse::<IpAddr>().is_ok())
}

/// The length of an SQLSTATE.
pub(super) const SQLSTATE: usize = 5;

/// Five characters of which one at least is a digit.
pub(super) fn is_sqlstate(word: &str) -> bool {
    word.len() == SQLSTATE
        && word
            .bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        && word.bytes().any(|b| b.is_ascii_digit())
}

/// How many prefixes are remembered, and of how many bytes at most.
const PREFIXES: usize = 256;
const LONGEST: usize = 256;

/// Prefixes of lines before and what they tell: a connection begins each of its lines with the same.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    known: Vec<(String, Prefix)>,
    /// Whether one was asked for.
    is_asked: bool,
}

impl Prefixes {
    /// What [`Prefix::of`] makes of a prefix.
    pub(super) fn of(&mut self, prefix: &str) -> Cow<'_, Prefix> {
        // Many readers read one record: room is made for the second.
        if !std::mem::replace(&mut self.is_asked, true) {
            return Cow::Owned(Prefix::of(prefix));
        }
        if self.known.is_empty() {
            self.known.resize(PREFIXES, Default::default());
        }
        let Some((known, said)) = self
            .known
            .get_mut(place(prefix.as_bytes()))
            .filter(|_| prefix.len() <= LONGEST)
        else {
            return Cow::Owned(Prefix::of(prefix));
        };
        if known != prefix {
            prefix.clone_into(known);
            *said = Prefix::of(prefix);
        }
        Cow::Borrowed(said)
    }
}

/// Where a prefix is remembered: by its first and last letters, which have the process and the
/// client mostly.
fn place(prefix: &[u8]) -> usize {
    /// Spreads what differs in few bits.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let number = |eight: Option<&[u8; 8]>| u64::from_le_bytes(*eight.unwrap_or(&[0; 8]));
    let first = number(prefix.first_chunk()).wrapping_mul(SPREAD);
    let last = number(prefix.last_chunk());
    let spread = (first ^ last).wrapping_mul(SPREAD) >> 32;
    usize::try_from(spread).unwrap_or(0) % PREFIXES
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_addresses_are_addresses() {
        for (word, is_it) in [
            ("10.1.0.10", true),
            ("10.1.0.10(5432)", true),
            ("10.1.0.10:", true),
            ("fe80::1", true),
            ("::ffff:10.1.0.10(7)", true),
            ("[local]", true),
            ("FE80::A", true),
            ("10.1.0", false),
            ("", false),
            (":", false),
            ("dead", false),
            ("app@shop", false),
            ("10.1.0.10:5432", false),
        ] {
            assert_eq!(is_address(word), is_it, "{word}");
        }
    }

    /// What a prefix tells by the rules alone.
    fn plainly(prefix: &str) -> Prefix {
        let mut said = Prefix::default();
        for word in prefix.split([' ', ',', '\t']) {
            if word.contains('=') {
                said.word(word);
            } else if plainly_address(word) {
                said.remote_host = said.remote_host.take().or_else(|| host(word));
            } else {
                let parts = word.split(':').filter(|part| !part.is_empty());
                for part in parts {
                    if let Some((user, database)) = part.split_once('@') {
                        said.user = said.user.take().or_else(|| name(user));
                        said.database = said.database.take().or_else(|| name(database));
                    } else if plainly_address(part) {
                        said.remote_host = said.remote_host.take().or_else(|| host(part));
                    } else if part.starts_with('[') && part.ends_with(']') && part.len() > 1 {
                        let pid = part[1..part.len() - 1].split('-').next().unwrap();
                        said.pid = said.pid.or(pid.parse().ok());
                    } else if let (None, Ok(pid @ 1..)) = (said.pid, part.parse()) {
                        said.pid = Some(pid);
                    } else if is_sqlstate(part) {
                        said.sqlstate = Some(Text::from(part));
                    }
                }
            }
        }
        said
    }

    fn plainly_address(word: &str) -> bool {
        let plain = match word.strip_suffix(')').and_then(|w| w.rsplit_once('(')) {
            Some((host, _)) => host,
            None => word.trim_end_matches(':'),
        };
        plain == "[local]" || plain.parse::<IpAddr>().is_ok()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn a_prefix_tells_what_the_rules_say(
            words in prop::collection::vec("\\[(0|7|77|x|-1|7-1|\\+7|local|9{20}|)\\]|([a-c@]{1,4}|10.1.0.1|::1|fe80::1:|28P01|0|7|\\(5\\)|[ :,\t]|u=[a:]|x=y|h=::1:5|\\PC){1,3}", 0..6),
        ) {
            let prefix = words.join(" ");
            prop_assert_eq!(Prefix::of(&prefix), plainly(&prefix));
        }

        #[test]
        fn a_prefix_that_was_met_tells_what_it_told(
            prefixes in prop::collection::vec("( \\[[1-3]\\]|:\\[7-1\\]:)? ?(a@b|user=[ab],db=c| )? ?(10.1.0.[1-3]\\(5\\)|28P01|x|\\PC{0,9}|y{250,260})", 0..200),
        ) {
            let mut known = Prefixes::default();
            for prefix in prefixes {
                prop_assert_eq!(known.of(&prefix).into_owned(), Prefix::of(&prefix));
            }
        }

        #[test]
        fn what_may_be_an_address_is_asked_of_the_library(word in "([0-9a-f]{1,3}[.:]{1,2}){0,7}[0-9a-fA-F.:]{0,3}(\\([0-9]\\)|:)?|\\PC{0,9}") {
            let expected = plainly_address(&word);
            prop_assert_eq!(is_address(&word), expected);
        }
    }
}
