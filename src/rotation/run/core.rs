//! The core: one thread that owns the store and is the only one to change anything. It takes what
//! happened, makes the transitions, writes them in one transaction, and only then lets their
//! effects be done and their news be heard.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::super::fault::Fault;
use super::super::lifecycle::{Input, Refusal, RefusalKind, Report, Rotation, Standing, Trouble};
use super::super::material::Material;
use super::super::outbox::Delivered;
use super::super::report::{ConsumerReport, Receipt, Vouched};
use super::super::store::{ActRow, Loaded, SecretRow, Store, StoreError};
use super::super::target::Versioned;
use super::shared::Shared;
use super::staged::{Frozen, Stage};
use crate::model::event::{ActionPhase, BackendState};
use crate::model::intent::{Intent, Outcome, Verb};
use crate::model::{Actor, RotationId, SecretPath, Span, Text, Timestamp};

/// The longest the core sleeps, so that a clock that jumps is noticed.
const NAP: Duration = Duration::from_millis(500);
/// How much is taken into one transaction.
pub(super) const MOST: usize = 512;
/// How long a shut-down waits for calls under way.
const PATIENCE: Duration = Duration::from_secs(5);

type Answer<T> = oneshot::Sender<T>;

/// What the core is told.
pub(in crate::rotation) enum Message {
    Execute(Box<(Intent, Vouched)>, Answer<Result<Receipt, Refusal>>),
    Deny(Box<Intent>, String, Answer<Result<(), Refusal>>),
    Adopt(SecretPath, Versioned, Answer<Result<(), Refusal>>),
    Report(ConsumerReport, Answer<Result<(), Refusal>>),
    Effect(EffectDone),
    Side {
        key: String,
        index: usize,
        ended: Result<String, String>,
    },
    Audit(Delivered),
    ShutDown(Option<Answer<()>>),
    /// Has the disk be full, or have room again.
    #[cfg(test)]
    Fill(bool, Answer<()>),
}

pub(in crate::rotation) struct EffectDone {
    pub(super) rotation: RotationId,
    pub(super) key: String,
    pub(super) ended: Result<(Report, Option<Material>), Fault>,
    pub(super) since: Instant,
}

/// An answer that goes out once it is durable.
pub(super) enum Reply {
    Receipt(Answer<Result<Receipt, Refusal>>, Result<Receipt, Refusal>),
    Done(Answer<Result<(), Refusal>>, Result<(), Refusal>),
}

pub(in crate::rotation) struct Core {
    pub(super) store: Store,
    pub(super) shared: Arc<Shared>,
    pub(super) runtime: Handle,
    pub(super) to_self: Sender<Message>,
    pub(super) from_all: Receiver<Message>,
    pub(super) secrets: BTreeMap<SecretPath, SecretRow>,
    pub(super) by_secret: BTreeMap<SecretPath, BTreeSet<RotationId>>,
    pub(super) frozen: Option<Frozen>,
    pub(super) running: usize,
    /// Rotations that wait for their turn, by the moment before which it does not come;
    /// emergencies apart from the others.
    pub(super) waiting: BTreeSet<(Timestamp, RotationId)>,
    pub(super) urgent: BTreeSet<(Timestamp, RotationId)>,
    pub(super) wakes: BTreeSet<(Timestamp, RotationId)>,
    pub(super) wake_of: HashMap<RotationId, Timestamp>,
    /// When each rotation that is not over was looked at last.
    pub(super) looked: HashMap<RotationId, Timestamp>,
    pub(super) busy: HashSet<String>,
    /// What could not be written and is tried again.
    pub(super) again: Vec<Message>,
    pub(super) sulks_until: Option<Instant>,
    pub(super) audited: BTreeSet<RotationId>,
    pub(super) replays: Vec<(String, Option<RotationId>)>,
    /// True once what was in flight when the store was closed goes on.
    pub(super) resumed: bool,
    /// By how much the clock jumped since deadlines were last moved durably.
    pub(super) jumped: Span,
    /// Rotations to be looked at that a failed commit left.
    pub(super) left: BTreeSet<RotationId>,
    /// True while entries that are to be sent again are not in the outbox yet.
    pub(super) owes_replay: bool,
    pub(super) next_event: u64,
    pub(super) next_entry: i64,
    pub(super) store_name: String,
    pub(super) transitions: u64,
    pub(super) lots: SmallRng,
    pub(super) last_look: (Timestamp, Instant),
    pub(super) last_schedule: Option<Instant>,
    /// When the store was pruned last.
    pub(super) pruned_at: Option<Instant>,
    pub(super) closing: Option<(Instant, Option<Answer<()>>)>,
}

