//! What was told of a rotation under one id: registers that the latest word wins, moments that
//! only move one way, and lists that keep their latest. Joining two of them in either order, or
//! one twice, gives the same.

use std::sync::{Arc, OnceLock};

use super::store::{Row, Words};
use super::view::{EventRef, Rotation, Step, StepKind};
use crate::model::event::{
    NamedConsumer, Outcome, RotationGrace, RotationStage, RotationStarted, Seconds, SecretKind,
    StageStatus, Tier, Trigger,
};
use crate::model::{
    Actor, Region, RotationId, SecretPath, ServiceName, Span, Text, Timestamp, Version,
};

/// The most steps kept of one rotation; the latest by time stay.
pub const STEPS_KEPT: usize = 100;

/// The most versions noted that may be the one a rotation brings.
const CANDIDATES_KEPT: usize = 8;

/// A value under the step that told it; the latest step wins.
#[derive(Clone, Debug)]
pub(super) struct Register<T>(Option<(Arc<Step>, T)>);

impl<T> Default for Register<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Clone> Register<T> {
    /// The value that stands.
    pub(super) fn get(&self) -> Option<&T> {
        self.0.as_ref().map(|(_, value)| value)
    }

    fn put(&mut self, step: &Arc<Step>, value: Option<T>) {
        if let Some(value) = value
            && self.yields_to(step)
        {
            self.0 = Some((Arc::clone(step), value));
        }
    }

    fn join(&mut self, other: &Self) {
        if let Some((step, value)) = &other.0
            && self.yields_to(step)
        {
            self.0 = Some((Arc::clone(step), value.clone()));
        }
    }

    fn yields_to(&self, step: &Step) -> bool {
        let held = self.0.as_ref();
        held.is_none_or(|(held, _)| held.event < step.event)
    }
}

macro_rules! registers {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $ty:ty,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub(super) struct $name { $(pub(super) $field: Register<$ty>,)+ }

        impl $name {
            fn join(&mut self, other: &Self) {
                $(self.$field.join(&other.$field);)+
            }
        }
    };
}

registers! {
    /// What a rotation's start says, member by member: a later word may name what an earlier
    /// one lacked.
    Start {
        secret: SecretPath,
        kind: SecretKind,
        from_version: Version,
        to_version: Version,
        trigger: Trigger,
        owner: Text,
        tier: Tier,
        regions: Vec<Region>,
        services: Vec<ServiceName>,
        named: Arc<[NamedConsumer]>,
        grace_period: Span,
        cadence: Span,
        dual_run: bool,
        planned: bool,
        canary_percent: f64,
        audit_expected: bool,
        by: Actor,
        correlation: Text,
    }
}

registers! {
    /// The grace clock, as last told.
    GraceWords {
        last: RotationGrace,
        extended: Span,
    }
}

/// One stage in one region.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) stage: usize,
    pub(super) region: Option<Region>,
    /// The latest word.
    pub(super) latest: Arc<Step>,
    /// The latest failure and the latest success.
    pub(super) failed: Option<Arc<Step>>,
    pub(super) done: Option<Arc<Step>>,
    pub(super) percent: Register<f64>,
    pub(super) attempt: u32,
    pub(super) wave: Option<u32>,
    pub(super) first_at: Timestamp,
    pub(super) began_at: Option<Timestamp>,
    pub(super) first_done_at: Option<Timestamp>,
}

impl Cell {
    /// How it stands.
    pub(super) fn status(&self) -> Option<&StageStatus> {
        match &self.latest.what {
            StepKind::Stage { status, .. } => Some(status),
            _ => None,
        }
    }

    fn place(&self) -> (usize, Option<&Region>) {
        (self.stage, self.region.as_ref())
    }

    fn join(&mut self, other: &Self) {
        later(&mut self.latest, &other.latest);
        later_some(&mut self.failed, other.failed.as_ref());
        later_some(&mut self.done, other.done.as_ref());
        self.percent.join(&other.percent);
        self.attempt = self.attempt.max(other.attempt);
        self.wave = self.wave.max(other.wave);
        self.first_at = self.first_at.min(other.first_at);
        self.began_at = earlier(self.began_at, other.began_at);
        self.first_done_at = earlier(self.first_done_at, other.first_done_at);
    }
}

