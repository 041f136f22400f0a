//! The routes of an engine. `openapi.json` describes them; a test holds the two together.

use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::access::{Reach, Scope, gate};
use super::acts;
use super::answer::{Body, Problem, json, refused, unfit};
use super::door::Door;
use super::metrics;
use super::service::Service;
use super::stream::{self, Feed};
use crate::model::event::ConsumerState;
use crate::model::{ConsumerId, SecretPath, Text, Version};
use crate::rotation::clock::Clock;
use crate::rotation::engine::{ConsumerReport, Status};

/// Every route: method, path, and the scope that opens it.
pub const ROUTES: [(&str, &str, Option<Scope>); 13] = [
    ("get", "/healthz", None),
    ("get", "/openapi.json", None),
    ("get", "/metrics", Some(Scope::Read)),
    ("get", "/v1/events", Some(Scope::Read)),
    ("get", "/v1/rotations", Some(Scope::Read)),
    ("get", "/v1/rotations/{id}", Some(Scope::Read)),
    ("post", "/v1/acts", Some(Scope::Act)),
    ("get", "/v1/acts/{key}", Some(Scope::Read)),
    ("post", "/v1/requests", Some(Scope::Act)),
    ("get", "/v1/requests/{id}", Some(Scope::Read)),
    ("post", "/v1/requests/{id}/approvals", Some(Scope::Act)),
    ("get", "/v1/secrets/{path}", Some(Scope::Consumer)),
    ("post", "/v1/consumers/{name}/report", Some(Scope::Consumer)),
];

/// The description of the routes.
pub const OPENAPI: &str = include_str!("openapi.json");

/// The longest body that is taken in, in bytes.
const LONGEST: usize = 64 * 1024;

/// A request whose body or answer is not there by then is ended.
const WITHIN: Duration = Duration::from_secs(15);

/// The router of an engine.
pub fn routes<S: Service>(
    service: S,
    clock: Clock,
    door: &Door,
    stop: CancellationToken,
) -> Router {
    let gated = |router: Router, scope| {
        router.route_layer(from_fn_with_state((door.access.clone(), scope), gate))
    };
    let feed = Feed {
        log: service.log(),
        clock,
        stop,
    };
    let read = Router::new()
        .route("/metrics", get(metrics_text::<S>))
        .route("/v1/rotations", get(rotations::<S>))
        .route("/v1/rotations/{id}", get(rotation::<S>))
        .with_state(service.clone());
    let guarded = acts::Guarded::new(service.clone(), door.gate.clone());
    let told = Router::new()
        .route("/v1/acts/{key}", get(acts::outcome::<S>))
        .route("/v1/requests/{id}", get(acts::request::<S>))
        .with_state(guarded.clone());
    let act = Router::new()
        .route("/v1/acts", post(acts::take::<S>))
        .route("/v1/requests", post(acts::ask_for_a_second::<S>))
        .route("/v1/requests/{id}/approvals", post(acts::approve::<S>))
        .with_state(guarded);
    let consumer = Router::new()
        .route("/v1/secrets/{*path}", get(material::<S>))
        .route("/v1/consumers/{name}/report", post(report::<S>))
        .with_state(service);
    let open = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/openapi.json", get(openapi));
    open.merge(gated(read.merge(told), Scope::Read))
        .merge(gated(act, Scope::Act))
        .merge(gated(consumer, Scope::Consumer))
        .layer(from_fn(in_time))
        .merge(gated(stream::routes(feed), Scope::Read))
        .fallback(async || Problem::missing("there is no such path; see /openapi.json"))
        .method_not_allowed_fallback(async || {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Problem::new(status, "method", "no such method here; see /openapi.json")
        })
        .layer(DefaultBodyLimit::max(LONGEST))
}

async fn in_time(request: Request, next: Next) -> Result<Response, Problem> {
    let answer = tokio::time::timeout(WITHIN, next.run(request)).await;
    answer.map_err(|_| {
        let status = StatusCode::GATEWAY_TIMEOUT;
        Problem::new(status, "too-slow", "no answer in time; ask again").perhaps_done()
    })
}

async fn openapi() -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], OPENAPI).into_response()
}

async fn metrics_text<S: Service>(State(service): State<S>, headers: HeaderMap) -> Response {
    let open = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/openmetrics-text"));
    let newest = tokio::task::spawn_blocking({
        let log = service.log();
        move || metrics::newest_rotation(&log)
    });
    let newest = newest.await.ok().flatten();
    let text = metrics::text(&service.metrics(), newest.as_ref(), open);
    let kind = HeaderValue::from_static(metrics::kind(open));
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

#[derive(Serialize)]
struct Rotations {
    rotations: Vec<Status>,
}

async fn rotations<S: Service>(State(service): State<S>) -> Json<Rotations> {
    Json(Rotations {
        rotations: service.rotations(),
    })
}

async fn rotation<S: Service>(
    State(service): State<S>,
    Path(id): Path<String>,
) -> Result<Json<Status>, Problem> {
    let all = service.rotations();
    let found = all.into_iter().find(|status| status.rotation.raw() == id);
    let missing = || Problem::missing(format!("no rotation {} runs here", Text::from(id)));
    found.map(Json).ok_or_else(missing)
}

#[derive(Serialize)]
struct Pulled<'a> {
    secret: SecretPath,
    version: Version,
    material: &'a str,
}

async fn material<S: Service>(
    State(service): State<S>,
    Extension(reach): Extension<Reach>,
    Path(path): Path<String>,
) -> Result<Response, Problem> {
    let secret = SecretPath::from(path);
    within(&reach, &secret)?;
    let held = service
        .material(&secret)
        .ok_or_else(|| Problem::missing(format!("there is no version of {secret} here")))?;
    let material = Zeroizing::new(STANDARD.encode(held.material.expose()));
    let pulled = Pulled {
        secret,
        version: held.version,
        material: &material,
    };
    let no_store = HeaderValue::from_static("no-store");
    Ok(([(header::CACHE_CONTROL, no_store)], Json(pulled)).into_response())
}

#[derive(Deserialize)]
struct Reported {
    secret: SecretPath,
    version: Version,
    state: ConsumerState,
    error: Option<Text>,
}

/// Refuses what a token does not reach, whether or not it exists.
fn within(reach: &Reach, secret: &SecretPath) -> Result<(), Problem> {
    if reach.covers(secret) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "reach",
        format!("this token is for other secrets than {secret}"),
    ))
}

async fn report<S: Service>(
    State(service): State<S>,
    Extension(reach): Extension<Reach>,
    Path(name): Path<String>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let told: Reported = json(body)?;
    within(&reach, &told.secret)?;
    if let ConsumerState::Other(word) = &told.state {
        return Err(unfit(&format!("state: no consumer is \"{word}\"")));
    }
    let report = ConsumerReport {
        consumer: ConsumerId::from(name),
        secret: told.secret,
        version: told.version,
        state: told.state,
        error: told.error,
    };
    let done = service.report(report).await;
    done.map(|()| StatusCode::NO_CONTENT)
        .map_err(|refusal| refused(&refusal))
}
