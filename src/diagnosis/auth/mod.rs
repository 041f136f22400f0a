//! Spikes of refused authentications, and whose fault each is: what F1, F4, F7 and `unattributed`
//! read. A spike belongs to a service; its regions and secrets are watched each for itself and all
//! together, and every source for itself, since two sources' samples are alternatives.

mod feed;
mod outage;
mod spike;
mod verdict;

use std::collections::BTreeSet;

use self::feed::Key;
use self::spike::{Open, Service, Spike};
use self::verdict::{Around, finding, subject};
use super::beside::list;
use super::caches::Caches;
use super::finding::{Mode, Subject};
use super::findings::Findings;
use super::map::Map;
use super::suspects::{Change, Suspect, Suspects};
use super::{Rule, f1, f4, f7, unattributed};
use crate::incident::Incident;
use crate::measure::Verdict;
use crate::model::event::{AuthSample, SignalSample, Stage, StageStatus};
use crate::model::{Data, Event, Region, RotationId, ServiceName, Span, Timestamp};
/// So many windows in a row may be a deploy, a restart or a failover.
const BLIP: usize = 2;

/// The rule of the four modes that begin with refused authentications.
#[derive(Debug, Default)]
pub struct AuthFailures {
    services: Map<ServiceName, Service>,
    suspects: Suspects,
    caches: Caches,
    /// The services whose open spikes a rotation answers for.
    suffering: Map<RotationId, BTreeSet<ServiceName>>,
    /// The services that are down somewhere.
    down: BTreeSet<ServiceName>,
}

impl Rule for AuthFailures {
    fn observe(&mut self, event: &Event, incident: &Incident, findings: &mut Findings) {
        match &event.data {
            Data::AuthSample(sample) => self.auth(event, sample, incident, findings),
            Data::SignalSample(sample) => self.signal(event, sample, incident, findings),
            Data::CacheSample(sample) => {
                self.caches.observe(event, sample);
                if !self.suffering.is_empty() {
                    self.reconsider(&sample.service, event, incident, findings);
                }
            }
            Data::ServiceHealth(told) => self.health(event, told, incident, findings),
            Data::RotationStage(stage)
                if stage.stage == Stage::Revoke && stage.status == StageStatus::Skipped =>
            {
                self.brought_back(event, incident, findings);
            }
            Data::RotationStage(stage) => {
                self.suspects.observe(event);
                if stage.stage == Stage::Revoke {
                    self.revoked(event, incident, findings);
                }
            }
            _ => self.suspects.observe(event),
        }
    }

    fn unknowns(&self, _incident: &Incident) -> Vec<String> {
        let parts = self.services.iter().flat_map(|(name, service)| {
            let feeds = service.feeds.iter().flat_map(|(_, feed)| &feed.parts);
            feeds.map(move |part| (name, part))
        });
        let mut young: Vec<_> = parts
            .filter(|(_, part)| part.signal.is_none() && part.series.expected().is_none())
            .map(|(name, part)| (part.since, name, part.region.as_ref()))
            .collect();
        young.sort();
        young.dedup();
        let Some((since, ..)) = young.first() else {
            return Vec::new();
        };
        let names = young.iter().map(|(_, name, region)| match region {
            Some(region) => format!("{name} in {region}"),
            None => name.to_string(),
        });
        vec![format!(
            "whether more is refused than usual at {}: no baseline yet, samples since {since}",
            list(names)
        )]
    }
}

impl AuthFailures {
    fn service(&mut self, name: &ServiceName) -> &mut Service {
        if !self.services.contains_key(name) {
            self.services.insert(name.clone(), Service::default());
        }
        self.services.entry(name.clone()).or_default()
    }

    fn auth(
        &mut self,
        event: &Event,
        sample: &AuthSample,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let bad = sample
            .failed_401
            .unwrap_or(0)
            .saturating_add(sample.failed_403.unwrap_or(0))
            .min(sample.total);
        let counts = (bad, sample.total);
        let key = Key(None, sample.region.as_ref(), sample.secret.as_ref());
        let window = window(event, sample.window_seconds.0);
        self.count(
            &sample.service,
            event,
            key,
            window,
            counts,
            incident,
            findings,
        );
    }

