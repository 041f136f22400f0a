//! Where the demo's engine and lab live: a thread of their own with a runtime of its own. The
//! cockpit opens before they stand, so its backends wait for them.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use tempfile::TempDir;

use crate::backend::engine::{Engine as EngineBackend, EngineHands};
use crate::backend::http::Address;
use crate::backend::stream::Stream;
use crate::backend::{Backend, Hands, LinkNews, Requested, Sent};
use crate::cli::complaint::Complaint;
use crate::cli::secret_file;
use crate::guard::Warrant;
use crate::model::intent::Outcome;
use crate::model::proof::{Approval, PublicKey, Signed};
use crate::model::{Actor, Text, Timestamp};
use crate::rotation::lab::{Lab, LabSettings};
use crate::rotation::server::{self, Access, Gate, Running};
use crate::rotation::{Engine, SealKey, Settings};

/// So long the house has to come down in order; what hangs then goes with the process.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// Where one of the two can be reached, or why it does not stand.
type Door = Result<Address, Text>;

/// The engine and the lab, being built or standing.
pub(super) struct House {
    folder: TempDir,
    engine: Receiver<Door>,
    lab: Receiver<Door>,
    leave: Sender<()>,
    left: Receiver<()>,
}

impl House {
    /// Begins to build; nothing here waits for it.
    pub(super) fn build(
        settings: LabSettings,
        person: Actor,
        key: PublicKey,
    ) -> Result<Self, Complaint> {
        let cannot = "the demo has no place to be";
        let folder = tempfile::Builder::new()
            .prefix("rotascope-demo-")
            .tempdir()
            .map_err(|error| Complaint::new(cannot).because(error))?;
        let tokens = secret_file::make(&folder.path().join("token"))?;
        let (engine_is, engine) = bounded(1);
        let (lab_is, lab) = bounded(1);
        let (leave, told) = bounded::<()>(1);
        let (gone, left) = bounded(1);
        let store = folder.path().join("engine.db");
        thread::spawn(move || {
            let built = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .thread_name("lab")
                .build();
            match built {
                Ok(runtime) => {
                    let stood = runtime.block_on(stand(settings, &store, &tokens, (person, key)));
                    match stood {
                        Ok(standing) => {
                            let _ = engine_is.send(Ok(standing.engine_at.clone()));
                            let _ = lab_is.send(Ok(standing.lab_at.clone()));
                            // Ends when it is told to, or when nobody is left to tell.
                            let _ = told.recv();
                            runtime.block_on(standing.come_down());
                        }
                        Err(why) => {
                            let _ = engine_is.send(Err(Text::from(why.clone())));
                            let _ = lab_is.send(Err(Text::from(why)));
                        }
                    }
                    runtime.shutdown_background();
                }
                Err(error) => {
                    let _ = engine_is.send(Err(Text::from(error.to_string())));
                    let _ = lab_is.send(Err(Text::from(error.to_string())));
                }
            }
            let _ = gone.send(());
        });
        Ok(Self {
            folder,
            engine,
            lab,
            leave,
            left,
        })
    }

    /// The demo's own folder; it is removed with it.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The two backends of the cockpit.
    pub(super) fn backends(&self) -> Vec<Box<dyn Backend>> {
        vec![
            Box::new(Awaited {
                name: "engine",
                door: self.engine.clone(),
                hands: Some(Arc::default()),
            }),
            Box::new(Awaited {
                name: "lab",
                door: self.lab.clone(),
                hands: None,
            }),
        ]
    }

    /// Takes it down.
    pub(super) fn leave(self) {
        let _ = self.leave.send(());
        let _ = self.left.recv_timeout(LEAVE_WITHIN);
    }
}

/// What stands.
struct Standing {
    engine: Engine,
    engine_at: Address,
    lab_at: Address,
    server: Running,
    /// Ends with this.
    _lab: Lab,
}

impl Standing {
    async fn come_down(self) {
        self.server.end().await;
        self.engine.shut_down().await;
    }
}

