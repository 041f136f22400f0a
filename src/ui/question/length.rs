//! How long: one of a few lengths, or one that is typed.

use crate::model::{Span, Timestamp};
use crate::ui::key::{Key, KeyCode};

/// The lengths to choose from, in seconds.
const CHOICES: [(u64, &str); 4] = [(600, "10m"), (1800, "30m"), (3600, "1h"), (4 * 3600, "4h")];

/// What is chosen where nothing says otherwise.
const USUAL: u64 = 1800;

/// The longest that can be typed.
const LONGEST: u64 = 24 * 3600;

/// The most characters that are typed.
const CHARACTERS: usize = 6;

/// A length of time, as it is chosen.
#[derive(Debug)]
pub struct Length {
    chosen: usize,
    typed: String,
}

impl Length {
    /// The length that fits trouble found at `since`: what has lasted for 40 minutes will not be
    /// over in 30. At least the usual one; the longest where none is as long.
    pub fn for_trouble(since: Option<Timestamp>, now: Option<Timestamp>) -> u64 {
        let lasted = since.zip(now).map_or(Span::ZERO, |(at, now)| now.since(at));
        let lasted = u64::try_from(lasted.as_seconds()).unwrap_or(0);
        let mut long_enough = CHOICES.iter().map(|(seconds, _)| *seconds);
        let last = CHOICES.iter().map(|(seconds, _)| *seconds).max();
        let wanted = lasted.max(USUAL);
        let found = long_enough.find(|seconds| *seconds >= wanted);
        found.or(last).unwrap_or(USUAL)
    }

    /// A length that is so long at first.
    pub fn new(seconds: u64) -> Self {
        let known = CHOICES.iter().position(|(choice, _)| *choice == seconds);
        Self {
            chosen: known.unwrap_or(1),
            typed: match known {
                Some(_) => String::new(),
                None => format!("{}m", seconds.div_ceil(60)),
            },
        }
    }

    /// How long, in seconds; `None` where what was typed is none.
    pub fn seconds(&self) -> Option<u64> {
        if self.typed.is_empty() {
            return CHOICES.get(self.chosen).map(|(seconds, _)| *seconds);
        }
        let (digits, unit) = match self.typed.find(|c: char| !c.is_ascii_digit()) {
            Some(at) => self.typed.split_at(at),
            None => (self.typed.as_str(), "m"),
        };
        let each = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return None,
        };
        let seconds = digits.parse::<u64>().ok()?.checked_mul(each)?;
        (60..=LONGEST).contains(&seconds).then_some(seconds)
    }

    /// Takes a key: left and right choose, digits and a unit are typed. True where it changed.
    pub fn input(&mut self, key: Key) -> bool {
        let last = CHOICES.len() - 1;
        match key.code {
            KeyCode::Left => self.choose(self.chosen.saturating_sub(1)),
            KeyCode::Right => self.choose((self.chosen + 1).min(last)),
            KeyCode::Home => self.choose(0),
            KeyCode::End => self.choose(last),
            KeyCode::Backspace => {
                self.typed.pop();
            }
            KeyCode::Char(c) if Self::takes(key, c) && self.typed.len() < CHARACTERS => {
                self.typed.push(c);
            }
            _ => return false,
        }
        true
    }

    /// True for a key that is typed into it.
    pub fn takes(key: Key, c: char) -> bool {
        !key.ctrl && !key.alt && (c.is_ascii_digit() || matches!(c, 's' | 'm' | 'h'))
    }

    fn choose(&mut self, at: usize) {
        // From a typed length one comes back to the choice it stands on.
        if self.typed.is_empty() {
            self.chosen = at;
        }
        self.typed.clear();
    }

    /// The choices and which is chosen, or what was typed.
    pub fn shown(&self) -> Vec<(String, bool)> {
        if !self.typed.is_empty() {
            return vec![(self.typed.clone(), true)];
        }
        let all = CHOICES.iter().enumerate();
        all.map(|(n, (_, words))| ((*words).to_owned(), n == self.chosen))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(words: &str) -> Option<u64> {
        let mut length = Length::new(USUAL);
        for c in words.chars() {
            length.input(Key::char(c));
        }
        length.seconds()
    }

    #[test]
    fn lengths_are_chosen_or_typed() {
        let mut length = Length::new(USUAL);
        assert_eq!(length.seconds(), Some(1800));
        length.input(Key::plain(KeyCode::Right));
        assert_eq!(length.seconds(), Some(3600));
        for _ in 0..9 {
            length.input(Key::plain(KeyCode::Right));
        }
        assert_eq!(length.seconds(), Some(4 * 3600));
        assert_eq!(typed("45"), Some(2700));
        assert_eq!(typed("2h"), Some(7200));
        assert_eq!(typed("90s"), Some(90));
        for none in ["0", "5s", "25h", "h", "4m4", "99999h"] {
            assert_eq!(typed(none), None, "{none}");
        }
    }

    #[test]
    fn what_has_lasted_long_is_given_more_time() {
        let at = |seconds| Some(Timestamp::new(seconds, 0));
        let wanted = |lasted| Length::for_trouble(at(0), at(lasted));
        assert_eq!(wanted(300), 1800);
        assert_eq!(wanted(2400), 3600);
        assert_eq!(wanted(5000), 4 * 3600);
        assert_eq!(wanted(90_000), 4 * 3600);
        assert_eq!(Length::for_trouble(None, at(9)), 1800);
    }
}
