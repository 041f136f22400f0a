//! The key-value engine, version 2.
//!
//! Decision rules:
//! 1. A write that makes version 2 or later begins a rotation and stores it. Version 1 is a new
//!    secret, which nobody could have been using.
//! 2. A write whose payload is an older version's, and not the current one's, is a rollback: it
//!    ends the rotation that brought the current version, and is none itself. Payloads are
//!    compared within one audit device, since every device hashes with its own key; an older
//!    version is known from its write or from any read of it.
//! 3. A read without a version of its own choice puts its caller on the version that it got.

use std::collections::{BTreeMap, HashMap};

use super::call::{Call, Note};
use super::known::Known;
use super::start::{Told, asked};
use crate::audit::derive::emit::Emit;
use crate::model::event::{Outcome, RotationFinished, Stage};
use crate::model::{RotationId, SecretPath, Text, Timestamp, Version};

/// How many versions of a secret are remembered (Vault itself keeps 10), and how many payload
/// fingerprints of each (one a device).
const VERSIONS: usize = 16;
const DEVICES: usize = 8;

/// What is known of key-value secrets.
#[derive(Debug, Default)]
pub struct Kv {
    secrets: HashMap<SecretPath, Secret>,
}

#[derive(Debug, Default)]
struct Secret {
    versions: BTreeMap<u64, Held>,
}

/// What is known of one version.
#[derive(Debug, Default)]
struct Held {
    payloads: Vec<u64>,
    rotation: Option<(RotationId, Timestamp)>,
}

impl Kv {
    /// Looks at a call of this engine.
    pub fn call(&mut self, call: &Call<'_>, known: &mut Known, emit: &mut Emit<'_>) -> Note {
        let (Some(secret), Some(version)) = (call.secret.clone(), version(call)) else {
            return Note::default();
        };
        let name = Version::from(version.to_string());
        let mut note = Note {
            version: Some(name.clone()),
            ..Note::default()
        };
        if call.writes() {
            known.operates(call, &secret);
            note.stage = Some(Stage::Store);
            note.rotation = self.written(call, &secret, version, known, emit);
        } else if call.reads() {
            self.learn(&secret, version, call.entry.payload);
            // A deleted version has no payload, and one that was asked for by number is looked at.
            if call.entry.payload.is_some() && call.entry.request_data.get("version").is_none() {
                let held = self
                    .secrets
                    .get(&secret)
                    .and_then(|s| s.versions.get(&version));
                let rotation = held.and_then(|h| h.rotation.as_ref());
                let rotation = rotation.map(|(id, stored)| (Some(id), *stored));
                known.uses(call, &secret, &name, rotation, emit);
            }
        }
        note
    }

    /// What a record that was met before teaches: its device's fingerprint of the payload.
    pub fn teach(&mut self, call: &Call<'_>) {
        if let (Some(secret), Some(version)) = (&call.secret, version(call)) {
            self.learn(secret, version, call.entry.payload);
        }
    }

    fn learn(&mut self, secret: &SecretPath, version: u64, payload: Option<u64>) {
        let Some(payload) = payload else { return };
        let versions = &mut self.secrets.entry(secret.clone()).or_default().versions;
        let held = versions.entry(version).or_default();
        if !held.payloads.contains(&payload) && held.payloads.len() < DEVICES {
            held.payloads.push(payload);
        }
        while versions.len() > VERSIONS {
            versions.pop_first();
        }
    }

    fn written(
        &mut self,
        call: &Call<'_>,
        secret: &SecretPath,
        version: u64,
        known: &mut Known,
        emit: &mut Emit<'_>,
    ) -> Option<RotationId> {
        let payload = call.entry.payload;
        let older = self
            .secrets
            .get(secret)
            .map(|s| s.versions.range(..version));
        let mut older = older.into_iter().flatten().rev();
        let same = |held: &Held| payload.is_some_and(|p| held.payloads.contains(&p));
        let current = older.next().filter(|(_, held)| !same(held));
        let rolled_back = current.and_then(|(_, current)| {
            let (to, _) = older.find(|(_, held)| same(held))?;
            Some((current.rotation.clone(), *to))
        });
        self.learn(secret, version, payload);
        match rolled_back {
            Some((Some((rotation, _)), to)) => {
                let by = call.who.actor.raw();
                let reason = format!("version {version}, written by {by}, holds what {to} held");
                let data = RotationFinished {
                    outcome: Outcome::RolledBack,
                    reason: Some(Text::from(reason)),
                };
                emit.of(&rotation, call.id("rolled-back"), call.answered, data);
                Some(rotation)
            }
            // Of a version that was written before the log begins.
            Some((None, _)) => None,
            None if version < 2 => None,
            None => Some(self.rotated(call, secret, version, known, emit)),
        }
    }

    fn rotated(
        &mut self,
        call: &Call<'_>,
        secret: &SecretPath,
        version: u64,
        known: &mut Known,
        emit: &mut Emit<'_>,
    ) -> RotationId {
        let rotation = known.rotation(call);
        let id = call.entry_id();
        let told = Told {
            rotation: &rotation,
            id: &id,
        };
        let mut data = asked(call, secret, None);
        data.from_version = Some(Version::from((version - 1).to_string()));
        data.to_version = Some(Version::from(version.to_string()));
        told.started(call.asked, data, emit);
        told.completed(call.answered, Stage::Store, true, emit);
        let versions = &mut self.secrets.entry(secret.clone()).or_default().versions;
        versions.entry(version).or_default().rotation = Some((rotation.clone(), call.answered));
        rotation
    }
}

/// The version that a call on a secret's data made or got.
fn version(call: &Call<'_>) -> Option<u64> {
    if !call.is_done() || !call.inner.starts_with("data/") {
        return None;
    }
    let data = &call.entry.response_data;
    if call.writes() {
        data.get("version")?.as_u64()
    } else {
        data.get("metadata")?.get("version")?.as_u64()
    }
}
