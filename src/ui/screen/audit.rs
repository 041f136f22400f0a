//! The audit stream of the selected rotation, or of everything.

use crate::incident::AuditLine;
use crate::model::event::AuditOutcome;
use crate::ui::desk::Pane;
use crate::ui::fit::fit_end;
use crate::ui::theme::Role;
use crate::ui::widget::Pen;

use super::Look;
use super::pane::title;

/// Draws the pane: the latest at the top.
pub fn draw(pen: &mut Pen<'_>, look: Look<'_>) {
    let desk = look.desk;
    let incident = &desk.state.incident;
    let page = usize::from(pen.height().saturating_sub(1));
    let first = desk.scrolled(Pane::Audit);
    let (name, lines): (String, Vec<&AuditLine>) = match desk.rotation() {
        Some(rotation) => {
            let name = rotation
                .secret
                .as_ref()
                .map_or_else(|| rotation.id.to_string(), ToString::to_string);
            let lines = incident.audit(rotation).rev().skip(first).take(page);
            (name, lines.collect())
        }
        None => (
            "Anything".to_owned(),
            incident.audit_all().rev().skip(first).take(page).collect(),
        ),
    };
    let left = if lines.is_empty() && first == 0 {
        format!("{name}: no audit entry seen")
    } else {
        format!("{name}: audit")
    };
    let right = if lines.len() > 1 { "latest first" } else { "" };
    title(pen, look, Pane::Audit, &left, right);
    for (y, line) in (1..pen.height()).zip(lines) {
        row(pen, y, look, line);
    }
}

/// The beginning of a source's name: `/vault/prod-eu` is `vault`.
fn source(line: &AuditLine) -> String {
    let words = line.event.source.to_string();
    let words = words.trim_start_matches('/');
    words.split('/').next().unwrap_or_default().to_owned()
}

fn row(pen: &mut Pen<'_>, y: u16, look: Look<'_>, line: &AuditLine) {
    let all = pen.width();
    let entry = &line.entry;
    let (role, words) = match &entry.outcome {
        AuditOutcome::Allowed => (Role::Text, "allowed".to_owned()),
        AuditOutcome::Denied => (Role::Bad, "✗ denied".to_owned()),
        AuditOutcome::Error => (Role::Warn, "✗ error".to_owned()),
        AuditOutcome::Other(word) => (Role::Text, word.to_string()),
    };
    // The server's own error word says more than `error` does.
    let words = match &entry.error {
        Some(error) if error.raw().len() <= 8 => format!("✗ {error}"),
        _ => words,
    };
    let time = look.clock().age(line.event.time, look.desk.now());
    let source_columns = if all >= 64 { 8 } else { 0 };
    let outcome = 10;
    let fixed = 8 + 1 + source_columns + u16::from(source_columns > 0) + 7 + 1 + 1 + outcome + 2;
    let rest = all.saturating_sub(fixed);
    let path = rest * 11 / 20;
    let actor = rest.saturating_sub(path);
    let text = look.style(Role::Text);
    pen.put_right(0, y, 8, &time, look.style(Role::Dim));
    let mut x = 9;
    if source_columns > 0 {
        pen.put(x, y, source_columns, &source(line), look.style(Role::Dim));
        x += source_columns + 1;
    }
    pen.put(x, y, 7, &entry.operation.to_string(), text);
    x += 8;
    pen.put(
        x,
        y,
        path,
        &fit_end(&entry.path.shown(), usize::from(path)),
        text,
    );
    x += path + 1;
    // A login's path is whoever logs in: where from says more than the same name again.
    let who = match &entry.remote_addr {
        Some(from) if entry.actor.0 == entry.path => from.to_string(),
        _ => entry.actor.to_string(),
    };
    pen.put(x, y, actor, &who, text);
    x += actor + 1;
    pen.put(x, y, outcome, &words, look.style(role));
}
