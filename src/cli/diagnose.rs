//! `rotascope diagnose FILES…`: what is wrong, whose fault it is, and how that is known.

use std::io::{self, Write};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::thread;

use clap::{Args as ClapArgs, ValueEnum};
use serde::Serialize;

use super::levels::{ledger, levels};
use super::{BAD_INPUT, FINE};
use crate::audit::derive::Derivation;
use crate::audit::identity::IdentityRules;
use crate::audit::{self, Options};
use crate::diagnosis::{Diagnosis, Finding, rules};
use crate::measure::level::{Ledger, Levels, Objectives};
use crate::model::event::Severity;
use crate::model::{
    Event, EventId, Region, RotationId, SecretPath, ServiceName, Source, Timestamp, json,
};

/// How the findings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line a finding, and its evidence below it
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// Say which failure modes events and logs show.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Files, folders, or - for standard input: events or logs, plain, gzip or zstd
    #[arg(required = true, value_name = "FILE")]
    pub paths: Vec<PathBuf>,
    /// How the findings are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the command with the user's rules of who is who and what is asked of the service levels,
/// and gives its exit status: 0, or 2 where the input could not be read. Words about that go to
/// `err`.
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
    let Some(mut read) = read(&args.paths, identity, err)? else {
        return Ok(BAD_INPUT);
    };
    match args.format {
        Format::Json => {
            let (diagnosis, ledger) = diagnose_and_note(&mut read.events);
            print_json(&diagnosis, &ledger, &read, objectives, out)?;
        }
        Format::Text => {
            in_order(&mut read.events);
            print_text(&diagnose(&read.events), out)?;
        }
    }
    // Silence over lines that nobody could read must not pass for calm.
    Ok(if read.went_well { FINE } else { BAD_INPUT })
}

/// What was read of the input.
pub(super) struct Read {
    pub(super) events: Vec<Event>,
    pub(super) rejected: u64,
    /// False where so much could not be read that it must not pass for calm.
    pub(super) went_well: bool,
}

/// Reads files, folders and standard input to events; `None` where nothing could be read.
pub(super) fn read(
    paths: &[PathBuf],
    identity: IdentityRules,
    err: &mut dyn Write,
) -> io::Result<Option<Read>> {
    let opened = match audit::open(paths, &Options::default()) {
        Ok(opened) => opened,
        Err(error) => {
            writeln!(err, "{error}")?;
            return Ok(None);
        }
    };
    let progress = opened.progress();
    let mut derivation = Derivation::new(identity);
    let mut events = Vec::new();
    let mut records = 0;
    for sighted in opened {
        records += 1;
        derivation.feed(&sighted.merged, &mut |event| events.push(event));
    }
    derivation.finish(&mut |event| events.push(event));
    let troubles = progress.troubles();
    for trouble in &troubles {
        writeln!(err, "{trouble}")?;
    }
    if !progress.read_something() {
        for rejected in progress.rejections().iter().filter(|r| r.place.line == 0) {
            writeln!(err, "{}: {}", rejected.place.file, rejected.reason)?;
        }
        return Ok(None);
    }
    Ok(Some(Read {
        events,
        rejected: progress.rejected(),
        went_well: progress.went_well(records),
    }))
}

/// Puts events in order; each is kept once.
pub(super) fn in_order(events: &mut Vec<Event>) {
    let order = |event: &Event| (event.time, event.source.clone(), event.id.clone());
    // Most input is in order but for a few, where a stable merge sort is at its best.
    events.sort_by(|a, b| (a.time, &a.source, &a.id).cmp(&(b.time, &b.source, &b.id)));
    events.dedup_by(|a, b| a.time == b.time && order(a) == order(b));
}

/// Runs every rule over events in order.
fn diagnose(events: &[Event]) -> Diagnosis {
    let mut diagnosis = Diagnosis::new(rules());
    for event in events {
        diagnosis.apply(event);
    }
    diagnosis
}

/// Puts the events in order and runs every rule over them; a second thread notes meanwhile what
/// the service levels need of each.
pub(super) fn diagnose_and_note(events: &mut Vec<Event>) -> (Diagnosis, Ledger) {
    in_order(events);
    let events = events.as_slice();
    thread::scope(|scope| {
        let noted = scope.spawn(|| ledger(events));
        let diagnosis = diagnose(events);
        let ledger = noted.join().unwrap_or_else(|panic| resume_unwind(panic));
        (diagnosis, ledger)
    })
}

/// The printed object, in the contract's order.
#[derive(Serialize)]
struct Report<'a> {
    events: usize,
    rejected: u64,
    span: SpanOf,
    findings: Vec<Found<'a>>,
    slis: Levels,
    /// What nobody can know at the end of the input, whatever was found.
    cannot_know: Vec<String>,
}

