//! A finding from cause to symptom: every row on one time axis, causes above symptoms, and below
//! them a place where nothing is wrong, for contrast. All of it comes from the incident as it is
//! known at the moment on the screen: nothing later is drawn.

mod causes;
mod symptoms;

use crate::diagnosis::Finding;
use crate::incident::{CountWindow, Rotation, StepKind};
use crate::model::event::{Stage, StageStatus};
use crate::model::replay::MarkKind;
use crate::model::{Span, Timestamp};
use crate::ui::desk::Desk;
use crate::ui::fit::{fit_end, percent};
use crate::ui::theme::Role;
use crate::ui::widget::{Axis, Line, Piece, Point, letter};

/// The most rows of one kind.
const ROWS: usize = 3;

/// The rows' common ground.
struct Ground<'a> {
    desk: &'a Desk,
    finding: &'a Finding,
    rotation: Option<&'a Rotation>,
    axis: Axis,
    name: u16,
    note: u16,
}

type Cells = Vec<(char, Role)>;

impl Ground<'_> {
    fn line(&self, name: &str, cells: Cells, note: &str, roles: (Role, Role)) -> Line {
        let name = fit_end(name, usize::from(self.name));
        Line::Track(
            Piece::new(name, roles.0).wide(self.name),
            cells,
            Piece::new(note, roles.1).wide(self.note),
        )
    }

    fn is_narrow(&self) -> bool {
        self.note < 8
    }

    /// A moment as short as it must be.
    fn time(&self, at: Timestamp) -> String {
        let clock = self.desk.clock();
        if self.is_narrow() {
            clock.minute(at)
        } else {
            clock.time(at)
        }
    }

    fn empty(&self) -> Cells {
        vec![(' ', Role::Dim); usize::from(self.axis.columns)]
    }

    /// Puts a character at a moment of the axis.
    fn put(&self, cells: &mut Cells, at: Timestamp, c: char, role: Role) {
        if let Some(cell) = self
            .axis
            .column(at)
            .and_then(|column| cells.get_mut(usize::from(column)))
        {
            *cell = (c, role);
        }
    }

    /// Fills what lies between two moments.
    fn fill(&self, cells: &mut Cells, from: Timestamp, to: Timestamp, c: char, role: Role) {
        let (from, to) = (from.max(self.axis.from), to.min(self.axis.to));
        if let (Some(first), Some(last)) = (self.axis.column(from), self.axis.column(to)) {
            for cell in cells
                .iter_mut()
                .take(usize::from(last) + 1)
                .skip(usize::from(first))
            {
                *cell = (c, role);
            }
        }
    }
}

/// The rows under their rule, in as many columns as there are.
pub fn lines(desk: &Desk, finding: &Finding, width: u16) -> Vec<Line> {
    let incident = &desk.state.incident;
    let rotation = finding
        .rotation
        .as_ref()
        .and_then(|id| incident.rotation(id));
    let (name, note) = match width {
        0..60 => (13, 6),
        60..110 => (22, 17),
        _ => (26, 20),
    };
    let columns = width.saturating_sub(name + note + 4).min(200);
    let Some(axis) = axis(desk, finding, rotation, columns) else {
        return Vec::new();
    };
    let ground = Ground {
        desk,
        finding,
        rotation,
        axis,
        name,
        note,
    };
    let mut lines = vec![scale(&ground)];
    causes::add(&mut lines, &ground);
    let top = symptoms::add(&mut lines, &ground);
    let title = match top {
        Some(top) => format!("Cause and symptom; top {}", percent(top)),
        None => "Cause and symptom".to_owned(),
    };
    lines.insert(0, Line::Rule(title));
    lines
}

/// From a little before the first sign to now, or to a little after it healed.
fn axis(desk: &Desk, finding: &Finding, rotation: Option<&Rotation>, columns: u16) -> Option<Axis> {
    let now = desk.now()?;
    let signs = finding.evidence.iter().map(|evidence| evidence.event.time);
    let moved = rotation.and_then(|rotation| rotation.cutover_at);
    let moved = moved.filter(|at| finding.detected_at.since(*at) < Span::seconds(6 * 3600));
    let first = signs
        .chain(moved)
        .chain([finding.detected_at])
        .min()
        .filter(|first| *first < now);
    let Some(first) = first else {
        // Before the first sign: what led up to now.
        return Some(Axis {
            from: now - desk.span(),
            to: now,
            columns,
        });
    };
    let end = finding.resolved_at.filter(|at| *at < now).unwrap_or(now);
    let margin = Span::micros((end.since(first).as_micros() / 5).max(60_000_000));
    let to = if end < now {
        (end + margin).min(now)
    } else {
        now
    };
    Some(Axis {
        from: first - margin,
        to,
        columns,
    })
}

/// The axis itself: its ends, and the marks of cutover, revocation, acts and the finding.
fn scale(ground: &Ground<'_>) -> Line {
    let axis = ground.axis;
    let mut cells = vec![('─', Role::Rule); usize::from(axis.columns)];
    let mut mark = |at: Timestamp, kind: MarkKind| {
        let (c, role) = letter(kind);
        ground.put(&mut cells, at, c, role);
    };
    mark(ground.finding.detected_at, MarkKind::Failure);
    for step in ground.rotation.iter().flat_map(|r| &r.timeline) {
        match &step.what {
            StepKind::Stage { stage, status, .. } if *status == StageStatus::Completed => {
                match stage {
                    Stage::Cutover => mark(step.event.time, MarkKind::Cutover),
                    Stage::Revoke => mark(step.event.time, MarkKind::Revoke),
                    _ => {}
                }
            }
            StepKind::Act { .. } => mark(step.event.time, MarkKind::Act),
            _ => {}
        }
    }
    // The mark of the cutover may have been shed from the timeline, not from the rotation.
    if let Some(at) = ground.rotation.and_then(|rotation| rotation.cutover_at) {
        mark(at, MarkKind::Cutover);
    }
    let (from, to) = (ground.time(axis.from), ground.time(axis.to));
    let from = Piece::new(from, Role::Dim).right(ground.name);
    Line::Track(from, cells, Piece::new(to, Role::Dim).wide(ground.note))
}

fn point(window: &CountWindow) -> Point {
    Point {
        end: window.end,
        length: window.length,
        total: window.total,
        bad: window.bad,
    }
}

/// The highest share within the axis, at least 1 %.
fn top(points: impl Iterator<Item = Point>, axis: Axis) -> f64 {
    points
        .take_while(|point| point.end > axis.from)
        .filter_map(|point| portion(point.bad, point.total))
        .fold(0.01, f64::max)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a window are far below 2^52"
)]
fn portion(bad: u64, total: u64) -> Option<f64> {
    (total > 0).then(|| bad as f64 / total as f64)
}
