//! Canaries against their baselines.

use crate::incident::CanaryWindow;
use crate::ui::desk::Pane;
use crate::ui::digest::CanaryRow;
use crate::ui::theme::Role;
use crate::ui::widget::{Pen, Point, chart};

use super::Look;
use super::on_call::{axis, share, title, widest};

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
        rows.iter().map(|row| row.canary.service.raw()),
        usize::from(pen.width() / 5),
    )
    .max(8);
    let region = widest(
        rows.iter()
            .filter_map(|row| row.canary.region.as_ref())
            .map(|region| region.raw()),
        8,
    );
    for (y, row) in (1..pen.height()).zip(rows.iter().skip(first)) {
        line(pen, y, look, row, (service, region));
    }
}

fn line(pen: &mut Pen<'_>, y: u16, look: Look<'_>, row: &CanaryRow, (service, region): (u16, u16)) {
    let (sign, word, role) = match row.worse {
        Some(true) => ("✗", "worse", Role::Bad),
        Some(false) => (" ", "ok", Role::Ok),
        None => ("?", "one side", Role::Stale),
    };
    let text = look.style(if row.worse == Some(true) {
        Role::Bad
    } else {
        Role::Text
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
    pen.put_right(x, y, 15, &errors, text);
    x += 16;
    if let (Some(new), Some(old)) = (row.p99, row.baseline_p99) {
        let words = format!("p99 {new:.0} / {old:.0} ms");
        pen.put_right(x, y, 19, &words, look.style(Role::Text));
    }
    x += 20;
    let end = pen.width().saturating_sub(1);
    pen.put_right(0, y, end, word, look.style(role));
    let room = end.saturating_sub(x + 10);
    if room >= 10
        && let Some(axis) = axis(look, room)
    {
        let errors = row.canary.canary.iter().rev().map(point);
        let top = row.errors.unwrap_or(0.0).max(0.01);
        chart(
            pen,
            (x + 1, y),
            axis,
            look.theme,
            errors,
            (top, row.baseline_errors),
        );
    }
}

fn point(window: &CanaryWindow) -> Point {
    Point {
        end: window.end,
        length: window.length,
        total: window.total,
        bad: window.errors,
    }
}
