//! From a link to the screen that it means.

use std::sync::Arc;

use super::{Bench, acts, inventory, rich};
use crate::diagnosis::Reach;
use crate::model::link::LinkState;
use crate::ui::{Landing, State};

fn service(name: &str) -> Landing {
    Landing::Service(name.into())
}

fn landed(state: State, landing: Landing) -> Bench {
    let mut bench = Bench::new(80, 24, rich::nothing());
    bench.cockpit.land(landing);
    bench.tell(state);
    bench
}

#[test]
fn a_service_that_something_was_found_of_opens_why() {
    let mut bench = landed(rich::found(), service("checkout"));
    assert!(bench.text().contains("Why ▸ F1"), "{}", bench.text());
    bench.press("esc");
    assert!(
        bench.text().contains("Rotations"),
        "back is the on-call screen"
    );
}

#[test]
fn a_rotation_and_a_secret_open_what_was_found_of_them() {
    let mut bench = landed(rich::found(), Landing::Rotation("rot-c09".into()));
    assert!(bench.text().contains("Why ▸ F3"), "{}", bench.text());
    let mut bench = landed(rich::found(), Landing::Secret("payments/db".into()));
    assert!(bench.text().contains("Why ▸ F1"), "{}", bench.text());
}

#[test]
fn what_nothing_was_found_of_opens_its_rotation() {
    let mut bench = landed(rich::found(), Landing::Secret("reports/smtp".into()));
    assert!(
        bench.text().contains("Rotation ▸ reports/smtp (rot-0c1d)"),
        "{}",
        bench.text()
    );
    let mut bench = landed(rich::night(), service("refunds"));
    assert!(
        bench.text().contains("Rotation ▸ payments/db"),
        "{}",
        bench.text()
    );
}

#[test]
fn nothing_opens_before_all_was_looked_at() {
    let mut half = rich::found();
    half.known.reach = Reach::UpTo(None);
    let mut bench = landed(half, service("checkout"));
    assert!(
        bench.text().contains("Looking for the service checkout."),
        "{}",
        bench.text()
    );
    assert!(bench.text().contains("diagnosing"), "{}", bench.text());
    bench.tell(rich::found());
    assert!(bench.text().contains("Why ▸ F1"), "{}", bench.text());
}

fn linked(all: &[LinkState]) -> State {
    let links = all.iter().map(|state| acts::link(*state)).collect();
    acts::with(|live| live.links = links)
}

#[test]
fn a_backend_that_is_lost_keeps_nobody_from_arriving() {
    for state in [LinkState::Lost, LinkState::Silent, LinkState::Ended] {
        let mut bench = landed(linked(&[LinkState::Live, state]), service("checkout"));
        assert!(bench.text().contains("Why ▸ F1"), "{}", bench.text());
        let named = bench.text().contains("Opened without all: ");
        assert_eq!(named, state != LinkState::Ended, "{}", bench.text());
    }
    for state in [LinkState::Connecting, LinkState::CatchingUp] {
        let mut bench = landed(linked(&[LinkState::Live, state]), service("checkout"));
        assert!(bench.text().contains("Looking for"), "{}", bench.text());
    }
}

#[test]
fn what_is_told_of_later_opens_while_its_answer_is_shown() {
    let mut empty = rich::nothing();
    empty.loading.done = true;
    let mut bench = landed(empty, service("checkout"));
    let text = bench.text();
    assert!(
        text.contains("opens by itself once anything is told"),
        "{text}"
    );
    bench.tell(rich::found());
    assert!(bench.text().contains("Why ▸ F1"), "{}", bench.text());
    bench.press("esc");
    bench.tell(rich::night());
    assert!(!bench.text().contains("Rotation ▸"), "it opens once");
}

