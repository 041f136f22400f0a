//! Prompts: one line of words, asked for over a screen that stays live.

pub mod seek;

use ratatui_textarea::{CursorMove, Input, Key as TextKey, TextArea};

use crate::model::text::is_hidden;
use crate::model::{RotationId, ServiceName};

use super::explorer::Column;
use super::key::{Key, KeyCode};

/// The most characters that a prompt takes.
const LONGEST: usize = 256;

/// The same where a filter of rows is written.
const LONGEST_QUERY: usize = 16 * 1024;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Where to go in the recording.
    Seek,
    /// A rotation to select.
    Find,
    /// What the inventory is narrowed to.
    Filter,
    /// The filter of the explorer.
    Query,
    /// Which columns the explorer shows.
    Columns,
    /// A command, a rotation or a service.
    Palette,
    /// A name or a reason, as part of a question.
    Answer,
}

/// What a line of the palette leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Runs the command with this id.
    Command(&'static str),
    /// Selects and opens a rotation.
    Rotation(RotationId),
    /// Shows a service's auth failures.
    Service(ServiceName),
    /// Shows a column of the explorer, or hides it.
    Column(Column),
}

/// A line of the palette.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Where it leads.
    pub target: Target,
    /// Its words.
    pub words: String,
    /// What stands behind them: a key, a place.
    pub note: String,
}

/// A prompt.
#[derive(Debug)]
pub struct Prompt {
    /// What is asked for.
    pub kind: Kind,
    input: TextArea<'static>,
    /// The palette's lines, best first.
    pub hits: Vec<Hit>,
    /// The chosen line.
    pub chosen: usize,
    /// What is wrong with the words, or what they would do.
    pub note: String,
}

impl Prompt {
    /// An empty prompt.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            input: TextArea::default(),
            hits: Vec::new(),
            chosen: 0,
            note: String::new(),
        }
    }

    /// What was typed.
    pub fn words(&self) -> &str {
        self.input.lines().first().map_or("", String::as_str)
    }

    /// The character before which the cursor stands.
    pub fn cursor(&self) -> usize {
        self.input.cursor().1
    }

    /// The same as a byte of the words.
    pub fn cursor_byte(&self) -> usize {
        let words = self.words();
        let at = words.char_indices().nth(self.cursor());
        at.map_or(words.len(), |(at, _)| at)
    }

    /// Other words, with the cursor at a byte of them.
    pub fn set(&mut self, words: &str, cursor: usize) {
        let column = words.get(..cursor).unwrap_or(words).chars().count();
        self.input = TextArea::new(vec![words.to_owned()]);
        let column = u16::try_from(column).unwrap_or(u16::MAX);
        self.input.move_cursor(CursorMove::Jump(0, column));
    }

    fn longest(&self) -> usize {
        if self.kind == Kind::Query {
            LONGEST_QUERY
        } else {
            LONGEST
        }
    }

    /// Takes a key as text or as a movement within it. True where the words changed.
    pub fn input(&mut self, key: Key) -> bool {
        let code = match key.code {
            // A prompt is one line, and nothing unseen gets into it.
            KeyCode::Char('m' | 'j') if key.ctrl => return false,
            // As a shell's line does it.
            KeyCode::Char('u') if key.ctrl => return self.input.delete_line_by_head(),
            KeyCode::Char(c) if is_hidden(c) => return false,
            KeyCode::Char(_) if !key.ctrl && !key.alt && self.is_full() => return false,
            KeyCode::Char(c) => TextKey::Char(c),
            KeyCode::Backspace => TextKey::Backspace,
            KeyCode::Delete => TextKey::Delete,
            KeyCode::Left => TextKey::Left,
            KeyCode::Right => TextKey::Right,
            KeyCode::Home => TextKey::Home,
            KeyCode::End => TextKey::End,
            _ => return false,
        };
        self.input.input(Input {
            key: code,
            ctrl: key.ctrl,
            alt: key.alt,
            shift: key.shift,
        })
    }

    /// Takes pasted words: their first line, without anything unseen.
    pub fn paste(&mut self, words: &str) -> bool {
        let line = words
            .trim_start()
            .split(['\n', '\r'])
            .next()
            .unwrap_or_default();
        let room = self.longest().saturating_sub(self.words().chars().count());
        let line: String = line.chars().filter(|c| !is_hidden(*c)).take(room).collect();
        !line.is_empty() && self.input.insert_str(line.trim_end())
    }

    fn is_full(&self) -> bool {
        self.words().chars().count() >= self.longest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paste_is_cut_to_one_harmless_line() {
        let mut prompt = Prompt::new(Kind::Find);
        assert!(prompt.paste("\npay\u{202e}ments\u{1b}[31m \r\nsecond"));
        assert_eq!(prompt.words(), "payments[31m");
        // A terminal sends a carriage return for the end of a line.
        let mut prompt = Prompt::new(Kind::Query);
        assert!(prompt.paste("outcome:error\ractor:mailer\r"));
        assert_eq!(prompt.words(), "outcome:error");
        assert!(prompt.input(Key::new(KeyCode::Char('u'), true, false, false)));
        assert_eq!(prompt.words(), "");
    }

    #[test]
    fn a_prompt_stays_one_line_of_bounded_length() {
        let mut prompt = Prompt::new(Kind::Find);
        for _ in 0..LONGEST * 2 {
            prompt.input(Key::char('x'));
        }
        prompt.paste(&"y".repeat(500));
        prompt.input(Key::new(KeyCode::Char('m'), true, false, false));
        prompt.input(Key::plain(KeyCode::Enter));
        assert_eq!(prompt.words(), "x".repeat(LONGEST));
        assert_eq!(prompt.input.lines().len(), 1);
    }
}
