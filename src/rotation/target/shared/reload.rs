//! Telling a program that its file has changed: a signal to the process that a pid file names, or
//! a POST.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};

use super::http::{Ask, Http};
use super::replace::local;
use super::settings::{SettingError, Settings};
use crate::rotation::fault::{Fault, FaultKind};

/// How a program learns that its file has changed.
#[derive(Debug)]
pub enum Reload {
    /// It watches the file by itself.
    ByItself,
    /// By a signal.
    Signal {
        /// Holds the process id.
        pid_file: PathBuf,
        /// Which.
        signal: Signal,
    },
    /// By a POST.
    Post {
        /// Where.
        url: String,
        /// With what.
        http: Http,
    },
}

impl Reload {
    /// Reads `pid_file` and `signal`, or `reload_url`.
    pub fn of(settings: &mut Settings) -> Result<Self, SettingError> {
        let pid_file = settings.maybe_path("pid_file")?;
        let signal = settings.maybe_text("signal")?;
        let url = settings.maybe_url("reload_url")?;
        match (pid_file, signal, url) {
            (None, None, None) => Ok(Self::ByItself),
            (None, None, Some(url)) => {
                let http = Http::new(None).map_err(|e| settings.wrong("reload_url", e))?;
                Ok(Self::Post { url, http })
            }
            (Some(pid_file), signal, None) => {
                let name = signal.as_deref().unwrap_or("HUP");
                let signal = named(name).ok_or_else(|| {
                    settings.wrong(
                        "signal",
                        format!("{name:?} is none of HUP, USR1, USR2, TERM, INT"),
                    )
                })?;
                Ok(Self::Signal { pid_file, signal })
            }
            (None, Some(_), _) => Err(settings.wrong("pid_file", "is missing beside signal")),
            (Some(_), _, Some(_)) => {
                Err(settings.wrong("reload_url", "stands beside pid_file; one is enough"))
            }
        }
    }

    /// Tells it. Once too often does no harm.
    ///
    /// # Errors
    /// A local fault where no such process runs; the faults of HTTP.
    pub async fn tell(&self, key: &str, within: Duration, doing: &str) -> Result<(), Fault> {
        match self {
            Self::ByItself => Ok(()),
            Self::Signal { pid_file, signal } => {
                let wrong = |said: String| Fault::new(FaultKind::Local, doing, said);
                let words = fs::read_to_string(pid_file).map_err(|e| local(pid_file, &e, doing))?;
                // 1 and below would signal init, the own group or everybody.
                let pid = words
                    .split_whitespace()
                    .next()
                    .and_then(|word| word.parse::<i32>().ok())
                    .filter(|pid| *pid > 1)
                    .and_then(Pid::from_raw)
                    .ok_or_else(|| wrong(format!("{} holds no process id", pid_file.display())))?;
                kill_process(pid, *signal).map_err(|e| {
                    wrong(format!(
                        "signal process {} of {}: {e}",
                        pid.as_raw_nonzero(),
                        pid_file.display()
                    ))
                })
            }
            Self::Post { url, http } => {
                let mut ask = Ask::new(Method::POST, url, within, doing);
                ask.idempotency = Some(key);
                let reply = http.ask(&ask).await?;
                if reply.is_success() {
                    Ok(())
                } else {
                    Err(reply.fault(doing, &[]))
                }
            }
        }
    }
}

fn named(name: &str) -> Option<Signal> {
    Some(match name.trim_start_matches("SIG") {
        "HUP" => Signal::HUP,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        "TERM" => Signal::TERM,
        "INT" => Signal::INT,
        _ => return None,
    })
}
