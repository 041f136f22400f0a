//! What the tests of the whole binary share.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "each test binary uses its own part of this, and helpers of tests fail as tests do"
)]

pub mod engine;
pub mod large;
pub mod pty;

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The project's own fixture of an incident.
pub fn first_night() -> PathBuf {
    root().join("fixtures/incidents/first-night")
}

/// The folder of real logs and labelled incidents, where it lies beside the checkout or where
/// `ROTASCOPE_SHARED` says. Without it a test says that it used the fixtures alone.
pub fn shared(what: &str) -> Option<PathBuf> {
    let named = std::env::var_os("ROTASCOPE_SHARED").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| root().join("../shared"));
    let path = folder.join(what);
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "no {} here: this test used the project's fixtures alone",
        path.display()
    );
    None
}
