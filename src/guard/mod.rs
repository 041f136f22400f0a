//! The guard: what an act would do, what has to be answered before it, and the warrant without
//! which no backend does anything. Pure: the moment is an argument.
//!
//! A [`Warrant`] is made by [`Guard::grant`] and nowhere else. A replay has no guard.

mod effect;
mod summary;
mod warrant;

pub use summary::{Challenge, Refusal, Row, Summary, summary};
pub use warrant::{Guard, Unmet, Warrant};
