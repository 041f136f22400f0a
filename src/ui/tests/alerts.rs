//! Whom incidents wake: on the on-call screen, in the list of alerts, and by the bell.

use std::sync::Arc;

use super::{Bench, rich};
use crate::diagnosis::Finding;
use crate::incident::Incident;
use crate::measure::alert::{Alert, Book, Burning, Notice, Owner, Owners, Pattern, Pressure};
use crate::measure::level::{LevelName, Urgency};
use crate::model::effect::{Effect, Ring};
use crate::model::event::Severity;
use crate::model::link::Live;
use crate::ui::{Alarm, Cockpit, Keymap, Message, Setup, State, Theme, update};

fn alarm(ring: Option<Ring>) -> Alarm {
    let owner = |name: &str, service: &str| Owner {
        name: name.into(),
        contacts: vec![format!("pager:{name}").into()],
        escalation: vec!["lead:platform".into()],
        services: Pattern::parse(service).into_iter().collect(),
        secrets: Vec::new(),
    };
    Alarm {
        owners: Owners::new(vec![
            owner("team-payments", "checkout"),
            owner("team-edge", "edge"),
        ]),
        ring,
    }
}

/// The night with its findings, and the alerts that they make.
fn night() -> State {
    told(rich::found(), &rich::night().incident, &Pressure::default())
}

/// The same, where the page outgrows its owner and the ticket falls into a window.
fn escalated() -> State {
    let mut story = rich::Story::from(rich::night().incident);
    let window = serde_json::json!({"window": "edge upgrade", "reason": "upgrade",
        "starts_at": rich::at(0).to_string(), "ends_at": rich::at(3600).to_string(),
        "services": ["edge"], "secrets": ["edge/tls"]});
    story.tell(50, "/calendar", "window.planned", "", &window);
    let burning = Burning {
        level: LevelName::M3,
        rate: 97.0,
        seconds: 21_600,
    };
    let pressure = Pressure::told(vec![(Urgency::Escalate, burning)]);
    let mut state = rich::found();
    state.incident = story.incident.clone();
    told(state, &story.incident, &pressure)
}

fn told(mut state: State, incident: &Incident, pressure: &Pressure) -> State {
    let findings: Vec<Arc<Finding>> = state.known.findings.to_vec();
    let mut moments: Vec<_> = findings
        .iter()
        .flat_map(|finding| [Some(finding.detected_at), finding.resolved_at])
        .flatten()
        .collect();
    moments.sort_unstable();
    let calm = Pressure::default();
    let mut book = Book::default();
    for now in moments {
        let known = findings.iter().filter(|finding| finding.detected_at <= now);
        let notices: Vec<Notice> = known
            .map(|finding| {
                let notice = finding.notice();
                Notice {
                    resolved_at: notice.resolved_at.filter(|at| *at <= now),
                    ..notice
                }
            })
            .collect();
        // The budget burns by the incident, not before it.
        let burns = notices.iter().any(|notice| notice.mode == "F1");
        let pressure = if burns { pressure } else { &calm };
        book.step(now, &notices, incident, pressure);
    }
    state.known.alerts = book.alerts().cloned().collect();
    state
}

fn bench(columns: u16, rows: u16, state: State) -> Bench {
    let mut bench = Bench::new(columns, rows, State::default());
    let cockpit = Cockpit::new(Setup {
        title: "first-night".into(),
        keymap: Keymap::built_in("default").unwrap(),
        theme: Theme::built_in("dark").unwrap(),
        replay: true,
        local: false,
    });
    bench.cockpit = cockpit.with_alarm(alarm(None));
    let _ = update(&mut bench.cockpit, Message::Resize { columns, rows });
    bench.tell(state);
    bench
}

macro_rules! pictures {
    ($($name:ident: $columns:literal x $rows:literal, $state:expr, $keys:literal;)+) => {$(
        #[test]
        fn $name() {
            let mut bench = bench($columns, $rows, $state);
            bench.press($keys);
            insta::assert_snapshot!(bench.picture());
        }
    )+};
}

