//! The selected row in full: what each field says, where it stands, and where it leads.

use ratatui::layout::Rect;

use crate::query::Field;
use crate::ui::fit::{count, plural, width, wrap};
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Pen, Piece, draw_lines, rule};

use super::{Look, rows};

/// The columns of the names.
const NAMES: u16 = 11;

/// From so many columns on two facts stand side by side, and where the row leads comes first.
const ROOMY: u16 = 72;

/// The most lines of one field.
const LONGEST: usize = 400;

/// The fields in the order of what is looked for first.
const ORDER: [Field; 12] = [
    Field::Outcome,
    Field::Error,
    Field::Message,
    Field::Actor,
    Field::RemoteAddr,
    Field::Operation,
    Field::Path,
    Field::Secret,
    Field::Rotation,
    Field::Source,
    Field::Format,
    Field::Id,
];

/// Draws it under its rule.
pub fn draw(pen: &mut Pen<'_>, look: Look<'_>) {
    let explorer = &look.desk.explorer;
    let title = format!("Row {}", count(explorer.row() + 1));
    let lines = lines(look, pen.width());
    let area = pen.area();
    let below = Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    };
    let height = usize::from(below.height).max(1);
    let screens = lines.len().div_ceil(height).max(1);
    let screen = wrapped(explorer.detail_screen, screens);
    let seen = lines.get(screen * height..).unwrap_or_default();
    let left_out = seen.len().saturating_sub(height);
    let right = if left_out > 0 {
        let down = look.keymap.keys("page-down").unwrap_or_default();
        format!("{} more: {down}", plural(left_out, "line"))
    } else {
        let close = look.keymap.keys("back").unwrap_or_default();
        format!("{close} closes it")
    };
    rule(pen, 0, look.theme, &title, &right, Role::Strong);
    draw_lines(&mut pen.at(below), look.theme, seen);
}

/// Which of so many screens it is: behind the last comes the first.
fn wrapped(screen: isize, screens: usize) -> usize {
    let screens = isize::try_from(screens).unwrap_or(isize::MAX).max(1);
    usize::try_from(screen.rem_euclid(screens)).unwrap_or(0)
}

/// A name and what it is.
type Fact = (String, String, Role);

fn lines(look: Look<'_>, width: u16) -> Vec<Line> {
    let Some(row) = look.desk.explorer.selected() else {
        return vec![Line::plain("This row is being read.", Role::Dim)];
    };
    let mut facts: Vec<Fact> = Vec::new();
    let roomy = width >= ROOMY;
    if roomy {
        facts.extend(leads(look));
    }
    let mut say = |name: &str, words: String, role: Role| {
        facts.push((name.to_owned(), words, role));
    };
    if let Some(wrong) = &row.wrong {
        let words = format!("{wrong}; what the index knows of it follows");
        say("", words, Role::Warn);
    }
    let clock = look.clock();
    let millis = row.time.nanos() / 1_000_000;
    let (day, time) = (clock.day(row.time), clock.time(row.time));
    let time = if roomy {
        format!("{day} {time}.{millis:03} {}", clock.zone())
    } else {
        format!("{day} {time}.{millis:03}")
    };
    say("time", time, Role::Text);
    for field in ORDER {
        if let Some(words) = row.cell(field).map(ToString::to_string) {
            let role = match field {
                Field::Outcome => rows::outcome(&words),
                Field::Error => Role::Warn,
                _ => Role::Text,
            };
            say(field.name(), words, role);
        }
    }
    let place = &row.place;
    let words = match place.line {
        0 => format!("{} byte {}", place.file, count(place.byte)),
        line => format!("{}:{line}", place.file),
    };
    say("stands in", words, Role::Text);
    if !roomy {
        // What a phone cannot show is done by its key all the same.
        facts.extend(leads(look));
    }
    laid_out(&facts, width)
}

/// The facts in lines: two short ones side by side where there is room.
fn laid_out(facts: &[Fact], all: u16) -> Vec<Line> {
    let half = (all / 2).saturating_sub(NAMES + 3);
    let is_short = |fact: &&Fact| all >= ROOMY && width(&fact.1) <= usize::from(half);
    let room = usize::from(all.saturating_sub(NAMES + 3));
    let mut lines = Vec::new();
    let mut facts = facts.iter().peekable();
    while let Some(fact) = facts.next() {
        let (name, words, role) = fact;
        let beside = if is_short(&fact) {
            facts.next_if(|next| is_short(next))
        } else {
            None
        };
        if let Some((other, more, other_role)) = beside {
            lines.push(Line::Pieces(vec![
                Piece::new(name, Role::Dim).right(NAMES),
                Piece::new(words, *role).wide(half),
                Piece::new(other, Role::Dim).right(NAMES),
                Piece::new(more, *other_role),
            ]));
            continue;
        }
        for (n, line) in (0..).zip(wrap(words, room, LONGEST)) {
            lines.push(Line::Pieces(vec![
                Piece::new(if n == 0 { name } else { "" }, Role::Dim).right(NAMES),
                Piece::new(line, *role),
            ]));
        }
    }
    lines
}

/// The keys that lead on from here, and where to.
fn leads(look: Look<'_>) -> Vec<Fact> {
    let leads = &look.desk.explorer.leads;
    let mut out = Vec::new();
    let mut lead = |id: &str, words: String| {
        if let Some(keys) = look.keymap.keys(id) {
            out.push((keys, words, Role::Accent));
        }
    };
    if let Some(finding) = &leads.finding {
        lead("why", format!("why: {} was found", finding.mode));
    }
    if let Some(id) = &leads.rotation {
        let words = if leads.by_consumer {
            format!("rotation {id}, with this consumer")
        } else {
            format!("rotation {id}")
        };
        lead("detail", words);
    }
    if let Some(secret) = &leads.secret {
        lead("secret", format!("secret {secret}"));
    }
    if look.desk.replay {
        lead("event", "this moment of the recording".to_owned());
    }
    out
}
