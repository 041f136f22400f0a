//! Starts: by a person, by cadence, in an emergency, and many at once without a stampede.

use std::sync::Arc;

use super::super::lifecycle::{Act, Input, Refusal, RefusalKind, Rotation, Rules, State};
use super::super::plan::SecretPlan;
use super::super::policy;
use super::core::Core;
use super::staged::Stage;
use crate::model::event::Trigger;
use crate::model::intent::{Intent, Verb};
use crate::model::{Actor, RotationId, SecretPath, Span, Text, Timestamp};

/// How far apart rotations start that were asked for together.
const STAGGER: Span = Span::seconds(2);

/// How many refusals of a mass start are named.
const NAMED: usize = 5;

/// What a start is asked for with.
pub(super) struct Start {
    pub(super) trigger: Trigger,
    pub(super) by: Actor,
    pub(super) reason: Option<Text>,
    pub(super) grace: Option<Span>,
    pub(super) not_before: Timestamp,
}

impl Core {
    /// Starts a rotation of one secret.
    pub(super) fn start(
        &mut self,
        stage: &mut Stage,
        path: &SecretPath,
        start: Start,
    ) -> Result<RotationId, Refusal> {
        let plan = self.shared.secrets.get(path).cloned();
        let plan = plan.ok_or_else(|| Refusal::unknown_secret(path))?;
        let Some(target) = self.shared.targets.get(path).cloned() else {
            return Err(Refusal::unknown_secret(path));
        };
        if let Some(frozen) = self.is_frozen(stage) {
            return Err(Refusal::new(
                RefusalKind::Frozen,
                format!(
                    "every start is frozen by {} since {}",
                    frozen.by, frozen.since
                ),
                "unfreeze first",
            ));
        }
        let others = self.others(stage, path, None);
        let emergency = start.trigger == Trigger::Emergency;
        let mut also_gone: Vec<crate::model::Version> = Vec::new();
        if emergency {
            let before = (others.len() > 1).then(|| stage.mark());
            for other in others {
                match self.make_way(stage, &other, &start) {
                    Ok(left) => also_gone.extend(left),
                    // A mass start goes on after a refusal: nothing of this one may stay.
                    Err(refusal) => {
                        if let Some(before) = before {
                            stage.back_to(before);
                        }
                        return Err(refusal);
                    }
                }
            }
            also_gone.sort();
            also_gone.dedup();
        } else if let Some(other) = others.first() {
            return Err(Refusal::state(
                format!(
                    "{path} is being rotated: {} is {}",
                    other.id,
                    other.state.words()
                ),
                "wait for its end; emergency-rotate takes its place where the new version leaked",
            ));
        }
        let rules = if emergency {
            policy::emergency(&plan, target.dual_run(), start.grace)
        } else {
            let mut rules = policy::rules(&plan, target.dual_run());
            rules.grace = rules.grace.max(target.shortest_grace());
            rules
        };
        let id = self.new_id(stage);
        let mut r = self.new_rotation(stage, &id, &plan, rules, start);
        r.kind = target.kind();
        r.also_gone = also_gone;
        stage.rotations.insert(id.clone(), Arc::new(r));
        // Its turn may have come already.
        self.apply(stage, &id, Input::Tick)?;
        Ok(id)
    }

    /// An emergency takes the place of what runs: behind the cutover it goes on from there and
    /// revokes what that would have; before it, that one is aborted first.
    fn make_way(
        &mut self,
        stage: &mut Stage,
        other: &Rotation,
        start: &Start,
    ) -> Result<Vec<crate::model::Version>, Refusal> {
        let superseded = || Input::Superseded(RotationId::from("an emergency"));
        match &other.state {
            State::Waiting { .. } => {
                self.apply(stage, &other.id, superseded())?;
                Ok(other.also_gone.clone())
            }
            State::Taking { .. }
            | State::Grace { .. }
            | State::Revoking
            | State::Auditing { .. } => {
                let left = if other.revoked_at.is_some() {
                    Vec::new()
                } else {
                    other.gone()
                };
                self.apply(stage, &other.id, superseded())?;
                Ok(left)
            }
            State::Activating | State::Reissuing { .. } => Err(Refusal::state(
                format!("{} changes the current version at this moment", other.id),
                "ask again in a few seconds",
            )),
            at if at.before_cutover() && other.ending.is_none() => {
                let act = Act {
                    verb: Verb::Abort,
                    region: None,
                    service: None,
                    length: None,
                    by: start.by.clone(),
                    reason: Some(Text::from("an emergency takes its place")),
                    key: format!("make-way-{}", other.id),
                };
                let left = self.take_over(stage, other);
                self.apply(stage, &other.id, Input::Act(act))?;
                Ok(left)
            }
            // It goes back already: the emergency waits for its end, but for what it has still to
            // clear, which may take as long as somebody uses it.
            _ => {
                let left = self.take_over(stage, other);
                self.apply(stage, &other.id, Input::Tick)?;
                Ok(left)
            }
        }
    }

