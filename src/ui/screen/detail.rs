//! All about one rotation: what happened when, its stages, its consumers, its audit trail.

use std::collections::BTreeMap;

use crate::incident::{AuditLine, Consumer, Rotation, StepKind};
use crate::model::event::{AuditOutcome, ConsumerState, Stage, StageStatus};
use crate::model::{Region, RotationId, SecretPath, Timestamp, Version};
use crate::ui::desk::Desk;
use crate::ui::digest::works;
use crate::ui::fit::{countdown, plural, span, version};
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

use super::done;

/// The most consumers that are listed one by one.
const CONSUMERS: usize = 400;

/// The rotation's name.
pub fn title(desk: &Desk) -> String {
    match desk.opened() {
        Some(rotation) => match &rotation.secret {
            Some(secret) => format!("{secret} ({})", rotation.id),
            None => rotation.id.to_string(),
        },
        None => desk
            .chosen
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    }
}

/// The list.
pub fn lines(desk: &Desk, width: u16) -> Vec<Line> {
    let Some(rotation) = desk.opened() else {
        let why = match &desk.chosen {
            Some(id) => format!("{id} has not begun at this moment: go on in the recording."),
            None => "No rotation is selected: go back and select one.".to_owned(),
        };
        return vec![Line::plain(why, Role::Dim)];
    };
    let mut lines = Vec::new();
    facts(&mut lines, desk, rotation);
    done::lines(&mut lines, desk, rotation, width);
    stages(&mut lines, desk, rotation, width);
    timeline(&mut lines, desk, rotation);
    consumers(&mut lines, desk, rotation, width);
    audit(&mut lines, desk, rotation, width);
    lines
}

fn fact(lines: &mut Vec<Line>, name: &str, words: impl Into<String>, role: Role) {
    lines.push(Line::Pieces(vec![
        Piece::new(name, Role::Dim).wide(10),
        Piece::new(words, role),
    ]));
}

