//! What a finding is not, and what nobody can know beside it. Each sentence says what was really
//! looked at when the finding was raised: what was not looked at is not told.

use std::collections::BTreeSet;

use super::caches::Caches;
use super::finding::{Mode, RuledOut};
use super::format::is_format;
use super::suspects::{Change, Suspect};
use crate::incident::{Incident, Rotation};
use crate::model::event::{BackendState, ConsumerState};
use crate::model::{Region, ServiceName, Text, Timestamp};

/// So many of one kind are named in a sentence.
const NAMED: usize = 3;

/// Names for a sentence: the first few, and how many more there are.
pub(super) fn list<T: std::fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    let mut names = names.into_iter();
    let mut out: Vec<String> = names
        .by_ref()
        .take(NAMED)
        .map(|name| name.to_string())
        .collect();
    let more = names.count();
    if more > 0 {
        out.push(format!("{more} more"));
    }
    out.join(", ")
}

/// The backends that are away: what they would tell, nobody knows.
pub(super) fn away(incident: &Incident) -> Vec<String> {
    let away = incident.backends().filter_map(|backend| {
        let state = backend.state.as_ref()?;
        let gone = matches!(state, BackendState::Disconnected | BackendState::Degraded);
        // Since when it is so: the start of a spell that has not ended, else its latest word.
        let spell = backend.gaps.last().filter(|(_, until)| until.is_none());
        let since = spell.map(|(from, _)| *from).or(backend.at)?;
        gone.then(|| match state {
            BackendState::Degraded => format!(
                "what {} leaves out: it is degraded since {since}",
                backend.name
            ),
            _ => format!("what {} would tell: it is away since {since}", backend.name),
        })
    });
    away.take(NAMED).collect()
}

/// F4 beside another mode: what the revocation has to do with failures that began at `start`.
pub(super) fn not_revoked_early(rotation: &Rotation, start: Timestamp) -> Option<RuledOut> {
    let why = match rotation.revoked_at {
        None => "the old version was not revoked".to_owned(),
        Some(at) if at > start => {
            "the failures began before the old version was revoked".to_owned()
        }
        Some(_) => return None,
    };
    Some(RuledOut {
        mode: Mode::F4,
        why,
    })
}

/// F6 beside another mode: whether a consumer says that it cannot read the new version.
pub(super) fn no_format_errors(rotation: &Rotation, incident: &Incident) -> Option<RuledOut> {
    let secret = rotation.secret.as_ref()?;
    let (mut known, mut failed) = (0, 0);
    for consumer in incident.consumers(secret) {
        known += 1;
        if consumer.state == ConsumerState::Failed
            && consumer.version == rotation.to_version
            && consumer.error.is_some()
        {
            failed += 1;
            if is_format(consumer.error.as_ref().map_or("", Text::raw)) {
                return None;
            }
        }
    }
    let why = match (known, failed) {
        (0, _) => return None,
        (_, 0) => "no consumer says that it failed on the new version".to_owned(),
        (_, 1) => "one consumer failed, not in words of a parser or a decryption".to_owned(),
        (_, n) => format!("{n} consumers failed, none in words of a parser or a decryption"),
    };
    Some(RuledOut {
        mode: Mode::F6,
        why,
    })
}

/// F2 beside another mode: whether a region is behind as a whole.
pub(super) fn no_region_behind(rotation: &Rotation, incident: &Incident) -> Option<RuledOut> {
    let tally = incident.tally(rotation);
    let known = tally.regions.iter().filter(|r| r.region.is_some());
    let (mut some, mut none) = (0, 0);
    for region in known {
        if region.on_new > 0 {
            some += 1;
        } else {
            none += 1;
        }
    }
    let why = match (some, none) {
        (1.., 0) => "every region has consumers on the new version",
        (0, 1..) => "no region at all has consumers on the new version",
        _ => return None,
    };
    Some(RuledOut {
        mode: Mode::F2,
        why: why.to_owned(),
    })
}

/// F7 beside another mode, where it can be ruled out; else why it cannot.
pub(super) fn caches(
    suspect: &Suspect,
    service: &ServiceName,
    regions: &BTreeSet<Region>,
    caches: &Caches,
) -> Result<RuledOut, String> {
    let ruled_out = |why| RuledOut {
        mode: Mode::F7,
        why,
    };
    if !suspect.behind.is_empty() && !suspect.is_delivered() {
        return Ok(ruled_out(format!(
            "the new version was not even delivered to {} of {} consumers",
            suspect.without, suspect.known
        )));
    }
    let since = suspect.moved.event.time;
    let did = suspect.moved.change.words();
    let silent = caches.unreported(service, regions, since);
    if silent.is_empty() && caches.is_reported(service, since) {
        return Ok(ruled_out(format!(
            "no cache of {service} is known to hold entries older than the cutover"
        )));
    }
    Err(if silent.is_empty() {
        format!("who answers from a cache: none of {service} was reported since the {did}")
    } else {
        format!(
            "who answers from a cache: none of {service} was reported by {} since the {did}",
            list(silent)
        )
    })
}

/// F1 beside F4, or F4 beside F1: what the other change has to do with it.
pub(super) fn other_change(suspect: &Suspect, rotation: &Rotation) -> Option<RuledOut> {
    if suspect.moved.change == Change::Cutover {
        return None;
    }
    let at = suspect.moved.event.time;
    let why = match rotation.cutover_at {
        Some(cutover) if cutover < at => format!(
            "the failures began with the revocation, {} s after the cutover",
            at.since(cutover).as_seconds()
        ),
        _ => return None,
    };
    Some(RuledOut {
        mode: Mode::F1,
        why,
    })
}
