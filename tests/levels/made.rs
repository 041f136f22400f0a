//! Recordings of rotations that go well, badly and strangely, from a seed.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Numbers from a seed (S. Vigna's `SplitMix64`).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `n` - 1.
    fn below(&mut self, n: i64) -> i64 {
        i64::try_from(self.next() % u64::try_from(n).unwrap()).unwrap()
    }

    /// True `percent` times of a hundred.
    fn happens(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(i64::try_from(of.len()).unwrap())).unwrap()]
    }
}

const REGIONS: [&str; 2] = ["eu", "us"];
const STAGES: [&str; 9] = [
    "trigger",
    "generate",
    "store",
    "distribute",
    "validate",
    "cutover",
    "grace",
    "revoke",
    "audit",
];
const ERRORS: [&str; 3] = [
    "429 Too Many Requests",
    "connection reset by peer",
    "ThrottlingException",
];

struct Made {
    dice: Dice,
    lines: Vec<String>,
}

impl Made {
    fn tell(&mut self, source: &str, seconds: i64, kind: &str, rotation: &str, data: &Value) {
        let millis = self.dice.below(1000) * 1_000_000;
        let time = chrono::DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
            + chrono::Duration::nanoseconds(millis);
        let mut event = json!({"specversion": "1.0", "id": self.lines.len().to_string(),
            "source": source, "type": format!("rotascope.{kind}"), "time": time.to_rfc3339()});
        if !rotation.is_empty() {
            event["rotationid"] = json!(rotation);
        }
        event["data"] = data.clone();
        self.lines.push(event.to_string());
    }

    fn started(&mut self, secret: &str, id: &str, version: &str, at: i64) -> i64 {
        let grace = self.dice.one(&[0, 60, 300, 900]);
        let mut data = json!({"secret": secret, "trigger":
            self.dice.one(&["schedule", "manual", "emergency"]),
            "services": [format!("svc-{secret}")], "dual_run": self.dice.happens(80)});
        if self.dice.happens(90) {
            data["to_version"] = json!(version);
        }
        if self.dice.happens(70) {
            data["grace_seconds"] = json!(grace);
        }
        if self.dice.happens(10) {
            data["audit_expected"] = json!(false);
        }
        if self.dice.happens(10) {
            data.as_object_mut().unwrap().remove("trigger");
        }
        data["consumers"] = (0..self.dice.below(5))
            .map(|n| json!({"consumer": format!("{secret}-{n}"), "service": format!("svc-{secret}")}))
            .collect();
        self.tell("/engine", at, "rotation.started", id, &data);
        grace
    }

    /// One stage, region by region or as a whole, with failures before it is done.
    fn stage(&mut self, secret: &str, id: &str, version: &str, stage: &str, at: i64) -> i64 {
        let by_region = matches!(stage, "distribute" | "revoke") && self.dice.happens(60);
        let regions: Vec<Option<&str>> = if by_region {
            REGIONS.map(Some).to_vec()
        } else {
            vec![None]
        };
        let mut end = at;
        for region in regions {
            let mut at = at + self.dice.below(20);
            let word = |made: &mut Self, status: &str, at: i64| {
                let mut data = json!({"stage": stage, "status": status});
                if let Some(region) = region {
                    data["region"] = json!(region);
                }
                if status == "failed" {
                    data["error"] = json!(made.dice.one(&ERRORS));
                }
                if made.dice.happens(5) {
                    data["audit_expected"] = json!(false);
                }
                made.tell("/engine", at, "rotation.stage", id, &data);
            };
            word(self, "started", at);
            while self.dice.happens(20) {
                at += 5;
                word(self, "failed", at);
            }
            at += self.dice.below(30);
            if self.dice.happens(92) {
                word(self, "completed", at);
                if self.dice.happens(90) {
                    self.entry(secret, id, version, stage, at);
                }
            }
            if stage == "revoke" && self.dice.happens(10) {
                word(self, "skipped", at + 5);
            }
            end = end.max(at);
        }
        end
    }

    fn entry(&mut self, secret: &str, id: &str, version: &str, stage: &str, at: i64) {
        let data = json!({"actor": "engine", "operation": "update", "path": secret,
            "secret": secret, "version": version, "outcome": "allowed", "stage": stage});
        let named = if self.dice.happens(70) { id } else { "" };
        let late = self.dice.one(&[0, 1, 3, 90]);
        self.tell("/vault", at + late, "audit.entry", named, &data);
    }

    fn consumers(&mut self, secret: &str, id: &str, version: &str, stored: i64) {
        for n in 0..self.dice.below(6) {
            let mut at = stored + self.dice.below(400);
            for state in ["delivered", "validated", "in_use"] {
                if self.dice.happens(20) {
                    continue;
                }
                at += self.dice.below(60);
                let mut data = json!({"consumer": format!("{secret}-{n}"), "secret": secret,
                    "service": format!("svc-{secret}"), "version": version, "state": state});
                if self.dice.happens(60) {
                    data["latency_ms"] = json!(self.dice.below(900_000) - 1000);
                }
                let named = if self.dice.happens(80) { id } else { "" };
                self.tell("/agent", at, "consumer.version", named, &data);
            }
        }
    }

