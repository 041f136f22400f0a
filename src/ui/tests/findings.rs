//! What is shown of findings: the headline, the list, why, and the event behind an evidence.

use std::sync::Arc;

use super::{Bench, rich};
use crate::diagnosis::{Mode, Reach};
use crate::model::effect::Effect;
use crate::model::replay::ReplayCommand;

#[test]
fn why_opens_the_finding_of_the_headline_and_enter_that_of_the_row() {
    let mut bench = Bench::new(80, 24, rich::found());
    bench.press("e");
    bench.line_with("Why ▸ F1 consumer auth failures · payments/db");
    bench.press("esc down enter");
    bench.line_with("Why ▸ F3 rate limit · edge/tls");
    bench.press("d");
    bench.line_with("Rotation ▸ edge/tls (rot-c09)");
    bench.line_with("F3         rate limit, found 4 min ago");
    bench.press("esc esc down down enter");
    bench.line_with("Rotation ▸ ledger/支付-token");
}

#[test]
fn the_list_of_findings_is_a_pane_like_the_others() {
    let mut bench = Bench::new(80, 24, rich::found());
    bench.press("shift-tab down");
    let row = bench.line_with("rate limit: edge");
    assert!(
        row.starts_with("▌F3") && row.contains("ticket 4 min ago"),
        "{row}"
    );
    bench.press("enter");
    bench.line_with("Why ▸ F3 rate limit · edge/tls, 2 of 3");
    bench.press("tab");
    bench.line_with("Why ▸ F2 partial rollout · gateway/jwks, 3 of 3");
    bench.press("tab tab shift-tab");
    bench.line_with("Why ▸ F1");
}

#[test]
fn an_evidence_is_gone_to_and_shown() {
    let mut bench = Bench::new(80, 24, rich::found());
    let asked = bench.press("e down enter");
    let event = rich::broken().evidence[1].event.clone();
    let wanted = ReplayCommand::Event {
        time: event.time,
        source: event.source.clone(),
        id: event.id.clone(),
    };
    assert_eq!(asked, vec![Effect::Replay(wanted)]);
    bench.line_with("going to a420 of /prometheus/main at 03:07:00");
    let mut story = rich::Story::default();
    let data = serde_json::json!({"service": "checkout", "window_seconds": 30, "total": 1000,
        "failed_401": 32});
    story.tell(420, "/prometheus/main", "auth.sample", "", &data);
    let mut state = rich::found();
    let mut told = story.last.as_deref().unwrap().clone();
    told.id = event.id;
    state.event = Some(Arc::new(told));
    state.player.position = 7;
    bench.tell(state);
    bench.line_with("Event ▸ rotascope.auth.sample");
    bench.line_with("shows F1           32 of 1000 refused in eu-1");
    bench.line_with("failed_401         32");
    bench.press("esc");
    bench.line_with("Why ▸ F1");
}

#[test]
fn an_opened_finding_says_where_it_is_not_known() {
    let mut bench = Bench::new(80, 24, rich::found());
    bench.press("e");
    bench.tell(rich::night());
    bench.line_with("later evidence took it back");
    let mut before = rich::knowing(vec![]);
    before.incident = rich::Story::default().incident;
    before.incident.tick(rich::at(400));
    bench.tell(before);
    bench.line_with("not known at this moment: it is found at 03:07:30");
    bench.tell(rich::found());
    bench.line_with("since 03:07:30");
}

/// One rotation that runs and hurts nobody.
fn calm() -> crate::ui::State {
    let mut story = rich::Story::default();
    let data = serde_json::json!({"secret": "a/b", "to_version": "2", "services": ["cart"]});
    story.tell(100, "/engine", "rotation.started", "r1", &data);
    story.stages(110, "r1", &["trigger", "generate"]);
    story.incident.tick(rich::at(700));
    crate::ui::State {
        incident: story.incident,
        ..rich::night()
    }
}

#[test]
fn nothing_is_called_calm_before_it_was_looked_at() {
    let mut bench = Bench::new(80, 24, calm());
    bench.line_with("1 rotation runs and hurts nobody");
    let mut state = calm();
    state.known.reach = Reach::UpTo(Some(rich::at(300)));
    bench.tell(state);
    bench.line_with("1 rotation runs; diagnosing whether anybody is hurt");
    bench.line_with("diagnosing…, up to 03:05:00");
    let mut state = rich::found();
    state.known.reach = Reach::UpTo(Some(rich::at(500)));
    bench.tell(state);
    bench.line_with("F1 rot-7f3a broke checkout");
    bench.line_with("diagnosing…, up to 03:08:20");
}

#[test]
fn what_healed_is_said_where_all_is_well() {
    let mut healed = rich::broken();
    healed.resolved_at = Some(rich::at(640));
    let mut state = calm();
    state.known = rich::knowing(vec![healed]).known;
    let mut bench = Bench::new(80, 24, state);
    bench.line_with("1 rotation runs and hurts nobody");
    bench.line_with("F1 of payments/db healed 60 s ago");
    bench.press("e");
    let text = bench.text();
    assert!(!text.contains("next:"), "nothing is to be done\n{text}");
}

fn refused(service: &str, from: i64) -> crate::ui::State {
    let mut finding = rich::finding(Mode::Unattributed, None, "", 650);
    finding.secret = None;
    finding.services = [service.into()].into();
    let mut state = calm();
    state.known = rich::knowing(vec![finding]).known;
    state.player.from = Some(rich::at(from));
    state
}

#[test]
fn what_no_rotation_explains_is_said_no_wider_than_it_is_known() {
    let mut bench = Bench::new(200, 50, refused("checkout", -90_000));
    bench.line_with("no rotation touched checkout in 24 h");
    bench.tell(refused("checkout", 50));
    bench.line_with("no rotation touched checkout in the 10 min on record before");
    bench.tell(refused("cart", -90_000));
    bench.line_with("r1 touched it (8 min before) but does not explain it");
}

#[test]
fn what_a_window_keeps_quiet_is_shown_as_such() {
    let mut quiet = rich::broken();
    quiet.suppressed = true;
    let mut state = calm();
    state.known = rich::knowing(vec![quiet]).known;
    let mut bench = Bench::new(80, 24, state);
    bench.line_with("kept quiet: a planned window");
    bench.line_with("kept quiet: planned");
}
