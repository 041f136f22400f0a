//! Commands within a prompt.

use crate::model::effect::{Effect, Effects};
use crate::model::replay::ReplayCommand;

use super::{Command, Group, Place, find};
use crate::ui::desk::{Desk, Move, Pane, Screen};
use crate::ui::prompt::seek::{self, Context};
use crate::ui::prompt::{Kind, Target};

pub const GROUP: Group = Group {
    title: "In a prompt",
    commands: &[
        Command {
            id: "accept",
            title: "Do it",
            label: "do it",
            help: "Does what the prompt says.",
            place: Place::Prompt,
            run: accept,
        },
        Command {
            id: "cancel",
            title: "Close the prompt",
            label: "cancel",
            help: "Closes the prompt; nothing happens.",
            place: Place::Prompt,
            run: |desk| {
                desk.prompt = None;
                desk.shelf.unfilter();
                desk.explorer.unfilter();
                Effects::none()
            },
        },
        Command {
            id: "choose-next",
            title: "Next choice",
            label: "next",
            help: "Chooses the next line, or the next match.",
            place: Place::Prompt,
            run: |desk| choose(desk, true),
        },
        Command {
            id: "choose-previous",
            title: "Previous choice",
            label: "previous",
            help: "Chooses the previous line, or the previous match.",
            place: Place::Prompt,
            run: |desk| choose(desk, false),
        },
        Command {
            id: "new-line",
            title: "New line",
            label: "new line",
            help: "Begins a new line of a reason.",
            place: Place::Prompt,
            run: |_| Effects::none(),
        },
    ],
};

/// What the words of a seek prompt are measured against.
pub fn seek_context(desk: &Desk) -> Context {
    let player = &desk.state.player;
    Context {
        from: player.from,
        to: player.to,
        at: player.at.or(player.from),
        offset: desk.clock().offset.unwrap_or(0),
    }
}

fn accept(desk: &mut Desk) -> Effects {
    let Some(mut prompt) = desk.prompt.take() else {
        return Effects::none();
    };
    match prompt.kind {
        Kind::Seek => match seek::parse(prompt.words(), seek_context(desk)) {
            Ok(to) => Effects::one(Effect::Replay(ReplayCommand::Seek(to))),
            Err(why) => {
                prompt.note = why;
                desk.prompt = Some(prompt);
                Effects::none()
            }
        },
        Kind::Answer => Effects::none(),
        Kind::Query => {
            if !desk.explorer.keep_filter() {
                desk.prompt = Some(prompt);
            }
            Effects::none()
        }
        Kind::Columns => {
            // Several are chosen one after another; `cancel` closes it.
            if let Some(Target::Column(column)) = prompt.hits.get(prompt.chosen).map(|h| &h.target)
            {
                desk.explorer.toggle(*column);
            }
            desk.prompt = Some(prompt);
            Effects::none()
        }
        Kind::Filter => {
            desk.shelf.keep_filter();
            Effects::none()
        }
        Kind::Find => {
            prompt.words().clone_into(&mut desk.found);
            Effects::none()
        }
        Kind::Palette => {
            if let Some(hit) = prompt.hits.get(prompt.chosen) {
                return follow(desk, &hit.target);
            }
            desk.prompt = Some(prompt);
            Effects::none()
        }
    }
}

fn follow(desk: &mut Desk, target: &Target) -> Effects {
    match target {
        Target::Command(id) => match find(id) {
            Some(command) if command.applies(desk) => (command.run)(desk),
            _ => Effects::none(),
        },
        Target::Rotation(id) => {
            desk.select(id);
            desk.open(Screen::Detail);
            Effects::none()
        }
        Target::Column(column) => {
            desk.explorer.toggle(*column);
            Effects::none()
        }
        Target::Service(service) => {
            desk.open(Screen::OnCall);
            desk.pane = Pane::Auth;
            let row = desk
                .digest
                .auth
                .iter()
                .position(|row| row.series.service == *service);
            desk.scrolls[0] = row.unwrap_or(0);
            desk.settle();
            Effects::none()
        }
    }
}

fn choose(desk: &mut Desk, next: bool) -> Effects {
    let Some(prompt) = desk.prompt.as_mut() else {
        return Effects::none();
    };
    match prompt.kind {
        Kind::Query => {
            if let Some((words, cursor)) = desk.explorer.take_offered(next) {
                prompt.set(&words, cursor);
            }
        }
        Kind::Palette | Kind::Columns => {
            let last = prompt.hits.len().saturating_sub(1);
            prompt.chosen = if next {
                (prompt.chosen + 1).min(last)
            } else {
                prompt.chosen.saturating_sub(1)
            };
        }
        Kind::Find => {
            let words = prompt.words().to_owned();
            let len = desk.digest.len().max(1);
            let from = (desk.row + if next { 1 } else { len - 1 }) % len;
            if !words.is_empty() {
                desk.find(&words, from, next);
            }
        }
        Kind::Filter => desk.go(Move::Lines(if next { 1 } else { -1 })),
        Kind::Seek | Kind::Answer => {}
    }
    Effects::none()
}
