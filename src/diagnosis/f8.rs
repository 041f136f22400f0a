//! F8, missing audit trail: a stage was completed and the audit entry that belongs to it does not
//! come, though its audit source is connected.
//!
//! The entry is due when the stage is completed. It is missing once any event is later than that
//! by more than 60 s or three times the 99th percentile of the source's lag seen so far. One that
//! comes after all takes the finding back: it was late. What happened while the source was away
//! cannot be known, and what a backend never audits is not missed.

use std::collections::{BTreeMap, BTreeSet};

use super::book::{Book, about, after, evidence, id_of, seconds, settle};
use super::finding::{Mode, Subject};
use super::map::Map;
use super::{Findings, Rule};
use crate::incident::{EventRef, Incident, Rotation};
use crate::model::event::{
    ActionPhase, AuditEntry, BackendState, RotationStage, Stage, StageStatus,
};
use crate::model::{Data, Event, RotationId, SecretPath, Source, Span, Timestamp, Version};
/// An entry may come so late of any source (the contract's rule).
const PATIENCE: Span = Span::seconds(60);

/// The most lags remembered of one source; old ones go first.
const LAGS: usize = 1000;

/// A stage that one source told of in one rotation.
#[derive(Debug, Default)]
struct Trail {
    /// Completions, by who told of them.
    done: BTreeMap<Source, Vec<EventRef>>,
    /// Entries that came.
    entries: usize,
    /// A finding stands on it.
    missing: bool,
}

type Key = (RotationId, Stage);

/// What is known of an audit source.
#[derive(Debug, Default)]
struct Audit {
    /// Lags seen, in seconds, in the order in which they were seen.
    lags: std::collections::VecDeque<f64>,
    /// When it was away: from, and until where it is back.
    away: Vec<(Timestamp, Option<Timestamp>)>,
}

/// The rule.
#[derive(Debug, Default)]
pub(super) struct Missing {
    book: Book,
    trails: Map<Key, Trail>,
    due: BTreeSet<(Timestamp, EventRef, RotationId, Stage)>,
    sources: BTreeMap<Source, Audit>,
    /// The source that writes the entries of a rotation, where any came.
    writes: Map<RotationId, Source>,
    latest: Option<Source>,
    /// Entries under an id of which no rotation is known yet, by secret, version and stage.
    orphans: Map<(SecretPath, Version, Stage), usize>,
}

impl Rule for Missing {
    fn observe(&mut self, event: &Event, incident: &Incident, findings: &mut Findings) {
        self.book.learn(event, incident);
        match &event.data {
            Data::RotationStage(data) if data.status == StageStatus::Completed => {
                self.completed(event, data, incident);
            }
            Data::AuditEntry(data) => {
                if let (Some(stage), Some(id)) = (&data.stage, id_of(event)) {
                    self.latest = Some(event.source.clone());
                    match self.canonical(id, data, incident) {
                        Some(id) => self.entry(event, &id, stage, incident, findings),
                        None => self.orphan(data, stage),
                    }
                }
            }
            Data::BackendStatus(data) => {
                let audit = self
                    .sources
                    .entry(Source::from(data.backend.raw()))
                    .or_default();
                let away = audit.away.last().is_some_and(|(_, until)| until.is_none());
                if data.state == BackendState::Connected {
                    if let Some((_, until)) = audit.away.last_mut().filter(|_| away) {
                        *until = Some(event.time);
                    }
                } else if !away {
                    audit.away.push((event.time, None));
                }
                if let Some(lag) = data.lag_ms {
                    audit.learn(lag / 1000.0);
                }
            }
            _ => {}
        }
    }

    fn pass(
        &mut self,
        now: Timestamp,
        cause: &Event,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        while let Some((at, ..)) = self.due.first() {
            if *at >= now {
                return;
            }
            if let Some((_, done, id, stage)) = self.due.pop_first() {
                self.overdue(&done, &id, &stage, now, cause, incident, findings);
            }
        }
    }
}

impl Missing {
    fn completed(&mut self, event: &Event, data: &RotationStage, incident: &Incident) {
        // Whether the rotation as a whole is audited is asked when the entry is due.
        if data.audit_expected == Some(false) {
            return;
        }
        let Some(id) = id_of(event).and_then(|id| incident.canonical(&id).cloned()) else {
            return;
        };
        let key = (id.clone(), data.stage.clone());
        let trail = self.trails.entry(key).or_default();
        let done = EventRef::of(event);
        trail
            .done
            .entry(event.source.clone())
            .or_default()
            .push(done.clone());
        self.due
            .insert((after(event.time, PATIENCE), done, id, data.stage.clone()));
    }

