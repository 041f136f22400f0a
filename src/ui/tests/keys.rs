//! What keys and the mouse do.

use super::{Bench, rich};
use crate::model::effect::Effect;
use crate::model::replay::{Direction, MarkKind, ReplayCommand, SeekTo, Speed};
use crate::ui::{Message, Mouse, MouseKind, update};

fn replay(command: ReplayCommand) -> Vec<Effect> {
    vec![Effect::Replay(command)]
}

#[test]
fn the_player_is_asked_in_plain_data() {
    let mut bench = Bench::new(80, 24, rich::night());
    assert_eq!(bench.press("space"), replay(ReplayCommand::Toggle));
    let faster = ReplayCommand::Speed(Speed::Times(20.0));
    assert_eq!(bench.press("+"), replay(faster));
    let cutover = SeekTo::Mark(Direction::Forward, Some(MarkKind::Cutover));
    assert_eq!(bench.press("c"), replay(ReplayCommand::Seek(cutover)));
    let time = SeekTo::Time(rich::at(720));
    assert_eq!(
        bench.press("t 03:12 enter"),
        replay(ReplayCommand::Seek(time))
    );
    assert_eq!(
        bench.press("t 40% enter"),
        replay(ReplayCommand::Seek(SeekTo::Share(0.4)))
    );
    assert_eq!(bench.press("q"), vec![Effect::Quit]);
}

#[test]
fn a_prompt_that_cannot_be_done_stays_open_and_says_why() {
    let mut bench = Bench::new(80, 24, rich::night());
    assert_eq!(bench.press("t soon enter"), vec![]);
    bench.line_with("no place in the recording");
    assert_eq!(bench.press("esc"), vec![]);
    assert!(!bench.text().contains("no place"));
}

#[test]
fn escape_goes_back_and_never_acts() {
    let mut bench = Bench::new(80, 24, rich::night());
    let on_call = bench.text();
    for keys in ["2", "3", "?", "enter", ":", "/", "t", "2 3 ? :"] {
        let effects = bench.press(keys);
        assert_eq!(effects, vec![], "{keys}");
        for _ in keys.split(' ') {
            assert_eq!(bench.press("esc"), vec![], "{keys}");
        }
        assert_eq!(bench.text(), on_call, "{keys}");
    }
    assert_eq!(bench.press("esc esc"), vec![]);
    assert_eq!(bench.text(), on_call);
}

#[test]
fn letters_typed_into_a_prompt_are_no_commands() {
    let mut bench = Bench::new(80, 24, rich::night());
    assert_eq!(bench.press("/ q"), vec![]);
    bench.line_with("Find a rotation");
}

#[test]
fn find_jumps_to_a_rotation_and_goes_on_round_the_end() {
    let mut bench = Bench::new(80, 24, rich::night());
    bench.press("/ REP enter");
    assert!(bench.line_with("reports/smtp").starts_with('▌'));
    bench.press("/ t enter");
    assert!(
        bench.line_with("reports/smtp").starts_with('▌'),
        "the selected one still matches"
    );
    bench.press("n");
    assert!(!bench.line_with("reports/smtp").starts_with('▌'));
}

#[test]
fn the_palette_runs_commands_and_opens_rotations() {
    let mut bench = Bench::new(80, 24, rich::night());
    bench.press(": backends enter");
    bench.line_with("── Backends");
    bench.press("esc : jwks enter");
    bench.line_with("Rotation ▸ gateway/jwks (rot-k42)");
    bench.press("esc : refunds");
    bench.line_with("service");
}

#[test]
fn the_selected_row_stays_on_its_line_when_the_order_changes() {
    let mut bench = Bench::new(80, 24, rich::night());
    bench.press("down down");
    let line = |bench: &mut Bench| {
        let text = bench.text();
        text.lines().position(|line| line.starts_with('▌')).unwrap()
    };
    let before = line(&mut bench);
    assert!(bench.line_with("gateway/jwks").starts_with('▌'));
    let mut story = rich::Story::default();
    story.incident = rich::night().incident;
    // A stage fails: the rotation is now the worst but one.
    let failed = serde_json::json!({"stage": "revoke", "status": "failed", "error": "refused"});
    story.tell(759, "/engine/other", "rotation.stage", "rot-k42", &failed);
    let mut state = rich::night();
    state.incident = story.incident;
    bench.tell(state);
    assert!(bench.line_with("gateway/jwks").starts_with('▌'));
    assert!(
        line(&mut bench) <= before,
        "it only moves where the list cannot scroll"
    );
}

