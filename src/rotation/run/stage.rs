//! How a turn of the core changes what is staged: transitions, events, audit entries, outcomes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::lifecycle::{Input, Moment, Refusal, Rotation, State, VersionChange, transition};
use super::super::store::{ActRow, OutboxRow, SecretRow};
use super::core::Core;
use super::intents::silent_until;
use super::staged::{Freeze, Frozen, Stage};
use crate::model::event::{
    Action, ActionPhase, AuditEntry, BackendState, BackendStatus, Data, Outcome as End,
};
use crate::model::intent::Outcome;
use crate::model::{BackendName, Event, RotationId, SecretPath, Text, Version};

impl Core {
    pub(super) fn rotation(&self, stage: &Stage, id: &RotationId) -> Option<Arc<Rotation>> {
        if let Some(r) = stage.rotations.get(id) {
            return Some(r.clone());
        }
        self.known(id)
    }

    pub(super) fn secret(&self, stage: &Stage, path: &SecretPath) -> SecretRow {
        let staged = stage.secrets.get(path);
        staged
            .or_else(|| self.secrets.get(path))
            .cloned()
            .unwrap_or_default()
    }

    pub(super) fn is_frozen(&self, stage: &Stage) -> Option<Frozen> {
        match &stage.freeze {
            Some(Freeze(frozen)) => frozen.clone(),
            None => self.frozen.clone(),
        }
    }

    /// Rotations of a secret that are not over, but for this one.
    pub(super) fn others(
        &self,
        stage: &Stage,
        path: &SecretPath,
        but: Option<&RotationId>,
    ) -> Vec<Arc<Rotation>> {
        let known = self.by_secret.get(path).into_iter().flatten();
        let staged = stage
            .rotations
            .values()
            .filter(|r| r.secret == *path)
            .map(|r| &r.id);
        let ids: BTreeSet<&RotationId> = known.chain(staged).collect();
        ids.into_iter()
            .filter(|id| Some(*id) != but)
            .filter_map(|id| self.rotation(stage, id))
            .filter(|r| !r.is_over())
            .collect()
    }

    fn moment(&mut self, stage: &Stage, r: &Rotation) -> Moment {
        let secret = self.secret(stage, &r.secret);
        let waits = matches!(r.state, State::Waiting { .. });
        let alone = if waits || r.is_over() {
            self.others(stage, &r.secret, Some(&r.id)).is_empty()
        } else {
            true
        };
        let urgent = r.trigger == crate::model::event::Trigger::Emergency;
        let place = urgent || self.running + stage.begun < self.shared.concurrency;
        let kept = r
            .from
            .as_ref()
            .is_some_and(|v| self.shared.vault.has(&r.secret, v));
        Moment {
            now: self.shared.clock.now(),
            frozen: self.is_frozen(stage).is_some(),
            turn: alone && place,
            previous_kept: kept && alone && secret.current.as_ref() == Some(&r.to),
            current: secret.current,
            dice: self.dice(),
        }
    }

    /// Has something happen to a rotation, and stages what follows.
    pub(super) fn apply(
        &mut self,
        stage: &mut Stage,
        id: &RotationId,
        input: Input,
    ) -> Result<(), Refusal> {
        let Some(r) = self.rotation(stage, id) else {
            return Ok(());
        };
        let moment = self.moment(stage, &r);
        let done = transition(&r, input, &moment)?;
        stage.touched.insert(id.clone());
        stage.looked.insert(id.clone(), moment.now);
        let quiet = done.events.is_empty() && done.audit.is_empty() && done.outcomes.is_empty();
        if quiet && done.versions.is_empty() && done.next == *r {
            return Ok(());
        }
        stage.transitions += 1;
        for (subject, data) in done.events {
            let subject = subject.unwrap_or_else(|| id.0.clone());
            self.say(stage, subject, Some(id), data);
        }
        for entry in done.audit {
            self.audit(stage, id, entry);
        }
        for change in done.versions {
            self.change_version(stage, &r.secret, change);
        }
        for (key, outcome) in done.outcomes {
            self.settle(stage, &key, outcome);
        }
        if let State::Finished {
            end: End::Succeeded,
        } = done.next.state
            && !r.is_over()
        {
            self.succeeded(stage, &done.next);
        }
        if matches!(r.state, State::Waiting { .. }) && done.next.state == State::Generating {
            stage.begun += 1;
        }
        stage.rotations.insert(id.clone(), Arc::new(done.next));
        Ok(())
    }

    fn change_version(&mut self, stage: &mut Stage, path: &SecretPath, change: VersionChange) {
        match change {
            VersionChange::Current(version) => {
                let mut secret = self.secret(stage, path);
                if secret.current.as_ref() != Some(&version) {
                    secret.previous = secret.current.replace(version);
                    stage.secrets.insert(path.clone(), secret);
                }
            }
            VersionChange::Forget(version) => {
                // What is in force is kept whatever becomes of a rotation.
                if self.secret(stage, path).current.as_ref() != Some(&version) {
                    stage.batch.forget.push((path.clone(), version));
                }
            }
        }
    }

