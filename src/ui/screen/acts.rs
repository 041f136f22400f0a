//! The acts that cure what was found, in the words of a person. An act's key stands beside it as
//! soon as the command table has a command of that name.

use crate::ui::command;
use crate::ui::fit::{cols, width};
use crate::ui::theme::Role;
use crate::ui::widget::{Pen, Piece};

use super::Look;

/// What an act does, as one asks for it.
fn words(act: &str) -> String {
    let words = match act {
        "re-push" => "re-push",
        "extend-grace" => "extend the grace period",
        "rollback" => "roll back",
        "retry-region" => "retry the region",
        "throttle" => "slow the rotation down",
        "reissue-previous" => "reissue the previous version",
        "mask-leak" => "mask the leak",
        "emergency-rotate" => "rotate in an emergency",
        "invalidate-cache" => "invalidate the cache",
        "restore-sink" => "restore the audit sink",
        "replay-outbox" => "replay the audit outbox",
        other => return other.replace('-', " "),
    };
    words.to_owned()
}

/// The keys of an act, where a command of its name is in the table and can do anything: in the
/// past, and where nobody may act, there are only words.
fn keys(look: Look<'_>, act: &str) -> Option<String> {
    let live = look.desk.state.live.as_ref()?;
    if !live.following || live.person.is_none() {
        return None;
    }
    command::find(act).and_then(|command| look.keymap.keys(command.id))
}

/// `re-push, extend the grace period or roll back`; each behind its keys where it has any.
fn sentence(acts: &[&str], keys: impl Fn(&str) -> Option<String>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (n, act) in acts.iter().enumerate() {
        let mut said = words(act);
        match acts.len() - n {
            1 => {}
            2 => said.push_str(" or"),
            _ => said.push(','),
        }
        pieces.extend(keys(act).map(|keys| Piece::new(keys, Role::Accent)));
        pieces.push(Piece::new(said, Role::Strong));
    }
    pieces
}

/// What to do next about a finding whose acts these are; empty where no act cures it.
pub fn pieces(look: Look<'_>, acts: &[&str]) -> Vec<Piece> {
    if acts.is_empty() {
        return Vec::new();
    }
    let next = Piece::new("next:", Role::Dim);
    let acts = sentence(acts, |act| keys(look, act));
    std::iter::once(next).chain(acts).collect()
}

/// How many columns the pieces take side by side.
pub fn columns(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| width(&piece.words) + 1).sum()
}

/// The pieces in lines of at most so many columns, broken between them.
pub fn lines(pieces: Vec<Piece>, room: usize) -> Vec<Vec<Piece>> {
    let mut lines: Vec<Vec<Piece>> = Vec::new();
    for piece in pieces {
        match lines.last_mut() {
            Some(line) if columns(line) + width(&piece.words) <= room => line.push(piece),
            _ => lines.push(vec![piece]),
        }
    }
    lines
}

/// Draws pieces side by side.
pub fn draw(pen: &mut Pen<'_>, y: u16, look: Look<'_>, pieces: &[Piece]) {
    let mut x = 1;
    for piece in pieces {
        let room = cols(width(&piece.words));
        x += pen.put(x, y, room, &piece.words, look.style(piece.role)) + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Mode;

    fn said(acts: &[&str], keys: impl Fn(&str) -> Option<String>) -> String {
        let words: Vec<String> = sentence(acts, keys).into_iter().map(|p| p.words).collect();
        words.join(" ")
    }

    #[test]
    fn acts_are_words_until_they_have_commands() {
        let acts = Mode::F1.suggest();
        assert_eq!(
            said(acts, |_| None),
            "re-push, extend the grace period or roll back"
        );
        let keys = |act: &str| (act == "rollback").then(|| "R".to_owned());
        assert_eq!(
            said(acts, keys),
            "re-push, extend the grace period or R roll back"
        );
    }

    #[test]
    fn every_act_that_a_mode_suggests_has_words_of_its_own() {
        let modes = [
            Mode::F1,
            Mode::F2,
            Mode::F3,
            Mode::F4,
            Mode::F5,
            Mode::F6,
            Mode::F7,
            Mode::F8,
        ];
        for act in modes.iter().flat_map(|mode| mode.suggest()) {
            assert!(
                words(act) != act.replace('-', " ") || *act == "re-push",
                "{act}"
            );
        }
    }

    #[test]
    fn lines_are_broken_between_acts() {
        let pieces = sentence(Mode::F1.suggest(), |_| None);
        let broken = lines(pieces, 36);
        assert_eq!(broken.len(), 2);
        assert!(broken.iter().all(|line| columns(line) <= 37));
    }
}
