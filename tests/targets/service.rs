//! The HTTP services that these tests run: one that keeps API keys by the webhook contract and
//! can misbehave, and one that verifies tokens and secrets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::life::canary;

/// Serves a router on a free port until the test ends; the URL.
pub async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// The token behind `Authorization: Bearer`.
pub fn bearer(headers: &HeaderMap) -> &str {
    headers
        .get("authorization")
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .unwrap_or_default()
}

/// How the service of API keys behaves.
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
    /// Answers 429 with `Retry-After: 7`.
    TooMany,
    /// Answers 500 and repeats the key.
    Broken,
    /// Does what it was asked and loses the answer, once.
    LosesOneAnswer,
}

#[derive(Default)]
pub struct Keys {
    /// By id: name, key, whether it is active.
    pub by_id: BTreeMap<String, (String, String, bool)>,
    by_call: BTreeMap<String, String>,
    pub manner: Manner,
    pub calls: usize,
}

pub type Shared = Arc<Mutex<Keys>>;

/// The token of the admin of the service of API keys.
pub const TOKEN: &str = "the-admins-own-token";

/// A service of API keys.
pub async fn keys() -> (String, Shared) {
    let shared = Shared::default();
    let router = Router::new()
        .route("/keys", post(create).get(list))
        .route("/keys/{id}", delete(revoke))
        .route("/keys/{id}/restore", post(restore))
        .route("/verify", post(verify))
        .with_state(Arc::clone(&shared));
    (serve(router).await, shared)
}

type Reply = Response<Body>;

fn answer(status: u16, json: &Value) -> Reply {
    Response::builder()
        .status(status)
        .body(Body::from(json.to_string()))
        .unwrap()
}

/// The misbehaviour that is asked for, else nothing.
async fn misbehave(shared: &Shared, secret: &str) -> Option<Reply> {
    let manner = {
        let mut keys = shared.lock().unwrap();
        keys.calls += 1;
        keys.manner
    };
    Some(match manner {
        Manner::Good | Manner::LosesOneAnswer => return None,
        Manner::Hangs => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            return None;
        }
        Manner::Garbage => answer(200, &json!(format!("<html>{secret}"))),
        Manner::ErrorInside => answer(200, &json!({ "error": format!("quota for {secret}") })),
        Manner::TooMany => Response::builder()
            .status(429)
            .header("retry-after", "7")
            .body(Body::from("slow down"))
            .unwrap(),
        Manner::Broken => answer(500, &json!({ "error": format!("panic at {secret}") })),
    })
}

fn is_admin(headers: &HeaderMap) -> Option<Reply> {
    (bearer(headers) != TOKEN).then(|| answer(403, &json!({ "error": "not an admin" })))
}

async fn create(
    State(shared): State<Shared>,
    headers: HeaderMap,
    Json(wanted): Json<Value>,
) -> Reply {
    if let Some(reply) = misbehave(&shared, bearer(&headers)).await {
        return reply;
    }
    if let Some(reply) = is_admin(&headers) {
        return reply;
    }
    let call = headers["idempotency-key"].to_str().unwrap().to_owned();
    let lost = {
        let mut keys = shared.lock().unwrap();
        if let Some(id) = keys.by_call.get(&call) {
            let (name, key, _) = keys.by_id[id].clone();
            return answer(200, &json!({ "id": id, "key": key, "name": name }));
        }
        let id = format!("id/{}", keys.by_id.len() + 1);
        let name = wanted["name"].as_str().unwrap().to_owned();
        keys.by_id
            .insert(id.clone(), (name, canary("api-key"), true));
        keys.by_call.insert(call, id.clone());
        if keys.manner == Manner::LosesOneAnswer {
            keys.manner = Manner::Good;
            None
        } else {
            Some(answer(201, &json!({ "id": id, "key": keys.by_id[&id].1 })))
        }
    };
    if let Some(reply) = lost {
        return reply;
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    answer(500, &json!({}))
}

async fn list(State(shared): State<Shared>, headers: HeaderMap) -> Reply {
    if let Some(reply) = misbehave(&shared, bearer(&headers)).await {
        return reply;
    }
    if let Some(reply) = is_admin(&headers) {
        return reply;
    }
    let keys = shared.lock().unwrap();
    let list: Vec<Value> = keys
        .by_id
        .iter()
        .map(|(id, (name, _, active))| {
            let state = if *active { "active" } else { "revoked" };
            json!({ "id": id, "name": name, "state": state, "used_by":
                [{ "actor": format!("user of {name}"), "address": "10.0.0.7" }] })
        })
        .collect();
    answer(200, &json!({ "keys": list }))
}

async fn revoke(State(shared): State<Shared>, Path(id): Path<String>, headers: HeaderMap) -> Reply {
    if let Some(reply) = misbehave(&shared, bearer(&headers)).await {
        return reply;
    }
    if let Some(reply) = is_admin(&headers) {
        return reply;
    }
    match shared.lock().unwrap().by_id.get_mut(&id) {
        Some((_, _, active)) if *active => {
            *active = false;
            answer(204, &Value::Null)
        }
        _ => answer(404, &json!({ "error": "no such key" })),
    }
}

async fn restore(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Reply {
    if let Some(reply) = is_admin(&headers) {
        return reply;
    }
    match shared.lock().unwrap().by_id.get_mut(&id) {
        Some((_, _, active)) => {
            *active = true;
            answer(200, &json!({}))
        }
        None => answer(404, &json!({ "error": "no such key" })),
    }
}

async fn verify(State(shared): State<Shared>, headers: HeaderMap) -> Reply {
    let presented = bearer(&headers).to_owned();
    if let Some(reply) = misbehave(&shared, &presented).await {
        return reply;
    }
    let keys = shared.lock().unwrap();
    let known = keys
        .by_id
        .values()
        .any(|(_, key, active)| *active && *key == presented);
    if known {
        answer(200, &json!({ "valid": true }))
    } else {
        answer(
            401,
            &json!({ "error": format!("{presented} is not valid") }),
        )
    }
}

/// A service that lets in who presents one of these, read anew each time; else 401.
pub fn gate(allowed: impl Fn(&str) -> bool + Clone + Send + Sync + 'static) -> Router {
    Router::new().route(
        "/",
        get(move |headers: HeaderMap| async move {
            if allowed(bearer(&headers)) {
                StatusCode::OK
            } else {
                StatusCode::UNAUTHORIZED
            }
        }),
    )
}
