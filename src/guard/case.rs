//! One act, as a policy sees it.

use crate::model::event::{Risk, Tier};
use crate::model::intent::Verb;
use crate::model::{Actor, Region, SecretPath, ServiceName};

/// The name of what an act on everything is on.
pub(super) const EVERYTHING: &str = "*";

/// What is known of the secret that an act is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Subject<'a> {
    /// Which; `None` where the act is about everything.
    pub secret: Option<&'a SecretPath>,
    /// How much depends on it, where somebody says so.
    pub tier: Option<&'a Tier>,
    /// Whose auth depends on it.
    pub services: &'a [ServiceName],
    /// How many consumers it has.
    pub consumers: usize,
    /// True where a rotation of it is held in its grace period or its revocation, so that to
    /// resume it, or to end the freeze, leads into the revocation.
    pub into_revoke: bool,
}

/// One act, as a policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Who; `None` where a bearer token alone asks.
    pub person: Option<&'a Actor>,
    /// What they are, by the people file.
    pub roles: &'a [String],
    /// What.
    pub verb: Verb,
    /// In which region alone.
    pub region: Option<&'a Region>,
    /// To what.
    pub subject: Subject<'a>,
    /// True where a person's key signs it.
    pub signed: bool,
}

impl Case<'_> {
    /// How much it risks.
    #[must_use]
    pub fn risk(&self) -> Risk {
        risk(self.verb, &self.subject)
    }

    /// The action that a policy names it by: the verb, but for what risks more than the verb says.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self.verb {
            Verb::Rotate if self.subject.secret.is_none() => "rotate-many",
            Verb::Resume if self.subject.into_revoke => "resume-into-revoke",
            Verb::Unfreeze if self.subject.into_revoke => "unfreeze-into-revoke",
            verb => verb.name(),
        }
    }

    /// The name to type, and to know the secret by.
    pub(super) fn name(&self) -> String {
        self.subject
            .secret
            .map_or_else(|| "all".to_owned(), ToString::to_string)
    }

    /// The act, on what and by whom; harmless to show.
    pub(super) fn words(&self) -> String {
        let who = self
            .person
            .map_or_else(|| "a bearer token alone".to_owned(), ToString::to_string);
        format!("{who} to do {} on {}", self.action(), self.name())
    }
}

/// How much an act risks: as much as its verb; but a rotation of many secrets is destructive, and
/// to resume into the revocation, or to let what a freeze holds be revoked, is disruptive.
#[must_use]
pub fn risk(verb: Verb, subject: &Subject<'_>) -> Risk {
    match verb {
        Verb::Rotate if subject.secret.is_none() => Risk::Destructive,
        Verb::Resume | Verb::Unfreeze if subject.into_revoke => Risk::Disruptive,
        verb => verb.risk(),
    }
}
