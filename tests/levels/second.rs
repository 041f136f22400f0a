//! The service levels once more, from the raw lines: plain code that shares nothing with `src/`.
//! Slow, and written from `docs/service-levels.md` alone; findings are taken as `diagnose` prints
//! them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::DateTime;
use serde_json::Value;

const SECOND: i64 = 1_000_000_000;
const MONTH: i64 = 30 * 86_400 * SECOND;

/// What a level comes to: the value, what it rests on, how many were bad.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub value: Option<f64>,
    pub n: u64,
    pub bad: u64,
    pub met: Option<bool>,
    pub budget_left: Option<f64>,
}

struct Event {
    time: i64,
    source: String,
    id: String,
    kind: String,
    rotation: Option<String>,
    data: Value,
}

impl Event {
    fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    fn word(&self, name: &str) -> Option<&str> {
        self.data[name].as_str()
    }

    fn key(&self) -> (i64, &str, &str) {
        (self.time, &self.source, &self.id)
    }
}

fn nanos(words: &str) -> i64 {
    let time = DateTime::parse_from_rfc3339(words).unwrap();
    time.timestamp_nanos_opt().unwrap()
}

fn read(lines: &str) -> Vec<Event> {
    let mut seen = HashSet::new();
    let mut events = Vec::new();
    for line in lines.lines() {
        let Ok(mut value) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let (source, id) = (text("source").unwrap(), text("id").unwrap());
        if !seen.insert((source.clone(), id.clone())) {
            continue;
        }
        let kind = text("type").unwrap();
        let kind = kind.strip_prefix("rotascope.").unwrap_or("").to_owned();
        let own = kind.starts_with("rotation.");
        events.push(Event {
            time: nanos(&text("time").unwrap()),
            rotation: text("rotationid").or_else(|| text("subject").filter(|_| own)),
            source,
            id,
            kind,
            data: value["data"].take(),
        });
    }
    events.sort_by(|a, b| a.key().cmp(&b.key()));
    events
}

/// A rotation with everything that was told of it under all of its ids, in order of time.
struct Rotation<'a> {
    ids: Vec<String>,
    events: Vec<&'a Event>,
    secret: Option<String>,
    version: Option<String>,
}

fn last<'a>(events: &[&'a Event], kind: &str, name: &str) -> Option<&'a Value> {
    let told = events.iter().rev().filter(|event| event.is(kind));
    let mut words = told.map(|event| &event.data[name]);
    words.find(|value| match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        _ => true,
    })
}

impl<'a> Rotation<'a> {
    fn told(&self, name: &str) -> Option<&'a Value> {
        last(&self.events, "rotation.started", name)
    }

    fn stages(&self) -> impl Iterator<Item = &'a Event> {
        self.events
            .iter()
            .copied()
            .filter(|event| event.is("rotation.stage"))
    }

    fn stage(&self, stage: &str, status: &str) -> Vec<&'a Event> {
        let is = |event: &&Event| {
            event.word("stage") == Some(stage) && event.word("status") == Some(status)
        };
        self.stages().filter(is).collect()
    }

    fn ended(&self) -> Option<(i64, &'a str)> {
        let mut told = self.events.iter().rev();
        let end = told.find(|event| event.is("rotation.finished"))?;
        Some((end.time, end.word("outcome").unwrap()))
    }

    fn start(&self) -> i64 {
        self.events[0].time
    }

    /// Per region the words about the revocation, in order.
    fn revocation(&self) -> BTreeMap<Option<&'a str>, Vec<&'a Event>> {
        let mut regions: BTreeMap<_, Vec<&Event>> = BTreeMap::new();
        for event in self.stages().filter(|e| e.word("stage") == Some("revoke")) {
            regions.entry(event.word("region")).or_default().push(event);
        }
        regions
    }

    fn fully_revoked(&self) -> Option<i64> {
        let mut done = BTreeMap::new();
        for (region, words) in self.revocation() {
            let first = words.iter().find(|e| e.word("status") == Some("completed"));
            let first = first.map(|event| event.time);
            if words.last().unwrap().word("status") == Some("skipped") {
                if first.is_some() {
                    return None;
                }
            } else {
                done.insert(region, first);
            }
        }
        let whole = done.remove(&None).flatten();
        if whole.is_none() && (done.is_empty() || done.values().any(Option::is_none)) {
            return None;
        }
        done.into_values().flatten().chain(whole).max()
    }

    /// When its window closes: the old version is refused.
    fn closed(&self) -> Option<i64> {
        let completed = |words: &Vec<&Event>| {
            let skipped = words.last().unwrap().word("status") == Some("skipped");
            let mut done = words
                .iter()
                .filter(|e| e.word("status") == Some("completed"));
            done.next().map(|e| e.time).filter(|_| !skipped)
        };
        let revoked = self.revocation().values().filter_map(completed).min();
        let grace = last(&self.events, "rotation.grace", "ends_at");
        let grace = grace.map(|ends| nanos(ends.as_str().unwrap()));
        let promised = self.told("grace_seconds").and_then(Value::as_i64);
        let promised = promised.filter(|seconds| *seconds > 0);
        let promised = self.cutover().zip(promised).map(|(at, s)| at + s * SECOND);
        let success = self.ended().filter(|(_, how)| *how == "succeeded");
        let closed = revoked
            .or(grace)
            .or(promised)
            .or(success.map(|(at, _)| at))?;
        let given_up = self
            .ended()
            .is_some_and(|(at, how)| how != "succeeded" && at < closed);
        (!given_up).then_some(closed)
    }

    fn cutover(&self) -> Option<i64> {
        self.stage("cutover", "completed").last().map(|e| e.time)
    }

    fn expects_audit(&self) -> bool {
        self.told("audit_expected").and_then(Value::as_bool) != Some(false)
    }
}

