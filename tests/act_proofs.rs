//! What `scripts/prove-guard` counts of acts: none is lost or doubled however the program dies, and
//! how soon after the key the request is on the engine's socket. `ROTASCOPE_PROVE_GUARD` runs all
//! of it; without it each is tried a few times.

// The lints that spare tests know them by this.
#![cfg(test)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use rotascope::backend::engine::Engine;
use rotascope::backend::http::Address;
use rotascope::guard::{Guard, Memory, People, Policy, Signer};
use rotascope::journal::{self, Kind, Place, Places};
use rotascope::model::act::ActState;
use rotascope::model::intent::Outcome;
use rotascope::rotation::server::Access;
use rotascope::session::live::{Acting, JournalPlace, LiveStart, Who};
use rotascope::session::{Measure, Session};
use support::engine::{Manner, Served, Toy};
use support::pty::Terminal;

/// Each step between the answer and the outcome where the program may die.
const STEPS: [&str; 7] = [
    "act.intend.before",
    "act.intend.after",
    "act.send.before",
    "act.send.answered",
    "act.send.after",
    "act.end.before",
    "act.end.after",
];

fn times(few: usize, all: usize) -> usize {
    if std::env::var_os("ROTASCOPE_PROVE_GUARD").is_some() {
        all
    } else {
        few
    }
}

fn act(server: &Served, folder: &Path, step: Option<&str>) -> Option<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rotascope"));
    command
        .args(["act", "freeze", "--yes", "--engine", &server.url()])
        .args(["--as", "mira", "--wait", "20"])
        .env("ROTASCOPE_CONFIG_DIR", folder.join("config"))
        .env("ROTASCOPE_STATE_DIR", folder.join("state"))
        .env("ROTASCOPE_KEYRING", "off")
        .env_remove("ROTASCOPE_TOKEN")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(step) = step {
        command.env("ROTASCOPE_FAILPOINT", format!("{step}:1"));
    }
    command.status().unwrap().code()
}

/// What the journals of a folder hold: each intended act, and whether its end is written down.
fn written(folder: &Path) -> BTreeMap<String, Option<Outcome>> {
    let mut acts = BTreeMap::new();
    let Ok(files) = std::fs::read_dir(folder) else {
        return acts;
    };
    let mut paths: Vec<_> = files.flatten().map(|file| file.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "jsonl"));
    paths.sort();
    for path in paths {
        let history = journal::read(&path).unwrap();
        assert!(history.broken.is_none(), "{}", path.display());
        for entry in history.entries {
            match entry.kind {
                Kind::Intended { intent, .. } => {
                    acts.entry(intent.key).or_insert(None);
                }
                Kind::Ended { key, outcome } if ActState::Told(outcome.clone()).is_final() => {
                    acts.insert(key, Some(outcome));
                }
                _ => {}
            }
        }
    }
    acts
}

/// Opens one session more, which asks about what the others left open, until all of it has ended.
fn look_back(server: &Served, journals: &Path) {
    let signer = Arc::new(Signer::from_seed(&[7; 32]));
    let people = Arc::new(People::default());
    let places = Places::one(Place::Folder(journals.to_owned()));
    let (tell, told) = channel();
    let start = LiveStart {
        backends: vec![Box::new(Engine::new(
            Address::parse(&server.url(), None).unwrap(),
        ))],
        recorder: None,
        who: Who::Known(Ok(Acting {
            guard: Guard::new("mira".into(), signer, Policy::demo(), people),
            journal: JournalPlace::Places(places),
            once: Arc::new(Memory::default()),
            word: None,
        })),
        measure: Measure::default(),
    };
    let open = written(journals)
        .values()
        .filter(|end| end.is_none())
        .count();
    let _session = Session::live(start, move |update| {
        let _ = tell.send(update);
    });
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(90) {
        let Ok(update) = told.recv_timeout(Duration::from_secs(10)) else {
            continue;
        };
        let acts = update.live.unwrap().acts;
        let ended = acts.iter().filter(|note| note.state.is_final()).count();
        if acts.len() == open && ended == open {
            return;
        }
    }
    panic!("of {open} open acts some have no end after 90 s");
}

