//! Where the events come from, how old they are, and what is missing.

use crate::incident::Backend;
use crate::model::Span;
use crate::model::event::BackendState;
use crate::ui::desk::Desk;
use crate::ui::fit::{count, lag, span};
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

/// A backend whose newest event is older than this looks stale.
const STALE: Span = Span::seconds(300);

/// The list.
pub fn lines(desk: &Desk, width: u16) -> Vec<Line> {
    let name = width.saturating_sub(62).clamp(12, 48);
    let mut lines = super::live::links(desk);
    let before = lines.len();
    lines.push(Line::Pieces(vec![
        Piece::new("backend", Role::Dim).wide(name + 2),
        Piece::new("state", Role::Dim).wide(12),
        Piece::new("events", Role::Dim).right(10),
        Piece::new("newest", Role::Dim).right(9),
        Piece::new("lag", Role::Dim).right(8),
        Piece::new("late", Role::Dim).right(6),
        Piece::new("gaps", Role::Dim).right(5),
    ]));
    for backend in desk.state.incident.backends() {
        lines.push(row(desk, backend, name));
        if let Some(error) = &backend.error {
            lines.push(Line::Pieces(vec![
                Piece::new("   ", Role::Dim),
                Piece::new(error.to_string(), Role::Warn),
            ]));
        }
        lines.extend(gaps(desk, backend));
    }
    if lines.len() == before + 1 {
        let why =
            "No event has come yet, so no backend is known: each source of events stands here.";
        lines.truncate(before);
        lines.push(Line::plain(why, Role::Dim));
    }
    lines
}

fn row(desk: &Desk, backend: &Backend, name: u16) -> Line {
    let now = desk.now();
    let old = now
        .zip(backend.newest)
        .is_some_and(|(now, newest)| now.since(newest) > STALE);
    let (sign, state, role) = match &backend.state {
        Some(BackendState::Connected) => (" ", "connected".to_owned(), Role::Ok),
        Some(BackendState::Degraded) => ("!", "degraded".to_owned(), Role::Warn),
        Some(BackendState::Disconnected) => ("✗", "disconnected".to_owned(), Role::Bad),
        Some(BackendState::Other(word)) => ("?", word.to_string(), Role::Warn),
        None => (" ", "not told".to_owned(), Role::Dim),
    };
    let words = if old { Role::Stale } else { Role::Text };
    let newest = backend
        .newest
        .map(|at| desk.clock().age(at, now))
        .unwrap_or_default();
    let alarm = |n: u64| if n > 0 { Role::Warn } else { Role::Dim };
    Line::Pieces(vec![
        Piece::new(sign, role).wide(1),
        Piece::new(backend.name.to_string(), words).wide(name),
        Piece::new(state, role).wide(12),
        Piece::new(count(backend.events), words).right(10),
        Piece::new(newest, words).right(9),
        Piece::new(backend.lag.map(lag).unwrap_or_default(), words).right(8),
        Piece::new(count(backend.late), alarm(backend.late)).right(6),
        Piece::new(
            backend.gaps.len().to_string(),
            alarm(backend.gaps.len() as u64),
        )
        .right(5),
    ])
}

/// The latest gaps, each on its line.
fn gaps<'a>(desk: &'a Desk, backend: &'a Backend) -> impl Iterator<Item = Line> + 'a {
    let clock = desk.clock();
    backend.gaps.iter().rev().take(8).map(move |(from, to)| {
        let words = match to {
            Some(to) => format!(
                "gap {} to {} {}, {}",
                clock.time(*from),
                clock.time(*to),
                clock.zone(),
                span(to.since(*from))
            ),
            None => format!("gap since {} {}", clock.time(*from), clock.zone()),
        };
        Line::Pieces(vec![
            Piece::new("   ", Role::Dim),
            Piece::new(words, Role::Warn),
        ])
    })
}
