//! The executive screen: the service levels, how rotations have gone day by day, how long old
//! versions lived on. For whoever asks whether it gets better, and what it costs.

mod levels;
mod trend;

pub use levels::{budget, burning};

use crate::measure::level::{Day, End, Level, MODES, Totals};
use crate::measure::overview::{Origin, Overview};
use crate::ui::desk::Desk;
use crate::ui::fit::{count, wrap};
use crate::ui::theme::Role;
use crate::ui::widget::Line;

/// The screen shows panes side by side from this width on.
const WIDE: u16 = 120;
/// The title names the days from this width on.
const NAMED: u16 = 72;
/// A moment that lies further back than this is named.
const LATELY: i64 = 60;

/// The list.
pub fn lines(desk: &Desk, width: u16) -> Vec<Line> {
    let Some(overview) = &desk.state.overview else {
        return nothing(desk, width);
    };
    let mut lines = said(desk, overview, width);
    lines.push(Line::plain("", Role::Text));
    lines.extend(levels::lines(overview, width));
    if overview.days.is_empty() {
        let words = "No day has anything to show yet: a day stands here once a rotation, a scan \
                     or an authentication of it is known.";
        lines.push(Line::plain("", Role::Text));
        lines.extend(wrapped(words, width, Role::Dim));
        return lines;
    }
    let revoke = overview.levels.iter().nth(3);
    let bound = revoke.map(|level| level.reading.objective);
    let sum = overview.sum();
    if width >= WIDE {
        let left = width / 2;
        let trend = trend::success(overview, left - 1);
        let lasted = trend::lengths(&sum.to_revoke, bound, width - left);
        lines.extend(beside(trend, left, lasted));
    } else {
        lines.extend(trend::success(overview, width));
        lines.extend(trend::lengths(&sum.to_revoke, bound, width));
    }
    lines.push(Line::Rule("In all".to_owned()));
    lines.extend(totals(&sum, width));
    lines
}

/// What the title of the screen says beside its name.
pub fn title(desk: &Desk) -> String {
    match &desk.state.overview {
        Some(overview) if desk.area.width >= NAMED => over(overview),
        _ => String::new(),
    }
}

/// Which days it is about: `2026-10-01 to 2026-11-24`.
fn over(overview: &Overview) -> String {
    let days = &overview.days;
    match (days.first(), days.last()) {
        (Some((first, _)), Some((last, _))) if first != last => {
            format!("{first} to {last}, days in UTC")
        }
        (Some((day, _)), _) => format!("{day}, a day in UTC"),
        _ => "no day".to_owned(),
    }
}

fn nothing(desk: &Desk, width: u16) -> Vec<Line> {
    let words = if desk.state.player.at.is_none() {
        "No event has come yet, so no service level is known. They are worked out from rotations, \
         authentications, scans and audit entries as these come."
    } else {
        "The service levels of this moment have not been worked out yet; they come by themselves."
    };
    wrapped(words, width, Role::Dim)
}

fn wrapped(words: &str, width: u16, role: Role) -> Vec<Line> {
    let lines = wrap(words, usize::from(width.saturating_sub(2)), 9);
    lines
        .into_iter()
        .map(|line| Line::plain(line, role))
        .collect()
}

/// How many levels are met, and what the figures rest on.
fn said(desk: &Desk, overview: &Overview, width: u16) -> Vec<Line> {
    // A level with two parts is missed where either is.
    let met = |level: &Level| {
        let second = level.within_window.iter().chain(&level.emergency);
        let all = std::iter::once(&level.reading).chain(second);
        let known: Vec<bool> = all.filter_map(|reading| reading.met).collect();
        (!known.is_empty()).then(|| known.into_iter().all(|met| met))
    };
    let count_of = |what| overview.levels.iter().filter(|l| met(l) == what).count();
    let (good, bad) = (count_of(Some(true)), count_of(Some(false)));
    let unknown = count_of(None);
    let (words, role) = match (good, bad) {
        (0, 0) => ("no level is known yet".to_owned(), Role::Dim),
        (_, 0) => (format!("✓ {good} levels are met, none is missed"), Role::Ok),
        _ => (
            format!("✗ {bad} of {} known levels are missed", good + bad),
            Role::Bad,
        ),
    };
    let rest = match unknown {
        0 => String::new(),
        n => format!("; of {n} nobody knows"),
    };
    let mut lines = wrapped(&format!("{words}{rest}"), width, role);
    let clock = desk.clock();
    let late = desk
        .now()
        .filter(|now| now.since(overview.at).as_seconds() > LATELY);
    let as_of = late.map(|_| format!("as of {} {}; ", clock.time(overview.at), clock.zone()));
    let (origin, role) = match &overview.origin {
        Origin::Recording => ("from this recording alone".to_owned(), Role::Dim),
        Origin::Session(why) => (format!("from this session alone: {why}"), Role::Warn),
        Origin::History {
            trouble: Some(trouble),
            ..
        } => (
            format!("not all of this session is kept: {trouble}"),
            Role::Warn,
        ),
        Origin::History {
            first: Some(first), ..
        } => (format!("kept since {first}"), Role::Dim),
        Origin::History { .. } => ("nothing was kept before".to_owned(), Role::Dim),
    };
    let as_of = as_of.unwrap_or_default();
    lines.extend(wrapped(&format!("{as_of}{origin}"), width, role));
    lines
}

