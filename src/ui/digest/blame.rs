//! A finding in the words of a person: who broke what, where, and the one number that matters.

use crate::diagnosis::{Finding, Mode};
use crate::incident::{AuthSeries, AuthWindow, Incident, Rotation, Tally};
use crate::model::event::{Stage, StageStatus};
use crate::model::{ServiceName, Span};
use crate::ui::fit::{count, plural, span, width};
use crate::ui::state::State;

use super::phrase::{brief, failing, how_often, old_version, refused, stage, version_or};
use super::{AuthRow, Digest};

/// Longer ids than this are no names for a person; the secret says more.
const ID_COLUMNS: usize = 24;

/// Where nothing else says so, a rotation is looked for as far back as this.
const LOOK_BACK: Span = Span::seconds(24 * 3600);

/// What is said of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The sentence.
    pub sentence: String,
    /// The same for a small screen.
    pub short: String,
    /// What is refused, where the sentence does not say it already.
    pub refused: Option<String>,
}

/// Says a finding as things stand now.
pub fn said(finding: &Finding, digest: &Digest, state: &State) -> Said {
    let incident = &state.incident;
    let rotation = finding
        .rotation
        .as_ref()
        .and_then(|id| incident.rotation(id));
    let tally = rotation
        .map(|rotation| incident.tally(rotation))
        .unwrap_or_default();
    let hot = hot(finding, digest);
    let number = rotation.and_then(|rotation| number(finding, rotation, &tally, state));
    let told = number.is_some();
    let refusal = hot.map(refused);
    let of_logins = hot.filter(|_| hurts_logins(finding.mode)).map(how_often);
    let number = number
        .or(of_logins)
        .or_else(|| cured(finding, &tally))
        .or_else(|| first_note(finding))
        .filter(|_| finding.mode != Mode::Unattributed);
    let mode = finding.mode.name();
    let place = place(finding);
    let what = services(finding);
    if finding.mode == Mode::Unattributed {
        let share = refusal.unwrap_or_else(|| format!("{what}{place} is refused more than usual"));
        let touched = touched(finding, state);
        return Said {
            sentence: format!("{share}; {touched}"),
            short: format!("{share}; {touched}"),
            refused: None,
        };
    }
    let number = number
        .map(|number| format!(": {number}"))
        .unwrap_or_default();
    let doing = did(finding, rotation, &what, &place);
    Said {
        sentence: format!("{mode} {} {doing}{number}", who(finding, rotation)),
        short: format!("{mode} {what}{place}{number}"),
        // Where no number of consumers could be told, the note speaks of the refusals itself.
        refused: hot
            .filter(|_| told && hurts_logins(finding.mode))
            .map(|row| match finding.services.len() {
                // The sentence has named it.
                1 => how_often(row),
                _ => refused(row),
            }),
    }
}

/// What a finding is called before it was found and after it was taken back: nothing of how
/// things stand belongs to it then.
pub fn name(finding: &Finding) -> String {
    let what = finding.mode.runbook().replace('-', " ");
    let place = place(finding);
    match &finding.rotation {
        Some(id) => {
            let mode = finding.mode.name();
            format!("{mode} {id}, {what}: {}{place}", services(finding))
        }
        None => format!("{what}: {}{place}", services(finding)),
    }
}

/// What a finding is about, as short as it can be said: the secret, else the services.
pub fn subject(finding: &Finding) -> String {
    match (&finding.secret, &finding.rotation) {
        (Some(secret), _) => secret.to_string(),
        (None, Some(id)) => id.to_string(),
        (None, None) => services(finding),
    }
}

fn who(finding: &Finding, rotation: Option<&Rotation>) -> String {
    let id = rotation
        .map(|rotation| &rotation.id)
        .or(finding.rotation.as_ref());
    let id = id.map(ToString::to_string).unwrap_or_default();
    match &finding.secret {
        Some(secret) if width(&id) > ID_COLUMNS => format!("rotation of {secret}"),
        _ => id,
    }
}

