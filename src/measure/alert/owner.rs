//! Who answers for what, and how they are reached.

use crate::model::{SecretPath, ServiceName, Text};

use super::entry::Alert;

/// Names of services or secrets, with `*` for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern; `None` where it is empty, and so matches nothing.
    #[must_use]
    pub fn parse(words: &str) -> Option<Self> {
        (!words.is_empty()).then(|| Self(words.to_owned()))
    }

    /// True where the whole name matches.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else {
            return false;
        };
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else {
            return rest.is_empty();
        };
        for part in parts {
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = rest.get(at + part.len()..).unwrap_or_default();
        }
        rest.ends_with(last)
    }

    /// How much of a name it pins down: of two that match, the one that says more counts.
    fn weight(&self) -> usize {
        let wild = self.0.matches('*').count();
        2 * (self.0.len() - wild) + usize::from(wild == 0)
    }
}

/// A team or a person that answers for secrets and services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The name that rotations tell too.
    pub name: Text,
    /// How they are reached.
    pub contacts: Vec<Text>,
    /// Who is told when the trouble outgrows them.
    pub escalation: Vec<Text>,
    /// The services they answer for.
    pub services: Vec<Pattern>,
    /// The secrets they answer for.
    pub secrets: Vec<Pattern>,
}

/// Every owner there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners(Vec<Owner>);

/// Whom an alert goes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Who answers; `None` where nobody is known to.
    pub owner: Option<Text>,
    /// How they are reached.
    pub contacts: Vec<Text>,
    /// Who is told beside them once it is escalated.
    pub escalation: Vec<Text>,
    /// Who answers for services that suffer, beside the owner.
    pub also: Vec<Text>,
}

impl Owners {
    /// These owners.
    #[must_use]
    pub fn new(owners: Vec<Owner>) -> Self {
        Self(owners)
    }

    /// True where none is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Owner> {
        self.0.iter()
    }

    /// Whom an alert goes to:
    ///
    /// 1. the owner that the rotation itself names, with what the file says of that name;
    /// 2. else the owner whose pattern for secrets fits the secret best;
    /// 3. else, of the services that suffer, in order of name, the owner of the first that has one.
    #[must_use]
    pub fn route(&self, alert: &Alert) -> Route {
        let named = alert.owner.clone();
        let found = match &named {
            Some(name) => self.0.iter().find(|owner| owner.name == *name),
            None => alert
                .secret
                .as_ref()
                .and_then(|secret| self.of_secret(secret)),
        };
        let mut suffer: Vec<&Owner> = Vec::new();
        for service in &alert.services {
            if let Some(owner) = self.of_service(service)
                && !suffer.contains(&owner)
            {
                suffer.push(owner);
            }
        }
        let found = match (found, &named) {
            (None, None) => suffer.first().copied(),
            (found, _) => found,
        };
        let name = named.or_else(|| found.map(|owner| owner.name.clone()));
        Route {
            also: suffer
                .into_iter()
                .map(|owner| owner.name.clone())
                .filter(|also| Some(also) != name.as_ref())
                .collect(),
            contacts: found
                .map(|owner| owner.contacts.clone())
                .unwrap_or_default(),
            escalation: found
                .map(|owner| owner.escalation.clone())
                .unwrap_or_default(),
            owner: name,
        }
    }

    fn of_secret(&self, secret: &SecretPath) -> Option<&Owner> {
        self.best(secret.raw(), |owner| &owner.secrets)
    }

    fn of_service(&self, service: &ServiceName) -> Option<&Owner> {
        self.best(service.raw(), |owner| &owner.services)
    }

    /// The owner whose pattern says most of a name; of two that say as much, the first.
    fn best(&self, name: &str, patterns: impl Fn(&Owner) -> &Vec<Pattern>) -> Option<&Owner> {
        let mut best: Option<(usize, &Owner)> = None;
        for owner in &self.0 {
            let fitting = patterns(owner).iter().filter(|p| p.matches(name));
            if let Some(weight) = fitting.map(Pattern::weight).max()
                && best.is_none_or(|(held, _)| weight > held)
            {
                best = Some((weight, owner));
            }
        }
        best.map(|(_, owner)| owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(name)
    }

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, name) in [
            ("payments/*", "payments/db"),
            ("*", ""),
            ("*/db", "a/b/db"),
            ("a*b*c", "a-b-b-c"),
            ("exact", "exact"),
            ("a*a", "aa"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("payments/*", "payment/db"),
            ("exact", "exactly"),
            ("a*a", "a"),
            ("a*b*c", "a-c-b"),
            ("*.x", "x"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        assert!(Pattern::parse("").is_none());
    }

    #[test]
    fn the_pattern_that_says_more_counts() {
        let owner = |name: &str, secret: &str| Owner {
            name: name.into(),
            contacts: Vec::new(),
            escalation: Vec::new(),
            services: Vec::new(),
            secrets: Pattern::parse(secret).into_iter().collect(),
        };
        let owners = Owners::new(vec![
            owner("all", "*"),
            owner("pay", "payments/*"),
            owner("db", "payments/db"),
            owner("db too", "payments/db"),
        ]);
        let of = |secret: &str| {
            let owner = owners.of_secret(&SecretPath::from(secret));
            owner.unwrap().name.raw().to_owned()
        };
        assert_eq!(of("payments/db"), "db");
        assert_eq!(of("payments/key"), "pay");
        assert_eq!(of("edge/tls"), "all");
    }
}
