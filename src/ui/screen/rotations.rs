//! The rotations, worst first, and the regions of the selected one.

use crate::incident::{Rotation, Tally};
use crate::model::Text;
use crate::model::event::{Outcome, StageStatus};
use crate::ui::desk::Pane;
use crate::ui::digest::{Hurt, stands};
use crate::ui::fit::{cols, count, countdown, fit_end, plural, version, width, wrap};
use crate::ui::theme::Role;
use crate::ui::widget::{Pen, share_bar, stage_bar};

use super::pane::title;
use super::{Look, budgets, findings};

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

/// One of them.
type Column = fn(&mut Columns) -> &mut u16;

/// The mark before a row, or the failure mode that was found, and the nine stages.
const MARK: u16 = 4;
const BAR: u16 = 9;

impl Columns {
    /// The most that each is given.
    const MOST: Self = Self {
        name: 40,
        owner: 14,
        version: 17,
        stage: 13,
        on_new: 9,
        latency: 8,
        region: 14,
        time: 10,
    };

    /// The least that a name is given before another column goes.
    const NAME: u16 = 11;

    /// What these rows need, at most the most.
    fn wanted(look: Look<'_>, seen: &[(usize, &Rotation)]) -> Self {
        let mut all = Self {
            name: Self::NAME,
            owner: 0,
            version: 0,
            stage: 0,
            on_new: 0,
            latency: 0,
            region: 0,
            time: 0,
        };
        let desk = look.desk;
        for (index, rotation) in seen {
            let tally = desk.digest.tally(*index, &desk.state.incident, rotation);
            let hurt = desk.digest.hurt(*index);
            let mut want = |column: Column, words: &str| {
                let wide = cols(width(words));
                let held = column(&mut all);
                *held = (*held).max(wide);
            };
            want(|c| &mut c.name, &name(rotation));
            if let Some(owner) = &rotation.owner {
                want(|c| &mut c.owner, &owner.shown());
            }
            want(|c| &mut c.version, &versions(rotation, Self::MOST.version));
            let (stage, tries) = stage_words(rotation);
            want(|c| &mut c.stage, format!("{stage} {tries}").trim_end());
            if tally.total > 0 {
                want(|c| &mut c.on_new, &on_new(&tally));
            }
            if let Some(latency) = latency(look, rotation) {
                want(|c| &mut c.latency, &latency);
            }
            if let Some(error) = error(rotation, hurt) {
                // It stands in both.
                let wide = cols(width(&error.shown())).saturating_sub(1);
                let of_region = wide.min(Self::MOST.region);
                all.region = all.region.max(of_region);
                all.time = all.time.max(wide - of_region);
                continue;
            }
            if let Some(region) = worst_region(&tally).filter(|_| hurt >= Hurt::Runs) {
                want(|c| &mut c.region, &region);
            }
            want(|c| &mut c.time, &time(look, rotation).0);
        }
        let most = Self::MOST;
        Self {
            name: all.name.min(most.name),
            owner: all.owner.min(most.owner),
            version: all.version.min(most.version),
            stage: all.stage.min(most.stage),
            on_new: all.on_new.min(most.on_new),
            latency: all.latency.min(most.latency),
            region: all.region.min(most.region),
            time: all.time.min(most.time),
        }
    }

    /// What is left for the name.
    fn left(&self, all: u16) -> u16 {
        let wide = [
            self.owner,
            self.version,
            self.stage,
            self.on_new,
            self.latency,
            self.region,
            self.time,
        ];
        let taken: u16 = wide.iter().filter(|w| **w > 0).map(|w| w + 1).sum();
        all.saturating_sub(MARK + 1 + BAR + taken)
    }

