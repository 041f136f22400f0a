//! What the on-call screen needs of a state, computed once when the state arrives: the order of
//! the rotations, worst first; the auth failures against their usual share; the headline.
//!
//! Drawing then touches only the rows that are seen, however many rotations stand behind them.

mod after;
mod auth;
pub mod blame;
mod canary;
mod found;
mod frozen;
mod headline;
mod phrase;

use std::collections::HashSet;

use crate::incident::{Incident, Rotation, Tally};
use crate::model::event::{ConsumerState, Outcome, Severity, Stage, StageStatus};
use crate::model::{RotationId, SecretPath, ServiceName, Timestamp};

use super::state::State;

pub use after::After;
pub use auth::AuthRow;
pub use canary::CanaryRow;
pub use found::{Ranked, stands};
pub use frozen::Frozen;
pub use headline::{Headline, Tone};

/// The rows whose tallies are kept; tallies of rows further down are counted when they are seen.
const TALLIED: usize = 64;

/// How much a rotation hurts, least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hurt {
    /// It is over and went well, or a later one took its place.
    #[default]
    Over,
    /// It is over and went badly.
    WentBadly,
    /// It runs and hurts nobody.
    Runs,
    /// Its cutover is done and some of its consumers are not on the new version.
    Behind,
    /// Somebody holds it.
    Held,
    /// A stage of it failed.
    Stuck,
    /// Consumers fail on it, or its services refuse more than usual.
    Hurts,
    /// The old version is refused already and consumers still need it, or fail.
    Breaks,
}

impl Hurt {
    /// True where somebody should look at it.
    pub fn needs_a_look(self) -> bool {
        self >= Self::Held
    }
}

/// One rotation in the order of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    /// The level, then what breaks ties; greater is worse.
    key: u64,
    hurt: Hurt,
    /// Where its id stands in [`Digest::ids`].
    at: u32,
}

/// What the on-call screen needs of a state.
#[derive(Debug, Default)]
pub struct Digest {
    ids: Vec<RotationId>,
    rows: Vec<Row>,
    tallies: Vec<Tally>,
    /// How many rotations are open.
    pub open: usize,
    /// How many need a look.
    pub hurting: usize,
    /// What was found, worst first.
    pub findings: Ranked,
    /// Auth failures, worst first.
    pub auth: Vec<AuthRow>,
    /// Series that are not in [`Self::auth`] because there are too many.
    pub auth_left_out: usize,
    /// Canary comparisons, worst first.
    pub canaries: Vec<CanaryRow>,
    /// What a person would say.
    pub headline: Headline,
    /// What the acts of this session brought about.
    pub after: After,
    /// The freeze, while one stands.
    pub frozen: Option<Frozen>,
    memo: auth::Memo,
    onsets: auth::Onsets,
    seen: Vec<Seen>,
}

impl Digest {
    /// How many rotations there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The rotation in this row, from 0.
    pub fn id(&self, row: usize) -> Option<&RotationId> {
        self.ids.get(self.rows.get(row)?.at as usize)
    }

    /// How much the rotation in this row hurts.
    pub fn hurt(&self, row: usize) -> Hurt {
        self.rows.get(row).map_or(Hurt::Over, |row| row.hurt)
    }

    /// The tally of the rotation in this row.
    pub fn tally(&self, row: usize, incident: &Incident, rotation: &Rotation) -> Tally {
        match self.tallies.get(row) {
            Some(tally) => tally.clone(),
            None => incident.tally(rotation),
        }
    }

    /// The row of a rotation.
    pub fn row_of(&self, id: &RotationId) -> Option<usize> {
        let at = self.ids.iter().position(|known| known == id)?;
        let at = u32::try_from(at).ok()?;
        self.rows.iter().position(|row| row.at == at)
    }

    /// Rows in the order of the screen with their ids.
    pub fn ids(&self) -> impl Iterator<Item = &RotationId> {
        self.rows
            .iter()
            .filter_map(|row| self.ids.get(row.at as usize))
    }

    /// Takes a new state in. `_before` is the state of the last refresh: while it lives, no new
    /// rotation can stand where one of its rotations stands, so that an equal address means an
    /// equal rotation.
    pub fn refresh(&mut self, state: &State, _before: &State) {
        let incident = &state.incident;
        let rotations: Vec<&Rotation> = incident.rotations().collect();
        self.findings.refresh(&state.known, incident);
        self.survey(incident, &rotations);
        auth::collect(self, incident, incident.now());
        canary::collect(&mut self.canaries, incident, incident.now());
        self.rank(incident, &rotations);
        self.tallies = self
            .rows
            .iter()
            .take(TALLIED)
            .map(|row| rotations.get(row.at as usize))
            .map(|rotation| rotation.map(|r| incident.tally(r)).unwrap_or_default())
            .collect();
        self.headline = headline::of(self, state);
        self.after.refresh(state);
        self.frozen = frozen::of(incident);
    }

