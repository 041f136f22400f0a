//! The player, with a wall clock that the tests turn by hand.

use serde_json::json;

use super::*;

/// As long as a test needs it.
const SLICE: Duration = Duration::from_secs(60);

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 0)
}

fn event(id: &str, seconds: i64, kind: &str, data: &serde_json::Value) -> Event {
    let line = json!({
        "specversion": "1.0", "id": id, "source": "/s", "time": at(seconds).to_string(),
        "type": format!("rotascope.{kind}"), "rotationid": "r1", "data": data,
    });
    Event::from_json(line.to_string().as_bytes()).unwrap()
}

fn stage(seconds: i64, stage: &str) -> Event {
    let data = json!({"stage": stage, "status": "completed"});
    event(
        &format!("{stage}{seconds}"),
        seconds,
        "rotation.stage",
        &data,
    )
}

/// Moves of a consumer, one every second.
fn moves(seconds: std::ops::Range<i64>) -> Vec<Event> {
    seconds
        .map(|n| {
            let data = json!({"consumer": format!("c{}", n % 7), "secret": "db",
                "version": format!("v{n}"), "state": "in_use"});
            event(&format!("c{n}"), n, "consumer.version", &data)
        })
        .collect()
}

/// A night of 100 s: a cutover at 20 s and at 60 s, a revocation at 80 s.
fn night() -> Vec<Event> {
    let mut events = moves(0..101);
    events.extend([
        stage(20, "cutover"),
        stage(60, "cutover"),
        stage(80, "revoke"),
    ]);
    events
}

/// A player with a wall clock.
struct Desk {
    player: Player,
    now: Instant,
}

impl Desk {
    fn new(start: Start) -> Self {
        Self {
            player: Player::new(start),
            now: Instant::now(),
        }
    }

    /// Everything has been read.
    fn of(events: Vec<Event>, start: Start) -> Self {
        let mut desk = Self::new(start);
        desk.push(events);
        desk.loaded();
        desk
    }

    fn push(&mut self, events: Vec<Event>) {
        self.player.push(events, self.now);
    }

    fn loaded(&mut self) {
        self.player.loaded(self.now);
    }

    fn ask(&mut self, command: ReplayCommand) {
        self.player.command(command, self.now);
    }

    fn seek(&mut self, to: SeekTo) {
        self.ask(ReplayCommand::Seek(to));
    }

    /// Lets wall time pass.
    fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        self.player.advance(self.now, SLICE);
    }

    /// Seconds into the night.
    fn stands(&mut self) -> i64 {
        self.player.status().at.unwrap().since(at(0)).as_seconds()
    }

    fn mark(&mut self, direction: Direction) -> i64 {
        self.seek(SeekTo::Mark(direction, None));
        self.stands()
    }
}

fn paused() -> Start {
    Start {
        playing: false,
        ..Start::default()
    }
}

fn unbounded() -> Start {
    Start {
        speed: Speed::Unbounded,
        ..Start::default()
    }
}

#[test]
fn ten_seconds_at_tenfold_speed_are_a_hundred() {
    let mut desk = Desk::of(night(), Start::default());
    desk.pass(4_500);
    assert_eq!(desk.stands(), 45);
    assert_eq!(desk.player.status().position, 47);
    desk.pass(5_500);
    assert_eq!(desk.stands(), 100);
}

#[test]
fn seeking_somewhere_equals_playing_there() {
    let mut played = Desk::of(night(), Start::default());
    for _ in 0..70 {
        played.pass(100);
    }
    let mut sought = Desk::of(night(), paused());
    for place in [90, 3, 70] {
        sought.seek(SeekTo::Time(at(place)));
    }
    assert_eq!(played.stands(), 70);
    assert!(played.player.incident() == sought.player.incident());
    assert_eq!(
        played.player.status().position,
        sought.player.status().position
    );
}

