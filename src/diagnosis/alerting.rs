//! The alerts beside the diagnosis: the book of alerts, told what was found at each event that
//! changed it, and the budgets that burn meanwhile.

use std::sync::Arc;

use super::care::Cares;
use super::findings::Findings;
use crate::incident::Incident;
use crate::measure::alert::{Alert, Book, Notice, Pressure};
use crate::measure::level::{Episode, Ledger, Levels, Objectives};
use crate::model::{Event, Span, Timestamp};

/// Budgets are looked at so often while nothing stands,
const IDLE: Span = Span::seconds(900);
/// and so often just after something began; ever more seldom the longer it stands, as budgets
/// move ever more slowly,
const BUSY: Span = Span::seconds(60);
/// a twentieth of the time that has passed since.
const SHARE: i64 = 20;

/// What is older than any window is let go of so often.
const FORGET: Span = Span::seconds(86_400);

/// Alerts in the order in which they began; shared, so that a copy costs nothing.
pub type Alerts = Arc<[Arc<Alert>]>;

/// Keeps the alerts.
#[derive(Default)]
pub(super) struct Alerting {
    book: Book,
    ledger: Ledger,
    objectives: Objectives,
    pressure: Pressure,
    /// The first event.
    began: Option<Timestamp>,
    /// When budgets were last looked at.
    measured: Option<Timestamp>,
    forgot: Option<Timestamp>,
    /// The findings' revision that the book knows.
    revision: u64,
}

impl Alerting {
    pub(super) fn new(objectives: &Objectives) -> Self {
        Self {
            objectives: *objectives,
            ..Self::default()
        }
    }

    /// Looks at an event that has just been taken in and at what it changed; true where the book
    /// was told anything.
    pub(super) fn observe(
        &mut self,
        event: &Event,
        incident: &Incident,
        findings: &Findings,
    ) -> bool {
        let now = event.time;
        self.began = self.began.or(Some(now));
        self.ledger.take(event);
        let mut due = self.book.observe(event, incident);
        due |= std::mem::replace(&mut self.revision, findings.revision()) != findings.revision();
        if self.is_due(now) {
            due |= self.measure(now, incident, findings);
        }
        if due {
            let all = findings.all();
            let cares = Cares::of(incident);
            let notices: Vec<Notice> = all
                .into_iter()
                .map(|finding| Notice {
                    silent: cares.about(finding, incident, now).is_silent(),
                    ..finding.notice()
                })
                .collect();
            self.book.step(now, &notices, incident, &self.pressure);
        }
        due
    }

    /// The alerts, those of before among them where they did not change.
    pub(super) fn alerts(&self, before: &Alerts) -> Alerts {
        let same = self.book.alerts().count() == before.len()
            && self
                .book
                .alerts()
                .zip(before.iter())
                .all(|(a, b)| Arc::ptr_eq(a, b));
        if same {
            Arc::clone(before)
        } else {
            self.book.alerts().cloned().collect()
        }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let Some(last) = self.measured.or(self.began) else {
            return false;
        };
        let standing = self.book.alerts().filter(|alert| alert.stands());
        let wait = match standing.map(|alert| alert.since).max() {
            Some(since) => {
                let share = now.since(since).as_micros() / SHARE;
                Span::micros(share).max(BUSY).min(IDLE)
            }
            None => IDLE,
        };
        now.since(last) >= wait
    }

    /// Looks at the budgets; true where what burns has changed.
    fn measure(&mut self, now: Timestamp, incident: &Incident, findings: &Findings) -> bool {
        self.measured = Some(now);
        let all = findings.all().into_iter();
        let episodes: Vec<Episode> = all.map(super::Finding::episode).collect();
        let levels = Levels::at(
            now,
            None,
            &self.objectives,
            incident,
            &self.ledger,
            &episodes,
        );
        let watched = self.began.map_or(Span::ZERO, |began| now.since(began));
        let pressure = Pressure::of(&levels, watched);
        let changed = self.pressure != pressure;
        self.pressure = pressure;
        if self.forgot.is_none_or(|last| now.since(last) >= FORGET) {
            self.ledger.forget(now - self.objectives.longest());
            self.forgot = Some(now);
        }
        changed
    }
}
