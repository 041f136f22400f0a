//! Tests that need a process of their own, since what they change or look at is the whole
//! process's.

use std::process::Command;

/// What the test that runs alone is told.
const WORD: &str = "ROTASCOPE_TEST_ALONE";

/// Runs a test of a module again in a process of its own, and fails where it fails there; `None`
/// then. In that process: the word that it is told.
pub(super) fn alone(module: &str, test: &str, word: &str) -> Option<String> {
    if let Ok(word) = std::env::var(WORD) {
        return Some(word);
    }
    // The name of the crate is no part of a test's.
    let (_, module) = module.split_once("::").unwrap();
    let ran = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", &format!("{module}::{test}")])
        .env(WORD, word)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let wrong = String::from_utf8_lossy(&ran.stderr);
    assert!(said.contains("1 passed"), "{said}{wrong}");
    None
}
