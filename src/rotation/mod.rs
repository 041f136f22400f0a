//! The rotation engine: rotates secrets for real, and the lab that it is tried in.
//!
//! Rooms, each seeing only those before it: clock, material and faults; the plan
//! (`rotation.toml`); the lifecycle (pure); targets, a file a kind of secret.

pub mod clock;
pub mod fault;
pub mod material;
pub mod plan;
pub mod server;
pub mod target;

pub use clock::Clock;
pub use fault::{Fault, FaultKind};
pub use material::Material;
