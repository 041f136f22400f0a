//! The question before an act: a frame over the live screen, *cancel* focused.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::model::event::Risk;
use crate::model::text::shown;
use crate::ui::fit::{cols, width, wrap};
use crate::ui::form::{self, Field, Form};
use crate::ui::question::{Focus, Question};
use crate::ui::theme::Role;
use crate::ui::widget::Pen;

use super::{Look, prompts};

/// Draws the question, where one stands.
pub fn draw(look: Look<'_>, buf: &mut Buffer, area: Rect) {
    let Some(question) = &look.desk.question else {
        return;
    };
    let form = form::of(question, area);
    let mut pen = Pen::new(buf, form.frame);
    let keys: &[(&str, &str)] = if form.frame.width < 60 {
        &[("cancel", "cancel"), ("choose-next", "next")]
    } else {
        &[
            ("cancel", "cancel"),
            ("choose-next", "next"),
            ("accept", "choose"),
        ]
    };
    prompts::frame(&mut pen, look, &form.title, keys);
    risk(&mut pen, look, question, &form);
    body(&mut pen, look, question, &form);
    for field in &form.fields {
        answer(buf, look, question, field);
    }
    let mut pen = Pen::new(buf, area);
    note(&mut pen, look, question, &form);
    for (focus, place) in form.buttons {
        button(&mut pen.at(place), look, question, focus);
    }
}

fn risk(pen: &mut Pen<'_>, look: Look<'_>, question: &Question, form: &Form) {
    let role = match question.summary.risk {
        Risk::Observe => Role::Dim,
        Risk::Reversible => Role::Accent,
        Risk::Disruptive => Role::Warn,
        Risk::Destructive | Risk::Other(_) => Role::Bad,
    };
    let words = format!(" {} ", question.summary.risk);
    let wide = cols(width(&words));
    let title = cols(width(&form.title));
    let right = pen.width().saturating_sub(2);
    if title + wide + 6 < right {
        pen.put(right - wide, 0, wide, &words, look.style(role));
    }
}

/// What the act would do, as much of it as there is room for.
fn body(pen: &mut Pen<'_>, look: Look<'_>, question: &Question, form: &Form) {
    let mut pen = pen.at(form.body);
    let first = question.scroll.min(form.most_scroll());
    for (y, line) in (0..form.body.height).zip(form.lines.iter().skip(first)) {
        let dim = look.style(Role::Dim);
        let x = match form.labels {
            _ if line.title => 0,
            0 if line.label.is_empty() => 0,
            0 => pen.put(0, y, form.body.width, line.label, dim) + 1,
            labels => {
                pen.put(0, y, labels - 1, line.label, dim);
                labels
            }
        };
        let role = if line.title { Role::Strong } else { Role::Text };
        pen.put(x, y, form.body.width, &line.words, look.style(role));
    }
}

/// What is lacking or has changed; else how much more there is to read.
fn note(pen: &mut Pen<'_>, look: Look<'_>, question: &Question, form: &Form) {
    let mut pen = pen.at(form.note);
    let columns = usize::from(form.note.width);
    if !question.note.is_empty() {
        let lines = wrap(&question.note, columns, usize::from(form.note.height));
        for (y, line) in (0..).zip(lines) {
            pen.put(0, y, form.note.width, &line, look.style(Role::Warn));
        }
        return;
    }
    let most = form.most_scroll();
    if most == 0 {
        return;
    }
    let left = most.saturating_sub(question.scroll);
    let words = match left {
        0 => "pgup: the lines above".to_owned(),
        1 => "pgdn: 1 more line".to_owned(),
        n => format!("pgdn: {n} more lines"),
    };
    pen.put_right(0, 0, form.note.width, &words, look.style(Role::Dim));
}

fn button(pen: &mut Pen<'_>, look: Look<'_>, question: &Question, focus: Focus) {
    let words = match focus {
        Focus::Act => question.button(),
        _ => "Cancel",
    };
    let here = question.focus() == focus;
    let role = match focus {
        // It takes no key yet.
        Focus::Act if here && !question.is_armed() => Role::Warn,
        _ if here => Role::Accent,
        _ => Role::Text,
    };
    let words = if here {
        format!("▸ {words} ◂")
    } else {
        format!("  {words}  ")
    };
    let wide = pen.width();
    pen.put(0, 0, wide, &words, look.style(role));
}

/// Something to be answered, and what was.
fn answer(buf: &mut Buffer, look: Look<'_>, question: &Question, field: &Field) {
    let here = question.focus() == field.focus;
    let role = if here { Role::Accent } else { Role::Dim };
    let style = look.style(Role::Strong);
    let mut pen = Pen::new(buf, field.asks);
    pen.put(0, 0, field.asks.width, &field.label, look.style(role));
    let mut pen = pen.at(field.answer);
    if let Some(hint) = hint(question, field.focus).filter(|_| !here) {
        pen.put(0, 0, field.answer.width, hint, look.style(Role::Dim));
        return;
    }
    match field.focus {
        Focus::Length => lengths(&mut pen, look, question, here),
        Focus::Name => typed(&mut pen, &shown(question.name.words()), here, style),
        Focus::Code => typed(&mut pen, &question.code.dots(), here, style),
        Focus::Reason => question.reason.draw(buf, field.answer, style),
        Focus::Cancel | Focus::Act => {}
    }
}

/// What stands where nothing was answered yet.
fn hint(question: &Question, focus: Focus) -> Option<&'static str> {
    match focus {
        Focus::Reason if question.reason.words().is_empty() => Some("why; it is written down"),
        Focus::Code if question.code.is_empty() => Some("6 digits, or a recovery code"),
        _ => None,
    }
}

/// A line of typed words with the cursor behind them.
fn typed(pen: &mut Pen<'_>, words: &str, here: bool, style: Style) {
    let room = pen.width().saturating_sub(1);
    // What is typed last is what is looked at.
    let over = width(words).saturating_sub(usize::from(room));
    let seen: String = words.chars().skip(over).collect();
    let taken = pen.put(0, 0, room, &seen, style);
    if here {
        pen.cell(taken, 0, ' ', style.add_modifier(Modifier::REVERSED));
    }
}

fn lengths(pen: &mut Pen<'_>, look: Look<'_>, question: &Question, here: bool) {
    let Some(length) = &question.length else {
        return;
    };
    let mut x = 0;
    for (words, chosen) in length.shown() {
        let (words, role) = match (chosen, here) {
            (true, true) => (format!("◂{words}▸"), Role::Accent),
            (true, false) => (format!("[{words}]"), Role::Strong),
            (false, _) => (format!(" {words} "), Role::Dim),
        };
        let wide = pen.width().saturating_sub(x);
        x += pen.put(x, 0, wide, &words, look.style(role)) + 1;
    }
}
