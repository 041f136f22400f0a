//! Which rotation can have caused what a service suffers: the rotations by the services that
//! depend on their secrets, and the moments at which each can have broken something.

use std::collections::{BTreeSet, VecDeque};

use super::finding::{Mode, RuledOut};
use super::map::{Map, Set};
use crate::incident::{Consumer, EventRef, Incident, Rotation, TIE};
use crate::model::event::{
    ConsumerState, Operation, RotationStage, RotationStarted, SecretKind, Stage, StageStatus,
};
use crate::model::{
    Data, Event, Region, RotationId, SecretPath, ServiceName, Span, Timestamp, Version,
};
/// How long after a change failures may begin, where consumers still lack the new version:
/// connections and sessions that were open live on for a while.
const LAG: Span = Span::seconds(300);

/// The same where every consumer that is known has it: then only a close coincidence counts.
pub(super) const CLOSE: Span = Span::seconds(60);

/// Rotations of one secret, and changes of one rotation, that are remembered.
const KEPT: usize = 16;

/// The most accounts that are remembered, and the most rotations that changed something.
const ACCOUNTS: usize = 10_000;
const RECENT: usize = 64;

/// What a rotation did that can break a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The new version became the one that counts.
    Cutover,
    /// The old version ceased to be accepted.
    Revoke,
}

impl Change {
    /// The mode of what it breaks.
    pub(super) fn mode(self) -> Mode {
        match self {
            Self::Cutover => Mode::F1,
            Self::Revoke => Mode::F4,
        }
    }

    /// What it is called.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Cutover => "cutover",
            Self::Revoke => "revocation",
        }
    }
}

/// A change and when it was.
#[derive(Clone, Debug)]
pub(super) struct Moved {
    pub(super) change: Change,
    pub(super) region: Option<Region>,
    pub(super) event: EventRef,
}

/// The rotations, by what depends on them.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    secrets: Map<ServiceName, Vec<SecretPath>>,
    rotations: Map<SecretPath, Vec<RotationId>>,
    moves: Map<RotationId, Vec<Moved>>,
    /// Accounts that logged in somewhere by their own name, as a database's log tells.
    accounts: Set<ServiceName>,
    /// The rotations that changed something last, the latest last.
    recent: VecDeque<RotationId>,
}

/// A rotation that can have caused a spike.
#[derive(Clone, Debug)]
pub(super) struct Suspect {
    /// Its canonical id.
    pub(super) id: RotationId,
    pub(super) secret: Option<SecretPath>,
    pub(super) moved: Moved,
    /// Consumers of the service that are not on the new version, by name.
    pub(super) behind: Vec<crate::model::ConsumerId>,
    /// Those of them that do not even have it delivered.
    pub(super) without: usize,
    /// Consumers of the service that are known.
    pub(super) known: usize,
    /// Who suffers and where, if it is an account that is refused and no service by its name.
    pub(super) through_account: Option<(BTreeSet<ServiceName>, BTreeSet<Region>)>,
}

impl Suspect {
    /// True once every consumer that lacked the new version is on it.
    pub(super) fn is_cured(&self, incident: &Incident) -> bool {
        let rotation = incident.rotation(&self.id);
        let told = rotation.and_then(|r| Some((r.secret.as_ref()?, r.to_version.as_ref()?)));
        let Some((secret, to)) = told else {
            return false;
        };
        let on = |name| {
            incident
                .consumer(secret, name)
                .is_some_and(|c| is_on(c, to))
        };
        !self.behind.is_empty() && self.behind.iter().all(on)
    }

    /// True where a good part of the service's consumers lack the new version: then failures
    /// right after the change need less proof.
    pub(super) fn is_strong(&self) -> bool {
        !self.behind.is_empty() && self.behind.len() * 5 >= self.known
    }

    /// True where the new version has reached most of those that do not use it.
    pub(super) fn is_delivered(&self) -> bool {
        self.without * 2 <= self.behind.len()
    }
}

impl Suspects {
    /// Learns what depends on what, and what rotations do.
    pub(super) fn observe(&mut self, event: &Event) {
        match &event.data {
            Data::RotationStarted(started) => self.started(event, started),
            Data::RotationStage(stage) => self.stage(event, stage),
            Data::ConsumerVersion(told) => {
                if let Some(service) = &told.service {
                    self.depends(service, &told.secret);
                }
            }
            Data::AuditEntry(entry)
                if entry.operation == Operation::Login && self.accounts.len() < ACCOUNTS =>
            {
                self.accounts.insert(ServiceName(entry.actor.0.clone()));
            }
            _ => {}
        }
    }

    fn started(&mut self, event: &Event, started: &RotationStarted) {
        let Some(id) = named(event) else { return };
        let secret = &started.secret;
        let told = started.consumers.iter().filter_map(|c| c.service.as_ref());
        for service in started.services.iter().chain(told) {
            self.depends(service, secret);
        }
        let of = self.rotations.entry(secret.clone()).or_default();
        if !of.contains(&id) {
            if of.len() >= KEPT {
                let oldest = of.remove(0);
                self.moves.remove(&oldest);
            }
            of.push(id);
        }
    }

