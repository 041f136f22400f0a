//! Where everything stands on the explorer's screen, so that drawing and the mouse agree.

use ratatui::layout::Rect;

use crate::ui::fit::cols;
use crate::ui::layout::{self, Room};

use super::{Explorer, Part};

/// The parts of the screen. A part without room has no height.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The rule with the counts.
    pub rule: Rect,
    /// The filter.
    pub filter: Rect,
    /// How far reading and looking are, and what is missing.
    pub status: Rect,
    /// The bars, and beneath them the times.
    pub times: Rect,
    /// The names of the columns.
    pub head: Rect,
    /// The rows.
    pub rows: Rect,
    /// The facets; their first line is a rule where they stand below something.
    pub facets: Rect,
    /// The selected row in full; its first line is a rule.
    pub detail: Rect,
}

/// The columns of the facets beside the rows.
const FACETS: u16 = 38;

/// Takes lines from the top of an area.
fn take(area: &mut Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    let taken = Rect {
        height: lines,
        ..*area
    };
    area.y += lines;
    area.height -= lines;
    taken
}

/// Lays the screen out while keys go to a part: a wide one has the facets beside the rows, others
/// in their place.
pub fn places(explorer: &Explorer, part: Part, area: Rect, replay: bool, footer: u16) -> Places {
    let mut out = Places::default();
    let Some(room) = layout::room(area) else {
        return out;
    };
    let mut rest = layout::document(area, replay, footer);
    out.rule = Rect {
        y: rest.y.saturating_sub(1),
        height: 1,
        ..rest
    };
    out.filter = take(&mut rest, 1);
    out.status = take(&mut rest, 1);
    let bars = match room {
        Room::Small if part == Part::Times => 3,
        Room::Small => 0,
        Room::Medium => 3,
        Room::Wide => 7,
    };
    out.times = take(&mut rest, bars);
    if room == Room::Wide {
        let x = rest.x + rest.width - FACETS;
        out.facets = Rect {
            x,
            width: FACETS,
            ..rest
        };
        rest.width -= FACETS + 1;
    } else if part == Part::Facets {
        out.facets = rest;
        return out;
    }
    if explorer.shows_detail() {
        let lines = if room == Room::Small {
            rest.height
        } else {
            rest.height.saturating_sub(5).min(20)
        };
        out.detail = Rect {
            y: rest.y + rest.height - lines,
            height: lines,
            ..rest
        };
        rest.height -= lines;
    }
    out.head = take(&mut rest, 1);
    out.rows = rest;
    out
}

/// The most columns of one bar.
const WIDEST: usize = 12;

/// The columns of a bar within so many: where it begins and how many it has. All of them together
/// fill what there is, where that is not too wide for them.
pub fn bar_columns(columns: u16, bars: usize, bar: usize) -> (u16, u16) {
    let columns = usize::from(columns).min(bars.saturating_mul(WIDEST));
    let edge = |bar: usize| cols(bar * columns / bars.max(1));
    let from = edge(bar);
    (from, edge(bar + 1).saturating_sub(from))
}

/// The bar in a column of the screen.
pub fn bar_at(places: &Places, bars: usize, column: u16) -> Option<usize> {
    let into = column.checked_sub(places.times.x + 1)?;
    let columns = places.times.width.saturating_sub(2);
    (0..bars).find(|bar| {
        let (from, wide) = bar_columns(columns, bars, *bar);
        (from..from + wide).contains(&into)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_their_columns_and_lie_side_by_side() {
        for columns in [38_u16, 78, 198] {
            for bars in [1_usize, 3, 7, 25, 38] {
                let mut at = 0;
                for bar in 0..bars {
                    let (from, wide) = bar_columns(columns, bars, bar);
                    assert_eq!(from, at, "{columns} {bars}");
                    assert!((1..=12).contains(&wide), "{columns} {bars} {wide}");
                    at = from + wide;
                }
                assert_eq!(at, columns.min(cols(bars * WIDEST)));
            }
        }
    }
}
