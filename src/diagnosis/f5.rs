//! F5, leak during rotation: a scanner confirmed that the secret lies where it should not, or a
//! stranger was allowed to read the new version.
//!
//! A stranger is an actor who was never seen on that path before, who is no consumer by any
//! identity, and no operator whose act is recorded. Who cannot be matched cannot be a stranger:
//! where no known identity was ever seen on the path, nothing is said.

use super::beside::list;
use super::book::{Book, about, evidence, id_of, settle};
use super::finding::{Evidence, Mode, Subject};
use super::map::{Map, Set};
use super::{Findings, Rule};
use crate::incident::{EventRef, Incident, Rotation, is_hashed};
use crate::model::event::{
    AuditEntry, AuditOutcome, LeakConfidence, LeakFinding, Operation, StageStatus,
};
use crate::model::{Actor, Data, Event, RotationId, SecretPath, Timestamp};
/// What is known of the paths of one secret.
#[derive(Debug, Default)]
struct Known {
    /// The names by which its consumers are known.
    identities: Set<Actor>,
    /// Who was allowed anything on it, before or otherwise in the order of things.
    seen: Set<Actor>,
    /// When anybody was first allowed anything on it.
    since: Option<Timestamp>,
    /// True once a consumer was seen there under a known identity.
    matched: bool,
    /// Strangers that a finding stands on.
    strangers: Map<Actor, RotationId>,
    /// Rotations of it that a leak was confirmed for.
    leaked: Set<RotationId>,
}

/// The rule.
#[derive(Debug, Default)]
pub(super) struct Leak {
    book: Book,
    secrets: Map<SecretPath, Known>,
    /// What each responder acted on: a rotation's id or a secret.
    acts: Map<Actor, Set<String>>,
}

impl Rule for Leak {
    fn observe(&mut self, event: &Event, incident: &Incident, findings: &mut Findings) {
        self.book.learn(event, incident);
        match &event.data {
            Data::RotationStarted(data) => {
                let names = data.consumers.iter().flat_map(|c| &c.identities);
                self.identify(&data.secret, names, findings);
            }
            Data::ConsumerVersion(data) if !data.identities.is_empty() => {
                self.identify(&data.secret, data.identities.iter(), findings);
            }
            Data::AuditEntry(data) => self.read(event, data, incident, findings),
            Data::LeakFinding(data) => self.leak(event, data, incident, findings),
            Data::Action(data) => {
                let targets = self.acts.entry(data.actor.clone()).or_default();
                targets.insert(data.target.raw().to_owned());
                targets.extend(event.rotation.iter().map(|id| id.raw().to_owned()));
                self.excuse(&data.actor, incident, findings);
            }
            Data::RotationFinished(_) => {
                let rotation = id_of(event).and_then(|id| incident.rotation(&id));
                if let Some(rotation) = rotation {
                    self.healed(event, rotation, findings);
                }
            }
            _ => {}
        }
    }

    fn unknowns(&self, incident: &Incident) -> Vec<String> {
        let unmatched = self.secrets.iter().filter_map(|(secret, known)| {
            let since = known.since.filter(|_| !known.matched)?;
            self.book.latest(secret, incident)?;
            Some((since, secret))
        });
        let mut unmatched: Vec<_> = unmatched.collect();
        unmatched.sort();
        let Some((since, _)) = unmatched.first() else {
            return Vec::new();
        };
        let paths = list(unmatched.iter().map(|(_, secret)| secret));
        vec![format!(
            "whether a stranger reads {paths}: since {since} no reader there could be matched with a consumer"
        )]
    }
}

