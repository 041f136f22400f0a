//! How far one moves in a list, and where that leads.

/// How far a list moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Lines down, or with a minus up.
    Lines(isize),
    /// Pages down, or with a minus up.
    Pages(isize),
    /// To the first line.
    First,
    /// To the last line.
    Last,
}

/// Where a move leads in a list of so many, of which a page is seen.
pub fn moved(at: usize, by: Move, page: usize, len: usize) -> usize {
    let page = isize::try_from(page.max(2) - 1).unwrap_or(isize::MAX);
    let last = len.saturating_sub(1);
    match by {
        Move::Lines(n) => at.saturating_add_signed(n).min(last),
        Move::Pages(n) => at.saturating_add_signed(n.saturating_mul(page)).min(last),
        Move::First => 0,
        Move::Last => last,
    }
}
