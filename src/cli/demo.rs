//! `rotascope demo`: the rotation engine and a lab of real services in this process, one thing
//! broken on purpose, and the live cockpit on both. `--recorded` replays the night that comes with
//! the program instead.

mod house;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use crate::audit::{self, Options};
use crate::backend::replay::Replay;
use crate::config::{Identity, Paths};
use crate::guard::{Guard, Memory, People, Policy};
use crate::journal::{Place, Places};
use crate::model::{Actor, Text};
use crate::rotation::Clock;
use crate::rotation::lab::{Cause, LabSettings, UnknownCause};
use crate::session::live::{Acting, JournalPlace, LiveStart, Recorder, Who};
use crate::session::{Keeping, Measure};
use crate::shell::terminal::{self, More, Opening, Rows};
use crate::ui::Explorable;

use super::complaint::Complaint;
use super::dumps;
use super::engine;
use super::identity;
use super::look::{Look, LookArgs};
use super::replay::{self, PlayArgs};
use house::House;

/// The files of first-night, carried in the program: `demo --recorded` needs none on disk.
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

/// What is broken in the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fault(Option<Cause>);

impl FromStr for Fault {
    type Err = UnknownCause;
    fn from_str(word: &str) -> Result<Self, UnknownCause> {
        if word.eq_ignore_ascii_case("none") {
            return Ok(Self(None));
        }
        word.parse().map(|cause| Self(Some(cause)))
    }
}

/// What `demo` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// What is broken on purpose, by the failure mode that it leads to: F1 to F8, or none
    #[arg(long, value_name = "MODE", default_value = "F1")]
    fault: Fault,
    /// How many services the lab has, 4 to 24
    #[arg(long, value_name = "N", default_value = "6", value_parser = clap::value_parser!(u16).range(4..=24))]
    services: u16,
    /// The same seed sends the same requests
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// Seconds of the lab that pass in one of the world's, 1 to 600
    #[arg(long, value_name = "N", default_value = "1", value_parser = engine::scale)]
    time_scale: f64,
    /// Record all that comes into a new file; `rotascope replay` plays it
    #[arg(long, value_name = "FILE", conflicts_with = "recorded")]
    record: Option<PathBuf>,
    /// Make every act impossible
    #[arg(long, conflicts_with = "recorded")]
    read_only: bool,
    /// Replay the recorded night that comes with the program: no engine, no lab
    #[arg(long)]
    recorded: bool,
    #[command(flatten)]
    look: LookArgs,
    #[command(flatten, next_help_heading = "With --recorded")]
    play: PlayArgs,
}

/// Runs the command.
///
/// # Errors
/// [`Complaint`] where the settings are wrong, the lab has no place to be, or there is no
/// terminal.
pub fn run(args: &Args, paths: &Paths) -> Result<u8, Complaint> {
    let look = Look::of(&args.look, paths)?;
    if args.recorded {
        let opened = audit::open_carried(&FIRST_NIGHT, &Options::default());
        let backend = Box::new(Replay::new(opened, look.identity.clone()));
        let rows = Rows {
            what: Explorable::Files,
            open: Some(Box::new(|| {
                Ok(audit::open_carried(&FIRST_NIGHT, &Options::default()))
            })),
            filter: String::new(),
        };
        let start = args.play.start();
        return replay::open("first-night", look, backend, start, (None, rows));
    }
    if args.play.are_named() {
        return Err(Complaint::new(
            "--paused, --at and --speed are for a recording; the demo is live",
        )
        .next("add --recorded, or leave them out"));
    }
    dumps::forbid();
    let recorder = match &args.record {
        Some(path) => Some(Recorder::new(path).map_err(|e| Complaint::new(e.to_string()))?),
        None => None,
    };
    let person = identity::person(None);
    // The lab knows this key for as long as it stands, and nobody else does.
    let identity = Identity::in_memory("the demo's")
        .map_err(|error| Complaint::new("nobody can act in the demo").because(error))?;
    let lab = LabSettings {
        fault: args.fault.0,
        services: args.services.into(),
        seed: args.seed,
        clock: Clock::scaled(args.time_scale),
    };
    let house = House::build(lab, person.clone(), identity.key())?;
    let who = if args.read_only {
        Who::nobody()
    } else {
        let journal = house.folder().join("journal");
        // Its policy is read while the first frame stands already.
        Who::Later(Box::new(move || Ok(acting(person, &identity, journal))))
    };
    let start = LiveStart {
        backends: house.backends(),
        recorder,
        who,
        measure: Measure {
            objectives: Arc::new(look.objectives),
            // What is broken on purpose is nobody's history.
            keeping: Keeping::Not("the demo keeps no history".to_owned()),
        },
    };
    let title = args.fault.0.map_or_else(
        || Text::from("demo"),
        |cause| Text::from(format!("demo {cause}")),
    );
    let more = More {
        alarm: look.alarm(),
        watch: look.watch(),
        ..More::default()
    };
    let shown = terminal::run(look.setup(title), Opening::Live(Box::new(start)), more);
    house.leave();
    shown
        .map(|()| 0)
        .map_err(|error| Complaint::new("the cockpit cannot be shown").because(error))
}

/// Who acts in the lab. What is done there is nobody's record: its journal goes with it.
fn acting(person: Actor, identity: &Identity, journal: PathBuf) -> Acting {
    let people = Arc::new(People::default());
    let journal = Place::Folder(journal);
    Acting {
        guard: Guard::new(person, identity.signer(), Policy::demo(), people),
        journal: JournalPlace::Places(Places::one(journal)),
        once: Arc::new(Memory::default()),
        word: None,
    }
}
