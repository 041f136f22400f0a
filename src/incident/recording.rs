//! A recording: events in order, and the incident at any place in them.
//!
//! Checkpoints are clones of the incident that share structure. One is kept every [`STRIDE`]
//! events, made while events are pushed, so that a seek folds at most that many.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::{Arc, OnceLock};

use super::fold::Incident;
use super::view::EventRef;
use crate::model::event::{Outcome, Stage, StageStatus};
use crate::model::replay::{Mark, MarkKind};
use crate::model::{Data, Event, EventId, Region, ServiceName, Source, Text, Timestamp};

/// A checkpoint is kept every so many events.
pub const STRIDE: usize = 32_768;

/// Checkpoints stay this many events behind the newest, so that one which comes a little late
/// undoes none.
const LAG: usize = 4096;

/// How many events are folded for one that is pushed, until the fold has caught up.
const CATCH_UP: usize = 4;

/// A part of the recording holds at most so many events.
const PART: usize = 1024;

/// Events of an incident, sorted by time, source and id, each once.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    parts: Vec<Part>,
    len: usize,
    checkpoints: Vec<Checkpoint>,
    /// The fold that makes the next checkpoint.
    head: Checkpoint,
    notes: Vec<(EventRef, Note)>,
    marks: OnceLock<Arc<[Mark]>>,
}

/// Neighbouring events, and how many stand before them.
#[derive(Clone, Debug)]
struct Part {
    before: usize,
    events: Vec<Event>,
}

/// The incident after the first `position` events.
#[derive(Clone, Debug, Default)]
struct Checkpoint {
    position: usize,
    incident: Incident,
}

impl Checkpoint {
    fn apply(&mut self, event: &Event) {
        self.incident.apply(event);
        self.position += 1;
    }
}

/// What may become a mark once its neighbours are known.
#[derive(Clone, Debug)]
enum Note {
    Mark(Mark),
    /// The first word of an act is a mark.
    Act(Text, Mark),
    /// A service that goes down is a mark, one that stays down is none.
    Health(ServiceName, Option<Region>, bool),
}

fn order(event: &Event) -> (Timestamp, &Source, &EventId) {
    (event.time, &event.source, &event.id)
}

impl Part {
    fn starts_after(&self, key: (Timestamp, &Source, &EventId)) -> bool {
        self.events.first().is_some_and(|first| order(first) > key)
    }
}

impl Recording {
    /// Puts an event where it belongs. Gives its position, from 0: all at and behind it have
    /// moved by one, so whoever stands behind it has to seek anew. `None` where it is there
    /// already.
    pub fn push(&mut self, event: Event) -> Option<usize> {
        let note = note(&event);
        let key = note.as_ref().map(|_| EventRef::of(&event));
        let at = self.insert(event)?;
        if let (Some(note), Some(key)) = (note, key) {
            let place = self.notes.partition_point(|(held, _)| *held < key);
            self.notes.insert(place, (key, note));
            self.marks = OnceLock::new();
        }
        if at < self.head.position {
            self.checkpoints.retain(|c| c.position <= at);
            self.head = self.checkpoints.last().cloned().unwrap_or_default();
        }
        for _ in 0..CATCH_UP {
            if self.head.position + LAG >= self.len {
                break;
            }
            self.advance();
        }
        Some(at)
    }

    fn insert(&mut self, event: Event) -> Option<usize> {
        let key = order(&event);
        let is_last = self
            .parts
            .last()
            .and_then(|part| part.events.last())
            .is_none_or(|last| order(last) < key);
        if is_last {
            return Some(self.append(event));
        }
        let part = self.parts.partition_point(|part| !part.starts_after(key));
        let index = part.saturating_sub(1);
        let part = self.parts.get_mut(index)?;
        let Err(at) = part.events.binary_search_by(|e| order(e).cmp(&key)) else {
            return None;
        };
        let position = part.before + at;
        part.events.insert(at, event);
        if part.events.len() > PART {
            let events = part.events.split_off(PART / 2);
            let before = part.before + part.events.len();
            self.parts.insert(index + 1, Part { before, events });
            // The second half counts the new event already.
            self.count_up(index + 2);
        } else {
            self.count_up(index + 1);
        }
        self.len += 1;
        Some(position)
    }

    fn count_up(&mut self, from: usize) {
        for part in self.parts.iter_mut().skip(from) {
            part.before += 1;
        }
    }

    fn append(&mut self, event: Event) -> usize {
        let position = self.len;
        match self.parts.last_mut() {
            Some(part) if part.events.len() < PART => part.events.push(event),
            _ => {
                let mut events = Vec::with_capacity(PART);
                events.push(event);
                self.parts.push(Part {
                    before: position,
                    events,
                });
            }
        }
        self.len += 1;
        position
    }