    fn stage(&mut self, event: &Event, stage: &RotationStage) {
        let change = match (&stage.stage, &stage.status) {
            (Stage::Cutover, StageStatus::Started | StageStatus::Completed) => Change::Cutover,
            (Stage::Revoke, StageStatus::Started | StageStatus::Completed) => Change::Revoke,
            _ => return,
        };
        let Some(id) = named(event) else { return };
        if self.recent.back() != Some(&id) {
            self.recent.push_back(id.clone());
            if self.recent.len() > RECENT {
                self.recent.pop_front();
            }
        }
        let moves = self.moves.entry(id).or_default();
        if moves.len() >= KEPT {
            moves.remove(0);
        }
        moves.push(Moved {
            change,
            region: stage.region.clone(),
            event: EventRef::of(event),
        });
    }

    fn depends(&mut self, service: &ServiceName, secret: &SecretPath) {
        if let Some(secrets) = self.secrets.get_mut(service) {
            if !secrets.contains(secret) {
                secrets.push(secret.clone());
            }
        } else {
            self.secrets.insert(service.clone(), vec![secret.clone()]);
        }
    }

    /// The rotation that most likely broke a service whose first unusual window is this one.
    /// `secret` is what the samples name, if they name one.
    pub(super) fn guilty(
        &self,
        service: &ServiceName,
        secret: Option<&SecretPath>,
        window: (Timestamp, Timestamp),
        regions: &[Region],
        incident: &Incident,
    ) -> Option<Suspect> {
        let own;
        let secrets = match secret {
            Some(secret) => {
                own = [secret.clone()];
                own.as_slice()
            }
            None => match self.secrets.get(service) {
                Some(secrets) => secrets.as_slice(),
                None => return self.through_account(service, window, incident),
            },
        };
        let mut best: Option<(bool, Span, Suspect)> = None;
        for id in secrets
            .iter()
            .filter_map(|s| self.rotations.get(s))
            .flatten()
        {
            let Some((lag, moved)) = self.latest(id, window, regions) else {
                continue;
            };
            let Some(rotation) = incident.rotation(id) else {
                continue;
            };
            let behind = secret
                .filter(|_| self.accounts.contains(service))
                .and_then(|_| behind_account(rotation, moved, incident));
            let suspect = behind.unwrap_or_else(|| suspect(rotation, moved, service, incident));
            let lacks = !suspect.behind.is_empty() || suspect.known == 0;
            if !lacks && lag > CLOSE {
                continue;
            }
            let better = best.as_ref().is_none_or(|(held, held_lag, _)| {
                (lacks && !held) || (lacks == *held && lag < *held_lag)
            });
            if better {
                best = Some((lacks, lag, suspect));
            }
        }
        best.map(|(_, _, suspect)| suspect)
    }

    /// A database's log names the account that is refused, not the service behind it. Where one
    /// single rotation of a database's secret changed in that window and left consumers behind,
    /// it is that one, and they are who suffers; where several did, it cannot be known.
    fn through_account(
        &self,
        account: &ServiceName,
        window: (Timestamp, Timestamp),
        incident: &Incident,
    ) -> Option<Suspect> {
        if !self.accounts.contains(account) {
            return None;
        }
        let mut only: Option<Suspect> = None;
        for id in &self.recent {
            let Some((lag, moved)) = self.latest(id, window, &[]) else {
                continue;
            };
            let Some(rotation) = incident.rotation(id) else {
                continue;
            };
            if lag > TIE || rotation.kind != Some(SecretKind::Database) {
                continue;
            }
            let Some(suspect) = behind_account(rotation, moved, incident) else {
                continue;
            };
            if only.as_ref().is_some_and(|held| held.id != suspect.id) {
                return None;
            }
            only = Some(suspect);
        }
        only
    }

    /// The latest change of a rotation that lies before the end of the first unusual window, and
    /// how long before its start.
    fn latest(
        &self,
        id: &RotationId,
        (start, end): (Timestamp, Timestamp),
        regions: &[Region],
    ) -> Option<(Span, &Moved)> {
        let moves = self.moves.get(id)?.iter();
        let here = |moved: &&Moved| match &moved.region {
            Some(region) => regions.is_empty() || regions.contains(region),
            None => true,
        };
        moves
            .filter(here)
            .filter(|moved| moved.event.time.since(end) <= TIE)
            .map(|moved| {
                let lag = start.since(moved.event.time);
                (lag.max(Span::default()), moved)
            })
            .filter(|(lag, _)| *lag <= LAG)
            .max_by_key(|(_, moved)| moved.event.time)
    }

