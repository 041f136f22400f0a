//! The engine's handle: what the server, the lab and the tests hold. Cheap to clone; all clones
//! are one engine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam_channel::Sender;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::clock::Clock;
use super::deliver;
use super::lifecycle::{Refusal, RefusalKind, Rotation, State};
use super::log::EventLog;
use super::plan::{Plan, SecretPlan};
pub use super::report::{ConsumerReport, ConsumerStatus, Facts, Metrics, Receipt, Status, Vouched};
use super::run::core::{Core, Message};
use super::run::shared::Shared;
use super::store::{SealKey, Store, StoreError, Vault};
use super::target::{Target, Versioned};
use crate::model::event::{ConsumerState, Stage, Tier};
use crate::model::intent::{Intent, Outcome, Verb};
use crate::model::proof::Head;
use crate::model::{RotationId, SecretPath, Timestamp};

/// What an engine is opened with.
pub struct Settings {
    /// What is rotated, and how.
    pub plan: Plan,
    /// The `SQLite` file that holds all state; its folder must exist.
    pub store: PathBuf,
    /// Seals the material in it.
    pub key: SealKey,
    /// Tells the time.
    pub clock: Clock,
    /// The target of each secret of the plan.
    pub targets: BTreeMap<SecretPath, Arc<dyn Target>>,
    /// Seeds what is drawn by lot (jitter, ids); absent is the system's randomness.
    pub seed: Option<u64>,
}

/// Why an engine does not open.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another engine holds the store.
    #[error("another engine holds the store {0}; stop it, or name another file")]
    Locked(PathBuf),
    /// The store cannot be read or written.
    #[error("the store {path} cannot be used: {why}")]
    Store {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The store was sealed with another key.
    #[error("the store {0} was sealed with another key; name the key that it was made with")]
    Key(PathBuf),
    /// A secret of the plan has no target.
    #[error("the secret {0} has no target; its kind may be misspelt")]
    NoTarget(SecretPath),
}

/// The engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

/// Stops the engine when the last handle goes.
struct Inner {
    shared: Arc<Shared>,
    core: Sender<Message>,
    outbox: JoinHandle<()>,
    /// Acts that the core was handed and has not answered, by key.
    handed: Mutex<BTreeMap<String, usize>>,
}

/// An act that the core was handed, until it answered.
struct Handed<'e>(&'e Inner, String);

impl<'e> Handed<'e> {
    fn new(inner: &'e Inner, key: &str) -> Self {
        let mut handed = inner.handed.lock().unwrap_or_else(PoisonError::into_inner);
        *handed.entry(key.to_owned()).or_default() += 1;
        Self(inner, key.to_owned())
    }
}

impl Drop for Handed<'_> {
    fn drop(&mut self) {
        let handed = self.0.handed.lock();
        let mut handed = handed.unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = handed.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                handed.remove(&self.1);
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.outbox.abort();
        let _ = self.core.send(Message::ShutDown(None));
    }
}

