//! The alerts of a session, kept from moment to moment.
//!
//! 1. All that a rotation breaks is one alert, under its canonical id: a second mode, more
//!    services or regions, and what displaces what change the alert and wake nobody again.
//! 2. Refused services that no rotation explains are one alert where they share a service or
//!    begin within [`TOGETHER`]. Where a rotation takes the blame for one of them after all, or one
//!    that was blamed is cleared, the alert stays the one that it is. Audit trails that go missing while one is
//!    missing already are one alert too: the sink is one, whatever rotates meanwhile.
//! 3. An alert pages once, when its first page is found; one that was a ticket pages once when it
//!    becomes one. It ends when the last of its findings heals or is taken back. What comes back
//!    within [`FLAP`] of that is the same alert, and wakes nobody again; later it is a new one.
//! 4. A planned window keeps a ticket quiet while it is open, covers all that is concerned, and
//!    the budget burns more slowly than what pages; never F4, F5 or a page. What still stands when
//!    the window closes is told then. What was told already is not untold.
//! 5. An alert is escalated, once, when more than half of a budget that it burns is gone; a ticket
//!    pages then.
//!    While somebody has silenced all that stands of it, it is not; nor is a ticket told that was not.
//! 6. A budget that burns without an incident within its look-back that burns it and was told is
//!    an alert of its own: a ticket, until more than half of it is gone. While an incident explains
//!    it, the incident is escalated and not the level.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::incident::Incident;
use crate::measure::level::{LevelName, Urgency};
use crate::model::event::Severity;
use crate::model::{Data, Event, SecretPath, ServiceName, Span, Text, Timestamp};

use super::entry::{About, Alert, Burning};
use super::habit::{Excess, Habits};
use super::notice::{Notice, NoticeName};
use super::pressure::Pressure;
use super::window::{Concerned, covering, next_edge};

/// What comes back within this time of its end is the same incident.
pub const FLAP: Span = Span::seconds(1800);

/// Services that are refused without a rotation to blame within this time are one incident.
pub const TOGETHER: Span = Span::seconds(600);

/// The alerts of which a finding that was known before still stands, and the services that these
/// name.
type Standing = BTreeMap<usize, BTreeSet<ServiceName>>;

/// What is kept of an alert and not shown.
#[derive(Clone, Debug)]
struct Kept {
    alert: Arc<Alert>,
    /// When the last finding joined it.
    joined: Timestamp,
    /// The services that its findings named: since when none that stands does, `None` while one
    /// does.
    named: BTreeMap<ServiceName, Option<Timestamp>>,
    /// The levels whose budget its findings have burned.
    burned: BTreeSet<LevelName>,
}

impl Kept {
    /// True where a finding has just left one of these services to another, which is no new
    /// incident: services that still suffer as they did are none of it.
    fn has_left(
        &self,
        services: &BTreeSet<ServiceName>,
        standing: Option<&BTreeSet<ServiceName>>,
        now: Timestamp,
    ) -> bool {
        services.iter().any(|service| {
            let stands = standing.is_some_and(|standing| standing.contains(service));
            let left = self.named.get(service);
            !stands && left.is_some_and(|left| left.is_none_or(|left| now.since(left) <= TOGETHER))
        })
    }

    /// Remembers which services the findings name.
    fn name(&mut self, now: Timestamp, members: &[&Notice]) {
        let mut healed: BTreeMap<&ServiceName, Option<Timestamp>> = BTreeMap::new();
        for notice in members {
            for service in &notice.services {
                let held = healed.entry(service).or_insert(notice.resolved_at);
                *held = held.zip(notice.resolved_at).map(|(a, b)| a.max(b));
            }
        }
        for (service, left) in &mut self.named {
            if !healed.contains_key(service) {
                *left = left.or(Some(now));
            }
        }
        for (service, left) in healed {
            self.named.insert(service.clone(), left);
        }
    }
}

/// Every alert so far, those that are over among them.
#[derive(Clone, Debug, Default)]
pub struct Book {
    alerts: Vec<Kept>,
    /// The latest alert about each thing.
    latest: BTreeMap<About, usize>,
    /// The alert that each finding belongs to.
    placed: BTreeMap<NoticeName, usize>,
    habits: Habits,
    /// When a window opens or closes that may keep something quiet.
    due: Option<Timestamp>,
    restless: bool,
}

