//! Every command with its keys, made from the command table and the keymap.

use crate::ui::command::{self, Command, Place};
use crate::ui::desk::Desk;
use crate::ui::fit::{cols, width, wrap};
use crate::ui::keymap::Keymap;
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

/// The list.
pub fn lines(desk: &Desk, keymap: &Keymap) -> Vec<Line> {
    let keys = |command: &Command| keymap.all_keys(command.id).collect::<Vec<_>>().join("  ");
    // As wide as the widest keys, where that leaves room for the words.
    let widest = command::all().map(|command| width(&keys(command))).max();
    let columns = cols(widest.unwrap_or(0)).min(desk.area.width / 2);
    let mut lines = Vec::new();
    for group in &command::GROUPS {
        let commands: Vec<_> = group
            .commands
            .iter()
            .filter(|command| command.applies(desk) || command.place == Place::Prompt)
            .collect();
        if commands.is_empty() {
            continue;
        }
        lines.push(Line::plain(group.title, Role::Strong));
        for command in commands {
            entry(&mut lines, desk, columns, (&keys(command), command.help));
        }
    }
    lines.push(Line::plain("Marks", Role::Strong));
    for (mark, words) in [
        ("✗", "it hurts somebody now, or is stuck"),
        (
            "!",
            "its cutover is done and consumers are still on the old version",
        ),
        ("‖", "somebody holds it"),
        ("›", "it runs and hurts nobody"),
        ("-", "it ended badly"),
        ("▰ ▱", "stages done, stages to come"),
        (
            "C R F A",
            "cutover, revocation, failure and a responder's act on a time axis",
        ),
    ] {
        entry(&mut lines, desk, columns, (mark, words));
    }
    lines
}

/// Keys and what they do, in as many lines as that takes.
fn entry(lines: &mut Vec<Line>, desk: &Desk, columns: u16, (keys, words): (&str, &str)) {
    let room = usize::from(desk.area.width.saturating_sub(columns + 3));
    for (n, line) in (0..).zip(wrap(words, room, 4)) {
        lines.push(Line::Pieces(vec![
            Piece::new(if n == 0 { keys } else { "" }, Role::Accent).right(columns),
            Piece::new(line, Role::Text),
        ]));
    }
}
