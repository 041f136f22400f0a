//! What keys do while a question stands.

use crate::model::effect::{Effect, Effects};

use super::desk::Desk;
use super::key::Key;
use super::keymap::{Keymap, Meaning};
use super::question::Accepted;

/// Takes a key. Until a person can have seen the question only the key that closes it counts.
pub fn press(desk: &mut Desk, keymap: &Keymap, key: Key) -> Effects {
    let command = match keymap.meaning(&[key], true) {
        Meaning::Command(command) => command.id,
        Meaning::Beginning | Meaning::Nothing => "",
    };
    let Some(question) = desk.question.as_mut() else {
        return Effects::none();
    };
    match command {
        "cancel" => return close(desk),
        _ if !question.is_seen() => {}
        "accept" => match question.accept() {
            Accepted::Cancel => return close(desk),
            Accepted::NotYet => {}
            Accepted::Act(asked) => {
                desk.question = None;
                return Effects::one(Effect::Act(Box::new(asked)));
            }
        },
        "choose-next" => question.step(true),
        "choose-previous" => question.step(false),
        _ => question.input(key),
    }
    Effects::none()
}

fn close(desk: &mut Desk) -> Effects {
    desk.question = None;
    desk.notice = Some("Cancelled: nothing was done".to_owned());
    Effects::none()
}

/// The state changed behind the question.
pub fn follow(desk: &mut Desk) {
    let Some(question) = desk.question.as_mut() else {
        return;
    };
    if let Err(why) = question.follow(&desk.state.incident) {
        desk.question = None;
        desk.notice = Some(format!("{why}: nothing was done"));
    }
}
