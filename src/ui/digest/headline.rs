//! The headline: what a person would say, with the one number that matters.

use std::sync::Arc;

use crate::diagnosis::{Finding, Mode, Reach};
use crate::incident::{Rotation, Tally};
use crate::model::Timestamp;

use crate::ui::fit::{bytes, count, percent, plural};
use crate::ui::state::State;

use super::phrase::{failing, old_version, refused, stage};
use super::{AuthRow, CanaryRow, Digest, Hurt, blame};

/// How loud the headline is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Nothing hurts.
    #[default]
    Calm,
    /// Somebody should look.
    Look,
    /// Somebody is hurt now.
    Bad,
}

/// What a person would say. Times in it are not written out, since they pass: the screen puts
/// them behind it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headline {
    /// How loud.
    pub tone: Tone,
    /// The sentence.
    pub sentence: String,
    /// The same for a small screen, where it can be said shorter.
    pub short: Option<String>,
    /// What more should be known, where something should.
    pub more: Option<String>,
    /// A moment that is counted down to, and what happens then.
    pub until: Option<(Timestamp, &'static str)>,
    /// A moment that has passed, and what happened.
    pub since: Option<(Timestamp, String)>,
    /// The finding that it is about.
    pub finding: Option<Arc<Finding>>,
    /// Whether all that happened was looked at.
    pub reach: Reach,
}

/// The headline of a state. In this order: the worst finding that stands; the worst rotation,
/// where it needs a look; a service that is refused more than usual though no rotation explains
/// it; a canary that does worse; what runs; why there is nothing. Nothing is called calm before
/// all of it was looked at.
pub fn of(digest: &Digest, state: &State) -> Headline {
    let mut headline = match digest.findings.worst() {
        Some(finding) => of_finding(digest, state, finding),
        None => of_incident(digest, state),
    };
    headline.reach = state.known.reach;
    let looked = headline.reach == Reach::Whole;
    if !looked && headline.tone == Tone::Calm && digest.len() > 0 {
        headline.tone = Tone::Look;
        let runs = match digest.open {
            0 => "No rotation runs now".to_owned(),
            1 => "1 rotation runs".to_owned(),
            n => format!("{} rotations run", count(n as u64)),
        };
        headline.sentence = format!("{runs}; diagnosing whether anybody is hurt");
    }
    headline
}

/// The worst finding in the words of a person.
fn of_finding(digest: &Digest, state: &State, finding: &Arc<Finding>) -> Headline {
    let said = blame::said(finding, digest, state);
    let rotation = finding
        .rotation
        .as_ref()
        .and_then(|id| state.incident.rotation(id));
    let now = state.incident.now();
    let ends = rotation
        .filter(|rotation| rotation.revoked_at.is_none() && rotation.is_open())
        .and_then(|rotation| rotation.grace.as_ref())
        .map(|grace| grace.ends_at)
        .filter(|ends| now.is_none_or(|now| *ends > now));
    let others = digest.findings.standing().count().saturating_sub(1);
    let mut more: Vec<String> = Vec::new();
    if finding.suppressed {
        more.push("kept quiet: a planned window".to_owned());
    }
    more.extend(said.refused);
    if others > 0 {
        let noun = if others == 1 { "finding" } else { "findings" };
        more.push(format!("{} more {noun}", count(others as u64)));
    }
    let revoked = rotation
        .filter(|_| finding.mode == Mode::F4)
        .and_then(|rotation| rotation.revoked_at);
    Headline {
        tone: if finding.suppressed {
            Tone::Look
        } else {
            Tone::Bad
        },
        sentence: said.sentence,
        short: Some(said.short),
        more: (!more.is_empty()).then(|| more.join(" · ")),
        until: ends.map(|ends| (ends, "grace ends")),
        since: revoked.map(|at| (at, "old version revoked".to_owned())),
        finding: Some(Arc::clone(finding)),
        reach: Reach::Whole,
    }
}

fn of_incident(digest: &Digest, state: &State) -> Headline {
    let worst = digest
        .id(0)
        .filter(|_| digest.hurt(0).needs_a_look())
        .and_then(|id| state.incident.rotation(id));
    if let Some(rotation) = worst {
        let tally = digest.tally(0, &state.incident, rotation);
        return of_rotation(digest, state, rotation, &tally);
    }
    if let Some(row) = digest.auth.first().filter(|row| row.elevated) {
        return Headline {
            tone: Tone::Bad,
            sentence: format!("{}; no rotation that runs explains it", refused(row)),
            ..Headline::default()
        };
    }
    if let Some(row) = digest
        .canaries
        .first()
        .filter(|row| row.worse == Some(true))
    {
        return Headline {
            tone: Tone::Look,
            sentence: worse(row),
            more: (digest.len() > 0).then(|| calm(digest, state).sentence),
            ..Headline::default()
        };
    }
    if digest.len() == 0 {
        return nothing(state);
    }
    calm(digest, state)
}

