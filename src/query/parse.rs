//! Reads the tokens of a filter: `or` binds least, then `and`, then `not`.

use std::ops::Range;

use super::lex::{Token, What, tokens};
use super::test::Test;
use super::{Expression, Field, FilterError};

/// So deep parentheses and negations may stand in each other.
const DEEPEST: usize = 64;

/// So long a filter may be, in bytes.
const LONGEST: usize = 16 * 1024;

/// Reads a filter.
pub(super) fn parse(words: &str) -> Result<Expression, FilterError> {
    if words.len() > LONGEST {
        return Err(FilterError::new(
            0..words.len(),
            "the filter is longer than 16 KiB",
            "ask for less at once",
        ));
    }
    let mut parser = Parser {
        tokens: tokens(words)?,
        at: 0,
        end: words.len(),
    };
    if parser.tokens.is_empty() {
        return Ok(Expression::Always);
    }
    let all = parser.any(0)?;
    match parser.peek() {
        None => Ok(all),
        Some(token) => Err(FilterError::new(
            token.at.clone(),
            "nothing is open here that could be closed",
            "leave this parenthesis out, or open one before",
        )),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    end: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn takes(&mut self, what: &What) -> bool {
        let found = self.peek().is_some_and(|token| token.what == *what);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let mut any = vec![self.all(depth)?];
        while self.takes(&What::Or) {
            any.push(self.all(depth)?);
        }
        Ok(one_or(any, Expression::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let mut all = vec![self.one(depth)?];
        loop {
            let and = self.takes(&What::And);
            match self.peek().map(|token| &token.what) {
                Some(What::Or | What::Close) | None if !and => break,
                _ => all.push(self.one(depth)?),
            }
        }
        Ok(one_or(all, Expression::All))
    }

    fn one(&mut self, depth: usize) -> Result<Expression, FilterError> {
        let Some(token) = self.peek().cloned() else {
            return Err(FilterError::new(
                self.end..self.end,
                "something is missing here",
                "say what is to hold, as in outcome:denied",
            ));
        };
        if depth > DEEPEST {
            return Err(FilterError::new(
                token.at,
                "this is too deep",
                "write it with fewer parentheses",
            ));
        }
        self.at += 1;
        match token.what {
            What::Not => Ok(Expression::Not(Box::new(self.one(depth + 1)?))),
            What::Open => {
                let inner = self.any(depth + 1)?;
                if self.takes(&What::Close) {
                    return Ok(inner);
                }
                Err(FilterError::new(
                    token.at,
                    "this parenthesis is not closed",
                    "close it with )",
                ))
            }
            What::Word {
                field,
                words,
                quoted,
            } => test(field, &words, quoted, token.at).map(Expression::Test),
            What::And | What::Or | What::Close => Err(FilterError::new(
                token.at,
                "something is missing before this",
                "say what is to hold, as in outcome:denied; quote it where it is a word to look for",
            )),
        }
    }
}

fn one_or(mut all: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        Some(last) => {
            all.push(last);
            many(all)
        }
        None => Expression::Always,
    }
}

fn test(
    field: Option<(String, Range<usize>)>,
    words: &str,
    quoted: bool,
    at: Range<usize>,
) -> Result<Test, FilterError> {
    let Some((name, place)) = field else {
        return Ok(Test::anywhere(words));
    };
    let Some(field) = Field::named(&name) else {
        return Err(FilterError::new(
            place,
            format!("there is no field \"{}\"", name.escape_default()),
            format!(
                "the fields are {}; quote it where it is a word to look for",
                Field::names()
            ),
        ));
    };
    let value = place.end + 1..at.end;
    if field == Field::Time {
        return Test::of_time(words).map_err(|(why, next)| FilterError::new(value, why, next));
    }
    if quoted {
        return Ok(Test::exact(field, words));
    }
    Test::of(field, words).map_err(|(why, next)| FilterError::new(value, why, next))
}
