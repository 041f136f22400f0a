//! Asks about acts whose end is not known, until it is.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::News;
use crate::backend::Hands;
use crate::backend::engine::NEVER_CAME;
use crate::model::act::ActState;
use crate::model::intent::Outcome;

/// An act that goes on is asked about so soon first, and so rarely in the end.
const ASKED: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// An act that the backend has never heard of, asked for so long, never came there.
const NEVER_AFTER: Duration = Duration::from_secs(30);

/// An act's key and what became of it.
pub(super) type Ended = (String, Outcome);

/// Asks about acts until their end is known.
pub(super) struct Pursuer {
    open: HashMap<String, Pursuit>,
    tell: Sender<News>,
    /// Ends are written down, and told of then.
    learned: Sender<Ended>,
}

/// One act that is asked about.
struct Pursuit {
    /// Since when each answer was that the backend does not know it.
    unknown_since: Option<Instant>,
    next: Instant,
    pause: Duration,
    said: Option<Outcome>,
}

impl Pursuer {
    pub(super) fn new(tell: Sender<News>, learned: Sender<Ended>) -> Self {
        Self {
            open: HashMap::new(),
            tell,
            learned,
        }
    }

    pub(super) fn run(&mut self, hands: &dyn Hands, followed: &Receiver<String>) {
        loop {
            let next = self.open.values().map(|pursuit| pursuit.next).min();
            let wait = next.map_or(Duration::from_secs(3600), |next| {
                next.saturating_duration_since(Instant::now())
            });
            match followed.recv_timeout(wait) {
                Ok(key) => {
                    let now = Instant::now();
                    let pursuit = Pursuit {
                        unknown_since: None,
                        next: now + ASKED.0,
                        pause: ASKED.0,
                        said: None,
                    };
                    self.open.entry(key).or_insert(pursuit);
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.ask(hands).is_none() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Asks about each act that is due; `None` where nobody listens any more.
    fn ask(&mut self, hands: &dyn Hands) -> Option<()> {
        let now = Instant::now();
        let due: Vec<String> = self
            .open
            .iter()
            .filter(|(_, pursuit)| pursuit.next <= now)
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            let Some(pursuit) = self.open.get_mut(&key) else {
                continue;
            };
            let outcome = pursuit.judge(hands.ask(&key), Instant::now());
            pursuit.pause = (pursuit.pause * 2).min(ASKED.1);
            pursuit.next = Instant::now() + pursuit.pause;
            if pursuit.said.as_ref() == Some(&outcome) {
                continue;
            }
            pursuit.said = Some(outcome.clone());
            let state = ActState::Told(outcome.clone());
            if state.is_final() {
                self.open.remove(&key);
                // Whoever writes it down tells of it: what is shown as ended is on a disk.
                self.learned.send((key, outcome)).ok()?;
                continue;
            }
            self.tell.send(News::Told { key, state }).ok()?;
        }
        Some(())
    }
}

impl Pursuit {
    /// What an answer means: an engine that says again and again that it has never heard of an act
    /// never got it. Any other answer in between, or none, begins that anew: a request may lie in
    /// the socket of an engine that stands still.
    fn judge(&mut self, outcome: Outcome, now: Instant) -> Outcome {
        let never = matches!(&outcome, Outcome::Unknown { why } if why == NEVER_CAME);
        if !never {
            self.unknown_since = None;
            return outcome;
        }
        let since = *self.unknown_since.get_or_insert(now);
        if now.saturating_duration_since(since) < NEVER_AFTER {
            return outcome;
        }
        Outcome::Failed {
            why: "it never came to the engine: nothing was done".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(why: &str) -> Outcome {
        Outcome::Unknown {
            why: why.to_owned(),
        }
    }

    #[test]
    fn an_act_never_came_only_where_the_engine_says_so_without_a_break() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut pursuit = Pursuit {
            unknown_since: None,
            next: began,
            pause: ASKED.0,
            said: None,
        };
        let cut = unknown("the engine cannot be asked");
        let never = unknown(NEVER_CAME);
        // However long it could not be asked, the first word of it is no proof.
        assert_eq!(pursuit.judge(cut.clone(), at(0)), cut);
        assert_eq!(pursuit.judge(never.clone(), at(40)), never);
        assert_eq!(pursuit.judge(never.clone(), at(69)), never);
        assert_eq!(pursuit.judge(cut.clone(), at(69)), cut);
        assert_eq!(pursuit.judge(never.clone(), at(71)), never);
        assert_eq!(pursuit.judge(never.clone(), at(100)), never);
        let ended = pursuit.judge(never, at(101));
        assert!(matches!(ended, Outcome::Failed { .. }), "{ended:?}");
    }
}
