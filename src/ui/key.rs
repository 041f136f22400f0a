//! A key as the cockpit knows it: a code and its modifiers, whatever the terminal or window.

use std::fmt;

/// Which key was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyCode {
    /// A printing key; a capital letter stands for itself, without [`Key::shift`].
    Char(char),
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// Tabulator; with shift it goes backward.
    Tab,
    /// Deletes to the left.
    Backspace,
    /// Deletes to the right.
    Delete,
    /// Insert.
    Insert,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// A function key, from 1.
    F(u8),
}

/// The named keys: the word in a keymap and what the screen shows for it.
const NAMED: [(&str, &str, KeyCode); 16] = [
    ("space", "space", KeyCode::Char(' ')),
    ("enter", "enter", KeyCode::Enter),
    ("esc", "esc", KeyCode::Esc),
    ("tab", "tab", KeyCode::Tab),
    ("backspace", "backspace", KeyCode::Backspace),
    ("delete", "delete", KeyCode::Delete),
    ("insert", "insert", KeyCode::Insert),
    ("left", "←", KeyCode::Left),
    ("right", "→", KeyCode::Right),
    ("up", "↑", KeyCode::Up),
    ("down", "↓", KeyCode::Down),
    ("home", "home", KeyCode::Home),
    ("end", "end", KeyCode::End),
    ("page-up", "pgup", KeyCode::PageUp),
    ("page-down", "pgdn", KeyCode::PageDown),
    ("minus", "-", KeyCode::Char('-')),
];

/// A key with its modifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Which.
    pub code: KeyCode,
    /// With control.
    pub ctrl: bool,
    /// With alt (meta).
    pub alt: bool,
    /// With shift; always false for a printing key, whose character says it already.
    pub shift: bool,
}

impl Key {
    /// A key without modifiers.
    #[must_use]
    pub const fn plain(code: KeyCode) -> Self {
        Self {
            code,
            ctrl: false,
            alt: false,
            shift: false,
        }
    }

    /// A printing key without modifiers.
    #[must_use]
    pub const fn char(c: char) -> Self {
        Self::plain(KeyCode::Char(c))
    }

    /// A key with modifiers, brought to its one spelling: a printing key carries no shift, and
    /// a letter with shift is its capital.
    #[must_use]
    pub fn new(code: KeyCode, ctrl: bool, alt: bool, shift: bool) -> Self {
        let (code, shift) = match code {
            KeyCode::Char(c) if shift => {
                let mut upper = c.to_uppercase();
                let one = upper.next().filter(|_| upper.next().is_none());
                (KeyCode::Char(one.unwrap_or(c)), false)
            }
            other => (other, shift),
        };
        Self {
            code,
            ctrl,
            alt,
            shift,
        }
    }

    /// Reads one key as a keymap writes it: `q`, `G`, `?`, `space`, `ctrl-x`, `shift-tab`, `f5`.
    /// `None` where the words name no key.
    #[must_use]
    pub fn parse(words: &str) -> Option<Self> {
        let (mut ctrl, mut alt, mut shift) = (false, false, false);
        let mut rest = words;
        loop {
            let (flag, left) = if let Some(left) = rest.strip_prefix("ctrl-") {
                (&mut ctrl, left)
            } else if let Some(left) = rest.strip_prefix("alt-") {
                (&mut alt, left)
            } else if let Some(left) = rest.strip_prefix("shift-") {
                (&mut shift, left)
            } else {
                break;
            };
            *flag = true;
            rest = left;
        }
        Some(Self::new(Self::code(rest)?, ctrl, alt, shift))
    }

    fn code(word: &str) -> Option<KeyCode> {
        if let Some(named) = NAMED.iter().find(|named| named.0 == word) {
            return Some(named.2);
        }
        let mut chars = word.chars();
        let first = chars.next()?;
        if chars.next().is_none() {
            let prints = !first.is_whitespace() && !crate::model::text::is_hidden(first);
            return prints.then_some(KeyCode::Char(first));
        }
        let number: u8 = word.strip_prefix('f')?.parse().ok()?;
        (1..=24).contains(&number).then_some(KeyCode::F(number))
    }
}

impl fmt::Display for Key {
    /// As short as it can be read: `ctrl-x`, `↑`, `G`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, word) in [
            (self.ctrl, "ctrl-"),
            (self.alt, "alt-"),
            (self.shift, "shift-"),
        ] {
            if held {
                f.write_str(word)?;
            }
        }
        if let Some(named) = NAMED.iter().find(|named| named.2 == self.code) {
            return f.write_str(named.1);
        }
        match self.code {
            KeyCode::Char(c) => write!(f, "{c}"),
            KeyCode::F(n) => write!(f, "f{n}"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written() {
        assert_eq!(Key::parse("q"), Some(Key::char('q')));
        assert_eq!(Key::parse("-"), Some(Key::char('-')));
        assert_eq!(
            Key::parse("ctrl--"),
            Some(Key::new(KeyCode::Char('-'), true, false, false))
        );
        assert_eq!(
            Key::parse("shift-tab"),
            Some(Key::new(KeyCode::Tab, false, false, true))
        );
        assert_eq!(Key::parse("f12"), Some(Key::plain(KeyCode::F(12))));
        assert_eq!(Key::parse("shift-g"), Key::parse("G"));
    }

    #[test]
    fn words_that_name_no_key_are_none() {
        for words in [
            "", "ctrl-", "f0", "f99", "spce", "Q Q", "\u{200b}", "\u{1b}",
        ] {
            assert_eq!(Key::parse(words), None, "{words:?}");
        }
    }
}
