//! A night with much going on, built from events.

use std::sync::Arc;

use serde_json::json;

use crate::diagnosis::{Evidence, Finding, Known, Mode, Reach, RuledOut};
use crate::incident::{EventRef, Incident};
use crate::model::event::Severity;
use crate::model::rejected::{Place, Rejected};
use crate::model::replay::{Loading, Mark, MarkKind, PlayerStatus, Speed};
use crate::model::{Event, Timestamp};
use crate::ui::State;

/// A moment of the night: seconds after 03:00.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::parse("2026-11-23T03:00:00Z").unwrap() + crate::model::Span::seconds(seconds)
}

/// Tells an incident of events.
#[derive(Default)]
pub struct Story {
    pub incident: Incident,
    pub last: Option<Arc<Event>>,
    told: u64,
}

impl From<Incident> for Story {
    /// Goes on where another story ended.
    fn from(incident: Incident) -> Self {
        Self {
            incident,
            last: None,
            told: 90_000,
        }
    }
}

impl Story {
    pub fn tell(
        &mut self,
        seconds: i64,
        source: &str,
        kind: &str,
        rotation: &str,
        data: &serde_json::Value,
    ) {
        self.told += 1;
        let mut line = json!({
            "specversion": "1.0", "id": self.told.to_string(), "source": source,
            "type": format!("rotascope.{kind}"), "time": at(seconds).to_string(), "data": data,
        });
        if !rotation.is_empty() {
            line["rotationid"] = json!(rotation);
        }
        let event = Event::from_json(line.to_string().as_bytes()).unwrap();
        self.incident.apply(&event);
        self.last = Some(Arc::new(event));
    }

    pub fn stage(&mut self, seconds: i64, rotation: &str, stage: &str, status: &str) {
        let data = json!({"stage": stage, "status": status});
        self.tell(seconds, "/engine/prod", "rotation.stage", rotation, &data);
    }

    pub fn stages(&mut self, seconds: i64, rotation: &str, stages: &[&str]) {
        for (stage, n) in stages.iter().zip(1..) {
            self.stage(seconds + n, rotation, stage, "completed");
        }
    }

    pub fn consumer(
        &mut self,
        seconds: i64,
        secret: &str,
        name: &str,
        region: &str,
        version: &str,
        state: &str,
    ) {
        let data = json!({"consumer": name, "service": name.split('-').next(), "region": region,
            "secret": secret, "version": version, "state": state, "latency_ms": 4200,
            "identities": [format!("sa/{name}")]});
        self.tell(seconds, "/agents/all", "consumer.version", "", &data);
    }

    pub fn auth(&mut self, seconds: i64, service: &str, region: &str, failed: u64) {
        let data = json!({"service": service, "region": region, "window_seconds": 30,
            "total": 1000, "failed_401": failed, "failed_403": 0});
        self.tell(seconds, "/prometheus/main", "auth.sample", "", &data);
    }
}

fn payments(story: &mut Story) {
    let consumers: Vec<_> = (0..120)
        .map(|n| {
            let region = if n < 42 { "eu-1" } else { "us-2" };
            let name = format!(
                "{}-{region}-{n}",
                if n % 3 == 0 { "billing" } else { "checkout" }
            );
            json!({"consumer": name, "service": "checkout", "region": region})
        })
        .collect();
    let started = json!({"secret": "payments/db", "kind": "database", "from_version": "v17",
        "to_version": "v18", "trigger": "schedule", "owner": "team-payments", "tier": "critical",
        "regions": ["eu-1", "us-2"], "grace_seconds": 900, "dual_run": true, "planned": false,
        "consumers": consumers, "services": ["checkout", "refunds"]});
    story.tell(
        120,
        "/engine/prod",
        "rotation.started",
        "rot-7f3a",
        &started,
    );
    story.stages(
        121,
        "rot-7f3a",
        &["trigger", "generate", "store", "distribute", "validate"],
    );
    story.stage(210, "rot-7f3a", "cutover", "started");
    for (n, consumer) in (0_i64..).zip(&consumers) {
        let name = consumer["consumer"].as_str().unwrap();
        let region = consumer["region"].as_str().unwrap();
        let (version, state) = match n {
            0..=40 => ("v17", "in_use"),
            _ => ("v18", "in_use"),
        };
        story.consumer(220 + n, "payments/db", name, region, version, state);
    }
    story.stage(350, "rot-7f3a", "cutover", "completed");
    story.stage(351, "rot-7f3a", "grace", "started");
    let grace = json!({"ends_at": at(1132).to_string(), "extended_seconds": 300, "by": "mira",
        "reason": "eu-1 is slow"});
    story.tell(400, "/engine/prod", "rotation.grace", "rot-7f3a", &grace);
}

