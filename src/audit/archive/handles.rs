//! Handles for the files of an archive, which all stay open: what was read is what is shown, even
//! after its name was given to another file.

use std::fs::File;

/// Handles that are asked for beside one for each file.
const OTHERS: u64 = 512;

/// Handles that no file of an archive takes, so that there still are some to follow files with, to
/// write with and to reach an engine with.
const KEPT: u64 = 64;

/// Has the system let this process open so many files beside what else it does, as far as that is
/// its to decide. Only what is needed is asked for, since the programs that are started get the
/// same.
#[cfg(unix)]
pub(super) fn make_room(files: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = files as u64 + OTHERS;
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let most = limit.maximum.map_or(wanted, |most| most.min(wanted));
    let more = Rlimit {
        current: Some(most),
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, more) {
        tracing::warn!(%error, most, "no more files may be opened than before");
    }
}

/// True where enough handles are left once this file has one.
#[cfg(unix)]
pub(super) fn leaves_room(file: &File) -> bool {
    use rustix::process::{Resource, getrlimit};
    use std::os::fd::AsRawFd as _;
    let Some(most) = getrlimit(Resource::Nofile).current else {
        return true;
    };
    // The system gives the lowest number that is free.
    let taken = u64::try_from(file.as_raw_fd()).unwrap_or(0);
    taken + KEPT.min(most / 4) < most
}

#[cfg(not(unix))]
pub(super) fn make_room(_files: usize) {}

#[cfg(not(unix))]
pub(super) fn leaves_room(_file: &File) -> bool {
    true
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::collections::HashSet;
    use std::fs;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use crate::audit::archive::alone::alone;
    use crate::audit::{Options, Trouble, open};
    use crate::query::Filter;

    const FILES: u32 = 600;

    /// Limits the process to so many open files, softly and for good.
    fn limit(soft: u64, hard: u64) {
        let limit = Rlimit {
            current: Some(soft),
            maximum: Some(hard),
        };
        setrlimit(Resource::Nofile, limit).unwrap();
    }

    /// A folder of many logs of a line each.
    fn many() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..FILES {
            let line = format!(
                r#"{{"time":"2026-01-01T00:{:02}:{:02}Z","type":"response","request":{{"id":"r{n}","operation":"read","path":"secret/{n}"}}}}"#,
                n / 60,
                n % 60
            );
            fs::write(folder.path().join(format!("{n:04}.log")), line + "\n").unwrap();
        }
        folder
    }

    #[test]
    fn more_files_than_the_soft_limit_allows_are_read_where_the_hard_one_does() {
        let test = "more_files_than_the_soft_limit_allows_are_read_where_the_hard_one_does";
        if alone(module_path!(), test, "").is_none() {
            return;
        }
        limit(256, 2000);
        let folder = many();
        let archive = open(&[folder.path()], &Options::default())
            .unwrap()
            .archive();
        assert_eq!(archive.progress().troubles(), []);
        assert_eq!(archive.len(), FILES as usize);
        assert!((0..archive.len()).all(|row| archive.row(row, true).is_ok()));
        // No more than what is needed.
        let now = getrlimit(Resource::Nofile).current.unwrap();
        assert!(now > u64::from(FILES) && now < 2000, "{now}");
    }

    #[test]
    fn files_beyond_the_hard_limit_are_told_once_and_handles_are_left() {
        let test = "files_beyond_the_hard_limit_are_told_once_and_handles_are_left";
        if alone(module_path!(), test, "").is_none() {
            return;
        }
        limit(256, 400);
        let folder = many();
        let archive = open(&[folder.path()], &Options::default())
            .unwrap()
            .archive();
        let troubles = archive.progress().troubles();
        let [Trouble::TooManyOpen { others, .. }] = &troubles[..] else {
            panic!("{troubles:?}");
        };
        // Each file is a row or is told.
        assert_eq!(archive.len() as u64 + 1 + others, u64::from(FILES));
        assert!(archive.len() > 300, "{}", archive.len());
        let told = troubles[0].to_string();
        assert!(
            told.contains(&format!("and {others} other files: too many open files")),
            "{told}"
        );
        assert!(told.contains("ulimit -n"), "{told}");
        assert!(!archive.progress().went_well(archive.len() as u64));
        let search = archive.search(Filter::parse("request").unwrap());
        assert_eq!((search.found(), search.wrong()), (archive.len(), None));
        // Who comes later still gets handles.
        let more: Vec<_> = (0..40).map(|_| tempfile::tempfile().unwrap()).collect();
        assert_eq!(more.len(), 40);
        let paths: HashSet<_> = (0..archive.len())
            .map(|row| archive.row(row, false).unwrap().path)
            .collect();
        assert_eq!(paths.len(), archive.len());
    }
}
