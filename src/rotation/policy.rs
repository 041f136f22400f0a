//! What the plan means: the rules of a rotation, its waves, its windows and cadence; and what in a
//! plan is allowed but unwise, with its place.

use std::collections::BTreeMap;
use std::ops::Range;

use super::lifecycle::{HealthRule, Member, Rules};
use super::plan::{Plan, PlanError, SecretPlan};
use crate::measure::cadence::{SERVICES_ON_ONE, always_behind};
use crate::model::{Span, Text, Timestamp};

/// The share of an emergency's first wave, where the plan names none.
const EMERGENCY_CANARY: f64 = 10.0;

/// Something in a plan that is allowed and unwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What, and why it is unwise.
    pub message: String,
    /// What to do about it.
    pub next: String,
    /// Where, in bytes of the file.
    pub span: Range<usize>,
}

impl Plan {
    /// Reads `rotation.toml` and looks for what no single value shows: a path or a consumer named
    /// twice, waves that do not rise, windows that are none.
    ///
    /// # Errors
    /// [`PlanError`] with the place.
    pub fn check(text: &str) -> Result<(Self, Vec<Warning>), PlanError> {
        let plan = Self::parse(text)?;
        let places = Places::of(text);
        for (n, secret) in plan.secrets.iter().enumerate() {
            let first = plan.secrets.iter().position(|s| s.path == secret.path);
            if first != Some(n) {
                return Err(PlanError {
                    message: format!("the secret {} is named twice", secret.path),
                    span: places.find(n, "path"),
                });
            }
            mistakes(secret, n, &places)?;
        }
        let warnings = plan.warnings(text);
        Ok((plan, warnings))
    }

    /// What in the plan is unwise; `text` is what it was read from.
    #[must_use]
    pub fn warnings(&self, text: &str) -> Vec<Warning> {
        let places = Places::of(text);
        let mut all = Vec::new();
        for (n, secret) in self.secrets.iter().enumerate() {
            let mut warn = |key: &str, message: String, next: &str| {
                all.push(Warning {
                    message,
                    next: next.to_owned(),
                    span: places.find(n, key),
                });
            };
            unwise(secret, &mut warn);
        }
        all.extend(self.shared(&places));
        all
    }

    /// Where a setting of the n-th secret's target stands in the text of a plan, in bytes; else
    /// where that target, or that secret, begins.
    #[must_use]
    pub fn place_of_setting(text: &str, n: usize, key: &str) -> Range<usize> {
        let mut places = Places::of(text);
        let target = places.find(n, "target");
        if let Some(start) = places.secrets.get_mut(n)
            && target.start > *start
        {
            *start = target.start;
        }
        places.find(n, key)
    }

    /// One credential that stands under several paths.
    fn shared(&self, places: &Places) -> Vec<Warning> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut all = Vec::new();
        for (n, secret) in self.secrets.iter().enumerate() {
            let target = format!("{} {:?}", secret.target.kind, secret.target.settings);
            match seen.get(&target).and_then(|first| self.secrets.get(*first)) {
                Some(first) if !secret.target.settings.is_empty() => all.push(Warning {
                    message: format!(
                        "{} and {} rotate the same credential: each revokes what the other made",
                        first.path, secret.path
                    ),
                    next: "name it once, with the consumers of both".to_owned(),
                    span: places.find(n, "path"),
                }),
                _ => {
                    seen.insert(target, n);
                }
            }
        }
        all
    }
}

fn mistakes(secret: &SecretPlan, n: usize, places: &Places) -> Result<(), PlanError> {
    let path = &secret.path;
    let wrong = |key: &str, message: String| {
        Err(PlanError {
            message,
            span: places.find(n, key),
        })
    };
    let percent = |p: &f64| (0.0..=100.0).contains(p);
    if !secret.canary_percent.iter().all(percent) {
        return wrong(
            "canary_percent",
            format!("{path}: a share lies between 0 and 100"),
        );
    }
    let rising = secret.waves.iter().all(percent)
        && secret.waves.is_sorted_by(|a, b| a < b)
        && secret.waves.last().is_none_or(|last| *last >= 100.0);
    if !rising {
        return wrong("waves", format!("{path}: waves rise and the last is 100"));
    }
    for window in &secret.windows {
        if read_window(window).is_none() {
            let shown = crate::model::text::shown(window);
            return wrong(
                "windows",
                format!("{path}: \"{shown}\" is no window; write 22:00-04:00"),
            );
        }
    }
    for (i, consumer) in secret.consumers.iter().enumerate() {
        let first = secret
            .consumers
            .iter()
            .position(|c| c.name == consumer.name);
        if first != Some(i) {
            return wrong(
                "consumer",
                format!("{path}: the consumer {} is named twice", consumer.name),
            );
        }
    }
    for health in &secret.health {
        if !(0.0..=1.0).contains(&health.max_failed) {
            return wrong(
                "max_failed",
                format!("{path}: max_failed is a share between 0 and 1"),
            );
        }
    }
    Ok(())
}

