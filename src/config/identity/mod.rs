//! Who a person is: an Ed25519 key, made on first use, and what their codes are checked against.
//!
//! Where it is looked for, in this order:
//! 1. the environment, `ROTASCOPE_IDENTITY`;
//! 2. where it was made: `identity.toml` in the configuration folder says whether that is the
//!    keyring or the encrypted file beside it;
//! 3. where it was made nowhere yet: it is made in the keyring, if that takes, gives back and
//!    deletes a probe; else in the encrypted file, if there is a passphrase; else for this session
//!    alone.
//!
//! A key that was made is never replaced by another because its place cannot be read today: others
//! know the person by it.

mod record;
mod ring;
mod sealed;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Paths;
use crate::guard::Signer;
use crate::guard::totp::Enrolled;
use crate::model::proof::PublicKey;
use record::Record;
pub use ring::Ring;
use ring::{Entered, RingError};

/// Holds the key, where no place does: 32 bytes in base64.
pub const IDENTITY_ENV: &str = "ROTASCOPE_IDENTITY";
/// Names a file whose first line is the passphrase of the encrypted file.
pub const PASSPHRASE_ENV: &str = "ROTASCOPE_PASSPHRASE_FILE";
/// `off` where the keyring is to be left alone.
pub const KEYRING_ENV: &str = "ROTASCOPE_KEYRING";

/// Why a person is asked for a passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// To open this file.
    Open(PathBuf),
    /// To make this file. Whoever answers has made sure that it was typed as it was meant.
    Make(PathBuf),
}

/// What an identity is looked for with.
pub struct Sources<'a> {
    /// The user's folders.
    pub paths: &'a Paths,
    /// The environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Asks the person for a passphrase; `None` where there is nobody, or they give none.
    pub ask: &'a dyn Fn(&Ask) -> Option<SecretString>,
    /// The system's keyring.
    pub ring: Ring,
}

/// Where an identity is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In the system's keyring.
    Keyring,
    /// In an encrypted file.
    File {
        /// Which.
        path: PathBuf,
        /// Why not in the keyring, where that was tried.
        because: Option<String>,
    },
    /// In the environment.
    Environment,
    /// Nowhere.
    Memory {
        /// Why.
        because: String,
    },
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyring => f.write_str("in the keyring (Secret Service)"),
            Self::File { path, because } => {
                write!(f, "in the encrypted file {}", path.display())?;
                match because {
                    Some(why) => write!(f, "; not in the keyring: {why}"),
                    None => Ok(()),
                }
            }
            Self::Environment => write!(f, "in the environment, {IDENTITY_ENV}"),
            Self::Memory { because } => {
                write!(
                    f,
                    "nowhere, it is forgotten when the program ends: {because}"
                )
            }
        }
    }
}

/// Why nobody can be said to act. No secret is in it.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// What the environment holds is no key.
    #[error("{IDENTITY_ENV} holds no key: 32 bytes in base64 are expected")]
    Variable,
    /// The file of a passphrase cannot be used.
    #[error("the passphrase file {path} cannot be used: {why}")]
    PassphraseFile {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The key is in the keyring, and the keyring cannot be read.
    #[error("your key {key} is in the keyring, which cannot be read: {why}")]
    Away {
        /// Which key.
        key: PublicKey,
        /// Why.
        why: String,
    },
    /// The key was in the keyring and is not there any more.
    #[error("your key {0} is not in the keyring any more")]
    Gone(PublicKey),
    /// The encrypted file needs a passphrase, and there is none.
    #[error("your key is in the encrypted file {0}, and no passphrase was given")]
    NoPassphrase(PathBuf),
    /// The encrypted file does not open.
    #[error("the encrypted file {0} does not open: another passphrase, or it was changed")]
    Shut(PathBuf),
    /// What is kept is no identity.
    #[error("what is kept in {0} is no identity")]
    Malformed(String),
    /// A file cannot be read or written.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    NoRandomness,
    /// Where it is kept nothing can be added.
    #[error("nothing can be kept with a key that is kept {0}")]
    CannotKeep(String),
}

impl IdentityError {
    /// What to do about it.
    #[must_use]
    pub fn next(&self) -> Option<String> {
        Some(match self {
            Self::Away { .. } => format!("unlock the keyring, or set {IDENTITY_ENV}"),
            Self::Gone(_) => "put it back, or remove identity.toml from the configuration folder \
                              to be given a new one, which others have to be told of"
                .to_owned(),
            Self::NoPassphrase(_) | Self::Shut(_) => format!(
                "start from a terminal, or name a file that holds the passphrase in {PASSPHRASE_ENV}"
            ),
            _ => return None,
        })
    }
}

