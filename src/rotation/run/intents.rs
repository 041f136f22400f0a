//! Acts: each intent is taken at most once, and what became of it can be asked.

use super::super::lifecycle::{Act, Input, Refusal, RefusalKind, Rotation};
use super::super::outbox::Sink;
use super::super::policy;
use super::super::report::{Receipt, Vouched};
use super::super::store::{ActRow, SideCall, SideKind};
use super::core::Core;
use super::staged::{Freeze, Frozen, Stage};
use super::starts::length;
use crate::model::event::ActionPhase;
use crate::model::intent::{Intent, Outcome, Verb};
use crate::model::{RotationId, SecretPath, Span, Text, Timestamp};

/// So long is silenced where nothing says otherwise, and at most, in seconds.
const SILENT: (u64, u64) = (1_800, 24 * 3_600);

/// Until when an act silences; `None` where it is another one.
///
/// # Errors
/// [`Refusal`] where it is longer than a day: what is forgotten by then nobody looks after.
pub(super) fn silent_until(intent: &Intent, from: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    if intent.verb != Verb::Silence {
        return Ok(None);
    }
    let (usual, most) = SILENT;
    let seconds = intent.seconds.unwrap_or(usual);
    if seconds == 0 || seconds > most {
        return Err(Refusal::new(
            RefusalKind::Malformed,
            format!("{seconds} s is no length to be silent for"),
            "name one of at most 24 hours",
        ));
    }
    let span = i64::try_from(seconds).map_or(Span::ZERO, Span::seconds);
    Ok(Some(from + span))
}

/// An act that is bounded to a place is one that can be.
fn bounds(intent: &Intent) -> Result<(), Refusal> {
    let verb = intent.verb;
    let what = match (&intent.region, &intent.service) {
        (Some(_), _) if !verb.takes_region() => "one region",
        (_, Some(_)) if !verb.takes_service() => "one service",
        _ => return Ok(()),
    };
    Err(Refusal::new(
        RefusalKind::Malformed,
        format!("{verb} cannot be done for {what} alone"),
        "leave it out where all of it is meant",
    ))
}

impl Core {
    /// Takes an intent.
    pub(super) fn execute(
        &mut self,
        stage: &mut Stage,
        intent: &Intent,
        vouched: &Vouched,
    ) -> Result<Receipt, Refusal> {
        if intent.key.is_empty() || intent.key.len() > 200 {
            return Err(Refusal::new(
                RefusalKind::Malformed,
                "the intent has no idempotency key of 1 to 200 bytes",
                "give each act a key of its own",
            ));
        }
        if let Some(row) = self.act(stage, &intent.key) {
            return row.receipt(intent);
        }
        bounds(intent)?;
        let now = self.shared.clock.now();
        let row = ActRow::new(intent.clone(), vouched.clone(), now);
        let before = stage.mark();
        self.say_action(stage, &row, ActionPhase::Intended, None);
        stage.acts.insert(intent.key.clone(), row.clone());
        match self.perform(stage, intent) {
            Ok(rotation) => {
                if let Some(row) = stage.acts.get_mut(&intent.key) {
                    row.rotation.clone_from(&rotation);
                }
                Ok(Receipt {
                    key: intent.key.clone(),
                    rotation,
                    head: vouched.head.clone(),
                })
            }
            Err(refusal) => {
                stage.back_to(before);
                stage.acts.remove(&intent.key);
                let error = Some(Text::from(refusal.to_string()));
                self.say_action(stage, &row, ActionPhase::Denied, error);
                Err(refusal)
            }
        }
    }

    fn perform(
        &mut self,
        stage: &mut Stage,
        intent: &Intent,
    ) -> Result<Option<RotationId>, Refusal> {
        match intent.verb {
            Verb::Freeze => self.freeze(stage, intent).map(|()| None),
            Verb::Unfreeze => self.unfreeze(stage, intent).map(|()| None),
            Verb::Rotate | Verb::EmergencyRotate => self.rotate(stage, intent),
            Verb::Throttle => self.throttle(stage, intent),
            Verb::Resume => self.let_go_on(stage, intent),
            Verb::InvalidateCache | Verb::MaskLeak => self.tell_others(stage, intent),
            Verb::RestoreSink => self.restore_sink(stage, intent).map(|()| None),
            Verb::ReplayOutbox => self.replay_outbox(stage, intent),
            Verb::Silence | Verb::Acknowledge => self.note(stage, intent),
            _ => {
                let r = self.meant(stage, intent)?;
                self.apply(stage, &r.id, Input::Act(act(intent)))?;
                Ok(Some(r.id.clone()))
            }
        }
    }

