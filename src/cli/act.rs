//! `rotascope act`: an act without the cockpit, under the same guard.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::backend::http::Address;
use crate::config::Paths;
use crate::guard::{Challenges, Rules, Summary, summary};
use crate::incident::Incident;
use crate::model::act::{ActNote, ActState, Answer, Asked, Wish};
use crate::model::intent::{Outcome, Verb};
use crate::model::proof::Code;
use crate::model::text::shown;
use crate::session::live::Who;

use super::aboard::Aboard;
use super::actor::{self, ActorArgs};
use super::complaint::Complaint;
use super::passphrase::line;
use super::{FINE, live};

/// The exit status where it was refused, or failed.
pub(super) const REFUSED: u8 = 3;

/// The exit status where it is not known, or not yet, whether it was done.
pub(super) const UNKNOWN: u8 = 4;

/// What `act` takes.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Exit status: 0 done and seen, 2 wrong arguments or no engine, 3 refused, or failed: what failed may hold in part, so look before you repeat it, 4 not known: ask again, do not repeat it."
)]
pub struct Args {
    /// Which act: freeze, extend-grace, pause, re-push, rollback, revoke-now, …
    #[arg(value_name = "ACT", value_parser = verb)]
    verb: Verb,
    /// A rotation's id, else a secret's path; left out where it is about everything
    #[arg(value_name = "ROTATION|SECRET")]
    target: Option<String>,
    /// How long, for acts that take a length: 90s, 30m, 2h
    #[arg(value_name = "LENGTH", value_parser = length)]
    length: Option<u64>,
    /// The engine
    #[arg(long, value_name = "URL")]
    engine: String,
    /// The token that opens the engine, in a file of its own; else in `ROTASCOPE_TOKEN`
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// In this region only
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// For this service only
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// How fast, for throttle: calls a minute
    #[arg(long, value_name = "N")]
    per_minute: Option<u32>,
    /// Why
    #[arg(long, value_name = "WORDS")]
    reason: Option<String>,
    /// The secret's name, as confirmation of a disruptive act [default: asked for at the terminal]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// A one-time or recovery code; it is good for one use [default: asked for at the terminal]
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Confirm a reversible act without being asked
    #[arg(long)]
    yes: bool,
    /// Say what it would do and what it would ask for, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// How long its end is waited for, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    wait: u64,
    #[command(flatten, next_help_heading = "Acting")]
    actor: ActorArgs,
}

fn verb(word: &str) -> Result<Verb, String> {
    let known = || {
        let names: Vec<&str> = Verb::ALL.iter().map(|verb| verb.name()).collect();
        names.join(", ")
    };
    word.parse()
        .map_err(|_| format!("the acts are {}", known()))
}

fn length(words: &str) -> Result<u64, String> {
    let wrong = || "a length is a number and s, m or h: 90s, 30m, 2h".to_owned();
    let at = words
        .find(|c: char| !c.is_ascii_digit())
        .ok_or_else(wrong)?;
    let (digits, unit) = words.split_at(at);
    let each = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(each));
    seconds.ok_or_else(wrong)
}

/// Runs the command.
///
/// # Errors
/// [`Complaint`] where there is no engine, or nobody can be said to act.
pub fn run(args: &Args, paths: &Paths) -> Result<u8, Complaint> {
    let token = actor::token(args.token_file.as_deref())?;
    let address = live::address(&args.engine, token.as_ref().map(|token| token.as_str()))?;
    let acting = args.actor.ready(paths)?.acting(paths)?;
    if let Some(word) = &acting.word {
        writeln!(io::stderr(), "{}", shown(word)).map_err(broken)?;
    }
    let (aboard, update) = Aboard::on(&address, Who::Known(Ok(acting)))?;
    let rules = update.rules.as_deref();
    let rules = rules.ok_or_else(|| Complaint::new("nobody can act there"))?;
    let wish = args.wish(&update.incident);
    let mut out = io::stderr();
    let summary = match summary(&wish, &update.incident, rules) {
        Ok(summary) => summary,
        Err(why) => return told(&mut out, &format!("Refused: {why}"), REFUSED),
    };
    print(&mut out, &summary, rules).map_err(broken)?;
    if args.dry_run {
        return Ok(FINE);
    }
    let answer = match args.answer(&summary.challenges) {
        Ok(answer) => answer,
        Err(lacking) => {
            return told(&mut out, &format!("Nothing was done: {lacking}"), REFUSED);
        }
    };
    let key = aboard.session.act(Asked {
        wish,
        facts: summary.facts,
        answer,
    });
    Ok(follow(&aboard, args, &key, &address, &mut out))
}

