//! The on-call screen: what is going on, worst first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::diagnosis::Reach;
use crate::ui::alarm;
use crate::ui::digest::Tone;
use crate::ui::fit::{countdown, wrap};
use crate::ui::layout::{Room, room};
use crate::ui::theme::Role;
use crate::ui::widget::Pen;

use super::acts::{self, Suggestion};
use super::{Look, audit, auth, budgets, canary, findings, frame, rotations};

/// So many columns a phone has for the budgets.
const PHONE: usize = 28;

/// Draws the screen.
pub fn draw(look: Look<'_>, buf: &mut Buffer, area: Rect) {
    let layout = look.desk.on_call_in(area);
    let small = room(area) == Some(Room::Small);
    let mut pen = Pen::new(buf, area);
    if layout.header.height > 0 {
        frame::header(&mut pen.at(layout.header), look);
    }
    headline(&mut pen.at(layout.headline), look, layout.headline, small);
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

/// The headline in lines.
struct Said {
    sentence: Vec<String>,
    facts: Vec<String>,
    acts: Vec<Vec<Suggestion>>,
}

/// The headline: the sentence, then the countdown and what more there is to know, then the acts
/// that heal. The sentence comes first; the acts and the countdown keep a line each, where there
/// is room.
fn said(look: Look<'_>, area: Rect, small: bool) -> Said {
    let headline = &look.desk.digest.headline;
    let columns = usize::from(area.width.saturating_sub(2));
    let more = facts(look).join(" · ");
    let acts = headline.finding.as_ref();
    let acts = acts.map(|finding| acts::suggestions(look, finding, small));
    let mut acts = acts::lines(acts.unwrap_or_default(), columns);
    let all = usize::from(area.height);
    acts.truncate(all.saturating_sub(2).max(1));
    let kept = usize::from(!more.is_empty()) + acts.len();
    let room = all.saturating_sub(kept).max(1);
    let sentence = match &headline.short {
        Some(short) if small => short,
        _ => &headline.sentence,
    };
    let sentence = wrap(sentence, columns, room);
    let left = all.saturating_sub(sentence.len() + acts.len());
    Said {
        facts: wrap(&more, columns, left),
        sentence,
        acts,
    }
}

fn headline(pen: &mut Pen<'_>, look: Look<'_>, area: Rect, small: bool) {
    let role = match look.desk.digest.headline.tone {
        Tone::Calm => Role::Ok,
        Tone::Look => Role::Warn,
        Tone::Bad => Role::Bad,
    };
    let said = said(look, area, small);
    let mut y = 0;
    for (lines, role) in [(&said.sentence, role), (&said.facts, Role::Text)] {
        for line in lines {
            pen.put(1, y, pen.width(), line, look.style(role));
            y += 1;
        }
    }
    for line in &said.acts {
        acts::draw(pen, y, look, line);
        y += 1;
    }
}

/// The act that the headline suggests in a cell of the screen.
pub fn suggested_at(look: Look<'_>, (column, row): (u16, u16)) -> Option<&'static str> {
    let desk = look.desk;
    let area = desk.on_call().headline;
    let small = room(desk.area) == Some(Room::Small);
    let said = said(look, area, small);
    let above = said.sentence.len() + said.facts.len();
    let line = usize::from(row.checked_sub(area.y)?).checked_sub(above)?;
    acts::at(said.acts.get(line)?, column.checked_sub(area.x)?)
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
    // The one who is woken knows that they are: on a phone other things come first.
    let small = room(look.desk.area) == Some(Room::Small);
    let woken = woken(look);
    if small {
        facts.extend(headline.more.clone());
        facts.extend(woken);
        // A phone has no rule to write them on; here they are what is cut first.
        let words = budgets::words(look.desk, PHONE);
        facts.extend((!words.is_empty()).then_some(words));
    } else {
        facts.extend(woken);
        facts.extend(headline.more.clone());
    }
    facts
}

/// Whom the finding of the headline wakes.
fn woken(look: Look<'_>) -> Option<String> {
    let finding = look.desk.digest.headline.finding.as_ref()?;
    let alert = alarm::alert_of(&look.desk.state, finding)?;
    let route = look.desk.owners.route(alert);
    if room(look.desk.area) == Some(Room::Wide) {
        return Some(alarm::woken(alert, &route));
    }
    Some(alarm::woken_in_short(alert, &route))
}
