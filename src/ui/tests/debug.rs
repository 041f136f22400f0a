//! The debug dashboard from outside.

use serde_json::json;

use super::{Bench, inventory, rich};
use crate::ui::State;

/// The night, with how long consumers took to both versions and what was throttled.
pub fn latencies() -> State {
    let mut state = inventory::secrets();
    let mut story = rich::Story::from(state.incident.clone());
    for n in 0..120_u32 {
        let region = if n < 42 { "eu-1" } else { "us-2" };
        let service = if n % 3 == 0 { "billing" } else { "checkout" };
        let mut took = |version: &str, seconds: i64, ms: u32, state: &str| {
            let data = json!({"consumer": format!("{service}-{region}-{n}"), "service": service,
                "region": region, "secret": "payments/db", "version": version, "state": state,
                "latency_ms": ms});
            story.tell(seconds, "/agents/all", "consumer.version", "", &data);
        };
        took("v17", -5000, 700 + n * 13, "in_use");
        let (state, seconds) = if n < 41 {
            ("delivered", 215)
        } else {
            ("in_use", 345)
        };
        took("v18", seconds, 900 + n * n, state);
    }
    for n in 0..20 {
        let data = json!({"api": "acme/new-order", "region": "eu-1", "window_seconds": 30, "total": 12,
            "throttled": if n > 11 { n - 10 } else { 0 }});
        story.tell(150 + n * 30, "/engine/prod", "quota.sample", "", &data);
    }
    state.incident = story.incident;
    state
}

#[test]
fn it_counts_what_the_consumers_told_of_both_versions() {
    let mut bench = Bench::new(80, 24, latencies());
    bench.press("8");
    let text = bench.text();
    assert!(
        text.contains("Debug ▸ payments/db (rot-7f3a), rotation 1 of"),
        "{text}"
    );
    assert!(text.contains("told by 120 of 120 consumers"), "{text}");
    // 900 ms is the only one below a second.
    let line = bench.line_with("500 ms–1 s");
    assert!(line.contains(" 10  "), "{line}");
    let slowest = bench.line_with("slowest first");
    assert!(
        slowest.contains("v18") && slowest.contains("v17"),
        "{slowest}"
    );
}

#[test]
fn tab_chooses_another_rotation_and_its_errors_come_first() {
    let mut bench = Bench::new(80, 40, latencies());
    bench.press("8 tab");
    let text = bench.text();
    assert!(text.contains("Debug ▸ edge/tls (rot-c09)"), "{text}");
    assert!(text.contains("told by nobody"), "{text}");
    let line = bench.line_with("store: 429 from acme");
    assert!(line.contains("4 failures") && line.contains('✗'), "{line}");
    let line = bench.line_with("acme/new-order eu-1");
    assert!(
        line.contains("of 240 throttled") && line.contains('█'),
        "{line}"
    );
    bench.press("shift-tab");
    assert!(bench.text().contains("Debug ▸ payments/db"));
}

#[test]
fn from_a_secret_it_shows_its_last_rotation() {
    let mut bench = Bench::new(80, 24, latencies());
    bench.press("7 / mail enter 8");
    assert!(
        bench.text().contains("Debug ▸ mail/smtp (rot-a1)"),
        "{}",
        bench.text()
    );
}
