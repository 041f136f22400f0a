//! A lab with an engine on it, run at many times the world's pace, and what diagnosis makes of all
//! that both said.

#![allow(
    dead_code,
    reason = "shared by two test programs, each of which uses a part"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rotascope::diagnosis::{Diagnosis, Finding, Mode, rules};
use rotascope::model::event::{Stage, StageStatus};
use rotascope::model::intent::{Intent, Verb};
use rotascope::model::{Actor, Data, Event, Span};
use rotascope::rotation::lab::{Cause, Lab, LabSettings};
use rotascope::rotation::{Clock, Engine, SealKey, Settings};
use tokio::task::AbortHandle;

/// A lab and its engine.
pub struct Run {
    pub lab: Lab,
    pub engine: Engine,
    /// The longest that the machine was late for something, in milliseconds, and who looks at it.
    late: (Arc<AtomicU64>, AbortHandle),
    /// Holds the engine's store until the end.
    _store: tempfile::TempDir,
}

impl Run {
    /// Starts both; rotations begin by themselves.
    pub async fn start(fault: Option<Cause>, seed: u64, scale: f64) -> Self {
        let settings = LabSettings {
            fault,
            services: 4,
            seed,
            clock: Clock::scaled(scale),
        };
        let lab = Lab::start(settings).await.unwrap();
        let store = tempfile::tempdir().unwrap();
        let engine = Engine::open(Settings {
            plan: lab.plan().clone(),
            store: store.path().join("engine.db"),
            key: SealKey::random().unwrap(),
            clock: lab.clock().clone(),
            targets: lab.targets(),
            seed: Some(seed),
        })
        .await
        .unwrap();
        lab.drive(&engine).await.unwrap();
        Self {
            lab,
            engine,
            late: lateness(),
            _store: store,
        }
    }

    /// Waits until this much of the lab's time has passed.
    pub async fn wait(&self, seconds: i64) {
        self.lab.clock().sleep(Span::seconds(seconds)).await;
    }

    /// True where the machine stood still so long that half a minute of the lab or more happened
    /// at once: whatever was found then is no verdict on the diagnosis.
    pub fn starved(&self) -> bool {
        self.late.0.load(Ordering::Relaxed) > 500
    }

    /// All that was said so far, in order of time.
    pub fn events(&self) -> Vec<Event> {
        let engine = self.engine.log().after(0, usize::MAX);
        let lab = self.lab.record().after(0, usize::MAX);
        let all = engine.into_iter().chain(lab);
        let mut all: Vec<Event> = all.map(|(_, event)| event).collect();
        all.sort_by_key(|event| event.time);
        all
    }

    /// Waits until a mode is found and stands, at most so many seconds of the lab.
    pub async fn found(&self, mode: &str, within: i64) -> Option<Finding> {
        for _ in 0..within / 5 {
            self.wait(5).await;
            let all = diagnose(&self.events());
            if let Some(found) = all.into_iter().find(|f| name(f.mode) == mode) {
                return Some(found);
            }
        }
        None
    }

    /// Asks for an act, as a responder does.
    pub async fn act(&self, verb: Verb, change: impl FnOnce(&mut Intent)) -> String {
        let at = self.lab.clock().now();
        let mut intent = Intent {
            verb,
            rotation: None,
            secret: None,
            region: None,
            service: None,
            seconds: None,
            per_minute: None,
            by: Actor::from("test:responder"),
            reason: None,
            key: format!("{verb}/{at}"),
            at,
        };
        change(&mut intent);
        let key = intent.key.clone();
        self.engine.execute(intent).await.unwrap();
        key
    }

    /// Ends both.
    pub async fn end(self) {
        self.late.1.abort();
        self.engine.shut_down().await;
        self.lab.shut_down().await;
    }
}

/// Looks from now on how late it is woken.
fn lateness() -> (Arc<AtomicU64>, AbortHandle) {
    const BEAT: Duration = Duration::from_millis(50);
    let most = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&most);
    let task = tokio::spawn(async move {
        loop {
            let began = Instant::now();
            tokio::time::sleep(BEAT).await;
            let late = began.elapsed().saturating_sub(BEAT).as_millis();
            told.fetch_max(u64::try_from(late).unwrap(), Ordering::Relaxed);
        }
    });
    (most, task.abort_handle())
}

/// True where the engine failed a cutover, which it then takes back by its own health rule: by
/// chance before anybody was hurt, so that there is nothing to be found.
pub fn taken_back(events: &[Event]) -> bool {
    events.iter().any(|event| {
        matches!(&event.data, Data::RotationStage(stage)
            if stage.stage == Stage::Cutover && stage.status == StageStatus::Failed)
    })
}

/// What a run's seed becomes where chance has spoilt it and it runs once more.
pub fn another(seed: u64) -> u64 {
    seed + 1000
}

/// What diagnosis finds in these events.
pub fn diagnose(events: &[Event]) -> Vec<Finding> {
    let mut diagnosis = Diagnosis::new(rules());
    for event in events {
        diagnosis.apply(event);
    }
    diagnosis.findings().all().into_iter().cloned().collect()
}

/// A mode as findings print it.
pub fn name(mode: Mode) -> String {
    mode.to_string()
}

/// The modes found, each once.
pub fn modes(findings: &[Finding]) -> BTreeSet<String> {
    findings.iter().map(|f| name(f.mode)).collect()
}

/// Writes a recording.
pub fn record(folder: &Path, name: &str, events: &[Event]) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let path = folder.join(format!("{name}.jsonl"));
    let mut text = String::new();
    for event in events {
        text.push_str(&event.to_json().unwrap());
        text.push('\n');
    }
    std::fs::write(&path, text).unwrap();
    path
}
