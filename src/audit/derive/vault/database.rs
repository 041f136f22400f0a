//! The database and LDAP engines: static roles, whose password is replaced in place.
//!
//! Decision rules:
//! 1. `rotate-role/X` and `rotate-root/X` begin a rotation. The old password is refused from that
//!    moment on: store and cutover are one, there is no dual-run, no grace and no revocation of
//!    its own, so no revoke stage is told.
//! 2. Its version is `last_vault_rotation`, which the call does not tell: it is named by the first
//!    read that shows one from the time of the call.
//! 3. A `last_vault_rotation` that is later than any seen before and from no such call is an
//!    automatic rotation, which Vault does not audit. The first one seen is where the log begins.
//!    It is told [`UNSURE`] after that read, since a call is logged after what it did is visible.
//! 4. A call that failed is retried in the background: the next move completes it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::call::{Call, Note};
use super::known::Known;
use super::start::{Told, asked, started};
use crate::audit::derive::emit::Emit;
use crate::audit::derive::windows::Ending;
use crate::audit::digest::Digest;
use crate::model::event::{SecretKind, Stage, Trigger};
use crate::model::{RotationId, SecretPath, Span, Timestamp, Version};

/// Vault takes the time of a rotation between a call's two entries; this much is allowed for it.
const AROUND: Span = Span::seconds(1);

/// How long a move waits for the entry of the call that may have caused it.
const UNSURE: Span = Span::seconds(2);

/// What is known of static roles.
#[derive(Debug, Default)]
pub struct Database {
    roles: HashMap<SecretPath, Role>,
    /// Moves that no call explains so far, in the order in which they were seen.
    unsure: Vec<Move>,
}

#[derive(Debug, Default)]
struct Role {
    current: Option<Current>,
    /// Rotations that were asked for and whose version is not known yet.
    asked: Vec<Asked>,
}

#[derive(Clone, Debug)]
struct Current {
    at: Timestamp,
    version: Version,
    rotation: Option<RotationId>,
    /// False for the first one seen: when the log begins, its consumers may long have had it.
    moved: bool,
}

#[derive(Debug)]
struct Asked {
    rotation: RotationId,
    from: Timestamp,
    until: Timestamp,
    failed: bool,
}

/// A `last_vault_rotation` that moved.
#[derive(Debug)]
struct Move {
    secret: SecretPath,
    kind: Option<SecretKind>,
    before: Version,
    at: Timestamp,
    version: Version,
    seen: Timestamp,
}

impl Database {
    /// Looks at a call of this engine.
    pub fn call(&mut self, call: &Call<'_>, known: &mut Known, emit: &mut Emit<'_>) -> Note {
        let Some(secret) = call.secret.clone() else {
            return Note::default();
        };
        let head = call.inner.split('/').next().unwrap_or_default();
        match head {
            "rotate-role" | "rotate-root" if call.writes() => {
                self.asked(call, &secret, known, emit)
            }
            "static-creds" | "static-cred" if call.reads() && call.is_done() => {
                self.read(call, &secret, known, emit)
            }
            _ => Note::default(),
        }
    }

    /// Tells the moves that no call has explained in time; all of them at the end, where `now` is
    /// `None`.
    pub fn close(&mut self, now: Option<Timestamp>, emit: &mut Emit<'_>) {
        let is_due = |m: &Move| now.is_none_or(|now| m.seen + UNSURE < now);
        let due = self.unsure.iter().take_while(|m| is_due(m)).count();
        for moved in self.unsure.drain(..due) {
            let rotation = automatic(&moved, emit);
            let current = self
                .roles
                .get_mut(&moved.secret)
                .and_then(|r| r.current.as_mut());
            if let Some(current) = current.filter(|c| c.at == moved.at) {
                current.rotation = Some(rotation);
            }
        }
    }

    fn asked(
        &mut self,
        call: &Call<'_>,
        secret: &SecretPath,
        known: &mut Known,
        emit: &mut Emit<'_>,
    ) -> Note {
        let failed = match call.ending() {
            _ if !call.is_answered || call.entry.wrapped => return Note::default(),
            // Refused: nothing began.
            Ending::Failed401 | Ending::Failed403 => return Note::default(),
            Ending::FailedOther => true,
            Ending::Granted => false,
        };
        known.operates(call, secret);
        let rotation = known.rotation(call);
        let role = self.roles.entry(secret.clone()).or_default();
        let (from, until) = (call.asked - AROUND, call.answered + AROUND);
        let fits = |m: &Move| m.secret == *secret && from <= m.at && m.at <= until;
        let seen = self
            .unsure
            .iter()
            .position(fits)
            .map(|at| self.unsure.remove(at));
        let mut data = asked(call, secret, kind(call));
        data.dual_run = Some(false);
        if let Some(seen) = &seen {
            data.from_version = Some(seen.before.clone());
            data.to_version = Some(seen.version.clone());
            let current = role.current.as_mut().filter(|c| c.at == seen.at);
            if let Some(current) = current {
                current.rotation = Some(rotation.clone());
            }
        } else {
            data.from_version = role.current.as_ref().map(|c| c.version.clone());
            role.asked.push(Asked {
                rotation: rotation.clone(),
                from,
                until,
                failed,
            });
        }
        let id = call.entry_id();
        let told = Told {
            rotation: &rotation,
            id: &id,
        };
        told.started(call.asked, data, emit);
        if failed {
            told.failed(call.answered, Stage::Store, call.entry.error.clone(), emit);
        } else {
            told.completed(call.answered, Stage::Store, true, emit);
            told.completed(call.answered, Stage::Cutover, false, emit);
        }
        Note {
            rotation: Some(rotation),
            version: None,
            stage: Some(Stage::Store),
        }
    }

