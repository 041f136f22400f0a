//! A finding, as the alerts see it: `measure` stands before `diagnosis`, so it is told in words.

use std::collections::BTreeSet;

use crate::measure::level::LevelName;
use crate::model::event::Severity;
use crate::model::{Region, RotationId, SecretPath, ServiceName, Timestamp};

/// What was found, and how it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// The failure mode: `F1` to `F8`, or `unattributed`.
    pub mode: &'static str,
    /// The same in words: `stale cache`.
    pub words: String,
    /// The guilty rotation; `None` where no rotation explains it.
    pub rotation: Option<RotationId>,
    /// Its secret, where known.
    pub secret: Option<SecretPath>,
    /// Who suffers.
    pub services: BTreeSet<ServiceName>,
    /// Where; empty is unknown.
    pub regions: BTreeSet<Region>,
    /// When the evidence was complete.
    pub detected_at: Timestamp,
    /// When it healed; `None` while it stands.
    pub resolved_at: Option<Timestamp>,
    /// Whom it wakes.
    pub severity: Severity,
    /// True where no planned window may ever keep it quiet (F4, F5).
    pub loud: bool,
    /// The levels whose budget it burns; the others are told about it by chance.
    pub burns: &'static [LevelName],
    /// The acts that cure it, in the order in which to try them.
    pub next: &'static [&'static str],
}

/// What tells one notice from another of the same diagnosis.
pub(super) type NoticeName = (
    Timestamp,
    &'static str,
    Option<RotationId>,
    Vec<ServiceName>,
);

impl Notice {
    /// Its name. A finding about a rotation gains services while it stands; one about a service
    /// does not.
    pub(super) fn name(&self) -> NoticeName {
        let services = match &self.rotation {
            Some(_) => Vec::new(),
            None => self.services.iter().cloned().collect(),
        };
        (self.detected_at, self.mode, self.rotation.clone(), services)
    }
}
