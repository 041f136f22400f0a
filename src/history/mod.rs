//! What must outlive a session: daily summaries of what the service levels rest on, in one file of
//! `SQLite` that any number of cockpits may hold at once. `docs/history.md` says what is in it.
//!
//! The file keeps days as [`crate::measure::level::Summary`] has them: what is told twice is there
//! once. Only live sessions feed it. Nothing here stops a session: whoever opens or feeds it gets
//! an error that says plainly what is wrong, and goes on without.

mod db;
mod detail;
mod error;
mod layout;
mod names;
mod pack;
mod prune;
mod rows;
#[cfg(test)]
mod tests;

pub use db::{History, Keep};
pub use error::HistoryError;
