//! `rotascope slo [FILES…]`: the service levels, as a table or as JSON; without files from the
//! history of live sessions.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;

use super::levels::levels;
use super::{BAD_INPUT, FINE, diagnose};
use crate::audit::identity::IdentityRules;
use crate::config::DATA_ENV;
use crate::history::{History, HistoryError};
use crate::measure::level::{Better, Level, Levels, Objectives, Reading, Urgency, amount, whole};
use crate::model::{Timestamp, json};

/// How the levels are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line a level
    #[default]
    Table,
    /// One JSON object
    Json,
}

/// Say how the service levels M1 to M10 stand.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Files, folders, or - for standard input: events or logs, plain, gzip or zstd [default: the
    /// history that live sessions keep]
    #[arg(value_name = "FILE")]
    pub paths: Vec<PathBuf>,
    /// How they are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Count from this moment on, whatever each level's window [default: its own window]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub from: Option<Timestamp>,
    /// As things stood at this moment; nothing later is used [default: the last event; of
    /// the history now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub to: Option<Timestamp>,
}

pub(super) fn moment(words: &str) -> Result<Timestamp, String> {
    let example = "2026-11-24T03:00:00Z or 2026-11-24T04:00:00+01:00";
    Timestamp::parse(words).map_err(|error| format!("{error}; write {example}"))
}

/// Runs the command and gives its exit status: 0, or 2 where the input could not be read or the
/// window ends before it begins. Words about that go to `err`.
///
/// # Errors
/// Where `out` or `err` cannot be written to.
pub fn run(
    args: &Args,
    identity: IdentityRules,
    objectives: &Objectives,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let Some(mut read) = diagnose::read(&args.paths, identity, err)? else {
        return Ok(BAD_INPUT);
    };
    if let Some(to) = args.to {
        read.events.retain(|event| event.time <= to);
    }
    let (diagnosis, ledger) = diagnose::diagnose_and_note(&mut read.events);
    let last = read.events.last().map(|event| event.time);
    let now = args.to.or(last).unwrap_or_default();
    if args.from.is_some_and(|from| from > now) {
        writeln!(err, "the window begins after its end, {now}")?;
        return Ok(BAD_INPUT);
    }
    let levels = levels(&diagnosis, &ledger, objectives, args.from, now);
    let report = Report {
        rests_on: RestsOn::Events {
            events: read.events.len(),
            rejected: read.rejected,
        },
        from: args.from,
        to: args.to.or(last),
        slis: &levels,
    };
    print(&report, args.format, out)?;
    Ok(if read.went_well { FINE } else { BAD_INPUT })
}

/// Runs the command on the history in this file; the exit status is 2 where there is none or it
/// cannot be read.
///
/// # Errors
/// Where `out` or `err` cannot be written to.
pub fn kept(
    args: &Args,
    file: Option<&Path>,
    objectives: &Objectives,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let Some(file) = file else {
        writeln!(
            err,
            "no FILE is named, and the system names no home for a history: set {DATA_ENV}"
        )?;
        return Ok(BAD_INPUT);
    };
    let now = args
        .to
        .unwrap_or_else(|| Timestamp::from(chrono::Utc::now()));
    if args.from.is_some_and(|from| from > now) {
        writeln!(err, "the window begins after its end, {now}")?;
        return Ok(BAD_INPUT);
    }
    let read = || {
        let mut history = History::read(file)?;
        let levels = history.levels(now, args.from, objectives, None)?;
        Ok::<_, HistoryError>((levels, history.span()?))
    };
    let (levels, span) = match read() {
        Ok(read) => read,
        Err(error) => {
            writeln!(err, "no FILE is named, so the levels are those of {error}")?;
            return Ok(BAD_INPUT);
        }
    };
    let report = Report {
        rests_on: RestsOn::History {
            first_day: span.map(|(first, _)| first.to_string()),
            last_day: span.map(|(_, last)| last.to_string()),
        },
        from: args.from,
        to: Some(now),
        slis: &levels,
    };
    print(&report, args.format, out)?;
    Ok(FINE)
}

fn print(report: &Report<'_>, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Json => {
            let line = json::to_line(report).map_err(io::Error::other)?;
            writeln!(out, "{line}")
        }
        Format::Table => table(report, out),
    }
}

/// What levels rest on.
#[derive(Serialize)]
#[serde(untagged)]
enum RestsOn {
    Events {
        events: usize,
        rejected: u64,
    },
    History {
        /// `None` where no day is kept.
        first_day: Option<String>,
        last_day: Option<String>,
    },
}

#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    rests_on: RestsOn,
    /// `None` where each level looks back over its own window.
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    slis: &'a Levels,
}

fn table(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let to = report.to.map_or("no event".to_owned(), |to| to.to_string());
    match report.from {
        Some(from) => writeln!(out, "Service levels from {from} to {to}")?,
        None => writeln!(out, "Service levels up to {to}")?,
    }
    match &report.rests_on {
        RestsOn::History {
            first_day: Some(first),
            last_day: Some(last),
        } => writeln!(out, "From the history: days {first} to {last}")?,
        RestsOn::History { .. } => writeln!(out, "From the history: no day is kept yet")?,
        RestsOn::Events { .. } => {}
    }
    writeln!(
        out,
        "{:<4}{:<24}{:>9}  {:<20}{:<5}{:>6}{:>9}",
        "", "LEVEL", "VALUE", "OBJECTIVE", "MET", "CASES", "BUDGET"
    )?;
    for level in report.slis.iter() {
        row(level.name.name(), level.name.title(), &level.reading, out)?;
        for (title, second) in seconds(level) {
            row("", title, second, out)?;
        }
    }
    Ok(())
}

fn seconds(level: &Level) -> impl Iterator<Item = (&'static str, &Reading)> {
    let within = level.within_window.as_ref();
    let emergency = level.emergency.as_ref();
    let within = within.map(|reading| ("  updated within window", reading));
    within
        .into_iter()
        .chain(emergency.map(|reading| ("  emergency, to revoked", reading)))
}

fn row(name: &str, title: &str, reading: &Reading, out: &mut dyn Write) -> io::Result<()> {
    let unit = |value| amount(value, reading.unit);
    let bound = match reading.better {
        Better::Higher => ">=",
        Better::Lower => "<=",
    };
    let (bound_of, window) = (unit(reading.objective), whole(reading.window_seconds));
    let met = match reading.met {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "?",
    };
    let budget = reading
        .budget_left
        .map(|left| format!("{:.0} %", left * 100.0));
    writeln!(
        out,
        "{name:<4}{title:<24}{:>9}  {:<20}{met:<5}{:>6}{:>9}",
        reading.value.map_or("-".to_owned(), unit),
        format!("{bound} {bound_of} in {window}"),
        reading.n,
        budget.unwrap_or("-".to_owned()),
    )?;
    burn(reading, out)
}

/// The most urgent burn that fires, on a line of its own.
fn burn(reading: &Reading, out: &mut dyn Write) -> io::Result<()> {
    let fires = reading.burn.iter().filter(|burn| burn.fires);
    let Some(burn) = fires.max_by_key(|burn| burn.urgency) else {
        return Ok(());
    };
    let word = match burn.urgency {
        Urgency::Escalate => "ESCALATE",
        Urgency::Page => "PAGE",
        Urgency::Ticket => "ticket",
    };
    writeln!(
        out,
        "      {word}: its budget burns {:.1} times as fast as allowed, over {}",
        burn.long.unwrap_or_default(),
        whole(burn.long_seconds)
    )
}
