//! Bars: the nine stages, a share, and the recording.

use crate::incident::Rotation;
use crate::model::event::StageStatus;
use crate::model::replay::{Mark, MarkKind};
use crate::model::{Span, Timestamp};
use crate::ui::fit::cols;
use crate::ui::theme::{Role, Theme};

use super::{Axis, Pen};

/// Draws the nine stages: `▰` told and done or going, `▱` not yet, `✗` failed, `‖` held.
pub fn stage_bar(pen: &mut Pen<'_>, x: u16, y: u16, rotation: &Rotation, theme: &Theme) {
    let current = rotation.stage().and_then(|(stage, _)| stage.index());
    for ((column, view), at) in (x..).zip(&rotation.stages).zip(0..) {
        let (mark, role) = match &view.status {
            None => ('▱', Role::Dim),
            Some(StageStatus::Failed) => ('✗', Role::Bad),
            Some(StageStatus::Paused) => ('‖', Role::Warn),
            Some(StageStatus::Skipped) => ('▱', Role::Text),
            Some(_) if Some(at) == current && rotation.is_open() => ('▰', Role::Accent),
            Some(_) => ('▰', Role::Text),
        };
        pen.cell(column, y, mark, theme.style(role));
    }
}

/// Draws a share of a whole.
pub fn share_bar(
    pen: &mut Pen<'_>,
    (x, y): (u16, u16),
    columns: u16,
    (part, whole): (usize, usize),
    (full, empty): (Role, Role),
    theme: &Theme,
) {
    let filled = (part.min(whole) * usize::from(columns))
        .checked_div(whole)
        .map_or(0, cols);
    pen.fill(x, y, filled, '▰', theme.style(full));
    pen.fill(x + filled, y, columns - filled, '▱', theme.style(empty));
}

/// The letter of a mark.
pub fn letter(kind: MarkKind) -> (char, Role) {
    match kind {
        MarkKind::Failure => ('F', Role::MarkFailure),
        MarkKind::Revoke => ('R', Role::MarkRevoke),
        MarkKind::Cutover => ('C', Role::MarkCutover),
        MarkKind::Act => ('A', Role::MarkAct),
    }
}

fn weight(kind: MarkKind) -> u8 {
    match kind {
        MarkKind::Act => 3,
        MarkKind::Cutover => 2,
        MarkKind::Revoke => 1,
        MarkKind::Failure => 0,
    }
}

/// The most marks of one column that are looked at, to find the one that is shown.
const LOOKED_AT: usize = 16;

/// Draws the marks of a time axis in their columns, of several in one column the rarest: an act
/// above a cutover above a revocation above a failure. The work depends on the columns, not on
/// how many marks there are.
pub fn time_marks(
    pen: &mut Pen<'_>,
    (x, y): (u16, u16),
    axis: Axis,
    marks: &[Mark],
    theme: &Theme,
    only: impl Fn(MarkKind) -> bool,
) {
    let mut rest = marks;
    let split = |marks: &mut &[Mark], at: Timestamp| {
        // The next column's marks are near: look in steps that double, not through all of them.
        let mut reach = 1;
        while marks.get(reach).is_some_and(|mark| mark.at < at) {
            reach *= 2;
        }
        let near = marks.get(..=reach).unwrap_or(marks);
        let many = near.partition_point(|mark| mark.at < at);
        *marks = marks.get(many..).unwrap_or_default();
        many
    };
    split(&mut rest, axis.from);
    for column in 0..axis.columns {
        if rest.is_empty() {
            break;
        }
        let here = rest;
        let many = if column + 1 == axis.columns {
            split(&mut rest, axis.to + Span::micros(1))
        } else {
            split(&mut rest, axis.start(column + 1))
        };
        let shown = here
            .iter()
            .take(many)
            .take(LOOKED_AT)
            .map(|mark| mark.kind)
            .filter(|kind| only(*kind))
            .max_by_key(|kind| weight(*kind));
        if let Some(kind) = shown {
            let (c, role) = letter(kind);
            pen.cell(x + column, y, c, theme.style(role));
        }
    }
}

/// Draws the recording from its first event to its last: `━` behind the position, `─` before it.
pub fn replay_bar(
    pen: &mut Pen<'_>,
    (x, y): (u16, u16),
    axis: Axis,
    at: Option<Timestamp>,
    marks: &[Mark],
    theme: &Theme,
) {
    let here = at.and_then(|at| axis.column(at.clamp(axis.from, axis.to)));
    let behind = here.unwrap_or(0);
    pen.fill(x, y, behind, '━', theme.style(Role::Accent));
    pen.fill(
        x + behind,
        y,
        axis.columns.saturating_sub(behind),
        '─',
        theme.style(Role::Rule),
    );
    time_marks(pen, (x, y), axis, marks, theme, |_| true);
    if let Some(here) = here {
        pen.cell(x + here, y, '●', theme.style(Role::Accent));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::buffer::{Buffer, Cell};
    use ratatui::layout::Rect;

    #[test]
    fn every_mark_stands_in_its_column_and_the_rarest_is_shown() {
        let kinds = [
            (0, MarkKind::Failure),
            (7, MarkKind::Failure),
            (7, MarkKind::Act),
            (55, MarkKind::Revoke),
            (59, MarkKind::Failure),
            (100, MarkKind::Cutover),
            (101, MarkKind::Act),
        ];
        let marks = kinds.map(|(at, kind)| Mark {
            at: Timestamp::new(at, 0),
            kind,
            rotation: None,
        });
        let axis = Axis {
            from: Timestamp::new(0, 0),
            to: Timestamp::new(100, 0),
            columns: 20,
        };
        let mut buf = Buffer::empty(Rect::new(0, 0, 20, 1));
        let area = buf.area;
        let theme = Theme::built_in("none").unwrap();
        let mut pen = Pen::new(&mut buf, area);
        time_marks(&mut pen, (0, 0), axis, &marks, &theme, |_| true);
        let line: String = buf.content.iter().map(Cell::symbol).collect();
        assert_eq!(line, "FA         R       C");
    }
}
