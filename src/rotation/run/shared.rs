//! What the core, its calls and the handle share.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::sync::{Mutex as Turnstile, Semaphore};

use super::super::clock::Clock;
use super::super::lifecycle::Rotation;
use super::super::log::EventLog;
use super::super::outbox::{Delivered, Outbox, Sink};
use super::super::plan::{Plan, SecretPlan};
use super::super::report::Metrics;
use super::super::store::{ActRow, Vault};
use super::super::target::Target;
use crate::model::{RotationId, SecretPath, Span, Version};

/// How many calls to the outside are under way at once.
const CALLS: usize = 256;
/// The upper bounds of the step histogram, in milliseconds.
const BOUNDS: [f64; 15] = [
    0.5, 1.0, 2.0, 5.0, 7.5, 10.0, 12.5, 15.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 5_000.0,
];

pub(in crate::rotation) struct Shared {
    pub(super) name: String,
    pub(in crate::rotation) secrets: BTreeMap<SecretPath, Arc<SecretPlan>>,
    pub(super) concurrency: usize,
    pub(super) sink: Option<String>,
    pub(super) targets: BTreeMap<SecretPath, Arc<dyn Target>>,
    pub(in crate::rotation) clock: Clock,
    pub(super) client: Client,
    pub(super) within: Duration,
    pub(super) slots: Semaphore,
    pub(super) lanes: Lanes,
    pub(super) outbox: Outbox,
    turnstiles: Mutex<HashMap<String, Arc<Turnstile<()>>>>,
    pub(in crate::rotation) vault: Vault,
    pub(in crate::rotation) log: EventLog,
    pub(in crate::rotation) rotations: RwLock<BTreeMap<RotationId, Arc<Rotation>>>,
    pub(in crate::rotation) acts: RwLock<HashMap<String, ActRow>>,
    pub(in crate::rotation) current: RwLock<BTreeMap<SecretPath, Version>>,
    pub(in crate::rotation) metrics: Mutex<Metrics>,
}

impl Shared {
    pub(in crate::rotation) fn new(
        plan: &Plan,
        targets: BTreeMap<SecretPath, Arc<dyn Target>>,
        clock: Clock,
        client: Client,
        vault: Vault,
        log: EventLog,
    ) -> Self {
        let secrets = plan.secrets.iter();
        let secrets = secrets.map(|s| (s.path.clone(), Arc::new(s.clone())));
        // Networks do not go faster with the clock: a fast clock waits less, but not for nothing.
        let within = Duration::from_secs_f64((10.0 / clock.scale()).max(2.0));
        let bounds = BOUNDS.iter().copied().chain([f64::INFINITY]);
        let metrics = Metrics {
            step_ms: bounds.map(|bound| (bound, 0)).collect(),
            ..Metrics::default()
        };
        Self {
            name: plan.engine.name.clone(),
            secrets: secrets.collect(),
            concurrency: usize::try_from(plan.engine.concurrency)
                .unwrap_or(usize::MAX)
                .max(1),
            sink: plan.engine.audit_sink.clone(),
            targets,
            clock,
            client,
            within,
            slots: Semaphore::new(CALLS),
            lanes: Lanes::default(),
            outbox: Outbox::default(),
            turnstiles: Mutex::default(),
            vault,
            log,
            rotations: RwLock::default(),
            acts: RwLock::default(),
            current: RwLock::default(),
            metrics: Mutex::new(metrics),
        }
    }

    /// Delivers audit entries for ever.
    pub(in crate::rotation) async fn deliver_entries(&self, told: impl Fn(Delivered)) {
        let sink = Sink::of(self.sink.as_deref());
        let (client, clock) = (self.client.clone(), self.clock.clone());
        self.outbox
            .work(sink, client, clock, self.within, told)
            .await;
    }

    /// Whoever holds this has the target or the consumer of that name to itself: an answer that is
    /// late cannot be overtaken by the next call.
    pub(super) fn turnstile(&self, name: &str) -> Arc<Turnstile<()>> {
        let mut all = self
            .turnstiles
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if all.len() > 4 * CALLS {
            all.retain(|_, t| Arc::strong_count(t) > 1);
        }
        all.entry(name.to_owned()).or_default().clone()
    }

    /// Counts a call.
    pub(super) fn count_call(&self, kind: &str, ended: &str) {
        let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        *metrics
            .calls
            .entry((kind.to_owned(), ended.to_owned()))
            .or_default() += 1;
    }

    /// Counts a step from its input to its commit.
    pub(super) fn count_step(&self, took: Duration) {
        let ms = took.as_secs_f64() * 1_000.0;
        let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        metrics.step_ms_sum += ms;
        for (bound, count) in &mut metrics.step_ms {
            if ms <= *bound {
                *count += 1;
            }
        }
    }
}

/// The paces of calls to targets. A lane is what shares a provider's quota.
#[derive(Default)]
pub(super) struct Lanes(Mutex<BTreeMap<String, Lane>>);

#[derive(Default)]
struct Lane {
    per_minute: Option<u32>,
    /// No call before this, by the pace.
    free: Option<Instant>,
    /// No call before this, as the provider said.
    held: Option<Instant>,
    /// When calls went through lately, in the world's time.
    calls: std::collections::VecDeque<Instant>,
}

