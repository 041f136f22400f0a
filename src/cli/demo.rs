//! `rotascope demo`: the night that comes with the program.

use crate::config::Paths;

use super::complaint::Complaint;
use super::look::{Look, LookArgs};
use super::replay::{self, PlayArgs};

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
    let backend = super::input::recording(&["fixtures/incidents/first-night".into()], look.identity.clone())?;
    replay::open("first-night", look, backend, args.play.start())
}
