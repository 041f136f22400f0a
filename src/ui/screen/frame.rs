//! What stands around every screen: the header above, the replay bar and the footer below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use crate::model::replay::Speed;
use crate::ui::command;
use crate::ui::desk::{Desk, Screen};
use crate::ui::explorer::Part;
use crate::ui::fit::{bytes, cols, plural, width};
use crate::ui::theme::Role;
use crate::ui::widget::{Axis, Pen, replay_bar};

use super::{Look, live};

/// The player's state in words: `playing ×10`, `paused ×1`, `at the end`.
fn player(desk: &Desk) -> String {
    let player = &desk.state.player;
    if desk.state.loading.done {
        match player.at {
            None => return "nothing to play".to_owned(),
            Some(_) if !player.playing && player.at >= player.to => return "at the end".to_owned(),
            Some(_) => {}
        }
    }
    let speed = match player.speed {
        Speed::Unbounded => "full speed".to_owned(),
        Speed::Times(times) => format!("×{times}"),
    };
    let state = if player.playing { "playing" } else { "paused" };
    format!("{state} {speed}")
}

/// How far reading is, while it goes on.
fn reading(desk: &Desk) -> Option<String> {
    let loading = &desk.state.loading;
    if loading.done || !desk.replay {
        return None;
    }
    Some(match loading.of_bytes {
        Some(of) if of > 0 => {
            let percent = loading.bytes.min(of).saturating_mul(100) / of;
            format!("reading {percent} % of {}", bytes(of))
        }
        _ => format!("reading, {} so far", bytes(loading.bytes)),
    })
}

/// The line above: product, what is looked at, player, clock with its zone.
pub fn header(pen: &mut Pen<'_>, look: Look<'_>) {
    let desk = look.desk;
    let clock = look.clock();
    let all = pen.width();
    let time = match desk.now() {
        Some(now) if all >= 72 => {
            format!("{} {} {}", clock.day(now), clock.time(now), clock.zone())
        }
        Some(now) => format!("{} {}", clock.time(now), clock.zone()),
        // Rows alone have no now.
        None if !desk.replay => clock.zone(),
        None => format!("--:--:-- {}", clock.zone()),
    };
    let right = cols(width(&time)) + 1;
    pen.put_right(0, 0, all.saturating_sub(1), &time, look.style(Role::Strong));
    let mut room = all.saturating_sub(right + 2);
    let mut x = 1;
    let mut put = |words: &str, role: Role, gap: u16| {
        let taken = pen.put(x, 0, room, words, look.style(role));
        x += taken + gap;
        room = room.saturating_sub(taken + gap);
    };
    put("rotascope", Role::Accent, 1);
    put("▸", Role::Dim, 1);
    put(&desk.title.to_string(), Role::Strong, 2);
    if let Some((words, role)) = live::header(desk) {
        put(&words, role, 2);
    } else if desk.replay {
        put(&player(desk), Role::Text, 2);
    }
    if let Some(reading) = reading(desk) {
        put(&reading, Role::Dim, 0);
    }
}

/// The replay bar and the footer: a freeze, what became of an act, and the keys.
pub fn bottom(look: Look<'_>, buf: &mut Buffer, area: Rect) {
    let below = look.desk.below(area);
    let under = 1 + u16::from(below.banner.is_some()) + cols(below.news.len());
    let lines = under + cols(below.wrong.len());
    let line = |up: u16| Rect {
        y: area.y + area.height.saturating_sub(up),
        height: 1,
        ..area
    };
    if look.desk.replay && area.height > lines {
        bar(&mut Pen::new(buf, line(lines + 1)), look);
    }
    for (up, words) in (under + 1..=lines).rev().zip(&below.wrong) {
        let mut pen = Pen::new(buf, line(up));
        pen.put(1, 0, area.width, words, look.style(Role::Warn));
    }
    if let Some(words) = &below.banner {
        banner(&mut Pen::new(buf, line(under)), look, words);
    }
    for (up, words) in (2..=cols(below.news.len()) + 1).rev().zip(&below.news) {
        let mut pen = Pen::new(buf, line(up));
        pen.put(1, 0, area.width, words, look.style(below.role));
    }
    footer(&mut Pen::new(buf, line(1)), look);
}

