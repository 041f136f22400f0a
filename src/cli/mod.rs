//! The commands, a file each; wiring only.

pub mod audit;
pub mod events;