    fn read(
        &mut self,
        call: &Call<'_>,
        secret: &SecretPath,
        known: &mut Known,
        emit: &mut Emit<'_>,
    ) -> Note {
        let data = &call.entry.response_data;
        let Some((at, version)) = ["last_vault_rotation", "last_openbao_rotation"]
            .iter()
            .find_map(|name| data.get(name)?.as_str())
            .and_then(|words| Some((Timestamp::parse(words).ok()?, Version::from(words))))
        else {
            // A keyed hash, as some devices write it: it names no time, and each device another.
            return Note::default();
        };
        let role = match self.roles.entry(secret.clone()) {
            Entry::Occupied(held) => held.into_mut(),
            Entry::Vacant(vacant) => vacant.insert(Role::default()),
        };
        if role.current.as_ref().is_none_or(|current| current.at < at) {
            let before = role.current.as_ref().map(|c| c.version.clone());
            let rotation = role.named(call, secret, at, &version, emit);
            let moved = rotation.is_some() || before.is_some();
            if let (None, Some(before)) = (&rotation, before) {
                self.unsure.push(Move {
                    secret: secret.clone(),
                    kind: kind(call),
                    before,
                    at,
                    version: version.clone(),
                    seen: call.answered,
                });
            }
            role.current = Some(Current {
                at,
                version: version.clone(),
                rotation,
                moved,
            });
        }
        let current = role.current.as_ref().filter(|c| c.at == at && c.moved);
        let brought = current.map(|current| (current.rotation.as_ref(), at));
        known.uses(call, secret, &version, brought, emit);
        Note {
            rotation: None,
            version: Some(version),
            stage: None,
        }
    }
}

impl Role {
    /// A version later than any before was read: names it as that of the rotation that was asked
    /// for, where one fits.
    fn named(
        &mut self,
        call: &Call<'_>,
        secret: &SecretPath,
        at: Timestamp,
        version: &Version,
        emit: &mut Emit<'_>,
    ) -> Option<RotationId> {
        let fits = |a: &Asked| a.from <= at && (a.failed || at <= a.until);
        let done = self
            .asked
            .iter()
            .position(fits)
            .map(|index| self.asked.remove(index))?;
        self.asked.retain(|a| a.until > at);
        let id = call.id("named");
        let told = Told {
            rotation: &done.rotation,
            id: &id,
        };
        let mut data = started(secret.clone());
        data.from_version = self.current.as_ref().map(|c| c.version.clone());
        data.to_version = Some(version.clone());
        told.started(call.answered, data, emit);
        if done.failed {
            told.completed(at, Stage::Store, false, emit);
            told.completed(at, Stage::Cutover, false, emit);
        }
        Some(done.rotation)
    }
}

fn kind(call: &Call<'_>) -> Option<SecretKind> {
    (call.entry.mount_type.raw() == "database").then_some(SecretKind::Database)
}

/// Tells a rotation that Vault made by itself. Its id is the same whichever read shows it first,
/// and whichever device wrote that read.
fn automatic(moved: &Move, emit: &mut Emit<'_>) -> RotationId {
    let id = Digest::of("automatic rotation")
        .word(emit.source.raw().as_bytes())
        .word(moved.secret.raw().as_bytes())
        .word(moved.version.raw().as_bytes())
        .hex();
    let id = format!("auto-{id}");
    let rotation = RotationId::from(id.as_str());
    let told = Told {
        rotation: &rotation,
        id: &id,
    };
    let mut data = started(moved.secret.clone());
    data.kind.clone_from(&moved.kind);
    data.from_version = Some(moved.before.clone());
    data.to_version = Some(moved.version.clone());
    data.trigger = Some(Trigger::Schedule);
    data.dual_run = Some(false);
    data.audit_expected = Some(false);
    told.started(moved.at, data, emit);
    told.completed(moved.at, Stage::Store, false, emit);
    told.completed(moved.at, Stage::Cutover, false, emit);
    rotation
}
