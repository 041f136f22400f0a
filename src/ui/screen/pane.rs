//! What the panes of the on-call screen share: their rule, their time axis, their words.

use crate::model::Text;
use crate::ui::desk::Pane;
use crate::ui::fit::{cols, percent, width};
use crate::ui::theme::Role;
use crate::ui::widget::{Axis, Pen, rule};

use super::Look;

/// The rule above a pane; the focused pane's title is in the accent.
pub fn title(pen: &mut Pen<'_>, look: Look<'_>, pane: Pane, left: &str, right: &str) {
    let role = if look.desk.pane == pane {
        Role::Accent
    } else {
        Role::Dim
    };
    rule(pen, 0, look.theme, left, right, role);
}

/// The charts' axis: the last while, in as many columns as there are.
pub fn axis(look: Look<'_>, columns: u16) -> Option<Axis> {
    let to = look.desk.now()?;
    Some(Axis {
        from: to - look.desk.span(),
        to,
        columns,
    })
}

/// The words of the axis: `15 min`.
pub fn range(look: Look<'_>) -> String {
    let minutes = look.desk.span().as_seconds() / 60;
    if minutes < 60 {
        format!("{minutes} min")
    } else {
        format!("{} h", minutes / 60)
    }
}

/// A share, or a dash where there is none.
pub fn share(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), percent)
}

/// The widest of some words, at most `most`.
pub fn widest<'a>(words: impl Iterator<Item = &'a Text>, most: usize) -> u16 {
    cols(
        words
            .map(|words| width(&words.shown()))
            .max()
            .unwrap_or(0)
            .min(most),
    )
}
