//! A status update for others: how things stand, in a few lines of plain words that can be pasted
//! into any chat.
//!
//! It holds names, numbers and times, never a reason or an error in somebody else's words: those
//! are where secrets get into texts. Nothing in it commands a terminal, and nothing calls a person
//! or makes a link in a chat.

use crate::diagnosis::Finding;
use crate::incident::Rotation;
use crate::model::Timestamp;
use crate::model::text::shown;

use super::deeds;
use super::desk::Desk;
use super::digest::stands;
use super::fit::{count, percent, plural};

/// The most acts that are named.
const ACTS: usize = 5;

/// The most services or regions that are named.
const NAMES: usize = 8;

/// The most characters of a line.
const LONGEST: usize = 400;

/// The update.
pub fn update(desk: &Desk) -> String {
    let headline = &desk.digest.headline;
    let mut lines = vec![match desk.now() {
        Some(now) => format!("{}: {}", moment(desk, now), headline.sentence),
        None => headline.sentence.clone(),
    }];
    let finding = headline.finding.as_deref();
    let rotation = finding
        .and_then(|finding| desk.state.incident.rotation(finding.rotation.as_ref()?))
        .or_else(|| worst(desk));
    lines.extend(finding.map(|finding| mode(desk, finding)));
    if let Some(rotation) = rotation {
        lines.push(about(desk, rotation));
        lines.extend(who(rotation, finding));
        lines.extend(numbers(desk, rotation, finding));
    }
    let since = headline.since.as_ref();
    let turn = headline
        .until
        .or(since.map(|(at, what)| (*at, what.as_str())));
    lines.extend(turn.map(|(at, what)| format!("When: {what} at {}", moment(desk, at))));
    lines.extend(
        rotation
            .into_iter()
            .flat_map(|rotation| done(desk, rotation)),
    );
    let others = desk.digest.findings.standing().count();
    let others = others.saturating_sub(usize::from(finding.is_some_and(stands)));
    if others > 0 {
        let noun = if others == 1 {
            "finding stands"
        } else {
            "findings stand"
        };
        lines.push(format!("Also: {} more {noun}", count(others as u64)));
    }
    lines.push(seen_in(desk));
    let lines: Vec<String> = lines.iter().map(|line| plain(line)).collect();
    lines.join("\n")
}

/// The rotation that the headline speaks of where nothing was found.
fn worst(desk: &Desk) -> Option<&Rotation> {
    let hurts = desk.digest.hurt(0).needs_a_look();
    let id = desk.digest.id(0).filter(|_| hurts)?;
    desk.state.incident.rotation(id)
}

/// A moment with its day and its zone.
fn moment(desk: &Desk, at: Timestamp) -> String {
    let clock = desk.clock();
    format!("{} {} {}", clock.day(at), clock.time(at), clock.zone())
}

fn mode(desk: &Desk, finding: &Finding) -> String {
    let what = finding.mode.runbook().replace('-', " ");
    let quiet = if finding.suppressed {
        ", kept quiet by a planned window"
    } else {
        ""
    };
    let healed = finding
        .resolved_at
        .map_or_else(String::new, |at| format!(", healed {}", moment(desk, at)));
    format!(
        "Mode: {} {what} ({}{quiet}, certain {:.2}), found {}{healed}",
        finding.mode,
        finding.severity,
        finding.confidence,
        moment(desk, finding.detected_at)
    )
}

fn about(desk: &Desk, rotation: &Rotation) -> String {
    let version = |version: Option<&crate::model::Version>| {
        version.map_or("?".to_owned(), ToString::to_string)
    };
    let mut words = format!("Rotation: {}", rotation.id);
    if let Some(secret) = &rotation.secret {
        words = format!("{words} of {secret}");
    }
    words = format!(
        "{words}, {} → {}",
        version(rotation.from_version.as_ref()),
        version(rotation.to_version.as_ref())
    );
    words = match (&rotation.ended, rotation.stage()) {
        (Some(end), _) => format!("{words}; {} {}", end.outcome, moment(desk, end.at)),
        (None, Some((stage, view))) => {
            let status = view
                .status
                .as_ref()
                .map_or(String::new(), ToString::to_string);
            format!("{words}; {stage} {status}")
        }
        (None, None) => words,
    };
    match &rotation.owner {
        Some(owner) => format!("{words}; owner {owner}"),
        None => words,
    }
}

/// Whom it hurts, else whom it is for.
fn who(rotation: &Rotation, finding: Option<&Finding>) -> Option<String> {
    let services: Vec<String> = match finding.filter(|finding| !finding.services.is_empty()) {
        Some(finding) => finding.services.iter().map(ToString::to_string).collect(),
        None => rotation.services.iter().map(ToString::to_string).collect(),
    };
    let regions: Vec<String> = match finding.filter(|finding| !finding.regions.is_empty()) {
        Some(finding) => finding.regions.iter().map(ToString::to_string).collect(),
        None => rotation.regions.iter().map(ToString::to_string).collect(),
    };
    let words = match (services.is_empty(), regions.is_empty()) {
        (true, true) => return None,
        (false, true) => few(services),
        (true, false) => format!("in {}", few(regions)),
        (false, false) => format!("{} in {}", few(services), few(regions)),
    };
    Some(format!("Who: {words}"))
}

