//! Commands of the inventory.

use crate::measure::inventory::csv;
use crate::model::RotationId;
use crate::model::effect::{Effect, Effects};

use super::{Command, Group, Place, explorer};
use crate::ui::desk::{Desk, Screen};
use crate::ui::fit::plural;

pub const GROUP: Group = Group {
    title: "Inventory",
    commands: &[
        Command {
            id: "inventory",
            title: "Inventory: every secret",
            label: "inventory",
            help: "Shows every secret with its age, owner, cadence, last use and who holds it.",
            place: Place::Everywhere,
            run: |desk| {
                desk.open(Screen::Inventory);
                Effects::none()
            },
        },
        Command {
            id: "sort",
            title: "Inventory: sort by the next column",
            label: "sort",
            help: "Puts the inventory in the order of its next column.",
            place: Place::Everywhere,
            run: |desk| here(desk, |desk| desk.shelf.sort_next()),
        },
        Command {
            id: "sort-reverse",
            title: "Inventory: turn the order round",
            label: "reverse",
            help: "Turns the order of the inventory round.",
            place: Place::Everywhere,
            run: |desk| here(desk, |desk| desk.shelf.reverse()),
        },
        Command {
            id: "export",
            title: "Export as CSV: the inventory, or audit rows",
            label: "export",
            help: "Writes the secrets of the inventory that are shown, in their order, or the first 512 rows of the explorer, to a file of comma-separated values.",
            place: Place::Everywhere,
            run: export,
        },
    ],
};

/// Does something to the inventory where it is shown.
fn here(desk: &mut Desk, does: fn(&mut Desk)) -> Effects {
    if desk.screen() == Screen::Inventory {
        does(desk);
    } else {
        desk.notice = Some("This is for the inventory: open it first".to_owned());
    }
    Effects::none()
}

/// All about the selected secret.
pub(super) fn all_about(desk: &mut Desk) -> Effects {
    if desk.shelf.item().is_some() {
        desk.shelf.select_row(desk.shelf.row);
        desk.open(Screen::Secret);
    } else {
        desk.notice = Some("No secret is selected".to_owned());
    }
    Effects::none()
}

/// The last rotation of the secret that is shown or selected.
pub(super) fn last_of(desk: &Desk) -> Option<RotationId> {
    let item = match desk.screen() {
        Screen::Secret => desk.shelf.opened(),
        Screen::Inventory => desk.shelf.item(),
        _ => None,
    };
    item?.last.as_ref().map(|last| last.id.clone())
}

/// All about the last rotation of the secret.
pub(super) fn last_rotation(desk: &mut Desk) -> Effects {
    match last_of(desk) {
        Some(id) => {
            desk.select(&id);
            desk.open(Screen::Detail);
        }
        None => desk.notice = Some("No rotation of this secret is known".to_owned()),
    }
    Effects::none()
}

/// The worst finding about the secret.
pub(super) fn why(desk: &mut Desk) -> Effects {
    let item = match desk.screen() {
        Screen::Secret => desk.shelf.opened(),
        _ => desk.shelf.item(),
    };
    let found = item.and_then(|item| desk.about(&item.secret)).cloned();
    match found {
        Some(finding) => desk.ask_why(finding),
        None => desk.notice = Some("Nothing was found about this secret".to_owned()),
    }
    Effects::none()
}

fn export(desk: &mut Desk) -> Effects {
    match desk.screen() {
        Screen::Inventory => {}
        Screen::Explorer => {
            explorer::export(desk);
            return Effects::none();
        }
        _ => {
            let words = "This is for the inventory and the explorer: open one first";
            desk.notice = Some(words.to_owned());
            return Effects::none();
        }
    }
    let (Some(at), false) = (desk.shelf.inventory().at, desk.shelf.len() == 0) else {
        desk.notice = Some("There is no secret to export".to_owned());
        return Effects::none();
    };
    // A moment in the form that every file system takes.
    let moment: String = at
        .to_string()
        .chars()
        .take_while(|c| *c != '.')
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let name = format!("rotascope-inventory-{}.csv", moment.trim_end_matches('Z'));
    desk.notice = Some(format!("Writing {name} …"));
    let what = plural(desk.shelf.len(), "secret");
    let words = csv(desk.shelf.inventory(), desk.shelf.rows());
    Effects::one(Effect::Export { name, what, words })
}