impl Book {
    /// Looks at an event that has just been taken into the incident; true where [`Self::step`] is
    /// to be called though no finding changed.
    pub fn observe(&mut self, event: &Event, incident: &Incident) -> bool {
        self.restless |= self.habits.pass(event.time);
        self.restless |= self.habits.observe(event, incident);
        self.restless |= matches!(event.data, Data::WindowPlanned(_));
        self.restless || self.due.is_some_and(|due| event.time >= due)
    }

    /// Every alert, in the order in which they began.
    pub fn alerts(&self) -> impl Iterator<Item = &Arc<Alert>> {
        self.alerts.iter().map(|kept| &kept.alert)
    }

    /// True while anything stands.
    #[must_use]
    pub fn has_standing(&self) -> bool {
        self.alerts.iter().any(|kept| kept.alert.stands())
    }

    /// Takes in how all findings stand at `now`, which is not before the last step; their order
    /// does not matter. `pressure` is what was last known to burn.
    pub fn step(
        &mut self,
        now: Timestamp,
        notices: &[Notice],
        incident: &Incident,
        pressure: &Pressure,
    ) {
        self.restless = false;
        let mut notices: Vec<(NoticeName, &Notice)> = notices
            .iter()
            .map(|notice| (notice.name(), notice))
            .collect();
        notices.sort_by(|a, b| a.0.cmp(&b.0));
        let mut known = Standing::new();
        for (name, notice) in &notices {
            if let Some(at) = self
                .placed
                .get(name)
                .filter(|_| notice.resolved_at.is_none())
            {
                let services = known.entry(*at).or_default();
                services.extend(notice.services.iter().cloned());
            }
        }
        let mut members: BTreeMap<usize, Vec<&Notice>> = BTreeMap::new();
        for (name, notice) in notices {
            let at = match self.placed.get(&name) {
                Some(at) => *at,
                None => self.place(now, notice, incident, &known),
            };
            self.placed.insert(name, at);
            members.entry(at).or_default().push(notice);
        }
        for at in 0..self.alerts.len() {
            let incidental = matches!(
                self.alerts.get(at).map(|kept| &kept.alert.about),
                Some(About::Rotation(_) | About::Services)
            );
            if incidental {
                let of = members.remove(&at).unwrap_or_default();
                self.follow(at, now, &of, incident, pressure);
            }
        }
        self.habits(now, incident, pressure);
        self.levels(now, incident, pressure);
        let quiet = self.alerts.iter();
        let quiet = quiet.filter(|kept| kept.alert.stands() && kept.alert.is_suppressed());
        self.due = (quiet.count() > 0)
            .then(|| next_edge(now, incident))
            .flatten();
    }

    /// Finds the alert that a new finding belongs to, or begins one.
    fn place(
        &mut self,
        now: Timestamp,
        notice: &Notice,
        incident: &Incident,
        standing: &Standing,
    ) -> usize {
        let id = notice.rotation.as_ref();
        let about = id.map_or(About::Services, |id| {
            About::Rotation(incident.canonical(id).unwrap_or(id).clone())
        });
        let same = self.latest.get(&about).copied();
        let same = same.filter(|at| about != About::Services && self.is_live(*at, now));
        if same.is_none()
            && let Some(at) = self.untraced(notice)
        {
            return at;
        }
        let at = same
            .or_else(|| self.kin(now, notice, standing))
            .unwrap_or_else(|| {
                self.begin(about.clone(), notice.detected_at, notice.services.first())
            });
        if let Some(kept) = self.alerts.get_mut(at) {
            kept.joined = kept.joined.max(notice.detected_at);
            if kept.alert.about == About::Services && about != About::Services {
                Arc::make_mut(&mut kept.alert).about = about.clone();
            }
        }
        if about != About::Services {
            self.latest.insert(about, at);
        }
        at
    }

