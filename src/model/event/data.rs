//! The payloads, one struct a type. What an emitter cannot know is absent, so most members are
//! optional even where the contract gives no `?`.

use std::fmt;

use serde::de::{self, Deserializer, IgnoredAny, Visitor};
use serde::{Deserialize, Serialize};

use super::words::{
    ActionPhase, AlertStatus, AuditOutcome, BackendState, Cohort, ConsumerState, LeakConfidence,
    Operation, Outcome, Risk, SecretKind, Severity, Stage, StageStatus, Tier, Trigger,
};
use crate::model::id::{
    Actor, BackendName, ConsumerId, Endpoint, LeaseId, Region, SecretPath, ServiceName, Version,
};
use crate::model::text::Text;
use crate::model::time::Timestamp;

/// A number of whole seconds, 0 or more; a fraction in the input is rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Seconds(pub u64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Seconds;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds, 0 or more")
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Seconds, E> {
                Ok(Seconds(n))
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range is checked first"
            )]
            fn visit_f64<E: de::Error>(self, n: f64) -> Result<Seconds, E> {
                if (0.0..1e15).contains(&n) {
                    Ok(Seconds(n.round() as u64))
                } else {
                    Err(E::invalid_value(de::Unexpected::Float(n), &self))
                }
            }
        }
        deserializer.deserialize_any(Number)
    }
}

macro_rules! payloads {
    ($($(#[$doc:meta])* $name:ident = $kind:literal $(in $wrap:ident)? { $($(#[$fdoc:meta])* $field:ident : $ty:ty),* $(,)? })+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            pub struct $name { $($(#[$fdoc])* pub $field: $ty,)* }
        )+

        /// What an event says, by its type.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Data {
            $($(#[$doc])* $name(payloads!(@ty $name $($wrap)?)),)+
            /// A type that is not known here; its data is in [`super::Event::kept`].
            Other(Text),
        }

        impl Data {
            /// The event type, as it is written in `type`.
            #[must_use]
            pub fn type_name(&self) -> &str {
                match self {
                    $(Self::$name(_) => $kind,)+
                    Self::Other(kind) => kind.raw(),
                }
            }
        }

        impl Serialize for Data {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$name(data) => data.serialize(serializer),)+
                    Self::Other(_) => serializer.serialize_unit(),
                }
            }
        }

        $(impl From<$name> for Data {
            fn from(data: $name) -> Self {
                Self::$name(data.into())
            }
        })+

        /// True for a type that has a payload here.
        pub(super) fn is_known(kind: &str) -> bool {
            matches!(kind, $($kind)|+)
        }

        /// Reads the payload of an event of this type.
        pub(super) fn read<'de, D: Deserializer<'de>>(kind: &str, from: D) -> Result<Data, D::Error> {
            match kind {
                $($kind => $name::deserialize(from).map(Data::from),)+
                other => {
                    IgnoredAny::deserialize(from)?;
                    Ok(Data::Other(Text::from(other)))
                }
            }
        }
    };
    (@ty $name:ident) => { $name };
    (@ty $name:ident Box) => { Box<$name> };
}

/// A consumer as a rotation names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedConsumer {
    /// Its name.
    pub consumer: ConsumerId,
    /// The service it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// Where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// The names by which backends know it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Actor>,
}

