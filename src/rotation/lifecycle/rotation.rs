//! What a rotation is: its rules, its members, its state, and what it has still to do. All of it
//! is written to the store with every transition; none of it is secret.

use serde::{Deserialize, Serialize};

use crate::model::event::{ConsumerState, Outcome as End, SecretKind, Stage, Tier, Trigger};
use crate::model::intent::Verb;
use crate::model::{
    Actor, ConsumerId, Region, RotationId, SecretPath, ServiceName, Span, Text, Timestamp, Version,
};

/// How a rotation behaves; fixed when it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Whether the target accepts old and new between install and revoke.
    pub dual_run: bool,
    /// How long both are accepted after the cutover.
    pub grace: Span,
    /// The least grace after a previous version was reissued.
    pub reissue_grace: Span,
    /// The shares of the waves, rising, the last 100.
    pub waves: Vec<f64>,
    /// How long a wave waits for its members to use what they were given.
    pub settle: Span,
    /// How long health must be watched after a wave before the next.
    pub bake: Span,
    /// How often consumers and health are asked.
    pub poll: Span,
    /// How long those who pull may keep what they read; nothing is withdrawn before.
    pub linger: Span,
    /// The wait after the first failure; doubles with each.
    pub backoff: Span,
    /// The longest wait.
    pub backoff_most: Span,
    /// How often a call is tried before a person is needed.
    pub attempts: u32,
    /// After how long without its audit entries a rotation says so.
    pub audit_patience: Span,
    /// The health checks, in the plan's order.
    pub health: Vec<HealthRule>,
    /// How often the secret is to be rotated, for those who are told of it.
    #[serde(default)]
    pub cadence: Option<Span>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            dual_run: true,
            grace: Span::seconds(600),
            reissue_grace: Span::seconds(600),
            waves: vec![100.0],
            settle: Span::seconds(60),
            bake: Span::seconds(10),
            poll: Span::seconds(5),
            linger: Span::ZERO,
            backoff: Span::seconds(1),
            backoff_most: Span::seconds(60),
            attempts: 6,
            audit_patience: Span::seconds(60),
            health: Vec::new(),
            cadence: None,
        }
    }
}

/// A health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthRule {
    /// Whose.
    pub service: ServiceName,
    /// Where.
    pub region: Option<Region>,
    /// The greatest share of failed calls that is still well, 0 to 1.
    pub max_failed: f64,
}

/// What a health check counted since its service began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// All calls.
    pub total: u64,
    /// Those that failed.
    pub failed: u64,
}

/// A consumer of the secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Its name.
    pub consumer: ConsumerId,
    /// Its service.
    pub service: ServiceName,
    /// Where it runs.
    pub region: Option<Region>,
    /// The names by which backends know it.
    pub identities: Vec<Actor>,
    /// Whether new versions are pushed to it; else it pulls.
    pub pushed: bool,
    /// The wave it goes over in, from 0.
    pub wave: usize,
    /// Whether the new version was ever sent to it.
    pub offered: bool,
    /// The version it uses, where it said so.
    pub using: Option<Version>,
    /// What it said last.
    pub told: Option<(Version, ConsumerState)>,
    /// What went wrong there.
    pub error: Option<Text>,
}