/// The version under an id: as told, else the first other than the old one that came up.
fn version_of(id: &str, own: &[&Event], all: &[Event]) -> Option<String> {
    let told = |name| last(own, "rotation.started", name).and_then(Value::as_str);
    if let Some(version) = told("to_version") {
        return Some(version.to_owned());
    }
    let touches = |event: &&Event| {
        let audited = event.is("audit.entry")
            && event.word("outcome") == Some("allowed")
            && ["create", "update", "rotate", "read"]
                .contains(&event.word("operation").unwrap_or_default());
        event.rotation.as_deref() == Some(id) && (event.is("consumer.version") || audited)
    };
    let mut came = all.iter().filter(touches).filter_map(|e| e.word("version"));
    came.find(|version| Some(*version) != told("from_version"))
        .map(str::to_owned)
}

fn rotations(all: &[Event]) -> Vec<Rotation<'_>> {
    let mut by_id: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in all.iter().filter(|e| e.kind.starts_with("rotation.")) {
        if let Some(id) = &event.rotation {
            by_id.entry(id).or_default().push(event);
        }
    }
    let mut ids: Vec<_> = by_id.into_iter().collect();
    ids.sort_by_key(|(id, events)| (events[0].time, *id));
    // Groups of ids with one secret and version: the first event of each, and its source.
    let mut groups: Vec<(Rotation<'_>, Vec<&str>, i64)> = Vec::new();
    for (id, events) in ids {
        let secret = last(&events, "rotation.started", "secret");
        let secret = secret.and_then(Value::as_str).map(str::to_owned);
        let version = version_of(id, &events, all);
        let (at, source) = (events[0].time, events[0].source.as_str());
        let fits = groups.iter_mut().find(|(rotation, sources, latest)| {
            secret.is_some()
                && version.is_some()
                && rotation.secret == secret
                && rotation.version == version
                && at - latest <= 600 * SECOND
                && !sources.contains(&source)
        });
        if let Some((rotation, sources, latest)) = fits {
            rotation.ids.push(id.to_owned());
            rotation.events.extend(events);
            rotation.events.sort_by(|a, b| a.key().cmp(&b.key()));
            sources.push(source);
            *latest = at;
        } else {
            let rotation = Rotation {
                ids: vec![id.to_owned()],
                events,
                secret,
                version,
            };
            groups.push((rotation, vec![source], at));
        }
    }
    groups.into_iter().map(|(rotation, ..)| rotation).collect()
}

/// The cases of a level: when, whether bad, how long.
struct Cases {
    from: i64,
    to: i64,
    good: u64,
    bad: u64,
    seconds: Vec<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "counts of a test")]
impl Cases {
    fn add(&mut self, at: i64, bad: bool) {
        if at >= self.from && at <= self.to {
            self.good += u64::from(!bad);
            self.bad += u64::from(bad);
        }
    }

