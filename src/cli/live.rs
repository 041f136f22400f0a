//! `rotascope --engine URL`: the cockpit on what happens now.

use std::path::PathBuf;

use crate::backend::Backend;
use crate::backend::engine::Engine;
use crate::backend::http::Address;
use crate::backend::stream::Stream;
use crate::config::Paths;
use crate::model::Text;
use crate::session::live::{LiveStart, Recorder, Who};
use crate::shell::terminal::{self, More, Opening};
use crate::ui::Landing;

use super::actor::{self, ActorArgs};
use super::complaint::Complaint;
use super::look::{Look, LookArgs};

/// What the program takes without a command.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Open the cockpit on a running engine
    #[arg(long, value_name = "URL")]
    engine: Option<String>,
    /// The token that opens the engine, in a file of its own; else in `ROTASCOPE_TOKEN`
    #[arg(long, value_name = "FILE", requires = "engine")]
    token_file: Option<PathBuf>,
    /// Follow this stream of events too; may be named more than once, also without an engine
    #[arg(long, value_name = "URL")]
    stream: Vec<String>,
    /// Record all that comes into a new file; `rotascope replay` plays it
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Make every act impossible
    #[arg(long)]
    read_only: bool,
    #[command(flatten, next_help_heading = "Acting")]
    actor: ActorArgs,
    #[command(flatten)]
    look: LookArgs,
}

impl Args {
    /// True where there is anything to open.
    pub(super) fn names_anything(&self) -> bool {
        self.engine.is_some() || !self.stream.is_empty()
    }

    /// How the cockpit looks.
    pub(super) fn look(&self) -> &LookArgs {
        &self.look
    }
}

/// Opens the cockpit.
///
/// # Errors
/// [`Complaint`] where an address or a token is wrong, the recording cannot begin, or there is no
/// terminal.
pub fn run(args: &Args, paths: &Paths) -> Result<u8, Complaint> {
    run_at(args, None, paths)
}

/// Opens the cockpit at what a link names, where there is one.
///
/// # Errors
/// As [`run`].
pub(super) fn run_at(
    args: &Args,
    landing: Option<Landing>,
    paths: &Paths,
) -> Result<u8, Complaint> {
    let look = Look::of(&args.look, paths)?;
    let mut backends: Vec<Box<dyn Backend>> = Vec::new();
    if let Some(url) = &args.engine {
        let token = actor::token(args.token_file.as_deref())?;
        let address = address(url, token.as_ref().map(|token| token.as_str()))?;
        backends.push(Box::new(Engine::new(address)));
    }
    for url in &args.stream {
        backends.push(Box::new(Stream::new(address(url, None)?)));
    }
    let title = backends
        .first()
        .map_or_else(|| Text::from("live"), |backend| backend.name());
    let recorder = match &args.record {
        Some(path) => Some(Recorder::new(path).map_err(|e| Complaint::new(e.to_string()))?),
        None => None,
    };
    let who = if args.read_only {
        Who::nobody()
    } else {
        args.actor.ready(paths)?.who(paths)?
    };
    let start = LiveStart {
        backends,
        recorder,
        who,
        measure: look.measure(paths),
    };
    let more = More {
        landing,
        alarm: look.alarm(),
        watch: look.watch(),
        ..More::default()
    };
    terminal::run(look.setup(title), Opening::Live(Box::new(start)), more)
        .map(|()| 0)
        .map_err(|error| Complaint::new("the cockpit cannot be shown").because(error))
}

pub(super) fn address(url: &str, token: Option<&str>) -> Result<Address, Complaint> {
    Address::parse(url, token).map_err(|error| Complaint::new(error.to_string()))
}
