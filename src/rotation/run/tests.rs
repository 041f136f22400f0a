//! A store that cannot be written: nothing changes, whoever asks is told, and what happened
//! outside is not lost.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use crossbeam_channel::{Sender, unbounded};
use tokio::sync::oneshot;

use super::core::{Core, Message};
use super::shared::Shared;
use crate::model::event::SecretKind;
use crate::model::intent::{Intent, Verb};
use crate::model::{Actor, RotationId, SecretPath, Span, Text, Timestamp, Version};
use crate::rotation::fault::Fault;
use crate::rotation::lifecycle::{Refusal, RefusalKind, State};
use crate::rotation::log::EventLog;
use crate::rotation::plan::Plan;
use crate::rotation::report::{Receipt, Vouched};
use crate::rotation::store::{SealKey, Store, Vault};
use crate::rotation::target::{Answer, Call, Target, Versioned};
use crate::rotation::{Clock, Material};

/// A target that answers when it is let, and accepts nothing more once it revoked anything.
struct Gated(tokio::sync::Semaphore, AtomicBool);

#[async_trait]
impl Target for Gated {
    fn kind(&self) -> SecretKind {
        SecretKind::Token
    }
    fn dual_run(&self) -> bool {
        true
    }
    async fn generate(
        &self,
        v: &Version,
        _: Option<&Versioned>,
        _: &Call,
    ) -> Result<Material, Fault> {
        self.0.acquire().await.unwrap().forget();
        // So long that the file must grow to hold it.
        Ok(Material::new(v.raw().as_bytes().repeat(40_000)))
    }
    async fn install(&self, _: &Versioned, _: Option<&Versioned>, _: &Call) -> Result<(), Fault> {
        Ok(())
    }
    async fn attempt(&self, with: &Versioned, _: &Call) -> Result<Answer, Fault> {
        match with.version.raw() {
            "v1" if !self.1.load(Ordering::SeqCst) => Ok(Answer::Accepted),
            _ => Ok(Answer::Refused(Text::from("no"))),
        }
    }
    async fn activate(&self, _: &Versioned, _: Option<&Versioned>, _: &Call) -> Result<(), Fault> {
        Ok(())
    }
    async fn revoke(&self, _: &Versioned, _: &Versioned, _: &Call) -> Result<(), Fault> {
        self.1.store(true, Ordering::SeqCst);
        Ok(())
    }
    async fn reinstate(&self, _: &Versioned, _: Option<&Versioned>, _: &Call) -> Result<(), Fault> {
        Ok(())
    }
}

struct Bench {
    core: Sender<Message>,
    shared: Arc<Shared>,
    gate: Arc<Gated>,
    folder: Arc<tempfile::TempDir>,
}

fn bench() -> Bench {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    open(folder, &SealKey::random().unwrap(), false)
}

/// An engine on the store of this folder; `full` is a disk that is full from the first moment.
fn open(folder: Arc<tempfile::TempDir>, key: &SealKey, full: bool) -> Bench {
    let text = "[[secret]]\npath = 'a'\n[secret.target]\nkind = 'x'\n";
    open_with(folder, key, full, text)
}

fn open_with(folder: Arc<tempfile::TempDir>, key: &SealKey, full: bool, text: &str) -> Bench {
    let (store, mut loaded) = Store::open(&folder.path().join("engine.db"), key).unwrap();
    store.jam(full);
    let log = EventLog::after_store(loaded.last_event, store.older().unwrap());
    let plan = Plan::parse(text).unwrap();
    let gate = Arc::new(Gated(tokio::sync::Semaphore::new(0), AtomicBool::default()));
    let target: Arc<dyn Target> = gate.clone();
    let secrets = plan.secrets.iter();
    let targets: BTreeMap<_, _> = secrets.map(|s| (s.path.clone(), target.clone())).collect();
    let shared = Arc::new(Shared::new(
        &plan,
        targets,
        Clock::scaled(100.0),
        crate::rotation::deliver::client().unwrap(),
        Vault::new(key.clone(), std::mem::take(&mut loaded.material)),
        log,
    ));
    let (to_core, from_all) = unbounded();
    let core = Core::new(
        store,
        loaded,
        shared.clone(),
        (to_core.clone(), from_all),
        Some(1),
    );
    std::thread::spawn(move || core.run());
    Bench {
        core: to_core,
        shared,
        gate,
        folder,
    }
}

