//! The engine under load: ten thousand rotations in flight in one process, and five hundred steps
//! a second beside them. Prints what a step costs from its input to its commit on the disk, and
//! how much memory all of it takes. `scripts/bench-engine` runs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measurement says what it measured and fails as tests do"
)]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rotascope::model::event::SecretKind;
use rotascope::model::intent::{Intent, Verb};
use rotascope::model::{Actor, SecretPath, Text, Timestamp, Version};
use rotascope::rotation::plan::Plan;
use rotascope::rotation::target::{Answer, Call, Target, Versioned};
use rotascope::rotation::{Clock, Engine, Fault, Material, Metrics, SealKey, Settings};

/// How many rotations are in flight.
const IN_FLIGHT: usize = 10_000;
/// How many are started beside them while it is measured.
const MORE: usize = 1_200;
/// How many steps a second are wanted.
const RATE: f64 = 500.0;

/// A target that costs nothing: what is measured is the engine.
struct Free;

#[async_trait]
impl Target for Free {
    fn kind(&self) -> SecretKind {
        SecretKind::Token
    }
    fn dual_run(&self) -> bool {
        true
    }
    async fn generate(
        &self,
        version: &Version,
        _: Option<&Versioned>,
        _: &Call,
    ) -> Result<Material, Fault> {
        Ok(Material::new(version.raw().as_bytes().repeat(8)))
    }
    async fn install(&self, _: &Versioned, _: Option<&Versioned>, _: &Call) -> Result<(), Fault> {
        Ok(())
    }
    async fn attempt(&self, with: &Versioned, _: &Call) -> Result<Answer, Fault> {
        if with.version.raw() == "v0" {
            return Ok(Answer::Refused(Text::from("no")));
        }
        Ok(Answer::Accepted)
    }
    async fn activate(&self, _: &Versioned, _: Option<&Versioned>, _: &Call) -> Result<(), Fault> {
        Ok(())
    }
    async fn revoke(&self, _: &Versioned, _: &Versioned, _: &Call) -> Result<(), Fault> {
        Ok(())
    }
    async fn reinstate(&self, _: &Versioned, _: Option<&Versioned>, _: &Call) -> Result<(), Fault> {
        Ok(())
    }
}

fn path(n: usize) -> SecretPath {
    SecretPath::from(format!("team-{}/secret-{n}", n % 100))
}

fn plan() -> Plan {
    let mut text = "[engine]\nname = 'bench'\nconcurrency = 100000\n".to_owned();
    for n in 0..IN_FLIGHT + MORE {
        let _ = write!(
            text,
            "[[secret]]\npath = '{}'\nowner = 'team'\ngrace = '12h'\n[secret.target]\nkind = 'free'\n",
            path(n)
        );
        for c in 0..4 {
            let _ = write!(
                text,
                "[[secret.consumer]]\nname = 'c{n}-{c}'\nservice = 's{}'\nregion = 'eu-{}'\n",
                n % 50,
                c % 2
            );
        }
    }
    Plan::parse(&text).unwrap()
}

fn rotate(n: usize) -> Intent {
    Intent {
        verb: Verb::Rotate,
        rotation: None,
        secret: Some(path(n)),
        region: None,
        service: None,
        seconds: None,
        per_minute: None,
        by: Actor::from("bench"),
        reason: None,
        key: format!("rotate-{n}"),
        at: Timestamp::new(1_800_000_000, 0),
    }
}

fn in_grace(engine: &Engine) -> usize {
    let running = engine.metrics().running;
    usize::try_from(running.get("grace").copied().unwrap_or(0)).unwrap()
}

