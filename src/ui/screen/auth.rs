//! Auth failures by service, each as a chart on the common axis beside its usual share.

use crate::model::replay::MarkKind;
use crate::ui::desk::Pane;
use crate::ui::digest::AuthRow;
use crate::ui::fit::{count, percent, span, width};
use crate::ui::theme::Role;
use crate::ui::widget::{Axis, Pen, Point, chart, time_marks};

use super::Look;
use super::pane::{axis, range, share, title, widest};

/// Where the columns of a row stand.
#[derive(Clone, Copy)]
struct Columns {
    service: u16,
    region: u16,
    chart: u16,
    note: u16,
}

const SHARE: u16 = 7;

fn columns(all: u16, rows: &[AuthRow]) -> Columns {
    let service = widest(
        rows.iter().map(|row| &row.series.service.0),
        usize::from(all / 4).max(8),
    )
    .max(8);
    let region = widest(
        rows.iter()
            .filter_map(|row| row.series.region.as_ref())
            .map(|region| &region.0),
        8,
    );
    let note = if all >= 54 { 12 } else { 0 };
    let gaps = u16::from(region > 0) + u16::from(note > 0) + 4;
    let others = 2 + region + SHARE + note + gaps;
    // A chart of fewer columns than this shows nothing: the names give way to it. A region stays,
    // it tells two rows of one service apart.
    let service = service.min(all.saturating_sub(others + 12)).max(8);
    Columns {
        service,
        region,
        chart: all.saturating_sub(others + service).min(200),
        note,
    }
}

/// Draws the pane.
pub fn draw(pen: &mut Pen<'_>, look: Look<'_>) {
    let desk = look.desk;
    let rows = &desk.digest.auth;
    if rows.is_empty() {
        title(pen, look, Pane::Auth, "Auth failures: no sample seen", "");
        return;
    }
    let first = desk.scrolled(Pane::Auth);
    let page = usize::from(pen.height().saturating_sub(1));
    let seen = rows.iter().skip(first).take(page);
    let columns = columns(pen.width(), rows);
    let x = 2 + columns.service + 1 + columns.region + u16::from(columns.region > 0) + SHARE + 2;
    let axis = axis(look, columns.chart);
    let top = axis.map_or(0.01, |axis| top(seen.clone(), axis));
    let left = heading(look, page, usize::from(x.saturating_sub(5)));
    let right = if columns.note > 0 {
        format!("top {}", percent(top))
    } else {
        String::new()
    };
    title(pen, look, Pane::Auth, &left, &right);
    if let Some(axis) = axis {
        let marks = &desk.state.player.marks;
        time_marks(pen, (x, 0), axis, marks, look.theme, |kind| {
            kind != MarkKind::Failure
        });
    }
    for (y, row) in (1..pen.height()).zip(seen) {
        line(pen, y, look, row, columns);
        if let Some(axis) = axis {
            chart(pen, (x, y), axis, look.theme, points(row), (top, row.usual));
        }
    }
}

/// The longest heading that stays left of the charts, so that their marks stand free.
fn heading(look: Look<'_>, page: usize, room: usize) -> String {
    let digest = &look.desk.digest;
    let range = range(look);
    let mut headings = vec![format!("Auth failures {range}"), format!("Auth {range}")];
    if digest.auth.len() > page {
        let all = count((digest.auth.len() + digest.auth_left_out) as u64);
        headings = vec![
            format!("Auth failures {range}, {page} of {all}"),
            format!("Auth {range}, {page} of {all}"),
            format!("Auth, {page} of {all}"),
        ];
    }
    headings
        .into_iter()
        .find(|heading| width(heading) <= room)
        .unwrap_or_else(|| "Auth".to_owned())
}

/// The share at the top of the charts. Where something hurts, what hurts sets the scale: one
/// stranger's three refusals out of three must not flatten it.
fn top<'a>(seen: impl Iterator<Item = &'a AuthRow> + Clone, axis: Axis) -> f64 {
    let highest = |rows: &mut dyn Iterator<Item = &'a AuthRow>| {
        rows.map(|row| peak(row, axis)).fold(0.01, f64::max)
    };
    if seen.clone().any(|row| row.elevated) {
        highest(&mut seen.filter(|row| row.elevated))
    } else {
        highest(&mut seen.clone())
    }
}

fn points(row: &AuthRow) -> impl Iterator<Item = Point> + '_ {
    row.series.windows.iter().rev().map(|window| Point {
        end: window.end,
        length: window.length,
        total: window.total,
        bad: window.failed(),
    })
}

/// The highest share of a row within the axis.
fn peak(row: &AuthRow, axis: Axis) -> f64 {
    row.series
        .windows
        .iter()
        .rev()
        .take_while(|window| window.end > axis.from)
        .filter_map(crate::incident::AuthWindow::share)
        .fold(0.0, f64::max)
}

fn line(pen: &mut Pen<'_>, y: u16, look: Look<'_>, row: &AuthRow, columns: Columns) {
    let role = match (row.elevated, row.silent) {
        (true, _) => Role::Bad,
        (_, Some(_)) => Role::Stale,
        _ => Role::Text,
    };
    let style = look.style(role);
    if row.elevated {
        pen.put(0, y, 1, "✗", style);
    }
    let mut x = 2;
    pen.put(
        x,
        y,
        columns.service,
        &row.series.service.to_string(),
        style,
    );
    x += columns.service + 1;
    if columns.region > 0 {
        if let Some(region) = &row.series.region {
            pen.put(x, y, columns.region, &region.to_string(), style);
        }
        x += columns.region + 1;
    }
    pen.put_right(x, y, SHARE, &share(row.share), style);
    if columns.note > 0 {
        let (words, role) = match (row.silent, row.usual) {
            (Some(silent), _) => (format!("gap {}", span(silent)), Role::Stale),
            (None, Some(usual)) => (format!("usual {}", percent(usual)), Role::Dim),
            (None, None) => ("no baseline".to_owned(), Role::Dim),
        };
        pen.put_right(
            0,
            y,
            pen.width().saturating_sub(1),
            &words,
            look.style(role),
        );
    }
}
