//! The rows of the explorer, in the columns that were chosen.

use crate::model::{Text, Timestamp};
use crate::query::Field;
use crate::query::page::PageRow;
use crate::ui::explorer::{Column, Part, Places, fitted};
use crate::ui::fit::{Clock, fit_end};
use crate::ui::theme::Role;
use crate::ui::widget::Pen;

use super::Look;

/// The marks at the left of a row.
const MARKS: u16 = 2;

/// How moments stand in the rows.
#[derive(Clone, Copy)]
struct Times {
    clock: Clock,
    day: bool,
    millis: bool,
}

impl Times {
    fn of(look: Look<'_>, width: u16) -> Self {
        let histogram = look.desk.explorer.histogram();
        let bars = i64::try_from(histogram.bins.len()).unwrap_or(i64::MAX);
        let span = histogram.each.as_seconds().saturating_mul(bars);
        Self {
            clock: look.clock(),
            // Rows of one day need not say which.
            day: span > 86_400 && width >= 60,
            millis: width >= 100,
        }
    }

    fn columns(self) -> u16 {
        8 + 6 * u16::from(self.day) + 4 * u16::from(self.millis)
    }

    fn words(self, at: Timestamp) -> String {
        let day = self.clock.day(at);
        let day = if self.day {
            format!("{} ", day.get(5..).unwrap_or_default())
        } else {
            String::new()
        };
        let millis = if self.millis {
            format!(".{:03}", at.nanos() / 1_000_000)
        } else {
            String::new()
        };
        format!("{day}{}{millis}", self.clock.time(at))
    }
}

/// Draws the names of the columns and the rows.
pub fn draw(pen: &mut Pen<'_>, look: Look<'_>, places: &Places) {
    let explorer = &look.desk.explorer;
    let width = places.rows.width.max(places.head.width);
    let times = Times::of(look, width);
    let columns = fitted(
        &explorer.columns,
        times.columns(),
        width.saturating_sub(MARKS + 1),
    );
    let mut head = pen.at(places.head);
    let mut x = MARKS;
    for (column, wide) in &columns {
        head.put(x, 0, *wide, column.name(), look.style(Role::Dim));
        x += wide + 1;
    }
    let mut pen = pen.at(places.rows);
    if explorer.page().found == 0 {
        empty(&mut pen, look);
        return;
    }
    for y in 0..pen.height() {
        let nth = explorer.top() + u64::from(y);
        if nth >= explorer.page().found {
            break;
        }
        let selected = nth == explorer.row();
        match explorer.at(nth) {
            Some(row) => draw_row(&mut pen, y, look, (row, selected), (&columns, times)),
            None => {
                pen.put(MARKS, y, 1, "…", look.style(Role::Dim));
            }
        }
    }
}

fn draw_row(
    pen: &mut Pen<'_>,
    y: u16,
    look: Look<'_>,
    (row, selected): (&PageRow, bool),
    (columns, times): (&[(Column, u16)], Times),
) {
    let explorer = &look.desk.explorer;
    let plain = if row.wrong.is_some() {
        Role::Stale
    } else if selected {
        Role::Strong
    } else {
        Role::Text
    };
    if selected {
        let role = if explorer.part == Part::Rows {
            Role::Accent
        } else {
            Role::Dim
        };
        pen.cell(0, y, '▌', look.style(role));
    }
    if explorer.is_marked(row) {
        pen.cell(1, y, '●', look.style(Role::Accent));
    }
    let mut x = MARKS;
    for (column, wide) in columns {
        let (words, role) = cell(row, *column, times, plain);
        let from_behind = matches!(
            column,
            Column::Of(Field::Path | Field::Secret | Field::File | Field::Rotation)
        );
        let words = if from_behind {
            fit_end(&words, usize::from(*wide)).into_owned()
        } else {
            words
        };
        pen.put(x, y, *wide, &words, look.style(role));
        x += wide + 1;
    }
}

fn cell(row: &PageRow, column: Column, times: Times, plain: Role) -> (String, Role) {
    let said = |field: Field| row.cell(field).map(Text::to_string);
    match column {
        Column::Of(Field::Time) => (times.words(row.time), Role::Dim),
        Column::Of(Field::Outcome) => {
            let words = said(Field::Outcome).unwrap_or_default();
            match outcome(&words) {
                Role::Text => (words, plain),
                role => (format!("✗ {words}"), role),
            }
        }
        Column::Of(Field::File) => {
            let file = row.place.file.to_string();
            match row.place.line {
                0 => (file, plain),
                line => (format!("{file}:{line}"), plain),
            }
        }
        Column::Said => match (&row.wrong, said(Field::Error)) {
            (Some(wrong), _) => (wrong.to_string(), Role::Warn),
            (None, Some(error)) => (error, Role::Warn),
            (None, None) => (said(Field::Message).unwrap_or_default(), plain),
        },
        Column::Of(Field::Error) => (said(Field::Error).unwrap_or_default(), Role::Warn),
        Column::Of(field) => (said(field).unwrap_or_default(), plain),
    }
}

/// How loud an outcome is.
pub fn outcome(words: &str) -> Role {
    match words {
        "denied" => Role::Bad,
        "error" | "unanswered" | "failed" => Role::Warn,
        _ => Role::Text,
    }
}

/// Why there is no row, and what would show some.
fn empty(pen: &mut Pen<'_>, look: Look<'_>) {
    let page = look.desk.explorer.page();
    let (why, next) = if page.reading.is_some() || look.desk.explorer.knows_nothing() {
        ("The files are being read.", "")
    } else if !page.done {
        ("No row fits so far; the search goes on.", "")
    } else if page.of == 0 && page.rejected > 0 {
        (
            "There is no row in these files.",
            "rotascope audit --rejected shows the lines that could not be read.",
        )
    } else if page.of == 0 {
        (
            "There is no row in these files.",
            "What is written to them from now on comes in here where they are followed.",
        )
    } else {
        (
            "No row fits this filter.",
            "Another filter, or the one before, shows others.",
        )
    };
    pen.put(MARKS, 0, pen.width(), why, look.style(Role::Text));
    pen.put(MARKS, 1, pen.width(), next, look.style(Role::Dim));
}
