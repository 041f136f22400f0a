//! The inventory: a row a secret, in columns that a wide screen has more of.

use crate::measure::inventory::{Column, Flaw, Item};
use crate::model::Timestamp;
use crate::model::event::Outcome;
use crate::ui::desk::Desk;
use crate::ui::fit::{Clock, count, countdown, fit_end, span};
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

use super::Listing;

/// A column of the table: what it is in the order of, its name, its columns on the screen, and
/// whether it stands at the right of them.
#[derive(Clone, Copy, Debug)]
struct Field {
    by: Column,
    name: &'static str,
    wide: u16,
    right: bool,
}

const fn field(by: Column, name: &'static str, wide: u16, right: bool) -> Field {
    Field {
        by,
        name,
        wide,
        right,
    }
}

/// The fields beside the name, what can least be done without first: a narrow screen has the
/// first of them.
const FIELDS: [(u16, Field); 10] = [
    (0, field(Column::Due, "due", 12, true)),
    (0, field(Column::Look, "look at", 0, false)),
    (60, field(Column::Age, "age", 7, true)),
    (72, field(Column::Cadence, "every", 8, true)),
    (76, field(Column::Consumers, "cons", 5, true)),
    (80, field(Column::Hidden, "hid", 3, true)),
    (110, field(Column::Used, "last use", 10, true)),
    (124, field(Column::Rotated, "last rotation", 22, false)),
    (140, field(Column::Owner, "owner", 16, false)),
    (156, field(Column::Tier, "tier", 8, false)),
];

/// The order in which the fields stand.
const PLACES: [Column; 10] = [
    Column::Tier,
    Column::Owner,
    Column::Age,
    Column::Cadence,
    Column::Due,
    Column::Rotated,
    Column::Used,
    Column::Consumers,
    Column::Hidden,
    Column::Look,
];

/// The table's columns on a screen of this width: the name's, then the fields with theirs.
fn fields(width: u16) -> (u16, Vec<Field>) {
    let mut shown: Vec<Field> = FIELDS
        .iter()
        .filter(|(least, _)| *least <= width)
        .map(|(_, field)| *field)
        .collect();
    shown.sort_by_key(|field| PLACES.iter().position(|place| *place == field.by));
    let fixed: u16 = shown.iter().map(|field| field.wide + 1).sum();
    // The mark before the name and a column at either side.
    let rest = width.saturating_sub(fixed + 4);
    let look = (rest * 2 / 5).clamp(8, 40);
    let name = rest.saturating_sub(look).max(8);
    for field in &mut shown {
        if field.by == Column::Look {
            field.wide = look;
        }
    }
    (name, shown)
}

/// How much there is, and in which order.
pub fn title(desk: &Desk) -> String {
    let shelf = &desk.shelf;
    let round = if shelf.reversed { ", turned round" } else { "" };
    let letters = match shelf.letters() {
        "" => String::new(),
        letters => format!(" with \"{}\"", crate::model::text::shown(letters)),
    };
    format!(
        "{}{letters}, by {}{round}",
        shelf.counted(),
        shelf.column.words()
    )
}

/// The seen part of the table: the names of the columns, then the rows.
pub fn listing(desk: &Desk, width: u16, rows: usize) -> Listing {
    let shelf = &desk.shelf;
    if shelf.len() == 0 {
        return Listing::part(nothing(desk), 0, rows);
    }
    let (name, fields) = fields(width);
    let mut lines = vec![head(desk, name, &fields)];
    let page = rows.saturating_sub(1);
    for row in shelf.top..shelf.len().min(shelf.top + page) {
        if let Some(item) = shelf.at(row) {
            lines.push(line(desk, item, row == shelf.row, name, &fields));
        }
    }
    Listing {
        // The names of the columns stand above whatever is seen.
        total: shelf.len() + 1,
        lines,
        selected: 0,
    }
}

/// The column whose name stands in a column of the first line.
pub fn column_at(width: u16, x: u16) -> Option<Column> {
    let (name, fields) = fields(width);
    let mut from = 3;
    if (from..from + name).contains(&x) {
        return Some(Column::Secret);
    }
    from += name + 1;
    for field in fields {
        if (from..from + field.wide).contains(&x) {
            return Some(field.by);
        }
        from += field.wide + 1;
    }
    None
}

