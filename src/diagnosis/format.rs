//! The one classifier of errors of format: whether words are those of a parser, a decoder or a
//! decryption that met what it does not know.

use super::throttling::is_throttling;
use super::words::{has, words};

/// What an error says of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The secret was read and not understood.
    Format,
    /// It was not read at all, or something else went wrong.
    Other,
    /// Nobody can tell from the words.
    Unclear,
}

/// Words of a parser, a decoder or a decryption that met what it does not know.
const FORMAT: &[&str] = &[
    "parse",
    "parser",
    "parsing",
    "decode",
    "decoding",
    "decoder",
    "decrypt",
    "decryption",
    "unmarshal",
    "unmarshalling",
    "deserialize",
    "deserialization",
    "malformed",
    "syntax error",
    "syntax",
    "invalid pem",
    "no start line",
    "asn 1",
    "base 64",
    "utf 8",
    "json",
    "yaml",
    "toml",
    "xml",
    "bad magic",
    "bad decrypt",
    "padding",
    "message authentication failed",
    "unsupported key",
    "unsupported algorithm",
    "unsupported format",
    "unknown key type",
    "unknown format",
    "invalid format",
    "wrong format",
    "incompatible",
    "invalid key",
    "bad key",
    "unexpected character",
    "unexpected token",
    "unexpected end of",
    "illegal",
    "invalid character",
    "invalid encoding",
    "cannot read key",
    "unable to load",
    "key length",
    "key size",
    "invalid length",
    "missing field",
    "unknown field",
    "mac mismatch",
    "cipher",
];

/// Words of a network, a limit or a refusal: the version was not even looked at.
const OTHER: &[&str] = &[
    "timeout",
    "timed out",
    "deadline",
    "connection",
    "refused",
    "reset by peer",
    "dial",
    "no route",
    "unreachable",
    "unavailable",
    "permission denied",
    "access denied",
    "forbidden",
    "unauthorized",
    "unauthorised",
    "internal server error",
    "bad gateway",
    "500",
    "502",
    "503",
    "504",
    "401",
    "403",
    "lag",
    "not found",
    "404",
    "disk",
    "no space",
    "out of memory",
    "dns",
    "no such host",
    "certificate has expired",
    "canceled",
    "cancelled",
];

/// True where an error speaks of a parser, a decoder or a decryption. `error` is read raw.
pub(super) fn is_format(error: &str) -> bool {
    verdict(error) == Verdict::Format
}

/// What an error says of the format. `error` is read raw, never shown.
pub(super) fn verdict(error: &str) -> Verdict {
    let words = words(error);
    let any = |list: &[&str]| list.iter().any(|phrase| has(&words, phrase));
    if is_throttling(error) || any(OTHER) {
        Verdict::Other
    } else if any(FORMAT) {
        Verdict::Format
    } else {
        Verdict::Unclear
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_parser_are_of_the_format_and_words_of_a_network_are_not() {
        for (error, want) in [
            ("invalid PEM: no start line", Verdict::Format),
            ("json: cannot unmarshal string", Verdict::Format),
            ("BadDecrypt", Verdict::Format),
            ("EVP_DecryptFinal_ex: bad decrypt", Verdict::Format),
            ("connection reset by peer", Verdict::Other),
            ("HTTP 429 while parsing", Verdict::Other),
            ("no idea", Verdict::Unclear),
            ("", Verdict::Unclear),
        ] {
            assert_eq!(verdict(error), want, "{error}");
        }
    }
}
