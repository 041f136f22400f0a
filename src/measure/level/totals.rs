//! A day in a few numbers: what a trend is drawn of.

use super::day::Day;
use super::facts::{MODES, micros};
use super::m3;
use super::m9;
use super::minutes::{Counts, minutes_of};
use super::summary::{Case, DaySummary, End, Part, Seen, Summary, Watched};

/// One bar of a distribution of lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The longest that belongs to it, in seconds; `None` is longer than all others.
    pub up_to: Option<u64>,
    /// In words for a person.
    pub label: &'static str,
}

const fn bucket(up_to: u64, label: &'static str) -> Bucket {
    Bucket {
        up_to: Some(up_to),
        label,
    }
}

/// How lengths are told apart, from the shortest on.
const BUCKETS: [Bucket; 12] = [
    bucket(60, "1 min"),
    bucket(5 * 60, "5 min"),
    bucket(15 * 60, "15 min"),
    bucket(3600, "1 h"),
    bucket(3 * 3600, "3 h"),
    bucket(6 * 3600, "6 h"),
    bucket(12 * 3600, "12 h"),
    bucket(86_400, "1 d"),
    bucket(2 * 86_400, "2 d"),
    bucket(7 * 86_400, "7 d"),
    bucket(30 * 86_400, "30 d"),
    Bucket {
        up_to: None,
        label: "longer",
    },
];

/// How many lengths fell into which bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths(pub [u64; BUCKETS.len()]);

impl Lengths {
    /// The buckets, from the shortest on.
    #[must_use]
    pub fn buckets() -> &'static [Bucket] {
        &BUCKETS
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    fn add(&mut self, micros: u64) {
        let within = |b: &Bucket| {
            b.up_to
                .is_none_or(|most| micros <= most.saturating_mul(1_000_000))
        };
        let at = BUCKETS.iter().position(within);
        if let Some(held) = at.and_then(|at| self.0.get_mut(at)) {
            *held += 1;
        }
    }

    fn join(&mut self, other: &Self) {
        for (held, more) in self.0.iter_mut().zip(other.0) {
            *held = held.saturating_add(more);
        }
    }
}

/// A day, or several, in numbers. Times are in minutes, and in seconds where they are lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Rotations that ended, by how ([`End::ALL`]).
    pub ended: [u64; 4],
    /// Of them, those that were ever rolled back.
    pub rollbacks: u64,
    /// Rotations that began, of which is known what started them.
    pub started: u64,
    /// Of them, emergencies.
    pub emergencies: u64,
    /// Times from cutover to revocation.
    pub to_revoke: Lengths,
    /// Times until a consumer was on the new version.
    pub updates: Lengths,
    /// Times to recover.
    pub recoveries: Lengths,
    /// Consumers whose window closed, and of them those that were late.
    pub consumers: u64,
    /// Of them, late.
    pub late: u64,
    /// Minutes in which authentications of a service in a region were counted.
    pub auth_minutes: u64,
    /// Of them, those in which a spike stood.
    pub spike_minutes: u64,
    /// Tries of stages, and minutes of quotas.
    pub calls: u64,
    /// Of them, throttled.
    pub throttled: u64,
    /// Completed stages that want an audit entry.
    pub audited: u64,
    /// Of them, those without.
    pub missing: u64,
    /// Findings by mode ([`MODES`]).
    pub findings: [u64; MODES.len()],
    /// Completed scans.
    pub scans: u64,
    /// Different confirmed secrets in code.
    pub leaks: u64,
}

impl Totals {
    /// Rotations that ended.
    #[must_use]
    pub fn finished(&self) -> u64 {
        self.ended.iter().sum()
    }

