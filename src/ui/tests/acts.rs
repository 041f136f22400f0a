//! Acts: what is asked before them, that nothing confirms by a slip, and what is shown after.

use std::sync::Arc;
use std::time::Duration;

use super::{Bench, rich};
use crate::model::act::{ActNote, ActState};
use crate::model::effect::Effect;
use crate::model::intent::{Outcome, Verb};
use crate::model::link::{Link, LinkState, Live};
use crate::ui::{Message, State, update};

fn link(state: LinkState) -> Link {
    Link {
        name: "127.0.0.1:4117".into(),
        state,
        heard: Some(Duration::from_secs(12)),
        lag: None,
        events: 1234,
        behind: 0,
        drops: 2,
        missing: 7,
        error: Some("no word for 10 s".into()),
        acts: true,
    }
}

/// The night, live, where acts can be done.
pub fn live() -> State {
    State {
        live: Some(Live {
            following: true,
            scale: 60.0,
            links: Arc::new([link(LinkState::Live)]),
            acts: Arc::new([]),
            person: Some("mira".into()),
            recording: None,
        }),
        ..rich::found()
    }
}

fn with(change: impl FnOnce(&mut Live)) -> State {
    let mut state = live();
    change(state.live.as_mut().unwrap());
    state
}

/// Whatever a backend calls itself and says.
pub fn hostile(words: &[String]) -> Option<Live> {
    let word = |n: usize| words[n % words.len()].as_str();
    let mut live = live().live?;
    let mut link = link(LinkState::Lost);
    (link.name, link.error) = (word(0).into(), Some(word(1).into()));
    live.links = Arc::new([link]);
    live.recording = Some(word(2).into());
    live.acts = Arc::new([ActNote {
        key: word(3).to_owned(),
        verb: Verb::Freeze,
        target: word(4).into(),
        by: word(5).into(),
        at: rich::at(0),
        state: ActState::Told(Outcome::Failed {
            why: word(6).to_owned(),
        }),
    }]);
    Some(live)
}

fn told(state: ActState) -> State {
    with(|live| {
        live.acts = Arc::new([ActNote {
            key: "9c1e55aa".to_owned(),
            verb: Verb::Rollback,
            target: "payments/db".into(),
            by: "mira".into(),
            at: rich::at(700),
            state,
        }]);
    })
}

/// A person who looks at the question before they answer.
fn seen(bench: &mut Bench) {
    assert!(bench.cockpit.waits_to_be_seen());
    let _ = update(&mut bench.cockpit, Message::Seen);
    assert!(!bench.cockpit.waits_to_be_seen());
}

macro_rules! pictures {
    ($($name:ident: $columns:literal x $rows:literal, $key:literal;)+) => {$(
        #[test]
        fn $name() {
            let mut bench = Bench::new($columns, $rows, live());
            bench.press($key);
            assert!(bench.text().contains("▸ Cancel ◂"));
            insta::assert_snapshot!(bench.picture());
        }
    )+};
}

pictures! {
    roll_back_200x50: 200 x 50, "R";
    roll_back_80x24: 80 x 24, "R";
    roll_back_40x15: 40 x 15, "R";
    revoke_now_80x24: 80 x 24, "X";
    revoke_now_40x15: 40 x 15, "X";
    extend_grace_80x24: 80 x 24, "g";
}

