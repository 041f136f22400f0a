//! `rotascope approve ID`: a second person looks at an act that waits and signs for it.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::backend::Backend as _;
use crate::backend::engine::Engine;
use crate::config::Paths;
use crate::guard::{APPROVAL_LONGEST, Rules, approve, summary};
use crate::incident::Incident;
use crate::model::Text;
use crate::model::act::Wish;
use crate::model::intent::Intent;
use crate::rotation::Clock;
use crate::session::live::Who;

use super::aboard::Aboard;
use super::act::{REFUSED, broken, told};
use super::actor::{self, ActorArgs};
use super::complaint::Complaint;
use super::passphrase::line;
use super::{FINE, live};

/// What `approve` takes.
#[derive(clap::Args, Debug)]
#[command(after_help = "Exit status: 0 approved, 2 wrong arguments or no engine, 3 not approved.")]
pub struct Args {
    /// The request, as the first person's screen names it
    #[arg(value_name = "ID")]
    id: String,
    /// The engine where it waits
    #[arg(long, value_name = "URL")]
    engine: String,
    /// The token that opens the engine, in a file of its own; else in `ROTASCOPE_TOKEN`
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The secret's name, or "all": that you mean this one [default: asked for at the terminal]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten, next_help_heading = "Approving")]
    actor: ActorArgs,
}

/// Runs the command.
///
/// # Errors
/// [`Complaint`] where there is no engine, or nobody can be said to approve.
pub fn run(args: &Args, paths: &Paths) -> Result<u8, Complaint> {
    let token = actor::token(args.token_file.as_deref())?;
    let address = live::address(&args.engine, token.as_ref().map(|token| token.as_str()))?;
    let (person, signer) = args.actor.ready(paths)?.signer(paths)?;
    let mut out = io::stderr();
    let refused = |out: &mut dyn Write, why: &str| {
        told(out, &format!("Not approved: {}", Text::from(why)), REFUSED)
    };
    let hands = Engine::new(address.clone()).hands();
    let hands = hands.ok_or_else(|| Complaint::new("nothing can be approved there"))?;
    let intent = match hands.requested(&args.id) {
        Ok(Some(act)) => act.intent,
        Ok(None) => {
            return refused(
                &mut out,
                "nothing of this name waits there; it may have been done, or waited for too long",
            );
        }
        Err(why) => {
            return Err(Complaint::new(format!(
                "the engine cannot be asked what waits: {}",
                Text::from(why)
            )));
        }
    };
    // A request is named by its digest: what is shown is what was asked.
    if !intent.digest().to_string().starts_with(&args.id) || args.id.len() < 8 {
        return refused(&mut out, "what the engine shows is not what this id names");
    }
    if intent.by == person {
        return refused(&mut out, "it is your own: another person has to approve it");
    }
    let (_aboard, update) = Aboard::on(&address, Who::nobody())?;
    show(&intent, &update.incident, &mut out).map_err(broken)?;
    let wanted = intent
        .secret
        .as_ref()
        .or_else(|| {
            update
                .incident
                .rotation(intent.rotation.as_ref()?)?
                .secret
                .as_ref()
        })
        .map_or_else(|| "all".to_owned(), ToString::to_string);
    let typed = match &args.name {
        Some(given) => Some(given.clone()),
        None => line(&format!("Type {wanted} to approve: "), true).map(|typed| typed.to_string()),
    };
    match typed {
        Some(typed) if typed.trim() == wanted => {}
        Some(_) => {
            return refused(
                &mut out,
                &format!("the name that was typed is not {wanted}"),
            );
        }
        None => {
            return refused(
                &mut out,
                "give its name with --name, or start from a terminal",
            );
        }
    }
    let approval = approve(
        &intent,
        person,
        &signer,
        Clock::of_the_world().now(),
        APPROVAL_LONGEST,
    );
    match hands.approve(&args.id, &approval) {
        Ok(()) => told(&mut out, "Approved", FINE),
        Err(why) => refused(&mut out, &why),
    }
}

/// What is asked, by whom, and what it would do as things stand.
fn show(intent: &Intent, incident: &Incident, out: &mut dyn Write) -> io::Result<()> {
    let wish = Wish {
        rotation: intent.rotation.clone(),
        secret: intent.secret.clone(),
        region: intent.region.clone(),
        service: intent.service.clone(),
        seconds: intent.seconds,
        per_minute: intent.per_minute,
        ..Wish::new(intent.verb)
    };
    let rules = Rules::standard(intent.by.clone());
    match summary(&wish, incident, &rules) {
        Ok(summary) => {
            writeln!(out, "{} ({})", summary.title, summary.risk)?;
            for row in summary.rows {
                writeln!(out, "  {:<10} {}", row.label, row.words)?;
            }
        }
        Err(why) => writeln!(out, "{}: as things stand, {why}", intent.verb)?,
    }
    writeln!(out, "  {:<10} {} at {}", "Asked by", intent.by, intent.at)?;
    if let Some(reason) = &intent.reason {
        writeln!(out, "  {:<10} {reason}", "Reason")?;
    }
    writeln!(out, "  {:<10} {}", "Digest", intent.digest())
}
