//! The incident: a fold over events. [`Incident::apply`] is the only way its state changes;
//! replay, live and tests share it. It reads no clock: time is the time of events and of ticks.
//!
//! Order of arrival cannot matter, since everything kept is a register that the latest word
//! wins, a moment that only moves one way, or a list of the latest (`docs/incident.md`).

mod action;
mod audit;
mod consumer;
mod fold;
mod health;
mod latest;
mod leak;
mod merge;
pub mod recording;
mod rotation;
#[cfg(test)]
mod rules;
mod sample;
mod seen;
mod series;
mod source;
mod store;
#[cfg(test)]
mod testing;
mod told;
mod usage;
mod view;

pub use fold::Incident;
pub use recording::Recording;
pub use usage::{Forgotten, READERS_KEPT, USES_KEPT, Use, is_hashed};
pub use view::*;
