//! Storms: every key on every screen and in every prompt where nothing may be done, and bursts of
//! pastes and typed-ahead keys on open questions. Nothing of it acts.
//!
//! `ROTASCOPE_STORM` is how many times the usual storm is raised; `scripts/prove-guard` asks for
//! 20.

use std::io::Write as _;

use super::acts::{live, strict};
use super::{Bench, rich};
use crate::model::effect::Effect;
use crate::ui::key::{Key, KeyCode};
use crate::ui::{Message, Mouse, MouseKind, State, update};

/// Bursts of one usual storm.
const BURSTS: u64 = 500;

fn storms() -> u64 {
    let raised = std::env::var("ROTASCOPE_STORM").ok();
    raised.and_then(|words| words.parse().ok()).unwrap_or(1)
}

fn say(words: &str) {
    let _ = std::io::stderr().write_all(format!("{words}\n").as_bytes());
}

/// Numbers that are the same at each run (G. Steele and others, "Fast splittable pseudorandom
/// number generators", 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, many: usize) -> usize {
        usize::try_from(self.roll() % many as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

fn every_key(modifiers: [bool; 3]) -> Vec<Key> {
    let [ctrl, alt, shift] = modifiers;
    let printing = (' '..='~').map(KeyCode::Char);
    let named = [
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::Insert,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::F(1),
        KeyCode::F(12),
    ];
    printing
        .chain(named)
        .map(|code| Key::new(code, ctrl, alt, shift))
        .collect()
}

/// Live, and nobody may act.
fn read_only() -> State {
    let mut state = live();
    state.rules = None;
    state.live.as_mut().unwrap().person = None;
    state
}

#[test]
fn no_key_acts_where_nothing_may_be_done() {
    let screens = ["", "d", "e", "o", "2", "3", "?"];
    let prompts = ["", ":", "/", "t"];
    let modifiers = [
        [false, false, false],
        [true, false, false],
        [false, true, false],
        [false, false, true],
    ];
    let (mut pressed, mut acts) = (0, 0);
    for storm in 0..usize::try_from(storms()).unwrap() {
        let keys = every_key(modifiers[storm % modifiers.len()]);
        for state in [rich::found(), read_only()] {
            let mut bench = Bench::new(80, 24, state);
            for screen in screens {
                for prompt in prompts {
                    for key in &keys {
                        bench.press("esc esc esc 1");
                        bench.press(screen);
                        bench.press(prompt);
                        let effects = update(&mut bench.cockpit, Message::Key(*key)).0;
                        // What a prompt that holds something says yes to.
                        let more = bench.press("enter enter");
                        pressed += 1;
                        let all = effects.iter().chain(&more);
                        acts += all.filter(|e| matches!(e, Effect::Act(_))).count();
                        let _ = update(&mut bench.cockpit, Message::Seen);
                    }
                }
            }
        }
    }
    say(&format!("keys {pressed} acts {acts}"));
    assert_eq!(acts, 0);
}

/// A question under which the session becomes read-only is gone.
#[test]
fn no_question_outlives_the_leave_to_act() {
    let mut bench = Bench::new(80, 24, live());
    bench.press("g");
    let _ = update(&mut bench.cockpit, Message::Seen);
    bench.press("tab");
    let _ = update(&mut bench.cockpit, Message::Seen);
    bench.tell(read_only());
    bench.line_with("nothing can be done from here any more");
    assert!(bench.press("enter").is_empty());
}

/// One thing of a burst.
fn thrown(dice: &mut Dice, name: &str) -> Vec<Message> {
    let key = |code| Message::Key(Key::plain(code));
    let word = |words: &str| words.chars().map(|c| key(KeyCode::Char(c))).collect();
    match dice.below(12) {
        0..=2 => vec![key(KeyCode::Enter)],
        3 | 4 => vec![key(KeyCode::Tab)],
        5 => vec![Message::Key(Key::new(KeyCode::Tab, false, false, true))],
        6 => vec![key(dice.of(&[
            KeyCode::Left,
            KeyCode::Right,
            KeyCode::Up,
            KeyCode::Down,
        ]))],
        7 => word(name),
        8 => word(dice.of(&["y", "yes", " ", "leaked", "123456"])),
        9 | 10 => {
            let words = dice.of(&[
                "\r",
                "y\n",
                "payments/db",
                "payments/db\t\t\r",
                "123456\r\r",
            ]);
            vec![Message::Paste(words.to_owned())]
        }
        _ => {
            let (column, row) = (dice.below(80), dice.below(24));
            vec![Message::Mouse(Mouse {
                what: MouseKind::Click,
                column: u16::try_from(column).unwrap(),
                row: u16::try_from(row).unwrap(),
            })]
        }
    }
}

#[test]
fn no_burst_confirms() {
    let states = [live(), strict()];
    let mut dice = Dice(0x0001_2357);
    let (mut bursts, mut confirmations) = (0_u64, 0);
    let mut benches = states.map(|state| Bench::new(80, 24, state));
    while bursts < BURSTS * storms() {
        let bench = &mut benches[dice.below(2)];
        bench.press("esc esc esc 1");
        let _ = update(&mut bench.cockpit, Message::Seen);
        bench.press(dice.of(&["g", "R", "X", "Z", "E", "U", "i", "p", "P", "T"]));
        if bench.cockpit.question().is_none() {
            // A click of the burst before selected what the act makes no sense for.
            bench.press("home");
            continue;
        }
        // Before anybody can have seen it, or after.
        if dice.below(2) == 0 {
            let _ = update(&mut bench.cockpit, Message::Seen);
        }
        for _ in 0..=dice.below(12) {
            for message in thrown(&mut dice, "payments/db") {
                let effects = update(&mut bench.cockpit, message).0;
                confirmations += effects
                    .iter()
                    .filter(|e| matches!(e, Effect::Act(_)))
                    .count();
            }
        }
        bursts += 1;
    }
    say(&format!("bursts {bursts} confirmations {confirmations}"));
    assert_eq!(confirmations, 0);
}
