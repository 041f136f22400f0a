//! Whom an act reaches, in words: who is on which version where, who else uses the credential,
//! whom it can break.

use std::collections::{BTreeMap, BTreeSet};

use super::about::{frozen, is_before_its_revocation, latest};
use crate::incident::{Consumer, Incident, Rotation};
use crate::model::act::Wish;
use crate::model::event::{AuditOutcome, ConsumerState, Operation};
use crate::model::intent::Verb;
use crate::model::text::shown;
use crate::model::{Actor, SecretPath, ServiceName, Version};

/// So many names are said before the rest is counted.
const NAMED: usize = 4;

/// What an act reaches, in words.
pub(super) struct Reach {
    name: String,
    old: String,
    new: String,
    count: String,
    service: String,
    place: String,
    length: String,
    pace: String,
    /// Consumers and services by region and version.
    pub(super) now: String,
    /// Whom it can break.
    pub(super) at_risk: String,
    /// Who else uses the credential.
    pub(super) others: String,
    /// What else stands in the way, or runs.
    pub(super) state: String,
}

impl Reach {
    pub(super) fn of(
        wish: &Wish,
        secret: Option<&SecretPath>,
        rotation: Option<&Rotation>,
        incident: &Incident,
    ) -> Self {
        let consumers: Vec<&Consumer> = secret
            .map(|secret| incident.consumers(secret).collect())
            .unwrap_or_default();
        let touched: Vec<&Consumer> = consumers
            .iter()
            .copied()
            .filter(|c| wish.region.is_none() || c.region == wish.region)
            .filter(|c| wish.service.is_none() || c.service == wish.service)
            .collect();
        let services: BTreeSet<&ServiceName> =
            touched.iter().filter_map(|c| c.service.as_ref()).collect();
        let version = |version: Option<&Version>, else_: &str| {
            version.map_or_else(|| else_.to_owned(), ToString::to_string)
        };
        let told = rotation.or_else(|| secret.and_then(|secret| latest(secret, incident)));
        Self {
            name: secret
                .map(ToString::to_string)
                .or_else(|| wish.service.as_ref().map(ToString::to_string))
                .unwrap_or_else(|| "all".to_owned()),
            old: version(
                rotation.and_then(|r| r.from_version.as_ref()),
                "the previous version",
            ),
            new: version(
                rotation.and_then(|r| r.to_version.as_ref()),
                "the current version",
            ),
            count: counted(touched.len(), &services),
            service: service(wish),
            place: place(wish),
            length: length(wish),
            pace: wish.per_minute.map_or_else(
                || "no faster than its quota allows".to_owned(),
                |n| format!("at most {n} times a minute"),
            ),
            now: versions(&touched),
            at_risk: rotation
                .map(|rotation| at_risk(wish.verb, rotation, &touched))
                .unwrap_or_default(),
            others: others(&services, &consumers, told, incident),
            state: state(wish.verb, secret, incident),
        }
    }

    pub(super) fn fill(&self, words: &str) -> String {
        words
            .replace("{secret}", &self.name)
            .replace("{old}", &self.old)
            .replace("{new}", &self.new)
            .replace("{count}", &self.count)
            .replace("{service}", &self.service)
            .replace("{where}", &self.place)
            .replace("{length}", &self.length)
            .replace("{pace}", &self.pace)
    }
}

fn counted(consumers: usize, services: &BTreeSet<&ServiceName>) -> String {
    let s = if consumers == 1 { "" } else { "s" };
    let mut named = services.iter();
    match (consumers, named.next(), named.len()) {
        (0, _, _) => "consumers that nobody has named".to_owned(),
        (n, None, _) => format!("{n} consumer{s}"),
        (n, Some(one), 0) => format!("{n} consumer{s} of {one}"),
        (n, Some(_), more) => format!("{n} consumer{s} of {} services", more + 1),
    }
}

fn service(wish: &Wish) -> String {
    let service = wish.service.as_ref();
    service.map_or_else(|| "every service".to_owned(), ToString::to_string)
}

fn place(wish: &Wish) -> String {
    let region = wish.region.as_ref();
    region.map_or_else(|| "every region".to_owned(), ToString::to_string)
}