fn unwise(secret: &SecretPlan, warn: &mut dyn FnMut(&str, String, &str)) {
    let path = &secret.path;
    if secret.owner.is_none() {
        warn(
            "path",
            format!("{path} has no owner: nobody is told when its rotation stalls"),
            "add owner = \"…\"",
        );
    }
    if secret.consumers.is_empty() {
        warn(
            "path",
            format!(
                "{path} names no consumers: nobody can tell who is on the old version when it is revoked"
            ),
            "add a [[secret.consumer]] for each",
        );
    }
    let slowest = secret
        .consumers
        .iter()
        .filter_map(|c| c.cache.map(|cache| (cache, c)));
    if let Some((cache, consumer)) = slowest.max_by_key(|(cache, _)| *cache) {
        if let Some(cadence) = secret.cadence
            && always_behind(cadence, cache)
        {
            warn(
                "cadence",
                format!(
                    "{path} is rotated every {} and {} keeps what it read for {}: it is always behind",
                    words(cadence),
                    consumer.name,
                    words(cache)
                ),
                "rotate less often, or shorten the cache",
            );
        }
        if secret.grace.unwrap_or(Rules::default().grace) < cache {
            warn(
                "grace",
                format!(
                    "{path}: the grace period is shorter than the {} that {} keeps what it read",
                    words(cache),
                    consumer.name
                ),
                "lengthen the grace period, or shorten the cache",
            );
        }
    }
    let mut services: Vec<_> = secret.consumers.iter().map(|c| &c.service).collect();
    services.sort();
    services.dedup();
    if services.len() > SERVICES_ON_ONE {
        warn(
            "path",
            format!(
                "{path} is one credential for {} services: they fail together, and none can be told from another",
                services.len()
            ),
            "give each service its own",
        );
    }
}

/// Where things stand in the file.
struct Places {
    text: String,
    /// Where each `[[secret]]` begins.
    secrets: Vec<usize>,
}

impl Places {
    fn of(text: &str) -> Self {
        let mut at = 0;
        let mut secrets = Vec::new();
        for line in text.split_inclusive('\n') {
            let squeezed: String = line.chars().filter(|c| !c.is_whitespace()).collect();
            if squeezed.starts_with("[[secret]]") {
                secrets.push(at);
            }
            at += line.len();
        }
        Self {
            text: text.to_owned(),
            secrets,
        }
    }

    /// Where a key of the n-th secret stands; else where that secret begins.
    fn find(&self, n: usize, key: &str) -> Range<usize> {
        let start = self.secrets.get(n).copied().unwrap_or(0);
        let end = self.secrets.get(n + 1).copied().unwrap_or(self.text.len());
        let mut at = start;
        for line in self
            .text
            .get(start..end)
            .unwrap_or_default()
            .split_inclusive('\n')
        {
            let trimmed = line.trim();
            let head = trimmed
                .trim_start_matches('[')
                .trim_start_matches("secret.");
            let is_it = head
                .strip_prefix(key)
                .is_some_and(|rest| rest.trim_start().starts_with(['=', ']']));
            if is_it {
                let lead = line.len() - line.trim_start().len();
                return at + lead..at + lead + trimmed.len();
            }
            at += line.len();
        }
        let line = self.text.get(start..end).unwrap_or_default().lines().next();
        start..start + line.map_or(0, str::len)
    }
}

