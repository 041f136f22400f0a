//! Phrases that the headline and the words about a finding have in common.

use crate::incident::{Rotation, Tally};
use crate::model::Version;
use crate::model::event::{ConsumerState, StageStatus};
use crate::ui::fit::{count, percent, plural, version};
use crate::ui::state::State;

use super::{AuthRow, auth};

/// The stage that a rotation is in, as it stands, with its tries and its error.
pub(super) fn stage(rotation: &Rotation) -> Option<String> {
    let (stage, view) = rotation.stage()?;
    let tries = if view.attempt > 1 {
        format!(" at the {}", ordinal(view.attempt))
    } else {
        String::new()
    };
    let error = view
        .error
        .as_ref()
        .map(|error| format!(": {error}"))
        .unwrap_or_default();
    Some(match &view.status {
        Some(StageStatus::Failed) => format!("{stage} failed{tries}{error}"),
        Some(StageStatus::Paused) => format!("{stage} is held{error}"),
        Some(status) => format!("{stage} {status}"),
        None => return None,
    })
}

fn ordinal(n: u32) -> String {
    let end = match (n % 10, n % 100) {
        (1, not) if not != 11 => "st",
        (2, not) if not != 12 => "nd",
        (3, not) if not != 13 => "rd",
        _ => "th",
    };
    format!("{n}{end} try")
}

/// How many consumers cannot work with the new version, and why.
pub(super) fn failing(state: &State, rotation: &Rotation, tally: &Tally) -> Option<String> {
    if tally.failed == 0 {
        return None;
    }
    let why = rotation.secret.as_ref().and_then(|secret| {
        state
            .incident
            .consumers(secret)
            .filter(|consumer| consumer.state == ConsumerState::Failed)
            .find_map(|consumer| consumer.error.as_ref())
    });
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    let verb = if tally.failed == 1 { "fails" } else { "fail" };
    Some(format!(
        "{} of {} {verb} on {}{why}",
        tally.failed,
        plural(tally.total, "consumer"),
        version_or(rotation.to_version.as_ref(), "the new version"),
    ))
}

/// A version as one says it, or other words where it is not known.
pub(super) fn version_or(words: Option<&Version>, otherwise: &str) -> String {
    let Some(words) = words else {
        return otherwise.to_owned();
    };
    let words = version(&words.to_string()).into_owned();
    if words.starts_with(|c: char| c.is_ascii_digit()) {
        format!("version {words}")
    } else {
        words
    }
}

/// The old version's name where it is short enough to be said.
pub(super) fn old_version(rotation: &Rotation) -> String {
    match &rotation.from_version {
        Some(from) if from.raw().len() <= 12 => version_or(Some(from), ""),
        _ => "the old version".to_owned(),
    }
}

/// Who is refused how often.
pub(super) fn refused(row: &AuthRow) -> String {
    let place = row
        .series
        .region
        .as_ref()
        .map(|region| format!(" in {region}"))
        .unwrap_or_default();
    format!("{}{place} is {}", row.series.service, how_often(row))
}

/// How often a series is refused, against what is usual.
pub(super) fn how_often(row: &AuthRow) -> String {
    if let Some(usual) = row.usual {
        let share = percent(row.share.unwrap_or(0.0));
        return format!("refused {share} (usual {})", percent(usual));
    }
    // A share of few says nothing by itself.
    let (failed, total) = auth::together(&row.series);
    let (failed, total) = (count(failed), count(total));
    format!("refused {failed} of {total} times (no baseline)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_counted_in_words() {
        assert_eq!(ordinal(2), "2nd try");
        assert_eq!(ordinal(11), "11th try");
        assert_eq!(ordinal(23), "23rd try");
    }
}