impl Bench {
    async fn execute(&self, verb: Verb, key: &str) -> Result<Receipt, Refusal> {
        self.execute_on("a", verb, key).await
    }

    async fn execute_on(&self, secret: &str, verb: Verb, key: &str) -> Result<Receipt, Refusal> {
        let intent = Intent {
            verb,
            rotation: None,
            secret: Some(SecretPath::from(secret)),
            region: None,
            service: None,
            seconds: None,
            per_minute: None,
            by: Actor::from("alice"),
            // Enough words that the file must grow.
            reason: Some(Text::from("why ".repeat(4_000))),
            key: key.to_owned(),
            at: Timestamp::new(0, 0),
        };
        let (answer, answered) = oneshot::channel();
        let order = Box::new((intent, Vouched::default()));
        self.core.send(Message::Execute(order, answer)).unwrap();
        answered.await.unwrap()
    }

    async fn fill(&self, full: bool) {
        let (done, filled) = oneshot::channel();
        self.core.send(Message::Fill(full, done)).unwrap();
        filled.await.unwrap();
    }

    /// Starts a rotation and lets it come to its grace period.
    async fn in_grace(&self) -> RotationId {
        self.gate.0.add_permits(1);
        let receipt = self.execute(Verb::Rotate, "one").await.unwrap();
        let id = receipt.rotation.unwrap();
        self.until(&id, |s| matches!(s, State::Grace { .. })).await;
        id
    }

    /// Gives the engine a first version, so that there is one to revoke.
    async fn adopt(&self) {
        let (answer, adopted) = oneshot::channel();
        let first = Versioned {
            version: Version::from("v0"),
            material: Material::new(b"first".to_vec()),
        };
        let adopt = Message::Adopt(SecretPath::from("a"), first, answer);
        self.core.send(adopt).unwrap();
        adopted.await.unwrap().unwrap();
    }

    async fn shut_down(&self) {
        let (answer, down) = oneshot::channel();
        self.core.send(Message::ShutDown(Some(answer))).unwrap();
        down.await.unwrap();
    }

    fn state(&self, id: &RotationId) -> State {
        self.shared.rotations.read().unwrap()[id].state.clone()
    }

