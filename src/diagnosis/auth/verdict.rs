//! What an open spike is called: the finding, whom it wakes, and what was looked at beside it.

use std::collections::BTreeSet;

use super::spike::Open;
use crate::diagnosis::beside;
use crate::diagnosis::book::is_planned;
use crate::diagnosis::caches::Caches;
use crate::diagnosis::finding::{Finding, Mode, RuledOut, Subject};
use crate::diagnosis::suspects::{Change, Suspect, Suspects};
use crate::incident::{Incident, Rotation};
use crate::model::event::{Severity, Tier};
use crate::model::{Event, ServiceName};

/// What is known when an open spike is given its name.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) suspects: &'a Suspects,
    pub(super) caches: &'a Caches,
    pub(super) incident: &'a Incident,
}

pub(super) fn subject(open: &Open) -> Subject {
    match &open.suspect {
        Some(suspect) => Subject::Rotation(suspect.id.clone()),
        None => Subject::Service(open.spike.service.clone()),
    }
}

/// The finding that an open spike is, with what was ruled out and what cannot be known.
pub(super) fn finding(mode: Mode, open: &Open, event: &Event, around: Around<'_>) -> Finding {
    let suspect = open.suspect.as_ref();
    let strong = suspect.is_some_and(Suspect::is_strong);
    let behind = suspect.and_then(|s| s.through_account.clone());
    let (services, regions) = behind.unwrap_or_else(|| {
        let services = BTreeSet::from([open.spike.service.clone()]);
        (services, open.spike.regions.clone())
    });
    let rotation = suspect.and_then(|s| around.incident.rotation(&s.id));
    let mut found = Finding {
        mode,
        rotation: suspect.map(|s| s.id.clone()),
        secret: suspect
            .and_then(|s| s.secret.clone())
            .or_else(|| open.spike.secret.clone()),
        services,
        regions,
        detected_at: event.time,
        resolved_at: None,
        severity: Severity::Page,
        suppressed: false,
        confidence: match (mode, strong) {
            (Mode::F7, _) | (_, true) => 0.95,
            (Mode::Unattributed, _) => 0.8,
            _ => 0.85,
        },
        evidence: open.spike.windows.clone(),
        ruled_out: Vec::new(),
        cannot_know: Vec::new(),
    };
    if is_one_consumer(mode, open, rotation, around) {
        found.severity = Severity::Ticket;
        found.suppressed = mode != Mode::F4 && is_planned(&found, rotation, around.incident);
    }
    match (suspect, rotation) {
        (Some(suspect), Some(rotation)) => {
            beside_a_rotation(&mut found, open, suspect, rotation, around);
        }
        _ => beside_nobody(&mut found, open, around),
    }
    if found.regions.is_empty() {
        let service = &open.spike.service;
        let sentence = format!("where: no sample of {service} names a region");
        found.cannot_know.push(sentence);
    }
    found.cannot_know.extend(beside::away(around.incident));
    found
}

/// True where one single consumer suffers, of a secret on which the product does not stand: that
/// is a ticket. Who is not known may be many, and pages.
fn is_one_consumer(
    mode: Mode,
    open: &Open,
    rotation: Option<&Rotation>,
    around: Around<'_>,
) -> bool {
    if rotation.is_some_and(|rotation| rotation.tier == Some(Tier::Critical)) {
        return false;
    }
    match &open.suspect {
        Some(suspect) if mode != Mode::F7 && !suspect.behind.is_empty() => {
            suspect.behind.len() == 1
        }
        _ => {
            let (suspects, incident) = (around.suspects, around.incident);
            suspects.consumers(&open.spike.service, incident) == 1
        }
    }
}

fn beside_a_rotation(
    found: &mut Finding,
    open: &Open,
    suspect: &Suspect,
    rotation: &Rotation,
    around: Around<'_>,
) {
    let service: &ServiceName = &open.spike.service;
    let mode = found.mode;
    if mode == Mode::F7 {
        found.ruled_out.push(RuledOut {
            mode: Mode::F1,
            why: format!(
                "the new version was delivered to all but {} of {} consumers",
                suspect.without, suspect.known
            ),
        });
    } else {
        found
            .ruled_out
            .extend(beside::other_change(suspect, rotation));
    }
    found
        .ruled_out
        .extend(beside::no_region_behind(rotation, around.incident));
    if suspect.moved.change == Change::Cutover {
        let early = beside::not_revoked_early(rotation, open.spike.start);
        found.ruled_out.extend(early);
    }
    found
        .ruled_out
        .extend(beside::no_format_errors(rotation, around.incident));
    if mode != Mode::F7 {
        match beside::caches(suspect, service, &found.regions, around.caches) {
            Ok(ruled_out) => found.ruled_out.push(ruled_out),
            Err(sentence) => found.cannot_know.push(sentence),
        }
    }
    if suspect.known == 0 {
        found.cannot_know.push(format!(
            "which consumers are on the new version: none of {service} is known"
        ));
    }
    if suspect.through_account.is_some() {
        found.cannot_know.push(format!(
            "who else logs in as {service}: the log names the account, not the consumer"
        ));
    }
}

/// No rotation answers for it: what each that might is excused by.
fn beside_nobody(found: &mut Finding, open: &Open, around: Around<'_>) {
    let spike = &open.spike;
    let excuses = around.suspects.excuses(
        &spike.service,
        spike.secret.as_ref(),
        (spike.start, spike.end),
        around.incident,
    );
    match excuses {
        Some(excuses) => found.ruled_out.extend(excuses),
        None => found.cannot_know.push(format!(
            "which secrets {} depends on: no rotation or consumer ever said",
            spike.service
        )),
    }
}
