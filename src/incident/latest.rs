//! Things of which only the latest word counts: caches, key sets, certificates, leases,
//! maintenance windows, alerts, scans.

use super::store::{Row, Store, Words};
use super::view::{Cache, Certificate, EventRef, FoldedAlert, Keyset, Lease, Scan, Window};
use crate::model::event::{
    Alert, CacheSample, CertificateObserved, KeysetObserved, LeaseObserved, ScanCompleted,
    WindowPlanned,
};
use crate::model::{Region, SecretPath, ServiceName};

/// The most words kept about one lease; the latest by time stay.
const LEASE_WORDS: usize = 8;

/// What is shown, under the event that said it.
#[derive(Clone, Debug)]
struct Latest<V> {
    event: EventRef,
    view: V,
}

/// Everything of which the latest word counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Latests {
    caches: Store<Latest<Cache>, 3>,
    keysets: Store<Latest<Keyset>, 1>,
    certificates: Store<Latest<Certificate>, 2>,
    leases: Store<LeaseWords, 1>,
    windows: Store<Latest<Window>, 1>,
    alerts: Store<Latest<FoldedAlert>, 2>,
    scans: Store<Latest<Scan>, 2>,
}

macro_rules! rows {
    ($($view:ty, $n:literal, |$v:ident| $key:expr;)+) => {$(
        impl Row<$n> for Latest<$view> {
            fn key(&self) -> Words<'_, $n> {
                let $v = &self.view;
                $key
            }
        }
    )+};
}

rows! {
    Cache, 3, |v| cache_key(&v.sample);
    Keyset, 1, |v| [Some(v.endpoint.raw())];
    Certificate, 2, |v| certificate_key(&v.seen);
    Window, 1, |v| [Some(v.planned.window.raw())];
    FoldedAlert, 2, |v| alert_key(&v.alert);
    Scan, 2, |v| scan_key(&v.scan);
}

fn cache_key(sample: &CacheSample) -> Words<'_, 3> {
    [
        Some(sample.service.raw()),
        sample.region.as_ref().map(Region::raw),
        sample.secret.as_ref().map(SecretPath::raw),
    ]
}

fn certificate_key(seen: &CertificateObserved) -> Words<'_, 2> {
    [
        Some(seen.endpoint.raw()),
        seen.region.as_ref().map(Region::raw),
    ]
}

fn alert_key(alert: &Alert) -> Words<'_, 2> {
    [
        Some(alert.alert.raw()),
        alert.service.as_ref().map(ServiceName::raw),
    ]
}

fn scan_key(scan: &ScanCompleted) -> Words<'_, 2> {
    [Some(scan.detector.raw()), Some(scan.repository.raw())]
}

/// A lease's words, latest last: a revocation often knows less than the issue did.
#[derive(Clone, Debug)]
struct LeaseWords {
    view: Lease,
    words: Vec<(EventRef, LeaseObserved)>,
}

impl Row<1> for LeaseWords {
    fn key(&self) -> Words<'_, 1> {
        [Some(self.view.seen.lease.raw())]
    }
}

impl LeaseWords {
    fn told(&mut self, event: EventRef, seen: &LeaseObserved) {
        let Err(at) = self.words.binary_search_by(|(e, _)| e.cmp(&event)) else {
            return;
        };
        self.words.insert(at, (event, seen.clone()));
        if self.words.len() > LEASE_WORDS {
            self.words.remove(0);
        }
        let mut words = self.words.iter();
        let Some((event, first)) = words.next() else {
            return;
        };
        self.view.at = event.time;
        self.view.seen = first.clone();
        for (event, word) in words {
            let seen = &mut self.view.seen;
            self.view.at = event.time;
            over(&mut seen.secret, word.secret.as_ref());
            over(&mut seen.consumer, word.consumer.as_ref());
            over(&mut seen.issued_at, word.issued_at.as_ref());
            over(&mut seen.expires_at, word.expires_at.as_ref());
            over(&mut seen.renewable, word.renewable.as_ref());
        }
    }
}

fn over<T: Clone>(old: &mut Option<T>, new: Option<&T>) {
    if let Some(new) = new {
        *old = Some(new.clone());
    }
}

/// Puts a word in where it is the latest.
fn put<V, const N: usize>(
    store: &mut Store<Latest<V>, N>,
    key: Words<'_, N>,
    event: EventRef,
    view: impl FnOnce(&EventRef) -> V,
) where
    Latest<V>: Row<N>,
{
    match store.find(key) {
        Some(at) => {
            if store.at(at).is_some_and(|held| held.event < event)
                && let Some(held) = store.at_mut(at)
            {
                held.view = view(&event);
                held.event = event;
            }
        }
        None => {
            store.place(key, || Latest {
                view: view(&event),
                event,
            });
        }
    }
}

impl Latests {
    pub(super) fn cache(&mut self, event: EventRef, sample: &CacheSample) {
        put(&mut self.caches, cache_key(sample), event, |e| Cache {
            at: e.time,
            sample: sample.clone(),
            event: e.clone(),
        });
    }

