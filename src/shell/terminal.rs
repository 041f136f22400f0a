//! The terminal shell: one loop that waits for whatever comes first (a key, a new state, a
//! signal), updates the cockpit, runs the effects and draws where anything changed.

use std::io::{self, BufWriter, Stdout, Write};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::guard::Taken;
use super::slot::Slot;
use super::watch::{self, Watch};
use super::{export, input};
use crate::backend::Backend;
use crate::model::effect::{Effect, Effects};
use crate::query::page::{Ask, Page};
use crate::session::explore::{Explorer, Open};
use crate::session::live::LiveStart;
use crate::session::{Session, Start, Update};
use crate::ui::{self, Alarm, Cockpit, Explorable, Landing, Message, Setup, State};

/// What wakes the loop.
enum Wake {
    /// The terminal said something.
    Input(crossterm::event::Event),
    /// The terminal can no longer be read.
    InputEnded,
    /// A state lies in the slot.
    State,
    /// A page of the explorer lies in its slot.
    Page,
    /// Something beside the loop has a word for the cockpit.
    Told(Box<Message>),
    /// The program was asked to end.
    Signal,
}

type Screen = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// What the cockpit is opened on.
pub enum Opening {
    /// A recording, played from somewhere.
    Recording(Box<dyn Backend>, Start),
    /// What happens now.
    Live(Box<LiveStart>),
    /// Nothing but the rows of files.
    Rows,
}

/// What the explorer looks into.
#[derive(Default)]
pub struct Rows {
    /// Opens the inputs, once the explorer is first asked; `None` where there are none.
    pub open: Option<Open>,
    /// What the screen is told of them.
    pub what: Explorable,
    /// The filter at first, which must be right.
    pub filter: String,
}

/// What more there may be to an opening.
#[derive(Default)]
pub struct More {
    /// What a link names: it is looked for, and what it means opens.
    pub landing: Option<Landing>,
    /// What the settings say of alerts; without, nothing rings.
    pub alarm: Alarm,
    /// What may change how it looks while it runs.
    pub watch: Option<Box<dyn Watch>>,
    /// What the explorer looks into.
    pub rows: Rows,
}

