//! Samples counted from records, in windows of ten seconds that are aligned to the epoch, so that
//! every reader of the same log counts the same windows.

use std::collections::{BTreeMap, HashMap};

use crate::audit::derive::emit::Emit;
use crate::audit::digest::Digest;
use crate::model::event::{AuthSample, QuotaSample, Seconds, SignalSample};
use crate::model::{Region, SecretPath, ServiceName, Source, Span, Text, Timestamp};

/// The length of a window, in seconds.
pub const WINDOW_SECONDS: u32 = 10;

/// A window is told when a record is this much later than its end. What comes later still is
/// counted in the oldest window that is open, so that nothing is lost.
pub const PATIENCE: Span = Span::seconds(5);

/// The signal under which calls of an API are counted against its quota: they become a
/// `rotascope.quota.sample`, with the API in the place of the service, and what failed otherwise
/// is what was throttled.
pub const QUOTA: &str = "quota";

/// Whose attempts are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// `None` counts authentications, else the signal's name.
    pub signal: Option<&'static str>,
    /// Whose.
    pub service: ServiceName,
    /// Where.
    pub region: Option<Region>,
    /// With which secret.
    pub secret: Option<SecretPath>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was granted.
    Granted,
    /// Refused for want of a valid credential.
    Failed401,
    /// Refused for want of permission.
    Failed403,
    /// Went wrong otherwise.
    FailedOther,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    total: u64,
    failed_401: u64,
    failed_403: u64,
    failed_other: u64,
}

/// The open windows of one source.
#[derive(Debug, Default)]
pub struct Windows {
    open: BTreeMap<i64, HashMap<Key, Counts>>,
    closed_before: Option<i64>,
}

impl Windows {
    /// Counts one attempt.
    pub fn count(&mut self, time: Timestamp, key: Key, ending: Ending) {
        let length = i64::from(WINDOW_SECONDS);
        let start = time.seconds().div_euclid(length) * length;
        let start = self.closed_before.map_or(start, |open| start.max(open));
        let counts = self.open.entry(start).or_default().entry(key).or_default();
        counts.total += 1;
        match ending {
            Ending::Granted => {}
            Ending::Failed401 => counts.failed_401 += 1,
            Ending::Failed403 => counts.failed_403 += 1,
            Ending::FailedOther => counts.failed_other += 1,
        }
    }

    /// Tells every window that ended long enough before `now`. `tie` names the secret of a key
    /// that has none.
    pub fn close(
        &mut self,
        now: Timestamp,
        tie: &dyn Fn(&Key) -> Option<SecretPath>,
        emit: &mut Emit<'_>,
    ) {
        while let Some(first) = self.open.first_entry() {
            let end = *first.key() + i64::from(WINDOW_SECONDS);
            if Timestamp::new(end, 0) + PATIENCE > now {
                return;
            }
            tell(end, first.remove(), tie, emit);
            self.closed_before = Some(end);
        }
    }

    /// Tells every window.
    pub fn finish(&mut self, tie: &dyn Fn(&Key) -> Option<SecretPath>, emit: &mut Emit<'_>) {
        while let Some((start, counts)) = self.open.pop_first() {
            tell(start + i64::from(WINDOW_SECONDS), counts, tie, emit);
        }
    }
}

fn tell(
    end: i64,
    counts: HashMap<Key, Counts>,
    tie: &dyn Fn(&Key) -> Option<SecretPath>,
    emit: &mut Emit<'_>,
) {
    let mut sorted: Vec<_> = counts.into_iter().collect();
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (key, counts) in sorted {
        let id = id(emit.source, &key, end);
        let secret = key.secret.clone().or_else(|| tie(&key));
        let window_seconds = Seconds(u64::from(WINDOW_SECONDS));
        let subject = key.service.0.clone();
        let ended = Timestamp::new(end, 0);
        match key.signal {
            None => {
                let sample = AuthSample {
                    service: key.service,
                    region: key.region,
                    secret,
                    window_seconds,
                    total: counts.total,
                    failed_401: Some(counts.failed_401),
                    failed_403: Some(counts.failed_403),
                    failed_other: Some(counts.failed_other),
                };
                emit.event(id, ended, subject, sample);
            }
            Some(QUOTA) => {
                let sample = QuotaSample {
                    api: key.service.0,
                    region: key.region,
                    window_seconds,
                    total: counts.total,
                    throttled: counts.failed_other,
                };
                emit.event(id, ended, subject, sample);
            }
            Some(signal) => {
                let sample = SignalSample {
                    signal: Text::from(signal),
                    service: key.service,
                    region: key.region,
                    secret,
                    window_seconds,
                    total: counts.total,
                    bad: counts.failed_401 + counts.failed_403 + counts.failed_other,
                };
                emit.event(id, ended, subject, sample);
            }
        }
    }
}

/// A hash of source, key and window. The secret that a tie names is no part of it: the tie may be
/// learned late.
fn id(source: &Source, key: &Key, end: i64) -> String {
    let region = key.region.as_ref().map_or("", Region::raw);
    let secret = key.secret.as_ref().map_or("", SecretPath::raw);
    Digest::of("sample")
        .word(source.raw().as_bytes())
        .word(key.signal.unwrap_or("auth").as_bytes())
        .word(key.service.raw().as_bytes())
        .word(&[u8::from(key.region.is_some())])
        .word(region.as_bytes())
        .word(secret.as_bytes())
        .word(&(end - i64::from(WINDOW_SECONDS)).to_le_bytes())
        .hex()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Event;
    use crate::model::event::Data;

    fn key() -> Key {
        Key {
            signal: None,
            service: "checkout".into(),
            region: None,
            secret: None,
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_800_000_000 + seconds, 5)
    }

    fn told(windows: &mut Windows, now: Option<i64>) -> Vec<Event> {
        let source = Source::from("/vault");
        let mut events = Vec::new();
        let mut emit = Emit {
            source: &source,
            out: &mut |event| events.push(event),
        };
        match now {
            Some(now) => windows.close(at(now), &|_| None, &mut emit),
            None => windows.finish(&|_| None, &mut emit),
        }
        events
    }

    #[test]
    fn a_window_is_aligned_and_told_once_and_a_late_record_is_not_lost() {
        let mut windows = Windows::default();
        windows.count(at(3), key(), Ending::Granted);
        windows.count(at(9), key(), Ending::Failed401);
        windows.count(at(10), key(), Ending::Granted);
        assert_eq!(told(&mut windows, Some(14)), []);
        let first = told(&mut windows, Some(15));
        let [event] = first.as_slice() else {
            panic!("{first:?}");
        };
        assert_eq!(event.time, Timestamp::new(1_800_000_010, 0));
        let Data::AuthSample(sample) = &event.data else {
            panic!("{event:?}");
        };
        assert_eq!((sample.total, sample.failed_401), (2, Some(1)));
        windows.count(at(4), key(), Ending::Failed403);
        let rest = told(&mut windows, None);
        let [event] = rest.as_slice() else {
            panic!("{rest:?}");
        };
        let Data::AuthSample(sample) = &event.data else {
            panic!("{event:?}");
        };
        assert_eq!((sample.total, sample.failed_403), (2, Some(1)));
        assert_ne!(first[0].id, event.id);
    }
}