    /// Why none of the rotations of the secrets that a service depends on (or that its samples
    /// name) answers for failures that began in this window; `None` where no such secret is known.
    pub(super) fn excuses(
        &self,
        service: &ServiceName,
        secret: Option<&SecretPath>,
        (start, end): (Timestamp, Timestamp),
        incident: &Incident,
    ) -> Option<Vec<RuledOut>> {
        let own = secret.map(std::slice::from_ref);
        let secrets = own.or_else(|| self.secrets.get(service).map(Vec::as_slice))?;
        let ids = secrets.iter().filter_map(|s| self.rotations.get(s));
        let mut moves: Vec<(&RotationId, &Moved)> = ids
            .flatten()
            .filter_map(|id| Some((id, self.moves.get(id)?)))
            .flat_map(|(id, moves)| moves.iter().map(move |moved| (id, moved)))
            .collect();
        // The latest first: it is the one that a person would suspect.
        moves.sort_by_key(|(_, moved)| std::cmp::Reverse(moved.event.time));
        let mut excuses: Vec<RuledOut> = Vec::new();
        for (id, moved) in moves {
            let mode = moved.change.mode();
            if excuses.iter().any(|excuse| excuse.mode == mode) {
                continue;
            }
            let did = moved.change.words();
            let lag = start.since(moved.event.time);
            let id = incident.rotation(id).map_or(id, |rotation| &rotation.id);
            let why = if moved.event.time.since(end) > TIE {
                format!("the failures began before the {did} of {id}")
            } else if lag > LAG {
                format!("the {did} of {id} was {} s before", lag.as_seconds())
            } else {
                format!(
                    "the {did} of {id} was {} s before, and every consumer that is known has the new version",
                    lag.as_seconds().max(0)
                )
            };
            excuses.push(RuledOut { mode, why });
        }
        if excuses.is_empty() {
            let why = format!("no rotation of a secret of {service} cut over or revoked anything");
            excuses.push(RuledOut {
                mode: Mode::F1,
                why,
            });
        }
        Some(excuses)
    }

    /// How many consumers of a service are known, over all its secrets.
    pub(super) fn consumers(&self, service: &ServiceName, incident: &Incident) -> usize {
        let secrets = self.secrets.get(service).into_iter().flatten();
        let names: BTreeSet<_> = secrets
            .flat_map(|secret| incident.consumers(secret))
            .filter(|consumer| consumer.service.as_ref() == Some(service))
            .map(|consumer| &consumer.name)
            .collect();
        names.len()
    }

    /// The first change of this kind of a rotation under any of its ids.
    pub(super) fn first(&self, rotation: &Rotation, change: Change) -> Option<&Moved> {
        let ids = std::iter::once(&rotation.id).chain(&rotation.aliases);
        ids.filter_map(|id| self.moves.get(id))
            .flatten()
            .filter(|moved| moved.change == change)
            .min_by_key(|moved| moved.event.time)
    }
}

/// A rotation as the suspect where an account is refused: who suffers are the services and
/// regions of the consumers that it left behind. `None` where it left nobody behind.
fn behind_account(rotation: &Rotation, moved: &Moved, incident: &Incident) -> Option<Suspect> {
    let (secret, to) = (rotation.secret.as_ref()?, rotation.to_version.as_ref()?);
    let consumers = || incident.consumers(secret);
    let behind: Vec<_> = consumers().filter(|c| !is_on(c, to)).collect();
    (!behind.is_empty()).then(|| Suspect {
        id: rotation.id.clone(),
        secret: rotation.secret.clone(),
        moved: moved.clone(),
        behind: behind.iter().map(|c| c.name.clone()).collect(),
        without: behind.len(),
        known: consumers().count(),
        through_account: Some((
            behind.iter().filter_map(|c| c.service.clone()).collect(),
            behind.iter().filter_map(|c| c.region.clone()).collect(),
        )),
    })
}

fn suspect(
    rotation: &Rotation,
    moved: &Moved,
    service: &ServiceName,
    incident: &Incident,
) -> Suspect {
    let mut behind = Vec::new();
    let (mut known, mut without) = (0, 0);
    if let (Some(secret), Some(to)) = (&rotation.secret, &rotation.to_version) {
        for consumer in incident.consumers(secret) {
            if consumer.service.as_ref() != Some(service) {
                continue;
            }
            known += 1;
            if !is_on(consumer, to) {
                behind.push(consumer.name.clone());
                let delivered = consumer.version.as_ref() == Some(to)
                    && consumer.state == ConsumerState::Delivered;
                without += usize::from(!delivered);
            }
        }
    }
    Suspect {
        id: rotation.id.clone(),
        secret: rotation.secret.clone(),
        moved: moved.clone(),
        behind,
        without,
        known,
        through_account: None,
    }
}

/// True where a consumer uses a version, or did and went on to another.
pub(super) fn is_on(consumer: &Consumer, version: &Version) -> bool {
    let uses = matches!(
        consumer.state,
        ConsumerState::InUse | ConsumerState::Validated
    );
    if consumer.version.as_ref() == Some(version) {
        return uses;
    }
    consumer
        .reached
        .iter()
        .any(|(reached, _)| reached == version)
}

/// The id of the rotation that an event of one is about.
fn named(event: &Event) -> Option<RotationId> {
    let subject = || event.subject.clone().map(RotationId);
    event.rotation.clone().or_else(subject)
}
