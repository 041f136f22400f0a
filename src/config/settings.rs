//! `config.toml`: which keymap and theme, which zone, who is who, what is asked of the
//! levels, and who is told of alerts.

use std::ops::Range;

use serde::Deserialize;

use super::alerts::AlertSettings;
use super::history::HistorySettings;
use super::slo::SloSettings;

/// What the user set; what is absent has its default.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The keymap's name: `default`, `vim`, `emacs` or one of the user's.
    pub keymap: Option<String>,
    /// The theme's name: `dark`, `light`, `high-contrast`, `colour-blind`, `none` or one of the
    /// user's.
    pub theme: Option<String>,
    /// Whether times are shown in UTC or in local time at first.
    #[serde(default)]
    pub zone: TimeZoneChoice,
    /// The `[[identity]]` rules, as the audit room reads them.
    #[serde(default)]
    pub identity: Vec<toml::Table>,
    /// What is asked of the service levels.
    #[serde(default)]
    pub slo: SloSettings,
    /// Whether and for how long days are kept.
    #[serde(default)]
    pub history: HistorySettings,
    /// How alerts are told.
    #[serde(default)]
    pub alerts: AlertSettings,
}

/// Which zone times are shown in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeZoneChoice {
    /// UTC.
    #[default]
    Utc,
    /// The machine's own.
    Local,
}

/// Why the settings cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SettingsError {
    /// What is wrong.
    pub message: String,
    /// Where, in bytes of the file.
    pub span: Range<usize>,
}

impl Settings {
    /// Reads `config.toml`.
    ///
    /// # Errors
    /// [`SettingsError`] with the place where the text is no settings file; an unknown name is
    /// an error, so that a misspelt one is not silently without effect.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        toml::from_str(text).map_err(|e: toml::de::Error| SettingsError {
            message: e.message().to_owned(),
            span: e.span().unwrap_or(0..text.len().min(1)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_setting_is_named_with_its_place() {
        let text = "keymap = \"vim\"\nthem = \"dark\"\n";
        let error = Settings::parse(text).unwrap_err();
        assert!(error.message.contains("them"), "{error}");
        assert_eq!(text.get(error.span.clone()), Some("them"));
    }

    #[test]
    fn nothing_set_is_all_defaults() {
        assert_eq!(Settings::parse("").unwrap(), Settings::default());
    }
}
