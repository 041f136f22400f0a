//! How long a frame and a new state take: the on-call screen, 200x50, 10,000 rotations behind it,
//! something new in every frame. `cargo bench --bench frame`

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rotascope::incident::Incident;
use rotascope::model::event::{
    AuthSample, ConsumerState, ConsumerVersion, NamedConsumer, Outcome, RotationFinished,
    RotationGrace, RotationStage, RotationStarted, Seconds, Stage, StageStatus,
};
use rotascope::model::replay::{Mark, MarkKind};
use rotascope::model::{Data, Event, Span, Timestamp};
use rotascope::ui::{Cockpit, Keymap, Message, Setup, State, Theme, update, view};

const ROTATIONS: u64 = 10_000;
const OPEN: u64 = 500;
const FRAMES: u64 = 2_000;
const SIZE: (u16, u16) = (200, 50);

struct Story {
    incident: Incident,
    told: u64,
    now: Timestamp,
}

impl Story {
    fn tell(&mut self, rotation: Option<u64>, data: impl Into<Data>) {
        self.told += 1;
        let mut event = Event::new("/engine/prod", self.told.to_string(), self.now, data.into());
        event.rotation = rotation.map(|n| id(n).as_str().into());
        self.incident.apply(&event);
    }

    fn stage(&mut self, rotation: u64, stage: Stage, status: StageStatus) {
        let error = (status == StageStatus::Failed).then(|| "429 from acme".into());
        self.tell(
            Some(rotation),
            RotationStage {
                stage,
                status,
                attempt: Some(1),
                region: None,
                wave: None,
                percent: None,
                audit_expected: None,
                error,
            },
        );
    }

    fn rotation(&mut self, n: u64) {
        let consumers: Vec<NamedConsumer> = (0..4)
            .map(|c| NamedConsumer {
                consumer: format!("svc-{}-{n}-{c}", n % 40).into(),
                service: Some(format!("svc-{}", n % 40).into()),
                region: Some(if c % 2 == 0 { "eu-1" } else { "us-2" }.into()),
                identities: Vec::new(),
            })
            .collect();
        self.tell(
            Some(n),
            RotationStarted {
                secret: secret(n).into(),
                kind: None,
                from_version: Some("v17".into()),
                to_version: Some("v18".into()),
                trigger: None,
                owner: Some("team-payments".into()),
                tier: None,
                regions: Vec::new(),
                grace_seconds: None,
                cadence_seconds: None,
                dual_run: Some(true),
                planned: None,
                canary_percent: None,
                consumers,
                services: vec![format!("svc-{}", n % 40).into()],
                audit_expected: None,
                by: None,
                correlation: None,
            },
        );
        let stages = [
            Stage::Trigger,
            Stage::Generate,
            Stage::Store,
            Stage::Distribute,
            Stage::Validate,
            Stage::Cutover,
        ];
        for stage in stages {
            self.stage(n, stage, StageStatus::Completed);
        }
        let ends_at = self.now + Span::seconds(i64::try_from(600 + n).unwrap_or(600));
        self.tell(
            Some(n),
            RotationGrace {
                ends_at,
                extended_seconds: None,
                reason: None,
                by: None,
            },
        );
        for c in 0..4 {
            self.consumer(
                n,
                c,
                if n.is_multiple_of(7) && c == 0 {
                    "v17"
                } else {
                    "v18"
                },
            );
        }
        if n >= OPEN {
            let outcome = Outcome::Succeeded;
            self.tell(
                Some(n),
                RotationFinished {
                    outcome,
                    reason: None,
                },
            );
        }
    }

    fn consumer(&mut self, n: u64, c: u64, version: &str) {
        self.tell(
            None,
            ConsumerVersion {
                consumer: format!("svc-{}-{n}-{c}", n % 40).into(),
                service: None,
                region: None,
                secret: secret(n).into(),
                version: version.into(),
                state: ConsumerState::InUse,
                error: None,
                latency_ms: Some(4200.0),
                identities: Vec::new(),
            },
        );
    }