async fn stand(
    settings: LabSettings,
    store: &Path,
    tokens: &str,
    (person, key): (Actor, PublicKey),
) -> Result<Standing, String> {
    let lab = Lab::start(settings).await.map_err(|e| e.to_string())?;
    let clock = lab.clock().clone();
    let engine = Engine::open(Settings {
        plan: lab.plan().clone(),
        store: store.to_owned(),
        key: SealKey::random().map_err(|e| e.to_string())?,
        clock: clock.clone(),
        targets: lab.targets(),
        seed: None,
    })
    .await
    .map_err(|e| e.to_string())?;
    let access = Access::parse(tokens).map_err(|e| e.to_string())?;
    // Whoever opens the demo is the one person whom its engine knows.
    let door = server::Door {
        gate: Gate::open_for(person, key),
        ..server::Door::new(([127, 0, 0, 1], 0).into(), access)
    };
    let server = server::engine(door, engine.clone(), clock)
        .await
        .map_err(|e| e.to_string())?;
    let token = tokens.split_whitespace().last();
    let engine_at = Address::parse(&server.url(), token).map_err(|e| e.to_string())?;
    let lab_at = Address::parse(&lab.url(), None).map_err(|e| e.to_string())?;
    lab.drive(&engine).await.map_err(|e| e.to_string())?;
    Ok(Standing {
        engine,
        engine_at,
        lab_at,
        server,
        _lab: lab,
    })
}

/// A backend that is still being built.
struct Awaited {
    name: &'static str,
    door: Receiver<Door>,
    /// What acts are done by, once it stands; `None` where nothing can be done.
    hands: Option<Arc<OnceLock<EngineHands>>>,
}

impl Backend for Awaited {
    fn name(&self) -> Text {
        Text::from(self.name)
    }

    fn hands(&self) -> Option<Arc<dyn Hands>> {
        let hands = self.hands.as_ref()?;
        Some(Arc::new(AwaitedHands(Arc::clone(hands))))
    }

    fn run(self: Box<Self>, send: &mut dyn FnMut(Sent) -> ControlFlow<()>) {
        match self.door.recv() {
            Ok(Ok(address)) => match self.hands {
                Some(hands) => {
                    let _ = hands.set(EngineHands::new(address.clone()));
                    Box::new(EngineBackend::new(address)).run(send);
                }
                None => Box::new(Stream::new(address)).run(send),
            },
            Ok(Err(why)) => {
                let lost = LinkNews::Lost {
                    why: why.clone(),
                    again: Duration::MAX,
                };
                if send(Sent::Link(lost)).is_continue() {
                    let _ = send(Sent::Trouble(why));
                }
            }
            Err(_) => {}
        }
    }
}

/// Hands that can do nothing before the engine stands.
struct AwaitedHands(Arc<OnceLock<EngineHands>>);

impl Hands for AwaitedHands {
    fn perform(&self, warrant: Warrant, now: Timestamp) -> Outcome {
        match self.0.get() {
            Some(hands) => hands.perform(warrant, now),
            None => Outcome::Failed {
                why: "nothing was sent: the engine does not stand yet; try again".to_owned(),
            },
        }
    }

    fn ask(&self, key: &str) -> Outcome {
        match self.0.get() {
            Some(hands) => hands.ask(key),
            None => Outcome::Unknown {
                why: "the engine does not stand yet".to_owned(),
            },
        }
    }

    fn request(&self, act: &Signed) -> Result<Requested, String> {
        self.standing()?.request(act)
    }

    fn requested(&self, id: &str) -> Result<Option<Signed>, String> {
        self.standing()?.requested(id)
    }

    fn approve(&self, id: &str, approval: &Approval) -> Result<(), String> {
        self.standing()?.approve(id, approval)
    }
}

impl AwaitedHands {
    fn standing(&self) -> Result<&EngineHands, String> {
        let stands = "the engine does not stand yet; try again";
        self.0.get().ok_or_else(|| stands.to_owned())
    }
}
