//! Cuts a filter into tokens, each with its place.

use std::ops::Range;

use super::FilterError;

/// A piece of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) what: What,
    /// Its bytes.
    pub(super) at: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Open,
    Close,
    And,
    Or,
    Not,
    /// A word, and the field before its colon.
    Word {
        /// The field's name and its bytes.
        field: Option<(String, Range<usize>)>,
        words: String,
        /// True where it stood in quotes.
        quoted: bool,
    },
}

/// Cuts a filter into tokens.
///
/// # Errors
/// [`FilterError`] where a quote does not end.
pub(super) fn tokens(words: &str) -> Result<Vec<Token>, FilterError> {
    let mut reader = Reader { words, at: 0 };
    let mut all = Vec::new();
    while let Some(token) = reader.token()? {
        all.push(token);
    }
    Ok(all)
}

struct Reader<'a> {
    words: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.words.get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn token(&mut self) -> Result<Option<Token>, FilterError> {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
        let from = self.at;
        let Some(c) = self.peek() else {
            return Ok(None);
        };
        let what = match c {
            '(' | ')' => {
                self.next();
                if c == '(' { What::Open } else { What::Close }
            }
            // A dash alone, or before a space, is a word like another.
            '-' if self.is_before_a_term() => {
                self.next();
                What::Not
            }
            _ => self.word()?,
        };
        let at = from..self.at;
        Ok(Some(Token { what, at }))
    }

    fn is_before_a_term(&self) -> bool {
        let after = self.words.get(self.at + 1..).and_then(|s| s.chars().next());
        after.is_some_and(|c| !c.is_whitespace() && c != '-')
    }

    fn word(&mut self) -> Result<What, FilterError> {
        let from = self.at;
        if self.peek() == Some('"') {
            return Ok(What::Word {
                field: None,
                words: self.quoted()?,
                quoted: true,
            });
        }
        let head = self.plain(true);
        if self.peek() != Some(':') {
            return Ok(match head.as_str() {
                "and" | "AND" => What::And,
                "or" | "OR" => What::Or,
                "not" | "NOT" => What::Not,
                _ => What::Word {
                    field: None,
                    words: head,
                    quoted: false,
                },
            });
        }
        let field = Some((head, from..self.at));
        self.next();
        let quoted = self.peek() == Some('"');
        let words = if quoted {
            self.quoted()?
        } else {
            self.plain(false)
        };
        Ok(What::Word {
            field,
            words,
            quoted,
        })
    }

    /// What stands until a space or the parenthesis that closes one outside; of a head also until
    /// a colon.
    fn plain(&mut self, head: bool) -> String {
        let (mut words, mut depth) = (String::new(), 0_usize);
        while let Some(c) = self.peek() {
            match c {
                ':' if head => break,
                '(' => depth += 1,
                ')' if depth == 0 => break,
                ')' => depth -= 1,
                c if c.is_whitespace() => break,
                _ => {}
            }
            words.push(c);
            self.next();
        }
        words
    }

    /// What stands in quotes; a backslash takes the next character as it is.
    fn quoted(&mut self) -> Result<String, FilterError> {
        let from = self.at;
        self.next();
        let mut words = String::new();
        loop {
            match self.next() {
                Some('"') => return Ok(words),
                Some('\\') => words.extend(self.next()),
                Some(c) => words.push(c),
                None => {
                    return Err(FilterError::new(
                        from..self.at,
                        "this quote does not end",
                        "close it with \"",
                    ));
                }
            }
        }
    }
}
