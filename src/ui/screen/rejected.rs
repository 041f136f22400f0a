//! What could not be read, with its place and the reason.

use crate::model::rejected::Rejected;
use crate::ui::desk::Desk;
use crate::ui::fit::{count, fit_end, wrap};
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

/// The most lines that a reason takes.
const MOST_LINES: usize = 3;

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

/// The list: what could not be read to its end, then what was rejected.
pub fn lines(desk: &Desk, width: u16) -> Vec<Line> {
    let columns = usize::from(width.saturating_sub(2));
    let mut lines = Vec::new();
    for trouble in &desk.state.loading.trouble {
        let words = wrap(&trouble.to_string(), columns, MOST_LINES);
        lines.extend(words.into_iter().map(|line| Line::plain(line, Role::Warn)));
    }
    for rejected in desk.state.rejected.iter() {
        entry(&mut lines, rejected, columns);
    }
    if desk.state.rejected.is_empty() {
        nothing(&mut lines, desk);
    }
    lines
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

fn entry(lines: &mut Vec<Line>, rejected: &Rejected, columns: usize) {
    let place = &rejected.place;
    let where_it_is = if place.line == 0 {
        format!("{}", place.file)
    } else {
        format!("{}:{}", place.file, place.line)
    };
    let indented = |words: String, role| {
        Line::Pieces(vec![Piece::new(" ", Role::Dim), Piece::new(words, role)])
    };
    lines.push(Line::plain(fit_end(&where_it_is, columns), Role::Strong));
    let reason = wrap(
        &rejected.reason.to_string(),
        columns.saturating_sub(2),
        MOST_LINES,
    );
    lines.extend(reason.into_iter().map(|line| indented(line, Role::Warn)));
    let excerpt = rejected.excerpt.to_string();
    if !excerpt.is_empty() {
        lines.push(indented(excerpt, Role::Dim));
    }
}
