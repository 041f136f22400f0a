//! `rotascope demo`: the night that comes with the program.

use crate::audit::{self, Options};
use crate::backend::replay::Replay;
use crate::config::Paths;

use super::complaint::Complaint;
use super::look::{Look, LookArgs};
use super::replay::{self, PlayArgs};

/// The files of first-night, carried in the program: `demo` needs none on disk.
const FIRST_NIGHT: [(&str, &[u8]); 3] = [
    (
        "events.jsonl",
        include_bytes!("../../fixtures/incidents/first-night/events.jsonl"),
    ),
    (
        "audit.log",
        include_bytes!("../../fixtures/incidents/first-night/audit.log"),
    ),
    (
        "postgresql.log",
        include_bytes!("../../fixtures/incidents/first-night/postgresql.log"),
    ),
];

/// What `demo` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    play: PlayArgs,
    #[command(flatten)]
    look: LookArgs,
}

/// Runs the command.
///
/// # Errors
/// [`Complaint`] where the settings are wrong or there is no terminal.
pub fn run(args: &Args, paths: &Paths) -> Result<u8, Complaint> {
    let look = Look::of(&args.look, paths)?;
    let opened = audit::open_carried(&FIRST_NIGHT, &Options::default());
    let backend = Box::new(Replay::new(opened, look.identity.clone()));
    replay::open("first-night", look, backend, args.play.start())
}
