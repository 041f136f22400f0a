//! How the engine speaks with consumers, caches, logs and the audit sink: HTTP and JSON, as
//! docs/consumers.md has it.

use std::time::Duration;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, RequestBuilder, StatusCode, header};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::fault::{Fault, FaultKind};
use super::lifecycle::Standing;
use super::target::Versioned;
use crate::model::event::ConsumerState;
use crate::model::{RotationId, SecretPath, Text, Version};

/// The longest answer that is read, in bytes.
const LONGEST: usize = 64 * 1024;
/// The longest part of an answer that is quoted, in characters.
const QUOTED: usize = 200;

/// A client for all of it. It follows no redirect: a credential goes where the plan says.
///
/// # Errors
/// [`Fault`] where the system lacks what TLS needs.
pub(super) fn client() -> Result<Client, Fault> {
    // A second engine in the process finds the provider in place already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(4)
        .build()
        .map_err(|e| Fault::new(FaultKind::Local, "make an HTTP client", e.to_string()))
}

/// A version for a consumer.
pub(super) struct Delivery<'a> {
    pub(super) secret: &'a SecretPath,
    pub(super) rotation: &'a RotationId,
    pub(super) with: &'a Versioned,
    pub(super) now: bool,
    pub(super) restart: bool,
    pub(super) key: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    secret: &'a SecretPath,
    version: &'a Version,
    material: &'a str,
    rotation: &'a RotationId,
    take: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    restart: bool,
    key: &'a str,
}

/// What a consumer answers.
#[derive(Deserialize)]
struct Answer {
    version: Option<Version>,
    state: ConsumerState,
    #[serde(default)]
    error: Option<Text>,
}

impl From<Answer> for Standing {
    fn from(answer: Answer) -> Self {
        Self {
            version: answer.version.unwrap_or_else(|| Version::from("none")),
            state: answer.state,
            error: answer.error,
        }
    }
}

/// Memory that is wiped when the last holder lets go of it.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Sends a version to a consumer.
pub(super) async fn push(
    client: &Client,
    endpoint: &str,
    delivery: &Delivery<'_>,
    within: Duration,
) -> Result<Standing, Fault> {
    let doing = format!("send version {} to {endpoint}", delivery.with.version);
    let material = Zeroizing::new(STANDARD.encode(delivery.with.material.expose()));
    let body = Body {
        secret: delivery.secret,
        version: &delivery.with.version,
        material: &material,
        rotation: delivery.rotation,
        take: if delivery.now {
            "now"
        } else {
            "when-it-reloads"
        },
        restart: delivery.restart,
        key: delivery.key,
    };
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(material.len() + 4_096));
    serde_json::to_writer(&mut *bytes, &body)
        .map_err(|e| Fault::new(FaultKind::Local, doing.as_str(), e.to_string()))?;
    let request = client
        .put(credential(endpoint))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Bytes::from_owner(Wiped(bytes)));
    let sent: Result<Answer, Fault> = json(request, &doing, within).await;
    sent.map(Into::into)
        .map_err(|fault| withheld(fault, delivery))
}

/// An answer may repeat what was sent to it, and a fault is told to everybody: what it quotes goes
/// where any of the material might be in it.
fn withheld(mut fault: Fault, delivery: &Delivery<'_>) -> Fault {
    let said = fault.said.raw();
    let quotes = said.starts_with("HTTP ") || fault.kind == FaultKind::Garbage;
    if quotes && !delivery.with.material.expose().is_empty() {
        let status: Vec<&str> = said.split_whitespace().take(2).collect();
        let status = if said.starts_with("HTTP ") {
            status.join(" ")
        } else {
            "it is not the answer that was asked for".to_owned()
        };
        fault.said = Text::from(format!(
            "{status} (its words are not repeated: they may hold what was sent)"
        ));
    }
    fault
}

/// Asks a consumer what it uses.
pub(super) async fn ask(
    client: &Client,
    endpoint: &str,
    within: Duration,
) -> Result<Standing, Fault> {
    let doing = format!("ask {endpoint} what it uses");
    let answer: Answer = json(client.get(credential(endpoint)), &doing, within).await?;
    Ok(answer.into())
}

fn credential(endpoint: &str) -> String {
    format!("{}/credential", endpoint.trim_end_matches('/'))
}

/// Posts JSON and reads the answer, whatever it is.
pub(super) async fn post(
    client: &Client,
    url: &str,
    body: &serde_json::Value,
    doing: &str,
    within: Duration,
) -> Result<Vec<u8>, Fault> {
    send(client.post(url).json(body), doing, within).await
}

/// Posts a line of JSON.
pub(super) async fn post_event(
    client: &Client,
    url: &str,
    line: String,
    within: Duration,
) -> Result<(), Fault> {
    let request = client
        .post(url)
        .header(header::CONTENT_TYPE, "application/cloudevents+json")
        .body(line);
    let doing = format!("deliver an audit entry to {url}");
    send(request, &doing, within).await.map(|_| ())
}

/// Sends a request and reads JSON.
pub(super) async fn json<T: serde::de::DeserializeOwned>(
    request: RequestBuilder,
    doing: &str,
    within: Duration,
) -> Result<T, Fault> {
    let bytes = send(request, doing, within).await?;
    serde_json::from_slice(&bytes).map_err(|e| {
        let said = format!("{e}: {}", quoted(&bytes));
        Fault::new(FaultKind::Garbage, doing, said)
    })
}

fn quoted(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .take(QUOTED)
        .collect()
}

/// Sends a request and reads the answer.
pub(super) async fn send(
    request: RequestBuilder,
    doing: &str,
    within: Duration,
) -> Result<Vec<u8>, Fault> {
    let trouble = |e: reqwest::Error| {
        let kind = if e.is_connect() {
            FaultKind::Unreachable
        } else if e.is_builder() {
            FaultKind::Local
        } else {
            FaultKind::Unanswered
        };
        let why = if e.is_timeout() {
            format!("nothing within {} s", within.as_secs_f32())
        } else {
            causes(&e.without_url())
        };
        Fault::new(kind, doing, why)
    };
    let mut answer = request.timeout(within).send().await.map_err(trouble)?;
    let status = answer.status();
    let retry_after = answer
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|words| words.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(trouble)? {
        if bytes.len() + chunk.len() > LONGEST {
            let said = format!("an answer longer than {LONGEST} bytes");
            return Err(Fault::new(FaultKind::Garbage, doing, said));
        }
        bytes.extend_from_slice(&chunk);
    }
    if status.is_success() {
        return Ok(bytes);
    }
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => FaultKind::Throttled { retry_after },
        s if s.is_server_error() => FaultKind::Unanswered,
        _ => FaultKind::Refused,
    };
    Err(Fault::new(
        kind,
        doing,
        format!("HTTP {status} {}", quoted(&bytes)),
    ))
}

/// An error and what caused it, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words = format!("{words}: {cause}");
        next = cause.source();
    }
    words
}
