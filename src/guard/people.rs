//! The people file: who may act, by which key, and what they are.
//!
//! ```toml
//! [[person]]
//! name = "mira"
//! keys = ["ed25519:…"]
//! roles = ["approver"]
//! totp = "base32"
//! recovery = ["sha256 in hexadecimal"]
//! ```

use std::collections::HashSet;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::totp::{Enrolled, TotpSecret};
use crate::model::Actor;
use crate::model::proof::{Digest, PublicKey};
use crate::model::text::{is_hidden, shown};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// By which others know them, and they sign.
    pub name: Actor,
    /// Their keys; at least one.
    pub keys: Vec<PublicKey>,
    /// What they are, as policies name it.
    pub roles: Vec<String>,
    /// What their codes are checked against.
    pub enrolled: Enrolled,
}

/// All persons that are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    all: Vec<Person>,
}

/// What is wrong with a people file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct PeopleError {
    /// What is wrong; harmless to show.
    pub message: String,
    /// Where, in bytes of the text.
    pub span: Range<usize>,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    person: Vec<WrittenPerson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPerson {
    name: Spanned<String>,
    key: Option<Spanned<String>>,
    #[serde(default)]
    keys: Vec<Spanned<String>>,
    #[serde(default)]
    roles: Vec<Spanned<String>>,
    totp: Option<Spanned<String>>,
    #[serde(default)]
    recovery: Vec<Spanned<String>>,
}

/// A mistake and its place.
type Wrong = (Range<usize>, String);

impl People {
    /// Reads a people file.
    ///
    /// # Errors
    /// [`PeopleError`] at its line: where it is no such file, a key or a secret is none, or two
    /// persons have one name or one key.
    pub fn parse(text: &str) -> Result<Self, PeopleError> {
        let written: Written = toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            PeopleError::at(text, span, error.message())
        })?;
        let mut all: Vec<Person> = Vec::new();
        let (mut names, mut keys) = (HashSet::new(), HashSet::new());
        for person in written.person {
            let name = person.name.span();
            let person = read(&person, &mut names, &mut keys)
                .map_err(|(span, message)| PeopleError::at(text, span, &message))?;
            if person.keys.is_empty() {
                let message = format!("{} has no key; rotascope identity shows it", person.name);
                return Err(PeopleError::at(text, name, &message));
            }
            all.push(person);
        }
        Ok(Self { all })
    }

    /// These persons; for tests and labs. Of two with one name or key the first counts.
    #[must_use]
    pub fn of(all: Vec<Person>) -> Self {
        Self { all }
    }

    /// True where nobody is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Person> {
        self.all.iter()
    }

    /// Whose key this is.
    #[must_use]
    pub fn by_key(&self, key: &PublicKey) -> Option<&Person> {
        self.all.iter().find(|person| person.keys.contains(key))
    }

    /// The person of this name.
    #[must_use]
    pub fn by_name(&self, name: &Actor) -> Option<&Person> {
        self.all.iter().find(|person| person.name == *name)
    }
}

fn read(
    written: &WrittenPerson,
    names: &mut HashSet<String>,
    keys: &mut HashSet<PublicKey>,
) -> Result<Person, Wrong> {
    let name = written.name.get_ref();
    let wrong = |at: &Spanned<String>, words: String| (at.span(), words);
    if name.trim().is_empty() || name.trim() != name || name.chars().any(is_hidden) {
        let words = "a name is expected, without spaces around it and hidden characters in it";
        return Err(wrong(&written.name, words.to_owned()));
    }
    // Names that look alike are one: nobody approves their own act by a capital letter.
    if !names.insert(name.to_lowercase()) {
        return Err(wrong(&written.name, "this name is given twice".to_owned()));
    }
    let mut own = Vec::new();
    for word in written.key.iter().chain(&written.keys) {
        let key: PublicKey = word
            .get_ref()
            .parse()
            .map_err(|error| wrong(word, format!("{error} as rotascope identity shows it")))?;
        if !keys.insert(key) {
            return Err(wrong(word, "this key is given twice".to_owned()));
        }
        own.push(key);
    }
    let mut enrolled = Enrolled::default();
    if let Some(word) = &written.totp {
        let secret = TotpSecret::parse(word.get_ref());
        enrolled.totp = Some(secret.map_err(|error| wrong(word, error.to_string()))?);
    }
    for word in &written.recovery {
        let hash: Digest = word
            .get_ref()
            .parse()
            .map_err(|error| wrong(word, format!("{error} of a recovery code")))?;
        enrolled.recovery.push(*hash.as_bytes());
    }
    if let Some(empty) = written.roles.iter().find(|r| r.get_ref().trim().is_empty()) {
        return Err(wrong(empty, "a role's name is expected".to_owned()));
    }
    let roles = written.roles.iter().map(|role| role.get_ref().clone());
    Ok(Person {
        name: Actor::from(name.as_str()),
        keys: own,
        roles: roles.collect(),
        enrolled,
    })
}

impl PeopleError {
    fn at(text: &str, span: Range<usize>, message: &str) -> Self {
        let before = text.get(..span.start).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            message: shown(message.trim()).into_owned(),
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            span,
        }
    }
}