    /// The alert that tells of the same refused services under another name: one that stands or
    /// has just ended, the latest where there are several.
    fn kin(&self, now: Timestamp, notice: &Notice, standing: &Standing) -> Option<usize> {
        if !notice.burns.contains(&LevelName::M3) {
            return None;
        }
        let of_nobody = notice.rotation.is_none();
        let fits = |(at, kept): &(usize, &Kept)| {
            let alert = &kept.alert;
            let shares = !alert.services.is_disjoint(&notice.services);
            match &alert.about {
                About::Services if of_nobody => {
                    let near = notice.detected_at.since(kept.joined).abs() <= TOGETHER;
                    (shares && self.is_live(*at, now)) || (near && alert.stands())
                }
                About::Services => {
                    let left = kept.has_left(&notice.services, standing.get(at), now);
                    left && self.has_just(*at, now)
                }
                // What a rotation was blamed for, and is not any more.
                About::Rotation(_) => {
                    let cleared = alert.withdrawn || (alert.stands() && !standing.contains_key(at));
                    shares && of_nobody && cleared && self.has_just(*at, now)
                }
                _ => false,
            }
        };
        let mut all = self.alerts.iter().enumerate().rev();
        all.find(fits).map(|(at, _)| at)
    }

    /// The alert of an audit trail that is missing already, for another that is.
    fn untraced(&self, notice: &Notice) -> Option<usize> {
        let missing = |kept: &Kept| {
            let alert = &kept.alert;
            alert.stands() && alert.modes == ["F8"]
        };
        let at = self.alerts.iter().rposition(missing);
        at.filter(|_| notice.mode == "F8")
    }

    /// True where an alert stands, or ended so short a time ago that it may come back.
    fn is_live(&self, at: usize, now: Timestamp) -> bool {
        self.within(at, now, FLAP)
    }

    fn has_just(&self, at: usize, now: Timestamp) -> bool {
        self.within(at, now, TOGETHER)
    }

    fn within(&self, at: usize, now: Timestamp, span: Span) -> bool {
        let ended = self.alerts.get(at).map(|kept| kept.alert.resolved_at);
        ended.is_some_and(|ended| ended.is_none_or(|ended| now.since(ended) <= span))
    }

    /// A new alert.
    fn begin(&mut self, about: About, since: Timestamp, service: Option<&ServiceName>) -> usize {
        let at = self.alerts.len();
        let of = |kept: &&Kept| kept.alert.about == about;
        let nth = self.alerts.iter().filter(of).count() + 1;
        let when = since.seconds();
        let key = match &about {
            About::Rotation(id) if nth == 1 => format!("rotation/{}", id.raw()),
            About::Rotation(id) => format!("rotation/{}/{nth}", id.raw()),
            About::Services => {
                let service = service.map_or("", ServiceName::raw);
                format!("services/{service}@{when}")
            }
            About::Level(name) => format!("level/{name}@{when}"),
            About::Habit(excess, secret) => format!("{}/{}@{when}", excess.name(), secret.raw()),
        };
        let alert = Alert {
            key: Text::from(key),
            about: about.clone(),
            severity: Severity::Info,
            others: BTreeSet::new(),
            modes: Vec::new(),
            words: String::new(),
            secret: None,
            services: BTreeSet::new(),
            regions: BTreeSet::new(),
            owner: None,
            since,
            suppressed_at: None,
            window: None,
            ticketed_at: None,
            paged_at: None,
            escalated_at: None,
            resolved_at: None,
            first_resolved_at: None,
            withdrawn: false,
            flaps: 0,
            again_at: None,
            burning: None,
            next: &[],
        };
        self.alerts.push(Kept {
            alert: Arc::new(alert),
            joined: since,
            named: BTreeMap::new(),
            burned: BTreeSet::new(),
        });
        self.latest.insert(about, at);
        at
    }

    /// Brings an alert of findings up to how these stand.
    fn follow(
        &mut self,
        at: usize,
        now: Timestamp,
        members: &[&Notice],
        incident: &Incident,
        pressure: &Pressure,
    ) {
        let Some(kept) = self.alerts.get_mut(at) else {
            return;
        };
        kept.name(now, members);
        let burned = members.iter().flat_map(|notice| notice.burns);
        kept.burned.extend(burned.copied());
        let was_over = !kept.alert.stands();
        let standing: Vec<&Notice> = members
            .iter()
            .copied()
            .filter(|notice| notice.resolved_at.is_none())
            .collect();
        if standing.is_empty() && was_over {
            return;
        }
        let mut alert = (*kept.alert).clone();
        gather(&mut alert, members, incident);
        if standing.is_empty() {
            let healed = members.iter().filter_map(|notice| notice.resolved_at).max();
            alert.withdrawn = healed.is_none();
            end(&mut alert, healed.unwrap_or(now));
        } else {
            let severity = standing.iter().map(|notice| &notice.severity);
            let asks = Asks {
                severity: severity
                    .max_by_key(|s| rank(s))
                    .cloned()
                    .unwrap_or(Severity::Info),
                secrets: standing
                    .iter()
                    .map(|notice| notice.secret.clone())
                    .collect::<Option<_>>()
                    .unwrap_or_default(),
                loud: standing.iter().any(|notice| notice.loud),
                silent: standing.iter().all(|notice| notice.silent),
                services: standing
                    .iter()
                    .flat_map(|n| n.services.iter().cloned())
                    .collect(),
                burns: standing.iter().flat_map(|n| n.burns).copied().collect(),
            };
            wake(&mut alert, now, &asks, incident, pressure);
        }
        put(kept, alert);
    }

