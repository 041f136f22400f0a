//! What an act brought about, in numbers: refused authentications of the services that it
//! touched, before it and since, and where nobody was refused, whether the finding healed that it
//! is the cure of.
//!
//! 1. The series that count are those of the touched services that were refused more than usual
//!    right before the act. What is usual is what came before the rotation began.
//! 2. Windows count that lie wholly after the act, for [`LOOKED_AT`]; the rest of the night is
//!    not its doing.
//! 3. A series has healed at the end of its first window from which on it is refused as usual,
//!    and so much less than before that chance does not explain it. All have to.
//! 4. Where the counts cannot tell fewer from as many, that is said, and nothing else.
//! 5. After [`PATIENCE`] without fewer refusals it had no effect.
//! 6. Where nobody was refused more than usual before, an act that may hurt is looked at for
//!    what it broke; else the finding that it cures tells.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::finding::{Finding, Mode};
use crate::incident::{AuthSeries, AuthWindow, Incident, Rotation};
use crate::measure::{Baseline, Expected, beta_binomial_upper};
use crate::model::event::Risk;
use crate::model::intent::Verb;
use crate::model::{RotationId, SecretPath, ServiceName, Span, Text, Timestamp};

/// How long after an act what happens is its doing.
pub const LOOKED_AT: Span = Span::seconds(15 * 60);

/// An act that healed nothing by then had no effect.
pub const PATIENCE: Span = Span::seconds(3 * 60);

/// How long before the act a window still tells how things stood.
const BEFORE: Span = Span::seconds(5 * 60);

/// The windows that are counted together before the act, and at most together after it.
const TOGETHER: usize = 4;

/// The most windows that what is usual is learnt from.
const USUAL_FROM: usize = 60;

/// So unlikely must the windows before the act be to have been refused more than usual.
const MORE: f64 = 1e-3;

/// So unlikely must as few refusals as come after the act be by chance, to be called fewer.
const FEWER: f64 = 0.01;

/// So unlikely must more refusals after the act be by chance, to be called worse.
const WORSE: f64 = 1e-4;

/// More likely than this is usual.
const USUAL: f64 = 0.03;

/// So unlikely must refusals be that begin after an act to be laid at its door.
const BROKE: f64 = 1e-8;

/// Fewer refusals than this are not looked at.
const LEAST: u64 = 3;

/// Where a service has no past, a share above this is more than usual, and one of
/// `UNKNOWN.share` is taken for usual.
const HIGH: f64 = 0.05;
const UNKNOWN: Expected = Expected {
    share: 0.01,
    weight: 100.0,
};

/// An act that was done.
#[derive(Clone, Copy, Debug)]
pub struct Done<'a> {
    /// What.
    pub verb: Verb,
    /// On what: a secret, else a rotation.
    pub target: &'a Text,
    /// When, by the emitters' clock.
    pub at: Timestamp,
}

/// Refused authentications among all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Refused (401 and 403).
    pub bad: u64,
    /// All.
    pub total: u64,
}

impl Refused {
    fn of<'a>(windows: impl IntoIterator<Item = &'a AuthWindow>) -> Self {
        windows.into_iter().fold(Self::default(), Self::and)
    }

    fn and(self, window: &AuthWindow) -> Self {
        self.plus(Self {
            bad: window.failed(),
            total: window.total,
        })
    }

    fn plus(self, other: Self) -> Self {
        Self {
            bad: self.bad.saturating_add(other.bad),
            total: self.total.saturating_add(other.total),
        }
    }

    /// The refused share, 0 to 1; 0 where there were none.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of a window are far below 2^52"
    )]
    pub fn share(self) -> f64 {
        self.bad as f64 / self.total.max(1) as f64
    }

    /// How likely as few refusals as these are, where the share is still what it was before.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of a window are far below 2^52"
    )]
    fn as_few_as_after(self, before: Self) -> f64 {
        let good = |refused: Self| refused.total.saturating_sub(refused.bad);
        let (a, b) = (good(before) as f64 + 0.5, before.bad as f64 + 0.5);
        beta_binomial_upper(good(self), self.total, a, b)
    }

    /// The share as what is to be expected.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of a window are far below 2^52"
    )]
    fn expected(self) -> Expected {
        Expected {
            share: (self.bad as f64 + 0.5) / (self.total as f64 + 1.0),
            weight: self.total as f64 + 1.0,
        }
    }
}

