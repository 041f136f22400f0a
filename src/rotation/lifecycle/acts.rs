//! What a person may do to a rotation, one method an act, and why not where not.

use super::input::Act;
use super::refusal::{Refusal, RefusalKind};
use super::rotation::{Effect, Hold, Look, Member, Pending, State};
use super::turn::{Turn, seconds};
use crate::model::Span;
use crate::model::event::{Outcome as End, RotationGrace, StageStatus};
use crate::model::intent::Verb;

impl Turn<'_> {
    pub(super) fn act(&mut self, act: &Act) -> Result<(), Refusal> {
        self.goes_on_under_a_hold(act.verb)?;
        match act.verb {
            Verb::Pause => self.pause(act),
            Verb::Resume => self.resume(act),
            Verb::RetryStage => self.retry_stage(act),
            Verb::RetryRegion => self.retry_region(act),
            Verb::RePush => self.re_push(act),
            Verb::ExtendGrace => self.extend_grace(act),
            Verb::Throttle => self.throttled(act),
            Verb::ReissuePrevious => self.reissue_previous(act),
            Verb::Rollback => self.roll_back(act),
            Verb::Abort => self.abort(act),
            Verb::RevokeNow => self.revoke_now(act),
            other => Err(Refusal::new(
                RefusalKind::Malformed,
                format!("{other} is no act on a rotation"),
                "leave the rotation out",
            )),
        }
    }

    /// What begins an effect would wait for the hold to end, and say nothing meanwhile.
    fn goes_on_under_a_hold(&self, verb: Verb) -> Result<(), Refusal> {
        let begins = matches!(
            verb,
            Verb::RePush | Verb::RetryStage | Verb::RetryRegion | Verb::ReissuePrevious
        );
        match &self.r.hold {
            Some(hold) if begins && !self.r.is_over() => Err(Refusal::state(
                format!("{verb}: the rotation is paused, by {}", hold.by),
                "resume it first",
            )),
            _ => Ok(()),
        }
    }

    fn here(&self) -> &'static str {
        self.r.state.words()
    }

    fn running(&self, verb: Verb) -> Result<(), Refusal> {
        if self.r.is_over() {
            let State::Finished { end } = &self.r.state else {
                return Ok(());
            };
            return Err(Refusal::state(
                format!("{verb}: the rotation {} ended ({end})", self.r.id),
                "start a new rotation",
            ));
        }
        Ok(())
    }

    fn pause(&mut self, act: &Act) -> Result<(), Refusal> {
        self.running(act.verb)?;
        if let Some(hold) = &self.r.hold {
            return Err(Refusal::state(
                format!("the rotation is paused already, by {}", hold.by),
                "resume it when it may go on",
            ));
        }
        self.r.hold = Some(Hold {
            by: act.by.clone(),
            since: self.at.now,
            reason: act.reason.clone(),
        });
        let stage = self.r.state.stage();
        self.plain(stage, StageStatus::Paused);
        self.seen(&act.key, format!("paused while {}", self.here()));
        Ok(())
    }

    fn resume(&mut self, act: &Act) -> Result<(), Refusal> {
        if self.r.hold.take().is_none() {
            return Err(Refusal::state(
                format!("nobody paused the rotation; it is {}", self.here()),
                match self.r.stalled() {
                    Some(_) => "retry-stage does again what failed",
                    None => "nothing needs to be done",
                },
            ));
        }
        let stage = self.r.state.stage();
        self.plain(stage, StageStatus::Resumed);
        self.seen(&act.key, format!("it goes on {}", self.here()));
        Ok(())
    }

    /// Has what waits for a person, or for its next try, tried at once. Returns what it was.
    pub(super) fn unpark(&mut self, which: impl Fn(&Pending) -> bool) -> Vec<String> {
        let now = self.at.now;
        let mut keys = Vec::new();
        for pending in &mut self.r.pending {
            if which(pending) && (pending.due.is_none() || pending.attempt > 1) {
                pending.attempt = 1;
                pending.due = Some(now);
                keys.push(pending.key.clone());
            }
        }
        if !keys.is_empty() {
            self.r.failures_told.clear();
        }
        keys
    }

    fn retry_stage(&mut self, act: &Act) -> Result<(), Refusal> {
        let keys = self.unpark(|_| true);
        if keys.is_empty() {
            return Err(Refusal::state(
                format!("nothing of the rotation failed; it is {}", self.here()),
                "wait, or re-push where consumers do not take the version",
            ));
        }
        if let State::Taking { since, .. } = &mut self.r.state {
            *since = self.at.now;
        }
        self.open_act(&act.key, act.verb, keys);
        Ok(())
    }

    fn retry_region(&mut self, act: &Act) -> Result<(), Refusal> {
        let Some(region) = act.region.clone() else {
            return Err(Refusal::new(
                RefusalKind::Malformed,
                "retry-region names no region",
                "name the region",
            ));
        };
        let mine = self.members(|m| m.region.as_ref() == Some(&region));
        if mine.is_empty() {
            return Err(Refusal::new(
                RefusalKind::Unknown,
                format!("the rotation has no consumers in region {region}"),
                "name a region of its consumers",
            ));
        }
        let keys = self.unpark(|p| {
            matches!(&p.what, Effect::Push { member, .. } | Effect::Ask { member } if mine.contains(member))
        });
        if !keys.is_empty() {
            self.open_act(&act.key, act.verb, keys);
            return Ok(());
        }
        self.send_again(act, &mine, false)
    }

    fn re_push(&mut self, act: &Act) -> Result<(), Refusal> {
        let mine = self.members(|m| {
            act.region
                .as_ref()
                .is_none_or(|r| m.region.as_ref() == Some(r))
                && act.service.as_ref().is_none_or(|s| m.service == *s)
        });
        self.send_again(act, &mine, true)
    }

    /// Sends the version that consumers should use to these again.
    fn send_again(&mut self, act: &Act, mine: &[usize], restart: bool) -> Result<(), Refusal> {
        let back = self.r.state.goes_back()
            || matches!(&self.r.state, State::Finished { end } if *end != End::Succeeded);
        if self.r.state.before_cutover() || self.r.state == State::Activating {
            return Err(Refusal::state(
                format!(
                    "{}: the new version is not the current one yet; the rotation is {}",
                    act.verb,
                    self.here()
                ),
                "retry-stage does again what failed",
            ));
        }
        if back && self.r.from.is_none() {
            return Err(Refusal::state(
                "there is no version to send",
                "start a new rotation",
            ));
        }
        let wanted = if back {
            self.r.from.clone()
        } else {
            Some(self.r.to.clone())
        };
        let reached = match self.r.state {
            State::Taking { wave, .. } => wave,
            _ => usize::MAX,
        };
        // What a superseded rotation left may be with anybody.
        let clearing = matches!(self.r.state, State::Clearing { .. });
        let may = |m: &Member| m.pushed && m.wave <= reached && (!back || m.offered || clearing);
        let may: Vec<usize> = self
            .members(may)
            .into_iter()
            .filter(|n| mine.contains(n))
            .collect();
        if may.is_empty() {
            return Err(Refusal::state(
                format!("{}: nobody there is pushed to in this wave", act.verb),
                "name another region or service, or have them read the secret themselves",
            ));
        }
        let behind = |n: &usize| self.r.members.get(*n).is_some_and(|m| m.using != wanted);
        let behind: Vec<usize> = may.iter().copied().filter(behind).collect();
        let to = if behind.is_empty() { may } else { behind };
        self.r.round = self.r.round.saturating_add(1);
        let keys = to
            .into_iter()
            .map(|n| self.push(n, back, true, restart))
            .collect();
        self.r.failures_told.clear();
        if let State::Taking { since, .. } = &mut self.r.state {
            *since = self.at.now;
        }
        self.open_act(&act.key, act.verb, keys);
        Ok(())
    }

    fn extend_grace(&mut self, act: &Act) -> Result<(), Refusal> {
        self.running(act.verb)?;
        if !self.r.rules.dual_run {
            return Err(Refusal::state(
                "the target has no dual-run: the old version is refused from the cutover on",
                "re-push, or roll back",
            ));
        }
        let by = act.length.unwrap_or(Span::seconds(600));
        let now = self.at.now;
        match &mut self.r.state {
            State::Grace { ends_at, look } => {
                *ends_at = (*ends_at).max(now) + by;
                *look = Look::NotYet;
                let ends_at = *ends_at;
                self.say(RotationGrace {
                    ends_at,
                    extended_seconds: Some(seconds(by)),
                    reason: act.reason.clone(),
                    by: Some(act.by.clone()),
                });
                self.seen(&act.key, format!("grace ends at {ends_at}"));
                Ok(())
            }
            state
                if state.before_cutover()
                    || matches!(state, State::Activating | State::Taking { .. }) =>
            {
                self.r.rules.grace = self.r.rules.grace + by;
                let length = self.r.rules.grace.as_seconds();
                self.seen(&act.key, format!("grace will be {length} s long"));
                Ok(())
            }
            _ => Err(Refusal::state(
                format!(
                    "there is no grace period to extend; the rotation is {}",
                    self.here()
                ),
                "reissue-previous makes the old version valid again",
            )),
        }
    }

    /// The pace itself is the engine's; here what waits for it is tried anew.
    fn throttled(&mut self, act: &Act) -> Result<(), Refusal> {
        self.running(act.verb)?;
        let keys = self.unpark(|_| true);
        if keys.is_empty() {
            self.seen(&act.key, "calls to the target are paced");
        } else {
            self.open_act(&act.key, act.verb, keys);
        }
        Ok(())
    }

    fn has_previous(&self, verb: Verb) -> Result<(), Refusal> {
        if self.r.from.is_none() {
            return Err(Refusal::state(
                format!("{verb}: {} is the secret's first version", self.r.to),
                "start a new rotation",
            ));
        }
        if self.r.is_over() && !self.at.previous_kept {
            return Err(Refusal::state(
                format!(
                    "{verb}: the previous version is not kept any more, or a newer rotation ran"
                ),
                "start a new rotation",
            ));
        }
        Ok(())
    }

    fn reissue_previous(&mut self, act: &Act) -> Result<(), Refusal> {
        self.has_previous(act.verb)?;
        if !self.r.rules.dual_run {
            return Err(Refusal::state(
                "the target has no dual-run: it accepts one version at a time",
                "roll back, or re-push the new version",
            ));
        }
        let wave = match &self.r.state {
            State::Taking { wave, .. } => Some(*wave),
            State::Grace { .. } | State::Revoking | State::Auditing { .. } => None,
            State::Finished { end } if *end == End::Succeeded => None,
            _ => {
                return Err(Refusal::state(
                    format!(
                        "the old version was not revoked by this rotation; it is {}",
                        self.here()
                    ),
                    "wait, or roll back",
                ));
            }
        };
        self.open_act(&act.key, act.verb, Vec::new());
        self.reissue(wave);
        Ok(())
    }

    fn roll_back(&mut self, act: &Act) -> Result<(), Refusal> {
        match &self.r.state {
            State::Waiting { .. } => {
                return Err(Refusal::state("the rotation has not begun", "abort it"));
            }
            state if state.goes_back() || self.r.ending.is_some() && !self.r.is_over() => {
                return Err(Refusal::state(
                    format!("the rotation goes back already; it is {}", self.here()),
                    "wait; retry-stage does again what failed",
                ));
            }
            State::Finished { end } if *end != End::Succeeded => self.running(act.verb)?,
            state if state.before_cutover() => {}
            _ => self.has_previous(act.verb)?,
        }
        self.begin_return(act, End::RolledBack);
        Ok(())
    }

    fn begin_return(&mut self, act: &Act, end: End) {
        self.r.hold = None;
        self.r.forced = false;
        if self.r.revoked_at.is_some() {
            self.r.revoked_at = None;
            self.plain(crate::model::event::Stage::Revoke, StageStatus::Skipped);
        }
        self.r.ended_at = None;
        let why = act
            .reason
            .as_ref()
            .map_or_else(String::new, |r| format!(": {r}"));
        self.r.end_reason = Some(format!("{} by {}{why}", act.verb, act.by).into());
        self.open_act(&act.key, act.verb, Vec::new());
        self.go_back(end);
    }

    fn abort(&mut self, act: &Act) -> Result<(), Refusal> {
        self.running(act.verb)?;
        if self.r.ending.is_some() {
            return Err(Refusal::state(
                format!("the rotation goes back already; it is {}", self.here()),
                "wait; retry-stage does again what failed",
            ));
        }
        if !self.r.state.before_cutover() {
            return Err(Refusal::state(
                format!("the cutover began; the rotation is {}", self.here()),
                "roll back",
            ));
        }
        if matches!(self.r.state, State::Waiting { .. }) {
            self.open_act(&act.key, act.verb, Vec::new());
            self.end_back(End::Aborted, act.reason.clone());
            return Ok(());
        }
        // Where nothing can have been made there is nothing to withdraw.
        let parked = self.r.pending.iter().all(|p| p.due.is_none());
        if self.r.state == State::Generating && parked {
            self.open_act(&act.key, act.verb, Vec::new());
            self.end_back(End::Aborted, act.reason.clone());
            return Ok(());
        }
        self.begin_return(act, End::Aborted);
        Ok(())
    }

    fn revoke_now(&mut self, act: &Act) -> Result<(), Refusal> {
        if self.at.frozen {
            return Err(Refusal::new(
                RefusalKind::Frozen,
                "every revoke is frozen",
                "unfreeze first",
            ));
        }
        match self.r.state.clone() {
            State::Taking { wave, .. } => self.force_revoke(act, wave),
            State::Grace { .. } => self.force_revoke(act, usize::MAX),
            State::Returning { end, .. } => {
                self.r.forced = true;
                self.open_act(&act.key, act.verb, Vec::new());
                self.enter_withdrawing(end);
                Ok(())
            }
            State::Clearing { .. } => {
                self.r.forced = true;
                self.r.hold = None;
                self.r.cleared = true;
                self.open_act(&act.key, act.verb, Vec::new());
                Ok(())
            }
            State::Revoking | State::Withdrawing { .. } => Err(Refusal::state(
                "the version is being revoked",
                "retry-stage does again what failed",
            )),
            State::Auditing { .. } | State::Finished { .. } => Err(Refusal::state(
                format!(
                    "there is nothing left to revoke; the rotation is {}",
                    self.here()
                ),
                "start an emergency rotation where the current version leaked",
            )),
            _ => Err(Refusal::state(
                format!(
                    "the old version is the only one in use; the rotation is {}",
                    self.here()
                ),
                "start an emergency rotation, or wait for the cutover",
            )),
        }
    }

    /// Revokes whoever uses the old version; members of waves to come are told at the same time.
    fn force_revoke(&mut self, act: &Act, wave: usize) -> Result<(), Refusal> {
        if self.r.gone().is_empty() {
            return Err(Refusal::state(
                "there is no old version",
                "nothing needs to be done",
            ));
        }
        self.r.forced = true;
        self.r.hold = None;
        self.open_act(&act.key, act.verb, Vec::new());
        let to = self.r.to.clone();
        let late = self.members(|m| m.pushed && m.wave > wave && m.using.as_ref() != Some(&to));
        self.enter_revoke();
        for member in late {
            self.push(member, false, true, false);
        }
        Ok(())
    }
}
