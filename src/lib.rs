//! Rotascope: the cockpit for secret rotations that go wrong.
//!
//! The modules stand on floors; imports go downward, and inside a floor only to a room named
//! before one's own. `tests/floors.rs` reads the `use` lines and keeps it so; the list below is
//! what it reads. `docs/architecture.md` says what lives where and why.

// floor 0: words; no I/O, no clock, no drawing
pub mod model;

// floor 1: pure; `now` is an argument
pub mod incident;

pub mod query;

pub mod measure;

pub mod diagnosis;

pub mod guard;

// floor 2: the outside world; knows floors 0 and 1, never ui
pub mod config;

pub mod audit;

pub mod journal;

pub mod history;

pub mod backend;

pub mod delivery;

// floor 3: siblings, none imports another
pub mod session;

pub mod rotation;

pub mod ui;

// floor 4: where the world meets the program
pub mod shell;

pub mod cli;
