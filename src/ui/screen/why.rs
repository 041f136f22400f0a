//! Why: how a finding is known. What it is and what to do, then cause and symptom on one time
//! axis, then the evidence, each piece of it an event to go to; what it is not; what nobody can
//! know.

use crate::diagnosis::Finding;
use crate::ui::desk::Desk;
use crate::ui::digest::{blame, stands};
use crate::ui::fit::{cols, width, wrap};
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

use super::acts::{self, Suggestion};
use super::{Look, findings, tracks};

/// Narrower screens than this leave out what can be done without.
const NARROW: u16 = 60;

/// The most lines of one sentence.
const SENTENCE_LINES: usize = 4;

/// The finding's name.
pub fn title(desk: &Desk) -> String {
    let Some((finding, _)) = desk.opened_finding() else {
        return String::new();
    };
    let what = finding.mode.runbook().replace('-', " ");
    let all = desk.digest.findings.len();
    let place = match desk.digest.findings.place_of(finding) {
        Some(n) if all > 1 => format!(", {} of {all}", n + 1),
        _ => String::new(),
    };
    let mode = match finding.rotation {
        Some(_) => format!("{} {what}", finding.mode),
        None => what,
    };
    format!("{mode} · {}{place}", blame::subject(finding))
}

/// The list, and the line of the selected evidence in it.
pub fn lines(look: Look<'_>, columns: u16) -> (Vec<Line>, usize) {
    let desk = look.desk;
    let Some((finding, known)) = desk.opened_finding() else {
        let why = "No finding is selected: go back and select one.";
        return (vec![Line::plain(why, Role::Dim)], 0);
    };
    let mut lines = above(look, finding, known, columns);
    let places = evidence(&mut lines, look, finding, columns);
    let selected = places.get(desk.why.evidence).copied().unwrap_or(0);
    if columns < NARROW {
        lines.push(Line::Pieces(runbook(finding)));
    }
    ruled_out(&mut lines, finding, columns);
    cannot_know(&mut lines, finding, columns);
    (lines, selected)
}

/// What stands above the evidence.
fn above(look: Look<'_>, finding: &Finding, known: bool, columns: u16) -> Vec<Line> {
    let mut lines = Vec::new();
    sentence(&mut lines, look, finding, known, columns);
    facts(&mut lines, look, finding, known, columns);
    next(&mut lines, look, finding, columns);
    lines.extend(tracks::lines(look.desk, finding, columns));
    lines
}

/// The piece of evidence that stands in a line of the list.
pub fn evidence_at(look: Look<'_>, columns: u16, line: usize) -> Option<usize> {
    let (finding, known) = look.desk.opened_finding()?;
    let mut lines = above(look, finding, known, columns);
    let places = evidence(&mut lines, look, finding, columns);
    let within = line < lines.len();
    places
        .iter()
        .rposition(|place| *place <= line)
        .filter(|_| within)
}

fn sentence(lines: &mut Vec<Line>, look: Look<'_>, finding: &Finding, known: bool, columns: u16) {
    let desk = look.desk;
    // How things stand now is said of what stands now.
    let words = if known && stands(finding) {
        blame::said(finding, &desk.digest, &desk.state).sentence
    } else {
        blame::name(finding)
    };
    let role = if known {
        findings::role(finding)
    } else {
        Role::Dim
    };
    let room = usize::from(columns.saturating_sub(2));
    for line in wrap(&words, room, SENTENCE_LINES) {
        lines.push(Line::plain(line, role));
    }
}

fn facts(lines: &mut Vec<Line>, look: Look<'_>, finding: &Finding, known: bool, columns: u16) {
    let (desk, clock) = (look.desk, look.clock());
    let now = desk.now();
    let found = match columns {
        0..NARROW => clock.minute(finding.detected_at),
        _ => clock.time(finding.detected_at),
    };
    let mut facts = vec![match columns {
        0..NARROW => format!("{:.2}", finding.confidence),
        _ => format!("certain {:.2}", finding.confidence),
    }];
    facts.push(finding.severity.to_string());
    if finding.suppressed {
        facts.push("kept quiet by a planned window".to_owned());
    }
    match (known, finding.resolved_at) {
        (true, Some(at)) => facts.push(format!(
            "found {found}, healed {} ({})",
            clock.time(at),
            clock.ago(at, now)
        )),
        (true, None) => {
            facts.push(format!(
                "since {found} ({})",
                clock.ago(finding.detected_at, now)
            ));
        }
        (false, _) => {}
    }
    let room = usize::from(columns.saturating_sub(2));
    for line in wrap(&facts.join(" · "), room, 2) {
        lines.push(Line::plain(line, Role::Text));
    }
    if !known {
        let why = if now.is_none_or(|now| now < finding.detected_at) {
            format!("not known at this moment: it is found at {found}")
        } else {
            "later evidence took it back, or another finding took its place".to_owned()
        };
        for line in wrap(&why, room, 2) {
            lines.push(Line::plain(line, Role::Warn));
        }
    }
}

