//! jsonlog: one object a line (PostgreSQL 15 and later).

use crate::audit::format::text::{Words, lossy, rejected};
use crate::audit::format::{Format, Read, excerpt};
use crate::audit::record::Record;
use crate::model::Text;
use crate::model::rejected::Place;

use super::{Draft, host, name, zone};

/// True where the beginning of a file is this format.
#[must_use]
pub fn sniff(sample: &[u8]) -> bool {
    sample
        .split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .take(50)
        .any(|line| {
            let has = |mark: &[u8]| memchr::memmem::find(line, mark).is_some();
            line.starts_with(b"{")
                && has(b"\"timestamp\"")
                && has(b"\"error_severity\"")
                && has(b"\"pid\"")
        })
}

/// Reads jsonlog.
#[derive(Debug, Default)]
pub struct JsonLog;

impl JsonLog {
    /// A reader; it keeps nothing between lines.
    #[must_use]
    pub fn new() -> Self {
        Self
    }
}

impl Format for JsonLog {
    fn line(&mut self, line: &[u8], place: &Place, out: &mut dyn FnMut(Read)) {
        let line = lossy(line.trim_ascii());
        if line.is_empty() {
            return;
        }
        match read(&line) {
            Ok(record) => out(Read::Record(record, place.clone())),
            Err(reason) => out(rejected(place, reason, excerpt(line.as_bytes()))),
        }
    }

    fn finish(&mut self, _out: &mut dyn FnMut(Read)) {}
}

#[derive(serde::Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    timestamp: Option<Words<'a>>,
    #[serde(borrow)]
    user: Option<Words<'a>>,
    #[serde(borrow)]
    dbname: Option<Words<'a>>,
    #[serde(borrow)]
    pid: Option<Words<'a>>,
    #[serde(borrow)]
    remote_host: Option<Words<'a>>,
    #[serde(borrow)]
    error_severity: Option<Words<'a>>,
    #[serde(borrow)]
    state_code: Option<Words<'a>>,
    #[serde(borrow)]
    message: Option<Words<'a>>,
    #[serde(borrow)]
    detail: Option<Words<'a>>,
    #[serde(borrow)]
    application_name: Option<Words<'a>>,
    #[serde(borrow)]
    cursor_position: Option<Words<'a>>,
    #[serde(borrow)]
    internal_position: Option<Words<'a>>,
}

fn read(line: &str) -> Result<Record, String> {
    let line: Line<'_> = serde_json::from_str(line)
        .map_err(|e| format!("not a JSON object of jsonlog at byte {}", e.column()))?;
    let time = line.timestamp.as_ref().ok_or("no timestamp")?;
    let time = zone::time(&time.0).map_err(|e| e.to_string())?;
    let severity = line.error_severity.as_ref().ok_or("no error_severity")?;
    let number = |words: &Option<Words<'_>>| words.as_ref().and_then(|w| w.0.parse::<u64>().ok());
    let named = |words: &Option<Words<'_>>| words.as_ref().and_then(|w| name(&w.0));
    Ok(Draft {
        time,
        pid: number(&line.pid),
        user: named(&line.user),
        database: named(&line.dbname),
        remote_host: line.remote_host.as_ref().and_then(|w| host(&w.0)),
        application: named(&line.application_name),
        severity: severity.text(),
        sqlstate: line
            .state_code
            .as_ref()
            .map(Words::text)
            .filter(|c| !Text::is_empty(c)),
        message: line.message.map(|w| w.0.into_owned()).unwrap_or_default(),
        position: number(&line.cursor_position)
            .or_else(|| number(&line.internal_position))
            .filter(|at| *at > 0),
        detail: line.detail.map(|w| w.0.into_owned()),
    }
    .record())
}