impl Lane {
    /// Whether a call may go now, or when it is to ask again.
    fn may_go(&mut self, now: Instant, clock: &Clock) -> Result<(), Instant> {
        let not_before = self.free.max(self.held);
        if let Some(at) = not_before.filter(|at| *at > now) {
            return Err(at);
        }
        let apart = match (self.per_minute, self.held) {
            (Some(pace), _) => Some(Span::micros(60_000_000 / i64::from(pace.max(1)))),
            // What piled up while the provider held the lane does not fall on it at one moment.
            (None, Some(held)) if now.duration_since(held) < clock.real(AFTERMATH) => Some(APART),
            _ => None,
        };
        self.free = apart.map(|apart| now + clock.real(apart));
        Ok(())
    }
}

/// So long after a provider held a lane calls go one by one.
const AFTERMATH: Span = Span::seconds(30);
/// So far apart they go then.
const APART: Span = Span::micros(250_000);

impl Lanes {
    /// Waits for a place in the lane: for its pace, and for as long as the provider holds it,
    /// also where it began to while this call waited.
    pub(super) async fn take(&self, lane: &str, clock: &Clock) {
        loop {
            let may_go = {
                let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let lane = lanes.entry(lane.to_owned()).or_default();
                lane.may_go(Instant::now(), clock)
            };
            let Err(at) = may_go else {
                return;
            };
            // Those that wait for one moment do not all look at it: half of a call's distance by
            // lot.
            let lot = rand::random_range(0.0..0.5);
            let at = at + clock.real(APART).mul_f64(lot);
            tokio::time::sleep_until(at.into()).await;
        }
    }

    /// A call went through.
    pub(super) fn went(&self, lane: &str, clock: &Clock) {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(lane.to_owned()).or_default();
        lane.calls.push_back(Instant::now());
        let minute = clock.real(Span::seconds(60));
        while lane.calls.front().is_some_and(|at| at.elapsed() > minute) {
            lane.calls.pop_front();
        }
    }

    /// The provider said when it may be called again.
    pub(super) fn hold(&self, lane: &str, wait: Duration) {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(lane.to_owned()).or_default();
        let until = Instant::now() + wait.min(Duration::from_secs(3_600));
        lane.held = lane.held.max(Some(until));
    }

    /// How many calls went through in the last minute: what the quota allows, as far as is seen.
    pub(super) fn went_lately(&self, lane: &str, clock: &Clock) -> u32 {
        let lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = clock.real(Span::seconds(60));
        let went = lanes.get(lane).map_or(0, |lane| {
            let calls = lane.calls.iter();
            calls.filter(|at| at.elapsed() <= minute).count()
        });
        u32::try_from(went).unwrap_or(u32::MAX)
    }

    /// Sets paces, or takes them off.
    pub(super) fn set(&self, paces: &BTreeMap<String, Option<u32>>) {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, pace) in paces {
            let lane = lanes.entry(name.clone()).or_default();
            lane.per_minute = *pace;
            lane.free = None;
        }
    }

    /// The paces that were set, to be kept.
    pub(super) fn paces(&self) -> BTreeMap<String, u32> {
        let lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let set = lanes
            .iter()
            .filter_map(|(name, lane)| Some((name.clone(), lane.per_minute?)));
        set.collect()
    }

    /// Sets paces that were kept.
    pub(super) fn restore(&self, paces: BTreeMap<String, u32>) {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, pace) in paces {
            lanes.entry(name).or_default().per_minute = Some(pace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn after_a_provider_held_a_lane_calls_go_one_by_one() {
        let clock = Clock::scaled(10.0);
        let lanes = Arc::new(Lanes::default());
        lanes.hold("a", Duration::from_millis(100));
        let began = Instant::now();
        let calls: Vec<_> = (0..6)
            .map(|_| {
                let (lanes, clock) = (Arc::clone(&lanes), clock.clone());
                tokio::spawn(async move {
                    lanes.take("a", &clock).await;
                    Instant::now()
                })
            })
            .collect();
        let mut went = Vec::new();
        for call in calls {
            went.push(call.await.unwrap());
        }
        went.sort();
        let first = went.first().unwrap().duration_since(began);
        assert!(first >= Duration::from_millis(100), "{first:?}");
        for pair in went.windows(2) {
            let apart = pair[1].duration_since(pair[0]);
            assert!(apart >= Duration::from_millis(20), "{apart:?}");
        }
        // Another provider's lane is free.
        let now = Instant::now();
        lanes.take("b", &clock).await;
        lanes.take("b", &clock).await;
        assert!(now.elapsed() < Duration::from_millis(500));
    }

    #[tokio::test]
    async fn a_lane_that_is_held_while_a_call_waits_holds_that_call_too() {
        let clock = Clock::of_the_world();
        let lanes = Arc::new(Lanes::default());
        lanes.hold("a", Duration::from_millis(50));
        let waiting = {
            let (lanes, clock) = (Arc::clone(&lanes), clock.clone());
            tokio::spawn(async move { lanes.take("a", &clock).await })
        };
        // It waits from here on, and no time has gone by.
        tokio::task::yield_now().await;
        let began = Instant::now();
        lanes.hold("a", Duration::from_millis(200));
        waiting.await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(200));
    }
}
