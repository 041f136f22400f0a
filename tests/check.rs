//! `rotascope check`: each mistake in the user's settings is named with its place in the file.

// The lints that spare tests know them by this.
#![cfg(test)]

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// What `check` said: its exit status, standard output, standard error.
fn check(folder: &Path) -> (Option<i32>, String, String) {
    let state = TempDir::new().expect("a folder");
    let done = Command::new(env!("CARGO_BIN_EXE_rotascope"))
        .args(["check", "--config"])
        .arg(folder)
        .env("ROTASCOPE_STATE_DIR", state.path())
        .output()
        .expect("the program starts");
    let words = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is said is text");
    (done.status.code(), words(done.stdout), words(done.stderr))
}

/// A configuration folder with one file in it.
fn folder(file: &str, text: impl AsRef<[u8]>) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join(file);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, text).expect("a file");
    folder
}

/// Asserts that `check` ends with status 2 and says all of this on standard error.
fn complains(file: &str, text: impl AsRef<[u8]>, words: &[&str]) {
    let folder = folder(file, text);
    let (status, out, err) = check(folder.path());
    assert_eq!(status, Some(2), "{file}\n{out}{err}");
    for word in words {
        assert!(err.contains(word), "no {word:?} about {file} in\n{err}");
    }
}

#[test]
fn what_is_right_is_named_with_status_0() {
    let text = "keymap = \"mine\"\ntheme = \"light\"\nzone = \"local\"\n\
                [[identity]]\nmatch = { display_name = \"kubernetes-*\" }\nservice = \"checkout\"\n";
    let folder = folder("config.toml", text);
    fs::create_dir(folder.path().join("keymaps")).expect("a folder");
    let keymap = "extends = \"vim\"\nfind = [\"/\", \"ctrl-s\"]\n";
    fs::write(folder.path().join("keymaps/mine.toml"), keymap).expect("a file");
    let (status, out, err) = check(folder.path());
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    for file in ["config.toml: settings", "mine.toml: keymap"] {
        let line = out.lines().find(|line| line.ends_with(file));
        assert!(line.is_some_and(|line| line.starts_with("ok ")), "{out}");
    }
}

#[test]
fn an_empty_folder_is_right_and_a_missing_one_is_not() {
    let empty = TempDir::new().expect("a folder");
    let (status, out, _) = check(empty.path());
    assert_eq!(status, Some(0));
    assert!(out.contains("all settings are default"), "{out}");
    let (status, _, err) = check(&empty.path().join("nowhere"));
    assert_eq!(status, Some(2));
    assert!(err.contains("is no folder"), "{err}");
}

#[test]
fn wrong_settings_are_named_with_their_place() {
    let unknown = "keymap = \"vim\"\nthem = \"dark\"\n";
    complains(
        "config.toml",
        unknown,
        &["`them`", "config.toml:2:1", "│ them"],
    );
    complains(
        "config.toml",
        "[a\n",
        &["config.toml:1:", "the settings are wrong"],
    );
    complains(
        "config.toml",
        "zone = \"mars\"",
        &["`mars`", "config.toml:1:8"],
    );
    let named = "keymap = \"nope\"\ntheme = \"../dark\"\n";
    complains(
        "config.toml",
        named,
        &[
            "no keymap called \"nope\"",
            "no theme called \"../dark\"",
            "vim",
        ],
    );
    let identity = "[[identity]]\nmatch = 3\nservice = \"x\"\n";
    complains(
        "config.toml",
        identity,
        &["identity rule", "config.toml:2:9"],
    );
    complains(
        "config.toml",
        b"keymap = \"\xff\"",
        &["cannot be read", "UTF-8"],
    );
}

#[test]
fn a_broken_keymap_is_named_with_its_place() {
    let file = "keymaps/mine.toml";
    let misspelt = "extends = \"default\"\nfnd = \"x\"\n";
    complains(file, misspelt, &["`fnd`", "mine.toml:2:1", "did you mean"]);
    let key = "quit = [\"q\", \"hyper-x\"]\n";
    complains(file, key, &["`hyper-x` is no key", "mine.toml:1:14"]);
    complains(
        file,
        "quit = \"q\nx",
        &["the keymap is wrong", "mine.toml:"],
    );
}

