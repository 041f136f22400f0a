//! What a link leads to while it is looked for, and where it leads to nothing.

use crate::incident::Rotation;
use crate::ui::arriving::is_coming;
use crate::ui::desk::Desk;
use crate::ui::error::nearest;
use crate::ui::fit::{bytes, percent, span, wrap};
use crate::ui::landing::Landing;
use crate::ui::theme::Role;
use crate::ui::widget::{Line, Piece};

use super::inventory;

/// The most of a kind that are listed.
const LISTED: usize = 12;

/// What is looked for.
pub fn title(desk: &Desk) -> String {
    let sought = desk.sought.as_ref();
    sought.map_or_else(String::new, |sought| {
        format!("{} {}", sought.kind(), sought.name())
    })
}

/// The list.
pub fn lines(desk: &Desk, width: u16) -> Vec<Line> {
    let Some(sought) = &desk.sought else {
        return vec![Line::plain("Nothing is looked for.", Role::Dim)];
    };
    let mut list = List {
        lines: Vec::new(),
        columns: usize::from(width.saturating_sub(2)),
    };
    if desk.has_all() {
        nothing(&mut list, desk, sought);
        if desk.coming.is_some() {
            list.say(
                "Its screen opens by itself once anything is told of it. Going anywhere else stops the search.",
                Role::Dim,
            );
        }
    } else {
        looking(&mut list, desk, sought);
    }
    list.lines
}

struct List {
    lines: Vec<Line>,
    columns: usize,
}

impl List {
    fn say(&mut self, words: &str, role: Role) {
        for line in wrap(words, self.columns, 4) {
            self.lines.push(Line::plain(line, role));
        }
    }

    fn rule(&mut self, words: &str) {
        self.lines.push(Line::Rule(words.to_owned()));
    }
}

/// Why it has not been found yet, and how to stop looking.
fn looking(list: &mut List, desk: &Desk, sought: &Landing) {
    list.say(
        &format!("Looking for the {} {}.", sought.kind(), sought.name()),
        Role::Strong,
    );
    let state = &desk.state;
    let why = match &state.live {
        Some(live) => {
            let late = live.links.iter().find(|link| is_coming(link.state));
            late.map(|link| {
                let error = link.error.as_ref().map(|error| format!(": {error}"));
                format!(
                    "{} is {}{}",
                    link.name,
                    link.state.word(),
                    error.unwrap_or_default()
                )
            })
        }
        None if !state.loading.done => Some(match state.loading.of_bytes {
            Some(of) => format!("reading: {} of {}", bytes(state.loading.bytes), bytes(of)),
            None => format!("reading: {} so far", bytes(state.loading.bytes)),
        }),
        None => None,
    };
    let why = why.unwrap_or_else(|| "diagnosing what was read".to_owned());
    list.say(&why, Role::Text);
    list.say(
        "Its screen opens by itself once all was looked at. Going anywhere else stops the search.",
        Role::Dim,
    );
}

/// That nothing opens, and what is known instead.
fn nothing(list: &mut List, desk: &Desk, sought: &Landing) {
    let now = desk.now();
    let moment = now.map_or_else(String::new, |now| {
        let clock = desk.clock();
        format!(
            " before {} {} {}",
            clock.day(now),
            clock.time(now),
            clock.zone()
        )
    });
    let missing = desk.missing();
    if !missing.is_empty() {
        let words = format!(
            "{}: what it would tell is missing here.",
            missing.join(", ")
        );
        list.say(&words, Role::Warn);
    }
    let known = match sought {
        Landing::Service(service) => desk.services().contains(service),
        Landing::Secret(secret) => desk.state.incident.secrets().contains(&secret),
        Landing::Rotation(id) => desk.state.incident.canonical(id).is_some(),
    };
    let (kind, name) = (sought.kind(), sought.name());
    if !known {
        list.say(
            &format!("No {kind} is called {name} in what was read."),
            Role::Warn,
        );
        instead(list, desk, sought);
        return;
    }
    list.say(
        &format!("No rotation touched {name} in the 24 h{moment}."),
        Role::Strong,
    );
    list.say("Nothing was found about it either, so what pages you has another cause than a rotation that is known here.", Role::Text);
    if let Landing::Service(_) = sought {
        how_it_does(list, desk, sought);
    }
    let mut earlier: Vec<&Rotation> = desk
        .state
        .incident
        .rotations()
        .filter(|rotation| desk.is_of(rotation, sought))
        .collect();
    earlier.sort_by_key(|rotation| std::cmp::Reverse(rotation.last_at));
    if earlier.is_empty() {
        list.rule("Rotations: none of it is known, at any time");
        return;
    }
    list.rule("Rotations before that, latest first");
    for rotation in earlier.into_iter().take(LISTED) {
        rotation_line(list, desk, rotation);
    }
}

