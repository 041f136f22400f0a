//! What the incident shows of itself: plain records that screens and rules read.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::model::event::{
    Action, ActionPhase, Alert, AuditEntry, BackendState, CacheSample, CertificateObserved,
    ConsumerState, LeakFinding, LeaseObserved, NamedConsumer, Outcome, ScanCompleted, SecretKind,
    Stage, StageStatus, Tier, Trigger, WindowPlanned,
};
use crate::model::{
    Actor, BackendName, ConsumerId, Endpoint, Event, EventId, Region, RotationId, SecretPath,
    ServiceName, Source, Span, Text, Timestamp, Version,
};

/// The most audit lines kept for one secret or rotation.
pub const AUDIT_KEPT: usize = 200;

/// Live events are ordered within this span of their source's newest.
pub const WATERMARK: Span = Span::seconds(30);

/// The events of `CloudTrail` are ordered within this span.
pub const WATERMARK_CLOUDTRAIL: Span = Span::seconds(600);

/// Times of two sources closer than this are a tie: neither came first.
pub const TIE: Span = Span::seconds(5);

/// Two sources' tellings of one secret and `to_version` within this are one rotation.
pub const ALIAS_WITHIN: Span = Span::seconds(600);

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was taken in.
    New,
    /// It was known already and changed nothing.
    Duplicate,
    /// It was taken in, but came later than its source's watermark.
    Late,
}

/// How many events came, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Taken in, late ones among them, duplicates not.
    pub events: u64,
    /// Known already.
    pub duplicates: u64,
    /// Later than their source's watermark.
    pub late: u64,
    /// Of a type that is not known here.
    pub unknown: u64,
}

/// Names an event of the input: what evidence points to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventRef {
    /// When.
    pub time: Timestamp,
    /// Whose.
    pub source: Source,
    /// Which.
    pub id: EventId,
}

impl EventRef {
    /// The name of this event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        Self {
            time: event.time,
            source: event.source.clone(),
            id: event.id.clone(),
        }
    }
}

impl EventRef {
    /// Which of two events came first. Clocks of two sources may differ: where theirs are closer
    /// than [`TIE`], neither came first, and the answer is `None`. Within one source the times
    /// decide; equal times are a tie there too.
    #[must_use]
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        let apart = self.time.since(other.time);
        let tie = if self.source == other.source {
            apart == Span::ZERO
        } else {
            apart.abs() < TIE
        };
        (!tie).then(|| self.time.cmp(&other.time))
    }
}

/// One rotation, as all its sources together tell it.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    /// The id under which it was told first (by time, then by alphabet).
    pub id: RotationId,
    /// Its other ids.
    pub aliases: Vec<RotationId>,
    /// The secret; absent only while nothing but stages has been seen.
    pub secret: Option<SecretPath>,
    /// Its kind.
    pub kind: Option<SecretKind>,
    /// The version before.
    pub from_version: Option<Version>,
    /// The version it brings.
    pub to_version: Option<Version>,
    /// What started it.
    pub trigger: Option<Trigger>,
    /// Who answers for the secret.
    pub owner: Option<Text>,
    /// How much depends on it.
    pub tier: Option<Tier>,
    /// Where its consumers were said to run.
    pub regions: Vec<Region>,
    /// The services that were said to depend on it.
    pub services: Vec<ServiceName>,
    /// The consumers that were named at its start.
    pub named: Arc<[NamedConsumer]>,
    /// The grace period that was promised.
    pub grace_period: Option<Span>,
    /// How often the secret is to be rotated, where that was told.
    pub cadence: Option<Span>,
    /// Whether old and new were promised to be both accepted until the revocation.
    pub dual_run: Option<bool>,
    /// Whether it was announced.
    pub planned: Option<bool>,
    /// The share of consumers that go first, 0 to 100.
    pub canary_percent: Option<f64>,
    /// Whether the system that does it writes audit entries.
    pub audit_expected: bool,
    /// Who asked for it.
    pub by: Option<Actor>,
    /// The correlation id that its caller sent along.
    pub correlation: Option<Text>,
    /// The first event of it.
    pub started_at: Timestamp,
    /// The latest event of it.
    pub last_at: Timestamp,
    /// The nine stages, in order ([`Stage::index`]).
    pub stages: [StageView; 9],
    /// The grace clock, where one was set.
    pub grace: Option<Grace>,
    /// How it ended.
    pub ended: Option<Ended>,
    /// A later rotation of the same secret, where there is one.
    pub superseded_by: Option<RotationId>,
    /// When its cutover was completed (in its last region or wave told so far).
    pub cutover_at: Option<Timestamp>,
    /// When the old version was revoked.
    pub revoked_at: Option<Timestamp>,
    /// All that was told of it in order of time, latest last; at most 100 steps.
    pub timeline: Vec<Step>,
}

