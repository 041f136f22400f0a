//! Why a call to the outside did not do what was asked, told apart by what can be done about it.

use std::fmt;
use std::time::Duration;

use crate::model::Text;

/// What kind of trouble it is; decides whether and when the call is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// HTTP 429 or the provider's equivalent: later, and slower.
    Throttled {
        /// When the provider said it may be tried again, in the world's time.
        retry_after: Option<Duration>,
    },
    /// Nobody answers, or the connection was cut before the request was sent: again.
    Unreachable,
    /// The request was sent and no answer came: whether it was done is not known. Targets are
    /// idempotent, so it is asked or tried again, never assumed.
    Unanswered,
    /// The other side understood and says no (wrong admin password, no permission): a person must
    /// look.
    Refused,
    /// The answer makes no sense, or is a success with an error in it: a person must look.
    Garbage,
    /// Something of our own: the disk, the settings.
    Local,
}

/// What failed, on what, and what to do next. Holds no secret material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind of trouble.
    pub kind: FaultKind,
    /// What was being done to what: `set the password of role payments_app on 127.0.0.1:5432`.
    pub doing: String,
    /// What the other side said; untrusted.
    pub said: Text,
}

impl Fault {
    /// A fault of this kind while doing something. Of an address that is named in the words no more
    /// is kept than `public` leaves: what a fault holds is told to everybody.
    #[must_use]
    pub fn new(kind: FaultKind, doing: impl Into<String>, said: impl Into<Text>) -> Self {
        let (doing, said): (String, Text) = (doing.into(), said.into());
        Self {
            kind,
            doing: without_secrets(&doing),
            said: if said.raw().contains("://") {
                Text::from(without_secrets(said.raw()))
            } else {
                said
            },
        }
    }

    /// True where trying again by itself can help.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(
            self.kind,
            FaultKind::Throttled { .. } | FaultKind::Unreachable | FaultKind::Unanswered
        )
    }
}

/// What may be shown of an address: neither the name and password before its host nor what stands
/// behind its path, where tokens travel.
#[must_use]
pub(super) fn public(address: &str) -> String {
    let (scheme, rest) = match address.find("://") {
        Some(at) => address.split_at(at + 3),
        None => ("", address),
    };
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (place, more) = rest.split_at(end);
    let host = place.find('/').unwrap_or(place.len());
    let (host, path) = place.split_at(host);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let more = if more.is_empty() { "" } else { "?…" };
    format!("{scheme}{host}{path}{more}")
}

/// The words, with every address in them as it may be shown.
fn without_secrets(words: &str) -> String {
    if !words.contains("://") {
        return words.to_owned();
    }
    let all = words.split_inclusive(char::is_whitespace).map(|piece| {
        let word = piece.trim_end();
        let space = piece.get(word.len()..).unwrap_or_default();
        if word.contains("://") {
            format!("{}{space}", public(word))
        } else {
            piece.to_owned()
        }
    });
    all.collect()
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            FaultKind::Throttled { .. } => "429 Too Many Requests (rate limit exceeded)",
            FaultKind::Unreachable => "unreachable",
            FaultKind::Unanswered => "no answer",
            FaultKind::Refused => "refused",
            FaultKind::Garbage => "an answer that makes no sense",
            FaultKind::Local => "failed",
        };
        write!(f, "{}: {what}: {}", self.doing, self.said)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_fault_shows_what_an_address_hides() {
        let doing =
            "deliver an audit entry to https://me:canary-1@host:8443/in?key=canary-2#canary-3 now";
        let said = "moved to http://canary-4@other/?t=canary-5";
        let fault = Fault::new(FaultKind::Refused, doing, said);
        assert!(!fault.to_string().contains("canary"), "{fault}");
        assert!(
            fault.doing.contains("https://host:8443/in?… now"),
            "{fault}"
        );
    }

    #[test]
    fn an_address_without_secrets_is_shown_as_it_is() {
        for address in ["http://[::1]:80/a/b", "db.example:5432", "/run/socket", ""] {
            assert_eq!(public(address), address);
        }
        assert_eq!(public("me:canary@db:5432"), "db:5432");
    }
}
