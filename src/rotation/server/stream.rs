//! The stream: server-sent events, each an event with its number, and once a second the
//! emitter's clock.
//!
//! A reader that asks for nothing gets all that the log has and then lives on; one that says what
//! it had last (`Last-Event-ID`, or `?after=`) gets what it lacks. Nothing is kept for a reader:
//! it pulls, and one that does not read costs a connection, never the engine's time.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::get;
use futures_util::{FutureExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::answer::Problem;
use super::log::Log;
use crate::model::Timestamp;
use crate::rotation::clock::Clock;

/// The clock is told this often, in the world's time.
const CLOCK_EVERY: Duration = Duration::from_secs(1);

/// So many events travel in one piece, at most.
const BATCH: usize = 256;

/// What a stream is made of.
#[derive(Clone, Debug)]
pub struct Feed<L> {
    /// The events.
    pub log: L,
    /// The clock that their times come from.
    pub clock: Clock,
    /// Ends every stream.
    pub stop: CancellationToken,
}

/// The clock as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClockNote {
    /// The emitter's moment.
    pub now: Timestamp,
    /// How many of its seconds pass in one of the world's.
    pub scale: f64,
    /// The number of the newest event of the log, so that a reader knows what it still lacks.
    pub last: u64,
}

/// `GET /v1/events` of a log.
pub fn routes<L: Log>(feed: Feed<L>) -> Router {
    Router::new()
        .route("/v1/events", get(events::<L>))
        .with_state(feed)
}

#[derive(Debug, Deserialize)]
struct Asked {
    after: Option<u64>,
}

async fn events<L: Log>(
    State(feed): State<Feed<L>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|_| Problem::bad("`after` is the number of an event"))?;
    let named = match headers.get("last-event-id") {
        Some(words) => Some(number(words).ok_or_else(|| {
            Problem::bad("Last-Event-ID is no number that this stream has given")
        })?),
        None => None,
    };
    let reader = Reader::new(feed, named.or(asked.after).unwrap_or(0));
    let body = Body::from_stream(stream::unfold(reader, Reader::next));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn number(words: &HeaderValue) -> Option<u64> {
    words.to_str().ok()?.trim().parse().ok()
}

/// One reader's place in the log.
struct Reader<L> {
    feed: Feed<L>,
    told: watch::Receiver<u64>,
    tick: Interval,
    after: u64,
    began: bool,
}

impl<L: Log> Reader<L> {
    fn new(feed: Feed<L>, after: u64) -> Self {
        let mut tick = interval(CLOCK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self {
            told: feed.log.watch(),
            feed,
            tick,
            after,
            began: false,
        }
    }

    /// The next piece of the stream; `None` where it ends.
    async fn next(mut self) -> Option<(Result<Bytes, Infallible>, Self)> {
        if !std::mem::replace(&mut self.began, true)
            && let Some(words) = self.begin()
        {
            return Some((Ok(Bytes::from(words)), self));
        }
        while !self.feed.stop.is_cancelled() {
            // A flood of events does not keep the clock from being told.
            if self.tick.tick().now_or_never().is_some() {
                return Some((Ok(Bytes::from(self.clock())), self));
            }
            let waiting = *self.told.borrow_and_update() > self.after;
            if waiting && let Some((words, last)) = self.batch().await {
                self.after = last;
                return Some((Ok(Bytes::from(words)), self));
            }
            // What waits and cannot be read is looked for again at the next tick.
            let clock = tokio::select! {
                _ = self.tick.tick() => true,
                changed = self.told.changed(), if !waiting => {
                    changed.ok()?;
                    false
                }
                () = self.feed.stop.cancelled() => return None,
            };
            if clock {
                return Some((Ok(Bytes::from(self.clock())), self));
            }
        }
        None
    }

    /// Finds the place to begin at; says so where that is not the one that was asked for.
    fn begin(&mut self) -> Option<String> {
        let (first, last) = (self.feed.log.first(), self.feed.log.last());
        let asked = self.after;
        let other_life = asked > last;
        let pruned = asked.saturating_add(1) < first;
        if !other_life && !pruned {
            return None;
        }
        // It comes from another life of this log, or what it lacks is pruned: it is told so, and
        // gets all there is. Who has nothing yet lost nothing.
        self.after = first - 1;
        let what = if asked == 0 { "first" } else { "reset" };
        Some(format!("event: {what}\ndata: {{\"first\":{first}}}\n\n"))
    }

    fn clock(&self) -> String {
        let note = ClockNote {
            now: self.feed.clock.now(),
            scale: self.feed.clock.scale(),
            last: self.feed.log.last(),
        };
        let data = serde_json::to_string(&note).unwrap_or_default();
        format!("event: clock\ndata: {data}\n\n")
    }

    /// The next events as they travel, and the number of the last of them.
    async fn batch(&self) -> Option<(String, u64)> {
        let (log, after) = (self.feed.log.clone(), self.after);
        let read = tokio::task::spawn_blocking(move || {
            let mut words = String::new();
            let mut last = None;
            for (seq, event) in log.after(after, BATCH) {
                // An event that cannot be written leaves a hole in the numbers, which readers see.
                if let Ok(json) = event.to_json() {
                    let _ = write!(words, "id: {seq}\nevent: rotascope\ndata: {json}\n\n");
                }
                last = Some(seq);
            }
            last.map(|last| (words, last))
        });
        read.await.ok().flatten()
    }
}
