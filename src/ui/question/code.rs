//! The code of a person's second factor, six digits or a recovery code. It is never shown, nor
//! written anywhere, and gone from memory when the question is.

use std::fmt;

use zeroize::Zeroizing;

use crate::ui::key::{Key, KeyCode};

/// The most characters of a code.
const LONGEST: usize = 40;

/// The typed code.
pub struct CodeField(Zeroizing<String>);

impl Default for CodeField {
    fn default() -> Self {
        // Room for all of it: a string that grows leaves its old self behind.
        Self(Zeroizing::new(String::with_capacity(4 * LONGEST)))
    }
}

impl fmt::Debug for CodeField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl CodeField {
    /// A dot for each character.
    pub fn dots(&self) -> String {
        "•".repeat(self.0.chars().count())
    }

    /// True where nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// Takes a key.
    pub fn input(&mut self, key: Key) {
        match key.code {
            KeyCode::Char('u') if key.ctrl => self.clear(),
            KeyCode::Char(c) if !key.ctrl && !key.alt => {
                let fits = c.is_alphanumeric() || matches!(c, '-' | ' ');
                if fits && self.0.chars().count() < LONGEST {
                    self.0.push(c);
                }
            }
            KeyCode::Backspace => {
                self.0.pop();
            }
            _ => {}
        }
    }

    /// Forgets it.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// What was typed.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_dots_and_never_words() {
        let mut code = CodeField::default();
        for c in "123 456\u{1b}".chars() {
            code.input(Key::char(c));
        }
        assert_eq!(
            (code.dots().as_str(), code.reveal()),
            ("•••••••", "123 456")
        );
        assert_eq!(format!("{code:?}"), "…");
        code.input(Key::plain(KeyCode::Backspace));
        assert_eq!(code.dots().chars().count(), 6);
        for _ in 0..100 {
            code.input(Key::char('７'));
        }
        assert_eq!(code.dots().chars().count(), LONGEST);
        code.clear();
        assert!(code.is_empty());
    }
}
