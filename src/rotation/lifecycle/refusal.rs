//! Why an act is not done: what, why, and what to do instead.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::SecretPath;

/// What kind of no it is; a server answers each with its own status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// Nobody knows that rotation, secret, region or consumer.
    Unknown,
    /// It makes no sense where the rotation stands.
    State,
    /// Starts and revokes are frozen.
    Frozen,
    /// It makes no sense at all: the intent lacks or contradicts something.
    Malformed,
    /// The store cannot be written; nothing was done.
    Store,
    /// The engine is going down.
    Closed,
}

/// A clear no. Nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What kind of no.
    pub kind: RefusalKind,
    /// What is refused and why.
    pub why: String,
    /// What to do instead.
    pub next: String,
}

impl Refusal {
    /// A refusal of this kind.
    #[must_use]
    pub fn new(kind: RefusalKind, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            kind,
            why: why.into(),
            next: next.into(),
        }
    }

    /// The act makes no sense where the rotation stands.
    #[must_use]
    pub fn state(why: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(RefusalKind::State, why, next)
    }

    /// The plan has no such secret.
    #[must_use]
    pub fn unknown_secret(secret: &SecretPath) -> Self {
        Self::new(
            RefusalKind::Unknown,
            format!("the plan has no secret {secret}"),
            "name a secret of rotation.toml",
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.why, self.next)
    }
}

impl std::error::Error for Refusal {}
