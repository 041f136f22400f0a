//! A live session over real sockets: what it shows, what it says when it lacks something, and
//! what becomes of acts.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rotascope::backend::Backend;
use rotascope::backend::engine::Engine;
use rotascope::backend::http::Address;
use rotascope::backend::stream::Stream;
use rotascope::guard::{Guard, Memory, People, Policy, Rules, Signer, summary};
use rotascope::incident::{Incident, Recording};
use rotascope::journal::{self, Place, Places};
use rotascope::model::Event;
use rotascope::model::act::{ActState, Answer, Asked, Wish};
use rotascope::model::intent::{Outcome, Verb};
use rotascope::model::link::{Link, LinkState};
use rotascope::model::replay::{ReplayCommand, SeekTo};
use rotascope::rotation::server::{Access, Scope};
use rotascope::session::live::{Acting, JournalPlace, LiveStart, Recorder, Who};
use rotascope::session::{Measure, Session, Update};
use support::engine::{Line, Manner, Served, Toy, at, event, says};

const TOKEN: &str = "a-token-of-more-than-20-characters";

/// A session and what it publishes.
struct Watched {
    session: Session,
    updates: Receiver<Update>,
}

impl Watched {
    fn open(start: LiveStart) -> Self {
        let (sender, updates) = channel();
        let session = Session::live(start, move |update| {
            let _ = sender.send(update);
        });
        Self { session, updates }
    }

    fn on(backend: Box<dyn Backend>) -> Self {
        Self::open(LiveStart {
            backends: vec![backend],
            recorder: None,
            who: Who::nobody(),
            measure: Measure::default(),
        })
    }

    fn wait(&self, what: &str, wanted: impl Fn(&Update) -> bool) -> Update {
        let began = Instant::now();
        let mut last = None;
        while began.elapsed() < Duration::from_secs(20) {
            if let Ok(update) = self.updates.recv_timeout(Duration::from_millis(100)) {
                if wanted(&update) {
                    return update;
                }
                last = update.live;
            }
        }
        panic!("{what} did not come; {last:#?}");
    }

    fn freeze(&self) {
        let wish = Wish::new(Verb::Freeze);
        let facts = summary(&wish, &Incident::default(), &Rules::demo("mira".into()))
            .unwrap()
            .facts;
        let answer = Answer {
            confirmed: true,
            ..Answer::default()
        };
        self.session.act(Asked {
            wish,
            facts,
            answer,
        });
    }

    fn act(&self, what: &str, wanted: impl Fn(&ActState) -> bool) -> ActState {
        let state = |update: &Update| Some(update.live.as_ref()?.acts.last()?.state.clone());
        let update = self.wait(what, |update| state(update).is_some_and(|s| wanted(&s)));
        state(&update).unwrap()
    }
}

fn link(update: &Update) -> Link {
    update.live.as_ref().unwrap().links[0].clone()
}

fn is_live(update: &Update) -> bool {
    link(update).state == LinkState::Live
}

fn events(update: &Update) -> u64 {
    update.incident.counts().events
}

fn address(url: &str) -> Address {
    Address::parse(url, Some(TOKEN)).unwrap()
}

fn quick(url: &str) -> Box<dyn Backend> {
    let waits = (Duration::from_millis(30), Duration::from_millis(100));
    let stream = Stream::new(address(url));
    Box::new(stream.with_patience(Duration::from_secs(5), waits))
}

fn guard() -> Guard {
    let signer = Arc::new(Signer::from_seed(&[7; 32]));
    Guard::new(
        "mira".into(),
        signer,
        Policy::demo(),
        Arc::new(People::default()),
    )
}

fn folder_at(path: &Path) -> JournalPlace {
    JournalPlace::Places(Places::one(Place::Folder(path.to_owned())))
}

fn acting(url: &str, journal: JournalPlace) -> Watched {
    Watched::open(LiveStart {
        backends: vec![Box::new(Engine::new(address(url)))],
        recorder: None,
        who: Who::Known(Ok(Acting {
            guard: guard(),
            journal,
            once: Arc::new(Memory::default()),
            word: None,
        })),
        measure: Measure::default(),
    })
}

