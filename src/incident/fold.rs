//! [`Incident`]: which part of the state an event goes to, and what can be read of it.

use super::action::Acts;
use super::audit::Audit;
use super::consumer::Consumers;
use super::health::Healths;
use super::latest::Latests;
use super::leak::Leaks;
use super::rotation::{Moved, Rotations};
use super::sample::Samples;
use super::source::Sources;
use super::usage::{Usage, Use};
use super::view::{
    Act, Applied, AuditLine, AuthSeries, Backend, Cache, Canary, Certificate, Consumer, Counts,
    EventRef, FoldedAlert, Health, Keyset, Leak, Lease, Quota, Rotation, Scan, SignalSeries, Tally,
    Window,
};
use crate::model::event::{AuditEntry, AuditOutcome, Operation};
use crate::model::{ConsumerId, Data, Event, RotationId, SecretPath, Timestamp};

/// All that is known, up to a moment. Cloning it shares its parts and costs next to nothing.
#[derive(Clone, Debug, Default)]
pub struct Incident {
    now: Option<Timestamp>,
    counts: Counts,
    /// The sum of what every event that was taken in is named by; the order cannot matter.
    sum: u64,
    sources: Sources,
    rotations: Rotations,
    consumers: Consumers,
    samples: Samples,
    latests: Latests,
    healths: Healths,
    acts: Acts,
    audit: Audit,
    leaks: Leaks,
    usage: Usage,
}

impl Incident {
    /// Takes one event in, in whatever order it arrives.
    pub fn apply(&mut self, event: &Event) -> Applied {
        self.tick(event.time);
        let (applied, hash) = self.sources.arrive(event);
        if applied == Applied::Duplicate {
            self.counts.duplicates += 1;
            return applied;
        }
        self.counts.events += 1;
        self.counts.late += u64::from(applied == Applied::Late);
        self.sum = self.sum.wrapping_add(mix(hash, event.time));
        self.take(event);
        applied
    }

    fn take(&mut self, event: &Event) {
        let named = event.rotation.as_ref();
        let name = || EventRef::of(event);
        match &event.data {
            Data::AuthSample(data) => self.samples.auth(name(), data),
            Data::CacheSample(data) => self.latests.cache(name(), data),
            Data::SignalSample(data) => self.samples.signal(name(), data),
            Data::QuotaSample(data) => self.samples.quota(name(), data),
            Data::CanarySample(data) => self.samples.canary(name(), data),
            Data::ConsumerVersion(data) => {
                self.consumers.told(name(), data);
                if let Some(id) = named {
                    let moved = self.rotations.candidate(event, id, &data.version);
                    self.join_acts(id, moved);
                }
            }
            Data::AuditEntry(data) => {
                self.usage.told(event, data);
                self.audit.told(name(), named, data);
                if let (Some(id), Some(version)) = (named, &data.version)
                    && touches(data)
                {
                    let moved = self.rotations.candidate(event, id, version);
                    self.join_acts(id, moved);
                }
            }
            Data::RotationStarted(data) => {
                self.consumers.named(&name(), &data.secret, &data.consumers);
                self.take_rotation(event);
            }
            Data::RotationStage(_) | Data::RotationGrace(_) | Data::RotationFinished(_) => {
                self.take_rotation(event);
            }
            Data::ServiceHealth(data) => self.healths.told(name(), data),
            Data::LeakFinding(data) => self.leaks.told(name(), data),
            Data::ScanCompleted(data) => self.latests.scan(name(), data),
            Data::KeysetObserved(data) => self.latests.keyset(name(), data),
            Data::LeaseObserved(data) => self.latests.lease(name(), data),
            Data::CertificateObserved(data) => self.latests.certificate(name(), data),
            Data::WindowPlanned(data) => self.latests.window(name(), data),
            Data::Alert(data) => self.latests.alert(name(), data),
            Data::Action(data) => {
                let act = self.acts.told(name(), named, data);
                self.join_act(act);
            }
            Data::BackendStatus(data) => self.sources.status(name(), data),
            Data::Other(_) => self.counts.unknown += 1,
        }
    }

