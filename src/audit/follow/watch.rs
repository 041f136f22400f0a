//! Being woken when a followed file may have changed.
//!
//! On Linux by inotify, and now and then without it, since a file that another machine writes wakes
//! nobody. Elsewhere, and where the system has no watch left, by looking often.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::generations::Generations;

/// How often a file is looked at where nothing wakes its reader.
const OFTEN: Duration = Duration::from_millis(20);

/// How often it is looked at where something does.
#[cfg(target_os = "linux")]
const NOW_AND_THEN: Duration = Duration::from_millis(100);

/// What wakes the reader of one file.
pub(super) struct Watch {
    #[cfg(target_os = "linux")]
    inotify: Option<linux::Inotify>,
}

impl Watch {
    /// Watches the folder that a path lies in.
    pub(super) fn new(path: Option<&Path>) -> Self {
        #[cfg(target_os = "linux")]
        return Self {
            inotify: path.and_then(linux::Inotify::new),
        };
        #[cfg(not(target_os = "linux"))]
        {
            let _ = path;
            Self {}
        }
    }

    /// Watches a file, whatever its name becomes.
    pub(super) fn file(&mut self, file: &File) {
        #[cfg(target_os = "linux")]
        if let Some(inotify) = &mut self.inotify {
            inotify.file(file);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = file;
    }

    /// Watches a file no longer.
    pub(super) fn no_file(&mut self, file: &File) {
        #[cfg(target_os = "linux")]
        if let Some(inotify) = &mut self.inotify {
            inotify.no_file(file);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = file;
    }

    /// What became of the files that bore the path's name; `None` where nothing tells.
    pub(super) fn generations(&mut self) -> Option<&mut Generations> {
        #[cfg(target_os = "linux")]
        return self.inotify.as_mut().map(linux::Inotify::generations);
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// Notes that the files of these names were looked at. Takes nothing in that has happened since:
    /// that was not looked at.
    pub(super) fn looked_at(&mut self, names: &[PathBuf]) {
        #[cfg(target_os = "linux")]
        if let Some(inotify) = &mut self.inotify {
            inotify.generations.looked_at(names);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = names;
    }

    /// Sleeps until something happened, for `most` at most, and where nothing would wake it for a
    /// moment only.
    pub(super) fn wait(&mut self, most: Duration) {
        #[cfg(target_os = "linux")]
        if let Some(inotify) = &mut self.inotify {
            return inotify.wait(most.min(NOW_AND_THEN));
        }
        std::thread::sleep(most.min(OFTEN));
    }
}

/// Waits for a pipe to have bytes, or no writer any more.
#[cfg(unix)]
pub(super) fn readable(pipe: &impl std::os::fd::AsFd, most: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let most = Timespec {
        tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: most.subsec_nanos().into(),
    };
    let mut fds = [PollFd::new(pipe, PollFlags::IN)];
    // What cannot be waited for can be read at once.
    match poll(&mut fds, Some(&most)) {
        Ok(ready) => ready > 0,
        Err(error) => error != rustix::io::Errno::INTR,
    }
}

/// Elsewhere reading waits.
#[cfg(not(unix))]
pub(super) fn readable(_pipe: &File, _most: Duration) -> bool {
    true
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::time::Duration;

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

    use super::Generations;

    /// The watches of one path.
    pub(super) struct Inotify {
        fd: OwnedFd,
        folder: i32,
        /// Watched files by their handles' numbers.
        files: Vec<(i32, i32)>,
        pub(super) generations: Generations,
    }

    impl Inotify {
        pub(super) fn new(path: &Path) -> Option<Self> {
            let base = path.file_name()?;
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
            let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
            let flags = WatchFlags::CREATE
                | WatchFlags::MOVED_FROM
                | WatchFlags::MOVED_TO
                | WatchFlags::DELETE
                | WatchFlags::ONLYDIR;
            let folder = folder.unwrap_or_else(|| Path::new("."));
            let folder = inotify::add_watch(&fd, folder, flags).ok()?;
            Some(Self {
                fd,
                folder,
                files: Vec::new(),
                generations: Generations::of(base),
            })
        }

        pub(super) fn file(&mut self, file: &File) {
            // By its handle, so that it is this file whatever has its name by now.
            let handle = format!("/proc/self/fd/{}", file.as_raw_fd());
            if let Ok(watch) = inotify::add_watch(&self.fd, handle, WatchFlags::MODIFY) {
                self.files.push((file.as_raw_fd(), watch));
            }
        }

        pub(super) fn no_file(&mut self, file: &File) {
            let of = file.as_raw_fd();
            for (_, watch) in self.files.extract_if(.., |(fd, _)| *fd == of) {
                // It is gone by itself where the file was deleted.
                let _ = inotify::remove_watch(&self.fd, watch);
            }
        }

        /// Takes in what has happened.
        pub(super) fn generations(&mut self) -> &mut Generations {
            let mut room = [MaybeUninit::uninit(); 8192];
            let mut events = inotify::Reader::new(&self.fd, &mut room);
            while let Ok(event) = events.next() {
                let what = event.events();
                if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                    self.generations.lost();
                }
                if event.wd() != self.folder {
                    continue;
                }
                let Some(name) = event.file_name() else {
                    continue;
                };
                let name = OsStr::from_bytes(name.to_bytes());
                if what.contains(ReadFlags::MOVED_FROM) {
                    self.generations.moved_from(event.cookie(), name);
                } else if what.contains(ReadFlags::MOVED_TO) {
                    self.generations.moved_to(event.cookie(), name);
                } else if what.contains(ReadFlags::CREATE) {
                    self.generations.made(name);
                } else if what.contains(ReadFlags::DELETE) {
                    self.generations.deleted(name);
                }
            }
            &mut self.generations
        }

        pub(super) fn wait(&mut self, most: Duration) {
            if super::readable(&self.fd, most) {
                // What woke it would wake it again.
                self.generations();
            }
        }
    }
}
