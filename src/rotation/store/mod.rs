//! What outlives a crash: the state of every rotation, the events, the audit outbox and the sealed
//! material, in one `SQLite` file.

pub mod seal;

pub use seal::{KeyError, SealKey};
