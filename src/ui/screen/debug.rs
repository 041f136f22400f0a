//! What a person who looks into a rotation needs: how long its consumers took to the new version
//! and to the old one, what failed and what was throttled, and what was audited under its id.

use std::collections::BTreeMap;

use ratatui::layout::Rect;

use crate::incident::{Consumer, Quota, Rotation, StepKind};
use crate::measure::histogram::histogram;
use crate::model::event::StageStatus;
use crate::model::replay::MarkKind;
use crate::model::{Span, Timestamp, Version};
use crate::ui::desk::Desk;
use crate::ui::fit::{cols, count, lag, plural, version, width};
use crate::ui::layout::{self, Room};
use crate::ui::theme::Role;
use crate::ui::widget::{Axis, Line, Piece, Point, chart_cells, letter};

use super::detail;

/// The most consumers that are listed one by one; the rotation's own screen lists all.
const CONSUMERS: usize = 8;

/// The same on a wide screen.
const CONSUMERS_WIDE: usize = 16;

/// The most kinds of errors and quotas that are listed.
const LISTED: usize = 20;

/// The rotation's name, and which of all it is.
pub fn title(desk: &Desk) -> String {
    let Some(rotation) = desk.opened() else {
        return String::new();
    };
    let secret = rotation.secret.as_ref().map(|secret| format!("{secret} "));
    let (place, all) = (desk.row + 1, desk.digest.len());
    format!(
        "{}({}), rotation {place} of {all}",
        secret.unwrap_or_default(),
        rotation.id
    )
}

/// The list.
pub fn lines(desk: &Desk, width: u16) -> Vec<Line> {
    let Some(rotation) = desk.opened() else {
        let why = match &desk.chosen {
            Some(id) => format!("{id} has not begun at this moment: go on in the recording."),
            None => {
                "No rotation is known at this moment: there is nothing to look into.".to_owned()
            }
        };
        return vec![
            Line::plain(why, Role::Dim),
            Line::plain(
                "Latencies, failed stages, throttled calls and audit rows of one would stand here.",
                Role::Dim,
            ),
        ];
    };
    let mut lines = Vec::new();
    latencies(&mut lines, desk, rotation, width);
    errors(&mut lines, desk, rotation, width);
    let area = Rect { width, ..desk.area };
    let name = match layout::room(area) {
        Some(Room::Small) => format!("Audit of {}", rotation.id),
        _ => format!("Audit stream of {} and of its secret", rotation.id),
    };
    let at = lines.len();
    detail::audit_lines(
        &mut lines,
        desk,
        desk.state.incident.audit(rotation).rev(),
        width,
    );
    if let Some(Line::Rule(words)) = lines.get_mut(at) {
        *words = words.replacen("Audit", &name, 1);
    }
    lines
}

/// How long a consumer took to a version.
fn took(consumer: &Consumer, to: Option<&Version>) -> Option<Span> {
    let to = to?;
    let found = consumer.took.iter().find(|(version, _)| version == to);
    found.map(|(_, took)| *took)
}

fn latencies(lines: &mut Vec<Line>, desk: &Desk, rotation: &Rotation, width: u16) {
    let (new, old) = (rotation.to_version.as_ref(), rotation.from_version.as_ref());
    let consumers: Vec<&Consumer> = rotation
        .secret
        .iter()
        .flat_map(|secret| desk.state.incident.consumers(secret))
        .collect();
    let of = |to| {
        consumers
            .iter()
            .filter_map(|c| took(c, to))
            .collect::<Vec<Span>>()
    };
    let (to_new, to_old) = (of(new), of(old));
    if to_new.is_empty() && to_old.is_empty() {
        lines.push(Line::Rule(
            "Time from the store to the consumer: told by nobody".to_owned(),
        ));
        let words = match consumers.len() {
            0 => "No consumer of its secret is known.".to_owned(),
            n => format!(
                "None of {} told how long it took to a version.",
                plural(n, "consumer")
            ),
        };
        lines.push(Line::plain(words, Role::Dim));
        return;
    }
    lines.push(Line::Rule(format!(
        "Time from the store to the consumer, told by {} of {}",
        count(to_new.len().max(to_old.len()) as u64),
        plural(consumers.len(), "consumer")
    )));
    let name = |to: Option<&Version>, else_: &str| {
        to.map_or_else(
            || else_.to_owned(),
            |v| version(&v.to_string()).into_owned(),
        )
    };
    let names = [name(new, "new"), name(old, "old")];
    let chart = bars(&[to_new, to_old], &names, if width < 60 { 9 } else { 20 });
    let list = slowest(&consumers, (new, old), &names, width);
    if width >= 150 {
        side_by_side(lines, chart, list);
    } else {
        lines.extend(chart.into_iter().map(Line::Pieces));
        lines.extend(list.into_iter().map(Line::Pieces));
    }
}

