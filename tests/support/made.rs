//! Incidents that nobody wrote by hand: a plan, and the events that it comes to.

use std::fmt::Write as _;

use proptest::prelude::*;
use rotascope::model::{Event, Timestamp};
use serde_json::{Value, json};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing; the rotation is merely busy.
    Nothing,
    /// Consumers stay behind at the cutover: F1.
    Behind,
    /// Consumers stay behind at the revocation: F4.
    TooEarly,
    /// The same, and nobody counts the service's authentications: F4.
    Outage,
    /// A cache outlives the cutover: F7.
    Stale,
    /// A revoked version is presented again and again: F7.
    Presented,
    /// A region's distribution fails: F2.
    Region,
    /// A stage is throttled again and again: F3.
    Throttled,
    /// A scanner confirms a leak: F5.
    Leak,
    /// A stranger reads the new version: F5.
    Stranger,
    /// Consumers cannot read the new version: F6.
    Format,
    /// An audit entry does not come: F8.
    Unaudited,
    /// Refusals that no rotation explains.
    Spike,
}

/// Each fault, and the mode that it is to be found as.
pub const FAULTS: [(Fault, Option<&str>); 13] = [
    (Fault::Nothing, None),
    (Fault::Behind, Some("F1")),
    (Fault::TooEarly, Some("F4")),
    (Fault::Outage, Some("F4")),
    (Fault::Stale, Some("F7")),
    (Fault::Presented, Some("F7")),
    (Fault::Region, Some("F2")),
    (Fault::Throttled, Some("F3")),
    (Fault::Leak, Some("F5")),
    (Fault::Stranger, Some("F5")),
    (Fault::Format, Some("F6")),
    (Fault::Unaudited, Some("F8")),
    (Fault::Spike, Some("unattributed")),
];

/// One rotation of one service, and what goes wrong with it.
#[derive(Clone, Debug)]
pub struct Plan {
    pub fault: Fault,
    /// Consumers in each region, and the regions.
    pub fleet: usize,
    pub regions: usize,
    /// The length of a window in seconds, and the requests in it.
    pub window: i64,
    pub rate: u64,
    /// Refusals in a thousand that are usual.
    pub noise: u64,
    /// When it begins, in seconds.
    pub start: i64,
    /// Whether it is cured at the end.
    pub cured: bool,
}

/// What is done to the events of all plans.
#[derive(Clone, Debug)]
pub struct Mess {
    pub seed: u64,
    /// One sample in so many is lost, and one event in so many told twice.
    pub lost: u64,
    pub twice: u64,
    /// How far the clock of the samples is ahead, in milliseconds.
    pub ahead: i64,
}

pub fn plan() -> impl Strategy<Value = Plan> {
    let fault = (0..FAULTS.len()).prop_map(|n| FAULTS[n].0);
    let window = prop::sample::select(vec![15, 20, 30, 60]);
    let rate = prop_oneof![5..20_u64, 20..200_u64, 200..3000_u64];
    let size = (1..5_usize, 1..4_usize);
    (
        fault,
        size,
        window,
        rate,
        0..60_u64,
        0..600_i64,
        any::<bool>(),
    )
        .prop_map(
            |(fault, (fleet, regions), window, rate, noise, start, cured)| Plan {
                fault,
                fleet,
                regions,
                window,
                rate,
                noise,
                start,
                cured,
            },
        )
}

pub fn mess() -> impl Strategy<Value = Mess> {
    (any::<u64>(), 5..200_u64, 3..100_u64, -3000..3000_i64).prop_map(
        |(seed, lost, twice, ahead)| Mess {
            seed: seed | 1,
            lost,
            twice,
            ahead,
        },
    )
}

/// xorshift64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n.max(1)
    }
}

/// The lines of an incident: those of every plan, each its own service and secret, in a mess, in
/// an order that no clock gave them.
pub fn lines(plans: &[Plan], mess: &Mess) -> Vec<String> {
    let mut numbers = Numbers(mess.seed);
    let mut maker = Maker {
        n: 0,
        lines: Vec::new(),
        ahead: mess.ahead,
    };
    maker.tell(
        0,
        "/session",
        None,
        "backend.status",
        &json!({"backend": "/vault",
        "state": "connected", "lag_ms": 400}),
    );
    for (n, plan) in plans.iter().enumerate() {
        maker.rotation(&Names::of(n), plan);
        maker.samples(&Names::of(n), plan, &mut numbers);
    }
    let end = plans.iter().map(|plan| plan.start).max().unwrap_or(0) + 2400;
    maker.tell(
        end,
        "/scanner",
        None,
        "scan.completed",
        &json!({"detector": "d",
        "repository": "r", "findings": 0}),
    );
    let mut lines = Vec::new();
    for (sample, line) in maker.lines {
        if sample && numbers.below(mess.lost) == 0 {
            continue;
        }
        if numbers.below(mess.twice) == 0 {
            lines.push(line.clone());
        }
        lines.push(line);
    }
    for at in (1..lines.len()).rev() {
        let other = numbers.below(at as u64 + 1);
        lines.swap(at, usize::try_from(other).unwrap());
    }
    lines
}

