//! What could not be read, with its place and the reason.

use crate::model::rejected::Rejected;
use crate::ui::desk::Desk;
use crate::ui::fit::count;
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

use super::Listing;

/// How much there is.
pub fn title(desk: &Desk) -> String {
    let all = desk.state.loading.rejected;
    let kept = desk.state.rejected.len() as u64;
    if all > kept {
        format!("the first {} of {}", count(kept), count(all))
    } else {
        count(all)
    }
}

/// The seen part of the list; every rejected line takes two lines of it.
pub fn listing(desk: &Desk, first: usize, rows: usize) -> Listing {
    let rejected = &desk.state.rejected;
    if rejected.is_empty() {
        return Listing::part(nothing(desk), 0, rows);
    }
    let total = rejected.len() * 2;
    let first = first.min(total.saturating_sub(rows));
    let lines = rejected
        .iter()
        .skip(first / 2)
        .take(rows / 2 + 2)
        .flat_map(entry)
        .skip(first % 2)
        .take(rows)
        .collect();
    Listing { total, lines }
}

fn nothing(desk: &Desk) -> Vec<Line> {
    let loading = &desk.state.loading;
    let mut lines = vec![Line::plain(
        if loading.done || !desk.replay {
            "Nothing was rejected: every line that was read could be understood."
        } else {
            "Nothing has been rejected so far; reading goes on."
        },
        Role::Ok,
    )];
    for trouble in &loading.trouble {
        lines.push(Line::plain(trouble.to_string(), Role::Warn));
    }
    lines.push(Line::plain(
        "A line that is no event and no known audit record would stand here, with its place.",
        Role::Dim,
    ));
    lines
}

fn entry(rejected: &Rejected) -> [Line; 2] {
    let place = &rejected.place;
    let where_it_is = if place.line == 0 {
        format!("{}", place.file)
    } else {
        format!("{}:{}", place.file, place.line)
    };
    [
        Line::Pieces(vec![
            Piece::new(where_it_is, Role::Strong),
            Piece::new(rejected.reason.to_string(), Role::Warn),
        ]),
        Line::Pieces(vec![
            Piece::new("  ", Role::Dim),
            Piece::new(rejected.excerpt.to_string(), Role::Dim),
        ]),
    ]
}
