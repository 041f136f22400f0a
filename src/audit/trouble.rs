//! What can go wrong with an input as a whole. Each says what failed, on what, and what to do
//! next; none stops the other inputs.

use std::io;
use std::path::Path;

use crate::model::Text;

/// A file, folder or stream that could not be read, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nothing has this name.
    #[error("{path}: no such file or folder; check the path")]
    Missing {
        /// As it was named.
        path: Text,
    },
    /// The system refuses.
    #[error("{path}: no permission to read it; run as a user who may, or read a copy")]
    Denied {
        /// As it was named or found.
        path: Text,
    },
    /// A folder in which no file lies, hidden ones aside.
    #[error("{path}: a folder without log files; name the folder that holds them")]
    NoLogs {
        /// As it was named.
        path: Text,
    },
    /// More files are needed at once than may be open.
    #[error("{path}{}: too many open files; raise the limit (ulimit -n) or name fewer files", and(*others))]
    TooManyOpen {
        /// The first file that could not be opened.
        path: Text,
        /// How many others there are.
        others: u64,
    },
    /// A compressed file that ends early or is damaged.
    #[error(
        "{path}: the {kind} archive {what} at line {line}, byte {byte} of its content ({cause}); what came before was read, fetch the file anew for the rest"
    )]
    Archive {
        /// As it was named or found.
        path: Text,
        /// `gzip` or `zstd`.
        kind: &'static str,
        /// `ends early` or `is damaged`.
        what: &'static str,
        /// The last line that began, from 1.
        line: u64,
        /// Bytes of content that came out.
        byte: u64,
        /// In the words of the decoder.
        cause: Text,
    },
    /// A plain file that became shorter while it was read.
    #[error(
        "{path}: cut short while it was read, {read} of {expected} bytes; read it again when nothing rewrites it"
    )]
    Cut {
        /// As it was named or found.
        path: Text,
        /// Bytes that could be read.
        read: u64,
        /// Its length when it was opened.
        expected: u64,
    },
    /// What was written to a file in which there was nothing is of no known format.
    #[error("{path}: what is written to it cannot be read ({reason}); check that it is a log")]
    Unknown {
        /// As it was named or found.
        path: Text,
        /// What it looks like.
        reason: Text,
    },
    /// What was written to a file in which there was nothing has records that span lines.
    #[error(
        "{path}: what is written to it is not shown, since its records span lines; open it anew to read what is there"
    )]
    Unfollowed {
        /// As it was named or found.
        path: Text,
    },
    /// Anything else the system says.
    #[error("{path}: reading failed at byte {byte} ({cause}); what came before was read")]
    Failed {
        /// As it was named or found.
        path: Text,
        /// Where, in its content.
        byte: u64,
        /// In the words of the system.
        cause: Text,
    },
}

impl Trouble {
    /// What an error at opening means.
    #[must_use]
    pub fn opening(path: &Path, error: &io::Error) -> Self {
        let path = name_of(path);
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied => Self::Denied { path },
            _ if is_out_of_handles(error) => Self::TooManyOpen { path, others: 0 },
            _ => Self::Failed {
                path,
                byte: 0,
                cause: Text::from(error.to_string()),
            },
        }
    }
}

/// Says that others are meant too.
fn and(others: u64) -> String {
    match others {
        0 => String::new(),
        1 => " and another file".to_owned(),
        others => format!(" and {others} other files"),
    }
}

/// `EMFILE` and `ENFILE` have no `ErrorKind` of their own; these are their numbers on Unix.
fn is_out_of_handles(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

/// A path as untrusted words; bytes that are no UTF-8 are replaced.
#[must_use]
pub fn name_of(path: &Path) -> Text {
    Text::from(path.to_string_lossy().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_names_the_path_harmless_and_says_what_to_do() {
        let path = Path::new("/logs/a\u{1b}[31m.log");
        let missing = Trouble::opening(path, &io::ErrorKind::NotFound.into()).to_string();
        assert_eq!(
            missing,
            "/logs/a␛[31m.log: no such file or folder; check the path"
        );
        let denied = Trouble::opening(path, &io::ErrorKind::PermissionDenied.into());
        assert!(matches!(denied, Trouble::Denied { .. }));
        let many = |others| {
            let path = Text::from("a");
            Trouble::TooManyOpen { path, others }.to_string()
        };
        let what = "too many open files; raise the limit (ulimit -n) or name fewer files";
        assert_eq!(many(0), format!("a: {what}"));
        assert_eq!(many(1), format!("a and another file: {what}"));
        assert_eq!(many(7), format!("a and 7 other files: {what}"));
    }
}
