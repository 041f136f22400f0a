//! Targets: what a secret opens, and how its credential is changed there. One file a kind of
//! secret, one line each in [`open`].
//!
//! The engine calls a target in the order of the lifecycle: `generate` · `install` · `validate` ·
//! `activate` · (grace) · `revoke` · `prove`. Every call may come again after a crash, with the
//! same [`Call::key`]: doing it twice must be as doing it once.

mod acme;
mod exec;
mod file;
mod jwks;
mod postgres;
mod postgres_pair;
mod redis;
mod shared;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::fault::Fault;
use super::material::Material;
use crate::model::event::SecretKind;
use crate::model::{Actor, ConsumerId, Span, Text, Version};

pub use shared::settings::SettingError;
use shared::settings::Settings;

/// How long a question may take that no step of a rotation depends on.
const PATIENCE: Duration = Duration::from_secs(5);

type Opener = fn(&mut Settings) -> Result<Arc<dyn Target>, SettingError>;

/// Every kind of target, by the name that `rotation.toml` gives it.
const KINDS: [(&str, Opener); 8] = [
    ("acme", acme::open),
    ("exec", exec::open),
    ("file", file::open),
    ("jwks", jwks::open),
    ("postgres", postgres::open),
    ("postgres-pair", postgres_pair::open),
    ("redis", redis::open),
    ("webhook", webhook::open),
];

/// Makes the target that `[secret.target]` describes. Reads the settings, and no more of the
/// world than the certificates that they name: passwords and tokens are read anew for each call.
///
/// # Errors
/// [`SettingError`] with the key that is wrong.
pub fn open(
    kind: &str,
    settings: &BTreeMap<String, toml::Value>,
) -> Result<Arc<dyn Target>, SettingError> {
    let Some((kind, opener)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        let known: Vec<&str> = KINDS.iter().map(|(name, _)| *name).collect();
        return Err(SettingError {
            kind: kind.to_owned(),
            key: "kind".to_owned(),
            message: format!("is unknown; known are {}", known.join(", ")),
        });
    };
    let mut settings = Settings::new(kind, settings);
    let target = opener(&mut settings)?;
    settings.finish()?;
    Ok(target)
}

/// What stays valid when a version is revoked: nothing, where that is the only one.
fn kept<'a>(gone: &Versioned, keep: &'a Versioned) -> Option<&'a Versioned> {
    (gone.version != keep.version).then_some(keep)
}

/// Reads `secret_kind` of the kinds that could hold anything: a word of the event contract.
fn secret_kind(settings: &mut Settings) -> Result<SecretKind, SettingError> {
    let words = settings.text_or("secret_kind", "other")?;
    let kind = SecretKind::from(words.as_str());
    match kind {
        SecretKind::Other(_) => Err(settings.wrong(
            "secret_kind",
            format!("{words:?} is none of database, api-key, tls, signing-key, encryption-key, token, ssh, other"),
        )),
        kind => Ok(kind),
    }
}

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

    /// How long the old version must stay accepted after the cutover, since what it made is still
    /// about (a token that it signed). An emergency may go below it; a plan should not.
    fn shortest_grace(&self) -> Span {
        Span::default()
    }

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

    /// Has the target refuse a version, while `keep` stays valid; where `keep` is the same version
    /// there is nothing to keep (a secret's first version is withdrawn). The engine proves it by
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
