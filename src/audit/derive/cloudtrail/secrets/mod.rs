//! Secrets Manager: rotations by its Lambda or by hand, and who reads which version.
//!
//! Decision rules:
//! 1. A rotation is the version that it brings: `clientRequestToken`, which is also the last 36
//!    characters of a service event's `requestID`. Whatever tells of that version first begins it.
//! 2. `PutSecretValue` with `AWSPENDING` is the step *create* (generate); the reads of that version
//!    by whoever rotates are the steps *set* (store) and *test* (validate); `AWSCURRENT` moved to it
//!    is *finish* (cutover). `RotationFailed` names its step.
//! 3. `PutSecretValue` without a label, and a move of `AWSCURRENT` to a version that was never
//!    pending, is a rotation by hand. A move back to a version that was current before is a
//!    rollback: it ends the rotation that brought the current one and begins none.
//! 4. A read without a version or a label of its own shows its caller on the current version. Who
//!    read while that was not known is told once `removeFromVersionId` names it.

mod secret;
mod service;

use std::collections::HashMap;

use self::secret::{Rotation, Secret};
use super::call::{Call, Note, Owned};
use crate::audit::derive::emit::Emit;
use crate::audit::derive::holders::Holders;
use crate::audit::derive::told::{Told, stage, started};
use crate::audit::record::Said;
use crate::model::event::{Outcome, RotationFinished, Stage, StageStatus, Trigger};
use crate::model::{Actor, RotationId, SecretPath, Span, Text, Version};

/// The labels of versions.
const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";

/// A secret's first value may be put by a call of its own right after the secret was made.
const FIRST_VALUE: Span = Span::seconds(60);

/// What is known of secrets.
#[derive(Debug, Default)]
pub struct Secrets {
    known: HashMap<Owned, Secret>,
    /// Whose a token is: one that two secrets share names the rotation of the first.
    tokens: HashMap<Version, Owned>,
    holders: Holders,
}

/// A call on a secret, and what it may write to.
struct Work<'w, 'o> {
    call: &'w Call,
    name: &'w SecretPath,
    tokens: &'w mut HashMap<Version, Owned>,
    holders: &'w mut Holders,
    emit: &'w mut Emit<'o>,
}

impl Secrets {
    /// Looks at a call of Secrets Manager.
    pub fn call(&mut self, call: &Call, emit: &mut Emit<'_>) -> Note {
        let Some(name) = name(call) else {
            return Note::default();
        };
        let secret = self.known.entry(call.owned(name.clone())).or_default();
        let mut work = Work {
            call,
            name: &name,
            tokens: &mut self.tokens,
            holders: &mut self.holders,
            emit,
        };
        let note = work.look(secret);
        Note {
            secret: Some(name.clone()),
            ..note
        }
    }
}

/// The secret that a call is about, by its name.
///
/// An ARN ends in the name, a hyphen and six characters of its own. A *partial* ARN lacks those;
/// AWS itself cannot tell it from a whole one where the name ends in a hyphen and six characters.
fn name(call: &Call) -> Option<SecretPath> {
    let asked = call.record.resource.as_ref().or(call.says(Said::Arn))?;
    let words = asked.raw();
    let Some((_, rest)) = words.split_once(":secret:") else {
        return Some(SecretPath(asked.clone()));
    };
    let own = |end: &str| end.len() == 6 && end.bytes().all(|b| b.is_ascii_alphanumeric());
    let name = match rest.rsplit_once('-') {
        Some((name, end)) if own(end) && !name.is_empty() => name,
        _ => rest,
    };
    Some(SecretPath::from(name))
}

