//! Whatever a server wrote and whatever is pressed: nothing hidden reaches a cell, nothing panics.

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::json;

use super::{Bench, acts, rich};
use crate::diagnosis::{Evidence, Finding, Historian, Mode, RuledOut, rules};
use crate::incident::EventRef;
use crate::model::Text;
use crate::model::rejected::{Place, Rejected};
use crate::model::text::is_hidden;
use crate::ui::key::{Key, KeyCode};
use crate::ui::{Cockpit, Keymap, Message, Mouse, MouseKind, Setup, State, Theme, update, view};

/// Words as an attacker writes them.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z/-]{0,300}",
        "(\u{1b}\\[[0-9;]{0,4}[a-zA-Z]){1,3}",
        "[\u{202a}-\u{202e}\u{2066}-\u{2069}\u{200b}-\u{200f}a-z]{1,20}",
        "e[\u{300}-\u{36f}]{1,60}x",
        "[北京支付あ👩‍👩‍👧🏽❤️🇩🇪]{1,40}",
        Just("x".repeat(9000)),
    ]
}

/// The words in every field that an event has.
fn hostile(w: &[String]) -> State {
    let word = |n: usize| w[n % w.len()].as_str();
    let mut story = rich::Story::default();
    let mut tell = |seconds, kind: &str, data: serde_json::Value| {
        story.tell(seconds, word(1), kind, word(2), &data);
    };
    tell(
        10,
        "rotation.started",
        json!({"secret": word(0), "kind": word(3), "from_version": word(4),
        "to_version": word(5), "trigger": word(6), "owner": word(7), "tier": word(8),
        "regions": [word(9)], "services": [word(10)], "by": word(11), "correlation": word(12),
        "consumers": [{"consumer": word(13), "service": word(10), "region": word(9),
        "identities": [word(14)]}]}),
    );
    for (n, status) in (0_u8..).zip(["completed", "failed", word(15)]) {
        tell(
            20 + i64::from(n),
            "rotation.stage",
            json!({"stage": (["store", "cutover", word(16)][usize::from(n)]),
            "status": status, "attempt": 4_000_000_000_u32, "region": word(17), "wave": 7,
            "percent": 1e300, "error": word(18)}),
        );
    }
    tell(
        30,
        "rotation.grace",
        json!({"ends_at": "9999-12-31T23:59:59Z", "by": word(19), "reason": word(20)}),
    );
    tell(
        31,
        "consumer.version",
        json!({"consumer": word(13), "service": word(10), "region": word(9),
        "secret": word(0), "version": word(4), "state": "failed", "error": word(21), "latency_ms": 1e18,
        "identities": [word(22), word(23)]}),
    );
    for n in 0_u8..6 {
        tell(
            30 * i64::from(n),
            "auth.sample",
            json!({"service": word(10), "region": word(9), "secret": word(0),
            "window_seconds": ([30, 0, 4_000_000_000_u64][usize::from(n) % 3]), "total": u64::MAX,
            "failed_401": u64::MAX / (u64::from(n) + 1), "failed_403": u64::MAX}),
        );
        for cohort in ["canary", "baseline"] {
            tell(
                30 * i64::from(n),
                "canary.sample",
                json!({"service": word(10), "region": word(17),
                "cohort": cohort, "window_seconds": 30, "total": 3, "errors": n, "p99_ms": 1e300}),
            );
        }
    }
    tell(
        40,
        "audit.entry",
        json!({"actor": word(24), "operation": word(25), "path": word(26),
        "secret": word(0), "outcome": word(27), "remote_addr": word(28), "error": word(29)}),
    );
    tell(
        41,
        "backend.status",
        json!({"backend": word(1), "state": word(30), "error": word(31), "lag_ms": 1e17}),
    );
    tell(
        42,
        "action",
        json!({"action": word(32), "phase": word(33), "actor": word(34), "target": word(0),
        "risk": "observe", "idempotency_key": word(35)}),
    );
    tell(
        43,
        "rotation.finished",
        json!({"outcome": word(36), "reason": word(37)}),
    );
    let mut state = State {
        event: story.last.clone(),
        incident: story.incident,
        ..rich::knowing(findings(w))
    };
    state.live = acts::hostile(w).filter(|_| !w.len().is_multiple_of(3));
    state.loading.done = w.len().is_multiple_of(2);
    state.loading.trouble = vec![Text::from(word(38))];
    state.rejected = std::sync::Arc::new([Rejected {
        place: Place {
            file: word(39).into(),
            line: 7,
            byte: 0,
        },
        reason: word(40).into(),
        excerpt: word(41).into(),
    }]);
    state
}

