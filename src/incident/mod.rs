//! The incident: a fold over events. [`Incident::apply`] is the only way its state changes;
//! replay, live and tests share it. It reads no clock: time is the time of events and of ticks.

mod view;

pub use view::*;

use crate::model::{ConsumerId, Event, RotationId, SecretPath, Timestamp};

/// All that is known, up to a moment. Cloning it shares its parts and costs next to nothing.
#[derive(Clone, Debug, Default)]
pub struct Incident {}

impl Incident {
    /// Takes one event in, in whatever order it arrives.
    pub fn apply(&mut self, _event: &Event) -> Applied {
        todo!()
    }

    /// Lets time pass to `now` without an event.
    pub fn tick(&mut self, _now: Timestamp) {
        todo!()
    }

    /// The latest moment of any event or tick; `None` before the first.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        None
    }

    /// How many events came, and how.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::default()
    }

    /// Changes whenever anything that can be seen changes; equal values mean equal state.
    #[must_use]
    pub fn generation(&self) -> u64 {
        0
    }

    /// Every rotation once, however many ids it is told under, in a stable order.
    pub fn rotations(&self) -> impl Iterator<Item = &Rotation> {
        std::iter::empty()
    }

    /// How many [`Self::rotations`] there are.
    #[must_use]
    pub fn rotation_count(&self) -> usize {
        0
    }

    /// The rotation under its id or an alias.
    #[must_use]
    pub fn rotation(&self, _id: &RotationId) -> Option<&Rotation> {
        None
    }

    /// The consumers of a secret, by name.
    pub fn consumers<'a>(&'a self, _secret: &SecretPath) -> impl Iterator<Item = &'a Consumer> {
        std::iter::empty()
    }

    /// One consumer of a secret.
    #[must_use]
    pub fn consumer(&self, _secret: &SecretPath, _consumer: &ConsumerId) -> Option<&Consumer> {
        None
    }

    /// How many consumers of a rotation are on which version, in all and by region.
    #[must_use]
    pub fn tally(&self, _rotation: &Rotation) -> Tally {
        Tally::default()
    }

    /// Every service, region and secret that authentications were counted for, in a stable order.
    pub fn auth(&self) -> impl Iterator<Item = &AuthSeries> {
        std::iter::empty()
    }

    /// Every canary comparison, in a stable order.
    pub fn canaries(&self) -> impl Iterator<Item = &Canary> {
        std::iter::empty()
    }

    /// Every other counted signal, in a stable order.
    pub fn signals(&self) -> impl Iterator<Item = &SignalSeries> {
        std::iter::empty()
    }

    /// Every API quota, in a stable order.
    pub fn quotas(&self) -> impl Iterator<Item = &Quota> {
        std::iter::empty()
    }

    /// Every cache, in a stable order.
    pub fn caches(&self) -> impl Iterator<Item = &Cache> {
        std::iter::empty()
    }

    /// Every key set, by endpoint.
    pub fn keysets(&self) -> impl Iterator<Item = &Keyset> {
        std::iter::empty()
    }

    /// Every certificate, by endpoint and region.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::empty()
    }

    /// Every lease, by its name.
    pub fn leases(&self) -> impl Iterator<Item = &Lease> {
        std::iter::empty()
    }

    /// Every maintenance window, by start.
    pub fn windows(&self) -> impl Iterator<Item = &Window> {
        std::iter::empty()
    }

    /// Every backend, by name.
    pub fn backends(&self) -> impl Iterator<Item = &Backend> {
        std::iter::empty()
    }

    /// Every responder's act, by the time it was first told.
    pub fn acts(&self) -> impl Iterator<Item = &Act> {
        std::iter::empty()
    }

    /// Every service's health, in a stable order.
    pub fn health(&self) -> impl Iterator<Item = &Health> {
        std::iter::empty()
    }

    /// Other systems' alerts, by name.
    pub fn alerts(&self) -> impl Iterator<Item = &FoldedAlert> {
        std::iter::empty()
    }

    /// Leak findings, by time.
    pub fn leaks(&self) -> impl Iterator<Item = &Leak> {
        std::iter::empty()
    }

    /// Scans, by detector and repository.
    pub fn scans(&self) -> impl Iterator<Item = &Scan> {
        std::iter::empty()
    }

    /// What was audited about a rotation (its id or an alias) or else about its secret, latest
    /// last; at most [`AUDIT_KEPT`] lines.
    pub fn audit<'a>(
        &'a self,
        _rotation: &Rotation,
    ) -> impl DoubleEndedIterator<Item = &'a AuditLine> {
        std::iter::empty()
    }

    /// What was audited about anything, latest last; at most [`AUDIT_KEPT`] lines.
    pub fn audit_all(&self) -> impl DoubleEndedIterator<Item = &AuditLine> {
        std::iter::empty()
    }
}
