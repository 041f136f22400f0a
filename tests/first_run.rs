//! The first run of a user: nothing of the program's own lies on the disk yet.

use std::process::Command;

#[test]
fn a_first_run_makes_its_log_folder_and_says_nothing_of_it() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("a.log");
    std::fs::write(&log, "").unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_rotascope"))
        .args(["audit", "--format", "count"])
        .arg(&log)
        .env("HOME", home.path())
        .env_remove("XDG_STATE_HOME")
        .env_remove("ROTASCOPE_STATE_DIR")
        .output()
        .unwrap();
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(
        (words(&run.stdout), words(&run.stderr)),
        ("events 0 rejected 0\n".to_owned(), String::new())
    );
}
