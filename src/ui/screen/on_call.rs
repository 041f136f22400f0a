//! The on-call screen: what is going on, worst first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::diagnosis::{Mode, Reach};
use crate::ui::digest::Tone;
use crate::ui::fit::{cols, countdown, wrap};
use crate::ui::layout::{Room, room};
use crate::ui::theme::Role;
use crate::ui::widget::Pen;

use super::{Look, acts, audit, auth, canary, findings, frame, rotations};

/// Draws the screen.
pub fn draw(look: Look<'_>, buf: &mut Buffer, area: Rect) {
    let layout = look.desk.on_call_in(area);
    let small = room(area) == Some(Room::Small);
    let mut pen = Pen::new(buf, area);
    if layout.header.height > 0 {
        frame::header(&mut pen.at(layout.header), look);
    }
    headline(&mut pen.at(layout.headline), look, small);
    if layout.findings.height > 0 {
        findings::draw(&mut pen.at(layout.findings), look);
    }
    rotations::draw(&mut pen.at(layout.rotations), look, small);
    if layout.auth.height > 0 {
        auth::draw(&mut pen.at(layout.auth), look);
    }
    if layout.canary.height > 0 {
        canary::draw(&mut pen.at(layout.canary), look);
    }
    if layout.regions.height > 0 {
        rotations::regions(&mut pen.at(layout.regions), look);
    }
    if layout.audit.height > 0 {
        audit::draw(&mut pen.at(layout.audit), look);
    }
    frame::bottom(look, buf, area);
}

/// The headline: the sentence, then the countdown and what more there is to know, then the acts
/// that heal.
fn headline(pen: &mut Pen<'_>, look: Look<'_>, small: bool) {
    let headline = &look.desk.digest.headline;
    let role = match headline.tone {
        Tone::Calm => Role::Ok,
        Tone::Look => Role::Warn,
        Tone::Bad => Role::Bad,
    };
    let columns = usize::from(pen.width().saturating_sub(2));
    let more = facts(look).join(" · ");
    let found = headline.finding.as_ref().map(|finding| finding.mode);
    let acts = acts::pieces(look, found.map(Mode::suggest).unwrap_or_default());
    let mut acts = acts::lines(acts, columns);
    let all = usize::from(pen.height());
    // The sentence comes first; the acts and the countdown keep a line each, where there is room.
    acts.truncate(all.saturating_sub(2).max(1));
    let kept = usize::from(!more.is_empty()) + acts.len();
    let room = all.saturating_sub(kept).max(1);
    let sentence = match &headline.short {
        Some(short) if small => short,
        _ => &headline.sentence,
    };
    let lines = wrap(sentence, columns, room);
    let mut y = 0;
    for line in &lines {
        pen.put(1, y, pen.width(), line, look.style(role));
        y += 1;
    }
    let left = all.saturating_sub(lines.len() + acts.len());
    for line in wrap(&more, columns, left) {
        pen.put(1, y, cols(columns), &line, look.style(Role::Text));
        y += 1;
    }
    for line in &acts {
        acts::draw(pen, y, look, line);
        y += 1;
    }
}

/// What else there is to know: how far the diagnosis is, what is counted down to, what is past.
fn facts(look: Look<'_>) -> Vec<String> {
    let headline = &look.desk.digest.headline;
    let (clock, now) = (look.clock(), look.desk.now());
    let mut facts: Vec<String> = Vec::new();
    match headline.reach {
        Reach::UpTo(Some(through)) => {
            facts.push(format!("diagnosing…, up to {}", clock.time(through)));
        }
        Reach::UpTo(None) => facts.push("diagnosing…".to_owned()),
        Reach::Whole => {}
    }
    if let Some((at, what)) = headline.until {
        facts.push(match now {
            Some(now) if !look.desk.absolute => {
                format!("{what} in {}", countdown(at.since(now)))
            }
            _ => format!("{what} at {}", clock.time(at)),
        });
    }
    if let Some((at, what)) = &headline.since {
        facts.push(format!("{what} {}", clock.ago(*at, now)));
    }
    facts.extend(headline.more.clone());
    facts
}
