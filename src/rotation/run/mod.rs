//! The runner: the core that changes state, and the calls that its effects are.

mod calls;
mod commit;
pub(in crate::rotation) mod core;
mod intents;
pub(in crate::rotation) mod shared;
mod side;
mod stage;
mod staged;
mod starts;
mod ticks;

#[cfg(test)]
mod tests;
