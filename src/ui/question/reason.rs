//! The reason, in as many lines as it takes. It is the one field that takes pasted words: a
//! ticket's number, a sentence from the channel.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::Widget;
use ratatui_textarea::{CursorMove, Input, Key as TextKey, TextArea, WrapMode};

use crate::model::text::is_hidden;
use crate::ui::key::{Key, KeyCode};

/// The most characters of a reason.
const LONGEST: usize = 1000;

/// The fewest.
const SHORTEST: usize = 4;

/// The typed reason.
#[derive(Debug)]
pub struct Reason {
    input: TextArea<'static>,
}

impl Default for Reason {
    fn default() -> Self {
        let mut input = TextArea::default();
        input.set_wrap_mode(WrapMode::WordOrGlyph);
        input.set_cursor_line_style(Style::default());
        let mut reason = Self { input };
        reason.focus(false);
        reason
    }
}

impl Reason {
    /// The words, its lines joined.
    pub fn words(&self) -> String {
        self.input.lines().join(" ").trim().to_owned()
    }

    /// True where it says nothing.
    pub fn is_lacking(&self) -> bool {
        self.words().chars().count() < SHORTEST
    }

    /// Shows the cursor, or hides it.
    pub fn focus(&mut self, here: bool) {
        let style = if here {
            Style::default().add_modifier(Modifier::REVERSED)
        } else {
            Style::default()
        };
        self.input.set_cursor_style(style);
    }

    fn room(&self) -> usize {
        let taken: usize = self
            .input
            .lines()
            .iter()
            .map(|l| l.chars().count() + 1)
            .sum();
        LONGEST.saturating_sub(taken)
    }

    /// Takes a key as text or as a movement within it.
    pub fn input(&mut self, key: Key) {
        let code = match key.code {
            KeyCode::Char(c) if is_hidden(c) => return,
            KeyCode::Char(_) if !key.ctrl && !key.alt && self.room() == 0 => return,
            KeyCode::Char(c) => TextKey::Char(c),
            KeyCode::Backspace => TextKey::Backspace,
            KeyCode::Delete => TextKey::Delete,
            KeyCode::Left => TextKey::Left,
            KeyCode::Right => TextKey::Right,
            KeyCode::Up => TextKey::Up,
            KeyCode::Down => TextKey::Down,
            KeyCode::Home => TextKey::Home,
            KeyCode::End => TextKey::End,
            _ => return,
        };
        self.input.input(Input {
            key: code,
            ctrl: key.ctrl,
            alt: key.alt,
            shift: key.shift,
        });
    }

    /// Moves a line up or down within it; false where there is none.
    pub fn go(&mut self, down: bool) -> bool {
        let before = self.input.cursor();
        let by = if down {
            CursorMove::Down
        } else {
            CursorMove::Up
        };
        self.input.move_cursor(by);
        self.input.cursor().0 != before.0
    }

    /// Begins a new line.
    pub fn new_line(&mut self) {
        if self.room() > 0 {
            self.input.insert_newline();
        }
    }

    /// Takes pasted words, without anything unseen.
    pub fn paste(&mut self, words: &str) {
        let lines = words.lines().map(|line| {
            let seen = line.chars().filter(|c| !is_hidden(*c));
            seen.collect::<String>()
        });
        let words = lines.collect::<Vec<_>>().join("\n");
        let words: String = words.chars().take(self.room()).collect();
        self.input.insert_str(words.trim_end());
    }

    /// Draws it, wrapped, in an area of its own.
    pub fn draw(&self, buf: &mut Buffer, area: Rect, style: Style) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        (&self.input).render(area, buf);
        // The cursor keeps its own mark.
        buf.set_style(area, style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pasted_is_harmless_bounded_and_keeps_its_lines() {
        let mut reason = Reason::default();
        reason.paste("INC-12:\u{202e} leaked\r\nin a build log\u{1b}[2J\n");
        assert_eq!(reason.words(), "INC-12: leaked in a build log[2J");
        assert_eq!(reason.input.lines().len(), 2);
        reason.paste(&"x".repeat(5000));
        assert!(reason.words().chars().count() <= LONGEST);
    }

    #[test]
    fn a_word_or_more_is_needed() {
        let mut reason = Reason::default();
        assert!(reason.is_lacking());
        for c in " a  ".chars() {
            reason.input(Key::char(c));
        }
        assert!(reason.is_lacking());
        reason.new_line();
        for c in "leak".chars() {
            reason.input(Key::char(c));
        }
        assert!(!reason.is_lacking());
    }
}
