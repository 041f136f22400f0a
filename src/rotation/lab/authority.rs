//! An authority: the provider that issues one secret's credentials and says which are accepted.
//! It keeps hashes of what it accepts, and the material only of keys that it issued itself, so
//! that asking twice with one key gets the same answer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::quota::Quota;
use super::record::Record;
use super::settings::LabError;
use super::town::{Change, Secret};
use super::wire::{Tasks, serve};
use crate::model::event::{AuditEntry, AuditOutcome, Operation};
use crate::model::{Actor, Event, SecretPath, Text, Version};
use crate::rotation::{Clock, Material};

/// How every key begins that was ever issued, and how the new ones do.
pub(super) const OLD_FORMAT: &str = "rk_";
const NEW_FORMAT: &str = "rk2.";

/// How a password begins.
pub(super) const PASSWORD: &str = "pw_";

/// The user of a secret that is a password.
pub(super) const USER: &str = "app";

type Hash = [u8; 32];

fn hash(material: &[u8]) -> Hash {
    Sha256::digest(material).into()
}

/// Material that nobody can guess, after a beginning that says what it is.
pub(super) fn by_chance(beginning: &str) -> String {
    use std::fmt::Write as _;
    let mut bytes = [0_u8; 20];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().fold(beginning.to_owned(), |mut made, byte| {
        // Writing to a string cannot fail.
        let _ = write!(made, "{byte:02x}");
        made
    })
}

/// One secret's provider. Cheap to clone; clones are one.
#[derive(Clone, Debug)]
pub(super) struct Authority(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    secret: SecretPath,
    change: Change,
    /// Whether it issues keys of the new format from now on.
    new_format: std::sync::atomic::AtomicBool,
    quota: Quota,
    /// The tokens of those who may manage keys.
    managers: Vec<(Material, Actor)>,
    kept: Mutex<Kept>,
    clock: Clock,
    record: Record,
}

#[derive(Debug, Default)]
struct Kept {
    accepted: HashMap<Hash, Version>,
    /// What was issued, by the caller's key.
    issued: HashMap<String, Material>,
    entries: u64,
}

/// What managing calls say.
#[derive(Serialize, Deserialize)]
pub(super) struct Ask {
    /// Names the step, once.
    #[serde(default)]
    pub(super) key: String,
    pub(super) version: String,
    /// In base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) material: Option<String>,
}

/// What is answered to whoever asks for a new key.
#[derive(Serialize, Deserialize)]
pub(super) struct Issued {
    pub(super) version: String,
    /// In base64.
    pub(super) material: String,
}

impl Authority {
    pub(super) fn new(
        secret: &Secret,
        quota: Quota,
        managers: Vec<(Material, Actor)>,
        clock: Clock,
        record: Record,
    ) -> Self {
        Self(Arc::new(Inner {
            secret: secret.path.clone(),
            change: secret.change,
            new_format: false.into(),
            quota,
            managers,
            kept: Mutex::default(),
            clock,
            record,
        }))
    }

    pub(super) fn secret(&self) -> &SecretPath {
        &self.0.secret
    }

    pub(super) fn change(&self) -> Change {
        self.0.change
    }

    pub(super) fn quota(&self) -> &Quota {
        &self.0.quota
    }

    /// From now on keys are issued in the new format.
    pub(super) fn modernise(&self) {
        self.0
            .new_format
            .store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// Which version this material is, where it is accepted now.
    pub(super) fn version_of(&self, material: &[u8]) -> Option<Version> {
        self.kept().accepted.get(&hash(material)).cloned()
    }

    /// Whether the credential of an `Authorization` header is accepted now.
    pub(super) fn lets_in(&self, headers: &HeaderMap) -> Result<Version, &'static str> {
        let value = headers.get(header::AUTHORIZATION);
        let value = value.and_then(|v| v.to_str().ok()).ok_or("no credential")?;
        let material = match self.0.change {
            Change::Keys => value
                .strip_prefix("Bearer ")
                .map(|key| key.as_bytes().to_vec()),
            Change::InPlace => value
                .strip_prefix("Basic ")
                .and_then(|pair| STANDARD.decode(pair).ok())
                .and_then(|pair| pair.strip_prefix(b"app:").map(<[u8]>::to_vec)),
        };
        let material = material.ok_or("malformed credential")?;
        self.version_of(&material).ok_or("invalid credential")
    }