    /// An event of a rotation: its id is `rotationid`, else the subject.
    fn take_rotation(&mut self, event: &Event) {
        let subject;
        let id = match (&event.rotation, &event.subject) {
            (Some(id), _) => id,
            (None, Some(words)) => {
                subject = RotationId(words.clone());
                &subject
            }
            (None, None) => return,
        };
        let moved = self.rotations.apply(event, id);
        self.join_acts(id, moved);
    }

    /// Finds anew the rotations of the acts that this id or these secrets are the target of.
    fn join_acts(&mut self, id: &RotationId, moved: Option<Moved>) {
        let Some(moved) = moved.filter(|_| !self.acts.is_empty()) else {
            return;
        };
        let secrets = [&moved.from, &moved.to].map(|secret| secret.as_ref().map(SecretPath::raw));
        for act in self.acts.about(id.raw(), secrets) {
            self.join_act(act);
        }
    }

    /// Finds the rotation that an act belongs to: the one named, else the one whose id is its
    /// target, else the latest at that time of the secret that is its target.
    fn join_act(&mut self, act: u32) {
        let Some(belongs) = self.acts.belongs(act) else {
            return;
        };
        let rotations = &self.rotations;
        let (row, id) = if let Some(named) = belongs.named {
            (rotations.by_id(named.raw()), Some(named.clone()))
        } else {
            let row = rotations
                .by_id(belongs.target)
                .or_else(|| rotations.of_secret(belongs.target, belongs.at));
            let told = row.and_then(|row| rotations.told(row));
            (row, told.map(|told| told.id.clone()))
        };
        let before = self.acts.join(act, row, id);
        for row in before.into_iter().chain(row) {
            self.rotations.look_again(row);
        }
    }

