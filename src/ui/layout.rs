//! Where everything stands on the on-call screen: a pure function of the size and of how much
//! there is to show, so that drawing and the mouse agree.

use ratatui::layout::Rect;

/// The smallest screen that is drawn on.
pub const LEAST: (u16, u16) = (40, 15);

/// How much there is to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// Lines that the headline would fill, where something stands that was found; else 0.
    pub headline: usize,
    /// Findings.
    pub findings: usize,
    /// Rotations.
    pub rotations: usize,
    /// Auth series.
    pub auth: usize,
    /// Canary comparisons.
    pub canaries: usize,
    /// True where a recording is played.
    pub replay: bool,
    /// Lines at the bottom: what became of an act, a freeze, the keys; at least 1.
    pub footer: u16,
}

/// How much room a screen gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// A phone: the headline and the rotations.
    Small,
    /// A terminal.
    Medium,
    /// A wide terminal: panes side by side.
    Wide,
}

/// The parts of the on-call screen. A part without room has no height. A pane's first line is its
/// rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnCall {
    /// Title, player and clock.
    pub header: Rect,
    /// What is going on.
    pub headline: Rect,
    /// What was found.
    pub findings: Rect,
    /// The rotations.
    pub rotations: Rect,
    /// Auth failures.
    pub auth: Rect,
    /// Canaries.
    pub canary: Rect,
    /// The consumers of the selected rotation by region.
    pub regions: Rect,
    /// The audit stream of the selected rotation.
    pub audit: Rect,
    /// The replay bar.
    pub replay: Rect,
    /// What became of an act, a freeze, and in the last line the keys that matter.
    pub footer: Rect,
}

/// How much room an area gives; `None` where it is too small.
pub fn room(area: Rect) -> Option<Room> {
    if area.width < LEAST.0 || area.height < LEAST.1 {
        None
    } else if area.width >= 150 && area.height >= 30 {
        Some(Room::Wide)
    } else if area.width < 72 || area.height < 20 {
        Some(Room::Small)
    } else {
        Some(Room::Medium)
    }
}

/// Takes lines from the top of a free area.
struct Column {
    area: Rect,
}

impl Column {
    fn take(&mut self, lines: u16) -> Rect {
        let lines = lines.min(self.area.height);
        let taken = Rect {
            height: lines,
            ..self.area
        };
        self.area.y += lines;
        self.area.height -= lines;
        taken
    }

    fn take_bottom(&mut self, lines: u16) -> Rect {
        let lines = lines.min(self.area.height);
        self.area.height -= lines;
        Rect {
            y: self.area.y + self.area.height,
            height: lines,
            ..self.area
        }
    }
}