/// Two charts beside each other: the new version's and the old one's in the same ranges, each bar
/// by the same scale.
fn bars(sets: &[Vec<Span>; 2], names: &[String; 2], room: u16) -> Vec<Vec<Piece>> {
    let ranges = histogram(sets);
    let most = ranges.iter().flat_map(|range| &range.counts).max();
    let most = most.copied().unwrap_or(1).max(1);
    let mut rows = vec![vec![
        Piece::new("", Role::Dim).right(13),
        Piece::new(&*names[0], Role::Strong).wide(room + 6),
        Piece::new(&*names[1], Role::Dim).wide(room + 6),
    ]];
    for range in &ranges {
        let label = format!("{}–{}", edge(range.from), edge(range.to));
        let mut row = vec![Piece::new(label, Role::Dim).right(13)];
        for (n, role) in [(0, Role::Chart), (1, Role::Dim)] {
            let here = range.counts.get(n).copied().unwrap_or_default();
            // However few, some are more than none.
            let long = (here * usize::from(room)).div_ceil(most);
            row.push(Piece::new("▰".repeat(long), role).wide(room));
            row.push(
                Piece::new(
                    if here == 0 {
                        "0".to_owned()
                    } else {
                        count(here as u64)
                    },
                    if here == 0 { Role::Dim } else { Role::Text },
                )
                .right(5),
            );
        }
        rows.push(row);
    }
    rows.push(vec![
        Piece::new("", Role::Dim).right(13),
        Piece::new(
            format!("a full bar is {}", plural(most, "consumer")),
            Role::Dim,
        ),
    ]);
    rows
}

/// An edge of a range: `200 ms`, `5 s`, `100 s`.
fn edge(span: Span) -> String {
    match span.as_micros() {
        0 => "0".to_owned(),
        us if us < 1_000_000 => format!("{} ms", us / 1000),
        us => format!("{} s", us / 1_000_000),
    }
}

/// The consumers by how long they took to the new version, the slowest first, each with a bar.
fn slowest(
    consumers: &[&Consumer],
    (new, old): (Option<&Version>, Option<&Version>),
    names: &[String; 2],
    width: u16,
) -> Vec<Vec<Piece>> {
    let mut all: Vec<(Option<Span>, Option<Span>, &Consumer)> = consumers
        .iter()
        .map(|c| (took(c, new), took(c, old), *c))
        .filter(|(to_new, to_old, _)| to_new.or(*to_old).is_some())
        .collect();
    all.sort_by(|a, b| {
        (b.0, b.1)
            .cmp(&(a.0, a.1))
            .then_with(|| a.2.name.cmp(&b.2.name))
    });
    let most = all
        .iter()
        .filter_map(|(to_new, ..)| *to_new)
        .max()
        .unwrap_or(Span::ZERO);
    let name = if width < 60 { 16 } else { 30 };
    let room: u16 = if width < 60 { 0 } else { 20 };
    let wide = |words: &str| cols(self::width(words)).clamp(7, 9);
    let columns = [wide(&names[0]), wide(&names[1])];
    let mut rows = vec![vec![
        Piece::new("slowest first", Role::Dim).wide(name),
        Piece::new(&*names[0], Role::Strong).right(columns[0]),
        Piece::new(&*names[1], Role::Dim).right(columns[1]),
    ]];
    let most_listed = if width >= 150 {
        CONSUMERS_WIDE
    } else {
        CONSUMERS
    };
    let more = all.len().saturating_sub(most_listed);
    for (to_new, to_old, consumer) in all.into_iter().take(most_listed) {
        let said = |span: Option<Span>| span.map_or_else(|| "–".to_owned(), lag);
        let share = to_new.unwrap_or(Span::ZERO).as_micros().max(0);
        let long = (share * i64::from(room))
            .checked_div(most.as_micros())
            .unwrap_or(0);
        rows.push(vec![
            Piece::new(consumer.name.to_string(), Role::Text).wide(name),
            Piece::new(said(to_new), Role::Text).right(columns[0]),
            Piece::new(said(to_old), Role::Dim).right(columns[1]),
            Piece::new("▰".repeat(usize::try_from(long).unwrap_or(0)), Role::Chart).wide(room),
        ]);
    }
    if more > 0 {
        rows.push(vec![Piece::new(
            format!("and {} more, none slower", plural(more, "consumer")),
            Role::Dim,
        )]);
    }
    rows
}