/// What became of what the act was to cure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is as usual again, so long after the act.
    Healed(Span),
    /// Less is refused than before, and more than usual.
    Falling,
    /// Nothing was counted yet that began after the act.
    TooEarly,
    /// Too little was counted to tell.
    TooFew,
    /// It is as it was, so far.
    Same,
    /// Less is refused than before, but after so long it has not healed.
    Partly(Span),
    /// It is as it was after so long.
    NoEffect(Span),
    /// More is refused than before.
    Worse,
}

impl Verdict {
    /// True where the person should do something else next.
    #[must_use]
    pub fn wants_more(self) -> bool {
        matches!(self, Self::Partly(_) | Self::NoEffect(_) | Self::Worse)
    }
}

/// What an act brought about.
#[derive(Clone, Debug, PartialEq)]
pub struct Aftermath {
    /// What was counted; `None` where the finding alone tells.
    pub refused: Option<Counted>,
    /// The finding that it was to cure, where one stood.
    pub mode: Option<Mode>,
    /// What became of it.
    pub verdict: Verdict,
    /// The acts to try next, by name, in order; empty where it healed or nothing is known.
    pub next: &'static [&'static str],
}

/// Refusals before and after an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// `401`, `403` or `401/403`: what they were refused with.
    pub code: &'static str,
    /// Right before.
    pub before: Refused,
    /// At last; from when on it healed, where it healed.
    pub after: Refused,
}

impl fmt::Display for Aftermath {
    /// `401 9.1 % → 0.3 % in 40 s, healed`; `no effect in 3 min (401 9.1 % → 9.0 %)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Counted {
            code,
            before,
            after,
        }) = self.refused
        else {
            let mode = self.mode.map_or("it", Mode::name);
            return match self.verdict {
                Verdict::Healed(after) => write!(f, "{mode} healed in {}", length(after)),
                Verdict::NoEffect(after) => {
                    write!(f, "no effect in {}: {mode} stands", length(after))
                }
                _ => write!(f, "{mode} stands so far"),
            };
        };
        let (was, is) = (percent(before.share()), percent(after.share()));
        match self.verdict {
            Verdict::Healed(after) => {
                write!(f, "{code} {was} → {is} in {}, healed", length(after))
            }
            Verdict::Falling => write!(f, "{code} {was} → {is}, falling"),
            Verdict::TooEarly => write!(f, "{code} {was} before, not counted since"),
            Verdict::TooFew => write!(
                f,
                "{code} {was} → {} of {}, too few to tell",
                after.bad, after.total
            ),
            Verdict::Same => write!(f, "{code} {was} → {is} so far"),
            Verdict::Partly(after) => {
                write!(f, "{code} {was} → {is} in {}, not healed", length(after))
            }
            Verdict::NoEffect(after) => {
                write!(f, "no effect in {} ({code} {was} → {is})", length(after))
            }
            Verdict::Worse => write!(f, "{code} {was} → {is}, worse"),
        }
    }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 9.95 {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.1} %")
    }
}

fn length(span: Span) -> String {
    match span.as_seconds() {
        s @ ..120 => format!("{s} s"),
        s => format!("{} min", s / 60),
    }
}

/// What an act brought about, as far as is known at `now`; `None` where nothing was wrong that it
/// could have cured, and nothing is that it could have broken.
#[must_use]
pub fn aftermath(
    done: Done<'_>,
    incident: &Incident,
    findings: &[Arc<Finding>],
    now: Timestamp,
) -> Option<Aftermath> {
    if now < done.at {
        return None;
    }
    let touched = Touched::of(done, incident, findings);
    let finding = touched.finding(done);
    let next = finding.map_or(&[][..], |finding| after(finding.mode, done.verb));
    let mode = finding.map(|finding| finding.mode);
    let verdict = |(refused, verdict): (Option<Counted>, Verdict)| Aftermath {
        refused,
        mode,
        verdict,
        next: match verdict {
            Verdict::Healed(_) => &[],
            _ => next,
        },
    };
    let series = touched.series(incident);
    let hurt: Vec<Hurt<'_>> = series
        .iter()
        .filter_map(|series| Hurt::of(series, done, touched.onset(done)))
        .collect();
    if !hurt.is_empty() {
        return Some(verdict(counted(&hurt, done, now)));
    }
    if let Some(broke) = broken(&series, done) {
        return Some(verdict((Some(broke), Verdict::Worse)));
    }
    let finding = finding.filter(|f| f.mode.suggest().contains(&done.verb.name()))?;
    let healed = finding
        .resolved_at
        .filter(|at| *at <= done.at + LOOKED_AT)
        .map(|at| Verdict::Healed(at.since(done.at)));
    Some(verdict((
        None,
        healed.unwrap_or_else(|| patient(done, now)),
    )))
}