/// Opens the cockpit and runs it until the person leaves.
///
/// # Errors
/// Where standard output is no terminal, or cannot be written.
pub fn run(setup: Setup, opening: Opening, more: More) -> io::Result<()> {
    let alone = matches!(opening, Opening::Rows);
    let mut cockpit = Cockpit::new(setup).with_alarm(more.alarm).with_rows(
        more.rows.what,
        &more.rows.filter,
        alone,
    );
    if let Some(landing) = more.landing {
        cockpit.land(landing);
    }
    // Before the terminal is taken: who is ended without it leaves it as it is.
    let signals = Signals::new([SIGTERM, SIGHUP, SIGINT])?;
    let taken = Taken::take()?;
    // From here on a change of size is heard of.
    let _ = crossterm::event::poll(Duration::ZERO);
    let mut screen = Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(
        1 << 16,
        io::stdout(),
    )))?;
    // The first frame comes before anything is read: a large file must not keep the screen dark.
    let size = screen.size()?;
    let _ = ui::update(
        &mut cockpit,
        Message::Resize {
            columns: size.width,
            rows: size.height,
        },
    );
    let first = draw(&mut screen, &mut cockpit, false);
    let (wake, woken) = unbounded();
    let slots = Slots::default();
    listen(signals, &wake);
    if let Some(watched) = more.watch {
        let wake = wake.clone();
        watch::start(watched, move |message| {
            wake.send(Wake::Told(Box::new(message))).is_ok()
        });
    }
    let session = open(opening, &slots.state, &wake);
    let done = first.and_then(|()| {
        let mut outside = Outside {
            screen: &mut screen,
            session: session.as_ref(),
            wake: &wake,
            open: more.rows.open,
            explorer: None,
            pages: slots.pages.clone(),
            anew: false,
        };
        turn(&mut outside, &mut cockpit, &slots, &woken)
    });
    drop(taken);
    tracing::info!(ended_well = done.is_ok(), "cockpit closed");
    match done {
        // Nobody looks any more: that is how a closed terminal ends.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// What other threads publish.
#[derive(Default)]
struct Slots {
    state: Slot<Update>,
    pages: Slot<Page>,
}

fn open(opening: Opening, slot: &Slot<Update>, waker: &Sender<Wake>) -> Option<Session> {
    let (slot, waker) = (slot.clone(), waker.clone());
    let publish = move |update| {
        if slot.put(update) {
            let _ = waker.send(Wake::State);
        }
    };
    match opening {
        Opening::Recording(backend, start) => Some(Session::open(backend, start, publish)),
        Opening::Live(start) => Some(Session::live(*start, publish)),
        Opening::Rows => None,
    }
}

/// Starts the threads that wait for keys and for signals.
fn listen(mut signals: Signals, waker: &Sender<Wake>) {
    let on_signal = waker.clone();
    thread::spawn(move || {
        for _ in signals.forever() {
            let _ = on_signal.send(Wake::Signal);
        }
    });
    let on_input = waker.clone();
    thread::spawn(move || {
        loop {
            let wake = crossterm::event::read().map_or(Wake::InputEnded, Wake::Input);
            let ended = matches!(wake, Wake::InputEnded);
            if on_input.send(wake).is_err() || ended {
                return;
            }
        }
    });
}

/// The loop. Messages that wait are all taken in before the next frame, so that a flood costs
/// frames, not answers.
fn turn(
    outside: &mut Outside<'_>,
    cockpit: &mut Cockpit,
    slots: &Slots,
    wakes: &Receiver<Wake>,
) -> io::Result<()> {
    let mut quiet = Quiet::default();
    loop {
        // Before anything is waited for: the explorer alone has nobody else to wake it.
        if let Some(ask) = cockpit.take_ask() {
            outside.ask(ask);
        }
        let first = match quiet.wait(wakes) {
            Ok(wake) => Some(wake),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        if first.is_none() {
            let _ = ui::update(cockpit, Message::Seen);
        }
        for wake in first.into_iter().chain(wakes.try_iter()) {
            let message = match wake {
                Wake::Signal | Wake::InputEnded => return Ok(()),
                Wake::Input(event) => {
                    // A size that is as before when it is looked at may have been another one
                    // meanwhile, and then the terminal threw away what did not fit.
                    outside.anew |= matches!(event, crossterm::event::Event::Resize(..));
                    let message = input::message(event);
                    // A mouse that only moves is no answer.
                    if message.is_some() {
                        quiet.since = None;
                    }
                    message
                }
                Wake::State => slots.state.take().map(state),
                Wake::Page => slots.pages.take().map(|page| {
                    outside.tell_offset(cockpit, &page);
                    Message::Page(Box::new(page))
                }),
                Wake::Told(message) => Some(*message),
            };
            let Some(message) = message else { continue };
            let effects = ui::update(cockpit, message);
            if outside.perform(effects)? {
                return Ok(());
            }
        }
        draw(outside.screen, cockpit, std::mem::take(&mut outside.anew))?;
        quiet.follow(cockpit);
    }
}

/// How long a question stands before it can be said to be seen, while nothing is pressed.
const SEEN_AFTER: Duration = Duration::from_millis(400);

/// Since when a question that nobody has seen yet stands and nothing was pressed.
#[derive(Default)]
struct Quiet {
    since: Option<Instant>,
}

impl Quiet {
    fn wait(&self, wakes: &Receiver<Wake>) -> Result<Wake, RecvTimeoutError> {
        match self.since {
            Some(since) => wakes.recv_deadline(since + SEEN_AFTER),
            None => wakes.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn follow(&mut self, cockpit: &Cockpit) {
        if !cockpit.waits_to_be_seen() {
            self.since = None;
        } else if self.since.is_none() {
            self.since = Some(Instant::now());
        }
    }
}

/// What effects reach.
struct Outside<'a> {
    screen: &'a mut Screen,
    /// What is played or followed, where anything is.
    session: Option<&'a Session>,
    wake: &'a Sender<Wake>,
    open: Option<Open>,
    explorer: Option<Explorer>,
    pages: Slot<Page>,
    /// True where nothing of what is on the screen counts for the next frame.
    anew: bool,
}

impl Outside<'_> {
    /// Asks the explorer, which opens its files when it is asked first.
    fn ask(&mut self, ask: Ask) {
        if let Some(open) = self.open.take() {
            let (slot, wake) = (self.pages.clone(), self.wake.clone());
            self.explorer = Some(Explorer::start(open, move |page| {
                if slot.put(page) {
                    let _ = wake.send(Wake::Page);
                }
            }));
        }
        if let Some(explorer) = &self.explorer {
            explorer.ask(ask);
        }
    }

    /// Tells how far the machine's own time is off when the rows were, where no state tells it.
    fn tell_offset(&self, cockpit: &mut Cockpit, page: &Page) {
        let first = page.rows.first().filter(|_| self.session.is_none());
        if let Some(row) = first {
            let offset = local_offset(row.time.seconds());
            let _ = ui::update(cockpit, Message::Offset(offset));
        }
    }

    /// Runs effects; true where the person leaves.
    fn perform(&mut self, effects: Effects) -> io::Result<bool> {
        for effect in effects.0 {
            match effect {
                Effect::Quit => return Ok(true),
                Effect::Replay(command) => {
                    if let Some(session) = self.session {
                        session.command(command);
                    }
                }
                Effect::Act(asked) => {
                    if let Some(session) = self.session {
                        session.act(*asked);
                    }
                }
                Effect::Redraw => self.anew = true,
                Effect::Copy(words) => copy(self.screen, &words)?,
                Effect::Ring(ring, words) => {
                    let out = self.screen.backend_mut();
                    out.write_all(ring.sequence(&words).as_bytes())?;
                    io::Write::flush(out)?;
                }
                Effect::Export { name, what, words } => {
                    let wake = self.wake.clone();
                    export::write(name, what, words, move |said| {
                        let _ = wake.send(Wake::Told(Box::new(Message::Told(said))));
                    });
                }
            }
        }
        Ok(false)
    }
}

/// OSC 52, which terminals pass on to the clipboard, also over ssh.
fn copy(screen: &mut Screen, words: &str) -> io::Result<()> {
    use crossterm::clipboard::CopyToClipboard;
    let out = screen.backend_mut();
    queue!(out, CopyToClipboard::to_clipboard_from(words))?;
    out.flush()
}

/// Draws what changed since the last frame, or all of it `anew`.
fn draw(screen: &mut Screen, cockpit: &mut Cockpit, anew: bool) -> io::Result<()> {
    if !cockpit.take_dirty() && !anew {
        return Ok(());
    }
    // A terminal that knows synchronized updates shows the frame at once, without tearing.
    queue!(screen.backend_mut(), BeginSynchronizedUpdate)?;
    if anew {
        // Not `clear`: it asks the terminal where its cursor is, and waits in vain, because
        // what the terminal answers goes to the thread that reads keys.
        let size = screen.size()?;
        screen.resize(Rect::from(size))?;
    }
    screen.draw(|frame| ui::view(cockpit, frame))?;
    queue!(screen.backend_mut(), EndSynchronizedUpdate)?;
    screen.backend_mut().flush()
}

fn state(update: Update) -> Message {
    let at = update.player.at.unwrap_or_default();
    Message::State(Box::new(State {
        local_offset_seconds: local_offset(at.seconds()),
        incident: update.incident,
        known: update.known,
        event: update.event,
        player: update.player,
        loading: update.loading,
        rejected: update.rejected,
        rules: update.rules,
        overview: update.overview,
        live: update.live,
    }))
}

/// The machine's own offset at that moment, in seconds east of UTC.
fn local_offset(seconds: i64) -> i32 {
    use chrono::{Local, Offset, TimeZone};
    match Local.timestamp_opt(seconds, 0) {
        chrono::LocalResult::Single(time) => time.offset().fix().local_minus_utc(),
        _ => 0,
    }
}