    /// Takes what a superseded rotation left to this one off it, where it is not revoking that.
    fn take_over(&self, stage: &mut Stage, other: &Rotation) -> Vec<crate::model::Version> {
        if other.also_gone.is_empty() || other.cleared {
            return Vec::new();
        }
        let mut without = self
            .rotation(stage, &other.id)
            .map_or_else(|| other.clone(), |r| (*r).clone());
        let left = std::mem::take(&mut without.also_gone);
        stage.rotations.insert(other.id.clone(), Arc::new(without));
        left
    }

    fn new_rotation(
        &mut self,
        stage: &mut Stage,
        id: &RotationId,
        plan: &SecretPlan,
        mut rules: Rules,
        start: Start,
    ) -> Rotation {
        let members = policy::members(plan, &mut rules);
        let to = self.next_version(stage, &plan.path);
        let canary = rules.waves.first().copied().filter(|share| *share < 100.0);
        Rotation {
            id: id.clone(),
            secret: plan.path.clone(),
            kind: crate::model::event::SecretKind::Unnamed,
            owner: policy::owner(plan),
            tier: plan.tier.clone(),
            from: None,
            to,
            also_gone: Vec::new(),
            cleared: false,
            trigger: start.trigger,
            by: start.by,
            reason: start.reason,
            rules,
            canary_percent: canary,
            members,
            state: State::Waiting {
                not_before: start.not_before,
            },
            pending: Vec::new(),
            hold: None,
            round: 0,
            asked_at: self.shared.clock.now(),
            began_at: None,
            stored_at: None,
            activated_at: None,
            revoked_at: None,
            ended_at: None,
            forced: false,
            ending: None,
            end_reason: None,
            sitters: Vec::new(),
            baseline: Vec::new(),
            latest: Vec::new(),
            healthy_at: None,
            failures_told: Vec::new(),
            acts: Vec::new(),
        }
    }

    fn new_id(&mut self, stage: &Stage) -> RotationId {
        loop {
            let id = RotationId::from(format!("rot-{:08x}", self.lot()));
            if self.rotation(stage, &id).is_none() {
                return id;
            }
        }
    }

    /// Starts a rotation of every secret (or of those of a service), one after the other; says how
    /// many start and which do not.
    pub(super) fn start_many(
        &mut self,
        stage: &mut Stage,
        intent: &Intent,
    ) -> Result<String, Refusal> {
        let mine = |s: &Arc<SecretPlan>| {
            let wanted = intent.service.as_ref();
            wanted.is_none_or(|service| s.consumers.iter().any(|c| c.service == *service))
        };
        let paths: Vec<SecretPath> = self
            .shared
            .secrets
            .values()
            .filter(|s| mine(s))
            .map(|s| s.path.clone())
            .collect();
        if paths.is_empty() {
            return Err(Refusal::new(
                RefusalKind::Unknown,
                "no secret of the plan is meant",
                "name a secret, or a service that uses one",
            ));
        }
        let mut not_before = self.shared.clock.now();
        let mut started = 0;
        let mut refused = Vec::new();
        for path in paths {
            let start = Start {
                trigger: trigger(intent.verb),
                by: intent.by.clone(),
                reason: intent.reason.clone(),
                grace: length(intent),
                not_before,
            };
            match self.start(stage, &path, start) {
                Ok(_) => {
                    started += 1;
                    not_before = not_before + STAGGER;
                }
                Err(refusal) => refused.push(refusal),
            }
        }
        if started == 0
            && let Some(refusal) = refused.pop()
        {
            return Err(refusal);
        }
        Ok(said(started, &refused))
    }

