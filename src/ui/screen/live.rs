//! What a live session shows beside what happened: whether it is now, how old it is, what is
//! wrong with a connection, and what became of acts.

use std::time::Duration;

use crate::model::Span;
use crate::model::act::{ActNote, ActState};
use crate::model::intent::Outcome;
use crate::model::link::{Link, LinkState};
use crate::ui::desk::Desk;
use crate::ui::fit::{count, span};
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

/// What stands in the header in place of the player's state; `None` where a recording is played.
pub fn header(desk: &Desk) -> Option<(String, Role)> {
    let live = desk.state.live.as_ref()?;
    if !live.following {
        let player = &desk.state.player;
        let behind = player.to.zip(player.at).map(|(to, at)| to.since(at));
        let state = if player.playing { "playing" } else { "paused" };
        let behind = behind.map_or(String::new(), |behind| format!(", {} behind", span(behind)));
        return Some((format!("{state}{behind}"), Role::Warn));
    }
    let worst = live.worst()?;
    let pace = if live.scale > 1.0 {
        format!(" ×{}", live.scale)
    } else {
        String::new()
    };
    Some(match worst.state {
        LinkState::Live => (format!("live{pace}"), Role::Ok),
        LinkState::CatchingUp => (
            format!("catching up, {} to come", count(worst.behind)),
            Role::Warn,
        ),
        state => {
            let age = worst
                .heard
                .map_or(String::new(), |heard| format!(" {}", age(heard)));
            (
                format!("✗ {}{age}: {}", state.word(), worst.name),
                Role::Bad,
            )
        }
    })
}

fn age(heard: Duration) -> String {
    let seconds = i64::try_from(heard.as_secs()).unwrap_or(i64::MAX);
    span(Span::seconds(seconds))
}

/// What became of the newest act that has not been read; `None` where all has.
pub fn outcome(desk: &Desk) -> Option<(String, Role)> {
    let note = desk.unread()?;
    let (words, role) = match &note.state {
        ActState::Refused(why) => (
            format!("Not done: {} {}: {why}", note.verb, note.target),
            Role::Bad,
        ),
        ActState::Recording => (doing(note, "written into the journal …"), Role::Warn),
        ActState::Waiting { id, .. } => {
            let what = format!("waits for a second person: rotascope approve {id}");
            (doing(note, &what), Role::Warn)
        }
        ActState::Sending => (doing(note, "sent …"), Role::Warn),
        ActState::Told(Outcome::Accepted) => {
            (doing(note, "taken, not seen done yet …"), Role::Warn)
        }
        ActState::Told(Outcome::Executing) => (doing(note, "being done …"), Role::Warn),
        ActState::Told(Outcome::Observed { words }) => {
            (doing(note, &format!("done: {words}")), Role::Ok)
        }
        ActState::Told(Outcome::Failed { why }) => {
            (doing(note, &format!("failed: {why}")), Role::Bad)
        }
        ActState::Told(Outcome::Unknown { why }) => (
            doing(note, &format!("unknown, being asked: {why}")),
            Role::Bad,
        ),
    };
    Some((crate::model::text::shown(&words).into_owned(), role))
}

fn doing(note: &ActNote, what: &str) -> String {
    let key: String = note.key.chars().take(4).collect();
    format!(
        "{} {} ({}, act {key}): {what}",
        note.verb, note.target, note.by
    )
}

/// The connections, for the screen of backends.
pub fn links(desk: &Desk) -> Vec<Line> {
    let Some(live) = &desk.state.live else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    for link in live.links.iter() {
        lines.push(Line::Pieces(pieces(link)));
        if let Some(error) = &link.error {
            lines.push(Line::Pieces(vec![
                Piece::new("   ", Role::Dim),
                Piece::new(error.to_string(), Role::Warn),
            ]));
        }
    }
    if let Some(path) = &live.recording {
        lines.push(Line::plain(format!("recorded to {path}"), Role::Dim));
    }
    lines.push(Line::plain("", Role::Dim));
    lines
}

fn pieces(link: &Link) -> Vec<Piece> {
    let role = match link.state {
        LinkState::Live => Role::Ok,
        LinkState::Connecting | LinkState::CatchingUp => Role::Warn,
        LinkState::Silent | LinkState::Lost | LinkState::Ended => Role::Bad,
    };
    let heard = link.heard.map_or_else(
        || "never heard".to_owned(),
        |heard| format!("heard {} ago", age(heard)),
    );
    let mut words = vec![heard, format!("{} events", count(link.events))];
    if link.drops > 0 {
        words.push(format!("lost {} times", link.drops));
    }
    if link.missing > 0 {
        words.push(format!("{} events missing", count(link.missing)));
    }
    words.push(if link.acts { "acts" } else { "read only" }.to_owned());
    vec![
        Piece::new(link.name.to_string(), Role::Strong),
        Piece::new(link.state.word(), role),
        Piece::new(words.join(", "), Role::Text),
    ]
}
