//! A service of API keys by the webhook contract (docs/targets.md), with a ledger of what was done
//! to it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// The admin's token.
pub const TOKEN: &str = "the-admins-own-token";

/// How the service behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Manner {
    /// As the contract says.
    #[default]
    Good,
    /// Takes the request and never answers.
    Hangs,
    /// Answers with what is no JSON.
    Garbage,
    /// Answers 200 with an error in it.
    ErrorInside,
    /// Answers 429.
    TooMany,
}

/// A key.
#[derive(Clone, Debug)]
pub struct Key {
    pub name: String,
    pub words: String,
    pub active: bool,
}

/// What the service holds and what was done to it.
#[derive(Default)]
pub struct Keys {
    pub all: BTreeMap<String, Key>,
    by_call: BTreeMap<String, String>,
    pub manner: Manner,
    /// Calls of the admin.
    pub calls: usize,
}

pub type Shared = Arc<Mutex<Keys>>;

/// The routes of the service.
pub fn routes(shared: Shared) -> Router {
    Router::new()
        .route("/keys", post(create).get(list))
        .route("/keys/{id}", delete(revoke))
        .route("/keys/{id}/restore", post(restore))
        .route("/verify", post(verify))
        .with_state(shared)
}

fn bearer(headers: &HeaderMap) -> &str {
    let value = headers.get("authorization").and_then(|v| v.to_str().ok());
    value
        .and_then(|v| v.strip_prefix("Bearer "))
        .unwrap_or_default()
}

async fn admitted(shared: &Shared, headers: &HeaderMap) -> Result<(), Response> {
    let manner = {
        let mut keys = shared.lock().unwrap();
        keys.calls += 1;
        keys.manner
    };
    match manner {
        Manner::Good if bearer(headers) == TOKEN => Ok(()),
        Manner::Good => Err(StatusCode::FORBIDDEN.into_response()),
        Manner::Hangs => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            Err(StatusCode::GATEWAY_TIMEOUT.into_response())
        }
        Manner::Garbage => Err("<html>welcome</html>".into_response()),
        Manner::ErrorInside => Err(Json(json!({"error": "quota exceeded"})).into_response()),
        Manner::TooMany => Err(StatusCode::TOO_MANY_REQUESTS.into_response()),
    }
}

async fn create(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Json(wanted): Json<Value>,
) -> Response {
    if let Err(refused) = admitted(&shared, &headers).await {
        return refused;
    }
    let call = headers["idempotency-key"].to_str().unwrap().to_owned();
    let mut keys = shared.lock().unwrap();
    if let Some(id) = keys.by_call.get(&call) {
        let key = &keys.all[id];
        return Json(json!({"id": id, "key": key.words, "name": key.name})).into_response();
    }
    let id = format!("id-{}", keys.all.len() + 1);
    let key = Key {
        name: wanted["name"].as_str().unwrap().to_owned(),
        words: format!("canary-{:016x}", rand::random::<u64>()),
        active: true,
    };
    keys.by_call.insert(call, id.clone());
    keys.all.insert(id.clone(), key.clone());
    (
        StatusCode::CREATED,
        Json(json!({"id": id, "key": key.words})),
    )
        .into_response()
}

async fn list(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if let Err(refused) = admitted(&shared, &headers).await {
        return refused;
    }
    let keys = shared.lock().unwrap();
    let all: Vec<Value> = keys
        .all
        .iter()
        .map(|(id, key)| {
            let state = if key.active { "active" } else { "revoked" };
            json!({"id": id, "name": key.name, "state": state})
        })
        .collect();
    Json(json!({"keys": all})).into_response()
}

async fn revoke(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = admitted(&shared, &headers).await {
        return refused;
    }
    let mut keys = shared.lock().unwrap();
    match keys.all.get_mut(&id) {
        Some(key) if key.active => {
            key.active = false;
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn restore(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if let Err(refused) = admitted(&shared, &headers).await {
        return refused;
    }
    let mut keys = shared.lock().unwrap();
    match keys.all.get_mut(&id) {
        Some(key) => {
            key.active = true;
            Json(json!({})).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn verify(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let keys = shared.lock().unwrap();
    let presented = bearer(&headers);
    if keys.all.values().any(|k| k.active && k.words == presented) {
        Json(json!({"valid": true})).into_response()
    } else {
        (
            StatusCode::UNAUTHORIZED,
            Json(json!({"error": "not valid"})),
        )
            .into_response()
    }
}
