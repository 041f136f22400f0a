//! Levels that were kept day by day are the levels of the events: on all shared incidents, however
//! they came in pieces, twice, and to two sessions at once; and what the command line and a live
//! session make of the history.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rotascope::diagnosis::{Diagnosis, Finding, rules};
use rotascope::history::{History, Keep};
use rotascope::measure::level::{Day, Episode, Ledger, Levels, Objectives, Summary};
use rotascope::model::{Event, Span, Timestamp};

const KEEP: Keep = Keep { days: 400 };

/// What a session knows as events come.
#[derive(Default)]
struct Session {
    diagnosis: Diagnosis,
    ledger: Ledger,
    now: Timestamp,
}

impl Session {
    fn new() -> Self {
        Self {
            diagnosis: Diagnosis::new(rules()),
            ..Self::default()
        }
    }

    fn take(&mut self, event: &Event) {
        self.diagnosis.apply(event);
        self.ledger.take(event);
        self.now = event.time;
    }

    fn episodes(&self) -> Vec<Episode> {
        let found = self.diagnosis.findings().all();
        found.into_iter().map(Finding::episode).collect()
    }

    fn summary(&self) -> Summary {
        let incident = self.diagnosis.incident();
        Summary::of(incident, &self.ledger, &self.episodes(), self.now)
    }

    fn levels(&self) -> Levels {
        let asked = Objectives::default();
        let incident = self.diagnosis.incident();
        Levels::at(
            self.now,
            None,
            &asked,
            incident,
            &self.ledger,
            &self.episodes(),
        )
    }
}

fn events(lines: &str, later: Span) -> Vec<Event> {
    let read = lines.lines().map(|line| Event::from_json(line.as_bytes()));
    let mut events: Vec<Event> = read.flatten().collect();
    for event in &mut events {
        event.time = event.time + later;
    }
    events.sort_by(|a, b| (a.time, &a.source, &a.id).cmp(&(b.time, &b.source, &b.id)));
    events
}

fn json(levels: &Levels) -> serde_json::Value {
    serde_json::to_value(levels).unwrap()
}

/// Tells a history what two sessions know every so many events; a third comes late, and sees all
/// once more. True where its levels are those of the events.
fn agrees(events: &[Event], every: usize) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let (mut one, mut two) = (Session::new(), Session::new());
    let mut first = History::open(&path).unwrap();
    let mut second = History::open(&path).unwrap();
    let today = Day::of(events.last().unwrap().time);
    for (n, event) in events.iter().enumerate() {
        one.take(event);
        two.take(event);
        if n % every == every - 1 {
            first.feed(&one.summary(), today, KEEP).unwrap();
        }
        if n % (2 * every) == every / 2 {
            second.feed(&two.summary(), today, KEEP).unwrap();
        }
    }
    let all = one.summary();
    first.feed(&all, today, KEEP).unwrap();
    // The engine's log is read anew by a session that begins with its first half.
    let mut third = Session::new();
    for (n, event) in events.iter().enumerate() {
        third.take(event);
        if n == events.len() / 2 {
            second.feed(&third.summary(), today, KEEP).unwrap();
        }
    }
    second.feed(&third.summary(), today, KEEP).unwrap();
    let fed = second.feed(&all, today, KEEP).unwrap();
    assert_eq!(fed, 0, "all of it was told before");
    let kept = History::read(&path).unwrap();
    let same = compare(kept, one.now, &json(&one.levels()));
    same.map(|()| all.days.len())
}

fn compare(mut kept: History, now: Timestamp, events: &serde_json::Value) -> Result<(), String> {
    let asked = Objectives::default();
    let levels = json(&kept.levels(now, None, &asked, None).unwrap());
    let mut wrong = Vec::new();
    for (name, level) in events.as_object().unwrap() {
        if levels[name] != *level {
            wrong.push(format!("{name}: {}\nis not {level}", levels[name]));
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n"))
    }
}

fn incidents() -> Vec<PathBuf> {
    let Some(folder) = support::shared("incidents") else {
        return Vec::new();
    };
    let files = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "zst"));
    paths.sort();
    paths
}

fn lines(path: &Path) -> String {
    let file = std::fs::File::open(path).unwrap();
    String::from_utf8(zstd::decode_all(file).unwrap()).unwrap()
}

#[test]
fn the_days_of_the_first_night_say_what_its_events_say() {
    let path = support::first_night().join("events.jsonl");
    let lines = std::fs::read_to_string(path).unwrap();
    for every in [7, 400] {
        agrees(&events(&lines, Span::ZERO), every).unwrap();
    }
}

/// Events later by less than a microsecond, each by another part of one; a scan is among them.
fn in_nanoseconds(lines: &str) -> Vec<Event> {
    let mut told = events(lines, Span::ZERO);
    let last = told.last().unwrap().time;
    let scan = serde_json::json!({"specversion": "1.0", "id": "scan-1", "source": "/scanner",
        "type": "rotascope.scan.completed", "time": last.to_string(),
        "data": {"detector": "counter", "repository": "shop", "findings": 2}});
    told.push(Event::from_json(scan.to_string().as_bytes()).unwrap());
    for (n, event) in told.iter_mut().enumerate() {
        let nanos = event.time.nanos() / 1000 * 1000 + u32::try_from(n % 999).unwrap() + 1;
        event.time = Timestamp::new(event.time.seconds(), nanos);
    }
    told.sort_by_key(|event| event.time);
    told
}

