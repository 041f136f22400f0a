//! Files of the configuration that are changed under the running program, in a pseudo-terminal.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::fs;
use std::path::Path;

use portable_pty::CommandBuilder;
use support::pty::Terminal;

/// Puts a file in the place of another by renaming, as careful editors do.
fn put(folder: &Path, name: &str, text: &str) {
    let new = folder.join("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, folder.join(name)).unwrap();
}

fn start(folder: &Path) -> Terminal {
    // The terminal of the tests names a folder without settings; the shell names another.
    let mut command = CommandBuilder::new("sh");
    command.args([
        "-c",
        "ROTASCOPE_CONFIG_DIR=\"$1\" exec \"$2\" replay --paused --at 60% \"$3\"",
        "sh",
    ]);
    command.arg(folder);
    command.arg(env!("CARGO_BIN_EXE_rotascope"));
    command.arg(support::first_night());
    command.cwd(support::root());
    Terminal::start_command(command, 100, 30)
}

#[test]
fn a_keymap_is_read_anew_and_a_broken_one_is_named_until_it_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("keymaps")).unwrap();
    let mine = "keymaps/mine.toml";
    put(folder.path(), "config.toml", "keymap = \"mine\"\n");
    put(folder.path(), mine, "extends = \"default\"\nhelp = \"J\"\n");
    let mut terminal = start(folder.path());
    terminal.wait_for("the night", |screen| screen.contains("Rotations"));
    terminal.press("J");
    terminal.wait_for("help", |screen| screen.contains("Help ▸ keymap mine"));
    terminal.press("\u{1b}");
    terminal.wait_for("on-call", |screen| !screen.contains("Help ▸"));

    put(folder.path(), mine, "extends = \"default\"\nhelp = \"K\"\n");
    terminal.wait_for("the new keymap", |screen| screen.contains("Read anew"));
    terminal.press("K");
    terminal.wait_for("help", |screen| screen.contains("Help ▸ keymap mine"));
    terminal.press("\u{1b}");

    put(folder.path(), mine, "extends = \"default\"\nhlep = \"L\"\n");
    let wrong = terminal.wait_for("what is wrong", |screen| screen.contains("mine.toml:2"));
    assert!(wrong.contains("no command is called `hlep`"), "{wrong}");
    terminal.press("K");
    let help = terminal.wait_for("help", |screen| screen.contains("Help ▸ keymap mine"));
    assert!(
        help.contains("mine.toml:2"),
        "it stays until it is mended: {help}"
    );
    terminal.press("\u{1b}");

    put(folder.path(), mine, "extends = \"default\"\nhelp = \"L\"\n");
    terminal.wait_for("it is mended", |screen| !screen.contains("mine.toml:2"));
    terminal.press("L");
    terminal.wait_for("help", |screen| screen.contains("Help ▸ keymap mine"));
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn settings_that_name_another_keymap_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = start(folder.path());
    terminal.wait_for("the night", |screen| screen.contains("Rotations"));
    put(
        folder.path(),
        "config.toml",
        "keymap = \"vim\"\nzone = \"utc\"\n",
    );
    terminal.wait_for("the new keymap", |screen| screen.contains("keymap vim"));
    terminal.press("ZZ");
    assert_eq!(terminal.end(), 0);
}