    /// Takes the fold one event further, and keeps a checkpoint where one is due.
    fn advance(&mut self) {
        let Some(event) = find(&self.parts, self.head.position) else {
            return;
        };
        self.head.apply(event);
        if self.head.position.is_multiple_of(STRIDE) {
            self.checkpoints.push(self.head.clone());
        }
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True before the first.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first event's time.
    #[must_use]
    pub fn from(&self) -> Option<Timestamp> {
        self.get(0).map(|event| event.time)
    }

    /// The last event's time.
    #[must_use]
    pub fn to(&self) -> Option<Timestamp> {
        self.get(self.len.checked_sub(1)?).map(|event| event.time)
    }

    /// The event at a position, from 0.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<&Event> {
        find(&self.parts, position)
    }

    /// The events from a position on, in order.
    pub fn events(&self, from: usize) -> impl Iterator<Item = &Event> {
        let index = holder(&self.parts, from);
        let parts = self.parts.iter().skip(index);
        parts.flat_map(move |part| part.events.iter().skip(from.saturating_sub(part.before)))
    }

    /// How many events have a time at or before this one: the position to stand at.
    #[must_use]
    pub fn position_at(&self, time: Timestamp) -> usize {
        let after = |events: &[Event]| events.first().is_some_and(|e| e.time > time);
        let part = self.parts.partition_point(|part| !after(&part.events));
        let Some(part) = part.checked_sub(1).and_then(|at| self.parts.get(at)) else {
            return 0;
        };
        part.before + part.events.partition_point(|event| event.time <= time)
    }

    /// How many events come before or are this one, whether or not it is there: the position to
    /// stand on it.
    #[must_use]
    pub fn position_after(&self, event: &EventRef) -> usize {
        let key = (event.time, &event.source, &event.id);
        let part = self.parts.partition_point(|part| !part.starts_after(key));
        let Some(part) = part.checked_sub(1).and_then(|at| self.parts.get(at)) else {
            return 0;
        };
        part.before + part.events.partition_point(|event| order(event) <= key)
    }

    /// The incident after the first `position` events (all of them, where there are fewer).
    /// Folds at most [`STRIDE`] events, more only while the checkpoints have not caught up with
    /// what was pushed.
    pub fn incident_at(&mut self, position: usize) -> Incident {
        let position = position.min(self.len);
        while self.head.position + STRIDE < position {
            self.advance();
        }
        let kept = self.checkpoints.partition_point(|c| c.position <= position);
        let kept = kept.checked_sub(1).and_then(|at| self.checkpoints.get(at));
        let head = Some(&self.head).filter(|head| head.position <= position);
        let nearest = kept.into_iter().chain(head).max_by_key(|c| c.position);
        let mut from = nearest.cloned().unwrap_or_default();
        let missing = position - from.position;
        for event in self.events(from.position).take(missing) {
            from.apply(event);
        }
        from.incident
    }

    /// The moments worth jumping to, by time.
    #[must_use]
    pub fn marks(&self) -> Arc<[Mark]> {
        Arc::clone(self.marks.get_or_init(|| marks(&self.notes)))
    }
}

fn holder(parts: &[Part], position: usize) -> usize {
    let after = parts.partition_point(|part| part.before <= position);
    after.saturating_sub(1)
}

fn find(parts: &[Part], position: usize) -> Option<&Event> {
    let part = parts.get(holder(parts, position))?;
    part.events.get(position.checked_sub(part.before)?)
}

fn note(event: &Event) -> Option<Note> {
    let mark = |kind| Mark {
        at: event.time,
        kind,
        rotation: event.rotation.clone(),
    };
    let kind = match &event.data {
        Data::RotationStage(stage) => match (&stage.stage, &stage.status) {
            (_, StageStatus::Failed) => MarkKind::Failure,
            (Stage::Cutover, StageStatus::Completed) => MarkKind::Cutover,
            (Stage::Revoke, StageStatus::Completed) => MarkKind::Revoke,
            _ => return None,
        },
        Data::RotationFinished(end) => match end.outcome {
            Outcome::Failed | Outcome::RolledBack => MarkKind::Failure,
            _ => return None,
        },
        Data::Action(action) => {
            let key = action.idempotency_key.clone();
            return Some(Note::Act(key, mark(MarkKind::Act)));
        }
        Data::ServiceHealth(health) => {
            let (service, region) = (health.service.clone(), health.region.clone());
            return Some(Note::Health(service, region, health.up));
        }
        _ => return None,
    };
    Some(Note::Mark(mark(kind)))
}

