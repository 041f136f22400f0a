//! What failed: tried again later, or left for a person.

use super::input::Trouble;
use super::rotation::{Effect, Look, Pending, State};
use super::turn::{Detail, Turn};
use crate::model::event::{AuditOutcome, Stage, StageStatus};
use crate::model::{Span, Text};

impl Turn<'_> {
    pub(super) fn cannot_work(&self, member: usize, error: Option<&Text>) -> String {
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
                self.end_back(end, None);
            }
        }
    }

    /// Whoever is only watched is asked again for as long as it matters, at a growing distance.
    pub(super) fn unanswered(&mut self, mut pending: Pending, trouble: &Trouble) {
        pending.attempt = pending.attempt.saturating_add(1);
        let last_look = matches!(
            self.r.state,
            State::Grace {
                look: Look::Looking,
                ..
            }
        );
        if last_look && pending.attempt > self.r.rules.attempts.min(3) {
            // A consumer that does not answer now is taken as it was seen last. Of the target
            // nothing was seen before: what cannot be known is not nobody.
            if pending.what == Effect::Presence {
                let words = format!(
                    "whoever is at the target, which cannot be asked ({})",
                    trouble.words
                );
                self.r.sitters = vec![Text::from(words)];
            }
            return;
        }
        if let State::Clearing { held: false, .. } = self.r.state
            && pending.attempt > self.r.rules.attempts.min(3)
        {
            self.hold_clearing(&[format!("nobody knows whom ({})", trouble.words)]);
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
    pub(super) fn wait(&self, attempt: u32) -> Span {
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
            // Never before what was asked for, and not all of those at once that were told the same.
            let asked = retry_after.map_or(0, |asked| {
                let lot = part(
                    self.r.rules.backoff.as_micros(),
                    self.at.dice.clamp(0.0, 1.0),
                );
                asked.as_micros().saturating_add(lot)
            });
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

    pub(super) fn wave_number(&self) -> Option<u32> {
        match self.r.state {
            State::Taking { wave, .. } => u32::try_from(wave + 1).ok(),
            _ => None,
        }
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
