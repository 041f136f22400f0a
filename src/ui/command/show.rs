//! Commands that change how things are shown.

use crate::model::effect::{Effect, Effects};

use super::{Command, Group, Place};
use crate::ui::desk::{Desk, RANGES};

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
            help: "Puts the headline with its time on the clipboard, harmless to paste anywhere.",
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
    let clock = desk.clock();
    let headline = &desk.digest.headline;
    let mut words = match desk.now() {
        Some(now) => format!(
            "{} {} {}: {}",
            clock.day(now),
            clock.time(now),
            clock.zone(),
            headline.sentence
        ),
        None => headline.sentence.clone(),
    };
    let since = headline.since.as_ref();
    let moment = headline
        .until
        .or(since.map(|(at, what)| (*at, what.as_str())));
    if let Some((at, what)) = moment {
        let (time, zone) = (clock.time(at), clock.zone());
        words.extend(["; ", what, " at ", &time, " ", &zone]);
    }
    desk.notice = Some("The status update is on the clipboard".to_owned());
    Effects::one(Effect::Copy(words))
}