#[test]
fn an_act_is_done_when_its_button_is_chosen_and_pressed() {
    let mut bench = Bench::new(80, 24, live());
    assert!(bench.press("g").is_empty());
    seen(&mut bench);
    let effects = bench.press("tab enter");
    let [Effect::Act(asked)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(asked.wish.verb, Verb::ExtendGrace);
    assert_eq!(asked.wish.seconds, Some(1800));
    assert!(asked.answer.confirmed);
    assert!(!bench.text().contains("▸ Do it"), "the question is gone");
}

#[test]
fn an_act_is_about_the_finding_that_is_read_and_else_about_the_row_that_was_chosen() {
    for (keys, about) in [
        ("p", "rot-7f3a"),
        ("e p", "rot-7f3a"),
        ("e tab p", "rot-c09"),
        ("down p", "rot-c09"),
    ] {
        let mut bench = Bench::new(80, 24, live());
        bench.press(keys);
        seen(&mut bench);
        let effects = bench.press("tab enter");
        let [Effect::Act(asked)] = effects.as_slice() else {
            panic!("{keys}: {effects:?}");
        };
        let rotation = asked.wish.rotation.as_ref().unwrap();
        assert_eq!(rotation.raw(), about, "{keys}");
    }
}

#[test]
fn a_question_that_is_not_drawn_takes_no_answer() {
    let mut bench = Bench::new(80, 24, live());
    bench.press("g");
    seen(&mut bench);
    bench.press("tab");
    let small = Message::Resize {
        columns: 30,
        rows: 8,
    };
    let _ = update(&mut bench.cockpit, small);
    assert!(bench.press("enter").is_empty());
    let _ = update(&mut bench.cockpit, Message::Seen);
    assert!(bench.cockpit.waits_to_be_seen(), "nothing was drawn");
    assert!(
        bench.press("tab enter").is_empty(),
        "nobody can have seen it"
    );
}

#[test]
fn keys_of_acts_are_named_only_where_they_act() {
    let next = |state| {
        let mut bench = Bench::new(80, 24, state);
        bench.line_with("next:")
    };
    assert!(next(live()).contains("p re-push"));
    let past = with(|live| live.following = false);
    let nobody = with(|live| live.person = None);
    for state in [rich::found(), past, nobody] {
        let line = next(state);
        assert!(line.contains("next: re-push"), "{line}");
    }
}

#[test]
fn cancel_has_the_focus_and_escape_cancels() {
    for keys in ["enter", "esc"] {
        let mut bench = Bench::new(80, 24, live());
        bench.press("g");
        seen(&mut bench);
        assert!(bench.press(keys).is_empty());
        assert!(bench.text().contains("nothing was done"), "{keys}");
    }
}

#[test]
fn what_disrupts_wants_the_name_typed_and_what_destroys_a_reason_too() {
    let mut bench = Bench::new(80, 24, live());
    bench.press("X");
    seen(&mut bench);
    assert!(bench.press("tab enter").is_empty());
    bench.line_with("The name is not payments/db yet");
    assert!(bench.press("payments/d enter enter tab enter").is_empty());
    bench.press("esc X");
    seen(&mut bench);
    // Typing leads into the line that wants it.
    assert!(bench.press("payments/db enter enter tab enter").is_empty());
    bench.line_with("A reason is needed");
    let effects = bench.press("leaked enter tab enter");
    let [Effect::Act(asked)] = effects.as_slice() else {
        panic!("{effects:?}\n{}", bench.text());
    };
    assert_eq!(asked.answer.typed, "payments/db");
    assert_eq!(asked.answer.reason, "leaked");
}

#[test]
fn nothing_pasted_and_nothing_typed_ahead_confirms() {
    for paste in ["payments/db", "\t\r", "y\n", "payments/db\t\t\r"] {
        let mut bench = Bench::new(80, 24, live());
        bench.press("R");
        let _ = update(&mut bench.cockpit, Message::Paste(paste.to_owned()));
        seen(&mut bench);
        let effects = update(&mut bench.cockpit, Message::Paste(paste.to_owned()));
        assert!(effects.0.is_empty());
        assert!(bench.press("tab enter").is_empty(), "no name was pasted");
    }
    let mut bench = Bench::new(80, 24, live());
    assert!(bench.press("g tab enter tab tab enter enter").is_empty());
    assert!(bench.text().contains("▸ Cancel ◂"));
}

#[test]
fn a_question_whose_state_changes_says_so_and_is_asked_anew() {
    let mut bench = Bench::new(80, 24, live());
    bench.press("g");
    seen(&mut bench);
    bench.press("tab");
    let mut state = live();
    rich::extend(&mut state);
    bench.tell(state);
    assert!(bench.press("enter").is_empty());
    let text = bench.text();
    assert!(text.contains("Something has changed"), "{text}");
    assert!(text.contains("▸ Cancel ◂"));
}

#[test]
fn where_nothing_can_be_done_it_is_said_plainly() {
    let past = with(|live| live.following = false);
    let read_only = with(|live| live.person = None);
    for (state, word) in [
        (rich::found(), "the past cannot be acted on"),
        (past, "return to now"),
        (read_only, "read-only"),
    ] {
        for key in ["g", "R", "Z", "E", "X", "p", "i"] {
            let mut bench = Bench::new(120, 24, state.clone());
            assert!(bench.press(key).is_empty());
            assert!(!bench.cockpit.waits_to_be_seen());
            bench.line_with(word);
        }
    }
}

#[test]
fn what_became_of_an_act_stands_until_it_has_been_read() {
    let why = "the engine does not know this act".to_owned();
    let mut bench = Bench::new(120, 24, told(ActState::Told(Outcome::Unknown { why })));
    bench.line_with("unknown, being asked");
    bench.press("down up 1");
    bench.line_with("unknown, being asked");
    bench.press("esc");
    assert!(!bench.text().contains("being asked"));
    let words = "rolled back".to_owned();
    bench.tell(told(ActState::Told(Outcome::Observed { words })));
    bench.line_with("rollback payments/db (mira, act 9c1e): done: rolled back");
}

#[test]
fn the_header_says_whether_it_is_now_and_who_is_silent() {
    let mut bench = Bench::new(120, 24, live());
    bench.line_with("live ×60");
    bench.tell(with(|live| live.links = Arc::new([link(LinkState::Lost)])));
    bench.line_with("✗ lost 12 s: 127.0.0.1:4117");
    bench.tell(with(|live| live.following = false));
    bench.line_with("behind");
    bench.press("2");
    let text = bench.text();
    for words in ["lost 2 times", "7 events missing", "no word for 10 s"] {
        assert!(text.contains(words), "{text}");
    }
}
