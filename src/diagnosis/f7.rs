//! F7, stale cache: somebody goes on with what the rotation ended, though the new version is
//! delivered.
//!
//! Two ways to see it. Authentication fails while caches keep answering with entries older than
//! the cutover (found with the other spikes, in `auth`; [`evidence`] is what shows it). Or a
//! revoked version is still being presented: logins that name it come again and again after its
//! revocation, from whoever has the new one. Where the one who presents it lacks the new version,
//! it was revoked too early (F4), and nothing is said here.

use std::collections::BTreeSet;

use super::beside;
use super::book::{about, after, evidence as piece, id_of, settle};
use super::caches::Stale;
use super::finding::{Evidence, Mode, RuledOut, Subject};
use super::map::Map;
use super::suspects::{Moved, is_on};
use super::{Findings, Rule};
use crate::incident::{Consumer, EventRef, Incident, Rotation, TIE};
use crate::model::event::{
    AuditEntry, AuditOutcome, ConsumerState, Operation, RotationStage, Stage, StageStatus,
};
use crate::model::{Actor, Data, Event, RotationId, SecretPath, Span, Timestamp};
/// So many presentations by one, each later than the last by more than clocks may differ: a
/// request that was under way and its retry are two.
const AGAIN: usize = 3;

/// One is done with a version who has not presented it for so many times his longest pause, or
/// for [`SILENCE`] where that is longer.
const PAUSES: i64 = 3;
const SILENCE: Span = Span::seconds(300);

/// The most events kept as evidence of one presenter.
const PROOF: usize = 12;

/// What shows that it is the caches.
pub(super) fn evidence(cutover: &Moved, stale: &[Stale]) -> Vec<Evidence> {
    let mut evidence = vec![Evidence {
        event: cutover.event.clone(),
        note: "the cutover that the caches outlived".to_owned(),
    }];
    evidence.extend(stale.iter().map(|stale| {
        let place = stale
            .region
            .as_ref()
            .map_or(String::new(), |region| format!(" in {region}"));
        Evidence {
            event: stale.event.clone(),
            note: format!(
                "the oldest cache entry{place} is {:.0} s old, older than the cutover",
                stale.oldest
            ),
        }
    }));
    evidence
}

/// A version that was revoked, and who presents it all the same.
#[derive(Debug)]
struct Revoked {
    rotation: RotationId,
    event: EventRef,
    by: Map<Actor, Presenter>,
    /// How often it was presented in all.
    times: usize,
    found: bool,
}

/// One who presents a revoked version.
#[derive(Debug, Default)]
struct Presenter {
    shown: Vec<EventRef>,
    longest_pause: Span,
    last: Timestamp,
    times: usize,
}

/// A secret, and the rotation that revoked a version of it.
type Name = (SecretPath, RotationId);

/// The most revocations of one secret that are remembered.
const KEPT: usize = 16;

/// The rule of the second way.
#[derive(Debug, Default)]
pub(super) struct Presented {
    revoked: Map<SecretPath, Vec<Revoked>>,
    /// How often the revoked versions of a secret were presented at most, before: a few stale
    /// logins after each rotation are what is usual there.
    usual: Map<SecretPath, usize>,
    /// When to look whether a presenter fell silent.
    due: BTreeSet<(Timestamp, Name)>,
}

impl Rule for Presented {
    fn observe(&mut self, event: &Event, incident: &Incident, findings: &mut Findings) {
        match &event.data {
            Data::RotationStage(data) if data.stage == Stage::Revoke => {
                self.revoke(event, data, incident, findings);
            }
            Data::AuditEntry(data) if data.operation == Operation::Login => {
                self.login(event, data, incident, findings);
            }
            _ => {}
        }
    }