/// A length as people write it.
fn words(span: Span) -> String {
    match span.as_seconds() {
        s if s >= 86_400 && s % 86_400 == 0 => format!("{} d", s / 86_400),
        s if s >= 3_600 && s % 3_600 == 0 => format!("{} h", s / 3_600),
        s if s >= 60 && s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// The rules of a planned rotation of this secret.
pub(super) fn rules(secret: &SecretPlan, dual_run: bool) -> Rules {
    let mut rules = Rules {
        dual_run,
        grace: secret.grace.unwrap_or(Rules::default().grace),
        cadence: secret.cadence,
        ..Rules::default()
    };
    let pulls = secret.consumers.iter().filter(|c| c.endpoint.is_none());
    let kept = pulls.filter_map(|c| c.cache).max();
    rules.linger = kept.unwrap_or(Span::ZERO);
    if dual_run {
        let canary = secret.canary_percent.filter(|p| *p > 0.0 && *p < 100.0);
        rules.waves = canary.into_iter().collect();
        rules.waves.extend(&secret.waves);
        if rules.waves.last().is_none_or(|last| *last < 100.0) {
            rules.waves.push(100.0);
        }
    }
    rules.health = secret
        .health
        .iter()
        .map(|h| HealthRule {
            service: h.service.clone(),
            region: h.region.clone(),
            max_failed: h.max_failed,
        })
        .collect();
    rules
}

/// The rules of an emergency: no grace unless it is asked for, and at most two, quicker waves.
pub(super) fn emergency(secret: &SecretPlan, dual_run: bool, grace: Option<Span>) -> Rules {
    let mut rules = rules(secret, dual_run);
    rules.grace = grace.unwrap_or(Span::ZERO);
    rules.settle = Span::seconds(15);
    rules.bake = Span::seconds(5);
    rules.poll = Span::seconds(2);
    if dual_run {
        let canary = secret.canary_percent.unwrap_or(EMERGENCY_CANARY);
        rules.waves = if canary > 0.0 && canary < 100.0 {
            vec![canary, 100.0]
        } else {
            vec![100.0]
        };
    }
    rules
}

/// The members of a rotation, each in its wave: service by service in turn, so that a canary holds
/// some of each. Waves that nobody would be in are left out of the rules.
pub(super) fn members(secret: &SecretPlan, rules: &mut Rules) -> Vec<Member> {
    let mut members: Vec<Member> = secret
        .consumers
        .iter()
        .map(|c| Member {
            consumer: c.name.clone(),
            service: c.service.clone(),
            region: c.region.clone(),
            identities: c.identities.clone(),
            pushed: c.endpoint.is_some(),
            wave: 0,
            offered: false,
            using: None,
            told: None,
            error: None,
        })
        .collect();
    let mut turn: BTreeMap<&crate::model::ServiceName, usize> = BTreeMap::new();
    let mut order: Vec<(usize, usize)> = Vec::new();
    for (n, consumer) in secret.consumers.iter().enumerate() {
        let place = turn.entry(&consumer.service).or_default();
        order.push((*place, n));
        *place += 1;
    }
    order.sort_unstable();
    let total = order.len();
    let mut first = 0;
    let mut waves = Vec::new();
    for share in &rules.waves {
        let until = upto(total, *share).max((first + 1).min(total));
        if until > first {
            for (_, n) in order.get(first..until).unwrap_or_default() {
                if let Some(member) = members.get_mut(*n) {
                    member.wave = waves.len();
                }
            }
            waves.push(*share);
            first = until;
        }
    }
    if waves.is_empty() {
        waves.push(100.0);
    }
    if let Some(last) = waves.last_mut() {
        *last = 100.0;
    }
    rules.waves = waves;
    members
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of consumers and a share between 0 and 100"
)]
fn upto(total: usize, share: f64) -> usize {
    ((total as f64 * share / 100.0).ceil() as usize).min(total)
}

/// Seconds of the day from and until.
fn read_window(words: &str) -> Option<(i64, i64)> {
    let (from, until) = words.split_once('-')?;
    let minute = |words: &str| -> Option<i64> {
        let (hours, minutes) = words.trim().split_once(':')?;
        let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
        ((0..=24).contains(&hours) && (0..60).contains(&minutes)).then_some(hours * 60 + minutes)
    };
    Some((minute(from)? * 60, minute(until)? * 60))
}

/// Whether something may start by itself now; without windows always.
pub(super) fn in_window(windows: &[String], now: Timestamp) -> bool {
    let of_day = now.seconds().rem_euclid(86_400);
    windows.is_empty()
        || windows
            .iter()
            .filter_map(|w| read_window(w))
            .any(|(from, until)| {
                if from <= until {
                    (from..until).contains(&of_day)
                } else {
                    of_day >= from || of_day < until
                }
            })
}

/// The lane that calls to a target share: its kind and where it is. A provider's quota is one for
/// all secrets there.
pub(super) fn lane(secret: &SecretPlan) -> String {
    let place = ["url", "endpoint", "server", "host", "address", "directory"];
    let settings = &secret.target.settings;
    let place = place
        .iter()
        .find_map(|key| settings.get(*key))
        .map(ToString::to_string);
    format!("{} {}", secret.target.kind, place.unwrap_or_default())
}

/// A lane's name for a person: no more of an address than may be shown.
pub(super) fn lane_words(lane: &str) -> String {
    let (kind, place) = lane.split_once(' ').unwrap_or((lane, ""));
    let place = super::fault::public(place.trim_matches('"'));
    format!("{kind} {place}").trim().to_owned()
}

/// Words of the plan that name the owner, for those who are told.
pub(super) fn owner(secret: &SecretPlan) -> Option<Text> {
    secret.owner.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> (Plan, Vec<Warning>) {
        Plan::check(text).unwrap()
    }

    const HEAD: &str = "[[secret]]\npath = \"payments/db\"\nowner = \"payments\"\n";
    const TARGET: &str = "[secret.target]\nkind = \"postgres\"\nrole = \"app\"\n";

    fn consumer(name: &str, service: &str, more: &str) -> String {
        format!(
            "[[secret.consumer]]\nname = \"{name}\"\nservice = \"{service}\"\nendpoint = \"http://127.0.0.1:1\"\n{more}\n"
        )
    }

    #[test]
    fn what_is_unwise_is_named_with_its_place() {
        let text = format!(
            "{HEAD}cadence = \"1h\"\ngrace = \"10m\"\n{TARGET}{}",
            consumer("c0", "checkout", "cache = \"2h\"")
        );
        let (_, warnings) = plan(&text);
        let at: Vec<_> = warnings
            .iter()
            .map(|w| text.get(w.span.clone()).unwrap())
            .collect();
        assert_eq!(at, ["cadence = \"1h\"", "grace = \"10m\""], "{warnings:?}");
        assert!(warnings[0].message.contains("every 1 h") && warnings[0].message.contains("2 h"));
    }

    #[test]
    fn a_secret_without_owner_or_consumers_is_warned_of() {
        let text = format!("[[secret]]\npath = \"a\"\n{TARGET}");
        let (_, warnings) = plan(&text);
        assert!(warnings[0].message.contains("no owner"));
        assert!(warnings[1].message.contains("no consumers"));
        assert_eq!(text.get(warnings[0].span.clone()), Some("path = \"a\""));
    }

    #[test]
    fn one_credential_for_many_is_warned_of() {
        let consumers: String = (0..4)
            .map(|n| consumer(&format!("c{n}"), &format!("s{n}"), ""))
            .collect();
        let (_, warnings) = plan(&format!("{HEAD}{TARGET}{consumers}"));
        assert!(warnings[0].message.contains("4 services"), "{warnings:?}");
        let twice = format!(
            "{HEAD}{TARGET}{}[[secret]]\npath = \"other\"\nowner = \"x\"\n{TARGET}{}",
            consumer("c", "s", ""),
            consumer("c", "s", "")
        );
        let (_, warnings) = plan(&twice);
        assert!(
            warnings[0].message.contains("same credential"),
            "{warnings:?}"
        );
    }

    #[test]
    fn what_contradicts_itself_is_an_error_with_its_place() {
        for (line, at) in [
            ("waves = [50, 20]", "waves = [50, 20]"),
            ("canary_percent = 101", "canary_percent = 101"),
            ("windows = [\"late\"]", "windows = [\"late\"]"),
        ] {
            let text = format!("{HEAD}{line}\n{TARGET}");
            let error = Plan::check(&text).unwrap_err();
            assert_eq!(text.get(error.span.clone()), Some(at), "{error}");
        }
        let text = format!("{HEAD}{TARGET}{HEAD}{TARGET}");
        assert!(
            Plan::check(&text)
                .unwrap_err()
                .message
                .contains("named twice")
        );
    }

    #[test]
    fn a_canary_holds_some_of_each_service() {
        let consumers: String = (0..10)
            .map(|n| {
                consumer(
                    &format!("c{n}"),
                    if n < 5 { "checkout" } else { "cart" },
                    "",
                )
            })
            .collect();
        let text = format!("{HEAD}canary_percent = 20\nwaves = [50, 100]\n{TARGET}{consumers}");
        let (plan, _) = plan(&text);
        let secret = plan.secrets.first().unwrap();
        let mut rules = rules(secret, true);
        let members = members(secret, &mut rules);
        assert_eq!(rules.waves, [20.0, 50.0, 100.0]);
        let first: Vec<_> = members
            .iter()
            .filter(|m| m.wave == 0)
            .map(|m| m.service.raw())
            .collect();
        assert_eq!(first, ["checkout", "cart"]);
        assert_eq!(members.iter().filter(|m| m.wave == 1).count(), 3);
        assert_eq!(members.iter().filter(|m| m.wave == 2).count(), 5);
    }

    #[test]
    fn few_consumers_make_few_waves() {
        let text = format!(
            "{HEAD}canary_percent = 5\nwaves = [25, 50, 100]\n{TARGET}{}{}",
            consumer("a", "s", ""),
            consumer("b", "s", "")
        );
        let (plan, _) = plan(&text);
        let secret = plan.secrets.first().unwrap();
        let mut rules = rules(secret, true);
        let members = members(secret, &mut rules);
        assert_eq!(members.iter().map(|m| m.wave).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(rules.waves, [5.0, 100.0]);
    }

    #[test]
    fn a_window_may_reach_over_midnight() {
        let windows = ["22:00-04:00".to_owned()];
        let at = |words: &str| Timestamp::parse(words).unwrap();
        assert!(in_window(&windows, at("2026-11-24T23:00:00Z")));
        assert!(in_window(&windows, at("2026-11-24T03:59:59Z")));
        assert!(!in_window(&windows, at("2026-11-24T04:00:00Z")));
        assert!(in_window(&[], at("2026-11-24T12:00:00Z")));
    }
}
