//! M6, secrets found in code: how many different secrets scanners found in the window.
//!
//! 1. A detector that tells its findings one by one is believed finding by finding: what it
//!    confirmed counts, each fingerprint once (without one, each rule and place), at its first
//!    sight; what it only suspects does not.
//! 2. Of a detector that only counts, the latest scan of each repository counts. Several such
//!    detectors that look at one repository are alternatives: the largest count is taken.
//! 3. It rests on the scans that were completed. Where none was, zero is not known: then only
//!    confirmed findings are a value, and they alone are what it rests on.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::Facts;
use super::ledger::{Look, What};
use super::marks::Marks;
use crate::model::{Text, Timestamp};

/// Its cases: secrets found; all of them are bad.
pub(super) fn cases(facts: &Facts<'_>, mut marks: Marks) -> Marks {
    let ledger = facts.ledger;
    let tellers: BTreeSet<&Text> = ledger.found.values().map(|found| &found.detector).collect();
    let mut first: BTreeMap<&What, Timestamp> = BTreeMap::new();
    for (event, found) in &ledger.found {
        if found.confirmed && marks.holds(event.time) {
            first.entry(&found.what).or_insert(event.time);
        }
    }
    let mut latest: BTreeMap<(&Text, &Text), (Timestamp, &Look)> = BTreeMap::new();
    let mut scans = 0;
    for (event, look) in &ledger.looks {
        if marks.holds(event.time) {
            scans += 1;
            latest.insert((&look.repository, &look.detector), (event.time, look));
        }
    }
    let mut counted: BTreeMap<&Text, (u64, Timestamp)> = BTreeMap::new();
    for (at, look) in latest.into_values() {
        if !tellers.contains(&look.detector) {
            let most = counted.entry(&look.repository).or_insert((0, at));
            *most = (*most).max((look.findings, at));
        }
    }
    let confirmed = u64::try_from(first.len()).unwrap_or(u64::MAX);
    for at in first.into_values() {
        marks.add(at, 0, 1);
    }
    for (findings, at) in counted.into_values() {
        marks.add(at, 0, findings);
    }
    marks.of(if scans > 0 { scans } else { confirmed });
    marks
}
