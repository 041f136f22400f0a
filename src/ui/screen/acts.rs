//! The acts that cure what was found, in the words of a person. An act's key stands beside it
//! where the act can be done, and never on another line.

use crate::diagnosis::Finding;
use crate::ui::command;
use crate::ui::fit::{cols, width};
use crate::ui::saying;
use crate::ui::theme::Role;
use crate::ui::widget::{Pen, Piece};

use super::Look;

/// One act that is suggested: what stands together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The act's name, which is its command's; empty before the first.
    pub id: &'static str,
    /// Its key and its words.
    pub pieces: Vec<Piece>,
}

impl Suggestion {
    fn columns(&self) -> usize {
        columns(&self.pieces)
    }
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
fn sentence(
    acts: &[&'static str],
    short: bool,
    keys: impl Fn(&str) -> Option<String>,
) -> Vec<Suggestion> {
    let mut all = Vec::new();
    for (n, act) in acts.iter().enumerate() {
        let mut said = match act.parse() {
            Ok(verb) if short => saying::button(verb).to_lowercase(),
            _ => saying::act(act),
        };
        match acts.len() - n {
            1 => {}
            2 => said.push_str(" or"),
            _ => said.push(','),
        }
        let keys = keys(act).map(|keys| Piece::new(keys, Role::Accent));
        let said = Piece::new(said, Role::Strong);
        all.push(Suggestion {
            id: act,
            pieces: keys.into_iter().chain([said]).collect(),
        });
    }
    all
}

/// What to do next about a finding; empty where no act cures it as things stand.
pub fn suggestions(look: Look<'_>, finding: &Finding, short: bool) -> Vec<Suggestion> {
    let acts = look.desk.offered(finding);
    if acts.is_empty() {
        return Vec::new();
    }
    let next = Suggestion {
        id: "",
        pieces: vec![Piece::new("next:", Role::Dim)],
    };
    let acts = sentence(&acts, short, |act| keys(look, act));
    std::iter::once(next).chain(acts).collect()
}

/// How many columns the pieces take side by side.
pub fn columns(pieces: &[Piece]) -> usize {
    pieces.iter().map(|piece| width(&piece.words) + 1).sum()
}

/// The suggestions in lines of at most so many columns, broken between them.
pub fn lines(all: Vec<Suggestion>, room: usize) -> Vec<Vec<Suggestion>> {
    let mut lines: Vec<Vec<Suggestion>> = Vec::new();
    for one in all {
        let taken = |line: &Vec<Suggestion>| line.iter().map(Suggestion::columns).sum::<usize>();
        match lines.last_mut() {
            // The last column of a suggestion is its gap to the next.
            Some(line) if taken(line) + one.columns() <= room + 1 => line.push(one),
            _ => lines.push(vec![one]),
        }
    }
    lines
}

/// The pieces of a line.
pub fn pieces(line: Vec<Suggestion>) -> Vec<Piece> {
    line.into_iter().flat_map(|one| one.pieces).collect()
}

/// Draws a line of suggestions.
pub fn draw(pen: &mut Pen<'_>, y: u16, look: Look<'_>, line: &[Suggestion]) {
    let mut x = 1;
    for piece in line.iter().flat_map(|one| &one.pieces) {
        let room = cols(width(&piece.words));
        x += pen.put(x, y, room, &piece.words, look.style(piece.role)) + 1;
    }
}

/// The act that is suggested in a column of a line.
pub fn at(line: &[Suggestion], column: u16) -> Option<&'static str> {
    let mut x = 1;
    line.iter().find_map(|one| {
        let begin = x;
        x += cols(one.columns());
        let here = (begin..x.saturating_sub(1)).contains(&column);
        (here && !one.id.is_empty()).then_some(one.id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::Mode;

    fn said(acts: &[&'static str], keys: impl Fn(&str) -> Option<String>) -> String {
        let words: Vec<String> = pieces(sentence(acts, false, keys))
            .into_iter()
            .map(|piece| piece.words)
            .collect();
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
    fn a_key_is_never_parted_from_its_act() {
        let keys = |_: &str| Some("R".to_owned());
        for room in 30..60 {
            let broken = lines(sentence(Mode::F1.suggest(), false, keys), room);
            for line in &broken {
                let pieces = pieces(line.clone());
                assert!(columns(&pieces) <= room + 1, "{room}");
                assert_eq!(pieces.first().unwrap().words, "R");
                assert_ne!(pieces.last().unwrap().words, "R");
            }
        }
    }

    #[test]
    fn a_column_names_the_act_that_stands_there() {
        let line = sentence(Mode::F1.suggest(), true, |_| Some("k".to_owned()));
        // ` k re-push, k extend grace or k roll back`
        assert_eq!(at(&line, 1), Some("re-push"));
        assert_eq!(at(&line, 10), Some("re-push"));
        assert_eq!(at(&line, 11), None, "the gap");
        assert_eq!(at(&line, 12), Some("extend-grace"));
        assert_eq!(at(&line, 200), None);
    }
}
