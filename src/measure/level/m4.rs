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

use super::facts::{Facts, Told, Trouble, seconds};
use super::marks::Marks;
use crate::incident::Rotation;
use crate::model::Timestamp;
use crate::model::event::Trigger;

/// Its cases: rotations with a cutover; slower than `bound` seconds is bad.
pub(super) fn cases(facts: &Facts<'_>, mut marks: Marks, bound: f64) -> Marks {
    for told in &facts.rotations {
        if let Some(cutover) = told.rotation.cutover_at {
            let promised = told.promises_revocation();
            case(told, cutover, promised, facts.now, &mut marks, bound);
        }
    }
    marks
}

/// The second part's cases: emergencies.
pub(super) fn emergencies(facts: &Facts<'_>, mut marks: Marks, bound: f64) -> Marks {
    let is = |told: &&Told<'_>| told.rotation.trigger == Some(Trigger::Emergency);
    for told in facts.rotations.iter().filter(is) {
        let detected = detected(facts, told.rotation);
        case(told, detected, true, facts.now, &mut marks, bound);
    }
    marks
}

fn case(
    told: &Told<'_>,
    from: Timestamp,
    promised: bool,
    now: Timestamp,
    marks: &mut Marks,
    bound: f64,
) {
    if let Some(revoked) = told.fully_revoked() {
        marks.took(revoked, seconds(from, revoked), bound);
    } else if promised && !told.was_given_up() && seconds(from, now) > bound {
        marks.took(now, seconds(from, now), bound);
    }
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