fn others(story: &mut Story) {
    let tls = json!({"secret": "edge/tls", "kind": "tls", "from_version": "c08",
        "to_version": "c09", "trigger": "schedule", "owner": "team-edge", "dual_run": true,
        "consumers": (0..6).map(|n| json!({"consumer": format!("edge-{n}"), "region": "eu-1"})).collect::<Vec<_>>(),
        "services": ["edge"]});
    story.tell(300, "/engine/prod", "rotation.started", "rot-c09", &tls);
    story.stages(301, "rot-c09", &["trigger", "generate"]);
    for attempt in 1..=4 {
        let data = json!({"stage": "store", "status": "failed", "attempt": attempt,
            "error": "429 from acme"});
        story.tell(
            310 + attempt * 40,
            "/engine/prod",
            "rotation.stage",
            "rot-c09",
            &data,
        );
    }
    let jwks = json!({"secret": "gateway/jwks", "kind": "signing-key", "from_version": "k41",
        "to_version": "k42", "trigger": "schedule", "owner": "team-id", "dual_run": true});
    story.tell(60, "/engine/prod", "rotation.started", "rot-k42", &jwks);
    story.stages(
        61,
        "rot-k42",
        &[
            "trigger",
            "generate",
            "store",
            "distribute",
            "validate",
            "cutover",
        ],
    );
    for n in 0..12 {
        story.consumer(
            80 + n,
            "gateway/jwks",
            &format!("gateway-eu-1-{n}"),
            "eu-1",
            "k42",
            "in_use",
        );
    }
    story.stage(100, "rot-k42", "grace", "started");
    story.tell(
        101,
        "/engine/prod",
        "rotation.grace",
        "rot-k42",
        &json!({"ends_at": at(3880).to_string()}),
    );
    for (id, secret, outcome) in [
        ("rot-0c1d", "reports/smtp", "succeeded"),
        ("rot-0c1e", "ledger/支付-token", "rolled_back"),
    ] {
        let started = json!({"secret": secret, "kind": "token", "from_version": "3",
            "to_version": "9c1e0f4e-1111-4222-8333-444455556666", "trigger": "manual"});
        story.tell(-900, "/engine/prod", "rotation.started", id, &started);
        story.stages(-890, id, &["trigger", "generate", "store"]);
        story.tell(
            -600,
            "/engine/prod",
            "rotation.finished",
            id,
            &json!({"outcome": outcome}),
        );
    }
}

fn signals(story: &mut Story) {
    for n in -20_i64..=25 {
        let seconds = n * 30;
        let hurt = if n < 13 {
            2
        } else {
            (20 + (n - 13).unsigned_abs() * 12).min(91)
        };
        story.auth(seconds, "checkout", "eu-1", if n == 4 { 3 } else { hurt });
        story.auth(seconds, "checkout", "us-2", if n % 5 == 0 { 3 } else { 2 });
        if !(9..=11).contains(&n) && n < 23 {
            story.auth(seconds, "refunds", "eu-1", 1);
        }
        for (cohort, errors, p99) in [("canary", hurt, 84.0), ("baseline", 2, 80.0)] {
            let data = json!({"service": "checkout", "region": "eu-1", "cohort": cohort,
                "window_seconds": 30, "total": 1000, "errors": errors, "p99_ms": p99});
            story.tell(seconds, "/prometheus/main", "canary.sample", "", &data);
        }
    }
    for (seconds, source, operation, actor, outcome, error) in [
        (
            718,
            "/vault/prod-eu",
            "read",
            "refunds-eu-1-0",
            "allowed",
            None,
        ),
        (
            750,
            "/postgres/main",
            "login",
            "payments_app",
            "denied",
            Some("28P01"),
        ),
        (
            751,
            "/vault/prod-eu",
            "read",
            "billing-us-2-51",
            "allowed",
            None,
        ),
        (
            752,
            "/vault/prod-eu",
            "read",
            "ci-\u{1b}[31mrunner\u{202e}",
            "denied",
            Some("permission denied"),
        ),
    ] {
        let data = json!({"actor": actor, "operation": operation, "path": "static-creds/payments",
            "secret": "payments/db", "outcome": outcome, "error": error,
            "remote_addr": "10.1.0.10"});
        story.tell(seconds, source, "audit.entry", "", &data);
    }
    for (seconds, state) in [
        (-300, "connected"),
        (260, "disconnected"),
        (350, "connected"),
    ] {
        let data = json!({"backend": "/prometheus/main", "state": state, "lag_ms": 1800});
        story.tell(seconds, "/prometheus/main", "backend.status", "", &data);
    }
    let data = json!({"backend": "/vault/prod-eu", "state": "degraded", "lag_ms": 9000,
        "error": "audit device answers late"});
    story.tell(700, "/vault/prod-eu", "backend.status", "", &data);
}

