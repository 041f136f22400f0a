//! What is wrong with a keymap or a theme, and where.

use std::ops::Range;

use crate::model::text::shown;

/// A mistake in a keymap or a theme, with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// What is wrong, in harmless words.
    pub message: String,
    /// The bytes of the file that are meant.
    pub span: Range<usize>,
    /// What would be right, where that can be said.
    pub help: Option<String>,
}

impl ConfigError {
    /// A mistake at `span`; the message may quote the file.
    pub(super) fn new(message: &str, span: Range<usize>) -> Self {
        Self {
            message: shown(message).into_owned(),
            span,
            help: None,
        }
    }

    /// The same mistake with advice.
    pub(super) fn with_help(mut self, help: &str) -> Self {
        self.help = Some(shown(help).into_owned());
        self
    }

    /// The file is no TOML.
    pub(super) fn toml(error: &toml::de::Error) -> Self {
        Self::new(error.message(), error.span().unwrap_or(0..0))
    }
}

/// Words for advice: the known name nearest to `word`, or all of them where none is near.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let best = known
        .clone()
        .map(|name| (distance(word, name), name))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    match best {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => format!("known are: {}", known.collect::<Vec<_>>().join(", ")),
    }
}

/// How many letters differ between two words (Levenshtein), at most counted to the first 64.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut last = i;
        let mut left = i + 1;
        for (slot, y) in row.iter_mut().skip(1).zip(&b) {
            let next = (last + usize::from(x != *y)).min(left + 1).min(*slot + 1);
            last = *slot;
            *slot = next;
            left = next;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered() {
        let known = ["quit", "next", "previous"];
        assert_eq!(nearest("qiut", known.into_iter()), "did you mean `quit`?");
        assert!(nearest("flibbertigibbet", known.into_iter()).starts_with("known are"));
    }

    #[test]
    fn distance_is_counted_in_letters() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
