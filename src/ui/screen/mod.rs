//! The screens, a file each, and what stands around all of them.

mod acts;
mod alerts;
mod audit;
mod auth;
mod backends;
mod budgets;
mod canary;
mod debug;
mod detail;
mod done;
mod event;
mod executive;
mod explorer;
mod findings;
mod frame;
mod help;
mod inventory;
mod live;
mod on_call;
mod pane;
mod prompts;
mod question;
mod rejected;
mod rotations;
mod secret;
mod sought;
mod tracks;
mod why;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::desk::{Desk, Screen};
use super::fit::{Clock, cols};
use super::keymap::Keymap;
use super::layout;
use super::prompt::Kind;
use super::theme::{Role, Theme};
use super::widget::{Line, Pen, draw_lines};

/// What a screen is drawn from.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// The desk.
    pub desk: &'a Desk,
    /// The theme.
    pub theme: &'a Theme,
    /// The keymap.
    pub keymap: &'a Keymap,
    /// The keys of a sequence that has only begun.
    pub pending: &'a str,
}

impl Look<'_> {
    /// How a role is drawn.
    pub fn style(&self, role: Role) -> Style {
        self.theme.style(role)
    }

    /// How moments are shown.
    pub fn clock(&self) -> Clock {
        self.desk.clock()
    }
}

/// The lines of a screen that is one list: at most those from `first` on that fill `rows`, and
/// how many there are in all.
pub struct Listing {
    /// All lines.
    pub total: usize,
    /// Those that are seen.
    pub lines: Vec<Line>,
    /// The selected one, where one is.
    pub selected: usize,
}

impl Listing {
    /// The part of a whole list that is seen.
    fn part(mut lines: Vec<Line>, first: usize, rows: usize) -> Self {
        let total = lines.len();
        let first = first.min(total.saturating_sub(rows));
        lines.drain(..first);
        lines.truncate(rows);
        Self {
            total,
            lines,
            selected: 0,
        }
    }
}

/// The listing of the shown screen; `None` for the on-call screen and the explorer, which are none.
pub fn listing(desk: &Desk, theme: &Theme, keymap: &Keymap) -> Option<Listing> {
    let area = layout::document(desk.area, desk.replay, desk.footer(desk.area));
    let (first, rows) = (desk.scroll, usize::from(area.height));
    let lines = match desk.screen() {
        Screen::OnCall | Screen::Explorer => return None,
        Screen::Rejected => return Some(rejected::listing(desk, area.width, first, rows)),
        Screen::Inventory => return Some(inventory::listing(desk, area.width, rows)),
        Screen::Secret => secret::lines(desk, area.width),
        Screen::Debug => debug::lines(desk, area.width),
        Screen::Sought => sought::lines(desk, area.width),
        Screen::Detail => detail::lines(desk, area.width),
        Screen::Why => {
            let look = Look {
                desk,
                theme,
                keymap,
                pending: "",
            };
            let (lines, selected) = why::lines(look, area.width);
            let part = Listing::part(lines, first, rows);
            return Some(Listing { selected, ..part });
        }
        Screen::Event => event::lines(desk, area.width),
        Screen::Alerts => alerts::lines(desk, area.width),
        Screen::Backends => backends::lines(desk, area.width),
        Screen::Executive => executive::lines(desk, area.width),
        Screen::Help => help::lines(desk, keymap),
    };
    Some(Listing::part(lines, first, rows))
}

