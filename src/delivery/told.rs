//! What was told to whom: a line of JSON each in a file that one program at a time writes.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::model::Text;

/// So many lines are kept when the file is opened; older ones are let go.
const KEPT: usize = 20_000;

/// Why it cannot be remembered what was told.
#[derive(Debug, thiserror::Error)]
pub enum ToldError {
    /// The file cannot be opened, read or written.
    #[error("what was told cannot be remembered in {}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// Another program writes it.
    #[error("another program tells hooks and remembers it in {}", path.display())]
    Taken {
        /// Which.
        path: PathBuf,
    },
}

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    known: HashSet<String>,
    /// What waits to be told: by the end of the program it is forgotten.
    pending: HashSet<String>,
    file: Option<(PathBuf, File)>,
    trouble: Option<String>,
}

impl Drop for Told {
    /// Gives the file back at once. A program that is just being started has what is open here for
    /// a moment too, and the lock would stay as long.
    fn drop(&mut self) {
        if let Some((_, file)) = &self.file {
            let _ = file.unlock();
        }
    }
}

impl Told {
    /// Reads what was told, and keeps the file to itself.
    pub(super) fn open(path: &Path) -> Result<Self, ToldError> {
        let cannot = |why| ToldError::File {
            path: path.to_owned(),
            why,
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(cannot)?;
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(ToldError::Taken {
                    path: path.to_owned(),
                });
            }
            Err(std::fs::TryLockError::Error(why)) => return Err(cannot(why)),
        }
        let mut lines = Vec::new();
        for line in BufReader::new(&file).split(b'\n') {
            lines.push(String::from_utf8_lossy(&line.map_err(cannot)?).into_owned());
        }
        // A line that was torn by a crash must not swallow the next one.
        let torn = std::fs::read(path).map_err(cannot)?;
        if torn.last().is_some_and(|last| *last != b'\n') {
            file.write_all(b"\n").map_err(cannot)?;
        }
        let old = lines.len().saturating_sub(KEPT);
        if old > 0 {
            lines.drain(..old);
            file.set_len(0).map_err(cannot)?;
            file.seek(SeekFrom::Start(0)).map_err(cannot)?;
            let text: String = lines
                .iter()
                .flat_map(|line| [line.as_str(), "\n"])
                .collect();
            file.write_all(text.as_bytes()).map_err(cannot)?;
        }
        Ok(Self {
            known: lines.into_iter().collect(),
            pending: HashSet::new(),
            file: Some((path.to_owned(), file)),
            trouble: None,
        })
    }

    /// Takes note that a hook is to be told of something; false where it was told before, or waits
    /// for it already.
    pub(super) fn first(&mut self, hook: &Text, key: &str) -> bool {
        let line = line(hook, key);
        !self.known.contains(&line) && self.pending.insert(line)
    }

    /// Remembers that a hook is told of something, just before it is. Where that cannot be written
    /// down it is told all the same: rather twice than never.
    pub(super) fn begin(&mut self, hook: &Text, key: &str) {
        let line = line(hook, key);
        self.pending.remove(&line);
        if let Some((path, file)) = &mut self.file {
            let written = writeln!(file, "{line}").and_then(|()| file.sync_data());
            if let Err(why) = written {
                let file = path.display();
                self.trouble = Some(format!("what was told cannot be written to {file}: {why}"));
            }
        }
        self.known.insert(line);
    }

    /// What is wrong with the file, once.
    pub(super) fn trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }
}

/// What is remembered of one.
fn line(hook: &Text, key: &str) -> String {
    serde_json::json!([hook.raw(), key]).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_remembered_over_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/told");
        let hook = Text::from("chat");
        let mut told = Told::open(&path).unwrap();
        assert!(told.first(&hook, "rotation/r1/page"));
        assert!(!told.first(&hook, "rotation/r1/page"), "it waits");
        told.begin(&hook, "rotation/r1/page");
        assert!(!told.first(&hook, "rotation/r1/page"));
        assert!(told.first(&"mail".into(), "rotation/r1/page"));
        assert!(matches!(Told::open(&path), Err(ToldError::Taken { .. })));
        drop(told);
        let mut told = Told::open(&path).unwrap();
        assert!(!told.first(&hook, "rotation/r1/page"));
        assert!(told.first(&hook, "rotation/r1/resolved"));
        assert!(told.first(&"mail".into(), "rotation/r1/page"), "it waited");
    }

    #[test]
    fn a_torn_line_and_an_old_one_harm_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("told");
        let lines: Vec<String> = (0..KEPT + 5)
            .map(|n| {
                format!(
                    "[\"chat\",\"{n}\"]
"
                )
            })
            .collect();
        let lines = lines.concat();
        std::fs::write(&path, format!("{lines}[\"chat\",\"torn")).unwrap();
        let mut told = Told::open(&path).unwrap();
        assert!(told.first(&"chat".into(), "0"), "let go");
        assert!(!told.first(&"chat".into(), &(KEPT + 4).to_string()));
        assert!(told.trouble().is_none());
        drop(told);
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(kept.lines().count() <= KEPT + 2);
    }
}
