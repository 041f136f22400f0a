//! Delivery: tells programs and webhooks of alerts. `docs/alerts.md` says how they are set.
//!
//! Each hook has a thread and a queue of its own: one that hangs delays nobody else, and is given
//! up after its time limit. Whatever was not delivered is counted and said. What was told is
//! remembered in a file just before it is first tried, so that no hook hears of one phase of an
//! alert twice, also after a restart; one that was tried is not tried again by a later run.

mod program;
mod told;
mod webhook;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};

use crate::config::{HookSettings, HookWay};
use crate::measure::alert::{Phase, Telling};
use crate::model::Text;
use crate::model::json;

use told::Told;
pub use told::ToldError;

/// So much waits for one hook, at most; more is dropped and counted.
const WAITING: usize = 256;

/// Why hooks cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// A hook's settings cannot be used.
    #[error("the hook {hook} cannot be used: {why}")]
    Hook {
        /// Which.
        hook: Text,
        /// Why.
        why: String,
    },
    /// What was told cannot be remembered.
    #[error(transparent)]
    Told(#[from] ToldError),
}

/// A hook that was not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub hook: Text,
    /// Of which alert.
    pub alert: Text,
    /// Of what of it.
    pub phase: Phase,
    /// Why, in harmless words.
    pub why: String,
}

/// How much was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Told.
    pub delivered: u64,
    /// Not told, for whatever reason.
    pub failed: u64,
    /// Of those, given up after their time limit.
    pub hung: u64,
    /// Of those, never tried, as too much waited.
    pub dropped: u64,
}

#[derive(Debug, Default)]
struct Counts {
    delivered: AtomicU64,
    failed: AtomicU64,
    hung: AtomicU64,
    dropped: AtomicU64,
}

/// What a hook is handed.
#[derive(Clone, Debug)]
struct Parcel {
    /// What names the telling, for a receiver that wants to know what it has seen.
    key: String,
    alert: Text,
    phase: Phase,
    body: String,
}

/// Why a hook was not told.
#[derive(Debug)]
enum Trouble {
    /// It took too long.
    Hung(String),
    /// Anything else.
    Failed(String),
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does what a hook is for; ends early once `stop` is set.
trait Way: Send {
    fn deliver(&mut self, parcel: &Parcel, stop: &AtomicBool) -> Result<(), Trouble>;
}

/// A hook that runs.
struct Hook {
    name: Text,
    on: Vec<Phase>,
    queue: Sender<Parcel>,
}

/// Tells hooks. Dropping it ends what still runs.
pub struct Delivery {
    hooks: Vec<Hook>,
    told: Arc<Mutex<Told>>,
    counts: Arc<Counts>,
    stop: Arc<AtomicBool>,
    failures: (Sender<Failure>, Receiver<Failure>),
    /// Told by each hook's thread when it ends.
    ended: (Sender<()>, Receiver<()>),
}

impl Delivery {
    /// Starts a thread for each hook. `told` is where it is remembered what was told; without, it
    /// is remembered until the end of the program only.
    ///
    /// # Errors
    /// [`DeliveryError`] where a hook cannot be used as it is set, or another program tells hooks
    /// from the same file.
    pub fn start(settings: &[HookSettings], told: Option<&Path>) -> Result<Self, DeliveryError> {
        let mut delivery = Self {
            hooks: Vec::new(),
            told: Arc::new(Mutex::new(match told.filter(|_| !settings.is_empty()) {
                Some(path) => Told::open(path)?,
                None => Told::default(),
            })),
            counts: Arc::default(),
            stop: Arc::default(),
            failures: unbounded(),
            ended: unbounded(),
        };
        for hook in settings {
            delivery.hook(hook)?;
        }
        Ok(delivery)
    }