/// A person's identity.
#[derive(Debug)]
pub struct Identity {
    signer: Arc<Signer>,
    record: Record,
    kept: Kept,
    is_new: bool,
    /// What the encrypted file was opened with.
    passphrase: Option<SecretString>,
}

/// What others may know of it: `identity.toml`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    key: PublicKey,
    kept: Where,
}

/// Where a key was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Where {
    Keyring,
    File,
}

impl Identity {
    /// Finds the person's identity, or makes it. The keyring is given less than two seconds.
    ///
    /// # Errors
    /// [`IdentityError`], with [`IdentityError::next`].
    pub fn load(from: &Sources) -> Result<Self, IdentityError> {
        let set = |name: &str| (from.variable)(name).filter(|words| !words.trim().is_empty());
        if let Some(words) = set(IDENTITY_ENV).map(Zeroizing::new) {
            let record = Record::of_seed(&words).ok_or(IdentityError::Variable)?;
            return Ok(Self::new(record, Kept::Environment, false));
        }
        let mark = mark(from.paths)?;
        let file = from.paths.identity().filter(|path| path.exists());
        let made = mark.as_ref().map(|mark| mark.kept);
        match (file, made) {
            (Some(path), None | Some(Where::File)) => Self::open(from, path),
            (_, Some(Where::Keyring)) => {
                let key = mark.map(|mark| mark.key);
                Self::in_ring(from, key)
            }
            (None, Some(Where::File)) => {
                let path = from.paths.identity().unwrap_or_default();
                let why = std::io::Error::from(std::io::ErrorKind::NotFound);
                Err(IdentityError::File { path, why })
            }
            (None, None) => Self::make(from),
        }
    }

    /// An identity for this process alone.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`].
    pub fn in_memory(because: &str) -> Result<Self, IdentityError> {
        let record = Record::random()?;
        let because = because.to_owned();
        Ok(Self::new(record, Kept::Memory { because }, true))
    }

    /// Signs for the person.
    #[must_use]
    pub fn signer(&self) -> Arc<Signer> {
        Arc::clone(&self.signer)
    }