impl Leak {
    /// Names under which consumers of a secret are known: whoever bears one is no stranger.
    fn identify<'a>(
        &mut self,
        secret: &SecretPath,
        names: impl Iterator<Item = &'a Actor>,
        findings: &mut Findings,
    ) {
        let known = self.secrets.entry(secret.clone()).or_default();
        for name in names {
            known.matched |= known.seen.contains(name);
            known.identities.insert(name.clone());
            if known.strangers.contains_key(name) {
                known.matched = true;
                take_back(known, name, findings);
            }
        }
    }

    /// A recorded act explains what its actor read.
    fn excuse(&mut self, actor: &Actor, incident: &Incident, findings: &mut Findings) {
        let Self { secrets, acts, .. } = self;
        for known in secrets
            .values_mut()
            .filter(|known| !known.strangers.is_empty())
        {
            let Some(id) = known.strangers.get(actor) else {
                continue;
            };
            let rotation = incident.rotation(id);
            if rotation.is_some_and(|rotation| acted(acts, actor, rotation)) {
                take_back(known, actor, findings);
            }
        }
    }

    fn read(
        &mut self,
        event: &Event,
        data: &AuditEntry,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let Some(secret) = data.secret.as_ref() else {
            return;
        };
        if data.outcome != AuditOutcome::Allowed {
            return;
        }
        let known = self.secrets.entry(secret.clone()).or_default();
        known.since.get_or_insert(event.time);
        let is_consumer = known.identities.contains(&data.actor);
        known.matched |= is_consumer;
        if is_consumer || known.seen.contains(&data.actor) || data.operation != Operation::Read {
            known.seen.insert(data.actor.clone());
            return;
        }
        let rotation = match &data.version {
            Some(version) => self.book.bringing(secret, version, incident),
            None => self.book.latest(secret, incident).filter(|r| is_stored(r)),
        };
        let Some(rotation) = rotation else {
            known.seen.insert(data.actor.clone());
            return;
        };
        if !known.matched || is_hashed(&data.actor) || acted(&self.acts, &data.actor, rotation) {
            return;
        }
        known
            .strangers
            .insert(data.actor.clone(), rotation.id.clone());
        let note = format!(
            "{} was allowed to read the new version and was never seen on this path before",
            data.actor
        );
        let proof = vec![evidence(&EventRef::of(event), note)];
        let unknown = format!(
            "who stands behind {}: no consumer bears that name, and no act of theirs is recorded",
            data.actor
        );
        raise(event, rotation, 0.9, proof, unknown, incident, findings);
    }

    fn leak(
        &mut self,
        event: &Event,
        data: &LeakFinding,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let Some(secret) = data.secret.as_ref() else {
            return;
        };
        if data.confidence != LeakConfidence::Confirmed {
            return;
        }
        let Some(rotation) = self.book.latest(secret, incident) else {
            return;
        };
        let known = self.secrets.entry(secret.clone()).or_default();
        known.leaked.insert(rotation.id.clone());
        let note = format!("{} confirmed a leak at {}", data.detector, data.location);
        let proof = vec![evidence(&EventRef::of(event), note)];
        let unknown = format!("who has read {} since", data.location);
        raise(event, rotation, 0.99, proof, unknown, incident, findings);
    }

    /// What was leaked by an earlier rotation is worthless once a later one went through.
    fn healed(&mut self, event: &Event, rotation: &Rotation, findings: &mut Findings) {
        let ended = rotation.ended.as_ref();
        let good = ended.is_some_and(|e| e.outcome == crate::model::event::Outcome::Succeeded);
        let known = rotation
            .secret
            .as_ref()
            .and_then(|s| self.secrets.get_mut(s));
        let Some(known) = known.filter(|_| good) else {
            return;
        };
        let earlier: Set<RotationId> = known
            .leaked
            .drain()
            .chain(known.strangers.drain().map(|(_, id)| id))
            .collect();
        for id in earlier {
            if id == rotation.id {
                known.leaked.insert(id);
            } else {
                findings.resolve(Mode::F5, &Subject::Rotation(id), event.time);
            }
        }
    }
}

/// A stranger is none after all; the finding falls where it stood on nobody else.
fn take_back(known: &mut Known, actor: &Actor, findings: &mut Findings) {
    let Some(id) = known.strangers.remove(actor) else {
        return;
    };
    known.seen.insert(actor.clone());
    let others = known.strangers.values().any(|other| *other == id);
    if !others && !known.leaked.contains(&id) {
        findings.take_back(Mode::F5, &Subject::Rotation(id));
    }
}

/// True where this actor's act on the rotation or its secret is recorded.
fn acted(acts: &Map<Actor, Set<String>>, actor: &Actor, rotation: &Rotation) -> bool {
    let Some(targets) = acts.get(actor) else {
        return false;
    };
    let ids = std::iter::once(&rotation.id).chain(&rotation.aliases);
    let secret = rotation.secret.as_ref().map(SecretPath::raw);
    ids.map(RotationId::raw)
        .chain(secret)
        .any(|target| targets.contains(target))
}

/// Where an entry names no version, the new one is read once it is stored.
fn is_stored(rotation: &Rotation) -> bool {
    let stage = crate::model::event::Stage::Store.index();
    let stored = stage.and_then(|index| rotation.stages.get(index));
    stored.is_some_and(|view| view.status == Some(StageStatus::Completed))
}

