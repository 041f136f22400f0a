//! `rotascope watch --headless`: findings and alerts as they come, a line each, for chats and cron.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};
use crossbeam_channel::{Receiver, Sender, select, unbounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::complaint::Complaint;
use super::{BAD_INPUT, FINE, actor, live, look};
use crate::backend::Backend;
use crate::backend::engine::Engine;
use crate::backend::stream::Stream;
use crate::config::Paths;
use crate::delivery::{Delivery, Failure, Tally};
use crate::diagnosis::{Known, Reach};
use crate::measure::level::Objectives;
use crate::model::Timestamp;
use crate::model::effect::Ring;
use crate::model::link::LinkState;
use crate::session::live::{LiveStart, Who};
use crate::session::{Measure, Session, Update};
use crate::shell::slot::Slot;

mod reading;
mod said;

use reading::News;
use said::{Said, Told};

/// So long hooks may take for what is left to tell when all ends.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// A JSON object a line
    Json,
    /// Alerts alone, as events of type rotascope.alert (CloudEvents), a line each
    Events,
}

/// What `watch` takes.
#[derive(ClapArgs, Debug)]
#[command(after_help = "\
Exit status: 0 when what was read has ended, and after SIGINT or SIGTERM, whatever was found; \
2 where nothing can be watched, or so much of it could not be read that silence must not pass \
for calm, or the lines cannot be written.")]
pub struct Args {
    /// Files, folders, or - for standard input: events or logs, plain, gzip or zstd
    #[arg(value_name = "FILE", conflicts_with_all = ["engine", "stream"])]
    paths: Vec<PathBuf>,
    /// Print lines instead of opening a screen
    #[arg(long)]
    headless: bool,
    /// Watch a running engine
    #[arg(long, value_name = "URL")]
    engine: Option<String>,
    /// The token that opens the engine, in a file of its own; else in `ROTASCOPE_TOKEN`
    #[arg(long, value_name = "FILE", requires = "engine")]
    token_file: Option<PathBuf>,
    /// Watch this stream of events too; may be named more than once, also without an engine
    #[arg(long, value_name = "URL")]
    stream: Vec<String>,
    /// How lines are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Tell no hook of the settings
    #[arg(long)]
    no_hooks: bool,
    /// Do not ring the terminal
    #[arg(long)]
    quiet: bool,
    /// Who answers for what [default: owners.toml in the configuration folder]
    #[arg(long, value_name = "FILE")]
    owners: Option<PathBuf>,
}

/// Watches until what was read has ended, or a signal.
///
/// # Errors
/// [`Complaint`] where nothing is named, an address, a token or the settings are wrong, or a hook
/// cannot be used.
pub fn run(args: &Args, paths: &Paths) -> Result<u8, Complaint> {
    let is_live = args.engine.is_some() || !args.stream.is_empty();
    if !args.headless {
        return Err(cockpit_instead(args, is_live));
    }
    if !is_live && args.paths.is_empty() {
        return Err(Complaint::new("there is nothing to watch").next(
            "name an engine or a stream (--engine, --stream), files, or - for standard input",
        ));
    }
    let (settings, identity) = look::settings(paths)?;
    let owners = look::owners(args.owners.as_deref(), paths)?;
    let hooks: &[_] = if args.no_hooks {
        &[]
    } else {
        &settings.alerts.hooks
    };
    let delivery = Delivery::start(hooks, paths.told().as_deref())
        .map_err(|error| Complaint::new(error.to_string()))?;
    let objectives = settings.slo.objectives();
    let rings = is_live && !args.quiet && io::stderr().is_terminal();
    let desk = Desk {
        said: Said::new(owners, args.format, is_live),
        delivery,
        ring: settings.alerts.ring().filter(|_| rings),
    };
    let ended = signals()?;
    let has_end = !is_live && args.paths.iter().all(|path| path.as_os_str() != "-");
    let watched = if is_live {
        let (waker, woken) = unbounded();
        let slot = Slot::default();
        let _session = open_live(args, &objectives, &slot, &waker)?;
        desk.live(&slot, &woken, &ended)
    } else {
        let news = reading::start(&args.paths, identity, &objectives)?;
        desk.read(&news, &ended)
    };
    match watched {
        Ok(status) => Ok(status),
        // Whoever reads the first lines of files has what they wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe && has_end => Ok(FINE),
        Err(error) => Err(unwritten(&error)),
    }
}