/// Puts two lists beside each other; the left one takes 72 columns.
fn side_by_side(lines: &mut Vec<Line>, left: Vec<Vec<Piece>>, right: Vec<Vec<Piece>>) {
    const LEFT: u16 = 72;
    let rows = left.len().max(right.len());
    let (mut left, mut right) = (left.into_iter(), right.into_iter());
    for _ in 0..rows {
        let mut row = left.next().unwrap_or_default();
        let taken: u16 = row.iter().map(|piece| taken(piece) + 1).sum();
        row.push(Piece::new("", Role::Dim).wide(LEFT.saturating_sub(taken).max(1)));
        row.extend(right.next().unwrap_or_default());
        lines.push(Line::Pieces(row));
    }
}

fn taken(piece: &Piece) -> u16 {
    match piece.columns {
        0 => cols(width(&piece.words)),
        columns => columns,
    }
}

/// One kind of failure: the stage, and what went wrong in the words of whoever said it.
#[derive(Default)]
struct Failed {
    times: Vec<Timestamp>,
    /// How many of them are of the rotation that is looked into.
    own: usize,
}

fn errors(lines: &mut Vec<Line>, desk: &Desk, rotation: &Rotation, width: u16) {
    let Some(now) = desk.now() else { return };
    let (name, note) = match width {
        0..60 => (12, 10),
        60..150 => (30, 22),
        _ => (60, 22),
    };
    let axis = Axis {
        from: now - desk.span(),
        to: now,
        // A chart is of at most 240 columns; the line begins at 1, with a column between.
        columns: width.saturating_sub(name + note + 4).clamp(4, 100),
    };
    let failures = failures(desk, rotation, axis);
    let quotas: Vec<&Quota> = desk.state.incident.quotas().collect();
    lines.push(Line::Rule(match failures.len() {
        0 => "API errors: no stage failed in this time".to_owned(),
        _ => "API errors: failed stages, and calls that were throttled".to_owned(),
    }));
    lines.push(ruler(desk, rotation, axis, (name, note)));
    for ((stage, error), failed) in failures.into_iter().take(LISTED) {
        let mut cells = vec![(' ', Role::Gap); usize::from(axis.columns)];
        for at in &failed.times {
            let slot = axis
                .column(*at)
                .and_then(|column| cells.get_mut(usize::from(column)));
            if let Some(slot) = slot {
                *slot = ('✗', Role::Bad);
            }
        }
        let all = failed.times.len();
        let own = match failed.own {
            own if own == all => String::new(),
            own => format!(", {own} here"),
        };
        lines.push(Line::Track(
            Piece::new(format!("{stage}: {error}"), Role::Text).wide(name),
            cells,
            Piece::new(format!("{}{own}", plural(all, "failure")), Role::Bad),
        ));
    }
    throttled(lines, &quotas, axis, (name, note));
}

/// Every failure of a stage in the time of the axis, by stage and error, the most first; what a
/// row of the same words says is one kind.
fn failures(desk: &Desk, rotation: &Rotation, axis: Axis) -> Vec<((String, String), Failed)> {
    let mut kinds: BTreeMap<(String, String), Failed> = BTreeMap::new();
    let touched = |r: &&Rotation| r.last_at >= axis.from;
    for other in desk.state.incident.rotations().filter(touched) {
        for step in &other.timeline {
            let StepKind::Stage {
                stage,
                status: StageStatus::Failed,
                error,
                ..
            } = &step.what
            else {
                continue;
            };
            if step.event.time < axis.from {
                continue;
            }
            let error = error
                .as_ref()
                .map_or("no reason told".to_owned(), ToString::to_string);
            let kind = kinds.entry((stage.to_string(), error)).or_default();
            kind.times.push(step.event.time);
            kind.own += usize::from(other.id == rotation.id);
        }
    }
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, failed)| std::cmp::Reverse((failed.own, failed.times.len())));
    kinds
}

