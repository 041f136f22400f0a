//! A store that cannot be written: nothing changes, whoever asks is told, and what happened
//! outside is not lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use crossbeam_channel::{Sender, unbounded};
use tokio::sync::oneshot;

use super::core::{Core, Message};
use super::shared::Shared;
use crate::model::event::SecretKind;
use crate::model::intent::{Intent, Verb};
use crate::model::{Actor, RotationId, SecretPath, Text, Timestamp, Version};
use crate::rotation::fault::Fault;
use crate::rotation::lifecycle::{Refusal, RefusalKind, State};
use crate::rotation::log::EventLog;
use crate::rotation::plan::Plan;
use crate::rotation::report::Receipt;
use crate::rotation::store::{SealKey, Store, Vault};
use crate::rotation::target::{Answer, Call, Target, Versioned};
use crate::rotation::{Clock, Material};

/// A target that answers when it is let.
struct Gated(tokio::sync::Semaphore);

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
            "v1" => Ok(Answer::Accepted),
            _ => Ok(Answer::Refused(Text::from("no"))),
        }
    }
    async fn activate(&self, _: &Versioned, _: Option<&Versioned>, _: &Call) -> Result<(), Fault> {
        Ok(())
    }
    async fn revoke(&self, _: &Versioned, _: &Versioned, _: &Call) -> Result<(), Fault> {
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
    _folder: tempfile::TempDir,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let key = SealKey::random().unwrap();
    let (store, loaded) = Store::open(&folder.path().join("engine.db"), &key).unwrap();
    let log = EventLog::after_store(loaded.last_event, store.older().unwrap());
    let text = "[[secret]]\npath = 'a'\n[secret.target]\nkind = 'x'\n";
    let gate = Arc::new(Gated(tokio::sync::Semaphore::new(0)));
    let target: Arc<dyn Target> = gate.clone();
    let shared = Arc::new(Shared::new(
        &Plan::parse(text).unwrap(),
        BTreeMap::from([(SecretPath::from("a"), target)]),
        Clock::scaled(100.0),
        crate::rotation::deliver::client().unwrap(),
        Vault::new(key, Vec::new()),
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
        _folder: folder,
    }
}

impl Bench {
    async fn execute(&self, verb: Verb, key: &str) -> Result<Receipt, Refusal> {
        let intent = Intent {
            verb,
            rotation: None,
            secret: Some(SecretPath::from("a")),
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
        self.core.send(Message::Execute(intent, answer)).unwrap();
        answered.await.unwrap()
    }

    async fn fill(&self, full: bool) {
        let (done, filled) = oneshot::channel();
        self.core.send(Message::Fill(full, done)).unwrap();
        filled.await.unwrap();
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
