//! Writes acts down and does them, one after the other.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};

use super::super::{Acting, JournalPlace, wall};
use super::News;
use super::pursuer::Ended;
use crate::backend::Hands;
use crate::config::failpoint;
use crate::guard::{Claim, Once, Warrant};
use crate::journal::{OpenAct, Scribe, Unwritten, Written};
use crate::model::act::ActState;
use crate::model::intent::{Intent, Outcome};
use crate::model::proof::Approval;

/// An act that is to be done.
pub(super) struct Job {
    pub(super) claim: Claim,
    pub(super) approvals: Vec<Approval>,
}

/// Writes acts down and does them.
pub(super) struct Doer {
    scribe: Result<Scribe, String>,
    once: Arc<dyn Once>,
    to: String,
    tell: Sender<News>,
    follow: Sender<String>,
}

impl Doer {
    pub(super) fn new(
        acting: Acting,
        to: String,
        tell: Sender<News>,
        follow: Sender<String>,
    ) -> Self {
        let Acting {
            guard,
            journal,
            once,
            word: _,
        } = acting;
        let scribe = match journal {
            JournalPlace::Places(places) => {
                Ok(Scribe::new(places, guard.signer(), guard.person().clone()))
            }
            JournalPlace::Nowhere(why) => Err(why),
        };
        Self {
            scribe,
            once,
            to,
            tell,
            follow,
        }
    }

    pub(super) fn run(
        &mut self,
        hands: &dyn Hands,
        asked: &Receiver<Job>,
        learn: &Receiver<Ended>,
    ) {
        self.look_back();
        loop {
            crossbeam_channel::select! {
                recv(asked) -> job => match job {
                    Ok(job) => self.act(hands, job),
                    Err(_) => return,
                },
                recv(learn) -> ended => {
                    let Ok((key, outcome)) = ended else { return };
                    self.ended(&key, &outcome);
                    self.say(&key, ActState::Told(outcome));
                }
            }
        }
    }

    /// What earlier sessions left open is asked about.
    fn look_back(&mut self) {
        let open = self.scribe.as_ref().map(Scribe::open_acts);
        for OpenAct { intent, to } in open.unwrap_or_default() {
            if to != self.to {
                continue;
            }
            let key = intent.key.clone();
            let why = "an earlier session ended before its outcome was known".to_owned();
            let state = ActState::Told(Outcome::Unknown { why });
            let _ = self.tell.send(News::Found { intent, state });
            let _ = self.follow.send(key);
        }
    }

    fn act(&mut self, hands: &dyn Hands, job: Job) {
        let key = job.claim.intent().key.clone();
        match self.warrant(job) {
            Err(why) => self.say(&key, ActState::Refused(format!("nothing was done: {why}"))),
            Ok(warrant) => {
                self.say(&key, ActState::Sending);
                failpoint::reach("act.send.before");
                let outcome = hands.perform(warrant, wall());
                failpoint::reach("act.send.after");
                self.ended(&key, &outcome);
                failpoint::reach("act.end.after");
                let state = ActState::Told(outcome);
                let goes_on = !state.is_final();
                self.say(&key, state);
                if goes_on {
                    let _ = self.follow.send(key);
                }
            }
        }
    }

    /// No record, no act: the intent is on a disk before there is a warrant.
    fn warrant(&mut self, job: Job) -> Result<Warrant, String> {
        let Job { claim, approvals } = job;
        let intent = claim.intent().clone();
        failpoint::reach("act.intend.before");
        let written = self.intend(&intent)?;
        failpoint::reach("act.intend.after");
        let warrant = claim.warrant(&*self.once, approvals, Some(written.head), wall());
        warrant.map_err(|unmet| {
            let why = unmet.to_string();
            let outcome = Outcome::Failed { why: why.clone() };
            self.ended(&intent.key, &outcome);
            why
        })
    }

    fn intend(&mut self, intent: &Intent) -> Result<Written, String> {
        let scribe = self.scribe.as_mut().map_err(|why| why.clone())?;
        let written = scribe.intend(intent, &self.to, wall());
        let written = written.map_err(|unwritten: Unwritten| unwritten.to_string())?;
        self.tell_of(&written);
        Ok(written)
    }

    fn ended(&mut self, key: &str, outcome: &Outcome) {
        let Ok(scribe) = &mut self.scribe else { return };
        failpoint::reach("act.end.before");
        match scribe.end(key, outcome, wall()) {
            Ok(written) => self.tell_of(&written),
            Err(why) => {
                tracing::error!(%key, %why, "an outcome was not written down");
                let words = format!("the outcome of an act was not written down: {why}");
                let _ = self.tell.send(News::Trouble(words));
            }
        }
    }

    fn tell_of(&self, written: &Written) {
        if let Some(words) = &written.instead {
            let _ = self.tell.send(News::Trouble(words.clone()));
        }
    }

    fn say(&self, key: &str, state: ActState) {
        let key = key.to_owned();
        let _ = self.tell.send(News::Told { key, state });
    }
}
