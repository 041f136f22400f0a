//! IAM: the access keys of a user, of which there may be two, so that one replaces the other while
//! both work.
//!
//! Decision rules:
//! 1. A rotation is the key that it brings. It begins with `CreateAccessKey` where another key of
//!    the user is known; where none is, with the first sign of an older one: its use or its end. A
//!    user that the log shows being made has none.
//! 2. A key is used by whoever signs a call with it: the first use of the new key is the cutover,
//!    and every use puts its caller on that key.
//! 3. The old key is refused once `UpdateAccessKey` makes it inactive or `DeleteAccessKey` removes
//!    it: the revocation. Made active again, that is undone. Removed, the rotation is over.
//! 4. The new key made inactive or removed is a rollback.

use std::collections::{HashMap, VecDeque};

use super::call::{Call, Note, Owned};
use crate::audit::derive::emit::Emit;
use crate::audit::derive::holders::{Holders, in_use};
use crate::audit::derive::told::{Told, stage, started};
use crate::audit::derive::who::Who;
use crate::audit::record::Said;
use crate::model::event::{
    Outcome, RotationFinished, RotationStarted, SecretKind, Stage, StageStatus, Trigger,
};
use crate::model::{Actor, ConsumerId, RotationId, SecretPath, Text, Timestamp, Version};

/// What long-lived access keys begin with; those of sessions begin with `ASIA`.
const LONG_LIVED: &str = "AKIA";
/// How many callers are remembered who used a key.
const USERS_OF_A_KEY: usize = 256;
/// How many keys of one user are remembered: IAM allows two at a time.
const KEYS: usize = 8;

/// What is known of users and their keys.
#[derive(Debug, Default)]
pub struct Iam {
    users: HashMap<Owned, User>,
    holders: Holders,
}

#[derive(Debug, Default)]
struct User {
    /// True where the log shows that it was made: its first key replaces none.
    is_new: bool,
    /// The latest last.
    keys: VecDeque<Key>,
    rotation: Option<Rotation>,
}

#[derive(Debug)]
struct Key {
    name: Version,
    /// Where the log shows that it was made.
    made: Option<Made>,
    users: VecDeque<Who>,
}

#[derive(Clone, Debug)]
struct Made {
    at: Timestamp,
    by: Actor,
    id: String,
}

#[derive(Debug)]
struct Rotation {
    id: RotationId,
    from: Version,
    to: Version,
    stored: Timestamp,
    cut: bool,
    revoked: bool,
}

/// A call, the user's secret, and where events go.
struct Work<'w, 'o> {
    call: &'w Call,
    secret: &'w SecretPath,
    holders: &'w mut Holders,
    emit: &'w mut Emit<'o>,
}

impl Iam {
    /// Any call that was signed with a user's long-lived key uses that key. The events of calls of
    /// IAM itself come after it.
    pub fn used(&mut self, call: &Call, emit: &mut Emit<'_>) {
        let caller = &call.record.caller;
        let is_user = caller
            .kind
            .as_ref()
            .is_some_and(|kind| kind.raw() == "IAMUser");
        let key = caller
            .access_key
            .as_ref()
            .filter(|key| key.raw().starts_with(LONG_LIVED));
        let (true, Some(key), Some(name)) = (is_user, key, &caller.user) else {
            return;
        };
        let secret = secret(name);
        let user = self.users.entry(call.owned(secret.clone())).or_default();
        let mut work = Work {
            call,
            secret: &secret,
            holders: &mut self.holders,
            emit,
        };
        work.used(user, &Version(key.clone()));
    }

    /// Looks at a call of IAM.
    pub fn call(&mut self, call: &Call, emit: &mut Emit<'_>) -> Note {
        let is_key = matches!(
            call.name(),
            "CreateAccessKey" | "UpdateAccessKey" | "DeleteAccessKey"
        );
        if !is_key && call.name() != "CreateUser" {
            return Note::default();
        }
        // A call that names no user is about the caller's own keys.
        let name = call.says(Said::KeyUser).or(call.says(Said::User));
        let Some(name) = name.or(call.record.caller.user.as_ref()) else {
            return Note::default();
        };
        let secret = secret(name);
        let note = Note {
            secret: is_key.then(|| secret.clone()),
            ..Note::default()
        };
        if !call.is_done() {
            return note;
        }
        let user = self.users.entry(call.owned(secret.clone())).or_default();
        let mut work = Work {
            call,
            secret: &secret,
            holders: &mut self.holders,
            emit,
        };
        let asked = call.version(Said::KeyAsked);
        let told = match (call.name(), asked) {
            ("CreateUser", _) => {
                user.is_new = true;
                Note::default()
            }
            ("CreateAccessKey", _) => work.made(user),
            ("DeleteAccessKey", Some(key)) => work.removed(user, &key),
            ("UpdateAccessKey", Some(key)) => match call.says(Said::Status).map(Text::raw) {
                Some("Inactive") => work.refused(user, &key),
                Some("Active") => work.accepted(user, &key),
                _ => Note::default(),
            },
            _ => Note::default(),
        };
        Note {
            secret: note.secret,
            ..told
        }
    }
}