fn marks(notes: &[(EventRef, Note)]) -> Arc<[Mark]> {
    let mut acts: HashSet<&Text> = HashSet::new();
    let mut down: HashMap<(&ServiceName, Option<&Region>), bool> = HashMap::new();
    let mut marks = Vec::new();
    for (event, note) in notes {
        match note {
            Note::Mark(mark) => marks.push(mark.clone()),
            Note::Act(key, mark) => {
                if acts.insert(key) {
                    marks.push(mark.clone());
                }
            }
            Note::Health(service, region, up) => {
                let was_up = match down.entry((service, region.as_ref())) {
                    Entry::Occupied(mut held) => held.insert(*up),
                    Entry::Vacant(place) => {
                        place.insert(*up);
                        true
                    }
                };
                if was_up && !up {
                    marks.push(Mark {
                        at: event.time,
                        kind: MarkKind::Failure,
                        rotation: None,
                    });
                }
            }
        }
    }
    Arc::from(marks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::testing::{at, auth, event, fold, of, stage, started};
    use serde_json::json;

    fn recording(events: &[Event]) -> Recording {
        let mut recording = Recording::default();
        for event in events {
            recording.push(event.clone());
        }
        recording
    }

    #[test]
    fn events_are_sorted_and_each_is_there_once() {
        let mut recording = recording(&[auth("/a", 30, 1), auth("/a", 90, 1)]);
        assert_eq!(recording.push(auth("/a", 60, 1)), Some(1));
        assert_eq!(recording.push(auth("/a", 60, 1)), None);
        assert_eq!(recording.push(auth("/b", 60, 1)), Some(2));
        let times: Vec<_> = recording.events(1).map(|e| e.time).collect();
        assert_eq!(times, [at(60), at(60), at(90)]);
        assert_eq!(
            (recording.from(), recording.to()),
            (Some(at(30)), Some(at(90)))
        );
        assert_eq!(recording.len(), 4);
    }

    #[test]
    fn a_position_is_how_many_events_are_not_later() {
        let recording = recording(&[auth("/a", 30, 1), auth("/a", 60, 1), auth("/b", 60, 1)]);
        let positions = [0, 30, 59, 60, 99].map(|seconds| recording.position_at(at(seconds)));
        assert_eq!(positions, [0, 1, 1, 3, 3]);
    }

    #[test]
    fn an_event_is_stood_on_though_others_share_its_moment() {
        let events = [auth("/a", 30, 1), auth("/a", 60, 1), auth("/b", 60, 1)];
        let recording = recording(&events);
        let after = |event: &Event| recording.position_after(&EventRef::of(event));
        assert_eq!(events.each_ref().map(after), [1, 2, 3]);
        assert_eq!(after(&auth("/0", 30, 1)), 0);
        assert_eq!(after(&auth("/a", 99, 1)), 3);
    }

    /// Every second event in order, then the others in order: as two files read one after the
    /// other.
    #[test]
    fn a_seek_equals_a_play_though_events_come_after_their_checkpoints() {
        let events: Vec<Event> = (0..70_000).map(|n| auth("/a", n, 1)).collect();
        let (odd, even): (Vec<_>, Vec<_>) = events.iter().partition(|e| e.time.seconds() % 2 == 1);
        let mut recording = Recording::default();
        for event in even.into_iter().chain(odd) {
            recording.push(event.clone());
        }
        assert_eq!(recording.len(), events.len());
        assert!(recording.events(0).eq(&events));
        for position in [69_999, 3, 40_000, 70_000, 0, 32_768] {
            let sought = recording.incident_at(position);
            assert!(sought == fold(&events[..position]), "{position}");
        }
        assert!(recording.incident_at(99_999) == fold(&events));
    }

    #[test]
    fn a_late_event_is_in_every_later_seek() {
        let mut recording = recording(
            &(0..50_000)
                .map(|n| auth("/a", n * 2, 1))
                .collect::<Vec<_>>(),
        );
        let before = recording.incident_at(40_000);
        assert_eq!(recording.push(started("r1", 1001, "db", None)), Some(501));
        assert_eq!(before.rotation_count(), 0);
        assert_eq!(recording.incident_at(501).rotation_count(), 0);
        assert_eq!(recording.incident_at(40_000).rotation_count(), 1);
    }

    #[test]
    fn marks_stand_at_cutovers_revocations_failures_and_acts() {
        let health = |seconds, up: bool| {
            let data = json!({"service": "s", "up": up});
            event(
                "/a",
                &format!("h{seconds}"),
                seconds,
                "service.health",
                &data,
            )
        };
        let act = |seconds| {
            let data = json!({"action": "retry", "phase": "executed", "actor": "a",
                "target": "db", "idempotency_key": "k"});
            of(
                "r1",
                event("/s", &format!("{seconds}"), seconds, "action", &data),
            )
        };
        let recording = recording(&[
            stage("r1", 70, "revoke", "completed"),
            stage("r1", 10, "cutover", "completed"),
            stage("r1", 20, "cutover", "started"),
            health(30, true),
            health(40, false),
            health(50, false),
            act(60),
            act(61),
            stage("r1", 80, "audit", "failed"),
        ]);
        let marks: Vec<_> = recording
            .marks()
            .iter()
            .map(|m| (m.at.since(at(0)).as_seconds(), m.kind))
            .collect();
        assert_eq!(
            marks,
            [
                (10, MarkKind::Cutover),
                (40, MarkKind::Failure),
                (60, MarkKind::Act),
                (70, MarkKind::Revoke),
                (80, MarkKind::Failure),
            ]
        );
    }
}