/// A finding of each mode, with these words in every field; its sentences are made as the rules
/// make them, from what `Text` shows.
fn findings(w: &[String]) -> Vec<Finding> {
    let word = |n: usize| w[n % w.len()].as_str();
    let said = |n: usize| Text::from(word(n)).to_string();
    let modes = [
        Mode::F1,
        Mode::F2,
        Mode::F3,
        Mode::F4,
        Mode::F5,
        Mode::F6,
        Mode::F7,
        Mode::F8,
    ];
    let modes = modes.into_iter().chain([Mode::Unattributed]);
    let finding = |(n, mode)| Finding {
        rotation: (mode != Mode::Unattributed).then(|| word(2).into()),
        secret: (n % 2 == 0).then(|| word(0).into()),
        services: (0..n).map(|n| word(10 + n).into()).collect(),
        regions: (0..n).map(|n| word(9 + n).into()).collect(),
        resolved_at: (n == 3).then(|| rich::at(100)),
        evidence: vec![Evidence {
            event: EventRef {
                time: rich::at(60),
                source: word(1).into(),
                id: word(5).into(),
            },
            note: said(18),
        }],
        ruled_out: vec![RuledOut {
            mode: Mode::F1,
            why: said(20),
        }],
        cannot_know: vec![said(21)],
        ..rich::finding(mode, None, "", 50)
    };
    modes
        .enumerate()
        .map(|(n, mode)| finding((n, mode)))
        .collect()
}

fn cockpit(title: &str, keymap: &str, state: State) -> Cockpit {
    let mut cockpit = Cockpit::new(Setup {
        title: title.into(),
        keymap: Keymap::built_in(keymap).unwrap(),
        theme: Theme::built_in("dark").unwrap(),
        replay: true,
        local: false,
    });
    let _ = update(&mut cockpit, Message::State(Box::new(state)));
    cockpit
}

fn draw(cockpit: &mut Cockpit, columns: u16, rows: u16, told: bool) -> Result<(), TestCaseError> {
    if told {
        let _ = update(cockpit, Message::Resize { columns, rows });
    }
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| view(cockpit, frame)).unwrap();
    for cell in &terminal.backend().buffer().content {
        prop_assert!(!cell.symbol().chars().any(is_hidden), "{:?}", cell.symbol());
    }
    Ok(())
}

fn keys() -> impl Strategy<Value = Key> {
    let codes = prop_oneof![
        8 => prop::sample::select("?:/123jknNtuzawWyCcfFvVedo[]<>+-=.,G0$gxq %gRXpiZE".chars().collect::<Vec<_>>())
            .prop_map(KeyCode::Char),
        1 => any::<char>().prop_map(KeyCode::Char),
        6 => prop::sample::select(vec![KeyCode::Enter, KeyCode::Esc, KeyCode::Tab, KeyCode::Up,
            KeyCode::Down, KeyCode::Left, KeyCode::Right, KeyCode::Home, KeyCode::End, KeyCode::PageUp,
            KeyCode::PageDown, KeyCode::Backspace, KeyCode::Delete, KeyCode::Insert, KeyCode::F(1)]),
    ];
    (
        codes,
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(code, ctrl, alt, shift)| Key::new(code, ctrl, alt, shift))
}

