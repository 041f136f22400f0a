//! The world around an engine: consumers, caches, health, a place to mask, an audit sink; each
//! counts what was done to it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rotascope::model::event::Outcome as End;
use rotascope::model::intent::{Intent, Outcome, Verb};
use rotascope::model::{Actor, Data, Event, RotationId, SecretPath, Timestamp, Version};
use rotascope::rotation::plan::Plan;
use rotascope::rotation::target::{Answer, Call, Target, Versioned, open};
use rotascope::rotation::{Clock, Engine, Material, SealKey, Settings, Status};
use serde_json::{Value, json};

use super::keys;

/// How a consumer behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Habit {
    /// Takes a version when it is told to.
    #[default]
    Obeys,
    /// Takes a version only when it is restarted.
    NeedsRestart,
    /// Cannot read any version but its first.
    CannotParse,
    /// Nobody reaches it.
    Away,
}

/// A consumer.
#[derive(Clone, Debug, Default)]
pub struct Consumer {
    pub habit: Habit,
    pub held: Option<(String, Vec<u8>)>,
    pub using: Option<(String, Vec<u8>)>,
    pub error: Option<String>,
    /// How often it was refused with what it used.
    pub refused: usize,
    /// Each push by its key, and how often it came.
    pub pushes: BTreeMap<String, usize>,
}

/// All that is outside the engine.
#[derive(Default)]
pub struct Outside {
    pub consumers: BTreeMap<String, Consumer>,
    pub health: (u64, u64),
    pub failing: bool,
    pub invalidated: Vec<Value>,
    pub masked: usize,
    pub sink_full: bool,
    pub restored: usize,
    /// Audit entries as they came.
    pub entries: Vec<Value>,
}

pub type Shared = Arc<Mutex<Outside>>;

/// The world.
pub struct World {
    pub folder: tempfile::TempDir,
    pub url: String,
    pub outside: Shared,
    pub keys: keys::Shared,
}

/// The secret that everything is about.
pub const SECRET: &str = "payments/key";

