//! What could not be read, with its place and the reason.

use crate::model::rejected::Rejected;
use crate::ui::desk::Desk;
use crate::ui::fit::{count, fit_end, plural, wrap};
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

use super::Listing;

/// The most lines that a trouble takes.
const TROUBLE_LINES: usize = 3;

/// The lines of a rejected line.
const ENTRY_LINES: usize = 4;

/// How much there is.
pub fn title(desk: &Desk) -> String {
    if desk.has_rows_alone() {
        return count(desk.explorer.page().rejected);
    }
    let all = desk.state.loading.rejected;
    let kept = desk.state.rejected.len() as u64;
    if all > kept {
        format!("the first {} of {}", count(kept), count(all))
    } else {
        count(all)
    }
}

/// The seen part of the list: what could not be read to its end, then what was rejected. All
/// entries take as many lines, so that those not seen need not be written out.
pub fn listing(desk: &Desk, width: u16, first: usize, rows: usize) -> Listing {
    let columns = usize::from(width.saturating_sub(2));
    let mut lines = Vec::new();
    for trouble in &desk.state.loading.trouble {
        let words = wrap(&trouble.to_string(), columns, TROUBLE_LINES);
        lines.extend(words.into_iter().map(|line| Line::plain(line, Role::Warn)));
    }
    if desk.has_rows_alone() {
        of_rows(&mut lines, desk, columns);
        return Listing::part(lines, first, rows);
    }
    let rejected = &desk.state.rejected;
    if rejected.is_empty() {
        nothing(&mut lines, desk);
        return Listing::part(lines, first, rows);
    }
    let total = lines.len() + rejected.len() * ENTRY_LINES;
    let first = first.min(total.saturating_sub(rows));
    let above = first.saturating_sub(lines.len());
    let seen = rejected
        .iter()
        .skip(above / ENTRY_LINES)
        .take(rows / ENTRY_LINES + 2)
        .flat_map(|rejected| entry(rejected, columns))
        .skip(above % ENTRY_LINES);
    let lines = lines.into_iter().skip(first).chain(seen).take(rows);
    Listing {
        total,
        lines: lines.collect(),
        selected: 0,
    }
}

/// What the explorer's files had, whose lines it counts and does not keep.
fn of_rows(lines: &mut Vec<Line>, desk: &Desk, columns: usize) {
    let page = desk.explorer.page();
    for trouble in &page.trouble {
        let words = wrap(&trouble.to_string(), columns, TROUBLE_LINES);
        lines.extend(words.into_iter().map(|line| Line::plain(line, Role::Warn)));
    }
    let rejected = usize::try_from(page.rejected).unwrap_or(usize::MAX);
    let (words, role) = match rejected {
        _ if page.reading.is_some() || desk.explorer.knows_nothing() => {
            ("The files are being read.".to_owned(), Role::Dim)
        }
        0 if page.trouble.is_empty() => (
            "Nothing was rejected: every line that was read could be understood.".to_owned(),
            Role::Ok,
        ),
        0 => ("No line was rejected.".to_owned(), Role::Dim),
        n => (
            format!(
                "{} rejected: rotascope audit --rejected shows each with its place and its reason.",
                plural(n, "line")
            ),
            Role::Warn,
        ),
    };
    let words = wrap(&words, columns, TROUBLE_LINES);
    lines.extend(words.into_iter().map(|line| Line::plain(line, role)));
}

fn nothing(lines: &mut Vec<Line>, desk: &Desk) {
    let loading = &desk.state.loading;
    lines.push(Line::plain(
        if loading.done || !desk.replay {
            "Nothing was rejected: every line that was read could be understood."
        } else {
            "Nothing has been rejected so far; reading goes on."
        },
        Role::Ok,
    ));
    lines.push(Line::plain(
        "A line that is no event and no known audit record would stand here, with its place.",
        Role::Dim,
    ));
}

/// Place, reason in one line or two, excerpt, and what is left of the lines empty.
fn entry(rejected: &Rejected, columns: usize) -> [Line; ENTRY_LINES] {
    let place = &rejected.place;
    let where_it_is = if place.line == 0 {
        format!("{}", place.file)
    } else {
        format!("{}:{}", place.file, place.line)
    };
    let indented = |words: String, role| {
        Line::Pieces(vec![Piece::new(" ", Role::Dim), Piece::new(words, role)])
    };
    let reason = rejected.reason.to_string();
    let reason = wrap(&reason, columns.saturating_sub(2), ENTRY_LINES - 2);
    let excerpt = indented(rejected.excerpt.to_string(), Role::Dim);
    let mut lines = std::iter::once(Line::plain(fit_end(&where_it_is, columns), Role::Strong))
        .chain(reason.into_iter().map(|line| indented(line, Role::Warn)))
        .chain(std::iter::once(excerpt));
    std::array::from_fn(|_| lines.next().unwrap_or_else(|| Line::plain("", Role::Dim)))
}