    /// Looks at what is new among the rotations, and notes when they began: what is usual for a
    /// service is what came before.
    fn survey(&mut self, incident: &Incident, rotations: &[&Rotation]) {
        self.onsets.begin(incident.auth());
        for (n, rotation) in rotations.iter().enumerate() {
            let address = std::ptr::from_ref::<Rotation>(rotation).addr();
            if self.seen.get(n).is_none_or(|seen| seen.address != address) {
                put(&mut self.seen, n, Seen::new(address, rotation));
                put(&mut self.ids, n, rotation.id.clone());
            }
            if let Some(seen) = self.seen.get(n) {
                self.onsets.add(seen.names(), seen.started);
            }
        }
        self.ids.truncate(rotations.len());
        self.seen.truncate(rotations.len());
    }

    fn rank(&mut self, incident: &Incident, rotations: &[&Rotation]) {
        let hot = Hot::of(&self.auth);
        self.rows.clear();
        (self.open, self.hurting) = (0, 0);
        for (n, (rotation, seen)) in rotations.iter().zip(&self.seen).enumerate() {
            // Most rotations are over and nobody's services are hot: they are not even read.
            let hurt = if seen.tallied || hot.may_touch(seen) {
                hurt(incident, rotation, &hot)
            } else {
                seen.alone
            };
            self.open += usize::from(seen.open);
            self.hurting += usize::from(hurt.needs_a_look());
            self.rows.push(Row {
                key: level(hurt) << TIE_BITS | seen.tie,
                hurt,
                at: u32::try_from(n).unwrap_or(u32::MAX),
            });
        }
        self.accuse();
        self.rows
            .sort_unstable_by(|a, b| b.key.cmp(&a.key).then(a.at.cmp(&b.at)));
    }
}

/// The bits of a key that break ties, below those of the level.
const TIE_BITS: u32 = 56;
const TIES: u64 = (1 << TIE_BITS) - 1;

/// The level of a rotation of which a ticket was found: above what only looks stuck.
const TICKET: u64 = Hurt::Hurts as u64;

/// How much higher than its hurt a rotation stands of which a page was found.
const PAGE: u64 = 16;

/// How bad a hurt is by itself, with room for a ticket between what is stuck and what hurts.
fn level(hurt: Hurt) -> u64 {
    hurt as u64 + u64::from(hurt >= Hurt::Hurts)
}

impl Digest {
    /// What was found comes first: a page before all, a ticket before what only looks stuck.
    fn accuse(&mut self) {
        for (id, finding) in self.findings.guilty() {
            // The rotations come in the order of their ids, and so far in that of the rows.
            let Some(row) = self.ids.binary_search(id).ok() else {
                continue;
            };
            let Some(row) = self.rows.get_mut(row) else {
                continue;
            };
            self.hurting += usize::from(!row.hurt.needs_a_look());
            let level = row.key >> TIE_BITS;
            let level = match finding.severity {
                Severity::Page => level + PAGE,
                _ => level.max(TICKET),
            };
            row.key = row.key & TIES | level << TIE_BITS;
        }
    }
}

fn put<T>(list: &mut Vec<T>, at: usize, value: T) {
    match list.get_mut(at) {
        Some(slot) => *slot = value,
        None => list.push(value),
    }
}

/// The most names of a rotation that are remembered as numbers.
const NAMES: usize = 4;

/// What is remembered of a rotation as long as it does not change.
#[derive(Debug)]
struct Seen {
    address: usize,
    /// Numbers of its secret and of its services.
    names: [u64; NAMES],
    /// How many names it has, even if more than are remembered.
    named: usize,
    started: Timestamp,
    /// What breaks ties in the order.
    tie: u64,
    open: bool,
    /// True where how much it hurts depends on its consumers.
    tallied: bool,
    /// How much it hurts where neither its consumers nor its services say more.
    alone: Hurt,
}

impl Seen {
    fn new(address: usize, rotation: &Rotation) -> Self {
        let secret = rotation.secret.iter().map(|secret| number(secret.raw()));
        let services = rotation
            .services
            .iter()
            .map(|service| number(service.raw()));
        let mut names = [0; NAMES];
        let mut count = 0;
        for name in secret.chain(services) {
            if let Some(slot) = names.get_mut(count) {
                *slot = name;
            }
            count += 1;
        }
        Self {
            address,
            names,
            named: count,
            started: rotation.started_at,
            tie: tie(rotation),
            open: rotation.is_open(),
            tallied: rotation.is_open() && told(rotation, &Stage::Distribute),
            alone: alone(rotation),
        }
    }

    fn names(&self) -> &[u64] {
        self.names.get(..self.named.min(NAMES)).unwrap_or_default()
    }
}

/// A number that stands for a name: equal names have equal numbers, other names nearly always
/// others. It only spares look-ups; nothing is decided by it.
fn number(name: &str) -> u64 {
    ahash::RandomState::with_seeds(1, 2, 3, 4).hash_one(name)
}

