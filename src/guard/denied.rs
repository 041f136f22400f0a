//! Why an act is not allowed; in words for a person.

use super::once::OnceError;
use super::totp::CodeError;
use crate::model::Actor;
use crate::model::event::Risk;
use crate::model::text::shown;

/// Why an act is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Whatever is answered, the policy does not let this person do it.
    #[error("{}", policy_words(what, by))]
    Policy {
        /// The act, on what and by whom; harmless to show.
        what: String,
        /// The policies that forbid it; empty where none allows it.
        by: Vec<String>,
    },
    /// The policy could not be asked.
    #[error("the policy cannot be asked: {0}")]
    Broken(String),
    /// A bearer token is not a person.
    #[error("a {0} act has to be signed by a person: a bearer token alone is not enough")]
    Unsigned(Risk),
    /// Nobody knows the key.
    #[error("the key that signed is not in the people file")]
    UnknownKey,
    /// The key is somebody else's.
    #[error("the key that signed is not {0}'s")]
    NotTheirKey(Actor),
    /// The signature is not of this intent and these answers.
    #[error("the signature does not fit the act: it was changed, or signed by another key")]
    Forged,
    /// It is too old, or from the future.
    #[error("it was asked {0}: the clocks differ, or it was held back; ask anew")]
    Untimely(String),
    /// Less was answered than the policy asks for.
    #[error("the policy asks for more: {}", .0.join(", "))]
    Lacking(Vec<&'static str>),
    /// The code does not fit.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// What may be used once was used.
    #[error("the code cannot be taken: {0}")]
    Once(#[from] OnceError),
    /// A second person has to approve, and nobody did so validly.
    #[error("{}", second_words(.0))]
    NeedsSecond(Vec<(Actor, Flaw)>),
}

/// Why an approval does not count; in words for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It is of another intent, or of this one before it was changed.
    #[error("it is of another act")]
    OtherIntent,
    /// Nobody knows the key.
    #[error("its key is not in the people file")]
    UnknownKey,
    /// The key is somebody else's.
    #[error("its key is not theirs")]
    NotTheirKey,
    /// The signature is not of this approval.
    #[error("its signature does not fit")]
    Forged,
    /// Whoever asks approves.
    #[error("nobody approves their own act")]
    Own,
    /// It is from the future.
    #[error("it is from the future: the clocks differ")]
    NotYet,
    /// It is too old.
    #[error("it has expired")]
    Expired,
    /// It holds for longer than any may, or for no time.
    #[error("it is to hold for longer than an hour, or for no time at all")]
    TooLong,
    /// The policy does not let them.
    #[error("{0}")]
    NotAllowed(String),
}

fn policy_words(what: &str, by: &[String]) -> String {
    if by.is_empty() {
        return format!("no policy allows {what}");
    }
    format!("the policy forbids {what} ({})", shown(&by.join(", ")))
}

fn second_words(flaws: &[(Actor, Flaw)]) -> String {
    let asked = "a second person has to approve it: rotascope approve";
    if flaws.is_empty() {
        return asked.to_owned();
    }
    let flaws: Vec<String> = flaws
        .iter()
        .map(|(by, flaw)| format!("{by}'s approval does not count: {flaw}"))
        .collect();
    format!("{asked}; {}", flaws.join("; "))
}
