//! Where certificates lie: `versions/SERIAL/{fullchain,privkey}.pem`, and `current`, a link to
//! the one in use. Two files cannot be replaced in one step; the link can.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::rotation::fault::Fault;
use crate::rotation::target::shared::replace::{
    PRIVATE, content, local, remove, replace, sync_folder,
};

/// Everybody may read certificates.
const PUBLIC: u32 = 0o644;

/// The folder of one name's certificates.
pub struct Folder(PathBuf);

/// An order that is under way, so that a crash does not order twice.
#[derive(Serialize, Deserialize)]
pub struct Pending {
    /// The call it belongs to.
    pub call: String,
    /// Where the CA keeps it.
    pub order: String,
    /// The private key, PEM.
    pub key: String,
}

impl Drop for Pending {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.key);
    }
}

impl Folder {
    /// The folder at this path; made when something is first put there.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    fn version(&self, serial: &str) -> PathBuf {
        self.0.join("versions").join(serial)
    }

    fn make(path: &Path, doing: &str) -> Result<(), Fault> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(path)
            .map_err(|e| local(path, &e, doing))
    }

    /// Puts a pair beside the others.
    pub async fn stage(
        &self,
        serial: &str,
        key: &str,
        chain: &str,
        doing: &str,
    ) -> Result<(), Fault> {
        let folder = self.version(serial);
        Self::make(&folder, doing)?;
        replace(&folder.join("privkey.pem"), key.as_bytes(), PRIVATE, doing).await?;
        replace(
            &folder.join("fullchain.pem"),
            chain.as_bytes(),
            PUBLIC,
            doing,
        )
        .await?;
        sync_folder(&folder).map_err(|e| local(&folder, &e, doing))
    }

    /// True where the pair lies here.
    pub fn is_staged(&self, serial: &str) -> bool {
        self.version(serial).join("fullchain.pem").exists()
    }

    /// Makes a pair the one in use.
    pub fn make_current(&self, serial: &str, doing: &str) -> Result<(), Fault> {
        let link = self.0.join("current");
        let beside = self.0.join(".current.tmp");
        remove(&beside, doing)?;
        symlink(Path::new("versions").join(serial), &beside)
            .and_then(|()| fs::rename(&beside, &link))
            .and_then(|()| sync_folder(&link))
            .map_err(|e| local(&link, &e, doing))
    }

    /// Leaves no pair in use.
    pub fn leave_none(&self, doing: &str) -> Result<(), Fault> {
        remove(&self.0.join("current"), doing)
    }

    /// The serial number of the pair in use.
    pub fn current(&self, doing: &str) -> Result<Option<String>, Fault> {
        let link = self.0.join("current");
        match fs::read_link(&link) {
            Ok(to) => Ok(to
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(local(&link, &e, doing)),
        }
    }

    /// Takes a pair away.
    pub fn unstage(&self, serial: &str, doing: &str) -> Result<(), Fault> {
        let folder = self.version(serial);
        match fs::remove_dir_all(&folder) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(local(&folder, &e, doing)),
            _ => Ok(()),
        }
    }

    /// Notes that the CA has revoked a certificate.
    pub async fn note_revoked(&self, serial: &str, doing: &str) -> Result<(), Fault> {
        if self.is_revoked(serial, doing)? {
            return Ok(());
        }
        let path = self.0.join("revoked");
        let mut list = content(&path, doing)?.unwrap_or_default();
        list.extend_from_slice(format!("{serial}\n").as_bytes());
        replace(&path, &list, PUBLIC, doing).await
    }

    /// True where the CA has revoked it at our word.
    pub fn is_revoked(&self, serial: &str, doing: &str) -> Result<bool, Fault> {
        let list = content(&self.0.join("revoked"), doing)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&list)
            .lines()
            .any(|line| line == serial))
    }

    fn pending(&self) -> PathBuf {
        self.0.join("order.json")
    }

    /// The order under way for this call.
    pub fn order(&self, call: &str, doing: &str) -> Result<Option<Pending>, Fault> {
        let bytes = content(&self.pending(), doing)?.map(Zeroizing::new);
        // One that cannot be read is as good as none: it is ordered anew.
        let pending: Option<Pending> = bytes.and_then(|b| serde_json::from_slice(&b).ok());
        Ok(pending.filter(|pending| pending.call == call))
    }

    /// Keeps an order.
    pub async fn keep_order(&self, pending: &Pending, doing: &str) -> Result<(), Fault> {
        Self::make(&self.0, doing)?;
        let bytes = Zeroizing::new(serde_json::to_vec(pending).unwrap_or_default());
        replace(&self.pending(), &bytes, PRIVATE, doing).await
    }

    /// Forgets the order under way.
    pub fn forget_order(&self, doing: &str) -> Result<(), Fault> {
        remove(&self.pending(), doing)
    }
}
