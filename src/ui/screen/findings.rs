//! What was found, worst first, and what healed.

use std::sync::Arc;

use crate::diagnosis::{Finding, Mode};
use crate::model::event::Severity;
use crate::ui::desk::Pane;
use crate::ui::digest::{blame, stands};
use crate::ui::fit::{cols, count, fit_end, width};
use crate::ui::theme::Role;
use crate::ui::widget::Pen;

use super::Look;
use super::pane::title;

/// The mark before a row and the mode.
const MODE: u16 = 4;

/// The mode in two columns.
pub fn mode(finding: &Finding) -> &'static str {
    match finding.mode {
        Mode::Unattributed => "??",
        mode => mode.name(),
    }
}

/// How loud a finding is.
pub fn role(finding: &Finding) -> Role {
    match finding.severity {
        _ if !stands(finding) || finding.suppressed => Role::Dim,
        Severity::Page => Role::Bad,
        _ => Role::Warn,
    }
}

/// `page, 3 min`, `healed 2 min ago`: how it stands.
pub fn standing(look: Look<'_>, finding: &Finding) -> String {
    let (clock, now) = (look.clock(), look.desk.now());
    let care = look.desk.digest.findings.care(finding);
    let (by, silent) = care.map_or((None, None), |care| {
        (care.by.as_ref(), care.silent.as_ref())
    });
    let state = match (finding.resolved_at, silent) {
        (Some(at), _) => return format!("healed {}", clock.ago(at, now)),
        (None, Some((who, until))) => format!("silenced by {who} until {}", clock.minute(*until)),
        (None, None) if finding.suppressed => "kept quiet: planned".to_owned(),
        (None, None) => format!(
            "{} {}",
            finding.severity,
            clock.ago(finding.detected_at, now)
        ),
    };
    match by {
        Some((who, _)) => format!("{who} has it, {state}"),
        None => state,
    }
}

/// Draws the pane.
pub fn draw(pen: &mut Pen<'_>, look: Look<'_>) {
    let findings = &look.desk.digest.findings;
    let standing = findings.standing().count();
    let left = match (standing, findings.len() - standing) {
        (n, 0) => format!("Findings {}", count(n as u64)),
        (0, n) => format!("Findings: {} healed", count(n as u64)),
        (n, m) => format!("Findings {}, {} healed", count(n as u64), count(m as u64)),
    };
    let rows = usize::from(pen.height().saturating_sub(1));
    let first = look.desk.scrolled(Pane::Findings);
    let right = if findings.len() > rows {
        format!(
            "worst first, {}–{}",
            first + 1,
            (first + rows).min(findings.len())
        )
    } else {
        String::new()
    };
    title(pen, look, Pane::Findings, &left, &right);
    for (y, finding) in (1..pen.height()).zip(findings.all().iter().skip(first)) {
        row(pen, y, look, finding, first + usize::from(y) - 1);
    }
}

fn row(pen: &mut Pen<'_>, y: u16, look: Look<'_>, finding: &Arc<Finding>, index: usize) {
    let desk = look.desk;
    let loud = role(finding);
    if desk.pane == Pane::Findings && desk.pointed == index {
        pen.tint(y, look.style(Role::Selection));
        pen.cell(0, y, '▌', look.style(Role::Accent));
    }
    pen.put(1, y, 2, mode(finding), look.style(loud));
    let all = pen.width();
    let right = standing(look, finding);
    let right_columns = cols(width(&right));
    pen.put_right(0, y, all.saturating_sub(1), &right, look.style(loud));
    let mut room = all.saturating_sub(MODE + right_columns + 3);
    let mut x = MODE;
    let plain = if stands(finding) {
        Role::Text
    } else {
        Role::Dim
    };
    let strong = if stands(finding) {
        Role::Strong
    } else {
        Role::Dim
    };
    let name = (room / 3).max(14);
    let subject = fit_end(&blame::subject(finding), usize::from(name)).into_owned();
    pen.put(x, y, name.min(room), &subject, look.style(strong));
    x += name + 1;
    room = room.saturating_sub(name + 1);
    let what = finding.mode.runbook().replace('-', " ");
    let place = blame::place(finding);
    let (long, short) = if finding.mode == Mode::Unattributed {
        // The service has been named.
        (format!("{what}{place}"), what)
    } else {
        let whom = format!("{}{place}", blame::services(finding));
        (format!("{what}: {whom}"), whom)
    };
    let fits = width(&long) <= usize::from(room);
    let words = if fits { long } else { short };
    pen.put(x, y, room, &words, look.style(plain));
}