#[test]
fn one_key_shows_the_local_zone_and_one_shows_moments() {
    let mut bench = Bench::new(80, 24, rich::night());
    bench.line_with("03:12:40 UTC");
    bench.press("z");
    bench.line_with("04:12:40 +01:00");
    bench.press("z a");
    bench.line_with("03:12:32 vault");
}

#[test]
fn an_unchanged_state_is_not_drawn() {
    let mut bench = Bench::new(80, 24, rich::night());
    assert!(bench.cockpit.take_dirty());
    assert!(!bench.cockpit.take_dirty());
    bench.tell(rich::night());
    assert!(!bench.cockpit.take_dirty());
    let _ = bench.press("down");
    assert!(bench.cockpit.take_dirty());
    let mut later = rich::night();
    later.incident.tick(rich::at(761));
    bench.tell(later);
    assert!(bench.cockpit.take_dirty());
}

#[test]
fn sequences_of_keys_wait_and_show_that_they_do() {
    let mut bench = Bench::with_keymap(80, 24, rich::night(), "vim");
    bench.press("G g");
    assert!(bench.text().lines().last().unwrap().contains(" g "));
    assert!(bench.line_with("reports/smtp").starts_with('▌'));
    bench.press("g");
    assert!(bench.line_with("payments/db  ").starts_with('▌'));
    let mut emacs = Bench::with_keymap(80, 24, rich::night(), "emacs");
    assert_eq!(emacs.press("ctrl-x ctrl-c"), vec![Effect::Quit]);
    assert_eq!(
        emacs.press("ctrl-x down"),
        vec![],
        "a broken sequence is its last key"
    );
}

#[test]
fn the_mouse_selects_scrolls_and_seeks() {
    let mut bench = Bench::new(80, 24, rich::night());
    let text = bench.text();
    let row = text
        .lines()
        .position(|line| line.contains("edge/tls"))
        .unwrap();
    let mut mouse = |what, column, row| {
        let row = u16::try_from(row).unwrap();
        update(
            &mut bench.cockpit,
            Message::Mouse(Mouse { what, column, row }),
        )
        .0
    };
    assert_eq!(mouse(MouseKind::Click, 20, row), vec![]);
    let sought = mouse(MouseKind::Click, 10, 22);
    assert_eq!(sought, replay(ReplayCommand::Seek(SeekTo::Share(0.0))));
    mouse(MouseKind::WheelDown, 20, row);
    assert!(bench.line_with("reports/smtp").starts_with('▌'));
}

#[test]
fn without_a_recording_there_is_nothing_to_play() {
    let mut cockpit = crate::ui::Cockpit::new(crate::ui::Setup {
        title: "live".into(),
        keymap: crate::ui::Keymap::built_in("default").unwrap(),
        theme: crate::ui::Theme::built_in("none").unwrap(),
        replay: false,
        local: false,
    });
    let key = crate::ui::Key::parse("space").unwrap();
    assert_eq!(update(&mut cockpit, Message::Key(key)).0, vec![]);
}

#[test]
fn the_status_update_names_its_moment() {
    let mut bench = Bench::new(80, 24, rich::night());
    let effects = bench.press("y");
    let [Effect::Copy(words)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert!(words.starts_with("2026-11-23 03:12:40 UTC: payments/db (rot-7f3a): 41 of 120"));
    assert!(words.ends_with("grace ends at 03:18:52 UTC"));
}

#[test]
fn a_rotation_that_was_rolled_back_leaves_nobody_behind() {
    let mut state = rich::night();
    let mut story = rich::Story::default();
    story.incident = state.incident;
    let back = serde_json::json!({"outcome": "rolled_back", "reason": "eu-1 is refused"});
    story.tell(759, "/engine/other", "rotation.finished", "rot-7f3a", &back);
    state.incident = story.incident;
    let mut bench = Bench::new(80, 24, state);
    assert!(bench.line_with("payments/db").contains("rolled ←"));
    assert!(!bench.text().contains("still on v17"));
}