/// What a rotation did, with what it did it to.
fn did(finding: &Finding, rotation: Option<&Rotation>, what: &str, place: &str) -> String {
    match finding.mode {
        Mode::F1 | Mode::F6 | Mode::F7 | Mode::Unattributed => format!("broke {what}{place}"),
        Mode::F2 => format!(
            "has not reached{}",
            place.strip_prefix(" in").unwrap_or(place)
        ),
        Mode::F3 => "is throttled".to_owned(),
        Mode::F4 => {
            let old = rotation.map_or_else(|| "the old version".to_owned(), old_version);
            format!("revoked {old} too early for {what}{place}")
        }
        Mode::F5 => "leaks".to_owned(),
        Mode::F8 => "lacks an audit entry".to_owned(),
    }
}

/// True for the modes that are seen by refused authentications.
fn hurts_logins(mode: Mode) -> bool {
    matches!(mode, Mode::F1 | Mode::F2 | Mode::F4 | Mode::F6 | Mode::F7)
}

/// The one number that matters.
fn number(finding: &Finding, rotation: &Rotation, tally: &Tally, state: &State) -> Option<String> {
    match finding.mode {
        Mode::F1 | Mode::F4 => still_on_old(rotation, tally),
        Mode::F2 => behind_in(finding, rotation, tally),
        Mode::F3 => stage(rotation).filter(|_| is_failed(rotation)),
        Mode::F6 => failing(state, rotation, tally),
        Mode::F7 => oldest_entry(finding, &state.incident),
        Mode::F5 | Mode::F8 | Mode::Unattributed => None,
    }
}

fn is_failed(rotation: &Rotation) -> bool {
    let status = rotation.stage().and_then(|(_, view)| view.status.as_ref());
    status == Some(&StageStatus::Failed)
}

fn still_on_old(rotation: &Rotation, tally: &Tally) -> Option<String> {
    let behind = tally.total - tally.on_new.min(tally.total);
    (behind > 0).then(|| {
        let all = plural(tally.total, "consumer");
        format!(
            "{} of {all} still on {}",
            count(behind as u64),
            old_version(rotation)
        )
    })
}

/// That nobody lacks the new version any more, where that was what hurt.
fn cured(finding: &Finding, tally: &Tally) -> Option<String> {
    let lacked = matches!(finding.mode, Mode::F1 | Mode::F4);
    (lacked && tally.total > 0 && tally.on_new >= tally.total).then(|| match tally.total {
        1 => "its consumer is on the new version now".to_owned(),
        n => format!(
            "all {} consumers are on the new version now",
            count(n as u64)
        ),
    })
}

fn behind_in(finding: &Finding, rotation: &Rotation, tally: &Tally) -> Option<String> {
    let view = Stage::Distribute
        .index()
        .and_then(|at| rotation.stages.get(at))?;
    let failed = view.regions.iter().find(|(region, status)| {
        finding.regions.contains(region) && *status == StageStatus::Failed
    });
    if failed.is_some() {
        let why = view.error.as_ref().map(|e| format!(" ({})", brief(e)));
        return Some(format!(
            "the distribution failed{}",
            why.unwrap_or_default()
        ));
    }
    let named = |region: &&crate::incident::RegionTally| {
        region
            .region
            .as_ref()
            .is_some_and(|name| finding.regions.contains(name))
    };
    let (on_new, total) = tally
        .regions
        .iter()
        .filter(named)
        .fold((0, 0), |(new, all), region| {
            (new + region.on_new, all + region.total)
        });
    (total > 0).then(|| {
        let new = version_or(rotation.to_version.as_ref(), "the new version");
        let all = plural(total, "consumer");
        match on_new {
            0 => format!("none of its {all} is on {new}"),
            _ => format!("{on_new} of its {all} on {new}"),
        }
    })
}

/// How old the oldest entry of the services' caches is.
fn oldest_entry(finding: &Finding, incident: &Incident) -> Option<String> {
    let oldest = incident
        .caches()
        .filter(|cache| concerns(finding, &cache.sample.service, cache.sample.region.as_ref()))
        .filter_map(|cache| cache.sample.oldest_entry_seconds)
        .max()?;
    let age = span(Span::seconds(i64::try_from(oldest.0).unwrap_or(i64::MAX)));
    Some(format!(
        "caches still answer with entries from before the cutover, the oldest {age} old"
    ))
}