#[test]
fn a_broken_theme_is_named_with_its_place() {
    let file = "themes/mine.toml";
    complains(
        file,
        "text = \"nocolour\"\n",
        &["`nocolour`", "mine.toml:1:8"],
    );
    // The place is pointed at even where the file ends too early.
    complains(file, "text = \"red\"\nbad", &["mine.toml:2:3", "╰── here"]);
}

#[test]
fn every_mistake_is_named_not_only_the_first() {
    let folder = folder("config.toml", "them = 1\n");
    for (file, text) in [
        ("keymaps/a.toml", "fnd = \"x\"\n"),
        ("themes/b.toml", "txt = \"x\"\n"),
    ] {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let (status, _, err) = check(folder.path());
    assert_eq!(status, Some(2));
    for file in ["config.toml:1:1", "a.toml:1:1", "b.toml:1:1"] {
        assert!(err.contains(file), "no {file} in\n{err}");
    }
}

#[test]
fn an_escape_in_a_file_is_harmless_in_the_complaint() {
    let folder = folder("config.toml", "them\u{1b}]0;owned\u{7} = 1\n");
    let (status, out, err) = check(folder.path());
    assert_eq!(status, Some(2));
    assert!(
        !format!("{out}{err}").contains(['\u{1b}', '\u{7}']),
        "{err:?}"
    );
}

/// What `check --plan` said of this plan.
fn check_plan(text: &str) -> (Option<i32>, String, String) {
    let folder = folder("rotation.toml", text);
    let state = TempDir::new().expect("a folder");
    let done = Command::new(env!("CARGO_BIN_EXE_rotascope"))
        .args(["check", "--config"])
        .arg(folder.path())
        .arg("--plan")
        .arg(folder.path().join("rotation.toml"))
        .env("ROTASCOPE_STATE_DIR", state.path())
        .output()
        .expect("the program starts");
    let words = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is said is text");
    (done.status.code(), words(done.stdout), words(done.stderr))
}

const PLAN: &str = "[[secret]]\npath = \"payments/key\"\nowner = \"payments\"\n[secret.target]\nkind = \"file\"\npath = \"/run/secrets/key\"\n[[secret.consumer]]\nname = \"checkout-0\"\nservice = \"checkout\"\n";

#[test]
fn a_plan_that_is_right_is_named() {
    let (status, out, err) = check_plan(PLAN);
    assert_eq!((status, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.contains("rotation.toml: plan of 1 secret"), "{out}");
}

#[test]
fn what_is_unwise_in_a_plan_is_warned_of_with_its_place() {
    let unwise = PLAN.replace("owner = \"payments\"\n", "cadence = \"1h\"\n") + "cache = \"2h\"\n";
    let (status, out, err) = check_plan(&unwise);
    assert_eq!(status, Some(0), "{out}{err}");
    for words in [
        "warning:",
        "no owner",
        "is rotated every 1 h",
        "rotation.toml:3",
    ] {
        assert!(err.contains(words), "no {words:?} in\n{err}");
    }
}

#[test]
fn a_plan_that_is_wrong_is_refused_with_its_place() {
    for (from, to, words) in [
        ("owner", "ownr", "unknown field `ownr`"),
        ("\"file\"", "\"fil\"", "known are"),
        ("path = \"/run", "paht = \"/run", "path"),
        ("owner = \"payments\"", "waves = [50, 20]", "waves rise"),
        ("[[secret]]", "[[secret", "rotation.toml:1"),
    ] {
        let (status, out, err) = check_plan(&PLAN.replace(from, to));
        assert_eq!(status, Some(2), "{out}{err}");
        assert!(err.contains(words), "no {words:?} in\n{err}");
    }
}
