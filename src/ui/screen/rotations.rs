//! The rotations, worst first, and the regions of the selected one.

use crate::incident::{Rotation, Tally};
use crate::model::event::{Outcome, StageStatus};
use crate::ui::desk::Pane;
use crate::ui::digest::{Hurt, stands};
use crate::ui::fit::{cols, count, countdown, fit_end, plural, version, width, wrap};
use crate::ui::theme::Role;
use crate::ui::widget::{Pen, share_bar, stage_bar};

use super::pane::title;
use super::{Look, findings};

/// The columns of a row; 0 is left out. Narrow screens drop, in this order: owner, latency, the
/// region, the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Columns {
    name: u16,
    owner: u16,
    version: u16,
    stage: u16,
    on_new: u16,
    latency: u16,
    region: u16,
    time: u16,
}

/// The mark before a row, or the failure mode that was found, and the nine stages.
const MARK: u16 = 4;
const BAR: u16 = 9;

fn columns(all: u16) -> Columns {
    let mut columns = Columns {
        name: 0,
        owner: 14,
        version: 17,
        stage: 13,
        on_new: 9,
        latency: 8,
        region: 14,
        time: 10,
    };
    let fixed = |c: &Columns| {
        let wide = [
            c.owner, c.version, c.stage, c.on_new, c.latency, c.region, c.time,
        ];
        let taken: u16 = wide.iter().filter(|w| **w > 0).map(|w| w + 1).sum();
        MARK + 1 + BAR + taken
    };
    let name = |c: &Columns| all.saturating_sub(fixed(c));
    if name(&columns) < 22 {
        columns.owner = 0;
    }
    if name(&columns) < 19 {
        columns.latency = 0;
    }
    if name(&columns) < 16 {
        (columns.version, columns.stage, columns.on_new) = (11, 12, 7);
        (columns.region, columns.time) = (9, 10);
    }
    if name(&columns) < 11 {
        columns.region = 0;
    }
    if name(&columns) < 11 {
        columns.version = 0;
    }
    if name(&columns) < 11 {
        columns.stage = 0;
    }
    if name(&columns) < 11 {
        columns.time = 0;
    }
    columns.name = name(&columns).min(40);
    columns
}

/// Draws the pane.
pub fn draw(pen: &mut Pen<'_>, look: Look<'_>, small: bool) {
    let desk = look.desk;
    let digest = &desk.digest;
    let left = match digest.len() {
        0 => "Rotations: none seen".to_owned(),
        all if small => format!("Rotations {}/{}", desk.digest.open, all),
        all => format!(
            "Rotations {} open of {}",
            count(digest.open as u64),
            count(all as u64)
        ),
    };
    let right = if small {
        let clock = look.clock();
        desk.now()
            .map(|now| format!("{} {}", clock.time(now), clock.zone()))
            .unwrap_or_default()
    } else {
        let rows = usize::from(pen.height().saturating_sub(1));
        if digest.len() > rows {
            format!(
                "worst first, {}–{}",
                desk.top + 1,
                (desk.top + rows).min(digest.len())
            )
        } else if digest.len() > 1 {
            "worst first".to_owned()
        } else {
            String::new()
        }
    };
    title(pen, look, Pane::Rotations, &left, &right);
    if digest.len() == 0 {
        let why = "one shows once a stage, a new version or its use is seen";
        for (y, line) in (1..).zip(wrap(why, usize::from(pen.width().saturating_sub(4)), 2)) {
            pen.put(MARK, y, pen.width(), &line, look.style(Role::Dim));
        }
        return;
    }
    let columns = columns(pen.width());
    for y in 1..pen.height() {
        let index = desk.top + usize::from(y) - 1;
        let Some(rotation) = digest
            .id(index)
            .and_then(|id| desk.state.incident.rotation(id))
        else {
            break;
        };
        row(pen, y, look, rotation, index, columns);
    }
}

fn mark(hurt: Hurt) -> (&'static str, Role) {
    match hurt {
        Hurt::Breaks | Hurt::Hurts | Hurt::Stuck => ("✗", Role::Bad),
        Hurt::Held => ("‖", Role::Warn),
        Hurt::Behind => ("!", Role::Warn),
        Hurt::Runs => ("›", Role::Ok),
        Hurt::WentBadly => ("-", Role::Warn),
        Hurt::Over => (" ", Role::Dim),
    }
}

