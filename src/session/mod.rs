//! A session: a backend on one thread, the player that folds its events on another, the diagnosis
//! of them on a third. The cockpit is told by updates that cost next to nothing to make, and never
//! waits for any of them.

mod inquiry;
mod player;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, never, select, unbounded};

pub use player::{Player, Start};

use crate::backend::{Backend, Sent};
use crate::diagnosis::Known;
use crate::incident::Incident;
use crate::model::Event;
use crate::model::rejected::Rejected;
use crate::model::replay::{Loading, PlayerStatus, ReplayCommand};

use inquiry::Inquiry;

/// While something moves, the cockpit is told at most this often: two frames of a 60 Hz screen.
const PUBLISH_EVERY: Duration = Duration::from_millis(33);

/// The longest that the player works before it looks for commands.
const SLICE: Duration = Duration::from_millis(4);

/// What the cockpit is told.
#[derive(Clone, Debug)]
pub struct Update {
    /// The state at the player's moment.
    pub incident: Incident,
    /// What was known of failure modes at that moment.
    pub known: Known,
    /// The event that the player stands on; `None` before the first.
    pub event: Option<Arc<Event>>,
    /// How the player stands.
    pub player: PlayerStatus,
    /// How far reading is.
    pub loading: Loading,
    /// What was rejected so far, as much of it as the backend keeps.
    pub rejected: Arc<[Rejected]>,
}

/// A running session. Dropping it stops its threads.
pub struct Session {
    commands: Sender<ReplayCommand>,
}

impl Session {
    /// Starts reading `backend` and playing what it sends; `publish` is called from the player's
    /// thread with each new state.
    pub fn open(
        backend: Box<dyn Backend>,
        start: Start,
        publish: impl Fn(Update) + Send + 'static,
    ) -> Self {
        let (commands, asked) = unbounded();
        // A few batches in flight keep the reader busy without letting it run away from the fold.
        let (sender, sent) = bounded(8);
        thread::spawn(move || read(backend, &sender));
        thread::spawn(move || Desk::new(start).run(&asked, &sent, &publish));
        Self { commands }
    }

    /// Asks the player for something; it answers by an update.
    pub fn command(&self, command: ReplayCommand) {
        // A player that is gone has nothing left to command.
        let _ = self.commands.send(command);
    }
}

fn read(backend: Box<dyn Backend>, sender: &Sender<Sent>) {
    backend.run(&mut |sent| match sender.send(sent) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    });
    let _ = sender.send(Sent::Done);
}

/// The player's thread: what it has been told, and when it last told the cockpit.
struct Desk {
    player: Player,
    inquiry: Inquiry,
    /// The event that was last published.
    event: Option<Arc<Event>>,
    loading: Loading,
    rejected: Vec<Rejected>,
    published: Arc<[Rejected]>,
    last: Option<Instant>,
    changed: bool,
    urgent: bool,
}

impl Desk {
    fn new(start: Start) -> Self {
        Self {
            player: Player::new(start),
            inquiry: Inquiry::start(),
            event: None,
            loading: Loading::default(),
            rejected: Vec::new(),
            published: Arc::from([]),
            last: None,
            changed: true,
            urgent: true,
        }
    }

    fn run(
        mut self,
        asked: &Receiver<ReplayCommand>,
        sent: &Receiver<Sent>,
        publish: &dyn Fn(Update),
    ) {
        let nothing = never();
        let mut open = true;
        let mut told = self.inquiry.told.clone();
        loop {
            let source = if open { sent } else { &nothing };
            let wait = self.wait(Instant::now());
            select! {
                recv(asked) -> command => match command {
                    Ok(command) => self.command(command),
                    Err(_) => return,
                },
                recv(source) -> sent => match sent {
                    Ok(sent) => self.take(sent),
                    Err(_) => open = false,
                },
                recv(told) -> history => match history {
                    Ok(history) => self.changed |= self.inquiry.take(history, &mut self.player),
                    // The diagnosis gave up; the player plays on, and the screen says how far it came.
                    Err(_) => told = never(),
                },
                default(wait) => {}
            }
            while let Ok(command) = asked.try_recv() {
                self.command(command);
            }
            if self.player.advance(Instant::now(), SLICE) {
                self.changed = true;
            }
            let loaded = self.loading.done;
            self.inquiry.hand(&mut self.player, loaded, Instant::now());
            self.tell(publish);
        }
    }

    /// How long nothing needs to be done.
    fn wait(&self, now: Instant) -> Duration {
        let due = self.last.map_or(Duration::ZERO, |last| {
            PUBLISH_EVERY.saturating_sub(now - last)
        });
        let play = self
            .player
            .next_due(now)
            .unwrap_or(Duration::from_secs(3600));
        let look = self.inquiry.wait(now).unwrap_or(play);
        let wait = play.min(look);
        if self.changed { wait.min(due) } else { wait }
    }

    fn command(&mut self, command: ReplayCommand) {
        self.player.command(command, Instant::now());
        self.changed = true;
        self.urgent = true;
    }

    fn take(&mut self, sent: Sent) {
        self.changed = true;
        match sent {
            Sent::Events(events) => {
                self.urgent |= self.player.is_empty();
                let now = Instant::now();
                if let Some(late) = self.player.push(events, now) {
                    self.inquiry.came_late(late, now);
                }
            }
            Sent::Rejected(rejected) => self.rejected.push(rejected),
            Sent::Read {
                bytes,
                of_bytes,
                rejected,
            } => {
                (self.loading.bytes, self.loading.of_bytes) = (bytes, of_bytes);
                self.loading.rejected = rejected;
            }
            Sent::Trouble(words) => self.loading.trouble.push(words),
            Sent::Done => {
                self.loading.done = true;
                self.player.loaded(Instant::now());
                self.urgent = true;
            }
        }
    }

    fn tell(&mut self, publish: &dyn Fn(Update)) {
        let now = Instant::now();
        let due = self.last.is_none_or(|last| now - last >= PUBLISH_EVERY);
        if !self.changed || !(due || self.urgent) {
            return;
        }
        if self.published.len() != self.rejected.len() {
            self.published = Arc::from(self.rejected.as_slice());
        }
        let known = self.inquiry.known(&self.player);
        let last = self.player.last();
        if self.event.as_deref() != last {
            self.event = last.map(|event| Arc::new(event.clone()));
        }
        publish(Update {
            incident: self.player.incident().clone(),
            known,
            event: self.event.clone(),
            player: self.player.status(),
            loading: self.loading.clone(),
            rejected: Arc::clone(&self.published),
        });
        (self.last, self.changed, self.urgent) = (Some(now), false, false);
    }
}