/// The engine, where it acts by itself.
pub(super) fn engine_actor() -> Actor {
    Actor::from("rotascope-engine")
}

impl Core {
    pub(in crate::rotation) fn new(
        store: Store,
        loaded: Loaded,
        shared: Arc<Shared>,
        channel: (Sender<Message>, Receiver<Message>),
        seed: Option<u64>,
    ) -> Self {
        let now = shared.clock.now();
        let mut core = Self {
            store,
            runtime: Handle::current(),
            to_self: channel.0,
            from_all: channel.1,
            secrets: loaded.secrets.into_iter().collect(),
            by_secret: BTreeMap::new(),
            frozen: loaded
                .frozen
                .and_then(|words| serde_json::from_str(&words).ok()),
            running: 0,
            waiting: BTreeSet::new(),
            urgent: BTreeSet::new(),
            wakes: BTreeSet::new(),
            wake_of: HashMap::new(),
            looked: HashMap::new(),
            busy: HashSet::new(),
            again: Vec::new(),
            sulks_until: None,
            audited: BTreeSet::new(),
            replays: Vec::new(),
            resumed: false,
            jumped: Span::ZERO,
            left: BTreeSet::new(),
            owes_replay: false,
            next_event: loaded.last_event + 1,
            next_entry: loaded.last_entry + 1,
            store_name: loaded.name,
            transitions: 0,
            lots: seed.map_or_else(rand::make_rng, SmallRng::seed_from_u64),
            last_look: (now, Instant::now()),
            last_schedule: None,
            pruned_at: None,
            closing: None,
            shared,
        };
        if let Some(paces) = loaded
            .paces
            .and_then(|words| serde_json::from_str(&words).ok())
        {
            core.shared.lanes.restore(paces);
        }
        core.shared.outbox.add(loaded.outbox);
        for act in &loaded.acts {
            if act.intent.verb == Verb::ReplayOutbox && act.outcome == Outcome::Executing {
                core.replays
                    .push((act.intent.key.clone(), act.rotation.clone()));
            }
        }
        {
            let mut acts = core
                .shared
                .acts
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            acts.extend(loaded.acts.into_iter().map(|a| (a.intent.key.clone(), a)));
        }
        core.publish_current(&core.secrets);
        for rotation in loaded.rotations {
            core.know(Arc::new(rotation));
        }
        core
    }

    /// Runs until it is told to stop.
    pub(in crate::rotation) fn run(mut self) {
        let mut messages = Vec::new();
        loop {
            let mut stage = Stage::default();
            let mut replies = Vec::new();
            if !self.resumed {
                self.resume(&mut stage);
            }
            stage.touched.extend(self.left.iter().cloned());
            // First: a deadline must not be judged by a clock that has jumped.
            self.look_at_clock(&mut stage);
            for message in &mut messages {
                self.handle(&mut stage, message, &mut replies);
            }
            self.tick(&mut stage);
            self.commit(stage, replies, messages);
            if self.is_closed() {
                break;
            }
            messages = self.receive();
        }
        if let Some((_, Some(answer))) = self.closing.take() {
            drop(self.store);
            let _ = answer.send(());
        }
    }

    pub(super) fn is_closed(&mut self) -> bool {
        let Some((until, _)) = &self.closing else {
            return false;
        };
        self.busy.is_empty() || Instant::now() >= *until
    }

    /// What was in flight when the store was closed goes on.
    pub(super) fn resume(&mut self, stage: &mut Stage) {
        stage.touched.extend(self.unfinished());
        let now = self.shared.clock.now();
        let paths: Vec<SecretPath> = self.shared.secrets.keys().cloned().collect();
        for path in paths {
            let mut secret = self.secret(stage, &path);
            if secret.seen_at.is_none() {
                secret.seen_at = Some(now);
                stage.secrets.insert(path, secret);
            }
        }
        let acts = self
            .shared
            .acts
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for (key, row) in acts
            .iter()
            .filter(|(_, row)| row.outcome == Outcome::Executing)
        {
            let left = row
                .calls
                .iter()
                .enumerate()
                .filter(|(_, c)| c.done.is_none());
            stage.sides.extend(left.map(|(n, _)| (key.clone(), n)));
        }
        drop(acts);
        self.say_status(stage, "", BackendState::Connected, None);
    }