#[derive(Serialize)]
struct SpanOf {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

/// A finding as it is printed.
#[derive(Serialize)]
pub(super) struct Found<'a> {
    mode: &'static str,
    rotation: Option<&'a str>,
    secret: Option<&'a SecretPath>,
    services: Vec<&'a ServiceName>,
    regions: Vec<&'a Region>,
    detected_at: Timestamp,
    resolved_at: Option<Timestamp>,
    severity: &'a Severity,
    suppressed: bool,
    confidence: f64,
    evidence: Vec<Shown<'a>>,
    suggest: &'static [&'static str],
    runbook: &'static str,
    ruled_out: Vec<RuledOut<'a>>,
    cannot_know: &'a [String],
}

/// A mode that was looked at and is not it.
#[derive(Serialize)]
struct RuledOut<'a> {
    mode: &'static str,
    why: &'a str,
}

#[derive(Serialize)]
struct Shown<'a> {
    source: &'a Source,
    id: &'a EventId,
    note: &'a str,
}

impl<'a> Found<'a> {
    pub(super) fn of(finding: &'a Finding) -> Self {
        let evidence = finding.evidence.iter().map(|evidence| Shown {
            source: &evidence.event.source,
            id: &evidence.event.id,
            note: &evidence.note,
        });
        let ruled_out = finding.ruled_out.iter().map(|ruled_out| RuledOut {
            mode: ruled_out.mode.name(),
            why: &ruled_out.why,
        });
        Self {
            mode: finding.mode.name(),
            rotation: finding.rotation.as_ref().map(RotationId::raw),
            secret: finding.secret.as_ref(),
            services: finding.services.iter().collect(),
            regions: finding.regions.iter().collect(),
            detected_at: finding.detected_at,
            resolved_at: finding.resolved_at,
            severity: &finding.severity,
            suppressed: finding.suppressed,
            confidence: (finding.confidence * 100.0).round() / 100.0,
            evidence: evidence.collect(),
            suggest: finding.mode.suggest(),
            runbook: finding.mode.runbook(),
            ruled_out: ruled_out.collect(),
            cannot_know: &finding.cannot_know,
        }
    }
}

fn print_json(
    diagnosis: &Diagnosis,
    ledger: &Ledger,
    read: &Read,
    objectives: &Objectives,
    out: &mut dyn Write,
) -> io::Result<()> {
    let events = &read.events;
    let now = events.last().map(|event| event.time).unwrap_or_default();
    let report = Report {
        events: events.len(),
        rejected: read.rejected,
        span: SpanOf {
            from: events.first().map(|event| event.time),
            to: events.last().map(|event| event.time),
        },
        findings: diagnosis
            .findings()
            .all()
            .into_iter()
            .map(Found::of)
            .collect(),
        slis: levels(diagnosis, ledger, objectives, None, now),
        cannot_know: diagnosis.unknowns(),
    };
    let line = json::to_line(&report).map_err(io::Error::other)?;
    writeln!(out, "{line}")
}

fn print_text(diagnosis: &Diagnosis, out: &mut dyn Write) -> io::Result<()> {
    let all = diagnosis.findings().all();
    if all.is_empty() {
        writeln!(out, "Nothing is wrong, as far as this input shows.")?;
    }
    for finding in all {
        writeln!(out, "{}", headline(finding))?;
        for evidence in &finding.evidence {
            writeln!(
                out,
                "    {} {} {}: {}",
                evidence.event.time, evidence.event.source, evidence.event.id, evidence.note
            )?;
        }
        for ruled_out in &finding.ruled_out {
            writeln!(out, "    not {}: {}", ruled_out.mode, ruled_out.why)?;
        }
        for sentence in &finding.cannot_know {
            writeln!(out, "    not known: {sentence}")?;
        }
    }
    for sentence in diagnosis.unknowns() {
        writeln!(out, "Not known: {sentence}")?;
    }
    Ok(())
}

/// A finding in a line, its moment first.
pub(super) fn headline(finding: &Finding) -> String {
    let list = |names: Vec<String>| names.join(", ");
    let mut words = vec![format!("{} {}", finding.detected_at, finding.mode)];
    if let Some(rotation) = &finding.rotation {
        words.push(format!(" {rotation}"));
    }
    if let Some(secret) = &finding.secret {
        words.push(format!(" of {secret}"));
    }
    words.push(format!(": {}", finding.mode.runbook().replace('-', " ")));
    if !finding.services.is_empty() {
        let services = finding.services.iter().map(ToString::to_string);
        words.push(format!("; services {}", list(services.collect())));
    }
    if !finding.regions.is_empty() {
        let regions = finding.regions.iter().map(ToString::to_string);
        words.push(format!("; regions {}", list(regions.collect())));
    }
    words.push(format!("; {}", finding.severity));
    if finding.suppressed {
        words.push(", suppressed by a planned window".to_owned());
    }
    match finding.resolved_at {
        Some(at) => words.push(format!("; resolved {at}")),
        None if !finding.mode.suggest().is_empty() => {
            words.push(format!("; next: {}", finding.mode.suggest().join(", ")));
        }
        None => {}
    }
    words.concat()
}
