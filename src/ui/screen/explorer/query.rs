//! The line in which the filter is written: what is wrong in it stands under its place, and what
//! could come next beneath.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::text::shown;
use crate::query::FilterError;
use crate::ui::desk::Desk;
use crate::ui::fit::{cols, width, wrap};
use crate::ui::layout;
use crate::ui::prompt::Prompt;
use crate::ui::theme::Role;
use crate::ui::widget::Pen;

use super::super::{Look, prompts};

/// The most words that could come next and are shown.
const OFFERED: u16 = 8;

/// The most lines that are said of what is wrong.
const LONGEST: usize = 6;

/// The lines between the frame's.
fn inside(desk: &Desk) -> u16 {
    let lines = if let Some(wrong) = desk.explorer.wrong() {
        let room = usize::from(desk.area.width.saturating_sub(6)).max(1);
        2 + cols(wrap(&wrong.to_string(), room, LONGEST).len()).max(2)
    } else {
        let (offered, _) = desk.explorer.offered();
        1 + cols(offered.len()).clamp(1, OFFERED)
    };
    lines.min(desk.area.height.saturating_sub(6))
}

fn place(desk: &Desk) -> Rect {
    Rect {
        y: 1,
        height: inside(desk) + 2,
        ..desk.area
    }
}

/// The first of the offered words that is seen.
fn first(taken: Option<usize>, lines: u16) -> usize {
    taken.map_or(0, |taken| (taken + 1).saturating_sub(usize::from(lines)))
}

/// The offered word that stands in a cell of the screen.
pub fn offered_at(desk: &Desk, (column, row): (u16, u16)) -> Option<usize> {
    let place = place(desk);
    if desk.explorer.wrong().is_some() || !layout::holds(place, column, row) {
        return None;
    }
    let line = row.checked_sub(place.y + 2)?;
    let lines = place.height.saturating_sub(3);
    let (offered, taken) = desk.explorer.offered();
    let nth = first(taken, lines) + usize::from(line);
    (line < lines && nth < offered.len()).then_some(nth)
}

/// Draws it over the filter line.
pub fn draw(look: Look<'_>, prompt: &Prompt, buf: &mut Buffer) {
    let desk = look.desk;
    let place = place(desk);
    let mut pen = Pen::new(buf, place);
    let keys = [
        ("accept", "keep it"),
        ("choose-next", "next word"),
        ("cancel", "cancel"),
    ];
    prompts::frame(&mut pen, look, &super::title(desk), &keys);
    let skipped = prompts::input(&mut pen, look, prompt);
    if let Some(wrong) = desk.explorer.wrong() {
        point_out(&mut pen, look, (prompt.words(), wrong), skipped);
        return;
    }
    let (offered, taken) = desk.explorer.offered();
    let room = pen.width().saturating_sub(5);
    if offered.is_empty() {
        let words = "words, field:value, field:~pattern, -not, or; what fits is shown below";
        pen.put(2, 2, room, words, look.style(Role::Dim));
        return;
    }
    let lines = pen.height().saturating_sub(3);
    let first = first(taken, lines);
    for (y, (nth, word)) in (2..2 + lines).zip(offered.iter().enumerate().skip(first)) {
        let here = taken == Some(nth);
        let role = if here { Role::Strong } else { Role::Dim };
        if here {
            pen.cell(2, y, '▌', look.style(Role::Accent));
        }
        pen.put(4, y, room, &shown(word), look.style(role));
    }
}

/// Shows where something is wrong, and beneath what and what would be right.
fn point_out(
    pen: &mut Pen<'_>,
    look: Look<'_>,
    (words, wrong): (&str, &FilterError),
    skipped: usize,
) {
    let columns = |to: usize| width(&shown(words.get(..to).unwrap_or(words)));
    let from = columns(wrong.at.start).saturating_sub(skipped);
    let to = columns(wrong.at.end).saturating_sub(skipped);
    let all = pen.width().saturating_sub(4);
    let from = cols(from).min(all.saturating_sub(1));
    let long = cols(to).saturating_sub(from).clamp(1, all - from.min(all));
    for x in 0..long {
        pen.cell(2 + from + x, 2, '^', look.style(Role::Bad));
    }
    let lines = pen.height().saturating_sub(4);
    let said = wrap(&wrong.to_string(), usize::from(all), usize::from(lines));
    for (y, line) in (3..).zip(said) {
        pen.put(2, y, all, &shown(&line), look.style(Role::Warn));
    }
}