    /// The rotation that an entry is about. One that is told under an id of which nothing else
    /// is known yet may be told of under another: the secret and the version say which.
    fn canonical(
        &self,
        id: RotationId,
        data: &AuditEntry,
        incident: &Incident,
    ) -> Option<RotationId> {
        if incident.secret_of(&id).is_some() {
            return incident.canonical(&id).cloned();
        }
        let (Some(secret), Some(version)) = (&data.secret, &data.version) else {
            return Some(id);
        };
        self.book.id_bringing(secret, version, incident).cloned()
    }

    /// An entry may come before the start of its rotation: clocks differ.
    fn orphan(&mut self, data: &AuditEntry, stage: &Stage) {
        if let (Some(secret), Some(version)) = (&data.secret, &data.version) {
            let key = (secret.clone(), version.clone(), stage.clone());
            *self.orphans.entry(key).or_insert(0) += 1;
        }
    }

    fn entry(
        &mut self,
        event: &Event,
        id: &RotationId,
        stage: &Stage,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        self.writes.insert(id.clone(), event.source.clone());
        let trail = self.trails.entry((id.clone(), stage.clone())).or_default();
        let told = trail.done.values().max_by_key(|events| events.len());
        let done = told.and_then(|events| events.get(trail.entries).or_else(|| events.last()));
        if let Some(done) = done {
            let lag = seconds(event.time, done.time);
            self.sources
                .entry(event.source.clone())
                .or_default()
                .learn(lag);
        }
        trail.entries += 1;
        if trail.missing && trail.entries >= trail.expected() {
            trail.missing = false;
            self.came_after_all(id, event.time, incident, findings);
        }
    }

    /// The last missing entry came: late, or because a responder had it written again.
    fn came_after_all(
        &self,
        id: &RotationId,
        at: Timestamp,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let still = self
            .trails
            .iter()
            .any(|((of, _), trail)| of == id && trail.missing);
        if still {
            return;
        }
        let subject = Subject::Rotation(id.clone());
        let Some(found) = findings.get(Mode::F8, &subject) else {
            return;
        };
        let cured = incident.acts().any(|act| {
            act.at >= found.detected_at
                && act.action.phase == ActionPhase::Executed
                && Mode::F8.suggest().contains(&act.action.action.raw())
        });
        if cured {
            findings.resolve(Mode::F8, &subject, at);
        } else {
            findings.take_back(Mode::F8, &subject);
        }
    }

    /// How many entries of a stage of a rotation came, under any of its ids.
    fn entries(&self, rotation: &Rotation, stage: &Stage) -> usize {
        // Another source may have told it under another id since.
        let entries: usize = std::iter::once(&rotation.id)
            .chain(&rotation.aliases)
            .filter_map(|id| self.trails.get(&(id.clone(), stage.clone())))
            .map(|trail| trail.entries)
            .sum();
        let early = rotation.secret.clone().zip(rotation.to_version.clone());
        let early = early.and_then(|(secret, version)| {
            self.orphans.get(&(secret, version, stage.clone())).copied()
        });
        entries + early.unwrap_or(0)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what is due, and the moment that shows it"
    )]
    fn overdue(
        &mut self,
        done: &EventRef,
        id: &RotationId,
        stage: &Stage,
        now: Timestamp,
        cause: &Event,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        // As many entries as completions up to this one: it has its own.
        let key = (id.clone(), stage.clone());
        let Some(trail) = self.trails.get(&key) else {
            return;
        };
        let mine = trail.before(done);
        if trail.entries >= mine || self.latest.is_none() {
            return;
        }
        // Of what no secret is known, nobody can say which entries belong to it.
        let Some(rotation) = incident
            .rotation(id)
            .filter(|r| r.secret.is_some() && r.audit_expected)
        else {
            return;
        };
        let entries = self.entries(rotation, stage);
        let missing = self.trails.get(&key).is_none_or(|trail| trail.missing);
        if entries >= mine || missing {
            return;
        }
        let writes = std::iter::once(&rotation.id)
            .chain(&rotation.aliases)
            .find_map(|id| self.writes.get(id));
        let Some(source) = writes.or(self.latest.as_ref()) else {
            return;
        };
        let Some(audit) = self.sources.get(source) else {
            return;
        };
        let patience = audit.patience();
        let deadline = after(done.time, patience);
        if deadline >= now {
            self.due
                .insert((deadline, done.clone(), id.clone(), stage.clone()));
            return;
        }
        if audit.was_away(done.time, now) {
            return;
        }
        let note = format!(
            "{stage} was completed and no audit entry of it came within {} s",
            patience.as_seconds()
        );
        let proof = vec![
            evidence(done, note),
            evidence(
                &EventRef::of(cause),
                format!("{source} was connected all the while"),
            ),
        ];
        let mut finding = about(Mode::F8, rotation, cause.time, 0.95, proof);
        finding.cannot_know.push(format!(
            "who did the {stage} stage, and whether its entry was never written or lost on its way"
        ));
        findings.raise(
            Subject::Rotation(rotation.id.clone()),
            settle(finding, rotation, incident),
        );
        if let Some(trail) = self.trails.get_mut(&key) {
            trail.missing = true;
        }
    }
}

