//! F1, F4, F7 and `unattributed` on small hand-made incidents.

mod account;
mod beside;
mod modes;
mod odd;
mod outage;
mod severity;

use serde_json::{Value, json};

use super::*;
use crate::diagnosis::{Diagnosis, Finding, Rule};
use crate::model::Source;

/// A story: events, put in order of time when it is told.
#[derive(Default)]
struct Story {
    events: Vec<Event>,
    tier: Option<&'static str>,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 0)
}

impl Story {
    fn tell(&mut self, seconds: i64, kind: &str, rotation: Option<&str>, data: &Value) {
        let mut line = json!({
            "specversion": "1.0", "id": format!("e{}", self.events.len()), "source": "/s",
            "time": at(seconds).to_string(), "type": format!("rotascope.{kind}"), "data": data,
        });
        if let Some(rotation) = rotation {
            line["rotationid"] = json!(rotation);
        }
        let event = Event::from_json(line.to_string().as_bytes()).unwrap();
        self.events.push(event);
    }

    /// Windows of 30 s of `shop` in two regions, `bad` of `total` each.
    fn auth(&mut self, from: i64, to: i64, bad: u64, total: u64) -> &mut Self {
        for end in (from + 30..=to).step_by(30) {
            for region in ["eu", "us"] {
                let data = json!({"service": "shop", "region": region, "window_seconds": 30,
                    "total": total, "failed_401": bad});
                self.tell(end, "auth.sample", None, &data);
            }
        }
        self
    }

    /// A rotation of `db`, on which `shop` depends, started at 300 with four consumers, of which
    /// the first `on` are on the new version and the others in `state`.
    fn rotation(&mut self, on: usize, state: &str) -> &mut Self {
        let consumers: Vec<Value> = (0..4)
            .map(|n| json!({"consumer": format!("c{n}"), "service": "shop", "region": "eu"}))
            .collect();
        let data = json!({"secret": "db", "from_version": "1", "to_version": "2",
            "services": ["shop"], "consumers": consumers, "tier": self.tier});
        self.tell(300, "rotation.started", Some("r1"), &data);
        for n in 0..4 {
            let state = if n < on { "in_use" } else { state };
            self.consumer(400, n, state);
        }
        self
    }

    /// What the `n`th consumer says of the new version.
    fn consumer(&mut self, seconds: i64, n: usize, state: &str) -> &mut Self {
        let data = json!({"consumer": format!("c{n}"), "service": "shop", "region": "eu",
            "secret": "db", "version": "2", "state": state});
        self.tell(seconds, "consumer.version", Some("r1"), &data);
        self
    }

    fn stage(&mut self, seconds: i64, stage: &str, status: &str) -> &mut Self {
        let data = json!({"stage": stage, "status": status});
        self.tell(seconds, "rotation.stage", Some("r1"), &data);
        self
    }

    fn cache(&mut self, seconds: i64, oldest: i64) -> &mut Self {
        let data = json!({"service": "shop", "region": "eu", "hit_ratio": 0.9,
            "oldest_entry_seconds": oldest});
        self.tell(seconds, "cache.sample", None, &data);
        self
    }

    fn decrypt(&mut self, from: i64, to: i64, bad: u64) -> &mut Self {
        for end in (from + 10..=to).step_by(10) {
            let data = json!({"signal": "decrypt", "service": "shop", "secret": "db",
                "window_seconds": 10, "total": 16, "bad": bad});
            self.tell(end, "signal.sample", None, &data);
        }
        self
    }

    fn health(&mut self, seconds: i64, region: &str, up: bool) -> &mut Self {
        let data = json!({"service": "shop", "region": region, "up": up});
        self.tell(seconds, "service.health", None, &data);
        self
    }

    fn found(&self) -> Vec<(Mode, Option<i64>)> {
        self.findings()
            .into_iter()
            .map(|f| {
                let healed = f.resolved_at.map(|at| at.seconds() - 1_800_000_000);
                (f.mode, healed)
            })
            .collect()
    }

    fn findings(&self) -> Vec<Finding> {
        let (diagnosis, events) = self.diagnosis();
        let all = diagnosis.findings().all().into_iter().cloned().collect();
        check(&all, &events);
        all
    }

    /// The only finding.
    fn one(&self) -> Finding {
        let mut all = self.findings();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    fn diagnosis(&self) -> (Diagnosis, Vec<Event>) {
        let mut events = self.events.clone();
        events.sort_by_key(|event| event.time);
        let rules: Vec<Box<dyn Rule>> = vec![Box::<AuthFailures>::default()];
        let mut diagnosis = Diagnosis::new(rules);
        for event in &events {
            diagnosis.apply(event);
        }
        (diagnosis, events)
    }
}

/// Every evidence is an event, not later than the finding.
fn check(findings: &Vec<Finding>, events: &[Event]) {
    for finding in findings {
        assert!(!finding.evidence.is_empty());
        for evidence in &finding.evidence {
            assert!(evidence.event.time <= finding.detected_at);
            assert!(events.iter().any(|e| e.id == evidence.event.id));
        }
    }
}
