//! The player of a live session: it follows the newest event and the emitters' clock. Whoever
//! pauses or goes back leaves the newest; `end`, or playing until it is caught up with, returns.

use std::time::{Duration, Instant};

use super::{BATCH, Player, Start, TICK, played};
use crate::model::replay::{ReplayCommand, SeekTo, Speed};
use crate::model::{Span, Timestamp};

/// So much later, in the world's time, what happened at one moment may come by another stream.
const SLACK: Duration = Duration::from_millis(500);

/// What makes a player a live one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live {
    /// True while it stands at the newest.
    following: bool,
    /// When this moment of the world it was that moment of the emitters', and how fast theirs go.
    clock: Option<(Instant, Timestamp, f64)>,
}

impl Player {
    /// A player of what happens now.
    #[must_use]
    pub fn live() -> Self {
        let mut player = Self::new(Start {
            at: None,
            playing: true,
            speed: Speed::Times(10.0),
        });
        player.live = Some(Live {
            following: true,
            clock: None,
        });
        player
    }

    /// True where it plays what happens now and stands at the newest.
    #[must_use]
    pub fn is_following(&self) -> bool {
        self.live.is_some_and(|live| live.following)
    }

    /// The emitters' clock was told.
    pub fn clock(&mut self, at: Timestamp, scale: f64, now: Instant) {
        if let Some(live) = &mut self.live
            && scale.is_finite()
            && scale > 0.0
        {
            live.clock = Some((now, at, scale));
        }
    }

    /// The emitters' moment; `None` before their clock was told.
    #[must_use]
    pub fn emitters_now(&self, now: Instant) -> Option<Timestamp> {
        let (since, at, scale) = self.live?.clock?;
        Some(at + played(now.saturating_duration_since(since), scale))
    }

    /// Says up to which moment everything is likely to have come: several streams bring what
    /// happened at one time a little apart.
    pub fn settle(&mut self, now: Instant) {
        self.settled = self.emitters_now(now).map(|at| {
            let newest = self.recording.to().map_or(at, |newest| newest.max(at));
            newest - self.scaled(SLACK)
        });
    }

    /// True where all that has settled was handed over.
    #[must_use]
    pub fn is_all_handed(&self) -> bool {
        let next = self.recording.get(self.handed);
        self.live.is_some() && next.is_none_or(|event| Some(event.time) > self.settled)
    }

    /// How far the diagnosis may lie behind what happens now and still be said to have seen all;
    /// `None` where a recording is played.
    #[must_use]
    pub fn tolerance(&self) -> Option<Span> {
        self.live.map(|_| self.scaled(SLACK * 4))
    }

    /// A length of the world's time, in the emitters'.
    fn scaled(&self, real: Duration) -> Span {
        let clock = self.live.and_then(|live| live.clock);
        clock.map_or(Span::ZERO, |(_, _, scale)| played(real, scale))
    }

    /// The end of what there is to see: while it follows, the moment it stands at.
    pub(super) fn end(&self) -> Option<Timestamp> {
        let newest = self.recording.to();
        if self.live.is_some() {
            newest.max(self.seen)
        } else {
            newest
        }
    }

    pub(super) fn follow(&mut self, follows: bool) {
        if let Some(live) = &mut self.live {
            live.following = follows;
            self.playing |= follows;
        }
    }

    /// A command of a person, before it is done: does it leave the newest or return there? True
    /// where that is all there is to do.
    pub(super) fn leads(&mut self, command: &ReplayCommand) -> bool {
        if self.live.is_none() {
            return false;
        }
        match command {
            ReplayCommand::Seek(SeekTo::End) => {
                self.follow(true);
                true
            }
            ReplayCommand::Seek(SeekTo::Time(time)) if self.end() < Some(*time) => {
                self.follow(true);
                true
            }
            ReplayCommand::Speed(_) => false,
            _ => {
                self.follow(false);
                false
            }
        }
    }

    /// Takes in all that has come, whenever it happened, and lets time pass with the emitters'.
    pub(super) fn advance_live(&mut self, now: Instant, slice: Duration) -> bool {
        let began = Instant::now();
        let mut changed = false;
        while began.elapsed() < slice {
            let mut folded = 0;
            for event in self.recording.events(self.position).take(BATCH) {
                self.incident.apply(event);
                folded += 1;
            }
            if folded == 0 {
                break;
            }
            self.position += folded;
            changed = true;
        }
        let moment = self.emitters_now(now).max(self.recording.to());
        // Nothing moves unless something happened: a tick is due four times a second.
        let due = self.ticked.is_none_or(|last| now - last >= TICK);
        if let Some(moment) = moment.filter(|moment| changed || (due && self.at < Some(*moment))) {
            self.incident.tick(moment);
            self.at = self.at.max(Some(moment));
            self.seen = self.seen.max(self.at);
            self.ticked = Some(now);
            changed = true;
        }
        changed
    }