fn messages() -> impl Strategy<Value = Message> {
    let mouse = (0_u16..230, 0_u16..70, 0_usize..3).prop_map(|(column, row, what)| {
        let what = [MouseKind::Click, MouseKind::WheelUp, MouseKind::WheelDown][what];
        Message::Mouse(Mouse { what, column, row })
    });
    prop_oneof![
        12 => keys().prop_map(Message::Key),
        2 => mouse,
        2 => words().prop_map(Message::Paste),
        1 => (0_u16..220, 0_u16..60).prop_map(|(columns, rows)| Message::Resize { columns, rows }),
        1 => Just(Message::State(Box::new(rich::nothing()))),
        1 => Just(Message::State(Box::new(rich::night()))),
        2 => Just(Message::State(Box::new(rich::found()))),
        2 => Just(Message::State(Box::new(acts::live()))),
        1 => Just(Message::State(Box::new(acts::strict()))),
        2 => Just(Message::Seen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_hidden_reaches_any_screen(w in prop::collection::vec(words(), 1..12)) {
        let mut cockpit = cockpit(&w[0], "default", hostile(&w));
        for screen in ["", "enter", "e", "e tab", "e tab tab", "d", "o", "2", "3", "?", ":", "/", "t", "R", "X"] {
            for key in screen.split(' ').filter_map(Key::parse) {
                let _ = update(&mut cockpit, Message::Key(key));
                let _ = update(&mut cockpit, Message::Paste(w[w.len() / 2].clone()));
            }
            for (columns, rows) in [(200, 50), (80, 24), (40, 15), (61, 19)] {
                draw(&mut cockpit, columns, rows, true)?;
            }
            let _ = update(&mut cockpit, Message::Key(Key::plain(KeyCode::Esc)));
            let _ = update(&mut cockpit, Message::Key(Key::plain(KeyCode::Esc)));
        }
    }

    #[test]
    fn no_keys_and_no_size_break_it(
        script in prop::collection::vec(messages(), 0..60),
        columns in 1_u16..=220, rows in 1_u16..=60, told in any::<bool>(),
        keymap in prop::sample::select(vec!["default", "vim", "emacs"]),
    ) {
        let mut cockpit = cockpit("night", keymap, rich::night());
        for message in script {
            let _ = update(&mut cockpit, message);
            draw(&mut cockpit, columns, rows, told)?;
        }
    }
}

#[test]
fn every_size_is_drawn() {
    for (state, keys) in [
        (rich::night(), ""),
        (rich::nothing(), ""),
        (rich::found(), ""),
        (rich::found(), "e"),
        (acts::live(), "g"),
        (acts::strict(), "X"),
    ] {
        let mut cockpit = cockpit("night", "default", state);
        if let Some(key) = Key::parse(keys) {
            let _ = update(&mut cockpit, Message::Key(key));
        }
        for columns in (1..=220).step_by(3) {
            for rows in (1..=60).step_by(2) {
                draw(&mut cockpit, columns, rows, true).unwrap();
            }
        }
    }
}

#[test]
fn wide_names_do_not_move_the_columns() {
    let mut bench = Bench::new(80, 24, rich::night());
    let bar = |line: &str| {
        let at = line.find(['▰', '▱']).unwrap();
        crate::ui::fit::width(&line[..at])
    };
    let wide = bar(&bench.line_with("支付"));
    assert_eq!(bar(&bench.line_with("reports/smtp")), wide);
}

/// Draws every recorded incident that lies beside the repository, half way and at its end.
#[test]
fn recorded_incidents_are_drawn() {
    let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("ROTASCOPE_SHARED").map_or(beside, Into::into);
    let Ok(folder) = std::fs::read_dir(shared.join("incidents")) else {
        let words = b"no recorded incidents lie beside the repository: fixtures alone\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), words);
        return;
    };
    let files = folder.flatten().map(|entry| entry.path());
    let recorded = files.filter(|path| path.to_string_lossy().ends_with(".jsonl.zst"));
    for path in recorded {
        let file = std::fs::File::open(&path).unwrap();
        let words = zstd::decode_all(file).unwrap();
        let events: Vec<_> = words
            .split(|byte| *byte == b'\n')
            .filter_map(|line| crate::model::Event::from_json(line).ok())
            .collect();
        assert!(!events.is_empty(), "{}", path.display());
        let mut state = rich::nothing();
        let mut historian = Historian::new(rules());
        let mut cockpit = cockpit("recorded", "default", state.clone());
        for half in events.chunks(events.len().div_ceil(2).max(1)) {
            for event in half {
                state.incident.apply(event);
                historian.apply(event);
            }
            state.known.findings = historian.history().latest();
            let _ = update(&mut cockpit, Message::State(Box::new(state.clone())));
            for key in ["e", "tab", "esc"].iter().filter_map(|key| Key::parse(key)) {
                for (columns, rows) in [(200, 50), (80, 24), (40, 15)] {
                    draw(&mut cockpit, columns, rows, true).unwrap();
                }
                let _ = update(&mut cockpit, Message::Key(key));
            }
        }
    }
}
