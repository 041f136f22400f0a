//! A session: a backend on one thread, the player that folds its events on another, the diagnosis
//! of them on a third. The cockpit is told by updates that cost next to nothing to make, and never
//! waits for any of them.

pub mod explore;
mod grown;
mod inquiry;
pub mod live;
mod measure;
mod player;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, never, select, unbounded};

pub use measure::{Keeping, Measure};
pub use player::{Player, Start};

use crate::backend::{Backend, Sent};
use crate::diagnosis::Known;
use crate::guard::Rules;
use crate::incident::Incident;
use crate::measure::overview::Overview;
use crate::model::Event;
use crate::model::act::Asked;
use crate::model::link;
use crate::model::rejected::Rejected;
use crate::model::replay::{Loading, PlayerStatus, ReplayCommand};

use inquiry::Inquiry;
use live::{Live, LiveStart};
use measure::Overviews;

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
    /// How it stands with what happens now; `None` where a recording is played.
    pub live: Option<link::Live>,
    /// Who acts, under which policy; `None` where nothing can be done here.
    pub rules: Option<Arc<Rules>>,
    /// How it stood with the service levels then, or shortly before; `None` before they were
    /// looked at.
    pub overview: Option<Arc<Overview>>,
}

/// What a person asks of a session.
enum Request {
    Play(ReplayCommand),
    Act(Box<Asked>, String),
}

/// A running session. Dropping it stops its threads.
pub struct Session {
    requests: Sender<Request>,
}

impl Session {
    /// Starts reading `backend` and playing what it sends; `publish` is called from the player's
    /// thread with each new state.
    pub fn open(
        backend: Box<dyn Backend>,
        start: Start,
        publish: impl Fn(Update) + Send + 'static,
    ) -> Self {
        let measure = Measure {
            objectives: Arc::clone(&start.objectives),
            ..Measure::default()
        };
        let desk = Desk::new(Player::new(start), measure, false);
        Self::start(vec![backend], desk, publish)
    }

    /// Follows what happens now; `publish` is called as for a recording.
    pub fn live(start: LiveStart, publish: impl Fn(Update) + Send + 'static) -> Self {
        let LiveStart {
            backends,
            recorder,
            who,
            measure,
        } = start;
        let mut desk = Desk::new(Player::live(), measure, true);
        desk.loading.done = true;
        desk.live = Some(Live::new(&backends, recorder, who, Instant::now()));
        Self::start(backends, desk, publish)
    }

    fn start(
        backends: Vec<Box<dyn Backend>>,
        desk: Desk,
        publish: impl Fn(Update) + Send + 'static,
    ) -> Self {
        let (requests, asked) = unbounded();
        // A few batches in flight keep the reader busy without letting it run away from the fold.
        let (sender, sent) = bounded(8);
        for (from, backend) in backends.into_iter().enumerate() {
            let sender = sender.clone();
            thread::spawn(move || read(from, backend, &sender));
        }
        thread::spawn(move || desk.run(&asked, &sent, &publish));
        Self { requests }
    }

    /// Asks the player for something; it answers by an update.
    pub fn command(&self, command: ReplayCommand) {
        // A player that is gone has nothing left to command.
        let _ = self.requests.send(Request::Play(command));
    }

    /// Asks for an act and gives its key; what becomes of it is in the updates that follow, in the
    /// note of that key.
    #[expect(
        clippy::must_use_candidate,
        reason = "the cockpit shows every note and needs no key"
    )]
    pub fn act(&self, asked: Asked) -> String {
        let key = live::key();
        let _ = self
            .requests
            .send(Request::Act(Box::new(asked), key.clone()));
        key
    }
}

fn read(from: usize, backend: Box<dyn Backend>, sender: &Sender<(usize, Sent)>) {
    backend.run(&mut |sent| match sender.send((from, sent)) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    });
    let _ = sender.send((from, Sent::Done));
}

/// The player's thread: what it has been told, and when it last told the cockpit.
struct Desk {
    player: Player,
    inquiry: Inquiry,
    overviews: Overviews,
    /// The event that was last published.
    event: Option<Arc<Event>>,
    live: Option<Live>,
    loading: Loading,
    rejected: Vec<Rejected>,
    published: Arc<[Rejected]>,
    last: Option<Instant>,
    changed: bool,
    urgent: bool,
}