    fn signal(
        &mut self,
        event: &Event,
        sample: &SignalSample,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let counts = (sample.bad.min(sample.total), sample.total);
        let key = Key(
            Some(&sample.signal),
            sample.region.as_ref(),
            sample.secret.as_ref(),
        );
        let window = window(event, sample.window_seconds.0);
        self.count(
            &sample.service,
            event,
            key,
            window,
            counts,
            incident,
            findings,
        );
    }

    #[expect(clippy::too_many_arguments, reason = "one sample, taken apart")]
    fn count(
        &mut self,
        name: &ServiceName,
        event: &Event,
        key: Key<'_>,
        window: (Timestamp, Timestamp),
        counts: (u64, u64),
        incident: &Incident,
        findings: &mut Findings,
    ) {
        if !self.services.contains_key(name) {
            self.services.insert(name.clone(), Service::default());
        }
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        let verdict = service.feed(&event.source).take(event, key, window, counts);
        match verdict {
            Verdict::Usual => {}
            Verdict::Running => {
                self.judge(name, event, incident, findings);
                self.cure(name, event, incident, findings);
            }
            Verdict::Over => self.settle(name, event, findings),
        }
    }

    /// Looks whether a run of a service has become a spike, and what it is.
    fn judge(
        &mut self,
        name: &ServiceName,
        event: &Event,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let Some(service) = self.services.get(name) else {
            return;
        };
        let Some(spike) = service.certain(name, BLIP - 1) else {
            self.judge_signal(name, event, incident, findings);
            return;
        };
        if let Some(open) = &service.open {
            if open.firm && spike.regions.is_subset(&open.spike.regions) {
                return;
            }
            let firm = service.certain(name, BLIP).is_some();
            // Another region joined in.
            if firm {
                self.widen(name, &spike, event, incident, findings);
            }
            return;
        }
        let regions: Vec<Region> = spike.regions.iter().cloned().collect();
        let span = (spike.start, spike.end);
        let suspect = self
            .suspects
            .guilty(name, spike.secret.as_ref(), span, &regions, incident);
        let strong = suspect.as_ref().is_some_and(Suspect::is_strong);
        let down = service
            .down
            .iter()
            .any(|(_, event)| event.time.since(spike.start) > Span::seconds(-30));
        let lasting = service.certain(name, BLIP);
        let firm = lasting.is_some();
        let spike = match lasting {
            Some(lasting) => lasting,
            None if suspect.is_some() && (strong || down) => spike,
            None => return,
        };
        self.open(name, spike, suspect, firm);
        self.reconsider(name, event, incident, findings);
    }

    /// A signal that names the secret (refused decryptions of a key) and goes bad in the window of
    /// its revocation needs no more windows: no deploy looks like that. Any other signal shows
    /// nothing about secrets.
    fn judge_signal(
        &mut self,
        name: &ServiceName,
        event: &Event,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let Some(service) = self.services.get(name).filter(|s| s.open.is_none()) else {
            return;
        };
        let Some(spike) = service.certain_signal(name) else {
            return;
        };
        let (Some(secret), span) = (&spike.secret, (spike.start, spike.end)) else {
            return;
        };
        let suspect = self
            .suspects
            .guilty(name, Some(secret), span, &[], incident)
            .filter(|suspect| suspect.moved.change == Change::Revoke);
        if let Some(suspect) = suspect {
            self.open(name, spike, Some(suspect), true);
            self.reconsider(name, event, incident, findings);
        }
    }

    fn open(&mut self, name: &ServiceName, spike: Spike, suspect: Option<Suspect>, firm: bool) {
        if let Some(suspect) = &suspect {
            let suffering = self.suffering.entry(suspect.id.clone()).or_default();
            suffering.insert(name.clone());
        }
        if let Some(service) = self.services.get_mut(name) {
            service.mark(usize::from(spike.signal.is_none()));
            service.open = Some(Open {
                spike,
                suspect,
                mode: None,
                firm,
                outage: false,
            });
        }
    }