    fn auth(&mut self, service: u64, failed: u64) {
        self.tell(
            None,
            AuthSample {
                service: format!("svc-{service}").into(),
                region: Some("eu-1".into()),
                secret: None,
                window_seconds: Seconds(30),
                total: 1000,
                failed_401: Some(failed),
                failed_403: None,
                failed_other: None,
            },
        );
    }
}

fn id(n: u64) -> String {
    format!("rot-{n:08x}-4b1d-9c1e-0f4e")
}

fn secret(n: u64) -> String {
    format!("team-{}/service-{n}/database", n % 97)
}

fn story() -> Story {
    let mut story = Story {
        incident: Incident::default(),
        told: 0,
        now: Timestamp::new(1_795_000_000, 0),
    };
    for n in 0..ROTATIONS {
        story.rotation(n);
    }
    for minute in 0..40 {
        story.now = story.now + Span::seconds(30);
        for service in 0..40 {
            story.auth(service, (service * minute) % 7);
        }
    }
    story
}

fn state(story: &Story, marks: &Arc<[Mark]>, frame: u64) -> State {
    let mut state = State {
        incident: story.incident.clone(),
        ..State::default()
    };
    state.player.playing = true;
    state.player.from = Some(Timestamp::new(1_795_000_000, 0));
    state.player.to = Some(story.now + Span::seconds(3600));
    state.player.at = Some(story.now);
    state.player.position = frame;
    state.player.marks = Arc::clone(marks);
    state.loading.done = true;
    state
}

fn quantile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index within a few thousand"
    )]
    let at = ((times.len() - 1) as f64 * share) as usize;
    times.get(at).map_or(0.0, Duration::as_secs_f64) * 1e3
}

fn line(name: &str, times: &mut [Duration]) -> String {
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| quantile(times, share));
    format!("{name} p50 {p50:.3} p99 {p99:.3} max {max:.3} ms\n")
}

fn main() -> std::io::Result<()> {
    let (Some(keymap), Some(theme)) = (Keymap::built_in("default"), Theme::built_in("dark")) else {
        return Err(std::io::Error::other(
            "a built-in keymap or theme is broken",
        ));
    };
    let mut story = story();
    let marks: Arc<[Mark]> = (0..20_000)
        .map(|n| Mark {
            at: Timestamp::new(1_795_000_000 + n / 4, 0),
            kind: if n % 3 == 0 {
                MarkKind::Cutover
            } else {
                MarkKind::Failure
            },
            rotation: None,
        })
        .collect();
    let mut cockpit = Cockpit::new(Setup {
        title: "bench".into(),
        keymap,
        theme,
        replay: true,
        local: false,
    });
    let (columns, rows) = SIZE;
    let _ = update(&mut cockpit, Message::Resize { columns, rows });
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, rows));
    let (mut frames, mut updates) = (Vec::new(), Vec::new());
    for frame in 0..FRAMES {
        story.now = story.now + Span::seconds(1);
        let n = frame % OPEN;
        let status = [
            StageStatus::Failed,
            StageStatus::Started,
            StageStatus::Completed,
        ];
        let status = status.get((frame % 3) as usize).cloned();
        story.stage(n, Stage::Grace, status.unwrap_or(StageStatus::Started));
        story.consumer(
            (n * 7) % OPEN,
            0,
            if frame % 2 == 0 { "v17" } else { "v18" },
        );
        for service in 0..10 {
            story.auth((service + frame) % 40, (frame * service) % 90);
        }
        let message = Message::State(Box::new(state(&story, &marks, frame)));
        let began = Instant::now();
        let _ = update(&mut cockpit, message);
        updates.push(began.elapsed());
        let began = Instant::now();
        let Ok(_) = terminal.draw(|frame| view(&cockpit, frame));
        frames.push(began.elapsed());
    }
    let mut out = std::io::stdout().lock();
    out.write_all(line("frame", &mut frames).as_bytes())?;
    out.write_all(line("update(State)", &mut updates).as_bytes())
}
