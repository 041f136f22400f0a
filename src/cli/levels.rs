//! The service levels of a diagnosis: what `diagnose` and `slo` have in common.

use crate::diagnosis::{Diagnosis, Finding};
use crate::measure::level::{Ledger, Levels, Objectives};
use crate::model::{Event, Timestamp};

/// What the levels need of each event.
pub(super) fn ledger(events: &[Event]) -> Ledger {
    let mut ledger = Ledger::default();
    for event in events {
        ledger.take(event);
    }
    ledger
}

/// The levels at `now`, from a diagnosis and the ledger of the events that it was made of; none
/// may be later.
pub(super) fn levels(
    diagnosis: &Diagnosis,
    ledger: &Ledger,
    objectives: &Objectives,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Levels {
    let findings = diagnosis.findings().all().into_iter();
    let episodes: Vec<_> = findings.map(Finding::episode).collect();
    Levels::at(
        now,
        since,
        objectives,
        diagnosis.incident(),
        ledger,
        &episodes,
    )
}
