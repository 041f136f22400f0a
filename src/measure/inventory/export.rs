//! The inventory as rows of words: for a file of comma-separated values (RFC 4180), and for JSON.

use csv::{QuoteStyle, Terminator, WriterBuilder};

use super::{Hidden, Inventory, Item};
use crate::model::text::{inert, shown};
use crate::model::{Span, Timestamp};

/// The names of the columns.
pub const COLUMNS: [&str; 25] = [
    "secret",
    "kind",
    "owner",
    "tier",
    "version",
    "version_since",
    "age_seconds",
    "age_is_at_least",
    "cadence_seconds",
    "cadence_known_from",
    "due_at",
    "overdue_seconds",
    "behind",
    "behind_seconds",
    "rotations",
    "last_rotation",
    "last_rotation_at",
    "last_rotation_outcome",
    "last_use_at",
    "last_use_by",
    "consumers",
    "services",
    "hidden_readers",
    "leases",
    "flaws",
];

/// The whole inventory, the items in this order, as comma-separated values: RFC 4180, with a line
/// of names, and no cell that a spreadsheet would run or that holds anything unseen. What is not
/// known is an empty cell.
#[must_use]
pub fn csv(inventory: &Inventory, order: &[usize]) -> String {
    let mut table = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        // A name that holds what some spreadsheets take for the end of a cell ends none.
        .quote_style(QuoteStyle::NonNumeric)
        .from_writer(Vec::with_capacity(order.len() * 200 + 400));
    // Memory takes whatever is written to it.
    let _ = table.write_record(COLUMNS);
    for item in order.iter().filter_map(|at| inventory.items.get(*at)) {
        let _ = table.write_record(cells(item, inventory.at.unwrap_or_default()).map(inert));
    }
    let bytes = table.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Who reads it and was not named, in words; `?` where that cannot be known.
fn hidden(item: &Item) -> String {
    match &item.hidden {
        Hidden::Known(actors) => joined(actors.iter()),
        // More of them than are named may be there.
        Hidden::AtLeast(actors) if !actors.is_empty() => {
            format!("{}; ?", joined(actors.iter()))
        }
        Hidden::AtLeast(_) | Hidden::Unknowable(_) => "?".to_owned(),
    }
}

/// Names one after another. One that holds what stands between two is still one cell of the file.
fn joined(names: impl Iterator<Item = impl ToString>) -> String {
    names
        .map(|name| name.to_string())
        .collect::<Vec<_>>()
        .join("; ")
}

fn cells(item: &Item, now: Timestamp) -> [String; 25] {
    fn words(value: Option<&impl ToString>) -> String {
        value.map(ToString::to_string).unwrap_or_default()
    }
    let seconds = |span: Option<Span>| words(span.map(Span::as_seconds).as_ref());
    let last = item.last.as_ref();
    let cadence = item.cadence;
    [
        item.secret.to_string(),
        words(item.kind.as_ref()),
        words(item.owner.as_ref()),
        words(item.tier.as_ref()),
        words(item.version.as_ref()),
        words(item.since.map(|since| since.at).as_ref()),
        seconds(item.age(now)),
        words(item.since.map(|since| !since.exact).as_ref()),
        seconds(cadence.map(|cadence| cadence.every)),
        words(
            cadence
                .map(|c| if c.told { "told" } else { "seen" })
                .as_ref(),
        ),
        words(item.due.as_ref()),
        seconds(item.overdue),
        words(item.behind.as_ref().map(|behind| &behind.who)),
        seconds(item.behind.as_ref().map(|behind| behind.keeps)),
        item.rotations.to_string(),
        words(last.map(|last| &last.id)),
        words(last.map(|last| last.at).as_ref()),
        match last {
            Some(last) => last
                .outcome
                .as_ref()
                .map_or("running".to_owned(), ToString::to_string),
            None => String::new(),
        },
        words(item.used.as_ref().map(|used| used.event.time).as_ref()),
        words(item.used.as_ref().map(|used| &used.by)),
        item.consumers.to_string(),
        joined(item.services.iter()),
        hidden(item),
        item.leases.to_string(),
        joined(item.flaws().map(super::Flaw::name)),
    ]
    .map(|cell| shown(&cell).into_owned())
}
