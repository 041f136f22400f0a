//! The program's own log: a file a day in the state folder, never the screen.

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use crate::config::Paths;

/// Names what is logged, in the filter language of `tracing` (`info`, `rotascope=debug`, …).
const FILTER_ENV: &str = "ROTASCOPE_LOG";

/// Days of log that are kept.
const KEPT_DAYS: usize = 7;

/// Starts logging; what is returned keeps it going. A log that cannot be written is no reason
/// not to open the cockpit.
pub fn start(paths: &Paths) -> Option<WorkerGuard> {
    let folder = paths.log()?;
    // The appender would complain on the screen of a folder that is not there.
    std::fs::create_dir_all(&folder).ok()?;
    let file = tracing_appender::rolling::Builder::new()
        .rotation(tracing_appender::rolling::Rotation::DAILY)
        .filename_prefix("rotascope")
        .filename_suffix("log")
        .max_log_files(KEPT_DAYS)
        .build(folder)
        .ok()?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let filter = EnvFilter::try_from_env(FILTER_ENV).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_writer(writer)
        .with_ansi(false)
        .with_env_filter(filter)
        .try_init()
        .ok()?;
    Some(guard)
}
