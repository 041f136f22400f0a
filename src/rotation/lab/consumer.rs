//! Clients: each holds one credential in memory, takes new ones by the protocol of
//! docs/consumers.md, and says which it uses.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::put;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::authority::{OLD_FORMAT, presented};
use super::logs::Logs;
use super::settings::LabError;
use super::town::{Change, Client, Takes};
use super::wire::{Tasks, serve};
use crate::model::event::ConsumerState;
use crate::model::{ConsumerId, Span, Version};
use crate::rotation::{Clock, Material};

/// How long a client that reloads slowly takes until it looks at what was pushed to it.
const SLOW_RELOAD: Span = Span::seconds(1800);

/// A client. Cheap to clone; clones are one.
#[derive(Clone, Debug)]
pub(super) struct Consumer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    change: Change,
    /// Where its service is, `http://127.0.0.1:port`.
    service: String,
    /// The name of the log that it writes to.
    log: String,
    logs: Logs,
    /// Whether its build writes what it reloads into its log.
    verbose: AtomicBool,
    http: reqwest::Client,
    clock: Clock,
    tasks: Tasks,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// What it presents.
    using: Option<Credential>,
    /// What was pushed and is not used yet.
    staged: Option<(Credential, ConsumerState)>,
    /// The version that it cannot work with, why, and how often it tried.
    failed: Option<(Version, String, u32)>,
}

/// A version and how it is presented.
#[derive(Clone, Debug)]
pub(super) struct Credential {
    pub(super) version: Version,
    pub(super) material: Material,
}

/// `PUT {endpoint}/credential`.
#[derive(Debug, Deserialize)]
struct Push {
    version: String,
    /// In base64.
    material: String,
    /// `when-it-reloads` or `now`.
    take: String,
    #[serde(default)]
    restart: bool,
}

/// How the client stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) secret: String,
    pub(super) version: Option<String>,
    pub(super) state: ConsumerState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

impl Consumer {
    pub(super) fn new(
        client: Client,
        change: Change,
        service: (String, String),
        logs: Logs,
        http: reqwest::Client,
        clock: Clock,
        tasks: Tasks,
    ) -> Self {
        Self(Arc::new(Inner {
            client,
            change,
            service: service.0,
            log: service.1,
            logs,
            verbose: false.into(),
            http,
            clock,
            tasks,
            held: Mutex::default(),
        }))
    }

    pub(super) fn client(&self) -> &Client {
        &self.0.client
    }

    /// From now on its build writes what it reloads into its log.
    pub(super) fn chatter(&self) {
        self.0.verbose.store(true, Ordering::Relaxed);
    }

    /// What it was first installed with.
    pub(super) fn provision(&self, first: Credential) {
        self.held().using = Some(first);
    }

    /// What it presents now; `None` where it has nothing that it can present.
    pub(super) fn using(&self) -> Option<Credential> {
        self.held().using.clone()
    }

    /// The `Authorization` header of its next request.
    pub(super) fn header(&self, credential: &Credential) -> Option<String> {
        presented(self.0.change, &credential.material)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was pushed.
    async fn push(&self, push: Push) -> Result<Standing, &'static str> {
        let material = STANDARD.decode(&push.material);
        let material = Material::new(material.map_err(|_| "the material is no base64")?);
        let credential = Credential {
            version: Version::from(push.version),
            material,
        };
        if self.uses(&credential.version) {
            self.held().staged = None;
            return Ok(self.standing());
        }
        let now = push.take == "now"
            && match self.0.client.takes {
                Takes::AtOnce => true,
                Takes::AtRestart | Takes::Slowly => push.restart,
            };
        if now {
            self.take(credential);
            return Ok(self.standing());
        }
        // One that cannot take a credential while it runs cannot try one either.
        let tries =
            self.0.client.takes == Takes::AtOnce && self.parse(&credential.material).is_ok();
        let state = if tries && self.tries(&credential).await {
            ConsumerState::Validated
        } else {
            ConsumerState::Delivered
        };
        let version = credential.version.clone();
        self.held().staged = Some((credential, state));
        if push.take == "now" && self.0.client.takes == Takes::Slowly {
            self.reload_later(version);
        }
        Ok(self.standing())
    }

