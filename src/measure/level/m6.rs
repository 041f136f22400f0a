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

use super::day::Key;
use super::marks::Marks;
use super::summary::{Look, Scanned};
use crate::model::{Text, Timestamp};

/// What is known of scans, in whatever order it is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Scans {
    pub(super) tellers: BTreeSet<Text>,
    pub(super) looks: BTreeMap<(Timestamp, Scanned), Look>,
    pub(super) leaks: BTreeSet<(Timestamp, Key)>,
}

/// Adds secrets found; all of them are bad.
pub(super) fn mark(scans: &Scans, marks: &mut Marks) {
    let mut first: BTreeMap<Key, Timestamp> = BTreeMap::new();
    for (at, key) in &scans.leaks {
        if marks.holds(*at) {
            first.entry(*key).or_insert(*at);
        }
    }
    let mut latest: BTreeMap<&Scanned, (Timestamp, u64)> = BTreeMap::new();
    let mut many = 0;
    for ((at, scanned), look) in &scans.looks {
        if marks.holds(*at) {
            many += u64::from(look.scans);
            latest.insert(scanned, (*at, look.findings));
        }
    }
    let mut counted: BTreeMap<&Text, (u64, Timestamp)> = BTreeMap::new();
    for ((repository, detector), (at, findings)) in latest {
        if !scans.tellers.contains(detector) {
            let most = counted.entry(repository).or_insert((0, at));
            *most = (*most).max((findings, at));
        }
    }
    let confirmed = u64::try_from(first.len()).unwrap_or(u64::MAX);
    for at in first.into_values() {
        marks.add(at, 0, 1);
    }
    for (findings, at) in counted.into_values() {
        marks.add(at, 0, findings);
    }
    marks.of(if many > 0 { many } else { confirmed });
}
