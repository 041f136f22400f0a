//! The diagnosis beside the player, on a thread of its own: the player hands it events in order,
//! a handful at a time, and gets back what was found when. The player never waits for it.
//!
//! What it is handed it does not keep; the recording stays the player's. An event that comes
//! behind what was handed over already is not looked at until the whole is looked at once more,
//! from the start. That begins when nothing of the kind has come for [`CALM`], at the latest
//! after [`PATIENCE`], or when nothing more will come; until the new look has gone as far as the
//! old one, what the old one found is shown, as known only up to the event that came late.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::measure::{self, Graded, Measure, Noter, QUIET};
use super::player::Player;
use crate::diagnosis::{Historian, History, Known, Reach, rules};
use crate::incident::EventRef;
use crate::measure::level::Objectives;
use crate::model::replay::{Mark, MarkKind};
use crate::model::{Event, Timestamp};

/// How many events are handed over at once: few, since the player clones them.
const HANDFUL: usize = 512;

/// No event came late for so long: the whole is looked at once more.
const CALM: Duration = Duration::from_secs(1);

/// Though events keep coming late, the whole is looked at again after so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the thread is asked.
enum Work {
    /// Look at these too.
    Events(Vec<Event>),
    /// Begin anew.
    Again,
}

/// When events came late.
#[derive(Clone, Copy, Debug)]
struct Late {
    first: Instant,
    last: Instant,
    /// The earliest of their own times.
    from: Timestamp,
}

impl Late {
    /// How long until the whole is to be looked at once more.
    fn wait(&self, now: Instant) -> Duration {
        let calm = CALM.saturating_sub(now - self.last);
        calm.min(PATIENCE.saturating_sub(now - self.first))
    }

    fn is_due(&self, now: Instant) -> bool {
        self.wait(now).is_zero()
    }
}

/// What the player's thread knows of the diagnosis.
pub(super) struct Inquiry {
    work: Sender<Work>,
    /// What was found when, after each handful.
    pub(super) told: Receiver<History>,
    /// How it stands with the levels, now and then.
    pub(super) graded: Receiver<Graded>,
    /// True while the thread has nothing to do.
    idle: bool,
    history: History,
    /// While the whole is looked at once more, until that has come as far as `history`: the
    /// earliest time of the events that `history` lacks.
    again: Option<Timestamp>,
    late: Option<Late>,
}

impl Inquiry {
    /// Starts the thread; it ends when this is dropped.
    pub(super) fn start(measure: Measure, live: bool) -> Self {
        let objectives = Arc::clone(&measure.objectives);
        let asking = Arc::clone(&objectives);
        let (notes, graded) = measure::start(measure, live);
        let (work, asked) = bounded(1);
        let (tell, told) = bounded(1);
        thread::spawn(move || {
            look(&asked, &tell, &asking, Noter::new(notes, objectives, live));
        });
        Self {
            work,
            told,
            graded,
            idle: true,
            history: History::default(),
            again: None,
            late: None,
        }
    }

    /// An event with this time came behind what was handed over.
    pub(super) fn came_late(&mut self, at: Timestamp, now: Instant) {
        let (first, from) = self.late.map_or((now, at), |late| (late.first, late.from));
        self.late = Some(Late {
            first,
            last: now,
            from: from.min(at),
        });
    }

    /// Takes in what the thread tells; true where what is shown may have changed.
    pub(super) fn take(&mut self, history: History, player: &mut Player) -> bool {
        self.idle = true;
        // A new look counts once it has come as far as the old one.
        if self.again.is_some() && history.through() < self.history.through() {
            return false;
        }
        self.again = None;
        let grown = history.changes() != self.history.changes();
        self.history = history;
        if grown {
            player.found(marks(&self.history));
        }
        true
    }

    /// Hands over what there is to look at, where the thread has nothing to do.
    pub(super) fn hand(&mut self, player: &mut Player, loaded: bool, now: Instant) {
        if !self.idle {
            return;
        }
        if self.again.is_none()
            && let Some(late) = self.late.filter(|late| loaded || late.is_due(now))
        {
            self.late = None;
            self.again = Some(late.from);
            player.hand_again();
            self.send(Work::Again);
            return;
        }
        let events = player.hand(HANDFUL);
        if !events.is_empty() {
            self.send(Work::Events(events));
        }
    }

