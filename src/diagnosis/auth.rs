//! Spikes of refused authentications, and whose fault each is: what F1, F4, F7 and `unattributed`
//! read. A spike belongs to a service; its regions and secrets are watched each for itself and all
//! together, and every source for itself, since two sources' samples are alternatives.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, Hash};

use super::caches::Caches;
use super::finding::{Evidence, Finding, Mode, Subject};
use super::findings::Findings;
use super::suspects::{Change, Suspect, Suspects};
use super::{Rule, f1, f4, f7, unattributed};
use crate::incident::{EventRef, Incident};
use crate::measure::{Run, Series, Verdict};
use crate::model::event::{AuthSample, Severity, SignalSample, Stage, StageStatus};
use crate::model::{
    Data, Event, Region, RotationId, SecretPath, ServiceName, Source, Span, Text, Timestamp,
};

/// So many windows in a row may be a deploy, a restart or a failover.
const BLIP: usize = 2;

/// A region's run that began within this of another's is the same spike.
const TOGETHER: Span = Span::seconds(180);

/// A window, and who told it.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) event: EventRef,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

/// One series of a source: a region and a secret of a service, or a signal of it.
#[derive(Debug)]
struct Part {
    signal: Option<Text>,
    region: Option<Region>,
    secret: Option<SecretPath>,
    series: Series<Told>,
    end: Option<Timestamp>,
    round: u32,
}

/// What all parts of a source say of one window.
#[derive(Debug, Default)]
struct Round {
    number: u32,
    bad: u64,
    total: u64,
    parts: usize,
    worst: u64,
    told: Option<Told>,
}

/// What one source says of one service.
#[derive(Debug, Default)]
struct Feed {
    parts: Vec<Part>,
    find: HashMap<u64, Vec<usize>>,
    whole: Series<Told>,
    round: Round,
    /// So many parts are awaited in a round.
    usual_parts: usize,
    /// The end of the round before.
    closed: Option<Timestamp>,
}

/// A spike that was called one.
#[derive(Clone, Debug)]
pub(super) struct Spike {
    pub(super) service: ServiceName,
    /// The secret that the samples name.
    pub(super) secret: Option<SecretPath>,
    pub(super) regions: BTreeSet<Region>,
    /// The first unusual window.
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    /// Windows that show it, the largest runs first, none later than now.
    pub(super) windows: Vec<Evidence>,
    /// The signal that is bad, where it is not authentication.
    pub(super) signal: Option<Text>,
}

/// A spike that is on, and what it was found to be.
#[derive(Clone, Debug)]
struct Open {
    spike: Spike,
    suspect: Option<Suspect>,
    mode: Option<Mode>,
    /// True once it lasted longer than a blip does. One that ends before is taken back.
    firm: bool,
}

#[derive(Debug, Default)]
struct Service {
    feeds: Vec<(Source, Feed)>,
    /// Where it is down, since when.
    down: Vec<(Option<Region>, EventRef)>,
    open: Option<Open>,
}

/// The rule of the four modes that begin with refused authentications.
#[derive(Debug, Default)]
pub struct AuthFailures {
    services: HashMap<ServiceName, Service>,
    suspects: Suspects,
    caches: Caches,
    /// The services whose open spikes a rotation answers for.
    suffering: HashMap<RotationId, BTreeSet<ServiceName>>,
}