    pub(super) fn receive(&mut self) -> Vec<Message> {
        let now = self.shared.clock.now();
        let next = self.wakes.first().map(|(at, _)| *at);
        let due = [self.waiting.first(), self.urgent.first()];
        let due = due.into_iter().flatten().map(|(at, _)| *at);
        let due = due.filter(|at| *at > now);
        let nap = next.into_iter().chain(due).min();
        let mut nap = nap.map_or(NAP, |at| self.shared.clock.real(at.since(now)).min(NAP));
        if !self.audited.is_empty() {
            nap = Duration::ZERO;
        }
        let mut messages = Vec::new();
        if let Some(until) = self.sulks_until {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.sulks_until = None;
                messages.append(&mut self.again);
                nap = Duration::ZERO;
            } else {
                nap = left.min(NAP);
            }
        }
        match self.from_all.recv_timeout(nap) {
            Ok(message) => messages.push(message),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        while messages.len() < MOST
            && let Ok(message) = self.from_all.try_recv()
        {
            messages.push(message);
        }
        messages
    }

    pub(super) fn handle(
        &mut self,
        stage: &mut Stage,
        message: &mut Message,
        replies: &mut Vec<Reply>,
    ) {
        match message {
            Message::Deny(intent, why, answer) => {
                let error = Some(Text::from(why.as_str()));
                let row = ActRow::new(
                    (**intent).clone(),
                    Vouched::default(),
                    self.shared.clock.now(),
                );
                self.say_action(stage, &row, ActionPhase::Denied, error);
                replies.push(Reply::Done(std::mem::replace(answer, nobody()), Ok(())));
            }
            Message::Execute(order, answer) => {
                let (intent, vouched) = &**order;
                let result = match self.closing {
                    Some(_) => Err(closed()),
                    None => self.execute(stage, intent, vouched),
                };
                replies.push(Reply::Receipt(std::mem::replace(answer, nobody()), result));
            }
            Message::Adopt(path, versioned, answer) => {
                let result = self.adopt(stage, path, versioned);
                replies.push(Reply::Done(std::mem::replace(answer, nobody()), result));
            }
            Message::Report(report, answer) => {
                let result = self.report(stage, report);
                replies.push(Reply::Done(std::mem::replace(answer, nobody()), result));
            }
            Message::Effect(done) => self.effect_done(stage, done),
            Message::Side { key, index, ended } => self.side_done(stage, key, *index, ended),
            Message::Audit(delivered) => self.delivered(stage, delivered),
            #[cfg(test)]
            Message::Fill(full, answer) => {
                self.store.fill(*full);
                self.store.jam(*full);
                let _ = std::mem::replace(answer, nobody()).send(());
            }
            Message::ShutDown(answer) => {
                if self.closing.is_none() {
                    self.closing = Some((Instant::now() + PATIENCE, answer.take()));
                }
            }
        }
    }

    pub(super) fn effect_done(&mut self, stage: &mut Stage, done: &EffectDone) {
        stage.idle.push(done.key.clone());
        stage.touched.insert(done.rotation.clone());
        let input = match &done.ended {
            Ok((report, material)) => {
                if let Some(material) = material
                    && let Err(why) = self.keep(stage, &done.rotation, &done.key, material)
                {
                    let trouble = Trouble {
                        passes: true,
                        retry_after: None,
                        words: why,
                    };
                    self.feed(
                        stage,
                        done,
                        Input::Failed {
                            key: done.key.clone(),
                            trouble,
                        },
                    );
                    return;
                }
                Input::Done {
                    key: done.key.clone(),
                    report: report.clone(),
                }
            }
            Err(fault) => Input::Failed {
                key: done.key.clone(),
                trouble: Trouble::of(fault, self.shared.clock.scale()),
            },
        };
        self.feed(stage, done, input);
    }

    pub(super) fn feed(&mut self, stage: &mut Stage, done: &EffectDone, input: Input) {
        // Only acts are refused.
        let _ = self.apply(stage, &done.rotation, input);
    }

