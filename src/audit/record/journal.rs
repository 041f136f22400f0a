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

/// The same in words of the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::audit) struct LoginWords<'a> {
    pub(in crate::audit) program: &'a str,
    pub(in crate::audit) user: &'a str,
    pub(in crate::audit) remote_address: Option<&'a str>,
    pub(in crate::audit) granted: bool,
}

impl LoginWords<'_> {
    /// The login that is told so.
    pub(in crate::audit) fn login(&self) -> Login {
        Login {
            program: self.program.into(),
            user: self.user.into(),
            remote_address: self.remote_address.map(Text::from),
            granted: self.granted,
        }
    }
}

impl Login {
    fn said(&self) -> LoginWords<'_> {
        LoginWords {
            program: self.program.raw(),
            user: self.user.raw(),
            remote_address: self.remote_address.as_ref().map(Text::raw),
            granted: self.granted,
        }
    }
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

/// What a line of the journal says in words of it, but for its message: of that an index keeps
/// nothing, and to mask it is much of the work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::audit) struct JournalWords<'a> {
    pub(in crate::audit) time: Timestamp,
    pub(in crate::audit) cursor: Option<&'a str>,
    pub(in crate::audit) host: Option<&'a str>,
    pub(in crate::audit) unit: Option<&'a str>,
    pub(in crate::audit) program: Option<&'a str>,
    pub(in crate::audit) priority: Option<u8>,
    /// False where its message is empty.
    pub(in crate::audit) has_message: bool,
    pub(in crate::audit) login: Option<LoginWords<'a>>,
}

impl JournalWords<'_> {
    /// The record that says it, with this message.
    pub(in crate::audit) fn record(&self, message: Text) -> JournalRecord {
        JournalRecord {
            time: self.time,
            cursor: self.cursor.map(Text::from),
            host: self.host.map(Text::from),
            unit: self.unit.map(Text::from),
            program: self.program.map(Text::from),
            priority: self.priority,
            message,
            login: self.login.as_ref().map(LoginWords::login),
        }
    }

    /// RFC 5424: 3 is an error, and what is less is worse.
    pub(in crate::audit) fn is_bad(&self) -> bool {
        self.priority.is_some_and(|priority| priority <= 3)
    }

    /// True where its message tells of something that went wrong.
    pub(in crate::audit) fn has_error(&self) -> bool {
        let is_refused = self.login.is_some_and(|login| !login.granted);
        self.has_message && (self.is_bad() || is_refused)
    }

    /// The word of its priority, as `journalctl -p` has it; `log` where it has none.
    pub(in crate::audit) fn level(&self) -> &'static str {
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

impl JournalRecord {
    /// All that it says but its message.
    pub(in crate::audit) fn said(&self) -> JournalWords<'_> {
        fn some(text: Option<&Text>) -> Option<&str> {
            text.map(Text::raw)
        }
        JournalWords {
            time: self.time,
            cursor: some(self.cursor.as_ref()),
            host: some(self.host.as_ref()),
            unit: some(self.unit.as_ref()),
            program: some(self.program.as_ref()),
            priority: self.priority,
            has_message: !self.message.is_empty(),
            login: self.login.as_ref().map(Login::said),
        }
    }

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
        self.said().level()
    }
}
