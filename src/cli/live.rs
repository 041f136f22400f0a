//! `rotascope --engine URL`: the cockpit on what happens now.

use std::path::PathBuf;
use std::sync::Arc;

use crate::backend::Backend;
use crate::backend::engine::Engine;
use crate::backend::http::Address;
use crate::backend::stream::Stream;
use crate::config::Paths;
use crate::guard::{Guard, People, Policy, Signer};
use crate::model::{Actor, Text};
use crate::session::live::{Acting, JournalPlace, LiveStart, Recorder};
use crate::shell::terminal::{self, Opening};

use super::complaint::Complaint;
use super::look::{Look, LookArgs};
use super::secret_file;

/// Holds the token, where no file does.
const TOKEN_ENV: &str = "ROTASCOPE_TOKEN";

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
    /// Where acts are written down before they are sent: a folder, or a file
    #[arg(long, value_name = "PATH")]
    journal: Option<PathBuf>,
    /// Who acts [default: the user's name]
    #[arg(long = "as", value_name = "NAME")]
    person: Option<String>,
    /// Make every act impossible
    #[arg(long)]
    read_only: bool,
    #[command(flatten)]
    look: LookArgs,
}

impl Args {
    /// True where there is anything to open.
    pub(super) fn names_anything(&self) -> bool {
        self.engine.is_some() || !self.stream.is_empty()
    }
}

/// Opens the cockpit.
///
/// # Errors
/// [`Complaint`] where an address or a token is wrong, the recording cannot begin, or there is no
/// terminal.
pub fn run(args: &Args, paths: &Paths) -> Result<u8, Complaint> {
    let look = Look::of(&args.look, paths)?;
    let mut backends: Vec<Box<dyn Backend>> = Vec::new();
    if let Some(url) = &args.engine {
        let token = token(args)?;
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
    let acting = (!args.read_only).then(|| Acting {
        guard: guard(person(args.person.as_deref())),
        journal: journal(args, paths),
    });
    let start = LiveStart {
        backends,
        recorder,
        acting,
    };
    terminal::run(look.setup(title), Opening::Live(start))
        .map(|()| 0)
        .map_err(|error| Complaint::new("the cockpit cannot be shown").because(error))
}

fn address(url: &str, token: Option<&str>) -> Result<Address, Complaint> {
    Address::parse(url, token).map_err(|error| Complaint::new(error.to_string()))
}

fn token(args: &Args) -> Result<Option<zeroize::Zeroizing<String>>, Complaint> {
    if let Some(path) = &args.token_file {
        return secret_file::token(path).map(Some);
    }
    Ok(std::env::var(TOKEN_ENV).ok().map(zeroize::Zeroizing::new))
}

/// Who acts: the name that was given, else the user's.
pub(super) fn person(given: Option<&str>) -> Actor {
    let user = || std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let name = given.map(str::to_owned).or_else(|| user().ok());
    Actor::from(
        name.filter(|name| !name.trim().is_empty())
            .unwrap_or_else(|| "somebody".to_owned()),
    )
}

/// What this person may do: a key of this session alone, and the policy of the demo.
pub(super) fn guard(person: Actor) -> Guard {
    let signer = Arc::new(Signer::from_seed(&rand::random()));
    Guard::new(person, signer, Policy::demo(), Arc::new(People::default()))
}

fn journal(args: &Args, paths: &Paths) -> JournalPlace {
    match (&args.journal, paths.state.as_ref()) {
        (Some(path), _) if path.is_dir() || !path.exists() && path.extension().is_none() => {
            JournalPlace::Folder(path.clone())
        }
        (Some(path), _) => JournalPlace::File(path.clone()),
        (None, Some(state)) => JournalPlace::Folder(state.join("journal")),
        (None, None) => JournalPlace::Nowhere(
            "the system names no folder for a journal; name one with --journal".to_owned(),
        ),
    }
}
