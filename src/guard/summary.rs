//! What an act would do, in the words of the prompt: before anything is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::case::{Case, Subject};
use super::challenge::Challenges;
use super::effect::{self, Effect};
use super::rules::Rules;
use crate::incident::{Consumer, Incident, Rotation};
use crate::model::act::Wish;
use crate::model::event::{ConsumerState, Outcome, Risk, Stage, Tier};
use crate::model::intent::Verb;
use crate::model::text::shown;
use crate::model::{SecretPath, ServiceName, Version};

/// A line of the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is about: `Happens`, `Now`, `Also uses`, `If wrong`, `Undo`.
    pub label: &'static str,
    /// What it says; harmless to show.
    pub words: String,
}

/// What an act would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The act and what it is done to.
    pub title: String,
    /// How much it can break.
    pub risk: Risk,
    /// What happens, who is on which version, who else uses the credential, what breaks if it is
    /// wrong, how it is undone.
    pub rows: Vec<Row>,
    /// What has to be answered.
    pub challenges: Challenges,
    /// Names the state that this speaks of: another number is another state.
    pub facts: u64,
}

/// Why an act makes no sense here; in words for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// What a wish would do in this state, and what is asked before it.
///
/// # Errors
/// [`Refusal`] where it names nothing that is known, or comes too late, or the policy does not
/// allow it.
pub fn summary(wish: &Wish, incident: &Incident, rules: &Rules) -> Result<Summary, Refusal> {
    let effect = effect::of(wish.verb);
    let rotation = match &wish.rotation {
        Some(id) => Some(
            incident
                .rotation(id)
                .ok_or_else(|| Refusal(format!("rotation {id} is not known")))?,
        ),
        None => None,
    };
    if let Some(rotation) = rotation {
        fits(wish.verb, rotation)?;
    } else if needs_rotation(wish.verb) {
        return Err(Refusal(format!("{}: no rotation is selected", wish.verb)));
    }
    let about = About::of(wish, incident);
    let secret = about.secret.as_ref();
    if secret.is_none() && matches!(wish.verb, Verb::Rotate | Verb::EmergencyRotate) {
        return Err(Refusal(format!("{}: no secret is named", wish.verb)));
    }
    let case = Case {
        person: Some(&rules.person),
        roles: &rules.roles,
        verb: wish.verb,
        region: wish.region.as_ref(),
        subject: about.subject(),
        signed: true,
    };
    let decision = rules.policy.decide(&case);
    let decision = decision.map_err(|denied| Refusal(denied.to_string()))?;
    let reach = Reach::of(wish, secret, rotation, incident);
    Ok(Summary {
        title: reach.fill(effect.title),
        rows: rows(&effect, &reach),
        challenges: decision.challenges,
        risk: case.risk(),
        facts: facts(wish, rotation),
    })
}

/// What is known of the secret that a wish is about.
#[derive(Clone, Debug)]
pub(super) struct About {
    secret: Option<SecretPath>,
    tier: Option<Tier>,
    services: Vec<ServiceName>,
    consumers: usize,
    into_revoke: bool,
}

impl About {
    pub(super) fn of(wish: &Wish, incident: &Incident) -> Self {
        let rotation = wish.rotation.as_ref().and_then(|id| incident.rotation(id));
        let secret = wish
            .secret
            .as_ref()
            .or_else(|| rotation.and_then(|rotation| rotation.secret.as_ref()));
        let consumers = || {
            secret
                .into_iter()
                .flat_map(|secret| incident.consumers(secret))
        };
        let services: BTreeSet<&ServiceName> = consumers()
            .filter_map(|consumer| consumer.service.as_ref())
            .chain(rotation.into_iter().flat_map(|rotation| &rotation.services))
            .collect();
        Self {
            tier: rotation.and_then(|rotation| rotation.tier.clone()),
            services: services.into_iter().cloned().collect(),
            consumers: consumers().count(),
            into_revoke: rotation.is_some_and(is_before_its_revocation),
            secret: secret.cloned(),
        }
    }

    pub(super) fn subject(&self) -> Subject<'_> {
        Subject {
            secret: self.secret.as_ref(),
            tier: self.tier.as_ref(),
            services: &self.services,
            consumers: self.consumers,
            into_revoke: self.into_revoke,
        }
    }
}

/// True where the next thing that a rotation does is to revoke the old version.
fn is_before_its_revocation(rotation: &Rotation) -> bool {
    let stage = rotation.stage().map(|(stage, _)| stage);
    rotation.revoked_at.is_none() && matches!(stage, Some(Stage::Grace | Stage::Revoke))
}

/// Acts on everything, or on a secret that may have no rotation.
fn needs_rotation(verb: Verb) -> bool {
    !matches!(
        verb,
        Verb::Freeze
            | Verb::Unfreeze
            | Verb::Rotate
            | Verb::EmergencyRotate
            | Verb::RestoreSink
            | Verb::ReplayOutbox
            | Verb::MaskLeak
            | Verb::Silence
            | Verb::Acknowledge
    )
}