fn few(names: Vec<String>) -> String {
    let more = names.len().saturating_sub(NAMES);
    let said: Vec<String> = names.into_iter().take(NAMES).collect();
    let said = said.join(", ");
    if more == 0 {
        said
    } else {
        format!("{said} and {more} more")
    }
}

/// How many are where, and how much is refused.
fn numbers(desk: &Desk, rotation: &Rotation, finding: Option<&Finding>) -> Option<String> {
    let tally = desk.state.incident.tally(rotation);
    let mut facts: Vec<String> = Vec::new();
    if tally.total > 0 {
        let new = rotation
            .to_version
            .as_ref()
            .map_or("the new version".to_owned(), ToString::to_string);
        facts.push(format!(
            "{} of {} on {new}",
            count(tally.on_new as u64),
            plural(tally.total, "consumer")
        ));
        let failed = tally.failed;
        facts.extend((failed > 0).then(|| format!("{} failed", count(failed as u64))));
        for region in tally
            .regions
            .iter()
            .filter(|_| tally.regions.len() > 1)
            .take(NAMES)
        {
            let name = region
                .region
                .as_ref()
                .map_or("region unknown".to_owned(), ToString::to_string);
            facts.push(format!("{name} {}/{}", region.on_new, region.total));
        }
    }
    let hurt = |service| match finding {
        Some(finding) => finding.services.contains(service),
        None => rotation.services.contains(service),
    };
    let refused = desk
        .digest
        .auth
        .iter()
        .filter(|row| hurt(&row.series.service));
    for row in refused.filter(|row| row.elevated).take(NAMES) {
        let place = row
            .series
            .region
            .as_ref()
            .map_or(String::new(), |region| format!(" in {region}"));
        let usual = row.usual.map_or("no baseline".to_owned(), |usual| {
            format!("usual {}", percent(usual))
        });
        let share = row.share.map_or("?".to_owned(), percent);
        facts.push(format!(
            "{}{place} {share} refused ({usual})",
            row.series.service
        ));
    }
    (!facts.is_empty()).then(|| format!("Numbers: {}", facts.join("; ")))
}

/// What was done and what it brought about, the earliest first.
fn done(desk: &Desk, rotation: &Rotation) -> Vec<String> {
    let acts = deeds::of(desk, rotation);
    if acts.is_empty() {
        return vec!["Done: nothing so far".to_owned()];
    }
    let mut latest: Vec<_> = acts.into_iter().take(ACTS).collect();
    latest.reverse();
    let said = |(at, words): (Timestamp, String)| format!("Done: {}: {words}", moment(desk, at));
    latest.into_iter().map(said).collect()
}

/// Where all this is seen, and what is missing of it.
fn seen_in(desk: &Desk) -> String {
    let what = if desk.state.live.is_some() {
        "live"
    } else {
        "a recording"
    };
    let gaps: usize = desk
        .state
        .incident
        .backends()
        .map(|backend| backend.gaps.len())
        .sum();
    let missing = match gaps {
        0 => String::new(),
        n => format!(", with {} of its backends", plural(n, "gap")),
    };
    format!("Seen in: {}, {what}{missing}", desk.title)
}

/// A line that is harmless wherever it is pasted: no control characters, nobody called by a
/// mention, no mark-up of a chat that begins with an angle, and no line of a length that nobody
/// reads.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut last = ' ';
    for c in shown(line).chars().take(LONGEST) {
        out.push(match c {
            '@' if !last.is_alphanumeric() => '＠',
            '<' => '‹',
            '>' => '›',
            '`' => '\'',
            // Neither an address nor a link in square brackets.
            '/' if last == ':' => '∕',
            '(' if last == ']' => '（',
            c => c,
        });
        last = c;
    }
    if line.chars().count() > LONGEST {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_called_and_nothing_is_run_where_it_is_pasted() {
        let line = plain("owner @here <!channel> `rm` mira@example.org \u{1b}]52;c;x\u{7}\u{202e}");
        assert_eq!(
            line,
            "owner ＠here ‹!channel› 'rm' mira@example.org ␛]52;c;x␇‹U+202E›"
        );
        let links = plain("see https://x.example [here](//x) a/b: c (d)");
        assert_eq!(links, "see https:∕/x.example [here]（//x) a/b: c (d)");
        let long = plain(&"x".repeat(5000));
        assert_eq!(long.chars().count(), LONGEST + 1);
    }
}