fn row(
    pen: &mut Pen<'_>,
    y: u16,
    look: Look<'_>,
    rotation: &Rotation,
    index: usize,
    columns: Columns,
) {
    let desk = look.desk;
    let hurt = desk.digest.hurt(index);
    let tally = desk.digest.tally(index, &desk.state.incident, rotation);
    let selected = desk.selected.as_ref() == Some(&rotation.id);
    let over = hurt <= Hurt::WentBadly;
    let words = look.style(if over { Role::Dim } else { Role::Text });
    if selected {
        pen.tint(y, look.style(Role::Selection));
        pen.cell(0, y, '▌', look.style(Role::Accent));
    }
    match desk.digest.findings.of(&rotation.id) {
        Some((finding, others)) if stands(finding) => {
            let more = if others > 0 { "+" } else { "" };
            let found = format!("{}{more}", findings::mode(finding));
            pen.put(1, y, 3, &found, look.style(findings::role(finding)));
        }
        _ => {
            let (sign, role) = mark(hurt);
            pen.put(2, y, 1, sign, look.style(role));
        }
    }
    let mut x = MARK;
    let name = rotation
        .secret
        .as_ref()
        .map_or_else(|| rotation.id.to_string(), ToString::to_string);
    let strong = if over { Role::Dim } else { Role::Strong };
    let name = fit_end(&name, usize::from(columns.name));
    pen.put(x, y, columns.name, &name, look.style(strong));
    x += columns.name + 1;
    if columns.owner > 0 {
        if let Some(owner) = &rotation.owner {
            pen.put(x, y, columns.owner, &owner.shown(), look.style(Role::Dim));
        }
        x += columns.owner + 1;
    }
    if columns.version > 0 {
        pen.put(
            x,
            y,
            columns.version,
            &versions(rotation, columns.version),
            words,
        );
        x += columns.version + 1;
    }
    stage_bar(pen, x, y, rotation, look.theme);
    x += BAR + 1;
    if columns.stage > 0 {
        stage(pen, x, y, look, rotation, columns.stage);
        x += columns.stage + 1;
    }
    let behind = tally.on_new < tally.total && hurt >= Hurt::Behind;
    if tally.total > 0 {
        let style = look.style(if behind { Role::Bad } else { Role::Text });
        let style = if over { words } else { style };
        let on_new = format!("{}/{}", tally.on_new, tally.total);
        pen.put_right(x, y, columns.on_new, &on_new, style);
    }
    x += columns.on_new + 1;
    if columns.latency > 0 {
        if let Some(latency) = latency(look, rotation) {
            pen.put_right(x, y, columns.latency, &latency, look.style(Role::Dim));
        }
        x += columns.latency + 1;
    }
    tail(pen, (x, y), look, rotation, &tally, (hurt, columns));
    // What is written after the tint keeps its own colours on the selection's ground.
    if selected {
        let ground = look.style(Role::Selection);
        let ground = ratatui::style::Style {
            fg: None,
            add_modifier: ground.add_modifier & ratatui::style::Modifier::REVERSED,
            ..ground
        };
        pen.tint(y, ground);
    }
}

/// The end of a row: the region that is furthest behind and the time left, or the error of a
/// stage that failed.
fn tail(
    pen: &mut Pen<'_>,
    (x, y): (u16, u16),
    look: Look<'_>,
    rotation: &Rotation,
    tally: &Tally,
    (hurt, columns): (Hurt, Columns),
) {
    let stuck = matches!(hurt, Hurt::Stuck | Hurt::Held);
    let error = rotation.stage().and_then(|(_, view)| view.error.as_ref());
    let gap = u16::from(columns.region > 0 && columns.time > 0);
    if let Some(error) = error.filter(|_| stuck) {
        let room = columns.region + columns.time + gap;
        pen.put(x, y, room, &error.shown(), look.style(Role::Warn));
        return;
    }
    if columns.region > 0
        && hurt >= Hurt::Runs
        && let Some(worst) = worst_region(tally)
    {
        pen.put(x, y, columns.region, &worst, look.style(Role::Warn));
    }
    if columns.time > 0 {
        let (words, role) = time(look, rotation);
        let x = x + columns.region + gap;
        pen.put_right(x, y, columns.time, &words, look.style(role));
    }
}

/// `v17→v18`, or only where it goes when both do not fit.
fn versions(rotation: &Rotation, columns: u16) -> String {
    let name = |version_of: &Option<crate::model::Version>| {
        version_of
            .as_ref()
            .map_or_else(|| "?".to_owned(), |v| version(&v.to_string()).into_owned())
    };
    match (&rotation.from_version, &rotation.to_version) {
        (None, None) => String::new(),
        (None, to) => format!("→{}", name(to)),
        (from, to) => {
            let both = format!("{}→{}", name(from), name(to));
            if width(&both) <= usize::from(columns) {
                both
            } else {
                format!("→{}", name(to))
            }
        }
    }
}

fn stage(pen: &mut Pen<'_>, x: u16, y: u16, look: Look<'_>, rotation: &Rotation, columns: u16) {
    let Some((stage, view)) = rotation.stage() else {
        return;
    };
    let role = match &view.status {
        Some(StageStatus::Failed) => Role::Bad,
        Some(StageStatus::Paused) => Role::Warn,
        _ if rotation.is_open() => Role::Text,
        _ => Role::Dim,
    };
    let tries = if view.attempt > 1 {
        format!("↻{}", view.attempt)
    } else {
        String::new()
    };
    let room = columns - cols(width(&tries)).min(columns);
    let taken = pen.put(x, y, room, &stage.to_string(), look.style(role));
    let gap = u16::from(taken < room);
    pen.put(x + taken + gap, y, columns, &tries, look.style(Role::Warn));
}