payloads! {
    /// A rotation began.
    RotationStarted = "rotascope.rotation.started" in Box {
        /// The secret.
        secret: SecretPath,
        /// Its kind.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<SecretKind>,
        /// The version before it; null for a secret's first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from_version: Option<Version>,
        /// The version it brings.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to_version: Option<Version>,
        /// What started it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trigger: Option<Trigger>,
        /// Who answers for the secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<Text>,
        /// How much depends on it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tier: Option<Tier>,
        /// Where its consumers run.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        regions: Vec<Region>,
        /// How long old and new are both to be accepted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grace_seconds: Option<Seconds>,
        /// How often the secret is to be rotated (an addition to the contract).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cadence_seconds: Option<Seconds>,
        /// Whether old and new are both to be accepted until the revocation: a promise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dual_run: Option<bool>,
        /// Whether it was announced.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        planned: Option<bool>,
        /// The share of consumers that go first, 0 to 100.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        canary_percent: Option<f64>,
        /// Who uses the secret.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        consumers: Vec<NamedConsumer>,
        /// The services whose authentication depends on it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        services: Vec<ServiceName>,
        /// Whether the system that does it writes audit entries at all; absent is true.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        audit_expected: Option<bool>,
        /// Who asked for it (an addition to the contract).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
        /// The correlation id that its caller sent along (an addition to the contract).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        correlation: Option<Text>,
    }
    /// A stage of a rotation moved.
    RotationStage = "rotascope.rotation.stage" {
        /// Which.
        stage: Stage,
        /// How.
        status: StageStatus,
        /// Which try it is, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempt: Option<u32>,
        /// In one region only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<Region>,
        /// In one wave only, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wave: Option<u32>,
        /// How much of it is done, 0 to 100.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        percent: Option<f64>,
        /// Whether an audit entry belongs to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        audit_expected: Option<bool>,
        /// What went wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Text>,
    }
    /// The end of the grace period was set or moved.
    RotationGrace = "rotascope.rotation.grace" {
        /// When the old version is to be revoked.
        ends_at: Timestamp,
        /// By how much it was moved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        extended_seconds: Option<Seconds>,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Text>,
        /// By whom.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
    }
    /// A rotation ended.
    RotationFinished = "rotascope.rotation.finished" {
        /// How.
        outcome: Outcome,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Text>,
    }
    /// A consumer holds a version of a secret.
    ConsumerVersion = "rotascope.consumer.version" {
        /// Who.
        consumer: ConsumerId,
        /// Its service.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<ServiceName>,
        /// Where it runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<Region>,
        /// Of what.
        secret: SecretPath,
        /// Which.
        version: Version,
        /// How far it is with it.
        state: ConsumerState,
        /// What went wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Text>,
        /// From the new version's store to this state, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        latency_ms: Option<f64>,
        /// The names by which backends know it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        identities: Vec<Actor>,
    }
    /// Authentications counted over a window that ends at the event's time.
    AuthSample = "rotascope.auth.sample" {
        /// Whose.
        service: ServiceName,
        /// Where.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<Region>,
        /// With which secret, where the source can tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<SecretPath>,
        /// The window's length.
        window_seconds: Seconds,
        /// All attempts.
        total: u64,
        /// Refused for want of a valid credential.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed_401: Option<u64>,
        /// Refused for want of permission.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed_403: Option<u64>,
        /// Failed for other reasons; no auth failures.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed_other: Option<u64>,
    }
    /// Any other counted signal.
    SignalSample = "rotascope.signal.sample" {
        /// Which: `decrypt`, `jwks-fetch`, `token-exchange`, `tunnel`, `pod-restart`, …
        signal: Text,
        /// Whose.
        service: ServiceName,
        /// Where.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<Region>,
        /// With which secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<SecretPath>,
        /// The window's length.
        window_seconds: Seconds,
        /// All.
        total: u64,
        /// Those that went wrong.
        bad: u64,
    }
    /// Calls of a provider's API counted against its quota.
    QuotaSample = "rotascope.quota.sample" {
        /// Which API.
        api: Text,
        /// Where.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<Region>,
        /// The window's length.
        window_seconds: Seconds,
        /// All calls.
        total: u64,
        /// Those refused with HTTP 429 or the provider's equivalent.
        throttled: u64,
    }
    /// One side of a canary comparison over a window.
    CanarySample = "rotascope.canary.sample" {
        /// Whose.
        service: ServiceName,
        /// Where.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<Region>,
        /// Which side.
        cohort: Cohort,
        /// The window's length.
        window_seconds: Seconds,
        /// All requests.
        total: u64,
        /// Failed requests.
        errors: u64,
        /// The 99th percentile of latency, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        p99_ms: Option<f64>,
    }
    /// What a cache of secrets says of itself.
    CacheSample = "rotascope.cache.sample" {
        /// Whose.
        service: ServiceName,
        /// Where.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<Region>,
        /// Of which secret.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<SecretPath>,
        /// The share of look-ups answered from the cache, 0 to 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hit_ratio: Option<f64>,
        /// The age of its oldest entry.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        oldest_entry_seconds: Option<Seconds>,
    }
    /// A service is up or down.
    ServiceHealth = "rotascope.service.health" {
        /// Which.
        service: ServiceName,
        /// Where.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<Region>,
        /// Whether it is up.
        up: bool,
        /// Why not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Text>,
    }
    /// A call that a backend audited.
    AuditEntry = "rotascope.audit.entry" in Box {
        /// Who called.
        actor: Actor,
        /// What was done.
        operation: Operation,
        /// On what, in the backend's words.
        path: Text,
        /// The secret that the path belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<SecretPath>,
        /// The version concerned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<Version>,
        /// How it ended.
        outcome: AuditOutcome,
        /// From where.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remote_addr: Option<Text>,
        /// With what program.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user_agent: Option<Text>,
        /// What went wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Text>,
        /// The lifecycle stage that it records.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<Stage>,
    }
    /// A scanner found a secret where none should be.
    LeakFinding = "rotascope.leak.finding" in Box {
        /// Which scanner.
        detector: Text,
        /// Which of its rules.
        rule: Text,
        /// Where.
        location: Text,
        /// Which secret, where it can tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<SecretPath>,
        /// How sure it is.
        confidence: LeakConfidence,
        /// A keyed hash of what it found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fingerprint: Option<Text>,
    }
    /// A scan ended: tells zero from unscanned.
    ScanCompleted = "rotascope.scan.completed" {
        /// Which scanner.
        detector: Text,
        /// What it read.
        repository: Text,
        /// At which revision.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<Text>,
        /// How much it found.
        findings: u64,
    }
    /// The keys that an endpoint serves.
    KeysetObserved = "rotascope.keyset.observed" {
        /// Which endpoint.
        endpoint: Endpoint,
        /// The ids of its keys.
        kids: Vec<Version>,
        /// The one that signs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        current: Option<Version>,
    }
    /// A lease of an ephemeral credential.
    LeaseObserved = "rotascope.lease.observed" in Box {
        /// Which.
        lease: LeaseId,
        /// Of what.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<SecretPath>,
        /// Whose.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        consumer: Option<ConsumerId>,
        /// Since when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issued_at: Option<Timestamp>,
        /// Until when; at or before the event's time where it was revoked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
        /// Whether it can be prolonged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        renewable: Option<bool>,
    }
    /// A certificate that an endpoint serves.
    CertificateObserved = "rotascope.certificate.observed" in Box {
        /// Which endpoint.
        endpoint: Endpoint,
        /// Whom it names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<Text>,
        /// Who signed it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<Text>,
        /// Its number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        serial: Option<Text>,
        /// Valid from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_before: Option<Timestamp>,
        /// Valid until.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        not_after: Option<Timestamp>,
        /// Whether its chain verifies.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chain_ok: Option<bool>,
        /// The secret that it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<SecretPath>,
        /// The version that it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<Version>,
        /// Where.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<Region>,
        /// What went wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Text>,
    }
    /// A maintenance window.
    WindowPlanned = "rotascope.window.planned" in Box {
        /// Its name.
        window: Text,
        /// From.
        starts_at: Timestamp,
        /// Until.
        ends_at: Timestamp,
        /// Whose.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<Text>,
        /// For which services; empty is all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        services: Vec<ServiceName>,
        /// For which secrets; empty is all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        secrets: Vec<SecretPath>,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Text>,
    }
    /// An alert of another system.
    Alert = "rotascope.alert" in Box {
        /// Which.
        alert: Text,
        /// How it stands.
        status: AlertStatus,
        /// Whom it wakes.
        severity: Severity,
        /// Of which service.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<ServiceName>,
        /// Whose.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        owner: Option<Text>,
        /// What it says.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        summary: Option<Text>,
    }
    /// A responder's own act.
    Action = "rotascope.action" in Box {
        /// What.
        action: Text,
        /// How far it is.
        phase: ActionPhase,
        /// Whose.
        actor: Actor,
        /// On what.
        target: Text,
        /// How much it can break.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        risk: Option<Risk>,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Text>,
        /// Of which incident.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        incident: Option<Text>,
        /// Names the act once, over all its phases.
        idempotency_key: Text,
        /// Until when it holds, where it ends by itself (`silence`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// Who approved it, where a second person did.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        approved_by: Vec<Actor>,
        /// Whether the actor's own key signed it; false where a bearer token asked for it in
        /// that name. Absent where nobody said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<bool>,
        /// What went wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Text>,
    }
    /// How a backend is reached.
    BackendStatus = "rotascope.backend.status" {
        /// The `source` it speaks for.
        backend: BackendName,
        /// How it is reached.
        state: BackendState,
        /// How far it is behind, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lag_ms: Option<f64>,
        /// What is wrong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Text>,
    }
}

