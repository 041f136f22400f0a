//! Paths that a person named: as a backend, and what they are called.

use std::path::PathBuf;

use crate::audit::identity::IdentityRules;
use crate::audit::{self, Options};
use crate::backend::Backend;
use crate::backend::replay::Replay;

use super::complaint::Complaint;

/// Opens files, folders and standard input as a recording; nothing is read yet.
pub(super) fn recording(
    paths: &[PathBuf],
    rules: IdentityRules,
) -> Result<Box<dyn Backend>, Complaint> {
    let opened = audit::open(paths, &Options::default())
        .map_err(|error| Complaint::new(error.to_string()))?;
    Ok(Box::new(Replay::new(opened, rules)))
}

/// What the cockpit calls these paths: the first by its name, and how many more there are.
pub(super) fn title(paths: &[PathBuf]) -> String {
    let Some((first, more)) = paths.split_first() else {
        return "recording".to_owned();
    };
    let name = if first.as_os_str() == "-" {
        "stdin".to_owned()
    } else {
        // `.` and `..` have no name of their own.
        let whole = first.canonicalize().unwrap_or_else(|_| first.clone());
        let name = first.file_name().or_else(|| whole.file_name());
        name.unwrap_or(first.as_os_str())
            .to_string_lossy()
            .into_owned()
    };
    match more.len() {
        0 => name,
        n => format!("{name} and {n} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titled(paths: &[&str]) -> String {
        title(&paths.iter().map(PathBuf::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_title_says_what_is_looked_at() {
        assert_eq!(titled(&["logs/vault.log"]), "vault.log");
        assert_eq!(titled(&["logs/a.log", "b", "c"]), "a.log and 2 more");
        assert_eq!(titled(&["-"]), "stdin");
        assert_ne!(titled(&["."]), ".");
    }
}
