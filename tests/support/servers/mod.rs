//! Real servers for tests: started on a free port of 127.0.0.1 with a data folder of their own,
//! stopped by their process id. Under `CI=true` a server that is not installed fails the test;
//! elsewhere the test says loudly that it is skipped.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    reason = "each test binary uses its own part of this, and helpers of tests fail as tests do"
)]

pub mod pebble;
pub mod postgres;
pub mod redis;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program of this name, on the PATH or in one of these folders. Without it: a failure under
/// `CI=true`, else a loud skip.
pub fn program(name: &str, package: &str, also: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain(also.iter().cloned())
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        let words = format!("no {name} here; scripts/test installs it (Debian package {package})");
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "{words}"
        );
        eprintln!("\n!!! SKIPPED: {words}\n");
    }
    found
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let [port] = free_ports();
    port
}

/// So many ports, no two of them the same.
pub fn free_ports<const N: usize>() -> [u16; N] {
    // All are held until the last one is known.
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// A running program that is stopped when this is dropped.
pub struct Running {
    child: Child,
    stop: Signal,
    name: String,
    log: PathBuf,
}

impl Running {
    /// Starts a program with its output in a log file. It ends with the test that started it, even
    /// where that is killed.
    pub fn start(
        program: &Path,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
        env: &[(&str, &str)],
        log: PathBuf,
        user: Option<(u32, u32)>,
        stop: Signal,
    ) -> Self {
        let out = File::create(&log).unwrap();
        let mut command = as_user(user, program);
        command
            .args(args)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out);
        let child = command
            .spawn()
            .unwrap_or_else(|e| panic!("start {}: {e}", program.display()));
        Self {
            child,
            stop,
            name: program.display().to_string(),
            log,
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until this holds; fails with the log where the program ends or never gets there.
    pub fn wait_until(&mut self, mut ready: impl FnMut() -> bool) {
        let began = Instant::now();
        while !ready() {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && began.elapsed() < PATIENCE,
                "{} is not ready ({ended:?}):\n{}",
                self.name,
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it listens on this port.
    pub fn wait_for_port(&mut self, port: u16) {
        self.wait_until(|| TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    /// Stops it.
    pub fn stop(&mut self) {
        let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) else {
            return;
        };
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let _ = kill_process(pid, self.stop);
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if began.elapsed() > PATIENCE {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A command as another user (uid, gid), ended by the kernel when the test's thread ends.
pub fn as_user(user: Option<(u32, u32)>, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "INT"]);
    if let Some((uid, gid)) = user {
        command.args([format!("--reuid={uid}"), format!("--regid={gid}")]);
        command.arg("--clear-groups");
    }
    command.arg("--").arg(program);
    command
}

/// Every file under a folder that holds these bytes.
pub fn files_with(folder: &Path, needle: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let bytes = fs::read(&path).unwrap_or_default();
                if memchr::memmem::find(&bytes, needle.as_bytes()).is_some() {
                    found.push(path);
                }
            }
        }
    }
    found
}
