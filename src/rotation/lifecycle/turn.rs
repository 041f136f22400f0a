//! One transition while it is made: the rotation that changes and what is told of it.

use super::input::{Moment, Standing, Transition, VersionChange};
use super::rotation::{Effect, OpenAct, Pending, Rotation, State};
use crate::model::event::{
    AuditEntry, AuditOutcome, ConsumerState, ConsumerVersion, Data, NamedConsumer, Operation,
    Outcome as End, RotationFinished, RotationStage, RotationStarted, Seconds, Stage, StageStatus,
};
use crate::model::intent::{Outcome, Verb};
use crate::model::{Actor, Region, Span, Text, Timestamp};

/// A transition in the making.
pub(super) struct Turn<'m> {
    pub(super) r: Rotation,
    pub(super) at: &'m Moment,
    /// The effect that was done, where that is what happened.
    pub(super) answered: Option<String>,
    out: Out,
}

#[derive(Default)]
struct Out {
    events: Vec<(Option<Text>, Data)>,
    audit: Vec<AuditEntry>,
    outcomes: Vec<(String, Outcome)>,
    versions: Vec<VersionChange>,
}

/// The members of a stage event that are not always there.
#[derive(Default)]
pub(super) struct Detail {
    pub(super) attempt: Option<u32>,
    pub(super) region: Option<Region>,
    pub(super) wave: Option<u32>,
    pub(super) percent: Option<f64>,
    pub(super) error: Option<Text>,
}

impl<'m> Turn<'m> {
    pub(super) fn new(rotation: &Rotation, at: &'m Moment) -> Self {
        Self {
            r: rotation.clone(),
            at,
            answered: None,
            out: Out::default(),
        }
    }