/// The slowest consumer's time to the new version.
fn latency(look: Look<'_>, rotation: &Rotation) -> Option<String> {
    let secret = rotation.secret.as_ref()?;
    look.desk
        .state
        .incident
        .consumers(secret)
        .filter(|consumer| consumer.version == rotation.to_version)
        .filter_map(|consumer| consumer.latency)
        .max()
        .map(crate::ui::fit::span)
}

fn worst_region(tally: &Tally) -> Option<String> {
    let worst = tally
        .regions
        .iter()
        .filter(|region| region.on_new < region.total)
        .max_by_key(|region| region.total - region.on_new)?;
    let name = worst
        .region
        .as_ref()
        .map_or_else(|| "region ?".to_owned(), ToString::to_string);
    Some(format!("{name} {}/{}", worst.on_new, worst.total))
}

/// What time means for a rotation: how it ended, what is left of its grace, or that there is no
/// way back.
fn time(look: Look<'_>, rotation: &Rotation) -> (String, Role) {
    if let Some(end) = &rotation.ended {
        return match end.outcome {
            Outcome::Succeeded => ("done".to_owned(), Role::Dim),
            Outcome::RolledBack => ("rolled ←".to_owned(), Role::Warn),
            Outcome::Failed => ("failed".to_owned(), Role::Warn),
            Outcome::Aborted => ("aborted".to_owned(), Role::Warn),
            Outcome::Other(_) => ("over".to_owned(), Role::Dim),
        };
    }
    if rotation.superseded_by.is_some() {
        return ("replaced".to_owned(), Role::Dim);
    }
    if rotation.revoked_at.is_some() {
        return ("revoked".to_owned(), Role::Warn);
    }
    let Some(until) = rotation.point_of_no_return() else {
        return (String::new(), Role::Dim);
    };
    match look.desk.now() {
        Some(now) if until <= now => ("no return".to_owned(), Role::Warn),
        Some(now) if !look.desk.absolute => {
            (format!("{} left", countdown(until.since(now))), Role::Text)
        }
        _ => (format!("≤{}", look.clock().time(until)), Role::Text),
    }
}

/// Draws the consumers of the selected rotation by region.
pub fn regions(pen: &mut Pen<'_>, look: Look<'_>) {
    let desk = look.desk;
    let Some(rotation) = desk.rotation() else {
        crate::ui::widget::rule(
            pen,
            0,
            look.theme,
            "Consumers: no rotation is selected",
            "",
            Role::Dim,
        );
        return;
    };
    let tally = desk.digest.tally(desk.row, &desk.state.incident, rotation);
    let name = rotation
        .secret
        .as_ref()
        .map_or_else(|| rotation.id.to_string(), ToString::to_string);
    let mut left = format!("{name}: {}", plural(tally.total, "consumer"));
    if tally.total == 0 {
        left = format!("{name}: no consumer is known");
    }
    let mut facts = Vec::new();
    if tally.delivered > 0 {
        facts.push(format!("{} only delivered", tally.delivered));
    }
    if tally.failed > 0 {
        facts.push(format!("{} failing", tally.failed));
    }
    crate::ui::widget::rule(pen, 0, look.theme, &left, &facts.join(", "), Role::Dim);
    let name_columns = 16;
    let number = 11;
    let bar = pen.width().saturating_sub(name_columns + number + 14);
    for (y, region) in (1..pen.height()).zip(&tally.regions) {
        let name = region
            .region
            .as_ref()
            .map_or_else(|| "unknown region".to_owned(), ToString::to_string);
        let whole = region.on_new == region.total;
        pen.put(2, y, name_columns, &name, look.style(Role::Text));
        let role = if whole { Role::Ok } else { Role::Warn };
        share_bar(
            pen,
            (name_columns + 3, y),
            bar,
            (region.on_new, region.total),
            (role, Role::Dim),
            look.theme,
        );
        let numbers = format!("{}/{}", region.on_new, region.total);
        let x = name_columns + bar + 3;
        pen.put_right(x, y, number, &numbers, look.style(role));
        let words = if whole {
            "all new".to_owned()
        } else {
            format!("{} old", region.total - region.on_new)
        };
        pen.put(x + number + 1, y, 10, &words, look.style(role));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_screens_drop_columns_in_their_order() {
        let dropped = |all| {
            let c = columns(all);
            [c.owner, c.latency, c.region, c.version].map(|w| w == 0)
        };
        assert_eq!(dropped(140), [false, false, false, false]);
        assert_eq!(dropped(110), [true, false, false, false]);
        assert_eq!(dropped(80), [true, true, false, false]);
        assert_eq!(dropped(70), [true, true, true, false]);
        assert_eq!(dropped(40), [true, true, true, true]);
        for all in 40..220 {
            assert!(columns(all).name >= 11, "{all}");
        }
    }
}