    /// Secrets that are read or rotated too often: tickets.
    fn habits(&mut self, now: Timestamp, incident: &Incident, pressure: &Pressure) {
        let standing: Vec<((Excess, SecretPath), Timestamp)> = self
            .habits
            .standing()
            .map(|(habit, since)| (habit.clone(), *since))
            .collect();
        let mut kept = BTreeSet::new();
        for ((excess, secret), since) in standing {
            let at = self.alert_of(About::Habit(excess, secret.clone()), since, now);
            kept.insert(at);
            let rotation = incident
                .rotations()
                .filter(|r| r.secret.as_ref() == Some(&secret));
            let rotation = rotation.max_by_key(|rotation| rotation.started_at);
            let owner = rotation.and_then(|rotation| rotation.owner.clone());
            let asks = Asks {
                severity: Severity::Ticket,
                secrets: [secret.clone()].into(),
                loud: false,
                silent: false,
                services: BTreeSet::new(),
                burns: Vec::new(),
            };
            if let Some(held) = self.alerts.get_mut(at) {
                let mut alert = (*held.alert).clone();
                alert.secret = Some(secret);
                alert.owner = alert.owner.or(owner);
                wake(&mut alert, now, &asks, incident, pressure);
                put(held, alert);
            }
        }
        self.end_others(now, &kept, |about| matches!(about, About::Habit(..)));
    }

    /// Budgets that burn though no incident explains it.
    fn levels(&mut self, now: Timestamp, incident: &Incident, pressure: &Pressure) {
        let mut kept = BTreeSet::new();
        for (urgency, burning) in pressure.iter() {
            let about = About::Level(burning.level);
            let latest = self.latest.get(&about).and_then(|at| self.alerts.get(*at));
            let stands = latest.is_some_and(|kept| kept.alert.stands());
            let explained = self.is_explained(burning, now);
            if explained && !stands {
                continue;
            }
            let at = self.alert_of(about, now, now);
            kept.insert(at);
            let asks = Asks {
                severity: match urgency {
                    // What nobody is refused by wakes nobody before half of it is gone.
                    Urgency::Escalate if !explained => Severity::Page,
                    Urgency::Ticket | Urgency::Page | Urgency::Escalate => Severity::Ticket,
                },
                secrets: BTreeSet::new(),
                loud: false,
                // Whoever looks after the incident escalates it, not the level beside it.
                silent: explained,
                services: BTreeSet::new(),
                burns: vec![burning.level],
            };
            if let Some(held) = self.alerts.get_mut(at) {
                let mut alert = (*held.alert).clone();
                alert.burning = Some(*burning);
                wake(&mut alert, now, &asks, incident, pressure);
                put(held, alert);
            }
        }
        self.end_others(now, &kept, |about| matches!(about, About::Level(_)));
    }

    /// True where an incident that burns the level, and that somebody was told of, stood within
    /// the look-back: who has been told of the one need not be told of the other.
    fn is_explained(&self, burning: &Burning, now: Timestamp) -> bool {
        let from = now - Span::seconds(burning.seconds);
        self.alerts.iter().any(|kept| {
            let alert = &kept.alert;
            let told = alert.ticketed_at.is_some() || alert.paged_at.is_some();
            let within = alert.resolved_at.is_none_or(|ended| ended >= from);
            told && within && kept.burned.contains(&burning.level)
        })
    }

    /// The live alert about a thing, else a new one.
    fn alert_of(&mut self, about: About, since: Timestamp, now: Timestamp) -> usize {
        let latest = self.latest.get(&about).copied();
        let latest = latest.filter(|at| self.is_live(*at, now));
        latest.unwrap_or_else(|| self.begin(about, since, None))
    }

