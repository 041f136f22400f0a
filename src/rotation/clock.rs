//! The engine's clock. Everything in `rotation/` asks this one and sleeps by it, so that a lab
//! can run an hour in a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::{Span, Timestamp};

/// Tells the time and waits, at the pace of the world or faster. Cheap to clone; clones agree.
#[derive(Clone, Debug)]
pub struct Clock {
    began: Instant,
    origin: Timestamp,
    scale: f64,
    jumped: Arc<AtomicI64>,
}

impl Clock {
    /// The world's clock.
    #[must_use]
    pub fn of_the_world() -> Self {
        Self::scaled(1.0)
    }

    /// A clock that begins at the world's moment and goes `scale` times as fast (1.0 or more;
    /// what is less or no number counts as 1.0).
    #[must_use]
    pub fn scaled(scale: f64) -> Self {
        Self::from(wall(), scale)
    }

    /// A clock that begins at `origin` and goes `scale` times as fast.
    #[must_use]
    pub fn from(origin: Timestamp, scale: f64) -> Self {
        let scale = if scale.is_finite() && scale >= 1.0 {
            scale
        } else {
            1.0
        };
        Self {
            began: Instant::now(),
            origin,
            scale,
            jumped: Arc::default(),
        }
    }

    /// Has this clock and its clones jump, forward or back, as a wall clock that is set does.
    pub fn jump(&self, by: Span) {
        self.jumped.fetch_add(by.as_micros(), Ordering::Relaxed);
    }

    /// How many of its seconds pass in one of the world's.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The moment. A clock of the world's pace follows the world's jumps; a faster one does not.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let jumped = Span::micros(self.jumped.load(Ordering::Relaxed));
        if self.scale > 1.0 {
            let passed = self.began.elapsed().as_secs_f64() * self.scale;
            return self.origin + span(passed) + jumped;
        }
        wall() + jumped
    }

    /// How long the world takes until this much has passed here.
    #[must_use]
    pub fn real(&self, span: Span) -> Duration {
        let seconds = micros(span).max(0.0) / 1e6 / self.scale;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// Waits until this much has passed here.
    pub async fn sleep(&self, span: Span) {
        tokio::time::sleep(self.real(span)).await;
    }
}

fn wall() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::new(
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        since.subsec_nanos(),
    )
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float beyond i64 saturates, which is far enough"
)]
fn span(seconds: f64) -> Span {
    Span::micros((seconds * 1e6) as i64)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "waiting needs no more than 53 bits of microseconds"
)]
fn micros(span: Span) -> f64 {
    span.as_micros() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_waits_less() {
        let clock = Clock::scaled(60.0);
        assert_eq!(clock.real(Span::seconds(60)), Duration::from_secs(1));
        assert_eq!(Clock::scaled(f64::NAN).scale().to_bits(), 1.0_f64.to_bits());
    }
}