impl World {
    /// A world with consumers of these names; the region is the part before the dash.
    pub async fn new(consumers: &[&str]) -> Self {
        let outside = Shared::default();
        let keys = keys::Shared::default();
        for name in consumers {
            let mut outside = outside.lock().unwrap();
            outside
                .consumers
                .insert((*name).to_owned(), Consumer::default());
        }
        let router = routes(outside.clone()).nest("/provider", keys::routes(keys.clone()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), keys::TOKEN).unwrap();
        Self {
            folder,
            url,
            outside,
            keys,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The target section of the service of API keys.
    pub fn webhook(&self) -> String {
        format!(
            "kind = 'webhook'\nurl = '{}/provider'\nadmin_token_file = '{}'\n",
            self.url,
            self.path("token").display()
        )
    }

    /// A plan with this target, these lines for the secret, and everything around it.
    pub fn plan(&self, target: &str, secret: &str) -> String {
        let url = &self.url;
        let mut text = format!(
            "[engine]\nname = 'test'\naudit_sink = '{url}/sink'\n[[secret]]\npath = '{SECRET}'\nowner = 'payments'\nmask = '{url}/mask'\n{secret}\n[secret.target]\n{target}\n"
        );
        for name in self.outside.lock().unwrap().consumers.keys() {
            let region = name.split('-').next().unwrap();
            let _ = write!(
                text,
                "[[secret.consumer]]\nname = '{name}'\nservice = 'checkout'\nregion = '{region}'\nendpoint = '{url}/c/{name}'\n"
            );
        }
        let _ = write!(
            text,
            "[[secret.health]]\nservice = 'checkout'\nurl = '{url}/health'\nmax_failed = 0.2\n[[secret.cache]]\nservice = 'checkout'\ninvalidate = '{url}/cache'\n"
        );
        text
    }

    /// Opens an engine of this plan with a clock that is fast.
    pub async fn engine(&self, plan: &str, clock: Clock) -> Engine {
        Engine::open(self.settings(plan, clock)).await.unwrap()
    }

    pub fn settings(&self, plan: &str, clock: Clock) -> Settings {
        settings(plan, &self.path("engine.db"), &self.path("seal-key"), clock)
    }

    /// Has each consumer authenticate with what it uses, again and again.
    pub fn authenticate(
        &self,
        target: Arc<dyn Target>,
        every: Duration,
    ) -> tokio::task::JoinHandle<()> {
        let outside = self.outside.clone();
        tokio::spawn(async move {
            loop {
                try_all(&outside, &*target).await;
                tokio::time::sleep(every).await;
            }
        })
    }

    /// How often consumers were refused, in all.
    pub fn refused(&self) -> usize {
        let outside = self.outside.lock().unwrap();
        outside.consumers.values().map(|c| c.refused).sum()
    }

    /// Which versions are used.
    pub fn using(&self) -> Vec<String> {
        let outside = self.outside.lock().unwrap();
        let using = outside
            .consumers
            .values()
            .map(|c| c.using.clone().map_or_else(String::new, |u| u.0));
        using.collect()
    }
}

/// Lets every consumer authenticate once.
pub async fn try_all(outside: &Shared, target: &dyn Target) {
    let all: Vec<(String, (String, Vec<u8>))> = {
        let outside = outside.lock().unwrap();
        let all = outside.consumers.iter();
        all.filter_map(|(name, c)| Some((name.clone(), c.using.clone()?)))
            .collect()
    };
    for (name, (version, material)) in all {
        let with = Versioned {
            version: Version::from(version.as_str()),
            material: Material::new(material.clone()),
        };
        let call = Call {
            key: "consumer".to_owned(),
            within: Duration::from_secs(5),
        };
        let answer = target.attempt(&with, &call).await;
        let mut outside = outside.lock().unwrap();
        let consumer = outside.consumers.get_mut(&name).unwrap();
        // It may have taken another version while the answer was under way.
        let same = consumer.using.as_ref().is_some_and(|u| u.1 == material);
        if same && matches!(answer, Ok(Answer::Refused(_))) {
            consumer.refused += 1;
        }
    }
}

/// The settings of an engine with this plan; targets are opened as the plan says.
pub fn settings(
    plan: &str,
    store: &std::path::Path,
    key: &std::path::Path,
    clock: Clock,
) -> Settings {
    let plan = Plan::parse(plan).unwrap();
    let targets = plan.secrets.iter().map(|s| {
        let target = open(&s.target.kind, &s.target.settings).unwrap();
        (s.path.clone(), target)
    });
    Settings {
        targets: targets.collect(),
        plan,
        store: store.to_owned(),
        key: SealKey::of_file(key).unwrap(),
        clock,
        seed: Some(7),
    }
}

/// An intent of alice's about the secret.
pub fn intent(verb: Verb, key: &str) -> Intent {
    Intent {
        verb,
        rotation: None,
        secret: Some(SecretPath::from(SECRET)),
        region: None,
        service: None,
        seconds: None,
        per_minute: None,
        by: Actor::from("alice"),
        reason: None,
        key: key.to_owned(),
        at: Timestamp::new(1_800_000_000, 0),
    }
}

/// A state is shown just before its events are told: so long what follows has to be there.
const TOLD: Duration = Duration::from_millis(50);

/// Waits until something is so, and its events are told; says what was waited for when it never
/// is.
pub async fn until(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{what} never came"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(TOLD).await;
}

/// Asks for an act and waits for its outcome.
pub async fn act(engine: &Engine, intent: Intent) -> Outcome {
    let key = intent.key.clone();
    engine.execute(intent).await.unwrap();
    outcome(engine, &key).await
}

/// Waits for an outcome; says how every rotation stands when it never comes.
pub async fn outcome(engine: &Engine, key: &str) -> Outcome {
    let began = Instant::now();
    loop {
        let outcome = engine.outcome(key);
        if let Some(done @ (Outcome::Observed { .. } | Outcome::Failed { .. })) = outcome {
            tokio::time::sleep(TOLD).await;
            return done;
        }
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "the outcome of {key} never came: {outcome:?}\n{}",
            standing_of_all(engine)
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Where each rotation that is not over stands, and what the engine called.
fn standing_of_all(engine: &Engine) -> String {
    let mut words = String::new();
    for s in engine.rotations().iter().filter(|s| s.outcome.is_none()) {
        let _ = writeln!(
            words,
            "{} {:?} -> {:?}: {}, stage {}, wave {:?}, stalled {:?}, next at {:?}",
            s.rotation,
            s.from_version,
            s.to_version,
            s.state,
            s.stage,
            s.wave,
            s.stalled,
            s.next_at
        );
        for c in &s.consumers {
            let _ = writeln!(
                words,
                "  {} uses {:?}, {:?}, {:?}",
                c.consumer, c.using, c.state, c.error
            );
        }
    }
    let log = engine.log().after(0, usize::MAX);
    for (n, event) in log.iter().skip(log.len().saturating_sub(12)) {
        let _ = writeln!(words, "  event {n}: {:?}", event.data);
    }
    let _ = writeln!(words, "{:?}", engine.metrics());
    words
}

pub fn observed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Observed { .. })
}

/// A rotation as it stands.
pub fn status(engine: &Engine, id: &RotationId) -> Status {
    engine.rotation(id).unwrap()
}

/// Rotates the secret to the end.
pub async fn rotate(engine: &Engine, key: &str) -> RotationId {
    let receipt = engine.execute(intent(Verb::Rotate, key)).await.unwrap();
    let id = receipt.rotation.unwrap();
    let done = outcome(engine, key).await;
    assert!(observed(&done), "{done:?} {:?}", status(engine, &id));
    assert_eq!(status(engine, &id).outcome, Some(End::Succeeded));
    id
}

/// Starts a rotation and waits until it is in this state.
pub async fn rotate_until(engine: &Engine, key: &str, state: &str) -> RotationId {
    let receipt = engine.execute(intent(Verb::Rotate, key)).await.unwrap();
    let id = receipt.rotation.unwrap();
    until(state, || status(engine, &id).state == state).await;
    id
}

/// The stages that a rotation told of, each as `stage status`, but for those of a region or a wave.
pub fn stages(engine: &Engine, id: &RotationId) -> Vec<String> {
    let events = engine.log().after(0, usize::MAX);
    let mine = events
        .iter()
        .filter(|(_, e)| e.rotation.as_ref() == Some(id));
    mine.filter_map(|(_, e)| stage_words(e)).collect()
}

pub fn stage_words(event: &Event) -> Option<String> {
    match &event.data {
        Data::RotationStage(s) if s.region.is_none() && s.wave.is_none() => {
            Some(format!("{} {}", s.stage, s.status))
        }
        Data::RotationFinished(f) => Some(format!("finished {}", f.outcome)),
        _ => None,
    }
}

fn routes(shared: Shared) -> Router {
    Router::new()
        .route("/c/{name}/credential", put(take).get(tell))
        .route("/health", get(health))
        .route("/cache", post(cache))
        .route("/mask", post(mask))
        .route("/sink", post(sink))
        .route("/sink/restore", post(restore))
        .with_state(shared)
}

fn standing(consumer: &Consumer) -> Response {
    let (version, state) = match (&consumer.error, &consumer.using) {
        (Some(_), _) => (consumer.held.clone().map(|h| h.0), "failed"),
        (None, Some(using)) => (Some(using.0.clone()), "in_use"),
        (None, None) => (None, "pending"),
    };
    Json(json!({"secret": SECRET, "version": version, "state": state, "error": consumer.error}))
        .into_response()
}

async fn take(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let mut outside = shared.lock().unwrap();
    let Some(consumer) = outside.consumers.get_mut(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if consumer.habit == Habit::Away {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let key = body["key"].as_str().unwrap().to_owned();
    *consumer.pushes.entry(key).or_default() += 1;
    let version = body["version"].as_str().unwrap().to_owned();
    let material = STANDARD.decode(body["material"].as_str().unwrap()).unwrap();
    consumer.held = Some((version.clone(), material));
    let now = body["take"] == "now";
    let first = consumer.using.is_none();
    let restart = body["restart"] == true;
    let takes = match consumer.habit {
        Habit::Obeys | Habit::Away => now,
        Habit::NeedsRestart => restart || (first && now),
        Habit::CannotParse => now && (first || consumer.using == consumer.held),
    };
    if takes {
        consumer.using.clone_from(&consumer.held);
        consumer.error = None;
        return standing(consumer);
    }
    if now && consumer.habit == Habit::CannotParse {
        consumer.error = Some("unexpected end of input".to_owned());
        return standing(consumer);
    }
    Json(json!({"version": version, "state": "delivered"})).into_response()
}

async fn tell(State(shared): State<Shared>, Path(name): Path<String>) -> Response {
    let outside = shared.lock().unwrap();
    match outside.consumers.get(&name) {
        Some(consumer) if consumer.habit != Habit::Away => standing(consumer),
        _ => StatusCode::BAD_GATEWAY.into_response(),
    }
}

async fn health(State(shared): State<Shared>) -> Response {
    let mut outside = shared.lock().unwrap();
    outside.health.0 += 50;
    if outside.failing {
        outside.health.1 += 40;
    }
    let (total, failed) = outside.health;
    Json(json!({"total": total, "failed": failed})).into_response()
}

async fn cache(State(shared): State<Shared>, Json(body): Json<Value>) -> Response {
    shared.lock().unwrap().invalidated.push(body);
    Json(json!({"dropped": 3})).into_response()
}

async fn mask(State(shared): State<Shared>, Json(_): Json<Value>) -> Response {
    shared.lock().unwrap().masked += 1;
    StatusCode::OK.into_response()
}

async fn sink(State(shared): State<Shared>, Json(body): Json<Value>) -> Response {
    let mut outside = shared.lock().unwrap();
    if outside.sink_full {
        return StatusCode::INSUFFICIENT_STORAGE.into_response();
    }
    outside.entries.push(body);
    StatusCode::ACCEPTED.into_response()
}

async fn restore(State(shared): State<Shared>) -> Response {
    let mut outside = shared.lock().unwrap();
    outside.restored += 1;
    outside.sink_full = false;
    StatusCode::OK.into_response()
}