#[test]
fn moments_in_nanoseconds_are_found_again() {
    let path = support::first_night().join("events.jsonl");
    let lines = std::fs::read_to_string(path).unwrap();
    let told = in_nanoseconds(&lines);
    let mut session = Session::new();
    for event in &told {
        session.take(event);
    }
    let scans = |summary: &Summary| -> usize {
        let days = summary.days.values();
        days.map(|day| day.scans.len()).sum()
    };
    assert!(scans(&session.summary()) > 0, "the scan is known");
    agrees(&told, 7).unwrap();
}

#[test]
fn the_days_of_the_shared_incidents_say_what_their_events_say() {
    for path in incidents() {
        let lines = lines(&path);
        let told = events(&lines, Span::ZERO);
        let many = told.len();
        let name = path.display();
        agrees(&told, many / 3 + 1).unwrap_or_else(|why| panic!("{name}: {why}"));
    }
}

#[test]
fn a_midnight_in_the_middle_changes_nothing() {
    for path in incidents().into_iter().step_by(4) {
        let lines = lines(&path);
        let told = events(&lines, Span::ZERO);
        let middle = told[told.len() / 2].time;
        let midnight = Day::of(middle).later(1).begins();
        let told = events(&lines, midnight.since(middle));
        let days = agrees(&told, told.len() / 3 + 1);
        let days = days.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        assert!(days >= 2, "{} has {days} days", path.display());
    }
}

#[test]
fn days_that_became_coarse_have_the_same_values_cases_and_budgets() {
    for path in incidents().into_iter().step_by(6) {
        let told = events(&lines(&path), Span::ZERO);
        let mut session = Session::new();
        for event in &told {
            session.take(event);
        }
        let folder = tempfile::tempdir().unwrap();
        let mut history = History::open(&folder.path().join("history.db")).unwrap();
        let day = Day::of(session.now);
        history.feed(&session.summary(), day, KEEP).unwrap();
        let then = day.later(12);
        let asked = Objectives::default();
        let now = then.begins();
        let fine = json(&history.levels(now, None, &asked, None).unwrap());
        history.feed(&Summary::default(), then, KEEP).unwrap();
        let coarse = json(&history.levels(now, None, &asked, None).unwrap());
        for (name, level) in fine.as_object().unwrap() {
            for part in ["value", "n", "bad", "met", "budget_left"] {
                let (a, b) = (&level[part], &coarse[name][part]);
                let close = a.as_f64().zip(b.as_f64());
                let close = close.is_some_and(|(a, b)| (a - b).abs() <= 0.001);
                assert!(a == b || close, "{} {name} {part}: {a} {b}", path.display());
            }
        }
    }
}

fn slo(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let program = Path::new(env!("CARGO_BIN_EXE_rotascope"));
    let mut command = Command::new(program);
    let output = command
        .arg("slo")
        .args(arguments)
        .env("ROTASCOPE_CONFIG_DIR", folder)
        .env("ROTASCOPE_STATE_DIR", folder)
        .env("ROTASCOPE_DATA_DIR", folder)
        .output()
        .unwrap();
    let words = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        words(output.stdout),
        words(output.stderr),
    )
}

