//! What has to be answered before an act, and what was.

use std::fmt;

use crate::model::proof::Met;

/// What has to be answered before an act is done. Nothing at all is for acts that only observe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Challenges {
    /// The key that confirms.
    pub confirm: bool,
    /// This name, typed.
    pub name: Option<String>,
    /// A reason.
    pub reason: bool,
    /// A one-time code, or a recovery code.
    pub code: bool,
    /// A second person's approval.
    pub second: bool,
}

impl Challenges {
    /// True where nothing is asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is asked, a word or two each.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        let asked = [
            (self.confirm, "confirm"),
            (self.name.is_some(), "name"),
            (self.reason, "reason"),
            (self.code, "code"),
            (self.second, "second person"),
        ];
        let asked = asked.into_iter().filter(|(asked, _)| *asked);
        asked.map(|(_, words)| words).collect()
    }

    /// What of it is not among what was answered; the second person aside.
    #[must_use]
    pub fn lacking(&self, met: &Met) -> Vec<&'static str> {
        let asked = [
            (self.confirm && !met.confirmed, "a confirmation"),
            (self.name.is_some() && !met.named, "the typed name"),
            (self.reason && !met.reasoned, "a reason"),
            (self.code && !met.code, "a code"),
        ];
        let lacking = asked.into_iter().filter(|(lacks, _)| *lacks);
        lacking.map(|(_, words)| words).collect()
    }
}

impl fmt::Display for Challenges {
    /// `confirm, name, reason, code, second person`; `nothing` where nothing is asked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.words();
        f.pad(&if words.is_empty() {
            "nothing".to_owned()
        } else {
            words.join(", ")
        })
    }
}
