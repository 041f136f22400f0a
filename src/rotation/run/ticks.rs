//! What time brings: deadlines, turns, cadences, and a wall clock that jumps.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::super::lifecycle::Input;
use super::super::store::Stale;
use super::core::{Core, MOST};
use super::staged::Stage;
use crate::model::event::BackendState;
use crate::model::{RotationId, SecretPath, Span, Timestamp};

/// A clock that is off by more than this, in the world's seconds, jumped.
const JUMP: i64 = 5;
/// How long the previous version of a secret may be asked back.
const KEPT: Span = Span::seconds(86_400);

/// How long events, ended rotations and the keys of acts are kept.
const STORED: Span = Span::seconds(30 * 86_400);
/// How often what is older is looked for.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

impl Core {
    /// A wall clock that jumped moves every deadline with it: what was promised as a length of
    /// time stays as long.
    pub(super) fn look_at_clock(&mut self, stage: &mut Stage) {
        let (now, instant) = (self.shared.clock.now(), Instant::now());
        let (was, then) = std::mem::replace(&mut self.last_look, (now, instant));
        let passed = instant.duration_since(then).as_secs_f64() * self.shared.clock.scale();
        let off = now.since(was) - micros(passed);
        if off.abs() > micros(self.shared.clock.scale() * seconds(JUMP)) {
            tracing::warn!(seconds = off.as_seconds(), "the clock jumped");
            self.jumped = self.jumped + off;
        }
        // Owed until it is written: a full disk must not shorten what was promised.
        let off = self.jumped;
        if off == Span::ZERO {
            return;
        }
        let why = format!(
            "the clock jumped by {} s; deadlines moved with it",
            off.as_seconds()
        );
        self.say_status(stage, "", BackendState::Degraded, Some(why));
        for id in self.unfinished() {
            let _ = self.apply(stage, &id, Input::Jumped(off));
        }
        // Cadences, and how long a previous version may be asked back, are lengths too.
        let paths: Vec<SecretPath> = self.secrets.keys().cloned().collect();
        for path in paths {
            let mut secret = self.secret(stage, &path);
            for at in [
                &mut secret.rotated_at,
                &mut secret.tried_at,
                &mut secret.seen_at,
            ] {
                *at = at.map(|at| at + off);
            }
            stage.secrets.insert(path, secret);
        }
    }

    /// Everything whose time has come.
    pub(super) fn tick(&mut self, stage: &mut Stage) {
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
        self.begin_waiting(stage, now);
        let every = Duration::from_secs(1);
        if self.last_schedule.is_none_or(|at| at.elapsed() >= every) {
            self.last_schedule = Some(Instant::now());
            self.schedule(stage);
            self.prune(stage, now);
            self.prune_store(now);
        }
        self.send_replays();
        if !self.replays.is_empty() && !self.owes_replay {
            self.replays_done(stage);
        }
    }

    /// Has those begin whose turn came: emergencies first, whatever else waits; then the others in
    /// order, for as long as there are places. Who waits for another rotation of its secret stands
    /// in nobody's way.
    fn begin_waiting(&mut self, stage: &mut Stage, now: Timestamp) {
        if self.is_frozen(stage).is_some() {
            return;
        }
        let is_due = |at: &Timestamp| *at <= now;
        let due = |of: &BTreeSet<(Timestamp, RotationId)>| -> Vec<RotationId> {
            let due = of.iter().take_while(|(at, _)| is_due(at));
            due.map(|(_, id)| id.clone()).collect()
        };
        for id in due(&self.urgent) {
            let _ = self.apply(stage, &id, Input::Tick);
        }
        if self.running + stage.begun >= self.shared.concurrency {
            return;
        }
        let mut begun = 0;
        for id in due(&self.waiting) {
            if begun >= MOST || self.running + stage.begun >= self.shared.concurrency {
                return;
            }
            let alone = self
                .rotation(stage, &id)
                .is_some_and(|r| self.others(stage, &r.secret, Some(&id)).is_empty());
            if alone {
                begun += 1;
                let _ = self.apply(stage, &id, Input::Tick);
            }
        }
    }

    /// Has the store forget what nobody needs any more, a little at a time.
    fn prune_store(&mut self, now: Timestamp) {
        if self.pruned_at.is_some_and(|at| at.elapsed() < PRUNE_EVERY) {
            return;
        }
        self.pruned_at = Some(Instant::now());
        let old = now - STORED;
        let (open, ended) = self.by_age(old);
        let acts: Vec<String> = {
            let acts = self.shared.acts.read();
            let acts = acts.unwrap_or_else(PoisonError::into_inner);
            let stale = acts
                .iter()
                .filter(|(_, a)| a.is_final() && a.taken_at < old);
            stale.map(|(key, _)| key.clone()).take(MOST).collect()
        };
        let stale = Stale {
            events: open.map_or(old, |since| old.min(since)),
            ended: old,
            acts,
        };
        match self.store.prune(&stale) {
            Ok(more) => {
                if more || stale.acts.len() >= MOST {
                    self.pruned_at = None;
                }
                self.forget(&stale.acts, &ended);
                match self.store.first_event() {
                    Ok(first) => self.shared.log.begins_at(first),
                    Err(why) => tracing::error!(%why, "the store cannot be read"),
                }
            }
            Err(why) => tracing::warn!(%why, "the store cannot be pruned"),
        }
    }

    /// Since when the oldest rotation that is not over is about, and which ended before `old`.
    fn by_age(&self, old: Timestamp) -> (Option<Timestamp>, Vec<RotationId>) {
        let all = self.shared.rotations.read();
        let all = all.unwrap_or_else(PoisonError::into_inner);
        let open = all
            .values()
            .filter(|r| !r.is_over() || !r.pending.is_empty());
        let since = open.map(|r| r.asked_at).min();
        let ended = all.values().filter(|r| {
            r.is_over() && r.pending.is_empty() && r.ended_at.is_some_and(|at| at < old)
        });
        let ended = ended.filter(|r| !self.shared.outbox.has(&r.id));
        (since, ended.map(|r| r.id.clone()).collect())
    }

    fn forget(&mut self, acts: &[String], rotations: &[RotationId]) {
        if !acts.is_empty() {
            let known = self.shared.acts.write();
            let mut known = known.unwrap_or_else(PoisonError::into_inner);
            for key in acts {
                known.remove(key);
            }
        }
        if rotations.is_empty() {
            return;
        }
        let all = self.shared.rotations.write();
        let mut all = all.unwrap_or_else(PoisonError::into_inner);
        for id in rotations {
            if let Some(r) = all.remove(id)
                && let Some(mine) = self.by_secret.get_mut(&r.secret)
            {
                mine.remove(id);
            }
        }
    }

    /// Forgets previous versions that nobody may ask back any more.
    pub(super) fn prune(&mut self, stage: &mut Stage, now: Timestamp) {
        let old: Vec<SecretPath> = self
            .secrets
            .iter()
            .map(|(path, s)| (path, stage.secrets.get(path).unwrap_or(s)))
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