/// Why there is nothing, and what would fill the screen.
fn nothing(desk: &Desk) -> Vec<Line> {
    let shelf = &desk.shelf;
    if !shelf.inventory().items.is_empty() {
        let words = format!(
            "No secret holds \"{}\".",
            crate::model::text::shown(shelf.letters())
        );
        return vec![
            Line::plain(words, Role::Warn),
            Line::plain("Other letters, or none, show the rest.", Role::Dim),
        ];
    }
    let why = if desk.state.loading.done || !desk.replay {
        "No secret has been told of up to this moment."
    } else {
        "No secret has been told of so far; reading goes on."
    };
    vec![
        Line::plain(why, Role::Ok),
        Line::plain(
            "A rotation, a consumer's version, an audited read or a lease would stand here.",
            Role::Dim,
        ),
    ]
}

fn head(desk: &Desk, name: u16, fields: &[Field]) -> Line {
    let shelf = &desk.shelf;
    let piece = |by: Column, words: &str, wide: u16, right: bool| {
        let sorted = by == shelf.column;
        let arrow = match (sorted, shelf.reversed) {
            (false, _) => "",
            (true, false) => "↓",
            (true, true) => "↑",
        };
        let role = if sorted { Role::Accent } else { Role::Dim };
        let piece = Piece::new(format!("{words}{arrow}"), role);
        if right {
            piece.right(wide)
        } else {
            piece.wide(wide)
        }
    };
    let mut pieces = vec![
        Piece::new("", Role::Dim).wide(1),
        piece(Column::Secret, "secret", name, false),
    ];
    pieces.extend(fields.iter().map(|f| piece(f.by, f.name, f.wide, f.right)));
    Line::Pieces(pieces)
}

fn line(desk: &Desk, item: &Item, selected: bool, name: u16, fields: &[Field]) -> Line {
    let now = desk.shelf.inventory().at.unwrap_or_default();
    let loud = item.flaws().next().map_or(Role::Text, role);
    let mark = if selected { "▌" } else { " " };
    let path = item.secret.to_string();
    let path = fit_end(&path, usize::from(name)).into_owned();
    let own = if selected { Role::Strong } else { Role::Text };
    let mut pieces = vec![
        Piece::new(mark, Role::Accent).wide(1),
        Piece::new(path, own).wide(name),
    ];
    for field in fields {
        let (words, role) = cell(desk, item, field.by, now, loud);
        let piece = Piece::new(words, role);
        pieces.push(if field.right {
            piece.right(field.wide)
        } else {
            piece.wide(field.wide)
        });
    }
    Line::Pieces(pieces)
}

/// How loud a flaw is.
pub fn role(flaw: Flaw) -> Role {
    match flaw {
        Flaw::Failed | Flaw::Overdue => Role::Bad,
        Flaw::TooOften | Flaw::Hidden => Role::Warn,
        Flaw::Shared | Flaw::Ownerless => Role::Dim,
    }
}

fn cell(desk: &Desk, item: &Item, by: Column, now: Timestamp, loud: Role) -> (String, Role) {
    let clock = desk.clock();
    let dash = || ("–".to_owned(), Role::Dim);
    match by {
        Column::Secret => (item.secret.to_string(), Role::Text),
        Column::Look => (flaws(item), loud),
        Column::Owner => item
            .owner
            .as_ref()
            .map_or_else(dash, |o| (o.to_string(), Role::Text)),
        Column::Tier => item
            .tier
            .as_ref()
            .map_or_else(dash, |t| (t.to_string(), Role::Text)),
        Column::Age => age(item, now).map_or_else(dash, |words| (words, Role::Text)),
        Column::Cadence => cadence(item).map_or_else(dash, |words| (words, Role::Text)),
        Column::Due => due(item, clock, now).unwrap_or_else(dash),
        Column::Rotated => match &item.last {
            None => dash(),
            Some(last) => {
                let (word, role) = outcome(last.outcome.as_ref());
                (format!("{word} {}", clock.ago(last.at, Some(now))), role)
            }
        },
        Column::Used => match &item.used {
            None => ("never seen".to_owned(), Role::Dim),
            Some(used) => (clock.age(used.event.time, Some(now)), Role::Text),
        },
        Column::Consumers => (count(item.consumers as u64), Role::Text),
        Column::Hidden => {
            let none = item.strangers().is_empty();
            let role = if none { Role::Dim } else { Role::Warn };
            (item.hidden_count(), role)
        }
    }
}

