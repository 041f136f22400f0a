//! The end of the way: grace, the revocation and its proof, the audit trail.

use super::rotation::{Effect, Look, State};
use super::turn::{Detail, Turn, engine};
use crate::model::event::{Outcome as End, RotationGrace, Stage, StageStatus};
use crate::model::{Span, Text, Timestamp};

impl Turn<'_> {
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

    pub(super) fn seen_at_target(&mut self, sitters: Option<Vec<Text>>) {
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
    pub(super) fn now_for(&mut self, member: usize) {
        let now = self.at.now;
        for pending in &mut self.r.pending {
            if matches!(pending.what, Effect::Ask { member: m } if m == member) {
                pending.due = Some(now);
            }
        }
    }

    pub(super) fn last_look_pending(&self) -> bool {
        self.is_pending(|what| {
            matches!(
                what,
                Effect::Ask { .. } | Effect::Presence | Effect::Push { .. }
            )
        })
    }

    /// The grace period is over and somebody who matters is on the old version.
    pub(super) fn held(&mut self) {
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
            // They are refused for good, whatever becomes of the new version.
            self.r.also_gone.clear();
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
    pub(super) fn unproven(&mut self, attempt: u32, version: crate::model::Version, words: &str) {
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