    fn pass(
        &mut self,
        now: Timestamp,
        cause: &Event,
        _incident: &Incident,
        findings: &mut Findings,
    ) {
        while self.due.first().is_some_and(|(at, _)| *at < now) {
            let Some((_, name)) = self.due.pop_first() else {
                return;
            };
            let of = self.revoked.get_mut(&name.0).into_iter().flatten();
            let mut standing = of.filter(|revoked| revoked.found && revoked.rotation == name.1);
            let Some(revoked) = standing.next() else {
                continue;
            };
            revoked.by.retain(|_, by| by.silent_at() >= now);
            match revoked.by.values().map(Presenter::silent_at).max() {
                Some(next) => {
                    self.due.insert((next, name));
                }
                None => revoked.heal(cause.time, findings),
            }
        }
    }
}

impl Presented {
    fn revoke(
        &mut self,
        event: &Event,
        data: &RotationStage,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let Some(id) = id_of(event).and_then(|id| incident.canonical(&id).cloned()) else {
            return;
        };
        let Some(secret) = incident.secret_of(&id) else {
            return;
        };
        let of = self.revoked.entry(secret.clone()).or_default();
        let known = of.iter().position(|revoked| revoked.rotation == id);
        match (&data.status, known) {
            // Two sources, or two regions, may tell of one revocation: the first counts.
            (StageStatus::Completed, None) => {
                let usual = of.iter().map(|revoked| revoked.times).max();
                if let Some(usual) = usual.filter(|usual| *usual > 0) {
                    let held = self.usual.entry(secret.clone()).or_default();
                    *held = (*held).max(usual);
                }
                if of.len() >= KEPT {
                    of.remove(0);
                }
                of.push(Revoked {
                    rotation: id,
                    event: EventRef::of(event),
                    by: Map::default(),
                    times: 0,
                    found: false,
                });
            }
            // Brought back: whoever presents it is right.
            (StageStatus::Skipped, Some(known)) => {
                of.remove(known).heal(event.time, findings);
            }
            _ => {}
        }
    }

    fn login(
        &mut self,
        event: &Event,
        data: &AuditEntry,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let (Some(secret), Some(version)) = (&data.secret, &data.version) else {
            return;
        };
        let ended = |revoked: &&mut Revoked| {
            let rotation = incident.rotation(&revoked.rotation);
            rotation.is_some_and(|rotation| rotation.from_version.as_ref() == Some(version))
        };
        let of = self.revoked.get_mut(secret).into_iter().flatten();
        let Some(revoked) = of.rev().find(ended) else {
            if data.outcome == AuditOutcome::Allowed {
                self.moved_on(secret, &data.actor, event.time, findings);
            }
            return;
        };
        if event.time.since(revoked.event.time) <= TIE {
            return;
        }
        let Some(rotation) = incident.rotation(&revoked.rotation) else {
            return;
        };
        let Holder::HasTheNew { who } = holder(&data.actor, rotation, incident) else {
            return;
        };
        revoked.times += 1;
        let by = revoked.by.entry(data.actor.clone()).or_default();
        by.presents(event);
        let again = by.times >= AGAIN;
        let silent_at = by.silent_at();
        let usual = self.usual.get(secret).copied().unwrap_or(0);
        let subject = Subject::Rotation(rotation.id.clone());
        let too_early = findings.get(Mode::F4, &subject).is_some();
        if revoked.found || !again || revoked.times <= 2 * usual || too_early {
            return;
        }
        revoked.found = true;
        self.due
            .insert((silent_at, (secret.clone(), rotation.id.clone())));
        let finding = revoked.finding(event, data, who, rotation, incident);
        findings.raise(subject, settle(finding, rotation, incident));
    }

    /// One who presented a revoked version of this secret presents another, and is let in.
    fn moved_on(
        &mut self,
        secret: &SecretPath,
        actor: &Actor,
        at: Timestamp,
        findings: &mut Findings,
    ) {
        for revoked in self.revoked.get_mut(secret).into_iter().flatten() {
            if revoked.by.remove(actor).is_some() && revoked.by.is_empty() {
                revoked.heal(at, findings);
            }
        }
    }
}

