//! Phrases that the headline and the words about a finding have in common.

use crate::incident::{Rotation, Tally};
use crate::model::event::{ConsumerState, StageStatus};
use crate::model::{Text, Version};
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
        .map(|error| format!(": {}", brief(error)))
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
    let why = why.map(|why| format!(" ({})", brief(why)));
    let why = why.unwrap_or_default();
    let verb = if tally.failed == 1 { "fails" } else { "fail" };
    Some(format!(
        "{} of {} {verb} on {}{why}",
        tally.failed,
        plural(tally.total, "consumer"),
        version_or(rotation.to_version.as_ref(), "the new version"),
    ))
}

/// An error without the addresses in it: a sentence has no room for them, and the rotation's own
/// screen shows it whole.
pub(super) fn brief(error: &Text) -> String {
    let whole = error.to_string();
    let mut kept: Vec<String> = Vec::new();
    for word in whole.split_whitespace() {
        if !word.contains("://") {
            kept.push(word.to_owned());
            continue;
        }
        // `for url (http://…): refused` is `: refused` without it.
        let leads = |word: &String| {
            let small = word.to_lowercase();
            matches!(
                small.as_str(),
                "at" | "by" | "for" | "from" | "of" | "to" | "url" | "uri"
            )
        };
        while kept.last().is_some_and(leads) {
            kept.pop();
        }
        if word.ends_with(':')
            && let Some(last) = kept.last_mut().filter(|last| !last.ends_with(':'))
        {
            last.push(':');
        }
    }
    let words = kept.join(" ");
    let words = words.trim_end_matches([':', ',', ' ']);
    if words.is_empty() {
        return "no answer".to_owned();
    }
    words.to_owned()
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
    fn a_sentence_has_no_room_for_addresses() {
        let said = |words: &str| brief(&Text::from(words));
        assert_eq!(
            said(
                "error sending request for url (http://127.0.0.1:34567/agents/eu-1/secret): connection refused"
            ),
            "error sending request: connection refused"
        );
        assert_eq!(said("push to https://a.example/x: 503"), "push: 503");
        assert_eq!(said("429 from acme"), "429 from acme");
        assert_eq!(said("http://127.0.0.1:1/"), "no answer");
    }

    #[test]
    fn tries_are_counted_in_words() {
        assert_eq!(ordinal(2), "2nd try");
        assert_eq!(ordinal(11), "11th try");
        assert_eq!(ordinal(23), "23rd try");
    }
}
