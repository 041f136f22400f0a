//! How the rows lie over time: a bar for each length of time, the part of it that went wrong at
//! its foot, and a line of times beneath.

use crate::query::page::Bin;
use crate::ui::desk::Desk;
use crate::ui::explorer::{Part, bar_columns};
use crate::ui::fit::{cols, count, plural, span, width};
use crate::ui::theme::Role;
use crate::ui::widget::Pen;

use super::Look;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// From when to when the rows that fit are.
pub fn range(desk: &Desk) -> Option<String> {
    let explorer = &desk.explorer;
    let last = explorer.histogram().bins.len().checked_sub(1)?;
    let clock = desk.clock();
    let (from, to) = (explorer.bar_begins(0), explorer.bar_begins(last + 1));
    let day = if clock.day(from) == clock.day(to) {
        String::new()
    } else {
        format!("{} ", clock.day(to))
    };
    Some(format!(
        "{} {} – {day}{} {}",
        clock.day(from),
        clock.time(from),
        clock.time(to),
        clock.zone()
    ))
}

/// Draws the bars and the line beneath.
pub fn draw(pen: &mut Pen<'_>, look: Look<'_>) {
    let explorer = &look.desk.explorer;
    let bins = &explorer.histogram().bins;
    let lines = pen.height().saturating_sub(1);
    if lines == 0 {
        return;
    }
    if bins.is_empty() {
        let words = "no row, no time";
        pen.put(1, lines, pen.width(), words, look.style(Role::Dim));
        return;
    }
    let columns = pen.width().saturating_sub(2);
    let top = bins.iter().map(|bin| bin.rows).max().unwrap_or(0);
    let focused = explorer.part == Part::Times;
    let selected = explorer.bar().filter(|_| focused);
    for (nth, bin) in bins.iter().enumerate() {
        let (from, wide) = bar_columns(columns, bins.len(), nth);
        let x = 1 + from;
        // A column stays free between two bars where there is room for that.
        let solid = wide - u16::from(wide > 3);
        for y in 0..lines {
            let Some((level, foot)) = cell(*bin, top, (lines - 1 - y, lines)) else {
                continue;
            };
            let role = match (foot, selected == Some(nth)) {
                (Foot::Bad, _) => Role::Bad,
                (Foot::Some, _) => Role::Warn,
                (Foot::None, true) => Role::Accent,
                (Foot::None, false) => Role::Chart,
            };
            for column in 0..solid {
                pen.cell(x + column, y, level, look.style(role));
            }
        }
        if selected == Some(nth) {
            pen.cell(x, lines, '▲', look.style(Role::Accent));
        }
    }
    beneath(pen, look, lines, selected, top);
}

/// How much of a cell went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Foot {
    /// Nothing.
    None,
    /// Less than half of the foot of a bar: it is not drawn higher than it is.
    Some,
    /// Half of it or more.
    Bad,
}

/// What stands in the how-manieth cell of a bar from its foot, and how much of that went wrong.
fn cell(bin: Bin, top: u32, (up, lines): (u16, u16)) -> Option<(char, Foot)> {
    let eighths = |rows: u32| -> u64 {
        let all = u64::from(lines) * 8;
        let high = u64::from(rows) * all / u64::from(top.max(1));
        // What is there at all is seen.
        high.max(u64::from(rows > 0))
    };
    let below = u64::from(up) * 8;
    let level = eighths(bin.rows).checked_sub(below + 1)?.min(7);
    let bad = eighths(bin.bad).saturating_sub(below);
    let foot = if bad * 2 > level {
        Foot::Bad
    } else if bin.bad > 0 && up == 0 {
        Foot::Some
    } else {
        Foot::None
    };
    let shown = LEVELS.get(usize::try_from(level).unwrap_or(7)).copied();
    Some(match (foot, level) {
        // Without colours too the two parts can be told apart.
        (Foot::Bad, 7) => ('▓', foot),
        _ => (shown.unwrap_or('█'), foot),
    })
}

/// The ends of the time and how long a bar is; of a selected bar what it has.
fn beneath(pen: &mut Pen<'_>, look: Look<'_>, y: u16, selected: Option<usize>, top: u32) {
    let explorer = &look.desk.explorer;
    let histogram = explorer.histogram();
    let clock = look.clock();
    let dim = look.style(Role::Dim);
    let columns = pen.width().saturating_sub(2);
    let begins = |bar: usize| 1 + bar_columns(columns, histogram.bins.len(), bar).0;
    if let Some(bin) = selected.and_then(|nth| Some((nth, histogram.bins.get(nth)?))) {
        let (nth, Bin { rows, bad }) = bin;
        let words = format!(
            "{} + {}: {}, {} went wrong",
            clock.time(explorer.bar_begins(nth)),
            span(histogram.each),
            plural(usize::try_from(*rows).unwrap_or(usize::MAX), "row"),
            count(u64::from(*bad))
        );
        let taken = cols(width(&words));
        let bar = begins(nth);
        // Beside the bar, on the side that has the room.
        let right = bar + 2 + taken < pen.width();
        let x = if right {
            bar + 2
        } else {
            bar.saturating_sub(taken + 1)
        };
        pen.put(x, y, taken, &words, look.style(Role::Strong));
        return;
    }
    let last = histogram.bins.len();
    pen.put(1, y, 8, &clock.time(explorer.bar_begins(0)), dim);
    let scale = format!(
        "a bar {}, the highest {}",
        span(histogram.each),
        plural(usize::try_from(top).unwrap_or(usize::MAX), "row")
    );
    let words = clock.time(explorer.bar_begins(last));
    // Where the bars end before the screen does, so does their time.
    let end = begins(last).max(10 + cols(width(&scale)) + 11);
    let end = end.min(pen.width().saturating_sub(1));
    let room = end.saturating_sub(19);
    let x = 10 + room.saturating_sub(cols(width(&scale))) / 2;
    pen.put(x, y, room, &scale, dim);
    pen.put(end.saturating_sub(8), y, 8, &words, dim);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(rows: u32, bad: u32, lines: u16) -> String {
        let cells = (0..lines).map(|up| cell(Bin { rows, bad }, 100, (up, lines)));
        let word = |cell: Option<(char, Foot)>| match cell {
            Some((c, Foot::Bad)) => format!("{c}!"),
            Some((c, Foot::Some)) => format!("{c}?"),
            Some((c, Foot::None)) => c.to_string(),
            None => " ".to_owned(),
        };
        cells.map(word).collect()
    }

    #[test]
    fn a_bar_is_as_high_as_its_rows_and_shows_what_went_wrong_at_its_foot() {
        assert_eq!(drawn(100, 0, 2), "██");
        assert_eq!(drawn(50, 0, 2), "█ ");
        assert_eq!(drawn(100, 50, 2), "▓!█");
        assert_eq!(drawn(100, 100, 2), "▓!▓!");
        assert_eq!(drawn(1, 0, 2), "▁ ", "what is there is seen");
        assert_eq!(drawn(100, 1, 2), "█?█", "and so is what went wrong");
        assert_eq!(drawn(1, 1, 2), "▁! ");
        assert_eq!(drawn(0, 0, 2), "  ");
    }
}
