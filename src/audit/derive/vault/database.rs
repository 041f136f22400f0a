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
//! 4. A call that failed is retried in the background: the next move completes it.

use std::collections::HashMap;

use super::call::{Call, Note};
use super::known::Known;
use super::start::{Told, asked, started};
use crate::audit::derive::emit::Emit;
use crate::audit::digest::Digest;
use crate::model::event::{SecretKind, Stage, Trigger};
use crate::model::{RotationId, SecretPath, Span, Timestamp, Version};

/// Vault takes the time of a rotation between a call's two entries; this much is allowed for it.
const AROUND: Span = Span::seconds(1);

/// What is known of static roles.
#[derive(Debug, Default)]
pub struct Database {
    roles: HashMap<SecretPath, Role>,
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
}

#[derive(Debug)]
struct Asked {
    rotation: RotationId,
    from: Timestamp,
    until: Timestamp,
    failed: bool,
}

impl Database {
    /// Looks at a call of this engine.
    pub fn call(&mut self, call: &Call<'_>, known: &mut Known, emit: &mut Emit<'_>) -> Note {
        let Some(secret) = call.secret.clone() else {
            return Note::default();
        };
        let head = call.inner.split('/').next().unwrap_or_default();
        match head {
            "rotate-role" | "rotate-root" if call.writes() => self.asked(call, &secret, known, emit),
            "static-creds" | "static-cred" if call.reads() && call.is_done() => {
                self.read(call, &secret, known, emit)
            }
            _ => Note::default(),
        }
    }

    fn asked(
        &mut self,
        call: &Call<'_>,
        secret: &SecretPath,
        known: &mut Known,
        emit: &mut Emit<'_>,
    ) -> Note {
        use crate::audit::derive::windows::Ending;
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
        let kind = (call.entry.mount_type.raw() == "database").then_some(SecretKind::Database);
        let mut data = asked(call, secret, kind);
        data.from_version = role.current.as_ref().map(|c| c.version.clone());
        data.dual_run = Some(false);
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
        role.asked.push(Asked {
            rotation: rotation.clone(),
            from: call.asked - AROUND,
            until: call.answered + AROUND,
            failed,
        });
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
        let role = self.roles.entry(secret.clone()).or_default();
        if role.current.as_ref().is_none_or(|current| current.at < at) {
            let rotation = role.moved(call, secret, at, &version, emit);
            role.current = Some(Current {
                at,
                version: version.clone(),
                rotation,
            });
        }
        let current = role.current.as_ref().filter(|current| current.at == at);
        let rotation = current.and_then(|current| current.rotation.clone());
        known.uses(call, secret, &version, rotation.as_ref().map(|id| (id, at)), emit);
        Note {
            rotation: None,
            version: Some(version),
            stage: None,
        }
    }
}

impl Role {
    /// A version later than any before was read: which rotation brought it?
    fn moved(
        &mut self,
        call: &Call<'_>,
        secret: &SecretPath,
        at: Timestamp,
        version: &Version,
        emit: &mut Emit<'_>,
    ) -> Option<RotationId> {
        let before = self.current.as_ref().map(|c| c.version.clone());
        let fits = |a: &Asked| a.from <= at && (a.failed || at <= a.until);
        if let Some(index) = self.asked.iter().position(fits) {
            let done = self.asked.remove(index);
            self.asked.retain(|a| a.until > at);
            let id = call.id("named");
            let told = Told {
                rotation: &done.rotation,
                id: &id,
            };
            let mut data = started(secret.clone());
            data.from_version = before;
            data.to_version = Some(version.clone());
            told.started(call.answered, data, emit);
            if done.failed {
                told.completed(at, Stage::Store, false, emit);
                told.completed(at, Stage::Cutover, false, emit);
            }
            return Some(done.rotation);
        }
        before.as_ref()?;
        // The same whichever read shows it first, and whichever device wrote that.
        let id = Digest::of("automatic rotation")
            .word(emit.source.raw().as_bytes())
            .word(secret.raw().as_bytes())
            .word(version.raw().as_bytes())
            .hex();
        let id = format!("auto-{id}");
        let rotation = RotationId::from(id.as_str());
        let told = Told {
            rotation: &rotation,
            id: &id,
        };
        let mut data = started(secret.clone());
        data.kind = (call.entry.mount_type.raw() == "database").then_some(SecretKind::Database);
        data.from_version = before;
        data.to_version = Some(version.clone());
        data.trigger = Some(Trigger::Schedule);
        data.dual_run = Some(false);
        data.audit_expected = Some(false);
        told.started(at, data, emit);
        told.completed(at, Stage::Store, false, emit);
        told.completed(at, Stage::Cutover, false, emit);
        Some(rotation)
    }
}