    async fn until(&self, id: &RotationId, there: impl Fn(&State) -> bool) {
        let began = Instant::now();
        while !there(&self.state(id)) {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "{:?}",
                self.state(id)
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_acts_and_keeps_answers_until_there_is_room() {
    let bench = bench();
    let id = bench
        .execute(Verb::Rotate, "one")
        .await
        .unwrap()
        .rotation
        .unwrap();
    bench.until(&id, |s| *s == State::Generating).await;
    bench.fill(true).await;
    let events = bench.shared.log.last();
    let refusal = bench.execute(Verb::Pause, "two").await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Store);
    assert!(refusal.why.contains("full"), "{refusal}");
    // The provider answers while nothing can be written.
    bench.gate.0.add_permits(1);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.state(&id), State::Generating, "it stays where it was");
    assert_eq!(
        bench.shared.log.last(),
        events,
        "and nothing of it is heard"
    );
    bench.fill(false).await;
    bench.until(&id, State::is_finished).await;
    assert!(bench.shared.metrics.lock().unwrap().store_errors > 0);
    // The act that was refused left nothing: its key is free.
    assert!(bench.shared.acts.read().unwrap().get("two").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_opens_on_a_full_disk_goes_on_once_there_is_room() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let key = SealKey::random().unwrap();
    let bench = open(folder.clone(), &key, false);
    bench.adopt().await;
    let id = bench.in_grace().await;
    bench.shut_down().await;
    let bench = open(bench.folder.clone(), &key, true);
    let errors = || bench.shared.metrics.lock().unwrap().store_errors;
    for _ in 0..2_000 {
        if errors() > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(errors() > 0);
    bench.fill(false).await;
    // Nobody asks for anything: what was in flight goes on by itself.
    bench.until(&id, State::is_finished).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_while_the_disk_is_full_shortens_no_grace() {
    let bench = bench();
    bench.adopt().await;
    let id = bench.in_grace().await;
    let State::Grace { ends_at, .. } = bench.state(&id) else {
        panic!("it is over");
    };
    bench.fill(true).await;
    bench.shared.clock.jump(Span::seconds(36_000));
    // The core looks at the clock at least twice a second.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    bench.fill(false).await;
    bench
        .until(&id, |s| {
            matches!(s, State::Grace { ends_at: now, .. }
                if now.since(ends_at) > Span::seconds(30_000))
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pace_that_cannot_be_written_is_not_kept_to() {
    let bench = bench();
    bench.fill(true).await;
    let refusal = bench.execute(Verb::Throttle, "slow").await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Store);
    assert!(bench.shared.lanes.paces().is_empty());
    bench.fill(false).await;
    bench.execute(Verb::Throttle, "slow").await.unwrap();
    assert_eq!(bench.shared.lanes.paces().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resume_takes_the_pace_off_but_first_what_holds() {
    let bench = bench();
    let refusal = bench.execute(Verb::Resume, "none").await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Unknown);
    let receipt = bench.execute(Verb::Rotate, "one").await.unwrap();
    let id = receipt.rotation.unwrap();
    bench.until(&id, |s| *s == State::Generating).await;
    bench.execute(Verb::Throttle, "slow").await.unwrap();
    bench.execute(Verb::Pause, "hold").await.unwrap();
    bench.execute(Verb::Resume, "go").await.unwrap();
    assert_eq!(bench.shared.lanes.paces().len(), 1, "the hold alone ended");
    bench.execute(Verb::Resume, "go-faster").await.unwrap();
    assert!(bench.shared.lanes.paces().is_empty());
    let why = bench.execute(Verb::Resume, "again").await.unwrap_err().why;
    assert!(why.contains("nobody paused"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_waits_behind_no_overdue_rotation() {
    let mut plan = "[engine]\nconcurrency = 1\n".to_owned();
    for n in 0..600 {
        let _ = write!(
            plan,
            "[[secret]]\npath = 's{n}'\n[secret.target]\nkind = 'x'\n"
        );
    }
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let bench = open_with(folder, &SealKey::random().unwrap(), false, &plan);
    let receipt = bench.execute_on("s0", Verb::Rotate, "key-0").await;
    let first = receipt.unwrap().rotation.unwrap();
    bench.until(&first, |s| *s == State::Generating).await;
    // The only place is taken, by what the provider does not answer.
    for n in 1..600 {
        let (secret, key) = (format!("s{n}"), format!("key-{n}"));
        bench.execute_on(&secret, Verb::Rotate, &key).await.unwrap();
    }
    let leak = bench.execute_on("s0", Verb::EmergencyRotate, "leak").await;
    let leak = leak.unwrap().rotation.unwrap();
    assert!(matches!(bench.state(&leak), State::Waiting { .. }));
    bench.gate.0.add_permits(1);
    bench
        .until(&leak, |s| !matches!(s, State::Waiting { .. }))
        .await;
    assert!(bench.state(&first).is_finished());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_makes_no_cadence_due_and_forgets_no_previous_version() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let plan =
        "[[secret]]\npath = 'a'\ncadence = '2d'\ngrace = '1s'\n[secret.target]\nkind = 'x'\n";
    let bench = open_with(folder, &SealKey::random().unwrap(), false, plan);
    bench.adopt().await;
    bench.gate.0.add_permits(5);
    let receipt = bench.execute(Verb::Rotate, "one").await.unwrap();
    let id = receipt.rotation.unwrap();
    bench.until(&id, State::is_finished).await;
    let path = SecretPath::from("a");
    assert!(bench.shared.vault.has(&path, &Version::from("v0")));
    bench.shared.clock.jump(Span::seconds(3 * 86_400));
    // Cadences and previous versions are looked at each second.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(bench.shared.rotations.read().unwrap().len(), 1);
    assert!(bench.shared.vault.has(&path, &Version::from("v0")));
}