impl Args {
    /// What is wished: a target that is a rotation's id is that, else it is a secret.
    fn wish(&self, incident: &Incident) -> Wish {
        let target = self.target.as_deref();
        let rotation = target.filter(|id| incident.rotation(&(*id).into()).is_some());
        let secret = target.filter(|_| rotation.is_none());
        let mut wish = Wish {
            rotation: rotation.map(Into::into),
            secret: secret.map(Into::into),
            region: self.region.as_deref().map(Into::into),
            service: self.service.as_deref().map(Into::into),
            seconds: self.length,
            per_minute: self.per_minute,
            ..Wish::new(self.verb)
        };
        let starts = matches!(self.verb, Verb::Rotate | Verb::EmergencyRotate);
        if let (true, Some(id)) = (starts, wish.rotation.take_if(|_| starts)) {
            // Another rotation of the same secret is meant.
            wish.secret = incident.rotation(&id).and_then(|r| r.secret.clone());
        }
        // A secret of which one rotation runs means that one, where an act is about a rotation.
        if let (false, Some(secret)) = (starts, &wish.secret) {
            let newest = incident
                .rotations()
                .filter(|rotation| rotation.secret.as_ref() == Some(secret))
                .max_by_key(|rotation| rotation.started_at);
            wish.rotation = newest.map(|rotation| rotation.id.clone());
        }
        wish
    }

    /// What was answered: by options, and else at the terminal.
    fn answer(&self, asked: &Challenges) -> Result<Answer, String> {
        let typed = match (&asked.name, &self.name) {
            (None, _) => String::new(),
            (Some(_), Some(given)) => given.clone(),
            (Some(name), None) => line(&format!("Type {} to confirm: ", shown(name)), true)
                .ok_or("give the secret's name with --name, or start from a terminal")?
                .to_string(),
        };
        let reason = match (asked.reason, &self.reason) {
            (_, Some(given)) => given.clone(),
            (false, None) => String::new(),
            (true, None) => line("Reason: ", true)
                .ok_or("give a reason with --reason, or start from a terminal")?
                .to_string(),
        };
        let code = match (asked.code, &self.code) {
            (false, _) => Code::default(),
            (true, Some(given)) => Code::from(given.as_str()),
            (true, None) => {
                let typed = line("Code: ", false);
                let typed = typed.ok_or("give a code with --code, or start from a terminal")?;
                Code::from(typed.as_str())
            }
        };
        let only_confirm = asked.confirm && asked.name.is_none();
        let confirmed = self.yes || !only_confirm || {
            let yes = line("Do it? Type yes: ", true);
            let yes = yes.ok_or("confirm with --yes, or start from a terminal")?;
            yes.trim() == "yes"
        };
        Ok(Answer {
            confirmed,
            typed,
            reason,
            code,
        })
    }
}

fn print(out: &mut dyn Write, summary: &Summary, rules: &Rules) -> io::Result<()> {
    writeln!(out, "{} ({})", summary.title, summary.risk)?;
    for row in &summary.rows {
        writeln!(out, "  {:<10} {}", row.label, row.words)?;
    }
    writeln!(out, "  {:<10} {}", "As", rules.person)?;
    writeln!(out, "  {:<10} {}", "Asks for", summary.challenges)
}

/// Says how far the act is until it has ended, or time is up. It is under way now: that nobody
/// reads what is said changes nothing of its status.
fn follow(aboard: &Aboard, args: &Args, key: &str, address: &Address, out: &mut dyn Write) -> u8 {
    let deadline = Instant::now() + Duration::from_secs(args.wait);
    let mut said = String::new();
    let mut last = None;
    let ended = aboard.until(deadline, |update| {
        let acts = &update.live.as_ref()?.acts;
        let note = acts.iter().find(|note| note.key == key)?;
        let words = words(note, address);
        if words != said {
            let _ = writeln!(out, "{words}");
            said = words;
        }
        last = Some(note.state.clone());
        note.state.is_final().then_some(())
    });
    match (ended, last) {
        (Some(()), Some(ActState::Told(Outcome::Observed { .. }))) => FINE,
        (Some(()), _) => REFUSED,
        (None, Some(ActState::Waiting { .. })) => {
            let _ = writeln!(out, "Nobody approved it while it was waited for");
            REFUSED
        }
        (None, _) => {
            let _ = writeln!(
                out,
                "Its end is not known yet. Do not repeat it: the cockpit asks on"
            );
            UNKNOWN
        }
    }
}

fn words(note: &ActNote, address: &Address) -> String {
    match &note.state {
        ActState::Refused(why) => format!("Refused: {why}"),
        ActState::Recording => "Recording it in the journal".to_owned(),
        ActState::Waiting { id, until } => format!(
            "Waits for a second person, until {until}: rotascope approve {} --engine {}",
            shown(id),
            address.url()
        ),
        ActState::Sending => "Sending".to_owned(),
        ActState::Told(Outcome::Accepted) => "The engine has taken it".to_owned(),
        ActState::Told(Outcome::Executing) => "The engine is at it".to_owned(),
        ActState::Told(Outcome::Observed { words }) => format!("Done: {}", shown(words)),
        ActState::Told(Outcome::Failed { why }) => format!("Failed: {}", shown(why)),
        ActState::Told(Outcome::Unknown { why }) => {
            format!("Not known: {}; asking again", shown(why))
        }
    }
}

pub(super) fn told(out: &mut dyn Write, words: &str, status: u8) -> Result<u8, Complaint> {
    writeln!(out, "{words}").map_err(broken)?;
    Ok(status)
}

pub(super) fn broken(error: io::Error) -> Complaint {
    Complaint::new("standard error cannot be written").because(error)
}