    /// Lets time pass to `now` without an event.
    pub fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(Some(now));
    }

    /// The latest moment of any event or tick; `None` before the first.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        self.now
    }

    /// How many events came, and how.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Changes whenever anything that can be seen changes; equal values mean equal state. It is
    /// a hash of what was taken in, so it is the same whatever the order, and good for telling
    /// two states of one process apart, not for writing down.
    #[must_use]
    pub fn generation(&self) -> u64 {
        let now = self.now.unwrap_or_default();
        mix(self.sum, now).wrapping_add(mix(self.counts.duplicates, Timestamp::default()))
    }

    /// Every rotation once, however many ids it is told under, in the order of ids.
    pub fn rotations(&self) -> impl Iterator<Item = &Rotation> {
        self.rotations.canons().map(|told| self.show(told))
    }

    fn show<'a>(&'a self, told: &'a super::told::Told) -> &'a Rotation {
        self.rotations.show(told, |canon| {
            self.acts.steps(|row| {
                let of = self.rotations.told(row);
                of.is_some_and(|of| of.canon == canon)
            })
        })
    }

    /// How many [`Self::rotations`] there are.
    #[must_use]
    pub fn rotation_count(&self) -> usize {
        self.rotations.count()
    }

    /// The rotation under its id or an alias.
    #[must_use]
    pub fn rotation(&self, id: &RotationId) -> Option<&Rotation> {
        let row = self.rotations.by_id(id.raw())?;
        let canon = self.rotations.told(row)?.canon;
        Some(self.show(self.rotations.told(canon)?))
    }

    /// The id under which the rotation with this id, or alias, is shown. Costs next to nothing,
    /// where [`Self::rotation`] may have to put together anew what is shown.
    #[must_use]
    pub fn canonical(&self, id: &RotationId) -> Option<&RotationId> {
        let row = self.rotations.by_id(id.raw())?;
        let canon = self.rotations.told(row)?.canon;
        Some(&self.rotations.told(canon)?.id)
    }

    /// The secret of the rotation with this id, or alias; as cheap as [`Self::canonical`].
    #[must_use]
    pub fn secret_of(&self, id: &RotationId) -> Option<&SecretPath> {
        let row = self.rotations.by_id(id.raw())?;
        let canon = self.rotations.told(row)?.canon;
        let stands = self.rotations.told(canon)?.stands.as_ref();
        stands.map(|(secret, _)| secret)
    }

    /// The consumers of a secret, by name.
    pub fn consumers<'a>(&'a self, secret: &SecretPath) -> impl Iterator<Item = &'a Consumer> {
        self.consumers.of(secret)
    }

    /// One consumer of a secret.
    #[must_use]
    pub fn consumer(&self, secret: &SecretPath, consumer: &ConsumerId) -> Option<&Consumer> {
        self.consumers.one(secret, consumer)
    }

    /// How many consumers of a rotation are on which version, in all and by region.
    #[must_use]
    pub fn tally(&self, rotation: &Rotation) -> Tally {
        self.consumers.tally(rotation)
    }

    /// Every service, region and secret that authentications were counted for, in that order.
    pub fn auth(&self) -> impl Iterator<Item = &AuthSeries> {
        self.samples.auths()
    }

    /// Every canary comparison, by service and region.
    pub fn canaries(&self) -> impl Iterator<Item = &Canary> {
        self.samples.all_canaries()
    }

    /// Every other counted signal, by signal, service, region and secret.
    pub fn signals(&self) -> impl Iterator<Item = &SignalSeries> {
        self.samples.all_signals()
    }

    /// Every API quota, by API and region.
    pub fn quotas(&self) -> impl Iterator<Item = &Quota> {
        self.samples.all_quotas()
    }

    /// Every cache, by service, region and secret.
    pub fn caches(&self) -> impl Iterator<Item = &Cache> {
        self.latests.caches()
    }

    /// Every key set, by endpoint.
    pub fn keysets(&self) -> impl Iterator<Item = &Keyset> {
        self.latests.keysets()
    }

    /// Every certificate, by endpoint and region.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.latests.certificates()
    }

    /// Every lease, by its name. A member that its latest word leaves out is as last told.
    pub fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.latests.leases()
    }

    /// Every maintenance window, by start.
    pub fn windows(&self) -> impl Iterator<Item = &Window> {
        self.latests.windows()
    }

    /// Every backend, by name.
    pub fn backends(&self) -> impl Iterator<Item = &Backend> {
        self.sources.backends()
    }

    /// Every responder's act, by the time it was first told.
    pub fn acts(&self) -> impl Iterator<Item = &Act> {
        self.acts.iter()
    }

    /// Every service's health, by service and region.
    pub fn health(&self) -> impl Iterator<Item = &Health> {
        self.healths.iter()
    }

    /// Other systems' alerts, by name and service.
    pub fn alerts(&self) -> impl Iterator<Item = &FoldedAlert> {
        self.latests.alerts()
    }

    /// Leak findings, by time.
    pub fn leaks(&self) -> impl Iterator<Item = &Leak> {
        self.leaks.iter()
    }

    /// Scans, by detector and repository.
    pub fn scans(&self) -> impl Iterator<Item = &Scan> {
        self.latests.scans()
    }

    /// Every rotation of a secret, by the time it was first told of.
    #[must_use]
    pub fn rotations_of<'a>(
        &'a self,
        secret: &SecretPath,
    ) -> impl DoubleEndedIterator<Item = &'a Rotation> {
        self.rotations.in_line(secret).map(|told| self.show(told))
    }

    /// Whom the audit logs allowed to use a secret, by name and by what they did; each once; at
    /// most [`super::READERS_KEPT`] readers, and [`super::USES_KEPT`] of those who put versions
    /// there and of those who used it otherwise.
    pub fn uses<'a>(&'a self, secret: &SecretPath) -> impl Iterator<Item = &'a Use> {
        self.usage.of(secret)
    }

    /// Of whom of those some are no longer known.
    #[must_use]
    pub fn uses_forgotten(&self, secret: &SecretPath) -> super::Forgotten {
        self.usage.forgotten(secret)
    }

    /// Every secret that anything was told of, by name.
    #[must_use]
    pub fn secrets(&self) -> Vec<&SecretPath> {
        let rotated = self.rotations.secrets();
        let held = self.consumers.secrets();
        let leased = self.leases().filter_map(|lease| lease.seen.secret.as_ref());
        let served = self.certificates().filter_map(|c| c.seen.secret.as_ref());
        let used = self.usage.secrets();
        let mut all: Vec<&SecretPath> = rotated
            .chain(held)
            .chain(used)
            .chain(leased)
            .chain(served)
            .collect();
        // They come in a few runs that are in order already.
        all.sort();
        all.dedup();
        all
    }

    /// A number that another incident has too only where the rotations, consumers and uses of a
    /// secret are the same there. It is told by where they lie in memory: the two must both be
    /// alive, and one have grown out of a clone of the other.
    #[must_use]
    pub fn stamp(&self, secret: &SecretPath) -> u64 {
        let lie = self.rotations.places(secret);
        let lie = lie.chain([self.consumers.place(secret), self.usage.place(secret)]);
        lie.fold(0, |sum: u64, at| {
            (sum.rotate_left(7) ^ at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        })
    }

    /// What was audited about a secret under no rotation's id, latest last; at most
    /// [`super::AUDIT_KEPT`] lines.
    #[must_use]
    pub fn audit_of<'a>(
        &'a self,
        secret: &'a SecretPath,
    ) -> impl DoubleEndedIterator<Item = &'a AuditLine> {
        self.audit.of(std::iter::empty(), Some(secret.raw()))
    }

    /// What was audited about a rotation (its id or an alias) or else about its secret, latest
    /// last; at most [`super::AUDIT_KEPT`] lines.
    pub fn audit<'a>(
        &'a self,
        rotation: &'a Rotation,
    ) -> impl DoubleEndedIterator<Item = &'a AuditLine> {
        let ids = std::iter::once(&rotation.id).chain(&rotation.aliases);
        let secret = rotation.secret.as_ref().map(SecretPath::raw);
        self.audit.of(ids, secret)
    }

    /// What was audited about anything, latest last; at most [`super::AUDIT_KEPT`] lines.
    #[must_use]
    pub fn audit_all(&self) -> impl DoubleEndedIterator<Item = &AuditLine> {
        self.audit.all()
    }
}

