//! The question before an act: a frame over the live screen, *cancel* focused.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use crate::model::event::Risk;
use crate::ui::fit::{cols, width, wrap};
use crate::ui::layout;
use crate::ui::question::{Focus, Question};
use crate::ui::theme::Role;
use crate::ui::widget::Pen;

use super::{Look, prompts};

/// The columns of the labels.
const LABELS: u16 = 11;

/// The most lines that one row of the summary takes.
const LINES: usize = 3;

/// Draws the question, where one stands.
pub fn draw(look: Look<'_>, buf: &mut Buffer, area: Rect) {
    let Some(question) = &look.desk.question else {
        return;
    };
    let asked = asked(question);
    let below = cols(asked.len()) + 3;
    let room = usize::from(area.width.min(80).saturating_sub(LABELS + 4));
    let most = usize::from(area.height.saturating_sub(below + 4));
    // Every row is seen, if need be shorter.
    let rows = (1..=LINES)
        .rev()
        .map(|lines| rows(question, room, lines))
        .find(|rows| rows.len() <= most)
        .unwrap_or_else(|| rows(question, room, 1));
    let place = layout::prompt(area, cols(rows.len()) + below + 2);
    let mut pen = Pen::new(buf, place);
    prompts::frame(
        &mut pen,
        look,
        &question.summary.title,
        &[
            ("cancel", "cancel"),
            ("choose-next", "next"),
            ("accept", "choose"),
        ],
    );
    risk(&mut pen, look, question);
    // The lines to type into and the buttons are seen whatever the size.
    let most = place.height.saturating_sub(below + 2);
    for (y, (label, words)) in (1..=most).zip(&rows) {
        pen.put(2, y, LABELS - 1, label, look.style(Role::Dim));
        pen.put(2 + LABELS, y, cols(room), words, look.style(Role::Text));
    }
    let mut y = place.height.saturating_sub(below + 1);
    for (focus, label) in &asked {
        y += 1;
        line(&mut pen, look, question, (*focus, label.as_str()), y);
    }
    pen.put(
        2,
        y + 1,
        pen.width().saturating_sub(4),
        &question.note,
        look.style(Role::Warn),
    );
    buttons(&mut pen, look, question, y + 2);
}

/// The rows of the summary, each in at most so many lines.
fn rows(question: &Question, room: usize, most: usize) -> Vec<(&'static str, String)> {
    let rows = question.summary.rows.iter();
    rows.flat_map(|row| {
        let lines = wrap(&row.words, room, most).into_iter().enumerate();
        lines.map(|(n, line)| (if n == 0 { row.label } else { "" }, line))
    })
    .collect()
}

/// The lines to type into.
fn asked(question: &Question) -> Vec<(Focus, String)> {
    let challenges = &question.summary.challenges;
    let mut asked = Vec::new();
    if let Some(name) = &challenges.name {
        asked.push((Focus::Name, format!("Type {name}")));
    }
    if challenges.reason {
        asked.push((Focus::Reason, "Reason".to_owned()));
    }
    asked
}

fn risk(pen: &mut Pen<'_>, look: Look<'_>, question: &Question) {
    let role = match question.summary.risk {
        Risk::Observe => Role::Dim,
        Risk::Reversible => Role::Accent,
        Risk::Disruptive => Role::Warn,
        Risk::Destructive | Risk::Other(_) => Role::Bad,
    };
    let words = format!(" {} ", question.summary.risk);
    let wide = cols(width(&words));
    let title = cols(width(&question.summary.title));
    let right = pen.width().saturating_sub(2);
    if title + wide + 6 < right {
        pen.put(right - wide, 0, wide, &words, look.style(role));
    }
}

fn line(
    pen: &mut Pen<'_>,
    look: Look<'_>,
    question: &Question,
    (focus, label): (Focus, &str),
    y: u16,
) {
    let here = question.focus == focus;
    let prompt = if focus == Focus::Name {
        &question.name
    } else {
        &question.reason
    };
    let role = if here { Role::Accent } else { Role::Dim };
    let taken = pen.put(2, y, pen.width() / 2, label, look.style(role));
    let x = 2 + taken + 2;
    let room = pen.width().saturating_sub(x + 3);
    // What is typed last is what is looked at.
    let words = prompt.words();
    let over = width(words).saturating_sub(usize::from(room));
    let seen: String = words.chars().skip(over).collect();
    let taken = pen.put(x, y, room, &seen, look.style(Role::Strong));
    if here {
        let cursor = look.style(Role::Strong).add_modifier(Modifier::REVERSED);
        pen.cell(x + taken, y, ' ', cursor);
    }
}

fn buttons(pen: &mut Pen<'_>, look: Look<'_>, question: &Question, y: u16) {
    let button = |focus, label: &str| {
        if question.focus == focus {
            (format!("▸ {label} ◂"), Role::Accent)
        } else {
            (format!("  {label}  "), Role::Text)
        }
    };
    let (cancel, cancel_role) = button(Focus::Cancel, "Cancel");
    let (act, act_role) = button(Focus::Act, "Do it");
    let right = pen.width().saturating_sub(3);
    let wide = cols(width(&act));
    let x = right.saturating_sub(wide);
    pen.put(x, y, wide, &act, look.style(act_role));
    let wide = cols(width(&cancel));
    pen.put(
        x.saturating_sub(wide + 2),
        y,
        wide,
        &cancel,
        look.style(cancel_role),
    );
}
