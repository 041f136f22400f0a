//! What rows are counted by.

use std::fmt;
use std::str::FromStr;

use super::{Field, Row};
use crate::model::{Span, Timestamp};

/// What rows are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By so long, from the epoch on: a second, a minute, an hour, a day.
    Every(Span, &'static str),
    /// By what a field says.
    Field(Field),
    /// By the first so many parts of a path.
    Prefix(usize),
}

/// What a row is counted under; what it does not tell comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// The moment at which its time begins.
    Time(Timestamp),
    /// What its field says, raw.
    Words(Option<String>),
}

const LENGTHS: [(&str, i64); 4] = [
    ("second", 1),
    ("minute", 60),
    ("hour", 3_600),
    ("day", 86_400),
];

impl By {
    /// What a row is counted under.
    #[must_use]
    pub fn group(self, row: &dyn Row) -> Group {
        match self {
            Self::Every(span, _) => {
                let (time, each) = (row.time(), span.as_seconds().max(1));
                let begin = time.seconds() - time.seconds().rem_euclid(each);
                Group::Time(Timestamp::new(begin, 0))
            }
            Self::Field(field) => self.of(row.field(field).as_deref()),
            Self::Prefix(_) => self.of(row.field(Field::Path).as_deref()),
        }
    }

    /// The field that it looks at; `None` where it looks at the time.
    #[must_use]
    pub fn field(self) -> Option<Field> {
        match self {
            Self::Every(..) => None,
            Self::Field(field) => Some(field),
            Self::Prefix(_) => Some(Field::Path),
        }
    }

    /// What a row is counted under whose field says this.
    #[must_use]
    pub fn of(self, said: Option<&str>) -> Group {
        let Self::Prefix(parts) = self else {
            return Group::Words(said.map(str::to_owned));
        };
        Group::Words(said.map(|path| {
            let ends = path.match_indices('/').nth(parts.saturating_sub(1));
            let end = ends.map_or(path.len(), |(at, _)| at);
            path.get(..end).unwrap_or(path).to_owned()
        }))
    }
}

impl FromStr for By {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        if let Some((name, seconds)) = LENGTHS.iter().find(|(name, _)| *name == word) {
            return Ok(Self::Every(Span::seconds(*seconds), name));
        }
        if let Some(parts) = word.strip_prefix("path/") {
            let parts = parts.parse().ok().filter(|parts| (1..=64).contains(parts));
            return parts
                .map(Self::Prefix)
                .ok_or_else(|| "path/N counts by the first N parts, 1 to 64".to_owned());
        }
        match Field::named(word) {
            Some(Field::Time) | None => Err(format!(
                "rows are counted by second, minute, hour, day, path/N, or a field: {}",
                Field::names()
            )),
            Some(field) => Ok(Self::Field(field)),
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(_, name) => f.write_str(name),
            Self::Field(field) => f.write_str(field.name()),
            Self::Prefix(parts) => write!(f, "path/{parts}"),
        }
    }
}
