//! A service in a region: it authenticates every request it gets and counts how that went.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::authority::Authority;
use super::logs::Logs;
use super::settings::LabError;
use super::wire::{Tasks, serve};
use crate::model::{Region, SecretPath, ServiceName};

/// One request in so many is logged though nothing is wrong with it.
const LOGGED: u64 = 50;

/// A service in a region. Cheap to clone; clones are one.
#[derive(Clone, Debug)]
pub(super) struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: ServiceName,
    region: Region,
    authority: Authority,
    total: AtomicU64,
    refused: AtomicU64,
    logs: Logs,
}

/// What a health check is answered: counts since the service began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Requests.
    pub total: u64,
    /// Those that were refused.
    pub failed: u64,
}

impl Service {
    pub(super) fn new(
        name: &ServiceName,
        region: &Region,
        authority: &Authority,
        logs: &Logs,
    ) -> Self {
        Self(Arc::new(Inner {
            name: name.clone(),
            region: region.clone(),
            authority: authority.clone(),
            total: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            logs: logs.clone(),
        }))
    }

    pub(super) fn name(&self) -> &ServiceName {
        &self.0.name
    }

    pub(super) fn region(&self) -> &Region {
        &self.0.region
    }

    pub(super) fn secret(&self) -> &SecretPath {
        self.0.authority.secret()
    }

    /// The name of its log.
    pub(super) fn log(&self) -> String {
        format!("{}/{}", self.0.name.raw(), self.0.region.raw())
    }

    pub(super) fn health(&self) -> Health {
        Health {
            // In this order, so that no more failed than there were.
            failed: self.0.refused.load(Ordering::Acquire),
            total: self.0.total.load(Ordering::Acquire),
        }
    }

    /// Serves until the lab ends; says where.
    pub(super) async fn serve(&self, tasks: &Tasks) -> Result<SocketAddr, LabError> {
        let router = Router::new()
            .route("/work", get(work))
            .route("/try", get(attempt))
            .route("/healthz", get(healthz))
            .with_state(self.clone());
        serve("a service", router, tasks).await
    }
}

/// A client's request.
async fn work(State(service): State<Service>, headers: HeaderMap) -> Response {
    let it = &service.0;
    let number = it.total.fetch_add(1, Ordering::AcqRel);
    let answer = it.authority.lets_in(&headers);
    if answer.is_err() {
        it.refused.fetch_add(1, Ordering::AcqRel);
    }
    if answer.is_err() || number.is_multiple_of(LOGGED) {
        let status = if answer.is_ok() { 200 } else { 401 };
        it.logs.write(&service.log(), format!("GET /work {status}"));
    }
    verdict(answer.map(drop))
}

/// A client tries a credential; no work is done, and nothing is counted.
async fn attempt(State(service): State<Service>, headers: HeaderMap) -> Response {
    verdict(service.0.authority.lets_in(&headers).map(drop))
}

async fn healthz(State(service): State<Service>) -> Json<Health> {
    Json(service.health())
}

fn verdict(answer: Result<(), &'static str>) -> Response {
    match answer {
        Ok(()) => "done".into_response(),
        Err(why) => {
            let asks = [(header::WWW_AUTHENTICATE, "Bearer, Basic")];
            (StatusCode::UNAUTHORIZED, asks, why).into_response()
        }
    }
}
