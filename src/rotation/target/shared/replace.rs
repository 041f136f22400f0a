//! Files replaced whole: a reader sees the old content or the new, never a part, and a crash
//! leaves one of the two.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::rotation::fault::{Fault, FaultKind};

/// Only the owner may read it.
pub const PRIVATE: u32 = 0o600;

/// Replaces a file in one step; content, name and folder are on the disk when it returns. A file
/// that was there keeps its owner. The disk is waited for beside the engine, not in it.
///
/// # Errors
/// A local fault with the path.
pub async fn replace(path: &Path, content: &[u8], mode: u32, doing: &str) -> Result<(), Fault> {
    let (path, content) = (path.to_owned(), Zeroizing::new(content.to_vec()));
    let owned = doing.to_owned();
    tokio::task::spawn_blocking(move || replace_now(&path, &content, mode, &owned))
        .await
        .unwrap_or_else(|e| Err(Fault::new(FaultKind::Local, doing, e.to_string())))
}

fn replace_now(path: &Path, content: &[u8], mode: u32, doing: &str) -> Result<(), Fault> {
    write_beside(path, content, mode)
        .and_then(|beside| {
            fs::rename(&beside, path).inspect_err(|_| {
                let _ = fs::remove_file(&beside);
            })
        })
        .and_then(|()| sync_folder(path))
        .map_err(|e| local(path, &e, doing))
}

/// Removes a file; one that is gone already is as good.
///
/// # Errors
/// A local fault with the path.
pub fn remove(path: &Path, doing: &str) -> Result<(), Fault> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(local(path, &e, doing)),
        Ok(()) => sync_folder(path).map_err(|e| local(path, &e, doing)),
    }
}

/// The content of a file, or nothing where there is none.
///
/// # Errors
/// A local fault with the path.
pub fn content(path: &Path, doing: &str) -> Result<Option<Vec<u8>>, Fault> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(local(path, &e, doing)),
    }
}

/// The path with words behind its name: `db.conf` and `.next` give `db.conf.next`.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(suffix);
    path.with_file_name(name)
}

/// The fault that a path brought.
pub fn local(path: &Path, error: &io::Error, doing: &str) -> Fault {
    Fault::new(
        FaultKind::Local,
        doing,
        format!("{}: {error}", path.display()),
    )
}

fn write_beside(path: &Path, content: &[u8], mode: u32) -> io::Result<PathBuf> {
    let mut name = OsString::from(".");
    name.push(
        path.file_name()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?,
    );
    name.push(".tmp");
    let beside = path.with_file_name(name);
    // What a crash left behind; never written through, since its rights may be others.
    let _ = fs::remove_file(&beside);
    let written = fill(&beside, path, content, mode);
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.map(|()| beside)
}

fn fill(beside: &Path, path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(beside)?;
    file.write_all(content)?;
    if let Ok(was) = fs::metadata(path) {
        let is = file.metadata()?;
        if (was.uid(), was.gid()) != (is.uid(), is.gid()) {
            fchown(&file, Some(was.uid()), Some(was.gid()))?;
        }
    }
    // Last, since a change of owner takes rights away.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.sync_all()
}

/// Has the disk remember what a folder holds.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_replaced_whole_and_stays_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(folder.path().join(".key.tmp"), "left by a crash").unwrap();
        replace(&path, b"one", PRIVATE, "x").await.unwrap();
        replace(&path, b"two", 0o640, "x").await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        remove(&path, "x").unwrap();
        remove(&path, "x").unwrap();
        assert_eq!(content(&path, "x").unwrap(), None);
    }

    #[tokio::test]
    async fn what_cannot_be_written_leaves_the_old_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("is-a-folder");
        fs::create_dir_all(path.join("full")).unwrap();
        let fault = replace(&path, b"canary-10", PRIVATE, "write it")
            .await
            .unwrap_err();
        assert_eq!(fault.kind, FaultKind::Local);
        assert!(fault.to_string().contains("is-a-folder"), "{fault}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