    /// A rotation came to its good end: older versions are pruned. The previous one stays for as
    /// long as it may be asked back.
    fn succeeded(&mut self, stage: &mut Stage, r: &Rotation) {
        let mut secret = self.secret(stage, &r.secret);
        secret.rotated_at = Some(self.shared.clock.now());
        secret.previous.clone_from(&r.from);
        stage.secrets.insert(r.secret.clone(), secret);
        let keep = [Some(&r.to), r.from.as_ref()];
        for version in self.shared.vault.versions(&r.secret) {
            if !keep.contains(&Some(&version)) {
                stage.batch.forget.push((r.secret.clone(), version));
            }
        }
    }

    /// Stages an event.
    pub(super) fn say(
        &mut self,
        stage: &mut Stage,
        subject: Text,
        rotation: Option<&RotationId>,
        data: impl Into<Data>,
    ) {
        let seq = self.next_event + u64::try_from(stage.batch.events.len()).unwrap_or(0);
        let id = format!("{}-{seq}", self.store_name);
        let source = format!("/engine/{}", self.shared.name);
        let event = Event::new(source, id, self.shared.clock.now(), data.into()).about(subject);
        let event = match rotation {
            Some(rotation) => event.of_rotation(rotation.clone()),
            None => event,
        };
        stage.batch.events.push((seq, event));
    }

    fn audit(&mut self, stage: &mut Stage, rotation: &RotationId, entry: AuditEntry) {
        let n = self.next_entry + i64::try_from(stage.batch.outbox.len()).unwrap_or(0);
        let source = format!("/engine/{}", self.shared.name);
        let id = format!("{}-a{n}", self.store_name);
        let event = Event::new(source, id, self.shared.clock.now(), entry.into())
            .about(rotation.0.clone())
            .of_rotation(rotation.clone());
        // Events of the contract can always be written.
        let body = event.to_json().unwrap_or_default();
        let row = OutboxRow {
            n,
            rotation: rotation.clone(),
            body,
        };
        let delivered = self.shared.sink.is_none();
        stage.batch.outbox.push((row, delivered));
    }

    /// The outcome of an act is known.
    pub(super) fn settle(&mut self, stage: &mut Stage, key: &str, outcome: Outcome) {
        let Some(mut row) = self.act(stage, key) else {
            return;
        };
        if matches!(
            row.outcome,
            Outcome::Observed { .. } | Outcome::Failed { .. }
        ) {
            return;
        }
        let phase = match &outcome {
            Outcome::Observed { .. } => Some((ActionPhase::Executed, None)),
            Outcome::Failed { why } => Some((ActionPhase::Failed, Some(why.as_str().into()))),
            Outcome::Unknown { why } => Some((ActionPhase::Unknown, Some(why.as_str().into()))),
            Outcome::Accepted | Outcome::Executing => None,
        };
        if let Some((phase, error)) = phase {
            self.say_action(stage, &row, phase, error);
        }
        row.outcome = outcome;
        stage.acts.insert(key.to_owned(), row);
    }

    pub(super) fn act(&self, stage: &Stage, key: &str) -> Option<ActRow> {
        if let Some(row) = stage.acts.get(key) {
            return Some(row.clone());
        }
        let acts = self.shared.acts.read();
        acts.unwrap_or_else(std::sync::PoisonError::into_inner)
            .get(key)
            .cloned()
    }

    pub(super) fn say_action(
        &mut self,
        stage: &mut Stage,
        row: &ActRow,
        phase: ActionPhase,
        error: Option<Text>,
    ) {
        let ActRow {
            intent, vouched, ..
        } = row;
        let rotation = row.rotation.as_ref().or(intent.rotation.as_ref());
        let target = rotation
            .map(|r| r.0.clone())
            .or_else(|| intent.secret.as_ref().map(|s| s.0.clone()))
            .or_else(|| intent.service.as_ref().map(|s| s.0.clone()))
            .unwrap_or_else(|| Text::from("every rotation"));
        let now = self.shared.clock.now();
        let action = Action {
            action: intent.verb.name().into(),
            phase,
            actor: intent.by.clone(),
            target: target.clone(),
            risk: vouched.risk.clone().or_else(|| Some(intent.verb.risk())),
            reason: intent.reason.clone(),
            incident: None,
            idempotency_key: intent.key.as_str().into(),
            until: silent_until(intent, now).ok().flatten(),
            approved_by: vouched.approved_by.clone(),
            signed: vouched.signed,
            error,
        };
        self.say(stage, target, rotation, action);
    }

    /// Tells how a part of the engine is.
    pub(super) fn say_status(
        &mut self,
        stage: &mut Stage,
        part: &str,
        how: BackendState,
        error: Option<String>,
    ) {
        let name = format!("/engine/{}{part}", self.shared.name);
        let status = BackendStatus {
            backend: BackendName::from(name.as_str()),
            state: how,
            lag_ms: None,
            error: error.map(Text::from),
        };
        self.say(stage, Text::from(name), None, status);
    }

    /// The next version's name.
    pub(super) fn next_version(&mut self, stage: &mut Stage, path: &SecretPath) -> Version {
        let mut secret = self.secret(stage, path);
        loop {
            secret.named += 1;
            let version = Version::from(format!("v{}", secret.named));
            let taken =
                secret.current.as_ref() == Some(&version) || self.shared.vault.has(path, &version);
            if !taken {
                stage.secrets.insert(path.clone(), secret);
                return version;
            }
        }
    }
}
