//! From a link of a page to the screen it means, in a pseudo-terminal, on the night that comes
//! with the program.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::path::Path;

use portable_pty::CommandBuilder;
use support::pty::Terminal;

fn open(what: &[&str]) -> Terminal {
    open_in(what, support::root())
}

fn open_in(what: &[&str], folder: &Path) -> Terminal {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rotascope"));
    command.arg("open");
    command.args(what);
    command.arg(support::first_night());
    command.cwd(folder);
    Terminal::start_command(command, 100, 30)
}

fn ends(mut terminal: Terminal) {
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_link_to_a_service_opens_what_was_found_of_it() {
    let mut terminal = open(&["--service", "checkout", "--at", "2026-11-14T03:11:00Z"]);
    let why = terminal.wait_for("why", |screen| screen.contains("Why ▸ F1"));
    assert!(
        why.contains("rot-7f3a") && why.contains("checkout"),
        "{why}"
    );
    assert!(why.contains("03:11:00 UTC"), "{why}");
    terminal.press("\u{1b}");
    terminal.wait_for("on-call", |screen| screen.contains("Rotations"));
    ends(terminal);
}

#[test]
fn a_link_to_a_rotation_opens_what_was_found_of_it_by_the_end() {
    let mut terminal = open(&["--rotation", "rot-7f3a"]);
    let why = terminal.wait_for("why", |screen| screen.contains("Why ▸ F1"));
    assert!(why.contains("healed"), "{why}");
    ends(terminal);
}

#[test]
fn a_link_to_a_name_that_is_not_known_says_which_are() {
    let mut terminal = open(&["--service", "chekout"]);
    let said = terminal.wait_for("the answer", |screen| {
        screen.contains("No service is called chekout")
    });
    assert!(said.contains("did you mean `checkout`?"), "{said}");
    ends(terminal);
}

#[test]
fn an_inventory_is_exported_to_the_folder_that_the_screen_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = open_in(&["--secret", "payments/api"], folder.path());
    terminal.wait_for("why", |screen| screen.contains("Why ▸ F1"));
    terminal.press("7");
    terminal.wait_for("the inventory", |screen| {
        screen.contains("Inventory ▸ 2 secrets")
    });
    terminal.press("\u{5}");
    let said = terminal.wait_for("the file", |screen| screen.contains("Written to"));
    let mut files = std::fs::read_dir(folder.path()).unwrap();
    let file = files.next().unwrap().unwrap();
    let name = file.file_name().to_string_lossy().into_owned();
    assert!(name.starts_with("rotascope-inventory-20261114T"), "{name}");
    assert!(said.contains(&name), "{said}");
    let table = std::fs::read_to_string(file.path()).unwrap();
    assert!(table.starts_with("\"secret\",\"kind\""), "{table}");
    assert_eq!(table.lines().count(), 3);
    ends(terminal);
}
