//! What the session publishes and what the cockpit is told.

use std::sync::Arc;

use crate::diagnosis::Known;
use crate::guard::Rules;
use crate::incident::Incident;
use crate::measure::overview::Overview;
use crate::model::Event;
use crate::model::link::Live;
use crate::model::rejected::Rejected;
use crate::model::replay::{Loading, PlayerStatus, Speed};
use crate::query::page::Page;

use super::key::Key;
use super::keymap::Keymap;
use super::theme::Theme;

/// All that the screens show, at one moment. Cheap to clone.
#[derive(Clone, Debug)]
pub struct State {
    /// What is known.
    pub incident: Incident,
    /// What is known of failure modes at that moment.
    pub known: Known,
    /// The event that the player stands on; `None` before the first.
    pub event: Option<Arc<Event>>,
    /// How the player stands.
    pub player: PlayerStatus,
    /// How far reading has come.
    pub loading: Loading,
    /// What could not be read (the first of it, where it is much).
    pub rejected: Arc<[Rejected]>,
    /// How it stands with what happens now; `None` where a recording is played.
    pub live: Option<Live>,
    /// Who acts, under which policy; `None` where nothing can be done here.
    pub rules: Option<Arc<Rules>>,
    /// How it stood with the service levels; `None` before they were looked at.
    pub overview: Option<Arc<Overview>>,
    /// The user's zone, in seconds east of UTC.
    pub local_offset_seconds: i32,
}

impl Default for State {
    fn default() -> Self {
        Self {
            incident: Incident::default(),
            known: Known::default(),
            event: None,
            player: PlayerStatus {
                playing: false,
                speed: Speed::Times(1.0),
                from: None,
                to: None,
                at: None,
                position: 0,
                events: 0,
                marks: Arc::new([]),
            },
            loading: Loading::default(),
            rejected: Arc::new([]),
            live: None,
            rules: None,
            overview: None,
            local_offset_seconds: 0,
        }
    }
}

impl State {
    /// True where both would be drawn alike.
    #[must_use]
    pub fn looks_like(&self, other: &Self) -> bool {
        self.incident.generation() == other.incident.generation()
            && self.incident.now() == other.incident.now()
            && self.known.reach == other.known.reach
            && (Arc::ptr_eq(&self.known.findings, &other.known.findings)
                || self.known.findings == other.known.findings)
            && (Arc::ptr_eq(&self.known.alerts, &other.known.alerts)
                || self.known.alerts == other.known.alerts)
            && self.event == other.event
            && self.player == other.player
            && self.loading == other.loading
            && self.live == other.live
            && self.rules == other.rules
            && same(self.overview.as_ref(), other.overview.as_ref())
            && self.rejected.len() == other.rejected.len()
            && self.local_offset_seconds == other.local_offset_seconds
    }
}

/// True where both are one, or say the same.
fn same(a: Option<&Arc<Overview>>, b: Option<&Arc<Overview>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a == b,
        (None, None) => true,
        _ => false,
    }
}

/// What happened. Plain data: it can be recorded and sent again.
#[derive(Clone, Debug)]
pub enum Message {
    /// A key was pressed.
    Key(Key),
    /// Words were pasted.
    Paste(String),
    /// The mouse was used.
    Mouse(Mouse),
    /// The screen has another size, in cells.
    Resize {
        /// Its width.
        columns: u16,
        /// Its height.
        rows: u16,
    },
    /// What was drawn last has been there for long enough to be seen, and nothing was pressed.
    Seen,
    /// The session published what it knows.
    State(Box<State>),
    /// The user's zone where no state tells it, in seconds east of UTC.
    Offset(i32),
    /// The explorer's archive answers.
    Page(Box<Page>),
    /// The settings, the keymap or the theme were changed while the program runs.
    Changed(Box<Changed>),
    /// What became of something that the shell was asked for, in harmless words.
    Told(String),
    /// The window came to the front.
    FocusGained,
    /// The window went to the back.
    FocusLost,
}

/// How it is to look and to listen from now on.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    /// The keymap, where it is right.
    pub keymap: Option<Keymap>,
    /// The theme, where it is right.
    pub theme: Option<Theme>,
    /// Whether times are shown in local time, where the settings say something new.
    pub local: Option<bool>,
    /// All that is wrong, each with its file, its line and its key, in harmless words. What it was
    /// before stays until it is mended.
    pub wrong: Vec<String>,
}

/// What the mouse did, and where (cells from the upper left corner, from 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mouse {
    /// What.
    pub what: MouseKind,
    /// The column.
    pub column: u16,
    /// The row.
    pub row: u16,
}

/// What the mouse did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseKind {
    /// The main button was pressed.
    Click,
    /// The mouse moved while the main button was held.
    Drag,
    /// The main button was let go.
    Release,
    /// The wheel turned up.
    WheelUp,
    /// The wheel turned down.
    WheelDown,
}
