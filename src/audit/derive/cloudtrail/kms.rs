//! KMS: keys that are given new material, aliases that are moved to another key, and decryptions.
//!
//! Decision rules:
//! 1. The service's `RotateKey` gives a key new material: store and cutover are one, and the old
//!    material goes on decrypting (dual-run without an end). `RotateKeyOnDemand` is who asked.
//! 2. `UpdateAlias` moves an alias from one key to another: a rotation of what the alias names.
//! 3. A key that is disabled or scheduled for deletion is refused from then on: the revocation of
//!    the alias's rotation that replaced it, else of its own latest one. Enabled again, that is
//!    undone.
//! 4. Decryptions are counted; one that fails otherwise than for a missing permission or for want
//!    of quota is bad.

use std::collections::HashMap;

use super::call::{Call, Note, Owned};
use crate::audit::derive::emit::Emit;
use crate::audit::derive::told::{Told, stage, started};
use crate::audit::derive::windows::{Ending, Key as Counted, Windows};
use crate::audit::record::Said;
use crate::model::event::{RotationStarted, Seconds, SecretKind, Stage, StageStatus, Trigger};
use crate::model::{Actor, RotationId, SecretPath, Span, Text, Timestamp, Version};

/// An on-demand rotation is done by the service this soon after it was asked for.
const ON_DEMAND: Span = Span::seconds(24 * 3600);

/// What is known of keys and aliases.
#[derive(Debug, Default)]
pub struct Kms {
    keys: HashMap<Owned, Key>,
    aliases: HashMap<Owned, Alias>,
}

#[derive(Debug, Default)]
struct Key {
    /// How often it is rotated, where that was set.
    period: Option<Seconds>,
    /// A rotation that was asked for and that the service has not done yet.
    asked: Option<(Timestamp, RotationId)>,
    /// The latest rotation of its material.
    rotation: Option<RotationId>,
    /// The rotation of the alias that was moved away from it.
    replaced_by: Option<RotationId>,
    /// The rotation whose revocation it is that the key is refused.
    refused: Option<RotationId>,
}

#[derive(Debug, Default)]
struct Alias {
    target: Option<SecretPath>,
}

impl Kms {
    /// Looks at a call of KMS.
    pub fn call(&mut self, call: &Call, windows: &mut Windows, emit: &mut Emit<'_>) -> Note {
        if matches!(call.name(), "CreateAlias" | "UpdateAlias") {
            return self.alias(call, emit);
        }
        let Some(secret) = key(call) else {
            return Note::default();
        };
        let note = Note {
            secret: Some(secret.clone()),
            ..Note::default()
        };
        if call.name() == "Decrypt" {
            decrypted(call, secret, windows);
            return note;
        }
        if !call.is_done() {
            return note;
        }
        let key = self.keys.entry(call.owned(secret.clone())).or_default();
        let told = match call.name() {
            "EnableKeyRotation" => {
                let days = call
                    .says(Said::Period)
                    .and_then(|days| days.raw().parse().ok());
                key.period = Some(Seconds(days.unwrap_or(365_u64).saturating_mul(86_400)));
                Note::default()
            }
            "DisableKeyRotation" => {
                key.period = None;
                Note::default()
            }
            "RotateKeyOnDemand" => key.asked(call, &secret, emit),
            "RotateKey" => key.rotated(call, &secret, emit),
            "DisableKey" | "ScheduleKeyDeletion" => key.refused(call, emit),
            "EnableKey" | "CancelKeyDeletion" => key.accepted(call, emit),
            _ => Note::default(),
        };
        Note {
            secret: note.secret,
            ..told
        }
    }

    fn alias(&mut self, call: &Call, emit: &mut Emit<'_>) -> Note {
        let (Some(name), Some(target)) = (call.says(Said::Alias), call.says(Said::Target)) else {
            return Note::default();
        };
        let secret = SecretPath(name.clone());
        let note = Note {
            secret: Some(secret.clone()),
            version: Some(Version(last(target))),
            ..Note::default()
        };
        if !call.is_done() {
            return note;
        }
        let target = path(target);
        let alias = self.aliases.entry(call.owned(secret.clone())).or_default();
        let before = alias.target.replace(target.clone());
        if call.name() == "CreateAlias" || before.as_ref() == Some(&target) {
            return note;
        }
        let rotation = RotationId::from(format!("kms-{}", call.id()));
        let mut data = began(secret, Some(Trigger::Manual), Some(call.who.actor.clone()));
        data.from_version = before.as_ref().map(|key| Version(last(&key.0)));
        data.to_version = Some(Version(last(&target.0)));
        brought(call, &rotation, Some(data), emit);
        if let Some(before) = before {
            let old = self.keys.entry(call.owned(before)).or_default();
            old.replaced_by = Some(rotation.clone());
        }
        Note {
            rotation: Some(rotation),
            stage: Some(Stage::Store),
            ..note
        }
    }
}

impl Key {
    fn asked(&mut self, call: &Call, secret: &SecretPath, emit: &mut Emit<'_>) -> Note {
        let rotation = RotationId::from(format!("kms-{}", call.id()));
        let data = began(
            secret.clone(),
            Some(Trigger::Manual),
            Some(call.who.actor.clone()),
        );
        let id = call.id();
        let told = Told {
            rotation: &rotation,
            id: &id,
        };
        told.started(call.time(), data, emit);
        told.completed(call.time(), Stage::Trigger, true, emit);
        self.asked = Some((call.time(), rotation.clone()));
        Note {
            rotation: Some(rotation),
            stage: Some(Stage::Trigger),
            ..Note::default()
        }
    }

