//! The audit sink: a log of bounded size that the engine delivers its entries to, and others
//! theirs. When its disk is full it says so and takes nothing, until it is restored.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};

use super::record::Record;
use super::settings::LabError;
use super::wire::{Tasks, serve};
use crate::model::{Data, Event, Source, Text};
use crate::rotation::Clock;

/// The size of its disk, in bytes.
const DISK: usize = 256 * 1024;

/// The sink. Cheap to clone; clones are one.
#[derive(Clone, Debug)]
pub(super) struct Sink(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kept: Mutex<Kept>,
    clock: Clock,
    record: Record,
}

#[derive(Debug, Default)]
struct Kept {
    /// What it holds already, by source and id.
    known: HashSet<(Source, Text)>,
    used: usize,
    /// Deliveries of entries, and those that found no room.
    deliveries: u64,
    refused: u64,
}

impl Sink {
    pub(super) fn new(clock: Clock, record: Record) -> Self {
        Self(Arc::new(Inner {
            kept: Mutex::default(),
            clock,
            record,
        }))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deliveries of entries since it began, and those that found no room.
    pub(super) fn counts(&self) -> (u64, u64) {
        let kept = self.kept();
        (kept.deliveries, kept.refused)
    }

    /// Writes where there is room.
    fn room(&self, bytes: usize) -> bool {
        let mut kept = self.kept();
        let room = kept.used.saturating_add(bytes) <= DISK;
        if room {
            kept.used += bytes;
        }
        room
    }

    /// Serves until the lab ends; says where.
    pub(super) async fn serve(&self, tasks: &Tasks) -> Result<SocketAddr, LabError> {
        let router = Router::new()
            .route("/audit", post(deliver))
            .route("/audit/restore", post(restore))
            .route("/neighbour", post(neighbour))
            .with_state(self.clone());
        serve("the audit sink", router, tasks).await
    }
}

async fn deliver(State(sink): State<Sink>, body: Bytes) -> Response {
    let event = match Event::from_json(&body) {
        Ok(event) if matches!(event.data, Data::AuditEntry(_)) => event,
        Ok(_) => return (StatusCode::UNPROCESSABLE_ENTITY, "no audit entry").into_response(),
        Err(why) => return (StatusCode::BAD_REQUEST, why.to_string()).into_response(),
    };
    sink.kept().deliveries += 1;
    let key = (event.source.clone(), event.id.0.clone());
    if sink.kept().known.contains(&key) {
        return StatusCode::OK.into_response();
    }
    if !sink.room(body.len()) {
        sink.kept().refused += 1;
        return (StatusCode::INSUFFICIENT_STORAGE, "the disk is full").into_response();
    }
    sink.kept().known.insert(key);
    // What a collector of audit logs sees: the entry, when it was written there.
    let told = Event {
        source: Source::from("/lab/audit"),
        time: sink.0.clock.now(),
        ..event
    };
    sink.0.record.push(told);
    StatusCode::CREATED.into_response()
}

/// Moves what it holds to the archive: there is room again.
async fn restore(State(sink): State<Sink>) -> Json<&'static str> {
    sink.kept().used = 0;
    Json("restored")
}

/// Another tenant of the same disk.
async fn neighbour(State(sink): State<Sink>, body: Bytes) -> StatusCode {
    if sink.room(body.len()) {
        StatusCode::CREATED
    } else {
        StatusCode::INSUFFICIENT_STORAGE
    }
}

/// Writes to the sink's disk until it is full, as a neighbour with too much to say does.
pub(super) async fn fill(http: &reqwest::Client, sink: &str) {
    for size in [16 * 1024, 1024, 16] {
        loop {
            let sent = http
                .post(format!("{sink}/neighbour"))
                .body(vec![b'x'; size])
                .send();
            match sent.await {
                Ok(answer) if answer.status() == StatusCode::CREATED => {}
                _ => break,
            }
        }
    }
}
