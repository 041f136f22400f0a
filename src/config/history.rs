//! `[history]`: whether live sessions keep daily summaries, and for how long.

use serde::{Deserialize, Deserializer, de};

/// What the user set about the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HistorySettings {
    /// False keeps nothing.
    pub keep: bool,
    /// How many days are kept, 1 to 3650.
    #[serde(deserialize_with = "days")]
    pub days: u32,
}

impl Default for HistorySettings {
    fn default() -> Self {
        Self {
            keep: true,
            days: 400,
        }
    }
}

fn days<'de, D: Deserializer<'de>>(words: D) -> Result<u32, D::Error> {
    let days = i64::deserialize(words)?;
    let fine = u32::try_from(days).ok();
    fine.filter(|days| (1..=3650).contains(days))
        .ok_or_else(|| de::Error::custom(format!("{days} days: between 1 and 3650 are kept")))
}

#[cfg(test)]
mod tests {
    use crate::config::Settings;

    #[test]
    fn a_year_and_a_month_are_kept_unless_said_otherwise() {
        let history = |text: &str| Settings::parse(text).map(|settings| settings.history);
        let usual = history("").unwrap();
        assert_eq!((usual.keep, usual.days), (true, 400));
        assert_eq!(history("[history]\ndays = 90").unwrap().days, 90);
        assert!(!history("[history]\nkeep = false").unwrap().keep);
        let error = history("[history]\ndays = 0").unwrap_err();
        assert!(error.message.contains("between 1 and 3650"), "{error}");
        assert!(history("[history]\nday = 9").is_err());
    }
}
