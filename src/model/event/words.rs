//! The closed vocabularies of the contract, each left open at one end: a word that is not known
//! here is kept as it was written.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::model::text::Text;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
            /// A word that is not known here.
            Other(Text),
        }

        impl $name {
            /// Every known word, in the contract's order.
            pub const KNOWN: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it was written; for comparing and JSON only.
            #[must_use]
            pub fn raw(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)+
                    Self::Other(word) => word.raw(),
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($word => Self::$variant,)+
                    other => Self::Other(Text::from(other)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.pad($word),)+
                    Self::Other(word) => fmt::Display::fmt(word, f),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.raw())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Word;
                impl Visitor<'_> for Word {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a word")
                    }
                    fn visit_str<E: de::Error>(self, word: &str) -> Result<$name, E> {
                        Ok($name::from(word))
                    }
                }
                deserializer.deserialize_str(Word)
            }
        }
    )+};
}

words! {
    /// What kind of secret is rotated.
    SecretKind {
        /// A database credential.
        Database = "database",
        /// A service's API key.
        ApiKey = "api-key",
        /// A TLS certificate and its key.
        Tls = "tls",
        /// A key that signs tokens.
        SigningKey = "signing-key",
        /// A key that encrypts data.
        EncryptionKey = "encryption-key",
        /// A token.
        Token = "token",
        /// An SSH key.
        Ssh = "ssh",
        /// Anything else.
        Unnamed = "other",
    }
    /// What started a rotation.
    Trigger {
        /// Its cadence.
        Schedule = "schedule",
        /// An event in a backend.
        Event = "event",
        /// A person.
        Manual = "manual",
        /// A leak or an attack.
        Emergency = "emergency",
    }
    /// How much depends on a secret.
    Tier {
        /// An outage of it is an outage of the product.
        Critical = "critical",
        /// An outage of it is felt.
        High = "high",
        /// The rest.
        Standard = "standard",
    }
    /// The nine stages of a rotation, in order.
    Stage {
        /// It was asked for.
        Trigger = "trigger",
        /// The new version was made.
        Generate = "generate",
        /// The new version was stored.
        Store = "store",
        /// The new version goes to its consumers.
        Distribute = "distribute",
        /// The new version is tried.
        Validate = "validate",
        /// Consumers go over to the new version.
        Cutover = "cutover",
        /// Old and new are both accepted (dual-run).
        Grace = "grace",
        /// The old version is refused from now on.
        Revoke = "revoke",
        /// The audit trail is complete.
        Audit = "audit",
    }
    /// How a stage stands.
    StageStatus {
        /// It began.
        Started = "started",
        /// It is done.
        Completed = "completed",
        /// It went wrong.
        Failed = "failed",
        /// It was not needed.
        Skipped = "skipped",
        /// Somebody holds it.
        Paused = "paused",
        /// Nobody holds it any more.
        Resumed = "resumed",
    }
    /// How a rotation ended.
    Outcome {
        /// The new version is the only one.
        Succeeded = "succeeded",
        /// It stopped half way.
        Failed = "failed",
        /// The old version is the current one again.
        RolledBack = "rolled_back",
        /// Somebody stopped it.
        Aborted = "aborted",
    }
    /// How far a consumer is with a version.
    ConsumerState {
        /// It should get it.
        Pending = "pending",
        /// It got it.
        Delivered = "delivered",
        /// It tried it and it worked.
        Validated = "validated",
        /// It works with it.
        InUse = "in_use",
        /// It cannot work with it.
        Failed = "failed",
    }
    /// Which side of a canary comparison.
    Cohort {
        /// The part that has the new version first.
        Canary = "canary",
        /// The rest.
        Baseline = "baseline",
    }
    /// What an audited call did.
    Operation {
        /// Made something.
        Create = "create",
        /// Read something.
        Read = "read",
        /// Changed something.
        Update = "update",
        /// Deleted something.
        Delete = "delete",
        /// Listed names.
        List = "list",
        /// Rotated a secret.
        Rotate = "rotate",
        /// Revoked a credential.
        Revoke = "revoke",
        /// Logged in.
        Login = "login",
    }
    /// How an audited call ended.
    AuditOutcome {
        /// It was done.
        Allowed = "allowed",
        /// It was refused.
        Denied = "denied",
        /// It went wrong.
        Error = "error",
    }
    /// How sure a scanner is.
    LeakConfidence {
        /// The secret is out.
        Confirmed = "confirmed",
        /// It looks like a secret.
        Suspected = "suspected",
    }
    /// How an alert stands.
    AlertStatus {
        /// It is on.
        Firing = "firing",
        /// It is over.
        Resolved = "resolved",
    }
    /// Whom an alert wakes.
    Severity {
        /// Somebody, now.
        Page = "page",
        /// Somebody, in working hours.
        Ticket = "ticket",
        /// Nobody.
        Info = "info",
    }
    /// How far a responder's act is.
    ActionPhase {
        /// It was asked for.
        Intended = "intended",
        /// It may be done.
        Approved = "approved",
        /// It may not be done.
        Denied = "denied",
        /// It was done.
        Executed = "executed",
        /// It went wrong.
        Failed = "failed",
        /// Nobody knows whether it was done.
        Unknown = "unknown",
    }
    /// How much an act can break.
    Risk {
        /// Nothing.
        Observe = "observe",
        /// Nothing that cannot be undone at once.
        Reversible = "reversible",
        /// Consumers, for a while.
        Disruptive = "disruptive",
        /// Something for good.
        Destructive = "destructive",
    }
    /// How a backend is reached.
    BackendState {
        /// All is well.
        Connected = "connected",
        /// It answers late or in part.
        Degraded = "degraded",
        /// It does not answer.
        Disconnected = "disconnected",
    }
}

impl Stage {
    /// Where the stage stands among the nine, from 0; `None` for one that is not known here.
    #[must_use]
    pub fn index(&self) -> Option<usize> {
        Self::KNOWN.iter().position(|stage| stage == self)
    }
}