/// A canary that does worse than its baseline, in words.
fn worse(row: &CanaryRow) -> String {
    let place = row
        .canary
        .region
        .as_ref()
        .map(|region| format!(" in {region}"))
        .unwrap_or_default();
    let fails = row.errors.zip(row.baseline_errors);
    let how = match fails.filter(|(new, old)| new > old) {
        Some((new, old)) => format!(
            "{} of its calls fail, {} of the baseline's",
            percent(new),
            percent(old)
        ),
        None => format!(
            "it answers in {:.0} ms (p99), the baseline in {:.0} ms",
            row.p99.unwrap_or(0.0),
            row.baseline_p99.unwrap_or(0.0)
        ),
    };
    format!(
        "The canary of {}{place} is worse: {how}",
        row.canary.service
    )
}

fn of_rotation(digest: &Digest, state: &State, rotation: &Rotation, tally: &Tally) -> Headline {
    let hurt = digest.hurt(0);
    let mut facts: Vec<String> = Vec::new();
    match hurt {
        Hurt::Stuck | Hurt::Held => facts.extend(stage(rotation)),
        _ => {}
    }
    let failed = failing(state, rotation, tally);
    facts.extend(failed);
    facts.extend(behind(rotation, tally));
    if let Some(row) = hot_row(digest, rotation) {
        facts.push(refused(row));
    }
    if facts.is_empty() {
        facts.extend(stage(rotation));
    }
    // Two facts are what a tired person takes in; the others stand in the row below.
    facts.truncate(2);
    let others = digest.hurting.saturating_sub(1);
    let breaks = rotation.revoked_at.is_some();
    let ends = rotation
        .grace
        .as_ref()
        .map(|grace| grace.ends_at)
        .filter(|ends| !breaks && state.incident.now().is_none_or(|now| *ends > now));
    Headline {
        tone: if hurt >= Hurt::Hurts {
            Tone::Bad
        } else {
            Tone::Look
        },
        short: rotation
            .secret
            .as_ref()
            .map(|secret| format!("{secret}: {}", facts.join("; "))),
        sentence: format!("{}: {}", name(rotation), facts.join("; ")),
        more: (others > 0).then(|| {
            let verb = if others == 1 { "needs" } else { "need" };
            let noun = if others == 1 { "rotation" } else { "rotations" };
            format!("{} more {noun} {verb} a look", count(others as u64))
        }),
        until: ends.map(|ends| (ends, "grace ends")),
        since: rotation
            .revoked_at
            .map(|at| (at, "old version revoked".to_owned())),
        ..Headline::default()
    }
}

fn name(rotation: &Rotation) -> String {
    match &rotation.secret {
        Some(secret) => format!("{secret} ({})", rotation.id),
        None => rotation.id.to_string(),
    }
}

fn behind(rotation: &Rotation, tally: &Tally) -> Option<String> {
    // Who fails on the new version is said already, and is not on the old one.
    let behind = tally.total.saturating_sub(tally.on_new + tally.failed);
    let moved = rotation.cutover_at.or(rotation.revoked_at).is_some() || tally.on_new > 0;
    if behind == 0 || !moved {
        return None;
    }
    let mut regions: Vec<(String, usize)> = tally
        .regions
        .iter()
        .filter(|region| region.on_new < region.total)
        .map(|region| {
            let name = region
                .region
                .as_ref()
                .map_or_else(|| "an unknown region".to_owned(), ToString::to_string);
            (name, region.total - region.on_new)
        })
        .collect();
    regions.sort_by_key(|region| std::cmp::Reverse(region.1));
    let all = match behind {
        1 => "",
        2 => "both ",
        _ => "all ",
    };
    let place = match regions.as_slice() {
        // The regions count those that fail too.
        _ if tally.failed > 0 => String::new(),
        [] => String::new(),
        [(one, _)] if tally.regions.len() > 1 || behind > 1 => format!(", {all}in {one}"),
        [(one, _)] => format!(", in {one}"),
        [(first, n), (second, m)] => format!(", {n} in {first}, {m} in {second}"),
        [(first, n), ..] => format!(", {n} of them in {first}"),
    };
    let old = old_version(rotation);
    Some(format!(
        "{behind} of {} still on {old}{place}",
        plural(tally.total, "consumer")
    ))
}

