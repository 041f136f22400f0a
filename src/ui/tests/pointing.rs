//! The mouse from outside: dragging, the wheel, and what a click may do.

use super::{Bench, Effect, rich};
use crate::model::replay::{ReplayCommand, SeekTo};
use crate::ui::{Message, Mouse, MouseKind, update};

fn mouse(bench: &mut Bench, what: MouseKind, column: u16, row: u16) -> Vec<Effect> {
    update(
        &mut bench.cockpit,
        Message::Mouse(Mouse { what, column, row }),
    )
    .0
}

fn shares(effects: Vec<Effect>) -> Vec<f64> {
    let share = |effect| match effect {
        Effect::Replay(ReplayCommand::Seek(SeekTo::Share(share))) => share,
        other => panic!("{other:?}"),
    };
    effects.into_iter().map(share).collect()
}

/// The line of the replay bar on a screen of 24 lines.
const BAR: u16 = 22;

#[test]
fn while_the_bar_is_dragged_one_seek_at_a_time_is_on_its_way() {
    let mut bench = Bench::new(80, 24, rich::night());
    assert_eq!(shares(mouse(&mut bench, MouseKind::Click, 10, BAR)), [0.0]);
    for column in 11..60 {
        // The mouse may leave the line; it is the bar that is held.
        assert_eq!(mouse(&mut bench, MouseKind::Drag, column, 5), []);
    }
    let state = Message::State(Box::new(rich::night()));
    let next = shares(update(&mut bench.cockpit, state.clone()).0);
    assert_eq!(
        next.len(),
        1,
        "where the mouse is, not where it was: {next:?}"
    );
    assert!((0.8..0.9).contains(&next[0]), "{next:?}");
    assert_eq!(update(&mut bench.cockpit, state).0, []);
    let moved = shares(mouse(&mut bench, MouseKind::Drag, 200, BAR));
    assert_eq!(moved, [1.0], "beyond its end is its end");
    assert_eq!(mouse(&mut bench, MouseKind::Drag, 0, BAR), []);
    assert_eq!(shares(mouse(&mut bench, MouseKind::Release, 0, BAR)), [0.0]);
    assert_eq!(
        mouse(&mut bench, MouseKind::Drag, 40, BAR),
        [],
        "it is let go"
    );
}

#[test]
fn a_drag_that_began_elsewhere_seeks_nothing() {
    let mut bench = Bench::new(80, 24, rich::night());
    mouse(&mut bench, MouseKind::Click, 20, 8);
    assert_eq!(mouse(&mut bench, MouseKind::Drag, 20, BAR), []);
    assert_eq!(mouse(&mut bench, MouseKind::Release, 30, BAR), []);
}

#[test]
fn a_drag_ends_at_the_next_click_and_moves_nothing_behind_a_prompt() {
    let held = || {
        let mut bench = Bench::new(80, 24, rich::night());
        mouse(&mut bench, MouseKind::Click, 10, BAR);
        let _ = update(&mut bench.cockpit, Message::State(Box::new(rich::night())));
        bench
    };
    assert_eq!(mouse(&mut held(), MouseKind::Drag, 40, BAR).len(), 1);
    let mut bench = held();
    mouse(&mut bench, MouseKind::Click, 20, 8);
    assert_eq!(mouse(&mut bench, MouseKind::Drag, 40, BAR), []);
    let mut bench = held();
    bench.press(":");
    assert_eq!(mouse(&mut bench, MouseKind::Drag, 40, BAR), []);
}

fn place(bench: &mut Bench, words: &str) -> (u16, u16) {
    let text = bench.text();
    let mut lines = text.lines().enumerate();
    let (row, line) = lines
        .find(|(_, line)| line.contains(words))
        .unwrap_or_else(|| panic!("{text}"));
    let before = line.split(words).next().unwrap().chars().count();
    (before.try_into().unwrap(), row.try_into().unwrap())
}

#[test]
fn the_wheel_chooses_in_the_palette_and_a_click_does_it() {
    let mut bench = Bench::new(80, 24, rich::night());
    bench.press(": invent");
    let chosen = |bench: &mut Bench| {
        bench
            .line_with("▌")
            .replace(['│', '▌'], " ")
            .trim()
            .to_owned()
    };
    let first = chosen(&mut bench);
    mouse(&mut bench, MouseKind::WheelDown, 10, 10);
    assert_ne!(chosen(&mut bench), first);
    mouse(&mut bench, MouseKind::WheelUp, 10, 10);
    assert_eq!(chosen(&mut bench), first);
    let (x, y) = place(&mut bench, "Inventory: every secret");
    mouse(&mut bench, MouseKind::Click, x, y);
    assert!(bench.text().contains("Inventory ▸"), "{}", bench.text());
    // Elsewhere in a prompt a click does nothing.
    bench.press(":");
    mouse(&mut bench, MouseKind::Click, 2, 21);
    assert!(bench.text().contains("Commands, rotations, services"));
}

#[test]
fn a_click_selects_a_piece_of_evidence_and_another_opens_it() {
    let mut bench = Bench::new(80, 40, rich::found());
    bench.press("e");
    let (x, y) = place(&mut bench, "44 of 1000 refused");
    assert_eq!(mouse(&mut bench, MouseKind::Click, x, y), []);
    assert!(
        bench.line_with("44 of 1000 refused").contains('▌'),
        "{}",
        bench.text()
    );
    let _ = update(&mut bench.cockpit, Message::Seen);
    let (x, y) = place(&mut bench, "44 of 1000 refused");
    let effects = mouse(&mut bench, MouseKind::Click, x, y);
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::Replay(ReplayCommand::Event { .. })]
        ),
        "{effects:?}"
    );
}

#[test]
fn every_screen_that_is_a_list_scrolls_under_the_wheel() {
    for keys in ["?", "7", "8", "d", "e"] {
        let mut bench = Bench::new(80, 16, super::debug::latencies());
        bench.press(keys);
        let before = bench.text();
        for _ in 0..3 {
            mouse(&mut bench, MouseKind::WheelDown, 20, 8);
        }
        assert_ne!(bench.text(), before, "{keys}");
    }
}
