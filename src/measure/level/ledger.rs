//! What the levels need of single events and the incident does not keep: which tries failed, who
//! got a version when, what was scanned, which minutes were watched.
//!
//! Everything is kept under the event that told it, or as a set: taking an event twice, or two in
//! the other order, gives the same. What is kept grows with rotations, consumers and minutes in a
//! row, not with samples; [`Ledger::forget`] lets go of what is older than any window.

use std::collections::{BTreeMap, HashMap};

use super::minutes::{Minutes, minute_of};
use crate::incident::EventRef;
use crate::measure::throttling::is_throttling;
use crate::model::event::{
    AuditEntry, AuthSample, BackendState, ConsumerState, ConsumerVersion, LeakConfidence, Outcome,
    QuotaSample, RotationStage, Stage, StageStatus,
};
use crate::model::{
    ConsumerId, Data, Event, Region, RotationId, SecretPath, ServiceName, Source, Text, Timestamp,
    Version,
};

/// A word about a stage of a rotation.
#[derive(Clone, Debug)]
pub(super) struct StageWord {
    pub(super) rotation: RotationId,
    pub(super) stage: Stage,
    pub(super) status: StageStatus,
    pub(super) region: Option<Region>,
    pub(super) audit_expected: Option<bool>,
    /// True where it failed because it was too fast.
    pub(super) throttled: bool,
}

/// An audit entry that records a stage.
#[derive(Clone, Debug)]
pub(super) struct StageEntry {
    pub(super) rotation: Option<RotationId>,
    pub(super) secret: Option<SecretPath>,
    pub(super) version: Option<Version>,
    pub(super) stage: Stage,
}

/// When a consumer was first told to be on a version, and how long that took, in seconds from
/// the version's store, where told.
pub(super) type OnNew = Option<(EventRef, Option<f64>)>;

/// The consumers that a version came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Reached {
    pub(super) consumers: BTreeMap<ConsumerId, OnNew>,
    /// When anything was last told of it.
    last: Timestamp,
}

/// A look at a repository.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) detector: Text,
    pub(super) repository: Text,
    pub(super) findings: u64,
}

/// Which secret a detector found: by its fingerprint, else by rule and place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Fingerprint(Text),
    Place(Text, Text),
}

/// A secret that a detector found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) detector: Text,
    pub(super) what: What,
    pub(super) secret: Option<SecretPath>,
    pub(super) confirmed: bool,
}

/// The minutes of one quota.
#[derive(Clone, Debug, Default)]
pub(super) struct QuotaMinutes {
    pub(super) watched: Minutes,
    pub(super) throttled: Minutes,
}

/// The minutes of each region under a name; a region that is not told is one of its own.
pub(super) type ByRegion<M> = BTreeMap<Option<Region>, M>;

/// What the levels rest on beside the incident. Give it the events that the incident took in.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub(super) stages: BTreeMap<EventRef, StageWord>,
    pub(super) outcomes: BTreeMap<EventRef, (RotationId, Outcome)>,
    pub(super) entries: BTreeMap<EventRef, StageEntry>,
    pub(super) looks: BTreeMap<EventRef, Look>,
    pub(super) found: BTreeMap<EventRef, Found>,
    /// Whether a backend was connected, as told, by the source that it speaks for.
    pub(super) connected: BTreeMap<Source, BTreeMap<EventRef, bool>>,
    pub(super) updates: BTreeMap<(SecretPath, Version), Reached>,
    pub(super) auth: HashMap<ServiceName, ByRegion<Minutes>>,
    pub(super) quotas: HashMap<Text, ByRegion<QuotaMinutes>>,
}

impl Ledger {
    /// Takes an event in, in whatever order it arrives.
    pub fn take(&mut self, event: &Event) {
        match &event.data {
            Data::AuthSample(data) => self.auth(event.time, data),
            Data::QuotaSample(data) => self.quota(event.time, data),
            Data::ConsumerVersion(data) => self.consumer(event, data),
            Data::AuditEntry(data) => self.entry(event, data),
            Data::RotationStage(data) => self.stage(event, data),
            Data::RotationFinished(data) => {
                if let Some(id) = id_of(event) {
                    let outcome = (id, data.outcome.clone());
                    self.outcomes.insert(EventRef::of(event), outcome);
                }
            }
            Data::ScanCompleted(data) => {
                let look = Look {
                    detector: data.detector.clone(),
                    repository: data.repository.clone(),
                    findings: data.findings,
                };
                self.looks.insert(EventRef::of(event), look);
            }
            Data::LeakFinding(data) => {
                let found = Found {
                    detector: data.detector.clone(),
                    what: match &data.fingerprint {
                        Some(fingerprint) => What::Fingerprint(fingerprint.clone()),
                        None => What::Place(data.rule.clone(), data.location.clone()),
                    },
                    secret: data.secret.clone(),
                    confirmed: data.confidence == LeakConfidence::Confirmed,
                };
                self.found.insert(EventRef::of(event), found);
            }
            Data::BackendStatus(data) => {
                let told = self.connected.entry(Source::from(data.backend.raw()));
                let is = data.state == BackendState::Connected;
                told.or_default().insert(EventRef::of(event), is);
            }
            _ => {}
        }
    }

