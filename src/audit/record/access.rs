//! A request that a proxy logged.

use super::call::{CallEnding, of_time};
use crate::audit::digest::Digest;
use crate::model::{Text, Timestamp};

/// Who logged a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proxy {
    /// nginx, or another server that writes the combined format.
    Nginx,
    /// Envoy.
    Envoy,
}

impl Proxy {
    /// The name of the format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Envoy => "envoy",
        }
    }
}

/// A request that a proxy logged. Values in its query string are masked.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessRecord {
    /// Whose log it is.
    pub proxy: Proxy,
    /// When it was logged (nginx) or came in (Envoy).
    pub time: Timestamp,
    /// From where: the peer, not what a header claims.
    pub remote_address: Option<Text>,
    /// Who, where the proxy authenticated somebody.
    pub user: Option<Text>,
    /// The HTTP method; `-` of a request that was none.
    pub method: Text,
    /// The path and the masked query.
    pub path: Text,
    /// Whose: the upstream cluster, the server's name or the authority.
    pub service: Option<Text>,
    /// The HTTP status; 0 where nothing was answered.
    pub status: u16,
    /// How it ended.
    pub ending: CallEnding,
    /// What the proxy says of an end that was not well, such as Envoy's response flags.
    pub note: Option<Text>,
    /// With what program.
    pub user_agent: Option<Text>,
    /// The id that the proxy gave it.
    pub request_id: Option<Text>,
}

impl AccessRecord {
    /// All that it says besides its time and status, in the same order for every record.
    #[must_use]
    pub fn words(&self) -> [&str; 8] {
        fn some(text: Option<&Text>) -> &str {
            text.map_or("", Text::raw)
        }
        [
            some(self.remote_address.as_ref()),
            some(self.user.as_ref()),
            self.method.raw(),
            self.path.raw(),
            some(self.service.as_ref()),
            some(self.note.as_ref()),
            some(self.user_agent.as_ref()),
            some(self.request_id.as_ref()),
        ]
    }

    /// A digest of all that it says. Records that share it are told apart by their how-manieth.
    #[must_use]
    pub fn identity(&self) -> u128 {
        let digest = Digest::of(self.proxy.name()).word(&of_time(self.time));
        let words = self.words();
        words
            .iter()
            .fold(digest, |digest, word| digest.word(word.as_bytes()))
            .word(&self.status.to_be_bytes())
            .end()
    }

    /// What went wrong, where something did.
    pub(in crate::audit) fn failure(&self) -> Option<&'static str> {
        match self.ending {
            CallEnding::Granted | CallEnding::Open => None,
            CallEnding::Unauthenticated => Some("Unauthorized"),
            CallEnding::Forbidden => Some("Forbidden"),
            CallEnding::Throttled => Some("Too Many Requests"),
            CallEnding::Failed => Some("server error"),
        }
    }

    /// The status in words, where the end was not well.
    #[must_use]
    pub fn error(&self) -> Option<Text> {
        let name = self.failure()?;
        let note = self.note.as_ref().map_or("", Text::raw);
        let between = if note.is_empty() { "" } else { ", " };
        let status = self.status;
        Some(Text::from(format!("HTTP {status} {name}{between}{note}")))
    }
}
