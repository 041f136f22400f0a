//! The requests: the clients of one service in one region send them at a steady, slightly noisy
//! rate, each with the credential that it holds at that moment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{StatusCode, header};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::cache;
use super::consumer::{Consumer, Credential};
use crate::model::{Span, Version};
use crate::rotation::Clock;

/// Somebody always has it wrong: this share of requests bears a credential that never was one.
const WRONG: f64 = 0.002;

/// What clients saw of one version in a window.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) version: Version,
    pub(super) total: u64,
    pub(super) errors: u64,
    /// How long each answer took.
    took: Vec<Duration>,
}

impl Seen {
    /// The 99th percentile of latency, in milliseconds.
    pub(super) fn p99_ms(&self) -> Option<f64> {
        let mut took = self.took.clone();
        took.sort();
        let rank = took.len().saturating_sub(1) * 99 / 100;
        took.get(rank).map(|d| d.as_secs_f64() * 1e3)
    }
}

/// What the clients of a service in a region see. Cheap to clone; clones are one.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Arc<Mutex<Vec<Seen>>>);

impl Tally {
    /// What was seen since it was last asked, by version, the latest version last.
    pub(super) fn take(&self) -> Vec<Seen> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = seen.clone();
        // Versions stay in the order in which they came.
        for seen in &mut *seen {
            seen.total = 0;
            seen.errors = 0;
            seen.took.clear();
        }
        taken
    }

    fn note(&self, version: &Version, failed: bool, took: Duration) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = all.iter().position(|seen| seen.version == *version);
        let at = at.unwrap_or_else(|| {
            all.push(Seen {
                version: version.clone(),
                total: 0,
                errors: 0,
                took: Vec::new(),
            });
            all.len() - 1
        });
        if let Some(seen) = all.get_mut(at) {
            seen.total += 1;
            seen.errors += u64::from(failed);
            seen.took.push(took);
        }
    }
}

/// The clients of a service in a region.
pub(super) struct Traffic {
    pub(super) consumers: Vec<Consumer>,
    /// `http://127.0.0.1:port` of the service.
    pub(super) service: String,
    /// The shared cache that they ask, where there is one.
    pub(super) cache: Option<String>,
    /// Requests in a second of the lab.
    pub(super) rate: f64,
    pub(super) seed: u64,
    pub(super) clock: Clock,
    pub(super) http: reqwest::Client,
    pub(super) tally: Tally,
}

impl Traffic {
    /// Sends requests until the lab ends. Waits are drawn from an exponential distribution whose
    /// long tail is cut; what a busy machine delays is caught up with, up to a second of the lab.
    pub(super) async fn flow(self) {
        let mut lot = SmallRng::seed_from_u64(self.seed);
        let mut due = self.clock.now();
        loop {
            let wait = (-(1.0 - lot.random::<f64>()).ln()).min(3.0) / self.rate;
            due = due + span(wait);
            let now = self.clock.now();
            let ahead = due.since(now);
            if ahead > Span::ZERO {
                self.clock.sleep(ahead).await;
            } else if ahead < Span::seconds(-1) {
                due = now;
            }
            let pick = lot.random_range(0..self.consumers.len().max(1));
            let wrong = lot.random_bool(WRONG);
            if let Some(consumer) = self.consumers.get(pick) {
                self.send(consumer, wrong).await;
            }
        }
    }

    async fn send(&self, consumer: &Consumer, wrong: bool) {
        let credential = match &self.cache {
            Some(cache) if consumer.client().cached => match cache::ask(&self.http, cache).await {
                Some(credential) => Some(credential),
                None => consumer.using(),
            },
            _ => consumer.using(),
        };
        let value = credential.as_ref().and_then(|c| consumer.header(c));
        let mut request = self.http.get(format!("{}/work", self.service));
        if wrong {
            request = request.header(header::AUTHORIZATION, "Bearer rk_mistyped");
        } else if let Some(value) = value {
            request = request.header(header::AUTHORIZATION, value);
        }
        let sent = Instant::now();
        let answer = request.send().await;
        let took = sent.elapsed();
        let failed = !matches!(&answer, Ok(answer) if answer.status() == StatusCode::OK);
        let version = credential.map_or_else(|| Version::from("none"), version);
        self.tally.note(&version, failed, took);
    }
}

fn version(credential: Credential) -> Version {
    credential.version
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "waits between requests are seconds at most"
)]
fn span(seconds: f64) -> Span {
    Span::micros((seconds * 1e6) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_stay_in_the_order_in_which_they_came() {
        let tally = Tally::default();
        let (old, new) = (Version::from("9"), Version::from("10"));
        tally.note(&old, false, Duration::from_millis(1));
        tally.note(&new, true, Duration::from_millis(2));
        tally.take();
        tally.note(&old, false, Duration::from_millis(3));
        let seen = tally.take();
        assert_eq!(seen[0].version, old);
        assert_eq!((seen[0].total, seen[1].total), (1, 0));
        assert_eq!(seen[0].p99_ms(), Some(3.0));
    }
}