fn hot_row<'a>(digest: &'a Digest, rotation: &Rotation) -> Option<&'a AuthRow> {
    digest.auth.iter().filter(|row| row.elevated).find(|row| {
        (row.series.secret.is_some() && row.series.secret == rotation.secret)
            || rotation.services.contains(&row.series.service)
    })
}

fn calm(digest: &Digest, state: &State) -> Headline {
    let behind = (0..digest.len())
        .take_while(|row| digest.hurt(*row) == Hurt::Behind)
        .count();
    let (sentence, more) = match digest.open {
        0 => {
            let last = digest.id(0).and_then(|id| state.incident.rotation(id));
            let words = last.map(|last| {
                let how = last.ended.as_ref().map_or_else(
                    || "was superseded".to_owned(),
                    |end| match end.outcome.raw() {
                        "rolled_back" => "was rolled back".to_owned(),
                        "aborted" => "was aborted".to_owned(),
                        _ => end.outcome.to_string(),
                    },
                );
                format!("the latest, {}, {how}", name(last))
            });
            let ended = match digest.len() {
                1 => "The one rotation is over".to_owned(),
                2 => "Both rotations are over".to_owned(),
                n => format!("All {} rotations are over", count(n as u64)),
            };
            (ended, words)
        }
        1 => ("1 rotation runs and hurts nobody".to_owned(), None),
        n => (
            format!("{} rotations run, none hurts anybody", count(n as u64)),
            None,
        ),
    };
    let more = match behind {
        0 => more,
        1 => Some("1 waits for consumers to take the new version".to_owned()),
        n => Some(format!("{n} wait for consumers to take the new version")),
    };
    let healed = digest.findings.healed_last();
    Headline {
        tone: Tone::Calm,
        sentence,
        more,
        since: healed.and_then(|finding| {
            let what = format!("{} of {} healed", finding.mode, blame::subject(finding));
            Some((finding.resolved_at?, what))
        }),
        ..Headline::default()
    }
}

/// Why there is nothing, and what would fill the screen.
fn nothing(state: &State) -> Headline {
    let loading = &state.loading;
    let events = state.incident.counts().events;
    let sentence = match (loading.done, loading.of_bytes) {
        (false, Some(of)) => format!(
            "Reading: {} of {}; {}",
            bytes(loading.bytes),
            bytes(of),
            if events == 0 {
                "no event yet"
            } else {
                "no rotation yet"
            }
        ),
        (false, None) if loading.bytes > 0 => {
            format!("Reading: {} so far; no rotation yet", bytes(loading.bytes))
        }
        (false, None) => "No event has come yet".to_owned(),
        (true, _) if events > 0 => {
            format!(
                "{} and no rotation among them up to here",
                plural(usize::try_from(events).unwrap_or(usize::MAX), "event")
            )
        }
        (true, _) if state.player.events > 0 => {
            "The recording stands before its first event: play it, or go on in it".to_owned()
        }
        (true, _) if loading.rejected > 0 => "No event: nothing of it could be read".to_owned(),
        (true, _) => "No event: what was read is empty".to_owned(),
    };
    let more = if let Some(trouble) = loading.trouble.first() {
        Some(format!("reading stopped early: {trouble}"))
    } else if loading.rejected > 0 {
        Some(format!(
            "{} rejected; the screen of rejected lines says why",
            plural(
                usize::try_from(loading.rejected).unwrap_or(usize::MAX),
                "line"
            )
        ))
    } else if events > 0 {
        Some("a rotation shows once a stage, a new version or its use is seen".to_owned())
    } else {
        None
    };
    Headline {
        tone: if loading.trouble.is_empty() {
            Tone::Calm
        } else {
            Tone::Look
        },
        sentence,
        more,
        ..Headline::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_state_says_why_it_is_empty() {
        let mut state = State::default();
        let digest = Digest::default();
        state.loading.bytes = 12_000_000;
        state.loading.of_bytes = Some(140_000_000);
        assert_eq!(
            of(&digest, &state).sentence,
            "Reading: 12.0 MB of 140.0 MB; no event yet"
        );
        state.loading.done = true;
        state.loading.rejected = 7;
        let headline = of(&digest, &state);
        assert_eq!(headline.sentence, "No event: nothing of it could be read");
        assert!(headline.more.unwrap().starts_with("7 lines rejected"));
    }
}
