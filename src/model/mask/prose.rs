//! Free words and request targets without the secrets that people and programs write into them.
//!
//! It masks what stands where a secret would stand (behind `password=`, `Authorization:`,
//! `--token`, in a URL's user part, in a query) and what has the shape of a known kind of token
//! wherever it stands. Rather too much than too little: nobody can tell what a value is.

use std::borrow::Cow;

use super::MASKED;

/// The most bytes that are kept of words that anybody may write.
pub const LONGEST: usize = 16 << 10;

/// The beginnings of tokens whose kind is known by them: Vault, GitHub, GitLab, Slack, Google,
/// Stripe, npm, Docker, and others.
const BEGINNINGS: &[&str] = &[
    "hvs.",
    "hvb.",
    "hvr.",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xapp-",
    "ya29.",
    "AIza",
    "sk_live_",
    "rk_live_",
    "npm_",
    "dckr_pat_",
    "SG.",
];

/// The shortest word that is taken for a token by its beginning.
const SHORTEST_TOKEN: usize = 16;

/// True for the letters that tokens of a known kind begin with, a signed JWT and Vault's old kind
/// among them: most words begin with another.
fn may_begin_token(letter: u8) -> bool {
    matches!(
        letter,
        b'h' | b'g' | b'x' | b'y' | b'A' | b's' | b'r' | b'n' | b'd' | b'S' | b'e'
    )
}

/// The ends of names whose values are secrets, in lower case and without `-` and `_`.
const SECRET_NAMES: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "signingkey",
    "authorization",
    "credential",
    "credentials",
    "cookie",
    "jwt",
    "signature",
    "sessionid",
];

/// The query parameters whose values are shown: those of the Kubernetes and Azure APIs that say
/// how to answer, and the usual ones of paging.
const PLAIN_PARAMETERS: &[&str] = &[
    "watch",
    "resourceVersion",
    "resourceVersionMatch",
    "timeoutSeconds",
    "timeout",
    "limit",
    "allowWatchBookmarks",
    "fieldSelector",
    "labelSelector",
    "includeUninitialized",
    "pretty",
    "dryRun",
    "fieldManager",
    "fieldValidation",
    "force",
    "propagationPolicy",
    "gracePeriodSeconds",
    "sendInitialEvents",
    "container",
    "follow",
    "tailLines",
    "previous",
    "timestamps",
    "stdin",
    "stdout",
    "stderr",
    "tty",
    "api-version",
    "maxresults",
    "page",
    "per_page",
    "page_size",
    "offset",
    "sort",
    "order",
    "version",
    "list",
    "help",
];

/// True for a word that has the shape of a token of a known kind, such as Vault's `hvs.…` or a
/// signed JWT.
#[must_use]
pub fn is_token(word: &str) -> bool {
    if word.len() < SHORTEST_TOKEN || !word.bytes().next().is_some_and(may_begin_token) {
        return false;
    }
    let is_jwt = || word.starts_with("eyJ") && word.bytes().filter(|b| *b == b'.').count() >= 2;
    let is_old_vault = || {
        let rest = word.strip_prefix("s.").unwrap_or_default();
        rest.len() == 24 && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    BEGINNINGS.iter().any(|begin| word.starts_with(begin)) || is_jwt() || is_old_vault()
}

/// True for a name whose value is a secret: `DB_PASSWORD`, `X-Vault-Token`, `--client-secret`.
fn names_secret(word: &str) -> bool {
    const LONGEST_NAME: usize = 64;
    if word.len() > LONGEST_NAME || word.contains('/') {
        return false;
    }
    let mut plain = [0_u8; LONGEST_NAME];
    let letters = word.bytes().filter(|b| !matches!(b, b'-' | b'_' | b'.'));
    let mut length = 0;
    for (to, from) in plain.iter_mut().zip(letters) {
        *to = from.to_ascii_lowercase();
        length += 1;
    }
    let plain = plain.get(..length).unwrap_or_default();
    SECRET_NAMES
        .iter()
        .any(|name| plain.ends_with(name.as_bytes()))
}

/// The first [`LONGEST`] bytes of `words`, cut between characters.
#[must_use]
pub fn cut(words: &str) -> &str {
    if words.len() <= LONGEST {
        return words;
    }
    let end = (0..=LONGEST).rev().find(|at| words.is_char_boundary(*at));
    words.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// A request's target, `/path?query`, with every value in the query masked that is not known to
/// be harmless, and in the path what has the shape of a token. At most [`LONGEST`] bytes of it.
#[must_use]
pub fn target(words: &str) -> Cow<'_, str> {
    let words = cut(words);
    let (path, query) = match memchr::memchr(b'?', words.as_bytes()) {
        Some(at) => (words.get(..at).unwrap_or_default(), words.get(at + 1..)),
        None => (words, None),
    };
    let names_scheme = || memchr::memchr(b':', path.as_bytes()).is_some() && path.contains("://");
    let holds_token = || path.len() >= SHORTEST_TOKEN && path.split(['/', ';', '=']).any(is_token);
    let plain_path = !names_scheme() && !holds_token();
    if query.is_none() && plain_path {
        return Cow::Borrowed(words);
    }
    let mut out = String::with_capacity(words.len());
    if plain_path {
        out.push_str(path);
    } else {
        out.push_str(&prose(path));
    }
    for (nth, pair) in query.into_iter().flat_map(|q| q.split('&')).enumerate() {
        out.push(if nth == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, value)) if PLAIN_PARAMETERS.contains(&name) || value.is_empty() => {
                out.push_str(pair);
            }
            Some((name, _)) => {
                out.push_str(if is_token(name) { MASKED } else { name });
                out.push('=');
                out.push_str(MASKED);
            }
            // A bare word may be all there is to know.
            None if pair.is_empty() || PLAIN_PARAMETERS.contains(&pair) => out.push_str(pair),
            None => out.push_str(MASKED),
        }
    }
    Cow::Owned(out)
}

