//! How long the inventory of 10,000 secrets takes: to put together, to put in order, to draw.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rotascope::incident::Incident;
use rotascope::measure::inventory::{Column, Inventory, csv, order};
use rotascope::model::Event;
use rotascope::ui::{Cockpit, Key, Keymap, Message, Setup, State, Theme, update, view};
use serde_json::{Value, json};

const SECRETS: usize = 10_000;
const ROUNDS: usize = 50;

fn event(n: usize, seconds: usize, kind: &str, rotation: Option<&str>, data: &Value) -> Event {
    let (h, m, s) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let line = json!({"specversion": "1.0", "id": format!("{kind}-{n}-{seconds}"), "source": "/bench",
        "type": format!("rotascope.{kind}"), "rotationid": rotation,
        "time": format!("2026-11-14T{h:02}:{m:02}:{s:02}Z"), "data": data});
    #[expect(clippy::unwrap_used, reason = "the bench writes it itself")]
    Event::from_json(line.to_string().as_bytes()).unwrap()
}

/// Three rotations, five consumers and two readers of each secret.
fn incident() -> Incident {
    let mut incident = Incident::default();
    for n in 0..SECRETS {
        let secret = format!("team-{}/service-{}/credential-{n}", n % 40, n % 700);
        for turn in 0..3 {
            let id = format!("rot-{n}-{turn}");
            let start = json!({"secret": secret, "owner": format!("team-{}", n % 40),
                "to_version": format!("v{turn}"), "cadence_seconds": 3600 * (1 + n % 24)});
            let at = turn * 7200 + n % 3600;
            incident.apply(&event(n, at, "rotation.started", Some(&id), &start));
            let end = json!({"outcome": "succeeded"});
            incident.apply(&event(n, at + 60, "rotation.finished", Some(&id), &end));
        }
        for c in 0..5 {
            let data = json!({"consumer": format!("consumer-{n}-{c}"), "secret": secret,
                "service": format!("service-{}", (n + c) % 700), "version": "v2", "state": "in_use",
                "latency_ms": 900, "identities": [format!("sa/{n}-{c}")]});
            incident.apply(&event(n * 10 + c, 20_000, "consumer.version", None, &data));
        }
        for actor in [format!("sa/{n}-1"), "stranger".to_owned()] {
            let data = json!({"actor": actor, "operation": "read", "path": "p", "secret": secret,
                "outcome": "allowed"});
            let seconds = 21_000 + usize::from(actor == "stranger");
            incident.apply(&event(n, seconds, "audit.entry", None, &data));
        }
    }
    incident
}

fn measured(name: &str, mut work: impl FnMut()) {
    let mut took: Vec<Duration> = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        work();
        took.push(began.elapsed());
    }
    took.sort();
    let at = |share: usize| {
        took.get(took.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    let line = format!("{name:<44} p50 {:>9.2?}  p99 {:>9.2?}\n", at(50), at(99));
    let _ = std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes());
}

fn main() {
    let mut incident = incident();
    let _ = Inventory::of(&incident);
    measured("inventory of 10,000 secrets, put together", || {
        black_box(Inventory::of(&incident));
    });
    let inventory = Inventory::of(&incident);
    measured("put in order by what wants a look", || {
        black_box(order(&inventory, Column::Look, false, ""));
    });
    measured("narrowed to letters", || {
        black_box(order(&inventory, Column::Age, true, "team-7 credential"));
    });
    let rows = order(&inventory, Column::Look, false, "");
    measured("written as CSV", || {
        black_box(csv(&inventory, &rows));
    });
    let (Some(keymap), Some(theme)) = (Keymap::built_in("default"), Theme::built_in("dark")) else {
        return;
    };
    let mut cockpit = Cockpit::new(Setup {
        title: "bench".into(),
        keymap,
        theme,
        replay: true,
        local: false,
    });
    let _ = update(
        &mut cockpit,
        Message::Resize {
            columns: 200,
            rows: 50,
        },
    );
    let state = |incident: &Incident| {
        let state = State {
            incident: incident.clone(),
            ..State::default()
        };
        Message::State(Box::new(state))
    };
    let _ = update(&mut cockpit, state(&incident));
    let _ = update(&mut cockpit, Message::Key(Key::char('7')));
    let Ok(mut terminal) = Terminal::new(TestBackend::new(200, 50));
    measured("a key and a frame of 200x50", || {
        let _ = update(&mut cockpit, Message::Key(Key::char('j')));
        let _ = terminal.draw(|frame| view(&cockpit, frame));
    });
    let mut n = 0;
    measured("a new state while it is shown", || {
        n += 1;
        let data = json!({"consumer": format!("new-{n}"), "secret": "team-0/service-0/credential-0",
            "version": "v2", "state": "in_use"});
        incident.apply(&event(n, 30_000 + n, "consumer.version", None, &data));
        let _ = update(&mut cockpit, state(&incident));
    });
}