async fn until(engine: &Engine, count: usize) {
    while in_grace(engine) < count {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Resident memory in MiB, now and at most.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find(|l| l.starts_with(name));
        let kib = line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
        kib.unwrap_or(0) / 1024
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// The share of steps at or below each bound, between two readings.
fn percentile(before: &Metrics, after: &Metrics, share: f64) -> f64 {
    let counts: Vec<(f64, u64)> = after
        .step_ms
        .iter()
        .zip(&before.step_ms)
        .map(|((bound, a), (_, b))| (*bound, a - b))
        .collect();
    let all = counts.last().map_or(0, |(_, n)| *n) as f64;
    let found = counts.iter().find(|(_, n)| *n as f64 >= all * share);
    found.map_or(f64::INFINITY, |(bound, _)| *bound)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let folder = tempfile::tempdir_in(
        std::env::var("ROTASCOPE_BENCH_FOLDER").unwrap_or_else(|_| ".".to_owned()),
    )
    .unwrap();
    let plan = plan();
    let targets = plan
        .secrets
        .iter()
        .map(|s| (s.path.clone(), Arc::new(Free) as Arc<dyn Target>));
    let settings = Settings {
        targets: targets.collect(),
        store: folder.path().join("engine.db"),
        key: SealKey::random().unwrap(),
        clock: Clock::of_the_world(),
        seed: Some(1),
        plan,
    };
    let engine = Engine::open(settings).await.unwrap();
    // A version that exists, so that each rotation has an old one to keep accepted.
    let mut adopted = tokio::task::JoinSet::new();
    for n in 0..IN_FLIGHT + MORE {
        let old = Versioned {
            version: Version::from("v0"),
            material: Material::new(b"old".to_vec()),
        };
        let engine = engine.clone();
        adopted.spawn(async move { engine.adopt(&path(n), old).await.unwrap() });
        if adopted.len() >= 256 {
            adopted.join_next().await;
        }
    }
    adopted.join_all().await;
    ramp(&engine).await;
    paced(&engine).await;
    let (now, most) = memory();
    println!("memory: {now} MiB resident, {most} MiB at most, goal below 1024");
    engine.shut_down().await;
}

/// As fast as it goes, until all are in their grace period.
async fn ramp(engine: &Engine) {
    let (began, before) = (Instant::now(), engine.metrics());
    let mut asked = tokio::task::JoinSet::new();
    for n in 0..IN_FLIGHT {
        let engine = engine.clone();
        asked.spawn(async move { engine.execute(rotate(n)).await.unwrap() });
        if asked.len() >= 256 {
            asked.join_next().await;
        }
    }
    until(engine, IN_FLIGHT).await;
    let steps = engine.metrics().transitions - before.transitions;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "ramp: {IN_FLIGHT} rotations in flight after {seconds:.1} s, {steps} steps, {:.0} a second",
        steps as f64 / seconds
    );
}

/// At the wanted rate, beside all that is in flight.
async fn paced(engine: &Engine) {
    let before = engine.metrics();
    let began = Instant::now();
    // One rotation is five steps until its grace: its start, and four effects.
    let every = Duration::from_secs_f64(5.0 / RATE);
    let mut ticks = tokio::time::interval(every);
    let mut asked = tokio::task::JoinSet::new();
    for n in IN_FLIGHT..IN_FLIGHT + MORE {
        ticks.tick().await;
        let engine = engine.clone();
        asked.spawn(async move {
            let since = Instant::now();
            engine.execute(rotate(n)).await.unwrap();
            since.elapsed()
        });
    }
    let mut waits = asked.join_all().await;
    until(engine, IN_FLIGHT + MORE).await;
    let after = engine.metrics();
    let seconds = began.elapsed().as_secs_f64();
    let steps = after.transitions - before.transitions;
    waits.sort();
    let p99 = waits
        .get(waits.len() * 99 / 100)
        .copied()
        .unwrap_or_default();
    println!(
        "paced: {:.0} steps a second beside {IN_FLIGHT} in flight; step p50 <= {} ms, p99 <= {} ms (goal 20); an act's receipt p99 {:.1} ms",
        steps as f64 / seconds,
        percentile(&before, &after, 0.50),
        percentile(&before, &after, 0.99),
        p99.as_secs_f64() * 1_000.0
    );
}