/// As it was: no effect after a while.
fn patient(done: Done<'_>, now: Timestamp) -> Verdict {
    let since = now.since(done.at);
    if since >= PATIENCE {
        Verdict::NoEffect(since.min(LOOKED_AT))
    } else {
        Verdict::Same
    }
}

/// The acts that come after this one in what a mode suggests; all of them where it is none.
fn after(mode: Mode, verb: Verb) -> &'static [&'static str] {
    let acts = mode.suggest();
    let at = acts.iter().position(|act| *act == verb.name());
    acts.get(at.map_or(0, |at| at + 1)..).unwrap_or_default()
}

/// What an act touched.
struct Touched<'a> {
    rotation: Option<&'a Rotation>,
    secret: Option<&'a SecretPath>,
    services: BTreeSet<&'a ServiceName>,
    /// The findings that stood when it was done.
    findings: Vec<&'a Finding>,
}

impl<'a> Touched<'a> {
    fn of(done: Done<'_>, incident: &'a Incident, findings: &'a [Arc<Finding>]) -> Self {
        let named = incident.rotation(&RotationId(done.target.clone()));
        let of_secret = || {
            let mut all: Vec<&Rotation> = incident
                .rotations()
                .filter(|r| r.started_at <= done.at)
                .filter(|r| {
                    r.secret
                        .as_ref()
                        .is_some_and(|s| s.raw() == done.target.raw())
                })
                .collect();
            all.sort_by_key(|r| r.started_at);
            all.pop()
        };
        let rotation = named.or_else(of_secret);
        let secret = rotation.and_then(|rotation| rotation.secret.as_ref());
        let concerns = |finding: &&Finding| {
            let of_rotation = finding.rotation.as_ref().is_some_and(|id| {
                let id = incident.canonical(id).unwrap_or(id);
                rotation.is_some_and(|r| r.id == *id)
            });
            let of_secret = finding.secret.as_ref();
            of_rotation || of_secret.is_some_and(|s| s.raw() == done.target.raw())
        };
        let stood = |finding: &&Finding| {
            finding.detected_at <= done.at && finding.resolved_at.is_none_or(|at| at > done.at)
        };
        let findings: Vec<&Finding> = findings
            .iter()
            .map(AsRef::as_ref)
            .filter(concerns)
            .filter(stood)
            .collect();
        let mut services: BTreeSet<&ServiceName> = BTreeSet::new();
        services.extend(rotation.into_iter().flat_map(|r| &r.services));
        services.extend(findings.iter().flat_map(|finding| &finding.services));
        if let Some(secret) = secret {
            let consumers = incident.consumers(secret);
            services.extend(consumers.filter_map(|consumer| consumer.service.as_ref()));
        }
        Self {
            rotation,
            secret,
            services,
            findings,
        }
    }

