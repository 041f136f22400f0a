//! The engine against a world of real sockets: a service of API keys, consumers that authenticate
//! with what they are given, an audit sink, caches; and what goes wrong with each of them.

// The lints that spare tests know them by this.
#![cfg(test)]

#[path = "../support/servers/mod.rs"]
mod servers;

mod bad;
mod gate;
mod keys;
mod life;
mod prove;
mod world;