/// How long, in words.
fn length(wish: &Wish) -> String {
    match (wish.verb, wish.seconds) {
        (Verb::EmergencyRotate, None | Some(0)) => "without grace".to_owned(),
        (Verb::EmergencyRotate, Some(s)) => format!("after {}", span(s)),
        (_, Some(s)) => span(s),
        (_, None) => "the usual time".to_owned(),
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        s if s >= 3600 && s.is_multiple_of(3600) => format!("{} h", s / 3600),
        s if s >= 60 && s.is_multiple_of(60) => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// The version that a consumer was seen to use: what was given to somebody is not yet what they
/// use.
fn uses(consumer: &Consumer) -> Option<&Version> {
    let uses = matches!(
        consumer.state,
        ConsumerState::InUse | ConsumerState::Validated
    );
    consumer.version.as_ref().filter(|_| uses)
}

fn region(consumer: &Consumer) -> String {
    consumer
        .region
        .as_ref()
        .map_or_else(|| "unknown region".to_owned(), ToString::to_string)
}

/// `eu-1: 41 on v17, 1 on v18 (checkout, search)   us-2: 78 on v18 (checkout)`: how many are on
/// which version, and of which services they are.
fn versions(consumers: &[&Consumer]) -> String {
    type Region<'a> = (BTreeMap<String, usize>, BTreeSet<&'a ServiceName>);
    let mut regions: BTreeMap<String, Region<'_>> = BTreeMap::new();
    for consumer in consumers {
        let version = match (uses(consumer), &consumer.version) {
            (Some(version), _) => format!("on {version}"),
            (None, Some(version)) => format!("not on {version} yet"),
            (None, None) => "on no known version".to_owned(),
        };
        let (versions, services) = regions.entry(region(consumer)).or_default();
        *versions.entry(version).or_default() += 1;
        services.extend(consumer.service.as_ref());
    }
    let words = regions.into_iter().map(|(region, (versions, services))| {
        let versions = versions
            .into_iter()
            .map(|(version, n)| format!("{n} {version}"));
        let versions = versions.collect::<Vec<_>>().join(", ");
        if services.is_empty() {
            return format!("{region}: {versions}");
        }
        format!("{region}: {versions} ({})", few(services))
    });
    words.collect::<Vec<_>>().join("   ")
}

/// A few names, and how many more.
fn few(names: impl IntoIterator<Item = impl ToString>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    let more = names.len().saturating_sub(NAMED);
    let said = names.iter().take(NAMED).cloned().collect::<Vec<_>>();
    if more == 0 {
        return said.join(", ");
    }
    format!("{}, {more} more", said.join(", "))
}

/// Whom an act that takes a version away can break: the consumers that were not seen on the one
/// that stays. Empty for acts that take none away.
fn at_risk(verb: Verb, rotation: &Rotation, consumers: &[&Consumer]) -> String {
    let stays = match verb {
        Verb::RevokeNow => rotation.to_version.as_ref(),
        Verb::Resume if is_before_its_revocation(rotation) => rotation.to_version.as_ref(),
        Verb::Rollback | Verb::Abort => rotation.from_version.as_ref(),
        _ => return String::new(),
    };
    let Some(stays) = stays else {
        return "which version stays is not known".to_owned();
    };
    if consumers.is_empty() {
        return "nobody has said who uses it".to_owned();
    }
    let mut left: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    let mut count = 0_usize;
    for consumer in consumers.iter().filter(|c| uses(c) != Some(stays)) {
        count += 1;
        let service = consumer
            .service
            .as_ref()
            .map_or_else(|| "unknown service".to_owned(), ToString::to_string);
        let regions = left.entry(service).or_default();
        *regions.entry(region(consumer)).or_default() += 1;
    }
    let all = consumers.len();
    if count == 0 {
        return format!("nobody: all {all} were seen on {stays}");
    }
    let mut services: Vec<_> = left.into_iter().collect();
    // The largest first; the sort keeps equals in the order of names.
    services.sort_by_key(|(_, regions)| std::cmp::Reverse(regions.values().sum::<usize>()));
    let services = services.into_iter().map(|(service, regions)| {
        let regions = regions
            .into_iter()
            .map(|(region, n)| format!("{region} {n}"));
        format!("{service} ({})", regions.collect::<Vec<_>>().join(", "))
    });
    format!(
        "{count} of {all} were not seen on {stays}: {}",
        few(services)
    )
}

/// Who else uses the same credential: services that are not among those touched, and whoever was
/// seen to read it or to log in with it and is no consumer that is known.
fn others(
    touched: &BTreeSet<&ServiceName>,
    consumers: &[&Consumer],
    rotation: Option<&Rotation>,
    incident: &Incident,
) -> String {
    let named = rotation.map(|rotation| rotation.services.iter());
    let all: BTreeSet<&ServiceName> = consumers
        .iter()
        .filter_map(|c| c.service.as_ref())
        .chain(named.into_iter().flatten())
        .collect();
    let others: Vec<&ServiceName> = all.difference(touched).copied().collect();
    let hidden = rotation
        .map(|rotation| hidden(consumers, rotation, incident))
        .unwrap_or_default();
    let mut words = Vec::new();
    if !others.is_empty() {
        words.push(format!("{} (same credential)", few(others)));
    }
    if !hidden.is_empty() {
        words.push(format!("{} (seen in the audit trail alone)", few(hidden)));
    }
    shown(&words.join("; ")).into_owned()
}

/// Actors that read the secret or log in with it and that no consumer is known by. Whoever writes
/// there is an operator, and where no consumer says by which names it goes, nobody can be told
/// apart.
fn hidden<'a>(
    consumers: &[&Consumer],
    rotation: &'a Rotation,
    incident: &'a Incident,
) -> BTreeSet<&'a Actor> {
    let known: BTreeSet<&Actor> = consumers.iter().flat_map(|c| &c.identities).collect();
    if known.is_empty() {
        return BTreeSet::new();
    }
    let (mut readers, mut writers) = (BTreeSet::new(), BTreeSet::new());
    for line in incident.audit(rotation) {
        let entry = &line.entry;
        match entry.operation {
            Operation::Read | Operation::Login if entry.outcome == AuditOutcome::Allowed => {
                readers.insert(&entry.actor);
            }
            Operation::Read | Operation::Login | Operation::List => {}
            _ => {
                writers.insert(&entry.actor);
            }
        }
    }
    let is_consumer = |actor: &Actor| {
        known.contains(actor) || consumers.iter().any(|c| c.name.raw() == actor.raw())
    };
    readers.retain(|actor| {
        !is_consumer(actor) && !writers.contains(actor) && rotation.by.as_ref() != Some(*actor)
    });
    readers
}