    /// How long until the next tick.
    pub(super) fn tick_due(&self, now: Instant) -> Option<Duration> {
        if self.recording.get(self.position).is_some() {
            return Some(Duration::ZERO);
        }
        let last = self.ticked?;
        Some(TICK.saturating_sub(now - last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Event;
    use crate::model::replay::Direction;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_800_000_000 + seconds, 0)
    }

    fn event(seconds: i64) -> Event {
        let line = serde_json::json!({
            "specversion": "1.0", "id": seconds.to_string(), "source": "/a",
            "time": at(seconds).to_string(), "type": "rotascope.service.health",
            "data": {"service": "s", "up": true},
        });
        Event::from_json(line.to_string().as_bytes()).unwrap()
    }

    const SLICE: Duration = Duration::from_secs(1);

    fn player(begun: Instant) -> Player {
        let mut player = Player::live();
        player.push((0..10).map(event).collect(), begun);
        player.clock(at(10), 60.0, begun);
        player.advance(begun, SLICE);
        player
    }

    #[test]
    fn it_stands_at_the_newest_and_time_passes_with_the_emitters() {
        let begun = Instant::now();
        let mut player = player(begun);
        assert_eq!(player.status().position, 10);
        assert_eq!(player.incident().now(), Some(at(10)));
        let later = begun + Duration::from_secs(2);
        assert!(player.advance(later, SLICE));
        assert_eq!(player.incident().now(), Some(at(130)));
        assert_eq!(player.status().to, Some(at(130)));
        assert!(!player.advance(later + TICK / 2, SLICE), "no tick is due");
        player.push(vec![event(125)], later);
        player.advance(later, SLICE);
        assert_eq!(player.status().position, 11);
    }

    #[test]
    fn a_person_goes_back_and_returns() {
        let begun = Instant::now();
        let mut player = player(begun);
        player.command(ReplayCommand::Seek(SeekTo::Time(at(3))), begun);
        assert!(!player.is_following());
        assert_eq!(player.status().position, 4);
        player.command(ReplayCommand::Toggle, begun);
        player.push(vec![event(20)], begun);
        assert!(!player.advance(begun + SLICE, SLICE), "paused in the past");
        player.command(ReplayCommand::Seek(SeekTo::End), begun);
        player.advance(begun, SLICE);
        assert!(player.is_following());
        assert_eq!(player.status().position, 11);
        player.command(ReplayCommand::Step(Direction::Backward), begun);
        assert!(!player.is_following());
        assert_eq!(player.status().position, 10);
    }

    #[test]
    fn playing_from_the_past_catches_up_and_follows() {
        let begun = Instant::now();
        let mut player = player(begun);
        player.command(ReplayCommand::Seek(SeekTo::Start), begun);
        assert!(player.status().playing && !player.is_following());
        player.advance(begun + Duration::from_millis(500), SLICE);
        assert_eq!(player.status().position, 6);
        player.advance(begun + Duration::from_secs(2), SLICE);
        assert!(player.is_following());
    }

    #[test]
    fn the_diagnosis_gets_what_has_settled() {
        let begun = Instant::now();
        let mut player = player(begun);
        let later = begun + Duration::from_millis(600);
        player.settle(later);
        assert_eq!(player.hand(100).len(), 10);
        assert!(player.is_all_handed());
        // Two streams bring 50 and 45 in the wrong order: neither is late.
        player.push(vec![event(50)], later);
        player.settle(later);
        assert!(player.hand(100).is_empty() && player.is_all_handed());
        assert_eq!(player.push(vec![event(45)], later), None);
        let later = later + Duration::from_secs(1);
        player.settle(later);
        let handed: Vec<_> = player.hand(100).iter().map(|e| e.time).collect();
        assert_eq!(handed, [at(45), at(50)]);
    }

    #[test]
    fn an_empty_session_shows_the_clock_alone() {
        let begun = Instant::now();
        let mut player = Player::live();
        player.clock(at(0), 1.0, begun);
        assert!(player.advance(begun, SLICE));
        assert_eq!(player.incident().now(), Some(at(0)));
    }
}