    /// The channel has room while the thread is idle; one that is gone tells nothing more.
    fn send(&mut self, work: Work) {
        self.idle = false;
        let _ = self.work.try_send(work);
    }

    /// How long until the whole is to be looked at once more; `None` where that is not due.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        let late = self.late.filter(|_| self.idle && self.again.is_none())?;
        Some(late.wait(now))
    }

    /// What is known where the player stands.
    pub(super) fn known(&self, player: &Player) -> Known {
        let Some(last) = player.last() else {
            return Known::default();
        };
        let mut known = self.history.after(&EventRef::of(last));
        // What happens now has been looked at, but for what may still come in another order.
        if let Reach::UpTo(Some(through)) = known.reach
            && (player
                .tolerance()
                .is_some_and(|most| last.time.since(through) <= most)
                || (self.idle && player.is_all_handed()))
        {
            known.reach = Reach::Whole;
        }
        let lacking = self.late.map(|late| late.from);
        let lacking = lacking.into_iter().chain(self.again).min();
        if let Some(from) = lacking.filter(|from| *from <= last.time) {
            let through = self.history.through().map(|event| event.time);
            known.reach = Reach::UpTo(through.map(|through| through.min(from)));
        }
        known
    }
}

fn look(asked: &Receiver<Work>, tell: &Sender<History>, objectives: &Objectives, mut noter: Noter) {
    let begin = || Historian::asking(rules(), objectives);
    let mut historian = begin();
    loop {
        let work = if noter.lacks() {
            asked.recv_timeout(QUIET)
        } else {
            asked.recv().map_err(|_| RecvTimeoutError::Disconnected)
        };
        match work {
            Ok(Work::Again) => {
                historian = begin();
                noter.again();
            }
            Ok(Work::Events(events)) => {
                for event in &events {
                    if historian.apply(event) {
                        noter.take(event);
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                noter.note(&historian, true);
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if tell.send(historian.history().clone()).is_err() {
            return;
        }
        noter.note(&historian, false);
    }
}

/// A mark for each finding that stands or healed in the end.
fn marks(history: &History) -> Vec<Mark> {
    let findings = history.latest();
    findings
        .iter()
        .map(|finding| Mark {
            at: finding.detected_at,
            kind: MarkKind::Failure,
            rotation: finding.rotation.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::player::Start;
    use super::*;
    use crate::diagnosis::Mode;
    use crate::model::replay::{ReplayCommand, SeekTo};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_800_000_000 + seconds, 0)
    }

    fn event(seconds: i64, kind: &str, data: &serde_json::Value) -> Event {
        let line = json!({
            "specversion": "1.0", "id": format!("{kind}-{seconds}-{data}"), "source": "/engine",
            "time": at(seconds).to_string(), "type": format!("rotascope.rotation.{kind}"),
            "rotationid": "r1", "data": data,
        });
        Event::from_json(line.to_string().as_bytes()).unwrap()
    }

    fn store(seconds: i64, status: &str) -> Event {
        let error = (status == "failed").then_some("HTTP 429");
        let data = json!({"stage": "store", "status": status, "error": error});
        event(seconds, "stage", &data)
    }

    /// A store that is throttled at 10 s and at 20 s and goes through at 40 s.
    fn night() -> Vec<Event> {
        let started = json!({"secret": "db", "to_version": "v2", "services": ["checkout"]});
        vec![
            event(0, "started", &started),
            store(10, "failed"),
            store(20, "failed"),
            store(40, "completed"),
        ]
    }

    /// A player and an inquiry with a wall clock that the test turns by hand.
    struct Desk {
        player: Player,
        inquiry: Inquiry,
        now: Instant,
        loaded: bool,
    }

    impl Desk {
        fn new() -> Self {
            let start = Start {
                playing: false,
                ..Start::default()
            };
            Self {
                player: Player::new(start),
                inquiry: Inquiry::start(Measure::default(), false),
                now: Instant::now(),
                loaded: false,
            }
        }

        fn push(&mut self, events: Vec<Event>) {
            if let Some(late) = self.player.push(events, self.now) {
                self.inquiry.came_late(late, self.now);
            }
            self.work();
        }

        /// Lets the thread look at all that it is to look at by now.
        fn work(&mut self) {
            self.inquiry.hand(&mut self.player, self.loaded, self.now);
            while !self.inquiry.idle {
                let history = self.inquiry.told.recv().unwrap();
                self.inquiry.take(history, &mut self.player);
                self.inquiry.hand(&mut self.player, self.loaded, self.now);
            }
        }

        fn known_at(&mut self, seconds: i64) -> Known {
            let to = ReplayCommand::Seek(SeekTo::Time(at(seconds)));
            self.player.command(to, self.now);
            self.inquiry.known(&self.player)
        }

        fn modes(&mut self, seconds: i64) -> Vec<(Mode, bool)> {
            let known = self.known_at(seconds);
            let findings = known.findings.iter();
            findings
                .map(|f| (f.mode, f.resolved_at.is_some()))
                .collect()
        }
    }

    #[test]
    fn where_the_player_stands_is_known_what_was_known_then() {
        let mut desk = Desk::new();
        desk.push(night());
        assert_eq!(desk.modes(40), [(Mode::F3, true)]);
        assert_eq!(desk.modes(25), [(Mode::F3, false)]);
        assert_eq!(desk.modes(19), []);
        assert_eq!(desk.known_at(19).reach, Reach::Whole);
    }

    #[test]
    fn a_finding_is_a_mark_that_can_be_gone_to() {
        let mut desk = Desk::new();
        desk.push(night());
        let marks = desk.player.status().marks;
        // The stage's own failure is a mark already.
        let found = marks.iter().filter(|mark| mark.at == at(20));
        assert_eq!(found.count(), 2, "{marks:?}");
        assert!(marks.is_sorted_by_key(|mark| mark.at));
    }

    #[test]
    fn a_recording_that_grows_is_followed() {
        let mut desk = Desk::new();
        let events = night();
        desk.push(events[..2].to_vec());
        assert_eq!(desk.modes(20), []);
        desk.push(events[2..].to_vec());
        assert_eq!(desk.modes(20), [(Mode::F3, false)]);
    }

    #[test]
    fn before_anything_was_looked_at_nothing_is_called_calm() {
        let mut desk = Desk::new();
        desk.player.push(night(), desk.now);
        assert_eq!(desk.known_at(40).reach, Reach::UpTo(None));
    }

    #[test]
    fn an_event_that_came_late_is_looked_at_once_it_is_quiet() {
        let mut desk = Desk::new();
        let mut events = night();
        let late = events.remove(1);
        desk.push(events);
        assert_eq!(desk.modes(40), []);
        desk.push(vec![late]);
        assert_eq!(desk.known_at(30).reach, Reach::UpTo(Some(at(10))));
        assert_eq!(desk.known_at(5).reach, Reach::Whole);
        assert_eq!(desk.modes(30), []);
        desk.now += CALM;
        desk.work();
        assert_eq!(desk.modes(30), [(Mode::F3, false)]);
        assert_eq!(desk.known_at(30).reach, Reach::Whole);
    }

    #[test]
    fn where_nothing_more_comes_it_is_looked_at_at_once() {
        let mut desk = Desk::new();
        let mut events = night();
        let late = events.remove(1);
        desk.push(events);
        desk.loaded = true;
        desk.push(vec![late]);
        assert_eq!(desk.modes(30), [(Mode::F3, false)]);
    }

    #[test]
    fn an_event_that_comes_twice_is_not_late() {
        let mut desk = Desk::new();
        desk.push(night());
        desk.push(night());
        assert_eq!(desk.known_at(40).reach, Reach::Whole);
        assert!(desk.inquiry.wait(desk.now).is_none());
    }
}