/// Where a rotation stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum State {
    /// Its turn has not come: concurrency, staggering, a window, a freeze, one before it.
    Waiting {
        /// Not before this.
        not_before: Timestamp,
    },
    /// The new version is made.
    Generating,
    /// The target learns the new version.
    Storing,
    /// The consumers get it.
    Distributing,
    /// It is tried: by the synthetic consumer and by the consumers.
    Validating,
    /// It becomes the current version.
    Activating,
    /// Consumers go over to it, in waves.
    Taking {
        /// Which wave, from 0.
        wave: usize,
        /// Since when.
        since: Timestamp,
    },
    /// Old and new are both accepted.
    Grace {
        /// Until when.
        ends_at: Timestamp,
        /// How far the last look before the revocation is.
        look: Look,
    },
    /// The old version is revoked, and tried to prove it.
    Revoking,
    /// The audit trail is delivered.
    Auditing {
        /// Since when.
        since: Timestamp,
        /// Whether its lack was told.
        late: bool,
    },
    /// The previous version is made valid again beside the new one.
    Reissuing {
        /// The wave to go back to; absent is grace.
        wave: Option<usize>,
    },
    /// The previous version becomes the current one again.
    Reinstating {
        /// How it will end.
        end: End,
    },
    /// The consumers go back to it.
    Returning {
        /// How it will end.
        end: End,
        /// Since when.
        since: Timestamp,
    },
    /// The new version is withdrawn, and tried to prove it.
    Withdrawing {
        /// How it will end.
        end: End,
    },
    /// The new version is withdrawn; those that a superseded rotation left are revoked once nobody
    /// uses them.
    Clearing {
        /// How it will end.
        end: End,
        /// Whether it was told that somebody is in the way.
        held: bool,
    },
    /// It is over.
    Finished {
        /// How it ended.
        end: End,
    },
}

/// The last look before a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Look {
    /// Its time has not come.
    NotYet,
    /// Every consumer is asked once more.
    Looking,
    /// Somebody who matters is on the old version; it goes on when nobody is.
    Held,
}

impl State {
    /// The stage of the contract that it belongs to.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::Waiting { .. } => Stage::Trigger,
            Self::Generating => Stage::Generate,
            Self::Storing => Stage::Store,
            Self::Distributing => Stage::Distribute,
            Self::Validating => Stage::Validate,
            Self::Activating
            | Self::Taking { .. }
            | Self::Reinstating { .. }
            | Self::Returning { .. }
            | Self::Withdrawing { .. } => Stage::Cutover,
            Self::Grace { .. } | Self::Reissuing { .. } => Stage::Grace,
            Self::Revoking | Self::Clearing { .. } => Stage::Revoke,
            Self::Auditing { .. } | Self::Finished { .. } => Stage::Audit,
        }
    }

    /// In words for a person.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting for its turn",
            Self::Generating => "generating",
            Self::Storing => "storing",
            Self::Distributing => "distributing",
            Self::Validating => "validating",
            Self::Activating | Self::Taking { .. } => "cutting over",
            Self::Grace {
                look: Look::Held, ..
            } => "holding the revoke",
            Self::Grace { .. } => "grace",
            Self::Revoking => "revoking",
            Self::Auditing { .. } => "completing the audit trail",
            Self::Reissuing { .. } => "reissuing the previous version",
            Self::Reinstating { .. } | Self::Returning { .. } => "rolling back",
            Self::Withdrawing { .. } => "withdrawing the new version",
            Self::Clearing { .. } => "clearing what a superseded rotation left",
            Self::Finished { .. } => "finished",
        }
    }

    /// True while the cutover lies ahead: the old version is the only one in use.
    #[must_use]
    pub fn before_cutover(&self) -> bool {
        matches!(
            self,
            Self::Waiting { .. }
                | Self::Generating
                | Self::Storing
                | Self::Distributing
                | Self::Validating
        )
    }

    /// True once it is over.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self, Self::Finished { .. })
    }

    /// True where it goes back to the previous version.
    #[must_use]
    pub fn goes_back(&self) -> bool {
        matches!(
            self,
            Self::Reinstating { .. }
                | Self::Returning { .. }
                | Self::Withdrawing { .. }
                | Self::Clearing { .. }
        )
    }
}

/// A call to the outside that is still to be done. Idempotent by its key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Effect {
    /// [`crate::rotation::target::Target::generate`].
    Generate,
    /// [`crate::rotation::target::Target::install`].
    Install,
    /// [`crate::rotation::target::Target::attempt`], which must be accepted.
    Attempt {
        /// With this version.
        version: Version,
    },
    /// [`crate::rotation::target::Target::activate`].
    Activate,
    /// [`crate::rotation::target::Target::revoke`].
    Revoke {
        /// This version.
        version: Version,
    },
    /// [`crate::rotation::target::Target::attempt`], which must be refused.
    Prove {
        /// With this version.
        version: Version,
    },
    /// [`crate::rotation::target::Target::reinstate`] of the previous version.
    Reinstate,
    /// Sends a version to a consumer.
    Push {
        /// Which member.
        member: usize,
        /// Which version.
        version: Version,
        /// To be used now, not when it reloads.
        now: bool,
        /// By a restart if need be.
        restart: bool,
    },
    /// Asks a consumer what it uses.
    Ask {
        /// Which member.
        member: usize,
    },
    /// [`crate::rotation::target::Target::presence`].
    Presence,
    /// Reads every health check.
    Health,
}

