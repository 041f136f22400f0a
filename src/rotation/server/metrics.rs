//! The metrics in the text format of Prometheus, or in `OpenMetrics` where that is asked for.
//!
//! A rotation's id is never a label, as there are too many of them; in `OpenMetrics` it stands
//! beside a counter as its exemplar.

use std::fmt::Write as _;

use super::log::Log;
use crate::model::{RotationId, Text};
use crate::rotation::engine::Metrics;

/// So many of the newest events are looked through for one of a rotation.
const LOOKED_AT: u64 = 64;

/// The rotation that anything happened to last.
pub(super) fn newest_rotation<L: Log>(log: &L) -> Option<RotationId> {
    let after = log.last().saturating_sub(LOOKED_AT);
    let events = log.after(after, usize::try_from(LOOKED_AT).unwrap_or(usize::MAX));
    events.into_iter().rev().find_map(|(_, e)| e.rotation)
}

/// The content type of the text.
pub(super) fn kind(open: bool) -> &'static str {
    if open {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; version=0.0.4; charset=utf-8"
    }
}

/// The metrics as text; `open` is `OpenMetrics`.
pub(super) fn text(metrics: &Metrics, newest: Option<&RotationId>, open: bool) -> String {
    let mut page = Page {
        out: String::with_capacity(4096),
        // The format allows labels of 128 characters there.
        exemplar: newest
            .filter(|id| open && label(id).chars().count() <= 100)
            .map_or_else(String::new, |id| {
                format!(" # {{rotation_id=\"{}\"}} 1", label(id))
            }),
        open,
    };
    page.rotations(metrics);
    page.calls(metrics);
    page.one(
        "audit_outbox_waiting",
        "gauge",
        "Audit entries that wait to be delivered.",
        metrics.outbox_waiting,
    );
    page.one("events", "counter", "Events of the log.", metrics.events);
    page.one(
        "frozen",
        "gauge",
        "1 while starts and revokes are held.",
        u64::from(metrics.frozen),
    );
    page.steps(metrics);
    page.end()
}

struct Page {
    out: String,
    exemplar: String,
    open: bool,
}

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // In OpenMetrics a counter's family has no suffix, in the older format it has.
        let total = if kind == "counter" && !self.open {
            "_total"
        } else {
            ""
        };
        let _ = writeln!(self.out, "# HELP rotascope_{name}{total} {help}");
        let _ = writeln!(self.out, "# TYPE rotascope_{name}{total} {kind}");
    }

    fn family(&mut self, name: &str, kind: &str, help: &str, samples: &[(String, u64)]) {
        self.head(name, kind, help);
        let counts = kind == "counter";
        let total = if counts { "_total" } else { "" };
        let exemplar = if counts { self.exemplar.as_str() } else { "" };
        for (labels, n) in samples {
            let _ = writeln!(self.out, "rotascope_{name}{total}{labels} {n}{exemplar}");
        }
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, n: u64) {
        self.family(name, kind, help, &[(String::new(), n)]);
    }

    fn rotations(&mut self, metrics: &Metrics) {
        let by = |name: &str, key: &String| {
            format!("{{{name}=\"{}\"}}", label(&Text::from(key.as_str())))
        };
        let running = metrics.running.iter();
        let running: Vec<_> = running.map(|(k, n)| (by("stage", k), *n)).collect();
        self.family(
            "rotations_running",
            "gauge",
            "Rotations that run, by stage.",
            &running,
        );
        self.one(
            "rotations_stalled",
            "gauge",
            "Rotations that wait for a person.",
            metrics.stalled,
        );
        let ended = metrics.finished.iter();
        let ended: Vec<_> = ended.map(|(k, n)| (by("outcome", k), *n)).collect();
        self.family(
            "rotations_finished",
            "counter",
            "Rotations that ended, by outcome.",
            &ended,
        );
    }

    fn calls(&mut self, metrics: &Metrics) {
        self.one(
            "transitions",
            "counter",
            "Transitions written to the store.",
            metrics.transitions,
        );
        self.one(
            "store_errors",
            "counter",
            "Transactions that could not be written.",
            metrics.store_errors,
        );
        let calls = metrics.calls.iter().map(|((kind, end), n)| {
            let (kind, end) = (Text::from(kind.as_str()), Text::from(end.as_str()));
            let labels = format!("{{call=\"{}\",end=\"{}\"}}", label(&kind), label(&end));
            (labels, *n)
        });
        let calls: Vec<_> = calls.collect();
        self.family(
            "calls",
            "counter",
            "Calls to the outside, by kind and by how they ended.",
            &calls,
        );
    }

    fn steps(&mut self, metrics: &Metrics) {
        self.head(
            "step_seconds",
            "histogram",
            "From a step's input to its commit.",
        );
        let mut all = 0;
        for (bound, count) in &metrics.step_ms {
            let bound = if bound.is_finite() {
                format!("{}", bound / 1000.0)
            } else {
                "+Inf".to_owned()
            };
            all = *count;
            let _ = writeln!(
                self.out,
                "rotascope_step_seconds_bucket{{le=\"{bound}\"}} {count}"
            );
        }
        let sum = metrics.step_ms_sum / 1000.0;
        let _ = writeln!(self.out, "rotascope_step_seconds_sum {sum}");
        let _ = writeln!(self.out, "rotascope_step_seconds_count {all}");
    }

    fn end(mut self) -> String {
        if self.open {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

/// Words as the value of a label: harmless, and escaped as the format asks for.
fn label(words: &impl std::fmt::Display) -> String {
    words.to_string().replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        Metrics {
            transitions: 7,
            calls: [(("put\"".to_owned(), "ok".to_owned()), 3)].into(),
            running: [("grace".to_owned(), 2)].into(),
            step_ms: vec![(1.0, 4), (f64::INFINITY, 5)],
            step_ms_sum: 12.5,
            ..Metrics::default()
        }
    }

    #[test]
    fn openmetrics_has_exemplars_and_an_end_and_the_older_format_neither() {
        let id = RotationId::from("rot-7f3a");
        let open = text(&metrics(), Some(&id), true);
        assert!(open.contains("# TYPE rotascope_transitions counter\nrotascope_transitions_total 7 # {rotation_id=\"rot-7f3a\"} 1\n"), "{open}");
        assert!(open.ends_with("# EOF\n"));
        assert!(open.contains("rotascope_rotations_running{stage=\"grace\"} 2\n"));
        let plain = text(&metrics(), Some(&id), false);
        assert!(!plain.contains("rot-7f3a") && !plain.contains("EOF"));
        assert!(plain.contains("# TYPE rotascope_transitions_total counter"));
        assert!(plain.contains("rotascope_calls_total{call=\"put\\\"\",end=\"ok\"} 3"));
        assert!(plain.contains("rotascope_step_seconds_bucket{le=\"+Inf\"} 5"));
        assert!(plain.contains("rotascope_step_seconds_count 5"));
    }
}
