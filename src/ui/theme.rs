//! Themes: which role is drawn how. A theme is data (`themes/*.toml`); a meaning never hangs on
//! a colour alone, so a theme may have none.

use std::ops::Range;

use ratatui::style::{Color, Modifier, Style};
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, nearest};

macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident = $name:literal),+ $(,)?) => {
        /// What a piece of the screen means.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Role { $($(#[$doc])* $role),+ }

        impl Role {
            /// Every role with its name in a theme.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$role, $name)),+];
        }
    };
}

roles! {
    /// Ordinary words.
    Text = "text",
    /// What is usual, and labels.
    Dim = "dim",
    /// The focus, and keys that can be pressed.
    Accent = "accent",
    /// A name that is looked for.
    Strong = "strong",
    /// It is well.
    Ok = "ok",
    /// It may need an act soon.
    Warn = "warn",
    /// It needs an act now.
    Bad = "bad",
    /// The selected row.
    Selection = "selection",
    /// The rules between panes.
    Rule = "rule",
    /// The bars of a chart.
    Chart = "chart",
    /// Where a chart has no data.
    Gap = "gap",
    /// The mark of a cutover.
    MarkCutover = "mark-cutover",
    /// The mark of a revocation.
    MarkRevoke = "mark-revoke",
    /// The mark of a failure.
    MarkFailure = "mark-failure",
    /// The mark of a responder's act.
    MarkAct = "mark-act",
    /// Data that is older than it should be.
    Stale = "stale",
    /// The frame around a prompt.
    Frame = "frame",
}

/// The names of the 16 colours, as a theme writes them, with what is sent to a terminal and its
/// usual red, green and blue.
const NAMED: [(&str, Color, [u8; 3]); 16] = [
    ("black", Color::Black, [0, 0, 0]),
    ("red", Color::Red, [205, 49, 49]),
    ("green", Color::Green, [13, 188, 121]),
    ("yellow", Color::Yellow, [229, 229, 16]),
    ("blue", Color::Blue, [36, 114, 200]),
    ("magenta", Color::Magenta, [188, 63, 188]),
    ("cyan", Color::Cyan, [17, 168, 205]),
    ("gray", Color::Gray, [204, 204, 204]),
    ("dark-gray", Color::DarkGray, [102, 102, 102]),
    ("light-red", Color::LightRed, [241, 76, 76]),
    ("light-green", Color::LightGreen, [35, 209, 139]),
    ("light-yellow", Color::LightYellow, [245, 245, 67]),
    ("light-blue", Color::LightBlue, [59, 142, 234]),
    ("light-magenta", Color::LightMagenta, [214, 112, 214]),
    ("light-cyan", Color::LightCyan, [41, 184, 219]),
    ("white", Color::White, [255, 255, 255]),
];

const MODIFIERS: [(&str, Modifier); 6] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underline", Modifier::UNDERLINED),
    ("reverse", Modifier::REVERSED),
    ("crossed-out", Modifier::CROSSED_OUT),
];

/// The themes that come with the program: name and file.
const BUILT_IN: [(&str, &str); 5] = [
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    (
        "high-contrast",
        include_str!("../../themes/high-contrast.toml"),
    ),
    (
        "colour-blind",
        include_str!("../../themes/colour-blind.toml"),
    ),
    ("none", include_str!("../../themes/none.toml")),
];

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Any red, green and blue.
    #[default]
    TrueColour,
    /// The 16 named ones.
    Sixteen,
}

/// How every role is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Theme {
    name: String,
    styles: [Style; Role::ALL.len()],
}

impl Theme {
    /// The names of the themes that come with the program.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        BUILT_IN.iter().map(|theme| theme.0)
    }

    /// The theme of this name that comes with the program.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        let (name, words) = BUILT_IN.iter().find(|theme| theme.0 == name)?;
        Self::parse(name, words).ok()
    }

    /// Reads a theme: a table of roles, each a line like `"bold #7aa2f7 on black"`. A role that
    /// the file leaves out is drawn as ordinary words are.
    ///
    /// # Errors
    /// [`ConfigError`] with the place of the first mistake.
    pub fn parse(name: &str, words: &str) -> Result<Self, ConfigError> {
        let table = DeTable::parse(words).map_err(|e| ConfigError::toml(&e))?;
        let mut styles: [Option<Style>; Role::ALL.len()] = [None; Role::ALL.len()];
        for (key, value) in table.get_ref() {
            let role: &str = key.get_ref();
            let Some(&(role, _)) = Role::ALL.iter().find(|known| known.1 == role) else {
                let known = Role::ALL.iter().map(|known| known.1);
                return Err(
                    ConfigError::new(&format!("no role is called `{role}`"), key.span())
                        .with_help(&nearest(role, known)),
                );
            };
            let DeValue::String(line) = value.get_ref() else {
                return Err(ConfigError::new("a style is a string", value.span())
                    .with_help("such as \"bold light-blue on black\""));
            };
            if let Some(slot) = styles.get_mut(role as usize) {
                *slot = Some(style(line, value.span())?);
            }
        }
        let text = styles.first().copied().flatten().unwrap_or_default();
        Ok(Self {
            name: name.to_owned(),
            styles: styles.map(|style| style.unwrap_or(text)),
        })
    }

    /// The same theme in no more colours than the terminal has.
    #[must_use]
    pub fn with_depth(mut self, depth: Depth) -> Self {
        if depth == Depth::Sixteen {
            for style in &mut self.styles {
                style.fg = style.fg.map(to_sixteen);
                style.bg = style.bg.map(to_sixteen);
            }
        }
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How a role is drawn.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }
}