/// An effect and when it is due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    /// Names it once and for ever.
    pub key: String,
    /// What.
    pub what: Effect,
    /// Which try comes next, from 1.
    pub attempt: u32,
    /// When; absent once it was tried often enough and a person is needed.
    pub due: Option<Timestamp>,
    /// Why it failed last.
    pub why: Option<String>,
}

/// Somebody holds the rotation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// Who.
    pub by: Actor,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: Option<Text>,
}

/// An act that was taken and whose effect is not seen yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenAct {
    /// Its idempotency key.
    pub key: String,
    /// What.
    pub verb: Verb,
    /// It is done when each of these effects was; none where it waits for a state.
    pub effects: Vec<String>,
    /// Those of them that were done.
    #[serde(default)]
    pub done: Vec<String>,
}

/// A rotation of one secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rotation {
    /// Its id.
    pub id: RotationId,
    /// What is rotated.
    pub secret: SecretPath,
    /// Its kind.
    pub kind: SecretKind,
    /// Who answers for it.
    pub owner: Option<Text>,
    /// How much depends on it.
    pub tier: Option<Tier>,
    /// The version before; none for a secret's first.
    pub from: Option<Version>,
    /// The version that it brings.
    pub to: Version,
    /// Versions that an emergency revokes beside [`Self::from`]: those a superseded rotation left.
    /// They are its to revoke even where it goes back itself.
    pub also_gone: Vec<Version>,
    /// Whether nobody uses [`Self::also_gone`] any more, or a person forced it: they are revoked.
    #[serde(default)]
    pub cleared: bool,
    /// What started it.
    pub trigger: Trigger,
    /// Who asked.
    pub by: Actor,
    /// Why.
    pub reason: Option<Text>,
    /// How it behaves.
    pub rules: Rules,
    /// The canary's share as planned, for those who watch.
    pub canary_percent: Option<f64>,
    /// Who uses the secret.
    pub members: Vec<Member>,
    /// Where it stands.
    pub state: State,
    /// What it has still to do, the oldest first.
    pub pending: Vec<Pending>,
    /// Who holds it.
    pub hold: Option<Hold>,
    /// Counts turns that send things anew; part of their keys.
    pub round: u32,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// When it began.
    pub began_at: Option<Timestamp>,
    /// When the target had the new version.
    pub stored_at: Option<Timestamp>,
    /// When the new version became current.
    pub activated_at: Option<Timestamp>,
    /// When the old one was proven refused.
    pub revoked_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Whether a person had the old version revoked whoever uses it.
    pub forced: bool,
    /// How it is to end once what was begun is known; set by an abort while the new version is
    /// being made.
    pub ending: Option<End>,
    /// Why it ended as it did.
    pub end_reason: Option<Text>,
    /// Who was seen at the target on an old version, in words.
    pub sitters: Vec<Text>,
    /// The counts that health is judged against.
    pub baseline: Vec<Reading>,
    /// What the health checks counted last.
    pub latest: Vec<Reading>,
    /// When health was last seen to be well.
    pub healthy_at: Option<Timestamp>,
    /// Failures that this stage told already: region and try.
    pub failures_told: Vec<(Option<Region>, u32)>,
    /// Acts whose effect is awaited.
    pub acts: Vec<OpenAct>,
}