    fn took(&mut self, at: i64, nanos: i64, bound: f64) {
        self.lasted(at, (nanos as f64 / 1e9).max(0.0), bound);
    }

    fn lasted(&mut self, at: i64, seconds: f64, bound: f64) {
        if at >= self.from && at <= self.to {
            self.add(at, seconds > bound);
            self.seconds.push(seconds);
        }
    }

    fn n(&self) -> u64 {
        self.good + self.bad
    }

    /// A share of good cases that is to be at least `objective`.
    fn good_share(&self, objective: f64) -> Figure {
        let value = (self.n() > 0).then(|| self.good as f64 / self.n() as f64);
        self.figure(value, value.map(|v| v >= objective), 1.0 - objective)
    }

    /// A share of bad cases that is to be at most `objective`.
    fn bad_share(&self, objective: f64) -> Figure {
        let value = (self.n() > 0).then(|| self.bad as f64 / self.n() as f64);
        self.figure(value, value.map(|v| v <= objective), objective)
    }

    /// The length that 95 % of cases keep.
    fn slowest(&self, objective: f64) -> Figure {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let enough = |v: &&f64| sorted.iter().filter(|o| o <= v).count() * 100 >= sorted.len() * 95;
        let value = sorted.iter().find(enough).copied();
        self.figure(value, value.map(|v| v <= objective), 0.05)
    }

    fn figure(&self, value: Option<f64>, met: Option<bool>, allowed: f64) -> Figure {
        let n = self.n();
        Figure {
            value,
            n,
            bad: self.bad,
            met,
            budget_left: (n > 0).then(|| 1.0 - self.bad as f64 / n as f64 / allowed),
        }
    }
}

/// All ten and their second parts, from lines of events and the findings of `diagnose`.
pub fn levels(lines: &str, findings: &[Value]) -> BTreeMap<&'static str, Figure> {
    let all = read(lines);
    let now = all.last().map_or(0, |event| event.time);
    let told = Told {
        rotations: rotations(&all),
        all: &all,
        findings,
        now,
    };
    let (latency, within) = told.m2();
    let (revoke, emergency) = told.m4();
    BTreeMap::from([
        ("M1", told.m1()),
        ("M2", latency),
        ("M2 within_window", within),
        ("M3", told.m3()),
        ("M4", revoke),
        ("M4 emergency", emergency),
        ("M5", told.m5()),
        ("M6", told.m6()),
        ("M7", told.m7()),
        ("M8", told.m8()),
        ("M9", told.m9()),
        ("M10", told.m10()),
    ])
}

struct Told<'a> {
    all: &'a [Event],
    rotations: Vec<Rotation<'a>>,
    findings: &'a [Value],
    now: i64,
}

