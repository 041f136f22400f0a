//! What is good for one use and was used: a file each, made by exactly one of however many try.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::disk::within;
use super::folder::{make_folder_of, sync_folder};
use super::line::hex;
use crate::guard::{Once, OnceError};
use crate::model::json;

/// A folder of what was used. Any number of processes may hold it at once: the file system says
/// who was first, and a thing counts as taken only once that is on the disk.
#[derive(Clone, Debug)]
pub struct Spent {
    folder: PathBuf,
}

impl Spent {
    /// Opens the folder, or makes it, for its owner alone.
    ///
    /// # Errors
    /// Where it cannot be made within two seconds.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let folder = folder.to_owned();
        let inside = folder.join("used");
        within(move || make_folder_of(&inside))?;
        Ok(Self { folder })
    }
}

impl Once for Spent {
    fn take(&self, what: &str) -> Result<(), OnceError> {
        // The name is safe whatever the word is made of.
        let path = self.folder.join(hex(what.as_bytes()));
        let words = json::to_line(&what).unwrap_or_default();
        within(move || take(&path, &words)).map_err(|why| match why.kind() {
            io::ErrorKind::AlreadyExists => OnceError::Already,
            _ => OnceError::Disk(why.to_string()),
        })
    }
}

fn take(path: &Path, words: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file: File = options.open(path)?;
    file.write_all(words.as_bytes())?;
    file.sync_all()?;
    sync_folder(path)
}
