//! Which rotation an event is about, and what every finding about a rotation has in common.

use super::beside;
use super::finding::{Evidence, Finding, Mode};
use super::map::Map;
use crate::incident::{EventRef, Incident, Rotation};
use crate::model::event::{Severity, Tier};
use crate::model::{Data, Event, RotationId, SecretPath, Span, Timestamp, Version};
/// The rotations of each secret, so that an event that names none finds its own.
#[derive(Debug, Default)]
pub(super) struct Book {
    of: Map<SecretPath, Vec<(RotationId, Option<Version>)>>,
}

impl Book {
    /// Notes the rotation that an event tells of.
    pub(super) fn learn(&mut self, event: &Event, incident: &Incident) {
        let Data::RotationStarted(data) = &event.data else {
            return;
        };
        let Some(rotation) = id_of(event).and_then(|id| incident.rotation(&id)) else {
            return;
        };
        let known = self.of.entry(data.secret.clone()).or_default();
        if !known.iter().any(|(id, _)| *id == rotation.id) {
            known.push((rotation.id.clone(), data.to_version.clone()));
        }
    }

    /// The id of the latest rotation of a secret that brings this version. Costs far less than
    /// [`Self::bringing`], whose answer must be put together anew after each event of it.
    pub(super) fn id_bringing(
        &self,
        secret: &SecretPath,
        version: &Version,
        incident: &Incident,
    ) -> Option<&RotationId> {
        let known = self.of.get(secret)?.iter().rev();
        let brings = |(id, to): &&(RotationId, Option<Version>)| match to {
            Some(to) => to == version,
            // It may have been told since.
            None => incident
                .rotation(id)
                .is_some_and(|rotation| rotation.to_version.as_ref() == Some(version)),
        };
        let mut known = known.filter(brings);
        known.next().map(|(id, _)| id)
    }

    /// The latest rotation of a secret that brings this version.
    pub(super) fn bringing<'i>(
        &self,
        secret: &SecretPath,
        version: &Version,
        incident: &'i Incident,
    ) -> Option<&'i Rotation> {
        let id = self.id_bringing(secret, version, incident)?;
        incident.rotation(id)
    }

    /// The latest rotation of a secret.
    pub(super) fn latest<'i>(
        &self,
        secret: &SecretPath,
        incident: &'i Incident,
    ) -> Option<&'i Rotation> {
        let (id, _) = self.of.get(secret)?.last()?;
        incident.rotation(id)
    }
}

/// The rotation that an event names: `rotationid`, else the subject of a rotation's own event.
pub(super) fn id_of(event: &Event) -> Option<RotationId> {
    if let Some(id) = &event.rotation {
        return Some(id.clone());
    }
    let own = matches!(
        event.data,
        Data::RotationStarted(_)
            | Data::RotationStage(_)
            | Data::RotationGrace(_)
            | Data::RotationFinished(_)
    );
    let subject = event.subject.as_ref().filter(|_| own)?;
    Some(RotationId(subject.clone()))
}

/// A piece of evidence.
pub(super) fn evidence(event: &EventRef, note: impl Into<String>) -> Evidence {
    Evidence {
        event: event.clone(),
        note: note.into(),
    }
}

/// A finding about a rotation, its services those that depend on the secret.
pub(super) fn about(
    mode: Mode,
    rotation: &Rotation,
    at: Timestamp,
    confidence: f64,
    evidence: Vec<Evidence>,
) -> Finding {
    let named = rotation.named.iter().filter_map(|c| c.service.clone());
    Finding {
        mode,
        rotation: Some(rotation.id.clone()),
        secret: rotation.secret.clone(),
        services: rotation.services.iter().cloned().chain(named).collect(),
        regions: std::collections::BTreeSet::default(),
        detected_at: at,
        resolved_at: None,
        severity: Severity::Ticket,
        suppressed: false,
        confidence,
        evidence,
        ruled_out: Vec::new(),
        cannot_know: Vec::new(),
    }
}