    /// The rotation that an intent means: the one it names, else the last one of its secret.
    fn meant(&self, stage: &Stage, intent: &Intent) -> Result<std::sync::Arc<Rotation>, Refusal> {
        if let Some(id) = &intent.rotation {
            return self.rotation(stage, id).ok_or_else(|| {
                Refusal::new(
                    RefusalKind::Unknown,
                    format!("there is no rotation {id}, or it ended long ago"),
                    "look at the list of rotations",
                )
            });
        }
        let Some(path) = &intent.secret else {
            return Err(Refusal::new(
                RefusalKind::Malformed,
                format!("{} names no rotation", intent.verb),
                "name the rotation or its secret",
            ));
        };
        self.last_of(stage, path).ok_or_else(|| {
            Refusal::new(
                RefusalKind::Unknown,
                format!("no rotation of {path} is known"),
                "start one",
            )
        })
    }

    fn last_of(&self, stage: &Stage, path: &SecretPath) -> Option<std::sync::Arc<Rotation>> {
        let known = self.by_secret.get(path).into_iter().flatten();
        let staged = stage
            .rotations
            .values()
            .filter(|r| r.secret == *path)
            .map(|r| &r.id);
        let all = known
            .chain(staged)
            .filter_map(|id| self.rotation(stage, id));
        all.max_by_key(|r| (!r.is_over(), r.asked_at, r.id.clone()))
    }

    /// Keeps that somebody looks after what was found, or that nobody is to be told of it: the
    /// act's own event is all there is of it.
    fn note(&mut self, stage: &mut Stage, intent: &Intent) -> Result<Option<RotationId>, Refusal> {
        let meant = match (&intent.rotation, &intent.secret, &intent.service) {
            (None, None, Some(_)) => None,
            _ => Some(self.meant(stage, intent)?.id.clone()),
        };
        let words = match silent_until(intent, self.shared.clock.now())? {
            Some(until) => format!("nobody is told of it until {until}"),
            None => format!("{} looks after it", intent.by),
        };
        self.settle(stage, &intent.key, Outcome::Observed { words });
        Ok(meant)
    }

    fn freeze(&mut self, stage: &mut Stage, intent: &Intent) -> Result<(), Refusal> {
        if let Some(frozen) = self.is_frozen(stage) {
            return Err(Refusal::state(
                format!(
                    "it is frozen already, by {} since {}",
                    frozen.by, frozen.since
                ),
                "unfreeze when starts and revokes may go on",
            ));
        }
        let frozen = Frozen {
            by: intent.by.clone(),
            since: self.shared.clock.now(),
        };
        let body = serde_json::to_string(&frozen).unwrap_or_default();
        stage.batch.meta.push(("frozen", body));
        stage.freeze = Some(Freeze(Some(frozen)));
        let words = "every start and every revoke is held".to_owned();
        self.settle(stage, &intent.key, Outcome::Observed { words });
        Ok(())
    }

    fn unfreeze(&mut self, stage: &mut Stage, intent: &Intent) -> Result<(), Refusal> {
        if self.is_frozen(stage).is_none() {
            return Err(Refusal::state(
                "nothing is frozen",
                "nothing needs to be done",
            ));
        }
        stage.batch.meta.push(("frozen", String::new()));
        stage.freeze = Some(Freeze(None));
        for id in self.unfinished() {
            self.apply(stage, &id, Input::Tick)?;
        }
        let words = "starts and revokes go on".to_owned();
        self.settle(stage, &intent.key, Outcome::Observed { words });
        Ok(())
    }

