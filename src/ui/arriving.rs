//! From a link to the screen it means.
//!
//! 1. Nothing is opened before all was read and looked at: half an answer would be the wrong one.
//!    A backend that is lost, silent or at its end is not waited for; what opens or the answer
//!    says that it is missing.
//! 2. The worst finding that stands about what the link names opens; else the worst rotation of it
//!    that runs; else the worst finding that healed within [`WITHIN`]. Of a rotation that the link
//!    itself names, whatever was found.
//! 3. Else the worst rotation of it that anything was told of within [`WITHIN`]. One that nobody
//!    has heard of for longer does not run: its end was lost.
//! 4. Else nothing opens, and the screen says so and what is known instead, until anything does.
//!
//! Who goes elsewhere meanwhile is left alone.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diagnosis::{Finding, Reach};
use crate::incident::Rotation;
use crate::model::link::LinkState;
use crate::model::{RotationId, ServiceName, Span, Timestamp};

use super::desk::{Desk, Screen};
use super::landing::Landing;

/// Rotations that nobody has heard of for longer than this touched nothing that hurts now.
pub const WITHIN: Span = Span::seconds(24 * 3600);

/// True for a backend that has yet to tell what happened before.
pub fn is_coming(link: LinkState) -> bool {
    matches!(link, LinkState::Connecting | LinkState::CatchingUp)
}

impl Desk {
    /// Begins to look for what a link names.
    pub fn seek_out(&mut self, landing: Landing) {
        self.coming = Some(landing.clone());
        self.sought = Some(landing);
        self.open(Screen::Sought);
    }

    /// Opens what a link names, once it is known and nobody went elsewhere.
    pub fn arrive(&mut self) {
        if self.screen() == Screen::Sought && self.coming.is_some() && self.has_all() {
            // Where nothing opens yet, the next state is tried.
            self.land();
        }
    }

    /// Opens what the link means as things stand; false where nothing does, and the search goes on.
    pub fn land(&mut self) -> bool {
        let Some(landing) = self.sought.clone() else {
            return false;
        };
        let (finding, rotation) = self.meant_by(&landing);
        if finding.is_none() && rotation.is_none() {
            return false;
        }
        self.coming = None;
        let missing = self.missing();
        if !missing.is_empty() {
            self.notice = Some(format!("Opened without all: {}", missing.join(", ")));
        }
        // Back leads to the on-call screen, not to the search.
        self.open(Screen::OnCall);
        let id = finding
            .as_ref()
            .and_then(|finding| finding.rotation.clone());
        if let Some(id) = id.or(rotation) {
            let shown = self.state.incident.canonical(&id).cloned();
            self.select(&shown.unwrap_or(id));
        }
        match finding {
            Some(finding) => self.ask_why(finding),
            None => self.open(Screen::Detail),
        }
        true
    }

    /// True once all that there is was read and looked at.
    pub fn has_all(&self) -> bool {
        let state = &self.state;
        let read = match &state.live {
            Some(live) => !live.links.iter().any(|link| is_coming(link.state)),
            None => state.loading.done,
        };
        read && state.known.reach == Reach::Whole
    }

    /// The backends whose word is missing in what was read, each with how it stands.
    pub fn missing(&self) -> Vec<String> {
        let live = self.state.live.as_ref();
        let links = live.into_iter().flat_map(|live| live.links.iter());
        let missing =
            links.filter(|link| matches!(link.state, LinkState::Lost | LinkState::Silent));
        let named =
            |name: &dyn std::fmt::Display, state: LinkState| format!("{name} is {}", state.word());
        missing.map(|link| named(&link.name, link.state)).collect()
    }

    /// The finding that a link means, and the rotation; one of the two is enough.
    fn meant_by(&self, landing: &Landing) -> (Option<Arc<Finding>>, Option<RotationId>) {
        if let Landing::Rotation(id) = landing {
            let id = self.state.incident.canonical(id);
            let found = id.and_then(|id| self.digest.findings.of(id));
            return (found.map(|(finding, _)| finding.clone()), id.cloned());
        }
        let now = self.now().unwrap_or_default();
        let is_recent = |at: Timestamp| now.since(at) <= WITHIN;
        let recent = self.rotation_sought(landing, |r| is_recent(r.last_at));
        let stands = self.finding_of(landing, |f| f.resolved_at.is_none());
        if stands.is_some() {
            return (stands, recent);
        }
        let runs = self.rotation_sought(landing, |r| r.is_open() && is_recent(r.last_at));
        if runs.is_some() {
            return (None, runs);
        }
        let healed = self.finding_of(landing, |f| f.resolved_at.is_some_and(is_recent));
        (healed, recent)
    }

    fn finding_of(
        &self,
        landing: &Landing,
        counts: impl Fn(&Finding) -> bool,
    ) -> Option<Arc<Finding>> {
        let is_about = |finding: &Finding| match landing {
            Landing::Service(service) => finding.services.contains(service),
            Landing::Secret(secret) => self.is_about(finding, secret),
            Landing::Rotation(_) => false,
        };
        let mut all = self.digest.findings.all().iter();
        all.find(|finding| counts(finding) && is_about(finding))
            .cloned()
    }

    fn rotation_sought(
        &self,
        landing: &Landing,
        counts: impl Fn(&Rotation) -> bool,
    ) -> Option<RotationId> {
        let mut worst_first = self.digest.ids();
        worst_first
            .find(|id| {
                let rotation = self.state.incident.rotation(id);
                rotation.is_some_and(|r| counts(r) && self.is_of(r, landing))
            })
            .cloned()
    }

    /// True for a rotation of what a link names.
    pub fn is_of(&self, rotation: &Rotation, landing: &Landing) -> bool {
        match landing {
            Landing::Rotation(id) => rotation.id == *id,
            Landing::Secret(secret) => rotation.secret.as_ref() == Some(secret),
            Landing::Service(service) => {
                rotation.services.contains(service)
                    || rotation.secret.as_ref().is_some_and(|secret| {
                        let mut consumers = self.state.incident.consumers(secret);
                        consumers.any(|consumer| consumer.service.as_ref() == Some(service))
                    })
            }
        }
    }

    /// Every service that anything was told of, by name.
    pub fn services(&self) -> BTreeSet<&ServiceName> {
        let incident = &self.state.incident;
        let rotated = incident.rotations().flat_map(|r| &r.services);
        let consuming = incident.secrets().into_iter().flat_map(|secret| {
            incident
                .consumers(secret)
                .filter_map(|c| c.service.as_ref())
        });
        let counted = incident.auth().map(|series| &series.service);
        let watched = incident.health().map(|health| &health.service);
        rotated
            .chain(consuming)
            .chain(counted)
            .chain(watched)
            .collect()
    }
}