/// True for a service and region that a finding is about.
pub fn concerns(
    finding: &Finding,
    service: &ServiceName,
    region: Option<&crate::model::Region>,
) -> bool {
    finding.services.contains(service)
        && (finding.regions.is_empty() || region.is_none_or(|r| finding.regions.contains(r)))
}

/// What the first piece of evidence says.
fn first_note(finding: &Finding) -> Option<String> {
    finding
        .evidence
        .first()
        .map(|evidence| evidence.note.clone())
}

/// The worst series that a finding is about, where it is refused more than usual now.
fn hot<'a>(finding: &Finding, digest: &'a Digest) -> Option<&'a AuthRow> {
    let mut rows = digest.auth.iter().filter(|row| row.elevated);
    rows.find(|row| suffers(finding, &row.series))
}

/// True for a series of a service and region that a finding is about, or one of whose windows is
/// evidence of it: a database names accounts, not services.
pub fn suffers(finding: &Finding, series: &AuthSeries) -> bool {
    concerns(finding, &series.service, series.region.as_ref()) || is_evidence(finding, series)
}

/// True where a window of a series is evidence of a finding.
pub fn is_evidence(finding: &Finding, series: &AuthSeries) -> bool {
    finding.evidence.iter().any(|evidence| {
        let at = |window: &AuthWindow| window.end.cmp(&evidence.event.time);
        let window = series.windows.binary_search_by(at).ok();
        let window = window.and_then(|n| series.windows.get(n));
        window.is_some_and(|window| window.event == evidence.event)
    })
}

fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first, second] => format!("{first} and {second}"),
        [first, rest @ ..] => format!("{first} and {} more", count(rest.len() as u64)),
    }
}

/// Who suffers.
pub fn services(finding: &Finding) -> String {
    let names: Vec<String> = finding.services.iter().map(ToString::to_string).collect();
    match listed(&names) {
        none if none.is_empty() => "its services".to_owned(),
        some => some,
    }
}

/// Where, with `in` before it.
pub fn place(finding: &Finding) -> String {
    let names: Vec<String> = finding.regions.iter().map(ToString::to_string).collect();
    match listed(&names) {
        none if none.is_empty() => none,
        some => format!(" in {some}"),
    }
}

/// What rotations have to do with a service that is refused though none explains it: none
/// touched it, as far back as anything is known, or which one did and when.
fn touched(finding: &Finding, state: &State) -> String {
    let incident = &state.incident;
    let service = services(finding);
    let since = finding.detected_at - LOOK_BACK;
    let moved = |rotation: &Rotation| {
        let times = rotation.timeline.iter().rev().map(|step| step.event.time);
        times.into_iter().find(|at| *at <= finding.detected_at)
    };
    let latest = incident
        .rotations()
        .filter(|rotation| rotation.last_at >= since && touches(finding, rotation, incident))
        .filter_map(|rotation| Some((moved(rotation).filter(|at| *at >= since)?, rotation)))
        .max_by_key(|(at, _)| *at);
    if let Some((at, rotation)) = latest {
        let ago = span(finding.detected_at.since(at));
        return format!(
            "{} touched it ({ago} before) but does not explain it",
            rotation.id
        );
    }
    match state.player.from.filter(|from| *from > since) {
        // What was before the recording nobody can know.
        Some(from) => format!(
            "no rotation touched {service} in the {} on record before",
            span(finding.detected_at.since(from))
        ),
        None => format!("no rotation touched {service} in 24 h"),
    }
}

/// True where a rotation changes a secret that one of the services is known to depend on.
fn touches(finding: &Finding, rotation: &Rotation, incident: &Incident) -> bool {
    let theirs = |service: &ServiceName| finding.services.contains(service);
    rotation.started_at <= finding.detected_at
        && (rotation.services.iter().any(theirs)
            || rotation
                .named
                .iter()
                .filter_map(|c| c.service.as_ref())
                .any(theirs)
            || rotation.secret.as_ref().is_some_and(|secret| {
                finding.secret.as_ref() == Some(secret)
                    || incident
                        .consumers(secret)
                        .filter_map(|consumer| consumer.service.as_ref())
                        .any(theirs)
            }))
}
