//! Commands that change how things are shown.

use crate::model::effect::{Effect, Effects};

use super::{Command, Group, Place};
use crate::ui::desk::{Desk, RANGES};
use crate::ui::fit::plural;
use crate::ui::status;

pub const GROUP: Group = Group {
    title: "Show",
    commands: &[
        Command {
            id: "zone",
            title: "UTC or local time",
            label: "zone",
            help: "Shows times in UTC or in the local zone; the zone always stands beside the clock.",
            place: Place::Everywhere,
            run: |desk| {
                desk.local = !desk.local;
                Effects::none()
            },
        },
        Command {
            id: "ages",
            title: "Ages or moments",
            label: "ages",
            help: "Shows how long ago things were, or when they were.",
            place: Place::Everywhere,
            run: |desk| {
                desk.absolute = !desk.absolute;
                Effects::none()
            },
        },
        Command {
            id: "range-wider",
            title: "Charts: more time",
            label: "wider",
            help: "Makes the charts show a longer time.",
            place: Place::Everywhere,
            run: |desk| {
                desk.range = (desk.range + 1).min(RANGES.len() - 1);
                Effects::none()
            },
        },
        Command {
            id: "range-narrower",
            title: "Charts: less time",
            label: "narrower",
            help: "Makes the charts show a shorter time.",
            place: Place::Everywhere,
            run: |desk| {
                desk.range = desk.range.saturating_sub(1);
                Effects::none()
            },
        },
        Command {
            id: "copy-status",
            title: "Copy a status update",
            label: "copy",
            help: "Puts how things stand, with numbers, acts and times, on the clipboard, harmless to paste anywhere.",
            place: Place::Everywhere,
            run: copy,
        },
        Command {
            id: "redraw",
            title: "Redraw the screen",
            label: "redraw",
            help: "Draws everything anew, as after another program wrote over it.",
            place: Place::Everywhere,
            run: |_| Effects::one(Effect::Redraw),
        },
    ],
};

fn copy(desk: &mut Desk) -> Effects {
    let words = status::update(desk);
    let lines = plural(words.lines().count(), "line");
    desk.notice = Some(format!("The status update is on the clipboard: {lines}"));
    Effects::one(Effect::Copy(words))
}