impl Told<'_> {
    fn cases(&self) -> Cases {
        Cases {
            from: self.now - MONTH,
            to: self.now,
            good: 0,
            bad: 0,
            seconds: Vec::new(),
        }
    }

    fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &Event> {
        self.all.iter().filter(move |event| event.is(kind))
    }

    /// The first rotation that brings a version.
    fn bringing(&self, secret: Option<&str>, version: Option<&str>) -> Option<usize> {
        secret.zip(version)?;
        self.rotations.iter().position(|rotation| {
            rotation.secret.as_deref() == secret && rotation.version.as_deref() == version
        })
    }

    fn m1(&self) -> Figure {
        let mut cases = self.cases();
        for (at, how) in self.rotations.iter().filter_map(Rotation::ended) {
            if ["succeeded", "failed", "rolled_back", "aborted"].contains(&how) {
                cases.add(at, how != "succeeded");
            }
        }
        cases.good_share(0.99)
    }

    fn m8(&self) -> Figure {
        let mut cases = self.cases();
        for rotation in &self.rotations {
            let mut told = rotation.events.iter();
            let back = told.any(|event| event.word("outcome") == Some("rolled_back"));
            let ended = rotation.ended();
            if let Some((at, "succeeded" | "failed" | "rolled_back" | "aborted")) = ended {
                cases.add(at, back);
            }
        }
        cases.bad_share(0.05)
    }

    fn m2(&self) -> (Figure, Figure) {
        let (mut latency, mut within) = (self.cases(), self.cases());
        let mut seen: BTreeMap<(&str, &str), BTreeMap<&str, Option<&Event>>> = BTreeMap::new();
        for event in self.of_kind("consumer.version") {
            let version = (
                event.word("secret").unwrap(),
                event.word("version").unwrap(),
            );
            let consumers = seen.entry(version).or_default();
            let first = consumers
                .entry(event.word("consumer").unwrap())
                .or_default();
            if matches!(event.word("state"), Some("validated" | "in_use")) {
                first.get_or_insert(event);
            }
        }
        for ((secret, version), consumers) in &seen {
            let Some(at) = self.bringing(Some(secret), Some(version)) else {
                continue;
            };
            let stored = self.rotations[at].stage("store", "completed");
            for event in consumers.values().flatten() {
                if let Some(ms) = event.data["latency_ms"].as_f64().filter(|ms| *ms >= 0.0) {
                    latency.lasted(event.time, ms / 1000.0, 300.0);
                } else if let Some(store) = stored.first().filter(|s| s.time <= event.time) {
                    latency.took(event.time, event.time - store.time, 300.0);
                }
            }
        }
        for (at, rotation) in self.rotations.iter().enumerate() {
            let (secret, version) = (rotation.secret.as_deref(), rotation.version.as_deref());
            let Some(closed) = rotation.closed() else {
                continue;
            };
            if self.bringing(secret, version) != Some(at) {
                continue;
            }
            let nobody = BTreeMap::new();
            let consumers = seen.get(&secret.zip(version).unwrap()).unwrap_or(&nobody);
            let named = rotation.told("consumers").and_then(Value::as_array);
            let named = named.into_iter().flatten();
            let mut everyone: BTreeSet<&str> =
                named.filter_map(|c| c["consumer"].as_str()).collect();
            everyone.extend(consumers.keys());
            for name in everyone {
                let on_new = consumers.get(name).copied().flatten();
                within.add(closed, on_new.is_none_or(|event| event.time > closed));
            }
        }
        (latency.slowest(300.0), within.good_share(0.99))
    }

    fn m3(&self) -> Figure {
        let mut cases = self.cases();
        let mut watched = HashSet::new();
        for event in self.of_kind("auth.sample") {
            for minute in minutes(event) {
                watched.insert((event.word("service").unwrap(), event.word("region"), minute));
            }
        }
        for (service, region, minute) in watched {
            let bad = self.findings.iter().any(|finding| {
                let holds = |list: &str, name: &str| {
                    let list = finding[list].as_array().unwrap();
                    list.iter().any(|v| v.as_str() == Some(name))
                };
                let everywhere = finding["regions"].as_array().unwrap().is_empty();
                let from = time(&finding["detected_at"]).unwrap();
                let until = time(&finding["resolved_at"]).unwrap_or(self.now);
                ["F1", "F4", "F7", "unattributed"].contains(&finding["mode"].as_str().unwrap())
                    && holds("services", service)
                    && (everywhere || region.is_some_and(|region| holds("regions", region)))
                    && (floor(from)..=floor(until.max(from))).contains(&minute)
            });
            cases.add(minute * 60 * SECOND, bad);
        }
        cases.bad_share(0.001)
    }

    fn m4(&self) -> (Figure, Figure) {
        let (mut all, mut emergencies) = (self.cases(), self.cases());
        for rotation in &self.rotations {
            let given_up = rotation.ended().is_some_and(|(_, how)| how != "succeeded");
            let measure = |cases: &mut Cases, from: i64, promised: bool, bound: f64| {
                if let Some(revoked) = rotation.fully_revoked() {
                    cases.took(revoked, revoked - from, bound);
                } else if promised && !given_up && seconds(self.now - from) > bound {
                    cases.took(self.now, self.now - from, bound);
                }
            };
            let promised = rotation.told("grace_seconds").is_some()
                || rotation.events.iter().any(|e| e.is("rotation.grace"))
                || !rotation.revocation().is_empty();
            if let Some(cutover) = rotation.cutover() {
                measure(&mut all, cutover, promised, 86_400.0);
            }
            if rotation.told("trigger").and_then(Value::as_str) == Some("emergency") {
                measure(&mut emergencies, self.detected(rotation), true, 3600.0);
            }
        }
        (all.slowest(86_400.0), emergencies.slowest(3600.0))
    }

    fn detected(&self, rotation: &Rotation<'_>) -> i64 {
        let start = rotation.start();
        let Some(secret) = rotation.secret.as_deref() else {
            return start;
        };
        let earlier = self.rotations.iter().filter(|other| {
            other.secret.as_deref() == Some(secret)
                && (other.start(), &other.ids[0]) < (start, &rotation.ids[0])
        });
        let before = earlier.map(Rotation::start).max();
        let told = self.of_kind("leak.finding").filter(|event| {
            event.word("confidence") == Some("confirmed") && event.word("secret") == Some(secret)
        });
        let found = self
            .findings
            .iter()
            .filter(|f| f["mode"] == "F5" && f["secret"] == secret)
            .filter_map(|f| time(&f["detected_at"]));
        let leaks = told.map(|event| event.time).chain(found);
        leaks
            .filter(|at| *at <= start && before.is_none_or(|before| *at > before))
            .min()
            .unwrap_or(start)
    }

    fn m5(&self) -> Figure {
        let mut cases = self.cases();
        for rotation in &self.rotations {
            if let Some(trigger) = rotation.told("trigger").and_then(Value::as_str) {
                cases.add(rotation.start(), trigger == "emergency");
            }
        }
        count(&cases, cases.n(), 1.0)
    }

    fn m6(&self) -> Figure {
        let mut cases = self.cases();
        let mut fingerprints = BTreeSet::new();
        let mut tellers = BTreeSet::new();
        for event in self.of_kind("leak.finding") {
            tellers.insert(event.word("detector"));
            let place = (event.word("rule"), event.word("location"));
            let what = match event.word("fingerprint") {
                Some(fingerprint) => (Some(fingerprint), None),
                None => (None, Some(place)),
            };
            if event.word("confidence") == Some("confirmed") && fingerprints.insert(what) {
                cases.add(event.time, true);
            }
        }
        let confirmed = cases.bad;
        let mut latest: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        let scans: Vec<&Event> = self.of_kind("scan.completed").collect();
        for scan in &scans {
            if !tellers.contains(&scan.word("detector")) {
                let place = (
                    scan.word("repository").unwrap(),
                    scan.word("detector").unwrap(),
                );
                latest.insert(place, scan.data["findings"].as_u64().unwrap());
            }
        }
        let mut repositories: BTreeMap<&str, u64> = BTreeMap::new();
        for ((repository, _), findings) in latest {
            let most = repositories.entry(repository).or_default();
            *most = (*most).max(findings);
        }
        cases.bad += repositories.values().sum::<u64>();
        let n = if scans.is_empty() {
            confirmed
        } else {
            scans.len() as u64
        };
        count(&cases, n, 0.0)
    }

    fn m7(&self) -> Figure {
        let mut cases = self.cases();
        for rotation in &self.rotations {
            let mut places: BTreeMap<_, BTreeMap<&str, Vec<&Event>>> = BTreeMap::new();
            for event in rotation.stages() {
                if matches!(event.word("status"), Some("completed" | "failed")) {
                    let place = (event.word("stage"), event.word("region"));
                    let sources = places.entry(place).or_default();
                    sources.entry(&event.source).or_default().push(event);
                }
            }
            for event in places.into_values().flat_map(spoken) {
                let failed = event.word("status") == Some("failed");
                let error = event.word("error").unwrap_or_default();
                cases.add(event.time, failed && throttled(error));
            }
        }
        let mut quotas: HashMap<_, bool> = HashMap::new();
        for event in self.of_kind("quota.sample") {
            for minute in minutes(event) {
                let quota = (event.word("api"), event.word("region"), minute);
                *quotas.entry(quota).or_default() |= event.data["throttled"].as_u64() != Some(0);
            }
        }
        for ((_, _, minute), bad) in quotas {
            cases.add(minute * 60 * SECOND, bad);
        }
        cases.bad_share(0.01)
    }

    fn m9(&self) -> Figure {
        let mut cases = self.cases();
        for finding in self.findings {
            if !["F1", "F2", "F4", "F6", "F7"].contains(&finding["mode"].as_str().unwrap()) {
                continue;
            }
            let detected = time(&finding["detected_at"]).unwrap();
            match time(&finding["resolved_at"]) {
                Some(resolved) => cases.took(resolved, resolved - detected, 1800.0),
                None if seconds(self.now - detected) > 1800.0 => {
                    cases.took(self.now, self.now - detected, 1800.0);
                }
                None => {}
            }
        }
        cases.slowest(1800.0)
    }

    fn m10(&self) -> Figure {
        let mut cases = self.cases();
        let entries: Vec<&Event> = self
            .of_kind("audit.entry")
            .filter(|event| event.word("stage").is_some())
            .collect();
        let belongs = |entry: &Event| {
            let id = entry.rotation.as_ref();
            let named = id.and_then(|id| {
                let mut all = self.rotations.iter();
                all.position(|r| r.secret.is_some() && r.ids.contains(id))
            });
            named.or_else(|| self.bringing(entry.word("secret"), entry.word("version")))
        };
        for (at, rotation) in self.rotations.iter().enumerate() {
            if entries.is_empty() || rotation.secret.is_none() || !rotation.expects_audit() {
                continue;
            }
            let of: Vec<&&Event> = entries.iter().filter(|e| belongs(e) == Some(at)).collect();
            let mut eyes: BTreeSet<&str> = of.iter().map(|e| e.source.as_str()).collect();
            if eyes.is_empty() {
                eyes = entries.iter().map(|e| e.source.as_str()).collect();
            }
            let mut stages: BTreeMap<&str, BTreeMap<&str, Vec<&Event>>> = BTreeMap::new();
            for event in rotation.stages() {
                let expected = event.data["audit_expected"].as_bool() != Some(false);
                if event.word("status") == Some("completed") && expected {
                    let sources = stages.entry(event.word("stage").unwrap()).or_default();
                    sources.entry(&event.source).or_default().push(event);
                }
            }
            for (stage, sources) in stages {
                let there = of.iter().filter(|e| e.word("stage") == Some(stage)).count();
                for (nth, done) in spoken(sources).into_iter().enumerate() {
                    let until = done.time + 60 * SECOND;
                    if nth < there {
                        cases.add(done.time, false);
                    } else if self.now > until
                        && eyes.iter().all(|eye| self.sees(eye, done.time, until))
                    {
                        cases.add(done.time, true);
                    }
                }
            }
        }
        cases.good_share(0.999)
    }

    fn sees(&self, source: &str, from: i64, until: i64) -> bool {
        let told = self
            .of_kind("backend.status")
            .filter(|event| event.word("backend") == Some(source) && event.time <= until);
        let mut seeing = true;
        for event in told {
            let connected = event.word("state") == Some("connected");
            if event.time > from && !seeing {
                return false;
            }
            if event.time >= from && !connected {
                return false;
            }
            seeing = connected;
        }
        seeing
    }
}