    /// Serves the provider's API; says where.
    pub(super) async fn serve(&self, tasks: &Tasks) -> Result<SocketAddr, LabError> {
        let router = Router::new()
            .route("/keys", post(issue).get(list))
            .route("/keys/accept", post(accept))
            .route("/keys/revoke", post(revoke))
            .route("/password", post(password))
            .route("/whoami", get(whoami))
            .with_state(self.clone());
        serve("an authority", router, tasks).await
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the version that is accepted from the beginning.
    pub(super) fn found(&self) -> Material {
        let first = Material::new(self.make().into_bytes());
        let hash = hash(first.expose());
        self.kept().accepted.insert(hash, Version::from("v1"));
        first
    }

    /// Makes material: a key in the provider's format, or a password.
    fn make(&self) -> String {
        let new = self.0.new_format.load(std::sync::atomic::Ordering::Relaxed);
        match self.0.change {
            Change::InPlace => by_chance(PASSWORD),
            Change::Keys if new => {
                let mut bytes = [0_u8; 20];
                rand::rng().fill_bytes(&mut bytes);
                format!("{NEW_FORMAT}{}", STANDARD.encode(bytes))
            }
            Change::Keys => by_chance(OLD_FORMAT),
        }
    }

    /// Lets a call in that manages keys: its token must be known and its quota not used up.
    #[expect(
        clippy::result_large_err,
        reason = "the error is the response that is sent"
    )]
    fn manager(&self, headers: &HeaderMap) -> Result<Actor, Response> {
        use subtle::ConstantTimeEq as _;
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
            .unwrap_or_default();
        let known = self.0.managers.iter();
        let mut known = known.filter(|(own, _)| bool::from(own.expose().ct_eq(token)));
        let Some((_, actor)) = known.next_back() else {
            return Err((StatusCode::UNAUTHORIZED, "unknown token").into_response());
        };
        if let Err(wait) = self.0.quota.admit(self.0.clock.now()) {
            let after = [(header::RETRY_AFTER, wait.to_string())];
            let words = "rate limit exceeded";
            return Err((StatusCode::TOO_MANY_REQUESTS, after, words).into_response());
        }
        Ok(actor.clone())
    }

    /// Writes the provider's own audit entry of a call.
    fn note(&self, actor: Actor, operation: Operation, version: Option<&str>) {
        let number = {
            let mut kept = self.kept();
            kept.entries += 1;
            kept.entries
        };
        let secret = &self.0.secret;
        let entry = AuditEntry {
            actor,
            operation,
            path: Text::from(format!("keys/{}", secret.raw())),
            secret: Some(secret.clone()),
            version: version.map(Version::from),
            outcome: AuditOutcome::Allowed,
            remote_addr: None,
            user_agent: None,
            error: None,
            stage: None,
        };
        let id = format!("{}/{number}", secret.raw());
        let event = Event::new("/lab/audit", id, self.0.clock.now(), entry.into());
        self.0.record.push(event.about(secret.0.clone()));
    }
}

async fn issue(State(it): State<Authority>, headers: HeaderMap, Json(ask): Json<Ask>) -> Response {
    let actor = match it.manager(&headers) {
        Ok(actor) => actor,
        Err(no) => return no,
    };
    let issued = {
        let mut kept = it.kept();
        let known = kept.issued.get(&ask.key).cloned();
        known.unwrap_or_else(|| {
            let made = Material::new(it.make().into_bytes());
            kept.issued.insert(ask.key.clone(), made.clone());
            made
        })
    };
    it.note(actor, Operation::Create, Some(&ask.version));
    let material = STANDARD.encode(issued.expose());
    let version = ask.version;
    Json(Issued { version, material }).into_response()
}

async fn accept(State(it): State<Authority>, headers: HeaderMap, Json(ask): Json<Ask>) -> Response {
    let actor = match it.manager(&headers) {
        Ok(actor) => actor,
        Err(no) => return no,
    };
    let Some(material) = ask.material.and_then(|m| STANDARD.decode(m).ok()) else {
        return (StatusCode::UNPROCESSABLE_ENTITY, "no material").into_response();
    };
    let version = Version::from(ask.version.as_str());
    it.kept().accepted.insert(hash(&material), version);
    it.note(actor, Operation::Update, Some(&ask.version));
    StatusCode::NO_CONTENT.into_response()
}

async fn password(
    State(it): State<Authority>,
    headers: HeaderMap,
    Json(ask): Json<Ask>,
) -> Response {
    let actor = match it.manager(&headers) {
        Ok(actor) => actor,
        Err(no) => return no,
    };
    let Some(material) = ask.material.and_then(|m| STANDARD.decode(m).ok()) else {
        return (StatusCode::UNPROCESSABLE_ENTITY, "no material").into_response();
    };
    {
        let mut kept = it.kept();
        kept.accepted.clear();
        let version = Version::from(ask.version.as_str());
        kept.accepted.insert(hash(&material), version);
    }
    it.note(actor, Operation::Update, Some(&ask.version));
    StatusCode::NO_CONTENT.into_response()
}

async fn revoke(State(it): State<Authority>, headers: HeaderMap, Json(ask): Json<Ask>) -> Response {
    let actor = match it.manager(&headers) {
        Ok(actor) => actor,
        Err(no) => return no,
    };
    it.kept()
        .accepted
        .retain(|_, version| version.raw() != ask.version);
    it.note(actor, Operation::Revoke, Some(&ask.version));
    StatusCode::NO_CONTENT.into_response()
}

async fn list(State(it): State<Authority>, headers: HeaderMap) -> Response {
    let actor = match it.manager(&headers) {
        Ok(actor) => actor,
        Err(no) => return no,
    };
    let mut versions: Vec<Version> = it.kept().accepted.values().cloned().collect();
    versions.sort();
    it.note(actor, Operation::List, None);
    Json(versions).into_response()
}

async fn whoami(State(it): State<Authority>, headers: HeaderMap) -> Response {
    match it.lets_in(&headers) {
        Ok(version) => Json(version).into_response(),
        Err(why) => (StatusCode::UNAUTHORIZED, why).into_response(),
    }
}

/// The value of an `Authorization` header that presents this material.
pub(super) fn presented(change: Change, material: &Material) -> Option<String> {
    let words = material.expose_str()?;
    Some(match change {
        Change::Keys => format!("Bearer {words}"),
        Change::InPlace => format!("Basic {}", STANDARD.encode(format!("{USER}:{words}"))),
    })
}
