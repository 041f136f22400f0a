//! Records a session: every event as a line of JSON, in the order of arrival.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::model::Event;

/// Why nothing is recorded (any more).
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file is there.
    #[error("{0} is there already; a recording never overwrites: name another file")]
    Exists(PathBuf),
    /// The disk does not take it.
    #[error("the recording {path} ended: {why}")]
    Disk {
        /// Which.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
}

/// A recording that is being made.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Recorder {
    /// Begins a recording in a new file, readable by its owner alone.
    ///
    /// # Errors
    /// [`RecordError`] where the file is there already or cannot be made.
    pub fn new(path: &Path) -> Result<Self, RecordError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(file) => Ok(Self {
                path: path.to_owned(),
                file: BufWriter::new(file),
            }),
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {
                Err(RecordError::Exists(path.to_owned()))
            }
            Err(why) => Err(RecordError::Disk {
                path: path.to_owned(),
                why,
            }),
        }
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes events; what is written is handed to the system before this returns.
    ///
    /// # Errors
    /// [`RecordError::Disk`] where the disk does not take it.
    pub fn write(&mut self, events: &[Event]) -> Result<(), RecordError> {
        self.put(events).map_err(|why| RecordError::Disk {
            path: self.path.clone(),
            why,
        })
    }

    fn put(&mut self, events: &[Event]) -> io::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        for event in events {
            let line = event.to_json()?;
            self.file.write_all(line.as_bytes())?;
            self.file.write_all(b"\n")?;
        }
        self.file.flush()
    }
}