/// How old the version in force is: `4 d`, or `>4 d` where it is at least so old.
pub fn age(item: &Item, now: Timestamp) -> Option<String> {
    let age = span(item.age(now)?);
    let exact = item.since.is_some_and(|since| since.exact);
    Some(if exact { age } else { format!(">{age}") })
}

/// How often it is rotated: `30 d`, or `~30 d` where it was only seen.
pub fn cadence(item: &Item) -> Option<String> {
    let cadence = item.cadence?;
    let every = span(cadence.every);
    Some(if cadence.told {
        every
    } else {
        format!("~{every}")
    })
}

/// When the next rotation is due: `in 3 d`, `3 d late`, `runs`.
fn due(item: &Item, clock: Clock, now: Timestamp) -> Option<(String, Role)> {
    if let Some(late) = item.overdue {
        return Some((format!("✗ {} late", span(late)), Role::Bad));
    }
    let Some(due) = item.due else {
        let runs = item
            .last
            .as_ref()
            .is_some_and(|last| last.outcome.is_none());
        return (runs && item.cadence.is_some()).then(|| ("runs".to_owned(), Role::Accent));
    };
    if clock.absolute {
        return Some((clock.minute(due), Role::Text));
    }
    let left = due.since(now);
    Some(if left.as_micros() > 0 {
        (
            format!(
                "in {}",
                if left.as_seconds() < 3600 {
                    countdown(left)
                } else {
                    span(left)
                }
            ),
            Role::Text,
        )
    } else {
        ("now".to_owned(), Role::Warn)
    })
}

/// How a rotation ended, in a word.
pub fn outcome(outcome: Option<&Outcome>) -> (String, Role) {
    match outcome {
        None => ("runs".to_owned(), Role::Accent),
        Some(Outcome::Succeeded) => ("succeeded".to_owned(), Role::Ok),
        Some(Outcome::Failed) => ("✗ failed".to_owned(), Role::Bad),
        Some(Outcome::RolledBack) => ("rolled back".to_owned(), Role::Warn),
        Some(other) => (other.to_string(), Role::Warn),
    }
}

/// What wants a look, in words, worst first.
fn flaws(item: &Item) -> String {
    let words: Vec<String> = item
        .flaws()
        .map(|flaw| match flaw {
            Flaw::Failed => match item.last.as_ref().and_then(|last| last.outcome.as_ref()) {
                Some(Outcome::RolledBack) => "rolled back".to_owned(),
                Some(Outcome::Aborted) => "aborted".to_owned(),
                _ => "failed".to_owned(),
            },
            Flaw::Overdue => "overdue".to_owned(),
            Flaw::TooOften => "too often".to_owned(),
            Flaw::Hidden => match item.strangers() {
                [one] => format!("read by {one}"),
                all => format!("{} hidden readers", all.len()),
            },
            Flaw::Shared => format!("{} services", item.services.len()),
            Flaw::Ownerless => "no owner".to_owned(),
        })
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The columns that a line needs.
    fn needed(name: u16, fields: &[Field]) -> u16 {
        3 + name + fields.iter().map(|field| field.wide + 1).sum::<u16>()
    }

    #[test]
    fn the_columns_fit_every_screen_and_the_mouse_finds_each() {
        for width in 40..=240 {
            let (name, fields) = fields(width);
            assert!(needed(name, &fields) <= width, "{width}: {name} {fields:?}");
            assert!(name >= 8);
            let mut found: Vec<Column> = (0..width).filter_map(|x| column_at(width, x)).collect();
            found.dedup();
            assert_eq!(found.len(), fields.len() + 1, "{width}");
        }
    }
}