impl Work<'_, '_> {
    fn look(&mut self, secret: &mut Secret) -> Note {
        let call = self.call;
        match call.name() {
            "RotationFailed" => return self.failed(secret),
            "RotationAbandoned" => return self.abandoned(secret),
            "TestRotationStarted" | "TestRotationSucceeded" | "TestRotationFailed" => {
                return Note {
                    stage: Some(Stage::Validate),
                    ..Note::default()
                };
            }
            _ if !call.is_done() => return Note::default(),
            _ => {}
        }
        match call.name() {
            "CreateSecret" => {
                secret.current = call.version(Said::VersionMade);
                secret.made = Some((call.time(), call.record.actor.clone()));
                Note::default()
            }
            "RotateSecret" => self.asked(secret),
            "RotationStarted" => self.began(secret),
            "PutSecretValue" => self.put(secret),
            // Without an answered version only the description or the key was changed.
            "UpdateSecret" if call.says(Said::VersionMade).is_some() => self.put(secret),
            "UpdateSecretVersionStage" => self.labelled(secret),
            "RotationSucceeded" => self.succeeded(secret),
            "CancelRotateSecret" => self.given_up(secret, "cancelled"),
            "DeleteSecret" => self.given_up(secret, "the secret was deleted"),
            "GetSecretValue" => self.read(secret),
            _ => Note::default(),
        }
    }