/// That everything is held, and the key that ends it: nobody may overlook it.
fn banner(pen: &mut Pen<'_>, look: Look<'_>, words: &str) {
    let style = look.style(Role::Warn).add_modifier(Modifier::REVERSED);
    let all = pen.width();
    pen.fill(0, 0, all, ' ', style);
    let keys = look
        .keymap
        .keys("unfreeze")
        .map_or_else(String::new, |keys| format!("{keys} ends it"));
    let wide = cols(width(&keys));
    let room = all.saturating_sub(wide + 4);
    pen.put(1, 0, room, words, style);
    pen.put_right(0, 0, all.saturating_sub(1), &keys, style);
}

/// The axis of the replay bar within a line: its first column and its columns.
pub fn bar_axis(desk: &Desk, columns: u16) -> Option<(u16, Axis)> {
    let player = &desk.state.player;
    let time = bar_time(columns);
    let (from, to) = (player.from?, player.to?);
    Some((
        time + 2,
        Axis {
            from,
            to,
            columns: columns.saturating_sub(2 * time + 4),
        },
    ))
}

fn bar_time(columns: u16) -> u16 {
    if columns < 60 { 5 } else { 8 }
}

/// The replay bar.
pub fn bar(pen: &mut Pen<'_>, look: Look<'_>) {
    let desk = look.desk;
    let clock = look.clock();
    let all = pen.width();
    let time = bar_time(all);
    let Some((x, axis)) = bar_axis(desk, all) else {
        pen.put(1, 0, all, "nothing read yet", look.style(Role::Dim));
        return;
    };
    let short = |at| {
        if time == 5 {
            clock.minute(at)
        } else {
            clock.time(at)
        }
    };
    let dim = look.style(Role::Dim);
    pen.put(1, 0, time, &short(axis.from), dim);
    pen.put_right(0, 0, all.saturating_sub(1), &short(axis.to), dim);
    let player = &desk.state.player;
    let at = player.at.or(player.from);
    replay_bar(pen, (x, 0), axis, at, &player.marks, look.theme);
}

/// The commands whose keys matter on a screen, most first.
fn matters(screen: Screen) -> &'static [&'static str] {
    match screen {
        Screen::OnCall => &[
            "help",
            "palette",
            "open",
            "why",
            "find",
            "pane-next",
            "play",
            "next-mark",
        ],
        Screen::Why => &["back", "help", "open", "next", "detail", "palette"],
        Screen::Inventory => &["back", "help", "open", "find", "sort", "export", "palette"],
        Screen::Explorer => &[
            "find",
            "help",
            "open",
            "pane-next",
            "mark-row",
            "columns",
            "export",
            "filter-before",
            "detail",
            "palette",
        ],
        Screen::Secret => &["back", "help", "detail", "why", "palette", "page-down"],
        Screen::Sought => &["back", "help", "open", "palette", "next", "page-down"],
        Screen::Event => &["back", "help", "step-forward", "step-back", "palette"],
        Screen::Detail => &["back", "help", "palette", "next", "play", "next-mark"],
        Screen::Debug => &[
            "back",
            "help",
            "pane-next",
            "detail",
            "range-wider",
            "palette",
        ],
        Screen::Alerts | Screen::Backends | Screen::Rejected | Screen::Executive | Screen::Help => {
            &["back", "help", "palette", "next", "page-down"]
        }
    }
}

/// A key in the footer: where it stands and what it does.
pub struct FooterKey {
    /// Its first column.
    pub x: u16,
    /// How many columns it takes with its word.
    pub columns: u16,
    /// The command.
    pub id: &'static str,
    keys: String,
    label: &'static str,
}

impl FooterKey {
    fn new(x: u16, id: &'static str, keys: String, label: &'static str) -> Self {
        Self {
            x,
            columns: cols(width(&keys) + 1 + width(label)),
            id,
            keys,
            label,
        }
    }
}