fn version_name(name: Option<&Version>) -> String {
    name.map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

/// What was found of the rotation.
fn found(lines: &mut Vec<Line>, desk: &Desk, rotation: &Rotation) {
    let (now, clock) = (desk.now(), desk.clock());
    let incident = &desk.state.incident;
    let own = |id: &RotationId| incident.rotation(id).is_some_and(|r| r.id == rotation.id);
    for finding in desk.digest.findings.all() {
        if !finding.rotation.as_ref().is_some_and(own) {
            continue;
        }
        let what = finding.mode.runbook().replace('-', " ");
        let (how, role) = match finding.resolved_at {
            Some(at) => (format!("healed {}", clock.ago(at, now)), Role::Dim),
            None => (
                format!("found {}", clock.ago(finding.detected_at, now)),
                super::findings::role(finding),
            ),
        };
        fact(lines, finding.mode.name(), format!("{what}, {how}"), role);
    }
}

fn facts(lines: &mut Vec<Line>, desk: &Desk, rotation: &Rotation) {
    found(lines, desk, rotation);
    let (now, clock) = (desk.now(), desk.clock());
    let mut what: Vec<String> = Vec::new();
    what.extend(rotation.kind.as_ref().map(ToString::to_string));
    what.extend(rotation.tier.as_ref().map(|tier| format!("tier {tier}")));
    what.extend(
        rotation
            .owner
            .as_ref()
            .map(|owner| format!("owner {owner}")),
    );
    what.extend(rotation.trigger.as_ref().map(|t| format!("trigger {t}")));
    what.extend(rotation.by.as_ref().map(|by| format!("by {by}")));
    if rotation.planned == Some(true) {
        what.push("planned".to_owned());
    }
    if !what.is_empty() {
        fact(lines, "what", what.join(", "), Role::Text);
    }
    let mut versions = format!(
        "{} → {}",
        version_name(rotation.from_version.as_ref()),
        version_name(rotation.to_version.as_ref())
    );
    match rotation.dual_run {
        Some(true) => versions.push_str(", both accepted until the revocation (promised)"),
        Some(false) => versions.push_str(", the old one refused from the cutover on"),
        None => {}
    }
    fact(lines, "version", versions, Role::Strong);
    let began = format!(
        "{} {} {}, {}",
        clock.day(rotation.started_at),
        clock.time(rotation.started_at),
        clock.zone(),
        clock.ago(rotation.started_at, now)
    );
    fact(lines, "began", began, Role::Text);
    grace(lines, desk, rotation);
    if let Some(end) = &rotation.ended {
        let reason = end
            .reason
            .as_ref()
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        let words = format!("{} {}{reason}", end.outcome, clock.ago(end.at, now));
        fact(lines, "ended", words, Role::Text);
    }
    if let Some(later) = &rotation.superseded_by {
        fact(lines, "replaced", format!("by {later}"), Role::Dim);
    }
    if let Some(correlation) = &rotation.correlation {
        fact(lines, "correlated", correlation.to_string(), Role::Text);
    }
    if !rotation.aliases.is_empty() {
        let aliases: Vec<String> = rotation.aliases.iter().map(ToString::to_string).collect();
        fact(lines, "also", aliases.join(", "), Role::Dim);
    }
    if !rotation.audit_expected {
        fact(lines, "audit", "never written for this system", Role::Dim);
    }
}

fn grace(lines: &mut Vec<Line>, desk: &Desk, rotation: &Rotation) {
    let (now, clock) = (desk.now(), desk.clock());
    let Some(until) = rotation.point_of_no_return() else {
        return;
    };
    let left = now.map_or(String::new(), |now| {
        if until > now {
            format!(", {} left", countdown(until.since(now)))
        } else {
            format!(", {}", clock.ago(until, Some(now)))
        }
    });
    let what = if rotation.revoked_at.is_some() {
        "old version revoked"
    } else if rotation.grace.is_some() {
        "grace ends"
    } else {
        "cutover without dual-run"
    };
    let by = rotation
        .grace
        .as_ref()
        .filter(|grace| grace.extended.is_some())
        .map(|grace| {
            let by = grace.by.as_ref().map(|by| format!(" by {by}"));
            let extended = grace.extended.map(span).unwrap_or_default();
            format!(", extended {extended}{}", by.unwrap_or_default())
        })
        .unwrap_or_default();
    let role = if now.is_some_and(|now| until > now) {
        Role::Text
    } else {
        Role::Warn
    };
    let words = format!("{what} {} {}{left}{by}", clock.time(until), clock.zone());
    fact(lines, "no return", words, role);
}

fn status_mark(status: Option<&StageStatus>) -> (&'static str, Role) {
    match status {
        Some(StageStatus::Failed) => ("✗", Role::Bad),
        Some(StageStatus::Paused) => ("‖", Role::Warn),
        Some(StageStatus::Completed) => ("▰", Role::Ok),
        Some(StageStatus::Skipped) => ("–", Role::Dim),
        Some(_) => ("▰", Role::Accent),
        None => ("▱", Role::Dim),
    }
}

fn stages(lines: &mut Vec<Line>, desk: &Desk, rotation: &Rotation, width: u16) {
    let (now, clock) = (desk.now(), desk.clock());
    lines.push(Line::Rule("Stages".to_owned()));
    for (stage, view) in Stage::KNOWN.iter().zip(&rotation.stages) {
        let (mark, role) = status_mark(view.status.as_ref());
        let status = view
            .status
            .as_ref()
            .map_or_else(|| "not told of".to_owned(), ToString::to_string);
        let tries = if view.attempt > 1 {
            format!("↻{}", view.attempt)
        } else {
            String::new()
        };
        let percent = view
            .percent
            .map(|p| format!("{p:.0} %"))
            .unwrap_or_default();
        let age = view
            .last_at
            .map(|at| clock.age(at, now))
            .unwrap_or_default();
        let took = view
            .began_at
            .zip(view.last_at)
            .filter(|(began, last)| last > began)
            .map(|(began, last)| format!("took {}", span(last.since(began))))
            .unwrap_or_default();
        let mut pieces = vec![
            Piece::new(mark, role).wide(1),
            Piece::new(stage.to_string(), Role::Text).wide(10),
            Piece::new(status, role).wide(11),
            Piece::new(tries, Role::Warn).wide(4),
            Piece::new(percent, Role::Text).right(5),
            Piece::new(age, Role::Dim).right(9),
        ];
        if width >= 72 {
            pieces.push(Piece::new(took, Role::Dim).wide(12));
        }
        pieces.push(Piece::new(regions(&view.regions), Role::Text));
        lines.push(Line::Pieces(pieces));
        if let Some(error) = &view.error {
            lines.push(Line::Pieces(vec![
                Piece::new("", Role::Dim).wide(12),
                Piece::new(error.to_string(), Role::Bad),
            ]));
        }
    }
}

/// `eu-1 failed, us-2 completed`; all alike are said once.
fn regions(regions: &[(Region, StageStatus)]) -> String {
    let mut by_status: BTreeMap<&StageStatus, Vec<String>> = BTreeMap::new();
    for (region, status) in regions {
        by_status
            .entry(status)
            .or_default()
            .push(region.to_string());
    }
    let words: Vec<String> = by_status
        .iter()
        .map(|(status, names)| format!("{} {status}", names.join(" ")))
        .collect();
    words.join(", ")
}

fn timeline(lines: &mut Vec<Line>, desk: &Desk, rotation: &Rotation) {
    lines.push(Line::Rule("Timeline, latest first".to_owned()));
    for step in rotation.timeline.iter().rev() {
        let (words, role) = step_words(desk, &step.what);
        lines.push(moment(
            desk,
            step.event.time,
            words,
            role,
            &step.event.source.to_string(),
        ));
    }
}

fn moment(desk: &Desk, at: Timestamp, words: String, role: Role, source: &str) -> Line {
    let clock = desk.clock();
    let ago = desk
        .now()
        .map(|now| {
            if at > now {
                format!("in {}", span(at.since(now)))
            } else {
                span(now.since(at))
            }
        })
        .unwrap_or_default();
    Line::Pieces(vec![
        Piece::new(clock.time(at), Role::Dim).wide(8),
        Piece::new(ago, Role::Dim).right(9),
        Piece::new(words, role),
        Piece::new(source, Role::Dim),
    ])
}

fn step_words(desk: &Desk, what: &StepKind) -> (String, Role) {
    match what {
        StepKind::Started => ("rotation began".to_owned(), Role::Text),
        StepKind::Stage {
            stage,
            status,
            attempt,
            region,
            wave,
            error,
        } => {
            let words = [
                Some(format!("{stage} {status}")),
                region.as_ref().map(|region| format!(" in {region}")),
                wave.map(|wave| format!(", wave {wave}")),
                (*attempt > 1).then(|| format!(", try {attempt}")),
                error.as_ref().map(|error| format!(": {error}")),
            ];
            let words = words.into_iter().flatten().collect();
            let role = match status {
                StageStatus::Failed => Role::Bad,
                StageStatus::Paused => Role::Warn,
                _ => Role::Text,
            };
            (words, role)
        }
        StepKind::Grace { ends_at, by } => {
            let by = by
                .as_ref()
                .map(|by| format!(" by {by}"))
                .unwrap_or_default();
            let words = format!("grace set to {}{by}", desk.clock().time(*ends_at));
            (words, Role::Text)
        }
        StepKind::Finished { outcome, reason } => {
            let reason = reason
                .as_ref()
                .map(|r| format!(": {r}"))
                .unwrap_or_default();
            (format!("{outcome}{reason}"), Role::Strong)
        }
        StepKind::Act {
            action,
            phase,
            actor,
            signed,
            approved_by,
        } => {
            // Whoever holds the token may have given any name.
            let who = match signed {
                Some(false) => format!("{actor} (unsigned)"),
                _ => actor.to_string(),
            };
            let names: Vec<String> = approved_by.iter().map(ToString::to_string).collect();
            let approved = if names.is_empty() {
                String::new()
            } else {
                format!(", approved by {}", names.join(", "))
            };
            (format!("{who}: {action} {phase}{approved}"), Role::MarkAct)
        }
    }
}

fn consumers(lines: &mut Vec<Line>, desk: &Desk, rotation: &Rotation, width: u16) {
    let Some(secret) = &rotation.secret else {
        lines.push(Line::Rule("Consumers: the secret is not known".to_owned()));
        return;
    };
    let tally = desk.state.incident.tally(rotation);
    let mut all: Vec<&Consumer> = desk.state.incident.consumers(secret).collect();
    lines.push(Line::Rule(match all.len() {
        0 => "Consumers: none is known".to_owned(),
        _ => format!(
            "Consumers: {} of {} on {}",
            tally.on_new,
            tally.total,
            rotation.to_version.as_ref().map_or_else(
                || "the new version".to_owned(),
                |v| version(&v.to_string()).into_owned()
            )
        ),
    }));
    if !tally.regions.is_empty() {
        let words: Vec<String> = tally
            .regions
            .iter()
            .map(|r| {
                let name = r
                    .region
                    .as_ref()
                    .map_or_else(|| "?".to_owned(), ToString::to_string);
                format!("{name} {}/{}", r.on_new, r.total)
            })
            .collect();
        fact(lines, "by region", words.join("   "), Role::Strong);
    }
    // Worst first: failing, then not on the new version, then the rest; by region within.
    let rank = |consumer: &Consumer| {
        let on_new = consumer.version == rotation.to_version && works(&consumer.state);
        (consumer.state != ConsumerState::Failed, on_new)
    };
    all.sort_by(|a, b| {
        rank(a)
            .cmp(&rank(b))
            .then_with(|| a.region.cmp(&b.region))
            .then_with(|| a.name.cmp(&b.name))
    });
    let left_out = all.len().saturating_sub(CONSUMERS);
    for consumer in all.iter().take(CONSUMERS) {
        lines.extend(consumer_lines(desk, rotation, consumer, width));
    }
    if left_out > 0 {
        let words = format!(
            "and {} more, none worse than these",
            plural(left_out, "consumer")
        );
        lines.push(Line::plain(words, Role::Dim));
    }
}

fn consumer_lines(desk: &Desk, rotation: &Rotation, consumer: &Consumer, width: u16) -> Vec<Line> {
    let (now, clock) = (desk.now(), desk.clock());
    let on_new = consumer.version == rotation.to_version && works(&consumer.state);
    let (mark, role) = match (&consumer.state, on_new) {
        (ConsumerState::Failed, _) => ("✗", Role::Bad),
        (_, true) => ("▰", Role::Ok),
        (ConsumerState::Delivered, _) => ("◇", Role::Warn),
        _ => ("▱", Role::Warn),
    };
    let version = consumer
        .version
        .as_ref()
        .map_or_else(|| "?".to_owned(), |v| version(&v.to_string()).into_owned());
    let name = width.saturating_sub(56).clamp(12, 44);
    let region = consumer.region.as_ref().map(ToString::to_string);
    let latency = consumer.latency.map(|l| format!("took {}", span(l)));
    let names: Vec<String> = consumer
        .identities
        .iter()
        .map(ToString::to_string)
        .collect();
    let known = if names.is_empty() {
        String::new()
    } else {
        format!("known as {}", names.join(", "))
    };
    // Who is well is one line; who is not may need to be found in another system by its names.
    let mut lines = vec![Line::Pieces(vec![
        Piece::new(mark, role).wide(1),
        Piece::new(region.unwrap_or_else(|| "?".to_owned()), Role::Text).wide(9),
        Piece::new(consumer.name.to_string(), Role::Text).wide(name),
        Piece::new(version, role).wide(9),
        Piece::new(consumer.state.to_string(), role).wide(9),
        Piece::new(clock.age(consumer.at, now), Role::Dim).right(9),
        Piece::new(latency.unwrap_or_default(), Role::Dim),
        Piece::new(
            if on_new && width >= 110 {
                known.as_str()
            } else {
                ""
            },
            Role::Dim,
        ),
    ])];
    if let Some(error) = &consumer.error {
        lines.push(Line::Pieces(vec![
            Piece::new("", Role::Dim).wide(11),
            Piece::new(error.to_string(), Role::Bad),
        ]));
    }
    if !known.is_empty() && !on_new {
        lines.push(Line::Pieces(vec![
            Piece::new("", Role::Dim).wide(11),
            Piece::new(known, Role::Dim),
        ]));
    }
    lines
}

fn audit(lines: &mut Vec<Line>, desk: &Desk, rotation: &Rotation, width: u16) {
    let entries = desk.state.incident.audit(rotation).rev();
    audit_lines(lines, desk, entries, width);
}

/// The audit lines of a secret, under its rotations' ids and under none; latest first.
pub fn audit_of(lines: &mut Vec<Line>, desk: &Desk, secret: &SecretPath, width: u16) {
    let incident = &desk.state.incident;
    match incident.rotations_of(secret).next_back() {
        Some(last) => audit(lines, desk, last, width),
        None => audit_lines(lines, desk, incident.audit_of(secret).rev(), width),
    }
}

/// Audit lines, the latest first.
pub fn audit_lines<'a>(
    lines: &mut Vec<Line>,
    desk: &Desk,
    entries: impl Iterator<Item = &'a AuditLine>,
    width: u16,
) {
    let mut entries = entries.peekable();
    if entries.peek().is_none() {
        lines.push(Line::Rule("Audit: no entry seen".to_owned()));
        return;
    }
    lines.push(Line::Rule("Audit, latest first".to_owned()));
    let path = width.saturating_sub(58).clamp(12, 60);
    for line in entries {
        let entry = &line.entry;
        let role = match entry.outcome {
            AuditOutcome::Denied => Role::Bad,
            AuditOutcome::Error => Role::Warn,
            _ => Role::Text,
        };
        let error = entry.error.as_ref().map(ToString::to_string);
        lines.push(Line::Pieces(vec![
            Piece::new(desk.clock().time(line.event.time), Role::Dim).wide(8),
            Piece::new(entry.operation.to_string(), Role::Text).wide(7),
            Piece::new(entry.path.to_string(), Role::Text).wide(path),
            Piece::new(entry.actor.to_string(), Role::Text).wide(22),
            Piece::new(entry.outcome.to_string(), role).wide(7),
            Piece::new(error.unwrap_or_default(), role),
        ]));
    }
}