impl Rotation {
    /// The stage that the rotation is in: the last one, in the contract's order, of which
    /// anything was told; `None` before any.
    #[must_use]
    pub fn stage(&self) -> Option<(Stage, &StageView)> {
        Stage::KNOWN
            .iter()
            .cloned()
            .zip(&self.stages)
            .rev()
            .find(|(_, view)| view.status.is_some())
    }

    /// After this moment the old version is refused and going back needs more than a switch:
    /// the revocation, else the end of the grace period; where no dual-run was promised, the
    /// cutover itself.
    #[must_use]
    pub fn point_of_no_return(&self) -> Option<Timestamp> {
        if let Some(revoked) = self.revoked_at {
            return Some(revoked);
        }
        match (&self.grace, self.dual_run) {
            (Some(grace), _) => Some(grace.ends_at),
            (None, Some(false)) => self.cutover_at,
            (None, _) => None,
        }
    }

    /// True until it ended or was superseded.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ended.is_none() && self.superseded_by.is_none()
    }
}

/// One stage of a rotation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StageView {
    /// The latest word about it as a whole (failed in any region beats completed in another);
    /// `None` where nothing was told.
    pub status: Option<StageStatus>,
    /// The highest attempt told of, from 1; 0 where none was.
    pub attempt: u32,
    /// The highest wave told of.
    pub wave: Option<u32>,
    /// The share done, 0 to 100, where told.
    pub percent: Option<f64>,
    /// When it first began (or was first told of).
    pub began_at: Option<Timestamp>,
    /// When it was last told of.
    pub last_at: Option<Timestamp>,
    /// The latest error told of it that no later success of the same region took back.
    pub error: Option<Text>,
    /// How it stands in each region that was told of, by name.
    pub regions: Vec<(Region, StageStatus)>,
}

/// The grace clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Grace {
    /// When the old version is to be revoked.
    pub ends_at: Timestamp,
    /// By how much it was last moved.
    pub extended: Option<Span>,
    /// Why.
    pub reason: Option<Text>,
    /// By whom.
    pub by: Option<Actor>,
}

/// How a rotation ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// How.
    pub outcome: Outcome,
    /// Why.
    pub reason: Option<Text>,
}

/// One thing told of a rotation.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The event.
    pub event: EventRef,
    /// What.
    pub what: StepKind,
}

/// What was told.
#[derive(Clone, Debug, PartialEq)]
pub enum StepKind {
    /// It began.
    Started,
    /// A stage moved.
    Stage {
        /// Which.
        stage: Stage,
        /// How.
        status: StageStatus,
        /// Which try.
        attempt: u32,
        /// Where.
        region: Option<Region>,
        /// In which wave.
        wave: Option<u32>,
        /// What went wrong.
        error: Option<Text>,
    },
    /// The grace period was set or moved.
    Grace {
        /// To when.
        ends_at: Timestamp,
        /// By whom.
        by: Option<Actor>,
    },
    /// It ended.
    Finished {
        /// How.
        outcome: Outcome,
        /// Why.
        reason: Option<Text>,
    },
    /// A responder acted on it.
    Act {
        /// What.
        action: Text,
        /// How far.
        phase: ActionPhase,
        /// Who.
        actor: Actor,
        /// Whether their own key signed it; `None` where nobody said.
        signed: Option<bool>,
        /// Who approved it.
        approved_by: Vec<Actor>,
    },
}