/// What is refused more than usual now.
struct Hot<'a> {
    secrets: HashSet<&'a SecretPath>,
    services: HashSet<&'a ServiceName>,
    numbers: Vec<u64>,
}

impl<'a> Hot<'a> {
    fn of(rows: &'a [AuthRow]) -> Self {
        let hot = rows.iter().filter(|row| row.elevated);
        let mut numbers: Vec<u64> = hot
            .clone()
            .flat_map(|row| {
                let secret = row.series.secret.as_ref().map(SecretPath::raw);
                [Some(row.series.service.raw()), secret]
            })
            .flatten()
            .map(number)
            .collect();
        numbers.sort_unstable();
        Self {
            numbers,
            secrets: hot
                .clone()
                .filter_map(|r| r.series.secret.as_ref())
                .collect(),
            services: hot.map(|row| &row.series.service).collect(),
        }
    }

    fn may_touch(&self, seen: &Seen) -> bool {
        !self.numbers.is_empty()
            && (seen.named > NAMES
                || seen
                    .names()
                    .iter()
                    .any(|name| self.numbers.binary_search(name).is_ok()))
    }

    fn touches(&self, rotation: &Rotation) -> bool {
        if self.services.is_empty() {
            return false;
        }
        rotation
            .secret
            .as_ref()
            .is_some_and(|secret| self.secrets.contains(secret))
            || rotation.services.iter().any(|s| self.services.contains(s))
    }
}

/// How much a rotation hurts. In this order:
/// 1. A later one took its place, or it was rolled back or stopped: it cannot hurt any more.
/// 2. Its services refuse more than usual, or consumers fail on the new version: it hurts, and
///    breaks where the old version is refused already. A rotation that is over hurts only so.
/// 3. A stage failed, or somebody holds one.
/// 4. The cutover is done and consumers are not on the new version: behind.
fn hurt(incident: &Incident, rotation: &Rotation, hot: &Hot<'_>) -> Hurt {
    if rotation.superseded_by.is_some() {
        return Hurt::Over;
    }
    let open = rotation.ended.is_none();
    if went_back(rotation) {
        return alone(rotation);
    }
    let touched = hot.touches(rotation);
    if touched || (open && told(rotation, &Stage::Distribute)) {
        let tally = incident.tally(rotation);
        let behind = tally.on_new < tally.total;
        let began =
            rotation.cutover_at.or(rotation.revoked_at).is_some() || told(rotation, &Stage::Store);
        if (open && tally.failed > 0) || (touched && behind && began) {
            return if rotation.revoked_at.is_some() {
                Hurt::Breaks
            } else {
                Hurt::Hurts
            };
        }
        let status = rotation.stage().and_then(|(_, view)| view.status.as_ref());
        match status {
            Some(StageStatus::Failed) if open => return Hurt::Stuck,
            Some(StageStatus::Paused) if open => return Hurt::Held,
            _ if open && behind && rotation.cutover_at.is_some() => return Hurt::Behind,
            _ => {}
        }
    }
    alone(rotation)
}

/// True where the consumers are meant to be on the old version again.
fn went_back(rotation: &Rotation) -> bool {
    rotation
        .ended
        .as_ref()
        .is_some_and(|end| matches!(end.outcome, Outcome::RolledBack | Outcome::Aborted))
}

fn told(rotation: &Rotation, stage: &Stage) -> bool {
    stage
        .index()
        .and_then(|at| rotation.stages.get(at))
        .is_some_and(|view| view.status.is_some())
}

/// How much a rotation hurts by its stages alone.
fn alone(rotation: &Rotation) -> Hurt {
    if rotation.superseded_by.is_some() {
        return Hurt::Over;
    }
    match (&rotation.ended, rotation.stage()) {
        (Some(end), _) if end.outcome == Outcome::Succeeded => Hurt::Over,
        (Some(_), _) => Hurt::WentBadly,
        (None, Some((_, view))) if view.status == Some(StageStatus::Failed) => Hurt::Stuck,
        (None, Some((_, view))) if view.status == Some(StageStatus::Paused) => Hurt::Held,
        (None, _) => Hurt::Runs,
    }
}

/// What breaks ties: of those that run the one whose point of
/// no return comes first is the greater, of those that are over the latest.
fn tie(rotation: &Rotation) -> u64 {
    let seconds = |at: Timestamp| at.seconds().clamp(0, 1 << 50).unsigned_abs();
    if rotation.is_open() {
        rotation
            .point_of_no_return()
            .map_or(seconds(rotation.started_at), |at| TIES - seconds(at))
    } else {
        seconds(rotation.last_at)
    }
}

/// True for a state in which a consumer works with its version.
pub fn works(state: &ConsumerState) -> bool {
    matches!(state, ConsumerState::InUse | ConsumerState::Validated)
}
