//! The ways back: rollback, abort, and making the previous version valid again.

use super::input::VersionChange;
use super::rotation::{Effect, Member, Pending, State};
use super::turn::{Detail, Turn};
use crate::model::event::{AuditOutcome, Outcome as End, Stage, StageStatus};
use crate::model::{Span, Text, Timestamp, Version};

impl Turn<'_> {
    /// A health check broke: back, without being asked.
    pub(super) fn roll_back_by_itself(&mut self, words: &str) {
        let detail = Detail {
            error: Some(words.into()),
            ..Detail::default()
        };
        self.audit(&Stage::Cutover, AuditOutcome::Error, Some(words.into()));
        if self.r.from.is_none() {
            let why = format!("{words}; there is no previous version to go back to");
            let key = self.todo(Effect::Health, Span::ZERO);
            if let Some(pending) = self.r.pending.iter_mut().find(|p| p.key == key) {
                pending.due = None;
                pending.why = Some(why);
            }
            self.stage(Stage::Cutover, StageStatus::Failed, detail);
            return;
        }
        self.stage(Stage::Cutover, StageStatus::Failed, detail);
        self.r.end_reason = Some(format!("rolled back by itself: {words}").into());
        self.go_back(End::RolledBack);
    }

    /// Goes back from wherever it stands behind the start; how it ends is given.
    pub(super) fn go_back(&mut self, end: End) {
        self.r.round = self.r.round.saturating_add(1);
        self.r.ending = Some(end);
        if self.r.state == State::Generating {
            // Whether the version exists at the target is not known yet: that is awaited.
            self.unpark(|_| true);
        } else {
            self.turn_back();
        }
    }

    /// What was begun is known: back.
    pub(super) fn turn_back(&mut self) {
        let end = self.r.ending.clone().unwrap_or(End::Aborted);
        if self.r.state.before_cutover() {
            self.enter_returning(end);
            return;
        }
        self.enter(State::Reinstating { end });
        self.todo(Effect::Reinstate, Span::ZERO);
    }

    pub(super) fn reinstated(&mut self) {
        match self.r.state.clone() {
            State::Reinstating { end } => {
                if let Some(from) = self.r.from.clone() {
                    self.version(VersionChange::Current(from));
                }
                self.audit(&Stage::Cutover, AuditOutcome::Allowed, None);
                self.enter_returning(end);
            }
            State::Reissuing { .. } => {
                self.todo(Effect::Activate, Span::ZERO);
                if let Some(version) = self.r.from.clone() {
                    self.todo(Effect::Attempt { version }, Span::ZERO);
                }
            }
            _ => {}
        }
    }

    /// Everybody who was offered the new version is given the previous one.
    fn enter_returning(&mut self, end: End) {
        self.enter(State::Returning {
            end,
            since: self.at.now,
        });
        if self.r.from.is_some() {
            for member in self.members(|m| m.pushed && m.offered) {
                self.push(member, true, true, false);
            }
        }
    }

    /// Whether the new version may be withdrawn.
    pub(super) fn returned(&mut self, end: End, since: Timestamp) {
        if self.is_pending(|what| matches!(what, Effect::Push { .. } | Effect::Ask { .. }))
            || self.at.frozen
        {
            return;
        }
        let still = |m: &Member| {
            let mine = m.pushed && m.offered && self.r.from.is_some();
            (mine && m.using != self.r.from) || m.using.as_ref() == Some(&self.r.to)
        };
        if !self.r.forced && !self.members(still).is_empty() {
            return;
        }
        let pulls = self.r.members.iter().any(|m| !m.pushed);
        let was_current = self.r.activated_at.is_some();
        if pulls && was_current && self.now() < since + self.r.rules.linger {
            return;
        }
        self.enter_withdrawing(end);
    }

    pub(super) fn enter_withdrawing(&mut self, end: End) {
        let version = self.r.to.clone();
        self.enter_withdrawing_of(end, vec![version]);
    }

    fn enter_withdrawing_of(&mut self, end: End, gone: Vec<Version>) {
        let pushes = std::mem::take(&mut self.r.pending);
        self.enter(State::Withdrawing { end });
        if self.r.forced {
            self.r.pending = pushes;
        }
        for version in gone {
            self.todo(Effect::Revoke { version }, Span::ZERO);
        }
    }

    pub(super) fn withdrawn(&mut self, end: End) {
        let revoking = |what: &Effect| matches!(what, Effect::Revoke { .. } | Effect::Prove { .. });
        if self.is_pending(revoking) {
            return;
        }
        self.end_back(end, None);
    }

    /// Ends a rotation that brought nothing. What a superseded one left to it is revoked first: it
    /// is nobody else's any more.
    pub(super) fn end_back(&mut self, end: End, reason: Option<Text>) {
        let pushes = |p: &Pending| matches!(p.what, Effect::Push { .. });
        let mut pushes: Vec<Pending> = self
            .r
            .pending
            .iter()
            .filter(|p| pushes(p))
            .cloned()
            .collect();
        if self.r.also_gone.is_empty() || self.r.cleared {
            if self.r.cleared {
                for gone in self.r.also_gone.clone() {
                    self.version(VersionChange::Forget(gone));
                }
            }
            self.finish(end, reason);
            self.r.pending = pushes;
            return;
        }
        if self.r.began_at.is_none() {
            self.r.from.clone_from(&self.at.current);
            self.r.began_at = Some(self.now());
            self.say_started();
        }
        self.r.end_reason = reason.or_else(|| self.r.end_reason.take());
        self.r.ending = Some(end.clone());
        self.r.round = self.r.round.saturating_add(1);
        self.enter(State::Clearing { end, held: false });
        self.r.pending.append(&mut pushes);
        self.look_who_lingers(Span::ZERO);
    }

    fn look_who_lingers(&mut self, after: Span) {
        for member in self.members(|m| m.pushed) {
            self.ask(member, after);
        }
        self.todo(Effect::Presence, after);
    }

    /// Whether what a superseded rotation left may be revoked: nobody uses it, as far as consumers
    /// and the target can tell.
    pub(super) fn clear(&mut self, end: End, held: bool) {
        let looking = |what: &Effect| {
            matches!(
                what,
                Effect::Push { .. } | Effect::Ask { .. } | Effect::Presence
            )
        };
        if self.r.also_gone.is_empty() {
            self.end_back(end, None);
            return;
        }
        if self.at.frozen || !self.r.cleared && self.is_pending(looking) {
            return;
        }
        let lingerers = self.r.lingerers();
        if !self.r.cleared && !lingerers.is_empty() {
            if !held {
                self.hold_clearing(&lingerers);
            }
            self.look_who_lingers(self.r.rules.poll);
            return;
        }
        self.r.cleared = true;
        let gone = self.r.also_gone.clone();
        self.enter_withdrawing_of(end, gone);
    }

    /// Tells that somebody is in the way, or that it cannot be told whether anybody is.
    pub(super) fn hold_clearing(&mut self, lingerers: &[String]) {
        if let State::Clearing { held, .. } = &mut self.r.state {
            *held = true;
        }
        let names: Vec<String> = self.r.also_gone.iter().map(ToString::to_string).collect();
        let detail = Detail {
            error: Some(Text::from(format!(
                "version {} is not revoked: in use by {}; re-push, or revoke now",
                names.join(", "),
                lingerers.join(", ")
            ))),
            ..Detail::default()
        };
        self.stage(Stage::Revoke, StageStatus::Paused, detail);
    }

    /// Makes the previous version valid again beside the new one.
    pub(super) fn reissue(&mut self, wave: Option<usize>) {
        self.r.round = self.r.round.saturating_add(1);
        if self.r.revoked_at.take().is_some() || self.r.state == State::Revoking {
            // A revocation that is taken back is told as skipped.
            let detail = Detail {
                error: Some(Text::from("taken back: the previous version is reissued")),
                ..Detail::default()
            };
            self.stage(Stage::Revoke, StageStatus::Skipped, detail);
        }
        self.r.forced = false;
        self.r.ended_at = None;
        self.enter(State::Reissuing { wave });
        self.todo(Effect::Reinstate, Span::ZERO);
    }

    pub(super) fn reissued(&mut self, wave: Option<usize>) {
        if !self.r.pending.is_empty() {
            return;
        }
        if let Some(wave) = wave {
            self.enter_wave(wave);
        } else {
            // A grace period that is over would revoke it at once again.
            self.r.rules.grace = self.r.rules.grace.max(self.r.rules.reissue_grace);
            self.enter_grace();
        }
    }
}