impl Desk {
    fn new(player: Player, measure: Measure, live: bool) -> Self {
        Self {
            player,
            inquiry: Inquiry::start(measure, live),
            overviews: Overviews::default(),
            event: None,
            live: None,
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
        asked: &Receiver<Request>,
        sent: &Receiver<(usize, Sent)>,
        publish: &dyn Fn(Update),
    ) {
        let nothing = never();
        let mut open = true;
        let mut told = self.inquiry.told.clone();
        let mut graded = self.inquiry.graded.clone();
        let mut acts = self.live.as_ref().map_or_else(never, Live::told);
        loop {
            let source = if open { sent } else { &nothing };
            let wait = self.wait(Instant::now());
            select! {
                recv(asked) -> request => match request {
                    Ok(request) => self.request(request),
                    Err(_) => return,
                },
                recv(source) -> sent => match sent {
                    Ok((from, sent)) => self.came(from, sent),
                    Err(_) => open = false,
                },
                recv(told) -> history => match history {
                    Ok(history) => self.changed |= self.inquiry.take(history, &mut self.player),
                    // The diagnosis gave up; the player plays on, and the screen says how far it came.
                    Err(_) => told = never(),
                },
                recv(graded) -> overview => match overview {
                    Ok(overview) => {
                        self.overviews.take(overview);
                        self.changed = true;
                    }
                    Err(_) => graded = never(),
                },
                recv(acts) -> news => match news {
                    Ok(news) => self.news(news),
                    Err(_) => acts = never(),
                },
                default(wait) => {}
            }
            while let Ok(request) = asked.try_recv() {
                self.request(request);
            }
            if let Some(live) = &mut self.live {
                self.changed |= live.beats(Instant::now());
            }
            if self.player.advance(Instant::now(), SLICE) {
                self.changed = true;
            }
            let loaded = self.loading.done && self.live.is_none();
            self.player.settle(Instant::now());
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
        let beat = self.live.as_ref().map_or(play, |live| live.wait(now));
        let wait = play.min(look).min(beat);
        if self.changed { wait.min(due) } else { wait }
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Play(command) => self.player.command(command, Instant::now()),
            Request::Act(asked, key) => {
                if let Some(live) = &mut self.live {
                    let at = self.player.emitters_now(Instant::now());
                    let following = self.player.is_following();
                    live.act(&asked, key, self.player.incident(), following, at);
                }
            }
        }
        self.changed = true;
        self.urgent = true;
    }

    fn news(&mut self, news: live::News) {
        if let Some(live) = &mut self.live {
            let following = self.player.is_following();
            let trouble = live.news(news, self.player.incident(), following);
            self.loading.trouble.extend(trouble);
            (self.changed, self.urgent) = (true, true);
        }
    }

    fn came(&mut self, from: usize, sent: Sent) {
        let Some(live) = &mut self.live else {
            return self.take(sent);
        };
        let now = Instant::now();
        let kept = match &sent {
            Sent::Rejected(_) => Some(sent.clone()),
            Sent::Read { rejected, .. } => {
                self.loading.rejected = live.rejected(from, *rejected);
                None
            }
            _ => None,
        };
        let came = live.take(from, sent, now);
        if let Some((at, scale)) = came.clock {
            self.player.clock(at, scale, now);
        }
        if !came.events.is_empty() {
            self.take(Sent::Events(came.events));
        }
        for sent in kept.into_iter().chain(came.trouble.map(Sent::Trouble)) {
            self.take(sent);
        }
        self.changed = true;
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
            // A recording has neither clock nor connection.
            Sent::Clock { .. } | Sent::Link(_) => {}
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
        let status = self.player.status();
        let overview = status.at.and_then(|at| self.overviews.at(at));
        publish(Update {
            overview: overview.cloned(),
            incident: self.player.incident().clone(),
            known,
            event: self.event.clone(),
            player: status,
            loading: self.loading.clone(),
            rejected: Arc::clone(&self.published),
            live: self
                .live
                .as_ref()
                .map(|live| live.view(self.player.is_following(), now)),
            rules: self.live.as_ref().and_then(Live::rules),
        });
        (self.last, self.changed, self.urgent) = (Some(now), false, false);
    }
}