    fn rotation(&mut self, secret: &str, number: i64, from: i64) -> i64 {
        let (id, version) = (format!("{secret}-r{number}"), format!("v{number}"));
        let grace = self.started(secret, &id, &version, from);
        let mut at = from + 1;
        for stage in STAGES {
            if self.dice.happens(4) {
                break;
            }
            at = self.stage(secret, &id, &version, stage, at) + self.dice.below(20);
            match stage {
                "store" => self.consumers(secret, &id, &version, at),
                "grace" => {
                    let ends = chrono::DateTime::from_timestamp(1_790_000_000 + at + grace, 0);
                    let data = json!({"ends_at": ends.unwrap().to_rfc3339()});
                    if self.dice.happens(60) {
                        self.tell("/engine", at, "rotation.grace", &id, &data);
                    }
                    at += grace;
                }
                _ => {}
            }
        }
        if self.dice.happens(30) {
            // Another source tells of the same rotation under its own id.
            let other = format!("other-{id}");
            let data = json!({"secret": secret, "to_version": version});
            self.tell("/vault", from + 30, "rotation.started", &other, &data);
            let data = json!({"stage": "store", "status": "completed"});
            self.tell("/vault", from + 40, "rotation.stage", &other, &data);
        }
        let outcomes = [
            "succeeded",
            "succeeded",
            "failed",
            "rolled_back",
            "aborted",
            "vanished",
        ];
        while self.dice.happens(70) {
            at += 10;
            let data = json!({"outcome": self.dice.one(&outcomes)});
            self.tell("/engine", at, "rotation.finished", &id, &data);
        }
        at
    }

    /// Authentications of a service, which may go wrong for a while.
    fn samples(&mut self, secret: &str, until: i64) {
        let region = self.dice.one(&[None, Some("eu")]);
        let (bad_from, lasts) = (self.dice.below(until), self.dice.below(4000));
        let goes_wrong = self.dice.happens(80);
        for at in (30..until).step_by(30) {
            if self.dice.happens(5) {
                continue;
            }
            let wrong = goes_wrong && (bad_from..bad_from + lasts).contains(&at);
            let failed = if wrong { 200 } else { self.dice.below(3) };
            let mut data = json!({"service": format!("svc-{secret}"), "secret": secret,
                "window_seconds": 30, "total": 500, "failed_401": failed});
            if let Some(region) = region {
                data["region"] = json!(region);
            }
            self.tell("/prometheus", at, "auth.sample", "", &data);
            if self.dice.happens(20) {
                self.tell("/prometheus-2", at, "auth.sample", "", &data);
            }
        }
    }

    fn beside(&mut self, until: i64) {
        for at in (60..until).step_by(60) {
            let throttled = if self.dice.happens(10) { 3 } else { 0 };
            let data = json!({"api": "secretsmanager", "region": "eu", "window_seconds": 60,
                "total": 90, "throttled": throttled});
            self.tell("/prometheus", at, "quota.sample", "", &data);
        }
        for _ in 0..self.dice.below(6) {
            let at = self.dice.below(until);
            let detector = self.dice.one(&["gitleaks", "kingfisher", "counter"]);
            let repository = self.dice.one(&["git/a", "git/b"]);
            let data = json!({"detector": detector, "repository": repository,
                "findings": self.dice.below(4)});
            self.tell("/scanner", at, "scan.completed", "", &data);
        }
        for _ in 0..self.dice.below(4) {
            let at = self.dice.below(until);
            let mut data = json!({"detector": self.dice.one(&["gitleaks", "kingfisher"]),
                "rule": "key", "location": self.dice.one(&["a.py", "b.py"]), "secret": "s0",
                "confidence": self.dice.one(&["confirmed", "suspected"])});
            if self.dice.happens(70) {
                data["fingerprint"] = json!(self.dice.one(&["f1", "f2"]));
            }
            self.tell("/scanner", at, "leak.finding", "", &data);
        }
        for _ in 0..self.dice.below(5) {
            let at = self.dice.below(until);
            let state = self.dice.one(&["connected", "disconnected", "degraded"]);
            let data = json!({"backend": "/vault", "state": state, "lag_ms": 1000});
            self.tell("/session", at, "backend.status", "", &data);
        }
    }
}

/// A recording of about an hour, a line an event, in no order.
pub fn recording(seed: u64) -> String {
    let mut made = Made {
        dice: Dice(seed),
        lines: Vec::new(),
    };
    let mut until = 1800;
    for secret in 0..=made.dice.below(3) {
        let secret = format!("s{secret}");
        let mut at = 600 + made.dice.below(300);
        for number in 0..made.dice.below(4) {
            at = made.rotation(&secret, number, at) + made.dice.below(900);
        }
        until = until.max(at + 60);
        made.samples(&secret, until);
    }
    made.beside(until);
    if made.dice.happens(30) {
        // Time goes on, and what is not over has waited too long.
        let later = until + made.dice.one(&[3700, 90_000]);
        let data = json!({"backend": "/elsewhere", "state": "connected"});
        made.tell("/session", later, "backend.status", "", &data);
    }
    made.lines.join("\n")
}

/// Every line, some of them twice, in another order.
pub fn shuffled_twice(lines: &str, seed: u64) -> String {
    let mut dice = Dice(!seed);
    let mut all: Vec<&str> = lines.lines().collect();
    let again: Vec<&str> = all.iter().copied().filter(|_| dice.happens(30)).collect();
    all.extend(again);
    for at in (1..all.len()).rev() {
        let other = usize::try_from(dice.below(i64::try_from(at).unwrap() + 1)).unwrap();
        all.swap(at, other);
    }
    let mut out = String::new();
    for line in all {
        let _ = writeln!(out, "{line}");
    }
    out
}