    fn hook(&mut self, settings: &HookSettings) -> Result<(), DeliveryError> {
        let name = Text::from(settings.name.as_str());
        let mut way: Box<dyn Way> = match &settings.way {
            HookWay::Program { argv, pass_env } => Box::new(program::Program::new(
                argv.clone(),
                pass_env.clone(),
                settings.time_limit,
            )),
            HookWay::Webhook { url, token } => {
                let webhook = webhook::Webhook::new(
                    url,
                    token.as_ref(),
                    settings.time_limit,
                    settings.retries,
                );
                let hook = name.clone();
                Box::new(webhook.map_err(|why| DeliveryError::Hook { hook, why })?)
            }
        };
        let (queue, parcels) = bounded::<Parcel>(WAITING);
        let (counts, stop) = (Arc::clone(&self.counts), Arc::clone(&self.stop));
        let (failed, ended) = (self.failures.0.clone(), self.ended.0.clone());
        let (hook, told) = (name.clone(), Arc::clone(&self.told));
        thread::spawn(move || {
            for parcel in parcels {
                let tried = if stop.load(Ordering::SeqCst) {
                    // A later run may tell it.
                    Err(Trouble::Failed(
                        "it was not tried before all ended".to_owned(),
                    ))
                } else {
                    lock(&told).begin(&hook, &parcel.key);
                    way.deliver(&parcel, &stop)
                };
                let why = match tried {
                    Ok(()) => {
                        counts.delivered.fetch_add(1, Ordering::SeqCst);
                        continue;
                    }
                    Err(Trouble::Hung(why)) => {
                        counts.hung.fetch_add(1, Ordering::SeqCst);
                        why
                    }
                    Err(Trouble::Failed(why)) => why,
                };
                counts.failed.fetch_add(1, Ordering::SeqCst);
                let _ = failed.send(Failure {
                    hook: hook.clone(),
                    alert: parcel.alert,
                    phase: parcel.phase,
                    why,
                });
            }
            // The file is free once nobody holds it.
            drop(told);
            let _ = ended.send(());
        });
        self.hooks.push(Hook {
            name,
            on: settings.on.clone(),
            queue,
        });
        Ok(())
    }

    /// Tells every hook that wants to know and has not been told. Never waits for a hook.
    pub fn tell(&mut self, telling: &Telling) {
        let Ok(body) = json::to_line(telling) else {
            return;
        };
        let key = telling.name();
        for hook in &self.hooks {
            if !hook.on.contains(&telling.phase) || !lock(&self.told).first(&hook.name, &key) {
                continue;
            }
            let parcel = Parcel {
                key: key.clone(),
                alert: Text::from(telling.alert.as_str()),
                phase: telling.phase,
                body: body.clone(),
            };
            if let Err(TrySendError::Full(parcel) | TrySendError::Disconnected(parcel)) =
                hook.queue.try_send(parcel)
            {
                self.counts.dropped.fetch_add(1, Ordering::SeqCst);
                self.counts.failed.fetch_add(1, Ordering::SeqCst);
                let _ = self.failures.0.send(Failure {
                    hook: hook.name.clone(),
                    alert: parcel.alert,
                    phase: parcel.phase,
                    why: format!("{WAITING} others wait for it already; this one was dropped"),
                });
            }
        }
    }

    /// Hooks that were not told come here.
    #[must_use]
    pub fn failures(&self) -> Receiver<Failure> {
        self.failures.1.clone()
    }

    /// What is wrong with remembering what was told, once.
    pub fn forgets(&mut self) -> Option<String> {
        lock(&self.told).trouble()
    }

    /// How much was delivered so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let of = |count: &AtomicU64| count.load(Ordering::SeqCst);
        Tally {
            delivered: of(&self.counts.delivered),
            failed: of(&self.counts.failed),
            hung: of(&self.counts.hung),
            dropped: of(&self.counts.dropped),
        }
    }

    /// Waits until every hook has been told all there is, at most so long; then ends what still
    /// runs.
    pub fn finish(&mut self, within: Duration) -> Tally {
        let deadline = Instant::now() + within;
        let hooks = std::mem::take(&mut self.hooks).len();
        let mut open = hooks;
        while open > 0 && self.ended.1.recv_deadline(deadline).is_ok() {
            open -= 1;
        }
        self.stop.store(true, Ordering::SeqCst);
        // Those that were stopped say so.
        let soon = Instant::now() + Duration::from_millis(500);
        while open > 0 && self.ended.1.recv_deadline(soon).is_ok() {
            open -= 1;
        }
        self.tally()
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}
