//! The runner: the core that changes state, and the calls that its effects are.

mod calls;
pub(in crate::rotation) mod core;
mod intents;
pub(in crate::rotation) mod shared;
mod side;
mod stage;
mod starts;

#[cfg(test)]
mod tests;
