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

use super::super::engine::{ConsumerReport, Receipt};
use super::super::fault::Fault;
use super::super::lifecycle::{
    Input, Pending, Refusal, RefusalKind, Report, Rotation, Standing, State, Trouble,
};
use super::super::material::Material;
use super::super::outbox::Delivered;
use super::super::store::{Loaded, SecretRow, SideCall, Store, StoreError};
use super::super::target::Versioned;
use super::shared::Shared;
use super::stage::{Freeze, Frozen, Stage};
use super::{calls, side};
use crate::model::event::{BackendState, Stage as Phase};
use crate::model::intent::{Intent, Outcome, Verb};
use crate::model::{Actor, RotationId, SecretPath, Span, Timestamp};

/// The longest the core sleeps, so that a clock that jumps is noticed.
const NAP: Duration = Duration::from_millis(500);
/// How much is taken into one transaction.
const MOST: usize = 512;
/// How long the core waits before it tries a store again that could not be written.
const SULK: Duration = Duration::from_secs(1);
/// How long a shut-down waits for calls under way.
const PATIENCE: Duration = Duration::from_secs(5);
/// A clock that is off by more than this, in the world's seconds, jumped.
const JUMP: i64 = 5;
/// How long the previous version of a secret may be asked back.
const KEPT: Span = Span::seconds(86_400);

type Answer<T> = oneshot::Sender<T>;

/// What the core is told.
pub(in crate::rotation) enum Message {
    Execute(Intent, Answer<Result<Receipt, Refusal>>),
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
    rotation: RotationId,
    key: String,
    ended: Result<(Report, Option<Material>), Fault>,
    since: Instant,
}

/// An answer that goes out once it is durable.
enum Reply {
    Receipt(Answer<Result<Receipt, Refusal>>, Result<Receipt, Refusal>),
    Done(Answer<Result<(), Refusal>>, Result<(), Refusal>),
}

