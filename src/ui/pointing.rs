//! What the mouse does. A click does what a key does, and never more; the second click of a
//! double click does nothing.

use crate::model::effect::{Effect, Effects};
use crate::model::replay::{ReplayCommand, SeekTo};

use super::asking;
use super::command::{self, Command};
use super::desk::{Desk, Move, Pane, Screen};
use super::layout;
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
        let opens = desk.screen() == Screen::OnCall && is_selected(desk, mouse) || of_shelf;
        opens.then_some("open")
    });
    named.and_then(command::find)
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
    if desk.question.is_some() {
        return asking::point(desk, mouse);
    }
    if desk.prompt.is_some() {
        return Effects::none();
    }
    let by = match mouse.what {
        MouseKind::WheelUp => Move::Lines(-3),
        MouseKind::WheelDown => Move::Lines(3),
        MouseKind::Click => return click(desk, mouse),
    };
    if desk.screen() == Screen::OnCall {
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

fn click(desk: &mut Desk, mouse: Mouse) -> Effects {
    let bar = desk.area.height.saturating_sub(1 + desk.footer(desk.area));
    if desk.replay && mouse.row == bar && desk.area.height >= layout::LEAST.1 {
        return match screen::share_at(desk, mouse.column) {
            Some(share) => Effects::one(Effect::Replay(ReplayCommand::Seek(SeekTo::Share(share)))),
            None => Effects::none(),
        };
    }
    if desk.screen() == Screen::Inventory {
        click_in_shelf(desk, mouse);
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
