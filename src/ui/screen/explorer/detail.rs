//! The selected row in full: what each field says, where it stands, and where it leads.

use crate::query::Field;
use crate::ui::fit::{count, wrap};
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Pen, Piece, draw_lines, rule};

use super::{Look, rows};

/// The columns of the names.
const NAMES: u16 = 11;

/// The most lines of one field.
const LONGEST: usize = 6;

/// Draws it under its rule.
pub fn draw(pen: &mut Pen<'_>, look: Look<'_>) {
    let explorer = &look.desk.explorer;
    let title = format!("Row {}", count(explorer.row() + 1));
    let close = look.keymap.keys("back").unwrap_or_default();
    let right = format!("{close} closes it");
    rule(pen, 0, look.theme, &title, &right, Role::Strong);
    let lines = lines(look, pen.width());
    let (y, height) = (pen.area().y + 1, pen.height().saturating_sub(1));
    let below = ratatui::layout::Rect {
        y,
        height,
        ..pen.area()
    };
    draw_lines(&mut pen.at(below), look.theme, &lines);
}

fn lines(look: Look<'_>, width: u16) -> Vec<Line> {
    let mut lines = Vec::new();
    let room = usize::from(width.saturating_sub(NAMES + 3));
    let mut say = |name: &str, words: &str, role: Role| {
        for (n, line) in (0..).zip(wrap(words, room, LONGEST)) {
            lines.push(Line::Pieces(vec![
                Piece::new(if n == 0 { name } else { "" }, Role::Dim).right(NAMES),
                Piece::new(line, role),
            ]));
        }
    };
    let Some(row) = look.desk.explorer.selected() else {
        say("", "This row is being read.", Role::Dim);
        return lines;
    };
    if let Some(wrong) = &row.wrong {
        let words = format!("{wrong}; what the index knows of it:");
        say("", &words, Role::Warn);
    }
    let clock = look.clock();
    let millis = row.time.nanos() / 1_000_000;
    let time = format!(
        "{} {}.{millis:03} {}",
        clock.day(row.time),
        clock.time(row.time),
        clock.zone()
    );
    say("time", &time, Role::Text);
    for field in Field::ALL {
        if matches!(field, Field::Time | Field::File) {
            continue;
        }
        let Some(words) = row.cell(*field).map(ToString::to_string) else {
            continue;
        };
        let role = match field {
            Field::Outcome => rows::outcome(&words),
            Field::Error => Role::Warn,
            _ => Role::Text,
        };
        say(field.name(), &words, role);
    }
    let place = &row.place;
    let words = match place.line {
        0 => format!("{} byte {}", place.file, count(place.byte)),
        line => format!("{}:{line}", place.file),
    };
    say("stands in", &words, Role::Text);
    for (id, words) in leads(look) {
        if let Some(keys) = look.keymap.keys(id) {
            say(&keys, &words, Role::Accent);
        }
    }
    lines
}

/// The commands that lead on from here, and where to.
fn leads(look: Look<'_>) -> Vec<(&'static str, String)> {
    let leads = &look.desk.explorer.leads;
    let mut out = Vec::new();
    if let Some(finding) = &leads.finding {
        out.push(("why", format!("why: {} was found", finding.mode)));
    }
    if let Some(id) = &leads.rotation {
        let words = if leads.by_consumer {
            format!("rotation {id}, with this consumer")
        } else {
            format!("rotation {id}")
        };
        out.push(("detail", words));
    }
    if let Some(secret) = &leads.secret {
        out.push(("secret", format!("secret {secret}")));
    }
    if look.desk.replay {
        out.push(("event", "this moment of the recording".to_owned()));
    }
    out
}
