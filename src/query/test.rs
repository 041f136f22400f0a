//! One test of a row.

use memchr::memmem::{Finder, find};
use regex::{Regex, RegexBuilder};

use super::{Field, Row};
use crate::model::{Span, Timestamp};

/// So much memory a compiled pattern may take, in bytes.
const PATTERN: usize = 1 << 20;

/// One test of a row.
#[derive(Clone, Debug)]
pub enum Test {
    /// Any field has these words.
    Anywhere(Box<Words>),
    /// The field is there.
    There(Field),
    /// The field is not there.
    Absent(Field),
    /// The field is this word.
    Is(Field, String, Case),
    /// The pattern is found in the field.
    Like(Field, Regex),
    /// The time lies in between; the end does not belong to it.
    Between(Option<Timestamp>, Option<Timestamp>),
}

/// Whether capitals matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// They do.
    Exact,
    /// They do not.
    Either,
}

impl Case {
    /// Capitals matter where one was written.
    fn of(words: &str) -> Self {
        if words.chars().any(char::is_uppercase) {
            Self::Exact
        } else {
            Self::Either
        }
    }
}

/// Words to be found.
#[derive(Clone, Debug)]
pub struct Words {
    finder: Finder<'static>,
    case: Case,
    plain: String,
}

impl Words {
    fn new(words: &str) -> Self {
        Self {
            finder: Finder::new(words).into_owned(),
            case: Case::of(words),
            plain: words.to_owned(),
        }
    }

    /// The words themselves; in lower case where capitals do not matter.
    #[must_use]
    pub fn plain(&self) -> &str {
        &self.plain
    }

    /// Whether capitals matter.
    #[must_use]
    pub fn case(&self) -> Case {
        self.case
    }

    /// Whether a text has them.
    #[must_use]
    pub fn are_in(&self, text: &str) -> bool {
        match self.case {
            Case::Exact => self.finder.find(text.as_bytes()).is_some(),
            Case::Either if text.is_ascii() => {
                let needle = self.plain.as_bytes();
                let windows = text.as_bytes().windows(needle.len().max(1));
                needle.is_empty() || windows.into_iter().any(|w| w.eq_ignore_ascii_case(needle))
            }
            Case::Either => find(text.to_lowercase().as_bytes(), self.plain.as_bytes()).is_some(),
        }
    }
}

/// Why words are no test, and what would be one.
pub(super) type Wrong = (String, String);

impl Test {
    /// Any field has these words.
    pub(super) fn anywhere(words: &str) -> Self {
        Self::Anywhere(Box::new(Words::new(words)))
    }

    /// The field is these words, whatever they are.
    pub(super) fn exact(field: Field, words: &str) -> Self {
        Self::Is(field, words.to_owned(), Case::of(words))
    }

    /// What stands behind a field's colon.
    pub(super) fn of(field: Field, words: &str) -> Result<Self, Wrong> {
        if let Some(pattern) = words.strip_prefix('~') {
            return pattern_of(pattern, Case::of(pattern)).map(|p| Self::Like(field, p));
        }
        match words {
            "" => Ok(Self::Absent(field)),
            "*" => Ok(Self::There(field)),
            words if words.contains(['*', '?']) => {
                let pattern = format!("^(?s:{})$", glob(words));
                pattern_of(&pattern, Case::of(words)).map(|p| Self::Like(field, p))
            }
            words => Ok(Self::exact(field, words)),
        }
    }

    /// `FROM..TO`, `FROM..`, `..TO`, or one moment that stands for all it contains: a day, an
    /// hour, a minute, a second, a millisecond. Without an offset it is UTC.
    pub(super) fn of_time(words: &str) -> Result<Self, Wrong> {
        let (from, to) = if let Some((from, to)) = words.split_once("..") {
            let end = |words: &str| (!words.is_empty()).then(|| moment(words)).transpose();
            // What ends at a minute ends where that minute does.
            (end(from)?.map(|m| m.0), end(to)?.map(|m| m.1))
        } else {
            let (from, to) = moment(words)?;
            (Some(from), Some(to))
        };
        match (from, to) {
            (None, None) => Err(wrong_time(words)),
            (Some(from), Some(to)) if to <= from => Err((
                "this ends before it begins".to_owned(),
                "write the earlier time first".to_owned(),
            )),
            (from, to) => Ok(Self::Between(from, to)),
        }
    }