impl Revoked {
    fn heal(&mut self, at: Timestamp, findings: &mut Findings) {
        if self.found {
            self.found = false;
            findings.resolve(Mode::F7, &Subject::Rotation(self.rotation.clone()), at);
        }
    }

    fn finding(
        &self,
        event: &Event,
        data: &AuditEntry,
        who: Option<&Consumer>,
        rotation: &Rotation,
        incident: &Incident,
    ) -> super::Finding {
        let note = "the old version was revoked".to_owned();
        let mut proof = vec![piece(&self.event, note)];
        let shown = self.by.get(&data.actor).map_or(&[][..], |by| &by.shown);
        proof.extend(shown.iter().map(|event| {
            let note = format!("{} presents it all the same", data.actor);
            piece(event, note)
        }));
        let sure = if who.is_some() { 0.9 } else { 0.7 };
        let mut finding = about(Mode::F7, rotation, event.time, sure, proof);
        if let Some(consumer) = who {
            finding.services = consumer.service.iter().cloned().collect();
            finding.regions.extend(consumer.region.clone());
            finding.ruled_out.push(RuledOut {
                mode: Mode::F4,
                why: format!("{} has the new version", consumer.name),
            });
        } else {
            finding.cannot_know.push(format!(
                "which consumer {} is: none is known by that name",
                data.actor
            ));
        }
        let format = beside::no_format_errors(rotation, incident);
        finding.ruled_out.extend(format);
        finding
    }
}

impl Presenter {
    /// Counts a presentation, if it is no part of the last.
    fn presents(&mut self, event: &Event) {
        let pause = event.time.since(self.last);
        if self.times > 0 {
            if pause <= TIE {
                return;
            }
            self.longest_pause = self.longest_pause.max(pause);
        }
        self.times += 1;
        self.last = event.time;
        if self.shown.len() < PROOF {
            self.shown.push(EventRef::of(event));
        }
    }

    fn silent_at(&self) -> Timestamp {
        let pauses = Span::micros(self.longest_pause.as_micros().saturating_mul(PAUSES));
        after(self.last, SILENCE.max(pauses))
    }
}

/// Whether one who presents an old version could present the new one.
enum Holder<'i> {
    /// He has it; `who` he is, where that is known.
    HasTheNew { who: Option<&'i Consumer> },
    /// He has not, or nobody can tell.
    Lacks,
}