    /// Starts what its cadence says is due, in its windows.
    pub(super) fn schedule(&mut self, stage: &mut Stage) {
        if self.is_frozen(stage).is_some() {
            return;
        }
        let now = self.shared.clock.now();
        let mut due = Vec::new();
        for (path, plan) in &self.shared.secrets {
            let Some(cadence) = plan.cadence else {
                continue;
            };
            let secret = self.secret(stage, path);
            let last = secret.rotated_at.or(secret.seen_at).unwrap_or(now);
            // One that failed is not tried again at once, and not only after a whole cadence.
            let tried = secret
                .tried_at
                .map(|at| at + Span::micros(cadence.as_micros() / 10));
            let is_due = last + cadence <= now && tried.is_none_or(|at| at <= now);
            if is_due && policy::in_window(&plan.windows, now) {
                due.push(path.clone());
            }
        }
        let mut not_before = now;
        for path in due {
            if !self.others(stage, &path, None).is_empty() {
                continue;
            }
            let start = Start {
                trigger: Trigger::Schedule,
                by: super::core::engine_actor(),
                reason: None,
                grace: None,
                not_before,
            };
            let mut secret = self.secret(stage, &path);
            secret.tried_at = Some(now);
            stage.secrets.insert(path.clone(), secret);
            if self.start(stage, &path, start).is_ok() {
                not_before = not_before + STAGGER;
            }
        }
    }

    /// Takes an intent that starts something.
    pub(super) fn rotate(
        &mut self,
        stage: &mut Stage,
        intent: &Intent,
    ) -> Result<Option<RotationId>, Refusal> {
        if let (None, Some(rotation)) = (&intent.secret, &intent.rotation) {
            // Without a secret all are meant, which nobody who names one rotation means.
            return Err(Refusal::new(
                RefusalKind::Malformed,
                format!(
                    "{} names the rotation {rotation} and no secret",
                    intent.verb
                ),
                "name the secret",
            ));
        }
        let Some(path) = &intent.secret else {
            let words = self.start_many(stage, intent)?;
            self.settle(
                stage,
                &intent.key,
                crate::model::intent::Outcome::Observed { words },
            );
            return Ok(None);
        };
        let start = Start {
            trigger: trigger(intent.verb),
            by: intent.by.clone(),
            reason: intent.reason.clone(),
            grace: length(intent),
            not_before: self.shared.clock.now(),
        };
        let id = self.start(stage, path, start)?;
        if let Some(r) = stage.rotations.get_mut(&id) {
            let mut started = (**r).clone();
            started.acts.push(super::super::lifecycle::OpenAct {
                key: intent.key.clone(),
                verb: intent.verb,
                effects: Vec::new(),
                done: Vec::new(),
            });
            *r = Arc::new(started);
        }
        Ok(Some(id))
    }
}

/// What a mass start came to: how many start, and why others do not.
fn said(started: usize, refused: &[Refusal]) -> String {
    let mut words = format!(
        "{started} rotations start, {} s apart",
        STAGGER.as_seconds()
    );
    if !refused.is_empty() {
        let named: Vec<&str> = refused.iter().take(NAMED).map(|r| r.why.as_str()).collect();
        let more = refused.len().saturating_sub(NAMED);
        let more = match more {
            0 => String::new(),
            n => format!("; and {n} more"),
        };
        let count = refused.len();
        words = format!("{words}; {count} do not: {}{more}", named.join("; "));
    }
    words
}

fn trigger(verb: Verb) -> Trigger {
    if verb == Verb::EmergencyRotate {
        Trigger::Emergency
    } else {
        Trigger::Manual
    }
}

pub(super) fn length(intent: &Intent) -> Option<Span> {
    let seconds = intent.seconds?;
    Some(Span::seconds(
        i64::try_from(seconds).unwrap_or(i64::MAX / 1_000_000),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mass_start_names_what_does_not_start() {
        assert_eq!(said(3, &[]), "3 rotations start, 2 s apart");
        let refused: Vec<Refusal> = (0..7)
            .map(|n| Refusal::state(format!("db-{n} is being rotated"), "wait"))
            .collect();
        let words = said(1, &refused);
        assert!(
            words.contains("7 do not: db-0 is being rotated; db-1"),
            "{words}"
        );
        assert!(words.ends_with("; and 2 more"), "{words}");
    }
}