    pub(super) fn done(mut self) -> Transition {
        self.settle_acts();
        Transition {
            next: self.r,
            events: self.out.events,
            audit: self.out.audit,
            outcomes: self.out.outcomes,
            versions: self.out.versions,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.at.now
    }

    pub(super) fn say(&mut self, data: impl Into<Data>) {
        self.out.events.push((None, data.into()));
    }

    pub(super) fn version(&mut self, change: VersionChange) {
        self.out.versions.push(change);
    }

    /// Tells of a stage. What is completed leaves an audit entry, but for the audit itself.
    pub(super) fn stage(&mut self, stage: Stage, status: StageStatus, detail: Detail) {
        let audited = stage != Stage::Audit;
        if status == StageStatus::Completed && audited {
            self.audit(&stage, AuditOutcome::Allowed, None);
        }
        self.say(RotationStage {
            stage,
            status,
            attempt: detail.attempt,
            region: detail.region,
            wave: detail.wave,
            percent: detail.percent,
            audit_expected: (!audited).then_some(false),
            error: detail.error,
        });
    }

    pub(super) fn plain(&mut self, stage: Stage, status: StageStatus) {
        self.stage(stage, status, Detail::default());
    }

    /// Leaves an entry in the audit trail.
    pub(super) fn audit(&mut self, stage: &Stage, outcome: AuditOutcome, error: Option<Text>) {
        let operation = match stage {
            Stage::Generate => Operation::Create,
            Stage::Revoke => Operation::Revoke,
            Stage::Validate => Operation::Login,
            Stage::Trigger | Stage::Cutover => Operation::Rotate,
            _ => Operation::Update,
        };
        let version = match stage {
            Stage::Revoke => self.r.from.clone(),
            _ => Some(self.r.to.clone()),
        };
        self.out.audit.push(AuditEntry {
            actor: self.r.by.clone(),
            operation,
            path: self.r.secret.0.clone(),
            secret: Some(self.r.secret.clone()),
            version,
            outcome,
            remote_addr: None,
            user_agent: None,
            error,
            stage: Some(stage.clone()),
        });
    }

    /// Tells that the rotation began.
    pub(super) fn say_started(&mut self) {
        let r = &self.r;
        let mut regions: Vec<Region> = r.members.iter().filter_map(|m| m.region.clone()).collect();
        regions.sort();
        regions.dedup();
        let mut services: Vec<_> = r.members.iter().map(|m| m.service.clone()).collect();
        services.sort();
        services.dedup();
        let consumers = r.members.iter().map(|m| NamedConsumer {
            consumer: m.consumer.clone(),
            service: Some(m.service.clone()),
            region: m.region.clone(),
            identities: m.identities.clone(),
        });
        let started = RotationStarted {
            secret: r.secret.clone(),
            kind: Some(r.kind.clone()),
            from_version: r.from.clone(),
            to_version: Some(r.to.clone()),
            trigger: Some(r.trigger.clone()),
            owner: r.owner.clone(),
            tier: r.tier.clone(),
            regions,
            grace_seconds: Some(seconds(r.rules.grace)),
            cadence_seconds: r.rules.cadence.map(seconds),
            dual_run: Some(r.rules.dual_run),
            planned: Some(r.trigger != crate::model::event::Trigger::Emergency),
            canary_percent: r.canary_percent,
            consumers: consumers.collect(),
            services,
            audit_expected: None,
            by: Some(r.by.clone()),
            correlation: None,
        };
        self.say(started);
    }

    /// Takes in what a member said of itself and tells of it where it is news.
    pub(super) fn hear(&mut self, index: usize, standing: Standing) {
        let now = self.now();
        let Some(member) = self.r.members.get_mut(index) else {
            return;
        };
        match standing.state {
            ConsumerState::InUse => member.using = Some(standing.version.clone()),
            // What it cannot work with it does not use, whatever it said before.
            ConsumerState::Failed if member.using.as_ref() == Some(&standing.version) => {
                member.using = None;
            }
            _ => {}
        }
        let told = Some((standing.version.clone(), standing.state.clone()));
        if member.told == told && member.error == standing.error {
            return;
        }
        member.told = told;
        member.error.clone_from(&standing.error);
        let news = ConsumerVersion {
            consumer: member.consumer.clone(),
            service: Some(member.service.clone()),
            region: member.region.clone(),
            secret: self.r.secret.clone(),
            latency_ms: (standing.version == self.r.to)
                .then_some(self.r.stored_at)
                .flatten()
                .map(|stored| millis(now.since(stored))),
            version: standing.version,
            state: standing.state,
            error: standing.error,
            identities: member.identities.clone(),
        };
        let subject = news.consumer.0.clone();
        self.out.events.push((Some(subject), news.into()));
    }

    /// Adds an effect, due now or later, under a key of this round.
    pub(super) fn todo(&mut self, what: Effect, after: Span) -> String {
        let word = match &what {
            Effect::Generate => "generate".to_owned(),
            Effect::Install => "install".to_owned(),
            Effect::Attempt { version } => format!("attempt/{version}"),
            Effect::Activate => "activate".to_owned(),
            Effect::Revoke { version } => format!("revoke/{version}"),
            Effect::Prove { version } => format!("prove/{version}"),
            Effect::Reinstate => "reinstate".to_owned(),
            Effect::Push {
                member,
                version,
                now,
                ..
            } => {
                let take = if *now { "now" } else { "later" };
                format!("push/{}/{version}/{take}", self.name(*member))
            }
            Effect::Ask { member } => format!("ask/{}", self.name(*member)),
            Effect::Presence => "presence".to_owned(),
            Effect::Health => "health".to_owned(),
        };
        let key = format!("{}/{}/{word}", self.r.id.raw(), self.r.round);
        self.r.pending.retain(|p| p.key != key);
        self.r.pending.push(Pending {
            key: key.clone(),
            what,
            attempt: 1,
            due: Some(self.at.now + after),
            why: None,
        });
        key
    }

    fn name(&self, member: usize) -> &str {
        self.r.members.get(member).map_or("?", |m| m.consumer.raw())
    }

    /// Sends a version to a member.
    pub(super) fn push(&mut self, member: usize, back: bool, now: bool, restart: bool) -> String {
        let version = if back { self.r.from.clone() } else { None };
        let version = version.unwrap_or_else(|| self.r.to.clone());
        if let Some(m) = self.r.members.get_mut(member)
            && !back
        {
            m.offered = true;
        }
        let ask = |p: &Pending| matches!(&p.what, Effect::Ask { member: m } | Effect::Push { member: m, .. } if *m == member);
        self.r.pending.retain(|p| !ask(p));
        self.todo(
            Effect::Push {
                member,
                version,
                now,
                restart,
            },
            Span::ZERO,
        )
    }

    /// Asks a member later what it uses; one question is enough.
    pub(super) fn ask(&mut self, member: usize, after: Span) {
        let asked = |p: &Pending| matches!(&p.what, Effect::Ask { member: m } | Effect::Push { member: m, .. } if *m == member);
        if !self.r.pending.iter().any(asked) {
            self.todo(Effect::Ask { member }, after);
        }
    }

    /// True while an effect of this kind is to be done.
    pub(super) fn is_pending(&self, kind: impl Fn(&Effect) -> bool) -> bool {
        self.r.pending.iter().any(|p| kind(&p.what))
    }

    /// Goes to a state; what was pending for the former is dropped.
    pub(super) fn enter(&mut self, state: State) {
        self.r.pending.clear();
        self.r.failures_told.clear();
        self.r.state = state;
    }

    /// Ends the rotation.
    pub(super) fn finish(&mut self, end: End, reason: Option<Text>) {
        let reason = reason.or_else(|| self.r.end_reason.clone());
        self.enter(State::Finished { end: end.clone() });
        self.r.hold = None;
        self.r.ended_at = Some(self.at.now);
        if end != End::Succeeded {
            let gone = self.r.to.clone();
            self.version(VersionChange::Forget(gone));
        }
        self.say(RotationFinished {
            outcome: end,
            reason,
        });
    }

    /// Opens an act whose effect will be seen later.
    pub(super) fn open_act(&mut self, key: &str, verb: Verb, effects: Vec<String>) {
        self.r.acts.push(OpenAct {
            key: key.to_owned(),
            verb,
            effects,
            done: Vec::new(),
        });
    }

    /// An act whose effect is seen at once.
    pub(super) fn seen(&mut self, key: &str, words: impl Into<String>) {
        let words = words.into();
        self.out
            .outcomes
            .push((key.to_owned(), Outcome::Observed { words }));
    }

    /// Tells the outcome of acts whose effect, or whose failure, is now seen.
    fn settle_acts(&mut self) {
        let acts = std::mem::take(&mut self.r.acts);
        for mut act in acts {
            if let Some(key) = &self.answered
                && act.effects.contains(key)
                && !self.r.pending.iter().any(|p| p.key == *key)
            {
                act.done.push(key.clone());
            }
            match self.outcome(&act) {
                Some(outcome) => self.out.outcomes.push((act.key, outcome)),
                None => self.r.acts.push(act),
            }
        }
    }

    fn outcome(&self, act: &OpenAct) -> Option<Outcome> {
        let seen = |words: String| Some(Outcome::Observed { words });
        let failed = |why: String| Some(Outcome::Failed { why });
        if !act.effects.is_empty() {
            let mine = |p: &&Pending| act.effects.contains(&p.key);
            let left: Vec<&Pending> = self.r.pending.iter().filter(mine).collect();
            if left.is_empty() {
                return Some(self.all_ended(act));
            }
            let parked = left.iter().all(|p| p.due.is_none());
            return parked
                .then(|| left.iter().find_map(|p| p.why.clone()).unwrap_or_default())
                .and_then(failed);
        }
        match (&self.r.state, act.verb) {
            (State::Finished { end }, Verb::Rollback) if *end == End::RolledBack => {
                seen(format!("version {} is the current one again", self.from()))
            }
            (State::Finished { end }, Verb::Abort) if *end == End::Aborted => {
                seen("the rotation ended before its cutover".to_owned())
            }
            (State::Finished { end }, Verb::Rotate | Verb::EmergencyRotate)
                if *end == End::Succeeded =>
            {
                seen(format!("version {} is the only one", self.r.to))
            }
            (State::Grace { .. } | State::Taking { .. }, Verb::ReissuePrevious) => {
                seen(format!("version {} is accepted again", self.from()))
            }
            (_, Verb::RevokeNow) if self.r.revoked_at.is_some() => {
                seen(format!("version {} is refused", self.from()))
            }
            (State::Finished { .. }, Verb::RevokeNow) if self.r.ending.is_some() => {
                seen(format!("version {} is withdrawn", self.r.to))
            }
            (State::Finished { end }, _) => failed(format!("the rotation ended as {end}")),
            _ => None,
        }
    }

    /// What came of an act none of whose effects is pending: each was done, or given up when the
    /// rotation went elsewhere. A question that became needless because it went on is no failure.
    fn all_ended(&self, act: &OpenAct) -> Outcome {
        let undone = act.effects.iter().filter(|key| !act.done.contains(key));
        let undone: Vec<&str> = undone.map(|key| self.word(key)).collect();
        let failed = matches!(&self.r.state, State::Finished { end } if *end != End::Succeeded);
        let question =
            |word: &&str| word.starts_with("ask/") || matches!(*word, "presence" | "health");
        let needless = !self.r.state.goes_back() && !failed && undone.iter().all(question);
        if undone.is_empty() || needless {
            return Outcome::Observed {
                words: self.standing(),
            };
        }
        Outcome::Failed {
            why: format!(
                "{} of {} calls were given up, as the rotation is {} now: {}",
                undone.len(),
                act.effects.len(),
                self.r.state.words(),
                self.standing()
            ),
        }
    }

    /// What an effect does, by its key.
    fn word<'k>(&self, key: &'k str) -> &'k str {
        let rest = key.strip_prefix(self.r.id.raw());
        let rest = rest.and_then(|rest| rest.strip_prefix('/')?.split_once('/'));
        rest.map_or(key, |(_, word)| word)
    }

    /// Who uses which version, in words.
    pub(super) fn standing(&self) -> String {
        let total = self.r.members.len();
        let on = |m: &&super::rotation::Member| m.using.as_ref() == Some(&self.r.to);
        let on = self.r.members.iter().filter(on).count();
        format!("{on} of {total} consumers use version {}", self.r.to)
    }

    fn from(&self) -> String {
        self.r
            .from
            .as_ref()
            .map_or_else(|| "none".to_owned(), ToString::to_string)
    }
}

/// The engine itself, where it acts without being asked.
pub(super) fn engine() -> Actor {
    Actor::from("rotascope-engine")
}

/// Whole seconds of a length, 0 where it is negative.
pub(super) fn seconds(span: Span) -> Seconds {
    Seconds(u64::try_from(span.as_seconds()).unwrap_or(0))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "53 bits of microseconds are 285 years"
)]
fn millis(span: Span) -> f64 {
    span.as_micros() as f64 / 1000.0
}
