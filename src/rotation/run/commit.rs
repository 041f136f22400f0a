//! What a turn of the core changed: written, and then held, heard and done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::super::lifecycle::{Pending, Rotation, State};
use super::super::store::{SecretRow, SideCall, StoreError};
use super::core::{Core, EffectDone, Message, Reply};
use super::staged::{Freeze, Stage};
use super::{calls, side};
use crate::model::event::{Stage as Phase, Trigger};
use crate::model::{RotationId, SecretPath, Span, Timestamp};

/// How long the core waits before it tries a store again that could not be written.
const SULK: Duration = Duration::from_secs(1);

impl Core {
    /// Writes what was staged; then, and only then, it holds.
    pub(super) fn commit(&mut self, mut stage: Stage, replies: Vec<Reply>, messages: Vec<Message>) {
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
    /// written later. Every rotation stays where it was; what was to be looked at is looked at
    /// again with the next turn.
    pub(super) fn refuse(
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
        self.left.extend(stage.touched.iter().cloned());
        self.sulks_until = Some(Instant::now() + SULK);
        let now = self.shared.clock.now();
        for id in &stage.ticked {
            self.wake(id, Some(now));
        }
    }

    /// What was staged is durable: it holds, its effects are done, its news is heard.
    pub(super) fn hold(&mut self, stage: Stage) {
        self.resumed = true;
        self.jumped = Span::ZERO;
        self.left.clear();
        self.transitions += stage.transitions;
        self.next_event += u64::try_from(stage.batch.events.len()).unwrap_or(0);
        self.next_entry += i64::try_from(stage.batch.outbox.len()).unwrap_or(0);
        for (secret, version, sealed) in stage.batch.material {
            self.shared.vault.keep(secret, version, sealed);
        }
        for (secret, version) in &stage.batch.forget {
            self.shared.vault.forget(secret, version);
        }
        if !stage.secrets.is_empty() {
            self.publish_current(&stage.secrets);
            self.secrets.extend(stage.secrets);
        }
        if let Some(Freeze(frozen)) = stage.freeze {
            self.frozen = frozen;
        }
        self.looked.extend(stage.looked);
        for rotation in stage.rotations.into_values() {
            if rotation.is_over() {
                self.looked.remove(&rotation.id);
            }
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
        self.shared.lanes.set(&stage.paces);
        for n in stage.batch.delivered {
            self.shared.outbox.remove(n);
        }
        let rows = stage.batch.outbox.into_iter();
        let rows = rows.filter(|(_, delivered)| !delivered).map(|(row, _)| row);
        self.shared.outbox.add(rows.collect());
        self.replays.extend(stage.replays);
        self.replays
            .retain(|(key, _)| !stage.replayed.contains(key));
        if !stage.batch.replay.is_empty() {
            self.owes_replay = true;
        }
        self.send_replays();
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

    /// Puts entries that are to be sent again into the outbox; tried again where that fails.
    pub(super) fn send_replays(&mut self) {
        if !self.owes_replay {
            return;
        }
        match self.store.waiting() {
            Ok(rows) => {
                self.shared.outbox.add(rows);
                self.owes_replay = false;
            }
            Err(why) => tracing::error!(%why, "the outbox cannot be read"),
        }
    }

    pub(super) fn gauge(&self) {
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
    pub(super) fn know(&mut self, r: Arc<Rotation>) {
        let was = self.known(&r.id);
        if was.is_none() {
            self.by_secret
                .entry(r.secret.clone())
                .or_default()
                .insert(r.id.clone());
        }
        if let Some(was) = &was {
            if let State::Waiting { not_before } = was.state {
                self.queue(was).remove(&(not_before, r.id.clone()));
            }
            self.running -= usize::from(takes_a_place(was));
        }
        if let State::Waiting { not_before } = r.state {
            self.queue(&r).insert((not_before, r.id.clone()));
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

    fn queue(&mut self, r: &Rotation) -> &mut BTreeSet<(Timestamp, RotationId)> {
        match r.trigger {
            Trigger::Emergency => &mut self.urgent,
            _ => &mut self.waiting,
        }
    }

    pub(super) fn count_stages(&self, was: Option<&Rotation>, r: &Rotation) {
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

    pub(super) fn publish_current(&self, changed: &BTreeMap<SecretPath, SecretRow>) {
        let now = changed.iter();
        let now = now.filter_map(|(path, s)| Some((path.clone(), s.current.clone()?)));
        let current = self.shared.current.write();
        current.unwrap_or_else(PoisonError::into_inner).extend(now);
    }

    /// Has the effects of a rotation done that are due, and notes when to look at it again.
    pub(super) fn dispatch(&mut self, id: &RotationId) {
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
        // Not by `now`: a deadline may have passed since, while this was written or while the
        // engine was down, and nobody looked at it yet.
        let looked = self.looked.get(id).copied();
        let wake = r.wake_at(looked, frozen, |key| self.busy.contains(key));
        self.wake(id, wake);
        if matches!(r.state, State::Auditing { .. }) && !self.shared.outbox.has(id) {
            self.audited.insert(id.clone());
        }
    }

    pub(super) fn wake(&mut self, id: &RotationId, at: Option<Timestamp>) {
        if let Some(old) = self.wake_of.remove(id) {
            self.wakes.remove(&(old, id.clone()));
        }
        if let Some(at) = at {
            self.wakes.insert((at, id.clone()));
            self.wake_of.insert(id.clone(), at);
        }
    }

    pub(super) fn start_effect(&self, r: Arc<Rotation>, pending: Pending) {
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

    pub(super) fn start_side(&self, key: &str, index: usize) {
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
}

/// Whether it counts towards the concurrency: grace and waiting cost nothing.
fn takes_a_place(r: &Rotation) -> bool {
    !matches!(
        r.state,
        State::Waiting { .. }
            | State::Grace { .. }
            | State::Clearing { .. }
            | State::Auditing { .. }
            | State::Finished { .. }
    )
}