    /// A version that was revoked is brought back: what its revocation broke is healed.
    fn brought_back(&mut self, event: &Event, incident: &Incident, findings: &mut Findings) {
        let Some(rotation) = event.rotation.as_ref().and_then(|id| incident.rotation(id)) else {
            return;
        };
        for name in self.suffering.remove(&rotation.id).unwrap_or_default() {
            if let Some(service) = self.services.get_mut(&name) {
                service.open = None;
                service.forget();
            }
        }
        let subject = Subject::Rotation(rotation.id.clone());
        findings.resolve(Mode::F4, &subject, event.time);
    }

    fn widen(
        &mut self,
        name: &ServiceName,
        wider: &Spike,
        event: &Event,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        service.mark(1);
        let Some(open) = &mut service.open else {
            return;
        };
        open.firm = true;
        open.spike.regions.extend(wider.regions.iter().cloned());
        if let Some(mode) = open.mode {
            let around = Around {
                suspects: &self.suspects,
                caches: &self.caches,
                incident,
            };
            let finding = finding(mode, open, event, around);
            findings.raise(subject(open), finding);
        }
    }

    /// Says, or says anew, what the open spike of a service is.
    fn reconsider(
        &mut self,
        name: &ServiceName,
        event: &Event,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        let Some(open) = &mut service.open else {
            return;
        };
        if open.mode == Some(Mode::F7) {
            return;
        }
        let was = open.mode;
        let (mode, mut evidence) = match &open.suspect {
            None => (Mode::Unattributed, unattributed::evidence()),
            Some(suspect) => {
                let canon = incident.rotation(&suspect.id);
                let cutover = canon.and_then(|r| self.suspects.first(r, Change::Cutover));
                let cutover = cutover.unwrap_or(&suspect.moved);
                let secret = suspect.secret.as_ref();
                let stale = self.caches.stale(name, secret, cutover.event.time);
                if !stale.is_empty() && suspect.is_delivered() {
                    (Mode::F7, f7::evidence(cutover, &stale))
                } else if suspect.moved.change == Change::Revoke {
                    (Mode::F4, f4::evidence(suspect))
                } else {
                    (Mode::F1, f1::evidence(suspect))
                }
            }
        };
        if was == Some(mode) {
            return;
        }
        evidence.extend(open.spike.windows.iter().cloned());
        evidence.retain(|e| e.event.time <= event.time);
        open.mode = Some(mode);
        let around = Around {
            suspects: &self.suspects,
            caches: &self.caches,
            incident,
        };
        let mut found = finding(mode, open, event, around);
        found.evidence = evidence;
        let subject = subject(open);
        if let Some(was) = was {
            findings.take_back(was, &subject);
        }
        findings.raise(subject, found);
    }

    /// Where those who lacked the new version have it, one usual window is healing enough.
    fn cure(
        &mut self,
        name: &ServiceName,
        event: &Event,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        let suspect = service
            .open
            .as_ref()
            .filter(|o| o.firm && !o.outage)
            .and_then(|o| o.suspect.as_ref());
        if !suspect.is_some_and(|s| service.is_quiet() && s.is_cured(incident)) {
            return;
        }
        service.forget();
        self.settle(name, event, findings);
    }

    /// Ends the spike of a service once nothing of it is left.
    fn settle(&mut self, name: &ServiceName, event: &Event, findings: &mut Findings) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        if service.is_spiking() {
            return;
        }
        let Some(open) = service.open.take_if(|open| !open.outage) else {
            return;
        };
        if self.others_suffer(name, &open) {
            return;
        }
        let Some(mode) = open.mode else { return };
        let subject = subject(&open);
        for mode in [mode, Mode::F1, Mode::F4, Mode::F7] {
            if open.firm {
                findings.resolve(mode, &subject, event.time);
            } else {
                findings.take_back(mode, &subject);
            }
        }
    }
}

/// The bounds of a sample's window.
fn window(event: &Event, seconds: u64) -> (Timestamp, Timestamp) {
    let length = Span::seconds(i64::try_from(seconds).unwrap_or(0));
    (event.time - length, event.time)
}

#[cfg(test)]
mod tests;
