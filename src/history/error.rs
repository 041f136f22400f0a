//! Why the history cannot be used.

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the history cannot be used; the session goes on without.
#[derive(Debug, thiserror::Error)]
#[error("the history {path}: {what}")]
pub struct HistoryError {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it, and what to do.
    pub what: What,
}

/// What is wrong with a history.
#[derive(Debug, thiserror::Error)]
pub enum What {
    /// There is none.
    #[error("there is none yet; a live session makes it")]
    Absent,
    /// A later version of the program made it.
    #[error(
        "it is of layout {found}, this program knows {known}: a newer rotascope wrote it; use that one, or move the file away"
    )]
    Newer {
        /// Its layout.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// Somebody else writes to it and does not come to an end.
    #[error("another program holds it locked; it is tried again")]
    Locked,
    /// It is no history, or broken.
    #[error("it cannot be read ({0}); move it away and a new one is made")]
    Corrupt(String),
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// It may not be written or read.
    #[error("it cannot be opened or written ({0}); look at who owns it and its folder")]
    Denied(String),
    /// Something else.
    #[error("{0}")]
    Other(String),
}

impl HistoryError {
    pub(super) fn new(path: &Path, what: What) -> Self {
        Self {
            path: path.to_owned(),
            what,
        }
    }

    /// True where it may go well the next time.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self.what, What::Locked | What::Full)
    }
}

impl From<rusqlite::Error> for What {
    fn from(error: rusqlite::Error) -> Self {
        let words = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Corrupt(words),
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::AuthorizationForStatementDenied,
            ) => Self::Denied(words),
            _ => Self::Other(words),
        }
    }
}

impl From<std::io::Error> for What {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Absent,
            std::io::ErrorKind::StorageFull => Self::Full,
            _ => Self::Denied(error.to_string()),
        }
    }
}
