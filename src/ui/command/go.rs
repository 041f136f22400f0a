//! Commands that go somewhere.

use crate::model::effect::{Effect, Effects};

use super::{Command, Group, Place};
use crate::ui::desk::{Desk, Screen};
use crate::ui::prompt::{Kind, Prompt};

pub const GROUP: Group = Group {
    title: "Go",
    commands: &[
        Command {
            id: "help",
            title: "Help: every key",
            label: "help",
            help: "Shows every command with its keys.",
            place: Place::Everywhere,
            run: |desk| open(desk, Screen::Help),
        },
        Command {
            id: "palette",
            title: "Command palette",
            label: "palette",
            help: "Looks for a command, a rotation or a service by a few letters.",
            place: Place::Everywhere,
            run: |desk| ask(desk, Kind::Palette),
        },
        Command {
            id: "find",
            title: "Find a rotation",
            label: "find",
            help: "Jumps to a rotation whose secret or id holds some letters.",
            place: Place::Everywhere,
            run: |desk| ask(desk, Kind::Find),
        },
        Command {
            id: "on-call",
            title: "On-call screen",
            label: "on-call",
            help: "Shows what is going on.",
            place: Place::Everywhere,
            run: |desk| open(desk, Screen::OnCall),
        },
        Command {
            id: "open",
            title: "Open the selected rotation",
            label: "open",
            help: "Shows the selected rotation: timeline, stages, consumers, identities, audit.",
            place: Place::Everywhere,
            run: |desk| {
                if desk.screen() == Screen::OnCall {
                    if desk.rotation().is_some() {
                        desk.chosen.clone_from(&desk.selected);
                        desk.open(Screen::Detail);
                    } else {
                        desk.notice = Some("No rotation is selected".to_owned());
                    }
                }
                Effects::none()
            },
        },
        Command {
            id: "backends",
            title: "Backends and their gaps",
            label: "backends",
            help: "Shows where the events come from, how old they are and what is missing.",
            place: Place::Everywhere,
            run: |desk| open(desk, Screen::Backends),
        },
        Command {
            id: "rejected",
            title: "Rejected lines",
            label: "rejected",
            help: "Shows what could not be read, with its place and the reason.",
            place: Place::Everywhere,
            run: |desk| open(desk, Screen::Rejected),
        },
        Command {
            id: "back",
            title: "Back",
            label: "back",
            help: "Goes back to the screen before; never does anything else.",
            place: Place::Everywhere,
            run: |desk| {
                desk.back();
                Effects::none()
            },
        },
        Command {
            id: "quit",
            title: "Quit",
            label: "quit",
            help: "Leaves the program and gives the terminal back.",
            place: Place::Everywhere,
            run: |_| Effects::one(Effect::Quit),
        },
    ],
};

fn open(desk: &mut Desk, screen: Screen) -> Effects {
    desk.open(screen);
    Effects::none()
}

pub(super) fn ask(desk: &mut Desk, kind: Kind) -> Effects {
    desk.prompt = Some(Prompt::new(kind));
    Effects::none()
}
