//! What the cockpit asks the shell to do. Plain data: it can be compared, logged and recorded.

use super::act::Asked;
use super::replay::ReplayCommand;

/// The effects of one update, in order. Dropping them would drop what a person asked for.
#[must_use]
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Effects(pub Vec<Effect>);

impl Effects {
    /// Nothing to do.
    pub fn none() -> Self {
        Self::default()
    }

    /// One thing to do.
    pub fn one(effect: Effect) -> Self {
        Self(vec![effect])
    }
}

/// One thing that only the shell can do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Leave the program.
    Quit,
    /// Ask the player for something.
    Replay(ReplayCommand),
    /// Do what was asked and answered, under the guard.
    Act(Box<Asked>),
    /// Draw everything anew, as after the terminal was disturbed.
    Redraw,
    /// Write harmless words to a new file of the folder for exports, and say where, or why not.
    Export {
        /// The file's name, without a folder.
        name: String,
        /// What it holds.
        words: String,
    },
    /// Put harmless words on the clipboard (OSC 52).
    Copy(String),
}