#[test]
fn without_files_the_levels_are_those_of_the_history() {
    let folder = tempfile::tempdir().unwrap();
    let (status, out, err) = slo(folder.path(), &[]);
    assert_eq!((status, out.as_str()), (Some(2), ""));
    assert!(
        err.contains("there is none yet") && err.contains("live session"),
        "{err}"
    );

    let path = support::first_night().join("events.jsonl");
    let lines = std::fs::read_to_string(&path).unwrap();
    let mut session = Session::new();
    for event in events(&lines, Span::ZERO) {
        session.take(&event);
    }
    let mut history = History::open(&folder.path().join("history.db")).unwrap();
    history
        .feed(&session.summary(), Day::of(session.now), KEEP)
        .unwrap();
    drop(history);
    let now = session.now.to_string();
    let (status, out, err) = slo(folder.path(), &["--format", "json", "--to", &now]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    // Read from words, as the report is: of a number read a last digit may differ.
    let levels = json(&session.levels()).to_string();
    let levels: serde_json::Value = serde_json::from_str(&levels).unwrap();
    assert!(report["slis"] == levels, "{out}");
    assert_eq!(report["last_day"], Day::of(session.now).to_string());
    let file = path.display().to_string();
    let (_, out, _) = slo(folder.path(), &[&file, "--format", "json", "--to", &now]);
    let of_file: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(report["slis"] == of_file["slis"], "{out}");

    // Long before any day that is kept, nobody looked.
    let (_, out, _) = slo(
        folder.path(),
        &["--format", "json", "--to", "2020-01-01T00:00:00Z"],
    );
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    for (name, level) in report["slis"].as_object().unwrap() {
        assert_eq!(
            (&level["n"], &level["met"]),
            (&0.into(), &().into()),
            "{name}"
        );
    }
    let (_, out, _) = slo(folder.path(), &[]);
    assert!(out.contains("From the history: days "), "{out}");

    std::fs::write(
        folder.path().join("history.db"),
        "no history at all, but long enough",
    )
    .unwrap();
    let (status, _, err) = slo(folder.path(), &[]);
    assert_eq!(status, Some(2));
    assert!(err.contains("move it away"), "{err}");
}

mod live {
    use std::sync::mpsc::{Receiver, channel};

    use rotascope::backend::Backend;
    use rotascope::backend::http::Address;
    use rotascope::backend::stream::Stream;
    use rotascope::measure::overview::{Origin, Overview};
    use rotascope::rotation::server::Access;
    use rotascope::session::live::{LiveStart, Who};
    use rotascope::session::{Keeping, Measure, Session, Update};
    use serde_json::json;

    use super::support::engine::{Manner, Served, Toy};
    use super::*;

    /// A rotation that ended well, now.
    fn rotation(id: &str) -> Vec<Event> {
        let now = Timestamp::from(chrono::Utc::now());
        let tell = |n: i64, kind: &str, data: serde_json::Value| {
            let line = json!({"specversion": "1.0", "id": format!("{id}-{n}"), "source": "/engine",
                "type": format!("rotascope.rotation.{kind}"), "rotationid": id,
                "time": (now - Span::seconds(60 - n)).to_string(), "data": data});
            Event::from_json(line.to_string().as_bytes()).unwrap()
        };
        vec![
            tell(
                1,
                "started",
                json!({"secret": "db", "to_version": id, "trigger": "manual"}),
            ),
            tell(
                2,
                "stage",
                json!({"stage": "cutover", "status": "completed"}),
            ),
            tell(
                9,
                "stage",
                json!({"stage": "revoke", "status": "completed"}),
            ),
            tell(10, "finished", json!({"outcome": "succeeded"})),
        ]
    }

    fn follow(server: &Served, path: &Path) -> (Session, Receiver<Update>) {
        let address = Address::parse(&server.url(), None).unwrap();
        let backends: Vec<Box<dyn Backend>> = vec![Box::new(Stream::new(address))];
        let (tell, told) = channel();
        let start = LiveStart {
            backends,
            recorder: None,
            who: Who::nobody(),
            measure: Measure {
                keeping: Keeping::In(path.to_owned(), KEEP),
                ..Measure::default()
            },
        };
        let session = Session::live(start, move |update| {
            let _ = tell.send(update);
        });
        (session, told)
    }

    fn overview(told: &Receiver<Update>, wanted: impl Fn(&Overview) -> bool) -> Overview {
        let began = Instant::now();
        let mut last = None;
        while began.elapsed() < Duration::from_secs(30) {
            let update = told.recv_timeout(Duration::from_secs(1));
            let Some(overview) = update.ok().and_then(|update| update.overview) else {
                continue;
            };
            if wanted(&overview) {
                return (*overview).clone();
            }
            last = Some(overview);
        }
        panic!("it did not come; {last:#?}");
    }

    #[test]
    fn a_session_tells_the_history_and_a_restart_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.db");
        let toy = Toy::new(Manner::Does);
        toy.log.publish(rotation("r1"));
        let server = Served::start(&toy, Access::open());
        let finished = |overview: &Overview| overview.sum().finished();
        {
            let (_session, told) = follow(&server, &path);
            let seen = overview(&told, |overview| finished(overview) == 1);
            assert!(matches!(seen.origin, Origin::History { trouble: None, .. }));
            assert_eq!(seen.rolled_back, (1, 0));
        }
        toy.log.publish(rotation("r2"));
        let (_one, first) = follow(&server, &path);
        let (_two, second) = follow(&server, &path);
        for told in [&first, &second] {
            overview(told, |overview| finished(overview) == 2);
        }
        let mut kept = History::read(&path).unwrap();
        let today = Day::of(Timestamp::from(chrono::Utc::now()));
        let kept = [today.later(-1), today].map(|day| kept.day(day).unwrap().rotations.len());
        assert_eq!(kept.iter().sum::<usize>(), 2);
    }

    #[test]
    fn a_history_that_cannot_be_used_is_said_and_costs_the_session_its_past_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.db");
        std::fs::write(&path, "this is no history, and nobody wants to lose it").unwrap();
        let toy = Toy::new(Manner::Does);
        toy.log.publish(rotation("r1"));
        let server = Served::start(&toy, Access::open());
        let (_session, told) = follow(&server, &path);
        let seen = overview(&told, |overview| overview.sum().finished() == 1);
        let Origin::Session(why) = &seen.origin else {
            panic!("{:?}", seen.origin);
        };
        assert!(why.to_string().contains("cannot be read"), "{why}");
        let left = std::fs::read_to_string(&path).unwrap();
        assert!(left.starts_with("this is no history"), "{left}");
    }
}