/// Equal in everything that can be read.
impl PartialEq for Incident {
    fn eq(&self, other: &Self) -> bool {
        self.counts == other.counts && self.same_state(other)
    }
}

impl Incident {
    /// Equal in everything that can be read but the counts of how events came: duplicates leave
    /// this equal.
    #[must_use]
    pub fn same_state(&self, other: &Self) -> bool {
        self.now == other.now
            && self.sum == other.sum
            && self.rotation_count() == other.rotation_count()
            && self.rotations().eq(other.rotations())
            && self.rotations().all(|r| self.audit(r).eq(other.audit(r)))
            && self.consumers.all().eq(other.consumers.all())
            && self.auth().eq(other.auth())
            && self.canaries().eq(other.canaries())
            && self.signals().eq(other.signals())
            && self.quotas().eq(other.quotas())
            && self.caches().eq(other.caches())
            && self.keysets().eq(other.keysets())
            && self.certificates().eq(other.certificates())
            && self.leases().eq(other.leases())
            && self.windows().eq(other.windows())
            && self.backends().eq(other.backends())
            && self.acts().eq(other.acts())
            && self.health().eq(other.health())
            && self.alerts().eq(other.alerts())
            && self.leaks().eq(other.leaks())
            && self.scans().eq(other.scans())
            && self.audit_all().eq(other.audit_all())
            && self.usage.all().eq(other.usage.all())
    }
}

/// True for an audited call that shows a version which a rotation brings: it made it or got it.
fn touches(entry: &AuditEntry) -> bool {
    entry.outcome == AuditOutcome::Allowed
        && matches!(
            entry.operation,
            Operation::Create | Operation::Update | Operation::Rotate | Operation::Read
        )
}

/// Spreads a hash over all bits, with a time in it.
fn mix(hash: u64, time: Timestamp) -> u64 {
    let seconds = time.seconds().cast_unsigned();
    let time = seconds.rotate_left(30) ^ u64::from(time.nanos());
    let mut x = hash ^ time.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
