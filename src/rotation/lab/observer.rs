//! Monitoring: at the end of every window it reads the counters of the lab's sockets and writes
//! what they say. It writes nothing that was not counted.

use std::collections::HashMap;

use super::authority::Authority;
use super::cache::Cache;
use super::record::Record;
use super::service::{Health, Service};
use super::sink::Sink;
use super::traffic::{Seen, Tally};
use crate::model::event::{
    AuthSample, BackendState, BackendStatus, CacheSample, CanarySample, Cohort, QuotaSample,
    Seconds, ServiceHealth, SignalSample,
};
use crate::model::{BackendName, Data, Event, ServiceName, Span, Text, Timestamp};
use crate::rotation::Clock;

const METRICS: &str = "/lab/prometheus";

/// A service is called down where more than this share of a window's requests was refused, of at
/// least [`FEW`].
const DOWN: f64 = 0.5;
const FEW: u64 = 10;

/// What is watched.
pub(super) struct Observer {
    /// The length of a window, in seconds of the lab.
    pub(super) window: u64,
    pub(super) services: Vec<(Service, Tally)>,
    pub(super) caches: Vec<Cache>,
    pub(super) authorities: Vec<Authority>,
    pub(super) sink: Sink,
    pub(super) clock: Clock,
    pub(super) record: Record,
}

/// What was read at the end of the window before.
#[derive(Default)]
struct Before {
    services: HashMap<String, Health>,
    quotas: HashMap<String, (u64, u64)>,
    caches: HashMap<String, (u64, u64)>,
    down: HashMap<String, bool>,
    sink: (u64, u64),
}

/// One window: its end and its length.
#[derive(Clone, Copy)]
struct Window {
    end: Timestamp,
    seconds: u64,
}

impl Observer {
    /// Watches until the lab ends.
    pub(super) async fn watch(self) {
        for backend in [METRICS, "/lab/audit", "/lab/scanner"] {
            self.connected(backend);
        }
        let mut before = Before::default();
        let mut begun = self.wait_for_end(None).await;
        self.read(None, &mut before);
        loop {
            let end = self.wait_for_end(Some(begun)).await;
            let seconds = u64::try_from(end.since(begun).as_seconds()).unwrap_or(self.window);
            self.read(Some(Window { end, seconds }), &mut before);
            begun = end;
        }
    }

    /// Waits for the end of the window, a multiple of its length since the epoch.
    async fn wait_for_end(&self, begun: Option<Timestamp>) -> Timestamp {
        let length = i64::try_from(self.window).unwrap_or(1).max(1);
        let now = self.clock.now();
        let whole = now.seconds().div_euclid(length).saturating_mul(length);
        let mut end = Timestamp::new(whole.saturating_add(length), 0);
        // Where reading took longer than a moment: the window that just ended, not the next.
        let last = Timestamp::new(whole, 0);
        if begun.is_some_and(|begun| last > begun) {
            end = last;
        }
        self.clock.sleep(end.since(now)).await;
        end
    }

    /// Reads all counters; tells what they rose by where a window ended.
    fn read(&self, window: Option<Window>, before: &mut Before) {
        for (service, tally) in &self.services {
            let key = service.log();
            let now = service.health();
            let was = before.services.insert(key.clone(), now).unwrap_or_default();
            let seen = tally.take();
            if let Some(window) = window {
                let total = now.total.saturating_sub(was.total);
                let failed = now.failed.saturating_sub(was.failed).min(total);
                self.auth(window, service, total, failed);
                self.canary(window, service, &seen);
                self.health(window, service, total, failed, &mut before.down);
            }
        }
        for authority in &self.authorities {
            let key = authority.secret().raw().to_owned();
            let (total, throttled) = authority.quota().counts();
            let was = before.quotas.insert(key, (total, throttled));
            if let (Some(window), Some(was)) = (window, was) {
                self.quota(window, authority, total - was.0, throttled - was.1);
            }
        }
        let (total, refused) = self.sink.counts();
        let was = std::mem::replace(&mut before.sink, (total, refused));
        if let Some(window) = window.filter(|_| total > was.0) {
            self.sink(window, total - was.0, refused - was.1);
        }
        for cache in &self.caches {
            let (service, region, _) = cache.place();
            let key = format!("{}/{}", service.raw(), region.raw());
            let (hits, misses, oldest) = cache.counts();
            let was = before.caches.insert(key, (hits, misses));
            if let (Some(window), Some(was)) = (window, was) {
                self.cache(window, cache, (hits - was.0, misses - was.1), oldest);
            }
        }
    }

