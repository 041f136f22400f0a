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
//! 2. Rotations whose window closed count, at that moment; one that was given up before does not.
//! 3. A case is a consumer: those named at the start and those seen with the new version. It is
//!    good where it was on the new version by then; one that never was is bad.
//!
//! Two rotations that bring the same version of a secret are one and a second try at it: the
//! first counts.

use std::collections::BTreeSet;

use super::facts::{Facts, Told, seconds};
use super::ledger::OnNew;
use super::marks::Marks;
use crate::model::event::{Outcome, Stage};
use crate::model::{ConsumerId, Span, Timestamp};

/// Its cases: consumers that got to a new version; slower than `bound` seconds is bad.
pub(super) fn cases(facts: &Facts<'_>, mut marks: Marks, bound: f64) -> Marks {
    for ((secret, version), reached) in &facts.ledger.updates {
        let place = facts.bringing(secret, version);
        let Some(told) = place.and_then(|at| facts.rotations.get(at)) else {
            continue;
        };
        let stored = told.first_done(&Stage::Store);
        for (event, latency) in reached.consumers.values().flatten() {
            let since = stored.filter(|stored| *stored <= event.time);
            let took = latency.or_else(|| since.map(|stored| seconds(stored, event.time)));
            if let Some(took) = took {
                marks.took(event.time, took, bound);
            }
        }
    }
    marks
}

/// The second part's cases: all consumers of rotations whose window closed.
pub(super) fn within(facts: &Facts<'_>, mut marks: Marks) -> Marks {
    for (at, told) in facts.rotations.iter().enumerate() {
        let rotation = told.rotation;
        let (Some(secret), Some(version)) = (&rotation.secret, &rotation.to_version) else {
            continue;
        };
        let Some(closed) = closed(told).filter(|_| facts.bringing(secret, version) == Some(at))
        else {
            continue;
        };
        let key = (secret.clone(), version.clone());
        let updates = facts
            .ledger
            .updates
            .get(&key)
            .map(|reached| &reached.consumers);
        let seen = updates.into_iter().flatten().map(|(name, _)| name);
        let named = rotation.named.iter().map(|named| &named.consumer);
        let all: BTreeSet<&ConsumerId> = named.chain(seen).collect();
        for name in all {
            let on_new: Option<&OnNew> = updates.and_then(|updates| updates.get(name));
            let on_new = on_new.and_then(Option::as_ref);
            let good = on_new.is_some_and(|(event, _)| event.time <= closed);
            marks.add(closed, u64::from(good), u64::from(!good));
        }
    }
    marks
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