    /// Sets the pace of the calls to a target, or to all.
    fn throttle(
        &mut self,
        stage: &mut Stage,
        intent: &Intent,
    ) -> Result<Option<RotationId>, Refusal> {
        let meant = match (&intent.rotation, &intent.secret) {
            (None, None) => None,
            (None, Some(path)) if self.last_of(stage, path).is_none() => None,
            _ => Some(self.meant(stage, intent)?),
        };
        let path = meant
            .as_ref()
            .map(|r| r.secret.clone())
            .or_else(|| intent.secret.clone());
        if let Some(path) = &path
            && !self.shared.secrets.contains_key(path)
        {
            return Err(Refusal::unknown_secret(path));
        }
        let mut words = Vec::new();
        for lane in self.lanes_of(path.as_ref()) {
            let pace = intent
                .per_minute
                .unwrap_or_else(|| self.shared.lanes.went_lately(&lane, &self.shared.clock))
                .max(1);
            let name = policy::lane_words(&lane);
            words.push(format!("{name}: at most {pace} calls a minute"));
            stage.paces.insert(lane, Some(pace));
        }
        self.keep_paces(stage);
        if let Some(r) = &meant
            && !r.is_over()
        {
            self.apply(stage, &r.id, Input::Act(act(intent)))?;
        } else {
            let words = words.join("; ");
            self.settle(stage, &intent.key, Outcome::Observed { words });
        }
        Ok(meant.map(|r| r.id.clone()))
    }

    /// The lanes that calls for a secret go through, or all.
    fn lanes_of(&self, path: Option<&SecretPath>) -> std::collections::BTreeSet<String> {
        let plans = self.shared.secrets.values();
        plans
            .filter(|s| path.is_none_or(|path| s.path == *path))
            .map(|s| policy::lane(s))
            .collect()
    }

    /// Lets a rotation that is held go on; where none is, takes the pace off that `throttle` set.
    fn let_go_on(
        &mut self,
        stage: &mut Stage,
        intent: &Intent,
    ) -> Result<Option<RotationId>, Refusal> {
        let meant = match (&intent.rotation, &intent.secret) {
            (Some(_), _) => Some(self.meant(stage, intent)?),
            (None, Some(path)) => self.last_of(stage, path),
            (None, None) => None,
        };
        let path = meant.as_ref().map(|r| &r.secret);
        let path = path.or(intent.secret.as_ref());
        let mut paces = self.shared.lanes.paces();
        paces.retain(|lane, _| self.lanes_of(path).contains(lane));
        let held = meant.as_ref().is_some_and(|r| r.hold.is_some());
        if held || paces.is_empty() {
            let r = self.meant(stage, intent)?;
            self.apply(stage, &r.id, Input::Act(act(intent)))?;
            return Ok(Some(r.id.clone()));
        }
        let names: Vec<String> = paces.keys().map(|lane| policy::lane_words(lane)).collect();
        stage
            .paces
            .extend(paces.into_keys().map(|lane| (lane, None)));
        self.keep_paces(stage);
        let words = format!("{}: calls are not paced any more", names.join("; "));
        self.settle(stage, &intent.key, Outcome::Observed { words });
        Ok(meant.map(|r| r.id.clone()))
    }

    /// Writes the paces down as they will be.
    fn keep_paces(&self, stage: &mut Stage) {
        let mut all = self.shared.lanes.paces();
        for (lane, pace) in &stage.paces {
            match pace {
                Some(pace) => all.insert(lane.clone(), *pace),
                None => all.remove(lane),
            };
        }
        let paces = serde_json::to_string(&all).unwrap_or_default();
        stage.batch.meta.push(("paces", paces));
    }

    /// Has caches forget, or whoever shows a secret mask it.
    fn tell_others(
        &mut self,
        stage: &mut Stage,
        intent: &Intent,
    ) -> Result<Option<RotationId>, Refusal> {
        let meant = match &intent.rotation {
            Some(_) => Some(self.meant(stage, intent)?),
            None => intent
                .secret
                .as_ref()
                .and_then(|path| self.last_of(stage, path)),
        };
        let path = meant
            .as_ref()
            .map(|r| r.secret.clone())
            .or_else(|| intent.secret.clone());
        let Some(path) = path else {
            return Err(Refusal::new(
                RefusalKind::Malformed,
                format!("{} names neither rotation nor secret", intent.verb),
                "name one",
            ));
        };
        let plan = self.shared.secrets.get(&path).cloned();
        let plan = plan.ok_or_else(|| Refusal::unknown_secret(&path))?;
        let calls: Vec<SideCall> = if intent.verb == Verb::MaskLeak {
            let body = serde_json::json!({"secret": path});
            let urls = plan.mask.iter();
            urls.map(|url| side(SideKind::Mask, url, body.clone()))
                .collect()
        } else {
            let since = meant.as_ref().and_then(|r| r.activated_at);
            let since = since.unwrap_or_else(|| self.shared.clock.now());
            let body = serde_json::json!({"secret": path, "older_than": since});
            let mine = plan.caches.iter().filter(|c| {
                intent.service.as_ref().is_none_or(|s| c.service == *s)
                    && intent
                        .region
                        .as_ref()
                        .is_none_or(|r| c.region.as_ref() == Some(r))
            });
            mine.map(|c| side(SideKind::Invalidate, &c.invalidate, body.clone()))
                .collect()
        };
        if calls.is_empty() {
            let what = if intent.verb == Verb::MaskLeak {
                "nowhere to mask it"
            } else {
                "no such cache"
            };
            return Err(Refusal::new(
                RefusalKind::Unknown,
                format!("the plan names {what} for {path}"),
                "add it to rotation.toml, or do it by hand",
            ));
        }
        Self::call(stage, intent, calls);
        Ok(meant.map(|r| r.id.clone()))
    }