/// The night at 03:12:40.
pub fn night() -> State {
    let mut story = Story::default();
    payments(&mut story);
    others(&mut story);
    signals(&mut story);
    story.incident.tick(at(760));
    let mark = |seconds, kind| Mark {
        at: at(seconds),
        kind,
        rotation: Some("rot-7f3a".into()),
    };
    let rejected = |line, reason: &str, excerpt: &str| Rejected {
        place: Place {
            file: "audit/vault.log".into(),
            line,
            byte: 0,
        },
        reason: reason.into(),
        excerpt: excerpt.into(),
    };
    State {
        overview: None,
        incident: story.incident,
        known: Known::default(),
        event: None,
        player: PlayerStatus {
            playing: true,
            speed: Speed::Times(10.0),
            from: Some(at(-1200)),
            to: Some(at(2400)),
            at: Some(at(760)),
            position: 300,
            events: 900,
            marks: Arc::new([
                mark(67, MarkKind::Cutover),
                mark(350, MarkKind::Cutover),
                mark(400, MarkKind::Act),
                mark(420, MarkKind::Failure),
                mark(1132, MarkKind::Revoke),
            ]),
        },
        loading: Loading {
            done: true,
            bytes: 1_200_000,
            of_bytes: Some(1_200_000),
            rejected: 2,
            trouble: Vec::new(),
        },
        rejected: Arc::new([
            rejected(
                17,
                "not JSON: expected `,` at column 12",
                "{\"time\":\"2026-11-23T03\u{1b}[2J",
            ),
            rejected(0, "unknown format", ""),
        ]),
        live: None,
        rules: None,
        local_offset_seconds: 3600,
    }
}

fn evidence(seconds: i64, source: &str, id: &str, note: &str) -> Evidence {
    Evidence {
        event: EventRef {
            time: at(seconds),
            source: source.into(),
            id: id.into(),
        },
        note: note.into(),
    }
}

/// A page of checkout in eu-1 that stands.
pub fn finding(mode: Mode, rotation: Option<&str>, secret: &str, seconds: i64) -> Finding {
    Finding {
        mode,
        rotation: rotation.map(Into::into),
        secret: Some(secret.into()),
        services: ["checkout".into()].into(),
        regions: ["eu-1".into()].into(),
        detected_at: at(seconds),
        resolved_at: None,
        severity: Severity::Page,
        suppressed: false,
        confidence: 0.97,
        evidence: Vec::new(),
        ruled_out: Vec::new(),
        cannot_know: Vec::new(),
    }
}

/// F1 of rot-7f3a, found at 03:07:30.
pub fn broken() -> Finding {
    Finding {
        evidence: vec![
            evidence(
                350,
                "/engine/prod",
                "cutover-350",
                "the cutover after which it began: 41 of 120 consumers are not on the new version, \
                 among them checkout-eu-1-1, checkout-eu-1-2, billing-eu-1-3",
            ),
            evidence(
                420,
                "/prometheus/main",
                "a420",
                "32 of 1000 refused in eu-1; usual is 0.2 %",
            ),
            evidence(
                450,
                "/prometheus/main",
                "a450",
                "44 of 1000 refused in eu-1; usual is 0.2 %",
            ),
        ],
        ruled_out: vec![
            RuledOut {
                mode: Mode::F4,
                why: "v17 is not revoked".into(),
            },
            RuledOut {
                mode: Mode::F6,
                why: "no consumer fails to read v18".into(),
            },
        ],
        cannot_know: vec!["who reads the cache directly: no audit comes from redis-eu".into()],
        ..finding(Mode::F1, Some("rot-7f3a"), "payments/db", 450)
    }
}

/// The night at 03:12:40 with what was found by then: F1 of rot-7f3a and F3 of rot-c09 stand, F2
/// of rot-k42 healed.
pub fn found() -> State {
    let throttled = Finding {
        severity: Severity::Ticket,
        services: ["edge".into()].into(),
        regions: [].into(),
        evidence: vec![evidence(470, "/engine/prod", "s470", "store was throttled")],
        ..finding(Mode::F3, Some("rot-c09"), "edge/tls", 470)
    };
    let healed = Finding {
        resolved_at: Some(at(300)),
        services: ["gateway".into()].into(),
        ..finding(Mode::F2, Some("rot-k42"), "gateway/jwks", 170)
    };
    knowing(vec![healed, broken(), throttled])
}

/// The night at 03:12:40 with other findings.
pub fn knowing(findings: Vec<Finding>) -> State {
    State {
        known: Known {
            findings: findings.into_iter().map(Arc::new).collect(),
            reach: Reach::Whole,
            ..Known::default()
        },
        ..night()
    }
}

/// A state before anything was read.
pub fn nothing() -> State {
    State::default()
}

/// Somebody else moves the end of the grace period.
pub fn extend(state: &mut State) {
    let mut story = Story::from(state.incident.clone());
    let data = json!({"ends_at": at(4000).to_string(), "extended_seconds": 1800, "by": "noor"});
    story.tell(761, "/engine/prod", "rotation.grace", "rot-7f3a", &data);
    state.incident = story.incident;
}

/// Somebody else freezes all rotations.
pub fn freeze(state: &mut State) {
    let mut story = Story::from(state.incident.clone());
    let data = json!({"action": "freeze", "phase": "executed", "actor": "noor",
        "target": "all rotations", "risk": "reversible", "idempotency_key": "f1"});
    story.tell(755, "/engine/prod", "action", "", &data);
    state.incident = story.incident;
}
