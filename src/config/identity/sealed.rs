//! The encrypted file: XChaCha20-Poly1305 with a key that Argon2id makes of a passphrase.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand::TryRng as _;
use rand::rngs::SysRng;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::IdentityError;
use super::record::Record;

/// The format of this file, bound to what is sealed.
const FORMAT: &str = "rotascope identity v1";

/// What a new file's passphrase is stretched by: 64 MiB, three passes.
const COST: Cost = Cost {
    kib: 64 * 1024,
    passes: 3,
};

/// No file may ask for more: whoever wrote it could stop the machine with it.
const MOST: Cost = Cost {
    kib: 1024 * 1024,
    passes: 16,
};

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1 << 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cost {
    kib: u32,
    passes: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    format: String,
    cost: Cost,
    salt: String,
    nonce: String,
    content: String,
}

/// Opens a file.
pub(super) fn read(path: &Path, passphrase: &SecretString) -> Result<Record, IdentityError> {
    let fault = |why| IdentityError::File {
        path: path.to_owned(),
        why,
    };
    let malformed = || IdentityError::Malformed(path.display().to_string());
    let file = File::open(path).map_err(fault)?;
    let text = io::read_to_string(io::Read::take(file, LONGEST)).map_err(fault)?;
    let sealed: Sealed = serde_json::from_str(&text).map_err(|_| malformed())?;
    let Cost { kib, passes } = sealed.cost;
    if sealed.format != FORMAT || kib > MOST.kib || passes > MOST.passes {
        return Err(malformed());
    }
    let bytes = |words: &str| STANDARD.decode(words).map_err(|_| malformed());
    let (salt, nonce) = (bytes(&sealed.salt)?, bytes(&sealed.nonce)?);
    let nonce: [u8; 24] = nonce.try_into().map_err(|_| malformed())?;
    let cipher = cipher(passphrase, &salt, sealed.cost).ok_or_else(malformed)?;
    let payload = Payload {
        msg: &bytes(&sealed.content)?,
        aad: FORMAT.as_bytes(),
    };
    let opened = cipher
        .decrypt(&XNonce::from(nonce), payload)
        .map_err(|_| IdentityError::Shut(path.to_owned()))?;
    let opened = Zeroizing::new(opened);
    std::str::from_utf8(&opened)
        .ok()
        .and_then(Record::parse)
        .ok_or_else(malformed)
}

/// Puts a record into the place of the one before it.
pub(super) fn write(
    path: &Path,
    record: &Record,
    passphrase: &SecretString,
) -> Result<(), IdentityError> {
    let text = seal(record, passphrase, COST)?;
    replace(path, text.as_bytes()).map_err(|why| IdentityError::File {
        path: path.to_owned(),
        why,
    })
}

/// Makes the file; false where there is one.
pub(super) fn make(
    path: &Path,
    record: &Record,
    passphrase: &SecretString,
) -> Result<bool, IdentityError> {
    let text = seal(record, passphrase, COST)?;
    let made = stage(path, text.as_bytes()).and_then(|staged| {
        let linked = match fs::hard_link(&staged, path) {
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            linked => linked.map(|()| true),
        };
        let _ = fs::remove_file(&staged);
        sync_folder(path)?;
        linked
    });
    made.map_err(|why| IdentityError::File {
        path: path.to_owned(),
        why,
    })
}

/// Puts a file, readable by its owner alone, into the place of the one before it.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let staged = stage(path, bytes)?;
    fs::rename(&staged, path)?;
    sync_folder(path)
}

/// True where others than its owner can read a file.
pub(super) fn is_open(path: &Path) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        fs::metadata(path).map(|_| false)
    }
}

/// Writes a file beside another, of this process's own.
fn stage(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let staged = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&staged)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(staged)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path
        .parent()
        .filter(|f| cfg!(unix) && !f.as_os_str().is_empty())
    {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn seal(record: &Record, passphrase: &SecretString, cost: Cost) -> Result<String, IdentityError> {
    let (mut salt, mut nonce) = ([0_u8; 16], [0_u8; 24]);
    SysRng
        .try_fill_bytes(&mut salt)
        .and_then(|()| SysRng.try_fill_bytes(&mut nonce))
        .map_err(|_| IdentityError::NoRandomness)?;
    let malformed = || IdentityError::Malformed("the passphrase".to_owned());
    let cipher = cipher(passphrase, &salt, cost).ok_or_else(malformed)?;
    let words = record.words();
    let payload = Payload {
        msg: words.as_bytes(),
        aad: FORMAT.as_bytes(),
    };
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| malformed())?;
    let sealed = Sealed {
        format: FORMAT.to_owned(),
        cost,
        salt: STANDARD.encode(salt),
        nonce: STANDARD.encode(nonce),
        content: STANDARD.encode(sealed),
    };
    let text = serde_json::to_string(&sealed).map_err(|_| malformed())?;
    Ok(format!("{text}\n"))
}

fn cipher(passphrase: &SecretString, salt: &[u8], cost: Cost) -> Option<XChaCha20Poly1305> {
    let params = Params::new(cost.kib, cost.passes, 1, Some(32)).ok()?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut key = Zeroizing::new([0_u8; 32]);
    argon
        .hash_password_into(
            passphrase.expose_secret().as_bytes(),
            salt,
            key.as_mut_slice(),
        )
        .ok()?;
    Some(XChaCha20Poly1305::new((&*key).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(word: &str) -> SecretString {
        SecretString::from(word)
    }

    #[test]
    fn a_file_opens_with_its_passphrase_alone_and_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/identity.sealed");
        let record = Record::random().unwrap();
        assert!(make(&path, &record, &word("horse staple")).unwrap());
        assert!(!make(&path, &Record::random().unwrap(), &word("x")).unwrap());
        assert!(!is_open(&path).unwrap());
        let read_back = read(&path, &word("horse staple")).unwrap();
        assert_eq!(read_back.signer().public(), record.signer().public());
        let error = read(&path, &word("horse stapl")).unwrap_err();
        assert!(matches!(error, IdentityError::Shut(_)), "{error}");
        assert!(!error.to_string().contains("stapl"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(record.words().as_str()));
        let files = fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(files, 1, "nothing is left beside it");
    }

    #[test]
    fn a_changed_file_and_one_that_asks_for_the_machine_do_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.sealed");
        make(&path, &Record::random().unwrap(), &word("w")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let many = text.replace("\"passes\":3", "\"passes\":4000000000");
        let huge = text.replace("\"kib\":65536", "\"kib\":4000000000");
        let other = text.replace("\"passes\":3", "\"passes\":2");
        for changed in [many, huge, other, text.replace("v1", "v2"), String::new()] {
            assert_ne!(changed, text);
            fs::write(&path, changed).unwrap();
            assert!(read(&path, &word("w")).is_err());
        }
    }
}
