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

use super::facts::{Episode, Facts, Trouble};
use super::marks::Marks;
use super::minutes::{Minutes, begins, minute_of};
use crate::model::{Region, ServiceName};

/// Its cases: minutes of a service in a region.
pub(super) fn cases(facts: &Facts<'_>, mut marks: Marks) -> Marks {
    let (first, last) = marks.minutes();
    for (service, regions) in &facts.ledger.auth {
        for (region, watched) in regions {
            let spikes = spikes(facts, service, region.as_ref());
            for minute in watched.between(first, last) {
                let bad = u64::from(spikes.contains(minute));
                marks.add(begins(minute), 1 - bad, bad);
            }
        }
    }
    marks
}

/// The minutes in which a spike of this service in this region stood.
fn spikes(facts: &Facts<'_>, service: &ServiceName, region: Option<&Region>) -> Minutes {
    let about = |episode: &&Episode| {
        matches!(episode.trouble, Trouble::Refused { .. })
            && episode.services.contains(service)
            && (episode.regions.is_empty() || region.is_some_and(|r| episode.regions.contains(r)))
    };
    let mut minutes = Minutes::default();
    for episode in facts.episodes.iter().filter(about) {
        let until = episode.resolved_at.unwrap_or(facts.now);
        let (from, until) = (minute_of(episode.detected_at), minute_of(until));
        minutes.add(from, until.max(from));
    }
    minutes
}
