//! The user's `[[identity]]` rules: who is who, where the logs do not tell.
//!
//! ```toml
//! [[identity]]
//! match = { "metadata.role_name" = "checkout-*", remote_address = "10.1.*" }
//! consumer = "{metadata.role_name}@{remote_address}"
//! service = "checkout"
//! region = "eu-1"
//!
//! [[identity]]
//! match = { postgres_role = "payments_app" }
//! secret = "database/static-creds/payments"
//! ```
//!
//! The first rule whose every pattern fits is taken; what it does not say stays as the log says.
//! In a pattern `*` stands for any characters and `?` for one. `{field}` in what a rule says is
//! that field's words.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use crate::model::{ConsumerId, Region, SecretPath, ServiceName};

/// The fields that a rule may ask for, besides `metadata.` and any key.
pub const FIELDS: &[&str] = &[
    "display_name",
    "entity_id",
    "mount_point",
    "remote_address",
    "postgres_role",
];

/// Why rules cannot be used, and where in their text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct IdentityError {
    /// What is wrong, for a person.
    pub message: String,
    /// The bytes of the text that it is about.
    pub span: Range<usize>,
}

/// Rules, in the user's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityRules(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    patterns: Vec<(String, String)>,
    consumer: Option<String>,
    service: Option<String>,
    region: Option<String>,
    secret: Option<String>,
}

/// What a rule says of somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The consumer's name; it makes a machine of whoever it is.
    pub consumer: Option<ConsumerId>,
    /// Its service.
    pub service: Option<ServiceName>,
    /// Where it runs.
    pub region: Option<Region>,
    /// The secret that a PostgreSQL role's password is.
    pub secret: Option<SecretPath>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    identity: Vec<RuleTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    r#match: Spanned<std::collections::BTreeMap<Spanned<String>, String>>,
    consumer: Option<Spanned<String>>,
    service: Option<Spanned<String>>,
    region: Option<Spanned<String>>,
    secret: Option<Spanned<String>>,
}

impl IdentityRules {
    /// Reads the `[[identity]]` tables of a TOML text; other tables in it are another's affair.
    ///
    /// # Errors
    /// [`IdentityError`] with its place where the text is no TOML, a rule has a member that is
    /// not known, asks for a field that does not exist, or asks for nothing.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let file: File = toml::from_str(text).map_err(|e| IdentityError {
            message: e.message().to_owned(),
            span: e.span().unwrap_or(0..text.len()),
        })?;
        let rules = file.identity.into_iter().map(Rule::checked);
        Ok(Self(rules.collect::<Result<_, _>>()?))
    }

    /// What the first fitting rule says of somebody, whose fields `field` knows by name.
    pub fn say<'f>(&self, field: &dyn Fn(&str) -> Option<&'f str>) -> Option<Said> {
        let rule = self.0.iter().find(|rule| rule.fits(field))?;
        let filled = |template: &Option<String>| template.as_deref().map(|t| fill(t, field));
        Some(Said {
            consumer: filled(&rule.consumer).map(ConsumerId::from),
            service: filled(&rule.service).map(ServiceName::from),
            region: filled(&rule.region).map(Region::from),
            secret: filled(&rule.secret).map(SecretPath::from),
        })
    }

    /// True where there are no rules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Rule {
    fn checked(table: RuleTable) -> Result<Self, IdentityError> {
        let span = table.r#match.span();
        let mut patterns = Vec::new();
        for (field, pattern) in table.r#match.into_inner() {
            known(field.get_ref(), field.span())?;
            patterns.push((field.into_inner(), pattern));
        }
        if patterns.is_empty() {
            let message = "a rule without a pattern would fit everybody".to_owned();
            return Err(IdentityError { message, span });
        }
        let said = |template: Option<Spanned<String>>| {
            template
                .map(|template| {
                    for field in fields_of(template.get_ref()) {
                        known(field, template.span())?;
                    }
                    Ok(template.into_inner())
                })
                .transpose()
        };
        Ok(Self {
            patterns,
            consumer: said(table.consumer)?,
            service: said(table.service)?,
            region: said(table.region)?,
            secret: said(table.secret)?,
        })
    }

    fn fits<'f>(&self, field: &dyn Fn(&str) -> Option<&'f str>) -> bool {
        self.patterns
            .iter()
            .all(|(name, pattern)| field(name).is_some_and(|words| glob(pattern, words)))
    }
}

