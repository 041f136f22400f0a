//! `owners.toml`: who answers for which services and secrets, and how they are reached.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::measure::alert::{Owner, Owners, Pattern};
use crate::model::Text;

/// Why owners cannot be read: what is wrong, with the key, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct OwnersError {
    /// What is wrong.
    pub message: String,
    /// Where, in bytes of the file.
    pub span: Range<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    owner: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Spanned<String>,
    #[serde(default)]
    contacts: Vec<Spanned<String>>,
    #[serde(default)]
    escalation: Vec<Spanned<String>>,
    #[serde(default)]
    services: Vec<Spanned<String>>,
    #[serde(default)]
    secrets: Vec<Spanned<String>>,
}

/// Reads `owners.toml`.
///
/// # Errors
/// [`OwnersError`] with the place where the text is none: an unknown key, an empty name, contact
/// or pattern, a name that stands there twice, an owner whom nobody can reach.
pub fn parse(text: &str) -> Result<Owners, OwnersError> {
    let file: File = toml::from_str(text).map_err(|e: toml::de::Error| OwnersError {
        message: e.message().to_owned(),
        span: e.span().unwrap_or(0..text.len().min(1)),
    })?;
    let mut seen: BTreeMap<String, Range<usize>> = BTreeMap::new();
    let mut owners = Vec::with_capacity(file.owner.len());
    for entry in file.owner {
        let name = filled("name", &entry.name)?;
        if seen.insert(name.to_owned(), entry.name.span()).is_some() {
            return Err(wrong(
                &entry.name,
                format!("name: {} stands here twice", Text::from(name)),
            ));
        }
        let contacts = texts("contacts", &entry.contacts)?;
        if contacts.is_empty() {
            let words = format!(
                "contacts: {} has none, and nobody can be reached",
                Text::from(name)
            );
            return Err(wrong(&entry.name, words));
        }
        owners.push(Owner {
            name: Text::from(name),
            contacts,
            escalation: texts("escalation", &entry.escalation)?,
            services: patterns("services", &entry.services)?,
            secrets: patterns("secrets", &entry.secrets)?,
        });
    }
    Ok(Owners::new(owners))
}

fn wrong(at: &Spanned<String>, message: String) -> OwnersError {
    OwnersError {
        message,
        span: at.span(),
    }
}

fn filled<'a>(key: &str, word: &'a Spanned<String>) -> Result<&'a str, OwnersError> {
    let words = word.get_ref().trim();
    if words.is_empty() {
        return Err(wrong(word, format!("{key}: must not be empty")));
    }
    Ok(words)
}

fn texts(key: &str, all: &[Spanned<String>]) -> Result<Vec<Text>, OwnersError> {
    let words = all.iter().map(|word| filled(key, word).map(Text::from));
    words.collect()
}

fn patterns(key: &str, all: &[Spanned<String>]) -> Result<Vec<Pattern>, OwnersError> {
    let mut patterns = Vec::with_capacity(all.len());
    for word in all {
        patterns.extend(Pattern::parse(filled(key, word)?));
    }
    Ok(patterns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_read() {
        let text = "[[owner]]\nname = \"team-pay\"\ncontacts = [\"pager:pay\"]\n\
            escalation = [\"lead:pay\"]\nservices = [\"checkout\", \"refund*\"]\nsecrets = [\"payments/*\"]\n";
        let owners = parse(text).unwrap();
        let owner = owners.iter().next().unwrap();
        assert_eq!(owner.name, "team-pay".into());
        assert_eq!(owner.escalation, ["lead:pay".into()]);
        assert!(owner.services[1].matches("refunds"));
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn a_mistake_is_named_with_its_key_and_its_place() {
        let good = "[[owner]]\nname = \"a\"\ncontacts = [\"x\"]\n";
        for (more, key, place) in [
            ("contact = [\"x\"]\n", "contact", "contact"),
            ("services = [\"\"]\n", "services", "\"\""),
            ("secrets = \"db\"\n", "sequence", "\"db\""),
            (
                "[[owner]]\nname = \"a\"\ncontacts = [\"x\"]\n",
                "name",
                "\"a\"",
            ),
            (
                "[[owner]]\nname = \" \"\ncontacts = [\"x\"]\n",
                "name",
                "\" \"",
            ),
            ("[[owner]]\nname = \"b\"\n", "contacts", "\"b\""),
            ("[[owner]]\ncontacts = [\"x\"]\n", "name", "[[owner]]"),
            ("[[team]]\nname = \"b\"\n", "team", "team"),
        ] {
            let text = format!("{good}{more}");
            let error = parse(&text).unwrap_err();
            assert!(error.message.contains(key), "{more}: {error}");
            let at = text.get(error.span.clone()).unwrap();
            assert!(at.starts_with(place), "{more}: {at:?}");
            assert!(
                error.span.start >= good.len(),
                "{more}: the line of the mistake"
            );
        }
    }
}