    /// Ends the alerts of a kind that nothing keeps up any more.
    fn end_others(&mut self, now: Timestamp, kept: &BTreeSet<usize>, of: fn(&About) -> bool) {
        for (at, held) in self.alerts.iter_mut().enumerate() {
            if of(&held.alert.about) && held.alert.stands() && !kept.contains(&at) {
                end(Arc::make_mut(&mut held.alert), now);
            }
        }
    }
}

/// What the findings of an alert ask for now.
struct Asks {
    severity: Severity,
    /// The secrets of all that stands; none where that of any is not known.
    secrets: BTreeSet<SecretPath>,
    loud: bool,
    /// True where somebody silenced all that stands of it.
    silent: bool,
    /// Who suffers now.
    services: BTreeSet<ServiceName>,
    /// The levels whose budget it burns.
    burns: Vec<LevelName>,
}

/// How loud a severity is; what is not known wakes nobody.
fn rank(severity: &Severity) -> u8 {
    match severity {
        Severity::Page => 2,
        Severity::Ticket => 1,
        Severity::Info | Severity::Other(_) => 0,
    }
}

/// Shares what did not change.
fn put(kept: &mut Kept, alert: Alert) {
    if *kept.alert != alert {
        kept.alert = Arc::new(alert);
    }
}

/// Adds to an alert what its findings say.
fn gather(alert: &mut Alert, members: &[&Notice], incident: &Incident) {
    for notice in members {
        if !alert.modes.contains(&notice.mode) {
            alert.modes.push(notice.mode);
        }
        if alert.words.is_empty() {
            alert.words.clone_from(&notice.words);
        }
        if alert.next.is_empty() || notice.resolved_at.is_none() {
            alert.next = notice.next;
        }
        alert.secret = alert.secret.take().or_else(|| notice.secret.clone());
        alert.services.extend(notice.services.iter().cloned());
        alert.regions.extend(notice.regions.iter().cloned());
    }
    if let About::Rotation(id) = &alert.about {
        for other in members.iter().filter_map(|notice| notice.rotation.as_ref()) {
            let other = incident.canonical(other).unwrap_or(other);
            if other != id {
                alert.others.insert(other.clone());
            }
        }
        let rotation = incident.rotation(id);
        let owner = rotation.and_then(|rotation| rotation.owner.clone());
        alert.owner = owner.or(alert.owner.take());
    }
}

fn end(alert: &mut Alert, at: Timestamp) {
    // What ends before it began has clocks that disagree.
    let at = at.max(alert.since);
    alert.resolved_at = Some(at);
    alert.first_resolved_at = alert.first_resolved_at.or(Some(at));
    alert.burning = None;
}

/// Tells whom an alert that stands is to wake.
fn wake(alert: &mut Alert, now: Timestamp, asks: &Asks, incident: &Incident, pressure: &Pressure) {
    if alert.resolved_at.take().is_some() {
        alert.flaps += 1;
        alert.again_at = Some(now);
        alert.withdrawn = false;
    }
    if rank(&asks.severity) > rank(&alert.severity) {
        alert.severity = asks.severity.clone();
    }
    let burning = pressure.among(&asks.burns, Urgency::Page);
    alert.burning = burning.copied();
    let escalates = !asks.silent && pressure.among(&asks.burns, Urgency::Escalate).is_some();
    if asks.silent && alert.severity != Severity::Page {
        return;
    }
    let untold = alert.ticketed_at.is_none() && alert.paged_at.is_none();
    if untold && alert.severity != Severity::Page && !asks.loud && burning.is_none() {
        let concerned = Concerned {
            secrets: &asks.secrets,
            services: &asks.services,
            owner: alert.owner.as_ref(),
        };
        if let Some(window) = covering(concerned, now, incident) {
            alert.window = Some(window.clone());
            alert.suppressed_at = alert.suppressed_at.or(Some(now));
            return;
        }
    }
    if escalates {
        alert.severity = Severity::Page;
        alert.escalated_at = alert.escalated_at.or(Some(now));
    }
    match alert.severity {
        Severity::Page => alert.paged_at = alert.paged_at.or(Some(now)),
        Severity::Ticket => alert.ticketed_at = alert.ticketed_at.or(Some(now)),
        _ => {}
    }
}
