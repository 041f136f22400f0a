//! What the other side said, made safe to repeat: it may have repeated the secret itself.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use crate::model::Text;
use crate::model::mask::MASKED;

/// The most characters of an answer that a fault repeats.
const MOST: usize = 300;

/// A secret shorter than this is no secret worth hiding (hiding `a` would eat every word).
const LEAST: usize = 4;

/// The words with every secret in them masked, as it is and in base64, and cut to a sentence.
pub fn said(words: &str, hide: &[&[u8]]) -> Text {
    let mut words = words.trim().to_owned();
    for secret in hide.iter().filter(|secret| secret.len() >= LEAST) {
        if let Ok(plain) = std::str::from_utf8(secret) {
            words = words.replace(plain, MASKED);
        }
        for code in [&STANDARD, &URL_SAFE, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            words = words.replace(&code.encode(secret), MASKED);
        }
    }
    if words.chars().count() > MOST {
        words = words.chars().take(MOST).chain("…".chars()).collect();
    }
    Text::from(words)
}

/// Bytes as hex digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
}

/// Where a JSON text went wrong. The parser's own words may repeat a value of it, these do not.
pub fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Io => "could not be read",
        serde_json::error::Category::Syntax => "is no JSON",
        serde_json::error::Category::Data => "is not the JSON agreed upon",
        serde_json::error::Category::Eof => "ends too early",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_comes_back_is_masked_in_every_spelling() {
        let secret = b"can\xc3\xa4ry?>~1";
        let echoed = format!(
            "bad key canäry?>~1, again {} and {}",
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret)
        );
        let safe = said(&echoed, &[secret]);
        assert_eq!(
            safe.raw(),
            format!("bad key {MASKED}, again {MASKED} and {MASKED}")
        );
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(said(&"x".repeat(999), &[]).raw().chars().count(), MOST + 1);
    }

    #[test]
    fn an_error_of_the_parser_does_not_repeat_the_value() {
        let error = serde_json::from_str::<u8>("\"canary-7\"").unwrap_err();
        assert!(error.to_string().contains("canary-7"));
        assert!(!place(&error).contains("canary-7"));
    }
}