/// The word for a command here and now.
fn label(desk: &Desk, id: &str, label: &'static str) -> &'static str {
    let live = desk.state.live.as_ref();
    match id {
        "back" if desk.news().is_some() => "read",
        "pane-next" if desk.screen() == Screen::Debug => "next one",
        "find" if desk.screen() == Screen::Explorer => "filter",
        "open" if desk.screen() == Screen::Explorer => match desk.explorer.part {
            Part::Rows if desk.explorer.shows_detail() => "close",
            Part::Rows => "in full",
            Part::Facets => "ask for it",
            Part::Times => "this time",
        },
        "end" if live.is_some() => "now",
        "play" if live.is_some_and(|live| live.following) || desk.state.player.playing => "pause",
        _ => label,
    }
}

/// The commands of the footer, most first.
fn wanted(desk: &Desk) -> impl Iterator<Item = &'static str> {
    let live = desk.state.live.as_ref();
    let past = live.is_some_and(|live| !live.following);
    let now = live.is_some_and(|live| live.following);
    let unread = desk.news().is_some();
    let first = [unread.then_some("back"), past.then_some("end")];
    let rest = matters(desk.screen()).iter().copied();
    let rest = rest.filter(move |id| {
        // What is shown is read before one goes back, and after now no mark comes.
        !(unread && *id == "back" || now && *id == "next-mark")
    });
    first.into_iter().flatten().chain(rest)
}

/// Where the keys of the footer stand in so many columns; the last is the one that quits.
pub fn keys(look: Look<'_>, all: u16) -> Vec<FooterKey> {
    let desk = look.desk;
    let quit = look.keymap.keys("quit").unwrap_or_default();
    let quit_columns = cols(width(&quit)) + 6;
    let right_columns = cols(width(&missing(desk, all)));
    let pending_columns = cols(width(look.pending));
    let mut room = all.saturating_sub(quit_columns + 2);
    for taken in [right_columns, pending_columns] {
        if taken > 0 {
            room = room.saturating_sub(taken + 2);
        }
    }
    let mut x = 1;
    let mut found = Vec::new();
    for id in wanted(desk) {
        let Some(command) = command::find(id).filter(|command| command.applies(desk)) else {
            continue;
        };
        // Where nothing was found there is nothing to ask why.
        if id == "why" && desk.digest.findings.len() == 0 {
            continue;
        }
        let Some(keys) = look.keymap.keys(id) else {
            continue;
        };
        let key = FooterKey::new(x, command.id, keys, label(desk, id, command.label));
        if x + key.columns > room {
            break;
        }
        x += key.columns + 2;
        found.push(key);
    }
    let x = all.saturating_sub(cols(width(&quit)) + 6);
    found.push(FooterKey::new(x, "quit", quit, "quit"));
    found
}

/// The keys that matter here, or a word to the person.
pub fn footer(pen: &mut Pen<'_>, look: Look<'_>) {
    let desk = look.desk;
    let all = pen.width();
    if let Some(notice) = &desk.notice {
        pen.put(1, 0, all.saturating_sub(2), notice, look.style(Role::Warn));
        return;
    }
    let keys = keys(look, all);
    for key in &keys {
        let taken = pen.put(key.x, 0, key.columns, &key.keys, look.style(Role::Accent));
        let x = key.x + taken + 1;
        pen.put(x, 0, key.columns, key.label, look.style(Role::Dim));
    }
    let mut end = keys.last().map_or(all, |quit| quit.x).saturating_sub(2);
    let right = missing(desk, all);
    if !right.is_empty() {
        pen.put_right(0, 0, end, &right, look.style(Role::Warn));
        end = end.saturating_sub(cols(width(&right)) + 2);
    }
    if !look.pending.is_empty() {
        pen.put_right(0, 0, end, look.pending, look.style(Role::Strong));
    }
}

/// What is missing of the picture: gaps of backends, what could not be read to its end, rejected
/// lines.
fn missing(desk: &Desk, columns: u16) -> String {
    let gaps: usize = desk
        .state
        .incident
        .backends()
        .map(|backend| backend.gaps.len())
        .sum();
    let rejected = usize::try_from(desk.state.loading.rejected).unwrap_or(usize::MAX);
    let mut words = Vec::new();
    if gaps > 0 {
        words.push(plural(gaps, "gap"));
    }
    let cut = desk.state.loading.trouble.len();
    if cut > 0 {
        words.push(format!("{cut} cut short"));
    }
    if rejected > 0 && columns >= 72 {
        words.push(format!(
            "{} rejected",
            crate::ui::fit::count(rejected as u64)
        ));
    }
    words.join(", ")
}