    /// As many of the wanted columns as there is room for: a whole name is worth more than the
    /// owner and the latency, and a name that can be told more than any other column.
    fn fit(self, all: u16) -> Self {
        let mut columns = self;
        let drop = |columns: &mut Self, column: Column, least: u16| {
            if columns.left(all) < least {
                *column(columns) = 0;
            }
        };
        drop(&mut columns, |c| &mut c.owner, self.name.min(22));
        drop(&mut columns, |c| &mut c.latency, self.name.min(19));
        if columns.left(all) < self.name.min(16) {
            columns.version = columns.version.min(11);
            columns.stage = columns.stage.min(12);
            columns.on_new = columns.on_new.min(7);
            columns.region = columns.region.min(9);
        }
        let rest: [Column; 4] = [
            |c| &mut c.region,
            |c| &mut c.version,
            |c| &mut c.stage,
            |c| &mut c.time,
        ];
        for column in rest {
            drop(&mut columns, column, Self::NAME);
        }
        columns.name = columns.left(all).min(Self::MOST.name);
        columns
    }
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
    let right = if small {
        right
    } else {
        beside(look, usize::from(pen.width()), &left, right)
    };
    title(pen, look, Pane::Rotations, &left, &right);
    if digest.len() == 0 {
        let why = "one shows once a stage, a new version or its use is seen";
        for (y, line) in (1..).zip(wrap(why, usize::from(pen.width().saturating_sub(4)), 2)) {
            pen.put(MARK, y, pen.width(), &line, look.style(Role::Dim));
        }
        return;
    }
    let rows = usize::from(pen.height().saturating_sub(1));
    let seen: Vec<(usize, &Rotation)> = (desk.top..desk.top + rows)
        .map_while(|index| {
            let id = digest.id(index)?;
            Some((index, desk.state.incident.rotation(id)?))
        })
        .collect();
    let columns = Columns::wanted(look, &seen).fit(pen.width());
    for (y, (index, rotation)) in (1..pen.height()).zip(seen) {
        row(pen, y, look, rotation, index, columns);
    }
}

/// What stands at the right of the rule, and before it, where there is room, the budgets.
fn beside(look: Look<'_>, all: usize, left: &str, right: String) -> String {
    let gap = " · ";
    let taken = width(left) + width(&right) + 8 + width(gap);
    let words = budgets::words(look.desk, all.saturating_sub(taken));
    match (words.is_empty(), right.is_empty()) {
        (true, _) => right,
        (false, true) => words,
        (false, false) => [words, right].join(gap),
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
    let strong = if over { Role::Dim } else { Role::Strong };
    let name = name(rotation);
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
        pen.put_right(x, y, columns.on_new, &on_new(&tally), style);
    }
    if columns.on_new > 0 {
        x += columns.on_new + 1;
    }
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
    let gap = u16::from(columns.region > 0 && columns.time > 0);
    if let Some(error) = error(rotation, hurt) {
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

/// The secret, else the id.
fn name(rotation: &Rotation) -> String {
    rotation
        .secret
        .as_ref()
        .map_or_else(|| rotation.id.to_string(), ToString::to_string)
}

fn on_new(tally: &Tally) -> String {
    format!("{}/{}", tally.on_new, tally.total)
}

/// The error of a stage that failed or is held.
fn error(rotation: &Rotation, hurt: Hurt) -> Option<&Text> {
    let stuck = matches!(hurt, Hurt::Stuck | Hurt::Held);
    let error = rotation.stage().and_then(|(_, view)| view.error.as_ref());
    error.filter(|_| stuck)
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
    let Some((_, view)) = rotation.stage() else {
        return;
    };
    let role = match &view.status {
        Some(StageStatus::Failed) => Role::Bad,
        Some(StageStatus::Paused) => Role::Warn,
        _ if rotation.is_open() => Role::Text,
        _ => Role::Dim,
    };
    let (stage, tries) = stage_words(rotation);
    let room = columns - cols(width(&tries)).min(columns);
    let taken = pen.put(x, y, room, &stage, look.style(role));
    let gap = u16::from(taken < room);
    pen.put(x + taken + gap, y, columns, &tries, look.style(Role::Warn));
}

/// The stage, and how often it was tried.
fn stage_words(rotation: &Rotation) -> (String, String) {
    let Some((stage, view)) = rotation.stage() else {
        return (String::new(), String::new());
    };
    let tries = match view.attempt {
        0 | 1 => String::new(),
        n => format!("↻{n}"),
    };
    (stage.to_string(), tries)
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
            let c = Columns::MOST.fit(all);
            [c.owner, c.latency, c.region, c.version].map(|w| w == 0)
        };
        assert_eq!(dropped(140), [false, false, false, false]);
        assert_eq!(dropped(110), [true, false, false, false]);
        assert_eq!(dropped(80), [true, true, false, false]);
        assert_eq!(dropped(70), [true, true, true, false]);
        assert_eq!(dropped(40), [true, true, true, true]);
        for all in 40..220 {
            assert!(Columns::MOST.fit(all).name >= Columns::NAME, "{all}");
        }
    }

    #[test]
    fn columns_that_need_less_leave_it_to_the_name() {
        let rows = Columns {
            name: 17,
            owner: 10,
            version: 11,
            stage: 8,
            on_new: 6,
            latency: 3,
            region: 9,
            time: 10,
        };
        let fit = rows.fit(80);
        assert_eq!((fit.owner, fit.latency, fit.name), (0, 0, 17));
        assert_eq!((fit.version, fit.region, fit.time), (11, 9, 10));
    }
}