/// Whether an act makes sense for a rotation as it stands. What suggests acts asks this first.
///
/// # Errors
/// [`Refusal`] in words for a person, with what makes sense instead where something does.
pub fn fits(verb: Verb, rotation: &Rotation) -> Result<(), Refusal> {
    let id = &rotation.id;
    let refuse = |why: String| Err(Refusal(format!("{verb}: {why}")));
    if let (Some(ended), false) = (&rotation.ended, effect::of(verb).after_end) {
        return refuse(format!("rotation {id} has ended ({})", ended.outcome));
    }
    let one_at_a_time = rotation.dual_run == Some(false);
    match verb {
        Verb::ExtendGrace if rotation.revoked_at.is_some() => refuse(format!(
            "the old version of {id} is revoked already; reissue-previous makes it valid again"
        )),
        Verb::ExtendGrace | Verb::ReissuePrevious if one_at_a_time => refuse(
            "the target has no dual-run, it accepts one version at a time; re-push, or roll back"
                .to_owned(),
        ),
        Verb::Rollback => match (&rotation.ended, &rotation.superseded_by) {
            (_, Some(later)) => refuse(format!("{later} has replaced rotation {id}")),
            (Some(ended), _) if ended.outcome != Outcome::Succeeded => {
                refuse(format!("rotation {id} has ended ({})", ended.outcome))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// What the act reaches, in words.
struct Reach {
    name: String,
    old: String,
    new: String,
    count: String,
    service: String,
    place: String,
    length: String,
    pace: String,
    now: String,
    others: String,
}

impl Reach {
    fn of(
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
        Self {
            name: secret.map_or_else(|| "all".to_owned(), ToString::to_string),
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
            others: others(&services, &consumers, rotation),
        }
    }

    fn fill(&self, words: &str) -> String {
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

fn rows(effect: &Effect, reach: &Reach) -> Vec<Row> {
    let mut rows = vec![Row {
        label: "Happens",
        words: reach.fill(effect.happens),
    }];
    for (label, words) in [("Now", &reach.now), ("Also uses", &reach.others)] {
        if !words.is_empty() {
            rows.push(Row {
                label,
                words: words.clone(),
            });
        }
    }
    rows.push(Row {
        label: "If wrong",
        words: reach.fill(effect.wrong),
    });
    rows.push(Row {
        label: "Undo",
        words: reach.fill(effect.undo),
    });
    rows
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

/// `eu-1: 41 on v17, 1 on v18   us-2: 78 on v18`.
fn versions(consumers: &[&Consumer]) -> String {
    let mut regions: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for consumer in consumers {
        let region = consumer
            .region
            .as_ref()
            .map_or_else(|| "unknown region".to_owned(), ToString::to_string);
        // What was given to somebody is not yet what they use.
        let uses = matches!(
            consumer.state,
            ConsumerState::InUse | ConsumerState::Validated
        );
        let version = match &consumer.version {
            Some(version) if uses => format!("on {version}"),
            Some(version) => format!("not on {version} yet"),
            None => "on no known version".to_owned(),
        };
        *regions
            .entry(region)
            .or_default()
            .entry(version)
            .or_default() += 1;
    }
    let words = regions.into_iter().map(|(region, versions)| {
        let versions: Vec<String> = versions
            .into_iter()
            .map(|(version, n)| format!("{n} {version}"))
            .collect();
        format!("{region}: {}", versions.join(", "))
    });
    words.collect::<Vec<_>>().join("   ")
}

/// The services that use the same credential and are not among those touched.
fn others(
    touched: &BTreeSet<&ServiceName>,
    consumers: &[&Consumer],
    rotation: Option<&Rotation>,
) -> String {
    let named = rotation.map(|rotation| rotation.services.iter());
    let all: BTreeSet<&ServiceName> = consumers
        .iter()
        .filter_map(|c| c.service.as_ref())
        .chain(named.into_iter().flatten())
        .collect();
    let others: Vec<String> = all.difference(touched).map(ToString::to_string).collect();
    if others.is_empty() {
        return String::new();
    }
    format!("{} (same credential)", shown(&others.join(", ")))
}

/// Names what a person must have seen rightly: where the rotation is and which versions are
/// meant. Counts of consumers are not among it, as they move all the time while a rotation runs.
fn facts(wish: &Wish, rotation: Option<&Rotation>) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{wish:?}").hash(&mut hasher);
    if let Some(rotation) = rotation {
        rotation.from_version.hash(&mut hasher);
        rotation.to_version.hash(&mut hasher);
        rotation.revoked_at.hash(&mut hasher);
        rotation.superseded_by.hash(&mut hasher);
        rotation.grace.as_ref().map(|g| g.ends_at).hash(&mut hasher);
        rotation
            .ended
            .as_ref()
            .map(|e| &e.outcome)
            .hash(&mut hasher);
        let stage = rotation.stage();
        stage
            .map(|(stage, view)| (stage, &view.status))
            .hash(&mut hasher);
    }
    hasher.finish()
}
