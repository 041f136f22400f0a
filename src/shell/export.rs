//! Writes what a person exports to a new file, beside the loop: a slow disk holds no key up.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;

use crate::config::Paths;
use crate::model::text::shown;

/// The most files of one name.
const SAME_NAME: usize = 100;

/// Writes `words` to a new file called `name` and tells what became of it.
pub(super) fn write(
    name: String,
    what: String,
    words: String,
    tell: impl FnOnce(String) + Send + 'static,
) {
    let folders = folders();
    thread::spawn(move || tell(outcome(&folders, &name, &what, &words)));
}

/// The folder that the program was started in; where that takes no file, the program's own.
fn folders() -> Vec<PathBuf> {
    let here = std::env::current_dir().ok();
    let own = Paths::of_user().state.map(|state| state.join("exports"));
    here.into_iter().chain(own).collect()
}

/// Tries one folder after another; says where it lies, or why in none.
fn outcome(folders: &[PathBuf], name: &str, what: &str, words: &str) -> String {
    let mut why = "no folder is known".to_owned();
    for folder in folders {
        match put(folder, name, words) {
            Ok(path) => {
                let path = path.to_string_lossy();
                return format!("Written to {}: {what}", shown(&path));
            }
            Err(error) => why = format!("{}: {error}", shown(&folder.to_string_lossy())),
        }
    }
    format!("Nothing was written: {why}")
}

/// Never over a file that is there: a second export of one moment has a number behind its name.
fn put(folder: &Path, name: &str, words: &str) -> io::Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let (stem, end) = name.rsplit_once('.').unwrap_or((name, "txt"));
    for n in 1..=SAME_NAME {
        let name = match n {
            1 => format!("{stem}.{end}"),
            n => format!("{stem}-{n}.{end}"),
        };
        let path = folder.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // Whose secrets are how old is not for everybody on the machine.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(mut file) => {
                let done = file
                    .write_all(words.as_bytes())
                    .and_then(|()| file.sync_all());
                if done.is_err() {
                    // Half a table would be taken for the whole.
                    let _ = fs::remove_file(&path);
                }
                return done.map(|()| path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_export_takes_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let folders = [folder.path().to_owned()];
        let first = outcome(&folders, "a.csv", "1 row", "one");
        let second = outcome(&folders, "a.csv", "2 rows", "two");
        assert!(
            first.ends_with("a.csv: 1 row") && second.ends_with("a-2.csv: 2 rows"),
            "{first} {second}"
        );
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(
            (read("a.csv"), read("a-2.csv")),
            ("one".into(), "two".into())
        );
    }

    #[test]
    fn a_folder_that_takes_nothing_is_passed_over_and_the_last_reason_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("no-folder");
        fs::write(&file, "").unwrap();
        let good = folder.path().join("good");
        let said = outcome(&[file.clone(), good], "a.csv", "1 row", "one");
        assert!(
            said.starts_with("Written to ") && said.contains("good"),
            "{said}"
        );
        let said = outcome(&[file], "a.csv", "1 row", "one");
        assert!(said.starts_with("Nothing was written: "), "{said}");
    }
}
