//! `rotascope inventory FILES…`: every secret, as a table, as comma-separated values or as JSON.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::{Value, json};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{BAD_INPUT, FINE, diagnose};
use crate::audit::identity::IdentityRules;
use crate::incident::Incident;
use crate::measure::inventory::{Column, Flaw, Hidden, Inventory, Item, csv, order};
use crate::model::{Span, Timestamp, json as harmless};

/// How the inventory is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line a secret
    #[default]
    Table,
    /// Comma-separated values (RFC 4180)
    Csv,
    /// One JSON object
    Json,
}

/// What it is in the order of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// What wants a look first
    #[default]
    Look,
    /// By name
    Secret,
    /// By owner
    Owner,
    /// The most critical first
    Tier,
    /// The oldest version first
    Age,
    /// The most often rotated first
    Cadence,
    /// The longest overdue first
    Due,
    /// The latest rotation first
    Rotated,
    /// The longest unused first
    Used,
    /// The most consumers first
    Consumers,
    /// The most hidden readers first
    Hidden,
}

impl From<Sort> for Column {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Look => Self::Look,
            Sort::Secret => Self::Secret,
            Sort::Owner => Self::Owner,
            Sort::Tier => Self::Tier,
            Sort::Age => Self::Age,
            Sort::Cadence => Self::Cadence,
            Sort::Due => Self::Due,
            Sort::Rotated => Self::Rotated,
            Sort::Used => Self::Used,
            Sort::Consumers => Self::Consumers,
            Sort::Hidden => Self::Hidden,
        }
    }
}

/// List every secret that events and logs tell of.
#[derive(Clone, Debug, ClapArgs)]
pub struct Args {
    /// Files, folders, or - for standard input: events or logs, plain, gzip or zstd
    #[arg(required = true, value_name = "FILE")]
    pub paths: Vec<PathBuf>,
    /// How they are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// What comes first
    #[arg(long, value_enum, default_value_t)]
    pub sort: Sort,
    /// Turn the order round
    #[arg(long)]
    pub reverse: bool,
    /// Only secrets that hold these letters in their name, owner, kind, tier, a service or a flaw
    #[arg(
        long,
        value_name = "LETTERS",
        default_value = "",
        hide_default_value = true
    )]
    pub filter: String,
    /// As things stood at this moment; nothing later is used [default: the last event]
    #[arg(long, value_name = "TIME", value_parser = super::slo::moment)]
    pub to: Option<Timestamp>,
}

/// Runs the command and gives its exit status: 0, or 2 where the input could not be read. Words
/// about that go to `err`.
///
/// # Errors
/// Where `out` or `err` cannot be written to.
pub fn run(
    args: &Args,
    identity: IdentityRules,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let Some(mut read) = diagnose::read(&args.paths, identity, err)? else {
        return Ok(BAD_INPUT);
    };
    diagnose::in_order(&mut read.events);
    let mut incident = Incident::default();
    for event in &read.events {
        if args.to.is_none_or(|to| event.time <= to) {
            incident.apply(event);
        }
    }
    if let Some(to) = args.to {
        incident.tick(to);
    }
    let inventory = Inventory::of(&incident);
    let rows = order(&inventory, args.sort.into(), args.reverse, &args.filter);
    match args.format {
        Format::Csv => out.write_all(csv(&inventory, &rows).as_bytes())?,
        Format::Json => {
            let at = inventory.at.unwrap_or_default();
            let items = rows.iter().filter_map(|row| inventory.items.get(*row));
            let report = json!({
                "at": inventory.at,
                "secrets": items.map(|item| object(item, at)).collect::<Vec<_>>(),
            });
            let line = harmless::to_line(&report).map_err(io::Error::other)?;
            writeln!(out, "{line}")?;
        }
        Format::Table => table(&inventory, &rows, out)?,
    }
    Ok(if read.went_well { FINE } else { BAD_INPUT })
}

fn seconds(span: Option<Span>) -> Option<i64> {
    span.map(Span::as_seconds)
}