fn later(held: &mut Arc<Step>, step: &Arc<Step>) {
    if held.event < step.event {
        *held = Arc::clone(step);
    }
}

fn later_some(held: &mut Option<Arc<Step>>, step: Option<&Arc<Step>>) {
    match (held, step) {
        (Some(held), Some(step)) => later(held, step),
        (held @ None, Some(step)) => *held = Some(Arc::clone(step)),
        (_, None) => {}
    }
}

fn earlier(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Puts a step where it belongs; false where it is there already.
pub(super) fn insert_step(steps: &mut Vec<Arc<Step>>, step: &Arc<Step>) {
    let Err(at) = steps.binary_search_by(|held| held.event.cmp(&step.event)) else {
        return;
    };
    if steps.len() < STEPS_KEPT {
        steps.insert(at, Arc::clone(step));
    } else if at > 0 {
        steps.insert(at, Arc::clone(step));
        steps.remove(0);
    }
}

/// All that was told under one id.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) id: RotationId,
    /// The first and the last event of it; absent while only others' events name it.
    pub(super) first: Option<EventRef>,
    pub(super) last_at: Timestamp,
    pub(super) start: Option<Box<Start>>,
    /// Versions that came up under this id, by when first.
    candidates: Vec<(EventRef, Version)>,
    pub(super) cells: Vec<Cell>,
    pub(super) grace: GraceWords,
    pub(super) finished: Register<(Outcome, Option<Text>)>,
    pub(super) steps: Vec<Arc<Step>>,
    /// Which secret's line it stands in, and since which moment.
    pub(super) stands: Option<(SecretPath, Timestamp)>,
    /// The row of the id under which this rotation is shown.
    pub(super) canon: u32,
    /// The rows of all its ids; only at the one that is shown, and empty where it is the only one.
    pub(super) members: Vec<u32>,
    /// What is shown, made when somebody looks.
    pub(super) view: OnceLock<Arc<Rotation>>,
}

impl Row<1> for Told {
    fn key(&self) -> Words<'_, 1> {
        [Some(self.id.raw())]
    }
}

impl Told {
    pub(super) fn new(id: RotationId, row: u32) -> Self {
        Self {
            id,
            first: None,
            last_at: Timestamp::default(),
            start: None,
            candidates: Vec::new(),
            cells: Vec::new(),
            grace: GraceWords::default(),
            finished: Register::default(),
            steps: Vec::new(),
            stands: None,
            canon: row,
            members: Vec::new(),
            view: OnceLock::new(),
        }
    }

    /// Takes one step in; true where it is the first of all.
    pub(super) fn step(&mut self, event: EventRef, what: StepKind) -> (bool, Arc<Step>) {
        let is_first = self.first.as_ref().is_none_or(|first| event < *first);
        if is_first {
            self.first = Some(event.clone());
        }
        self.last_at = self.last_at.max(event.time);
        let step = Arc::new(Step { event, what });
        insert_step(&mut self.steps, &step);
        (is_first, step)
    }

    pub(super) fn started(&mut self, step: &Arc<Step>, told: &RotationStarted) {
        fn list<T: Clone>(list: &[T]) -> Option<Vec<T>> {
            (!list.is_empty()).then(|| list.to_vec())
        }
        let start = self.start.get_or_insert_default();
        start.secret.put(step, Some(told.secret.clone()));
        start.kind.put(step, told.kind.clone());
        start.from_version.put(step, told.from_version.clone());
        start.to_version.put(step, told.to_version.clone());
        start.trigger.put(step, told.trigger.clone());
        start.owner.put(step, told.owner.clone());
        start.tier.put(step, told.tier.clone());
        start.regions.put(step, list(&told.regions));
        start.services.put(step, list(&told.services));
        let named = told.consumers.as_slice();
        let named = (!named.is_empty()).then(|| Arc::from(named));
        start.named.put(step, named);
        start
            .grace_period
            .put(step, told.grace_seconds.map(seconds));
        start.cadence.put(step, told.cadence_seconds.map(seconds));
        start.dual_run.put(step, told.dual_run);
        start.planned.put(step, told.planned);
        start.canary_percent.put(step, told.canary_percent);
        start.audit_expected.put(step, told.audit_expected);
        start.by.put(step, told.by.clone());
        start.correlation.put(step, told.correlation.clone());
    }

