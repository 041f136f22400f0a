//! What a live session shows beside what happened: whether it is now, how old it is, and what is
//! wrong with a connection.

use std::time::Duration;

use crate::model::Span;
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
