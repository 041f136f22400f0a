//! Commands that select and scroll.

use crate::model::effect::Effects;

use super::{Command, Group, Place, explorer};
use crate::ui::desk::{Desk, Move, PANES, Screen};

macro_rules! moves {
    ($($id:literal $title:literal $label:literal $help:literal => $by:expr;)+) => {
        &[
            $(Command {
                id: $id,
                title: $title,
                label: $label,
                help: $help,
                place: Place::Everywhere,
                run: |desk| {
                    desk.go($by);
                    Effects::none()
                },
            },)+
            Command {
                id: "find-next",
                title: "Next match",
                label: "next match",
                help: "Selects the next rotation that holds the letters looked for.",
                place: Place::Everywhere,
                run: |desk| find(desk, true),
            },
            Command {
                id: "find-previous",
                title: "Previous match",
                label: "prev match",
                help: "Selects the previous rotation that holds the letters looked for.",
                place: Place::Everywhere,
                run: |desk| find(desk, false),
            },
            Command {
                id: "pane-next",
                title: "Next pane",
                label: "pane",
                help: "Moves the focus to the next pane of the on-call screen, to the next finding, to the next rotation, or to the next part of the explorer.",
                place: Place::Everywhere,
                run: |desk| pane(desk, 1),
            },
            Command {
                id: "pane-previous",
                title: "Previous pane",
                label: "prev pane",
                help: "Moves the focus to the previous pane, to the finding or to the rotation before.",
                place: Place::Everywhere,
                run: |desk| pane(desk, PANES.len() - 1),
            },
        ]
    };
}

pub const GROUP: Group = Group {
    title: "Select",
    commands: moves! {
        "next" "Next line" "down" "Selects the next rotation, or scrolls down a line." => Move::Lines(1);
        "previous" "Previous line" "up" "Selects the previous rotation, or scrolls up a line." => Move::Lines(-1);
        "page-down" "Page down" "page down" "Moves down a page." => Move::Pages(1);
        "page-up" "Page up" "page up" "Moves up a page." => Move::Pages(-1);
        "first" "First line" "first" "Moves to the first line: the worst." => Move::First;
        "last" "Last line" "last" "Moves to the last line; in the explorer stays at the end while more comes." => Move::Last;
    },
};

fn find(desk: &mut Desk, forward: bool) -> Effects {
    let words = desk.found.clone();
    if words.is_empty() {
        desk.notice = Some("Nothing has been looked for yet".to_owned());
        return Effects::none();
    }
    let len = desk.digest.len().max(1);
    let from = desk.row + if forward { 1 } else { len - 1 };
    if !desk.find(&words, from % len, forward) {
        desk.notice = Some("No rotation holds these letters".to_owned());
    }
    Effects::none()
}

fn pane(desk: &mut Desk, by: usize) -> Effects {
    if desk.screen() == Screen::Explorer {
        explorer::part(desk, by == 1);
        return Effects::none();
    }
    if desk.screen() == Screen::Why {
        // One step back is as far round the end as it takes.
        let all = desk.digest.findings.len();
        desk.next_finding(if by == 1 { 1 } else { all.saturating_sub(1) });
        return Effects::none();
    }
    if desk.screen() == Screen::Debug {
        let all = desk.digest.len();
        let by = if by == 1 { 1 } else { all.saturating_sub(1) };
        desk.select_row((desk.row + by) % all.max(1));
        desk.scroll = 0;
        return Effects::none();
    }
    let at = PANES
        .iter()
        .position(|pane| *pane == desk.pane)
        .unwrap_or(0);
    // A pane that has no room now is passed over.
    let layout = desk.on_call();
    let heights = [
        layout.findings.height,
        layout.rotations.height,
        layout.auth.height,
        layout.canary.height,
        layout.audit.height,
    ];
    let mut next = at;
    for _ in PANES {
        next = (next + by) % PANES.len();
        if heights.get(next).is_some_and(|height| *height > 0) {
            break;
        }
    }
    if let Some(pane) = PANES.get(next) {
        desk.pane = *pane;
    }
    Effects::none()
}
