//! Acts: what is asked before them, that nothing confirms by a slip, and what is shown after.

use std::sync::Arc;
use std::time::Duration;

use super::{Bench, rich};
use crate::guard::Rules;
use crate::model::act::{ActNote, ActState};
use crate::model::effect::Effect;
use crate::model::intent::{Outcome, Verb};
use crate::model::link::{Link, LinkState, Live};
use crate::ui::{Message, Mouse, MouseKind, State, update};

pub fn link(state: LinkState) -> Link {
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
        rules: Some(Arc::new(Rules::demo("mira".into()))),
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

pub fn with(change: impl FnOnce(&mut Live)) -> State {
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

pub fn told(state: ActState) -> State {
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
pub fn seen(bench: &mut Bench) {
    assert!(bench.cockpit.waits_to_be_seen());
    let _ = update(&mut bench.cockpit, Message::Seen);
    assert!(!bench.cockpit.waits_to_be_seen());
}

/// Where a critical secret is destroyed only with a code and by two.
pub fn strict() -> State {
    State {
        rules: Some(Arc::new(Rules::standard("mira".into()))),
        ..live()
    }
}

/// Looks, leads the focus to the button that does it, looks again and presses it.
fn confirm(bench: &mut Bench, keys: &str) -> Vec<Effect> {
    seen(bench);
    let led = bench.press(keys);
    assert!(led.is_empty(), "{led:?}");
    seen(bench);
    bench.press("enter")
}

macro_rules! pictures {
    ($($name:ident: $columns:literal x $rows:literal, $state:expr, $key:literal;)+) => {$(
        #[test]
        fn $name() {
            let mut bench = Bench::new($columns, $rows, $state);
            bench.press($key);
            assert!(bench.text().contains("▸ Cancel ◂"));
            insta::assert_snapshot!(bench.picture());
        }
    )+};
}

pictures! {
    roll_back_200x50: 200 x 50, live(), "R";
    roll_back_80x24: 80 x 24, live(), "R";
    roll_back_40x15: 40 x 15, live(), "R";
    revoke_now_200x50: 200 x 50, strict(), "X";
    revoke_now_80x24: 80 x 24, strict(), "X";
    revoke_now_40x15: 40 x 15, strict(), "X";
    extend_grace_200x50: 200 x 50, live(), "g";
    extend_grace_80x24: 80 x 24, live(), "g";
    extend_grace_40x15: 40 x 15, live(), "g";
}

#[test]
fn an_act_is_done_when_its_button_is_chosen_and_pressed() {
    let mut bench = Bench::new(80, 24, live());
    assert!(bench.press("g").is_empty());
    seen(&mut bench);
    assert!(bench.press("tab").is_empty());
    seen(&mut bench);
    let effects = bench.press("enter");
    let [Effect::Act(asked)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(asked.wish.verb, Verb::ExtendGrace);
    assert_eq!(asked.wish.seconds, Some(1800));
    assert!(asked.answer.confirmed);
    assert!(!bench.text().contains("Cancel"), "the question is gone");
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
        let effects = confirm(&mut bench, "tab");
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
    assert!(bench.press("leaked alt-enter again enter tab").is_empty());
    seen(&mut bench);
    let effects = bench.press("enter");
    let [Effect::Act(asked)] = effects.as_slice() else {
        panic!("{effects:?}\n{}", bench.text());
    };
    assert_eq!(asked.answer.typed, "payments/db");
    assert_eq!(asked.answer.reason, "leaked again");
}

#[test]
fn a_code_is_asked_for_shown_as_dots_and_handed_on() {
    let mut bench = Bench::new(80, 24, strict());
    bench.press("X");
    seen(&mut bench);
    bench.press("payments/db tab leaked tab tab tab enter");
    bench.line_with("The code of your authenticator is needed");
    assert!(
        bench.line_with("Code  ").contains("Code"),
        "it has the focus"
    );
    bench.press("123-456");
    let text = bench.text();
    assert!(text.contains("•••••••") && !text.contains("123"), "{text}");
    let shown = format!("{:?}", bench.cockpit.question());
    assert!(!shown.contains("123"), "{shown}");
    bench.press("tab tab");
    seen(&mut bench);
    let effects = bench.press("enter");
    assert!(!format!("{effects:?}").contains("123"));
    let [Effect::Act(asked)] = effects.as_slice() else {
        panic!("{effects:?}\n{}", bench.text());
    };
    assert_eq!(asked.answer.code.raw(), "123-456");
}

#[test]
fn a_second_person_is_announced_before_anything_is_asked() {
    let mut bench = Bench::new(80, 24, strict());
    bench.press("X");
    bench.line_with("a second person has to approve it");
    let mut bench = Bench::new(80, 24, live());
    bench.press("X");
    assert!(!bench.text().contains("second person"));
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
        bench.line_with("Nothing pasted is taken here");
        assert!(confirm_again(&mut bench).is_empty(), "no name was pasted");
    }
    let mut bench = Bench::new(80, 24, live());
    assert!(bench.press("g tab enter tab tab enter enter").is_empty());
    assert!(bench.text().contains("▸ Cancel ◂"));
    // All at once on a question that was seen: nobody saw where the keys led.
    seen(&mut bench);
    assert!(bench.press("tab enter enter enter").is_empty());
    bench.line_with("Look at it for a moment");
    seen(&mut bench);
    assert_eq!(bench.press("enter").len(), 1);
}

fn confirm_again(bench: &mut Bench) -> Vec<Effect> {
    bench.press("tab");
    let _ = update(&mut bench.cockpit, Message::Seen);
    bench.press("enter")
}

#[test]
fn a_reason_takes_what_is_pasted_and_wraps() {
    let mut bench = Bench::new(40, 15, live());
    bench.press("X");
    seen(&mut bench);
    bench.press("tab tab tab");
    let words = "INC-4711: the build log shows it\nsince noon";
    let _ = update(&mut bench.cockpit, Message::Paste(words.to_owned()));
    bench.line_with("since noon");
    assert!(bench.text().contains("INC-4711") || bench.text().contains("shows it"));
}

#[test]
fn the_length_of_a_grace_period_is_chosen_or_typed() {
    for (keys, seconds) in [
        ("tab", 1800),
        ("shift-tab right tab tab", 3600),
        ("shift-tab right right tab tab", 4 * 3600),
        ("45m tab tab", 2700),
    ] {
        let mut bench = Bench::new(80, 24, live());
        bench.press("g");
        let effects = confirm(&mut bench, keys);
        let [Effect::Act(asked)] = effects.as_slice() else {
            panic!("{keys}: {effects:?}\n{}", bench.text());
        };
        assert_eq!(asked.wish.seconds, Some(seconds), "{keys}");
    }
    let mut bench = Bench::new(80, 24, live());
    bench.press("g");
    seen(&mut bench);
    bench.press("2h");
    bench.line_with("stays valid for 2 h longer");
    bench.press("backspace backspace 0 tab tab enter");
    bench.line_with("This is no length");
}

#[test]
fn a_question_whose_state_changes_says_what_changed_and_is_asked_anew() {
    let mut bench = Bench::new(80, 24, live());
    bench.press("R");
    seen(&mut bench);
    bench.press("payments/db tab tab");
    let mut state = live();
    rich::extend(&mut state);
    bench.tell(state);
    assert!(bench.press("enter").is_empty());
    let text = bench.text();
    assert!(
        text.contains("Changed: grace ends at 04:06:40 now"),
        "{text}"
    );
    assert!(text.contains("▸ Cancel ◂"));
    seen(&mut bench);
    assert!(
        confirm_again(&mut bench).is_empty(),
        "the name is to be typed anew"
    );
}

#[test]
fn a_phone_shows_the_act_whom_it_hits_what_breaks_and_the_field() {
    for (key, words) in [
        (
            "R",
            ["Roll back", "120 consumers", "If wrong", "Type payments/db"],
        ),
        ("X", ["Revoke", "consumer", "If wrong", "Type payments/db"]),
        ("g", ["Extend", "v17 stays valid", "If wrong", "30m"]),
    ] {
        let mut bench = Bench::new(40, 15, strict());
        bench.press(key);
        let text = bench.text();
        for word in words {
            assert!(text.contains(word), "{word} in\n{text}");
        }
        seen(&mut bench);
        // What does not fit is a key away.
        if text.contains("pgdn") {
            bench.press("page-down page-down page-down");
            assert!(bench.text().contains("Undo") || bench.text().contains("Then"));
        }
    }
}

fn click(bench: &mut Bench, words: &str) -> Vec<Effect> {
    let text = bench.text();
    let lines = text.lines().enumerate();
    let (row, line) = lines
        .filter(|(_, line)| line.contains(words))
        .last()
        .unwrap_or_else(|| panic!("no {words:?} in\n{text}"));
    let before = line.split(words).next().unwrap();
    let mouse = Mouse {
        what: MouseKind::Click,
        column: u16::try_from(crate::ui::fit::width(before)).unwrap(),
        row: u16::try_from(row).unwrap(),
    };
    update(&mut bench.cockpit, Message::Mouse(mouse)).0
}

#[test]
fn a_click_answers_a_question_as_slowly_as_a_key() {
    let mut bench = Bench::new(80, 24, live());
    bench.press("g");
    assert!(click(&mut bench, "Extend grace ").is_empty());
    assert!(bench.text().contains("▸ Cancel ◂"), "nobody has seen it");
    seen(&mut bench);
    // A double click is one click: it leads there.
    for _ in 0..3 {
        assert!(click(&mut bench, "Extend grace ").is_empty());
    }
    assert!(bench.text().contains("▸ Extend grace ◂"));
    seen(&mut bench);
    let effects = click(&mut bench, "Extend grace ");
    assert!(
        matches!(effects.as_slice(), [Effect::Act(_)]),
        "{effects:?}"
    );
    let mut bench = Bench::new(80, 24, live());
    bench.press("X");
    seen(&mut bench);
    click(&mut bench, "Reason");
    bench.press("leaked");
    bench.line_with("leaked");
    let _ = update(&mut bench.cockpit, Message::Seen);
    click(&mut bench, "Cancel");
    bench.line_with("nothing was done");
}

#[test]
fn keys_on_the_screen_can_be_clicked() {
    let mut bench = Bench::new(120, 24, live());
    assert!(click(&mut bench, "g extend the grace").is_empty());
    bench.line_with("Extend the grace period of payments/db");
    bench.press("esc 1");
    click(&mut bench, "? help");
    bench.line_with("── Help");
    // A while later: at once it would be the second click of two.
    let _ = update(&mut bench.cockpit, Message::Seen);
    click(&mut bench, "esc back");
    bench.line_with("── Rotations");
    assert_eq!(click(&mut bench, "q quit"), [Effect::Quit]);
    let mut bench = Bench::new(80, 24, live());
    click(&mut bench, "rate limit");
    assert!(bench.line_with("rate limit").starts_with('▌'));
    click(&mut bench, "rate limit");
    assert!(!bench.text().contains("── Why"), "it was a double click");
    let _ = update(&mut bench.cockpit, Message::Seen);
    click(&mut bench, "rate limit");
    bench.line_with("── Why ▸ F3");
    click(&mut bench, "s slow the rotation down");
    bench.line_with("Slow down the rotation of edge/tls");
}

#[test]
fn where_nothing_can_be_done_it_is_said_plainly() {
    let past = with(|live| live.following = false);
    let read_only = with(|live| live.person = None);
    for (state, word) in [
        (rich::found(), "the past cannot be acted on"),
        (past, "return to now first (>)"),
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
    bench.line_with("Unknown, being asked");
    bench.press("down up 1");
    bench.line_with("Unknown, being asked");
    bench.press("esc");
    assert!(!bench.text().contains("being asked"));
    let words = "rolled back".to_owned();
    bench.tell(told(ActState::Told(Outcome::Observed { words })));
    bench.line_with("Done: rollback payments/db (mira, act 9c1e): rolled back");
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
