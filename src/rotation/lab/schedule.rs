//! What happens in the lab besides requests: rotations that begin, and the one thing that breaks.
//! All of it are causes; what follows from them nobody wrote down.

use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use super::authority::Authority;
use super::consumer::Consumer;
use super::link::Link;
use super::settings::Cause;
use super::sink;
use super::town::Town;
use super::wire::Tasks;
use crate::model::event::{Stage, StageStatus};
use crate::model::intent::{Intent, Verb};
use crate::model::{Actor, Data, RotationId, SecretPath, Span, Text};
use crate::rotation::engine::Engine;
use crate::rotation::{Clock, Material};

/// Calls that the neighbour's batch makes at once, and then in a minute.
const BATCH: usize = 12;
const STEADY: i64 = 3;

/// So long caches are filled before a rotation that they outlive, at least.
const EARLY: Span = Span::seconds(7);

/// A link that was cut stays so for this long: longer than a region may be retried by itself
/// without anybody calling it a partial rollout, however late the last retry comes.
const CUT_FOR: Span = Span::seconds(75);

/// The automation revokes an old key once the new one is in use anywhere for this long.
const HYGIENE: Span = Span::seconds(2);

/// Rotations after the first round begin so long after each other, at least.
const BETWEEN: i64 = 90;

/// Who asks for rotations by the calendar, and who cleans up.
const CALENDAR: &str = "lab:calendar";
const AUTOMATION: &str = "lab:key-hygiene";

/// The parts of the lab that things happen to.
#[derive(Clone)]
pub(super) struct Happenings {
    pub(super) cause: Option<Cause>,
    pub(super) town: Town,
    pub(super) clock: Clock,
    pub(super) seed: u64,
    pub(super) quiet: Span,
    /// The clients of the service that suffers first.
    pub(super) victims: Vec<Consumer>,
    /// The link to the far region.
    pub(super) far: Link,
    /// The authority of the secret whose rotation meets the fault, and where it is.
    pub(super) authority: Authority,
    pub(super) authority_url: String,
    /// The token of another team's job that manages keys there too.
    pub(super) neighbour: Material,
    pub(super) sink_url: String,
    pub(super) http: reqwest::Client,
    pub(super) tasks: Tasks,
}

impl Happenings {
    /// Lets things happen until the lab ends.
    pub(super) async fn go(self, engine: Engine) {
        let others: Vec<SecretPath> = {
            let paths = self.town.secrets.iter().map(|secret| secret.path.clone());
            paths.filter(|path| *path != self.town.hurt).collect()
        };
        // One healthy rotation begins early, so that the audit sink is known to write.
        if let Some(last) = others.last() {
            self.rotate(&engine, last).await;
        }
        // Where a fault shows only once the old version is gone, its rotation begins in the quiet:
        // until then it disturbs nobody.
        let quiet = match self.cause {
            Some(Cause::StaleCache) => self.quiet.min(EARLY),
            _ => self.quiet,
        };
        self.clock.sleep(quiet).await;
        self.hurt(&engine).await;
        for other in others.iter().rev().skip(1) {
            self.clock.sleep(Span::seconds(3)).await;
            self.rotate(&engine, other).await;
        }
        self.go_on(&engine, &others).await;
    }

    /// Healthy secrets are rotated again and again.
    async fn go_on(&self, engine: &Engine, others: &[SecretPath]) {
        let mut lot = SmallRng::seed_from_u64(self.seed);
        loop {
            let wait = BETWEEN + lot.random_range(0..BETWEEN);
            self.clock.sleep(Span::seconds(wait)).await;
            let pick = lot.random_range(0..others.len().max(1));
            if let Some(other) = others.get(pick) {
                self.rotate(engine, other).await;
            }
        }
    }

