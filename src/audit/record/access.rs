//! A request that a proxy logged.

use std::borrow::Cow;

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

/// The same in words of the line.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::audit) struct AccessWords<'a> {
    pub(in crate::audit) proxy: Proxy,
    pub(in crate::audit) time: Timestamp,
    pub(in crate::audit) remote_address: Option<&'a str>,
    pub(in crate::audit) user: Option<&'a str>,
    pub(in crate::audit) method: &'a str,
    pub(in crate::audit) path: Cow<'a, str>,
    pub(in crate::audit) service: Option<&'a str>,
    pub(in crate::audit) status: u16,
    pub(in crate::audit) ending: CallEnding,
    pub(in crate::audit) note: Option<&'a str>,
    pub(in crate::audit) user_agent: Option<Cow<'a, str>>,
    pub(in crate::audit) request_id: Option<&'a str>,
}

impl AccessWords<'_> {
    /// All that it says besides its time and status, in the same order for every record.
    pub(in crate::audit) fn words(&self) -> [&str; 8] {
        [
            self.remote_address.unwrap_or_default(),
            self.user.unwrap_or_default(),
            self.method,
            &self.path,
            self.service.unwrap_or_default(),
            self.note.unwrap_or_default(),
            self.user_agent.as_deref().unwrap_or_default(),
            self.request_id.unwrap_or_default(),
        ]
    }

    /// The record that says it.
    pub(in crate::audit) fn record(&self) -> AccessRecord {
        AccessRecord {
            proxy: self.proxy,
            time: self.time,
            remote_address: self.remote_address.map(Text::from),
            user: self.user.map(Text::from),
            method: self.method.into(),
            path: Text::from(self.path.as_ref()),
            service: self.service.map(Text::from),
            status: self.status,
            ending: self.ending,
            note: self.note.map(Text::from),
            user_agent: self.user_agent.as_deref().map(Text::from),
            request_id: self.request_id.map(Text::from),
        }
    }
}

impl AccessRecord {
    /// All that it says.
    pub(in crate::audit) fn said(&self) -> AccessWords<'_> {
        fn some(text: Option<&Text>) -> Option<&str> {
            text.map(Text::raw)
        }
        AccessWords {
            proxy: self.proxy,
            time: self.time,
            remote_address: some(self.remote_address.as_ref()),
            user: some(self.user.as_ref()),
            method: self.method.raw(),
            path: Cow::Borrowed(self.path.raw()),
            service: some(self.service.as_ref()),
            status: self.status,
            ending: self.ending,
            note: some(self.note.as_ref()),
            user_agent: some(self.user_agent.as_ref()).map(Cow::Borrowed),
            request_id: some(self.request_id.as_ref()),
        }
    }

    /// A digest of all that it says. Records that share it are told apart by their how-manieth.
    #[must_use]
    pub fn identity(&self) -> u128 {
        let digest = Digest::of(self.proxy.name()).word(&of_time(self.time));
        let said = self.said();
        said.words()
            .iter()
            .fold(digest, |digest, word| digest.word(word.as_bytes()))
            .word(&self.status.to_be_bytes())
            .end()
    }

    /// The status in words, where the end was not well.
    #[must_use]
    pub fn error(&self) -> Option<Text> {
        let name = failure(self.ending)?;
        let note = self.note.as_ref().map_or("", Text::raw);
        let between = if note.is_empty() { "" } else { ", " };
        let status = self.status;
        Some(Text::from(format!("HTTP {status} {name}{between}{note}")))
    }
}

/// What went wrong, where something did.
pub(in crate::audit) fn failure(ending: CallEnding) -> Option<&'static str> {
    match ending {
        CallEnding::Granted | CallEnding::Open => None,
        CallEnding::Unauthenticated => Some("Unauthorized"),
        CallEnding::Forbidden => Some("Forbidden"),
        CallEnding::Throttled => Some("Too Many Requests"),
        CallEnding::Failed => Some("server error"),
    }
}
