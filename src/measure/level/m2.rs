//! M2, consumer update latency: how long a consumer takes from the store of a new version until
//! it was told to have validated it or to use it, and, as the second part, the share of consumers
//! that got there within the rotation window.
//!
//! *Latency.* One case is one consumer and one version that a rotation brings, at its earliest
//! word `validated` or `in_use`. It took the `latency_ms` of that word, else the time since the
//! rotation's first completed store; where neither is known the case is left out.
//!
//! *Within the window.*
//! 1. A rotation's window closes at its (first) revocation, else at the end of its grace period as
//!    last told, else as promised (after the cutover); where none of these is known, at its
//!    success. One that goes over at a stroke, without grace, has no window to keep.
//! 2. Rotations whose window closed count, at that moment and not before; one that was given up
//!    before does not.
//! 3. A case is a consumer: those named at the start and those seen with the new version. It is
//!    good where it was on the new version by then; one that never was is bad.
//!
//! Two rotations that bring the same version of a secret are one and a second try at it: the
//! first counts.

use std::collections::BTreeSet;

use super::facts::{Facts, Told, micros};
use super::ledger::OnNew;
use super::sheet::Sheet;
use super::summary::{Case, Part};
use crate::model::event::{Outcome, Stage};
use crate::model::{ConsumerId, Span, Timestamp};

/// Notes consumers that got to a new version, and whether they did within the window.
pub(super) fn note(facts: &Facts<'_>, sheet: &mut Sheet) {
    for ((secret, version), reached) in &facts.ledger.updates {
        let Some(at) = facts.bringing(secret, version) else {
            continue;
        };
        let told = facts.rotations.get(at);
        let stored = told.and_then(|told| told.first_done(&Stage::Store));
        sheet.rests_on(at, Part::Updates, usize::from(stored.is_some()));
        for (event, latency) in reached.consumers.values().flatten() {
            sheet.rests_on(at, Part::Updates, 1);
            let since = stored.filter(|stored| *stored <= event.time);
            let took = latency.map(whole);
            let took = took.or_else(|| since.map(|stored| micros(stored, event.time)));
            if let Some(micros) = took {
                let case = Case::Took {
                    at: event.time,
                    micros,
                };
                sheet.add(at, Part::Updates, case);
            }
        }
    }
    within(facts, sheet);
}

fn within(facts: &Facts<'_>, sheet: &mut Sheet) {
    for (at, told) in facts.rotations.iter().enumerate() {
        let rotation = told.rotation;
        let (Some(secret), Some(version)) = (&rotation.secret, &rotation.to_version) else {
            continue;
        };
        if facts.bringing(secret, version) != Some(at) {
            continue;
        }
        let key = (secret.clone(), version.clone());
        let updates = facts.ledger.updates.get(&key);
        let updates = updates.map(|reached| &reached.consumers);
        let seen = updates.into_iter().flatten().map(|(name, _)| name);
        let named = rotation.named.iter().map(|named| &named.consumer);
        let all: BTreeSet<&ConsumerId> = named.chain(seen).collect();
        let there = updates.map_or(0, |updates| updates.values().flatten().count());
        let others = usize::from(rotation.ended.is_some()) + usize::from(rotation.grace.is_some());
        let words = told.stages.len() + all.len() + there + others;
        sheet.rests_on(at, Part::Within, words);
        let closed = closed(told).filter(|closed| *closed <= facts.now && !all.is_empty());
        let Some(closed) = closed else {
            continue;
        };
        let is_good = |name: &&&ConsumerId| {
            let on_new: Option<&OnNew> = updates.and_then(|updates| updates.get(*name));
            let on_new = on_new.and_then(Option::as_ref);
            on_new.is_some_and(|(event, _)| event.time <= closed)
        };
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let good = all.iter().filter(is_good).count();
        let case = Case::Counted {
            at: closed,
            good: count(good),
            bad: count(all.len() - good),
        };
        sheet.add(at, Part::Within, case);
    }
}

/// Seconds, not negative, to the microsecond.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the largest number stands for what is larger; it is not negative"
)]
fn whole(seconds: f64) -> u64 {
    (seconds * 1e6).round() as u64
}

fn closed(told: &Told<'_>) -> Option<Timestamp> {
    let ended = told.rotation.ended.as_ref();
    let success = ended.filter(|ended| ended.outcome == Outcome::Succeeded);
    let rotation = told.rotation;
    let grace = rotation.grace.as_ref().map(|grace| grace.ends_at);
    let promised = rotation.grace_period.filter(|grace| *grace > Span::ZERO);
    let promised = rotation.cutover_at.zip(promised);
    let closed = rotation
        .revoked_at
        .or(grace)
        .or(promised.map(|(cutover, grace)| cutover + grace))
        .or(success.map(|ended| ended.at))?;
    let before = told.was_given_up() && ended.is_some_and(|ended| ended.at < closed);
    (!before).then_some(closed)
}
