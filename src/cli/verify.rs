//! `rotascope verify`: is a journal what was written, and all of it?

use std::io::{self, Write};
use std::path::PathBuf;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::complaint::Complaint;
use super::{BAD_INPUT, FINE};
use crate::journal::{self, Judged, Report, Verdict};
use crate::model::json as harmless;
use crate::model::proof::PublicKey;
use crate::model::text::shown;

/// The exit status where a journal or a head is not what was written.
const BAD: u8 = 1;

/// How what was found is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line a journal
    #[default]
    Text,
    /// One JSON object
    Json,
}

/// What `verify` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A head from elsewhere: a file, or a folder of them; may be given more than once
    #[arg(long, value_name = "PATH")]
    head: Vec<PathBuf>,
    /// Only what is signed with this key is right; may be given more than once
    #[arg(long, value_name = "KEY")]
    key: Vec<PublicKey>,
    /// How what was found is printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Journals, or folders of them
    #[arg(value_name = "PATH", required = true)]
    journals: Vec<PathBuf>,
}

/// Judges the journals: status 0 where all are what was written, 1 where one is not.
///
/// # Errors
/// Where `out` or `err` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let (sheets, witnesses) = match journal::gather(&args.journals, &args.head) {
        Ok(gathered) => gathered,
        Err((path, why)) => {
            let complaint = Complaint::new(format!("{} cannot be read", path.display()));
            writeln!(err, "{}", complaint.because(why))?;
            return Ok(BAD_INPUT);
        }
    };
    let report = journal::verify(&sheets, &witnesses, &args.key);
    match args.format {
        Format::Text => text(&report, out)?,
        Format::Json => writeln!(out, "{}", harmless::to_line(&object(&report))?)?,
    }
    Ok(if report.is_whole() { FINE } else { BAD })
}

fn text(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for judged in &report.journals {
        let name = shown(&judged.name);
        match &judged.verdict {
            Verdict::Whole => writeln!(out, "whole  {name}: {}", said(judged))?,
            Verdict::Torn { bytes: 0 } => writeln!(
                out,
                "torn   {name}: {}; a crash came before the end of its last line",
                said(judged)
            )?,
            Verdict::Torn { bytes } => writeln!(
                out,
                "torn   {name}: {}; behind them {bytes} bytes of a line that a crash cut off",
                said(judged)
            )?,
            Verdict::Bad { line, why } => {
                let place = line.map_or(String::new(), |line| format!("line {line}: "));
                let why = why.to_string();
                writeln!(out, "bad    {name}: {place}{}", shown(&why))?;
            }
        }
    }
    for head in &report.heads {
        writeln!(out, "bad    {}: {}", shown(&head.name), shown(&head.why))?;
    }
    if report.journals.is_empty() && report.heads.is_empty() {
        writeln!(out, "no journal is here")?;
    }
    Ok(())
}

/// What a journal that is right is made of.
fn said(judged: &Judged) -> String {
    let count = judged.lines;
    let lines = if count == 1 { "line" } else { "lines" };
    let by = match (&judged.by, &judged.writer) {
        (Some(by), Some(writer)) => format!(" by {by}, key {}", writer.key),
        _ => String::new(),
    };
    let head = match judged.held {
        0 => "no head".to_owned(),
        held if held == count => "a head holds all of them".to_owned(),
        held => format!("a head holds the first {held}"),
    };
    format!("{count} {lines}{by}; {head}")
}

fn object(report: &Report) -> Value {
    let journals: Vec<Value> = report.journals.iter().map(journal).collect();
    let heads = report.heads.iter();
    let heads: Vec<Value> = heads
        .map(|head| json!({"file": head.name, "why": head.why}))
        .collect();
    json!({"whole": report.is_whole(), "journals": journals, "heads": heads})
}

fn journal(judged: &Judged) -> Value {
    let (verdict, line, fault, why, torn) = match &judged.verdict {
        Verdict::Whole => ("whole", None, None, None, None),
        Verdict::Torn { bytes } => ("torn", None, None, None, Some(*bytes)),
        Verdict::Bad { line, why } => ("bad", *line, Some(why.name()), Some(why.to_string()), None),
    };
    json!({
        "file": judged.name, "verdict": verdict, "lines": judged.lines, "held": judged.held,
        "line": line, "fault": fault, "why": why, "torn_bytes": torn,
        "by": judged.by.as_ref().map(|by| by.0.raw()),
        "writer": judged.writer.as_ref().map(|writer| &writer.id),
        "key": judged.writer.as_ref().map(|writer| writer.key),
    })
}
