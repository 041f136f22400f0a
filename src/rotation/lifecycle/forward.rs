//! The way forward, stage by stage.

use super::input::{Report, Trouble, VersionChange};
use super::rotation::{Effect, Look, Member, Pending, State};
use super::turn::{Detail, Turn, engine};
use crate::model::event::{
    AuditOutcome, ConsumerState, Outcome as End, RotationGrace, Stage, StageStatus,
};
use crate::model::{Region, Span, Text, Timestamp};

/// Fewer calls than this say nothing about health.
const CALLS_THAT_TELL: u64 = 10;

impl Turn<'_> {
    /// Its turn came, or not yet.
    pub(super) fn begin_at(&mut self, not_before: Timestamp) {
        if self.now() < not_before || self.at.frozen || !self.at.turn {
            return;
        }
        self.r.from.clone_from(&self.at.current);
        self.r.began_at = Some(self.now());
        self.say_started();
        self.plain(Stage::Trigger, StageStatus::Completed);
        self.enter(State::Generating);
        self.plain(Stage::Generate, StageStatus::Started);
        self.todo(Effect::Generate, Span::ZERO);
    }

    /// An effect was done.
    pub(super) fn take_in(&mut self, done: Pending, report: Report) {
        match (&done.what, report) {
            (Effect::Generate, _) => self.generated(),
            (Effect::Install, _) => self.installed(),
            (Effect::Attempt { .. }, Report::Refused(words)) => {
                let words = format!("the synthetic consumer is refused: {words}");
                self.again(done, true, None, &words);
            }
            (Effect::Activate, _) => self.activated(),
            (Effect::Revoke { version }, _) => {
                let version = version.clone();
                let key = self.todo(Effect::Prove { version }, Span::ZERO);
                // The proof counts on from its revocation, so that trying ends.
                if let Some(proof) = self.r.pending.iter_mut().find(|p| p.key == key) {
                    proof.attempt = done.attempt;
                }
            }
            (Effect::Prove { version }, Report::Accepted) => {
                let words = format!("version {version} is still accepted after its revocation");
                let version = version.clone();
                self.unproven(done.attempt, version, &words);
            }
            (Effect::Reinstate, _) => self.reinstated(),
            (Effect::Push { member, .. }, Report::Standing(standing)) => {
                let member = *member;
                let failed = standing.state == ConsumerState::Failed;
                let error = standing.error.clone();
                self.hear(member, standing);
                if failed && !self.r.state.goes_back() {
                    let words = self.cannot_work(member, error.as_ref());
                    self.again(done, true, None, &words);
                } else {
                    self.pushed(member, &done);
                }
            }
            (Effect::Ask { member }, Report::Standing(standing)) => {
                let member = *member;
                self.hear(member, standing);
                self.asked(member, done);
            }
            (Effect::Presence, Report::Sitters(sitters)) => self.seen_at_target(sitters),
            (Effect::Health, Report::Health(readings)) => self.health(&readings),
            // An attempt that is accepted and a proof that is refused are what was hoped for.
            _ => {}
        }
    }

    fn cannot_work(&self, member: usize, error: Option<&Text>) -> String {
        let name = self.r.members.get(member).map(|m| m.consumer.to_string());
        let error = error.map_or_else(|| "it does not say why".to_owned(), ToString::to_string);
        let to = &self.r.to;
        format!(
            "{} cannot work with version {to}: {error}",
            name.unwrap_or_default()
        )
    }

    /// An effect failed: it is tried again, or waits for a person.
    pub(super) fn failed(&mut self, key: &str, trouble: &Trouble) {
        let Some(index) = self.r.pending.iter().position(|p| p.key == key) else {
            return;
        };
        let pending = self.r.pending.remove(index);
        let watched = matches!(pending.what, Effect::Ask { .. } | Effect::Presence)
            && !matches!(self.r.state, State::Validating);
        if watched {
            self.unanswered(pending, trouble);
        } else {
            self.again(pending, trouble.passes, trouble.retry_after, &trouble.words);
            // What could not be made need not be withdrawn.
            if self.r.state == State::Generating
                && self.r.stalled().is_some()
                && let Some(end) = self.r.ending.clone()
            {
                self.finish(end, None);
            }
        }
    }

    /// Whoever is only watched is asked again for as long as it matters, at a growing distance.
    fn unanswered(&mut self, mut pending: Pending, trouble: &Trouble) {
        pending.attempt = pending.attempt.saturating_add(1);
        let last_look = matches!(
            self.r.state,
            State::Grace {
                look: Look::Looking,
                ..
            }
        );
        // What cannot be seen in the last look is taken as it was seen last.
        if last_look && pending.attempt > self.r.rules.attempts.min(3) {
            return;
        }
        let wait = self.wait(pending.attempt).as_micros();
        let wait = Span::micros(wait.max(self.r.rules.poll.as_micros()));
        pending.due = Some(
            self.now()
                + if last_look {
                    self.r.rules.backoff
                } else {
                    wait
                },
        );
        pending.why = Some(trouble.words.clone());
        self.r.pending.push(pending);
    }

    /// The wait before a try: doubled each time, at most [`Rules::backoff_most`], and between half
    /// and all of that by lot.
    ///
    /// [`Rules::backoff_most`]: super::Rules::backoff_most
    fn wait(&self, attempt: u32) -> Span {
        let doubled = 1_i64
            .checked_shl(attempt.saturating_sub(2).min(30))
            .unwrap_or(i64::MAX);
        let whole = self.r.rules.backoff.as_micros().saturating_mul(doubled);
        let whole = whole.min(self.r.rules.backoff_most.as_micros());
        Span::micros(part(whole, 0.5 + self.at.dice.clamp(0.0, 1.0) / 2.0))
    }

    /// Puts a failed effect back, later or for a person, and tells of it.
    pub(super) fn again(
        &mut self,
        mut pending: Pending,
        passes: bool,
        retry_after: Option<Span>,
        words: &str,
    ) {
        let attempt = pending.attempt;
        pending.attempt = attempt.saturating_add(1);
        pending.why = Some(words.to_owned());
        let tries = passes && attempt < self.r.rules.attempts;
        pending.due = tries.then(|| {
            let wait = self.wait(pending.attempt).as_micros();
            let asked = retry_after.map_or(0, Span::as_micros);
            self.at.now + Span::micros(wait.max(asked))
        });
        let region = match &pending.what {
            Effect::Push { member, .. } | Effect::Ask { member } => {
                self.r.members.get(*member).and_then(|m| m.region.clone())
            }
            _ => None,
        };
        self.r.pending.push(pending);
        let told = (region.clone(), attempt);
        if self.r.failures_told.contains(&told) {
            return;
        }
        self.r.failures_told.push(told);
        let stage = match &self.r.state {
            // What is sent anew after the end is no part of the stage it ended in.
            State::Auditing { .. } | State::Finished { .. } => Stage::Distribute,
            state => state.stage(),
        };
        self.audit(&stage, AuditOutcome::Error, Some(words.into()));
        let wave = self.wave_number();
        let detail = Detail {
            attempt: Some(attempt),
            region,
            wave,
            error: Some(words.into()),
            ..Detail::default()
        };
        self.stage(stage, StageStatus::Failed, detail);
    }

    fn wave_number(&self) -> Option<u32> {
        match self.r.state {
            State::Taking { wave, .. } => u32::try_from(wave + 1).ok(),
            _ => None,
        }
    }

    fn generated(&mut self) {
        if self.r.ending.is_some() {
            // It was aborted while the version was being made: that is withdrawn again.
            self.plain(Stage::Generate, StageStatus::Completed);
            self.turn_back();
            return;
        }
        self.plain(Stage::Generate, StageStatus::Completed);
        self.enter(State::Storing);
        self.plain(Stage::Store, StageStatus::Started);
        self.todo(Effect::Install, Span::ZERO);
    }

    fn installed(&mut self) {
        self.r.stored_at = Some(self.now());
        self.plain(Stage::Store, StageStatus::Completed);
        self.enter(State::Distributing);
        self.plain(Stage::Distribute, StageStatus::Started);
        for member in self.members(|m| m.pushed) {
            self.push(member, false, false, false);
        }
    }

    /// The indices of members.
    pub(super) fn members(&self, which: impl Fn(&Member) -> bool) -> Vec<usize> {
        let all = self.r.members.iter().enumerate();
        all.filter(|(_, m)| which(m)).map(|(n, _)| n).collect()
    }

    /// A push was answered.
    fn pushed(&mut self, member: usize, done: &Pending) {
        let (taking, back) = match &self.r.state {
            State::Distributing => {
                self.region_done(member);
                return;
            }
            State::Returning { .. } => (true, true),
            State::Finished { .. } | State::Validating => (false, false),
            _ => (true, false),
        };
        if !taking {
            return;
        }
        let wanted = if back {
            self.r.from.as_ref()
        } else {
            Some(&self.r.to)
        };
        let there = self
            .r
            .members
            .get(member)
            .is_some_and(|m| m.using.as_ref() == wanted);
        if !there && matches!(done.what, Effect::Push { now: true, .. }) {
            self.ask(member, self.r.rules.poll);
        }
    }

    /// Tells of a region that has the new version in full.
    fn region_done(&mut self, member: usize) {
        let Some(region) = self.r.members.get(member).and_then(|m| m.region.clone()) else {
            return;
        };
        if self.region_waits(&region) {
            return;
        }
        let detail = Detail {
            region: Some(region),
            ..Detail::default()
        };
        self.stage(Stage::Distribute, StageStatus::Completed, detail);
    }

    fn region_waits(&self, region: &Region) -> bool {
        self.is_pending(|what| {
            let Effect::Push { member, .. } = what else {
                return false;
            };
            let member = self.r.members.get(*member);
            member.is_some_and(|m| m.region.as_ref() == Some(region))
        })
    }

    pub(super) fn distributed(&mut self) {
        if self.is_pending(|what| matches!(what, Effect::Push { .. })) {
            return;
        }
        self.plain(Stage::Distribute, StageStatus::Completed);
        self.enter(State::Validating);
        self.plain(Stage::Validate, StageStatus::Started);
        // Without dual-run the target refuses the new version until it is the current one.
        if self.r.rules.dual_run {
            let version = self.r.to.clone();
            self.todo(Effect::Attempt { version }, Span::ZERO);
        }
        for member in self.members(|m| m.pushed) {
            self.ask(member, Span::ZERO);
        }
        if !self.r.rules.health.is_empty() {
            self.todo(Effect::Health, Span::ZERO);
        }
    }

    pub(super) fn validated(&mut self) {
        if !self.r.pending.is_empty() {
            return;
        }
        self.plain(Stage::Validate, StageStatus::Completed);
        self.enter(State::Activating);
        self.plain(Stage::Cutover, StageStatus::Started);
        self.todo(Effect::Activate, Span::ZERO);
    }

    fn activated(&mut self) {
        if matches!(self.r.state, State::Reissuing { .. }) {
            return;
        }
        self.r.activated_at = Some(self.now());
        let to = self.r.to.clone();
        self.version(VersionChange::Current(to.clone()));
        self.enter_wave(0);
        if !self.r.rules.dual_run {
            self.todo(Effect::Attempt { version: to }, Span::ZERO);
        }
    }

    /// Tells the members of a wave to use the new version.
    pub(super) fn enter_wave(&mut self, wave: usize) {
        self.enter(State::Taking {
            wave,
            since: self.at.now,
        });
        self.r.healthy_at = None;
        // Each wave is judged by what was counted since it began.
        if wave > 0 && !self.r.latest.is_empty() {
            self.r.baseline.clone_from(&self.r.latest);
        }
        let detail = Detail {
            wave: self.wave_number(),
            percent: self.r.rules.waves.get(wave).copied(),
            ..Detail::default()
        };
        self.stage(Stage::Cutover, StageStatus::Started, detail);
        let to = self.r.to.clone();
        for member in self.members(|m| m.pushed && m.wave == wave && m.using.as_ref() != Some(&to))
        {
            self.push(member, false, true, false);
        }
        for member in self.members(|m| m.pushed && m.wave < wave && m.using.as_ref() != Some(&to)) {
            self.ask(member, self.r.rules.poll);
        }
        if !self.r.rules.health.is_empty() {
            self.todo(Effect::Health, self.r.rules.poll);
        }
    }

    /// A member was asked.
    fn asked(&mut self, member: usize, done: Pending) {
        let Some(m) = self.r.members.get(member) else {
            return;
        };
        let failed = m.told.as_ref().is_some_and(|(version, state)| {
            *version == self.r.to && *state == ConsumerState::Failed
        });
        let behind = self.r.is_behind(m, &self.r.to);
        match &self.r.state {
            State::Validating | State::Taking { .. } if failed => {
                let error = m.error.clone();
                let words = self.cannot_work(member, error.as_ref());
                self.again(done, true, None, &words);
            }
            State::Taking { wave, since } if behind => match self.fruitless(*wave, *since) {
                Some(words) => self.again(done, false, None, &words),
                None => self.ask(member, self.r.rules.poll),
            },
            State::Grace { look, .. } if behind && *look != Look::Looking => {
                self.ask(member, self.r.rules.poll);
            }
            State::Returning { .. } if m.using != self.r.from => {
                self.ask(member, self.r.rules.poll);
            }
            _ => {}
        }
    }

    /// Whether a wave is through.
    pub(super) fn wave(&mut self, wave: usize, since: Timestamp) {
        if self.is_pending(|what| matches!(what, Effect::Push { .. } | Effect::Attempt { .. })) {
            return;
        }
        if self.r.pending.iter().any(|p| p.due.is_none()) {
            return;
        }
        let behind = |m: &Member| m.pushed && m.wave <= wave && self.r.is_behind(m, &self.r.to);
        let behind = self.members(behind);
        let settled = self.now() >= since + self.r.rules.settle;
        if !behind.is_empty() && !settled {
            return;
        }
        let here = self.members(|m| m.pushed && m.wave == wave);
        let last = wave + 1 >= self.r.rules.waves.len();
        let none_took_it = !here.is_empty() && here.iter().all(|n| behind.contains(n));
        let failing = behind.iter().any(|n| self.is_failing(*n));
        if failing {
            return;
        }
        // Such a wave proves nothing: it is asked on, and a person must look.
        if none_took_it && !last {
            return;
        }
        if !self.r.rules.health.is_empty() {
            let watched = since + self.r.rules.bake;
            if self.r.healthy_at.is_none_or(|at| at < watched) {
                return;
            }
        }
        let detail = Detail {
            wave: self.wave_number(),
            percent: self.r.rules.waves.get(wave).copied(),
            ..Detail::default()
        };
        if last {
            self.stage(Stage::Cutover, StageStatus::Completed, detail);
            self.enter_grace();
        } else {
            self.stage(Stage::Cutover, StageStatus::Completed, detail);
            self.enter_wave(wave + 1);
        }
    }

    fn is_failing(&self, member: usize) -> bool {
        let member = self.r.members.get(member);
        let told = member.and_then(|m| m.told.as_ref());
        told.is_some_and(|(version, state)| {
            *version == self.r.to && *state == ConsumerState::Failed
        })
    }

    /// Why a wave proves nothing, where it had its time and nobody in it took the new version.
    fn fruitless(&self, wave: usize, since: Timestamp) -> Option<String> {
        let last = wave + 1 >= self.r.rules.waves.len();
        let settle = self.r.rules.settle;
        if last || self.now() < since + settle {
            return None;
        }
        let mut here = self.r.members.iter().filter(|m| m.pushed && m.wave == wave);
        here.all(|m| self.r.is_behind(m, &self.r.to)).then(|| {
            format!(
                "nobody in wave {} uses version {} {} s after it was told to",
                wave + 1,
                self.r.to,
                settle.as_seconds()
            )
        })
    }

    /// Judges what the health checks counted.
    fn health(&mut self, readings: &[super::rotation::Reading]) {
        self.r.latest = readings.to_vec();
        let State::Taking { .. } = self.r.state else {
            self.r.baseline = readings.to_vec();
            return;
        };
        let mut sick = None;
        for (n, rule) in self.r.rules.health.iter().enumerate() {
            let (Some(now), Some(was)) = (readings.get(n), self.r.baseline.get(n)) else {
                continue;
            };
            // A service that began anew counts from nothing.
            let (total, failed) = if now.total < was.total {
                (now.total, now.failed)
            } else {
                (now.total - was.total, now.failed.saturating_sub(was.failed))
            };
            let share = share(failed, total);
            if total >= CALLS_THAT_TELL && share > rule.max_failed {
                let region = rule
                    .region
                    .as_ref()
                    .map_or_else(String::new, |r| format!(" in {r}"));
                sick = Some(format!(
                    "{}{region} fails {:.1} % of its calls, more than the {:.1} % that are well",
                    rule.service,
                    share * 100.0,
                    rule.max_failed * 100.0
                ));
                break;
            }
        }
        if let Some(words) = sick {
            self.roll_back_by_itself(&words);
            return;
        }
        self.r.healthy_at = Some(self.now());
        self.todo(Effect::Health, self.r.rules.poll);
    }

    pub(super) fn enter_grace(&mut self) {
        // A first version has no old one that could be accepted beside it.
        let overlaps = self.r.rules.dual_run && !self.r.gone().is_empty();
        if !overlaps {
            self.plain(Stage::Grace, StageStatus::Skipped);
            self.grace_until(self.now());
            return;
        }
        let ends_at = self.now() + self.r.rules.grace;
        self.plain(Stage::Grace, StageStatus::Started);
        self.grace_until(ends_at);
        self.say(RotationGrace {
            ends_at,
            extended_seconds: None,
            reason: None,
            by: Some(engine()),
        });
    }

    /// Enters grace until then; who is behind is asked meanwhile.
    pub(super) fn grace_until(&mut self, ends_at: Timestamp) {
        self.enter(State::Grace {
            ends_at,
            look: Look::NotYet,
        });
        for member in self.members(|m| m.pushed && self.r.is_behind(m, &self.r.to)) {
            self.ask(member, self.r.rules.poll);
        }
    }

    fn seen_at_target(&mut self, sitters: Option<Vec<Text>>) {
        self.r.sitters = sitters.unwrap_or_default();
        if let State::Grace {
            look: Look::Held, ..
        } = self.r.state
            && !self.r.sitters.is_empty()
        {
            self.todo(Effect::Presence, self.r.rules.poll);
        }
    }

    /// Whether the old version may be revoked.
    pub(super) fn grace(&mut self, ends_at: Timestamp, look: Look) {
        if self.at.frozen {
            return;
        }
        let look = match look {
            Look::NotYet if self.now() < ends_at => return,
            Look::NotYet => {
                let behind = !self.r.blockers().is_empty();
                if behind { Look::Held } else { Look::Looking }
            }
            Look::Looking if self.last_look_pending() => return,
            Look::Looking if self.r.blockers().is_empty() => {
                self.enter_revoke();
                return;
            }
            Look::Looking => Look::Held,
            Look::Held if self.r.blockers().is_empty() => {
                self.plain(Stage::Revoke, StageStatus::Resumed);
                Look::Looking
            }
            Look::Held => return,
        };
        self.r.state = State::Grace { ends_at, look };
        match look {
            Look::Looking => {
                for member in self.members(|m| m.pushed) {
                    self.ask(member, Span::ZERO);
                    self.now_for(member);
                }
                self.todo(Effect::Presence, Span::ZERO);
                // Nothing is left of it where nobody is pushed to and the target cannot tell.
            }
            _ => self.held(),
        }
    }

    /// Has a question that was for later asked at once.
    fn now_for(&mut self, member: usize) {
        let now = self.at.now;
        for pending in &mut self.r.pending {
            if matches!(pending.what, Effect::Ask { member: m } if m == member) {
                pending.due = Some(now);
            }
        }
    }

    fn last_look_pending(&self) -> bool {
        self.is_pending(|what| {
            matches!(
                what,
                Effect::Ask { .. } | Effect::Presence | Effect::Push { .. }
            )
        })
    }

    /// The grace period is over and somebody who matters is on the old version.
    fn held(&mut self) {
        let blockers = self.r.blockers();
        let named: Vec<&str> = blockers.iter().take(3).map(String::as_str).collect();
        let more = blockers.len().saturating_sub(3);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let from = self
            .r
            .from
            .as_ref()
            .map_or("the old version".to_owned(), |v| format!("version {v}"));
        let words = format!(
            "{from} is not revoked: {}{more} not on version {}; re-push, extend grace, or revoke now",
            named.join(", "),
            self.r.to
        );
        let detail = Detail {
            error: Some(words.into()),
            ..Detail::default()
        };
        self.stage(Stage::Revoke, StageStatus::Paused, detail);
        for member in self.members(|m| m.pushed && self.r.is_behind(m, &self.r.to)) {
            self.ask(member, self.r.rules.poll);
        }
        if !self.r.sitters.is_empty() {
            self.todo(Effect::Presence, self.r.rules.poll);
        }
    }

    /// Revokes what is to be revoked.
    pub(super) fn enter_revoke(&mut self) {
        let gone = self.r.gone();
        if self.r.rules.dual_run && !gone.is_empty() {
            self.plain(Stage::Grace, StageStatus::Completed);
        }
        self.enter(State::Revoking);
        if gone.is_empty() {
            self.plain(Stage::Revoke, StageStatus::Skipped);
            return;
        }
        self.plain(Stage::Revoke, StageStatus::Started);
        for version in gone {
            self.todo(Effect::Revoke { version }, Span::ZERO);
        }
    }

    pub(super) fn revoked(&mut self) {
        let revoking = |what: &Effect| matches!(what, Effect::Revoke { .. } | Effect::Prove { .. });
        if self.is_pending(revoking) {
            return;
        }
        if !self.r.gone().is_empty() {
            self.r.revoked_at = Some(self.now());
            self.plain(Stage::Revoke, StageStatus::Completed);
        }
        // Pushes of a forced revocation go on meanwhile.
        let rest = std::mem::take(&mut self.r.pending);
        self.enter(State::Auditing {
            since: self.at.now,
            late: false,
        });
        self.r.pending = rest;
        self.plain(Stage::Audit, StageStatus::Started);
    }

    /// A revocation that the target does not keep is done again, under another key.
    fn unproven(&mut self, attempt: u32, version: crate::model::Version, words: &str) {
        self.r.round = self.r.round.saturating_add(1);
        let key = self.todo(Effect::Revoke { version }, Span::ZERO);
        if let Some(index) = self.r.pending.iter().position(|p| p.key == key) {
            let mut revoke = self.r.pending.remove(index);
            revoke.attempt = attempt;
            self.again(revoke, true, None, words);
        }
    }

    pub(super) fn audit_late(&mut self, since: Timestamp, late: bool) {
        if late || self.now() < since + self.r.rules.audit_patience {
            return;
        }
        self.r.state = State::Auditing { since, late: true };
        let words =
            "audit entries of this rotation are not delivered; restore-sink, then replay-outbox";
        let detail = Detail {
            error: Some(words.into()),
            ..Detail::default()
        };
        self.stage(Stage::Audit, StageStatus::Failed, detail);
    }

    pub(super) fn audit_complete(&mut self) {
        self.plain(Stage::Audit, StageStatus::Completed);
        let pushes = std::mem::take(&mut self.r.pending);
        self.finish(End::Succeeded, None);
        self.r.pending = pushes;
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share needs no more than 53 bits"
)]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a wait is at most hours"
)]
fn part(whole: i64, share: f64) -> i64 {
    (whole as f64 * share) as i64
}
