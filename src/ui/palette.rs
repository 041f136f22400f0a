//! What the palette finds: commands, rotations and services by a few letters.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::command;
use super::desk::Desk;
use super::explorer::Column;
use super::keymap::Keymap;
use super::prompt::{Hit, Target};

/// The most lines that are shown.
const SHOWN: usize = 50;

/// What matches, best first; commands before the rest where nothing was typed.
pub fn hits(words: &str, desk: &Desk, keymap: &Keymap) -> Vec<Hit> {
    let commands =
        command::all().filter(|command| command.applies(desk) && command.id != "palette");
    let command_hit = |command: &command::Command| Hit {
        target: Target::Command(command.id),
        words: command.title.to_owned(),
        note: keymap.keys(command.id).unwrap_or_default(),
    };
    let words = words.trim();
    if words.is_empty() {
        return commands.map(command_hit).take(SHOWN).collect();
    }
    let mut search = Search::new(words);
    let mut found: Vec<(u32, Hit)> = Vec::new();
    for command in commands {
        if let Some(score) = search.score(command.title) {
            // A command of the same score comes before a name that only happens to match.
            found.push((score + 8, command_hit(command)));
        }
    }
    rotations(&mut search, desk, &mut found);
    let mut last = None;
    for row in &desk.digest.auth {
        let service = &row.series.service;
        if last == Some(service) {
            continue;
        }
        last = Some(service);
        if let Some(score) = search.score(service.raw()) {
            let hit = Hit {
                target: Target::Service(service.clone()),
                words: service.to_string(),
                note: "service".to_owned(),
            };
            if !found.iter().any(|(_, known)| known.target == hit.target) {
                found.push((score, hit));
            }
        }
    }
    found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    found.truncate(SHOWN);
    found.into_iter().map(|(_, hit)| hit).collect()
}

/// The columns of the explorer whose names hold some letters, in their order.
pub fn columns(words: &str, desk: &Desk) -> Vec<Hit> {
    let words = words.trim().to_lowercase();
    let named = Column::ALL.into_iter();
    let named = named.filter(|column| column.name().contains(&words));
    let hit = |column: Column| {
        let shown = desk.explorer.columns.contains(&column);
        Hit {
            target: Target::Column(column),
            words: format!("{} {}", if shown { '●' } else { '○' }, column.name()),
            note: if shown { "shown" } else { "hidden" }.to_owned(),
        }
    };
    named.map(hit).collect()
}

/// Scores every rotation by its secret and its id, and makes words only of the best.
fn rotations(search: &mut Search, desk: &Desk, found: &mut Vec<(u32, Hit)>) {
    let incident = &desk.state.incident;
    let mut best: Vec<(u32, usize)> = Vec::new();
    for (row, id) in desk.digest.ids().enumerate() {
        let secret = incident.rotation(id).and_then(|r| r.secret.as_ref());
        let score = search
            .score(id.raw())
            .max(secret.and_then(|secret| search.score(secret.raw())));
        if let Some(score) = score {
            best.push((score, row));
        }
    }
    best.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for (score, row) in best.into_iter().take(SHOWN) {
        let Some(id) = desk.digest.id(row) else {
            continue;
        };
        let secret = incident.rotation(id).and_then(|r| r.secret.as_ref());
        let words = match secret {
            Some(secret) => format!("{secret} ({id})"),
            None => id.to_string(),
        };
        let hit = Hit {
            target: Target::Rotation(id.clone()),
            words,
            note: "rotation".to_owned(),
        };
        found.push((score, hit));
    }
}

struct Search {
    matcher: Matcher,
    pattern: Pattern,
    buffer: Vec<char>,
}

impl Search {
    fn new(words: &str) -> Self {
        Self {
            matcher: Matcher::new(Config::DEFAULT),
            pattern: Pattern::parse(words, CaseMatching::Ignore, Normalization::Smart),
            buffer: Vec::new(),
        }
    }

    fn score(&mut self, words: &str) -> Option<u32> {
        let haystack = Utf32Str::new(words, &mut self.buffer);
        self.pattern.score(haystack, &mut self.matcher)
    }
}
