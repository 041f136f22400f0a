//! Plays a recording: where it stands, how fast it goes, and what a person asks of it. The
//! moment of the wall clock is an argument, so that a test can play an hour at once.

mod live;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::incident::{EventRef, Incident, Recording};
use crate::model::replay::{Direction, Mark, MarkKind, PlayerStatus, ReplayCommand, SeekTo, Speed};
use crate::model::{Event, Span, Timestamp};

use live::Live;

/// How many events are folded between two looks at the clock.
const BATCH: usize = 512;

/// Time that passes without events moves the clock on the screen this often.
const TICK: Duration = Duration::from_millis(250);

/// How a session starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Start {
    /// Where, once that much has been read; `None` is the first event.
    pub at: Option<SeekTo>,
    /// Whether it plays.
    pub playing: bool,
    /// How fast.
    pub speed: Speed,
}

impl Default for Start {
    fn default() -> Self {
        Self {
            at: None,
            playing: true,
            speed: Speed::Times(10.0),
        }
    }
}

/// Plays a recording that may still be growing.
pub struct Player {
    recording: Recording,
    incident: Incident,
    position: usize,
    at: Option<Timestamp>,
    playing: bool,
    speed: Speed,
    /// Where the recording stood at which moment of the wall clock, while it plays.
    anchor: Option<(Instant, Timestamp)>,
    /// A place that was asked for before it had been read: any at the start, a moment later on.
    pending: Option<SeekTo>,
    marks: Arc<[Mark]>,
    marks_of: usize,
    /// Marks that the recording does not know of: what a diagnosis found.
    found: Vec<Mark>,
    /// So many events at the beginning were handed to the diagnosis.
    handed: usize,
    loaded: bool,
    /// What makes it a live one.
    live: Option<Live>,
    /// The latest moment that it stood at, where it is a live one.
    seen: Option<Timestamp>,
    /// When it last let time pass.
    ticked: Option<Instant>,
    /// Up to this moment everything is likely to have come, where it is a live one.
    settled: Option<Timestamp>,
}

impl Player {
    /// A player without events.
    #[must_use]
    pub fn new(start: Start) -> Self {
        Self {
            recording: Recording::default(),
            incident: Incident::default(),
            position: 0,
            at: None,
            playing: start.playing,
            speed: start.speed,
            anchor: None,
            pending: start.at,
            marks: Arc::from([]),
            marks_of: 0,
            found: Vec::new(),
            handed: 0,
            loaded: false,
            live: None,
            seen: None,
            ticked: None,
            settled: None,
        }
    }