#[test]
fn opening_late_backfills_and_then_follows() {
    let toy = Toy::new(Manner::Does);
    toy.log.publish((1..=5000).map(event).collect());
    let server = Served::start(&toy, Access::one(TOKEN, &[Scope::Read]).unwrap());
    let watched = Watched::on(quick(&server.url()));
    let update = watched.wait("the backfill", |u| events(u) == 5000 && is_live(u));
    let live = update.live.unwrap();
    assert!(live.following);
    assert_eq!((live.links[0].events, live.links[0].missing), (5000, 0));
    assert_eq!(live.scale.to_bits(), 60.0_f64.to_bits());
    // The emitters' clock lets time pass though nothing happens.
    let before = update.incident.now().unwrap();
    watched.wait("a minute of theirs", |u| {
        u.incident.now().unwrap().since(before).as_seconds() >= 60
    });
    toy.log.publish(vec![event(5001)]);
    watched.wait("the newest", |u| events(u) == 5001);
}

#[test]
fn a_cut_connection_is_a_gap_and_loses_and_doubles_nothing() {
    let toy = Toy::new(Manner::Does);
    toy.log.publish((1..=3000).map(event).collect());
    let server = Served::start(&toy, Access::open());
    // Cut in the middle of the backfill, most likely inside an event.
    let line = Line::to(server.address, Some(100_001));
    let watched = Watched::on(quick(&line.url()));
    watched.wait("all in spite of the cut", |u| {
        toy_events(u) == 3000 && is_live(u)
    });
    line.cut();
    watched.wait("the loss", |u| link(u).drops == 2);
    toy.log.publish((3001..=3100).map(event).collect());
    let update = watched.wait("the rest", |u| toy_events(u) == 3100 && is_live(u));
    let held = link(&update);
    assert_eq!((held.drops, held.missing, held.events), (2, 0, 3100));
    assert_eq!(update.incident.counts().duplicates, 0);
    let toy = update
        .incident
        .backends()
        .find(|b| b.name.raw() == "/engine/toy");
    let gaps = &toy.unwrap().gaps;
    assert!(!gaps.is_empty(), "the loss is a gap on the screen");
    assert!(
        gaps.iter().all(|(_, end)| end.is_some()),
        "and it has ended"
    );
}

/// Events without those that the session itself has said.
fn toy_events(update: &Update) -> u64 {
    let mut backends = update.incident.backends();
    let toy = backends.find(|b| b.name.raw() == "/engine/toy");
    toy.map_or(0, |backend| backend.events)
}

#[test]
fn a_recording_is_the_session() {
    let toy = Toy::new(Manner::Does);
    toy.log.publish((1..=500).map(event).collect());
    let server = Served::start(&toy, Access::open());
    let line = Line::to(server.address, None);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("night.jsonl");
    let watched = Watched::open(LiveStart {
        backends: vec![quick(&line.url())],
        recorder: Some(Recorder::new(&path).unwrap()),
        who: Who::nobody(),
        measure: Measure::default(),
    });
    assert!(
        Recorder::new(&path).is_err(),
        "a recording never overwrites"
    );
    watched.wait("the start", |u| toy_events(u) == 500 && is_live(u));
    line.cut();
    // Out of order within the source's watermark, and twice.
    toy.log.publish(vec![event(700), event(680), event(20)]);
    let update = watched.wait("the end", |u| {
        let gaps = u.incident.backends().map(|b| b.gaps.len()).sum::<usize>();
        toy_events(u) == 502 && gaps == 1 && is_live(u)
    });
    let mut recording = Recording::default();
    let text = std::fs::read_to_string(&path).unwrap();
    for line in text.lines() {
        recording.push(Event::from_json(line.as_bytes()).unwrap());
    }
    let mut replayed = recording.incident_at(recording.len());
    replayed.tick(update.incident.now().unwrap());
    assert!(replayed.same_state(&update.incident), "the same state");
    assert_eq!(
        text.lines().count() as u64,
        events(&update) + 1,
        "the one that came twice too"
    );
}

#[test]
fn a_person_looks_at_the_past_of_what_goes_on_and_returns() {
    let toy = Toy::new(Manner::Does);
    toy.log.publish((1..=100).map(event).collect());
    let server = Served::start(&toy, Access::open());
    let watched = acting(&server.url(), JournalPlace::Nowhere(String::new()));
    watched.wait("the start", |u| events(u) == 100 && is_live(u));
    watched
        .session
        .command(ReplayCommand::Seek(SeekTo::Time(at(40))));
    let past = watched.wait("the past", |u| events(u) == 40);
    assert!(!past.live.unwrap().following);
    watched.freeze();
    let refused = watched.act("a refusal", ActState::is_final);
    assert!(
        format!("{refused:?}").contains("this is the past"),
        "{refused:?}"
    );
    toy.log.publish(vec![event(2000)]);
    watched.session.command(ReplayCommand::Seek(SeekTo::End));
    let now = watched.wait("now", |u| events(u) == 101);
    assert!(now.live.unwrap().following);
    assert_eq!(toy.executed(), 0);
}