/// Nothing is watched any more, since the lines cannot be written: whoever relies on them must
/// hear of it.
fn unwritten(error: &io::Error) -> Complaint {
    let next = "; start it anew then: hooks are told of what they were not told of yet";
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Complaint::new("nobody reads standard output any more: the watch has ended").next(
            format!("see what became of the program that read the lines{next}"),
        );
    }
    Complaint::new("standard output cannot be written: the watch has ended")
        .because(error)
        .next(format!("make room where the lines go{next}"))
}

fn cockpit_instead(args: &Args, is_live: bool) -> Complaint {
    let instead = if let Some(url) = &args.engine {
        format!(
            "rotascope --engine {}",
            crate::model::Text::from(url.as_str())
        )
    } else if is_live {
        "rotascope --stream URL".to_owned()
    } else if args.paths.is_empty() {
        "rotascope --engine URL".to_owned()
    } else {
        "rotascope replay FILE…".to_owned()
    };
    Complaint::new("watch prints lines and has no screen of its own").next(format!(
        "add --headless, or open the cockpit, which watches too: {instead}"
    ))
}

fn publisher(slot: &Slot<Update>, waker: &Sender<()>) -> impl Fn(Update) + Send + 'static {
    let (slot, waker) = (slot.clone(), waker.clone());
    move |update| {
        if slot.put(update) {
            let _ = waker.send(());
        }
    }
}

fn open_live(
    args: &Args,
    objectives: &Objectives,
    slot: &Slot<Update>,
    waker: &Sender<()>,
) -> Result<Session, Complaint> {
    let mut backends: Vec<Box<dyn Backend>> = Vec::new();
    if let Some(url) = &args.engine {
        let token = actor::token(args.token_file.as_deref())?;
        let address = live::address(url, token.as_ref().map(|token| token.as_str()))?;
        backends.push(Box::new(Engine::new(address)));
    }
    for url in &args.stream {
        backends.push(Box::new(Stream::new(live::address(url, None)?)));
    }
    let start = LiveStart {
        backends,
        recorder: None,
        who: Who::nobody(),
        measure: Measure {
            objectives: Arc::new(*objectives),
            ..Measure::default()
        },
    };
    Ok(Session::live(start, publisher(slot, waker)))
}

fn signals() -> Result<Receiver<()>, Complaint> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT])
        .map_err(|error| Complaint::new("signals cannot be waited for").because(error))?;
    let (tell, ended) = unbounded();
    thread::spawn(move || {
        for _ in signals.forever() {
            let _ = tell.send(());
        }
    });
    Ok(ended)
}

/// True where all that happened before has been looked at: what stood in the midst of it may long
/// be over, and wakes nobody.
fn has_caught_up(update: &Update) -> bool {
    let links = update.live.iter().flat_map(|live| live.links.iter());
    let mut behind = links.filter(|link| link.state == LinkState::CatchingUp && link.behind > 0);
    update.incident.now().is_some() && update.known.reach == Reach::Whole && behind.next().is_none()
}

/// Writes a line on standard error; one that is gone hears nothing.
fn complain(words: &str) {
    let _ = writeln!(io::stderr().lock(), "{words}");
}

/// What watches.
struct Desk {
    said: Said,
    delivery: Delivery,
    ring: Option<Ring>,
}

