//! Rotascope.
fn main() {}