    /// The finding that the act cures, else any that stood.
    fn finding(&self, done: Done<'_>) -> Option<&'a Finding> {
        let all = &self.findings;
        let cured = all
            .iter()
            .find(|finding| finding.mode.suggest().contains(&done.verb.name()));
        cured.or_else(|| all.first()).copied()
    }

    fn series(&self, incident: &'a Incident) -> Vec<&'a AuthSeries> {
        let of_secret = |series: &&AuthSeries| match (&series.secret, self.secret) {
            (Some(of), Some(secret)) => of == secret,
            _ => true,
        };
        incident
            .auth()
            .filter(|series| self.services.contains(&series.service))
            .filter(of_secret)
            .collect()
    }

    /// What came before this is usual.
    fn onset(&self, done: Done<'_>) -> Timestamp {
        let began = self.rotation.map(|rotation| rotation.started_at);
        let found = self.findings.iter().map(|finding| finding.detected_at);
        let first = began.into_iter().chain(found).min();
        first.unwrap_or(done.at - LOOKED_AT).min(done.at)
    }
}

/// The windows that lie wholly after the act, as long as they are its doing.
fn since<'a>(series: &'a AuthSeries, done: Done<'_>) -> Vec<&'a AuthWindow> {
    let windows = series.windows.iter().rev();
    let mut after: Vec<&AuthWindow> = windows
        .take_while(|window| window.end > done.at)
        .filter(|window| window.end - window.length >= done.at)
        .filter(|window| window.end <= done.at + LOOKED_AT)
        .collect();
    after.reverse();
    after
}

/// The windows right before the act.
fn before(series: &AuthSeries, done: Done<'_>) -> Refused {
    let windows = series.windows.iter().rev();
    let last = windows
        .skip_while(|window| window.end > done.at)
        .take_while(|window| window.end > done.at - BEFORE);
    Refused::of(last.take(TOGETHER))
}

fn usual(series: &AuthSeries, until: Timestamp) -> Option<Expected> {
    let mut baseline = Baseline::default();
    let at = match series.windows.binary_search_by(|w| w.end.cmp(&until)) {
        Ok(at) => at + 1,
        Err(at) => at,
    };
    let known = (at.saturating_sub(USUAL_FROM)..at).filter_map(|n| series.windows.get(n));
    for window in known {
        baseline.learn(window.failed(), window.total);
    }
    baseline.expected()
}

/// A series that was refused more than usual when the act was done.
struct Hurt<'a> {
    series: &'a AuthSeries,
    usual: Expected,
    before: Refused,
}

impl<'a> Hurt<'a> {
    fn of(series: &'a AuthSeries, done: Done<'_>, onset: Timestamp) -> Option<Self> {
        let before = before(series, done);
        let usual = usual(series, onset);
        let more = match usual {
            Some(usual) => usual.surprise(before.bad, before.total) < MORE,
            None => before.share() >= HIGH,
        };
        (before.bad >= LEAST && more).then_some(Self {
            series,
            usual: usual.unwrap_or(UNKNOWN),
            before,
        })
    }

