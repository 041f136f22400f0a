//! Why the store cannot be used.

use super::seal::KeyError;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another engine holds it.
    #[error("another engine holds it")]
    Locked,
    /// It was sealed with another key.
    #[error("it was sealed with another key")]
    Key,
    /// Reading or writing failed.
    #[error("{0}")]
    Database(#[from] rusqlite::Error),
    /// The file or its lock cannot be made.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// What is in it is not understood.
    #[error("{what} in it cannot be read: {why}")]
    Damaged {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// The system gives no randomness.
    #[error("{0}")]
    Seal(#[from] KeyError),
}
