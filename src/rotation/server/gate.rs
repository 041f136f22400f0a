//! The server's side of the guard: who is known, what the policy asks of them, what was used up,
//! and acts that wait for a second person.
//!
//! A bearer token opens the door; what is disruptive or worse is done for a person who signed it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tokio::sync::Mutex as Turn;

use crate::guard::{
    Denied, Evaluated, Examined, Flaw, Judge, Memory, Once, People, Person, Policy, WAITS,
    evaluate, examine,
};
use crate::model::proof::{Approval, Digest, PublicKey, Signed};
use crate::model::{Actor, Timestamp};
use crate::rotation::clock::Clock;
use crate::rotation::engine::Facts;

/// So many acts wait for a second person at once, at most.
const HELD: usize = 256;
/// So many approvals of one act are kept, at most.
const APPROVALS: usize = 16;
/// So many characters of a digest name a request.
const ID: usize = 10;

/// Who may have done what. Clones are one gate.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    people: People,
    policy: Arc<Policy>,
    once: Arc<dyn Once>,
    /// The world's clock: what a person signs has the world's time.
    clock: Clock,
    held: Mutex<BTreeMap<String, Held>>,
    turns: Mutex<HashMap<String, Arc<Turn<()>>>>,
}

/// An act that waits for a second person.
struct Held {
    signed: Signed,
    until: Timestamp,
}

/// A request for a second person, as it travels.
#[derive(Clone, Debug, Serialize)]
pub struct Requested {
    /// Its name, for `rotascope approve`.
    pub id: String,
    /// What is to be approved.
    pub digest: Digest,
    /// It is void after this moment.
    pub until: Timestamp,
    /// The act, with the approvals that came so far and without its code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<Signed>,
}

/// Why nobody can be asked to approve an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotHeld {
    /// The act is not allowed, whoever approves.
    Denied(Denied),
    /// It needs nobody's approval.
    NeedsNobody,
    /// Too many wait.
    Full,
}

/// Why an approval is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotApproved {
    /// Nothing of that name waits.
    Gone,
    /// It does not count.
    Flawed(Flaw),
    /// Enough came.
    Full,
}

impl Gate {
    /// A gate for these people, by this policy; `once` remembers used codes through a restart.
    #[must_use]
    pub fn new(people: People, policy: Arc<Policy>, once: Arc<dyn Once>) -> Self {
        Self(Arc::new(Inner {
            people,
            policy,
            once,
            clock: Clock::of_the_world(),
            held: Mutex::default(),
            turns: Mutex::default(),
        }))
    }

    /// A gate for nobody: nothing that has to be signed can be done.
    #[must_use]
    pub fn closed() -> Self {
        let once = Arc::new(Memory::default());
        Self::new(People::default(), Policy::standard(), once)
    }

    /// A gate for one person, by the policy of the demo; it forgets with the process. For labs.
    #[must_use]
    pub fn open_for(name: Actor, key: PublicKey) -> Self {
        let person = Person {
            name,
            keys: vec![key],
            roles: Vec::new(),
            enrolled: crate::guard::totp::Enrolled::default(),
        };
        let once = Arc::new(Memory::default());
        Self::new(People::of(vec![person]), Policy::demo(), once)
    }

    /// Whether anybody is known.
    #[must_use]
    pub fn knows_nobody(&self) -> bool {
        self.0.people.is_empty()
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Whoever holds this has the act of that key to itself: of two that come at once one waits,
    /// and then finds that the act was taken.
    pub(super) fn turn(&self, key: &str) -> Arc<Turn<()>> {
        let turns = self.0.turns.lock();
        let mut turns = turns.unwrap_or_else(PoisonError::into_inner);
        if turns.len() > 1_024 {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        Arc::clone(turns.entry(key.to_owned()).or_default())
    }

    /// Whether an act of that key came and is not answered yet.
    pub(super) fn is_under_way(&self, key: &str) -> bool {
        let turns = self.0.turns.lock();
        let turns = turns.unwrap_or_else(PoisonError::into_inner);
        turns
            .get(key)
            .is_some_and(|turn| Arc::strong_count(turn) > 1)
    }

    /// Whether an act is allowed; a code is used up where it is. Reads and writes a disk: call it
    /// where waiting is allowed.
    pub(super) fn evaluate(&self, signed: &Signed, facts: &Facts) -> Result<Evaluated, Denied> {
        let Inner {
            people,
            policy,
            once,
            ..
        } = &*self.0;
        let done = evaluate(
            signed,
            &facts.subject(),
            policy,
            people,
            &**once,
            self.now(),
        );
        if done.is_ok() {
            let id = id(&signed.intent.digest());
            self.held().remove(&id);
        }
        done
    }

    fn examine(&self, signed: &Signed, facts: &Facts) -> Result<Examined, Denied> {
        let Inner { people, policy, .. } = &*self.0;
        examine(signed, &facts.subject(), policy, people, self.now())
    }

    fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Held>> {
        let held = self.0.held.lock();
        let mut held = held.unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        held.retain(|_, held| held.until >= now);
        held
    }

    /// Keeps an act until a second person approves it. The same act again is the same request.
    pub(super) fn hold(&self, mut signed: Signed, facts: &Facts) -> Result<Requested, NotHeld> {
        let examined = self.examine(&signed, facts).map_err(NotHeld::Denied)?;
        if !examined.decision.challenges.second {
            return Err(NotHeld::NeedsNobody);
        }
        let digest = signed.intent.digest();
        let (id, until) = (id(&digest), signed.intent.at + WAITS);
        let mut all = self.held();
        if !all.contains_key(&id) {
            if all.len() >= HELD {
                return Err(NotHeld::Full);
            }
            // A code is the asker's: it comes again with the act, and nobody else sees it.
            if let Some(proof) = &mut signed.proof {
                proof.code = None;
                proof.approvals.clear();
            }
            all.insert(id.clone(), Held { signed, until });
        }
        Ok(Requested {
            id,
            digest,
            until,
            act: None,
        })
    }

    /// An act that waits.
    pub(super) fn request(&self, id: &str) -> Option<Requested> {
        let all = self.held();
        let held = all.get(id)?;
        Some(Requested {
            id: id.to_owned(),
            digest: held.signed.intent.digest(),
            until: held.until,
            act: Some(held.signed.clone()),
        })
    }

    /// Adds a second person's approval, where it counts.
    pub(super) fn approve(
        &self,
        id: &str,
        approval: Approval,
        facts: &Facts,
    ) -> Result<(), NotApproved> {
        let mut all = self.held();
        let held = all.get_mut(id).ok_or(NotApproved::Gone)?;
        let intent = &held.signed.intent;
        let proof = held.signed.proof.as_mut().ok_or(NotApproved::Gone)?;
        let judge = Judge {
            intent,
            asker: &proof.key,
            subject: facts.subject(),
            policy: &self.0.policy,
            people: &self.0.people,
            now: self.now(),
        };
        let by = judge.counts(&approval).map_err(NotApproved::Flawed)?;
        proof.approvals.retain(|other| other.by != by);
        if proof.approvals.len() >= APPROVALS {
            return Err(NotApproved::Full);
        }
        proof.approvals.push(approval);
        Ok(())
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.0.people.iter().count();
        write!(f, "Gate({known} people, {:?})", self.0.policy)
    }
}

/// The name of a request: the beginning of its digest.
fn id(digest: &Digest) -> String {
    digest.to_string().chars().take(ID).collect()
}
