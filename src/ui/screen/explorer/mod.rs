//! The audit explorer: the filter, how the rows lie over time, the rows, what they say, and one of
//! them in full.

mod detail;
mod facets;
mod query;
mod rows;
mod times;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::text::shown;
use crate::ui::desk::Desk;
use crate::ui::explorer::{Explorable, places};
use crate::ui::fit::{bytes, count, plural};
use crate::ui::theme::Role;
use crate::ui::widget::{Pen, rule};

use super::{Look, frame};

pub use query::{draw as draw_query, offered_at};

/// Draws the screen.
pub fn draw(look: Look<'_>, buf: &mut Buffer, area: Rect) {
    let desk = look.desk;
    let explorer = &desk.explorer;
    let footer = desk.footer(area);
    let places = places(explorer, explorer.part, area, desk.replay, footer);
    let mut pen = Pen::new(buf, area);
    frame::header(&mut pen.at(Rect { height: 1, ..area }), look);
    let title = title(desk);
    let place = position(desk);
    rule(
        &mut pen.at(places.rule),
        0,
        look.theme,
        &title,
        &place,
        Role::Strong,
    );
    if explorer.what == Explorable::Files {
        filter(&mut pen.at(places.filter), look);
        status(&mut pen.at(places.status), look);
        times::draw(&mut pen.at(places.times), look);
        rows::draw(&mut pen, look, &places);
        if places.facets.height > 0 {
            facets::draw(&mut pen.at(places.facets), look);
        }
        if places.detail.height > 0 {
            detail::draw(&mut pen.at(places.detail), look);
        }
    } else {
        let body = Rect {
            y: places.filter.y,
            height: area.bottom().saturating_sub(places.filter.y),
            ..area
        };
        nothing(&mut pen.at(body), look);
    }
    frame::bottom(look, buf, area);
}

/// The screen's name with how many rows fit, of how many.
fn title(desk: &Desk) -> String {
    let found = found(desk);
    let gap = if found.is_empty() { "" } else { " ▸ " };
    format!("Explorer{gap}{found}")
}

fn found(desk: &Desk) -> String {
    let page = desk.explorer.page();
    if desk.explorer.what != Explorable::Files {
        return "no audit files".to_owned();
    }
    if page.reading.is_some() || desk.explorer.knows_nothing() {
        return String::new();
    }
    let rows = usize::try_from(page.of).unwrap_or(usize::MAX);
    if desk.explorer.is_behind() {
        return format!("… of {}", plural(rows, "row"));
    }
    if desk.explorer.filter().is_empty() && page.done {
        return plural(rows, "row");
    }
    format!("{} of {}", count(page.found), plural(rows, "row"))
}

/// Which of the rows is selected.
fn position(desk: &Desk) -> String {
    let explorer = &desk.explorer;
    match explorer.page().found {
        _ if explorer.is_behind() => String::new(),
        0 => String::new(),
        found => format!("{} / {}", count(explorer.row() + 1), count(found)),
    }
}

fn filter(pen: &mut Pen<'_>, look: Look<'_>) {
    let key = look.keymap.keys("find").unwrap_or_default();
    let taken = pen.put(1, 0, pen.width(), &key, look.style(Role::Accent));
    let x = 2 + taken;
    let room = pen.width().saturating_sub(x + 1);
    match look.desk.explorer.filter() {
        "" => pen.put(x, 0, room, "every row: no filter", look.style(Role::Dim)),
        filter => pen.put(x, 0, room, &shown(filter), look.style(Role::Strong)),
    };
}

/// How far it is, what is missing, what is marked; else from when to when the rows are.
fn status(pen: &mut Pen<'_>, look: Look<'_>) {
    let desk = look.desk;
    let page = desk.explorer.page();
    let mut loud = Vec::new();
    let marked = desk.explorer.marked();
    let marked = (marked > 0).then(|| format!("{} marked", count(marked as u64)));
    let words = [progress(desk), followed(desk), marked];
    let mut words: Vec<String> = words.into_iter().flatten().collect();
    if let Some(wrong) = &page.wrong {
        loud.push(shown(wrong).into_owned());
    }
    if page.rejected > 0 {
        let lines = usize::try_from(page.rejected).unwrap_or(usize::MAX);
        loud.push(format!("{} rejected", plural(lines, "line")));
    }
    if let Some(first) = page.trouble.first() {
        let more = page.trouble.len() - 1;
        let more = if more > 0 {
            format!(" (and {more} more)")
        } else {
            String::new()
        };
        loud.push(format!("{first}{more}"));
    }
    if words.is_empty()
        && let Some(range) = times::range(desk)
    {
        words.push(range);
    }
    let gap = if words.is_empty() || loud.is_empty() {
        ""
    } else {
        " · "
    };
    let quiet = format!("{}{gap}", words.join(" · "));
    let taken = pen.put(1, 0, pen.width(), &quiet, look.style(Role::Dim));
    let room = pen.width().saturating_sub(taken + 2);
    pen.put(
        1 + taken,
        0,
        room,
        &loud.join(" · "),
        look.style(Role::Warn),
    );
}

/// How far reading or looking is, while it is.
fn progress(desk: &Desk) -> Option<String> {
    let page = desk.explorer.page();
    if let Some((read, of)) = page.reading {
        return Some(match of {
            Some(of) if of > 0 => {
                let percent = read.min(of).saturating_mul(100) / of;
                format!("reading {percent} % of {}", bytes(of))
            }
            _ => format!("reading, {} so far", bytes(read)),
        });
    }
    if desk.explorer.knows_nothing() {
        return Some("opening the files …".to_owned());
    }
    if desk.explorer.is_behind() {
        return Some("searching: these rows are of the filter before".to_owned());
    }
    let percent = page.looked.saturating_mul(100) / page.of.max(1);
    (!page.done).then(|| format!("looked at {percent} % of the rows"))
}

/// Whether more comes, where the end is what is looked at.
fn followed(desk: &Desk) -> Option<String> {
    let page = desk.explorer.page();
    if !desk.explorer.sticks_to_the_end() {
        return None;
    }
    let once = usize::try_from(page.once).unwrap_or(usize::MAX);
    match (page.following, once) {
        (true, 0) => Some("following".to_owned()),
        (true, n) => Some(format!("following, but for {}", plural(n, "file"))),
        (false, 0) => None,
        (false, n) => Some(format!("{} read once, not followed", plural(n, "file"))),
    }
}

/// Why there is nothing, and what would fill the screen.
fn nothing(pen: &mut Pen<'_>, look: Look<'_>) {
    let why = match look.desk.explorer.what {
        Explorable::ReadOnce => [
            "Standard input was read once, by the recording.",
            "rotascope explore - reads it as rows; files can be both at once.",
        ],
        _ => [
            "There are no audit files here to explore.",
            "rotascope explore FILE… opens them; rotascope replay FILE… has both.",
        ],
    };
    let styles = [look.style(Role::Text), look.style(Role::Dim)];
    let room = usize::from(pen.width().saturating_sub(2));
    let mut y = 1;
    for (words, style) in why.iter().zip(styles) {
        for line in crate::ui::fit::wrap(words, room, 3) {
            pen.put(1, y, pen.width(), &line, style);
            y += 1;
        }
    }
}
