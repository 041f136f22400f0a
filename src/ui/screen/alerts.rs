//! Who is woken: the alerts, grouped by who answers for them, worst first.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::measure::alert::{Alert, Route};
use crate::model::Text;
use crate::ui::alarm::{standing, woken};
use crate::ui::desk::Desk;
use crate::ui::fit::{count, plural, wrap};
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

/// The most lines that an alert's sentence takes.
const MOST: usize = 4;

/// Below so many columns an alert's words stand under its mark, not beside it.
const NARROW: u16 = 60;

/// An owner's alerts.
type Group<'a> = (Route, Vec<&'a Arc<Alert>>);

/// How many stand.
pub fn title(desk: &Desk) -> String {
    let alerts = &desk.state.known.alerts;
    let standing = alerts.iter().filter(|alert| alert.stands());
    let quiet = standing
        .clone()
        .filter(|alert| alert.is_suppressed())
        .count();
    let (all, over) = (standing.count(), alerts.len());
    let mut words = vec![match all {
        0 => "none stands".to_owned(),
        n => format!("{} stand", count(n as u64)),
    }];
    if quiet > 0 {
        words.push(format!("{} kept quiet", count(quiet as u64)));
    }
    if over > all {
        words.push(format!("{} over", count((over - all) as u64)));
    }
    words.join(", ")
}

/// How loud an alert is, the loudest first.
fn rank(alert: &Alert) -> u8 {
    match standing(alert) {
        "escalated" => 0,
        "page" => 1,
        "ticket" => 2,
        "info" => 3,
        "quiet" => 4,
        _ => 5,
    }
}

fn role(alert: &Alert) -> Role {
    match standing(alert) {
        "escalated" | "page" => Role::Bad,
        "ticket" => Role::Warn,
        _ => Role::Dim,
    }
}

/// The list.
pub fn lines(desk: &Desk, width: u16) -> Vec<Line> {
    let alerts = &desk.state.known.alerts;
    if alerts.is_empty() {
        return nothing(width);
    }
    let mut groups: BTreeMap<Option<Text>, Group<'_>> = BTreeMap::new();
    for alert in alerts.iter() {
        let route = desk.owners.route(alert);
        let group = groups.entry(route.owner.clone());
        group.or_insert_with(|| (route, Vec::new())).1.push(alert);
    }
    let mut groups: Vec<Group<'_>> = groups.into_values().collect();
    for (_, alerts) in &mut groups {
        alerts.sort_by_key(|alert| (rank(alert), std::cmp::Reverse(alert.since)));
    }
    groups.sort_by_key(|(_, alerts)| alerts.iter().map(|alert| rank(alert)).min());
    let mut lines = Vec::new();
    for (route, alerts) in groups {
        lines.push(Line::Rule(heading(&route, alerts.len())));
        for alert in alerts {
            one(&mut lines, desk, alert, width);
        }
    }
    lines
}

fn heading(route: &Route, alerts: usize) -> String {
    let alerts = plural(alerts, "alert");
    match &route.owner {
        Some(owner) => format!("{owner}: {alerts}"),
        None => format!("No owner known: {alerts}"),
    }
}

fn one(lines: &mut Vec<Line>, desk: &Desk, alert: &Alert, width: u16) {
    let (clock, now) = (desk.clock(), desk.now());
    let loud = role(alert);
    let plain = if alert.stands() {
        Role::Text
    } else {
        Role::Dim
    };
    let age = clock.age(alert.since, now);
    let narrow = width < NARROW;
    // Two columns before it, and gaps: `escalated` is the longest word, an age has eight columns.
    let beside = if narrow { 4 } else { 22 };
    let columns = usize::from(width.saturating_sub(beside)).max(12);
    if narrow {
        lines.push(Line::Pieces(vec![
            Piece::new(standing(alert), loud),
            Piece::new(age.clone(), Role::Dim),
        ]));
    }
    let words = wrap(&alert.summary(), columns, MOST);
    for (n, words) in words.into_iter().enumerate() {
        if narrow {
            lines.push(indented(words, plain));
            continue;
        }
        let (word, age) = if n == 0 {
            (standing(alert), age.clone())
        } else {
            ("", String::new())
        };
        lines.push(Line::Pieces(vec![
            Piece::new(word, loud).wide(9),
            Piece::new(age, Role::Dim).right(8),
            Piece::new(words, plain),
        ]));
    }
    let mut more = vec![woken(alert, &desk.owners.route(alert))];
    let route = desk.owners.route(alert);
    if !route.also.is_empty() {
        let also: Vec<String> = route.also.iter().map(ToString::to_string).collect();
        more.push(format!("also concerns {}", also.join(", ")));
    }
    match alert.resolved_at {
        Some(at) if alert.withdrawn => {
            more.push(format!("taken back {}", clock.ago(at, now)));
        }
        Some(at) => more.push(format!("healed {}", clock.ago(at, now))),
        None => {}
    }
    if alert.flaps > 0 {
        more.push(match alert.flaps {
            1 => "came back once".to_owned(),
            n => format!("came back {n} times"),
        });
    }
    for words in wrap(&more.join("; "), columns, MOST) {
        if narrow {
            lines.push(indented(words, Role::Dim));
            continue;
        }
        lines.push(Line::Pieces(vec![
            Piece::new("", Role::Dim).wide(9),
            Piece::new("", Role::Dim).wide(8),
            Piece::new(words, Role::Dim),
        ]));
    }
}

fn indented(words: String, role: Role) -> Line {
    Line::Pieces(vec![Piece::new("", role).wide(1), Piece::new(words, role)])
}

fn nothing(width: u16) -> Vec<Line> {
    let why = "Nobody has been woken up to this moment. A finding, a budget that burns, or a \
               secret that is read or rotated too often brings an alert here, with who answers \
               for it; owners.toml says who that is.";
    let lines = wrap(why, usize::from(width.saturating_sub(2)), 8);
    lines
        .into_iter()
        .map(|line| Line::plain(line, Role::Dim))
        .collect()
}
