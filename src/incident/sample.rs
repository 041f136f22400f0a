//! Series of counted windows: authentications, canary comparisons, other signals, quotas.

use imbl::Vector;

use super::series::Beside;
use super::store::{Row, Store, Words};
use super::told::seconds;
use super::view::{
    AuthSeries, AuthWindow, Canary, CanaryWindow, CountWindow, EventRef, Quota, SignalSeries,
};
use crate::model::event::{AuthSample, CanarySample, Cohort, QuotaSample, SignalSample};
use crate::model::{Region, SecretPath};

/// A row as it is shown, and what its windows hide.
#[derive(Clone, Debug)]
struct Track<V, W> {
    view: V,
    beside: Beside<W>,
}

impl<V, W> Track<V, W> {
    fn new(view: V) -> Self {
        Self {
            view,
            beside: Beside::default(),
        }
    }
}

fn region(region: Option<&Region>) -> Option<&str> {
    region.map(Region::raw)
}

impl Row<3> for Track<AuthSeries, AuthWindow> {
    fn key(&self) -> Words<'_, 3> {
        let view = &self.view;
        [
            Some(view.service.raw()),
            region(view.region.as_ref()),
            view.secret.as_ref().map(SecretPath::raw),
        ]
    }
}

impl Row<4> for Track<SignalSeries, CountWindow> {
    fn key(&self) -> Words<'_, 4> {
        let view = &self.view;
        [
            Some(view.signal.raw()),
            Some(view.service.raw()),
            region(view.region.as_ref()),
            view.secret.as_ref().map(SecretPath::raw),
        ]
    }
}

impl Row<2> for Track<Quota, CountWindow> {
    fn key(&self) -> Words<'_, 2> {
        [Some(self.view.api.raw()), region(self.view.region.as_ref())]
    }
}

/// A canary comparison has two sides, each a series of its own.
#[derive(Clone, Debug)]
struct Sides {
    view: Canary,
    canary: Beside<CanaryWindow>,
    baseline: Beside<CanaryWindow>,
}

impl Row<2> for Sides {
    fn key(&self) -> Words<'_, 2> {
        [
            Some(self.view.service.raw()),
            region(self.view.region.as_ref()),
        ]
    }
}

/// All series.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples {
    auth: Store<Track<AuthSeries, AuthWindow>, 3>,
    signals: Store<Track<SignalSeries, CountWindow>, 4>,
    quotas: Store<Track<Quota, CountWindow>, 2>,
    canaries: Store<Sides, 2>,
}

impl Samples {
    /// Takes in a window of authentications.
    pub(super) fn auth(&mut self, event: EventRef, sample: &AuthSample) {
        let key = [
            Some(sample.service.raw()),
            region(sample.region.as_ref()),
            sample.secret.as_ref().map(SecretPath::raw),
        ];
        let row = self.auth.row(key, || {
            Track::new(AuthSeries {
                service: sample.service.clone(),
                region: sample.region.clone(),
                secret: sample.secret.clone(),
                windows: Vector::new(),
            })
        });
        let Some(row) = row else { return };
        let window = AuthWindow {
            end: event.time,
            length: seconds(sample.window_seconds),
            total: sample.total,
            failed_401: sample.failed_401.unwrap_or(0),
            failed_403: sample.failed_403.unwrap_or(0),
            failed_other: sample.failed_other.unwrap_or(0),
            event,
        };
        row.beside.push(&mut row.view.windows, window);
    }

    /// Takes in a window of another signal.
    pub(super) fn signal(&mut self, event: EventRef, sample: &SignalSample) {
        let key = [
            Some(sample.signal.raw()),
            Some(sample.service.raw()),
            region(sample.region.as_ref()),
            sample.secret.as_ref().map(SecretPath::raw),
        ];
        let row = self.signals.row(key, || {
            Track::new(SignalSeries {
                signal: sample.signal.clone(),
                service: sample.service.clone(),
                region: sample.region.clone(),
                secret: sample.secret.clone(),
                windows: Vector::new(),
            })
        });
        let Some(row) = row else { return };
        let window = CountWindow {
            end: event.time,
            length: seconds(sample.window_seconds),
            total: sample.total,
            bad: sample.bad,
            event,
        };
        row.beside.push(&mut row.view.windows, window);
    }

    /// Takes in a window of a quota.
    pub(super) fn quota(&mut self, event: EventRef, sample: &QuotaSample) {
        let key = [Some(sample.api.raw()), region(sample.region.as_ref())];
        let row = self.quotas.row(key, || {
            Track::new(Quota {
                api: sample.api.clone(),
                region: sample.region.clone(),
                windows: Vector::new(),
            })
        });
        let Some(row) = row else { return };
        let window = CountWindow {
            end: event.time,
            length: seconds(sample.window_seconds),
            total: sample.total,
            bad: sample.throttled,
            event,
        };
        row.beside.push(&mut row.view.windows, window);
    }

    /// Takes in a window of one side of a canary comparison.
    pub(super) fn canary(&mut self, event: EventRef, sample: &CanarySample) {
        let key = [Some(sample.service.raw()), region(sample.region.as_ref())];
        let row = self.canaries.row(key, || Sides {
            view: Canary {
                service: sample.service.clone(),
                region: sample.region.clone(),
                canary: Vector::new(),
                baseline: Vector::new(),
            },
            canary: Beside::default(),
            baseline: Beside::default(),
        });
        let Some(row) = row else { return };
        let window = CanaryWindow {
            end: event.time,
            length: seconds(sample.window_seconds),
            total: sample.total,
            errors: sample.errors,
            p99_ms: sample.p99_ms,
            event,
        };
        match sample.cohort {
            Cohort::Canary => row.canary.push(&mut row.view.canary, window),
            Cohort::Baseline => row.baseline.push(&mut row.view.baseline, window),
            Cohort::Other(_) => {}
        }
    }

    /// Every series of authentications.
    pub(super) fn auths(&self) -> impl Iterator<Item = &AuthSeries> {
        self.auth.iter().map(|row| &row.view)
    }

    /// Every series of another signal.
    pub(super) fn all_signals(&self) -> impl Iterator<Item = &SignalSeries> {
        self.signals.iter().map(|row| &row.view)
    }

    /// Every quota.
    pub(super) fn all_quotas(&self) -> impl Iterator<Item = &Quota> {
        self.quotas.iter().map(|row| &row.view)
    }

    /// Every canary comparison.
    pub(super) fn all_canaries(&self) -> impl Iterator<Item = &Canary> {
        self.canaries.iter().map(|row| &row.view)
    }
}