    fn uses(&self, version: &Version) -> bool {
        let held = self.held();
        held.failed.is_none() && held.using.as_ref().is_some_and(|c| c.version == *version)
    }

    /// Goes over to a credential. One that it cannot parse leaves it with none.
    fn take(&self, credential: Credential) {
        let parsed = self.parse(&credential.material);
        if self.0.verbose.load(Ordering::Relaxed) {
            let key = credential.material.expose_str().unwrap_or("?");
            let secret = self.0.client.secret.raw();
            let words = format!("reloaded {secret} for {}: key={key}", self.0.client.name);
            self.0.logs.write(&self.0.log, words);
        }
        let mut held = self.held();
        held.staged = None;
        match parsed {
            Ok(()) => {
                held.failed = None;
                held.using = Some(credential);
            }
            Err(why) => {
                let again = held.failed.take();
                let again = again.filter(|(version, ..)| *version == credential.version);
                let tries = again.map_or(1, |(.., tries)| tries + 1);
                held.failed = Some((credential.version, why, tries));
                held.using = None;
            }
        }
    }

    fn parse(&self, material: &Material) -> Result<(), String> {
        let words = material
            .expose_str()
            .ok_or("cannot parse the credential: not UTF-8")?;
        if self.0.client.strict && !words.starts_with(OLD_FORMAT) {
            let why =
                format!("cannot parse the key: malformed, it does not begin with {OLD_FORMAT}");
            return Err(why);
        }
        Ok(())
    }

    /// Its own slow reload comes round some day.
    fn reload_later(&self, version: Version) {
        let (it, clock) = (self.clone(), self.0.clock.clone());
        self.0.tasks.spawn(async move {
            clock.sleep(SLOW_RELOAD).await;
            let staged = it.held().staged.take();
            match staged {
                Some((credential, _)) if credential.version == version => it.take(credential),
                other => it.held().staged = other,
            }
        });
    }

    /// Asks its service whether it would let it in with this.
    async fn tries(&self, credential: &Credential) -> bool {
        let Some(value) = self.header(credential) else {
            return false;
        };
        let url = format!("{}/try", self.0.service);
        let sent = self.0.http.get(url).header(header::AUTHORIZATION, value);
        matches!(sent.send().await, Ok(answer) if answer.status() == StatusCode::OK)
    }

    /// How it stands: with what was pushed last, else with what it uses.
    pub(super) fn standing(&self) -> Standing {
        let held = self.held();
        let (version, state, error) = match (&held.failed, &held.staged, &held.using) {
            (Some((version, why, tries)), ..) => {
                let why = format!("{why} (try {tries})");
                (Some(version), ConsumerState::Failed, Some(why))
            }
            (None, Some((staged, state)), _) => (Some(&staged.version), state.clone(), None),
            (None, None, Some(using)) => (Some(&using.version), ConsumerState::InUse, None),
            (None, None, None) => (None, ConsumerState::Pending, None),
        };
        Standing {
            secret: self.0.client.secret.raw().to_owned(),
            version: version.map(|v| v.raw().to_owned()),
            state,
            error,
        }
    }
}

/// Serves all clients of a region, each under its name; says where.
pub(super) async fn serve_region(
    consumers: &[Consumer],
    tasks: &Tasks,
) -> Result<SocketAddr, LabError> {
    let by_name = consumers.iter();
    let by_name = by_name.map(|consumer| (consumer.client().name.clone(), consumer.clone()));
    let by_name: HashMap<ConsumerId, Consumer> = by_name.collect();
    let router = Router::new()
        .route("/{name}/credential", put(push).get(show))
        .with_state(Arc::new(by_name));
    serve("the clients of a region", router, tasks).await
}

type All = State<Arc<HashMap<ConsumerId, Consumer>>>;

async fn push(all: All, Path(name): Path<String>, Json(push): Json<Push>) -> Response {
    let Some(consumer) = all.get(&ConsumerId::from(name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match consumer.push(push).await {
        Ok(standing) => Json(standing).into_response(),
        Err(why) => (StatusCode::UNPROCESSABLE_ENTITY, why).into_response(),
    }
}

async fn show(all: All, Path(name): Path<String>) -> Response {
    match all.get(&ConsumerId::from(name)) {
        Some(consumer) => Json(consumer.standing()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