/// What else stands in the way of an act, or runs while it is done.
fn state(verb: Verb, secret: Option<&SecretPath>, incident: &Incident) -> String {
    let frozen = frozen(incident);
    let mut words = Vec::new();
    match (verb, frozen) {
        (Verb::Freeze, Some(act)) => words.push(format!("frozen already, by {}", act.action.actor)),
        (Verb::Unfreeze, Some(act)) => words.push(format!("frozen by {}", act.action.actor)),
        (Verb::Unfreeze, None) => words.push("not frozen, as far as is known".to_owned()),
        (Verb::Rotate | Verb::EmergencyRotate | Verb::RevokeNow | Verb::Resume, Some(act)) => words
            .push(format!(
                "frozen by {}: nothing starts and nothing is revoked until the freeze ends",
                act.action.actor
            )),
        _ => {}
    }
    let open = incident.rotations().filter(|rotation| rotation.is_open());
    match verb {
        Verb::Freeze | Verb::Unfreeze => words.push(match open.count() {
            0 => "no rotation runs".to_owned(),
            1 => "one rotation runs".to_owned(),
            n => format!("{n} rotations run"),
        }),
        Verb::Rotate | Verb::EmergencyRotate => {
            let of_secret = open.filter(|rotation| rotation.secret.as_ref() == secret);
            words.extend(of_secret.map(|rotation| match rotation.stage() {
                Some((stage, _)) => format!("{} of it runs already, at {stage}", rotation.id),
                None => format!("{} of it runs already", rotation.id),
            }));
        }
        _ => {}
    }
    words.join("; ")
}
