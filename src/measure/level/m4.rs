//! M4, time to revoke: from the completed cutover to the completed revocation of the old version,
//! and, as the second part, from the detection of an emergency to the full revocation.
//!
//! 1. The cutover is completed with its last word that says so; the revocation with the region
//!    that comes last ([`Told::fully_revoked`]). One that was taken back is none.
//! 2. A case counts when its revocation is complete.
//! 3. One that is not and has waited for longer than the objective counts as well, now, with as
//!    long as it has waited: it can only get worse. It is not waited for where no revocation was
//!    promised, or where the rotation ended otherwise than as a success.
//! 4. An emergency is a rotation whose trigger is `emergency`. It was detected with the earliest
//!    confirmed leak of its secret, found by a scanner or by F5, that is later than the start of
//!    the secret's rotation before and not later than its own; where there is none, with its own
//!    start. Of an emergency a revocation is always promised.

use super::facts::{Facts, Told, Trouble, micros};
use super::sheet::Sheet;
use super::summary::{Case, Part};
use crate::incident::Rotation;
use crate::model::Timestamp;
use crate::model::event::Trigger;

/// Notes revocations, and those of emergencies.
pub(super) fn note(facts: &Facts<'_>, sheet: &mut Sheet) {
    for (at, told) in facts.rotations.iter().enumerate() {
        let ended = usize::from(told.rotation.ended.is_some());
        let words = told.stages.len() + ended;
        if let Some(cutover) = told.rotation.cutover_at {
            sheet.rests_on(at, Part::Revoke, words);
            let promised = told.promises_revocation();
            let case = case(told, cutover, promised, facts.now);
            sheet.add_all(at, Part::Revoke, case);
        }
        if told.rotation.trigger == Some(Trigger::Emergency) {
            sheet.rests_on(at, Part::Emergency, words + 1);
            let case = case(told, detected(facts, told.rotation), true, facts.now);
            sheet.add_all(at, Part::Emergency, case);
        }
    }
}

fn case(told: &Told<'_>, from: Timestamp, promised: bool, now: Timestamp) -> Option<Case> {
    if let Some(revoked) = told.fully_revoked() {
        return Some(Case::Took {
            at: revoked,
            micros: micros(from, revoked),
        });
    }
    let waits = Case::Waits {
        since: from,
        until: now,
    };
    (promised && !told.was_given_up()).then_some(waits)
}

/// When the leak that an emergency answers to became known.
fn detected(facts: &Facts<'_>, rotation: &Rotation) -> Timestamp {
    let start = rotation.started_at;
    let Some(secret) = &rotation.secret else {
        return start;
    };
    let before = facts.before(rotation).map(|before| before.started_at);
    let leaks = facts.episodes.iter().filter(|episode| {
        episode.trouble == Trouble::Leak && episode.secret.as_ref() == Some(secret)
    });
    let found = facts.ledger.found.iter();
    let found = found.filter(|(_, found)| found.confirmed && found.secret.as_ref() == Some(secret));
    leaks
        .map(|episode| episode.detected_at)
        .chain(found.map(|(event, _)| event.time))
        .filter(|at| *at <= start && before.is_none_or(|before| *at > before))
        .min()
        .unwrap_or(start)
}