/// The events of lines, in order of time, each once.
pub fn events(lines: &[String]) -> Vec<Event> {
    let read = |line: &String| Event::from_json(line.as_bytes()).unwrap();
    let mut events: Vec<Event> = lines.iter().map(read).collect();
    events.sort_by(|a, b| (a.time, &a.source, &a.id).cmp(&(b.time, &b.source, &b.id)));
    events.dedup_by(|a, b| (a.time, &a.source, &a.id) == (b.time, &b.source, &b.id));
    events
}

struct Names {
    service: String,
    secret: String,
    rotation: String,
}

impl Names {
    fn of(n: usize) -> Self {
        Self {
            service: format!("svc{n}"),
            secret: format!("svc{n}/key"),
            rotation: format!("rot{n}"),
        }
    }
}

struct Maker {
    n: u32,
    /// Each with whether it is a sample, which may be lost.
    lines: Vec<(bool, String)>,
    ahead: i64,
}

impl Maker {
    fn tell(&mut self, at: i64, source: &str, rotation: Option<&str>, kind: &str, data: &Value) {
        self.n += 1;
        let is_sample = kind.ends_with("sample");
        let skew = if is_sample { self.ahead } else { 0 };
        let millis = (1_800_000_000 + at) * 1000 + skew;
        let nanos = u32::try_from(millis.rem_euclid(1000)).unwrap() * 1_000_000;
        let time = Timestamp::new(millis.div_euclid(1000), nanos);
        let mut id = String::new();
        write!(id, "{:05x}", self.n).unwrap();
        let mut line = json!({"specversion": "1.0", "id": id, "source": source,
            "type": format!("rotascope.{kind}"), "time": time.to_string(), "data": data});
        if let Some(rotation) = rotation {
            line["rotationid"] = json!(rotation);
        }
        self.lines.push((is_sample, line.to_string()));
    }

    fn stage(&mut self, at: i64, names: &Names, stage: &str, status: &str, more: &Value) {
        let mut data = json!({"stage": stage, "status": status});
        for (name, value) in more.as_object().into_iter().flatten() {
            data[name] = value.clone();
        }
        let rotation = Some(names.rotation.as_str());
        self.tell(at, "/engine", rotation, "rotation.stage", &data);
    }

    fn consumer(&mut self, at: i64, names: &Names, who: &Who, state: &str, error: Option<&str>) {
        let data = json!({"consumer": who.name, "service": names.service, "region": who.region,
            "secret": names.secret, "version": "2", "state": state, "error": error});
        let rotation = Some(names.rotation.as_str());
        self.tell(at, "/fleet", rotation, "consumer.version", &data);
    }

    fn audit(&mut self, at: i64, names: &Names, data: &Value) {
        let mut all = json!({"path": names.secret, "secret": names.secret, "outcome": "allowed"});
        for (name, value) in data.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        let rotation = all
            .get("stage")
            .is_some()
            .then_some(names.rotation.as_str());
        self.tell(at, "/vault", rotation, "audit.entry", &all);
    }

    /// Started at `start`, distributed at 300, cut over at 600, revoked at 1200 after that.
    fn rotation(&mut self, names: &Names, plan: &Plan) {
        let (t, rotation) = (plan.start, Some(names.rotation.as_str()));
        let fleet = Who::all(names, plan);
        let consumers: Vec<Value> = fleet
            .iter()
            .map(|who| {
                json!({"consumer": who.name, "service": names.service,
                "region": who.region, "identities": [format!("role:{}", who.name)]})
            })
            .collect();
        let data = json!({"secret": names.secret, "from_version": "1", "to_version": "2",
            "services": [names.service], "consumers": consumers});
        self.tell(t, "/engine", rotation, "rotation.started", &data);
        self.audit(
            t - 100,
            names,
            &json!({"actor": format!("role:{}", fleet[0].name),
            "operation": "read", "version": "1"}),
        );
        let audited = |stage: &str| {
            json!({"actor": "engine", "operation": "update",
            "version": "2", "stage": stage})
        };
        self.stage(t + 100, names, "generate", "completed", &Value::Null);
        self.audit(t + 102, names, &audited("generate"));
        if plan.fault == Fault::Throttled {
            for n in 0..3 {
                let error = json!({"error": "HTTP 429", "attempt": n + 1});
                self.stage(t + 150 + 20 * n, names, "store", "failed", &error);
            }
        }
        self.stage(t + 220, names, "store", "completed", &Value::Null);
        if plan.fault != Fault::Unaudited {
            self.audit(t + 222, names, &audited("store"));
        }
        self.distribute(names, plan, &fleet);
        self.stage(t + 600, names, "cutover", "completed", &Value::Null);
        self.audit(t + 601, names, &audited("cutover"));
        if !matches!(plan.fault, Fault::Behind | Fault::Stale | Fault::Region) {
            self.stage(t + 1200, names, "revoke", "completed", &Value::Null);
            self.audit(t + 1203, names, &audited("revoke"));
        }
        self.others(names, plan, &fleet);
    }