/// Settles what is not known beside a finding, whom it wakes, and whether a planned window keeps it quiet: several services, or
/// a secret on which the product stands, are a page; a page, F4 and F5 are never kept quiet.
pub(super) fn settle(mut finding: Finding, rotation: &Rotation, incident: &Incident) -> Finding {
    let wide = finding.services.len() > 1 || rotation.tier == Some(Tier::Critical);
    finding.severity = if wide {
        Severity::Page
    } else {
        Severity::Ticket
    };
    finding.cannot_know.extend(beside::away(incident));
    let loud = wide || matches!(finding.mode, Mode::F4 | Mode::F5);
    finding.suppressed = !loud && is_planned(&finding, Some(rotation), incident);
    finding
}

/// True where a window that was announced by then covers all that a finding is about.
pub(super) fn is_planned(
    finding: &Finding,
    rotation: Option<&Rotation>,
    incident: &Incident,
) -> bool {
    let owner = rotation.and_then(|rotation| rotation.owner.as_ref());
    incident.windows().any(|window| {
        let planned = &window.planned;
        let open = (planned.starts_at..=planned.ends_at).contains(&finding.detected_at);
        let of_owner = planned.owner.is_some() && planned.owner.as_ref() == owner;
        let whole = planned.services.is_empty() && planned.secrets.is_empty();
        let of_secret = finding
            .secret
            .as_ref()
            .is_some_and(|secret| planned.secrets.contains(secret));
        let of_services = !finding.services.is_empty()
            && finding
                .services
                .iter()
                .all(|service| planned.services.contains(service));
        let covers = of_secret || of_services || whole && (of_owner || planned.owner.is_none());
        open && covers
    })
}

/// A moment later.
pub(super) fn after(at: Timestamp, span: Span) -> Timestamp {
    let micros = span.as_micros();
    let whole = at.seconds().saturating_add(micros.div_euclid(1_000_000));
    let part = i64::from(at.nanos()) + micros.rem_euclid(1_000_000) * 1000;
    let seconds = whole.saturating_add(part.div_euclid(1_000_000_000));
    let nanos = u32::try_from(part.rem_euclid(1_000_000_000)).unwrap_or(0);
    Timestamp::new(seconds, nanos)
}

/// Seconds from one moment to a later one.
#[expect(
    clippy::cast_precision_loss,
    reason = "a span of an incident is far below 2^52"
)]
pub(super) fn seconds(later: Timestamp, earlier: Timestamp) -> f64 {
    later.since(earlier).as_micros() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{at, one, stage, started, told};
    use super::*;

    fn window(services: &[&str]) -> Event {
        let data = json!({"window": "w", "starts_at": at(-10).to_string(),
            "ends_at": at(100).to_string(), "services": services, "reason": "upgrade"});
        told(-20, "/calendar", "", "window.planned", &data)
    }

    fn throttled() -> Vec<Event> {
        vec![
            stage(10, "store", "failed", Some("HTTP 429")),
            stage(20, "store", "failed", Some("HTTP 429")),
        ]
    }

    #[test]
    fn a_planned_window_keeps_a_ticket_quiet_and_says_so() {
        let events = |window| [vec![window, started()], throttled()].concat();
        let quiet = one(Mode::F3, &events(window(&["checkout", "cart"])));
        assert_eq!((quiet.severity, quiet.suppressed), (Severity::Ticket, true));
        assert!(!one(Mode::F3, &events(window(&["cart"]))).suppressed);
    }

    #[test]
    fn a_window_never_hides_a_page_or_a_leak() {
        let data = json!({"secret": "db", "to_version": "v2", "tier": "critical",
            "services": ["checkout"]});
        let critical = told(0, "/engine", "r1", "rotation.started", &data);
        let page = one(
            Mode::F3,
            &[vec![window(&["checkout"]), critical], throttled()].concat(),
        );
        assert_eq!((page.severity, page.suppressed), (Severity::Page, false));
        let data = json!({"detector": "gitleaks", "rule": "key", "location": "a.py",
            "secret": "db", "confidence": "confirmed"});
        let leak = told(50, "/gitleaks", "", "leak.finding", &data);
        assert!(!one(Mode::F5, &[window(&["checkout"]), started(), leak]).suppressed);
    }
}
