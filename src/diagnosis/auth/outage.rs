//! An outage that begins with a revocation: F4 of a service whose authentications nobody counts.
//!
//! 1. The service goes down within a minute of the revocation of a version that at least a fifth
//!    of its consumers still need.
//! 2. Its authentications have no baseline. Where they have one, they decide: an outage during
//!    which nobody is refused is another's fault.
//! 3. It heals when the service is up again, or the version is brought back. A service that comes
//!    up again within a minute though its consumers still lack the new version was restarted, and
//!    the finding is taken back.

use std::collections::BTreeSet;

use super::AuthFailures;
use super::spike::{Open, Spike};
use super::verdict::{Around, finding, subject};
use crate::diagnosis::Findings;
use crate::diagnosis::finding::{Evidence, Mode};
use crate::diagnosis::suspects::{CLOSE, Change};
use crate::incident::{EventRef, Incident};
use crate::model::event::ServiceHealth;
use crate::model::{Event, ServiceName};

impl AuthFailures {
    /// Takes in a word about the health of a service.
    pub(super) fn health(
        &mut self,
        event: &Event,
        told: &ServiceHealth,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let service = self.service(&told.service);
        if told.up {
            service.down.retain(|(region, _)| *region != told.region);
            if service.down.is_empty() {
                self.down.remove(&told.service);
                self.is_up(&told.service, event, incident, findings);
            }
            return;
        }
        if !service.down.iter().any(|(of, _)| *of == told.region) {
            let since = EventRef::of(event);
            service.down.push((told.region.clone(), since));
        }
        self.down.insert(told.service.clone());
        self.judge(&told.service, event, incident, findings);
        self.outage(&told.service, event, incident, findings);
    }

    /// Something was revoked: who has just gone down may have done so for it.
    pub(super) fn revoked(&mut self, event: &Event, incident: &Incident, findings: &mut Findings) {
        for name in self.down.clone() {
            self.outage(&name, event, incident, findings);
        }
    }

    fn outage(
        &mut self,
        name: &ServiceName,
        event: &Event,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let Some(service) = self.services.get(name) else {
            return;
        };
        let Some(spike) = down(name, service) else {
            return;
        };
        if service.open.is_some() {
            self.spread(name, spike, event, incident, findings);
            return;
        }
        if service.has_baseline() {
            return;
        }
        let at = (spike.start, spike.start);
        let suspect = self.suspects.guilty(name, None, at, &[], incident);
        let suspect = suspect.filter(|suspect| {
            suspect.moved.change == Change::Revoke
                && suspect.is_strong()
                && spike.start.since(suspect.moved.event.time) <= CLOSE
        });
        if let Some(suspect) = suspect {
            self.open(name, spike, Some(suspect), true);
            if let Some(open) = self.services.get_mut(name).and_then(|s| s.open.as_mut()) {
                open.outage = true;
            }
            self.reconsider(name, event, incident, findings);
        }
    }

    /// Another region went down too.
    fn spread(
        &mut self,
        name: &ServiceName,
        wider: Spike,
        event: &Event,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let service = self.services.get_mut(name);
        let open = service.and_then(|service| service.open.as_mut());
        let Some(open) = open.filter(|open| open.outage) else {
            return;
        };
        open.spike.regions.extend(wider.regions);
        if let Some(mode) = open.mode {
            let finding = finding(
                mode,
                open,
                event,
                Around {
                    suspects: &self.suspects,
                    caches: &self.caches,
                    incident,
                },
            );
            findings.raise(subject(open), finding);
        }
    }

    fn is_up(
        &mut self,
        name: &ServiceName,
        event: &Event,
        incident: &Incident,
        findings: &mut Findings,
    ) {
        let Some(service) = self.services.get_mut(name) else {
            return;
        };
        let Some(open) = service.open.take_if(|open| open.outage) else {
            return;
        };
        if self.others_suffer(name, &open) {
            return;
        }
        let short = event.time.since(open.spike.start) < CLOSE;
        let cured = open.suspect.as_ref().is_some_and(|s| s.is_cured(incident));
        for mode in [Mode::F4, Mode::F7] {
            if short && !cured {
                findings.take_back(mode, &subject(&open));
            } else {
                findings.resolve(mode, &subject(&open), event.time);
            }
        }
    }

    /// Takes a service from those who suffer from a rotation; true where others remain.
    pub(super) fn others_suffer(&mut self, name: &ServiceName, open: &Open) -> bool {
        let Some(suspect) = &open.suspect else {
            return false;
        };
        let others = self.suffering.get_mut(&suspect.id).is_some_and(|all| {
            all.remove(name);
            !all.is_empty()
        });
        if !others {
            self.suffering.remove(&suspect.id);
        }
        others
    }
}

/// The outage of a service in the shape of a spike.
fn down(name: &ServiceName, service: &super::Service) -> Option<Spike> {
    let first = service.down.iter().map(|(_, event)| event).min()?;
    let regions: BTreeSet<_> = service
        .down
        .iter()
        .filter_map(|(region, _)| region.clone())
        .collect();
    let windows = service.down.iter().map(|(region, event)| Evidence {
        event: event.clone(),
        note: match region {
            Some(region) => format!("{name} went down in {region}"),
            None => format!("{name} went down"),
        },
    });
    Some(Spike {
        service: name.clone(),
        secret: None,
        regions,
        start: first.time,
        end: first.time,
        windows: windows.collect(),
        signal: None,
    })
}
