//! Caches that keep entries older than a cutover.

use std::collections::BTreeSet;

use super::map::Map;
use crate::incident::{EventRef, TIE};
use crate::model::event::CacheSample;
use crate::model::{Event, Region, SecretPath, ServiceName, Span, Timestamp};
/// Fewer samples than this say nothing of how old a cache's entries usually become.
const ENOUGH: u32 = 3;

/// A cache that answers less than this share by itself cannot explain failures.
const HIGH: f64 = 0.5;

/// What a cache is usually like, and is.
#[derive(Debug, Clone)]
struct Cache {
    region: Option<Region>,
    secret: Option<SecretPath>,
    /// The greatest age of an entry in samples before the latest, slowly forgotten, in seconds.
    usual: f64,
    seen: u32,
    latest: Option<Latest>,
}

#[derive(Debug, Clone)]
struct Latest {
    event: EventRef,
    oldest: f64,
    hits: f64,
    /// What was usual before it.
    usual: f64,
    seen: u32,
}

/// Every cache by its service.
#[derive(Debug, Default)]
pub(super) struct Caches {
    of: Map<ServiceName, Vec<Cache>>,
}

/// A cache that keeps what a cutover should have ended.
#[derive(Clone, Debug)]
pub(super) struct Stale {
    pub(super) event: EventRef,
    pub(super) region: Option<Region>,
    /// The age of its oldest entry, in seconds.
    pub(super) oldest: f64,
}

impl Caches {
    /// Takes a sample in.
    pub(super) fn observe(&mut self, event: &Event, sample: &CacheSample) {
        let Some(oldest) = sample.oldest_entry_seconds else {
            return;
        };
        if !self.of.contains_key(&sample.service) {
            self.of.insert(sample.service.clone(), Vec::new());
        }
        let Some(caches) = self.of.get_mut(&sample.service) else {
            return;
        };
        let same = |c: &&mut Cache| c.region == sample.region && c.secret == sample.secret;
        if !caches.iter_mut().any(|c| same(&c)) {
            caches.push(Cache {
                region: sample.region.clone(),
                secret: sample.secret.clone(),
                usual: 0.0,
                seen: 0,
                latest: None,
            });
        }
        let Some(cache) = caches.iter_mut().find(same) else {
            return;
        };
        if cache
            .latest
            .as_ref()
            .is_some_and(|l| event.time <= l.event.time)
        {
            return;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "an age in seconds is far below 2^52"
        )]
        let age = oldest.0 as f64;
        cache.latest = Some(Latest {
            event: EventRef::of(event),
            oldest: age,
            hits: sample.hit_ratio.unwrap_or(1.0),
            usual: cache.usual,
            seen: cache.seen,
        });
        // A maximum that is slowly forgotten; a cache that grows without end raises it last of all.
        if cache.seen < ENOUGH || age <= cache.usual * 1.2 {
            cache.usual = age.max(cache.usual * 0.995);
        } else {
            cache.usual *= 1.02;
        }
        cache.seen = cache.seen.saturating_add(1);
    }

    /// True where any cache of a service was told of since a moment.
    pub(super) fn is_reported(&self, service: &ServiceName, since: Timestamp) -> bool {
        self.told_since(service, since).next().is_some()
    }

    /// Those of the regions that no cache of a service was told of in since a moment.
    pub(super) fn unreported<'r>(
        &self,
        service: &ServiceName,
        regions: &'r BTreeSet<Region>,
        since: Timestamp,
    ) -> Vec<&'r Region> {
        let told = || self.told_since(service, since);
        // One that names no region may stand anywhere.
        if told().next().is_none() || told().any(|cache| cache.region.is_none()) {
            return Vec::new();
        }
        let here = |region: &&Region| told().any(|cache| cache.region.as_ref() == Some(region));
        regions.iter().filter(|region| !here(region)).collect()
    }

    fn told_since(&self, service: &ServiceName, since: Timestamp) -> impl Iterator<Item = &Cache> {
        let caches = self.of.get(service).into_iter().flatten();
        caches.filter(move |cache| cache.latest.as_ref().is_some_and(|l| l.event.time > since))
    }

    /// The caches of a service, of this secret if both name one, that still hold entries older
    /// than `cutover`: provably, since more time has passed than an entry usually lives, or since
    /// the entry is older than any was before.
    pub(super) fn stale(
        &self,
        service: &ServiceName,
        secret: Option<&SecretPath>,
        cutover: Timestamp,
    ) -> Vec<Stale> {
        let caches = self.of.get(service).into_iter().flatten();
        caches
            .filter(|cache| match (&cache.secret, secret) {
                (Some(of), Some(secret)) => of == secret,
                _ => true,
            })
            .filter_map(|cache| {
                let latest = cache.latest.as_ref()?;
                let passed = latest.event.time.since(cutover);
                let after = passed > TIE;
                let older = latest.oldest > seconds(passed + TIE);
                let (passed, oldest) = (seconds(passed), latest.oldest);
                let proven =
                    latest.seen >= ENOUGH && (passed > latest.usual || oldest > latest.usual * 1.2);
                (after && older && proven && latest.hits >= HIGH).then(|| Stale {
                    event: latest.event.clone(),
                    region: cache.region.clone(),
                    oldest: latest.oldest,
                })
            })
            .collect()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "spans of days are far below 2^52 microseconds"
)]
fn seconds(span: Span) -> f64 {
    span.as_micros() as f64 / 1e6
}
