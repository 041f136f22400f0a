//! The lab: real services on loopback that authenticate with the secrets which the engine
//! rotates, and one thing broken on purpose. Nothing is scripted: what monitoring says is counted
//! on the lab's own sockets. See docs/lab.md.
//!
//! Files, each seeing only those before it: settings and the town (who there is) · wire (HTTP) ·
//! record (what monitoring wrote) · authority (who accepts which credential) and its target ·
//! logs · service · cache · consumer and link · sink · traffic · scanner · observer · plan ·
//! schedule · this one, which puts them together.

mod authority;
mod authority_target;
mod cache;
mod consumer;
mod link;
mod logs;
mod observer;
mod plan;
mod quota;
mod record;
mod scanner;
mod service;
mod settings;
mod sink;
mod town;
mod traffic;
mod wire;

pub use record::Record;
pub use settings::{Cause, LabError, LabSettings, UnknownCause};
