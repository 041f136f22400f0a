//! Alerts in the cockpit: whom each wakes, and when the terminal rings.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnosis::{Alerts, Finding};
use crate::measure::alert::{About, Alert, Names, Owners, Route};
use crate::model::effect::{Effect, Effects, Ring};
use crate::model::{Span, Text};

use super::fit::plural;
use super::state::State;

/// A page that is older than this when it is first seen rings no more: whoever opens the cockpit
/// in the middle of an incident knows why.
const FRESH: Span = Span::seconds(300);

/// What the cockpit is told of alerts by the settings.
#[derive(Clone, Debug, Default)]
pub struct Alarm {
    /// Who answers for what.
    pub owners: Owners,
    /// How the terminal rings; `None` where it does not.
    pub ring: Option<Ring>,
}

/// Rings once for each page.
#[derive(Debug, Default)]
pub(super) struct Bell {
    ring: Option<Ring>,
    rung: BTreeSet<Text>,
    /// What was last heard.
    heard: Alerts,
    /// The same, under keys that later looks at the same events do not change.
    named: Vec<Arc<Alert>>,
    names: Names,
}

impl Bell {
    pub(super) fn new(ring: Option<Ring>) -> Self {
        Self {
            ring,
            ..Self::default()
        }
    }

    /// Rings where somebody is woken who has not been. What a recording tells wakes nobody, nor
    /// does what was before.
    pub(super) fn hear(&mut self, state: &State) -> Effects {
        let follows = state.live.as_ref().is_some_and(|live| live.following);
        let Some(ring) = self.ring.filter(|_| follows) else {
            return Effects::none();
        };
        let now = state.incident.now();
        if !Arc::ptr_eq(&self.heard, &state.known.alerts) {
            self.heard = Arc::clone(&state.known.alerts);
            self.named = self.names.settle(&self.heard);
        }
        let mut fresh: Vec<&Arc<Alert>> = Vec::new();
        for alert in &self.named {
            let Some(paged) = alert.paged_at else {
                continue;
            };
            // What is over may come back, and nobody here has heard of it then.
            let latest = alert.again_at.map_or(paged, |again| again.max(paged));
            if alert.stands()
                && self.rung.insert(alert.key.clone())
                && now.is_none_or(|now| now.since(latest) <= FRESH)
            {
                fresh.push(alert);
            }
        }
        match fresh.split_first() {
            None => Effects::none(),
            Some((first, [])) => Effects::one(Effect::Ring(ring, first.summary())),
            Some((first, more)) => {
                let more = plural(more.len(), "more page");
                let words = format!("{}; and {more}", first.summary());
                Effects::one(Effect::Ring(ring, words))
            }
        }
    }
}

/// The alert that a finding belongs to: the latest that tells of its mode and its rotation, or,
/// where there is none, of its services.
pub(super) fn alert_of<'a>(state: &'a State, finding: &Finding) -> Option<&'a Arc<Alert>> {
    let id = finding.rotation.as_ref();
    let id = id.map(|id| state.incident.canonical(id).unwrap_or(id));
    let tells = |alert: &&Arc<Alert>| {
        let same = match (&alert.about, id) {
            (About::Rotation(of), Some(id)) => of == id || alert.others.contains(id),
            (About::Rotation(_) | About::Services, None) => {
                !alert.services.is_disjoint(&finding.services)
            }
            _ => false,
        };
        same && alert.modes.contains(&finding.mode.name()) && alert.since <= finding.detected_at
    };
    state.known.alerts.iter().rev().find(tells)
}

/// How it stands, in a word: `page`, `ticket`, `quiet`, `over`.
pub(super) fn standing(alert: &Alert) -> &'static str {
    if !alert.stands() {
        "over"
    } else if alert.is_suppressed() {
        "quiet"
    } else if alert.escalated_at.is_some() {
        "escalated"
    } else if alert.paged_at.is_some() {
        "page"
    } else if alert.ticketed_at.is_some() {
        "ticket"
    } else {
        "info"
    }
}

/// Whom an alert wakes: `wakes team-pay (pager:pay)`.
pub(super) fn woken(alert: &Alert, route: &Route) -> String {
    let owner = match &route.owner {
        Some(owner) => owner.to_string(),
        None => "nobody in particular (no owner is known)".to_owned(),
    };
    let contacts = contacts(&route.contacts);
    let whom = if contacts.is_empty() {
        owner
    } else {
        format!("{owner} ({contacts})")
    };
    match standing(alert) {
        "over" => format!("was told to {whom}"),
        "quiet" => match &alert.window {
            Some(window) => format!("kept quiet by window {window}; would go to {whom}"),
            None => format!("kept quiet; would go to {whom}"),
        },
        "escalated" => {
            let escalation = self::contacts(&route.escalation);
            let beside = if escalation.is_empty() {
                "escalated, though nobody is named for it".to_owned()
            } else {
                format!("escalated to {escalation}")
            };
            format!("wakes {whom}; {beside}")
        }
        "page" => format!("wakes {whom}"),
        "ticket" => format!("ticket for {whom}"),
        _ => format!("wakes nobody; belongs to {whom}"),
    }
}

/// The same where there is little room: the screen of alerts says the rest.
pub(super) fn woken_in_short(alert: &Alert, route: &Route) -> String {
    let owner = route.owner.as_ref();
    let owner = owner.map_or_else(|| "no owner".to_owned(), ToString::to_string);
    match standing(alert) {
        "over" => format!("was told to {owner}"),
        "quiet" => "told to nobody".to_owned(),
        "escalated" => format!("wakes {owner}, escalated"),
        "page" => format!("wakes {owner}"),
        "ticket" => format!("ticket for {owner}"),
        _ => format!("belongs to {owner}"),
    }
}

fn contacts(all: &[Text]) -> String {
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    all.join(", ")
}