    fn distribute(&mut self, names: &Names, plan: &Plan, fleet: &[Who]) {
        let t = plan.start;
        for region in 0..plan.regions {
            let failed = plan.fault == Fault::Region && region == 0;
            let status = if failed { "failed" } else { "completed" };
            let place = json!({"region": format!("r{region}")});
            self.stage(t + 300, names, "distribute", status, &place);
            if !failed {
                let data = json!({"actor": "engine", "operation": "update", "version": "2",
                    "stage": "distribute"});
                self.audit(t + 303, names, &data);
            }
        }
        for (n, who) in fleet.iter().enumerate() {
            let at = t + 310 + i64::try_from(n).unwrap() * 7;
            let state = match plan.fault {
                Fault::Region if who.region == "r0" => continue,
                Fault::Behind | Fault::TooEarly | Fault::Outage if n % 2 == 0 => "pending",
                Fault::Stale if n % 2 == 0 => "delivered",
                Fault::Format if n == 0 => "failed",
                _ => "in_use",
            };
            let error = (state == "failed").then_some("invalid PEM: no start line");
            self.consumer(at, names, who, state, error);
            if error.is_some() {
                self.consumer(at + 40, names, who, state, error);
            }
            if plan.cured && state != "in_use" {
                self.consumer(t + 1800, names, who, "in_use", None);
            }
        }
    }

    fn others(&mut self, names: &Names, plan: &Plan, fleet: &[Who]) {
        let t = plan.start;
        match plan.fault {
            Fault::Leak => {
                let data = json!({"detector": "gitleaks", "rule": "key", "location": "a.py",
                    "secret": names.secret, "confidence": "confirmed", "fingerprint": "f"});
                self.tell(t + 400, "/gitleaks", None, "leak.finding", &data);
            }
            Fault::Stranger => self.audit(
                t + 400,
                names,
                &json!({"actor": "role:nobody",
                "operation": "read", "version": "2"}),
            ),
            Fault::Presented => {
                for n in 1..6 {
                    self.audit(
                        t + 1200 + 20 * n,
                        names,
                        &json!({"operation": "login",
                        "actor": format!("role:{}", fleet[0].name), "version": "1",
                        "outcome": "denied"}),
                    );
                }
            }
            Fault::Outage => {
                let told = |up| json!({"service": names.service, "region": "r0", "up": up});
                self.tell(t + 1210, "/probe", None, "service.health", &told(false));
                if plan.cured {
                    self.tell(t + 1900, "/probe", None, "service.health", &told(true));
                }
            }
            _ => {}
        }
    }

    fn samples(&mut self, names: &Names, plan: &Plan, numbers: &mut Numbers) {
        let t = plan.start;
        let (from, share) = match plan.fault {
            Fault::Behind | Fault::Stale => (t + 600, 450),
            Fault::TooEarly => (t + 1200, 450),
            // Before the rotation does anything that could break it.
            Fault::Spike => (t + 150, 450),
            Fault::Outage => return,
            _ => (i64::MAX, 0),
        };
        let until = if plan.cured { t + 1800 } else { i64::MAX };
        let begin = (t - 900) / plan.window * plan.window;
        for end in (begin..t + 2300).step_by(usize::try_from(plan.window).unwrap()) {
            for region in 0..plan.regions {
                let bad = if end > from && end <= until {
                    share
                } else {
                    plan.noise
                };
                let bad = (0..plan.rate).filter(|_| numbers.below(1000) < bad).count();
                let data = json!({"service": names.service, "region": format!("r{region}"),
                    "window_seconds": plan.window, "total": plan.rate, "failed_401": bad});
                self.tell(end, "/metrics", None, "auth.sample", &data);
                if plan.fault == Fault::Stale {
                    let age = if end > t + 600 { end - t - 540 } else { 50 };
                    let data = json!({"service": names.service, "region": format!("r{region}"),
                        "hit_ratio": 0.95, "oldest_entry_seconds": age});
                    self.tell(end, "/metrics", None, "cache.sample", &data);
                }
            }
        }
    }
}

struct Who {
    name: String,
    region: String,
}

impl Who {
    fn all(names: &Names, plan: &Plan) -> Vec<Self> {
        let one = |region: usize, n: usize| Self {
            name: format!("{}-r{region}-{n}", names.service),
            region: format!("r{region}"),
        };
        (0..plan.regions)
            .flat_map(|region| (0..plan.fleet).map(move |n| one(region, n)))
            .collect()
    }
}