    /// True until the first event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recording.is_empty()
    }

    /// The state where the player stands.
    #[must_use]
    pub fn incident(&self) -> &Incident {
        &self.incident
    }

    /// How the player stands.
    #[must_use]
    pub fn status(&mut self) -> PlayerStatus {
        if self.marks_of != self.recording.len() {
            self.marks = self.all_marks();
            self.marks_of = self.recording.len();
        }
        PlayerStatus {
            playing: self.playing,
            speed: self.speed,
            from: self.recording.from(),
            to: self.end(),
            at: self.at,
            position: self.position as u64,
            events: self.recording.len() as u64,
            marks: Arc::clone(&self.marks),
        }
    }

    fn all_marks(&self) -> Arc<[Mark]> {
        let marks = self.recording.marks();
        if self.found.is_empty() {
            return marks;
        }
        let mut all: Vec<Mark> = marks.iter().chain(&self.found).cloned().collect();
        all.sort_by_key(|mark| mark.at);
        Arc::from(all)
    }

    /// Takes the marks of what was found, in place of those before.
    pub fn found(&mut self, marks: Vec<Mark>) {
        self.found = marks;
        self.marks = self.all_marks();
    }

    /// The event that the player stands on: the last one that is in the state.
    #[must_use]
    pub fn last(&self) -> Option<&Event> {
        self.recording.get(self.position.checked_sub(1)?)
    }

    /// The next events that were not handed over yet, in order, at most so many; of a live
    /// session those that no other is likely to come before any more.
    pub fn hand(&mut self, most: usize) -> Vec<Event> {
        let settled = self.settled;
        let events = self.recording.events(self.handed).take(most);
        let events = events.take_while(|e| settled.is_none_or(|settled| e.time <= settled));
        let events: Vec<Event> = events.cloned().collect();
        self.handed += events.len();
        events
    }

    /// Hands everything over once more, from the first event on.
    pub fn hand_again(&mut self) {
        self.handed = 0;
    }

    /// Takes events in. Those that lie before the player's moment are applied at once: the fold
    /// does not mind the order. Gives the earliest time of those that came behind what was handed
    /// over ([`Self::hand`]) already.
    pub fn push(&mut self, events: Vec<Event>, now: Instant) -> Option<Timestamp> {
        let mut late: Option<Timestamp> = None;
        for event in events {
            let past = self.at.is_some_and(|at| event.time <= at);
            let time = event.time;
            let Some(index) = self.recording.push(event) else {
                continue;
            };
            if index < self.handed {
                self.handed += 1;
                late = Some(late.map_or(time, |late| late.min(time)));
            }
            // What stands behind events that are not applied yet is applied after them.
            let applied = index < self.position || (past && index == self.position);
            if applied && let Some(event) = self.recording.get(index) {
                self.incident.apply(event);
                self.position += 1;
            }
        }
        if self.at.is_none()
            && let Some(from) = self.recording.from()
        {
            self.go(from);
            self.anchor = Some((now, from));
        }
        self.try_pending(now);
        late
    }

    /// Nothing more will come.
    pub fn loaded(&mut self, now: Instant) {
        self.loaded = true;
        self.playing &= !self.recording.is_empty();
        self.try_pending(now);
    }

    /// Does what a person asks.
    pub fn command(&mut self, command: ReplayCommand, now: Instant) {
        if self.leads(&command) {
            return;
        }
        match command {
            ReplayCommand::Toggle if self.playing => self.playing = false,
            ReplayCommand::Toggle => {
                self.playing = true;
                if self.loaded && self.at >= self.recording.to() {
                    self.seek(SeekTo::Start);
                }
            }
            ReplayCommand::Pause => self.playing = false,
            ReplayCommand::Speed(speed) => self.speed = speed,
            ReplayCommand::Step(direction) => self.step(direction),
            ReplayCommand::Event { time, source, id } => {
                (self.playing, self.pending) = (false, None);
                let event = EventRef { time, source, id };
                self.stand_at(self.recording.position_after(&event));
            }
            // A moment that has not been read yet may still come. What is told by the recording
            // itself is told by what has been read: a person who presses a key is not made to
            // wait for the end of a stream.
            ReplayCommand::Seek(to @ SeekTo::Time(_)) => {
                self.pending = Some(to);
                self.try_pending(now);
            }
            ReplayCommand::Seek(to) => {
                self.pending = None;
                self.seek(to);
            }
        }
        self.anchor = self.at.map(|at| (now, at));
    }

    /// Plays up to `now`, for at most about `slice`; true where anything changed.
    pub fn advance(&mut self, now: Instant, slice: Duration) -> bool {
        if self.is_following() {
            return self.advance_live(now, slice);
        }
        if !self.playing {
            return false;
        }
        let (Some((since, from)), Some(at), Some(to)) = (self.anchor, self.at, self.recording.to())
        else {
            return false;
        };
        let target = match self.speed {
            Speed::Unbounded => to,
            Speed::Times(factor) => (from + played(now - since, factor)).min(to),
        };
        let began = Instant::now();
        let mut changed = false;
        while began.elapsed() < slice {
            let mut folded = 0;
            for event in self
                .recording
                .events(self.position)
                .take(BATCH)
                .take_while(|e| e.time <= target)
            {
                self.incident.apply(event);
                self.at = Some(event.time);
                folded += 1;
            }
            if folded == 0 {
                break;
            }
            self.position += folded;
            changed = true;
        }
        let caught_up = self
            .recording
            .get(self.position)
            .is_none_or(|e| e.time > target);
        if caught_up && target > at {
            self.at = Some(target);
            self.incident.tick(target);
            changed = true;
        }
        if caught_up && target >= to {
            if self.loaded {
                self.playing = false;
                changed = true;
            } else if self.live.is_some() {
                self.follow(true);
                changed = true;
            } else {
                // The end of what has been read is not the end: wait there for more.
                self.anchor = Some((now, to));
            }
        }
        changed
    }

    /// How long nothing needs to be done; `None` while it does not play.
    #[must_use]
    pub fn next_due(&self, now: Instant) -> Option<Duration> {
        if self.is_following() {
            return self.tick_due(now);
        }
        if !self.playing {
            return None;
        }
        let (since, from) = self.anchor?;
        let next = self.recording.get(self.position).map(|event| event.time);
        let Some(next) = next else {
            return if self.loaded {
                Some(Duration::ZERO)
            } else {
                None
            };
        };
        match self.speed {
            Speed::Unbounded => Some(Duration::ZERO),
            Speed::Times(factor) => {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a wait needs no more than 52 bits of microseconds"
                )]
                let micros = next.since(from).as_micros().max(0) as f64 / factor;
                let due = Duration::from_secs_f64((micros / 1e6).min(3600.0));
                Some(due.saturating_sub(now - since).min(TICK))
            }
        }
    }

    fn try_pending(&mut self, now: Instant) {
        let Some(to) = self.pending else { return };
        let reached = match to {
            SeekTo::Time(time) => self.recording.to().is_some_and(|last| last >= time),
            SeekTo::Start => true,
            SeekTo::End | SeekTo::Share(_) | SeekTo::Mark(..) => self.loaded,
        };
        if !(reached || self.loaded) || self.recording.is_empty() {
            return;
        }
        self.pending = None;
        self.seek(to);
        self.anchor = self.at.map(|at| (now, at));
    }

    fn seek(&mut self, to: SeekTo) {
        let (Some(from), Some(end)) = (self.recording.from(), self.recording.to()) else {
            return;
        };
        let target = match to {
            SeekTo::Time(time) => time.clamp(from, end),
            SeekTo::Share(share) => from + scaled(end.since(from), share.clamp(0.0, 1.0)),
            SeekTo::Start => from,
            SeekTo::End => end,
            SeekTo::Mark(direction, kind) => match self.mark(direction, kind) {
                Some(at) => at,
                None => return,
            },
        };
        self.go(target);
    }

    fn go(&mut self, target: Timestamp) {
        self.stand(self.recording.position_at(target));
        self.incident.tick(target);
        self.at = Some(target);
    }

    fn stand(&mut self, position: usize) {
        self.incident = self.recording.incident_at(position);
        self.position = position;
    }

    fn step(&mut self, direction: Direction) {
        self.playing = false;
        self.pending = None;
        let position = match direction {
            Direction::Forward => (self.position + 1).min(self.recording.len()),
            Direction::Backward => self.position.saturating_sub(1).max(1),
        };
        if position != self.position {
            self.stand_at(position);
        }
    }

    /// Stands behind so many events, at the moment of the last of them.
    fn stand_at(&mut self, position: usize) {
        self.stand(position);
        self.at = self.last().map(|event| event.time).or(self.at);
    }

    fn mark(&mut self, direction: Direction, kind: Option<MarkKind>) -> Option<Timestamp> {
        let at = self.at?;
        let marks = self.status().marks;
        let mut wanted = marks
            .iter()
            .filter(|mark| kind.is_none_or(|kind| mark.kind == kind))
            .map(|mark| mark.at);
        match direction {
            Direction::Forward => wanted.find(|time| *time > at),
            Direction::Backward => wanted.take_while(|time| *time < at).last(),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "recordings are shorter than 292,000 years"
)]
fn played(real: Duration, factor: f64) -> Span {
    Span::micros((real.as_secs_f64() * factor * 1e6) as i64)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a place on a bar needs no microseconds"
)]
fn scaled(span: Span, share: f64) -> Span {
    Span::micros((span.as_micros() as f64 * share) as i64)
}

#[cfg(test)]
mod tests;