impl Rotation {
    /// True once it ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state.is_finished()
    }

    /// True where the consumer keeps the old version from being revoked: it is pushed to and not
    /// known to use the new one, or it pulls and said that it uses another.
    #[must_use]
    pub fn is_behind(&self, member: &Member, version: &Version) -> bool {
        if member.pushed {
            member.using.as_ref() != Some(version)
        } else {
            member.using.as_ref().is_some_and(|using| using != version)
        }
    }

    /// Who keeps the old version from being revoked, in words.
    #[must_use]
    pub fn blockers(&self) -> Vec<String> {
        let behind = self.members.iter().filter(|m| self.is_behind(m, &self.to));
        let known = behind.map(|m| m.consumer.to_string());
        known
            .chain(self.sitters.iter().map(Text::to_string))
            .collect()
    }

    /// Who keeps what a superseded rotation left from being revoked, in words.
    #[must_use]
    pub fn lingerers(&self) -> Vec<String> {
        let uses = |m: &&Member| {
            let using = m.using.as_ref();
            using.is_some_and(|using| self.also_gone.contains(using))
        };
        let known = self.members.iter().filter(uses);
        let known = known.map(|m| m.consumer.to_string());
        known
            .chain(self.sitters.iter().map(Text::to_string))
            .collect()
    }

    /// The versions that are revoked at the end.
    #[must_use]
    pub fn gone(&self) -> Vec<Version> {
        let all = self.also_gone.iter().chain(&self.from);
        all.filter(|v| **v != self.to).cloned().collect()
    }

    /// Why it does not go on by itself; `None` where it does.
    #[must_use]
    pub fn stalled(&self) -> Option<String> {
        let parked: Vec<&Pending> = self.pending.iter().filter(|p| p.due.is_none()).collect();
        let first = parked.first()?;
        let why = first.why.as_deref().unwrap_or("it failed");
        let more = match parked.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        Some(format!("{why}{more}; retry-stage, roll back, or abort"))
    }

    /// Whether a freeze holds this effect: it has the target refuse a version. Without dual-run
    /// the old version dies with the activation of the new one.
    #[must_use]
    pub fn is_held_by_freeze(&self, what: &Effect) -> bool {
        match what {
            Effect::Revoke { .. } => true,
            Effect::Activate => !self.rules.dual_run,
            _ => false,
        }
    }

    /// Effects that are due, where nobody holds it. `frozen` holds revocations.
    pub fn due(&self, now: Timestamp, frozen: bool) -> impl Iterator<Item = &Pending> {
        let held = self.hold.is_some();
        self.pending.iter().filter(move |p| {
            !held
                && p.due.is_some_and(|due| due <= now)
                && !(frozen && self.is_held_by_freeze(&p.what))
        })
    }

    /// When it wants to be looked at again without anything happening; `None` where it waits for
    /// something to happen. `busy` tells effects that are under way. `looked` is the moment of its
    /// last transition, `None` where the engine has made none since it was opened: a deadline of
    /// the state that lies at or before it was acted on already, one that lies behind it was not,
    /// though its time may be over by now.
    #[must_use]
    pub fn wake_at(
        &self,
        looked: Option<Timestamp>,
        frozen: bool,
        busy: impl Fn(&str) -> bool,
    ) -> Option<Timestamp> {
        if self.hold.is_some() {
            return None;
        }
        let effects = self
            .pending
            .iter()
            .filter(|p| !(busy(&p.key) || frozen && self.is_held_by_freeze(&p.what)));
        let effects = effects.filter_map(|p| p.due).min();
        let state = match &self.state {
            State::Waiting { not_before } if !frozen => Some(*not_before),
            State::Taking { since, .. } => Some(*since + self.rules.settle),
            State::Grace {
                ends_at,
                look: Look::NotYet,
            } if !frozen => Some(*ends_at),
            State::Returning { since, .. } if !frozen && self.rules.linger > Span::ZERO => {
                Some(*since + self.rules.linger)
            }
            State::Auditing { since, late: false } => Some(*since + self.rules.audit_patience),
            _ => None,
        };
        let state = state.filter(|at| looked.is_none_or(|looked| *at > looked));
        effects.into_iter().chain(state).min()
    }
}
