//! Commands that go somewhere.

use crate::diagnosis::Reach;
use crate::incident::EventRef;
use crate::model::effect::{Effect, Effects};
use crate::model::replay::ReplayCommand;

use super::{Command, Group, Place, explorer, inventory};
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
            help: "Jumps to a rotation whose secret or id holds some letters; in the inventory keeps only the secrets that hold them, in the explorer writes the filter.",
            place: Place::Everywhere,
            run: find,
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
            title: "Open what is selected",
            label: "open",
            help: "Opens what is selected: why a finding is one, a rotation, the event of an evidence, a row; asks for a value or a time.",
            place: Place::Everywhere,
            run: enter,
        },
        Command {
            id: "why",
            title: "Why: how a finding is known",
            label: "why",
            help: "Shows a finding from its cause to its symptom, with the evidence and the acts.",
            place: Place::Everywhere,
            run: why,
        },
        Command {
            id: "detail",
            title: "All about the rotation",
            label: "rotation",
            help: "Shows the rotation: timeline, stages, consumers, identities, audit.",
            place: Place::Everywhere,
            run: detail,
        },
        Command {
            id: "debug",
            title: "Debug: latencies, errors, audit of a rotation",
            label: "debug",
            help: "Shows how long consumers took to a version, what failed and was throttled, and the audit rows of a rotation.",
            place: Place::Everywhere,
            run: debug,
        },
        Command {
            id: "event",
            title: "The event of this moment",
            label: "event",
            help: "Shows the event that the recording stands on, word for word; from an audit row goes to its moment first.",
            place: Place::Recording,
            run: |desk| match desk.screen() {
                Screen::Explorer => explorer::event(desk),
                _ => open(desk, Screen::Event),
            },
        },
        Command {
            id: "alerts",
            title: "Alerts: who is woken",
            label: "alerts",
            help: "Shows whom each incident wakes, what is kept quiet and what is over.",
            place: Place::Everywhere,
            run: |desk| open(desk, Screen::Alerts),
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
            id: "executive",
            title: "Executive: service levels and trends",
            label: "levels",
            help: "Shows the service levels with their budgets, and how rotations have gone day by day.",
            place: Place::Everywhere,
            run: |desk| open(desk, Screen::Executive),
        },
        Command {
            id: "back",
            title: "Back",
            label: "back",
            help: "Goes back to the screen before; never does anything else.",
            place: Place::Everywhere,
            run: |desk| {
                // What became of an act stands there until it has been read.
                if desk.read_news() {
                    return Effects::none();
                }
                if desk.screen() == Screen::Explorer && desk.explorer.shows_detail() {
                    desk.explorer.detail = false;
                    desk.explorer.detail_screen = 0;
                } else {
                    desk.back();
                }
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

/// The selected rotation in numbers; from a secret its last one.
fn debug(desk: &mut Desk) -> Effects {
    if let Some(id) = inventory::last_of(desk) {
        desk.select(&id);
    } else if desk.screen() == Screen::Why
        && let Some(id) = desk.why.finding.as_ref().and_then(|f| f.rotation.clone())
        && let Some(id) = desk.state.incident.canonical(&id).cloned()
    {
        desk.select(&id);
    } else if desk.selected.is_some() {
        // What is worst may change; what a person looks into does not.
        desk.chosen.clone_from(&desk.selected);
    }
    open(desk, Screen::Debug)
}

fn find(desk: &mut Desk) -> Effects {
    if desk.screen() == Screen::Explorer {
        explorer::ask(desk);
        return Effects::none();
    }
    if desk.screen() == Screen::Inventory {
        desk.shelf.begin_filter();
        let mut prompt = Prompt::new(Kind::Filter);
        prompt.paste(desk.shelf.letters());
        desk.prompt = Some(prompt);
        return Effects::none();
    }
    ask(desk, Kind::Find)
}

pub(super) fn open(desk: &mut Desk, screen: Screen) -> Effects {
    desk.open(screen);
    Effects::none()
}

/// Opens what is selected on the screen that is shown.
fn enter(desk: &mut Desk) -> Effects {
    match desk.screen() {
        Screen::Why => return evidence(desk),
        Screen::Inventory => return inventory::all_about(desk),
        Screen::Secret => return detail(desk),
        Screen::Explorer => {
            explorer::enter(desk);
            return Effects::none();
        }
        Screen::Sought => {
            if !desk.land() {
                desk.notice = Some("There is nothing to open".to_owned());
            }
            return Effects::none();
        }
        Screen::OnCall => {}
        _ => return Effects::none(),
    }
    match desk.selected_finding().cloned() {
        Some(finding) => {
            desk.chosen.clone_from(&desk.selected);
            desk.ask_why(finding);
            Effects::none()
        }
        None => detail(desk),
    }
}

fn why(desk: &mut Desk) -> Effects {
    if desk.screen() == Screen::Why {
        return Effects::none();
    }
    if matches!(desk.screen(), Screen::Inventory | Screen::Secret) {
        return inventory::why(desk);
    }
    if desk.screen() == Screen::Explorer {
        return explorer::why(desk);
    }
    if let Some(finding) = desk.meant().cloned() {
        desk.ask_why(finding);
    } else {
        let so_far = match desk.state.known.reach {
            Reach::Whole => "Nothing has been found up to this moment",
            Reach::UpTo(_) => "Nothing has been found so far; the diagnosis goes on",
        };
        desk.notice = Some(so_far.to_owned());
    }
    Effects::none()
}

/// All about the rotation that a finding is about, where one is open; else the selected one.
fn detail(desk: &mut Desk) -> Effects {
    if desk.screen() == Screen::Explorer {
        return explorer::detail(desk);
    }
    if desk.screen() == Screen::Why
        && let Some(id) = desk
            .why
            .finding
            .as_ref()
            .and_then(|finding| finding.rotation.clone())
    {
        let known = desk
            .state
            .incident
            .rotation(&id)
            .map(|rotation| rotation.id.clone());
        if let Some(id) = known {
            desk.select(&id);
            desk.open(Screen::Detail);
        } else {
            desk.notice = Some("The rotation has not begun at this moment".to_owned());
        }
    } else if matches!(desk.screen(), Screen::Inventory | Screen::Secret) {
        return inventory::last_rotation(desk);
    } else if desk.rotation().is_some() {
        desk.chosen.clone_from(&desk.selected);
        desk.open(Screen::Detail);
    } else {
        desk.notice = Some("No rotation is selected".to_owned());
    }
    Effects::none()
}

/// Goes to the event of the selected evidence and shows it.
fn evidence(desk: &mut Desk) -> Effects {
    let evidence = desk
        .why
        .finding
        .as_ref()
        .and_then(|finding| finding.evidence.get(desk.why.evidence));
    let Some(event) = evidence.map(|evidence| evidence.event.clone()) else {
        return Effects::none();
    };
    if !desk.replay {
        desk.notice = Some("Only in a recording one can go to an event".to_owned());
        return Effects::none();
    }
    desk.open(Screen::Event);
    let there = desk
        .state
        .event
        .as_ref()
        .is_some_and(|at| EventRef::of(at) == event);
    desk.going = (!there).then(|| event.clone());
    let EventRef { time, source, id } = event;
    Effects::one(Effect::Replay(ReplayCommand::Event { time, source, id }))
}

pub(super) fn ask(desk: &mut Desk, kind: Kind) -> Effects {
    desk.prompt = Some(Prompt::new(kind));
    Effects::none()
}
