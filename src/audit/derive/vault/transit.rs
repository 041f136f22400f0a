//! The transit engine: keys that encrypt, decrypt and sign on their callers' behalf.
//!
//! Decision rules:
//! 1. `keys/X/rotate` begins a rotation. From then on Vault encrypts with the new version: store
//!    and cutover are one. Old versions go on decrypting: a dual-run without an end.
//! 2. `min_decryption_version` raised revokes the versions below it: the revoke stage of the
//!    latest rotation. Lowered again it brings them back: grace goes on, the revocation is undone.
//! 3. Decryptions are counted. A call that is neither granted nor refused for want of a permission
//!    is bad: the log says `invalid request` and hides the cause, such as a version that is too old.
//! 4. An encryption shows its caller with the version that Vault used for it.

use std::collections::HashMap;

use super::call::{Call, Note};
use super::known::Known;
use super::start::{Told, asked, stage};
use crate::audit::derive::emit::Emit;
use crate::audit::derive::windows::{Ending, Key, Windows};
use crate::model::event::{SecretKind, Stage, StageStatus};
use crate::model::{RotationId, SecretPath, Text, Timestamp, Version};

/// What is known of transit keys.
#[derive(Debug, Default)]
pub struct Transit {
    keys: HashMap<SecretPath, Held>,
}

#[derive(Debug, Default)]
struct Held {
    latest: Option<u64>,
    minimum: Option<u64>,
    rotation: Option<(RotationId, u64, Timestamp)>,
}

impl Transit {
    /// Looks at a call of this engine.
    pub fn call(
        &mut self,
        call: &Call<'_>,
        known: &mut Known,
        windows: &mut Windows,
        emit: &mut Emit<'_>,
    ) -> Note {
        let Some(secret) = call.secret.clone() else {
            return Note::default();
        };
        let head = call.inner.split('/').next().unwrap_or_default();
        match head {
            "decrypt" if call.is_answered => {
                decrypted(call, secret, windows);
                Note::default()
            }
            "encrypt" if call.is_done() => self.encrypted(call, &secret, known, emit),
            "keys" if call.is_done() => self.key(call, &secret, known, emit),
            _ => Note::default(),
        }
    }

    fn encrypted(
        &mut self,
        call: &Call<'_>,
        secret: &SecretPath,
        known: &mut Known,
        emit: &mut Emit<'_>,
    ) -> Note {
        let Some(number) = number(call, "key_version") else {
            return Note::default();
        };
        let version = Version::from(number.to_string());
        let held = self.keys.get(secret).and_then(|k| k.rotation.as_ref());
        let rotation = held.filter(|(_, to, _)| *to == number);
        let rotation = rotation.map(|(id, _, stored)| (Some(id), *stored));
        known.uses(call, secret, &version, rotation, emit);
        Note {
            version: Some(version),
            ..Note::default()
        }
    }

    fn key(
        &mut self,
        call: &Call<'_>,
        secret: &SecretPath,
        known: &mut Known,
        emit: &mut Emit<'_>,
    ) -> Note {
        let held = self.keys.entry(secret.clone()).or_default();
        let note = if call.writes() && call.inner.ends_with("/rotate") {
            known.operates(call, secret);
            held.rotated(call, secret, known, emit)
        } else if call.writes() && call.inner.ends_with("/config") {
            known.operates(call, secret);
            held.configured(call, emit)
        } else {
            Note::default()
        };
        held.latest = number(call, "latest_version").or(held.latest);
        held.minimum = number(call, "min_decryption_version").or(held.minimum);
        note
    }
}

impl Held {
    fn rotated(
        &mut self,
        call: &Call<'_>,
        secret: &SecretPath,
        known: &mut Known,
        emit: &mut Emit<'_>,
    ) -> Note {
        let rotation = known.rotation(call);
        // Older servers answer without the key; then the count goes on from what is known.
        let to = number(call, "latest_version").or(self.latest.map(|latest| latest + 1));
        let name = |n: u64| Version::from(n.to_string());
        let mut data = asked(call, secret, Some(SecretKind::EncryptionKey));
        data.from_version = to
            .and_then(|to| to.checked_sub(1))
            .filter(|n| *n > 0)
            .map(name);
        data.to_version = to.map(name);
        data.dual_run = Some(true);
        let id = call.entry_id();
        let told = Told {
            rotation: &rotation,
            id: &id,
        };
        told.started(call.asked, data, emit);
        told.completed(call.answered, Stage::Store, true, emit);
        told.completed(call.answered, Stage::Cutover, false, emit);
        let grace = stage(Stage::Grace, StageStatus::Started, false);
        told.stage(call.answered, grace, emit);
        self.latest = to;
        self.rotation = to.map(|to| (rotation.clone(), to, call.answered));
        Note {
            rotation: Some(rotation),
            version: to.map(name),
            stage: Some(Stage::Store),
        }
    }

    fn configured(&mut self, call: &Call<'_>, emit: &mut Emit<'_>) -> Note {
        let asked_for = call.entry.request_data.get("min_decryption_version");
        let minimum = number(call, "min_decryption_version")
            .or_else(|| asked_for.and_then(serde_json::Value::as_u64));
        let (Some(minimum), Some((rotation, to, _))) = (minimum, &self.rotation) else {
            return Note::default();
        };
        let before = self.minimum.unwrap_or(1);
        let id = call.entry_id();
        let told = Told { rotation, id: &id };
        let note = Note {
            rotation: Some(rotation.clone()),
            version: Some(Version::from(minimum.to_string())),
            stage: Some(Stage::Revoke),
        };
        if minimum > before && minimum >= *to {
            told.completed(call.answered, Stage::Grace, false, emit);
            told.completed(call.answered, Stage::Revoke, true, emit);
            note
        } else if minimum < before {
            let words = format!("min_decryption_version {before} → {minimum}: brought back");
            let mut undone = stage(Stage::Revoke, StageStatus::Skipped, true);
            undone.error = Some(Text::from(words));
            told.stage(call.answered, undone, emit);
            let grace = stage(Stage::Grace, StageStatus::Resumed, false);
            told.stage(call.answered, grace, emit);
            note
        } else {
            Note::default()
        }
    }
}

fn decrypted(call: &Call<'_>, secret: SecretPath, windows: &mut Windows) {
    let key = Key {
        signal: Some("decrypt"),
        service: call.who.service.clone(),
        region: call.who.region.clone(),
        secret: Some(secret),
    };
    // Who may not ask has not been told that the ciphertext is bad.
    let ending = match call.ending() {
        Ending::FailedOther => Ending::FailedOther,
        Ending::Granted => Ending::Granted,
        Ending::Failed401 | Ending::Failed403 => return,
    };
    windows.count(call.answered, key, ending);
}

fn number(call: &Call<'_>, name: &str) -> Option<u64> {
    call.entry.response_data.get(name)?.as_u64()
}