impl Rule for AuthFailures {
    fn observe(&mut self, event: &Event, incident: &Incident, findings: &mut Findings) {
        match &event.data {
            Data::AuthSample(sample) => self.auth(event, sample, incident, findings),
            Data::SignalSample(sample) => self.signal(event, sample, incident, findings),
            Data::CacheSample(sample) => {
                self.caches.observe(event, sample);
                self.reconsider(&sample.service, event, incident, findings);
            }
            Data::ServiceHealth(told) => {
                let service = self.service(&told.service);
                service.down.retain(|(region, _)| *region != told.region);
                if !told.up {
                    service
                        .down
                        .push((told.region.clone(), EventRef::of(event)));
                    self.judge(&told.service, event, incident, findings);
                }
            }
            Data::RotationStage(stage)
                if stage.stage == Stage::Revoke && stage.status == StageStatus::Skipped =>
            {
                self.brought_back(event, incident, findings);
            }
            _ => self.suspects.observe(event),
        }
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
                self.widen(name, &spike, event, findings);
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

    fn widen(&mut self, name: &ServiceName, wider: &Spike, event: &Event, findings: &mut Findings) {
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
            let finding = finding(mode, open, event);
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
                    (Mode::F7, f7::evidence(suspect, cutover, &stale))
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
        let mut found = finding(mode, open, event);
        found.evidence = evidence;
        found.suppressed = is_planned(&found, event.time, incident);
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
            .filter(|o| o.firm)
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
        let Some(open) = service.open.take() else {
            return;
        };
        if let Some(suspect) = &open.suspect
            && let Some(suffering) = self.suffering.get_mut(&suspect.id)
        {
            suffering.remove(name);
            if !suffering.is_empty() {
                return;
            }
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

fn subject(open: &Open) -> Subject {
    match &open.suspect {
        Some(suspect) => Subject::Rotation(suspect.id.clone()),
        None => Subject::Service(open.spike.service.clone()),
    }
}

fn finding(mode: Mode, open: &Open, event: &Event) -> Finding {
    let suspect = open.suspect.as_ref();
    let strong = suspect.is_some_and(Suspect::is_strong);
    let behind = suspect.and_then(|s| s.through_account.clone());
    let (services, regions) = behind.unwrap_or_else(|| {
        let services = BTreeSet::from([open.spike.service.clone()]);
        (services, open.spike.regions.clone())
    });
    Finding {
        mode,
        rotation: suspect.map(|s| s.id.clone()),
        secret: suspect
            .and_then(|s| s.secret.clone())
            .or_else(|| open.spike.secret.clone()),
        services,
        regions,
        detected_at: event.time,
        resolved_at: None,
        severity: Severity::Page,
        suppressed: false,
        confidence: match (mode, strong) {
            (Mode::F7, _) | (_, true) => 0.95,
            (Mode::Unattributed, _) => 0.8,
            _ => 0.85,
        },
        evidence: open.spike.windows.clone(),
        ruled_out: Vec::new(),
        cannot_know: Vec::new(),
    }
}

/// A planned window hides what it foretold, but never F4 or a page.
fn is_planned(finding: &Finding, now: Timestamp, incident: &Incident) -> bool {
    if finding.mode == Mode::F4 || finding.severity == Severity::Page {
        return false;
    }
    incident.windows().any(|window| {
        let planned = &window.planned;
        let about = planned
            .services
            .iter()
            .any(|s| finding.services.contains(s))
            || planned
                .secrets
                .iter()
                .any(|s| finding.secret.as_ref() == Some(s));
        about && planned.starts_at <= now && now <= planned.ends_at
    })
}

/// A part's name: signal, region, secret.
#[derive(Clone, Copy, Hash)]
struct Key<'a>(Option<&'a Text>, Option<&'a Region>, Option<&'a SecretPath>);

impl Service {
    fn feed(&mut self, source: &Source) -> &mut Feed {
        let at = self.feeds.iter().position(|(of, _)| of == source);
        let at = at.unwrap_or_else(|| {
            self.feeds.push((source.clone(), Feed::default()));
            self.feeds.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "found or pushed just above")]
        &mut self.feeds[at].1
    }

    /// The largest spike of authentication that is certain even without `but` windows.
    fn certain(&self, name: &ServiceName, but: usize) -> Option<Spike> {
        let feeds = self.feeds.iter().map(|(_, feed)| feed);
        feeds
            .filter_map(|feed| feed.certain(name, but, false))
            .max_by_key(|spike| spike.regions.len())
    }

    /// The largest spike of another signal.
    fn certain_signal(&self, name: &ServiceName) -> Option<Spike> {
        let feeds = self.feeds.iter().map(|(_, feed)| feed);
        feeds
            .filter_map(|feed| feed.certain(name, 0, true))
            .max_by_key(|spike| spike.regions.len())
    }

    /// Calls every run a spike that is one even without `but` windows.
    fn mark(&mut self, but: usize) {
        for (_, feed) in &mut self.feeds {
            let parts = feed.parts.iter_mut().map(|part| &mut part.series);
            for series in parts.chain([&mut feed.whole]) {
                if let Some(run) = &mut series.run
                    && run.is_certain(but)
                {
                    run.spike = true;
                }
            }
        }
    }

    fn forget(&mut self) {
        for (_, feed) in &mut self.feeds {
            let parts = feed.parts.iter_mut().map(|part| &mut part.series);
            for series in parts.chain([&mut feed.whole]) {
                series.run = None;
            }
        }
    }

    /// True where the latest window of every spike was as usual.
    fn is_quiet(&self) -> bool {
        let feeds = self.feeds.iter().map(|(_, feed)| feed);
        feeds
            .flat_map(|feed| feed.parts.iter().map(|p| &p.series).chain([&feed.whole]))
            .filter_map(|series| series.run.as_ref())
            .filter(|run| run.spike)
            .all(Run::is_quiet)
    }

    fn is_spiking(&self) -> bool {
        let feeds = self.feeds.iter().map(|(_, feed)| feed);
        feeds
            .flat_map(|feed| feed.parts.iter().map(|p| &p.series).chain([&feed.whole]))
            .any(|series| series.run.as_ref().is_some_and(|run| run.spike))
    }
}

impl Feed {
    fn part(&mut self, key: Key<'_>) -> Option<usize> {
        let hash = self.find.hasher().hash_one(key);
        let of = self.find.entry(hash).or_default();
        let parts = &mut self.parts;
        let same = |at: &&usize| {
            parts.get(**at).is_some_and(|part| {
                part.signal.as_ref() == key.0
                    && part.region.as_ref() == key.1
                    && part.secret.as_ref() == key.2
            })
        };
        if let Some(at) = of.iter().find(same) {
            return Some(*at);
        }
        of.push(parts.len());
        parts.push(Part {
            signal: key.0.cloned(),
            region: key.1.cloned(),
            secret: key.2.cloned(),
            series: Series::default(),
            end: None,
            round: 0,
        });
        parts.len().checked_sub(1)
    }

    fn take(
        &mut self,
        event: &Event,
        key: Key<'_>,
        (start, end): (Timestamp, Timestamp),
        (bad, total): (u64, u64),
    ) -> Verdict {
        let told = || Told {
            event: EventRef::of(event),
            start,
            end,
        };
        let Some(at) = self.part(key) else {
            return Verdict::Usual;
        };
        let Some(part) = self.parts.get_mut(at) else {
            return Verdict::Usual;
        };
        // The same window again, or one that overlaps the last by more than half, is no news.
        let length = end.since(start).as_micros();
        if let Some(last) = part.end
            && end.since(last).as_micros() * 2 < length
        {
            return Verdict::Usual;
        }
        part.end = Some(end);
        let verdict = part.series.take(bad, total, told);
        if key.0.is_some() {
            return verdict;
        }
        // One that comes after its round was closed: from now on it is waited for.
        if let Some(closed) = self.closed
            && end.since(closed).as_micros() * 2 < length
        {
            self.usual_parts += 1;
            return verdict;
        }
        let next = (part.round == self.round.number && self.round.parts > 0)
            || self
                .round
                .told
                .as_ref()
                .is_some_and(|told| end.since(told.end).as_micros() * 2 > length);
        let mut verdicts = [verdict, Verdict::Usual, Verdict::Usual];
        if next {
            verdicts[1] = self.close();
        }
        if let Some(part) = self.parts.get_mut(at) {
            part.round = self.round.number;
        }
        let round = &mut self.round;
        round.bad += bad;
        round.total += total;
        round.parts += 1;
        if round.told.is_none() || bad > round.worst {
            round.worst = bad;
            round.told = Some(told());
        }
        if round.parts == self.usual_parts {
            verdicts[2] = self.close();
        }
        if verdicts.contains(&Verdict::Over) && !verdicts.contains(&Verdict::Running) {
            Verdict::Over
        } else if verdicts.contains(&Verdict::Running) {
            Verdict::Running
        } else {
            Verdict::Usual
        }
    }

    /// All parts of a window are told, or the next has begun.
    fn close(&mut self) -> Verdict {
        let fresh = Round {
            number: self.round.number.wrapping_add(1),
            ..Round::default()
        };
        let round = std::mem::replace(&mut self.round, fresh);
        if round.parts == 0 {
            return Verdict::Usual;
        }
        self.usual_parts = round.parts;
        self.closed = round.told.as_ref().map(|told| told.end);
        let Some(told) = round.told else {
            return Verdict::Usual;
        };
        if self.parts.iter().filter(|p| p.signal.is_none()).count() < 2 {
            return Verdict::Usual;
        }
        self.whole.take(round.bad, round.total, || told)
    }

    fn certain(&self, name: &ServiceName, but: usize, signal: bool) -> Option<Spike> {
        let whole = self.whole.run.as_ref();
        let whole = whole.filter(|run| !signal && run.is_certain(but));
        let parts = || self.parts.iter().filter(|p| p.signal.is_some() == signal);
        let certain: Vec<(&Part, &Run<Told>)> = parts()
            .filter_map(|part| Some((part, part.series.run.as_ref()?)))
            .filter(|(_, run)| run.is_certain(but))
            .collect();
        if whole.is_none() && certain.is_empty() {
            return None;
        }
        let runs = || whole.into_iter().chain(certain.iter().map(|(_, run)| *run));
        let first = runs()
            .filter_map(|run| run.windows.first())
            .min_by_key(|window| window.told.start)?;
        let (mut start, mut end) = (first.told.start, first.told.end);
        let mut regions = BTreeSet::new();
        let mut windows = Vec::new();
        for part in parts() {
            let Some(run) = &part.series.run else {
                continue;
            };
            let Some(own) = run.windows.first() else {
                continue;
            };
            let apart = own.told.start.since(start);
            if (run.hot < 2 && !signal)
                || apart > TOGETHER
                || apart < Span::seconds(-TOGETHER.as_seconds())
            {
                continue;
            }
            if own.told.start < start && run.is_certain(1) {
                (start, end) = (own.told.start, own.told.end);
            }
            regions.extend(part.region.clone());
            windows.extend(shown(part.region.as_ref(), run));
        }
        if windows.is_empty()
            && let Some(run) = whole
        {
            windows.extend(shown(None, run));
        }
        let secrets: BTreeSet<_> = certain.iter().map(|(part, _)| &part.secret).collect();
        let secret = match secrets.first() {
            Some(secret) if secrets.len() == 1 => (*secret).clone(),
            _ => None,
        };
        Some(Spike {
            service: name.clone(),
            secret,
            regions,
            start,
            end,
            windows,
            signal: certain.first().and_then(|(part, _)| part.signal.clone()),
        })
    }
}

/// The first and the latest window of a run, in words.
fn shown(region: Option<&Region>, run: &Run<Told>) -> Vec<Evidence> {
    let place = region.map_or(String::new(), |region| format!(" in {region}"));
    let usual = run.expected.share * 100.0;
    let mut picked: Vec<_> = run.windows.first().into_iter().collect();
    picked.extend(run.windows.last().filter(|_| run.windows.len() > 1));
    picked
        .into_iter()
        .map(|window| Evidence {
            event: window.told.event.clone(),
            note: format!(
                "{} of {} refused{place}; usual is {usual:.2} %",
                window.bad, window.total
            ),
        })
        .collect()
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;
