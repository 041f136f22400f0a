//! What was said already, and the lines for what is new.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use super::Format;
use crate::cli::diagnose::{Found, headline};
use crate::delivery::{Failure, Tally};
use crate::diagnosis::{Finding, Known, Mode};
use crate::measure::alert::{Alert, Owners, Phase, Telling};
use crate::model::link::{Link, LinkState};
use crate::model::{RotationId, ServiceName, Text, Timestamp, json};
use crate::session::Update;

/// What of an alert is new.
pub(super) struct Told {
    pub(super) telling: Telling,
    /// True where somebody is woken by it now.
    pub(super) rings: bool,
}

/// What tells one finding from another.
type Name = (Timestamp, Mode, Option<RotationId>, Vec<ServiceName>);

/// An alert as it was last known.
struct Heard {
    alert: Arc<Alert>,
    /// What was said of it: each phase once, and each return.
    said: BTreeSet<(Phase, u32)>,
    /// True where it was over before anybody watched, and no hook was told of it.
    missed: bool,
}

/// Says what is new.
pub(super) struct Said {
    owners: Owners,
    format: Format,
    is_live: bool,
    findings: BTreeMap<Name, Arc<Finding>>,
    alerts: BTreeMap<Text, Heard>,
    links: BTreeMap<Text, LinkState>,
    troubles: usize,
    /// Lines to be written, each with its moment and a rank among those of one moment.
    lines: Vec<(Option<Timestamp>, u8, String)>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Line<'a> {
    Finding {
        what: &'static str,
        at: Timestamp,
        #[serde(flatten)]
        finding: Box<Found<'a>>,
    },
    Alert {
        #[serde(flatten)]
        telling: &'a Telling,
    },
    Link {
        backend: String,
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    Hook {
        hook: String,
        alert: String,
        phase: Phase,
        error: &'a str,
    },
    Trouble {
        error: &'a str,
    },
    End {
        told: u64,
        not_told: u64,
        hung: u64,
        dropped: u64,
        rejected: u64,
    },
}

impl Said {
    pub(super) fn new(owners: Owners, format: Format, is_live: bool) -> Self {
        Self {
            owners,
            format,
            is_live,
            findings: BTreeMap::new(),
            alerts: BTreeMap::new(),
            links: BTreeMap::new(),
            troubles: 0,
            lines: Vec::new(),
        }
    }

    /// Takes in what is new in what is known at a moment; gives what of alerts hooks are to be
    /// told. The lines for it are written by [`Self::flush`].
    pub(super) fn take(&mut self, known: &Known, now: Option<Timestamp>) -> Vec<Told> {
        self.findings(known, now);
        self.alerts(known, now)
    }

    fn findings(&mut self, known: &Known, now: Option<Timestamp>) {
        let mut before = std::mem::take(&mut self.findings);
        for finding in known.findings.iter() {
            let name = name(finding);
            let held = before.remove(&name);
            if held.is_none() {
                self.finding("found", finding.detected_at, finding);
            }
            let was_over = held.is_some_and(|held| held.resolved_at.is_some());
            if let Some(at) = finding.resolved_at.filter(|_| !was_over) {
                self.finding("healed", at, finding);
            }
            self.findings.insert(name, Arc::clone(finding));
        }
        for finding in before.into_values() {
            let at = now.unwrap_or(finding.detected_at);
            self.finding("withdrawn", at, &finding);
        }
    }

    fn finding(&mut self, what: &'static str, at: Timestamp, finding: &Finding) {
        let words = headline(finding);
        let words = words.split_once(' ').map_or("", |(_, words)| words);
        let words = format!("{at} {:<10} {words}", what.to_uppercase());
        let line = Line::Finding {
            what,
            at,
            finding: Box::new(Found::of(finding)),
        };
        self.push(Some(at), u8::from(what != "found"), &words, &line);
    }

    fn alerts(&mut self, known: &Known, now: Option<Timestamp>) -> Vec<Told> {
        let mut told = Vec::new();
        let mut gone: BTreeSet<Text> = self.alerts.keys().cloned().collect();
        for alert in known.alerts.iter() {
            gone.remove(&alert.key);
            // What was over before anybody watched wakes nobody now, until it comes back.
            let held = self.alerts.get(&alert.key);
            let missed = held.map_or(self.is_live, |held| held.missed);
            let past = missed && !alert.stands();
            let was_missed = held.is_some_and(|held| held.missed);
            let mut due = None;
            for (at, phase) in alert.told() {
                told.extend(self.alert(alert, at, phase).filter(|_| !past));
                if matches!(phase, Phase::Ticket | Phase::Page) {
                    due = Some((at, phase));
                }
            }
            if let Some((at, phase)) = due.filter(|_| was_missed && alert.stands()) {
                told.insert(0, self.late(alert, at, phase));
            }
            if let Some(held) = self.alerts.get_mut(&alert.key) {
                held.missed = past;
            }
        }
        // A look at events that came late may know better.
        for key in gone {
            let Some(Heard {
                alert,
                said,
                missed,
            }) = self.alerts.get(&key)
            else {
                continue;
            };
            if !missed && !said.is_empty() && !said.contains(&(Phase::Resolved, 0)) {
                let mut alert = (**alert).clone();
                let at = now.unwrap_or(alert.since);
                (alert.resolved_at, alert.withdrawn) = (Some(at), true);
                told.extend(self.alert(&Arc::new(alert), at, Phase::Resolved));
            }
        }
        told
    }

