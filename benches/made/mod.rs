//! A day of incidents for the benches: mostly samples, 10,000 rotations with their stages and
//! consumers, audit lines between. Seeded, so that it is the same in every run.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::indexing_slicing,
    reason = "numbers and lists of this file's own making"
)]

use rotascope::model::event::{
    AuditEntry, AuditOutcome, AuthSample, CacheSample, ConsumerState, ConsumerVersion,
    NamedConsumer, Operation, Outcome, QuotaSample, RotationFinished, RotationGrace, RotationStage,
    RotationStarted, Seconds, SecretKind, SignalSample, Stage, StageStatus, Tier, Trigger,
};
use rotascope::model::{Data, Event, RotationId, Span, Timestamp};

/// So many events in all.
pub const EVENTS: usize = 1_000_000;
/// So many rotations among them.
pub const ROTATIONS: usize = 10_000;
const SERVICES: u64 = 120;
const REGIONS: [&str; 4] = ["eu-1", "us-1", "ap-1", "sa-1"];

/// xorshift64: a stream that looks random and is the same in every run.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64) as usize]
    }
}

struct Maker {
    numbers: Numbers,
    events: Vec<Event>,
    ids: u64,
}

impl Maker {
    fn push(
        &mut self,
        source: &str,
        at: Timestamp,
        rotation: Option<usize>,
        data: impl Into<Data>,
    ) {
        self.ids += 1;
        let id = format!("{:06x}", self.ids);
        let mut event = Event::new(source, id.as_str(), at, data.into());
        if let Some(rotation) = rotation {
            event = event.of_rotation(RotationId::from(format!("rot-{rotation:06x}")));
        }
        self.events.push(event);
    }

    /// One rotation: about 14 events over ten minutes.
    fn rotation(&mut self, n: usize, at: Timestamp) {
        let secret = format!("service-{}/db-{}", n as u64 % SERVICES, n % 500);
        let service = format!("service-{}", n as u64 % SERVICES);
        let version = format!("{}", n / 500 + 2);
        let named = |i: usize| NamedConsumer {
            consumer: format!("{service}-{}-{i}", REGIONS[i % 4]).as_str().into(),
            service: Some(service.as_str().into()),
            region: Some(REGIONS[i % 4].into()),
            identities: vec![format!("approle:{service}/{i}").as_str().into()],
        };
        let started = RotationStarted {
            secret: secret.as_str().into(),
            kind: Some(SecretKind::Database),
            from_version: Some(format!("{}", n / 500 + 1).as_str().into()),
            to_version: Some(version.as_str().into()),
            trigger: Some(Trigger::Schedule),
            owner: Some("team-core".into()),
            tier: Some(Tier::High),
            regions: REGIONS.iter().map(|r| (*r).into()).collect(),
            grace_seconds: Some(Seconds(600)),
            cadence_seconds: None,
            dual_run: Some(true),
            planned: Some(true),
            canary_percent: Some(10.0),
            consumers: (0..4).map(named).collect(),
            services: vec![service.as_str().into()],
            audit_expected: None,
            by: None,
            correlation: None,
        };
        self.push("/engine/prod", at, Some(n), started);
        for (i, stage) in Stage::KNOWN.iter().enumerate() {
            let stage = RotationStage {
                stage: stage.clone(),
                status: StageStatus::Completed,
                attempt: Some(1),
                region: None,
                wave: None,
                percent: None,
                audit_expected: None,
                error: None,
            };
            let at = at + Span::seconds(i as i64 * 60);
            self.push("/engine/prod", at, Some(n), stage);
        }
        let grace = RotationGrace {
            ends_at: at + Span::seconds(600),
            extended_seconds: None,
            reason: None,
            by: None,
        };
        self.push("/engine/prod", at + Span::seconds(300), Some(n), grace);
        for i in 0..2 {
            let consumer = ConsumerVersion {
                consumer: named(i).consumer,
                service: named(i).service,
                region: named(i).region,
                secret: secret.as_str().into(),
                version: version.as_str().into(),
                state: ConsumerState::InUse,
                error: None,
                latency_ms: Some(1500.0),
                identities: named(i).identities,
            };
            let at = at + Span::seconds(200 + i as i64);
            self.push("/fleet/agents", at, Some(n), consumer);
        }
        let finished = RotationFinished {
            outcome: Outcome::Succeeded,
            reason: None,
        };
        self.push("/engine/prod", at + Span::seconds(610), Some(n), finished);
    }

    fn sample(&mut self, at: Timestamp) {
        let service = format!("service-{}", self.numbers.below(SERVICES));
        let region = Some(self.numbers.of(&REGIONS).into());
        let window_seconds = Seconds(30);
        match self.numbers.below(100) {
            0..=67 => {
                let sample = AuthSample {
                    service: service.as_str().into(),
                    region,
                    secret: None,
                    window_seconds,
                    total: 500 + self.numbers.below(500),
                    failed_401: Some(self.numbers.below(5)),
                    failed_403: Some(self.numbers.below(5)),
                    failed_other: Some(self.numbers.below(5)),
                };
                self.push("/prometheus/main", at, None, sample);
            }
            68..=86 => {
                let sample = CacheSample {
                    service: service.as_str().into(),
                    region,
                    secret: Some(format!("{service}/db-1").as_str().into()),
                    hit_ratio: Some(0.9),
                    oldest_entry_seconds: Some(Seconds(40)),
                };
                self.push("/fleet/agents", at, None, sample);
            }
            87..=94 => {
                let sample = SignalSample {
                    signal: "decrypt".into(),
                    service: service.as_str().into(),
                    region,
                    secret: None,
                    window_seconds,
                    total: 100,
                    bad: 1,
                };
                self.push("/prometheus/main", at, None, sample);
            }
            95..=96 => {
                let sample = QuotaSample {
                    api: "secretsmanager".into(),
                    region,
                    window_seconds,
                    total: 100,
                    throttled: 0,
                };
                self.push("/prometheus/main", at, None, sample);
            }
            _ => {
                let entry = AuditEntry {
                    actor: format!("approle:{service}/3").as_str().into(),
                    operation: Operation::Read,
                    path: format!("secret/data/{service}/db-1").into(),
                    secret: Some(format!("{service}/db-1").as_str().into()),
                    version: Some("2".into()),
                    outcome: AuditOutcome::Allowed,
                    remote_addr: Some("10.0.9.130".into()),
                    user_agent: None,
                    error: None,
                    stage: None,
                };
                self.push("/vault/prod", at, None, entry);
            }
        }
    }
}

/// A day of 1,000,000 events and 10,000 rotations, in order.
pub fn make() -> Vec<Event> {
    let mut maker = Maker {
        numbers: Numbers(0x5eed),
        events: Vec::with_capacity(EVENTS + 16),
        ids: 0,
    };
    let start = Timestamp::new(1_800_000_000, 0);
    let day = 86_400_000_000_i64;
    for n in 0..ROTATIONS {
        let at = day / ROTATIONS as i64 * n as i64;
        maker.rotation(n, start + Span::micros(at));
    }
    let samples = EVENTS - maker.events.len();
    for n in 0..samples {
        let at = day / samples as i64 * n as i64;
        maker.sample(start + Span::micros(at));
    }
    maker
        .events
        .sort_by(|a, b| (a.time, &a.source, &a.id).cmp(&(b.time, &b.source, &b.id)));
    maker.events
}
