//! An engine that does what a test says, behind the real server; and a line that can be cut.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use async_trait::async_trait;
use rotascope::model::event::{Action, ActionPhase, ServiceHealth, Tier};
use rotascope::model::intent::{Intent, Outcome};
use rotascope::model::{Event, SecretPath, Timestamp};
use rotascope::rotation::server::{Access, Door, Gate, Running, Service, Told, engine};
use rotascope::rotation::target::Versioned;
use rotascope::rotation::{
    Clock, ConsumerReport, EventLog, Facts, Material, Metrics, Receipt, Refusal, RefusalKind,
    Status, Vouched,
};
use tokio::runtime::Runtime;

/// A moment of the tests' day.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_800_000_000 + seconds, 0)
}

/// An event that differs from every other by its second.
pub fn event(seconds: i64) -> Event {
    let health = ServiceHealth {
        service: format!("service-{seconds}").as_str().into(),
        region: None,
        up: true,
        reason: None,
    };
    Event::new(
        "/engine/toy",
        seconds.to_string(),
        at(seconds),
        health.into(),
    )
}

/// What it does with acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It does them.
    Does,
    /// It takes them and never says how it ended.
    Goes,
    /// It refuses them.
    Refuses,
    /// Its store is full.
    Full,
    /// It breaks.
    Panics,
    /// It says nothing for a while, and then refuses.
    Dallies,
}

/// The engine.
#[derive(Clone)]
pub struct Toy {
    pub log: EventLog,
    pub executed: Arc<AtomicUsize>,
    pub manner: Manner,
    acts: Arc<Mutex<BTreeMap<String, (Intent, Told)>>>,
    pub denied: Arc<Mutex<Vec<String>>>,
    /// Each act that came, by its key, and when.
    came: Arc<Mutex<Vec<(String, Instant)>>>,
}

impl Toy {
    pub fn new(manner: Manner) -> Self {
        Self {
            log: EventLog::default(),
            executed: Arc::default(),
            manner,
            acts: Arc::default(),
            denied: Arc::default(),
            came: Arc::default(),
        }
    }

    /// How often each act was executed.
    pub fn executed_by_key(&self) -> BTreeMap<String, usize> {
        let mut by_key = BTreeMap::new();
        for (key, _) in self.came.lock().unwrap().iter() {
            *by_key.entry(key.clone()).or_default() += 1;
        }
        by_key
    }

    /// When each act came.
    pub fn came(&self) -> Vec<Instant> {
        let came = self.came.lock().unwrap();
        came.iter().map(|(_, at)| *at).collect()
    }

    /// How many acts were executed, the same one twice counted twice.
    pub fn executed(&self) -> usize {
        self.executed.load(Ordering::SeqCst)
    }

    fn publish_act(&self, intent: &Intent) {
        let action = Action {
            action: intent.verb.name().into(),
            phase: ActionPhase::Executed,
            actor: intent.by.clone(),
            target: "all".into(),
            risk: Some(intent.verb.risk()),
            reason: intent.reason.clone(),
            incident: None,
            idempotency_key: intent.key.as_str().into(),
            until: None,
            approved_by: Vec::new(),
            signed: None,
            error: None,
        };
        let id = format!("act-{}", intent.key);
        self.log
            .publish(vec![Event::new("/engine/toy", id, at(500), action.into())]);
    }
}

#[async_trait]
impl Service for Toy {
    type Log = EventLog;

    fn log(&self) -> EventLog {
        self.log.clone()
    }

    fn facts(&self, intent: &Intent) -> Result<Facts, Refusal> {
        let critical = |s: &SecretPath| s.raw().starts_with("critical/");
        let tier = intent.secret.as_ref().filter(|s| critical(s));
        Ok(Facts {
            secret: intent.secret.clone(),
            tier: tier.map(|_| Tier::Critical),
            services: vec!["checkout".into()],
            consumers: 3,
            into_revoke: false,
        })
    }

    fn receipt(&self, intent: &Intent) -> Option<Result<Receipt, Refusal>> {
        let acts = self.acts.lock().unwrap();
        let (taken, told) = acts.get(&intent.key)?;
        if taken != intent {
            let other = Refusal::new(RefusalKind::Malformed, "another act", "another key");
            return Some(Err(other));
        }
        Some(Ok(Receipt {
            key: intent.key.clone(),
            rotation: None,
            head: told.head.clone(),
        }))
    }

    async fn deny(&self, _: Intent, why: String) {
        self.denied.lock().unwrap().push(why);
    }