#[test]
fn a_backend_that_refuses_or_answers_nonsense_is_named_with_what_it_said() {
    let toy = Toy::new(Manner::Does);
    let server = Served::start(&toy, Access::one(TOKEN, &[Scope::Act]).unwrap());
    let without: Box<dyn Backend> =
        Box::new(Stream::new(Address::parse(&server.url(), None).unwrap()));
    let wrong = Address::parse(&server.url(), Some("another-token-of-20-characters")).unwrap();
    for (backend, word) in [
        (without, "--token-file"),
        (Box::new(Stream::new(wrong)) as Box<dyn Backend>, "401"),
        (quick(&server.url()), "does not open `read`"),
        (
            quick(&format!(
                "http://{}",
                says("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 9\r\n\r\nslow down")
            )),
            "slow down",
        ),
        (
            quick(&format!(
                "http://{}",
                says("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
            )),
            "500",
        ),
        (
            quick(&format!(
                "http://{}",
                says(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n{\"error\":\"out of order\"}"
                )
            )),
            "sent no stream: out of order",
        ),
        (
            quick(&format!("http://{}", says("SSH-2.0-OpenSSH_9.2\r\n"))),
            "invalid HTTP",
        ),
        (quick("http://127.0.0.1:1"), "refused"),
    ] {
        let watched = Watched::on(backend);
        let update = watched.wait(word, |u| link(u).error.is_some());
        let error = link(&update).error.unwrap().to_string();
        assert!(error.contains(word), "no {word:?} in {error:?}");
        assert_eq!(link(&update).state, LinkState::Connecting);
    }
}

#[test]
fn what_cannot_be_read_and_what_is_passed_over_is_said() {
    const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 1\nevent: rotascope\ndata: {\"no\": \"event\"}\n\nevent: clock\ndata: {\"now\":\"2027-01-15T08:00:00Z\",\"scale\":1.0,\"last\":9}\n\nid: 9\nevent: rotascope\ndata: {\"specversion\":\"1.0\",\"id\":\"9\",\"source\":\"/a\",\"type\":\"x\",\"time\":\"2027-01-15T08:00:00Z\"}\n\n";
    let watched = Watched::on(quick(&format!("http://{}", says(ANSWER))));
    let update = watched.wait("the end of it", |u| {
        link(u).missing > 0 && !u.rejected.is_empty()
    });
    assert_eq!(link(&update).missing % 7, 0);
    assert!(
        update.rejected[0].reason.raw().contains("type"),
        "{:?}",
        update.rejected[0]
    );
    assert!(update.loading.rejected >= 1);
}

#[test]
fn an_act_is_written_down_sent_once_and_observed() {
    let toy = Toy::new(Manner::Does);
    let server = Served::start(
        &toy,
        Access::one(TOKEN, &[Scope::Read, Scope::Act]).unwrap(),
    );
    let folder = tempfile::tempdir().unwrap();
    let watched = acting(&server.url(), folder_at(&folder.path().join("journal")));
    watched.wait("a connection", is_live);
    watched.freeze();
    let state = watched.act("the outcome", ActState::is_final);
    let words = "it is so".to_owned();
    assert_eq!(state, ActState::Told(Outcome::Observed { words }));
    assert_eq!(toy.executed(), 1);
    // The engine's own word of it is on the screen too.
    let update = watched.wait("the engine's word", |u| u.incident.acts().count() == 1);
    let key = update.live.unwrap().acts[0].key.clone();
    let told = update
        .incident
        .acts()
        .next()
        .unwrap()
        .action
        .idempotency_key
        .clone();
    assert_eq!(told.raw(), key);
    let history = journal_of(&folder.path().join("journal"));
    assert!(history.broken.is_none() && history.open.is_empty());
    let kinds: Vec<&str> = history.entries.iter().map(kind).collect();
    assert_eq!(kinds, ["begun", "intended", "ended", "ended"]);
}

fn journal_of(folder: &Path) -> journal::History {
    let began = Instant::now();
    loop {
        let files = std::fs::read_dir(folder).unwrap().flatten();
        let mut files = files.map(|file| file.path());
        let path = files.find(|path| path.extension().is_some_and(|e| e == "jsonl"));
        let history = journal::read(&path.unwrap()).unwrap();
        // The end is written down after it is shown.
        if history.open.is_empty() || began.elapsed() > Duration::from_secs(5) {
            return history;
        }
    }
}

fn kind(entry: &journal::Entry) -> &'static str {
    match entry.kind {
        journal::Kind::Begun { .. } => "begun",
        journal::Kind::Intended { .. } => "intended",
        journal::Kind::Ended { .. } => "ended",
    }
}

#[test]
fn what_an_engine_refuses_was_not_done() {
    for (manner, word) in [
        (Manner::Refuses, "the rotation has ended"),
        (Manner::Full, "503"),
    ] {
        let toy = Toy::new(manner);
        let server = Served::start(&toy, Access::open());
        let folder = tempfile::tempdir().unwrap();
        let watched = acting(&server.url(), folder_at(folder.path()));
        watched.wait("a connection", is_live);
        watched.freeze();
        let state = watched.act("the refusal", ActState::is_final);
        let ActState::Told(Outcome::Failed { why }) = &state else {
            panic!("{state:?}");
        };
        assert!(why.contains(word), "{why}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn no_record_no_act() {
    for place in [
        JournalPlace::Places(Places::one(Place::File("/dev/full".into()))),
        folder_at(Path::new("/proc/no/such/folder")),
        JournalPlace::Nowhere("there is no place for it".to_owned()),
    ] {
        let toy = Toy::new(Manner::Does);
        let server = Served::start(&toy, Access::open());
        let watched = acting(&server.url(), place);
        watched.wait("a connection", is_live);
        watched.freeze();
        let state = watched.act("a refusal", ActState::is_final);
        let ActState::Refused(why) = &state else {
            panic!("{state:?}");
        };
        assert!(why.contains("nothing was done"), "{why}");
        assert_eq!(toy.executed(), 0);
    }
}

/// The line lets the act through and is cut before the answer is back.
#[test]
fn an_act_whose_answer_is_cut_off_is_asked_about_and_never_sent_again() {
    let toy = Toy::new(Manner::Does);
    let server = Served::start(&toy, Access::open());
    let line = Line::deaf_to_acts(server.address);
    let folder = tempfile::tempdir().unwrap();
    let watched = acting(&line.url(), folder_at(folder.path()));
    watched.wait("a connection", is_live);
    watched.freeze();
    watched.act("unknown", |state| {
        matches!(state, ActState::Told(Outcome::Unknown { .. }))
    });
    let state = watched.act("the outcome", ActState::is_final);
    assert!(
        matches!(state, ActState::Told(Outcome::Observed { .. })),
        "{state:?}"
    );
    assert_eq!(toy.executed(), 1);
}

#[test]
fn an_engine_that_answers_200_with_an_error_has_not_said_that_it_took_the_act() {
    const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n{\"error\":\"out of order\"}";
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://{}", says(ANSWER));
    let watched = acting(&url, folder_at(folder.path()));
    watched.freeze();
    let state = watched.act("unknown", |state| matches!(state, ActState::Told(_)));
    let ActState::Told(Outcome::Unknown { why }) = &state else {
        panic!("{state:?}");
    };
    assert!(why.contains("out of order"), "{why}");
}

#[test]
fn what_an_earlier_session_left_open_is_asked_about() {
    let toy = Toy::new(Manner::Goes);
    let server = Served::start(&toy, Access::open());
    let folder = tempfile::tempdir().unwrap();
    let place = folder_at(folder.path());
    let first = acting(&server.url(), place.clone());
    first.wait("a connection", is_live);
    first.freeze();
    first.act("that it goes on", |s| {
        *s == ActState::Told(Outcome::Executing)
    });
    drop(first);
    let second = acting(&server.url(), place);
    second.act("that it is not known", |s| {
        matches!(s, ActState::Told(Outcome::Unknown { .. }))
    });
    second.act("what the engine says", |s| {
        *s == ActState::Told(Outcome::Executing)
    });
    assert_eq!(toy.executed(), 1);
}

#[test]
fn without_leave_to_act_nothing_is_sent() {
    let toy = Toy::new(Manner::Does);
    let server = Served::start(&toy, Access::open());
    let watched = Watched::on(Box::new(Engine::new(address(&server.url()))));
    let update = watched.wait("a connection", is_live);
    assert_eq!(update.live.unwrap().person, None);
    watched.freeze();
    let state = watched.act("a refusal", ActState::is_final);
    assert!(format!("{state:?}").contains("read-only"), "{state:?}");
    let watched = Watched::open(LiveStart {
        backends: vec![quick(&server.url())],
        recorder: None,
        who: Who::Known(Ok(Acting {
            guard: guard(),
            journal: JournalPlace::Nowhere(String::new()),
            once: Arc::new(Memory::default()),
            word: None,
        })),
        measure: Measure::default(),
    });
    watched.freeze();
    let state = watched.act("a refusal", ActState::is_final);
    assert!(format!("{state:?}").contains("can act"), "{state:?}");
    assert_eq!(toy.executed(), 0);
}
