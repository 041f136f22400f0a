//! What the mouse does. A click does what a key does, and never more; the second click of a
//! double click does nothing.

use crate::model::effect::Effects;

use super::asking;
use super::command::{self, Command};
use super::desk::{Desk, Move, Pane, Screen};
use super::drag::Drag;
use super::explorer::{Part, bar_at};
use super::layout;
use super::prompt::Kind;
use super::screen::{self, Look};
use super::state::{Mouse, MouseKind};

/// The command whose key or words are clicked. `look` says what stands where.
pub fn command(look: Look<'_>, mouse: Mouse) -> Option<&'static Command> {
    let desk = look.desk;
    let is_free = desk.prompt.is_none() && desk.question.is_none();
    if mouse.what != MouseKind::Click || !is_free || is_second(desk, mouse) {
        return None;
    }
    let place = (mouse.column, mouse.row);
    let named = screen::command_at(look, place).or_else(|| {
        let of_shelf = shelf_row(desk, mouse).is_some_and(|row| desk.shelf.is_chosen(row));
        let of_why = screen::evidence_at(look, mouse.row) == Some(desk.why.evidence);
        let on_call = desk.screen() == Screen::OnCall && is_selected(desk, mouse);
        let opens = on_call || of_shelf || of_why || is_explored(desk, mouse);
        opens.then_some("open")
    });
    named.and_then(command::find)
}

/// The piece of evidence that is clicked.
pub fn evidence(look: Look<'_>, mouse: Mouse) -> Option<usize> {
    let is_free = look.desk.prompt.is_none() && look.desk.question.is_none();
    let is_first = mouse.what == MouseKind::Click && !is_second(look.desk, mouse);
    if is_free && is_first {
        screen::evidence_at(look, mouse.row)
    } else {
        None
    }
}

/// The mouse was used where no command stands.
pub fn point(desk: &mut Desk, mouse: Mouse) -> Effects {
    let is_click = mouse.what == MouseKind::Click;
    if is_click && is_second(desk, mouse) {
        return Effects::none();
    }
    if is_click {
        desk.clicked = Some((mouse.column, mouse.row));
    }
    if mouse.what == MouseKind::Release {
        return desk.drag.take().map_or_else(Effects::none, Drag::let_go);
    }
    if desk.question.is_some() {
        return asking::point(desk, mouse);
    }
    if desk.prompt.is_some() {
        return in_prompt(desk, mouse);
    }
    if mouse.what == MouseKind::Drag {
        let share = screen::nearest_share(desk, mouse.column);
        let drag = desk.drag.as_mut().zip(share);
        return drag.map_or_else(Effects::none, |(drag, share)| drag.moved(share));
    }
    let by = match mouse.what {
        MouseKind::WheelUp => Move::Lines(-3),
        MouseKind::WheelDown => Move::Lines(3),
        MouseKind::Click => return click(desk, mouse),
        MouseKind::Drag | MouseKind::Release => return Effects::none(),
    };
    if desk.screen() == Screen::Explorer {
        wheel_in_explorer(desk, mouse, by);
    } else if desk.screen() == Screen::OnCall {
        let pane = pane_at(desk, mouse).unwrap_or(desk.pane);
        desk.go_in(pane, by);
    } else {
        desk.go(by);
    }
    Effects::none()
}

/// True for a click so soon after one in the same place that it is the same.
fn is_second(desk: &Desk, mouse: Mouse) -> bool {
    desk.clicked.is_some_and(|(column, row)| {
        column.abs_diff(mouse.column) <= 1 && row.abs_diff(mouse.row) <= 1
    })
}

/// The wheel chooses in a prompt, and a click does what a line of the palette says.
fn in_prompt(desk: &mut Desk, mouse: Mouse) -> Effects {
    let id = match mouse.what {
        MouseKind::WheelUp => "choose-previous",
        MouseKind::WheelDown => "choose-next",
        MouseKind::Click if desk.prompt.as_ref().is_some_and(|p| p.kind == Kind::Query) => {
            take_offered(desk, mouse);
            return Effects::none();
        }
        MouseKind::Click => {
            let hit = screen::hit_at(desk, (mouse.column, mouse.row));
            match (hit, desk.prompt.as_mut()) {
                (Some(hit), Some(prompt)) => prompt.chosen = hit,
                _ => return Effects::none(),
            }
            "accept"
        }
        MouseKind::Drag | MouseKind::Release => return Effects::none(),
    };
    command::find(id).map_or_else(Effects::none, |command| (command.run)(desk))
}

fn pane_at(desk: &Desk, mouse: Mouse) -> Option<Pane> {
    let on_call = desk.on_call();
    [
        (on_call.findings, Pane::Findings),
        (on_call.rotations, Pane::Rotations),
        (on_call.auth, Pane::Auth),
        (on_call.canary, Pane::Canary),
        (on_call.audit, Pane::Audit),
    ]
    .into_iter()
    .find(|(area, _)| layout::holds(*area, mouse.column, mouse.row))
    .map(|(_, pane)| pane)
}

/// The pane and its line, from 0, that a row of the screen is; its rule is none.
fn line_at(desk: &Desk, mouse: Mouse) -> Option<(Pane, usize)> {
    let pane = pane_at(desk, mouse)?;
    let on_call = desk.on_call();
    let area = match pane {
        Pane::Findings => on_call.findings,
        Pane::Rotations => on_call.rotations,
        Pane::Auth | Pane::Canary | Pane::Audit => return None,
    };
    let line = mouse.row.checked_sub(area.y + 1)?;
    Some((pane, desk.scrolled(pane) + usize::from(line)))
}

/// True where the row that a person has selected is clicked once more.
fn is_selected(desk: &Desk, mouse: Mouse) -> bool {
    match line_at(desk, mouse) {
        Some((pane @ Pane::Findings, line)) => desk.pane == pane && desk.pointed == line,
        Some((pane, line)) => {
            let chosen = desk.chosen.is_some() && desk.chosen == desk.selected;
            desk.pane == pane && chosen && desk.row == line
        }
        None => false,
    }
}

/// The row of the inventory that is clicked; its first line are the names of the columns.
fn shelf_row(desk: &Desk, mouse: Mouse) -> Option<usize> {
    let body = layout::document(desk.area, desk.replay, desk.footer(desk.area));
    if desk.screen() != Screen::Inventory || !layout::holds(body, mouse.column, mouse.row) {
        return None;
    }
    let line = mouse.row.checked_sub(body.y + 1)?;
    let row = desk.shelf.top + usize::from(line);
    (row < desk.shelf.len()).then_some(row)
}

/// A click into the inventory: a row is selected, a column's name puts it in that order.
fn click_in_shelf(desk: &mut Desk, mouse: Mouse) {
    let body = layout::document(desk.area, desk.replay, desk.footer(desk.area));
    if let Some(row) = shelf_row(desk, mouse) {
        desk.shelf.select_row(row);
    } else if mouse.row == body.y
        && let Some(column) = screen::inventory_column(body.width, mouse.column)
    {
        desk.shelf.sort(column);
    }
    desk.settle();
}

/// Takes the offered word that is clicked into the filter.
fn take_offered(desk: &mut Desk, mouse: Mouse) {
    let nth = screen::offered_at(desk, (mouse.column, mouse.row));
    let taken = nth.and_then(|nth| desk.explorer.take_the_offered(nth));
    if let (Some((words, cursor)), Some(prompt)) = (taken, desk.prompt.as_mut()) {
        prompt.set(&words, cursor);
    }
}

/// True where the selected row of the explorer is clicked once more.
fn is_explored(desk: &Desk, mouse: Mouse) -> bool {
    let rows = desk.explorer_places().rows;
    let here = desk.screen() == Screen::Explorer && layout::holds(rows, mouse.column, mouse.row);
    let line = mouse.row.saturating_sub(rows.y);
    let explorer = &desk.explorer;
    here && explorer.part == Part::Rows && explorer.top() + u64::from(line) == explorer.row()
}

/// The wheel turns what lies under it.
fn wheel_in_explorer(desk: &mut Desk, mouse: Mouse, by: Move) {
    let places = desk.explorer_places();
    let over = layout::holds(places.facets, mouse.column, mouse.row);
    let part = desk.explorer.part;
    desk.explorer.part = if over { Part::Facets } else { Part::Rows };
    desk.go_in_explorer(by);
    desk.explorer.part = part;
}

/// A click into the explorer: a row is selected, a value or a bar is asked for.
fn click_in_explorer(desk: &mut Desk, mouse: Mouse) {
    let places = desk.explorer_places();
    let holds = |area| layout::holds(area, mouse.column, mouse.row);
    if holds(places.rows) {
        if desk.select_explored(mouse.row - places.rows.y) {
            desk.explorer.part = Part::Rows;
        }
    } else if holds(places.facets) && mouse.row > places.facets.y {
        let lines = usize::from(places.facets.height.saturating_sub(1));
        let line = usize::from(mouse.row - places.facets.y - 1);
        let line = desk.explorer.facets_top(lines) + line;
        if desk.explorer.select_facet(line) {
            desk.explorer.part = Part::Facets;
            desk.explorer.narrow(false);
        }
    } else if holds(places.times) {
        let bars = desk.explorer.histogram().bins.len();
        if let Some(bar) = bar_at(&places, bars, mouse.column) {
            desk.explorer.select_bar(bar);
            desk.explorer.part = Part::Times;
            desk.explorer.narrow(false);
        }
    }
}

fn click(desk: &mut Desk, mouse: Mouse) -> Effects {
    let bar = desk.area.height.saturating_sub(1 + desk.footer(desk.area));
    if desk.replay && mouse.row == bar && desk.area.height >= layout::LEAST.1 {
        return match screen::share_at(desk, mouse.column) {
            Some(share) => {
                let (drag, effects) = Drag::begin(share);
                desk.drag = Some(drag);
                effects
            }
            None => Effects::none(),
        };
    }
    if desk.screen() == Screen::Inventory {
        click_in_shelf(desk, mouse);
    }
    if desk.screen() == Screen::Explorer {
        click_in_explorer(desk, mouse);
    }
    if desk.screen() != Screen::OnCall {
        return Effects::none();
    }
    if let Some(pane) = pane_at(desk, mouse) {
        desk.pane = pane;
        match line_at(desk, mouse) {
            Some((Pane::Findings, line)) if line < desk.digest.findings.len() => {
                desk.pointed = line;
                desk.settle();
            }
            Some((Pane::Rotations, line)) if line < desk.digest.len() => desk.select_row(line),
            _ => {}
        }
    }
    Effects::none()
}
