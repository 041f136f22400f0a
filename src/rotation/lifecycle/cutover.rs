//! The cutover: the new version becomes current, and consumers go over to it in waves, each gated
//! by health.

use super::input::VersionChange;
use super::rotation::{Effect, Look, Member, Pending, State};
use super::turn::{Detail, Turn};
use crate::model::event::{ConsumerState, Stage, StageStatus};
use crate::model::{Span, Timestamp};

/// Fewer calls than this say nothing about health.
const CALLS_THAT_TELL: u64 = 10;

impl Turn<'_> {
    pub(super) fn activated(&mut self) {
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
    pub(super) fn asked(&mut self, member: usize, done: Pending) {
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

    pub(super) fn is_failing(&self, member: usize) -> bool {
        let member = self.r.members.get(member);
        let told = member.and_then(|m| m.told.as_ref());
        told.is_some_and(|(version, state)| {
            *version == self.r.to && *state == ConsumerState::Failed
        })
    }

    /// Why a wave proves nothing, where it had its time and nobody in it took the new version.
    pub(super) fn fruitless(&self, wave: usize, since: Timestamp) -> Option<String> {
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
    pub(super) fn health(&mut self, readings: &[super::rotation::Reading]) {
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