/// The times of the axis, with the marks of the rotation on it: cutover, revocation, acts.
fn ruler(desk: &Desk, rotation: &Rotation, axis: Axis, (name, note): (u16, u16)) -> Line {
    let clock = desk.clock();
    let mut cells = vec![('─', Role::Rule); usize::from(axis.columns)];
    let mut write = |at: usize, words: &str| {
        for (slot, c) in cells.iter_mut().skip(at).zip(words.chars()) {
            *slot = (c, Role::Dim);
        }
    };
    let (from, to) = (clock.minute(axis.from), clock.minute(axis.to));
    write(0, &from);
    if axis.columns >= 16 {
        write(usize::from(axis.columns) - to.len(), &to);
    }
    let acts = rotation
        .timeline
        .iter()
        .filter(|s| matches!(s.what, StepKind::Act { .. }));
    let marks = [
        (rotation.cutover_at, MarkKind::Cutover),
        (rotation.revoked_at, MarkKind::Revoke),
    ];
    let marks = marks.into_iter().filter_map(|(at, kind)| Some((at?, kind)));
    for (at, kind) in marks.chain(acts.map(|step| (step.event.time, MarkKind::Act))) {
        let slot = axis
            .column(at)
            .and_then(|column| cells.get_mut(usize::from(column)));
        if let Some(slot) = slot {
            *slot = letter(kind);
        }
    }
    let minutes = desk.span().as_seconds() / 60;
    let range = if minutes < 60 {
        format!("{minutes} min")
    } else {
        format!("{} h", minutes / 60)
    };
    let zone = if note < 20 {
        String::new()
    } else {
        clock.zone()
    };
    Line::Track(
        Piece::new(range, Role::Dim).wide(name),
        cells,
        Piece::new(zone, Role::Dim),
    )
}

/// How often calls to each API were throttled; a full column is the greatest share of all.
fn throttled(lines: &mut Vec<Line>, quotas: &[&Quota], axis: Axis, (name, note): (u16, u16)) {
    if quotas.is_empty() {
        lines.push(Line::plain(
            "No API tells how often it was called and throttled.",
            Role::Dim,
        ));
        return;
    }
    let points = |quota: &Quota| {
        let windows: Vec<Point> = quota
            .windows
            .iter()
            .rev()
            .map(|window| Point {
                end: window.end,
                length: window.length,
                total: window.total,
                bad: window.bad,
            })
            .collect();
        windows
    };
    let within = |quota: &Quota| {
        let seen = quota.windows.iter().rev().take_while(|w| w.end > axis.from);
        seen.fold((0_u64, 0_u64), |(bad, all), w| {
            (bad.saturating_add(w.bad), all.saturating_add(w.total))
        })
    };
    let mut all: Vec<_> = quotas.iter().map(|quota| (within(quota), *quota)).collect();
    all.sort_by_key(|((bad, _), _)| std::cmp::Reverse(*bad));
    let top = quotas
        .iter()
        .flat_map(|quota| points(quota))
        .filter(|point| point.end > axis.from)
        .filter_map(|point| share(point.bad, point.total))
        .fold(0.0, f64::max);
    let top = if top > 0.0 { top } else { 1.0 };
    for ((bad, total), quota) in all.iter().take(LISTED) {
        let region = quota
            .region
            .as_ref()
            .map_or(String::new(), |region| format!(" {region}"));
        let words = if note < 20 {
            format!("{bad}/{total}")
        } else {
            format!("{} of {} throttled", count(*bad), count(*total))
        };
        lines.push(Line::Track(
            Piece::new(format!("{}{region}", quota.api), Role::Text).wide(name),
            chart_cells(axis, points(quota).into_iter(), (top, None)),
            Piece::new(words, if *bad > 0 { Role::Warn } else { Role::Dim }),
        ));
    }
    lines.push(Line::Pieces(vec![
        Piece::new("", Role::Dim).wide(name),
        Piece::new(
            format!(
                "a full column is {} throttled",
                crate::ui::fit::percent(top)
            ),
            Role::Dim,
        ),
    ]));
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a window are far below 2^52"
)]
fn share(bad: u64, total: u64) -> Option<f64> {
    (total > 0).then(|| bad as f64 / total as f64)
}
