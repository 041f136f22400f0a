//! Planned windows: which of them covers an alert now.

use std::collections::BTreeSet;

use crate::incident::Incident;
use crate::model::{SecretPath, ServiceName, Text, Timestamp};

/// What a window has to cover.
#[derive(Clone, Copy, Debug)]
pub(super) struct Concerned<'a> {
    pub(super) secrets: &'a BTreeSet<SecretPath>,
    pub(super) services: &'a BTreeSet<ServiceName>,
    pub(super) owner: Option<&'a Text>,
}

/// The window that was announced, is open now and covers all that is concerned: it names
/// every secret, or every service, or neither and everything of the owner.
pub(super) fn covering<'a>(
    of: Concerned<'_>,
    now: Timestamp,
    incident: &'a Incident,
) -> Option<&'a Text> {
    let mut windows = incident.windows().map(|window| &window.planned);
    let covers = windows.find(|planned| {
        let open = (planned.starts_at..=planned.ends_at).contains(&now);
        let of_owner = planned.owner.is_none() || planned.owner.as_ref() == of.owner;
        let whole = planned.services.is_empty() && planned.secrets.is_empty();
        let mut secrets = of.secrets.iter();
        let of_secret =
            !of.secrets.is_empty() && secrets.all(|secret| planned.secrets.contains(secret));
        let mut services = of.services.iter();
        let of_services =
            !of.services.is_empty() && services.all(|service| planned.services.contains(service));
        open && (of_secret || of_services || whole && of_owner)
    });
    covers.map(|planned| &planned.window)
}

/// The next moment at which a window opens or closes.
pub(super) fn next_edge(now: Timestamp, incident: &Incident) -> Option<Timestamp> {
    let edges = incident.windows().flat_map(|window| {
        let planned = &window.planned;
        // It is open at its last moment still.
        [
            planned.starts_at,
            planned.ends_at + crate::model::Span::micros(1),
        ]
    });
    edges.filter(|edge| *edge > now).min()
}