    pub(super) fn stage(&mut self, step: &Arc<Step>, told: &RotationStage) {
        let Some(stage) = told.stage.index() else {
            return;
        };
        let at = step.event.time;
        let is = |status: StageStatus| told.status == status;
        let mut percent = Register::default();
        percent.put(step, told.percent);
        let cell = Cell {
            stage,
            region: told.region.clone(),
            latest: Arc::clone(step),
            failed: is(StageStatus::Failed).then(|| Arc::clone(step)),
            done: is(StageStatus::Completed).then(|| Arc::clone(step)),
            percent,
            attempt: told.attempt.unwrap_or(1),
            wave: told.wave,
            first_at: at,
            began_at: is(StageStatus::Started).then_some(at),
            first_done_at: is(StageStatus::Completed).then_some(at),
        };
        self.cell(cell);
    }

    fn cell(&mut self, cell: Cell) {
        match self
            .cells
            .binary_search_by(|c| c.place().cmp(&cell.place()))
        {
            Ok(at) => {
                if let Some(held) = self.cells.get_mut(at) {
                    held.join(&cell);
                }
            }
            Err(at) => self.cells.insert(at, cell),
        }
    }

    pub(super) fn grace(&mut self, step: &Arc<Step>, told: &RotationGrace) {
        self.grace.last.put(step, Some(told.clone()));
        self.grace
            .extended
            .put(step, told.extended_seconds.map(seconds));
    }

    pub(super) fn finished(&mut self, step: &Arc<Step>, outcome: &Outcome, reason: Option<&Text>) {
        self.finished
            .put(step, Some((outcome.clone(), reason.cloned())));
    }

    /// Notes a version that came up under this id; true where that is news.
    pub(super) fn candidate(&mut self, event: &EventRef, version: &Version) -> bool {
        if let Some(at) = self.candidates.iter().position(|(_, v)| v == version) {
            match self.candidates.get_mut(at) {
                Some((first, _)) if *event < *first => *first = event.clone(),
                _ => return false,
            }
        } else {
            self.candidates.push((event.clone(), version.clone()));
        }
        self.candidates.sort();
        self.candidates.truncate(CANDIDATES_KEPT);
        true
    }

    /// The secret, where told.
    pub(super) fn secret(&self) -> Option<&SecretPath> {
        self.start.as_ref()?.secret.get()
    }

    /// True where its start says which version it brings; then no other word can change that.
    pub(super) fn names_its_version(&self) -> bool {
        self.start
            .as_ref()
            .is_some_and(|s| s.to_version.get().is_some())
    }

    /// The version it brings: as its start says, else the first other than the one before that
    /// came up under its id.
    pub(super) fn to_version(&self) -> Option<&Version> {
        let start = self.start.as_ref();
        if let Some(version) = start.and_then(|s| s.to_version.get()) {
            return Some(version);
        }
        let from = start.and_then(|s| s.from_version.get());
        let mut candidates = self.candidates.iter().map(|(_, version)| version);
        candidates.find(|version| Some(*version) != from)
    }

    /// Takes in what was told under another id of the same rotation.
    pub(super) fn join(&mut self, other: &Self) {
        self.first = match (self.first.take(), other.first.clone()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.last_at = self.last_at.max(other.last_at);
        if let Some(start) = &other.start {
            self.start.get_or_insert_default().join(start);
        }
        for (event, version) in &other.candidates {
            self.candidate(event, version);
        }
        for cell in &other.cells {
            self.cell(cell.clone());
        }
        self.grace.join(&other.grace);
        self.finished.join(&other.finished);
        for step in &other.steps {
            insert_step(&mut self.steps, step);
        }
    }
}

impl<T> Register<T> {
    /// When the value that stands was told.
    pub(super) fn at(&self) -> Option<Timestamp> {
        self.0.as_ref().map(|(step, _)| step.event.time)
    }
}

/// Whole seconds as a span.
pub(super) fn seconds(seconds: Seconds) -> Span {
    Span::seconds(i64::try_from(seconds.0).unwrap_or(i64::MAX))
}
