//! Charts of shares over time, one line high, all on the same axis.

use crate::model::{Span, Timestamp};
use crate::ui::theme::{Role, Theme};

use super::Pen;

/// The most columns of a chart.
const WIDEST: usize = 240;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The time that a chart shows, and how many columns it has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The left edge.
    pub from: Timestamp,
    /// The right edge.
    pub to: Timestamp,
    /// The columns between them.
    pub columns: u16,
}

impl Axis {
    /// The column in which a moment lies; `None` outside.
    pub fn column(&self, at: Timestamp) -> Option<u16> {
        let span = self.to.since(self.from).as_micros();
        let into = at.since(self.from).as_micros();
        if span <= 0 || into < 0 || into > span || self.columns == 0 {
            return None;
        }
        // Milliseconds of a calendar of 10,000 years times the columns of a screen fit.
        let column = into / 1000 * i64::from(self.columns) / (span / 1000).max(1);
        Some(u16::try_from(column).ok()?.min(self.columns - 1))
    }

    /// The moment at which a column begins.
    pub fn start(&self, column: u16) -> Timestamp {
        let span = self.to.since(self.from).as_micros() / 1000;
        self.from + Span::millis(span * i64::from(column) / i64::from(self.columns.max(1)))
    }
}

/// One counted window.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// When it ended.
    pub end: Timestamp,
    /// How long it was.
    pub length: Span,
    /// All that was counted.
    pub total: u64,
    /// What went wrong of it.
    pub bad: u64,
}

/// Draws a chart. `points` come latest first; the share at the top of the chart is `top`; what
/// stands above `usual` threefold is drawn as bad. A column without a point stays empty: a gap is
/// never zero.
pub fn chart(
    pen: &mut Pen<'_>,
    (x, y): (u16, u16),
    axis: Axis,
    theme: &Theme,
    points: impl Iterator<Item = Point>,
    scale: (f64, Option<f64>),
) {
    let columns = columns(axis, points);
    let (fine, bad) = (theme.style(Role::Chart), theme.style(Role::Bad));
    for (column, counted) in (0..axis.columns).zip(columns) {
        if let Some((level, alarms)) = bar(counted, scale) {
            pen.cell(x + column, y, level, if alarms { bad } else { fine });
        }
    }
}

/// The same as cells of a row, empty where there is no point.
pub fn chart_cells(
    axis: Axis,
    points: impl Iterator<Item = Point>,
    scale: (f64, Option<f64>),
) -> Vec<(char, Role)> {
    let columns = columns(axis, points);
    let cell = |counted| match bar(counted, scale) {
        Some((level, true)) => (level, Role::Bad),
        Some((level, false)) => (level, Role::Chart),
        None => (' ', Role::Gap),
    };
    columns
        .into_iter()
        .take(usize::from(axis.columns))
        .map(cell)
        .collect()
}

/// What went wrong and what was counted in each column.
fn columns(axis: Axis, points: impl Iterator<Item = Point>) -> [(u64, u64); WIDEST] {
    let mut columns = [(0_u64, 0_u64); WIDEST];
    for point in points {
        if point.end <= axis.from {
            break;
        }
        let begin = (point.end - point.length).max(axis.from);
        let end = (point.end - Span::micros(1)).min(axis.to);
        let (Some(first), Some(last)) = (axis.column(begin), axis.column(end)) else {
            continue;
        };
        for slot in columns
            .iter_mut()
            .take(usize::from(last) + 1)
            .skip(usize::from(first))
        {
            slot.0 = slot.0.saturating_add(point.bad);
            slot.1 = slot.1.saturating_add(point.total);
        }
    }
    columns
}

/// The bar of one column, and whether it stands above what is usual.
fn bar((failed, total): (u64, u64), (top, usual): (f64, Option<f64>)) -> Option<(char, bool)> {
    let share = share(failed, total)?;
    let alarm = usual.unwrap_or(0.0) * 3.0 + 0.005;
    Some((level(share / top), share > alarm))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a window are far below 2^52"
)]
fn share(bad: u64, total: u64) -> Option<f64> {
    (total > 0).then(|| bad as f64 / total as f64)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the eight levels first"
)]
fn level(share: f64) -> char {
    let level = (share * 7.0).round().clamp(0.0, 7.0) as usize;
    LEVELS.get(level).copied().unwrap_or('█')
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    #[test]
    fn a_gap_is_a_gap_and_zero_is_a_line() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 6, 1));
        let axis = Axis {
            from: Timestamp::new(0, 0),
            to: Timestamp::new(180, 0),
            columns: 6,
        };
        let point = |end, bad| Point {
            end: Timestamp::new(end, 0),
            length: Span::seconds(30),
            total: 100,
            bad,
        };
        let points = [point(180, 100), point(150, 50), point(60, 0), point(30, 0)];
        let theme = Theme::built_in("none").unwrap();
        let area = buf.area;
        chart(
            &mut Pen::new(&mut buf, area),
            (0, 0),
            axis,
            &theme,
            points.into_iter(),
            (1.0, None),
        );
        let line: String = buf
            .content
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        assert_eq!(line, "▁▁  ▅█");
    }

    #[test]
    fn the_axis_ends_within_itself() {
        let axis = Axis {
            from: Timestamp::new(0, 0),
            to: Timestamp::new(100, 0),
            columns: 10,
        };
        assert_eq!(axis.column(Timestamp::new(100, 0)), Some(9));
        assert_eq!(axis.column(Timestamp::new(101, 0)), None);
        assert_eq!(axis.start(5), Timestamp::new(50, 0));
    }
}
