//! Sealing of material at rest: XChaCha20-Poly1305 with a key from a 0600 file or the
//! environment. What a seal is for is bound to it: a sealed version moved to another secret does
//! not open.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::TryRng as _;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::rotation::material::Material;

/// The length of a key, in bytes.
const KEY: usize = 32;
/// The length of a nonce, in bytes.
const NONCE: usize = 24;

/// The key that seals material. Wiped when it is dropped; its `Debug` shows nothing.
#[derive(Clone)]
pub struct SealKey(Zeroizing<[u8; KEY]>);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("the key file {path} cannot be used: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Others than its owner may read the file.
    #[error("the key file {0} can be read by others; run chmod 600 on it")]
    Open(PathBuf),
    /// What is there is no key.
    #[error("{0} holds no key: 32 bytes in base64 are expected")]
    NoKey(String),
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    NoRandomness,
}

/// What is sealed does not open: another key, another place, or damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not open: another key, or the store was changed from outside")]
pub struct SealBroken;

impl SealKey {
    /// A new key.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`] where the system gives none.
    pub fn random() -> Result<Self, KeyError> {
        let mut key = Zeroizing::new([0; KEY]);
        SysRng
            .try_fill_bytes(key.as_mut_slice())
            .map_err(|_| KeyError::NoRandomness)?;
        Ok(Self(key))
    }

    /// Reads the key of a file that only its owner may read; makes the file, with a new key, where
    /// there is none.
    ///
    /// # Errors
    /// [`KeyError`] where the file is no key, or others may read it.
    pub fn of_file(path: &Path) -> Result<Self, KeyError> {
        let fault = |why: std::io::Error| KeyError::File {
            path: path.to_owned(),
            why: why.to_string(),
        };
        match std::fs::read_to_string(path) {
            Ok(words) => {
                let words = Zeroizing::new(words);
                if is_open(path).map_err(fault)? {
                    return Err(KeyError::Open(path.to_owned()));
                }
                Self::parse(&words).ok_or_else(|| KeyError::NoKey(path.display().to_string()))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let key = Self::random()?;
                let words = Zeroizing::new(STANDARD.encode(key.0.as_slice()));
                let mut file = owners_file(path).map_err(fault)?;
                file.write_all(words.as_bytes()).map_err(fault)?;
                file.sync_all().map_err(fault)?;
                // Without its name on the disk a key is as lost as without its bytes, and all that
                // it sealed with it.
                sync_folder_of(path).map_err(fault)?;
                Ok(key)
            }
            Err(e) => Err(fault(e)),
        }
    }

    /// Reads the key of an environment variable.
    ///
    /// # Errors
    /// [`KeyError::NoKey`] where it is not set or holds no key.
    pub fn of_env(name: &str) -> Result<Self, KeyError> {
        let words = Zeroizing::new(std::env::var(name).unwrap_or_default());
        Self::parse(&words).ok_or_else(|| KeyError::NoKey(format!("the variable {name}")))
    }

    fn parse(words: &str) -> Option<Self> {
        let bytes = Zeroizing::new(STANDARD.decode(words.trim()).ok()?);
        let mut key = Zeroizing::new([0; KEY]);
        if bytes.len() != KEY {
            return None;
        }
        key.copy_from_slice(&bytes);
        Some(Self(key))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }

    /// Seals material for the place that `bound` names; the nonce stands before it.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`] where the system gives none.
    pub fn seal(&self, material: &Material, bound: &str) -> Result<Vec<u8>, KeyError> {
        let mut nonce = [0; NONCE];
        SysRng
            .try_fill_bytes(&mut nonce)
            .map_err(|_| KeyError::NoRandomness)?;
        let payload = Payload {
            msg: material.expose(),
            aad: bound.as_bytes(),
        };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| KeyError::NoKey("the seal".to_owned()))?;
        let mut out = nonce.to_vec();
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens what [`Self::seal`] made for the same place.
    ///
    /// # Errors
    /// [`SealBroken`] where key, place or bytes are others.
    pub fn open(&self, sealed: &[u8], bound: &str) -> Result<Material, SealBroken> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or(SealBroken)?;
        let payload = Payload {
            msg: rest,
            aad: bound.as_bytes(),
        };
        self.cipher()
            .decrypt(&XNonce::from(*nonce), payload)
            .map(Material::new)
            .map_err(|_| SealBroken)
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

#[cfg(unix)]
fn is_open(path: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open(_path: &Path) -> std::io::Result<bool> {
    Ok(false)
}

/// Has the names in a file's folder reach the disk.
pub(super) fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = std::fs::File::open(folder.unwrap_or(Path::new(".")))?;
    folder.sync_all()
}

fn owners_file(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_opens_at_its_own_place_with_its_own_key_only() {
        let key = SealKey::random().unwrap();
        let material = Material::new(b"hunter2-canary".to_vec());
        let sealed = key.seal(&material, "payments/db v1").unwrap();
        assert!(!sealed.windows(7).any(|w| w == b"hunter2"));
        let opened = key.open(&sealed, "payments/db v1").unwrap();
        assert_eq!(opened.expose(), material.expose());
        assert!(key.open(&sealed, "payments/db v2").is_err());
        let other = SealKey::random().unwrap();
        assert!(other.open(&sealed, "payments/db v1").is_err());
        assert!(key.open(sealed.get(..10).unwrap(), "x").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_is_made_once_and_must_be_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = SealKey::of_file(&path).unwrap();
        let again = SealKey::of_file(&path).unwrap();
        assert_eq!(*key.0, *again.0);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(SealKey::of_file(&path), Err(KeyError::Open(_))));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, "no key").unwrap();
        assert!(matches!(SealKey::of_file(&path), Err(KeyError::NoKey(_))));
    }
}
