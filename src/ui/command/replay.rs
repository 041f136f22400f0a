//! Commands that play a recording.

use crate::model::effect::{Effect, Effects};
use crate::model::replay::{Direction, MarkKind, ReplayCommand, SeekTo, Speed};

use super::{Command, Group, Place, go};
use crate::ui::desk::Desk;
use crate::ui::prompt::Kind;

macro_rules! replays {
    ($($id:literal $title:literal $label:literal $help:literal => $run:expr;)+) => {
        &[$(Command {
            id: $id,
            title: $title,
            label: $label,
            help: $help,
            place: Place::Recording,
            run: $run,
        }),+]
    };
}

use Direction::{Backward, Forward};

pub const GROUP: Group = Group {
    title: "Recording",
    commands: replays! {
        "play" "Play or pause" "play" "Plays the recording, or pauses it." => |_| ask(ReplayCommand::Toggle);
        "seek" "Go to a time" "go to" "Asks for a time of the recording (03:12, 40%, +30s) and goes there." => |desk| go::ask(desk, Kind::Seek);
        "faster" "Play faster" "faster" "Plays at the next higher speed." => |desk| speed(desk, true);
        "slower" "Play slower" "slower" "Plays at the next lower speed." => |desk| speed(desk, false);
        "unbounded" "Play as fast as possible" "full speed" "Plays as fast as the machine can; again for real time." => unbounded;
        "step-forward" "One event on" "step" "Goes one event on and pauses." => |_| ask(ReplayCommand::Step(Forward));
        "step-back" "One event back" "step back" "Goes one event back and pauses." => |_| ask(ReplayCommand::Step(Backward));
        "next-mark" "Next mark" "next mark" "Goes to the next cutover, revocation, failure or act." => |desk| mark(desk, Forward, None);
        "previous-mark" "Previous mark" "prev mark" "Goes to the cutover, revocation, failure or act before." => |desk| mark(desk, Backward, None);
        "next-cutover" "Next cutover" "cutover" "Goes to the next cutover." => |desk| mark(desk, Forward, Some(MarkKind::Cutover));
        "previous-cutover" "Previous cutover" "cutover" "Goes to the cutover before." => |desk| mark(desk, Backward, Some(MarkKind::Cutover));
        "next-revoke" "Next revocation" "revoke" "Goes to the next revocation of an old version." => |desk| mark(desk, Forward, Some(MarkKind::Revoke));
        "previous-revoke" "Previous revocation" "revoke" "Goes to the revocation before." => |desk| mark(desk, Backward, Some(MarkKind::Revoke));
        "next-failure" "Next failure" "failure" "Goes to where something next goes wrong." => |desk| mark(desk, Forward, Some(MarkKind::Failure));
        "previous-failure" "Previous failure" "failure" "Goes to where something went wrong before." => |desk| mark(desk, Backward, Some(MarkKind::Failure));
        "start" "Start of the recording" "start" "Goes to the first event." => |_| ask(ReplayCommand::Seek(SeekTo::Start));
        "end" "End of the recording" "end" "Goes to the last event read so far." => |_| ask(ReplayCommand::Seek(SeekTo::End));
    },
};

fn ask(command: ReplayCommand) -> Effects {
    Effects::one(Effect::Replay(command))
}

fn mark(desk: &mut Desk, direction: Direction, kind: Option<MarkKind>) -> Effects {
    let player = &desk.state.player;
    let lies_there = player.marks.iter().any(|mark| {
        kind.is_none_or(|kind| mark.kind == kind)
            && player.at.is_some_and(|at| match direction {
                Forward => mark.at > at,
                Backward => mark.at < at,
            })
    });
    if !lies_there {
        let what = match kind {
            None => "mark",
            Some(MarkKind::Cutover) => "cutover",
            Some(MarkKind::Revoke) => "revocation",
            Some(MarkKind::Failure) => "failure",
            Some(MarkKind::Act) => "act",
        };
        let place = match direction {
            Forward if desk.state.loading.done => "after this moment",
            Forward => "after this moment in what has been read so far",
            Backward => "before this moment",
        };
        desk.notice = Some(format!("No {what} {place}"));
        return Effects::none();
    }
    ask(ReplayCommand::Seek(SeekTo::Mark(direction, kind)))
}

fn speed(desk: &mut Desk, up: bool) -> Effects {
    let steps = Speed::STEPS;
    let next = match desk.state.player.speed {
        Speed::Unbounded if up => return Effects::none(),
        Speed::Unbounded => steps.last().copied(),
        Speed::Times(now) if up => steps.iter().copied().find(|step| *step > now * 1.001),
        Speed::Times(now) => steps.iter().copied().rev().find(|step| *step < now * 0.999),
    };
    if let Some(next) = next {
        return ask(ReplayCommand::Speed(Speed::Times(next)));
    }
    let end = if up { "fastest" } else { "slowest" };
    desk.notice = Some(format!("This is the {end} speed"));
    Effects::none()
}

fn unbounded(desk: &mut Desk) -> Effects {
    ask(ReplayCommand::Speed(match desk.state.player.speed {
        Speed::Unbounded => Speed::Times(1.0),
        Speed::Times(_) => Speed::Unbounded,
    }))
}
