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
    let cutover = SeekTo::Mark(Direction::Backward, Some(MarkKind::Cutover));
    assert_eq!(bench.press("C"), replay(ReplayCommand::Seek(cutover)));
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
    let lines: Vec<&str> = words.lines().collect();
    assert!(lines[0].starts_with("2026-11-23 03:12:40 UTC: payments/db (rot-7f3a): 41 of 120"));
    assert!(
        words.contains("When: grace ends at 2026-11-23 03:18:52 UTC"),
        "{words}"
    );
    assert!(bench.text().contains("on the clipboard"));
}

#[test]
fn the_status_update_says_what_where_how_much_and_what_was_done() {
    let mut state = rich::found();
    let mut story = rich::Story::from(state.incident.clone());
    let act = serde_json::json!({"action": "extend-grace", "phase": "executed", "actor": "@mira\u{1b}[31m",
        "target": "payments/db", "risk": "reversible", "idempotency_key": "k1",
        "reason": "password is hunter2"});
    story.tell(400, "/engine/prod", "action", "rot-7f3a", &act);
    state.incident = story.incident;
    let mut bench = Bench::new(80, 24, state);
    let effects = bench.press("y");
    let [Effect::Copy(words)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    insta::assert_snapshot!(words);
    assert!(!words.contains("hunter2"));
    assert!(!words.chars().any(|c| c.is_control() && c != '\n'));
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

#[test]
fn until_a_person_selects_one_the_worst_is_selected() {
    let mut bench = Bench::new(80, 24, rich::night());
    assert!(bench.line_with("✗ payments/db").starts_with('▌'));
    bench.tell(with_worse("rot-k42"));
    assert!(bench.line_with("✗ gateway/jwks").starts_with('▌'));
    let mut bench = Bench::new(80, 24, rich::night());
    bench.press("down up");
    bench.tell(with_worse("rot-k42"));
    assert!(bench.line_with("✗ payments/db").starts_with('▌'));
}

/// The night, with a consumer of the rotation cut off: nothing is worse.
fn with_worse(rotation: &str) -> crate::ui::State {
    let mut state = rich::night();
    let mut story = rich::Story::default();
    story.incident = state.incident;
    let secret = "gateway/jwks";
    story.consumer(757, secret, "gateway-eu-1-0", "eu-1", "k42", "failed");
    let data = serde_json::json!({"stage": "revoke", "status": "completed"});
    story.tell(758, "/engine/other", "rotation.stage", rotation, &data);
    state.incident = story.incident;
    state
}

#[test]
fn an_open_rotation_stays_open_where_the_recording_goes_before_it_began() {
    let mut bench = Bench::new(80, 24, rich::night());
    bench.press("/ jwks enter enter");
    bench.line_with("Rotation ▸ gateway/jwks (rot-k42)");
    let mut before = rich::night();
    let mut story = rich::Story::default();
    let data = serde_json::json!({"secret": "edge/tls"});
    story.tell(-60, "/engine/prod", "rotation.started", "rot-c09", &data);
    before.incident = story.incident;
    bench.tell(before);
    bench.line_with("Rotation ▸ rot-k42");
    bench.line_with("rot-k42 has not begun at this moment");
    bench.press("esc");
    assert!(bench.line_with("edge/tls").starts_with('▌'));
    bench.tell(rich::night());
    assert!(bench.line_with("gateway/jwks").starts_with('▌'));
}

#[test]
fn a_key_that_leads_to_no_mark_says_so() {
    let mut bench = Bench::new(80, 24, rich::night());
    assert_eq!(bench.press("f"), vec![]);
    bench.line_with("No failure after this moment");
    let mut state = rich::night();
    state.player.at = state.player.to;
    bench.tell(state);
    assert_eq!(bench.press("]"), vec![]);
    bench.line_with("No mark after this moment");
    assert_eq!(
        bench.press("["),
        replay(ReplayCommand::Seek(SeekTo::Mark(Direction::Backward, None)))
    );
}

#[test]
fn the_end_and_an_empty_recording_are_no_pause() {
    let mut state = rich::night();
    state.player.playing = false;
    let mut bench = Bench::new(80, 24, state.clone());
    bench.line_with("paused ×10");
    state.player.at = state.player.to;
    bench.tell(state);
    bench.line_with("at the end");
    let mut empty = rich::nothing();
    empty.loading.done = true;
    bench.tell(empty);
    bench.line_with("nothing to play");
}

#[test]
fn what_was_cut_short_is_told_beside_what_was_rejected() {
    let mut state = rich::night();
    let words = "logs/vault.zst: the archive ends early at line 1, byte 0 of its content; what \
                 came before was read, fetch the file anew for the rest";
    state.loading.trouble = vec![words.into()];
    let mut bench = Bench::new(80, 24, state);
    bench.line_with("1 cut short, 2 rejected");
    bench.press("3");
    bench.line_with("logs/vault.zst: the archive ends early");
    bench.line_with("fetch the file anew for the rest");
    bench.line_with("not JSON: expected");
}

#[test]
fn a_worse_canary_is_no_calm() {
    let mut story = rich::Story::default();
    let started = serde_json::json!({"secret": "payments/db"});
    story.tell(0, "/engine/prod", "rotation.started", "r1", &started);
    for (cohort, errors) in [("canary", 12), ("baseline", 0)] {
        let data = serde_json::json!({"service": "checkout", "region": "eu-1", "cohort": cohort,
            "window_seconds": 30, "total": 1000, "errors": errors});
        story.tell(30, "/prometheus/main", "canary.sample", "", &data);
    }
    let mut state = rich::night();
    story.incident.tick(rich::at(31));
    state.incident = story.incident.clone();
    let mut bench = Bench::new(80, 24, state.clone());
    bench.line_with("The canary of checkout in eu-1 is worse: 1.2 % of its calls fail");
    bench.line_with("1 rotation runs and hurts nobody");
    story.incident.tick(rich::at(600));
    state.incident = story.incident;
    bench.tell(state);
    assert!(bench.line_with("checkout").ends_with("gap 9 min"));
    assert!(!bench.text().contains("worse:"));
}

#[test]
fn a_stranger_who_is_refused_stands_behind_a_service_that_worked() {
    let mut story = rich::Story::default();
    for n in 0..20 {
        let failed = if n < 16 { 0 } else { 250 };
        story.auth(n * 30, "ledger", "eu-1", failed);
    }
    let data = serde_json::json!({"service": "stranger", "window_seconds": 30, "total": 3,
        "failed_401": 3, "failed_403": 0});
    story.tell(570, "/vault/main", "auth.sample", "", &data);
    story.incident.tick(rich::at(575));
    let mut state = rich::night();
    state.incident = story.incident;
    let mut bench = Bench::new(80, 24, state);
    let text = bench.text();
    let first = text.lines().find(|line| line.starts_with('✗'));
    assert!(first.is_some_and(|line| line.contains("ledger")), "{text}");
    bench.line_with("ledger in eu-1 is refused 25 % (usual 0.0 %)");
    assert!(bench.line_with("stranger").starts_with('✗'));
}

#[test]
fn a_wide_screen_tells_the_regions_of_a_service_apart() {
    let mut bench = Bench::new(200, 50, rich::night());
    bench.line_with("checkout eu-1");
    bench.line_with("checkout us-2");
    let mut narrow = Bench::new(40, 15, rich::night());
    narrow.line_with("checkout eu-1");
}
