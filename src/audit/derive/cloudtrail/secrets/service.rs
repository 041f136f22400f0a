//! What Secrets Manager tells of its own doing.

use super::super::call::{Call, Note};
use super::Work;
use super::secret::Secret;
use crate::audit::derive::told::Told;
use crate::audit::record::Said;
use crate::model::event::{Outcome, Stage, Trigger};
use crate::model::{Text, Version};

impl Work<'_, '_> {
    /// `RotationStarted`: Secrets Manager begins, by its schedule where nobody asked.
    pub(super) fn began(&mut self, secret: &mut Secret) -> Note {
        let Some(version) = token(self.call) else {
            return Note::default();
        };
        let asked = secret.knows(&version).is_some_and(|r| r.triggered);
        let trigger = (!asked).then_some(Trigger::Schedule);
        let rotation = self.rotation(secret, &version, trigger);
        rotation.triggered = true;
        let id = rotation.id.clone();
        if !asked {
            self.completed(&id, Stage::Trigger, true);
        }
        Note {
            rotation: Some(id),
            version: Some(version),
            stage: (!asked).then_some(Stage::Trigger),
            ..Note::default()
        }
    }

    /// `RotationSucceeded`: the new version is the current one.
    pub(super) fn succeeded(&mut self, secret: &mut Secret) -> Note {
        let Some(version) = token(self.call) else {
            return Note::default();
        };
        let cut = secret.knows(&version).is_some_and(|r| r.cut);
        let note = if cut {
            Note {
                rotation: secret.knows(&version).map(|r| r.id.clone()),
                version: Some(version.clone()),
                ..Note::default()
            }
        } else {
            // A rotation that the service does by itself moves its labels without a call.
            self.rotation(secret, &version, None);
            self.brought(secret, &version, Stage::Cutover)
        };
        let ended = secret.knows(&version).is_none_or(|r| r.ended);
        if let Some(id) = note.rotation.as_ref().filter(|_| !ended) {
            self.finished(id, Outcome::Succeeded, None);
        }
        secret.end(&version);
        note
    }

    /// `RotationFailed`: the service will try all of its steps again, so that nothing is over.
    pub(super) fn failed(&mut self, secret: &mut Secret) -> Note {
        let Some(version) = token(self.call) else {
            return Note::default();
        };
        let rotation = self.rotation(secret, &version, None);
        let error = self.call.error();
        let words = error.as_ref().map_or("", Text::raw);
        let what = step(words).unwrap_or(if rotation.generated {
            Stage::Store
        } else {
            Stage::Generate
        });
        let id = rotation.id.clone();
        let event = self.call.id();
        Told {
            rotation: &id,
            id: &event,
        }
        .failed(self.call.time(), what.clone(), error, self.emit);
        Note {
            rotation: Some(id),
            version: Some(version),
            stage: Some(what),
            ..Note::default()
        }
    }

    /// `RotationAbandoned`: the service will try no more.
    pub(super) fn abandoned(&mut self, secret: &mut Secret) -> Note {
        let Some(version) = token(self.call) else {
            return Note::default();
        };
        self.rotation(secret, &version, None);
        let error = self.call.error();
        let words = error.as_ref().map_or("abandoned", Text::raw).to_owned();
        self.ends(secret, &version, &words)
    }
}

/// The version that a service event is about: the last 36 characters of
/// `Rotation-ARN-TOKEN`, which is how Secrets Manager names a request of its own.
fn token(call: &Call) -> Option<Version> {
    let id = call.says(Said::RequestId)?.raw();
    let token = id.strip_prefix("Rotation-")?;
    let at = token.len().checked_sub(36)?;
    let (arn, token) = (token.get(..at)?, token.get(at..)?);
    (arn.ends_with('-') && token.is_ascii()).then(|| Version::from(token))
}

/// The stage of the step that an error names.
fn step(error: &str) -> Option<Stage> {
    let steps = [
        ("createSecret", Stage::Generate),
        ("setSecret", Stage::Store),
        ("testSecret", Stage::Validate),
        ("finishSecret", Stage::Cutover),
    ];
    let found = steps.into_iter().find(|(name, _)| error.contains(name));
    found.map(|(_, stage)| stage)
}
