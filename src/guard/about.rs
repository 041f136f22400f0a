//! What is known of the secret that a wish is about: what a policy decides by, and what names the
//! state that a person answers about.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::case::Subject;
use crate::incident::{Act, Incident, Rotation};
use crate::model::act::Wish;
use crate::model::event::{ActionPhase, Outcome, Stage, Tier};
use crate::model::intent::Verb;
use crate::model::{SecretPath, ServiceName, Version};

/// What is known of the secret that a wish is about.
#[derive(Clone, Debug)]
pub(super) struct About {
    pub(super) secret: Option<SecretPath>,
    tier: Option<Tier>,
    services: Vec<ServiceName>,
    consumers: usize,
    into_revoke: bool,
}

impl About {
    pub(super) fn of(wish: &Wish, incident: &Incident) -> Self {
        let rotation = wish.rotation.as_ref().and_then(|id| incident.rotation(id));
        let secret = wish
            .secret
            .as_ref()
            .or_else(|| rotation.and_then(|rotation| rotation.secret.as_ref()));
        // Where no rotation is named, its latest one knows the most of a secret.
        let told = rotation.or_else(|| secret.and_then(|secret| latest(secret, incident)));
        let consumers = || secret.into_iter().flat_map(|s| incident.consumers(s));
        let services: BTreeSet<&ServiceName> = consumers()
            .filter_map(|consumer| consumer.service.as_ref())
            .chain(told.into_iter().flat_map(|rotation| &rotation.services))
            .collect();
        Self {
            tier: told.and_then(|rotation| rotation.tier.clone()),
            services: services.into_iter().cloned().collect(),
            consumers: consumers().count(),
            into_revoke: match wish.verb {
                Verb::Unfreeze => incident.rotations().any(|r| is_due(r, incident)),
                _ => rotation.is_some_and(is_before_its_revocation),
            },
            secret: secret.cloned(),
        }
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            secret: self.secret.as_ref(),
            tier: self.tier.as_ref(),
            services: &self.services,
            consumers: self.consumers,
            into_revoke: self.into_revoke,
        }
    }
}

/// True where the next thing that a rotation does is to revoke the old version.
pub(super) fn is_before_its_revocation(rotation: &Rotation) -> bool {
    let stage = rotation.stage().map(|(stage, _)| stage);
    rotation.revoked_at.is_none() && matches!(stage, Some(Stage::Grace | Stage::Revoke))
}

/// True where the old version would be revoked now if nothing held it.
fn is_due(rotation: &Rotation, incident: &Incident) -> bool {
    let stage = rotation.stage().map(|(stage, _)| stage);
    let over = rotation.grace.as_ref().zip(incident.now());
    let over = over.is_some_and(|(grace, now)| grace.ends_at <= now);
    let waits = matches!(stage, Some(Stage::Grace)) && over;
    rotation.is_open()
        && rotation.revoked_at.is_none()
        && (waits || matches!(stage, Some(Stage::Revoke)))
}

/// The latest rotation of a secret.
pub(super) fn latest<'a>(secret: &SecretPath, incident: &'a Incident) -> Option<&'a Rotation> {
    let of_secret = incident
        .rotations()
        .filter(|rotation| rotation.secret.as_ref() == Some(secret));
    of_secret.max_by_key(|rotation| (rotation.started_at, &rotation.id))
}

/// The version that a secret's latest rotation left or brings.
fn newest(rotation: &Rotation) -> Option<&Version> {
    let went_back = rotation
        .ended
        .as_ref()
        .is_some_and(|ended| ended.outcome != Outcome::Succeeded);
    if went_back {
        rotation.from_version.as_ref()
    } else {
        rotation.to_version.as_ref()
    }
}

/// The freeze that holds, as far as acts were told of.
#[must_use]
pub fn frozen(incident: &Incident) -> Option<&Act> {
    let told = incident.acts().filter(|act| {
        let action = act.action.action.raw();
        let freezes = action == Verb::Freeze.name() || action == Verb::Unfreeze.name();
        freezes && act.action.phase == ActionPhase::Executed
    });
    let last = told.max_by_key(|act| (act.at, act.action.idempotency_key.raw()));
    last.filter(|act| act.action.action.raw() == Verb::Freeze.name())
}

/// Names what a person must have seen rightly: where the rotation is and which versions are
/// meant, whether all is frozen, and, for what starts a rotation, whether another one runs. Counts
/// of consumers are not among it, as they move all the time while a rotation runs.
pub(super) fn facts(wish: &Wish, rotation: Option<&Rotation>, incident: &Incident) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{wish:?}").hash(&mut hasher);
    let freeze = frozen(incident).map(|act| act.action.idempotency_key.raw());
    freeze.hash(&mut hasher);
    if let Some(rotation) = rotation {
        hash_rotation(rotation, &mut hasher);
    }
    if matches!(wish.verb, Verb::Rotate | Verb::EmergencyRotate) {
        let secret = About::of(wish, incident).secret;
        let latest = secret.and_then(|secret| latest(&secret, incident));
        if let Some(latest) = latest {
            latest.id.hash(&mut hasher);
            latest.is_open().hash(&mut hasher);
            newest(latest).hash(&mut hasher);
        }
    }
    hasher.finish()
}

fn hash_rotation(rotation: &Rotation, hasher: &mut DefaultHasher) {
    rotation.from_version.hash(hasher);
    rotation.to_version.hash(hasher);
    rotation.tier.hash(hasher);
    rotation.revoked_at.hash(hasher);
    rotation.superseded_by.hash(hasher);
    rotation.grace.as_ref().map(|g| g.ends_at).hash(hasher);
    rotation.ended.as_ref().map(|e| &e.outcome).hash(hasher);
    let stage = rotation.stage();
    stage
        .map(|(stage, view)| (stage, &view.status))
        .hash(hasher);
}