fn rotation_line(list: &mut List, desk: &Desk, rotation: &Rotation) {
    let ended = rotation.ended.as_ref().map(|end| &end.outcome);
    let (word, role) = inventory::outcome(ended);
    let secret = rotation
        .secret
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    list.lines.push(Line::Pieces(vec![
        Piece::new(desk.clock().age(rotation.last_at, desk.now()), Role::Dim).right(9),
        Piece::new(word, role).wide(12),
        Piece::new(rotation.id.to_string(), Role::Text).wide(20),
        Piece::new(secret, Role::Text),
    ]));
}

/// How the service's log-ins and health stand.
fn how_it_does(list: &mut List, desk: &Desk, sought: &Landing) {
    let Landing::Service(service) = sought else {
        return;
    };
    list.rule("How it does");
    let before = list.lines.len();
    for row in desk
        .digest
        .auth
        .iter()
        .filter(|row| row.series.service == *service)
        .take(LISTED)
    {
        let region = row
            .series
            .region
            .as_ref()
            .map_or("region unknown".to_owned(), ToString::to_string);
        let share = row.share.map_or("no attempt".to_owned(), |share| {
            format!("{} refused", percent(share))
        });
        let usual = row.usual.map_or("nothing to compare with".to_owned(), |u| {
            format!("usual {}", percent(u))
        });
        list.lines.push(Line::Pieces(vec![
            Piece::new(region, Role::Text).wide(16),
            Piece::new(share, if row.elevated { Role::Bad } else { Role::Text }).wide(16),
            Piece::new(usual, Role::Dim),
        ]));
    }
    let incident = &desk.state.incident;
    for health in incident
        .health()
        .filter(|health| health.service == *service)
        .take(LISTED)
    {
        let region = health
            .region
            .as_ref()
            .map_or("region unknown".to_owned(), ToString::to_string);
        let (word, role) = if health.up {
            ("up", Role::Ok)
        } else {
            ("✗ down", Role::Bad)
        };
        let since = desk.now().map_or_else(String::new, |now| {
            format!("for {}", span(now.since(health.since)))
        });
        list.lines.push(Line::Pieces(vec![
            Piece::new(region, Role::Text).wide(16),
            Piece::new(word, role).wide(16),
            Piece::new(since, Role::Dim),
        ]));
    }
    if list.lines.len() == before {
        list.say(
            "Nobody counts its log-ins or tells whether it is up.",
            Role::Dim,
        );
    }
}

/// Names that are known in place of one that is not.
fn instead(list: &mut List, desk: &Desk, sought: &Landing) {
    let incident = &desk.state.incident;
    let names: Vec<String> = match sought {
        Landing::Service(_) => desk
            .services()
            .into_iter()
            .map(ToString::to_string)
            .collect(),
        Landing::Secret(_) => incident
            .secrets()
            .into_iter()
            .map(ToString::to_string)
            .collect(),
        Landing::Rotation(_) => {
            let mut all: Vec<&Rotation> = incident.rotations().collect();
            all.sort_by_key(|rotation| std::cmp::Reverse(rotation.last_at));
            all.into_iter()
                .map(|rotation| rotation.id.to_string())
                .collect()
        }
    };
    if names.is_empty() {
        let words = format!(
            "Nothing tells of any {}: what was read holds none.",
            sought.kind()
        );
        list.say(&words, Role::Text);
        return;
    }
    let near = nearest(&sought.name(), names.iter().map(String::as_str));
    if near.starts_with("did you mean") {
        list.say(&near, Role::Accent);
    }
    list.rule(&format!(
        "Known instead: {}",
        crate::ui::fit::plural(names.len(), sought.kind())
    ));
    let more = names.len().saturating_sub(LISTED);
    for name in names.into_iter().take(LISTED) {
        list.lines.push(Line::plain(name, Role::Text));
    }
    if more > 0 {
        list.say(
            &format!("and {more} more; the palette finds them by a few letters"),
            Role::Dim,
        );
    }
}