impl Trail {
    /// How many completions the source of this one told of, up to this one.
    fn before(&self, done: &EventRef) -> usize {
        let all = self.done.get(&done.source);
        all.map_or(0, |all| all.iter().filter(|other| *other <= done).count())
    }

    /// Two sources that tell of one completion tell of one entry.
    fn expected(&self) -> usize {
        self.done.values().map(Vec::len).max().unwrap_or(0)
    }
}

impl Audit {
    fn learn(&mut self, lag: f64) {
        if self.lags.len() >= LAGS {
            self.lags.pop_front();
        }
        self.lags.push_back(lag.max(0.0));
    }

    /// The longer of 60 s and three times the 99th percentile of the lags so far.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a thousand lags of seconds"
    )]
    fn patience(&self) -> Span {
        let mut lags: Vec<f64> = self.lags.iter().copied().collect();
        lags.sort_by(f64::total_cmp);
        let rank = (lags.len() as f64 * 0.99).ceil() as usize;
        let p99 = lags.get(rank.saturating_sub(1)).copied().unwrap_or(0.0);
        PATIENCE.max(Span::millis((p99 * 3000.0) as i64))
    }

    fn was_away(&self, from: Timestamp, to: Timestamp) -> bool {
        self.away
            .iter()
            .any(|(gone, back)| *gone <= to && back.is_none_or(|back| back >= from))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{at, found, one, stage, started, tick, told};
    use super::*;

    fn entry(seconds: i64, rotation: &str, stage: &str) -> Event {
        let data = json!({"actor": "engine", "operation": "update", "path": "secret/db",
            "secret": "db", "version": "v2", "outcome": "allowed", "stage": stage});
        told(seconds, "/vault", rotation, "audit.entry", &data)
    }

    fn vault(seconds: i64, state: &str, lag: u32) -> Event {
        let data = json!({"backend": "/vault", "state": state, "lag_ms": lag * 1000});
        told(seconds, "/session", "", "backend.status", &data)
    }

    /// The first stage has its entry, the second not.
    fn half() -> Vec<Event> {
        vec![
            vault(-10, "connected", 1),
            started(),
            stage(1, "trigger", "completed", None),
            entry(2, "r1", "trigger"),
            stage(10, "store", "completed", None),
        ]
    }

    fn with(events: &[Event]) -> Vec<Event> {
        [half(), events.to_vec()].concat()
    }

    #[test]
    fn an_entry_is_missing_when_any_event_is_later_than_it_may_be() {
        assert!(found(Mode::F8, &with(&[tick(70)])).is_empty());
        let finding = one(Mode::F8, &with(&[tick(70), tick(71), tick(99)]));
        assert_eq!(finding.detected_at, at(71));
    }

    #[test]
    fn a_slow_source_is_given_three_times_its_lag() {
        let events = with(&[vault(20, "connected", 30), tick(100)]);
        assert!(found(Mode::F8, &events).is_empty());
        assert_eq!(
            one(Mode::F8, &[&events[..], &[tick(101)]].concat()).detected_at,
            at(101)
        );
    }

    #[test]
    fn a_late_entry_takes_it_back_and_one_written_again_heals_it() {
        let late = with(&[tick(71), entry(80, "r1", "store")]);
        assert!(found(Mode::F8, &late).is_empty());
        let data = json!({"action": "replay-outbox", "phase": "executed", "actor": "mira",
            "target": "r1", "risk": "reversible", "idempotency_key": "k"});
        let act = told(75, "/session", "r1", "action", &data);
        let healed = one(Mode::F8, &with(&[tick(71), act, entry(80, "r1", "store")]));
        assert_eq!(healed.resolved_at, Some(at(80)));
    }

    #[test]
    fn an_entry_under_an_id_that_is_not_known_yet_is_found_by_secret_and_version() {
        for seconds in [12, -1] {
            let events = with(&[entry(seconds, "st-9", "store"), tick(99)]);
            assert!(found(Mode::F8, &events).is_empty());
        }
    }

    #[test]
    fn a_blind_spell_what_is_never_audited_and_no_audit_source_are_none() {
        let blind = with(&[
            vault(5, "disconnected", 1),
            vault(40, "connected", 1),
            tick(99),
        ]);
        assert!(found(Mode::F8, &blind).is_empty());
        let data = json!({"stage": "store", "status": "completed", "audit_expected": false});
        let mut never = half();
        never.pop();
        never.push(told(10, "/engine", "r1", "rotation.stage", &data));
        never.push(tick(99));
        assert!(found(Mode::F8, &never).is_empty());
        let nobody = [started(), stage(10, "store", "completed", None), tick(99)];
        assert!(found(Mode::F8, &nobody).is_empty());
    }
}
