//! What a diagnosis finds.

use std::collections::BTreeSet;
use std::fmt;

use crate::incident::EventRef;
use crate::measure::alert::Notice;
use crate::measure::level::{Episode, LevelName, Trouble};
use crate::model::event::Severity;
use crate::model::{Region, RotationId, SecretPath, ServiceName, Timestamp};

/// A failure mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Consumer auth failures.
    F1,
    /// Partial rollout.
    F2,
    /// Rate limit.
    F3,
    /// Revoked too early.
    F4,
    /// Leak during rotation.
    F5,
    /// Incompatible format.
    F6,
    /// Stale cache.
    F7,
    /// Missing audit trail.
    F8,
    /// An auth-failure spike that no rotation explains.
    Unattributed,
}

impl Mode {
    /// The name in the output of `diagnose`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F1 => "F1",
            Self::F2 => "F2",
            Self::F3 => "F3",
            Self::F4 => "F4",
            Self::F5 => "F5",
            Self::F6 => "F6",
            Self::F7 => "F7",
            Self::F8 => "F8",
            Self::Unattributed => "unattributed",
        }
    }

    /// The acts that cure it, in the order in which to try them.
    #[must_use]
    pub fn suggest(self) -> &'static [&'static str] {
        match self {
            Self::F1 => &["re-push", "extend-grace", "rollback"],
            Self::F2 => &["retry-region"],
            Self::F3 => &["throttle"],
            Self::F4 => &["reissue-previous"],
            Self::F5 => &["mask-leak", "emergency-rotate"],
            Self::F6 => &["rollback"],
            Self::F7 => &["invalidate-cache"],
            Self::F8 => &["restore-sink", "replay-outbox"],
            Self::Unattributed => &[],
        }
    }

    /// The name of its runbook.
    #[must_use]
    pub fn runbook(self) -> &'static str {
        match self {
            Self::F1 => "consumer-auth-failures",
            Self::F2 => "partial-rollout",
            Self::F3 => "rate-limit",
            Self::F4 => "revoked-too-early",
            Self::F5 => "leak-during-rotation",
            Self::F6 => "incompatible-format",
            Self::F7 => "stale-cache",
            Self::F8 => "missing-audit-trail",
            Self::Unattributed => "auth-failures-without-rotation",
        }
    }

    /// True for the modes that displace F1 of the same rotation: one symptom, one cause.
    #[must_use]
    pub fn displaces_f1(self) -> bool {
        matches!(self, Self::F2 | Self::F4 | Self::F6 | Self::F7)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a finding is about: there is at most one standing finding of a mode about a subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A rotation, by its canonical id.
    Rotation(RotationId),
    /// A service, where no rotation explains what it suffers.
    Service(ServiceName),
}

/// One event that a finding rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The event.
    pub event: EventRef,
    /// What it shows, in harmless words for a person.
    pub note: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The failure mode.
    pub mode: Mode,
    /// The guilty rotation; `None` where there is none.
    pub rotation: Option<RotationId>,
    /// Its secret, where known.
    pub secret: Option<SecretPath>,
    /// Who suffers.
    pub services: BTreeSet<ServiceName>,
    /// Where.
    pub regions: BTreeSet<Region>,
    /// The time of the event that completed the evidence.
    pub detected_at: Timestamp,
    /// When it healed.
    pub resolved_at: Option<Timestamp>,
    /// Whom it wakes.
    pub severity: Severity,
    /// True where a planned window suppresses it (never F4, F5 or a page).
    pub suppressed: bool,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// The events that show it, none later than `detected_at`.
    pub evidence: Vec<Evidence>,
    /// What it might have been and is not.
    pub ruled_out: Vec<RuledOut>,
    /// What nobody can know here, and why, each as a sentence for a person.
    pub cannot_know: Vec<String>,
}

impl Finding {
    /// The finding as the service levels see it.
    #[must_use]
    pub fn episode(&self) -> Episode {
        Episode {
            mode: self.mode.name(),
            trouble: Trouble::of(self.mode.name()),
            secret: self.secret.clone(),
            services: self.services.iter().cloned().collect(),
            regions: self.regions.iter().cloned().collect(),
            detected_at: self.detected_at,
            resolved_at: self.resolved_at,
        }
    }

    /// The finding as the alerts see it.
    #[must_use]
    pub fn notice(&self) -> Notice {
        Notice {
            mode: self.mode.name(),
            words: self.mode.runbook().replace('-', " "),
            rotation: self.rotation.clone(),
            secret: self.secret.clone(),
            services: self.services.clone(),
            regions: self.regions.clone(),
            detected_at: self.detected_at,
            resolved_at: self.resolved_at,
            severity: self.severity.clone(),
            loud: matches!(self.mode, Mode::F4 | Mode::F5),
            burns: match self.mode {
                Mode::F1 | Mode::F4 | Mode::F7 | Mode::Unattributed => {
                    &[LevelName::M3, LevelName::M9]
                }
                Mode::F2 | Mode::F6 => &[LevelName::M1, LevelName::M2, LevelName::M8],
                Mode::F3 => &[LevelName::M7],
                Mode::F5 => &[LevelName::M6],
                Mode::F8 => &[LevelName::M10],
            },
            next: self.mode.suggest(),
        }
    }
}

/// A failure mode that was looked at beside a finding and is not it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuledOut {
    /// The mode.
    pub mode: Mode,
    /// Why not, in harmless words for a person.
    pub why: String,
}
