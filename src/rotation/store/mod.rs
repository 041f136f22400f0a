//! What outlives a crash: the state of every rotation, the events, the audit outbox and the sealed
//! material, in one `SQLite` file.

pub mod db;
pub mod seal;
pub mod vault;

pub use db::{
    ActRow, Batch, Loaded, OutboxRow, SecretRow, SideCall, SideKind, Stale, Store, StoreError,
};
pub use seal::{KeyError, SealKey};
pub use vault::Vault;
