//! Keymaps: which keys mean which command. A keymap is data (`keymaps/*.toml`), the only place
//! where a key is typed.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::command::{self, Command, Place};
use super::error::{ConfigError, nearest};
use super::key::Key;

/// The keymaps that come with the program: name and file.
const BUILT_IN: [(&str, &str); 3] = [
    ("default", include_str!("../../keymaps/default.toml")),
    ("vim", include_str!("../../keymaps/vim.toml")),
    ("emacs", include_str!("../../keymaps/emacs.toml")),
];

/// The longest sequence of keys.
const LONGEST: usize = 4;

/// What a sequence of keys means.
#[derive(Clone, Copy, Debug)]
pub enum Meaning {
    /// A command.
    Command(&'static Command),
    /// The beginning of a longer sequence.
    Beginning,
    /// Nothing.
    Nothing,
}

/// One sequence of keys and its command.
#[derive(Clone, Debug)]
struct Binding {
    keys: Vec<Key>,
    command: &'static Command,
    span: Range<usize>,
}

/// Which keys mean which command.
#[derive(Clone, Debug)]
pub struct Keymap {
    name: String,
    bindings: Vec<Binding>,
}

impl Keymap {
    /// The names of the keymaps that come with the program.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|keymap| keymap.0)
    }

    /// The keymap of this name that comes with the program.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        let (name, words) = BUILT_IN.iter().find(|keymap| keymap.0 == name)?;
        Self::parse(name, words).ok()
    }

    /// Reads a keymap: a table of commands, each with one sequence of keys (`"g g"`) or several.
    /// `extends = "vim"` begins with another keymap: a command named here loses its keys there,
    /// and a key named here loses its command there.
    ///
    /// # Errors
    /// [`ConfigError`] with the place of the first mistake: no TOML, an unknown command, an
    /// unknown key, one key for two commands, or a command without which nobody finds out.
    pub fn parse(name: &str, words: &str) -> Result<Self, ConfigError> {
        let table = DeTable::parse(words).map_err(|e| ConfigError::toml(&e))?;
        let mut own: Vec<Binding> = Vec::new();
        let mut named: Vec<&str> = Vec::new();
        let mut base: Vec<Binding> = Vec::new();
        for (key, value) in table.get_ref() {
            let id: &str = key.get_ref();
            if id == "extends" {
                base = extended(value)?;
                continue;
            }
            let Some(command) = command::find(id) else {
                let known = command::all().map(|command| command.id);
                let message = format!("no command is called `{id}`");
                return Err(ConfigError::new(&message, key.span()).with_help(&nearest(id, known)));
            };
            named.push(command.id);
            for (keys, span) in sequences(value)? {
                own.push(Binding {
                    keys,
                    command,
                    span,
                });
            }
        }
        // Members of a table come by name; the first in the file is the first of two that clash.
        own.sort_by_key(|binding| binding.span.start);
        if let Some(error) = clash(&own) {
            return Err(error);
        }
        base.retain(|old| {
            !named.contains(&old.command.id) && !own.iter().any(|new| overlap(old, new))
        });
        own.extend(base);
        let keymap = Self {
            name: name.to_owned(),
            bindings: own,
        };
        for needed in ["quit", "help", "accept", "cancel"] {
            if keymap.keys(needed).is_none() {
                let message = format!("no key means `{needed}`");
                return Err(ConfigError::new(&message, 0..words.len().min(1))
                    .with_help("begin with extends = \"default\" to keep what is not named"));
            }
        }
        Ok(keymap)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What these keys mean, in a prompt or elsewhere.
    pub(super) fn meaning(&self, keys: &[Key], in_prompt: bool) -> Meaning {
        let mut meaning = Meaning::Nothing;
        for binding in &self.bindings {
            if (binding.command.place == Place::Prompt) != in_prompt {
                continue;
            }
            if binding.keys == keys {
                return Meaning::Command(binding.command);
            }
            if binding.keys.starts_with(keys) {
                meaning = Meaning::Beginning;
            }
        }
        meaning
    }

    /// The first sequence of keys of a command, as it is shown.
    pub(super) fn keys(&self, id: &str) -> Option<String> {
        self.all_keys(id).next()
    }

    /// Every sequence of keys of a command, as they are shown.
    pub(super) fn all_keys<'a>(&'a self, id: &'a str) -> impl Iterator<Item = String> + 'a {
        self.bindings
            .iter()
            .filter(move |binding| binding.command.id == id)
            .map(|binding| shown(&binding.keys))
    }
}

/// A sequence of keys as it is shown: `ctrl-x ctrl-c`, and `gg` where every key is one letter.
pub(super) fn shown(keys: &[Key]) -> String {
    let words: Vec<String> = keys.iter().map(ToString::to_string).collect();
    if words.iter().all(|word| word.chars().count() == 1) {
        words.concat()
    } else {
        words.join(" ")
    }
}

fn extended(value: &Spanned<DeValue<'_>>) -> Result<Vec<Binding>, ConfigError> {
    let names = BUILT_IN.iter().map(|keymap| keymap.0);
    let DeValue::String(name) = value.get_ref() else {
        return Err(ConfigError::new(
            "a keymap's name is a string",
            value.span(),
        ));
    };
    match Keymap::built_in(name) {
        Some(keymap) => Ok(keymap.bindings),
        None => Err(
            ConfigError::new(&format!("no keymap is called `{name}`"), value.span())
                .with_help(&nearest(name, names)),
        ),
    }
}