fn secret(user: &Text) -> SecretPath {
    SecretPath::from(format!("iam/access-key/{}", user.raw()))
}

impl User {
    fn key(&mut self, name: &Version) -> Option<&mut Key> {
        if !self.keys.iter().any(|key| key.name == *name) {
            if self.keys.len() >= KEYS {
                self.keys.pop_front();
            }
            self.keys.push_back(Key {
                name: name.clone(),
                made: None,
                users: VecDeque::new(),
            });
        }
        self.keys.iter_mut().find(|key| key.name == *name)
    }

    /// The latest key that the log shows being made, where it is another than `old`.
    fn made_beside(&self, old: &Version) -> Option<(Version, Made)> {
        let made = self.keys.iter().rev().find(|key| key.made.is_some())?;
        let old_is_newer = self.keys.iter().any(|k| k.name == *old && k.made.is_some());
        let fits = made.name != *old && !old_is_newer;
        Some((made.name.clone(), made.made.clone()?)).filter(|_| fits)
    }
}

impl Work<'_, '_> {
    /// `CreateAccessKey`.
    fn made(&mut self, user: &mut User) -> Note {
        let Some(name) = self.call.version(Said::KeyMade) else {
            return Note::default();
        };
        let made = Made {
            at: self.call.time(),
            by: self.call.who.actor.clone(),
            id: self.call.id(),
        };
        let old = user.keys.back().map(|key| key.name.clone());
        if let Some(key) = user.key(&name) {
            key.made = Some(made.clone());
        }
        let note = Note {
            version: Some(name.clone()),
            stage: Some(Stage::Store),
            ..Note::default()
        };
        let Some(old) = old.filter(|old| *old != name) else {
            return note;
        };
        let id = self.begins(user, &old, &name, &made);
        Note {
            rotation: Some(id),
            ..note
        }
    }

    /// The rotation from one key to another begins, at the time when the new one was made.
    fn begins(&mut self, user: &mut User, from: &Version, to: &Version, made: &Made) -> RotationId {
        let rotation = RotationId::from(format!("iam-{}", to.raw()));
        let data = RotationStarted {
            kind: Some(SecretKind::ApiKey),
            from_version: Some(from.clone()),
            to_version: Some(to.clone()),
            trigger: Some(Trigger::Manual),
            dual_run: Some(true),
            by: Some(made.by.clone()),
            ..started(self.secret.clone())
        };
        let told = Told {
            rotation: &rotation,
            id: &made.id,
        };
        told.started(made.at, data, self.emit);
        told.completed(made.at, Stage::Store, true, self.emit);
        user.rotation = Some(Rotation {
            id: rotation.clone(),
            from: from.clone(),
            to: to.clone(),
            stored: made.at,
            cut: false,
            revoked: false,
        });
        let before = user.key(from).map(|key| std::mem::take(&mut key.users));
        for who in before.into_iter().flatten() {
            let id = format!("{}/{}", self.call.id(), consumer(&who).raw());
            self.on(&who, from, None, &id);
        }
        rotation
    }

    /// A call was signed with a key.
    fn used(&mut self, user: &mut User, name: &Version) {
        let who = &self.call.who;
        if user.rotation.is_none()
            && !user.is_new
            && let Some((to, made)) = user.made_beside(name)
        {
            self.begins(user, name, &to, &made);
        }
        let Some(rotation) = &mut user.rotation else {
            if let Some(key) = user.key(name) {
                key.users.retain(|known| consumer(known) != consumer(who));
                if key.users.len() >= USERS_OF_A_KEY {
                    key.users.pop_front();
                }
                key.users.push_back(who.clone());
            }
            return;
        };
        let id = self.call.id();
        if *name == rotation.to && !std::mem::replace(&mut rotation.cut, true) {
            let told = Told {
                rotation: &rotation.id,
                id: &id,
            };
            told.completed(self.call.time(), Stage::Cutover, false, self.emit);
            let grace = stage(Stage::Grace, StageStatus::Started, false);
            told.stage(self.call.time(), grace, self.emit);
        }
        let brought = (*name == rotation.to).then(|| (rotation.id.clone(), rotation.stored));
        let id = format!("{id}/consumer");
        self.on(who, name, brought, &id);
    }

    /// A caller is on a key.
    fn on(
        &mut self,
        who: &Who,
        name: &Version,
        brought: Option<(RotationId, Timestamp)>,
        id: &str,
    ) {
        let consumer = ConsumerId(consumer(who));
        if !self.holders.goes_over(self.secret, &consumer, name) {
            return;
        }
        let time = self.call.time();
        let latency = brought.as_ref().map(|(_, stored)| time.since(*stored));
        let data = in_use(who, &consumer, self.secret, name, latency);
        let rotation = brought.map(|(id, _)| id);
        self.emit
            .maybe_of(rotation.as_ref(), id.to_owned(), time, consumer.0, data);
    }