fn holder<'i>(actor: &Actor, rotation: &Rotation, incident: &'i Incident) -> Holder<'i> {
    let (Some(secret), Some(to)) = (&rotation.secret, &rotation.to_version) else {
        return Holder::Lacks;
    };
    let has = |consumer: &Consumer| {
        let delivered = consumer.state == ConsumerState::Delivered;
        is_on(consumer, to) || delivered && consumer.version.as_ref() == Some(to)
    };
    let is_he = |consumer: &&Consumer| {
        consumer.identities.contains(actor) || consumer.name.raw() == actor.raw()
    };
    match incident.consumers(secret).find(is_he) {
        Some(consumer) if has(consumer) => Holder::HasTheNew {
            who: Some(consumer),
        },
        // Nobody known: whoever it is, he is behind only if somebody is.
        None if incident.consumers(secret).all(has) => Holder::HasTheNew { who: None },
        _ => Holder::Lacks,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{at, consumer, found, one, stage, started, tick, told};
    use super::*;

    fn login(seconds: i64, actor: &str, version: &str, outcome: &str) -> Event {
        let data = json!({"actor": actor, "operation": "login", "path": "db", "secret": "db",
            "version": version, "outcome": outcome});
        told(seconds, "/db", "", "audit.entry", &data)
    }

    /// `v1` was revoked at 100; everybody but those named `without` is on `v2`.
    fn revoked(without: &[&str]) -> Vec<Event> {
        let mut events = vec![started(), stage(100, "revoke", "completed", None)];
        for region in ["ap", "eu", "us"] {
            for n in 0..4 {
                let name = format!("{region}-{n}");
                if !without.contains(&name.as_str()) {
                    events.push(consumer(50, &name, "in_use", None));
                }
            }
        }
        events
    }

    fn with(without: &[&str], events: &[Event]) -> Vec<Event> {
        [revoked(without), events.to_vec()].concat()
    }

    fn stale(actor: &str, moments: &[i64]) -> Vec<Event> {
        let of = |seconds: &i64| login(*seconds, actor, "v1", "denied");
        moments.iter().map(of).collect()
    }

    #[test]
    fn a_revoked_version_that_is_presented_again_and_again_is_found() {
        let finding = one(
            Mode::F7,
            &with(&[], &stale("approle:eu-1", &[110, 120, 130])),
        );
        assert_eq!((finding.detected_at, finding.evidence.len()), (at(130), 4));
        assert_eq!(finding.regions, [crate::model::Region::from("eu")].into());
        assert!(finding.ruled_out.iter().any(|r| r.mode == Mode::F4));
    }

    #[test]
    fn who_is_nobody_known_is_found_less_surely_and_that_is_said() {
        let finding = one(Mode::F7, &with(&[], &stale("app", &[110, 120, 130])));
        assert!(finding.confidence < 0.8);
        assert!(finding.cannot_know.iter().any(|s| s.contains("app")));
    }

    #[test]
    fn a_request_under_way_its_retries_and_another_version_are_none() {
        for events in [
            stale("approle:eu-1", &[101, 103]),
            stale("approle:eu-1", &[110, 112, 114, 116]),
            stale("approle:eu-1", &[70, 80, 90]),
            (11..20)
                .map(|n| login(n * 10, "approle:eu-1", "v2", "denied"))
                .collect(),
        ] {
            assert!(found(Mode::F7, &with(&[], &events)).is_empty());
        }
    }

    #[test]
    fn who_lacks_the_new_version_was_revoked_too_early_and_has_no_stale_cache() {
        let own = stale("approle:eu-1", &[110, 120, 130]);
        assert!(found(Mode::F7, &with(&["eu-1"], &own)).is_empty());
        let unknown = stale("app", &[110, 120, 130]);
        assert!(found(Mode::F7, &with(&["eu-1"], &unknown)).is_empty());
    }

    #[test]
    fn a_few_stale_logins_after_each_rotation_are_what_is_usual() {
        let mut events = with(&[], &stale("app", &[110, 120]));
        let data = json!({"secret": "db", "from_version": "v2", "to_version": "v3"});
        events.push(told(1000, "/engine", "r2", "rotation.started", &data));
        let data = json!({"stage": "revoke", "status": "completed"});
        events.push(told(1100, "/engine", "r2", "rotation.stage", &data));
        for name in ["ap", "eu", "us"] {
            for n in 0..4 {
                let data = json!({"consumer": format!("{name}-{n}"), "service": "checkout",
                    "secret": "db", "version": "v3", "state": "in_use"});
                events.push(told(1050, "/fleet", "", "consumer.version", &data));
            }
        }
        for n in 1..5 {
            events.push(login(1100 + 10 * n, "app", "v2", "denied"));
        }
        assert!(found(Mode::F7, &events).is_empty());
        events.push(login(1150, "app", "v2", "denied"));
        assert_eq!(one(Mode::F7, &events).detected_at, at(1150));
    }

    #[test]
    fn it_heals_with_another_version_with_silence_or_when_the_version_is_brought_back() {
        let events = with(&[], &stale("approle:eu-1", &[110, 120, 130]));
        let healed = |event: Event| one(Mode::F7, &[&events[..], &[event]].concat()).resolved_at;
        let other = login(140, "approle:eu-1", "v2", "allowed");
        assert_eq!(healed(other), Some(at(140)));
        assert_eq!(healed(tick(300)), None);
        assert_eq!(healed(tick(431)), Some(at(431)));
        let back = stage(150, "revoke", "skipped", None);
        assert_eq!(healed(back), Some(at(150)));
    }
}