#[test]
fn a_moment_outside_the_recording_is_its_nearest_end() {
    let mut desk = Desk::of(night(), paused());
    desk.seek(SeekTo::Time(at(9_000)));
    assert_eq!(desk.stands(), 100);
    desk.seek(SeekTo::Time(at(-9_000)));
    assert_eq!(desk.stands(), 0);
    for (start, stands) in [(9_000, 100), (-9_000, 0)] {
        let start = Start {
            at: Some(SeekTo::Time(at(start))),
            ..paused()
        };
        assert_eq!(Desk::of(night(), start).stands(), stands);
    }
}

#[test]
fn a_moment_not_read_yet_is_gone_to_once_it_is() {
    let mut desk = Desk::new(Start {
        at: Some(SeekTo::Time(at(70))),
        ..paused()
    });
    desk.push(moves(0..50));
    assert_eq!(desk.stands(), 0);
    desk.push(moves(50..101));
    assert_eq!(desk.stands(), 70);
}

#[test]
fn a_share_at_the_start_waits_for_the_whole() {
    let mut desk = Desk::new(Start {
        at: Some(SeekTo::Share(0.5)),
        ..paused()
    });
    desk.push(moves(0..50));
    assert_eq!(desk.stands(), 0);
    desk.push(moves(50..101));
    desk.loaded();
    assert_eq!(desk.stands(), 50);
}

#[test]
fn a_person_who_asks_is_answered_from_what_has_been_read() {
    let mut desk = Desk::new(paused());
    let mut events = night();
    events.retain(|event| event.time <= at(70));
    desk.push(events);
    desk.seek(SeekTo::End);
    assert_eq!(desk.stands(), 70);
    desk.seek(SeekTo::Share(0.5));
    assert_eq!(desk.stands(), 35);
    assert_eq!(desk.mark(Direction::Forward), 60);
    // There is none behind it yet; one that comes later takes nobody along.
    assert_eq!(desk.mark(Direction::Forward), 60);
    desk.push(vec![stage(80, "revoke")]);
    desk.loaded();
    assert_eq!(desk.stands(), 60);
}

#[test]
fn a_step_or_another_place_makes_a_pending_moment_void() {
    for other in [
        ReplayCommand::Step(Direction::Forward),
        ReplayCommand::Seek(SeekTo::Start),
    ] {
        let mut desk = Desk::new(paused());
        desk.push(moves(0..50));
        desk.seek(SeekTo::Time(at(90)));
        desk.ask(other.clone());
        let stands = desk.stands();
        desk.push(moves(50..101));
        desk.loaded();
        assert_eq!(desk.stands(), stands, "{other:?}");
    }
}

#[test]
fn marks_are_gone_to_in_order_and_the_last_one_is_the_last() {
    let mut desk = Desk::of(night(), paused());
    let forward = [20, 60, 80, 80].map(|_| desk.mark(Direction::Forward));
    assert_eq!(forward, [20, 60, 80, 80]);
    let backward = [60, 20, 20].map(|_| desk.mark(Direction::Backward));
    assert_eq!(backward, [60, 20, 20]);
    desk.seek(SeekTo::Mark(Direction::Forward, Some(MarkKind::Revoke)));
    assert_eq!(desk.stands(), 80);
}

#[test]
fn a_step_is_one_event_and_playing_goes_on_from_there() {
    let mut desk = Desk::of(night(), Start::default());
    desk.pass(3_050);
    assert_eq!(desk.player.status().position, 32);
    desk.ask(ReplayCommand::Step(Direction::Forward));
    desk.ask(ReplayCommand::Step(Direction::Forward));
    desk.ask(ReplayCommand::Step(Direction::Backward));
    assert_eq!(desk.stands(), 31);
    assert!(!desk.player.status().playing);
    desk.pass(10_000);
    assert_eq!(desk.stands(), 31, "a pause is no time that passed");
    desk.ask(ReplayCommand::Toggle);
    desk.pass(1_000);
    assert_eq!(desk.stands(), 41);
}

