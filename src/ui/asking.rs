//! What keys, clicks and pastes do while a question stands.

use crate::model::effect::{Effect, Effects};

use super::desk::Desk;
use super::form::{self, Part};
use super::key::Key;
use super::keymap::{Keymap, Meaning};
use super::question::{Accepted, Focus};
use super::state::{Mouse, MouseKind};

/// How far a turn of the wheel scrolls.
const WHEEL: usize = 2;

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
        _ if question.moves_in_reason(key) => {}
        "accept" => return accept(desk),
        "choose-next" => question.step(true),
        "choose-previous" => question.step(false),
        "new-line" => question.new_line(),
        _ => {
            if question.input(key) {
                refresh(desk);
            }
        }
    }
    settle(desk);
    Effects::none()
}

/// Takes a click or a turn of the wheel. A click on the button that does it first gives it the
/// focus, as a key does; another one, once that can have been seen, presses it.
pub fn point(desk: &mut Desk, mouse: Mouse) -> Effects {
    let area = desk.area;
    let Some(question) = desk.question.as_mut() else {
        return Effects::none();
    };
    match mouse.what {
        MouseKind::WheelUp => question.scroll = question.scroll.saturating_sub(WHEEL),
        MouseKind::WheelDown => question.scroll = question.scroll.saturating_add(WHEEL),
        MouseKind::Drag | MouseKind::Release => return Effects::none(),
        MouseKind::Click if !question.is_seen() => {}
        MouseKind::Click => match form::of(question, area).at(mouse.column, mouse.row) {
            Some(Part::Button(Focus::Cancel)) => return close(desk),
            Some(Part::Button(Focus::Act)) if question.focus() == Focus::Act => {
                return accept(desk);
            }
            Some(Part::Button(focus) | Part::Field(focus)) => question.focus_on(focus),
            None => {}
        },
    }
    settle(desk);
    Effects::none()
}

/// Takes pasted words.
pub fn paste(desk: &mut Desk, words: &str) {
    if let Some(question) = desk.question.as_mut().filter(|q| q.is_seen()) {
        question.paste(words);
    }
}

fn accept(desk: &mut Desk) -> Effects {
    let Some(question) = desk.question.as_mut() else {
        return Effects::none();
    };
    match question.accept() {
        Accepted::Cancel => close(desk),
        Accepted::NotYet => Effects::none(),
        Accepted::Act(asked) => {
            desk.question = None;
            Effects::one(Effect::Act(asked))
        }
    }
}

fn close(desk: &mut Desk) -> Effects {
    desk.question = None;
    desk.notice = Some("Cancelled: nothing was done".to_owned());
    Effects::none()
}

/// Brings the scroll back into what there is.
fn settle(desk: &mut Desk) {
    let area = desk.area;
    if let Some(question) = desk.question.as_mut() {
        question.scroll = question.scroll.min(form::of(question, area).most_scroll());
    }
}

/// The person changed the wish.
fn refresh(desk: &mut Desk) {
    let (Some(question), Some(rules)) = (desk.question.as_mut(), desk.state.rules.as_ref()) else {
        return;
    };
    if let Err(why) = question.refresh(&desk.state.incident, rules) {
        give_up(desk, &why.to_string());
    }
}

/// The state changed behind the question.
pub fn follow(desk: &mut Desk) {
    let clock = desk.clock();
    let Some(question) = desk.question.as_mut() else {
        return;
    };
    let Some(rules) = desk.state.rules.as_ref() else {
        return give_up(desk, "nothing can be done from here any more");
    };
    if let Err(why) = question.follow(&desk.state.incident, clock, rules) {
        give_up(desk, &why.to_string());
    }
    settle(desk);
}

fn give_up(desk: &mut Desk, why: &str) {
    desk.question = None;
    desk.notice = Some(format!("{why}: nothing was done"));
}