/// What was found, all of it healed at a moment of the night.
fn healed(seconds: i64) -> State {
    let mut state = rich::found();
    let all = state.known.findings.iter().map(|finding| {
        let mut finding = (**finding).clone();
        finding.resolved_at = Some(rich::at(seconds));
        Arc::new(finding)
    });
    state.known.findings = all.collect();
    state
}

#[test]
fn what_healed_comes_after_what_runs_and_counts_for_a_day() {
    let secret = || Landing::Secret("payments/db".into());
    let runs = healed(700);
    let mut bench = landed(runs.clone(), secret());
    let text = bench.text();
    assert!(text.contains("Rotation ▸ payments/db"), "{text}");
    // It has not been heard of for a day: its end was lost.
    let mut lost = healed(86_400);
    lost.incident.tick(rich::at(2 * 86_400 - 60));
    let mut bench = landed(lost, secret());
    assert!(bench.text().contains("Why ▸ "), "{}", bench.text());
    let mut past = healed(700);
    past.incident.tick(rich::at(3 * 86_400));
    let mut bench = landed(past, secret());
    let text = bench.text();
    assert!(text.contains("No rotation touched payments/db"), "{text}");
}

#[test]
fn an_answer_names_the_backend_that_is_missing() {
    let mut bench = landed(linked(&[LinkState::Lost]), service("chekout"));
    assert!(
        bench.text().contains("is lost: what it would"),
        "{}",
        bench.text()
    );
    assert!(bench.text().contains("No service is called chekout"));
}

#[test]
fn who_goes_elsewhere_is_left_alone() {
    let mut half = rich::found();
    half.loading.done = false;
    let mut bench = landed(half, service("checkout"));
    bench.press("esc");
    bench.tell(rich::found());
    assert!(!bench.text().contains("Why ▸"), "{}", bench.text());
}

/// Long after the night.
fn days_later() -> State {
    let mut state = inventory::secrets();
    state.incident.tick(rich::at(3 * 86_400));
    state.known.findings = [].into();
    state
}

#[test]
fn a_secret_that_no_rotation_touched_is_said_so_with_what_came_before() {
    let mut bench = landed(days_later(), Landing::Secret("mail/smtp".into()));
    let text = bench.text();
    assert!(
        text.contains("No rotation touched mail/smtp in the 24 h before 2026-11-26"),
        "{text}"
    );
    assert!(text.contains("rot-a1"), "{text}");
    bench.press("enter");
    assert!(bench.text().contains("There is nothing to open"));
}

#[test]
fn a_name_that_is_not_known_is_answered_with_those_that_are() {
    let mut bench = landed(rich::found(), service("chekout\u{1b}[31m"));
    let text = bench.text();
    assert!(text.contains("No service is called chekout␛[31m"), "{text}");
    assert!(
        text.contains("checkout") && text.contains("refunds"),
        "{text}"
    );
    let mut bench = landed(rich::found(), service("chekout"));
    assert!(
        bench.text().contains("did you mean `checkout`?"),
        "{}",
        bench.text()
    );
    let mut bench = landed(rich::found(), Landing::Rotation("rot-7f3b".into()));
    assert!(
        bench.text().contains("did you mean `rot-7f3a`?"),
        "{}",
        bench.text()
    );
}

macro_rules! pictures {
    ($($name:ident: $columns:literal x $rows:literal, $state:expr, $landing:expr;)+) => {$(
        #[test]
        fn $name() {
            let mut bench = Bench::new($columns, $rows, rich::nothing());
            bench.cockpit.land($landing);
            bench.tell($state);
            insta::assert_snapshot!(bench.picture());
        }
    )+};
}

pictures! {
    sought_200x50: 200 x 50, days_later(), service("batch-1");
    sought_80x24: 80 x 24, days_later(), service("batch-1");
    sought_40x15: 40 x 15, days_later(), service("batch-1");
    sought_unknown_80x24: 80 x 24, rich::found(), service("chekout");
    sought_empty_80x24: 80 x 24, rich::nothing(), service("checkout");
}
