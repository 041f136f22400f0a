//! A call that a service audited, in the words that Kubernetes, Google Cloud and Azure share.

use crate::audit::digest::Digest;
use crate::measure::throttling::is_throttling;
use crate::model::{Text, Timestamp};

/// Whose audit log a call stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// The API server of a Kubernetes cluster.
    Kubernetes,
    /// Google Cloud.
    Gcp,
    /// Azure.
    Azure,
}

impl Provider {
    /// The name of the format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
        }
    }
}

/// How far the call is that a record tells of. Only Kubernetes tells of one call more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallStage {
    /// It came in.
    Received,
    /// Its answer began and goes on, as that of a watch does.
    Started,
    /// It is over.
    Done,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallEnding {
    /// It is not over, or nothing says how it ended.
    Open,
    /// It was done.
    Granted,
    /// Refused for want of a valid credential.
    Unauthenticated,
    /// Refused for want of permission.
    Forbidden,
    /// Refused since its caller was too fast.
    Throttled,
    /// Went wrong otherwise.
    Failed,
}

impl CallEnding {
    /// By the status of an HTTP answer (RFC 9110, and RFC 6585 for 429) and what is said of it.
    #[must_use]
    pub fn of_http(status: u16, words: &str) -> Self {
        match status {
            401 => Self::Unauthenticated,
            403 => Self::Forbidden,
            429 => Self::Throttled,
            400.. if is_throttling(words) => Self::Throttled,
            400.. => Self::Failed,
            _ => Self::Granted,
        }
    }

    /// By a status of gRPC (`google.rpc.Code`) and what is said of it.
    #[must_use]
    pub fn of_grpc(code: i64, words: &str) -> Self {
        match code {
            0 => Self::Granted,
            7 => Self::Forbidden,
            8 => Self::Throttled,
            16 => Self::Unauthenticated,
            _ if is_throttling(words) => Self::Throttled,
            _ => Self::Failed,
        }
    }

    /// The word of a row.
    #[must_use]
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Open => "unanswered",
            Self::Granted => "allowed",
            Self::Unauthenticated | Self::Forbidden => "denied",
            Self::Throttled | Self::Failed => "error",
        }
    }
}

/// A call that a service audited. No member holds what was sent or answered.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceCall {
    /// Whose log it is.
    pub provider: Provider,
    /// When its stage was reached.
    pub time: Timestamp,
    /// How far it is.
    pub stage: CallStage,
    /// Its name: `auditID`, `insertId`, `eventDataId`.
    pub id: Option<Text>,
    /// Which API was called: `kubernetes`, `secretmanager.googleapis.com`, `keyvault`, …
    pub api: Text,
    /// What was asked for, in the provider's words: `get`, `…AccessSecretVersion`, `SecretGet`.
    pub method: Text,
    /// Who called; `None` where nobody was authenticated.
    pub actor: Option<Text>,
    /// On whose behalf.
    pub acting_as: Option<Text>,
    /// From where: the first address that is named.
    pub remote_address: Option<Text>,
    /// With what program.
    pub user_agent: Option<Text>,
    /// On what, as a path.
    pub resource: Option<Text>,
    /// Where it runs.
    pub region: Option<Text>,
    /// How it ended.
    pub ending: CallEnding,
    /// The status and the words of an end that was not well.
    pub error: Option<Text>,
}

impl ServiceCall {
    /// All that it says in words, but for its id; what it does not tell is empty.
    pub(in crate::audit) fn words(&self) -> [&str; 9] {
        [
            Some(&self.api),
            Some(&self.method),
            self.actor.as_ref(),
            self.acting_as.as_ref(),
            self.remote_address.as_ref(),
            self.user_agent.as_ref(),
            self.resource.as_ref(),
            self.region.as_ref(),
            self.error.as_ref(),
        ]
        .map(|word| word.map_or("", Text::raw))
    }

    /// What tells the call: its id and time where it has one, else all that it says. The stage is
    /// no part of it, so that the stages of one call share it.
    #[must_use]
    pub fn identity(&self) -> u128 {
        let digest = Digest::of(self.provider.name());
        if let Some(id) = &self.id {
            let digest = digest.word(id.raw().as_bytes());
            return match self.provider {
                Provider::Kubernetes => digest.end(),
                // Unique among those of one log and one time only.
                _ => digest.word(&of_time(self.time)).end(),
            };
        }
        self.words()
            .iter()
            .fold(digest.word(&of_time(self.time)), |digest, word| {
                digest.word(word.as_bytes())
            })
            .word(self.ending.outcome().as_bytes())
            .end()
    }
}

/// A time as the word of a digest.
pub(super) fn of_time(time: Timestamp) -> [u8; 12] {
    let mut word = [0; 12];
    let bytes = time
        .seconds()
        .to_be_bytes()
        .into_iter()
        .chain(time.nanos().to_be_bytes());
    for (to, from) in word.iter_mut().zip(bytes) {
        *to = from;
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_is_told_from_other_refusals_by_status_or_words() {
        assert_eq!(CallEnding::of_http(429, ""), CallEnding::Throttled);
        assert_eq!(
            CallEnding::of_http(503, "TooManyRequests"),
            CallEnding::Throttled
        );
        assert_eq!(CallEnding::of_http(503, "no leader"), CallEnding::Failed);
        assert_eq!(CallEnding::of_http(302, "429"), CallEnding::Granted);
        assert_eq!(CallEnding::of_grpc(8, ""), CallEnding::Throttled);
        assert_eq!(CallEnding::of_grpc(16, ""), CallEnding::Unauthenticated);
        assert_eq!(
            CallEnding::of_grpc(14, "rateLimitExceeded"),
            CallEnding::Throttled
        );
        assert_eq!(CallEnding::of_grpc(5, "not found"), CallEnding::Failed);
    }
}
