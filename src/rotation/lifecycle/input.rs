//! What may happen to a rotation, and what follows from it.

use std::time::Duration;

use super::rotation::{Reading, Rotation};
use crate::model::event::{AuditEntry, ConsumerState, Data};
use crate::model::intent::{Outcome, Verb};
use crate::model::{
    Actor, ConsumerId, Region, RotationId, ServiceName, Span, Text, Timestamp, Version,
};
use crate::rotation::fault::{Fault, FaultKind};

/// Everything a transition may know of the world beside the rotation itself.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The time.
    pub now: Timestamp,
    /// Whether starts and revokes are held.
    pub frozen: bool,
    /// Whether its turn has come: a place is free and no other rotation of the secret runs.
    pub turn: bool,
    /// The secret's current version.
    pub current: Option<Version>,
    /// Whether the previous version's material is still kept and no newer rotation ran.
    pub previous_kept: bool,
    /// A number drawn by lot, 0 to 1, for the jitter of what is tried again.
    pub dice: f64,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Time passed.
    Tick,
    /// An effect was done.
    Done {
        /// Which.
        key: String,
        /// What came of it.
        report: Report,
    },
    /// An effect failed.
    Failed {
        /// Which.
        key: String,
        /// Why.
        trouble: Trouble,
    },
    /// A consumer said something of itself.
    Told {
        /// Who.
        consumer: ConsumerId,
        /// What.
        standing: Standing,
    },
    /// A person or a policy acts.
    Act(Act),
    /// Every audit entry of the rotation is delivered.
    Audited,
    /// The clock jumped by this much, forward or back.
    Jumped(Span),
    /// An emergency took over.
    Superseded(RotationId),
}

/// What came of an effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// It was done and there is nothing to say.
    Done,
    /// The target lets the credential in.
    Accepted,
    /// The target refuses the credential, in its own words.
    Refused(Text),
    /// The consumer answered.
    Standing(Standing),
    /// Who sits at the target on an old version, in words; `None` where it cannot tell.
    Sitters(Option<Vec<Text>>),
    /// What the health checks counted, in the rules' order.
    Health(Vec<Reading>),
}

/// How a consumer stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// With which version.
    pub version: Version,
    /// How far it is with it.
    pub state: ConsumerState,
    /// What went wrong.
    pub error: Option<Text>,
}

/// Why an effect failed, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Whether trying again by itself can help.
    pub passes: bool,
    /// Not before this much has passed.
    pub retry_after: Option<Span>,
    /// In words, harmless.
    pub words: String,
}

impl Trouble {
    /// A fault as the lifecycle sees it; `scale` turns the world's time into the clock's.
    #[must_use]
    pub fn of(fault: &Fault, scale: f64) -> Self {
        let retry_after = match fault.kind {
            FaultKind::Throttled { retry_after } => retry_after.map(|wait| scaled(wait, scale)),
            _ => None,
        };
        Self {
            passes: fault.passes(),
            retry_after,
            words: fault.to_string(),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a wait beyond i64 saturates, which is far enough"
)]
fn scaled(wait: Duration, scale: f64) -> Span {
    Span::micros((wait.as_secs_f64() * scale * 1e6) as i64)
}

/// An act on this rotation.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// What.
    pub verb: Verb,
    /// In this region only.
    pub region: Option<Region>,
    /// For this service only.
    pub service: Option<ServiceName>,
    /// A length.
    pub length: Option<Span>,
    /// Who.
    pub by: Actor,
    /// Why.
    pub reason: Option<Text>,
    /// Its idempotency key.
    pub key: String,
}

/// What follows: the rotation as it is now, with what it has still to do, and what is to be told.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The rotation afterwards; its `pending` are the effects.
    pub next: Rotation,
    /// Events for the log, each with its subject; absent is the rotation.
    pub events: Vec<(Option<Text>, Data)>,
    /// Entries for the audit trail.
    pub audit: Vec<AuditEntry>,
    /// Acts whose outcome is now known.
    pub outcomes: Vec<(String, Outcome)>,
    /// What became of the secret's versions.
    pub versions: Vec<VersionChange>,
}

/// What became of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionChange {
    /// It is the current one.
    Current(Version),
    /// Its material is not needed any more.
    Forget(Version),
}
