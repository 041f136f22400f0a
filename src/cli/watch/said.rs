//! What was said already, and the lines for what is new.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

use serde::Serialize;

use super::{Format, complain};
use crate::cli::diagnose::{Found, headline};
use crate::delivery::{Failure, Tally};
use crate::diagnosis::{Finding, Known, Mode};
use crate::measure::alert::{Alert, Names, Owners, Phase, Telling, Word};
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
    /// True where the last word of it was that it is over.
    over: bool,
}

impl Heard {
    /// What is to be said so that the last word tells how it stands: a look at events that came late
    /// may have taken back what was said, or what it was taken back by.
    fn amends(&self, stands: bool, now: Timestamp) -> Option<Word> {
        let told = |(phase, _): &(Phase, u32)| matches!(phase, Phase::Ticket | Phase::Page);
        if stands != self.over || !self.said.iter().any(told) {
            return None;
        }
        let phase = if stands {
            Phase::Again
        } else {
            Phase::Resolved
        };
        let of = self.said.iter().filter(|(said, _)| *said == phase);
        let last = of.map(|(_, nth)| *nth).max();
        let nth = match (last, phase) {
            (None, Phase::Resolved) => 0,
            (last, _) => last.unwrap_or(0).saturating_add(1),
        };
        Some(Word {
            at: now,
            phase,
            nth,
        })
    }
}

/// Says what is new.
pub(super) struct Said {
    owners: Owners,
    format: Format,
    is_live: bool,
    findings: BTreeMap<Name, Arc<Finding>>,
    alerts: BTreeMap<Text, Heard>,
    /// Keeps the keys of alerts.
    names: Names,
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
            names: Names::default(),
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
        for alert in self.names.settle(&known.alerts) {
            gone.remove(&alert.key);
            // What was over before anybody watched wakes nobody now, until it comes back.
            let held = self.alerts.get(&alert.key);
            let missed = held.map_or(self.is_live, |held| held.missed);
            let past = missed && !alert.stands();
            let was_missed = held.is_some_and(|held| held.missed);
            let mut due = None;
            for word in alert.told() {
                told.extend(self.alert(&alert, word).filter(|_| !past));
                if matches!(word.phase, Phase::Ticket | Phase::Page) {
                    due = Some(word);
                }
            }
            let held = self.alerts.get(&alert.key);
            let amends = held.and_then(|held| {
                let now = now.unwrap_or(alert.since);
                held.amends(alert.stands(), alert.resolved_at.unwrap_or(now))
            });
            if let Some(word) = amends {
                told.extend(self.alert(&alert, word).filter(|_| !past));
            }
            if let Some(word) = due.filter(|_| was_missed && alert.stands()) {
                told.insert(0, self.late(&alert, word));
            }
            if let Some(held) = self.alerts.get_mut(&alert.key) {
                held.missed = past;
            }
        }
        // A look at events that came late may know better.
        let mut withdrawn = Vec::new();
        for held in gone.iter().filter_map(|key| self.alerts.get(key)) {
            let at = now.unwrap_or(held.alert.since);
            if let Some(word) = held.amends(false, at).filter(|_| !held.missed) {
                let mut alert = (*held.alert).clone();
                (alert.resolved_at, alert.withdrawn) = (Some(at), true);
                withdrawn.push((Arc::new(alert), word));
            }
        }
        for (alert, word) in withdrawn {
            told.extend(self.alert(&alert, word));
        }
        told
    }

    /// Says one thing of an alert, where it was not said.
    fn alert(&mut self, alert: &Arc<Alert>, word: Word) -> Option<Told> {
        let held = self.alerts.entry(alert.key.clone());
        let held = held.or_insert_with(|| Heard {
            alert: Arc::clone(alert),
            said: BTreeSet::new(),
            missed: false,
            over: false,
        });
        held.alert = Arc::clone(alert);
        let Word { at, phase, nth } = word;
        if !held.said.insert((phase, nth)) {
            return None;
        }
        held.over = phase == Phase::Resolved;
        let route = self.owners.route(alert);
        let telling = Telling::of(alert, word, &route);
        if self.format == Format::Events {
            let event = alert.event(word, route.owner.as_ref());
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
    fn late(&self, alert: &Alert, word: Word) -> Told {
        let route = self.owners.route(alert);
        Told {
            telling: Telling::of(alert, word, &route),
            rings: word.phase == Phase::Page,
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
        let words = not_told(failure);
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
        if let Some(words) = counted(tally) {
            complain(&words);
        }
        if rejected > 0 {
            complain(&format!("rejected {rejected}"));
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
                    complain(words);
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

/// That a hook was not told, in words.
pub(super) fn not_told(failure: &Failure) -> String {
    let Failure {
        hook,
        alert,
        phase,
        why,
    } = failure;
    let phase = phase.name();
    format!("HOOK       {hook} was not told of {alert} ({phase}): {why}")
}

/// How much hooks were told, in words; `None` where there was nothing to tell.
pub(super) fn counted(tally: Tally) -> Option<String> {
    let Tally {
        delivered,
        failed,
        hung,
        dropped,
    } = tally;
    (delivered + failed > 0).then(|| {
        format!("hooks told {delivered} not told {failed} (hung {hung}, dropped {dropped})")
    })
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
mod tests;