/// Lines of two panes side by side, the shorter filled up.
fn beside(left: Vec<Line>, column: u16, right: Vec<Line>) -> Vec<Line> {
    let many = left.len().max(right.len());
    let empty = || Line::Pieces(Vec::new());
    let fill = |lines: Vec<Line>| lines.into_iter().chain(std::iter::repeat_with(empty));
    let both = fill(left).zip(fill(right)).take(many);
    both.map(|(a, b)| Line::Beside(Box::new(a), column, Box::new(b)))
        .collect()
}

/// What happened on all days, in words.
fn totals(sum: &Totals, width: u16) -> Vec<Line> {
    let mut said = Vec::new();
    let mut say = |what: &str, words: Vec<String>| {
        let words = words.join(" · ");
        said.extend(wrapped(&format!("{what}: {words}"), width, Role::Text));
    };
    let ended = End::ALL.into_iter().zip(sum.ended);
    let word = |end| match end {
        End::Succeeded => "succeeded",
        End::Failed => "failed",
        End::RolledBack => "rolled back",
        End::Aborted => "aborted",
    };
    let ended = ended.filter(|(_, n)| *n > 0);
    let mut rotations: Vec<String> = ended
        .map(|(end, n)| format!("{} {}", count(n), word(end)))
        .collect();
    if rotations.is_empty() {
        rotations.push("none ended".to_owned());
    }
    if sum.rollbacks > 0 {
        rotations.push(format!("{} ever rolled back", count(sum.rollbacks)));
    }
    rotations.push(format!(
        "{} of {} that began were emergencies",
        count(sum.emergencies),
        count(sum.started)
    ));
    say("rotations", rotations);
    let found = MODES.into_iter().zip(sum.findings).filter(|(_, n)| *n > 0);
    let found: Vec<String> = found
        .map(|(mode, n)| format!("{mode} {}", count(n)))
        .collect();
    say(
        "findings",
        if found.is_empty() {
            vec!["none".to_owned()]
        } else {
            found
        },
    );
    let of = |bad: u64, all: u64, what: &str| format!("{} of {} {what}", count(bad), count(all));
    let mut counted = Vec::new();
    for (bad, all, what) in [
        (
            sum.spike_minutes,
            sum.auth_minutes,
            "minutes with an auth-failure spike",
        ),
        (sum.late, sum.consumers, "consumers late"),
        (sum.throttled, sum.calls, "calls throttled"),
        (sum.missing, sum.audited, "audit entries missing"),
    ] {
        if all > 0 {
            counted.push(of(bad, all, what));
        }
    }
    counted.push(match sum.scans {
        0 => "nothing scanned for secrets".to_owned(),
        n => format!(
            "{} scans for secrets, {} found one by one",
            count(n),
            count(sum.leaks)
        ),
    });
    say("counted", counted);
    said
}

/// The days of a chart: every day from the first to the last, also those without anything.
fn every_day(overview: &Overview) -> Vec<(Day, Totals)> {
    let (Some((first, _)), Some((last, _))) = (overview.days.first(), overview.days.last()) else {
        return Vec::new();
    };
    // Whatever a clock says, no more days than a chart could ever show.
    let from = first.number().max(last.number() - 3650);
    let mut days: Vec<(Day, Totals)> = (from..=last.number())
        .map(|n| (Day::new(n), Totals::default()))
        .collect();
    for (day, totals) in overview.days.iter() {
        let at = usize::try_from(day.number() - from).ok();
        if let Some(held) = at.and_then(|at| days.get_mut(at)) {
            held.1 = *totals;
        }
    }
    days
}