/// Free words with the secrets in them masked. At most [`LONGEST`] bytes of them.
#[must_use]
pub fn prose(words: &str) -> Cow<'_, str> {
    let words = cut(words);
    let mut masker = Masker {
        words,
        at: 0,
        copied: 0,
        out: String::new(),
    };
    masker.run();
    if masker.copied == 0 {
        return Cow::Borrowed(words);
    }
    let rest = words.get(masker.copied..).unwrap_or_default();
    masker.out.push_str(rest);
    Cow::Owned(masker.out)
}

/// Goes through words and copies what may stay.
struct Masker<'a> {
    words: &'a str,
    at: usize,
    /// Up to where `out` has what was read.
    copied: usize,
    out: String,
}

/// True for a byte that a word may hold.
fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'+' | b'~' | b'%')
}

impl<'a> Masker<'a> {
    fn peek(&self) -> Option<u8> {
        self.words.as_bytes().get(self.at).copied()
    }

    /// What begins here and goes on while `is` holds; passes it.
    fn take(&mut self, is: impl Fn(u8) -> bool) -> (usize, &'a str) {
        let begin = self.at;
        let rest = self.words.as_bytes().get(begin..).unwrap_or_default();
        let taken = rest.iter().position(|byte| !is(*byte));
        self.at += taken.unwrap_or(rest.len());
        (begin, self.words.get(begin..self.at).unwrap_or_default())
    }

    /// Masks from `begin` to here.
    fn mask(&mut self, begin: usize) {
        if begin >= self.at || begin < self.copied {
            return;
        }
        let (Some(before), true) = (
            self.words.get(self.copied..begin),
            self.words.is_char_boundary(self.at),
        ) else {
            return;
        };
        self.out.push_str(before);
        self.out.push_str(MASKED);
        self.copied = self.at;
    }

    fn run(&mut self) {
        while let Some(byte) = self.peek() {
            if !in_word(byte) {
                if byte == b':' && self.rest().starts_with("://") {
                    self.authority();
                } else {
                    self.at += 1;
                }
                continue;
            }
            let (begin, word) = self.take(in_word);
            let is_long = word.len() >= SHORTEST_TOKEN;
            if is_long && (is_token(word) || word.split('/').any(is_token)) {
                self.mask(begin);
            } else if is_scheme(word) {
                self.scheme();
            } else if self.may_assign(word) && names_secret(word) {
                self.behind(word);
            }
        }
    }

    /// True where what follows a word may give it a value; most words end at once here.
    fn may_assign(&self, word: &str) -> bool {
        let after = |n: usize| self.words.as_bytes().get(self.at + n);
        match after(0) {
            Some(b'=' | b':' | b'"' | b'\'' | b'\\') => true,
            Some(b' ') => word.starts_with('-') || matches!(after(1), Some(b' ' | b'=' | b':')),
            _ => false,
        }
    }

    fn rest(&self) -> &'a str {
        self.words.get(self.at..).unwrap_or_default()
    }

    /// Behind the name of a secret: its value, where one is given.
    fn behind(&mut self, name: &str) {
        let begin = self.at;
        let is_flag = name.starts_with('-');
        self.take(|b| matches!(b, b'"' | b'\'' | b'\\'));
        self.take(|b| b == b' ');
        if matches!(self.peek(), Some(b'=' | b':')) {
            self.take(|b| matches!(b, b'=' | b':' | b'>'));
        } else if !(is_flag && self.at > begin) {
            self.at = begin;
            return;
        }
        self.take(|b| b == b' ');
        let lower = name.to_ascii_lowercase();
        let to_the_end = lower.ends_with("authorization") || lower.ends_with("cookie");
        self.value(to_the_end);
    }

    /// A value: quoted to its quote, else to where words of its kind end.
    fn value(&mut self, to_the_end: bool) {
        self.take(|b| b == b'\\');
        match self.peek() {
            Some(quote @ (b'"' | b'\'')) => {
                self.at += 1;
                let begin = self.at;
                while let Some(byte) = self.peek() {
                    match byte {
                        // An escape passes what it escapes, unless that is not there.
                        b'\\' if self.words.as_bytes().get(self.at + 1) != Some(&quote) => {
                            self.at += 1;
                        }
                        b'\\' => self.at += 2,
                        _ if byte == quote => break,
                        _ => self.at += 1,
                    }
                }
                self.at = self.at.min(self.words.len());
                self.mask(begin);
            }
            _ if to_the_end => {
                let (begin, _) = self.take(|b| !matches!(b, b'\r' | b'\n' | b'"' | b'\''));
                self.mask(begin);
            }
            _ => {
                let (begin, _) = self.take(|b| {
                    !b.is_ascii_whitespace() && !matches!(b, b'&' | b',' | b';' | b'"' | b'\'')
                });
                self.mask(begin);
            }
        }
    }

    /// Behind `Bearer` or `Basic`: a word that is too long or too odd to be one of a language.
    fn scheme(&mut self) {
        if self.peek() != Some(b' ') {
            return;
        }
        self.at += 1;
        let (begin, word) = self.take(|b| in_word(b) || b == b'=');
        if word.len() >= SHORTEST_TOKEN || word.bytes().any(|b| b.is_ascii_digit()) {
            self.mask(begin);
        } else {
            self.at = begin;
        }
    }

    /// At `://`: the password of the user part.
    fn authority(&mut self) {
        self.at += 3;
        let begin = self.at;
        let rest = self.rest();
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '<' | '>'))
            .unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@') else {
            return;
        };
        // A lone word before the `@` may be a token too.
        let password = user.find(':').map_or(0, |at| at + 1);
        self.at = begin + user.len();
        self.mask(begin + password);
    }
}