type Sequence = (Vec<Key>, Range<usize>);

fn sequences(value: &Spanned<DeValue<'_>>) -> Result<Vec<Sequence>, ConfigError> {
    match value.get_ref() {
        DeValue::String(words) => Ok(vec![(sequence(words, value.span())?, value.span())]),
        DeValue::Array(values) => values
            .iter()
            .map(|value| match value.get_ref() {
                DeValue::String(words) => Ok((sequence(words, value.span())?, value.span())),
                _ => Err(not_keys(value.span())),
            })
            .collect(),
        _ => Err(not_keys(value.span())),
    }
}

fn not_keys(span: Range<usize>) -> ConfigError {
    ConfigError::new("keys are a string or a list of strings", span)
        .with_help("such as \"q\" or [\"g g\", \"home\"]")
}

fn sequence(words: &str, span: Range<usize>) -> Result<Vec<Key>, ConfigError> {
    let mut keys = Vec::new();
    for word in words.split_whitespace() {
        let Some(key) = Key::parse(word) else {
            let message = format!("`{word}` is no key");
            return Err(ConfigError::new(&message, span).with_help(
                "a character, or space, enter, esc, tab, up, page-down, f5, …; with ctrl-, alt- or shift- before it",
            ));
        };
        keys.push(key);
    }
    if keys.is_empty() || keys.len() > LONGEST {
        return Err(ConfigError::new(
            &format!("a sequence is 1 to {LONGEST} keys"),
            span,
        ));
    }
    Ok(keys)
}

/// True where one sequence begins with the other, in the same place.
fn overlap(a: &Binding, b: &Binding) -> bool {
    (a.command.place == Place::Prompt) == (b.command.place == Place::Prompt)
        && (a.keys.starts_with(&b.keys) || b.keys.starts_with(&a.keys))
}

fn clash(bindings: &[Binding]) -> Option<ConfigError> {
    for (i, second) in bindings.iter().enumerate() {
        let first = bindings.iter().take(i).find(|first| overlap(first, second));
        if let Some(first) = first {
            let message = if first.keys == second.keys {
                format!(
                    "`{}` means `{}` already",
                    shown(&second.keys),
                    first.command.id
                )
            } else {
                format!(
                    "`{}` and `{}` (of `{}`) begin alike",
                    shown(&second.keys),
                    shown(&first.keys),
                    first.command.id
                )
            };
            return Some(
                ConfigError::new(&message, second.span.clone())
                    .with_help("one key has one meaning, on every screen"),
            );
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keymap_that_comes_along_is_right_and_names_every_command() {
        for (name, words) in BUILT_IN {
            let keymap = Keymap::parse(name, words).unwrap();
            for command in command::all() {
                assert!(keymap.keys(command.id).is_some(), "{name}: {}", command.id);
            }
        }
    }

    fn wrong(words: &str) -> (String, ConfigError) {
        let error = Keymap::parse("mine", words).unwrap_err();
        (words[error.span.clone()].to_owned(), error)
    }

    #[test]
    fn a_mistake_is_shown_where_it_stands() {
        let (place, error) = wrong("extends = \"default\"\nqiut = \"q\"");
        assert_eq!(place, "qiut");
        assert_eq!(error.help.as_deref(), Some("did you mean `quit`?"));
        let (place, error) = wrong("extends = \"vi\"");
        assert_eq!(place, "\"vi\"");
        assert_eq!(error.help.as_deref(), Some("did you mean `vim`?"));
        let (place, error) = wrong("help = [\"?\", \"hlp\"]");
        assert_eq!(
            (place.as_str(), error.message.as_str()),
            ("\"hlp\"", "`hlp` is no key")
        );
        let (place, error) = wrong("quit = \"q\"\nhelp = \"q\"");
        assert_eq!(place, "\"q\"");
        assert_eq!(error.message, "`q` means `quit` already");
        let (_, error) = wrong("first = \"g g\"\nhelp = \"g\"");
        assert!(error.message.contains("begin alike"));
        assert!(wrong("help = 7").1.message.contains("string"));
        assert!(wrong("help = [").1.span.end > 0);
        assert!(wrong("find = \"/\"").1.message.contains("`quit`"));
    }

    #[test]
    fn a_keymap_of_ones_own_takes_keys_away_from_the_one_it_extends() {
        let keymap = Keymap::parse("mine", "extends = \"default\"\nplay = \"q\"\nquit = \"Q\"");
        let keymap = keymap.unwrap();
        let meaning = |c| match keymap.meaning(&[Key::char(c)], false) {
            Meaning::Command(command) => command.id,
            _ => "",
        };
        assert_eq!(
            (meaning('q'), meaning('Q'), meaning(' ')),
            ("play", "quit", "")
        );
        assert_eq!(meaning('?'), "help");
    }

    #[test]
    fn sequences_have_a_beginning() {
        let vim = Keymap::built_in("vim").unwrap();
        let g = Key::char('g');
        assert!(matches!(vim.meaning(&[g], false), Meaning::Beginning));
        assert!(matches!(vim.meaning(&[g, g], false), Meaning::Command(c) if c.id == "first"));
        assert!(matches!(
            vim.meaning(&[g, Key::char('\u{1}')], false),
            Meaning::Nothing
        ));
    }
}