/// A consumer of one secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Consumer {
    /// Its name.
    pub name: ConsumerId,
    /// Its service.
    pub service: Option<ServiceName>,
    /// Where it runs.
    pub region: Option<Region>,
    /// The version it was last told to be on (or to be getting); `None` where it was only named.
    pub version: Option<Version>,
    /// How far it is with that version.
    pub state: ConsumerState,
    /// When that was told.
    pub at: Timestamp,
    /// What went wrong.
    pub error: Option<Text>,
    /// How long it took from the version's store.
    pub latency: Option<Span>,
    /// The names by which backends know it.
    pub identities: Vec<Actor>,
    /// How long it took to each of the versions told of last, from their store; latest last.
    pub took: Vec<(Version, Span)>,
    /// Versions that it was told to have been on (validated or in use), by when first.
    pub reached: Vec<(Version, Timestamp)>,
}

/// How many consumers of a rotation are where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All that are named or were seen with the secret.
    pub total: usize,
    /// On the new version (validated or in use), now or, in a rotation that was superseded, ever.
    pub on_new: usize,
    /// Got the new version but were not seen to use it.
    pub delivered: usize,
    /// Cannot work with the new version.
    pub failed: usize,
    /// The same, by region (`None` is unknown), in the order of names.
    pub regions: Vec<RegionTally>,
}

/// A region's share of a [`Tally`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegionTally {
    /// Which; `None` is unknown.
    pub region: Option<Region>,
    /// All of its consumers.
    pub total: usize,
    /// Those on the new version.
    pub on_new: usize,
}

/// Authentications of one service in one region with one secret, over time.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthSeries {
    /// Whose.
    pub service: ServiceName,
    /// Where; `None` is unknown.
    pub region: Option<Region>,
    /// With which secret, where the source can tell.
    pub secret: Option<SecretPath>,
    /// The counted windows in order of time, latest last, alternatives of several sources
    /// settled: at one moment only one source speaks.
    pub windows: imbl::Vector<AuthWindow>,
}

/// One counted window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthWindow {
    /// When it ended.
    pub end: Timestamp,
    /// How long it was.
    pub length: Span,
    /// All attempts.
    pub total: u64,
    /// Refused for want of a valid credential.
    pub failed_401: u64,
    /// Refused for want of permission.
    pub failed_403: u64,
    /// Failed for other reasons; no auth failures.
    pub failed_other: u64,
    /// The event.
    pub event: EventRef,
}

impl AuthWindow {
    /// Auth failures: 401 and 403.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed_401.saturating_add(self.failed_403)
    }

    /// The failed share, 0 to 1; `None` where nothing was attempted.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of a window are far below 2^52"
    )]
    pub fn share(&self) -> Option<f64> {
        (self.total > 0).then(|| self.failed() as f64 / self.total as f64)
    }
}

/// A canary comparison of one service in one region.
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    /// Whose.
    pub service: ServiceName,
    /// Where.
    pub region: Option<Region>,
    /// The canary's windows, latest last.
    pub canary: imbl::Vector<CanaryWindow>,
    /// The baseline's windows, latest last.
    pub baseline: imbl::Vector<CanaryWindow>,
}

/// One side's window.
#[derive(Clone, Debug, PartialEq)]
pub struct CanaryWindow {
    /// When it ended.
    pub end: Timestamp,
    /// How long it was.
    pub length: Span,
    /// All requests.
    pub total: u64,
    /// Failed requests.
    pub errors: u64,
    /// The 99th percentile of latency, in milliseconds.
    pub p99_ms: Option<f64>,
    /// The event.
    pub event: EventRef,
}

/// Another counted signal of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalSeries {
    /// Which.
    pub signal: Text,
    /// Whose.
    pub service: ServiceName,
    /// Where.
    pub region: Option<Region>,
    /// With which secret.
    pub secret: Option<SecretPath>,
    /// The counted windows, latest last.
    pub windows: imbl::Vector<CountWindow>,
}

