//! The ways back: rollback, abort, and making the previous version valid again.

use super::input::VersionChange;
use super::rotation::{Effect, Member, State};
use super::turn::{Detail, Turn};
use crate::model::event::{AuditOutcome, Outcome as End, Stage, StageStatus};
use crate::model::{Span, Text, Timestamp};

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
        let pushes = std::mem::take(&mut self.r.pending);
        self.enter(State::Withdrawing { end });
        if self.r.forced {
            self.r.pending = pushes;
        }
        let version = self.r.to.clone();
        self.todo(Effect::Revoke { version }, Span::ZERO);
    }

    pub(super) fn withdrawn(&mut self, end: End) {
        let revoking = |what: &Effect| matches!(what, Effect::Revoke { .. } | Effect::Prove { .. });
        if self.is_pending(revoking) {
            return;
        }
        let pushes = std::mem::take(&mut self.r.pending);
        self.finish(end, None);
        self.r.pending = pushes;
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
