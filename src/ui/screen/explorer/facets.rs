//! What the rows say in each field, most frequent first.

use crate::ui::explorer::{Entry, Part};
use crate::ui::fit::{cols, count, width};
use crate::ui::theme::Role;
use crate::ui::widget::{Pen, rule};

use super::Look;

/// Draws the list under its rule.
pub fn draw(pen: &mut Pen<'_>, look: Look<'_>) {
    let explorer = &look.desk.explorer;
    let focused = explorer.part == Part::Facets;
    let role = if focused { Role::Strong } else { Role::Dim };
    let keys = ["open", "exclude"].map(|id| look.keymap.keys(id).unwrap_or_default());
    let right = if focused {
        format!("{} with, {} without", keys[0], keys[1])
    } else {
        String::new()
    };
    rule(pen, 0, look.theme, "What they say", &right, role);
    let lines = usize::from(pen.height().saturating_sub(1));
    let top = explorer.facets_top(lines);
    let selected = explorer.facet_line().filter(|_| focused);
    let entries = explorer.entries();
    if entries.is_empty() {
        pen.put(2, 1, pen.width(), "nothing", look.style(Role::Dim));
    }
    for (y, (line, entry)) in (1..pen.height()).zip(entries.iter().enumerate().skip(top)) {
        let all = pen.width();
        match entry {
            Entry::Head(field, absent) => {
                let taken = pen.put(1, y, all, field.name(), look.style(Role::Strong));
                if *absent > 0 {
                    let words = format!("not told by {}", count(*absent));
                    let room = all.saturating_sub(taken + 4);
                    pen.put_right(3 + taken, y, room, &words, look.style(Role::Dim));
                }
            }
            Entry::Value(_, value, n) => {
                let n = count(*n);
                let wide = cols(width(&n));
                let here = selected == Some(line);
                if here {
                    pen.cell(0, y, '▌', look.style(Role::Accent));
                }
                let words = value.to_string();
                let words = if words.is_empty() { "(empty)" } else { &words };
                let role = if here { Role::Strong } else { Role::Text };
                let room = all.saturating_sub(wide + 5);
                pen.put(3, y, room, words, look.style(role));
                pen.put_right(0, y, all.saturating_sub(1), &n, look.style(Role::Dim));
            }
            Entry::More(n) => {
                let words = format!("and {} more", count(*n));
                pen.put(3, y, all, &words, look.style(Role::Dim));
            }
        }
    }
}