impl Desk {
    /// Watches what happens now, until a signal.
    fn live(
        mut self,
        slot: &Slot<Update>,
        woken: &Receiver<()>,
        ended: &Receiver<()>,
    ) -> io::Result<u8> {
        let watched = self.watch(slot, woken, ended);
        self.end(watched.map(|rejected| (rejected, FINE)))
    }

    /// Gives how much was rejected.
    fn watch(
        &mut self,
        slot: &Slot<Update>,
        woken: &Receiver<()>,
        ended: &Receiver<()>,
    ) -> io::Result<u64> {
        let failures = self.delivery.failures();
        let mut rejected = 0;
        let mut caught_up = false;
        loop {
            select! {
                recv(woken) -> _ => {
                    let Some(update) = slot.take() else { continue };
                    rejected = update.loading.rejected;
                    caught_up |= has_caught_up(&update);
                    if caught_up {
                        self.tell(&update.known, update.incident.now())?;
                    }
                    self.said.links(&update)?;
                }
                recv(failures) -> failure => {
                    if let Ok(failure) = failure {
                        self.said.failure(&failure)?;
                    }
                }
                recv(ended) -> _ => return Ok(rejected),
            }
        }
    }

    /// Watches what is read, until it ends or a signal comes.
    fn read(mut self, news: &Receiver<News>, ended: &Receiver<()>) -> io::Result<u8> {
        let watched = self.hear(news, ended);
        self.end(watched)
    }

    /// Gives how much was rejected, and the exit status.
    fn hear(&mut self, news: &Receiver<News>, ended: &Receiver<()>) -> io::Result<(u64, u8)> {
        let failures = self.delivery.failures();
        let (mut rejected, mut status) = (0, FINE);
        loop {
            select! {
                recv(news) -> news => match news {
                    Ok(News::Known(known, now)) => self.tell(&known, Some(now))?,
                    Ok(News::Trouble(words)) => self.said.trouble(&words)?,
                    Ok(News::Done { rejected: n, went_well }) => {
                        rejected = n;
                        status = if went_well { FINE } else { BAD_INPUT };
                    }
                    Err(_) => return Ok((rejected, status)),
                },
                recv(failures) -> failure => {
                    if let Ok(failure) = failure {
                        self.said.failure(&failure)?;
                    }
                }
                recv(ended) -> _ => return Ok((rejected, status)),
            }
        }
    }

    /// All that hooks are told of is told to its end, also where nobody reads the lines any more.
    fn end(&mut self, watched: io::Result<(u64, u8)>) -> io::Result<u8> {
        let (failures, tally) = (self.delivery.failures(), self.delivery.finish(LAST_WORDS));
        let unwritten = match watched {
            Ok((rejected, status)) => {
                let said = self.last_words(&failures, tally, rejected);
                match said {
                    Ok(()) => return Ok(status),
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        // What is left to say goes where somebody may yet see it.
        for failure in failures.try_iter() {
            complain(&said::not_told(&failure));
        }
        if let Some(words) = said::counted(tally) {
            complain(&words);
        }
        Err(unwritten)
    }

    fn last_words(
        &mut self,
        failures: &Receiver<Failure>,
        tally: Tally,
        rejected: u64,
    ) -> io::Result<()> {
        for failure in failures.try_iter() {
            self.said.failure(&failure)?;
        }
        self.said.end(tally, rejected)
    }

    /// Hooks first: a reader that is gone must not keep anybody asleep.
    fn tell(&mut self, known: &Known, now: Option<Timestamp>) -> io::Result<()> {
        for told in self.said.take(known, now) {
            let Told { telling, rings } = told;
            self.delivery.tell(&telling);
            if let Some(ring) = self.ring.filter(|_| rings) {
                let mut err = io::stderr().lock();
                // A terminal that is gone rings no more.
                let _ = err.write_all(ring.sequence(&telling.summary).as_bytes());
            }
        }
        self.said.flush()?;
        if let Some(trouble) = self.delivery.forgets() {
            self.said.trouble(&trouble)?;
        }
        Ok(())
    }
}