impl Data {
    /// True where a word of an open vocabulary is not known here.
    #[must_use]
    pub(super) fn has_unknown_words(&self) -> bool {
        match self {
            Self::RotationStarted(d) => {
                matches!(d.kind, Some(SecretKind::Other(_)))
                    || matches!(d.trigger, Some(Trigger::Other(_)))
                    || matches!(d.tier, Some(Tier::Other(_)))
            }
            Self::RotationStage(d) => {
                matches!(d.stage, Stage::Other(_)) || matches!(d.status, StageStatus::Other(_))
            }
            Self::RotationFinished(d) => matches!(d.outcome, Outcome::Other(_)),
            Self::ConsumerVersion(d) => matches!(d.state, ConsumerState::Other(_)),
            Self::CanarySample(d) => matches!(d.cohort, Cohort::Other(_)),
            Self::AuditEntry(d) => {
                matches!(d.operation, Operation::Other(_))
                    || matches!(d.outcome, AuditOutcome::Other(_))
                    || matches!(d.stage, Some(Stage::Other(_)))
            }
            Self::LeakFinding(d) => matches!(d.confidence, LeakConfidence::Other(_)),
            Self::Alert(d) => {
                matches!(d.status, AlertStatus::Other(_))
                    || matches!(d.severity, Severity::Other(_))
            }
            Self::Action(d) => {
                matches!(d.phase, ActionPhase::Other(_)) || matches!(d.risk, Some(Risk::Other(_)))
            }
            Self::BackendStatus(d) => matches!(d.state, BackendState::Other(_)),
            Self::Other(_) => true,
            _ => false,
        }
    }
}