/// One secret. What is not known is null.
fn object(item: &Item, now: Timestamp) -> Value {
    json!({
        "secret": item.secret,
        "kind": item.kind,
        "owner": item.owner,
        "tier": item.tier,
        "version": item.version,
        "since": item.since.map(|since| since.at),
        "age_seconds": seconds(item.age(now)),
        "age_is_at_least": item.since.map(|since| !since.exact),
        "cadence_seconds": seconds(item.cadence.map(|c| c.every)),
        "cadence_known_from": item.cadence.map(|c| if c.told { "told" } else { "seen" }),
        "due_at": item.due,
        "overdue_seconds": seconds(item.overdue),
        "behind": item.behind.as_ref().map(|behind| json!({
            "who": behind.who,
            "seconds": behind.keeps.as_seconds(),
            "why": if behind.cached { "cache" } else { "latency" },
        })),
        "rotations": item.rotations,
        "last_rotation": item.last.as_ref().map(|last| json!({
            "id": last.id,
            "at": last.at,
            "outcome": last.outcome,
        })),
        "last_use": item.used.as_ref().map(|used| json!({
            "by": used.by,
            "operation": used.operation,
            "at": used.event.time,
            "source": used.event.source,
            "event": used.event.id,
        })),
        "consumers": item.consumers,
        "services": item.services,
        "hidden_readers": match &item.hidden {
            Hidden::Known(actors) => json!(actors),
            Hidden::AtLeast(actors) if !actors.is_empty() => json!(actors),
            Hidden::AtLeast(_) | Hidden::Unknowable(_) => Value::Null,
        },
        "hidden_readers_complete": matches!(item.hidden, Hidden::Known(_)),
        "leases": item.leases,
        "flaws": item.flaws().map(Flaw::name).collect::<Vec<_>>(),
    })
}

/// Secret, age, cadence, how late, consumers, hidden readers, owner, what wants a look.
fn table(inventory: &Inventory, rows: &[usize], out: &mut dyn Write) -> io::Result<()> {
    let now = inventory.at.unwrap_or_default();
    let mut line = |cells: [&str; 8]| {
        let [secret, age, every, late, consumers, hidden, owner, look] = cells;
        let line = format!(
            "{} {age:>7} {every:>7} {late:>7} {consumers:>5} {hidden:>4}  {} {look}",
            wide(secret, 40),
            wide(owner, 16),
        );
        writeln!(out, "{}", line.trim_end())
    };
    line([
        "SECRET", "AGE", "EVERY", "LATE", "CONS", "HID", "OWNER", "LOOK AT",
    ])?;
    let dash = || "-".to_owned();
    for item in rows.iter().filter_map(|row| inventory.items.get(*row)) {
        let sure = item.since.is_none_or(|since| since.exact);
        let age = item
            .age(now)
            .map(|age| format!("{}{}", if sure { "" } else { ">" }, length(age)));
        let every = item
            .cadence
            .map(|c| format!("{}{}", if c.told { "" } else { "~" }, length(c.every)));
        let hidden = item.hidden_count();
        let flaws: Vec<&str> = item.flaws().map(Flaw::name).collect();
        line([
            &item.secret.to_string(),
            &age.unwrap_or_else(dash),
            &every.unwrap_or_else(dash),
            &item.overdue.map_or_else(dash, length),
            &item.consumers.to_string(),
            &hidden,
            &item.owner.as_ref().map_or_else(dash, ToString::to_string),
            &flaws.join(", "),
        ])?;
    }
    let (shown, all) = (rows.len(), inventory.items.len());
    match (shown, all) {
        (_, 0) => writeln!(out, "No secret is told of."),
        (shown, all) if shown < all => writeln!(out, "{shown} of {all} secrets"),
        (_, 1) => writeln!(out, "1 secret"),
        (_, all) => writeln!(out, "{all} secrets"),
    }
}

/// A length of time in its largest unit.
fn length(span: Span) -> String {
    let s = span.as_seconds();
    match s {
        0..=119 => format!("{s} s"),
        120..=7199 => format!("{} min", s / 60),
        7200..=172_799 => format!("{} h", s / 3600),
        _ => format!("{} d", s / 86_400),
    }
}

/// Words in at least so many columns; cut at their beginning where they are longer: what tells
/// one secret from another stands at the end.
fn wide(words: &str, columns: usize) -> String {
    let full = words.width();
    if full <= columns {
        return format!("{words}{}", " ".repeat(columns - full));
    }
    let mut used = 1;
    let mut from = words.len();
    for (at, c) in words.char_indices().rev() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        from = at;
    }
    let kept = format!("…{}", words.get(from..).unwrap_or_default());
    let gap = columns.saturating_sub(kept.width());
    format!("{kept}{}", " ".repeat(gap))
}
