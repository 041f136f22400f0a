//! The demo through the whole program: real sockets behind, real keys in front.

// The lints that spare tests know them by this.
#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod acts;
mod driver;
mod faults;
