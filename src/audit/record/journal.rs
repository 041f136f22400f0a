//! A line of the systemd journal.

use super::call::of_time;
use crate::audit::digest::Digest;
use crate::model::{Text, Timestamp};

/// That somebody logged in, or was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// By which program: `sshd`, `sudo`, …
    pub program: Text,
    /// As whom.
    pub user: Text,
    /// From where.
    pub remote_address: Option<Text>,
    /// Whether they were let in.
    pub granted: bool,
}

/// A line of the journal that is none of the other formats.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalRecord {
    /// `__REALTIME_TIMESTAMP`: when the journal took it in.
    pub time: Timestamp,
    /// `__CURSOR`, its name in its journal.
    pub cursor: Option<Text>,
    /// `_HOSTNAME`.
    pub host: Option<Text>,
    /// `_SYSTEMD_UNIT`, else `UNIT`, of which the manager speaks.
    pub unit: Option<Text>,
    /// `SYSLOG_IDENTIFIER`, else `_COMM`: the program.
    pub program: Option<Text>,
    /// `PRIORITY`, 0 (emergency) to 7 (debug), as RFC 5424 has it.
    pub priority: Option<u8>,
    /// `MESSAGE`, its secrets masked; empty where the journal left it out as too long.
    pub message: Text,
    /// The login that it tells of.
    pub login: Option<Login>,
}

impl JournalRecord {
    /// All that it says in words that tells it from others; what it does not tell is empty.
    pub(in crate::audit) fn words(&self) -> [&str; 4] {
        let told = [&self.host, &self.unit, &self.program];
        let [host, unit, program] = told.map(|text| text.as_ref().map_or("", Text::raw));
        [host, unit, program, self.message.raw()]
    }

    /// What tells it: its cursor, else all that it says.
    #[must_use]
    pub fn identity(&self) -> u128 {
        let digest = Digest::of("journald");
        if let Some(cursor) = &self.cursor {
            return digest.word(cursor.raw().as_bytes()).end();
        }
        self.words()
            .iter()
            .fold(digest.word(&of_time(self.time)), |digest, word| {
                digest.word(word.as_bytes())
            })
            .end()
    }

    /// The word of its priority, as `journalctl -p` has it; `log` where it has none.
    #[must_use]
    pub fn level(&self) -> &'static str {
        match self.priority {
            Some(0) => "emerg",
            Some(1) => "alert",
            Some(2) => "crit",
            Some(3) => "err",
            Some(4) => "warning",
            Some(5) => "notice",
            Some(6) => "info",
            Some(7) => "debug",
            _ => "log",
        }
    }
}