impl Engine {
    /// Opens the store, takes its lock and resumes what was in flight. Needs a tokio runtime
    /// around it.
    ///
    /// # Errors
    /// [`EngineError`] where the store is another engine's, is not usable, or a target is missing.
    pub async fn open(settings: Settings) -> Result<Self, EngineError> {
        let plan = &settings.plan;
        let missing = plan
            .secrets
            .iter()
            .find(|s| !settings.targets.contains_key(&s.path));
        if let Some(secret) = missing {
            return Err(EngineError::NoTarget(secret.path.clone()));
        }
        let (path, key) = (settings.store.clone(), settings.key.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let (store, loaded) = Store::open(&path, &key)?;
            let older = store.older()?;
            Ok((store, loaded, older))
        });
        let failed = |why: String| EngineError::Store {
            path: settings.store.clone(),
            why,
        };
        let opened = opened.await.map_err(|e| failed(e.to_string()))?;
        let (store, mut loaded, older) = opened.map_err(|e| match e {
            StoreError::Locked => EngineError::Locked(settings.store.clone()),
            StoreError::Key => EngineError::Key(settings.store.clone()),
            other => failed(other.to_string()),
        })?;
        let client = deliver::client().map_err(|e| failed(e.to_string()))?;
        let log = EventLog::after_store(loaded.last_event, older);
        log.begins_at(loaded.first_event);
        let vault = Vault::new(settings.key.clone(), std::mem::take(&mut loaded.material));
        let clock = settings.clock.clone();
        let shared = Shared::new(plan, settings.targets, clock, client, vault, log);
        let shared = Arc::new(shared);
        let (to_core, from_all) = crossbeam_channel::unbounded();
        let channel = (to_core.clone(), from_all);
        let core = Core::new(store, loaded, shared.clone(), channel, settings.seed);
        std::thread::Builder::new()
            .name("rotation-core".to_owned())
            .spawn(move || core.run())
            .map_err(|e| failed(e.to_string()))?;
        let outbox = tokio::spawn(deliver_entries(shared.clone(), to_core.clone()));
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                core: to_core,
                outbox,
                handed: Mutex::default(),
            }),
        })
    }

    async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<T, Refusal>>) -> Message,
    ) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        let gone = || {
            Refusal::new(
                RefusalKind::Closed,
                "the engine is down",
                "ask again when it is up",
            )
        };
        self.inner.core.send(message(answer)).map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Gives the engine a secret's version that exists already, as its current one. Does nothing
    /// where the engine knows a current version of it.
    ///
    /// # Errors
    /// [`Refusal`] where the plan has no such secret or the store cannot be written.
    pub async fn adopt(&self, secret: &SecretPath, current: Versioned) -> Result<(), Refusal> {
        let secret = secret.clone();
        self.ask(|answer| Message::Adopt(secret, current, answer))
            .await
    }

    /// Takes an intent; the same key again gets the same receipt and does nothing.
    ///
    /// # Errors
    /// [`Refusal`] where it makes no sense now, with what to do instead.
    pub async fn execute(&self, intent: Intent) -> Result<Receipt, Refusal> {
        self.execute_vouched(intent, Vouched::default()).await
    }

    /// As [`Self::execute`]; what stands behind the act is kept and told with it.
    ///
    /// # Errors
    /// As [`Self::execute`].
    pub async fn execute_vouched(
        &self,
        intent: Intent,
        vouched: Vouched,
    ) -> Result<Receipt, Refusal> {
        let _handed = Handed::new(&self.inner, &intent.key);
        self.ask(|answer| Message::Execute(Box::new((intent, vouched)), answer))
            .await
    }

    /// Tells in the event log that an act is not done, as somebody is not allowed to do it.
    pub async fn deny(&self, intent: Intent, why: String) {
        let told = self.ask(|answer| Message::Deny(Box::new(intent), why, answer));
        if let Err(refusal) = told.await {
            tracing::warn!(%refusal, "a denied act was not told of");
        }
    }

    /// The receipt of an intent that was taken before; a refusal where its key was used for
    /// another; `None` where its key is new.
    #[must_use]
    pub fn receipt(&self, intent: &Intent) -> Option<Result<Receipt, Refusal>> {
        let acts = self.inner.shared.acts.read();
        let acts = acts.unwrap_or_else(PoisonError::into_inner);
        acts.get(&intent.key).map(|row| row.receipt(intent))
    }

    /// Where the journal of whoever asked for an act stood.
    #[must_use]
    pub fn head(&self, key: &str) -> Option<Head> {
        let acts = self.inner.shared.acts.read();
        let acts = acts.unwrap_or_else(PoisonError::into_inner);
        acts.get(key)?.vouched.head.clone()
    }

    /// What is known of what an intent is about: of its rotation's secret, else of the secret that
    /// it names, else of all that are meant.
    ///
    /// # Errors
    /// [`Refusal`] where nobody knows that rotation or secret, or where they are not one.
    pub fn facts(&self, intent: &Intent) -> Result<Facts, Refusal> {
        let shared = &self.inner.shared;
        let meant = self.meant(intent)?;
        let secret = meant.as_ref().map(|r| &r.secret);
        let secret = secret.or(intent.secret.as_ref()).cloned();
        if let (None, Some(path)) = (&meant, &secret)
            && !shared.secrets.contains_key(path)
        {
            return Err(Refusal::unknown_secret(path));
        }
        let uses = |plan: &SecretPlan| {
            let wanted = intent.service.as_ref();
            wanted.is_none_or(|service| plan.consumers.iter().any(|c| c.service == *service))
        };
        let plans = shared.secrets.values();
        let plans = plans.filter(|plan| match &secret {
            Some(path) => plan.path == *path,
            None => uses(plan),
        });
        let plans: Vec<_> = plans.collect();
        let tiers = plans.iter().filter_map(|plan| plan.tier.as_ref());
        let tiers = tiers.chain(meant.iter().filter_map(|r| r.tier.as_ref()));
        let consumers = plans.iter().flat_map(|plan| &plan.consumers);
        let services: BTreeSet<_> = consumers.clone().map(|c| c.service.clone()).collect();
        Ok(Facts {
            tier: tiers.min_by_key(|tier| rank(tier)).cloned(),
            consumers: consumers.count(),
            services: services.into_iter().collect(),
            into_revoke: match intent.verb {
                Verb::Resume => meant.is_some_and(|r| is_held_back(&r)),
                Verb::Unfreeze => self.holds_a_revocation(),
                _ => false,
            },
            secret,
        })
    }

    /// Whether an old version would be revoked now if nothing were frozen.
    fn holds_a_revocation(&self) -> bool {
        let now = self.inner.shared.clock.now();
        let all = self.inner.shared.rotations.read();
        let all = all.unwrap_or_else(PoisonError::into_inner);
        all.values().any(|r| is_due(r, now))
    }

    /// The rotation that an intent means: the one it names, else the one of its secret that runs.
    fn meant(&self, intent: &Intent) -> Result<Option<Arc<Rotation>>, Refusal> {
        let all = self.inner.shared.rotations.read();
        let all = all.unwrap_or_else(PoisonError::into_inner);
        let Some(id) = &intent.rotation else {
            let running = all.values().filter(|r| !r.is_over());
            let mine = running.filter(|r| Some(&r.secret) == intent.secret.as_ref());
            return Ok(mine.max_by_key(|r| r.asked_at).cloned());
        };
        let Some(found) = all.get(id) else {
            return Err(Refusal::new(
                RefusalKind::Unknown,
                format!("there is no rotation {id}, or it ended long ago"),
                "look at the list of rotations",
            ));
        };
        if intent.secret.as_ref().is_some_and(|s| *s != found.secret) {
            return Err(Refusal::new(
                RefusalKind::Malformed,
                format!(
                    "{id} is a rotation of {}, not of the secret that is named",
                    found.secret
                ),
                "name one of the two",
            ));
        }
        Ok(Some(found.clone()))
    }

    /// How far an intent has come; `None` for a key that was never taken, and never handed over
    /// either: of what lies before the engine unanswered nobody can say that it will not be done.
    #[must_use]
    pub fn outcome(&self, key: &str) -> Option<Outcome> {
        // In this order: what is taken in between is found in one of the two.
        let handed = {
            let handed = self.inner.handed.lock();
            handed
                .unwrap_or_else(PoisonError::into_inner)
                .contains_key(key)
        };
        let acts = self.inner.shared.acts.read();
        let acts = acts.unwrap_or_else(PoisonError::into_inner);
        let taken = acts.get(key).map(|row| row.outcome.clone());
        let why = "it lies before the engine, which has not said yet whether it takes it";
        taken.or_else(|| {
            handed.then(|| Outcome::Unknown {
                why: why.to_owned(),
            })
        })
    }

    /// Every rotation that runs or that ended lately, the oldest first.
    #[must_use]
    pub fn rotations(&self) -> Vec<Status> {
        let all: Vec<Arc<Rotation>> = {
            let all = self.inner.shared.rotations.read();
            all.unwrap_or_else(PoisonError::into_inner)
                .values()
                .cloned()
                .collect()
        };
        let mut all: Vec<(Timestamp, Status)> =
            all.iter().map(|r| (r.asked_at, status(r))).collect();
        all.sort_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.rotation.cmp(&y.rotation)));
        all.into_iter().map(|(_, status)| status).collect()
    }

    /// One rotation.
    #[must_use]
    pub fn rotation(&self, id: &RotationId) -> Option<Status> {
        let all = self.inner.shared.rotations.read();
        let all = all.unwrap_or_else(PoisonError::into_inner);
        all.get(id).map(|r| status(r))
    }

    /// The event log.
    #[must_use]
    pub fn log(&self) -> EventLog {
        self.inner.shared.log.clone()
    }

    /// The current version of a secret, for consumers that pull.
    #[must_use]
    pub fn material(&self, secret: &SecretPath) -> Option<Versioned> {
        let current = {
            let all = self.inner.shared.current.read();
            all.unwrap_or_else(PoisonError::into_inner)
                .get(secret)
                .cloned()
        };
        self.inner.shared.vault.open(secret, &current?)
    }

    /// A consumer says how it stands.
    ///
    /// # Errors
    /// [`Refusal`] where nobody knows that consumer or secret.
    pub async fn report(&self, report: ConsumerReport) -> Result<(), Refusal> {
        self.ask(|answer| Message::Report(report, answer)).await
    }

    /// Counters and gauges.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let metrics = self.inner.shared.metrics.lock();
        metrics.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops, lets calls under way end (at most 5 s) and gives the store's lock back. What was
    /// pending goes on when the store is opened again.
    pub async fn shut_down(self) {
        self.inner.outbox.abort();
        let (answer, done) = oneshot::channel();
        if self
            .inner
            .core
            .send(Message::ShutDown(Some(answer)))
            .is_ok()
        {
            let _ = done.await;
        }
    }
}

