//! What could be written next.

use std::collections::BTreeSet;

use super::Field;
use super::edit::written;

/// So many words are offered.
const OFFERED: usize = 50;

/// A word that could stand where the cursor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Where it would begin, as a byte of the filter; it replaces what stands from there to the
    /// cursor.
    pub from: usize,
    /// The word.
    pub word: String,
}

/// What could be written at the cursor, a byte of the filter: fields, and behind a colon what the
/// field is known to say (`seen` gives the words that the archive has, most frequent first).
pub fn complete(
    words: &str,
    cursor: usize,
    seen: &dyn Fn(Field) -> Vec<String>,
) -> Vec<Completion> {
    let Some(before) = words.get(..cursor) else {
        return Vec::new();
    };
    let from = before
        .rfind(|c: char| c.is_whitespace() || c == '(')
        .map_or(0, |at| at + 1);
    let word = before.get(from..).unwrap_or_default();
    let from = from + usize::from(word.starts_with('-'));
    let word = word.strip_prefix('-').unwrap_or(word);
    if word.contains('"') {
        return Vec::new();
    }
    let Some((name, value)) = word.split_once(':') else {
        let fields = Field::ALL.iter().map(|field| format!("{field}:"));
        let operators = ["and", "or", "not"].map(str::to_owned);
        let all = fields.chain(operators.into_iter().filter(|_| !word.is_empty()));
        return offered(all, from, word);
    };
    let Some(field) = Field::named(name) else {
        return Vec::new();
    };
    let known = field.known().iter().map(|word| (*word).to_owned());
    let mut told = BTreeSet::new();
    let all = known
        .chain(seen(field))
        .filter(|word| told.insert(word.clone()))
        .map(|word| written(&word));
    offered(all, from + name.len() + 1, value)
}

fn offered(all: impl Iterator<Item = String>, from: usize, begun: &str) -> Vec<Completion> {
    let fits = |word: &String| word.starts_with(begun) && word != begun;
    all.filter(fits)
        .take(OFFERED)
        .map(|word| Completion { from, word })
        .collect()
}
