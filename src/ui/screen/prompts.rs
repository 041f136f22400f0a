//! The prompts, each in the one frame there is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;

use crate::model::text::shown;
use crate::ui::desk::Desk;
use crate::ui::fit::{cols, width};
use crate::ui::layout;
use crate::ui::prompt::{Kind, Prompt};
use crate::ui::theme::Role;
use crate::ui::widget::Pen;

use super::Look;

/// How many lines the palette takes.
fn palette_height(prompt: &Prompt) -> u16 {
    3 + cols(prompt.hits.len().clamp(1, 12))
}

/// The line of the palette that stands in a cell of the screen.
pub fn hit_at(desk: &Desk, (column, row): (u16, u16)) -> Option<usize> {
    let prompt = desk.prompt.as_ref()?;
    if !matches!(prompt.kind, Kind::Palette | Kind::Columns) {
        return None;
    }
    let place = layout::prompt(desk.area, palette_height(prompt));
    let rows = usize::from(place.height.saturating_sub(3));
    if !layout::holds(place, column, row) {
        return None;
    }
    let line = usize::from(row.checked_sub(place.y + 2)?);
    let first = (prompt.chosen + 1).saturating_sub(rows);
    (line < rows && first + line < prompt.hits.len()).then_some(first + line)
}

/// Draws the open prompt, where one is.
pub fn draw(look: Look<'_>, buf: &mut Buffer, area: Rect) {
    let Some(prompt) = &look.desk.prompt else {
        return;
    };
    let (title, height) = match prompt.kind {
        // Part of a question, which draws it; the explorer's lies over its own line, and it draws it itself.
        Kind::Answer | Kind::Query => return,
        Kind::Columns => ("Columns of the rows", palette_height(prompt)),
        Kind::Seek => ("Go to a time of the recording", 4),
        Kind::Find => ("Find a rotation", 4),
        Kind::Filter => ("Secrets that hold these letters", 4),
        Kind::Palette => ("Commands, rotations, services", palette_height(prompt)),
    };
    let mut place = layout::prompt(area, height);
    if prompt.kind == Kind::Filter {
        // What the letters leave is seen above.
        place.y = area.height.saturating_sub(height + 2);
    }
    let mut pen = Pen::new(buf, place);
    frame(
        &mut pen,
        look,
        title,
        &[("accept", "do it"), ("cancel", "cancel")],
    );
    input(&mut pen, look, prompt);
    match prompt.kind {
        Kind::Palette | Kind::Columns => hits(&mut pen, look, prompt),
        Kind::Seek | Kind::Find | Kind::Filter | Kind::Answer | Kind::Query => {
            let room = pen.width().saturating_sub(4);
            pen.put(2, 2, room, &prompt.note, look.style(Role::Dim));
        }
    }
}

/// The frame of a prompt, with the keys that count in it.
pub(super) fn frame(pen: &mut Pen<'_>, look: Look<'_>, title: &str, keys: &[(&str, &str)]) {
    let style = look.style(Role::Frame);
    pen.clear(look.style(Role::Text));
    let (right, bottom) = (
        pen.width().saturating_sub(1),
        pen.height().saturating_sub(1),
    );
    for y in [0, bottom] {
        pen.fill(0, y, pen.width(), '─', style);
    }
    for y in 1..bottom {
        pen.cell(0, y, '│', style);
        pen.cell(right, y, '│', style);
    }
    for (x, y, c) in [
        (0, 0, '╭'),
        (right, 0, '╮'),
        (0, bottom, '╰'),
        (right, bottom, '╯'),
    ] {
        pen.cell(x, y, c, style);
    }
    let taken = pen.put(
        2,
        0,
        right.saturating_sub(4),
        title,
        look.style(Role::Strong),
    );
    pen.cell(1, 0, ' ', style);
    pen.cell(2 + taken, 0, ' ', style);
    let keys = keys
        .iter()
        .filter_map(|(id, label)| Some(format!("{} {label}", look.keymap.keys(id)?)))
        .collect::<Vec<_>>()
        .join("   ");
    let wide = cols(width(&keys));
    if wide + 6 < right {
        let x = right - wide - 2;
        pen.put(x, bottom, wide, &keys, look.style(Role::Dim));
        pen.cell(x - 1, bottom, ' ', style);
        pen.cell(x + wide, bottom, ' ', style);
    }
}

/// The typed words with the cursor; what is left of a narrow frame is cut, never the cursor. Gives
/// how many columns were cut.
pub(super) fn input(pen: &mut Pen<'_>, look: Look<'_>, prompt: &Prompt) -> usize {
    let room = usize::from(pen.width().saturating_sub(5));
    let before: String = prompt.words().chars().take(prompt.cursor()).collect();
    let (before, all) = (
        shown(&before).into_owned(),
        shown(prompt.words()).into_owned(),
    );
    let mut skipped = 0;
    let whole = width(&before);
    let mut taken = whole;
    for grapheme in before.graphemes(true) {
        if taken < room {
            break;
        }
        taken -= width(grapheme);
        skipped += grapheme.len();
    }
    let seen = all.get(skipped..).unwrap_or_default();
    let text = look.style(Role::Strong);
    pen.put(2, 1, cols(room), seen, text);
    let under = all
        .get(before.len()..)
        .and_then(|rest| rest.graphemes(true).next())
        .unwrap_or(" ");
    let cursor = Style::default().add_modifier(Modifier::REVERSED);
    pen.put(
        2 + cols(taken),
        1,
        cols(width(under).max(1)),
        under,
        text.patch(cursor),
    );
    whole - taken
}

fn hits(pen: &mut Pen<'_>, look: Look<'_>, prompt: &Prompt) {
    let rows = usize::from(pen.height().saturating_sub(3));
    if prompt.hits.is_empty() {
        let words = "nothing is called so";
        pen.put(2, 2, pen.width(), words, look.style(Role::Dim));
        return;
    }
    let room = pen.width().saturating_sub(5);
    let first = (prompt.chosen + 1).saturating_sub(rows);
    let last = pen.height().saturating_sub(1);
    for ((y, hit), index) in (2..last.max(2))
        .zip(prompt.hits.iter().skip(first))
        .zip(first..)
    {
        let chosen = index == prompt.chosen;
        let style = look.style(if chosen { Role::Selection } else { Role::Text });
        let note = cols(width(&hit.note)).min(room / 2);
        if chosen {
            pen.fill(1, y, pen.width().saturating_sub(2), ' ', style);
            pen.cell(1, y, '▌', look.style(Role::Accent));
        }
        pen.put(3, y, room.saturating_sub(note + 1), &hit.words, style);
        let dim = if chosen { style } else { look.style(Role::Dim) };
        pen.put_right(
            3,
            y,
            room,
            &crate::ui::fit::fit(&hit.note, usize::from(note)),
            dim,
        );
    }
}