async fn deliver_entries(shared: Arc<Shared>, to_core: Sender<Message>) {
    shared
        .deliver_entries(move |delivered| {
            let _ = to_core.send(Message::Audit(delivered));
        })
        .await;
}

/// Tiers by how much depends on them, the most first; what is not known counts as the most.
fn rank(tier: &Tier) -> u8 {
    match tier {
        Tier::High => 1,
        Tier::Standard => 2,
        _ => 0,
    }
}

/// Whether somebody holds a rotation before its revocation.
/// True where the old version would be revoked now if nothing were frozen.
fn is_due(r: &Rotation, now: Timestamp) -> bool {
    let due = match r.state {
        State::Grace { ends_at, .. } => ends_at <= now,
        _ => r.state.stage() == Stage::Revoke,
    };
    due && !r.is_over() && r.hold.is_none() && r.revoked_at.is_none()
}

fn is_held_back(r: &Rotation) -> bool {
    let before = matches!(r.state.stage(), Stage::Grace | Stage::Revoke);
    before && r.hold.is_some() && r.revoked_at.is_none()
}

fn status(r: &Rotation) -> Status {
    let wave = match r.state {
        State::Taking { wave, .. } => Some(number(wave)),
        _ => None,
    };
    let consumers = r.members.iter().map(|m| ConsumerStatus {
        consumer: m.consumer.clone(),
        service: m.service.clone(),
        region: m.region.clone(),
        wave: number(m.wave),
        using: m.using.clone(),
        state: m
            .told
            .as_ref()
            .map_or(ConsumerState::Pending, |(_, state)| state.clone()),
        error: m.error.clone(),
    });
    Status {
        rotation: r.id.clone(),
        secret: r.secret.clone(),
        kind: r.kind.clone(),
        from_version: r.from.clone(),
        to_version: r.to.clone(),
        trigger: r.trigger.clone(),
        by: r.by.clone(),
        owner: r.owner.clone(),
        tier: r.tier.clone(),
        stage: r.state.stage(),
        state: r.state.words().to_owned(),
        outcome: match &r.state {
            State::Finished { end } => Some(end.clone()),
            _ => None,
        },
        paused_by: r.hold.as_ref().map(|hold| hold.by.clone()),
        stalled: (!r.is_over()).then(|| r.stalled()).flatten(),
        wave,
        started_at: r.began_at,
        grace_ends_at: match r.state {
            State::Grace { ends_at, .. } => Some(ends_at),
            _ => None,
        },
        next_at: r.pending.iter().filter_map(|p| p.due).min(),
        dual_run: r.rules.dual_run,
        consumers: consumers.collect(),
    }
}

/// A wave's number for a person, from 1.
fn number(wave: usize) -> u32 {
    u32::try_from(wave + 1).unwrap_or(u32::MAX)
}
