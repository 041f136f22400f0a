//! Floor 4: owns the event loop, runs effects, and gives the terminal back.

mod export;
mod guard;
mod input;
pub mod slot;
pub mod terminal;
pub mod watch;