    /// The rotation that a key's end belongs to; begins one where the key is the first sign of an
    /// older one.
    fn ending<'u>(&mut self, user: &'u mut User, key: &Version) -> Option<&'u mut Rotation> {
        if user.rotation.is_none()
            && let Some((to, made)) = user.made_beside(key)
        {
            self.begins(user, key, &to, &made);
        }
        user.rotation.as_mut()
    }

    /// `UpdateAccessKey` to inactive.
    fn refused(&mut self, user: &mut User, key: &Version) -> Note {
        let note = Note {
            version: Some(key.clone()),
            stage: Some(Stage::Revoke),
            ..Note::default()
        };
        let Some(rotation) = self.ending(user, key) else {
            return note;
        };
        let id = Some(rotation.id.clone());
        if *key == rotation.from {
            self.revoked(rotation, true);
            return Note {
                rotation: id,
                ..note
            };
        }
        if *key == rotation.to {
            self.back(user, "was made inactive");
            return Note {
                rotation: id,
                ..note
            };
        }
        note
    }

    /// The old key is refused from now on.
    fn revoked(&mut self, rotation: &mut Rotation, audited: bool) {
        let id = self.call.id();
        let time = self.call.time();
        let told = Told {
            rotation: &rotation.id,
            id: &id,
        };
        if !std::mem::replace(&mut rotation.cut, true) {
            told.completed(time, Stage::Cutover, false, self.emit);
        }
        if !std::mem::replace(&mut rotation.revoked, true) {
            told.completed(time, Stage::Grace, false, self.emit);
            told.completed(time, Stage::Revoke, audited, self.emit);
        }
    }

    /// The new key is given up.
    fn back(&mut self, user: &mut User, how: &str) {
        let Some(rotation) = user.rotation.take() else {
            return;
        };
        let by = self.call.record.actor.raw();
        let reason = format!("the new key {} {how} by {by}", rotation.to.raw());
        let outcome = if rotation.cut {
            Outcome::RolledBack
        } else {
            Outcome::Aborted
        };
        self.finished(&rotation.id, outcome, Some(Text::from(reason)));
    }

    fn finished(&mut self, rotation: &RotationId, outcome: Outcome, reason: Option<Text>) {
        let id = format!("{}/finished", self.call.id());
        let data = RotationFinished { outcome, reason };
        self.emit.of(rotation, id, self.call.time(), data);
    }

    /// `UpdateAccessKey` to active.
    fn accepted(&mut self, user: &mut User, key: &Version) -> Note {
        let note = Note {
            version: Some(key.clone()),
            ..Note::default()
        };
        let revoked = user
            .rotation
            .as_mut()
            .filter(|r| r.from == *key && r.revoked);
        let Some(rotation) = revoked else {
            return note;
        };
        rotation.revoked = false;
        let id = self.call.id();
        let told = Told {
            rotation: &rotation.id,
            id: &id,
        };
        let mut undone = stage(Stage::Revoke, StageStatus::Skipped, true);
        undone.error = Some(Text::from(format!("{} is active again", key.raw())));
        told.stage(self.call.time(), undone, self.emit);
        let grace = stage(Stage::Grace, StageStatus::Resumed, false);
        told.stage(self.call.time(), grace, self.emit);
        Note {
            rotation: Some(rotation.id.clone()),
            stage: Some(Stage::Revoke),
            ..note
        }
    }

    /// `DeleteAccessKey`.
    fn removed(&mut self, user: &mut User, key: &Version) -> Note {
        let note = Note {
            version: Some(key.clone()),
            stage: Some(Stage::Revoke),
            ..Note::default()
        };
        let mut told = None;
        if let Some(rotation) = self.ending(user, key) {
            told = [&rotation.from, &rotation.to]
                .contains(&key)
                .then(|| rotation.id.clone());
            if *key == rotation.from {
                self.revoked(rotation, true);
                let id = rotation.id.clone();
                self.finished(&id, Outcome::Succeeded, None);
                user.rotation = None;
            } else if *key == rotation.to {
                self.back(user, "was removed");
            }
        }
        user.keys.retain(|known| known.name != *key);
        Note {
            rotation: told,
            ..note
        }
    }
}

/// Under which name a caller uses a key: the user and where it calls from, unless a rule says more.
fn consumer(who: &Who) -> Text {
    if let Some(consumer) = &who.consumer {
        return consumer.0.clone();
    }
    match who.identities.get(1) {
        Some(address) => Text::from(format!("{}@{}", who.service.raw(), address.raw())),
        None => who.service.0.clone(),
    }
}
