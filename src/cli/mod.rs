//! The commands, a file each; wiring only.

mod aboard;
mod act;
mod actor;
mod approve;
pub mod audit;
mod check;
mod complaint;
mod demo;
pub mod diagnose;
mod discreet;
mod dumps;
mod engine;
pub mod events;
mod explore;
mod generated;
mod groups;
mod identity;
mod input;
pub mod inventory;
mod levels;
mod live;
mod log;
mod look;
mod open;
mod passphrase;
mod policy;
mod replay;
mod secret_file;
pub mod slo;
pub mod verify;
mod watch;
mod watcher;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::config::Paths;
use complaint::Complaint;

/// The exit status of a command that did what it was asked for.
pub const FINE: u8 = 0;

/// The exit status of a command that was used wrongly or whose input could not be read.
pub const BAD_INPUT: u8 = 2;

/// The cockpit for secret rotations that go wrong.
#[derive(Parser, Debug)]
#[command(name = "rotascope", version, about, max_term_width = 100)]
#[command(
    after_help = "Settings lie in the user's configuration folder; `rotascope check` says where and whether they are right."
)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    live: live::Args,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Open what the servers wrote during an incident in the cockpit
    Replay(replay::Args),
    /// Open the screen that a page's link means: of a service, a rotation or a secret
    Open(open::Args),
    /// Explore the rows of audit logs: filter them, over time and by what they say
    Explore(explore::Args),
    /// Print what native logs and events say, one row an event
    Audit(audit::Args),
    /// Print the incident events that were derived, one line of JSON each
    Events(events::Args),
    /// Say which failure modes events and logs show, whose fault it is and how that is known
    Diagnose(diagnose::Args),
    /// Say how the service levels M1 to M10 stand
    Slo(slo::Args),
    /// Print findings and alerts as they come, a line each, and tell hooks of them
    Watch(watch::Args),
    /// List every secret with its age, cadence, owner, last use and who holds it
    Inventory(inventory::Args),
    /// Check the settings, keymaps, themes and plans of rotations
    Check(check::Args),
    /// Rotate secrets of a lab in this process, break one on purpose, and watch it live
    Demo(demo::Args),
    /// Run the rotation engine and its server
    Engine(engine::Args),
    /// Do one act without the cockpit, under the same guard
    Act(act::Args),
    /// Approve an act that waits for a second person
    Approve(approve::Args),
    /// Say whether a policy of acts is right, and what it asks for before each
    Policy(policy::Args),
    /// Say who you are for others, and where your key is kept
    Identity(identity::Args),
    /// Say whether journals are what was written, and all of it
    Verify(verify::Args),
    /// Print the completions for a shell
    Completions(generated::CompletionArgs),
    /// Print the manual page
    Man,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let paths = Paths::of_user();
    let _log = log::start(&paths);
    let done = match cli.command {
        Some(command) => run(command, &paths),
        None if cli.live.names_anything() => live::run(&cli.live, &paths),
        None => {
            let words = "name an engine or a stream, or a command";
            Cli::command()
                .error(ErrorKind::MissingRequiredArgument, words)
                .exit()
        }
    };
    match done {
        Ok(status) => ExitCode::from(status),
        Err(complaint) => {
            let _ = writeln!(io::stderr().lock(), "{complaint}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn run(command: Command, paths: &Paths) -> Result<u8, Complaint> {
    match command {
        Command::Replay(args) => replay::run(&args, paths),
        Command::Open(args) => open::run(&args, paths),
        Command::Explore(args) => explore::run(&args, paths),
        Command::Audit(args) => printed(|out, err| audit::run(&args, out, err)),
        Command::Events(args) => {
            let (_, usual) = look::settings(paths)?;
            printed(|out, err| events::run(&args, usual, out, err))
        }
        Command::Diagnose(args) => {
            let (settings, usual) = look::settings(paths)?;
            let asked = settings.slo.objectives();
            printed(|out, err| diagnose::run(&args, usual, &asked, out, err))
        }
        Command::Slo(args) => {
            let (settings, usual) = look::settings(paths)?;
            let asked = settings.slo.objectives();
            if args.paths.is_empty() {
                let file = paths.history();
                return printed(|out, err| slo::kept(&args, file.as_deref(), &asked, out, err));
            }
            printed(|out, err| slo::run(&args, usual, &asked, out, err))
        }
        Command::Watch(args) => watch::run(&args, paths),
        Command::Inventory(args) => {
            let (_, usual) = look::settings(paths)?;
            printed(|out, err| inventory::run(&args, usual, out, err))
        }
        Command::Check(args) => printed(|out, err| check::run(&args, paths, out, err)),
        Command::Demo(args) => demo::run(&args, paths),
        Command::Engine(args) => engine::run(&args),
        Command::Act(args) => act::run(&args, paths),
        Command::Approve(args) => approve::run(&args, paths),
        Command::Policy(args) => printed(|out, err| policy::run(&args, out, err)),
        Command::Identity(args) => identity::run(&args, paths),
        Command::Verify(args) => printed(|out, err| verify::run(&args, out, err)),
        Command::Completions(args) => printed(|out, _| generated::completions(&args, out)),
        Command::Man => printed(|out, _| generated::manual(out)),
    }
}

/// Runs a command that prints. Whoever reads may stop reading: that is no error.
fn printed(
    command: impl FnOnce(&mut dyn Write, &mut dyn Write) -> io::Result<u8>,
) -> Result<u8, Complaint> {
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let done = command(&mut out, &mut io::stderr()).and_then(|status| out.flush().map(|()| status));
    match done {
        Ok(status) => Ok(status),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(Complaint::new("standard output cannot be written").because(error)),
    }
}