    /// Says one thing of an alert, where it was not said.
    fn alert(&mut self, alert: &Arc<Alert>, at: Timestamp, phase: Phase) -> Option<Told> {
        let nth = if phase == Phase::Again {
            alert.flaps
        } else {
            0
        };
        let held = self.alerts.entry(alert.key.clone());
        let held = held.or_insert_with(|| Heard {
            alert: Arc::clone(alert),
            said: BTreeSet::new(),
            missed: false,
        });
        held.alert = Arc::clone(alert);
        if !held.said.insert((phase, nth)) {
            return None;
        }
        let route = self.owners.route(alert);
        let telling = Telling::of(alert, at, phase, &route);
        if self.format == Format::Events {
            let event = alert.event(at, phase, route.owner.as_ref());
            // An event that cannot be written as JSON does not exist: it was made of words.
            if let Ok(line) = event.to_json() {
                self.lines.push((Some(at), 2, json::harmless(&line)));
            }
        } else {
            let words = text(&telling, alert.withdrawn);
            self.push(Some(at), 2, &words, &Line::Alert { telling: &telling });
        }
        let rings = phase == Phase::Page && alert.stands();
        Some(Told { telling, rings })
    }

    /// What hooks were not told while it was over already, now that it stands again. It was said.
    fn late(&self, alert: &Alert, at: Timestamp, phase: Phase) -> Told {
        let route = self.owners.route(alert);
        Told {
            telling: Telling::of(alert, at, phase, &route),
            rings: phase == Phase::Page,
        }
    }

    /// Says what is new of the connections of a live session.
    pub(super) fn links(&mut self, update: &Update) -> io::Result<()> {
        for trouble in update.loading.trouble.iter().skip(self.troubles) {
            let words = trouble.to_string();
            self.push(None, 0, &words, &Line::Trouble { error: &words });
        }
        self.troubles = update.loading.trouble.len();
        let links = update.live.iter().flat_map(|live| live.links.iter());
        for link in links {
            let known = self.links.get(&link.name).copied();
            if known == Some(link.state) || is_usual(known, link) {
                continue;
            }
            self.links.insert(link.name.clone(), link.state);
            self.link(link);
        }
        self.flush()
    }

    fn link(&mut self, link: &Link) {
        let error = link.error.as_ref().map(ToString::to_string);
        let error = error.filter(|_| link.state != LinkState::Live);
        let why = error
            .as_ref()
            .map_or(String::new(), |error| format!(": {error}"));
        let state = match link.state {
            LinkState::Connecting => "not reached yet",
            state => state.word(),
        };
        let words = format!("BACKEND    {} is {state}{why}", link.name);
        let object = Line::Link {
            backend: link.name.to_string(),
            state,
            error,
        };
        self.push(None, 0, &words, &object);
    }

    /// A hook was not told.
    pub(super) fn failure(&mut self, failure: &Failure) -> io::Result<()> {
        let Failure {
            hook,
            alert,
            phase,
            why,
        } = failure;
        let words = format!(
            "HOOK       {hook} was not told of {alert} ({}): {why}",
            phase.name()
        );
        let line = Line::Hook {
            hook: hook.to_string(),
            alert: alert.to_string(),
            phase: *phase,
            error: why,
        };
        self.push(None, 3, &words, &line);
        self.flush()
    }

    /// Something else is wrong.
    pub(super) fn trouble(&mut self, words: &str) -> io::Result<()> {
        self.push(None, 3, words, &Line::Trouble { error: words });
        self.flush()
    }

    /// The last line, where hooks were run or something could not be read.
    pub(super) fn end(&mut self, tally: Tally, rejected: u64) -> io::Result<()> {
        let line = Line::End {
            told: tally.delivered,
            not_told: tally.failed,
            hung: tally.hung,
            dropped: tally.dropped,
            rejected,
        };
        if self.format == Format::Json {
            self.push(None, 4, "", &line);
            return self.flush();
        }
        let mut err = io::stderr().lock();
        if tally.delivered + tally.failed > 0 {
            writeln!(
                err,
                "hooks told {} not told {} (hung {}, dropped {})",
                tally.delivered, tally.failed, tally.hung, tally.dropped
            )?;
        }
        if rejected > 0 {
            writeln!(err, "rejected {rejected}")?;
        }
        Ok(())
    }