#[test]
fn an_event_is_stood_on_at_its_own_moment() {
    let mut events = night();
    let same = stage(50, "store");
    events.push(same.clone());
    let mut desk = Desk::of(events, Start::default());
    desk.ask(ReplayCommand::Event {
        time: same.time,
        source: same.source.clone(),
        id: same.id.clone(),
    });
    assert_eq!(desk.player.last(), Some(&same));
    assert_eq!(desk.stands(), 50);
    assert!(!desk.player.status().playing);
}

#[test]
fn steps_stop_at_both_ends() {
    let mut desk = Desk::of(moves(0..3), paused());
    for _ in 0..9 {
        desk.ask(ReplayCommand::Step(Direction::Forward));
    }
    assert_eq!((desk.stands(), desk.player.status().position), (2, 3));
    for _ in 0..9 {
        desk.ask(ReplayCommand::Step(Direction::Backward));
    }
    assert_eq!((desk.stands(), desk.player.status().position), (0, 1));
}

#[test]
fn at_the_end_it_pauses_and_play_starts_over() {
    let mut desk = Desk::of(night(), unbounded());
    desk.pass(1);
    assert_eq!(desk.stands(), 100);
    assert!(!desk.player.status().playing);
    assert_eq!(desk.player.next_due(desk.now), None);
    desk.ask(ReplayCommand::Speed(Speed::Times(10.0)));
    desk.ask(ReplayCommand::Toggle);
    assert_eq!(desk.stands(), 0);
    desk.pass(1_000);
    assert_eq!(desk.stands(), 10);
}

#[test]
fn the_end_of_what_has_been_read_is_not_the_end() {
    let mut desk = Desk::new(unbounded());
    desk.push(moves(0..50));
    desk.pass(1);
    assert_eq!(desk.stands(), 49);
    assert!(desk.player.status().playing);
    desk.push(moves(50..101));
    desk.pass(1);
    assert_eq!(desk.stands(), 100);
}

#[test]
fn another_speed_counts_from_now_on() {
    let mut desk = Desk::of(night(), Start::default());
    desk.pass(2_000);
    desk.ask(ReplayCommand::Speed(Speed::Times(1.0)));
    desk.pass(2_000);
    assert_eq!(desk.stands(), 22);
}

#[test]
fn an_event_that_comes_late_is_in_the_state_and_in_the_count() {
    let mut events = night();
    let late = events.remove(30);
    let mut desk = Desk::of(events, paused());
    desk.seek(SeekTo::Time(at(50)));
    desk.push(vec![late.clone(), late]);
    let mut whole = Desk::of(night(), paused());
    whole.seek(SeekTo::Time(at(50)));
    assert_eq!(
        desk.player.status().position,
        whole.player.status().position
    );
    assert!(desk.player.incident() == whole.player.incident());
}

/// Between two events of one moment there is a place to stand; what comes late behind it must
/// not take the place of what has not been applied.
#[test]
fn an_event_that_comes_late_hides_none_of_the_same_moment() {
    let same = |id: &str| {
        let data = json!({"consumer": id, "secret": "db", "version": "v1", "state": "in_use"});
        event(id, 5, "consumer.version", &data)
    };
    let mut desk = Desk::of(vec![same("a"), same("b"), stage(9, "revoke")], unbounded());
    desk.pass(1);
    desk.ask(ReplayCommand::Step(Direction::Backward));
    desk.ask(ReplayCommand::Step(Direction::Backward));
    assert_eq!(desk.player.status().position, 1);
    desk.push(vec![same("c")]);
    desk.ask(ReplayCommand::Toggle);
    desk.pass(1);
    let mut whole = Desk::of(
        vec![same("a"), same("b"), same("c"), stage(9, "revoke")],
        unbounded(),
    );
    whole.pass(1);
    assert!(desk.player.incident() == whole.player.incident());
    assert_eq!(desk.player.status().position, 4);
}

#[test]
fn nothing_to_play_does_not_play() {
    let mut desk = Desk::of(vec![], Start::default());
    desk.pass(1_000);
    assert!(!desk.player.status().playing);
    assert_eq!(desk.player.status().at, None);
}