/// Of several sources the one with the most words speaks; of equals the last by name.
fn spoken<'a>(sources: BTreeMap<&'a str, Vec<&'a Event>>) -> Vec<&'a Event> {
    let most = sources.values().map(Vec::len).max().unwrap_or(0);
    let mut speaking = sources.into_values().rev();
    speaking
        .find(|words| words.len() == most)
        .unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "counts of a test")]
fn count(cases: &Cases, n: u64, objective: f64) -> Figure {
    let value = (n > 0).then_some(cases.bad as f64);
    Figure {
        value,
        n,
        bad: cases.bad,
        met: value.map(|value| value <= objective),
        budget_left: value
            .filter(|_| objective > 0.0)
            .map(|value| 1.0 - value / objective),
    }
}

#[expect(clippy::cast_precision_loss, reason = "times of a test")]
fn seconds(nanos: i64) -> f64 {
    nanos as f64 / 1e9
}

fn floor(at: i64) -> i64 {
    at.div_euclid(60 * SECOND)
}

fn time(value: &Value) -> Option<i64> {
    value.as_str().map(nanos)
}

/// The minutes that a sample's window lies in.
fn minutes(event: &Event) -> Vec<i64> {
    let length = event.data["window_seconds"].as_u64().unwrap().min(3600);
    let last = floor(event.time - 1000);
    let first = floor(event.time - i64::try_from(length).unwrap() * SECOND);
    (first.min(last)..=last).collect()
}

/// The spellings of throttling in the recordings of these tests.
fn throttled(error: &str) -> bool {
    // A number by itself: a port may have the same digits in it.
    if error
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| word == "429")
    {
        return true;
    }
    let letters = error.chars().filter(|c| c.is_alphanumeric());
    let small: String = letters.flat_map(char::to_lowercase).collect();
    [
        "throttl",
        "ratelimit",
        "rateexceeded",
        "resourceexhausted",
        "requestlimitexceeded",
    ]
    .iter()
    .any(|spelling| small.contains(spelling))
}
