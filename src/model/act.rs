//! What a person asks for and what became of it, as plain data between the cockpit and the
//! session.

use super::id::{Actor, Region, RotationId, SecretPath, ServiceName};
use super::intent::{Intent, Outcome, Verb};
use super::proof::Code;
use super::text::Text;
use super::time::Timestamp;

/// What a person asks for, before it has a key and a moment and is an [`Intent`].
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// What.
    pub verb: Verb,
    /// To which rotation.
    pub rotation: Option<RotationId>,
    /// To which secret.
    pub secret: Option<SecretPath>,
    /// In this region only.
    pub region: Option<Region>,
    /// For this service only.
    pub service: Option<ServiceName>,
    /// A length, in seconds.
    pub seconds: Option<u64>,
    /// A pace, in calls a minute.
    pub per_minute: Option<u32>,
}

impl Wish {
    /// A wish for an act on everything.
    #[must_use]
    pub fn new(verb: Verb) -> Self {
        Self {
            verb,
            rotation: None,
            secret: None,
            region: None,
            service: None,
            seconds: None,
            per_minute: None,
        }
    }

    /// The intent that it becomes.
    #[must_use]
    pub fn intent(&self, by: Actor, reason: Option<Text>, key: String, at: Timestamp) -> Intent {
        Intent {
            verb: self.verb,
            rotation: self.rotation.clone(),
            secret: self.secret.clone(),
            region: self.region.clone(),
            service: self.service.clone(),
            seconds: self.seconds,
            per_minute: self.per_minute,
            by,
            reason,
            key,
            at,
        }
    }
}

/// What a person answered where they were asked whether they mean it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// They pressed the key that confirms.
    pub confirmed: bool,
    /// The name that they typed.
    pub typed: String,
    /// Why they do it.
    pub reason: String,
    /// The code that they typed; empty where none was asked for.
    pub code: Code,
}

/// A wish, and the answer to what was asked about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What is wished.
    pub wish: Wish,
    /// Names the state that the person saw when they answered (`guard::Summary::facts`).
    pub facts: u64,
    /// What they answered.
    pub answer: Answer,
}

/// How far an act has come.
#[derive(Clone, Debug, PartialEq)]
pub enum ActState {
    /// It is not allowed, or not possible; nothing was sent.
    Refused(String),
    /// It is written into the journal.
    Recording,
    /// It waits for a second person: `rotascope approve ID`.
    Waiting {
        /// Names the request.
        id: String,
        /// Nobody can approve it after this moment.
        until: Timestamp,
    },
    /// It is on its way to the backend.
    Sending,
    /// What the backend says of it.
    Told(Outcome),
}

impl ActState {
    /// True where nothing more will be heard of it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Refused(_) | Self::Told(Outcome::Observed { .. } | Outcome::Failed { .. })
        )
    }
}

/// An act of this session, or of one before it that nobody knows the end of.
#[derive(Clone, Debug, PartialEq)]
pub struct ActNote {
    /// Its idempotency key; empty where it was refused before it had one.
    pub key: String,
    /// What.
    pub verb: Verb,
    /// On what: a secret, else a rotation, else everything.
    pub target: Text,
    /// Whose.
    pub by: Actor,
    /// When it was asked for, by the emitters' clock where one is known.
    pub at: Timestamp,
    /// How far it is.
    pub state: ActState,
}