fn known(field: &str, span: Range<usize>) -> Result<(), IdentityError> {
    if FIELDS.contains(&field)
        || field
            .strip_prefix("metadata.")
            .is_some_and(|k| !k.is_empty())
    {
        return Ok(());
    }
    Err(IdentityError {
        message: format!(
            "no field is called \"{}\"; there are {} and metadata.…",
            crate::model::text::shown(field),
            FIELDS.join(", ")
        ),
        span,
    })
}

/// The fields that stand in braces.
fn fields_of(template: &str) -> impl Iterator<Item = &str> {
    let parts = template.split('{').skip(1);
    parts.filter_map(|part| part.split_once('}').map(|(field, _)| field))
}

fn fill<'f>(template: &str, field: &dyn Fn(&str) -> Option<&'f str>) -> String {
    let mut parts = template.split('{');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if let Some((name, rest)) = part.split_once('}') {
            out.push_str(field(name).unwrap_or_default());
            out.push_str(rest);
        } else {
            out.push('{');
            out.push_str(part);
        }
    }
    out
}

/// True where the pattern fits all of the words. Linear but for the last `*`, to which it goes
/// back, so no pattern can make it slow.
fn glob(pattern: &str, words: &str) -> bool {
    let (pattern, words): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), words.chars().collect());
    let (mut p, mut w) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while let Some(word) = words.get(w) {
        match pattern.get(p) {
            Some('*') => {
                back = Some((p, w));
                p += 1;
            }
            Some(c) if *c == '?' || c == word => {
                p += 1;
                w += 1;
            }
            _ => match &mut back {
                Some((star, at)) => {
                    *at += 1;
                    (p, w) = (*star + 1, *at);
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> IdentityRules {
        IdentityRules::parse(text).unwrap()
    }

    #[test]
    fn the_first_rule_that_fits_speaks() {
        let rules = rules(
            r#"
            [[identity]]
            match = { "metadata.role" = "checkout-*", remote_address = "10.1.*" }
            consumer = "{metadata.role}@{remote_address}"
            region = "eu-1"
            [[identity]]
            match = { "metadata.role" = "checkout-*" }
            service = "checkout"
            [other]
            x = 1
            "#,
        );
        let said = |address: &'static str| {
            rules.say(&|field| match field {
                "metadata.role" => Some("checkout-7"),
                "remote_address" => Some(address),
                _ => None,
            })
        };
        let eu = said("10.1.0.7").unwrap();
        assert_eq!(eu.consumer, Some("checkout-7@10.1.0.7".into()));
        assert_eq!((eu.region, eu.service), (Some("eu-1".into()), None));
        assert_eq!(said("10.2.0.7").unwrap().service, Some("checkout".into()));
        assert_eq!(rules.say(&|_| None), None);
    }

    #[test]
    fn a_wrong_rule_says_where() {
        for (text, place, message) in [
            (
                "[[identity]]\nmatch = { colour = \"x\" }",
                "colour",
                "no field is called \"colour\"",
            ),
            ("[[identity]]\nmatch = {}", "{}", "a rule without a pattern"),
            (
                "[[identity]]\nmatch = { entity_id = \"x\" }\nservice = \"{nobody}\"",
                "\"{nobody}\"",
                "no field is called \"nobody\"",
            ),
            (
                "[[identity]]\nmatch = { entity_id = \"x\" }\nteam = \"x\"",
                "team",
                "unknown field",
            ),
        ] {
            let error = IdentityRules::parse(text).unwrap_err();
            assert!(error.message.starts_with(message), "{error}");
            assert_eq!(&text[error.span], place);
        }
    }

    #[test]
    fn globs_fit_all_of_the_words() {
        for (pattern, words, fits) in [
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("*", "", true),
            ("?", "ö", true),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaac", false),
            ("", "x", false),
        ] {
            assert_eq!(glob(pattern, words), fits, "{pattern} {words}");
        }
    }
}