/// The acts that cure it, in lines.
fn suggested(look: Look<'_>, finding: &Finding, columns: u16) -> Vec<Vec<Suggestion>> {
    let acts = match finding.resolved_at {
        None => acts::suggestions(look, finding, columns < NARROW),
        Some(_) => Vec::new(),
    };
    acts::lines(acts, usize::from(columns.saturating_sub(2)))
}

/// The act that is suggested in a column of a line of the list.
pub fn suggested_at(
    look: Look<'_>,
    columns: u16,
    (line, column): (usize, u16),
) -> Option<&'static str> {
    let (finding, known) = look.desk.opened_finding()?;
    let mut above = Vec::new();
    sentence(&mut above, look, finding, known, columns);
    facts(&mut above, look, finding, known, columns);
    let acts = suggested(look, finding, columns);
    acts::at(acts.get(line.checked_sub(above.len())?)?, column)
}

/// The acts that cure it, and its runbook.
fn next(lines: &mut Vec<Line>, look: Look<'_>, finding: &Finding, columns: u16) {
    let small = columns < NARROW;
    let runbook = runbook(finding);
    let room = usize::from(columns.saturating_sub(2));
    let mut acts = suggested(look, finding, columns);
    if !small {
        let beside = |line: &Vec<_>| {
            let taken = acts::columns(&acts::pieces(line.clone()));
            taken + 2 + acts::columns(&runbook) <= room
        };
        if acts.len() == 1 && acts.first().is_some_and(beside) {
            let acts = acts.pop().map(acts::pieces).unwrap_or_default();
            let parted = [Piece::new("·", Role::Dim)];
            let pieces = acts.into_iter().chain(parted).chain(runbook);
            lines.push(Line::Pieces(pieces.collect()));
            return;
        }
    }
    lines.extend(acts.into_iter().map(acts::pieces).map(Line::Pieces));
    if !small {
        lines.push(Line::Pieces(runbook));
    }
}

fn runbook(finding: &Finding) -> Vec<Piece> {
    vec![
        Piece::new("runbook:", Role::Dim),
        Piece::new(finding.mode.runbook(), Role::Text),
    ]
}

/// The evidence; gives the line of the selected piece.
/// The evidence; gives the line at which each piece begins.
fn evidence(lines: &mut Vec<Line>, look: Look<'_>, finding: &Finding, columns: u16) -> Vec<usize> {
    let desk = look.desk;
    if finding.evidence.is_empty() {
        return Vec::new();
    }
    let keys = look.keymap.keys("open").unwrap_or_default();
    lines.push(Line::Rule(if desk.replay {
        format!("Evidence: {keys} goes to its event")
    } else {
        "Evidence".to_owned()
    }));
    let mut places = Vec::new();
    let sources = finding.evidence.iter();
    let sources = sources.map(|evidence| width(&evidence.event.source.to_string()));
    let source_columns = if columns < NARROW {
        0
    } else {
        cols(sources.max().unwrap_or(0)).min(20)
    };
    for (n, evidence) in finding.evidence.iter().enumerate() {
        let chosen = n == desk.why.evidence;
        places.push(lines.len());
        let time = look.clock().time(evidence.event.time);
        let source = evidence.event.source.to_string();
        let taken = 2 + 9 + source_columns + u16::from(source_columns > 0) + 1;
        let room = usize::from(columns.saturating_sub(taken));
        let words = wrap(&evidence.note, room, if chosen { 3 } else { 1 });
        for (at, line) in words.iter().enumerate() {
            let first = at == 0;
            let mark = if chosen { "▌" } else { "" };
            let mut pieces = vec![
                Piece::new(mark, Role::Accent).wide(1),
                Piece::new(if first { time.as_str() } else { "" }, Role::Dim).wide(8),
            ];
            if source_columns > 0 {
                let source = if first { source.as_str() } else { "" };
                pieces.push(Piece::new(source, Role::Dim).wide(source_columns));
            }
            let role = if chosen { Role::Strong } else { Role::Text };
            pieces.push(Piece::new(line, role));
            lines.push(Line::Pieces(pieces));
        }
    }
    places
}

fn ruled_out(lines: &mut Vec<Line>, finding: &Finding, columns: u16) {
    if finding.ruled_out.is_empty() {
        return;
    }
    lines.push(Line::Rule("Ruled out".to_owned()));
    for other in &finding.ruled_out {
        told(lines, other.mode.name(), &other.why, columns);
    }
}

fn cannot_know(lines: &mut Vec<Line>, finding: &Finding, columns: u16) {
    if finding.cannot_know.is_empty() {
        return;
    }
    lines.push(Line::Rule("Cannot know".to_owned()));
    for why in &finding.cannot_know {
        told(lines, "?", why, columns);
    }
}

fn told(lines: &mut Vec<Line>, name: &str, words: &str, columns: u16) {
    let names = if name.len() > 2 { 12 } else { 2 };
    let room = usize::from(columns.saturating_sub(names + 3));
    let mut name = name;
    for line in wrap(words, room, 3) {
        lines.push(Line::Pieces(vec![
            Piece::new(name, Role::Dim).wide(names),
            Piece::new(line, Role::Text),
        ]));
        name = "";
    }
}
