//! Words of an error, so that one thing is found in all its spellings: `RateLimited`,
//! `rate_limited` and `rate-limited` are the same two words.

/// The words of a text in small letters with single spaces between and around them. Letters and
/// digits part, and so do the humps of a name (`HTTPTimeout` is `http timeout`).
pub(crate) fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    out.push(' ');
    let mut last = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        let parts = c.is_uppercase()
            && (last.is_lowercase() || last.is_uppercase() && next.is_lowercase())
            || c.is_ascii_digit() && last.is_alphabetic()
            || c.is_alphabetic() && last.is_ascii_digit();
        let is_word = c.is_alphanumeric();
        if (parts || !is_word) && !out.ends_with(' ') {
            out.push(' ');
        }
        if is_word {
            out.extend(c.to_lowercase());
        }
        last = c;
    }
    if !out.ends_with(' ') {
        out.push(' ');
    }
    out
}

/// True where these words (of [`words`]) hold a phrase on the boundaries of words.
pub(crate) fn has(words: &str, phrase: &str) -> bool {
    words.match_indices(phrase).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|i| words.as_bytes().get(i));
        let after = words.as_bytes().get(at + phrase.len());
        before == Some(&b' ') && after == Some(&b' ')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_comes_to_the_same_words() {
        for text in [
            "RateLimited",
            "rate_limited",
            "rate-limited!",
            "RATE LIMITED",
        ] {
            assert_eq!(words(text), " rate limited ");
        }
        assert_eq!(words("HTTPTimeout500x"), " http timeout 500 x ");
        assert!(has(&words("HTTP 429"), "429"));
        assert!(!has(&words("error 14290"), "429"));
        assert!(!has(&words(""), "429"));
    }
}
