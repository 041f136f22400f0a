//! Targets: what a secret opens, and how its credential is changed there. One file a kind of
//! secret, one line each in [`open`].
//!
//! The engine calls a target in the order of the lifecycle: `generate` · `install` · `validate` ·
//! `activate` · (grace) · `revoke` · `prove`. Every call may come again after a crash, with the
//! same [`Call::key`]: doing it twice must be as doing it once.

use std::time::Duration;

use async_trait::async_trait;

use super::fault::Fault;
use super::material::Material;
use crate::model::event::SecretKind;
use crate::model::{Actor, ConsumerId, Text, Version};

/// What accompanies every call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Names this step of this rotation, once and for ever.
    pub key: String,
    /// The longest it may take, in the world's time; a target gives up by itself.
    pub within: Duration,
}

/// A version of the secret and what authenticates with it.
#[derive(Clone, Debug)]
pub struct Versioned {
    /// Its name.
    pub version: Version,
    /// What authenticates; public parts that belong to it travel inside, in the target's format.
    pub material: Material,
}

/// Somebody seen at the target.
#[derive(Clone, Debug, PartialEq)]
pub struct Presence {
    /// By which name the target knows them.
    pub actor: Actor,
    /// Which consumer that is, where it says so itself.
    pub consumer: Option<ConsumerId>,
    /// With which version, where that shows.
    pub version: Option<Version>,
    /// From where.
    pub address: Option<Text>,
}

/// How the target answers a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It lets it in.
    Accepted,
    /// It refuses it, in its own words (untrusted).
    Refused(Text),
}

/// One kind of secret at one place. Idempotent; never logs or returns material in a fault.
#[async_trait]
pub trait Target: Send + Sync {
    /// What kind of secret it is.
    fn kind(&self) -> SecretKind;

    /// Whether old and new are both accepted between `install` and `revoke`. Without it the old
    /// version dies with `activate`.
    fn dual_run(&self) -> bool;

    /// Makes the material of a new version; where the provider makes it, asks the provider (the
    /// same key gives the same version). `current` is what holds now, for kinds that alternate.
    async fn generate(
        &self,
        version: &Version,
        current: Option<&Versioned>,
        call: &Call,
    ) -> Result<Material, Fault>;

    /// Has the target accept the new version beside the old, or stages it where it cannot be.
    async fn install(
        &self,
        new: &Versioned,
        old: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault>;

    /// The synthetic consumer: authenticates with a version as a consumer would.
    async fn attempt(&self, with: &Versioned, call: &Call) -> Result<Answer, Fault>;

    /// Makes the new version the current one.
    async fn activate(
        &self,
        new: &Versioned,
        old: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault>;

    /// Has the target refuse a version, while `keep` stays valid. The engine proves it by
    /// [`Target::attempt`] afterwards.
    async fn revoke(&self, gone: &Versioned, keep: &Versioned, call: &Call) -> Result<(), Fault>;

    /// Makes a former version valid and current again, after `activate` or even `revoke`.
    async fn reinstate(
        &self,
        old: &Versioned,
        new: Option<&Versioned>,
        call: &Call,
    ) -> Result<(), Fault>;

    /// Who sits there now and on which version; `None` where the target cannot tell.
    async fn presence(&self, _known: &[Versioned]) -> Result<Option<Vec<Presence>>, Fault> {
        Ok(None)
    }
}
