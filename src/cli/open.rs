//! `rotascope open`: from a page's link to the screen it means.

use std::path::PathBuf;

use crate::config::Paths;
use crate::model::replay::SeekTo;
use crate::session::Start;
use crate::ui::Landing;

use super::complaint::Complaint;
use super::{live, replay};

/// What `open` takes.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "In a page's text: rotascope open --service checkout --engine https://rotations.example"
)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    what: What,
    /// Files or folders of events and native logs, plain, .gz or .zst; `-` is standard input.
    /// Without any: what happens now, on --engine or --stream
    #[arg(value_name = "FILE", conflicts_with_all = ["engine", "stream"])]
    files: Vec<PathBuf>,
    /// Where in the recording: a moment (RFC 3339) or a share of it (40%) [default: its end]
    #[arg(long, value_name = "TIME|PERCENT", value_parser = replay::place, requires = "files")]
    at: Option<SeekTo>,
    #[command(flatten)]
    live: live::Args,
}

/// What is looked for: one thing.
#[derive(clap::Args, Debug)]
#[group(required = true, multiple = false)]
struct What {
    /// The worst that is found of this service, else the last rotation that touched it
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// What is found of this rotation, else all about it
    #[arg(long, value_name = "ID")]
    rotation: Option<String>,
    /// What is found of this secret, else its last rotation
    #[arg(long, value_name = "PATH")]
    secret: Option<String>,
}

impl What {
    fn landing(&self) -> Option<Landing> {
        let service = self
            .service
            .as_deref()
            .map(|name| Landing::Service(name.into()));
        let rotation = self
            .rotation
            .as_deref()
            .map(|id| Landing::Rotation(id.into()));
        let secret = self
            .secret
            .as_deref()
            .map(|path| Landing::Secret(path.into()));
        service.or(rotation).or(secret)
    }
}

/// Runs the command.
///
/// # Errors
/// [`Complaint`] where there is nothing to open it on, a path is missing, the settings are wrong,
/// or there is no terminal.
pub fn run(args: &Args, paths: &Paths) -> Result<u8, Complaint> {
    let landing = args.what.landing();
    if !args.files.is_empty() {
        let start = Start {
            at: Some(args.at.unwrap_or(SeekTo::End)),
            playing: false,
            ..Start::default()
        };
        return replay::run_at(&args.files, args.live.look(), start, landing, paths);
    }
    if args.live.names_anything() {
        return live::run_at(&args.live, landing, paths);
    }
    Err(Complaint::new("there is nothing to look at").next(
        "name an engine (--engine URL), a stream (--stream URL), or files of what the servers wrote",
    ))
}
