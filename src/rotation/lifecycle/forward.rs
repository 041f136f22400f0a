//! The way forward, from the start until the new version is tried.

use super::input::Report;
use super::rotation::{Effect, Member, Pending, State};
use super::turn::{Detail, Turn};
use crate::model::event::{ConsumerState, Stage, StageStatus};
use crate::model::{Region, Span, Timestamp};

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

    pub(super) fn generated(&mut self) {
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

    pub(super) fn installed(&mut self) {
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
    pub(super) fn pushed(&mut self, member: usize, done: &Pending) {
        let (taking, back) = match &self.r.state {
            State::Distributing => {
                self.region_done(member);
                return;
            }
            State::Returning { .. } | State::Clearing { .. } => (true, true),
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
    pub(super) fn region_done(&mut self, member: usize) {
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

    pub(super) fn region_waits(&self, region: &Region) -> bool {
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
}
