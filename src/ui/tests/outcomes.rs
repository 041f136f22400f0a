//! What is shown of an act afterwards, what it brought about, and what stands under every screen.

use super::acts::{live, seen, strict, told, with};
use super::{Bench, rich};
use crate::model::act::ActState;
use crate::model::intent::Outcome;
use crate::ui::State;

/// The night after a roll-back at 03:11:40, with so many of 1000 refused since, up to a moment.
fn since(failed: u64, until: i64) -> State {
    let words = "rolled back".to_owned();
    let mut state = told(ActState::Told(Outcome::Observed { words }));
    let mut story = rich::Story::from(state.incident.clone());
    for end in (26..).map(|n| n * 30).take_while(|end| *end <= until) {
        story.auth(end, "checkout", "eu-1", failed);
    }
    story.incident.tick(rich::at(until));
    state.incident = story.incident;
    state
}

#[test]
fn the_outcome_says_what_the_act_brought_about() {
    for (state, words) in [
        (since(3, 860), "401 9.1 % → 0.3 % in 80 s, healed"),
        (since(90, 800), "→ 9.0 % so far"),
    ] {
        let mut bench = Bench::new(160, 30, state);
        let line = bench.line_with("Done: rollback payments/db");
        assert!(line.contains(words), "{line}");
    }
    let mut bench = Bench::new(160, 30, since(90, 1000));
    let line = bench.line_with("no effect in 5 min");
    assert!(
        line.ends_with("next: look again at what is found"),
        "{line}"
    );
    // What heals after its outcome was read is told.
    let mut bench = Bench::new(160, 30, since(3, 770));
    bench.press("esc");
    assert!(!bench.text().contains("Done:"));
    bench.tell(since(3, 860));
    bench.line_with("Healed: rollback payments/db (mira, act 9c1e): 401");
    bench.press("esc");
    assert!(!bench.text().contains("Healed:"));
    // It is kept where the rotation is.
    bench.press("d");
    assert!(
        bench.text().contains("rollback by mira: done, 401"),
        "{}",
        bench.text()
    );
}

#[test]
fn a_small_screen_shows_all_of_an_outcome_before_its_keys() {
    for (columns, rows) in [(80, 24), (40, 15)] {
        let mut bench = Bench::new(columns, rows, since(3, 860));
        let text = bench.text();
        let tail = text.lines().rev().take(6).collect::<Vec<_>>();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        let words = tail
            .join(" ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(
            words.contains("Done: rollback payments/db (mira, act 9c1e): rolled back"),
            "{text}"
        );
        assert!(words.contains("0.3 % in 80 s, healed"), "{text}");
        assert!(text.lines().last().unwrap().contains("esc read"), "{text}");
    }
}

macro_rules! outcomes {
    ($($name:ident: $columns:literal x $rows:literal, $state:expr;)+) => {$(
        #[test]
        fn $name() {
            let mut bench = Bench::new($columns, $rows, $state);
            insta::assert_snapshot!(bench.picture());
        }
    )+};
}

fn waiting() -> State {
    let mut state = told(ActState::Waiting {
        id: "7f3a-91".to_owned(),
        until: rich::at(1032),
    });
    if let Some(live) = state.live.as_mut() {
        live.scale = 1.0;
    }
    state
}

fn refused() -> State {
    told(ActState::Refused(
        "the code was used already: wait for the next one".to_owned(),
    ))
}

fn frozen() -> State {
    let mut state = live();
    rich::freeze(&mut state);
    state
}

/// A question that was answered half when its state changed.
fn changed(columns: u16, rows: u16) -> Bench {
    let mut bench = Bench::new(columns, rows, strict());
    bench.press("X");
    seen(&mut bench);
    bench.press("payments/db tab leaked");
    let mut state = strict();
    rich::extend(&mut state);
    bench.tell(state);
    bench
}

#[test]
fn changed_under_the_question() {
    for (columns, rows) in [(200, 50), (80, 24), (40, 15)] {
        let mut bench = changed(columns, rows);
        assert!(bench.text().contains("▸ Cancel ◂"));
        insta::assert_snapshot!(format!("changed_{columns}x{rows}"), bench.picture());
    }
}

outcomes! {
    waiting_200x50: 200 x 50, waiting();
    waiting_80x24: 80 x 24, waiting();
    waiting_40x15: 40 x 15, waiting();
    refused_200x50: 200 x 50, refused();
    refused_80x24: 80 x 24, refused();
    refused_40x15: 40 x 15, refused();
    healed_200x50: 200 x 50, since(3, 860);
    healed_80x24: 80 x 24, since(3, 860);
    healed_40x15: 40 x 15, since(3, 860);
    no_effect_80x24: 80 x 24, since(90, 1000);
    no_effect_40x15: 40 x 15, since(90, 1000);
    frozen_80x24: 80 x 24, frozen();
    frozen_40x15: 40 x 15, frozen();
}

#[test]
fn a_freeze_cannot_be_overlooked_and_one_key_ends_it() {
    let mut bench = Bench::new(80, 24, frozen());
    for keys in ["", "e", "d", "2"] {
        bench.press(keys);
        let line = bench.line_with("FROZEN");
        assert!(
            line.contains("by noor") && line.contains("Y ends it"),
            "{line}"
        );
    }
    bench.press("Y");
    bench.line_with("End the freeze");
}

#[test]
fn what_makes_no_sense_is_not_suggested() {
    let mut state = live();
    let mut story = rich::Story::from(state.incident.clone());
    let data = serde_json::json!({"secret": "payments/db", "dual_run": false});
    story.tell(759, "/engine/prod", "rotation.started", "rot-7f3a", &data);
    state.incident = story.incident;
    let mut bench = Bench::new(80, 24, state);
    let line = bench.line_with("next:");
    assert!(
        line.contains("p re-push") && line.contains("R roll back"),
        "{line}"
    );
    assert!(!line.contains("extend"), "{line}");
    bench.press("g");
    bench.line_with("no dual-run");
}

#[test]
fn the_footer_of_what_happens_now_pauses_and_of_the_past_returns() {
    let mut bench = Bench::new(200, 50, live());
    let keys = |bench: &mut Bench| bench.text().lines().last().unwrap().to_owned();
    assert!(keys(&mut bench).contains("space pause"));
    assert!(!keys(&mut bench).contains("next mark"));
    bench.tell(with(|live| live.following = false));
    assert!(keys(&mut bench).contains("> now"));
}
