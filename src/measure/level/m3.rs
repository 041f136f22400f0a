//! M3, auth failure spikes: of the minutes in which a service's authentications were counted in a
//! region, the share in which a spike of refusals stood.
//!
//! 1. A minute is watched where a sample's window touches it. However many sources, samples and
//!    secrets tell of it, it is one minute of that service in that region.
//! 2. It is bad where a finding of refused authentications (F1, F4, F7, or one that no rotation
//!    explains) about that service and region stood in it, from `detected_at` to `resolved_at`. A
//!    finding that names no region is about all of them; a sample without a region is only in
//!    those.
//! 3. What is usual for the service is no spike, however much of it is refused: so it is findings
//!    that are counted, and no bare share of refusals.

use std::collections::BTreeMap;

use super::facts::Trouble;
use super::marks::Marks;
use super::minutes::{Counts, Minutes, begins, minute_of};
use super::summary::{Place, Seen};
use crate::model::ServiceName;

/// Adds the minutes of services in regions.
pub(super) fn mark(
    auth: &BTreeMap<Place<ServiceName>, Minutes>,
    findings: &[Seen],
    marks: &mut Marks,
) {
    let mut counts = Counts::default();
    for (place, watched) in auth {
        counts.add(watched, &spikes(findings, place));
    }
    let (first, last) = marks.minutes();
    for (minute, good, bad) in counts.between(first, last) {
        marks.add(begins(minute), good, bad);
    }
}

/// The minutes in which a spike of this service in this region stood.
pub(super) fn spikes(findings: &[Seen], (service, region): &Place<ServiceName>) -> Minutes {
    let about = |seen: &&Seen| {
        let episode = &seen.episode;
        matches!(episode.trouble, Trouble::Refused { .. })
            && episode.services.contains(service)
            && (episode.regions.is_empty()
                || region.as_ref().is_some_and(|r| episode.regions.contains(r)))
    };
    let mut minutes = Minutes::default();
    for seen in findings.iter().filter(about) {
        let (from, until) = (minute_of(seen.episode.detected_at), minute_of(seen.until));
        minutes.add(from, until.max(from));
    }
    minutes
}