pictures! {
    on_call_woken_200x50: 200 x 50, night(), "";
    on_call_woken_80x24: 80 x 24, night(), "";
    on_call_woken_40x15: 40 x 15, night(), "";
    alerts_200x50: 200 x 50, escalated(), "!";
    alerts_80x24: 80 x 24, escalated(), "!";
    alerts_40x15: 40 x 15, escalated(), "!";
    alerts_empty_200x50: 200 x 50, rich::nothing(), "!";
    alerts_empty_80x24: 80 x 24, rich::nothing(), "!";
    alerts_empty_40x15: 40 x 15, rich::nothing(), "!";
}

#[test]
fn the_on_call_screen_says_who_is_woken() {
    let mut bench = bench(200, 50, night());
    bench.line_with("wakes team-payments (pager:team-payments)");
    bench.tell(escalated());
    bench.line_with("wakes team-payments (pager:team-payments); escalated to lead:platform");
}

#[test]
fn the_list_is_found_in_the_palette() {
    let mut bench = bench(80, 24, escalated());
    bench.press(": woken enter");
    bench.line_with("Alerts ▸ 2 stand, 1 kept quiet, 1 over");
    bench.line_with("kept quiet by window edge upgrade");
    bench.press("esc");
    bench.line_with("Rotations");
}

fn live(mut state: State, following: bool) -> State {
    state.live = Some(Live {
        following,
        scale: 1.0,
        links: Arc::from([]),
        acts: Arc::from([]),
        person: None,
        recording: None,
    });
    state
}

/// What rings when these states are told one after the other.
fn rings(ring: Option<Ring>, states: Vec<State>) -> Vec<Effect> {
    let mut bench = Bench::new(80, 24, State::default());
    let cockpit = std::mem::replace(
        &mut bench.cockpit,
        Cockpit::new(Setup {
            title: "live".into(),
            keymap: Keymap::built_in("default").unwrap(),
            theme: Theme::built_in("dark").unwrap(),
            replay: true,
            local: false,
        }),
    );
    drop(cockpit);
    let mut cockpit = bench.cockpit.with_alarm(alarm(ring));
    states
        .into_iter()
        .flat_map(|state| update(&mut cockpit, Message::State(Box::new(state))).0)
        .collect()
}

/// One page that was found a moment ago.
fn paged() -> State {
    let mut broken = rich::broken();
    broken.detected_at = rich::at(740);
    broken.severity = Severity::Page;
    let state = rich::knowing(vec![broken]);
    told(state, &rich::night().incident, &Pressure::default())
}

#[test]
fn a_page_rings_once_while_the_cockpit_follows_what_happens() {
    let twice = vec![
        live(paged(), true),
        live(night(), true),
        live(paged(), true),
    ];
    let rung = rings(Some(Ring::Osc9), twice);
    let [Effect::Ring(Ring::Osc9, words)] = rung.as_slice() else {
        panic!("{rung:?}");
    };
    assert!(
        words.contains("rotation rot-7f3a of payments/db"),
        "{words}"
    );
    assert_eq!(rings(None, vec![live(paged(), true)]), [], "quiet");
    let past = vec![live(paged(), false), paged()];
    assert_eq!(rings(Some(Ring::Bell), past), [], "the past wakes nobody");
}

#[test]
fn what_was_over_when_it_was_first_seen_rings_when_it_comes_back() {
    let with = |change: &dyn Fn(&mut Alert)| {
        let mut state = paged();
        let mut alert = (*state.known.alerts[0]).clone();
        change(&mut alert);
        state.known.alerts = [Arc::new(alert)].into();
        live(state, true)
    };
    let over = |alert: &mut Alert| {
        alert.paged_at = Some(rich::at(100));
        alert.resolved_at = Some(rich::at(200));
    };
    let again = |alert: &mut Alert| {
        alert.paged_at = Some(rich::at(100));
        alert.again_at = Some(rich::at(740));
    };
    let rung = rings(
        Some(Ring::Bell),
        vec![with(&over), with(&again), with(&again)],
    );
    assert_eq!(rung.len(), 1, "{rung:?}");
}

#[test]
fn a_page_that_a_later_look_names_otherwise_rings_once() {
    let renamed = |key: &str| {
        let mut state = paged();
        let mut alert = (*state.known.alerts[0]).clone();
        alert.key = key.into();
        state.known.alerts = [Arc::new(alert)].into();
        live(state, true)
    };
    let states = vec![renamed("services/checkout@1"), renamed("rotation/rot-7f3a")];
    let rung = rings(Some(Ring::Bell), states);
    assert_eq!(rung.len(), 1, "{rung:?}");
}
