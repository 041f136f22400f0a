//! What persons did about a rotation and what each act brought about: kept there after the outcome
//! was read, and shown of a recording too.

use crate::incident::Rotation;
use crate::ui::deeds;
use crate::ui::desk::Desk;
use crate::ui::fit::wrap;
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

/// What persons did about it, the latest first, and what that brought about: in a recording too.
pub fn lines(lines: &mut Vec<Line>, desk: &Desk, rotation: &Rotation, width: u16) {
    let said = deeds::of(desk, rotation);
    if said.is_empty() {
        return;
    }
    lines.push(Line::Rule("Acts, latest first".to_owned()));
    let room = usize::from(width.saturating_sub(12));
    for (at, words) in said {
        let mut time = desk.clock().time(at);
        for line in wrap(&words, room, 3) {
            lines.push(Line::Pieces(vec![
                Piece::new(std::mem::take(&mut time), Role::Dim).wide(8),
                Piece::new(line, Role::Text),
            ]));
        }
    }
}
