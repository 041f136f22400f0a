//! Sources: what is known of each event already, what is late, and how each backend is reached.
//!
//! Every source has its own newest moment and its own watermark behind it; none waits for another.

use super::seen::Seen;
use super::store::{Row, Store, Words, hash_words};
use super::view::{Applied, Backend, EventRef, WATERMARK, WATERMARK_CLOUDTRAIL};
use crate::model::event::{BackendState, BackendStatus};
use crate::model::{BackendName, Event, Span, Text, Timestamp};

/// The most words kept about how a backend is reached; the latest by time stay.
const WORDS_KEPT: usize = 512;

/// All sources and backends.
#[derive(Clone, Debug, Default)]
pub(super) struct Sources {
    rows: Store<SourceRow, 1>,
}

#[derive(Clone, Debug)]
struct SourceRow {
    backend: Backend,
    hash: u64,
    watermark: Span,
    seen: Seen,
    words: Vec<(EventRef, BackendState)>,
}

impl Row<1> for SourceRow {
    fn key(&self) -> Words<'_, 1> {
        [Some(self.backend.name.raw())]
    }
}

impl SourceRow {
    fn new(name: &Text) -> Self {
        Self {
            backend: Backend {
                name: BackendName(name.clone()),
                state: None,
                at: None,
                lag: None,
                error: None,
                newest: None,
                events: 0,
                late: 0,
                gaps: Vec::new(),
            },
            hash: hash_words(&[Some(name.raw())]),
            watermark: watermark(name.raw()),
            seen: Seen::default(),
            words: Vec::new(),
        }
    }
}

/// How far behind its newest event a source may still deliver in any order.
fn watermark(source: &str) -> Span {
    let trail = source.as_bytes().windows(10);
    if trail
        .into_iter()
        .any(|w| w.eq_ignore_ascii_case(b"cloudtrail"))
    {
        WATERMARK_CLOUDTRAIL
    } else {
        WATERMARK
    }
}

impl Sources {
    /// Notes that an event came. Gives what it is, and a hash that names it.
    pub(super) fn arrive(&mut self, event: &Event) -> (Applied, u64) {
        let name = &event.source.0;
        let id_hash = hash_words(&[Some(event.id.raw())]);
        let row = self.rows.row([Some(name.raw())], || SourceRow::new(name));
        let Some(row) = row else {
            return (Applied::New, id_hash);
        };
        let hash = row.hash.rotate_left(32) ^ id_hash;
        let newest = row.backend.newest.unwrap_or(event.time).max(event.time);
        let horizon = newest - row.watermark;
        if !row.seen.note(id_hash, &event.id, event.time, horizon) {
            return (Applied::Duplicate, hash);
        }
        row.backend.newest = Some(newest);
        row.backend.events += 1;
        if event.time < horizon {
            row.backend.late += 1;
            return (Applied::Late, hash);
        }
        (Applied::New, hash)
    }

    /// Takes in how a backend is reached.
    pub(super) fn status(&mut self, event: EventRef, status: &BackendStatus) {
        let name = &status.backend.0;
        let row = self.rows.row([Some(name.raw())], || SourceRow::new(name));
        let Some(row) = row else { return };
        let Err(at) = row.words.binary_search_by(|(word, _)| word.cmp(&event)) else {
            return;
        };
        if at == row.words.len() {
            let backend = &mut row.backend;
            backend.state = Some(status.state.clone());
            backend.at = Some(event.time);
            backend.lag = status.lag_ms.map(millis);
            backend.error.clone_from(&status.error);
        }
        row.words.insert(at, (event, status.state.clone()));
        if row.words.len() > WORDS_KEPT {
            row.words.remove(0);
        }
        row.backend.gaps = gaps(&row.words);
    }

    /// Every backend, by name.
    pub(super) fn backends(&self) -> impl Iterator<Item = &Backend> {
        self.rows.iter().map(|row| &row.backend)
    }
}

/// Away from the first `disconnected` until any other word.
fn gaps(words: &[(EventRef, BackendState)]) -> Vec<(Timestamp, Option<Timestamp>)> {
    let mut gaps: Vec<(Timestamp, Option<Timestamp>)> = Vec::new();
    let mut away = false;
    for (event, state) in words {
        match (away, *state == BackendState::Disconnected) {
            (false, true) => gaps.push((event.time, None)),
            (true, false) => {
                if let Some((_, end)) = gaps.last_mut() {
                    *end = Some(event.time);
                }
            }
            _ => {}
        }
        away = *state == BackendState::Disconnected;
    }
    gaps
}

/// Milliseconds as a span; what is out of range is its nearest end.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
pub(super) fn millis(ms: f64) -> Span {
    Span::micros((ms * 1000.0) as i64)
}

#[cfg(test)]
mod tests {
    use crate::incident::testing::{at, auth, event, fold};
    use crate::model::Event;
    use crate::model::event::BackendState;
    use serde_json::json;

    fn status(seconds: i64, state: &str, error: Option<&str>) -> Event {
        let data = json!({"backend": "/vault", "state": state, "lag_ms": 1500, "error": error});
        event(
            "/session",
            &format!("{seconds}"),
            seconds,
            "backend.status",
            &data,
        )
    }

    #[test]
    fn a_gap_lasts_from_disconnected_until_it_answers_again() {
        let mut events = vec![
            status(1, "connected", None),
            status(10, "disconnected", Some("refused")),
            status(20, "disconnected", None),
            status(30, "degraded", None),
            status(40, "disconnected", None),
        ];
        events.reverse();
        let incident = fold(&events);
        let vault = incident
            .backends()
            .find(|b| b.name.raw() == "/vault")
            .unwrap();
        assert_eq!(vault.gaps, [(at(10), Some(at(30))), (at(40), None)]);
        assert_eq!(vault.state, Some(BackendState::Disconnected));
        assert_eq!(vault.at, Some(at(40)));
        assert_eq!((vault.newest, vault.events), (None, 0));
        assert_eq!(vault.lag.unwrap().as_micros(), 1_500_000);
    }

    #[test]
    fn a_source_is_a_backend_though_it_never_speaks_of_itself() {
        let incident = fold(&[auth("/a", 60, 1), auth("/a", 30, 1), auth("/b", 1, 1)]);
        let told: Vec<_> = incident
            .backends()
            .map(|b| (b.name.raw(), b.newest, b.events, b.state.is_some()))
            .collect();
        assert_eq!(
            told,
            [
                ("/a", Some(at(60)), 2, false),
                ("/b", Some(at(1)), 1, false)
            ]
        );
    }
}
