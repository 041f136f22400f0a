//! The sealed material in memory: opened for the one call that needs it, and no longer.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use super::seal::{KeyError, SealKey};
use crate::model::{SecretPath, Version};
use crate::rotation::material::Material;
use crate::rotation::target::Versioned;

/// Sealed versions by secret and name.
pub struct Vault {
    key: SealKey,
    sealed: RwLock<BTreeMap<SecretPath, BTreeMap<Version, Vec<u8>>>>,
}

impl Vault {
    /// A vault that holds these.
    #[must_use]
    pub fn new(key: SealKey, sealed: Vec<(SecretPath, Version, Vec<u8>)>) -> Self {
        let mut all: BTreeMap<SecretPath, BTreeMap<Version, Vec<u8>>> = BTreeMap::new();
        for (secret, version, bytes) in sealed {
            all.entry(secret).or_default().insert(version, bytes);
        }
        Self {
            key,
            sealed: RwLock::new(all),
        }
    }

    /// Seals material for its place.
    ///
    /// # Errors
    /// [`KeyError`] where the system gives no randomness.
    pub fn seal(
        &self,
        secret: &SecretPath,
        version: &Version,
        material: &Material,
    ) -> Result<Vec<u8>, KeyError> {
        self.key.seal(material, &bound(secret, version))
    }

    /// Keeps what was sealed and is durable.
    pub fn keep(&self, secret: SecretPath, version: Version, sealed: Vec<u8>) {
        let mut all = self.sealed.write().unwrap_or_else(PoisonError::into_inner);
        all.entry(secret).or_default().insert(version, sealed);
    }

    /// Forgets a version.
    pub fn forget(&self, secret: &SecretPath, version: &Version) {
        let mut all = self.sealed.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(mine) = all.get_mut(secret) {
            mine.remove(version);
        }
    }

    /// True where a version is kept.
    #[must_use]
    pub fn has(&self, secret: &SecretPath, version: &Version) -> bool {
        let all = self.sealed.read().unwrap_or_else(PoisonError::into_inner);
        all.get(secret)
            .is_some_and(|mine| mine.contains_key(version))
    }

    /// The versions of a secret that are kept.
    #[must_use]
    pub fn versions(&self, secret: &SecretPath) -> Vec<Version> {
        let all = self.sealed.read().unwrap_or_else(PoisonError::into_inner);
        all.get(secret)
            .map_or_else(Vec::new, |mine| mine.keys().cloned().collect())
    }

    /// Opens a version; `None` where it is not kept or its seal is broken.
    #[must_use]
    pub fn open(&self, secret: &SecretPath, version: &Version) -> Option<Versioned> {
        let all = self.sealed.read().unwrap_or_else(PoisonError::into_inner);
        let sealed = all.get(secret)?.get(version)?;
        let material = self.key.open(sealed, &bound(secret, version)).ok()?;
        Some(Versioned {
            version: version.clone(),
            material,
        })
    }
}

/// What a seal is bound to.
fn bound(secret: &SecretPath, version: &Version) -> String {
    format!("{}\u{0}{}", secret.raw(), version.raw())
}