    fn tell(&self, what: &str, place: &str, at: Timestamp, data: Data) {
        let id = format!("{what}/{place}/{at}");
        let subject = place.split('/').next().unwrap_or(place);
        let event = Event::new(METRICS, id, at, data);
        self.record.push(event.about(subject));
    }

    fn auth(&self, window: Window, service: &Service, total: u64, failed: u64) {
        let sample = AuthSample {
            service: service.name().clone(),
            region: Some(service.region().clone()),
            secret: Some(service.secret().clone()),
            window_seconds: Seconds(window.seconds),
            total,
            failed_401: Some(failed),
            failed_403: Some(0),
            failed_other: None,
        };
        self.tell("auth", &service.log(), window.end, sample.into());
    }

    /// While two versions are in use, the newest is the canary.
    fn canary(&self, window: Window, service: &Service, seen: &[Seen]) {
        let used: Vec<&Seen> = seen.iter().filter(|seen| seen.total > 0).collect();
        let (Some((newest, rest)), true) = (used.split_last(), used.len() > 1) else {
            return;
        };
        let side = |cohort: Cohort, seen: &[&Seen]| CanarySample {
            service: service.name().clone(),
            region: Some(service.region().clone()),
            cohort,
            window_seconds: Seconds(window.seconds),
            total: seen.iter().map(|s| s.total).sum(),
            errors: seen.iter().map(|s| s.errors).sum(),
            p99_ms: seen
                .iter()
                .filter_map(|s| s.p99_ms())
                .max_by(f64::total_cmp),
        };
        let sides = [
            ("canary", side(Cohort::Canary, &[*newest])),
            ("baseline", side(Cohort::Baseline, rest)),
        ];
        for (name, sample) in sides {
            self.tell(name, &service.log(), window.end, sample.into());
        }
    }

    /// Told at first and when it changes.
    fn health(
        &self,
        window: Window,
        service: &Service,
        total: u64,
        failed: u64,
        down: &mut HashMap<String, bool>,
    ) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts of a window are far below 2^52"
        )]
        let share = failed as f64 / total.max(1) as f64;
        let is_down = total >= FEW && share > DOWN;
        if down.insert(service.log(), is_down) == Some(is_down) {
            return;
        }
        let health = ServiceHealth {
            service: service.name().clone(),
            region: Some(service.region().clone()),
            up: !is_down,
            reason: is_down.then(|| Text::from(format!("{failed} of {total} requests refused"))),
        };
        self.tell("health", &service.log(), window.end, health.into());
    }

    fn quota(&self, window: Window, authority: &Authority, total: u64, throttled: u64) {
        let sample = QuotaSample {
            api: Text::from(format!("provider of {}", authority.secret().raw())),
            region: None,
            window_seconds: Seconds(window.seconds),
            total,
            throttled,
        };
        self.tell("quota", authority.secret().raw(), window.end, sample.into());
    }

    /// Deliveries to the audit sink; a window without any is none.
    fn sink(&self, window: Window, total: u64, bad: u64) {
        let sample = SignalSample {
            signal: Text::from("audit-delivery"),
            service: ServiceName::from("audit-sink"),
            region: None,
            secret: None,
            window_seconds: Seconds(window.seconds),
            total,
            bad,
        };
        self.tell("signal", "audit-sink", window.end, sample.into());
    }

    fn cache(&self, window: Window, cache: &Cache, counts: (u64, u64), oldest: Option<Span>) {
        let (service, region, secret) = cache.place();
        let all = counts.0 + counts.1;
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts of a window are far below 2^52"
        )]
        let ratio = counts.0 as f64 / all as f64;
        let age = oldest.and_then(|age| u64::try_from(age.as_seconds()).ok());
        let sample = CacheSample {
            service: service.clone(),
            region: Some(region.clone()),
            secret: Some(secret.clone()),
            hit_ratio: (all > 0).then_some(ratio),
            oldest_entry_seconds: age.map(Seconds),
        };
        let place = format!("{}/{}", service.raw(), region.raw());
        self.tell("cache", &place, window.end, sample.into());
    }

    fn connected(&self, backend: &str) {
        let status = BackendStatus {
            backend: BackendName::from(backend),
            state: BackendState::Connected,
            lag_ms: None,
            error: None,
        };
        let at = self.clock.now();
        let event = Event::new(backend, format!("status/{at}"), at, status.into());
        self.record.push(event.about(backend));
    }
}