pub(in crate::rotation) struct Core {
    store: Store,
    pub(super) shared: Arc<Shared>,
    runtime: Handle,
    to_self: Sender<Message>,
    from_all: Receiver<Message>,
    pub(super) secrets: BTreeMap<SecretPath, SecretRow>,
    pub(super) by_secret: BTreeMap<SecretPath, BTreeSet<RotationId>>,
    pub(super) frozen: Option<Frozen>,
    pub(super) running: usize,
    waiting: BTreeSet<(Timestamp, RotationId)>,
    wakes: BTreeSet<(Timestamp, RotationId)>,
    wake_of: HashMap<RotationId, Timestamp>,
    busy: HashSet<String>,
    /// What could not be written and is tried again.
    again: Vec<Message>,
    sulks_until: Option<Instant>,
    audited: BTreeSet<RotationId>,
    pub(super) replays: Vec<(String, Option<RotationId>)>,
    pub(super) next_event: u64,
    pub(super) next_entry: i64,
    pub(super) store_name: String,
    pub(super) transitions: u64,
    lots: SmallRng,
    last_look: (Timestamp, Instant),
    last_schedule: Option<Instant>,
    closing: Option<(Instant, Option<Answer<()>>)>,
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
            wakes: BTreeSet::new(),
            wake_of: HashMap::new(),
            busy: HashSet::new(),
            again: Vec::new(),
            sulks_until: None,
            audited: BTreeSet::new(),
            replays: Vec::new(),
            next_event: loaded.last_event + 1,
            next_entry: loaded.last_entry + 1,
            store_name: loaded.name,
            transitions: 0,
            lots: seed.map_or_else(rand::make_rng, SmallRng::seed_from_u64),
            last_look: (now, Instant::now()),
            last_schedule: None,
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
        core.publish_current();
        for rotation in loaded.rotations {
            core.know(Arc::new(rotation));
        }
        core
    }

    /// Runs until it is told to stop.
    pub(in crate::rotation) fn run(mut self) {
        let mut stage = Stage::default();
        self.resume(&mut stage);
        let mut messages = Vec::new();
        loop {
            let mut replies = Vec::new();
            for message in &mut messages {
                self.handle(&mut stage, message, &mut replies);
            }
            self.look_at_clock(&mut stage);
            self.tick(&mut stage);
            self.commit(stage, replies, messages);
            if self.is_closed() {
                break;
            }
            stage = Stage::default();
            messages = self.receive();
        }
        if let Some((_, Some(answer))) = self.closing.take() {
            drop(self.store);
            let _ = answer.send(());
        }
    }

    fn is_closed(&mut self) -> bool {
        let Some((until, _)) = &self.closing else {
            return false;
        };
        self.busy.is_empty() || Instant::now() >= *until
    }

    /// What was in flight when the store was closed goes on.
    fn resume(&mut self, stage: &mut Stage) {
        stage.touched = self.unfinished().into_iter().collect();
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

    fn receive(&mut self) -> Vec<Message> {
        let now = self.shared.clock.now();
        let next = self.wakes.first().map(|(at, _)| *at);
        let due = self
            .waiting
            .first()
            .map(|(at, _)| *at)
            .filter(|at| *at > now);
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

    fn handle(&mut self, stage: &mut Stage, message: &mut Message, replies: &mut Vec<Reply>) {
        match message {
            Message::Execute(intent, answer) => {
                let result = match self.closing {
                    Some(_) => Err(closed()),
                    None => self.execute(stage, intent),
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
                let _ = std::mem::replace(answer, nobody()).send(());
            }
            Message::ShutDown(answer) => {
                if self.closing.is_none() {
                    self.closing = Some((Instant::now() + PATIENCE, answer.take()));
                }
            }
        }
    }

    fn effect_done(&mut self, stage: &mut Stage, done: &EffectDone) {
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

    fn feed(&mut self, stage: &mut Stage, done: &EffectDone, input: Input) {
        // Only acts are refused.
        let _ = self.apply(stage, &done.rotation, input);
    }

    /// Seals what was generated, to be written with the transition that follows from it.
    fn keep(
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

    fn adopt(
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

    fn report(&mut self, stage: &mut Stage, report: &ConsumerReport) -> Result<(), Refusal> {
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

    fn delivered(&mut self, stage: &mut Stage, delivered: &Delivered) {
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

    /// A wall clock that jumped moves every deadline with it: what was promised as a length of
    /// time stays as long.
    fn look_at_clock(&mut self, stage: &mut Stage) {
        let (now, instant) = (self.shared.clock.now(), Instant::now());
        let (was, then) = std::mem::replace(&mut self.last_look, (now, instant));
        let passed = instant.duration_since(then).as_secs_f64() * self.shared.clock.scale();
        let off = now.since(was) - micros(passed);
        if off.abs() <= micros(self.shared.clock.scale() * seconds(JUMP)) {
            return;
        }
        tracing::warn!(seconds = off.as_seconds(), "the clock jumped");
        let why = format!(
            "the clock jumped by {} s; deadlines moved with it",
            off.as_seconds()
        );
        self.say_status(stage, "", BackendState::Degraded, Some(why));
        for id in self.unfinished() {
            let _ = self.apply(stage, &id, Input::Jumped(off));
        }
    }

    /// Everything whose time has come.
    fn tick(&mut self, stage: &mut Stage) {
        if self.closing.is_some() || self.sulks_until.is_some() {
            return;
        }
        let now = self.shared.clock.now();
        for id in std::mem::take(&mut self.audited) {
            stage.ticked.push(id.clone());
            let _ = self.apply(stage, &id, Input::Audited);
        }
        while stage.ticked.len() < MOST
            && let Some((at, id)) = self.wakes.first().cloned()
            && at <= now
        {
            self.wakes.pop_first();
            self.wake_of.remove(&id);
            stage.ticked.push(id.clone());
            let _ = self.apply(stage, &id, Input::Tick);
        }
        let due: Vec<RotationId> = self
            .waiting
            .iter()
            .take_while(|(at, _)| *at <= now)
            .take(MOST)
            .map(|(_, id)| id.clone())
            .collect();
        for id in due {
            if self.running + stage.begun >= self.shared.concurrency && !self.is_urgent(&id) {
                continue;
            }
            let _ = self.apply(stage, &id, Input::Tick);
        }
        let every = Duration::from_secs(1);
        if self.last_schedule.is_none_or(|at| at.elapsed() >= every) {
            self.last_schedule = Some(Instant::now());
            self.schedule(stage);
            self.prune(stage, now);
        }
        if !self.replays.is_empty() {
            self.replays_done(stage);
        }
    }

    fn is_urgent(&self, id: &RotationId) -> bool {
        let r = self.known(id);
        r.is_some_and(|r| r.trigger == crate::model::event::Trigger::Emergency)
    }

    /// Forgets previous versions that nobody may ask back any more.
    fn prune(&mut self, stage: &mut Stage, now: Timestamp) {
        let old: Vec<SecretPath> = self
            .secrets
            .iter()
            .filter(|(_, s)| s.previous.is_some())
            .filter(|(_, s)| s.rotated_at.is_some_and(|at| at + KEPT <= now))
            .map(|(path, _)| path.clone())
            .collect();
        for path in old {
            if !self.others(stage, &path, None).is_empty() {
                continue;
            }
            let mut secret = self.secret(stage, &path);
            if let Some(previous) = secret.previous.take() {
                stage.batch.forget.push((path.clone(), previous));
                stage.secrets.insert(path, secret);
            }
        }
    }

    /// Writes what was staged; then, and only then, it holds.
    fn commit(&mut self, mut stage: Stage, replies: Vec<Reply>, messages: Vec<Message>) {
        stage.batch.rotations = stage.rotations.values().cloned().collect();
        stage.batch.secrets = stage.secrets.clone().into_iter().collect();
        stage.batch.acts = stage.acts.values().cloned().collect();
        let written = if stage.batch.is_empty() {
            Ok(())
        } else {
            self.store.write(&stage.batch)
        };
        match written {
            Ok(()) => {
                self.hold(stage);
                for reply in replies {
                    reply.send();
                }
                for message in &messages {
                    if let Message::Effect(done) = message {
                        self.shared.count_step(done.since.elapsed());
                    }
                }
            }
            Err(why) => self.refuse(&why, &stage, replies, messages),
        }
    }

    /// Nothing could be written: whoever asked is told, and what happened outside is kept to be
    /// written later. Every rotation stays where it was.
    fn refuse(
        &mut self,
        why: &StoreError,
        stage: &Stage,
        replies: Vec<Reply>,
        messages: Vec<Message>,
    ) {
        tracing::error!(%why, "the store cannot be written");
        {
            let mut metrics = self
                .shared
                .metrics
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            metrics.store_errors += 1;
        }
        for reply in replies {
            reply.refuse(why);
        }
        let keep = messages.into_iter().filter(|m| {
            matches!(
                m,
                Message::Effect(_) | Message::Side { .. } | Message::Audit(_)
            )
        });
        self.again.extend(keep);
        self.sulks_until = Some(Instant::now() + SULK);
        let now = self.shared.clock.now();
        for id in &stage.ticked {
            self.wake(id, Some(now));
        }
    }

    /// What was staged is durable: it holds, its effects are done, its news is heard.
    fn hold(&mut self, stage: Stage) {
        self.next_event += u64::try_from(stage.batch.events.len()).unwrap_or(0);
        self.next_entry += i64::try_from(stage.batch.outbox.len()).unwrap_or(0);
        for (secret, version, sealed) in stage.batch.material {
            self.shared.vault.keep(secret, version, sealed);
        }
        for (secret, version) in &stage.batch.forget {
            self.shared.vault.forget(secret, version);
        }
        if !stage.secrets.is_empty() {
            self.secrets.extend(stage.secrets);
            self.publish_current();
        }
        if let Some(Freeze(frozen)) = stage.freeze {
            self.frozen = frozen;
        }
        for rotation in stage.rotations.into_values() {
            self.know(rotation);
        }
        if !stage.acts.is_empty() {
            let mut acts = self
                .shared
                .acts
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            acts.extend(stage.acts);
        }
        for n in stage.batch.delivered {
            self.shared.outbox.remove(n);
        }
        let rows = stage.batch.outbox.into_iter();
        let rows = rows.filter(|(_, delivered)| !delivered).map(|(row, _)| row);
        self.shared.outbox.add(rows.collect());
        if !stage.batch.replay.is_empty() {
            match self.store.waiting() {
                Ok(rows) => self.shared.outbox.add(rows),
                Err(why) => tracing::error!(%why, "the outbox cannot be read"),
            }
        }
        self.shared.log.publish(
            stage
                .batch
                .events
                .into_iter()
                .map(|(_, event)| event)
                .collect(),
        );
        for key in &stage.idle {
            self.busy.remove(key);
        }
        for (key, index) in stage.sides {
            self.start_side(&key, index);
        }
        for id in &stage.touched {
            self.dispatch(id);
        }
        self.gauge();
    }

    fn gauge(&self) {
        let mut metrics = self
            .shared
            .metrics
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        metrics.transitions = self.transitions;
        metrics.outbox_waiting = u64::try_from(self.shared.outbox.len()).unwrap_or(u64::MAX);
        metrics.events = self.next_event.saturating_sub(1);
        metrics.frozen = self.frozen.is_some();
    }

    /// Takes in a rotation as it is now.
    fn know(&mut self, r: Arc<Rotation>) {
        let was = self.known(&r.id);
        if was.is_none() {
            self.by_secret
                .entry(r.secret.clone())
                .or_default()
                .insert(r.id.clone());
        }
        if let Some(was) = &was {
            if let State::Waiting { not_before } = was.state {
                self.waiting.remove(&(not_before, r.id.clone()));
            }
            self.running -= usize::from(takes_a_place(was));
        }
        if let State::Waiting { not_before } = r.state {
            self.waiting.insert((not_before, r.id.clone()));
        }
        self.running += usize::from(takes_a_place(&r));
        self.count_stages(was.as_deref(), &r);
        let mut all = self
            .shared
            .rotations
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        all.insert(r.id.clone(), r);
    }

    fn count_stages(&self, was: Option<&Rotation>, r: &Rotation) {
        let mut metrics = self
            .shared
            .metrics
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(was) = was
            && !was.is_over()
            && let Some(count) = metrics.running.get_mut(was.state.stage().raw())
        {
            *count = count.saturating_sub(1);
        }
        if !r.is_over() {
            let stage: Phase = r.state.stage();
            *metrics.running.entry(stage.raw().to_owned()).or_default() += 1;
        }
        let stalled = |r: &Rotation| u64::from(!r.is_over() && r.stalled().is_some());
        metrics.stalled = (metrics.stalled + stalled(r)).saturating_sub(was.map_or(0, stalled));
        if let State::Finished { end } = &r.state
            && was.is_some_and(|was| !was.is_over())
        {
            *metrics.finished.entry(end.raw().to_owned()).or_default() += 1;
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

    fn publish_current(&self) {
        let now = self.secrets.iter();
        let now = now.filter_map(|(path, s)| Some((path.clone(), s.current.clone()?)));
        let mut current = self
            .shared
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = now.collect();
    }

    /// Has the effects of a rotation done that are due, and notes when to look at it again.
    fn dispatch(&mut self, id: &RotationId) {
        let Some(r) = self.known(id) else {
            return;
        };
        if self.closing.is_some() {
            return;
        }
        let now = self.shared.clock.now();
        let frozen = self.frozen.is_some();
        let due: Vec<Pending> = r
            .due(now, frozen)
            .filter(|p| !self.busy.contains(&p.key))
            .cloned()
            .collect();
        for pending in due {
            self.busy.insert(pending.key.clone());
            self.start_effect(r.clone(), pending);
        }
        let wake = r.wake_at(now, frozen, |key| self.busy.contains(key));
        self.wake(id, wake);
        if matches!(r.state, State::Auditing { .. }) && !self.shared.outbox.has(id) {
            self.audited.insert(id.clone());
        }
    }

    fn wake(&mut self, id: &RotationId, at: Option<Timestamp>) {
        if let Some(old) = self.wake_of.remove(id) {
            self.wakes.remove(&(old, id.clone()));
        }
        if let Some(at) = at {
            self.wakes.insert((at, id.clone()));
            self.wake_of.insert(id.clone(), at);
        }
    }

    fn start_effect(&self, r: Arc<Rotation>, pending: Pending) {
        let (shared, to_self) = (self.shared.clone(), self.to_self.clone());
        self.runtime.spawn(async move {
            let ended = calls::perform(&shared, &r, &pending).await;
            let _ = to_self.send(Message::Effect(EffectDone {
                rotation: r.id.clone(),
                key: pending.key,
                ended,
                since: Instant::now(),
            }));
        });
    }

    fn start_side(&self, key: &str, index: usize) {
        let acts = self
            .shared
            .acts
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let call: Option<SideCall> = acts.get(key).and_then(|a| a.calls.get(index)).cloned();
        drop(acts);
        let Some(call) = call else {
            return;
        };
        let (shared, to_self, key) = (self.shared.clone(), self.to_self.clone(), key.to_owned());
        self.runtime.spawn(async move {
            let ended = side::perform(&shared, &call).await;
            let _ = to_self.send(Message::Side { key, index, ended });
        });
    }

    /// A number between 0 and 1.
    pub(super) fn dice(&mut self) -> f64 {
        self.lots.random()
    }

    pub(super) fn lot(&mut self) -> u32 {
        self.lots.random()
    }
}

/// Whether it counts towards the concurrency: grace and waiting cost nothing.
fn takes_a_place(r: &Rotation) -> bool {
    !matches!(
        r.state,
        State::Waiting { .. }
            | State::Grace { .. }
            | State::Auditing { .. }
            | State::Finished { .. }
    )
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
    fn send(self) {
        match self {
            Self::Receipt(answer, result) => drop(answer.send(result)),
            Self::Done(answer, result) => drop(answer.send(result)),
        }
    }

    fn refuse(self, why: &StoreError) {
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

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float beyond i64 saturates, which is far enough"
)]
fn micros(seconds: f64) -> Span {
    Span::micros((seconds * 1e6) as i64)
}

#[expect(clippy::cast_precision_loss, reason = "a few seconds")]
fn seconds(n: i64) -> f64 {
    n as f64
}