    fn auth(&mut self, end: Timestamp, data: &AuthSample) {
        let regions = self.auth.entry(data.service.clone()).or_default();
        let minutes = regions.entry(data.region.clone()).or_default();
        minutes.add_window(end, data.window_seconds.0);
    }

    fn quota(&mut self, end: Timestamp, data: &QuotaSample) {
        let regions = self.quotas.entry(data.api.clone()).or_default();
        let minutes = regions.entry(data.region.clone()).or_default();
        minutes.watched.add_window(end, data.window_seconds.0);
        if data.throttled > 0 {
            minutes.throttled.add_window(end, data.window_seconds.0);
        }
    }

    fn consumer(&mut self, event: &Event, data: &ConsumerVersion) {
        let key = (data.secret.clone(), data.version.clone());
        let reached = self.updates.entry(key).or_default();
        reached.last = reached.last.max(event.time);
        let held = reached.consumers.entry(data.consumer.clone()).or_default();
        if !matches!(data.state, ConsumerState::Validated | ConsumerState::InUse) {
            return;
        }
        let this = EventRef::of(event);
        if held.as_ref().is_none_or(|(first, _)| this < *first) {
            let latency = data.latency_ms.filter(|ms| ms.is_finite() && *ms >= 0.0);
            *held = Some((this, latency.map(|ms| ms / 1000.0)));
        }
    }

    fn entry(&mut self, event: &Event, data: &AuditEntry) {
        if let Some(stage) = &data.stage {
            let entry = StageEntry {
                rotation: event.rotation.clone(),
                secret: data.secret.clone(),
                version: data.version.clone(),
                stage: stage.clone(),
            };
            self.entries.insert(EventRef::of(event), entry);
        }
    }

    fn stage(&mut self, event: &Event, data: &RotationStage) {
        let Some(rotation) = id_of(event) else { return };
        let error = data.error.as_ref().map_or("", Text::raw);
        let word = StageWord {
            rotation,
            stage: data.stage.clone(),
            status: data.status.clone(),
            region: data.region.clone(),
            audit_expected: data.audit_expected,
            throttled: data.status == StageStatus::Failed && is_throttling(error),
        };
        self.stages.insert(EventRef::of(event), word);
    }

    /// Lets go of what was told before a moment. A live session calls it now and then with its
    /// time less [`super::Objectives::longest`].
    pub fn forget(&mut self, before: Timestamp) {
        let edge = EventRef {
            time: before,
            source: Source::from(""),
            id: crate::model::EventId::from(""),
        };
        self.stages = self.stages.split_off(&edge);
        self.outcomes = self.outcomes.split_off(&edge);
        self.entries = self.entries.split_off(&edge);
        self.looks = self.looks.split_off(&edge);
        self.found = self.found.split_off(&edge);
        for told in self.connected.values_mut() {
            // The last word before the edge still holds after it.
            let last = told.range(..&edge).next_back();
            let last = last.map(|(event, is)| (event.clone(), *is));
            *told = told.split_off(&edge);
            told.extend(last);
        }
        self.updates.retain(|_, reached| reached.last >= before);
        let before = minute_of(before);
        for regions in self.auth.values_mut() {
            for minutes in regions.values_mut() {
                minutes.forget(before);
            }
            regions.retain(|_, minutes| !minutes.is_empty());
        }
        for regions in self.quotas.values_mut() {
            for minutes in regions.values_mut() {
                minutes.watched.forget(before);
                minutes.throttled.forget(before);
            }
            regions.retain(|_, minutes| !minutes.watched.is_empty());
        }
    }
}

/// The rotation that a rotation's own event tells of: `rotationid`, else the subject.
fn id_of(event: &Event) -> Option<RotationId> {
    let subject = || event.subject.clone().map(RotationId);
    event.rotation.clone().or_else(subject)
}