    fn call(stage: &mut Stage, intent: &Intent, calls: Vec<SideCall>) {
        for n in 0..calls.len() {
            stage.sides.push((intent.key.clone(), n));
        }
        if let Some(row) = stage.acts.get_mut(&intent.key) {
            row.calls = calls;
        }
    }

    fn restore_sink(&mut self, stage: &mut Stage, intent: &Intent) -> Result<(), Refusal> {
        let Sink::Http(url) = Sink::of(self.shared.sink.as_deref()) else {
            return Err(Refusal::state(
                "the audit sink is no service that could be asked to reopen",
                "mend the file or the disk; delivery goes on by itself",
            ));
        };
        let call = side(
            SideKind::RestoreSink,
            &format!("{url}/restore"),
            serde_json::json!({}),
        );
        Self::call(stage, intent, vec![call]);
        Ok(())
    }

    fn replay_outbox(
        &mut self,
        stage: &mut Stage,
        intent: &Intent,
    ) -> Result<Option<RotationId>, Refusal> {
        if self.shared.sink.is_none() {
            return Err(Refusal::state(
                "there is no audit sink: entries stay in the store",
                "set audit_sink in rotation.toml",
            ));
        }
        let meant = match (&intent.rotation, &intent.secret) {
            (None, None) => None,
            _ => Some(self.meant(stage, intent)?.id.clone()),
        };
        stage.batch.replay.push(meant.clone());
        stage.replays.push((intent.key.clone(), meant.clone()));
        Ok(meant)
    }

    /// A call of an act ended.
    pub(super) fn side_done(
        &mut self,
        stage: &mut Stage,
        key: &str,
        index: usize,
        ended: &Result<String, String>,
    ) {
        let Some(mut row) = self.act(stage, key) else {
            return;
        };
        if let Some(call) = row.calls.get_mut(index) {
            call.done = Some(ended.clone());
        }
        let all: Option<Vec<&Result<String, String>>> =
            row.calls.iter().map(|c| c.done.as_ref()).collect();
        let outcome = all.map(|all| {
            let failed: Vec<&str> = all
                .iter()
                .filter_map(|r| r.as_ref().err())
                .map(String::as_str)
                .collect();
            if failed.is_empty() {
                let words: Vec<&str> = all
                    .iter()
                    .filter_map(|r| r.as_ref().ok())
                    .map(String::as_str)
                    .collect();
                Outcome::Observed {
                    words: words.join("; "),
                }
            } else {
                Outcome::Failed {
                    why: failed.join("; "),
                }
            }
        });
        stage.acts.insert(key.to_owned(), row);
        if let Some(outcome) = outcome {
            self.settle(stage, key, outcome);
        }
    }

    /// Tells of replays whose entries are all delivered.
    pub(super) fn replays_done(&mut self, stage: &mut Stage) {
        let done: Vec<String> = self
            .replays
            .iter()
            .filter(|(_, rotation)| match rotation {
                Some(id) => !self.shared.outbox.has(id),
                None => self.shared.outbox.len() == 0,
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in done {
            let words = "the sink has every entry".to_owned();
            self.settle(stage, &key, Outcome::Observed { words });
            stage.replayed.push(key);
        }
    }
}

fn side(what: SideKind, url: &str, body: serde_json::Value) -> SideCall {
    SideCall {
        what,
        url: url.to_owned(),
        body,
        done: None,
    }
}

fn act(intent: &Intent) -> Act {
    Act {
        verb: intent.verb,
        region: intent.region.clone(),
        service: intent.service.clone(),
        length: length(intent),
        by: intent.by.clone(),
        reason: intent.reason.clone(),
        key: intent.key.clone(),
    }
}
