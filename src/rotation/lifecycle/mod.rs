//! The life of a rotation, pure: what it is ([`Rotation`]), what may happen to it ([`Input`]), and
//! what follows ([`transition`]). No I/O, no clock, no chance: time and dice are arguments.
//!
//! trigger → generate → store → distribute → validate → cutover (waves) → grace → revoke → audit.
//! From anywhere behind the trigger a way leads back: reinstate → return → withdraw.
//!
//! 1. The old version is never revoked while a consumer that matters uses it, unless a person
//!    forces it; the new one is never withdrawn while a consumer uses it, unless forced.
//! 2. A version is current from its activation until another's.
//! 3. What fails is tried again after a wait that grows; what failed often enough, or cannot get
//!    better by itself, waits for a person and says so.

mod acts;
mod back;
mod cutover;
mod ending;
mod forward;
mod input;
pub mod refusal;
mod retry;
mod rotation;
mod turn;

#[cfg(test)]
mod model_check;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use input::{Act, Input, Moment, Report, Standing, Transition, Trouble, VersionChange};
pub use refusal::{Refusal, RefusalKind};
pub use rotation::{
    Effect, HealthRule, Hold, Look, Member, OpenAct, Pending, Reading, Rotation, Rules, State,
};

use crate::model::Span;
use crate::model::event::{Outcome as End, RotationGrace};
use turn::{Turn, engine, seconds};

/// The one way a rotation changes.
///
/// # Errors
/// [`Refusal`] for an act that makes no sense where the rotation stands; nothing else is refused.
pub fn transition(rotation: &Rotation, input: Input, at: &Moment) -> Result<Transition, Refusal> {
    let mut turn = Turn::new(rotation, at);
    match input {
        Input::Tick => {}
        Input::Done { key, report } => {
            let Some(index) = turn.r.pending.iter().position(|p| p.key == key) else {
                return Ok(turn.done());
            };
            let done = turn.r.pending.remove(index);
            turn.answered = Some(key);
            turn.take_in(done, report);
        }
        Input::Failed { key, trouble } => turn.failed(&key, &trouble),
        Input::Told { consumer, standing } => {
            let index = turn.r.members.iter().position(|m| m.consumer == consumer);
            if let Some(index) = index {
                turn.hear(index, standing);
            }
        }
        Input::Act(act) => turn.act(&act)?,
        Input::Audited => {
            if matches!(turn.r.state, State::Auditing { .. }) {
                turn.audit_complete();
            }
        }
        Input::Jumped(by) => turn.jumped(by),
        Input::Superseded(by) => {
            if !turn.r.is_over() {
                let why = format!("superseded by {by}");
                turn.finish_superseded(why);
            }
        }
    }
    turn.go_on();
    Ok(turn.done())
}

impl Turn<'_> {
    /// Goes as far as it can without anything else happening.
    fn go_on(&mut self) {
        if self.r.hold.is_some() {
            return;
        }
        // Each turn enters another state or ends the loop; the bound keeps a mistake from hanging.
        for _ in 0..16 {
            let before = self.r.state.clone();
            self.advance();
            if self.r.state == before {
                break;
            }
        }
    }

    fn advance(&mut self) {
        match self.r.state.clone() {
            State::Waiting { not_before } => self.begin_at(not_before),
            State::Distributing => self.distributed(),
            State::Validating => self.validated(),
            State::Taking { wave, since } => self.wave(wave, since),
            State::Grace { ends_at, look } => self.grace(ends_at, look),
            State::Revoking => self.revoked(),
            State::Auditing { since, late } => self.audit_late(since, late),
            State::Reissuing { wave } => self.reissued(wave),
            State::Returning { end, since } => self.returned(end, since),
            State::Withdrawing { end } => self.withdrawn(end),
            State::Clearing { end, held } => self.clear(end, held),
            State::Generating
            | State::Storing
            | State::Activating
            | State::Reinstating { .. }
            | State::Finished { .. } => {}
        }
    }

    /// Another emergency took over; what is left of this one is that one's to revoke.
    fn finish_superseded(&mut self, why: String) {
        // The version that it brought stays current: nothing is forgotten here.
        self.enter(State::Finished { end: End::Aborted });
        self.r.hold = None;
        self.r.ended_at = Some(self.at.now);
        self.say(crate::model::event::RotationFinished {
            outcome: End::Aborted,
            reason: Some(why.into()),
        });
    }

    /// The wall clock jumped: what was promised as a length stays as long as it was.
    fn jumped(&mut self, by: Span) {
        for pending in &mut self.r.pending {
            pending.due = pending.due.map(|due| due + by);
        }
        self.r.healthy_at = self.r.healthy_at.map(|at| at + by);
        match &mut self.r.state {
            State::Waiting { not_before } => *not_before = *not_before + by,
            State::Taking { since, .. }
            | State::Returning { since, .. }
            | State::Auditing { since, .. } => *since = *since + by,
            State::Grace { ends_at, .. } => {
                *ends_at = *ends_at + by;
                let grace = RotationGrace {
                    ends_at: *ends_at,
                    extended_seconds: (by > Span::ZERO).then(|| seconds(by)),
                    reason: Some(format!("the clock jumped by {} s", by.as_seconds()).into()),
                    by: Some(engine()),
                };
                self.say(grace);
            }
            _ => {}
        }
    }
}