    /// A line that is to be written. Where events are asked for, all else goes to standard error.
    fn push(&mut self, at: Option<Timestamp>, rank: u8, words: &str, line: &Line<'_>) {
        match self.format {
            Format::Text => self.lines.push((at, rank, words.to_owned())),
            Format::Json => {
                // What is made of words and numbers can be written.
                if let Ok(line) = json::to_line(line) {
                    self.lines.push((at, rank, line));
                }
            }
            Format::Events => {
                if !matches!(line, Line::Finding { .. }) {
                    let _ = writeln!(io::stderr().lock(), "{words}");
                }
            }
        }
    }

    /// Writes the lines in order of time, each at once.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.sort_by_key(|line| (line.0, line.1));
        let mut out = io::stdout().lock();
        for (_, _, line) in lines {
            writeln!(out, "{line}")?;
            out.flush()?;
        }
        Ok(())
    }
}

/// Not worth a line: the first steps of a connection, and whoever catches up after each of them.
fn is_usual(before: Option<LinkState>, link: &Link) -> bool {
    match link.state {
        LinkState::Connecting => link.error.is_none(),
        LinkState::CatchingUp => true,
        LinkState::Live => before.is_none_or(|before| before == LinkState::Live),
        _ => false,
    }
}

fn name(finding: &Finding) -> Name {
    let services = match &finding.rotation {
        // It gains services while it stands.
        Some(_) => Vec::new(),
        None => finding.services.iter().cloned().collect(),
    };
    (
        finding.detected_at,
        finding.mode,
        finding.rotation.clone(),
        services,
    )
}

fn text(telling: &Telling, withdrawn: bool) -> String {
    let word = telling.phase.name().to_uppercase();
    let mut words = format!("{} {word:<10} {}", telling.at, telling.summary);
    if telling.phase == Phase::Resolved && withdrawn {
        words.push_str("; taken back");
    }
    if let Some(window) = telling.window.as_ref().filter(|_| telling.suppressed) {
        words.push_str("; kept quiet by window ");
        words.push_str(window);
    }
    words.push_str(match &telling.owner {
        Some(_) => "; to ",
        None => "; no owner known",
    });
    words.push_str(telling.owner.as_deref().unwrap_or_default());
    if !telling.to.is_empty() {
        words.push_str(" (");
        words.push_str(&telling.to.join(", "));
        words.push(')');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::alert::About;
    use crate::model::event::Severity;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_800_000_000 + seconds, 0)
    }

    /// A page at 10 s.
    fn paged() -> Alert {
        Alert {
            key: "rotation/r1".into(),
            about: About::Rotation("r1".into()),
            severity: Severity::Page,
            others: BTreeSet::new(),
            modes: vec!["F1"],
            words: String::new(),
            secret: None,
            services: BTreeSet::new(),
            regions: BTreeSet::new(),
            owner: None,
            since: at(10),
            suppressed_at: None,
            window: None,
            ticketed_at: None,
            paged_at: Some(at(10)),
            escalated_at: None,
            resolved_at: None,
            first_resolved_at: None,
            withdrawn: false,
            flaps: 0,
            again_at: None,
            burning: None,
            next: &[],
        }
    }

    fn take(said: &mut Said, alert: &Alert, seconds: i64) -> Vec<(Phase, bool)> {
        let known = Known {
            alerts: [Arc::new(alert.clone())].into(),
            ..Known::default()
        };
        let told = said.take(&known, Some(at(seconds)));
        let told = told.into_iter();
        told.map(|told| (told.telling.phase, told.rings)).collect()
    }

    #[test]
    fn what_was_over_before_anybody_watched_wakes_somebody_when_it_comes_back() {
        let mut said = Said::new(Owners::default(), Format::Text, true);
        let mut alert = paged();
        (alert.resolved_at, alert.first_resolved_at) = (Some(at(60)), Some(at(60)));
        assert!(take(&mut said, &alert, 100).is_empty());
        assert!(take(&mut said, &alert, 110).is_empty());
        (alert.resolved_at, alert.again_at, alert.flaps) = (None, Some(at(120)), 1);
        let told = [(Phase::Page, true), (Phase::Again, false)];
        assert_eq!(take(&mut said, &alert, 120), told);
        assert!(take(&mut said, &alert, 130).is_empty(), "once");
        // What was told of while somebody watched is told once, whatever becomes of it.
        let mut said = Said::new(Owners::default(), Format::Text, true);
        let mut alert = paged();
        assert_eq!(take(&mut said, &alert, 20), [(Phase::Page, true)]);
        (alert.resolved_at, alert.first_resolved_at) = (Some(at(60)), Some(at(60)));
        assert_eq!(take(&mut said, &alert, 60), [(Phase::Resolved, false)]);
        (alert.resolved_at, alert.again_at, alert.flaps) = (None, Some(at(120)), 1);
        assert_eq!(take(&mut said, &alert, 120), [(Phase::Again, false)]);
    }
}
