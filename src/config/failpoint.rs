//! Failpoints: named places where a test may have the process die as `kill -9` would. They cost
//! one load where they are off.
//!
//! `ROTASCOPE_FAILPOINT=NAME:N` kills the process at the N-th time that NAME is reached;
//! `ROTASCOPE_FAILPOINT_LOG=FILE` appends each name to a file when it is reached.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, OnceLock, PoisonError};

struct Armed {
    point: Option<(String, u64)>,
    log: Option<std::path::PathBuf>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
}

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

fn armed() -> Option<&'static Armed> {
    ARMED
        .get_or_init(|| {
            let point = std::env::var("ROTASCOPE_FAILPOINT").ok().map(|words| {
                let (name, n) = words.rsplit_once(':').unwrap_or((words.as_str(), "1"));
                (name.to_owned(), n.parse().unwrap_or(1))
            });
            let log = std::env::var_os("ROTASCOPE_FAILPOINT_LOG").map(Into::into);
            (point.is_some() || log.is_some()).then(|| Armed {
                point,
                log,
                counts: Mutex::default(),
            })
        })
        .as_ref()
}

/// Says that a place is reached; dies there where that was asked for.
pub fn reach(name: &'static str) {
    let Some(armed) = armed() else {
        return;
    };
    let count = {
        let mut counts = armed.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(name).or_default();
        *count += 1;
        *count
    };
    if let Some(path) = &armed.log
        && let Ok(mut file) = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
    {
        let _ = writeln!(file, "{name}");
    }
    if let Some((wanted, n)) = &armed.point
        && wanted == name
        && *n == count
    {
        die();
    }
}

#[cfg(unix)]
fn die() {
    let _ = signal_hook::low_level::raise(9);
    std::process::abort();
}

#[cfg(not(unix))]
fn die() {
    std::process::abort();
}
