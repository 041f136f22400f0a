//! Canaries against their baselines.

use crate::incident::CanaryWindow;
use crate::ui::desk::Pane;
use crate::ui::digest::CanaryRow;
use crate::ui::fit::{cols, span, width};
use crate::ui::theme::Role;
use crate::ui::widget::{Pen, Point, chart};

use super::Look;
use super::pane::{axis, share, title, widest};

/// Draws the pane.
pub fn draw(pen: &mut Pen<'_>, look: Look<'_>) {
    let rows = &look.desk.digest.canaries;
    if rows.is_empty() {
        title(pen, look, Pane::Canary, "Canary: no comparison seen", "");
        return;
    }
    let first = look.desk.scrolled(Pane::Canary);
    let page = usize::from(pen.height().saturating_sub(1));
    let right = if rows.len() > page {
        format!("{} of {}", page.min(rows.len()), rows.len())
    } else {
        "errors canary / baseline".to_owned()
    };
    title(pen, look, Pane::Canary, "Canary", &right);
    let service = widest(
        rows.iter().map(|row| &row.canary.service.0),
        usize::from(pen.width() / 5),
    )
    .max(8);
    let region = widest(
        rows.iter()
            .filter_map(|row| row.canary.region.as_ref())
            .map(|region| &region.0),
        8,
    );
    let words = rows.iter().map(|row| cols(width(&verdict(row).1)));
    let word = words.max().unwrap_or(0);
    let seen = rows.iter().skip(first);
    let own_line = usize::from(pen.height()) > 2 * rows.len() && pen.width() < 72;
    let step = if own_line { 2 } else { 1 };
    for (y, row) in (1..pen.height()).step_by(step).zip(seen) {
        line(pen, y, look, row, (service, region, word), own_line);
    }
}

/// How a comparison stands: its mark, its word, how loud that is.
fn verdict(row: &CanaryRow) -> (&'static str, String, Role) {
    match (row.silent, row.worse) {
        (Some(silent), _) => (" ", format!("gap {}", span(silent)), Role::Stale),
        (_, Some(true)) => ("✗", "worse".to_owned(), Role::Bad),
        (_, Some(false)) => (" ", "ok".to_owned(), Role::Ok),
        (_, None) => ("?", "one side".to_owned(), Role::Stale),
    }
}

fn line(
    pen: &mut Pen<'_>,
    y: u16,
    look: Look<'_>,
    row: &CanaryRow,
    (service, region, words): (u16, u16, u16),
    own_line: bool,
) {
    let (sign, word, role) = verdict(row);
    let text = look.style(match (row.silent, row.worse) {
        (Some(_), _) => Role::Stale,
        (_, Some(true)) => Role::Bad,
        _ => Role::Text,
    });
    pen.put(0, y, 1, sign, look.style(role));
    let mut x = 2;
    pen.put(x, y, service, &row.canary.service.to_string(), text);
    x += service + 1;
    if region > 0 {
        if let Some(name) = &row.canary.region {
            pen.put(x, y, region, &name.to_string(), text);
        }
        x += region + 1;
    }
    let errors = format!("{} / {}", share(row.errors), share(row.baseline_errors));
    pen.put_right(x, y, 14, &errors, text);
    x += 15;
    let end = pen.width().saturating_sub(1);
    pen.put_right(0, y, end, &word, look.style(role));
    // What stands before the word is parted from it.
    let until = end.saturating_sub(words + 2);
    let Some(room) = until.checked_sub(x).filter(|room| *room >= 12) else {
        return;
    };
    if let (Some(new), Some(old)) = (row.p99, row.baseline_p99) {
        let words = format!("p99 {new:.0}/{old:.0} ms");
        if width(&words) <= usize::from(room) {
            pen.put_right(x, y, room.min(15), &words, text);
        }
    }
    x += 17;
    let room = until.saturating_sub(x);
    if own_line {
        // Beneath its words, in the columns of the charts above.
        let columns = end.saturating_sub(region + service + 4);
        draw_chart(pen, (service + region + 4, y + 1), look, row, columns);
    } else if room >= 10 {
        draw_chart(pen, (x, y), look, row, room);
    }
}

fn draw_chart(pen: &mut Pen<'_>, place: (u16, u16), look: Look<'_>, row: &CanaryRow, columns: u16) {
    let Some(axis) = axis(look, columns) else {
        return;
    };
    let errors = row.canary.canary.iter().rev().map(point);
    let top = row.errors.unwrap_or(0.0).max(0.01);
    let usual = row.baseline_errors;
    chart(pen, place, axis, look.theme, errors, (top, usual));
}

fn point(window: &CanaryWindow) -> Point {
    Point {
        end: window.end,
        length: window.length,
        total: window.total,
        bad: window.errors,
    }
}