    async fn execute(&self, intent: Intent, vouched: Vouched) -> Result<Receipt, Refusal> {
        let no = |kind| Err(Refusal::new(kind, "the rotation has ended", "rotate again"));
        match self.manner {
            Manner::Refuses => return no(RefusalKind::State),
            Manner::Full => return no(RefusalKind::Store),
            Manner::Panics => panic!("as the test asked"),
            Manner::Dallies => {
                tokio::time::sleep(std::time::Duration::from_secs(20)).await;
                return no(RefusalKind::State);
            }
            Manner::Does | Manner::Goes => {}
        }
        let came = (intent.key.clone(), Instant::now());
        self.came.lock().unwrap().push(came);
        self.executed.fetch_add(1, Ordering::SeqCst);
        let outcome = if self.manner == Manner::Goes {
            Outcome::Executing
        } else {
            Outcome::Observed {
                words: "it is so".to_owned(),
            }
        };
        self.publish_act(&intent);
        let told = Told {
            outcome,
            head: vouched.head.clone(),
        };
        let key = intent.key.clone();
        let mut acts = self.acts.lock().unwrap();
        acts.insert(key.clone(), (intent, told));
        Ok(Receipt {
            key,
            rotation: None,
            head: vouched.head,
        })
    }

    fn outcome(&self, key: &str) -> Option<Told> {
        let acts = self.acts.lock().unwrap();
        acts.get(key).map(|(_, told)| told.clone())
    }

    fn rotations(&self) -> Vec<Status> {
        Vec::new()
    }

    fn material(&self, secret: &SecretPath) -> Option<Versioned> {
        (secret.raw() == "payments/db").then(|| Versioned {
            version: "v2".into(),
            material: Material::new(b"hunter2".to_vec()),
        })
    }

    async fn report(&self, report: ConsumerReport) -> Result<(), Refusal> {
        if report.consumer.raw() == "checkout-0" {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::Unknown,
            "no such consumer",
            "name one of the plan",
        ))
    }

    fn metrics(&self) -> Metrics {
        Metrics {
            transitions: 3,
            ..Metrics::default()
        }
    }
}

/// A server with its runtime.
pub struct Served {
    pub address: SocketAddr,
    running: Option<Running>,
    runtime: Runtime,
}

impl Served {
    /// Serves an engine on loopback.
    pub fn start(toy: &Toy, access: Access) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), toy, access)
    }

    /// Serves an engine at an address.
    pub fn at(listen: SocketAddr, toy: &Toy, access: Access) -> Self {
        Self::behind(Door::new(listen, access), toy)
    }

    /// Serves an engine on loopback, behind a gate.
    pub fn gated(toy: &Toy, access: Access, gate: Gate) -> Self {
        let door = Door {
            gate,
            ..Door::new("127.0.0.1:0".parse().unwrap(), access)
        };
        Self::behind(door, toy)
    }

    fn behind(door: Door, toy: &Toy) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let clock = Clock::from(at(10_000), 60.0);
        let serving = engine(door, toy.clone(), clock);
        let running = runtime.block_on(serving).unwrap();
        Self {
            address: running.address(),
            running: Some(running),
            runtime,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.end());
        }
    }
}

/// One request as bytes, and the whole answer, as far as the server ends the connection.
pub fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|n| n.parse().ok());
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned());
    (status.unwrap_or(0), body.unwrap_or_default())
}

/// A line to an address that can be cut.
pub struct Line {
    pub address: SocketAddr,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Line {
    /// A line to `to`. The first connection is cut after `cut_after` bytes of what comes back.
    pub fn to(to: SocketAddr, cut_after: Option<usize>) -> Self {
        Self::with(to, cut_after, false)
    }

    /// A line that lets acts through and is cut before their answer is back.
    pub fn deaf_to_acts(to: SocketAddr) -> Self {
        Self::with(to, None, true)
    }

    fn with(to: SocketAddr, cut_after: Option<usize>, deaf: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let held = Arc::clone(&open);
        thread::spawn(move || {
            let mut budget = cut_after;
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(to) else {
                    continue;
                };
                let clones = [near.try_clone().unwrap(), far.try_clone().unwrap()];
                held.lock().unwrap().extend(clones);
                let back = (far.try_clone().unwrap(), near.try_clone().unwrap());
                let budget = budget.take();
                thread::spawn(move || {
                    let mut verb = [0_u8; 5];
                    let read = near.peek(&mut verb).unwrap_or(0);
                    let budget = if deaf && verb[..read].starts_with(b"POST") {
                        Some(0)
                    } else {
                        budget
                    };
                    thread::spawn(move || copy(back.0, back.1, budget));
                    copy(near, far, None);
                });
            }
        });
        Self { address, open }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, budget: Option<usize>) {
    let mut left = budget.unwrap_or(usize::MAX);
    let mut buffer = [0_u8; 4096];
    while let Ok(n) = from.read(&mut buffer) {
        let n = n.min(left);
        left -= n;
        if n == 0 || to.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// A server that answers every request with the same bytes.
pub fn says(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut head = [0_u8; 8192];
                let _ = stream.read(&mut head);
                let _ = stream.write_all(answer.as_bytes());
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.read(&mut head);
            });
        }
    });
    address
}
