//! What somebody is told of an alert, as one JSON object. Every word in it is harmless: programs
//! put it into chats and on screens.

use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::model::event::Severity;
use crate::model::{Text, Timestamp};

use super::entry::{About, Alert, Burning, Phase, Word};
use super::owner::Route;

/// An alert in plain words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Telling {
    /// Names the alert over all that is told of it.
    pub alert: String,
    /// What is told.
    pub phase: Phase,
    /// Of `again` and of a `resolved` after it: the how-manieth return it tells of, from 1.
    #[serde(skip_serializing_if = "is_zero")]
    pub returns: u32,
    /// When it was so.
    pub at: Timestamp,
    /// When it was first found.
    pub since: Timestamp,
    /// How loud it is.
    pub severity: Severity,
    /// True where a planned window keeps it quiet.
    pub suppressed: bool,
    /// The window that does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// What it is, in a line.
    pub summary: String,
    /// The failure modes that were met.
    pub modes: Vec<&'static str>,
    /// The rotation, where one is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<String>,
    /// The other rotations that the same trouble takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// The secret, where known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Who suffers.
    pub services: Vec<String>,
    /// Where.
    pub regions: Vec<String>,
    /// Who answers for it; `None` where nobody is known to.
    pub owner: Option<String>,
    /// Who is to be told now: the owner's contacts, or the escalation contacts.
    pub to: Vec<String>,
    /// Who answers for services that suffer, beside the owner.
    pub also: Vec<String>,
    /// The budget that burns by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burning: Option<Burning>,
    /// The acts that cure it.
    pub next: &'static [&'static str],
}

impl Telling {
    /// One thing that is told of an alert.
    #[must_use]
    pub fn of(alert: &Alert, word: Word, route: &Route) -> Self {
        let Word { at, phase, nth } = word;
        let to = match phase {
            Phase::Escalated if !route.escalation.is_empty() => &route.escalation,
            _ => &route.contacts,
        };
        Self {
            alert: name(&alert.key),
            phase,
            returns: nth,
            at,
            since: alert.since,
            severity: alert.severity.clone(),
            suppressed: phase == Phase::Suppressed,
            window: alert.window.as_ref().map(ToString::to_string),
            summary: alert.summary(),
            modes: alert.modes.clone(),
            rotation: match &alert.about {
                About::Rotation(id) => Some(id.to_string()),
                _ => None,
            },
            others: alert.others.iter().map(ToString::to_string).collect(),
            secret: alert.secret.as_ref().map(ToString::to_string),
            services: alert.services.iter().map(ToString::to_string).collect(),
            regions: alert.regions.iter().map(ToString::to_string).collect(),
            owner: route.owner.as_ref().map(ToString::to_string),
            to: to.iter().map(ToString::to_string).collect(),
            also: route.also.iter().map(ToString::to_string).collect(),
            burning: alert.burning,
            next: alert.next,
        }
    }

    /// Names what is told: no other telling has it, and the same one always does.
    #[must_use]
    pub fn name(&self) -> String {
        match self.returns {
            0 => format!("{}/{}", self.alert, self.phase.name()),
            nth => format!("{}/{}/{nth}", self.alert, self.phase.name()),
        }
    }
}

/// The harmless form of a key. Where that is not the key itself, two keys may have the same one: a
/// digest keeps them apart.
fn name(key: &Text) -> String {
    let shown = key.shown();
    if shown == key.raw() {
        return shown.into_owned();
    }
    let digest: [u8; 32] = Sha256::digest(key.raw().as_bytes()).into();
    let digest = HEXLOWER.encode(digest.get(..8).unwrap_or_default());
    format!("{shown}~{digest}")
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands members over by reference"
)]
fn is_zero(n: &u32) -> bool {
    *n == 0
}