fn is_scheme(word: &str) -> bool {
    matches!(word.len(), 5 | 6)
        && (word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_known_beginning_has_a_letter_that_is_looked_at() {
        let first = |begin: &&str| begin.bytes().next();
        let letters = BEGINNINGS.iter().chain(&["eyJ", "s."]).filter_map(first);
        assert!(letters.into_iter().all(may_begin_token));
    }

    #[test]
    fn what_stands_where_a_secret_would_is_masked() {
        for (written, kept) in [
            ("password=hunter2 user=a", "password=‹masked› user=a"),
            ("DB_PASSWORD: 'it is', x", "DB_PASSWORD: '‹masked›', x"),
            (r#"{"token":"a\"b","n":1}"#, r#"{"token":"‹masked›","n":1}"#),
            (
                r#"{\"api_key\":\"abc\",\"n\":1}"#,
                r#"{\"api_key\":\"‹masked›"#,
            ),
            (
                "run --client-secret abc --x",
                "run --client-secret ‹masked› --x",
            ),
            (
                "Authorization: Bearer abc def\nnext",
                "Authorization: ‹masked›\nnext",
            ),
            ("got bearer abcdefgh12 there", "got bearer ‹masked› there"),
            (
                "postgres://app:pw@db:5432/x and https://db/x",
                "postgres://app:‹masked›@db:5432/x and https://db/x",
            ),
            (
                "clone https://abcdef@host/x",
                "clone https://‹masked›@host/x",
            ),
            (
                "login with hvs.CAESIJqqqqqqqqqqqqq failed",
                "login with ‹masked› failed",
            ),
            ("sid eyJhbGciOi.eyJzdWIi.c2ln ok", "sid ‹masked› ok"),
        ] {
            let got = prose(written);
            assert!(
                got == kept || (kept.ends_with("‹masked›") && got.starts_with(kept)),
                "{written}: {got}"
            );
        }
    }

    #[test]
    fn what_names_no_value_stays() {
        for words in [
            "secrets \"db\" is forbidden: User \"mira\" cannot list resource \"secrets\"",
            "Failed password for root from 10.0.0.1 port 22 ssh2",
            "invalid token",
            "basic authentication is off",
            "the secret was rotated",
        ] {
            assert_eq!(prose(words), words);
        }
    }

    #[test]
    fn a_query_shows_names_and_only_values_that_are_known_to_be_harmless() {
        for (written, kept) in [
            ("/v1/secrets", "/v1/secrets"),
            (
                "/x?watch=true&access_token=abc&q",
                "/x?watch=true&access_token=‹masked›&‹masked›",
            ),
            ("/x?limit=5&a=", "/x?limit=5&a="),
            (
                "http://u:pw@host/x?code=1",
                "http://u:‹masked›@host/x?code=‹masked›",
            ),
            ("/reset/ghp_0123456789abcdef", "/reset/ghp_0123456789abcdef"),
        ] {
            let got = target(written);
            if written.starts_with("/reset") {
                assert!(!got.contains("ghp_"), "{got}");
            } else {
                assert_eq!(got, kept);
            }
        }
    }

    proptest! {
        #[test]
        fn any_words_are_taken(words in any::<String>()) {
            prop_assert!(cut(&words).len() <= LONGEST);
            let _ = prose(&words);
            let _ = target(&words);
        }

        #[test]
        fn no_value_behind_a_secret_name_comes_through(
            name in "(x-)?(password|Token|API_KEY|client_secret)",
            between in "(=|: |=\"|\":\"| = ')",
            value in "[A-Z0-9]{6,30}",
        ) {
            let words = format!("before {name}{between}{value} after");
            let got = prose(&words).into_owned();
            prop_assert!(!got.contains(&value), "{}", got);
        }
    }
}