    /// Seals what was generated, to be written with the transition that follows from it.
    pub(super) fn keep(
        &mut self,
        stage: &mut Stage,
        id: &RotationId,
        key: &str,
        material: &Material,
    ) -> Result<(), String> {
        let Some(r) = self.rotation(stage, id) else {
            return Ok(());
        };
        // An answer that nobody waits for any more is not kept.
        if !r.pending.iter().any(|p| p.key == key) {
            return Ok(());
        }
        let sealed = self.shared.vault.seal(&r.secret, &r.to, material);
        let sealed = sealed.map_err(|e| e.to_string())?;
        stage
            .batch
            .material
            .push((r.secret.clone(), r.to.clone(), sealed));
        Ok(())
    }

    pub(super) fn adopt(
        &mut self,
        stage: &mut Stage,
        path: &SecretPath,
        with: &Versioned,
    ) -> Result<(), Refusal> {
        if !self.shared.secrets.contains_key(path) {
            return Err(Refusal::unknown_secret(path));
        }
        let mut secret = self.secret(stage, path);
        if secret.current.is_some() {
            return Ok(());
        }
        let sealed = self.shared.vault.seal(path, &with.version, &with.material);
        let sealed =
            sealed.map_err(|e| Refusal::new(RefusalKind::Store, e.to_string(), "try again"))?;
        stage
            .batch
            .material
            .push((path.clone(), with.version.clone(), sealed));
        secret.current = Some(with.version.clone());
        stage.secrets.insert(path.clone(), secret);
        Ok(())
    }

    pub(super) fn report(
        &mut self,
        stage: &mut Stage,
        report: &ConsumerReport,
    ) -> Result<(), Refusal> {
        let plan = self.shared.secrets.get(&report.secret);
        let plan = plan.ok_or_else(|| Refusal::unknown_secret(&report.secret))?;
        if !plan.consumers.iter().any(|c| c.name == report.consumer) {
            return Err(Refusal::new(
                RefusalKind::Unknown,
                format!("{} names no consumer {}", report.secret, report.consumer),
                "add it to rotation.toml",
            ));
        }
        let mut meant = self.others(stage, &report.secret, None);
        if meant.is_empty() {
            let all = self.by_secret.get(&report.secret).into_iter().flatten();
            let all = all.filter_map(|id| self.rotation(stage, id));
            meant.extend(all.max_by_key(|r| r.asked_at));
        }
        for r in meant {
            let standing = Standing {
                version: report.version.clone(),
                state: report.state.clone(),
                error: report.error.clone(),
            };
            let consumer = report.consumer.clone();
            self.apply(stage, &r.id, Input::Told { consumer, standing })?;
        }
        Ok(())
    }

    pub(super) fn delivered(&mut self, stage: &mut Stage, delivered: &Delivered) {
        match delivered {
            Delivered::Entry(n, rotation) => {
                stage.batch.delivered.push(*n);
                stage.touched.insert(rotation.clone());
            }
            Delivered::Failing(why) => {
                let why = Some(format!("audit entries wait: {why}"));
                self.say_status(stage, "/outbox", BackendState::Degraded, why);
            }
            Delivered::Well => self.say_status(stage, "/outbox", BackendState::Connected, None),
        }
    }

    pub(super) fn known(&self, id: &RotationId) -> Option<Arc<Rotation>> {
        let all = self
            .shared
            .rotations
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        all.get(id).cloned()
    }

    pub(super) fn unfinished(&self) -> Vec<RotationId> {
        let all = self
            .shared
            .rotations
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let running = all
            .values()
            .filter(|r| !r.is_over() || !r.pending.is_empty());
        running.map(|r| r.id.clone()).collect()
    }

    /// A number between 0 and 1.
    pub(super) fn dice(&mut self) -> f64 {
        self.lots.random()
    }

    pub(super) fn lot(&mut self) -> u32 {
        self.lots.random()
    }
}

fn closed() -> Refusal {
    Refusal::new(
        RefusalKind::Closed,
        "the engine is going down",
        "ask again when it is up",
    )
}

fn nobody<T>() -> Answer<T> {
    oneshot::channel().0
}

impl Reply {
    pub(super) fn send(self) {
        match self {
            Self::Receipt(answer, result) => drop(answer.send(result)),
            Self::Done(answer, result) => drop(answer.send(result)),
        }
    }

    pub(super) fn refuse(self, why: &StoreError) {
        let refusal = Refusal::new(
            RefusalKind::Store,
            format!("the store cannot be written: {why}"),
            "nothing was done; mend the disk and ask again",
        );
        match self {
            Self::Receipt(answer, _) => drop(answer.send(Err(refusal))),
            Self::Done(answer, _) => drop(answer.send(Err(refusal))),
        }
    }
}
