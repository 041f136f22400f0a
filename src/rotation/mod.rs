//! The rotation engine: rotates secrets for real, and the lab that it is tried in.
//!
//! Rooms, each seeing only those before it: clock, material and faults; the plan
//! (`rotation.toml`); targets, a file a kind of secret; the lifecycle (pure); the store; the engine
//! that runs the one on the other; the server; the lab.

pub mod clock;
mod deliver;
pub mod engine;
pub mod failpoint;
pub mod fault;
mod health;
pub mod lab;
pub mod lifecycle;
pub mod log;
pub mod material;
mod outbox;
pub mod plan;
pub mod policy;
pub mod report;
mod run;
pub mod server;
pub mod store;
pub mod target;

pub use clock::Clock;
pub use engine::{Engine, EngineError, Settings};
pub use fault::{Fault, FaultKind};
pub use lifecycle::{Refusal, RefusalKind};
pub use log::EventLog;
pub use material::Material;
pub use report::{ConsumerReport, ConsumerStatus, Facts, Metrics, Receipt, Status, Vouched};
pub use store::{KeyError, SealKey};