    fn rotated(&mut self, call: &Call, secret: &SecretPath, emit: &mut Emit<'_>) -> Note {
        let kind = call.says(Said::RotationType).map(Text::raw);
        let recent = |(at, _): &(Timestamp, RotationId)| call.time().since(*at) <= ON_DEMAND;
        let asked = self
            .asked
            .take_if(|asked| kind != Some("AUTOMATIC") && recent(asked));
        let was_asked = asked.is_some();
        let rotation = asked.map_or_else(
            || RotationId::from(format!("kms-{}", call.id())),
            |(_, rotation)| rotation,
        );
        let trigger = match kind {
            Some("ON_DEMAND") => Some(Trigger::Manual),
            _ if was_asked => None,
            // Before 2024 the service rotated by its schedule only, and said nothing of the kind.
            _ => Some(Trigger::Schedule),
        };
        let mut data = began(secret.clone(), trigger, None);
        data.from_version = call.version(Said::MaterialBefore);
        data.to_version = call.version(Said::Material);
        data.cadence_seconds = self.period.filter(|_| !was_asked);
        let version = data.to_version.clone();
        brought(call, &rotation, Some(data), emit);
        self.rotation = Some(rotation.clone());
        Note {
            rotation: Some(rotation),
            version,
            stage: Some(Stage::Store),
            ..Note::default()
        }
    }

    fn refused(&mut self, call: &Call, emit: &mut Emit<'_>) -> Note {
        let note = Note {
            stage: Some(Stage::Revoke),
            ..Note::default()
        };
        let of = self.replaced_by.as_ref().or(self.rotation.as_ref());
        let (Some(rotation), None) = (of, &self.refused) else {
            return Note {
                rotation: self.refused.clone(),
                ..note
            };
        };
        let rotation = rotation.clone();
        let id = call.id();
        let told = Told {
            rotation: &rotation,
            id: &id,
        };
        told.completed(call.time(), Stage::Grace, false, emit);
        told.completed(call.time(), Stage::Revoke, true, emit);
        self.refused = Some(rotation.clone());
        Note {
            rotation: Some(rotation),
            ..note
        }
    }

    fn accepted(&mut self, call: &Call, emit: &mut Emit<'_>) -> Note {
        // A key whose deletion was cancelled stays disabled until it is enabled.
        let back = call.name() == "EnableKey";
        let Some(rotation) = self.refused.take_if(|_| back) else {
            return Note::default();
        };
        let id = call.id();
        let told = Told {
            rotation: &rotation,
            id: &id,
        };
        let mut undone = stage(Stage::Revoke, StageStatus::Skipped, true);
        undone.error = Some(Text::from("the key was enabled again"));
        told.stage(call.time(), undone, emit);
        let grace = stage(Stage::Grace, StageStatus::Resumed, false);
        told.stage(call.time(), grace, emit);
        Note {
            rotation: Some(rotation),
            stage: Some(Stage::Revoke),
            ..Note::default()
        }
    }
}

fn began(secret: SecretPath, trigger: Option<Trigger>, by: Option<Actor>) -> RotationStarted {
    RotationStarted {
        kind: Some(SecretKind::EncryptionKey),
        dual_run: Some(true),
        trigger,
        by,
        ..started(secret)
    }
}

/// New material, or a new key behind an alias: it encrypts from now on and the old one goes on
/// decrypting.
fn brought(call: &Call, rotation: &RotationId, data: Option<RotationStarted>, emit: &mut Emit<'_>) {
    let id = call.id();
    let told = Told { rotation, id: &id };
    if let Some(data) = data {
        told.started(call.time(), data, emit);
    }
    told.completed(call.time(), Stage::Store, true, emit);
    told.completed(call.time(), Stage::Cutover, false, emit);
    let grace = stage(Stage::Grace, StageStatus::Started, false);
    told.stage(call.time(), grace, emit);
}

/// The key that a call is about. What it was asked by may be an alias; the resource or the answer
/// then names the key.
fn key(call: &Call) -> Option<SecretPath> {
    let resource = call.record.resource.as_ref();
    let named = call
        .says(Said::Arn)
        .filter(|arn| arn.raw().contains(":key/"));
    named.or(resource).map(path)
}

/// A key's id or an alias, from its ARN or as it is.
fn path(name: &Text) -> SecretPath {
    let raw = name.raw();
    if raw.starts_with("alias/") {
        return SecretPath(name.clone());
    }
    if let Some((_, alias)) = raw.split_once(":alias/") {
        return SecretPath::from(format!("alias/{alias}"));
    }
    SecretPath::from(format!("key/{}", last(name).raw()))
}

/// What stands behind the last slash.
fn last(name: &Text) -> Text {
    let raw = name.raw();
    Text::from(raw.rsplit('/').next().unwrap_or(raw))
}

fn decrypted(call: &Call, secret: SecretPath, windows: &mut Windows) {
    // Who may not ask, or asks too often, has not been told that the ciphertext is bad.
    let ending = match call.is_done() {
        true => Ending::Granted,
        false if call.is_denied() || call.is_throttled() => return,
        false => Ending::FailedOther,
    };
    let counted = Counted {
        signal: Some("decrypt"),
        service: call.who.service.clone(),
        region: call.who.region.clone(),
        secret: Some(secret),
    };
    windows.count(call.time(), counted, ending);
}