    pub(super) fn keyset(&mut self, event: EventRef, seen: &KeysetObserved) {
        let key = [Some(seen.endpoint.raw())];
        put(&mut self.keysets, key, event, |e| Keyset {
            endpoint: seen.endpoint.clone(),
            at: e.time,
            kids: seen.kids.clone(),
            current: seen.current.clone(),
        });
    }

    pub(super) fn certificate(&mut self, event: EventRef, seen: &CertificateObserved) {
        let key = certificate_key(seen);
        put(&mut self.certificates, key, event, |e| Certificate {
            at: e.time,
            seen: seen.clone(),
        });
    }

    pub(super) fn lease(&mut self, event: EventRef, seen: &LeaseObserved) {
        let row = self.leases.row([Some(seen.lease.raw())], || LeaseWords {
            view: Lease {
                at: event.time,
                seen: seen.clone(),
            },
            words: Vec::new(),
        });
        if let Some(row) = row {
            row.told(event, seen);
        }
    }

    pub(super) fn window(&mut self, event: EventRef, planned: &WindowPlanned) {
        let key = [Some(planned.window.raw())];
        put(&mut self.windows, key, event, |e| Window {
            at: e.time,
            planned: planned.clone(),
        });
    }

    pub(super) fn alert(&mut self, event: EventRef, alert: &Alert) {
        put(&mut self.alerts, alert_key(alert), event, |e| FoldedAlert {
            at: e.time,
            alert: alert.clone(),
        });
    }

    pub(super) fn scan(&mut self, event: EventRef, scan: &ScanCompleted) {
        put(&mut self.scans, scan_key(scan), event, |e| Scan {
            at: e.time,
            scan: scan.clone(),
        });
    }

    pub(super) fn caches(&self) -> impl Iterator<Item = &Cache> {
        self.caches.iter().map(|row| &row.view)
    }

    pub(super) fn keysets(&self) -> impl Iterator<Item = &Keyset> {
        self.keysets.iter().map(|row| &row.view)
    }

    pub(super) fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.iter().map(|row| &row.view)
    }

    pub(super) fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.leases.iter().map(|row| &row.view)
    }

    pub(super) fn windows(&self) -> impl Iterator<Item = &Window> {
        let mut windows: Vec<&Window> = self.windows.iter().map(|row| &row.view).collect();
        windows.sort_by_key(|window| window.planned.starts_at);
        windows.into_iter()
    }

    pub(super) fn alerts(&self) -> impl Iterator<Item = &FoldedAlert> {
        self.alerts.iter().map(|row| &row.view)
    }

    pub(super) fn scans(&self) -> impl Iterator<Item = &Scan> {
        self.scans.iter().map(|row| &row.view)
    }
}

#[cfg(test)]
mod tests {
    use crate::incident::testing::{at, event, fold};
    use crate::model::Event;
    use serde_json::{Value, json};

    fn told(seconds: i64, kind: &str, data: &Value) -> Event {
        event("/a", &format!("{seconds}"), seconds, kind, data)
    }

    #[test]
    fn the_latest_word_counts_whenever_it_came() {
        let cache = |seconds, age| {
            let data = json!({"service": "s", "oldest_entry_seconds": age});
            told(seconds, "cache.sample", &data)
        };
        for events in [[cache(1, 10), cache(2, 20)], [cache(2, 20), cache(1, 10)]] {
            let incident = fold(&events);
            let cache = incident.caches().next().unwrap();
            assert_eq!(cache.at, at(2));
            assert_eq!(cache.sample.oldest_entry_seconds.unwrap().0, 20);
        }
    }

    #[test]
    fn a_lease_keeps_what_its_latest_word_leaves_out() {
        let issued = json!({"lease": "l", "secret": "db", "consumer": "c",
            "expires_at": at(900).to_string()});
        let revoked = json!({"lease": "l", "expires_at": at(5).to_string()});
        let issued = told(1, "lease.observed", &issued);
        let revoked = told(5, "lease.observed", &revoked);
        for events in [[&issued, &revoked], [&revoked, &issued]] {
            let incident = fold(events);
            let lease = incident.leases().next().unwrap();
            assert_eq!(lease.at, at(5));
            assert_eq!(lease.seen.expires_at, Some(at(5)));
            assert_eq!(lease.seen.consumer.as_ref().unwrap().raw(), "c");
        }
    }

    #[test]
    fn windows_are_listed_by_start() {
        let window = |seconds: i64, name: &str, start| {
            let data = json!({"window": name, "starts_at": at(start).to_string(),
                "ends_at": at(start + 60).to_string()});
            told(seconds, "window.planned", &data)
        };
        let incident = fold(&[window(1, "a", 500), window(2, "b", 100), window(3, "a", 50)]);
        let names: Vec<_> = incident.windows().map(|w| w.planned.window.raw()).collect();
        assert_eq!(names, ["a", "b"]);
    }
}
