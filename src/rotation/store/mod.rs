//! What outlives a crash: the state of every rotation, the events, the audit outbox and the sealed
//! material, in one `SQLite` file.

pub mod db;
pub mod error;
pub mod rows;
pub mod seal;
pub mod vault;
mod write;

pub use db::Store;
pub use error::StoreError;
pub use rows::{ActRow, Batch, Loaded, OutboxRow, SecretRow, SideCall, SideKind, Stale};
pub use seal::{KeyError, SealKey};
pub use vault::Vault;