    /// When it was as usual again, and what was counted then.
    fn healed(&self, after: &[&AuthWindow]) -> Option<(Timestamp, Refused)> {
        (0..after.len()).find_map(|from| {
            let first = after.get(from)?;
            // One window may be quiet by chance: two, or as many more as it takes to tell.
            (2..=2 * TOGETHER).find_map(|many| {
                let windows = after.get(from..from + many)?;
                let together = Refused::of(windows.iter().copied());
                let each = windows
                    .iter()
                    .take(2)
                    .all(|window| self.usual.surprise(window.failed(), window.total) > USUAL);
                let usual = each && self.usual.surprise(together.bad, together.total) > USUAL;
                let fewer = together.as_few_as_after(self.before) < FEWER;
                (usual && fewer).then_some((first.end, together))
            })
        })
    }
}

/// What became of the series that suffered.
fn counted(hurt: &[Hurt<'_>], done: Done<'_>, now: Timestamp) -> (Option<Counted>, Verdict) {
    let mut all = Sum::default();
    let mut healed_at = Some(done.at);
    for hurt in hurt {
        let after = since(hurt.series, done);
        let healed = hurt.healed(&after);
        let latest = after.iter().rev().take(TOGETHER - 1).copied();
        let latest = healed.map_or_else(|| Refused::of(latest), |(_, counted)| counted);
        all.before = all.before.plus(hurt.before);
        all.after = all.after.plus(latest);
        healed_at = healed_at
            .zip(healed.map(|(at, _)| at))
            .map(|(a, b)| a.max(b));
    }
    let counted = Counted {
        code: code(hurt, done),
        before: all.before,
        after: all.after,
    };
    let verdict = match healed_at {
        Some(at) => Verdict::Healed(at.since(done.at)),
        None => all.verdict(done, now),
    };
    (Some(counted), verdict)
}

/// Refusals of all series together.
#[derive(Default)]
struct Sum {
    before: Refused,
    after: Refused,
}

impl Sum {
    fn verdict(&self, done: Done<'_>, now: Timestamp) -> Verdict {
        let (before, after) = (self.before, self.after);
        if after.total == 0 {
            return Verdict::TooEarly;
        }
        if before.expected().surprise(after.bad, after.total) < WORSE {
            return Verdict::Worse;
        }
        let late = now.since(done.at) >= PATIENCE;
        if after.as_few_as_after(before) < FEWER {
            let since = now.since(done.at).min(LOOKED_AT);
            return if late {
                Verdict::Partly(since)
            } else {
                Verdict::Falling
            };
        }
        // Where not even none refused would tell anything, nothing is told.
        let none = Refused {
            bad: 0,
            total: after.total,
        };
        if none.as_few_as_after(before) >= FEWER {
            return Verdict::TooFew;
        }
        patient(done, now)
    }
}

/// What the refusals before the act were called.
fn code(hurt: &[Hurt<'_>], done: Done<'_>) -> &'static str {
    let windows = hurt.iter().flat_map(|hurt| {
        let windows = hurt.series.windows.iter().rev();
        windows
            .skip_while(|window| window.end > done.at)
            .take(TOGETHER)
    });
    let (of_401, of_403) = windows.fold((0_u64, 0_u64), |(a, b), window| {
        (
            a.saturating_add(window.failed_401),
            b.saturating_add(window.failed_403),
        )
    });
    match (of_401, of_403) {
        (_, 0) => "401",
        (0, _) => "403",
        _ => "401/403",
    }
}

/// What an act that may hurt has broken.
fn broken(series: &[&AuthSeries], done: Done<'_>) -> Option<Counted> {
    let may_hurt = matches!(done.verb.risk(), Risk::Disruptive | Risk::Destructive)
        || matches!(done.verb, Verb::Resume | Verb::Rotate);
    if !may_hurt {
        return None;
    }
    series.iter().find_map(|series| {
        let after = since(series, done);
        let latest = Refused::of(after.iter().rev().take(TOGETHER - 1).copied());
        let usual = usual(series, done.at)?;
        let many = latest.bad >= LEAST && usual.surprise(latest.bad, latest.total) < BROKE;
        many.then(|| Counted {
            code: "401/403",
            before: before(series, done),
            after: latest,
        })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{at, started, told};
    use super::*;
    use crate::model::event::Severity;

    /// Windows of `checkout` over 30 s: from 600 s before the rotation on usual, from 60 s on
    /// refused, from `cured` on as the third share says, up to `until`.
    fn night(total: u64, bad: [u64; 3], cured: i64, until: i64) -> Incident {
        let mut incident = Incident::default();
        incident.apply(&started());
        let [usual, hurt, after] = bad;
        for n in -20..=(until / 30) {
            let end = n * 30;
            let failed = match end {
                ..60 => usual,
                e if e < cured => hurt,
                _ => after,
            };
            let data: Value = json!({"service": "checkout", "region": "eu", "window_seconds": 30,
                "total": total, "failed_401": failed, "failed_403": 0});
            incident.apply(&told(end, "/mesh", "", "auth.sample", &data));
        }
        incident.tick(at(until));
        incident
    }

    fn finding(mode: Mode, detected: i64, resolved: Option<i64>) -> Arc<Finding> {
        Arc::new(Finding {
            mode,
            rotation: Some("r1".into()),
            secret: Some("db".into()),
            services: ["checkout".into()].into(),
            regions: [].into(),
            detected_at: at(detected),
            resolved_at: resolved.map(at),
            severity: Severity::Page,
            suppressed: false,
            confidence: 0.9,
            evidence: Vec::new(),
            ruled_out: Vec::new(),
            cannot_know: Vec::new(),
        })
    }

    fn after(verb: Verb, incident: &Incident, findings: &[Arc<Finding>]) -> Option<Aftermath> {
        let target = Text::from("db");
        let done = Done {
            verb,
            target: &target,
            at: at(300),
        };
        aftermath(done, incident, findings, incident.now().unwrap())
    }

    fn said(verb: Verb, incident: &Incident) -> String {
        let found = [finding(Mode::F1, 120, None)];
        after(verb, incident, &found).map_or_else(String::new, |a| a.to_string())
    }

    #[test]
    fn what_heals_is_said_with_its_numbers_and_how_long_it_took() {
        let incident = night(1000, [2, 91, 3], 370, 600);
        let found = [finding(Mode::F1, 120, None)];
        let healed = after(Verb::RePush, &incident, &found).unwrap();
        assert_eq!(healed.to_string(), "401 9.1 % → 0.3 % in 90 s, healed");
        assert!(healed.next.is_empty());
    }

    #[test]
    fn what_healed_stays_healed_whatever_comes_later() {
        let mut incident = night(1000, [2, 91, 3], 370, 1200);
        for n in 41..60 {
            let data = json!({"service": "checkout", "region": "eu", "window_seconds": 30,
                "total": 1000, "failed_401": 400});
            incident.apply(&told(n * 30, "/mesh", "", "auth.sample", &data));
        }
        assert!(said(Verb::RePush, &incident).ends_with("healed"));
    }

    #[test]
    fn without_an_effect_the_next_suggestion_is_named() {
        let early = night(1000, [2, 91, 88], 330, 420);
        assert_eq!(said(Verb::RePush, &early), "401 9.1 % → 8.8 % so far");
        let late = night(1000, [2, 91, 88], 330, 500);
        let found = [finding(Mode::F1, 120, None)];
        let none = after(Verb::RePush, &late, &found).unwrap();
        assert_eq!(none.to_string(), "no effect in 3 min (401 9.1 % → 8.8 %)");
        assert_eq!(none.next, ["extend-grace", "rollback"]);
        let last = after(Verb::Rollback, &late, &found).unwrap();
        assert!(last.verdict.wants_more() && last.next.is_empty());
    }

    #[test]
    fn fewer_are_not_yet_as_usual() {
        let half = night(1000, [2, 91, 40], 330, 420);
        assert_eq!(said(Verb::RePush, &half), "401 9.1 % → 4.0 %, falling");
        let late = night(1000, [2, 91, 40], 330, 600);
        let words = said(Verb::RePush, &late);
        assert_eq!(words, "401 9.1 % → 4.0 % in 5 min, not healed");
    }

    #[test]
    fn few_counts_say_that_they_are_few() {
        let few = night(4, [0, 1, 0], 330, 390);
        assert_eq!(
            said(Verb::RePush, &few),
            "401 25 % → 0 of 12, too few to tell"
        );
        let more = night(4, [0, 3, 0], 330, 390);
        assert!(said(Verb::RePush, &more).ends_with("healed"));
    }

    #[test]
    fn nothing_counted_since_is_no_zero() {
        let incident = night(1000, [2, 91, 91], 330, 310);
        assert_eq!(
            said(Verb::RePush, &incident),
            "401 9.1 % before, not counted since"
        );
    }

    #[test]
    fn worse_is_said_also_of_what_was_well_before() {
        let worse = night(1000, [2, 91, 300], 330, 420);
        assert_eq!(said(Verb::RePush, &worse), "401 9.1 % → 30 %, worse");
        let broke = night(1000, [2, 2, 300], 330, 420);
        assert!(
            after(Verb::Rollback, &broke, &[])
                .unwrap()
                .to_string()
                .ends_with("0.2 % → 30 %, worse")
        );
        assert_eq!(after(Verb::Pause, &broke, &[]), None, "it cannot break it");
    }

    #[test]
    fn where_nobody_is_refused_the_finding_tells() {
        let calm = |until| night(1000, [2, 2, 2], 330, until);
        let say = |until, resolved| {
            let found = [finding(Mode::F3, 120, resolved)];
            after(Verb::Throttle, &calm(until), &found)
                .unwrap()
                .to_string()
        };
        assert_eq!(say(360, None), "F3 stands so far");
        assert_eq!(say(360, Some(345)), "F3 healed in 45 s");
        assert_eq!(say(500, None), "no effect in 3 min: F3 stands");
        let healed_before = [finding(Mode::F3, 120, Some(200))];
        assert_eq!(after(Verb::Throttle, &calm(500), &healed_before), None);
    }

    #[test]
    fn an_act_on_something_unknown_brings_about_nothing_known() {
        let target = Text::from("all rotations");
        let done = Done {
            verb: Verb::Freeze,
            target: &target,
            at: at(300),
        };
        let incident = night(1000, [2, 91, 91], 330, 500);
        assert_eq!(aftermath(done, &incident, &[], at(500)), None);
    }
}
