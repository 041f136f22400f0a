//! A shared cache of credentials in front of one service's clients in a region: they ask it
//! before every request, and it asks the agent that the engine pushes to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::consumer::{Consumer, Credential};
use super::settings::LabError;
use super::wire::{Tasks, serve};
use crate::model::{Region, SecretPath, ServiceName, Span, Timestamp, Version};
use crate::rotation::{Clock, Material};

/// A cache. Cheap to clone; clones are one.
#[derive(Clone, Debug)]
pub(super) struct Cache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The agent's store: any client of the service in the region.
    agent: Consumer,
    /// How long an entry lives.
    ttl: Span,
    clock: Clock,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    entry: Option<(Credential, Timestamp)>,
    hits: u64,
    misses: u64,
}

/// What a look-up is answered.
#[derive(Serialize, Deserialize)]
struct Found {
    version: String,
    material: String,
}

#[derive(Deserialize)]
struct Invalidate {
    #[serde(default)]
    older_than: Option<Timestamp>,
}

#[derive(Serialize)]
struct Dropped {
    dropped: u64,
}

impl Cache {
    pub(super) fn new(agent: Consumer, ttl: Span, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            agent,
            ttl,
            clock,
            kept: Mutex::default(),
        }))
    }

    pub(super) fn place(&self) -> (&ServiceName, &Region, &SecretPath) {
        let client = self.0.agent.client();
        (&client.service, &client.region, &client.secret)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hits, misses, and the age of the oldest entry.
    pub(super) fn counts(&self) -> (u64, u64, Option<Span>) {
        let kept = self.kept();
        let now = self.0.clock.now();
        let age = kept.entry.as_ref().map(|(_, since)| now.since(*since));
        (kept.hits, kept.misses, age)
    }

    fn look_up(&self) -> Option<Credential> {
        let now = self.0.clock.now();
        let mut kept = self.kept();
        let fresh = kept.entry.as_ref();
        let fresh = fresh.filter(|(_, since)| now.since(*since) < self.0.ttl);
        if let Some((credential, _)) = fresh {
            let credential = credential.clone();
            kept.hits += 1;
            return Some(credential);
        }
        kept.misses += 1;
        let credential = self.0.agent.using()?;
        kept.entry = Some((credential.clone(), now));
        Some(credential)
    }

    /// Serves until the lab ends; says where.
    pub(super) async fn serve(&self, tasks: &Tasks) -> Result<SocketAddr, LabError> {
        let router = Router::new()
            .route("/credential", get(look_up))
            .route("/invalidate", post(invalidate))
            .with_state(self.clone());
        serve("a cache", router, tasks).await
    }
}

async fn look_up(State(cache): State<Cache>) -> Response {
    match cache.look_up() {
        Some(found) => Json(Found {
            version: found.version.raw().to_owned(),
            material: STANDARD.encode(found.material.expose()),
        })
        .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn invalidate(State(cache): State<Cache>, Json(what): Json<Invalidate>) -> Json<Dropped> {
    let mut kept = cache.kept();
    let old = |(_, since): &mut (Credential, Timestamp)| {
        what.older_than.is_none_or(|moment| *since < moment)
    };
    let dropped = u64::from(kept.entry.take_if(old).is_some());
    Json(Dropped { dropped })
}

/// Asks a cache, as a client does before a request.
pub(super) async fn ask(http: &reqwest::Client, cache: &str) -> Option<Credential> {
    let answer = http.get(format!("{cache}/credential")).send().await.ok()?;
    let found: Found = answer.error_for_status().ok()?.json().await.ok()?;
    Some(Credential {
        version: Version::from(found.version),
        material: Material::new(STANDARD.decode(found.material).ok()?),
    })
}