fn lines(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// Lays the on-call screen out.
pub fn on_call(area: Rect, amounts: Amounts) -> OnCall {
    let Some(room) = room(area) else {
        return OnCall::default();
    };
    let mut out = OnCall::default();
    let mut column = Column { area };
    out.footer = column.take_bottom(amounts.footer.max(1));
    if amounts.replay {
        out.replay = column.take_bottom(1);
    }
    match room {
        Room::Small => small(&mut out, &mut column, amounts),
        Room::Medium => medium(&mut out, &mut column, amounts),
        Room::Wide => wide(&mut out, &mut column, amounts),
    }
    out
}

fn small(out: &mut OnCall, column: &mut Column, amounts: Amounts) {
    out.headline = column.take(lines(amounts.headline).clamp(4, 6));
    let free = column.area.height;
    let auth = 1 + lines(amounts.auth).clamp(1, (free / 4).max(1));
    out.auth = column.take_bottom(auth);
    out.rotations = column.area;
}

fn medium(out: &mut OnCall, column: &mut Column, amounts: Amounts) {
    out.header = column.take(1);
    let headline = if column.area.height >= 20 { 3 } else { 2 };
    out.headline = column.take(lines(amounts.headline).clamp(headline, headline + 1));
    if amounts.findings > 0 {
        let most = if column.area.height >= 26 { 5 } else { 2 };
        out.findings = column.take(1 + lines(amounts.findings).min(most));
    }
    let free = column.area.height.saturating_sub(4);
    let canaries = lines(amounts.canaries).min(if free > 20 { 4 } else { 1 });
    let auth = lines(amounts.auth).min((free - canaries) * 3 / 10);
    let audit = ((free - canaries) / 4).max(3);
    let rest = free.saturating_sub(canaries + auth + audit);
    // What the rotations do not need goes to the audit stream, which always has more.
    let rotations = lines(amounts.rotations).clamp(1, rest.max(1));
    out.rotations = column.take(1 + rotations);
    out.auth = column.take(1 + auth);
    out.canary = column.take(1 + canaries);
    out.audit = column.area;
}

fn wide(out: &mut OnCall, column: &mut Column, amounts: Amounts) {
    out.header = column.take(1);
    out.headline = column.take(lines(amounts.headline).clamp(2, 4));
    let all = column.area;
    let audit = (all.width * 3 / 10).clamp(44, 80);
    out.audit = Rect {
        x: all.x + all.width - audit,
        width: audit,
        ..all
    };
    let mut column = Column {
        area: Rect {
            width: all.width - audit - 2,
            ..all
        },
    };
    if amounts.findings > 0 {
        out.findings = column.take(1 + lines(amounts.findings).min(6));
    }
    let left = column.area;
    // A comparison has a line of words and a line of chart.
    let lower = (1 + 2 * lines(amounts.canaries.min(16))).clamp(8, (left.height / 3).max(8));
    let upper = left.height - lower;
    let rotations = (left.width * 6 / 11).max(80).min(left.width - 44);
    out.rotations = Rect {
        width: rotations,
        height: upper,
        ..left
    };
    out.auth = Rect {
        x: left.x + rotations + 2,
        width: left.width - rotations - 2,
        height: upper,
        ..left
    };
    let y = left.y + upper;
    out.regions = Rect {
        y,
        width: rotations,
        height: lower,
        ..left
    };
    out.canary = Rect {
        y,
        height: lower,
        ..out.auth
    };
}

/// The area of a screen that is one list of lines: between its header and what stands below it,
/// the replay bar and so many lines of footer.
pub fn document(area: Rect, replay: bool, footer: u16) -> Rect {
    let below = footer.max(1) + u16::from(replay);
    Rect {
        y: area.y + 2.min(area.height),
        height: area.height.saturating_sub(2 + below),
        ..area
    }
}

/// The frame of a prompt, over the screen.
pub fn prompt(area: Rect, height: u16) -> Rect {
    let width = area.width.min(80);
    let height = height.min(area.height.saturating_sub(2));
    Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height).min(3),
        width,
        height,
    }
}

/// True where a cell lies in an area.
pub fn holds(area: Rect, column: u16, row: u16) -> bool {
    (area.left()..area.right()).contains(&column) && (area.top()..area.bottom()).contains(&row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(layout: OnCall) -> [Rect; 10] {
        [
            layout.header,
            layout.headline,
            layout.findings,
            layout.rotations,
            layout.auth,
            layout.canary,
            layout.regions,
            layout.audit,
            layout.replay,
            layout.footer,
        ]
    }

    #[test]
    fn parts_lie_within_the_screen_and_never_overlap() {
        for width in (1..230).step_by(7) {
            for height in 1..62 {
                for n in [0, 1, 3, 1000] {
                    let amounts = Amounts {
                        headline: n,
                        findings: n,
                        rotations: n,
                        auth: n,
                        canaries: n,
                        replay: n != 1,
                        footer: [1, 5][usize::from(n > 1)],
                    };
                    let area = Rect::new(0, 0, width, height);
                    let parts = parts(on_call(area, amounts));
                    for (i, a) in parts.iter().enumerate() {
                        assert_eq!(a.intersection(area).area(), a.area(), "{area:?}");
                        for b in parts.iter().skip(i + 1) {
                            assert_eq!(a.intersection(*b).area(), 0, "{area:?} {a:?} {b:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_room_shows_a_rotation_and_the_footer() {
        for (width, height) in [LEAST, (72, 20), (80, 24), (150, 30), (200, 50)] {
            let amounts = Amounts {
                headline: 5,
                findings: 5,
                rotations: 5,
                auth: 5,
                canaries: 5,
                replay: true,
                footer: 1,
            };
            let layout = on_call(Rect::new(0, 0, width, height), amounts);
            assert!(layout.rotations.height >= 3, "{width}x{height} {layout:?}");
            assert_eq!(layout.footer.height, 1);
            assert_eq!(layout.replay.height, 1);
        }
    }
}