/// Nothing is lost: what was intended has an end, and it is the truth. Nothing is doubled: the
/// engine did no act twice. Nothing is done that was not written down before.
#[test]
#[expect(clippy::print_stderr, reason = "what scripts/prove-guard is run for")]
fn no_act_is_lost_or_doubled_wherever_the_program_is_killed() {
    let each = times(1, 25);
    let toy = Toy::new(Manner::Does);
    let server = Served::start(&toy, Access::open());
    let folder = tempfile::tempdir().unwrap();
    let mut kills = 0;
    for step in STEPS {
        for _ in 0..each {
            let code = act(&server, folder.path(), Some(step));
            assert_eq!(code, None, "{step} was not reached");
            kills += 1;
        }
    }
    assert_eq!(act(&server, folder.path(), None), Some(0));
    let journals = folder.path().join("state/journal");
    look_back(&server, &journals);
    let executed = toy.executed_by_key();
    let acts = written(&journals);
    let ended = |key: &String| acts.get(key).and_then(Option::as_ref);
    let lost = acts
        .iter()
        .filter(|(key, end)| match end {
            Some(Outcome::Observed { .. }) => !executed.contains_key(*key),
            Some(Outcome::Failed { .. }) => executed.contains_key(*key),
            _ => true,
        })
        .count()
        + executed.keys().filter(|key| ended(key).is_none()).count();
    let doubled = executed.values().filter(|times| **times > 1).count();
    eprintln!(
        "steps {} kills {kills} lost {lost} doubled {doubled}",
        STEPS.len()
    );
    assert_eq!((lost, doubled), (0, 0), "{acts:#?} {executed:#?}");
    // All but those that died before the line was written.
    assert_eq!(acts.len(), kills - each + 1);
}

/// From the key that confirms to the whole request at the engine, a synced line of the journal in
/// between.
#[test]
#[expect(clippy::print_stderr, reason = "what scripts/prove-guard is run for")]
fn an_act_is_at_the_engine_soon_after_its_key() {
    let toy = Toy::new(Manner::Does);
    let server = Served::start(&toy, Access::open());
    let journals = tempfile::tempdir().unwrap();
    let journal = journals.path().to_str().unwrap();
    let url = server.url();
    let args = ["--engine", &url, "--journal", journal, "--as", "mira"];
    let mut terminal = Terminal::start(&args, 110, 40);
    terminal.wait_for("a connection", |screen| screen.contains("live"));
    let mut took = Vec::new();
    for n in 0..times(3, 40) {
        terminal.press("Z");
        terminal.wait_for("the question", |screen| screen.contains("▸ Cancel ◂"));
        thread::sleep(Duration::from_secs(1));
        terminal.press("\t");
        terminal.wait_for("the button", |screen| !screen.contains("▸ Cancel ◂"));
        thread::sleep(Duration::from_secs(1));
        let pressed = Instant::now();
        terminal.press("\r");
        while toy.executed() == n {
            assert!(
                pressed.elapsed() < Duration::from_secs(10),
                "{}",
                terminal.text()
            );
            thread::sleep(Duration::from_micros(200));
        }
        let came = toy.came().last().copied().unwrap();
        took.push(came.duration_since(pressed));
        terminal.wait_for("the outcome", |screen| screen.contains("Done: "));
        terminal.press("\u{1b}");
        terminal.wait_for("that it was read", |screen| !screen.contains("Done: "));
    }
    took.sort();
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    eprintln!(
        "key to request: median {:.1} ms, most {:.1} ms of {} (goal: median below 50)",
        ms(took[took.len() / 2]),
        ms(took[took.len() - 1]),
        took.len()
    );
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}
