//! What a person asks for: the acts, how much each risks, and an intent that names one exactly.
//! Plain data; nothing here does anything.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::event::Risk;
use super::id::{Actor, Region, RotationId, SecretPath, ServiceName};
use super::text::Text;
use super::time::Timestamp;

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $risk:ident;)+) => {
        /// What can be done about a rotation, a secret or all of them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Verb {
            $($(#[$doc])* $name,)+
        }

        impl Verb {
            /// Every verb, in the order of DESIGN's list of acts.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its one name: in events, on the command line, in a finding's suggestions.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// The verb of that name; `None` where an act has a name of its own.
            #[must_use]
            pub fn named(word: &Text) -> Option<Self> {
                word.raw().parse().ok()
            }

            /// How much it risks where no policy says otherwise.
            #[must_use]
            pub fn risk(self) -> Risk {
                match self {
                    $(Self::$name => Risk::$risk,)+
                }
            }
        }

        impl FromStr for Verb {
            type Err = UnknownVerb;
            fn from_str(word: &str) -> Result<Self, UnknownVerb> {
                match word {
                    $($word => Ok(Self::$name),)+
                    other => Err(UnknownVerb(Text::from(other))),
                }
            }
        }
    };
}

verbs! {
    /// Hold every revoke and every start.
    Freeze = "freeze", Reversible;
    /// End the freeze.
    Unfreeze = "unfreeze", Reversible;
    /// Move the end of the grace period.
    ExtendGrace = "extend-grace", Reversible;
    /// Hold a rotation where it is.
    Pause = "pause", Reversible;
    /// Let it go on.
    Resume = "resume", Reversible;
    /// Do a failed stage again.
    RetryStage = "retry-stage", Reversible;
    /// Distribute to one region again.
    RetryRegion = "retry-region", Reversible;
    /// Send the new version to consumers again and have them take it.
    RePush = "re-push", Reversible;
    /// Slow the rotation down to the quota.
    Throttle = "throttle", Reversible;
    /// Have caches forget what is older than the cutover.
    InvalidateCache = "invalidate-cache", Disruptive;
    /// Make the previous version valid again.
    ReissuePrevious = "reissue-previous", Disruptive;
    /// Stop what leaks from showing the secret.
    MaskLeak = "mask-leak", Reversible;
    /// Reopen the audit sink.
    RestoreSink = "restore-sink", Reversible;
    /// Deliver again what the sink lacks.
    ReplayOutbox = "replay-outbox", Reversible;
    /// Return every consumer to the previous version and withdraw the new one.
    Rollback = "rollback", Disruptive;
    /// End a rotation before its cutover.
    Abort = "abort", Disruptive;
    /// Revoke the old version now.
    RevokeNow = "revoke-now", Destructive;
    /// Start a planned rotation.
    Rotate = "rotate", Reversible;
    /// Start a rotation without grace, in tight waves.
    EmergencyRotate = "emergency-rotate", Destructive;
    /// Say nothing of a finding for a while.
    Silence = "silence", Reversible;
    /// Say that somebody looks after a finding.
    Acknowledge = "acknowledge", Observe;
}

impl Verb {
    /// True for acts that can be done in one region alone. What bounds every other act to a region
    /// would be promised and not kept.
    #[must_use]
    pub fn takes_region(self) -> bool {
        matches!(
            self,
            Self::RetryRegion | Self::RePush | Self::InvalidateCache
        )
    }

    /// True for acts that can be done for one service alone; for those that start rotations it
    /// means the secrets that the service uses.
    #[must_use]
    pub fn takes_service(self) -> bool {
        matches!(
            self,
            Self::RePush
                | Self::InvalidateCache
                | Self::Rotate
                | Self::EmergencyRotate
                | Self::Silence
                | Self::Acknowledge
        )
    }

    /// True for acts about what was found: they change nothing of a rotation, and a finding that
    /// no rotation explains is named by its service.
    #[must_use]
    pub fn is_about_a_finding(self) -> bool {
        matches!(self, Self::Silence | Self::Acknowledge)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Verb {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Verb {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        word.parse().map_err(serde::de::Error::custom)
    }
}

/// A word that names no act.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no act is called \"{0}\"")]
pub struct UnknownVerb(pub Text);

/// What exactly is to be done, to what, by whom and why. Two intents with the same `key` are one:
/// whoever executes it does it at most once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// What.
    pub verb: Verb,
    /// To which rotation; absent where the act is about a secret or about everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<RotationId>,
    /// To which secret, for acts that start a rotation or are about one credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretPath>,
    /// In this region only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// For this service only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// A length, in seconds: by how much grace is extended, how much grace an emergency keeps,
    /// for how long is silenced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// A pace, in calls a minute, for `throttle`; absent is what the quota allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
    /// Who asks.
    pub by: Actor,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// The idempotency key.
    pub key: String,
    /// When it was asked, by the asker's clock.
    pub at: Timestamp,
}

/// How far an act has come. Nothing is called done until the backend shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Outcome {
    /// The backend took it.
    Accepted,
    /// It is being done.
    Executing,
    /// The backend shows its effect.
    Observed {
        /// What is seen now, in words.
        words: String,
    },
    /// It was refused or failed; nothing of it holds.
    Failed {
        /// Why, and what to do next.
        why: String,
    },
    /// Nobody can say; the backend is to be asked, the act never to be sent again.
    Unknown {
        /// Why.
        why: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verb_is_read_back_from_its_own_name() {
        for verb in Verb::ALL {
            assert_eq!(verb.name().parse::<Verb>().unwrap(), *verb);
        }
        assert!("extend_grace".parse::<Verb>().is_err());
    }

    #[test]
    fn what_cannot_be_undone_is_destructive() {
        for verb in [Verb::RevokeNow, Verb::EmergencyRotate] {
            assert_eq!(verb.risk(), Risk::Destructive);
        }
        assert_eq!(Verb::ExtendGrace.risk(), Risk::Reversible);
        assert_eq!(Verb::Rollback.risk(), Risk::Disruptive);
    }
}