fn raise(
    event: &Event,
    rotation: &Rotation,
    confidence: f64,
    proof: Vec<Evidence>,
    unknown: String,
    incident: &Incident,
    findings: &mut Findings,
) {
    let mut finding = about(Mode::F5, rotation, event.time, confidence, proof);
    finding.cannot_know.push(unknown);
    finding.regions.extend(rotation.regions.iter().cloned());
    findings.raise(
        Subject::Rotation(rotation.id.clone()),
        settle(finding, rotation, incident),
    );
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{at, found, one, started, told};
    use super::*;

    fn audit(seconds: i64, actor: &str, version: &str, outcome: &str) -> Event {
        let data = json!({"actor": actor, "operation": "read", "path": "secret/db", "secret": "db",
            "version": version, "outcome": outcome, "remote_addr": format!("10.0.0.{seconds}")});
        told(seconds, "/vault", "", "audit.entry", &data)
    }

    fn scanner(secret: &str, confidence: &str) -> Event {
        let data = json!({"detector": "gitleaks", "rule": "key", "location": "a.py",
            "secret": secret, "confidence": confidence, "fingerprint": "x"});
        told(50, "/gitleaks", "", "leak.finding", &data)
    }

    fn act(seconds: i64, target: &str) -> Event {
        let data: Value = json!({"action": "inspect", "phase": "executed", "actor": "oidc:mira",
            "target": target, "risk": "observe", "idempotency_key": "k"});
        told(seconds, "/session", "", "action", &data)
    }

    /// A rotation whose consumers are known on the path.
    fn known() -> Vec<Event> {
        vec![started(), audit(10, "approle:eu-1", "v1", "allowed")]
    }

    fn with(events: &[Event]) -> Vec<Event> {
        [known(), events.to_vec()].concat()
    }

    #[test]
    fn a_confirmed_leak_of_a_rotations_secret_is_found_whatever_else_is_none() {
        assert_eq!(
            one(Mode::F5, &with(&[scanner("db", "confirmed")])).detected_at,
            at(50)
        );
        assert!(found(Mode::F5, &with(&[scanner("db", "suspected")])).is_empty());
        assert!(found(Mode::F5, &with(&[scanner("old", "confirmed")])).is_empty());
    }

    #[test]
    fn a_stranger_who_was_allowed_to_read_the_new_version_is_found() {
        let finding = one(Mode::F5, &with(&[audit(20, "approle:x", "v2", "allowed")]));
        assert_eq!(finding.detected_at, at(20));
    }

    #[test]
    fn refused_probes_old_versions_known_consumers_and_regular_readers_are_none() {
        for events in [
            vec![audit(20, "approle:x", "v2", "denied")],
            vec![audit(20, "approle:x", "v1", "allowed")],
            vec![audit(20, "approle:eu-2", "v2", "allowed")],
            vec![
                audit(11, "backup", "v1", "allowed"),
                audit(20, "backup", "v2", "allowed"),
            ],
        ] {
            assert!(found(Mode::F5, &with(&events)).is_empty());
        }
    }

    #[test]
    fn an_operator_whose_act_is_recorded_is_none_though_it_is_told_later() {
        let read = audit(20, "oidc:mira", "v2", "allowed");
        assert!(found(Mode::F5, &with(&[act(15, "db"), read.clone()])).is_empty());
        assert!(found(Mode::F5, &with(&[act(25, "r1"), read.clone()])).is_empty());
        assert_eq!(found(Mode::F5, &with(&[act(15, "other"), read])).len(), 1);
    }

    #[test]
    fn a_consumer_whose_name_is_told_later_takes_the_finding_back() {
        let data = json!({"consumer": "eu-9", "service": "checkout", "secret": "db",
            "version": "v2", "state": "in_use", "identities": ["approle:x"]});
        let named = told(30, "/fleet", "", "consumer.version", &data);
        let read = audit(20, "approle:x", "v2", "allowed");
        assert!(found(Mode::F5, &with(&[read, named])).is_empty());
    }

    #[test]
    fn where_nobody_could_be_matched_nobody_is_a_stranger() {
        let events = [
            started(),
            audit(10, "hmac-sha256:aa", "v1", "allowed"),
            audit(20, "approle:x", "v2", "allowed"),
        ];
        assert!(found(Mode::F5, &events).is_empty());
        assert!(
            found(
                Mode::F5,
                &with(&[audit(20, "hmac-sha256:bb", "v2", "allowed")])
            )
            .is_empty()
        );
    }
}