    /// Breaks what is to break, and begins the rotation that meets it.
    async fn hurt(&self, engine: &Engine) {
        self.breaks().await;
        let rotation = self.rotate(engine, &self.town.hurt).await;
        if let (Some(Cause::EarlyRevoke), Some(rotation)) = (self.cause, rotation) {
            let (it, engine) = (self.clone(), engine.clone());
            self.tasks
                .spawn(async move { it.clean_up(&engine, rotation).await });
        }
    }

    async fn breaks(&self) {
        match self.cause {
            Some(Cause::CutLink) => {
                self.far.cut();
                let (far, clock) = (self.far.clone(), self.clock.clone());
                self.tasks.spawn(async move {
                    clock.sleep(CUT_FOR).await;
                    far.mend();
                });
            }
            Some(Cause::Quota) => {
                for _ in 0..BATCH {
                    self.call_as_neighbour().await;
                }
                let it = self.clone();
                self.tasks.spawn(async move {
                    loop {
                        it.clock.sleep(Span::seconds(60 / STEADY)).await;
                        it.call_as_neighbour().await;
                    }
                });
            }
            Some(Cause::LoggedCredential) => {
                for victim in &self.victims {
                    victim.chatter();
                }
            }
            Some(Cause::NewFormat) => self.authority.modernise(),
            Some(Cause::FullSink) => sink::fill(&self.http, &self.sink_url).await,
            // They have been so from the start, or come later.
            Some(Cause::NeedsRestart | Cause::StaleCache | Cause::EarlyRevoke) | None => {}
        }
    }

    async fn call_as_neighbour(&self) {
        let token = self.neighbour.expose_str().unwrap_or_default();
        let call = self.http.get(format!("{}/keys", self.authority_url));
        // Whether it gets through is its own trouble.
        let _answer = call.bearer_auth(token).send().await;
    }

    /// The automation: sees that the new key is in use somewhere, and revokes the old one.
    async fn clean_up(&self, engine: &Engine, rotation: RotationId) {
        let log = engine.log();
        let (mut told, mut seen) = (log.watch(), 0);
        let cutover = |data: &Data| {
            matches!(data, Data::RotationStage(stage)
                if stage.stage == Stage::Cutover && stage.status == StageStatus::Started)
        };
        loop {
            for (number, event) in log.after(seen, 256) {
                seen = number;
                if event.rotation.as_ref() == Some(&rotation) && cutover(&event.data) {
                    self.clock.sleep(HYGIENE).await;
                    self.revoke(engine, &rotation).await;
                    return;
                }
            }
            if log.last() == seen && told.changed().await.is_err() {
                return;
            }
        }
    }

    async fn revoke(&self, engine: &Engine, rotation: &RotationId) {
        for attempt in 0..30 {
            let mut intent = self.intent(Verb::RevokeNow, &self.town.hurt, AUTOMATION);
            intent.key = format!("{}/{attempt}", intent.key);
            intent.rotation = Some(rotation.clone());
            intent.reason = Some(Text::from("the new key is in use; the old one is older"));
            match engine.execute(intent).await {
                Ok(_) => return,
                Err(refusal) => tracing::info!(%refusal, "the automation's revoke was refused"),
            }
            self.clock.sleep(Span::seconds(1)).await;
        }
    }

    async fn rotate(&self, engine: &Engine, secret: &SecretPath) -> Option<RotationId> {
        let intent = self.intent(Verb::Rotate, secret, CALENDAR);
        match engine.execute(intent).await {
            Ok(receipt) => receipt.rotation,
            Err(refusal) => {
                tracing::info!(%refusal, "a rotation of the calendar was refused");
                None
            }
        }
    }

    fn intent(&self, verb: Verb, secret: &SecretPath, by: &str) -> Intent {
        let at = self.clock.now();
        Intent {
            verb,
            rotation: None,
            secret: Some(secret.clone()),
            region: None,
            service: None,
            seconds: None,
            per_minute: None,
            by: Actor::from(by),
            reason: None,
            key: format!("{by}/{verb}/{}/{at}", secret.raw()),
            at,
        }
    }
}