/// A quota of one API.
#[derive(Clone, Debug, PartialEq)]
pub struct Quota {
    /// Which API.
    pub api: Text,
    /// Where.
    pub region: Option<Region>,
    /// Calls and throttled calls, latest last.
    pub windows: imbl::Vector<CountWindow>,
}

/// One counted window of a signal or a quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountWindow {
    /// When it ended.
    pub end: Timestamp,
    /// How long it was.
    pub length: Span,
    /// All.
    pub total: u64,
    /// Those that went wrong, or were throttled.
    pub bad: u64,
    /// The event.
    pub event: EventRef,
}

/// The latest word of a cache.
#[derive(Clone, Debug, PartialEq)]
pub struct Cache {
    /// When.
    pub at: Timestamp,
    /// What.
    pub sample: CacheSample,
    /// The event.
    pub event: EventRef,
}

/// The keys of an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyset {
    /// Which endpoint.
    pub endpoint: Endpoint,
    /// When it was last looked at.
    pub at: Timestamp,
    /// Its keys then.
    pub kids: Vec<Version>,
    /// The one that signs.
    pub current: Option<Version>,
}

/// The latest look at a certificate.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// When.
    pub at: Timestamp,
    /// What.
    pub seen: CertificateObserved,
}

/// The latest word of a lease.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    /// When.
    pub at: Timestamp,
    /// What.
    pub seen: LeaseObserved,
}

/// A maintenance window, as last told.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// When it was told.
    pub at: Timestamp,
    /// What.
    pub planned: WindowPlanned,
}

/// A backend and what is missing of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    /// Its name: a `source`.
    pub name: BackendName,
    /// How it is reached; `None` where it never said, but events of it came.
    pub state: Option<BackendState>,
    /// When that was told.
    pub at: Option<Timestamp>,
    /// How far it is behind.
    pub lag: Option<Span>,
    /// What is wrong.
    pub error: Option<Text>,
    /// Its newest event.
    pub newest: Option<Timestamp>,
    /// Its events.
    pub events: u64,
    /// Its late events.
    pub late: u64,
    /// When it was away, by start; `None` as end is still.
    pub gaps: Vec<(Timestamp, Option<Timestamp>)>,
}

/// A responder's act, as last told.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// When it was first told of.
    pub first_at: Timestamp,
    /// When it was last told of.
    pub at: Timestamp,
    /// The rotation it belongs to, where told.
    pub rotation: Option<RotationId>,
    /// What.
    pub action: Action,
}

/// Whether a service is up.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// Which.
    pub service: ServiceName,
    /// Where.
    pub region: Option<Region>,
    /// Whether.
    pub up: bool,
    /// Since when it is so (the first of the latest run of equal words).
    pub since: Timestamp,
    /// Why.
    pub reason: Option<Text>,
}

/// Another system's alert, as last told.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedAlert {
    /// When.
    pub at: Timestamp,
    /// What.
    pub alert: Alert,
}

/// A leak finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Leak {
    /// The event.
    pub event: EventRef,
    /// What.
    pub finding: LeakFinding,
}

/// The latest scan of a repository.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// When.
    pub at: Timestamp,
    /// What.
    pub scan: ScanCompleted,
}

/// One audited call.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditLine {
    /// The event.
    pub event: EventRef,
    /// The rotation it belongs to, where told.
    pub rotation: Option<RotationId>,
    /// What.
    pub entry: AuditEntry,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_two_sources_closer_than_the_tie_have_no_order() {
        let at = |source: &str, millis| EventRef {
            time: Timestamp::default() + Span::millis(millis),
            source: source.into(),
            id: "1".into(),
        };
        assert_eq!(at("/a", 0).order(&at("/b", 4999)), None);
        assert_eq!(at("/a", 0).order(&at("/b", 5000)), Some(Ordering::Less));
        assert_eq!(at("/a", 1).order(&at("/a", 0)), Some(Ordering::Greater));
        assert_eq!(at("/a", 0).order(&at("/a", 0)), None);
    }
}