fn style(line: &str, span: Range<usize>) -> Result<Style, ConfigError> {
    let mut style = Style::default();
    let mut behind = false;
    for word in line.split_whitespace() {
        if word == "on" {
            behind = true;
        } else if let Some((_, modifier)) = MODIFIERS.iter().find(|known| known.0 == word) {
            style = style.add_modifier(*modifier);
        } else if let Some(colour) = colour(word) {
            style = if behind {
                style.bg(colour)
            } else {
                style.fg(colour)
            };
        } else {
            let known = NAMED
                .iter()
                .map(|named| named.0)
                .chain(MODIFIERS.iter().map(|known| known.0));
            let message = format!("`{word}` is no colour and no modifier");
            return Err(ConfigError::new(&message, span).with_help(&format!(
                "{}; #rrggbb and 0 to 255 are colours too",
                nearest(word, known)
            )));
        }
    }
    Ok(style)
}

fn colour(word: &str) -> Option<Color> {
    if word == "default" {
        return Some(Color::Reset);
    }
    if let Some(hex) = word.strip_prefix('#') {
        let value = u32::from_str_radix(hex, 16)
            .ok()
            .filter(|_| hex.len() == 6)?;
        let [_, r, g, b] = value.to_be_bytes();
        return Some(Color::Rgb(r, g, b));
    }
    if let Some(named) = NAMED.iter().find(|named| named.0 == word) {
        return Some(named.1);
    }
    word.parse().ok().map(Color::Indexed)
}

/// The nearest of the 16 colours.
fn to_sixteen(colour: Color) -> Color {
    let wanted = match colour {
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Indexed(n) => match indexed(n) {
            Ok(named) => return named,
            Err(rgb) => rgb,
        },
        other => return other,
    };
    // Green weighs most to the eye, blue least.
    let far = |named: &(&str, Color, [u8; 3])| -> i32 {
        let parts = wanted.iter().zip(&named.2).zip([3, 6, 1]);
        parts
            .map(|((have, other), weight)| weight * (i32::from(*have) - i32::from(*other)).pow(2))
            .sum()
    };
    NAMED
        .iter()
        .min_by_key(|named| far(named))
        .map_or(Color::Reset, |named| named.1)
}

/// One of the 256 indexed colours: a named one, or else its red, green and blue.
fn indexed(n: u8) -> Result<Color, [u8; 3]> {
    match n {
        0..16 => Ok(NAMED.get(usize::from(n)).map_or(Color::Reset, |c| c.1)),
        16..232 => {
            let level = |step: u8| if step == 0 { 0 } else { 55 + step * 40 };
            let n = n - 16;
            Err([level(n / 36), level(n / 6 % 6), level(n % 6)])
        }
        232.. => Err([8 + (n - 232) * 10; 3]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_theme_that_comes_along_is_right_and_whole() {
        for (name, words) in BUILT_IN {
            let theme = Theme::parse(name, words).unwrap();
            let table = DeTable::parse(words).unwrap();
            assert_eq!(table.get_ref().len(), Role::ALL.len(), "{name}");
            assert_eq!(Theme::built_in(name), Some(theme));
        }
    }

    #[test]
    fn the_theme_without_colours_has_none() {
        let theme = Theme::built_in("none").unwrap();
        for (role, name) in Role::ALL {
            let style = theme.style(*role);
            assert_eq!((style.fg, style.bg), (None, None), "{name}");
        }
    }

    #[test]
    fn a_mistake_is_shown_where_it_stands() {
        let wrong = |words: &str| {
            let error = Theme::parse("mine", words).unwrap_err();
            (words[error.span.clone()].to_owned(), error)
        };
        let (place, error) = wrong("txet = \"red\"");
        assert_eq!(place, "txet");
        assert_eq!(error.help.as_deref(), Some("did you mean `text`?"));
        let (place, error) = wrong("text = \"bold rad\"");
        assert_eq!(place, "\"bold rad\"");
        assert!(error.help.unwrap().starts_with("did you mean `red`?"));
        assert!(wrong("text = 7").1.message.contains("string"));
        assert!(Theme::parse("mine", "text = \n").is_err());
    }

    #[test]
    fn a_terminal_of_16_colours_gets_the_nearest() {
        let theme = Theme::parse("mine", "text = \"#f04040 on 232\"\nbad = \"196\"").unwrap();
        let theme = theme.with_depth(Depth::Sixteen);
        assert_eq!(theme.style(Role::Text).fg, Some(Color::LightRed));
        assert_eq!(theme.style(Role::Text).bg, Some(Color::Black));
        assert!(matches!(
            theme.style(Role::Bad).fg,
            Some(Color::Red | Color::LightRed)
        ));
    }
}