    /// The share of them that succeeded; `None` where none ended.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of rotations are far below 2^52"
    )]
    pub fn success(&self) -> Option<f64> {
        let [good, ..] = self.ended;
        let n = self.finished();
        (n > 0).then(|| good as f64 / n as f64)
    }

    /// Adds those of another day. What is different of each day (leaks) may be the same on both.
    pub fn join(&mut self, other: &Self) {
        let sum = |held: &mut u64, more: u64| *held = held.saturating_add(more);
        for (held, more) in self.numbers_mut().into_iter().zip(other.numbers()) {
            sum(held, more);
        }
        for (held, more) in self.ended.iter_mut().zip(other.ended) {
            sum(held, more);
        }
        for (held, more) in self.findings.iter_mut().zip(other.findings) {
            sum(held, more);
        }
        self.to_revoke.join(&other.to_revoke);
        self.updates.join(&other.updates);
        self.recoveries.join(&other.recoveries);
    }

    /// Those that are single numbers.
    #[must_use]
    pub fn numbers(&self) -> [u64; 13] {
        let mut copy = *self;
        copy.numbers_mut().map(|number| *number)
    }

    /// Those that are single numbers, to be set.
    pub fn numbers_mut(&mut self) -> [&mut u64; 13] {
        [
            &mut self.rollbacks,
            &mut self.started,
            &mut self.emergencies,
            &mut self.consumers,
            &mut self.late,
            &mut self.auth_minutes,
            &mut self.spike_minutes,
            &mut self.calls,
            &mut self.throttled,
            &mut self.audited,
            &mut self.missing,
            &mut self.scans,
            &mut self.leaks,
        ]
    }

    /// The numbers of a day. `findings` are all that may have stood on it, also of days before.
    #[must_use]
    pub fn of(at: Day, day: &DaySummary, findings: &[Seen]) -> Self {
        let mut totals = Self::default();
        for record in day.rotations.values() {
            for (part, case) in &record.cases {
                totals.case(*part, case);
            }
        }
        let (first, last) = at.minutes();
        let mut auth = Counts::default();
        for (place, watched) in &day.auth {
            auth.add(&minutes_of(&watched.all), &m3::spikes(findings, place));
        }
        for (_, good, bad) in auth.between(first, last) {
            totals.auth_minutes += good + bad;
            totals.spike_minutes += bad;
        }
        let mut quotas = Counts::default();
        for Watched { all, throttled } in day.quotas.values() {
            quotas.add(&minutes_of(all), &minutes_of(throttled));
        }
        for (_, good, bad) in quotas.between(first, last) {
            totals.calls += good + bad;
            totals.throttled += bad;
        }
        for seen in day.findings.values() {
            let mode = MODES.iter().position(|mode| *mode == seen.episode.mode);
            if let Some(held) = mode.and_then(|mode| totals.findings.get_mut(mode)) {
                *held += 1;
            }
        }
        for seen in findings {
            let resolved = seen.episode.resolved_at.filter(|_| m9::counts(seen));
            if let Some(resolved) = resolved.filter(|resolved| Day::of(*resolved) == at) {
                totals
                    .recoveries
                    .add(micros(seen.episode.detected_at, resolved));
            }
        }
        totals.scans = day.scans.values().map(|look| u64::from(look.scans)).sum();
        let mut leaks: Vec<_> = day.leaks.iter().map(|(_, key)| key).collect();
        leaks.sort_unstable();
        leaks.dedup();
        totals.leaks = leaks.len() as u64;
        totals
    }

    fn case(&mut self, part: Part, case: &Case) {
        match (part, case) {
            (Part::Finish, Case::Ended { end, back, .. }) => {
                let at = End::ALL.iter().position(|e| e == end);
                if let Some(held) = at.and_then(|at| self.ended.get_mut(at)) {
                    *held += 1;
                }
                self.rollbacks += u64::from(*back);
            }
            (Part::Updates, Case::Took { micros, .. }) => self.updates.add(*micros),
            (Part::Revoke, Case::Took { micros, .. }) => self.to_revoke.add(*micros),
            (_, Case::Counted { good, bad, .. }) => {
                let (all, bad) = (u64::from(*good) + u64::from(*bad), u64::from(*bad));
                let (held, of_them) = match part {
                    Part::Within => (&mut self.consumers, &mut self.late),
                    Part::Start => (&mut self.started, &mut self.emergencies),
                    Part::Tries => (&mut self.calls, &mut self.throttled),
                    Part::Audit => (&mut self.audited, &mut self.missing),
                    _ => return,
                };
                *held += all;
                *of_them += bad;
            }
            _ => {}
        }
    }
}

impl Summary {
    /// Each day in numbers, first to last; of days on which nothing happened there is none.
    #[must_use]
    pub fn totals(&self) -> Vec<(Day, Totals)> {
        let findings = self.days.values().flat_map(|day| day.findings.values());
        let findings: Vec<Seen> = findings.cloned().collect();
        let days = self.days.iter().filter(|(_, day)| !day.is_quiet());
        days.map(|(at, day)| (*at, Totals::of(*at, day, &findings)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_falls_into_the_first_bucket_that_holds_it() {
        let mut lengths = Lengths::default();
        for seconds in [0, 60, 61, 86_400, 40 * 86_400] {
            lengths.add(seconds * 1_000_000);
        }
        assert_eq!(lengths.0, [2, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!(lengths.count(), 5);
    }

    #[test]
    fn of_no_rotation_no_share_succeeded() {
        let mut totals = Totals::default();
        assert_eq!(totals.success(), None);
        totals.join(&Totals {
            ended: [3, 0, 1, 0],
            ..Totals::default()
        });
        assert_eq!(totals.success(), Some(0.75));
    }
}
