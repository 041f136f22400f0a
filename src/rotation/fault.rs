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
    /// A fault of this kind while doing something.
    #[must_use]
    pub fn new(kind: FaultKind, doing: impl Into<String>, said: impl Into<Text>) -> Self {
        Self {
            kind,
            doing: doing.into(),
            said: said.into(),
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
