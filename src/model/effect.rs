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
        /// What it holds, for a person: `715 rows`.
        what: String,
        /// What is written.
        words: String,
    },
    /// Put harmless words on the clipboard (OSC 52).
    Copy(String),
    /// Ring: somebody is woken, and why, in harmless words.
    Ring(Ring, String),
}

/// How a terminal is made to ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ring {
    /// Its bell.
    #[default]
    Bell,
    /// A notification of the desktop, as iTerm2, kitty and others show it (OSC 9), and the bell.
    Osc9,
    /// The same, as rxvt, foot and others show it (OSC 777), and the bell.
    Osc777,
}

impl Ring {
    /// What a terminal is sent. The words must be harmless; what would end the sequence early or
    /// be taken for a second field is left out all the same.
    #[must_use]
    pub fn sequence(self, words: &str) -> String {
        let words: String = words
            .chars()
            .filter(|c| !c.is_control())
            .map(|c| if c == ';' { ',' } else { c })
            .take(200)
            .collect();
        match self {
            Self::Bell => "\u{7}".to_owned(),
            Self::Osc9 => format!("\u{1b}]9;{words}\u{1b}\\\u{7}"),
            Self::Osc777 => format!("\u{1b}]777;notify;rotascope;{words}\u{1b}\\\u{7}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_words_end_a_notification_early() {
        let hostile = "page\u{1b}\\\u{7}\u{1b}]0;x;y\u{9c}";
        for ring in [Ring::Bell, Ring::Osc9, Ring::Osc777] {
            let sequence = ring.sequence(hostile);
            let controls = sequence.chars().filter(|c| c.is_control()).count();
            assert_eq!(
                controls,
                if ring == Ring::Bell { 1 } else { 3 },
                "{sequence:?}"
            );
            assert!(sequence.ends_with('\u{7}'));
        }
        assert!(Ring::Osc777.sequence("a;b").contains("rotascope;a,b"));
    }
}