    /// The rotation that brings `version`; begins it where it is not known.
    fn rotation<'s>(
        &mut self,
        secret: &'s mut Secret,
        version: &Version,
        trigger: Option<Trigger>,
    ) -> &'s mut Rotation {
        let owned = self.call.owned(self.name.clone());
        let holder = self.tokens.entry(version.clone()).or_insert(owned.clone());
        let id = if *holder == owned {
            RotationId(version.0.clone())
        } else {
            RotationId::from(format!("{}@{}", version.raw(), self.name.raw()))
        };
        let before = secret.current.clone().filter(|current| current != version);
        let (rotation, is_new) = secret.rotation(version, id);
        let news = trigger.is_some() && rotation.trigger.is_none();
        if news || is_new {
            let mut data = started(self.name.clone());
            data.from_version = before;
            data.to_version = Some(version.clone());
            data.by = asker(trigger.as_ref(), self.call);
            rotation.trigger = trigger.or(rotation.trigger.take());
            data.trigger.clone_from(&rotation.trigger);
            let id = self.call.id();
            Told {
                rotation: &rotation.id,
                id: &id,
            }
            .started(self.call.time(), data, self.emit);
        }
        rotation
    }

    fn stage(&mut self, rotation: &RotationId, what: Stage, status: StageStatus, audited: bool) {
        let id = self.call.id();
        let told = Told { rotation, id: &id };
        told.stage(self.call.time(), stage(what, status, audited), self.emit);
    }

    fn completed(&mut self, rotation: &RotationId, what: Stage, audited: bool) {
        self.stage(rotation, what, StageStatus::Completed, audited);
    }

    fn finished(&mut self, rotation: &RotationId, outcome: Outcome, reason: Option<Text>) {
        let id = format!("{}/finished", self.call.id());
        let data = RotationFinished { outcome, reason };
        self.emit.of(rotation, id, self.call.time(), data);
    }

    /// `RotateSecret`: somebody asks for a rotation, unless only for a new schedule.
    fn asked(&mut self, secret: &mut Secret) -> Note {
        secret.operates(&self.call.who.actor);
        let now = self.call.says(Said::RotateNow);
        let version = self.call.version(Said::Token);
        let version = version.or_else(|| self.call.version(Said::VersionMade));
        let Some(version) = version.filter(|_| now.is_none_or(|word| word.raw() != "false")) else {
            return Note::default();
        };
        let rotation = self.rotation(secret, &version, Some(Trigger::Manual));
        let triggered = std::mem::replace(&mut rotation.triggered, true);
        let id = rotation.id.clone();
        if !triggered {
            self.completed(&id, Stage::Trigger, true);
        }
        Note {
            rotation: Some(id),
            version: Some(version),
            stage: (!triggered).then_some(Stage::Trigger),
            ..Note::default()
        }
    }

    /// `PutSecretValue`, and `UpdateSecret` with a value.
    fn put(&mut self, secret: &mut Secret) -> Note {
        secret.operates(&self.call.who.actor);
        let version = self.call.version(Said::Token);
        let version = version.or_else(|| self.call.version(Said::VersionMade));
        let Some(version) = version else {
            return Note::default();
        };
        let labels = self.call.says(Said::Stages).map(Text::raw);
        let has = |label: &str| labels.is_some_and(|l| l.split(',').any(|word| word == label));
        let note = Note {
            version: Some(version.clone()),
            ..Note::default()
        };
        if labels.is_none() || has(CURRENT) {
            if secret.current.as_ref() == Some(&version) {
                return note;
            }
            if secret.has_no_value(self.call) {
                secret.moves(&version, self.call.time());
                return note;
            }
            self.brought(secret, &version, Stage::Store)
        } else if has(PENDING) {
            let rotation = self.rotation(secret, &version, None);
            let again = std::mem::replace(&mut rotation.generated, true);
            let id = rotation.id.clone();
            secret.pending = Some(version.clone());
            if !again {
                self.completed(&id, Stage::Generate, true);
            }
            Note {
                rotation: Some(id),
                stage: (!again).then_some(Stage::Generate),
                ..note
            }
        } else {
            note
        }
    }

    /// The version becomes the current one; the record is the audit entry of `audited`.
    fn brought(&mut self, secret: &mut Secret, version: &Version, audited: Stage) -> Note {
        let known = secret.knows(version).is_some();
        let trigger = (!known).then_some(Trigger::Manual);
        let replaced = secret.current.clone();
        let time = self.call.time();
        let rotation = self.rotation(secret, version, trigger);
        let stored = rotation.stored.replace(rotation.stored.unwrap_or(time));
        let validating = std::mem::take(&mut rotation.validating);
        rotation.cut = true;
        rotation.rolled_back = false;
        rotation.replaced = replaced;
        let id = rotation.id.clone();
        if stored.is_none() {
            self.completed(&id, Stage::Store, audited == Stage::Store);
        }
        if validating {
            self.completed(&id, Stage::Validate, false);
        }
        self.completed(&id, Stage::Cutover, audited == Stage::Cutover);
        secret.moves(version, time);
        Note {
            rotation: Some(id),
            version: Some(version.clone()),
            stage: Some(audited),
            ..Note::default()
        }
    }

    /// `UpdateSecretVersionStage`: a label is moved or taken away.
    fn labelled(&mut self, secret: &mut Secret) -> Note {
        secret.operates(&self.call.who.actor);
        let (to, from) = (
            self.call.version(Said::MoveTo),
            self.call.version(Said::RemoveFrom),
        );
        let label = self.call.says(Said::Stage).map_or("", Text::raw);
        match (label, to) {
            (CURRENT, Some(to)) => self.moved(secret, &to, from),
            (PENDING, Some(to)) => {
                let version = Some(to.clone());
                secret.pending = Some(to);
                Note {
                    version,
                    ..Note::default()
                }
            }
            (PENDING, None) => {
                let open = from.filter(|from| secret.knows(from).is_some_and(Rotation::is_open));
                let Some(version) = open else {
                    return Note::default();
                };
                secret.pending = None;
                self.ends(secret, &version, "AWSPENDING was taken from it")
            }
            (PREVIOUS, Some(to)) => {
                secret.previous = Some(to);
                Note::default()
            }
            (PREVIOUS, None) => self.withdrawn(secret, from),
            (_, to) => Note {
                version: to.or(from),
                ..Note::default()
            },
        }
    }

    /// `AWSCURRENT` moves.
    fn moved(&mut self, secret: &mut Secret, to: &Version, from: Option<Version>) -> Note {
        if secret.current.is_none()
            && let Some(from) = from
        {
            self.learns(secret, &from);
        }
        let note = Note {
            version: Some(to.clone()),
            ..Note::default()
        };
        if secret.current.as_ref() == Some(to) {
            return note;
        }
        if !secret.was_current(to) {
            return self.brought(secret, to, Stage::Cutover);
        }
        let undone = secret.undo();
        secret.moves(to, self.call.time());
        if let Some(id) = &undone {
            let by = self.call.record.actor.raw();
            let reason = format!("{by} moved {CURRENT} back to {}", to.raw());
            self.finished(id, Outcome::RolledBack, Some(Text::from(reason)));
        }
        Note {
            rotation: undone,
            ..note
        }
    }

    /// `AWSPREVIOUS` is taken from the version that a rotation has replaced: nobody gets it by its
    /// label any more.
    fn withdrawn(&mut self, secret: &mut Secret, from: Option<Version>) -> Note {
        let Some(from) = from else {
            return Note::default();
        };
        if secret.previous.as_ref() == Some(&from) {
            secret.previous = None;
        }
        let note = Note {
            version: Some(from.clone()),
            stage: Some(Stage::Revoke),
            ..Note::default()
        };
        let Some(id) = secret.revokes(&from) else {
            return note;
        };
        self.completed(&id, Stage::Revoke, true);
        Note {
            rotation: Some(id),
            ..note
        }
    }

    /// The rotation in flight, if there is one, is over.
    fn given_up(&mut self, secret: &mut Secret, why: &str) -> Note {
        secret.operates(&self.call.who.actor);
        let open = secret.in_flight().cloned();
        open.map_or_else(Note::default, |version| {
            let by = self.call.record.actor.raw();
            self.ends(secret, &version, &format!("{why} by {by}"))
        })
    }

    fn ends(&mut self, secret: &mut Secret, version: &Version, why: &str) -> Note {
        let open = secret.knows(version).is_some_and(Rotation::is_open);
        let id = secret.knows(version).map(|r| r.id.clone());
        if let Some(id) = id.as_ref().filter(|_| open) {
            self.finished(id, Outcome::Aborted, Some(Text::from(why)));
        }
        secret.end(version);
        Note {
            rotation: id,
            version: Some(version.clone()),
            ..Note::default()
        }
    }

    /// `GetSecretValue`.
    fn read(&mut self, secret: &mut Secret) -> Note {
        let label = self.call.says(Said::Stage).map_or("", Text::raw);
        let asked = self.call.version(Said::VersionAsked);
        let of = |version: Option<Version>| Note {
            version,
            ..Note::default()
        };
        if label == PENDING {
            return self.tried(secret, asked);
        }
        if asked.is_some() || !matches!(label, "" | CURRENT) {
            return of(asked.or_else(|| secret.labelled(label)));
        }
        let Some(current) = secret.current.clone() else {
            secret.waits(self.call);
            return Note::default();
        };
        // In the second of the move it cannot be told on which side of it a read was.
        if secret.moved == Some(self.call.time()) {
            return Note::default();
        }
        let brought = secret.knows(&current);
        let rotation = brought.map(|r| r.id.clone());
        let stored = brought.and_then(|r| r.stored);
        let brought = (rotation, stored);
        secret.uses(self.call, self.name, brought, self.holders, self.emit);
        of(Some(current))
    }

    /// The pending version is read: by the step *set* first, by *test* next.
    fn tried(&mut self, secret: &mut Secret, asked: Option<Version>) -> Note {
        secret.operates(&self.call.who.actor);
        let Some(version) = asked.or_else(|| secret.pending.clone()) else {
            return Note::default();
        };
        let note = Note {
            version: Some(version.clone()),
            ..Note::default()
        };
        let Some(rotation) = secret.open(&version).filter(|r| r.generated) else {
            return note;
        };
        let id = rotation.id.clone();
        rotation.tried = rotation.tried.saturating_add(1);
        match rotation.tried {
            1 => self.stage(&id, Stage::Store, StageStatus::Started, false),
            2 => {
                rotation.stored = Some(self.call.time());
                rotation.validating = true;
                self.completed(&id, Stage::Store, false);
                self.stage(&id, Stage::Validate, StageStatus::Started, false);
            }
            _ => {}
        }
        Note {
            rotation: Some(id),
            ..note
        }
    }

    /// The current version becomes known, and so does who was seen to read it.
    fn learns(&mut self, secret: &mut Secret, current: &Version) {
        secret.current = Some(current.clone());
        secret.names_readers(self.call, self.name, self.holders, self.emit);
    }
}

/// Who is named as the one who began it: whoever asked, and not the service itself.
fn asker(trigger: Option<&Trigger>, call: &Call) -> Option<Actor> {
    let by_nobody = call.record.by_service || trigger == Some(&Trigger::Schedule);
    (!by_nobody).then(|| call.who.actor.clone())
}
