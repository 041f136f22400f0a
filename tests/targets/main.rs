//! Every kind of target against the real thing: installed, made current, rolled back, revoked,
//! each call twice, and the credential that is gone refused on the real socket.

// The lints that spare tests know them by this.
#![cfg(test)]

#[path = "../support/servers/mod.rs"]
mod servers;

mod acme;
mod exec;
mod file;
mod jwks;
mod life;
mod postgres;
mod redis;
mod service;
mod settings;
mod webhook;