    /// Whether it holds for a row.
    #[must_use]
    pub fn holds(&self, row: &dyn Row) -> bool {
        match self {
            Self::Anywhere(words) => row.has(words),
            Self::Between(from, to) => {
                let time = row.time();
                from.is_none_or(|from| from <= time) && to.is_none_or(|to| time < to)
            }
            Self::There(field)
            | Self::Absent(field)
            | Self::Is(field, ..)
            | Self::Like(field, _) => self.fits(row.field(*field).as_deref()),
        }
    }

    /// The field that it is about; `None` where it is about the time or the whole record.
    #[must_use]
    pub fn field(&self) -> Option<Field> {
        match self {
            Self::Anywhere(_) | Self::Between(..) => None,
            Self::There(field)
            | Self::Absent(field)
            | Self::Is(field, ..)
            | Self::Like(field, _) => Some(*field),
        }
    }

    /// Whether it holds where its field says this. What is about no field holds for none.
    #[must_use]
    pub fn fits(&self, said: Option<&str>) -> bool {
        match self {
            Self::Anywhere(_) | Self::Between(..) => false,
            Self::There(_) => said.is_some(),
            Self::Absent(_) => said.is_none(),
            Self::Is(_, words, case) => said.is_some_and(|text| match case {
                Case::Exact => text == words.as_str(),
                Case::Either => text.to_lowercase() == *words,
            }),
            Self::Like(_, pattern) => said.is_some_and(|text| pattern.is_match(text)),
        }
    }
}

fn pattern_of(pattern: &str, case: Case) -> Result<Regex, Wrong> {
    let built = RegexBuilder::new(pattern)
        .case_insensitive(case == Case::Either)
        .size_limit(PATTERN)
        .build();
    built.map_err(|error| {
        let why = match error {
            regex::Error::CompiledTooBig(_) => "this pattern is too large".to_owned(),
            _ => "this is no regular expression".to_owned(),
        };
        let next = match error {
            regex::Error::Syntax(words) => {
                let last = words.lines().last().unwrap_or_default();
                last.trim_start_matches("error: ").to_owned()
            }
            _ => "ask for less at once".to_owned(),
        };
        (why, next)
    })
}

/// The regular expression of a pattern with `*` and `?`.
fn glob(words: &str) -> String {
    let mut out = String::with_capacity(words.len() + 8);
    for c in words.chars() {
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out
}

fn wrong_time(words: &str) -> Wrong {
    (
        format!("\"{}\" is no time", words.escape_default()),
        "write 2026-11-24, 2026-11-24T03:12, 2026-11-24T03:12:40Z, or two of them with .. between"
            .to_owned(),
    )
}

/// A moment, and the one behind all that it contains.
fn moment(words: &str) -> Result<(Timestamp, Timestamp), Wrong> {
    let (zone_at, length) = (zone(words), words.len());
    let (local, offset) = words.split_at(zone_at.unwrap_or(length));
    let offset = if offset.is_empty() { "Z" } else { offset };
    let (rest, seconds) = match local.len() {
        10 => ("T00:00:00", 86_400),
        13 => (":00:00", 3_600),
        16 => (":00", 60),
        _ => ("", 1),
    };
    let fraction = local.contains('.');
    let begin = Timestamp::parse(&format!("{local}{rest}{offset}"));
    let begin = begin.map_err(|_| wrong_time(words))?;
    let span = if fraction {
        Span::millis(1)
    } else {
        Span::seconds(seconds)
    };
    Ok((begin, begin + span))
}

/// Where the offset begins.
fn zone(words: &str) -> Option<usize> {
    let time = words.find(['T', ' '])?;
    let after = words.get(time..)?;
    after.find(['Z', 'z', '+', '-']).map(|at| time + at)
}