/// The command whose key stands in a cell of the screen: in the footer, in the banner of a
/// freeze, among the acts that the headline suggests; a word about an act is read there.
pub fn command_at(look: Look<'_>, (column, row): (u16, u16)) -> Option<&'static str> {
    let desk = look.desk;
    let area = desk.area;
    layout::room(area)?;
    let below = desk.below(area);
    let up = area.height.checked_sub(row)?;
    if up == 1 {
        // A word to the person hides the keys.
        let keys = frame::keys(look, area.width);
        let here = |key: &frame::FooterKey| (key.x..key.x + key.columns).contains(&column);
        let key = keys.iter().find(|key| here(key));
        return key.filter(|_| desk.notice.is_none()).map(|key| key.id);
    }
    let news = cols(below.news.len());
    if up <= 1 + news {
        return Some("back");
    }
    if up == 2 + news && below.banner.is_some() {
        return Some("unfreeze");
    }
    match desk.screen() {
        Screen::OnCall => on_call::suggested_at(look, (column, row)),
        Screen::Why => {
            let body = layout::document(area, desk.replay, desk.footer(area));
            let line = usize::from(row.checked_sub(body.y)?) + desk.scroll;
            why::suggested_at(look, area.width, (line, column))
        }
        _ => None,
    }
}

/// The column of the inventory whose name stands in a column of the screen.
pub fn inventory_column(width: u16, x: u16) -> Option<crate::measure::inventory::Column> {
    inventory::column_at(width, x)
}

/// The piece of evidence at a row of the screen that says why.
pub fn evidence_at(look: Look<'_>, row: u16) -> Option<usize> {
    let desk = look.desk;
    let body = layout::document(desk.area, desk.replay, desk.footer(desk.area));
    if desk.screen() != Screen::Why || !layout::holds(body, body.x, row) {
        return None;
    }
    let line = usize::from(row - body.y) + desk.scroll;
    why::evidence_at(look, desk.area.width, line)
}

/// The line of the palette at a row of the screen.
pub fn hit_at(desk: &Desk, (column, row): (u16, u16)) -> Option<usize> {
    prompts::hit_at(desk, (column, row))
}

/// The word that could come next in the explorer's filter at a cell of the screen.
pub fn offered_at(desk: &Desk, place: (u16, u16)) -> Option<usize> {
    explorer::offered_at(desk, place)
}

/// The share of the recording that is nearest to a column of the replay bar, 0.0 to 1.0.
pub fn nearest_share(desk: &Desk, column: u16) -> Option<f64> {
    let (x, axis) = frame::bar_axis(desk, desk.area.width)?;
    let last = x + axis.columns.saturating_sub(1);
    share_at(desk, column.clamp(x, last))
}

/// The share of the recording at a column of the replay bar, 0.0 to 1.0.
pub fn share_at(desk: &Desk, column: u16) -> Option<f64> {
    let (x, axis) = frame::bar_axis(desk, desk.area.width)?;
    let into = column.checked_sub(x).filter(|into| *into < axis.columns)?;
    let last = axis.columns.saturating_sub(1).max(1);
    Some(f64::from(into) / f64::from(last))
}

/// Draws everything.
pub fn draw(look: Look<'_>, listing: Option<&Listing>, buf: &mut Buffer, area: Rect) {
    let text = look.style(Role::Text);
    if text != Style::default() {
        buf.set_style(area, text);
    }
    if layout::room(area).is_none() {
        too_small(&mut Pen::new(buf, area), look);
        return;
    }
    match look.desk.screen() {
        Screen::OnCall => on_call::draw(look, buf, area),
        Screen::Explorer => explorer::draw(look, buf, area),
        _ => list(look, listing, buf, area),
    }
    match &look.desk.prompt {
        Some(prompt) if prompt.kind == Kind::Query => explorer::draw_query(look, prompt, buf),
        _ => prompts::draw(look, buf, area),
    }
    question::draw(look, buf, area);
}

fn too_small(pen: &mut Pen<'_>, look: Look<'_>) {
    let (columns, rows) = layout::LEAST;
    let words = [
        format!("needs {columns}x{rows}"),
        format!("has {}x{}", pen.width(), pen.height()),
    ];
    for (y, line) in (0..).zip(&words) {
        pen.put(0, y, pen.width(), line, look.style(Role::Warn));
    }
}

fn list(look: Look<'_>, listing: Option<&Listing>, buf: &mut Buffer, area: Rect) {
    let desk = look.desk;
    frame::header(&mut Pen::new(buf, Rect { height: 1, ..area }), look);
    let body = layout::document(area, desk.replay, desk.footer(area));
    let (title, subject) = match desk.screen() {
        Screen::Detail => ("Rotation", detail::title(desk)),
        Screen::Why => ("Why", why::title(desk)),
        Screen::Inventory => ("Inventory", inventory::title(desk)),
        Screen::Secret => ("Secret", secret::title(desk)),
        Screen::Debug => ("Debug", debug::title(desk)),
        Screen::Sought => ("Link", sought::title(desk)),
        Screen::Event => ("Event", event::title(desk)),
        Screen::Alerts => ("Alerts", alerts::title(desk)),
        Screen::Backends => ("Backends", String::new()),
        Screen::Rejected => ("Rejected", rejected::title(desk)),
        Screen::Executive => ("Executive", executive::title(desk)),
        Screen::Help => ("Help", format!("keymap {}", look.keymap.name())),
        Screen::OnCall | Screen::Explorer => ("", String::new()),
    };
    let title = if subject.is_empty() {
        title.to_owned()
    } else {
        format!("{title} ▸ {subject}")
    };
    let total = listing.map_or(0, |listing| listing.total);
    let rows = usize::from(body.height);
    // The names of the columns are no row of the inventory.
    let above = usize::from(desk.screen() == Screen::Inventory);
    let (total, rows) = (total.saturating_sub(above), rows.saturating_sub(above));
    let place = if total > rows {
        let first = desk.scroll.min(total - rows);
        format!("{}–{} of {total}", first + 1, first + rows)
    } else {
        String::new()
    };
    let above = Rect {
        y: body.y.saturating_sub(1),
        height: 1,
        ..body
    };
    let mut pen = Pen::new(buf, above);
    super::widget::rule(&mut pen, 0, look.theme, &title, &place, Role::Strong);
    if let Some(listing) = listing {
        draw_lines(&mut Pen::new(buf, body), look.theme, &listing.lines);
    }
    frame::bottom(look, buf, area);
}