    /// By which others know them.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.signer.public()
    }

    /// Where it is kept.
    #[must_use]
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// What their codes are checked against.
    #[must_use]
    pub fn enrolled(&self) -> &Enrolled {
        &self.record.enrolled
    }

    /// True where it was made just now.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Keeps what the person's codes are checked against with their key.
    ///
    /// # Errors
    /// [`IdentityError`] where it cannot be kept; what was kept before then still is.
    pub fn enrol(&mut self, enrolled: Enrolled, from: &Sources) -> Result<(), IdentityError> {
        let record = self.record.with(enrolled);
        match (&self.kept, &self.passphrase) {
            (Kept::Keyring, _) => {
                let key = self.key();
                let put = from.ring.put(&entry(from.paths), &record);
                put.map_err(|why| IdentityError::Away {
                    key,
                    why: why.to_string(),
                })?;
            }
            (Kept::File { path, .. }, Some(passphrase)) => {
                sealed::write(path, &record, passphrase)?;
            }
            (kept, _) => return Err(IdentityError::CannotKeep(kept.to_string())),
        }
        self.record = record;
        Ok(())
    }

    fn new(record: Record, kept: Kept, is_new: bool) -> Self {
        Self {
            signer: Arc::new(record.signer()),
            record,
            kept,
            is_new,
            passphrase: None,
        }
    }

    /// Opens the encrypted file.
    fn open(from: &Sources, path: PathBuf) -> Result<Self, IdentityError> {
        let passphrase = passphrase(from, &Ask::Open(path.clone()))?
            .ok_or_else(|| IdentityError::NoPassphrase(path.clone()))?;
        let record = sealed::read(&path, &passphrase)?;
        let because = None;
        let mut identity = Self::new(record, Kept::File { path, because }, false);
        identity.passphrase = Some(passphrase);
        Ok(identity)
    }

    /// Reads a key that was made in the keyring.
    fn in_ring(from: &Sources, key: Option<PublicKey>) -> Result<Self, IdentityError> {
        let away = |why: String| match key {
            Some(key) => IdentityError::Away { key, why },
            None => IdentityError::Malformed("identity.toml".to_owned()),
        };
        if is_off(from) {
            return Err(away(format!("{KEYRING_ENV} is off")));
        }
        match from.ring.get(&entry(from.paths)) {
            Ok(Some(record)) => Ok(Self::new(record, Kept::Keyring, false)),
            Ok(None) => Err(key.map_or_else(|| away(String::new()), IdentityError::Gone)),
            Err(RingError::Malformed) => Err(IdentityError::Malformed("the keyring".to_owned())),
            Err(why) => Err(away(why.to_string())),
        }
    }

    /// Makes a key where there was none.
    fn make(from: &Sources) -> Result<Self, IdentityError> {
        let record = Record::random()?;
        let because = if is_off(from) {
            format!("{KEYRING_ENV} is off")
        } else {
            match from.ring.enter(&entry(from.paths), &record) {
                Ok(Entered::Found(record)) => {
                    let identity = Self::new(record, Kept::Keyring, false);
                    identity.leave_mark(from.paths, Where::Keyring)?;
                    return Ok(identity);
                }
                Ok(Entered::Made) => {
                    let identity = Self::new(record, Kept::Keyring, true);
                    identity.leave_mark(from.paths, Where::Keyring)?;
                    return Ok(identity);
                }
                Err(RingError::Malformed) => {
                    return Err(IdentityError::Malformed("the keyring".to_owned()));
                }
                Err(why) => why.to_string(),
            }
        };
        let Some(path) = from.paths.identity() else {
            let because = format!("{because}, and the system names no folder for a file");
            return Ok(Self::new(record, Kept::Memory { because }, true));
        };
        let Some(passphrase) = passphrase(from, &Ask::Make(path.clone()))? else {
            let because = format!("{because}, and there is no passphrase for a file");
            return Ok(Self::new(record, Kept::Memory { because }, true));
        };
        if !sealed::make(&path, &record, &passphrase)? {
            // Another session was first.
            return Self::open(from, path);
        }
        let because = Some(because);
        let mut identity = Self::new(record, Kept::File { path, because }, true);
        identity.passphrase = Some(passphrase);
        identity.leave_mark(from.paths, Where::File)?;
        Ok(identity)
    }

    fn leave_mark(&self, paths: &Paths, kept: Where) -> Result<(), IdentityError> {
        let Some(path) = paths.identity_mark() else {
            return Ok(());
        };
        let key = self.key();
        let words = toml::to_string(&Mark { key, kept }).unwrap_or_default();
        let text = format!("# Who you are, for others, and where your key is kept.\n{words}");
        sealed::replace(&path, text.as_bytes()).map_err(|why| IdentityError::File { path, why })
    }
}

fn is_off(from: &Sources) -> bool {
    (from.variable)(KEYRING_ENV).is_some_and(|word| word.eq_ignore_ascii_case("off"))
}

/// The name of the entry in the keyring: each configuration folder has its own.
fn entry(paths: &Paths) -> String {
    match &paths.config {
        Some(folder) => format!("identity of {}", folder.display()),
        None => "identity".to_owned(),
    }
}

fn mark(paths: &Paths) -> Result<Option<Mark>, IdentityError> {
    let Some(path) = paths.identity_mark() else {
        return Ok(None);
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => toml::from_str(&text)
            .map(Some)
            .map_err(|_| IdentityError::Malformed(path.display().to_string())),
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(IdentityError::File { path, why }),
    }
}

/// The passphrase: that of the file that the environment names, else what the person says.
fn passphrase(from: &Sources, ask: &Ask) -> Result<Option<SecretString>, IdentityError> {
    let named = (from.variable)(PASSPHRASE_ENV).filter(|path| !path.is_empty());
    match named {
        Some(path) => of_file(Path::new(&path)).map(Some),
        None => Ok((from.ask)(ask).filter(|words| !words.expose_secret().is_empty())),
    }
}

fn of_file(path: &Path) -> Result<SecretString, IdentityError> {
    let wrong = |why: String| IdentityError::PassphraseFile {
        path: path.to_owned(),
        why,
    };
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|why| wrong(why.to_string()))?);
    if sealed::is_open(path).map_err(|why| wrong(why.to_string()))? {
        let words = format!("others can read it; run chmod 600 {}", path.display());
        return Err(wrong(words));
    }
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(wrong("its first line is empty".to_owned()));
    }
    Ok(SecretString::from(line))
}

#[cfg(test)]
mod tests;
